"""Start, share and reach a control plane. What a test holds is a `Cluster`."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.testbed import supervisor
from tests.testbed.api import Api
from tests.testbed.binaries import Binaries, find
from tests.testbed.layout import USERS, Layout

REPOSITORY = Path(__file__).parents[2]


class ControlPlaneFailed(Exception):
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
            raise AssertionError(
                f"kubectl {' '.join(arguments)} ended with {done.returncode}: {done.stderr}{self.fate()}"
            )
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
    with (folder / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.testbed.supervisor", str(folder), name, str(binaries.folder)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the tests; they end, and their lease with them
        )
    with _lease(layout.lease, process):
        yield _wait_until_ready(layout, process, binaries)


@contextmanager
def join(folder: Path) -> Iterator[Cluster]:
    """A control plane that somebody else started; it stays until both have left."""
    with _lease(folder / "lease.sock"):
        ready = json.loads((folder / "ready.json").read_text())
        yield Cluster(ready["name"], ready["server"], ready["version"], folder, find())


def merged_kubeconfig(path: Path, clusters: Sequence[Cluster], user: str = "reader") -> Path:
    """One kubeconfig with a context for each cluster, called like the cluster."""
    documents = [yaml.safe_load(cluster.kubeconfig(user).read_text()) for cluster in clusters]
    merged = documents[0]
    for document in documents[1:]:
        for key in ("clusters", "users", "contexts"):
            merged[key] += document[key]
    path.write_text(yaml.safe_dump(merged, sort_keys=False))
    path.chmod(0o600)
    return path


@contextmanager
def _lease(path: Path, process: subprocess.Popen[bytes] | None = None) -> Iterator[None]:
    deadline = time.monotonic() + supervisor.FIRST_LEASE_DEADLINE_S
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            while connection.connect_ex(str(path)) != 0:
                if process is None or process.poll() is not None or time.monotonic() > deadline:
                    log = path.with_name("supervisor.log")
                    why = log.read_text() if log.exists() else "nobody is there"
                    raise ControlPlaneFailed(f"{path} gave no lease: {why}")
                time.sleep(0.02)
            yield
    finally:
        if process is not None:
            _reap(process, path.parent)


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


def _reap(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for the end of a supervisor whose last lease was ours; others may still hold one."""
    try:
        process.wait(2.0)
    except subprocess.TimeoutExpired:
        process.returncode = 0  # it is not ours any more: it ends with the last lease, and init reaps it
        return
    if not (folder / "failed.txt").exists():  # else its logs are wanted
        shutil.rmtree(folder, ignore_errors=True)  # nothing to do but for a supervisor that was killed
