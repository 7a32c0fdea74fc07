"""Resolve again and write the lock files: `make lock`, or `.venv/bin/python requirements/lock.py`.

The resolver's own lock (uv.lock) names a host in every entry and stays out of git; these exports hold names, versions and
hashes only, for Linux and macOS on every Python that the project supports.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from install import pip_options, uv_environment

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent

LOCKS = {
    "install": (("--only-group", "install"), "what installs: uv and the build backend"),
    "run": (("--no-dev", "--extra", "demo", "--extra", "costs"), "to run runbooks headless, and the demo"),
    "lab": (("--no-dev", "--extra", "demo", "--extra", "costs", "--extra", "lab"), "run.lock and JupyterLab"),
    "dev": (
        ("--all-extras", "--group", "dev", "--group", "install"),
        "everything: lab.lock, tests, linters, benchmarks",
    ),
}


# The benchmark's peer, which pins libraries too old to stand beside ours: a Python of its own, and what builds it first.
PEER = {
    "drain3-build": (("setuptools", "wheel"), "what builds Drain3, which comes as source alone"),
    "drain3": (("drain3==0.9.11",), "Drain3, for `make bench` alone, in a Python of its own"),
}


def main() -> int:
    """Resolve with the newest versions that pyproject.toml allows, then export each lock."""
    pip = (sys.executable, "-m", "pip", "config", "list")
    listing = subprocess.run(pip, capture_output=True, text=True, check=False).stdout
    told = uv_environment(os.environ, pip_options(listing))
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "lock", "--upgrade"], cwd=PROJECT, env=told, check=True)
    for name, (options, purpose) in LOCKS.items():
        command = [uv, "export", "--quiet", "--frozen", "--no-emit-project", "--no-header"]
        exported = _output([*command, "--format", "requirements-txt", *options], told)
        if not _written(name, purpose, "pyproject.toml", exported):
            return 1
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes", "--universal"]
    for name, (wanted, purpose) in PEER.items():
        compiled = _output([*command, "--python-version", "3.11", "-"], told, "\n".join(wanted))
        if not _written(name, purpose, "requirements/lock.py", compiled):
            return 1
    return 0


def _output(command: list[str], told: dict[str, str], text: str = "") -> str:
    return subprocess.run(
        command, cwd=PROJECT, env=told, check=True, input=text, stdout=subprocess.PIPE, text=True
    ).stdout


def _written(name: str, purpose: str, source: str, lock: str) -> bool:
    if "://" in lock:
        print(f"lock.py: {name}.lock would hold an address; it is not written", file=sys.stderr)
        return False
    header = f"# {name}.lock: {purpose}.\n# Written by `make lock` from {source}; don't edit.\n"
    (HERE / f"{name}.lock").write_text(header + lock)
    packages = sum("==" in line and not line.startswith(" ") for line in lock.splitlines())
    print(f"requirements/{name}.lock: {packages} packages")
    return True


if __name__ == "__main__":
    sys.exit(main())
