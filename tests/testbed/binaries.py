"""Find the control plane's binaries, or build them once from the locked Go modules beside this file.

`python -m tests.testbed.binaries [MODULES]` does so ahead of the tests, and prints the folder.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock
import platformdirs

MODULES = Path(__file__).parent / "control-plane"
KUBERNETES_VERSION = "v1.36.3"
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok", "metrics-server")
BUILD_DEADLINE_S = 1800.0

_VERSION = "k8s.io/component-base/version"
# Without the version variables the server calls itself v0.0.0, built in 1970: neither skew nor age could be tested. The moment
# of the build is put behind the last one.
_LDFLAGS = (
    f"-s -w -X {_VERSION}.gitVersion={KUBERNETES_VERSION} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36"
    f" -X {_VERSION}.gitTreeState=clean -X {_VERSION}.buildDate="
)


class TestbedMissing(Exception):
    """The testbed cannot run on this machine; the message names what is missing."""

    __test__ = False


@dataclass(frozen=True)
class Binaries:
    """One folder that holds every binary of the control plane."""

    folder: Path

    def path(self, name: str) -> str:
        return str(self.folder / name)


def find(modules: Path = MODULES) -> Binaries:
    """Every binary from the first place that has them all: $KUBEBUILDER_ASSETS, the cache, a build of `modules` into it."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    note = ""
    if assets:
        missing = _missing(Path(assets))
        if not missing:
            return Binaries(Path(assets))
        note = f"KUBEBUILDER_ASSETS={assets} lacks {', '.join(missing)}; "
    folder = cache_folder(modules)
    if _missing(folder):
        _build(modules, folder, note)
    return Binaries(folder)


def cache_folder(modules: Path = MODULES) -> Path:
    """Where the binaries of exactly these modules, flags and platform are kept."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((modules / name).read_bytes())
    digest.update(f"{_LDFLAGS} {platform.system()} {platform.machine()}".encode())
    return Path(platformdirs.user_cache_dir("gocoffee-ops")) / "testbed" / digest.hexdigest()[:16]


def _missing(folder: Path) -> list[str]:
    return [name for name in NAMES if not os.access(folder / name, os.X_OK)]


def _build(modules: Path, folder: Path, note: str) -> None:
    go = shutil.which("go")
    if go is None:
        raise TestbedMissing(
            f"{note}{folder} lacks {', '.join(_missing(folder))}, and there is no Go toolchain to build them with"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder.with_suffix(".lock"), timeout=BUILD_DEADLINE_S)
    try:
        with lock:
            if _missing(folder):  # whoever held the lock before us may have built them
                _build_aside(go, modules, folder, note)
    except filelock.Timeout as error:
        raise TestbedMissing(f"{note}another build holds {lock.lock_file} for {BUILD_DEADLINE_S:.0f} s") from error


def _build_aside(go: str, modules: Path, folder: Path, note: str) -> None:
    prefix = f".building-{folder.name}-"
    for abandoned in folder.parent.glob(f"{prefix}*"):  # by a killed build; we hold the lock
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as scratch:
        aside = Path(scratch) / "bin"
        flags = f"{_LDFLAGS}{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        command = [go, "build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", f"{aside}/", "tool"]
        aside.mkdir()
        try:
            done = subprocess.run(
                command,
                cwd=modules,
                env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": ""},
                capture_output=True,
                text=True,
                timeout=BUILD_DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TestbedMissing(f"{note}go build did not end within {BUILD_DEADLINE_S:.0f} s") from error
        if done.returncode != 0:
            raise TestbedMissing(f"{note}go build failed:\n{done.stderr[-2000:]}")
        (aside / "server").rename(aside / "etcd")  # Go names a binary after its package: go.etcd.io/etcd/server/v3
        if missing := _missing(aside):
            raise TestbedMissing(f"{note}go build left out {', '.join(missing)}")
        if folder.exists():
            shutil.rmtree(folder)  # an incomplete one: a complete one would have been used
        aside.rename(folder)


if __name__ == "__main__":
    print(find(*map(Path, sys.argv[1:2])).folder)
