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
    "run": (("--no-dev", "--extra", "demo"), "to run runbooks headless, and the demo"),
    "lab": (("--no-dev", "--extra", "demo", "--extra", "lab"), "run.lock and JupyterLab"),
    "dev": (
        ("--all-extras", "--group", "dev", "--group", "install"),
        "everything: lab.lock, tests, linters, benchmarks",
    ),
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
        exported = subprocess.run(
            [*command, "--format", "requirements-txt", *options],
            cwd=PROJECT,
            env=told,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        if "://" in exported:
            print(f"lock.py: {name}.lock would hold an address; nothing written", file=sys.stderr)
            return 1
        header = f"# {name}.lock: {purpose}.\n# Written by `make lock` from pyproject.toml; don't edit.\n"
        (HERE / f"{name}.lock").write_text(header + exported)
        packages = sum("==" in line and not line.startswith(" ") for line in exported.splitlines())
        print(f"requirements/{name}.lock: {packages} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
