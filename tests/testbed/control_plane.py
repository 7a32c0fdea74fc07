"""Start, share and reach a control plane. What a test holds is a `Cluster`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed import supervisor
from tests.testbed.api import Api
from tests.testbed.binaries import Binaries, find
from tests.testbed.layout import USERS, Layout

REPOSITORY = Path(__file__).parents[2]


class ControlPlaneFailed(Exception):  # noqa: N818
    """The control plane did not start, or has died; the message ends with its components' logs."""


@dataclass(frozen=True)
class Cluster:
    """A running control plane and how to reach it as `admin`, `reader` (the shipped role) or `nobody`."""

    name: str
    server: str
    version: str
    folder: Path
    binaries: Binaries

    def kubeconfig(self, user: str = "reader") -> Path:
        if user not in USERS:
            raise ValueError(f"no user {user!r}; there are {', '.join(USERS)}")
        return self.folder / "kubeconfig" / f"{user}.yaml"

    def api(self, user: str = "reader") -> Api:
        return Api.from_kubeconfig(self.kubeconfig(user))

    def kubectl_run(
        self, *arguments: str, user: str = "admin", stdin: str | None = None, timeout_s: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """kubectl, whatever its exit status; times are printed in UTC."""
        command = [self.binaries.path("kubectl"), "--kubeconfig", str(self.kubeconfig(user)), *arguments]
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env={**supervisor.environment(self.folder), "TZ": "UTC"},
        )

    def kubectl(self, *arguments: str, user: str = "admin", stdin: str | None = None, timeout_s: float = 60.0) -> str:
        """What kubectl prints; it fails the test when kubectl fails."""
        done = self.kubectl_run(*arguments, user=user, stdin=stdin, timeout_s=timeout_s)
        if done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)} ended with {done.returncode}: {done.stderr}{self.fate()}")
        return done.stdout

    def get(self, *arguments: str, user: str = "admin") -> Any:
        """`kubectl get … -o json`, decoded."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json", user=user))

    def fate(self) -> str:
        """Why the control plane died, if it has; else empty."""
        failed = self.folder / "failed.txt"
        return f"\nthe control plane died: {failed.read_text()}" if failed.exists() else ""


@contextmanager
def control_plane(name: str = "gocoffee") -> Iterator[Cluster]:
    """A control plane of one's own; it stops with the block, and also when this process dies in any way."""
    binaries = find()
    folder = Path(tempfile.mkdtemp(prefix="gocoffee-testbed-"))  # short: a socket's path has room for 107 bytes
    layout = Layout(folder, name)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.testbed.supervisor", str(folder), name, str(binaries.folder)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(folder / "supervisor.log").open("wb"),
        start_new_session=True,  # Ctrl-C is for the tests; they end, and their lease with them
    )
    try:
        with _lease(layout, process):
            yield _wait_until_ready(layout, process, binaries)
    finally:
        _wait_until_gone(process)
        if not layout.failed.exists():
            shutil.rmtree(folder, ignore_errors=True)


def attach(folder: Path) -> Cluster:
    """The cluster that somebody else's `python -m tests.testbed` holds."""
    ready = json.loads((folder / "ready.json").read_text())
    return Cluster(ready["name"], ready["server"], ready["version"], folder, find())


@contextmanager
def _lease(layout: Layout, process: subprocess.Popen[bytes]) -> Iterator[None]:
    deadline = time.monotonic() + supervisor.FIRST_LEASE_DEADLINE_S
    with socket.socket(socket.AF_UNIX) as connection:
        while connection.connect_ex(str(layout.lease)) != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ControlPlaneFailed(f"the supervisor gave no lease: {(layout.root / 'supervisor.log').read_text()}")
            time.sleep(0.02)
        yield


def _wait_until_ready(layout: Layout, process: subprocess.Popen[bytes], binaries: Binaries) -> Cluster:
    deadline = time.monotonic() + supervisor.START_DEADLINE_S + 10.0
    while not layout.ready.exists():
        if process.poll() is not None or layout.failed.exists() or time.monotonic() > deadline:
            reason = layout.failed.read_text() if layout.failed.exists() else supervisor.logs(layout)
            errors = (layout.root / "supervisor.log").read_text()
            raise ControlPlaneFailed(f"{layout.name} did not start: {reason}\n{errors}")
        time.sleep(0.05)
    ready = json.loads(layout.ready.read_text())
    return Cluster(layout.name, ready["server"], ready["version"], layout.root, binaries)


def _wait_until_gone(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(15.0)
    except subprocess.TimeoutExpired:
        process.kill()  # the kernel kills its children with it
        process.wait(5.0)


def folder_from_environment() -> Path | None:
    """$GOCOFFEE_TESTBED: a running testbed that read-only tests may use instead of starting one."""
    value = os.environ.get("GOCOFFEE_TESTBED")
    return Path(value) if value else None
