"""What is decoded of a pod to read its logs: its containers of every sort, and how each began and ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gocoffee_ops.sources.kubernetes.lists import Kind
from gocoffee_ops.sources.kubernetes.shapes import PodMeta, Shape, Waiting


class Named(Shape):
    """A container; one of the init containers that restarts always is a sidecar."""

    name: str
    restart_policy: str = ""


class LogSpec(Shape):
    """spec of a pod."""

    containers: tuple[Named, ...]
    init_containers: tuple[Named, ...] | None = None
    ephemeral_containers: tuple[Named, ...] | None = None
    node_name: str = ""


class Began(Shape):
    """A run of a container that began, and may have ended."""

    started_at: datetime | None = None
    finished_at: datetime | None = None


class LogState(Shape):
    """One of three."""

    running: Began | None = None
    waiting: Waiting | None = None
    terminated: Began | None = None


class LogContainerStatus(Shape):
    """What the kubelet says of a container."""

    name: str
    state: LogState | None = None
    last_state: LogState | None = None
    restart_count: int = 0


class LogPodStatus(Shape):
    """status of a pod."""

    container_statuses: tuple[LogContainerStatus, ...] | None = None
    init_container_statuses: tuple[LogContainerStatus, ...] | None = None
    ephemeral_container_statuses: tuple[LogContainerStatus, ...] | None = None


class LogPod(Shape):
    """A pod whose logs are read."""

    metadata: PodMeta
    spec: LogSpec
    status: LogPodStatus


LOG_PODS = Kind("pods", LogPod, "PodList")


@dataclass(frozen=True)
class Stream:
    """One log: that of a container's present run, or of the one before. `nothing` says why there is nothing to ask for."""

    namespace: str
    pod: str
    container: str
    role: str
    previous: bool
    started_at: datetime | None = None
    nothing: str = ""
    ended_at: datetime | None = None


def streams(pod: LogPod) -> Iterator[Stream]:
    """The logs of a pod, for each container that of the run before first: it is lost first.

    While a container waits for its next run, the kubelet answers with the last one's log whichever is asked for; it is
    asked for once.
    """
    status = pod.status
    parts = (
        ("init", pod.spec.init_containers, status.init_container_statuses),
        ("container", pod.spec.containers, status.container_statuses),
        ("ephemeral", pod.spec.ephemeral_containers, status.ephemeral_container_statuses),
    )
    for role, containers, statuses in parts:
        told = {one.name: one for one in statuses or ()}
        for one in containers or ():
            named = "sidecar" if role == "init" and one.restart_policy == "Always" else role
            yield from _of_container(pod, one.name, named, told.get(one.name))


def _of_container(pod: LogPod, name: str, role: str, status: LogContainerStatus | None) -> Iterator[Stream]:
    of = (pod.metadata.namespace, pod.metadata.name, name, role)
    state = (status.state if status else None) or LogState()
    last = status.last_state.terminated if status and status.last_state else None
    restarted = bool(status and status.restart_count) or last is not None
    never = "" if restarted else "it was never restarted"
    yield Stream(*of, True, last.started_at if last else None, never, last.finished_at if last else None)
    waiting = ""
    if not pod.spec.node_name:
        waiting = "the pod has no node yet"
    elif state.waiting is not None and last is not None:
        waiting = f"it waits ({state.waiting.reason or 'no reason given'}); its last run's log is the previous one"
    run = state.running or state.terminated
    yield Stream(*of, False, run.started_at if run else None, waiting, run.finished_at if run else None)
