"""The logs of the pods: files in the container runtimes' own format, which kwok's kubelets serve, and which grow as time passes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.control_plane import Cluster
from tests.testbed.incident import lines
from tests.testbed.incident.lines import Line, Lines
from tests.testbed.incident.story import MIGRATION, NAMESPACE, SERVICE, Story

AHEAD = timedelta(hours=1)  # so far the lines are made in advance
EVERY_S = 0.5
SEEN_S = 30.0
# What each container of the platform writes; those that are not named are quiet.
WRITERS: dict[str, Lines] = {
    "api-gateway": lines.gateway,
    "envoy": lines.envoy,
    SERVICE: lines.orders,
    "postgres": lines.postgres,
    "redis": lines.redis,
    MIGRATION: lines.migration,
    "wait-for-postgres": lines.waiting,
    "notification-service": lines.failing,
}


def cri(line: Line) -> str:
    """A line as container runtimes write it."""
    at, text = line
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z stdout F {text}\n"


@dataclass
class Written:
    """One file, with the lines that it will hold, of which so many are in it."""

    pod: str
    container: str
    path: Path
    lines: list[Line]
    count: int = 0

    def grow(self, now: datetime) -> None:
        """Write what has happened by now."""
        due = self.count
        while due < len(self.lines) and self.lines[due][0] <= now:
            due += 1
        if due > self.count or not self.path.exists():
            with self.path.open("a") as file:
                file.writelines(map(cri, self.lines[self.count : due]))
            self.count = due


class Journal:
    """All logs of the namespace; a context manager, within which they grow."""

    def __init__(self, cluster: Cluster, folder: Path, story: Story) -> None:
        self.story = story
        self.files: list[Written] = []
        self._cluster = cluster
        self._folder = folder
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._grow, daemon=True)
        folder.mkdir()

    def __enter__(self) -> Journal:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def follow(self, pods: list[dict[str, Any]]) -> None:
        """Give every container of these pods a log."""
        objects = []
        for pod in pods:
            name = pod["metadata"]["name"]
            spec = [self._container(name, one["name"]) for one in _containers(pod)]
            objects.append(_object(name, spec))
        self._serve(objects)

    def panicked(self, pod: str, runs: list[datetime]) -> None:
        """A pod of the bad release: the end of its last two runs."""
        files = []
        for number, until in enumerate(runs[-2:]):
            name = f"{pod}.{SERVICE}.{number}"
            found = list(lines.panicking(self.story, pod, until))
            files.append(self._write(Written(pod, SERVICE, self._folder / f"{name}.log", found)))
        served = {"containers": [SERVICE], "logsFile": str(files[-1].path), "previousLogsFile": str(files[0].path)}
        self._serve([_object(pod, [served])])

    def _container(self, pod: str, container: str) -> dict[str, Any]:
        writer = WRITERS.get(container, lines.quiet)
        which = f"{container}/{sum(one.container == container for one in self.files)}"
        found = list(writer(self.story, which, datetime.now(UTC) + AHEAD))
        written = self._write(Written(pod, container, self._folder / f"{pod}.{container}.log", found))
        return {"containers": [container], "logsFile": str(written.path), "previousLogsFile": str(written.path)}

    def _write(self, written: Written) -> Written:
        with self._lock:
            written.grow(datetime.now(UTC))
            self.files.append(written)
        return written

    def _serve(self, objects: list[dict[str, Any]]) -> None:
        """Tell kwok, and wait until it has heard: it sees a new object a moment later."""
        self._cluster.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=yaml.safe_dump_all(objects))
        until = time.monotonic() + SEEN_S
        for one in objects:
            name = one["metadata"]["name"]
            while "no logs found" in (
                said := self._cluster.kubectl_run("logs", "-n", NAMESPACE, name, "--all-containers", "--tail=1").stderr
            ):
                assert time.monotonic() < until, said
                time.sleep(0.1)

    def _grow(self) -> None:
        while not self._stop.wait(EVERY_S):
            with self._lock:
                now = datetime.now(UTC)
                for one in self.files:
                    one.grow(now)

    def written(self) -> list[tuple[datetime, str, str, str]]:
        """Every line so far with its pod and container, oldest first."""
        with self._lock:
            found = [(at, one.pod, one.container, text) for one in self.files for at, text in one.lines[: one.count]]
        return sorted(found)


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def _object(pod: str, logs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs", "metadata": {"name": pod, "namespace": NAMESPACE},
        "spec": {"logs": logs},
    }  # fmt: skip
