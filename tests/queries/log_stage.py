"""A namespace whose pods have the logs that a test writes, on a real API server: kwok's kubelets read them from files."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from gocoffee_ops.session import Session
from tests.support import live_session
from tests.testbed.control_plane import Cluster

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STARTED_S = 30.0


def minutes_before(count: int) -> datetime:
    return NOON - timedelta(minutes=count)


def cri(at: datetime, text: str, tag: str = "F") -> str:
    """A line as container runtimes write it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z stdout {tag} {text}\n"


def pod(name: str, *, containers: tuple[str, ...] = ("app",), init: tuple[str, ...] = (), **annotations: str) -> Any:
    def made(names: tuple[str, ...]) -> list[dict[str, Any]]:
        return [{"name": one, "image": f"{one}:1"} for one in names]

    marks = {f"testbed.gocoffee/{key}": value for key, value in annotations.items()}
    sidecars = [{**one, "restartPolicy": "Always"} if one["name"] == "proxy" else one for one in made(init)]
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "orders"}, "annotations": marks},
        "spec": {"containers": made(containers), "initContainers": sidecars},
    }  # fmt: skip


class Stage:
    """A namespace whose pods have the logs that a test writes."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.folder = folder

    def write(self, name: str, text: str) -> str:
        path = self.folder / f"{name}.log"
        path.write_text(text)
        return str(path)

    def create(self, pods: list[Any], files: dict[str, list[dict[str, Any]]]) -> None:
        """Pods, and for each the files that its kubelet reads."""
        objects = [
            {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs", "metadata": {"name": name}, "spec": {"logs": spec}}
            for name, spec in files.items()
        ]
        self.cluster.kubectl("create", "-n", self.namespace, "-f", "-", stdin=yaml.safe_dump_all([*objects, *pods]))
        self._wait(len(pods))
        for name in [str(one["metadata"]["name"]) for one in pods if one["metadata"]["name"] in files]:
            self.written(name)

    def written(self, name: str) -> None:
        """Waits until a pod's kubelet gives its log: kwok sees a new Logs object a moment later."""
        until = time.monotonic() + STARTED_S
        while "no logs found" in (
            said := self.cluster.kubectl_run("logs", "-n", self.namespace, name, "--all-containers").stderr
        ):
            assert time.monotonic() < until, said
            time.sleep(0.1)

    def _wait(self, count: int) -> None:
        until = time.monotonic() + STARTED_S
        while True:
            pods = self.cluster.get("pods", "-n", self.namespace)["items"]
            if sum(bool(one["status"].get("containerStatuses")) for one in pods) >= count:
                return
            assert time.monotonic() < until, [one["status"] for one in pods]
            time.sleep(0.1)


def session(
    stage: Stage, name: str = "live", *, as_of: datetime = NOON, user: str = "reader", **options: Any
) -> Session:
    return live_session(
        stage.folder / name, clusters={"planted": stage.cluster.kubeconfig(user)}, as_of=as_of, **options
    )
