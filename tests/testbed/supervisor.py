"""The process that holds one control plane: `python -m tests.testbed.supervisor FOLDER NAME BINARIES`.

It starts the components in order, says in `ready.json` or `failed.txt` how that went, and ends when the last lease is
gone: a lease is an open connection to `lease.sock`, so a test process that is killed gives its lease back too. It removes
its folder, but for a failed one's, whose logs are wanted. Should the supervisor itself be killed, the kernel kills its
children.
"""

from __future__ import annotations

import base64
import ctypes
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import urllib3

from tests.testbed import components
from tests.testbed.api import Api
from tests.testbed.binaries import Binaries
from tests.testbed.layout import Layout, prepare, write_json, write_kubeconfig

START_DEADLINE_S = 90.0
FIRST_LEASE_DEADLINE_S = 30.0
PROGRAMS = Path(__file__).parent / "programs"
RBAC = Path(__file__).parents[2] / "deploy" / "rbac.yaml"
_PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """The control plane did not come up; the message says what was last seen."""


class Leases:
    """Counts the open connections to the lease socket; `gone` is set when the last one has closed."""

    def __init__(self, path: Path) -> None:
        self.gone = threading.Event()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._server, selectors.EVENT_READ)
        held, first_by = 0, time.monotonic() + FIRST_LEASE_DEADLINE_S
        while held or time.monotonic() < first_by:
            for key, _ in selector.select(1.0):
                if key.fileobj is self._server:
                    connection, _ = self._server.accept()
                    selector.register(connection, selectors.EVENT_READ)
                    held, first_by = held + 1, 0.0
                elif isinstance(key.fileobj, socket.socket) and not _read(key.fileobj):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    held -= 1
        self.gone.set()


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(64)
    except OSError:
        return b""


class Supervisor:
    def __init__(self, layout: Layout, binaries: Binaries) -> None:
        self.layout = layout
        self.binaries = binaries
        self.leases = Leases(layout.lease)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.deadline = time.monotonic() + START_DEADLINE_S

    def run(self) -> None:
        try:
            self._start()
            while not self.leases.gone.wait(0.5):
                self._all_alive()
        except StartError as error:
            if not self.leases.gone.is_set():
                self.layout.failed.write_text(f"{error}\n\n{logs(self.layout)}")
        finally:
            self._stop()
            if not self.layout.failed.exists():
                shutil.rmtree(self.layout.root, ignore_errors=True)

    def _start(self) -> None:
        token = prepare(self.layout)
        api = Api(self.layout.server, self.layout.pki("ca.crt"), token)
        self._spawn("etcd", components.etcd(self.binaries, self.layout))
        self._spawn("apiserver", components.apiserver(self.binaries, self.layout))
        self._wait("the API server's /readyz", partial(_answers, api, "/readyz"))
        self._kubectl("apply", "-f", str(components.KWOK_CRDS))
        for resource in ("logs", "execs"):
            self._wait(f"{resource} of kwok", partial(_answers, api, f"/apis/kwok.x-k8s.io/v1alpha1/{resource}"))
        for name, command in (
            ("controller-manager", components.controller_manager),
            ("scheduler", components.scheduler),
            ("kwok", components.kwok),
            ("metrics-server", components.metrics_server),
        ):
            self._spawn(name, command(self.binaries, self.layout))
        authority = base64.b64encode(self.layout.pki("ca.crt").read_bytes()).decode()
        service, registration = components.metrics_registration(self.layout)
        registration["spec"]["caBundle"] = authority  # type: ignore[index]
        _create(api, "/api/v1/namespaces/kube-system/services", service)
        _create(api, "/apis/apiregistration.k8s.io/v1/apiservices", registration)
        _create(api, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", components.api_server_endpoint())
        self._reader(api)
        for name in ("controller-manager", "scheduler"):
            probe = Api(f"https://127.0.0.1:{self.layout.ports[name]}", self.layout.pki("ca.crt"), token)
            self._wait(f"the {name}'s /healthz", partial(_answers, probe, "/healthz"))
        self._wait("the default service account", partial(_exists, api, "default", "default"))
        self._wait("metrics.k8s.io to be Available", partial(_metrics_available, api))
        version = api.get("/version")["gitVersion"]
        write_json(
            self.layout.ready,
            {"name": self.layout.name, "server": self.layout.server, "version": version, "pid": os.getpid(),
             "ports": self.layout.ports, "pids": {name: child.pid for name, child in self.children.items()}},
        )  # fmt: skip

    def _reader(self, api: Api) -> None:
        """The reader is the service account of the shipped manifest, with a token of its own."""
        self._kubectl("apply", "-f", str(RBAC))
        account = ["create", "token", "gocoffee-ops-reader", "--namespace", "gocoffee-ops", "--duration", "24h"]
        self._wait("the reader's service account", partial(_exists, api, "gocoffee-ops", "gocoffee-ops-reader"))
        write_kubeconfig(self.layout, "reader", self._kubectl(*account).strip())

    def _kubectl(self, *arguments: str) -> str:
        return _checked(
            [self.binaries.path("kubectl"), "--kubeconfig", str(self.layout.kubeconfig("admin")), *arguments]
        )

    def _spawn(self, name: str, command: list[str]) -> None:
        with self.layout.log(name).open("wb") as log:
            self.children[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.layout.root,
                env=environment(self.layout.root),
                preexec_fn=_die_with_parent,  # noqa: PLW1509  (this process forks from its main thread only)
            )

    def _wait(self, what: str, done: Callable[[], bool]) -> None:
        seen = "nothing"
        while True:
            self._all_alive()
            if self.leases.gone.is_set():
                raise StartError("the process that asked for this control plane is gone")
            try:
                if done():
                    return
                seen = "not yet"
            except (urllib3.exceptions.HTTPError, AssertionError) as error:
                seen = str(error)
            if time.monotonic() > self.deadline:
                raise StartError(f"{what} did not come within {START_DEADLINE_S:.0f} s; last seen: {seen}")
            time.sleep(0.05)

    def _all_alive(self) -> None:
        for name, child in self.children.items():
            if child.poll() is not None:
                raise StartError(f"{name} ended with {child.returncode}")

    def _stop(self) -> None:
        for child in reversed(self.children.values()):
            child.kill()  # nothing here is worth an orderly end, and tests should not wait for one
        for child in self.children.values():
            child.wait()


def logs(layout: Layout, lines: int = 15) -> str:
    """The end of every component's log."""
    parts = []
    for path in sorted((layout.root / "logs").glob("*.log")):
        tail = path.read_text(errors="replace").splitlines()[-lines:]
        parts.append("\n".join([f"--- {path}", *tail]))
    return "\n".join(parts)


def environment(root: Path) -> dict[str, str]:
    """Nothing of the caller's: a proxy or a KUBECONFIG from outside would reach other systems than ours."""
    path = os.pathsep.join((str(PROGRAMS), os.environ.get("PATH", os.defpath)))
    return {"PATH": path, "HOME": str(root), "TMPDIR": str(root)}


def _die_with_parent() -> None:
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _checked(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env={"HOME": "/nonexistent"}
    )
    if done.returncode != 0:
        raise StartError(f"{' '.join(command[3:])}: {done.stderr}")
    return done.stdout


def _create(api: Api, path: str, body: object) -> None:
    answer = api.request("POST", path, body)
    if answer.status != 201:
        raise StartError(f"POST {path} answered {answer.status}: {answer.text}")


def _answers(api: Api, path: str) -> bool:
    return api.request("GET", path).status == 200


def _exists(api: Api, namespace: str, account: str) -> bool:
    return _answers(api, f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}")


def _metrics_available(api: Api) -> bool:
    document: Any = api.get("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io")
    conditions = document.get("status", {}).get("conditions", [])
    if any(one["type"] == "Available" and one["status"] == "True" for one in conditions):
        return True
    raise AssertionError(str(conditions))


def main(folder: str, name: str, binaries: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Supervisor(Layout(Path(folder), name), Binaries(Path(binaries))).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
