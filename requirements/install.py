"""Install a lock file and then the project into the virtual environment whose Python runs this.

    .venv/bin/python requirements/install.py requirements/run.lock

1. pip installs `install.lock` (uv and the build backend), every file checked against its hash;
2. uv installs the lock file, hashes checked again; where uv has no wheel or fails, pip does the same, only slower;
3. the project itself, editable, with `--no-deps --no-build-isolation`: nothing is fetched that is not locked.

uv does not read pip's configuration, so what pip was told (index, certificates, proxy) is handed to it here, in the
environment of that one process; nothing of it is written to a file. A UV_ variable that is set wins. Only the standard
library is used.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent

# pip's option -> the variables that tell uv the same
TOLD = {
    "index-url": ("UV_DEFAULT_INDEX",),
    "extra-index-url": ("UV_INDEX",),
    "find-links": ("UV_FIND_LINKS",),
    "no-index": ("UV_NO_INDEX",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("HTTPS_PROXY", "HTTP_PROXY"),
}
# uv splits this one at commas, the others at spaces, as pip does all of them
COMMAS = {"UV_FIND_LINKS"}


def pip_options(listing: str) -> dict[str, str]:
    """What `pip config list` printed as option -> value; the environment over `[install]` over `[global]`.

    >>> pip_options("global.timeout='3'\\n:env:.timeout='9'\\ninstall.cert='/c.pem'\\n")
    {'timeout': '9', 'cert': '/c.pem'}
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in found and value:
            found[section][option.removeprefix("default-")] = str(ast.literal_eval(value))
    return found["global"] | found["install"] | found[":env:"]


def uv_environment(environment: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    """The environment that tells uv what pip was told, unless uv was told otherwise."""
    told = dict(environment)
    for option, variables in TOLD.items():
        words = options.get(option, "").split()
        if not words or (option == "no-index" and words[0].lower() in {"0", "false", "no", "off"}):
            continue
        for variable in variables:
            if option == "proxy" and variable.lower() in environment:
                continue
            told.setdefault(variable, ("," if variable in COMMAS else " ").join(words))
    # pip looks at every index for the best version; the hashes make that safe.
    told.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return told


def run(*command: str | Path, environment: Mapping[str, str] | None = None) -> bool:
    """Whether the command ended well; what it says goes to the terminal."""
    return subprocess.run([str(part) for part in command], env=environment, check=False).returncode == 0


def main(lock: Path) -> int:
    """Install `lock` and the project; 0 when both are there."""
    if sys.prefix == sys.base_prefix:
        print("install.py: run it with the Python of a virtual environment", file=sys.stderr)
        return 64
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    quiet = ("install", "--quiet", "--require-hashes", "-r")
    listing = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    told = uv_environment(os.environ, pip_options(listing))
    told["VIRTUAL_ENV"] = sys.prefix
    uv = Path(sys.executable).with_name("uv")
    by_uv = run(*pip, *quiet, HERE / "install.lock") and uv.exists()
    if not by_uv:
        backend = Path(sys.prefix) / "backend.lock"
        backend.write_text(without((HERE / "install.lock").read_text(), "uv"))
        if not run(*pip, *quiet, backend):
            return 1
    if not (by_uv and run(uv, "pip", *quiet, lock, environment=told)):
        print("install.py: not with uv on this machine; pip takes over, which takes longer", file=sys.stderr)
        if not run(*pip, *quiet, lock):
            return 1
    project = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", PROJECT)
    return 0 if run(*pip, *project) else 1


def without(text: str, name: str) -> str:
    """A lock's text without one package, for a platform that has no wheel of it."""
    kept: list[str] = []
    skipping = False
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            skipping = line.startswith(f"{name}==")
        if not skipping:
            kept.append(line)
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: PYTHON_OF_A_VENV install.py LOCK", file=sys.stderr)
        sys.exit(64)
    sys.exit(main(Path(sys.argv[1])))
