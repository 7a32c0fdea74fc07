"""Pods and nodes as kubectl prints them: the API server's own printer, rule by rule.

Follows `printPod` and `printNode` of kubernetes/pkg/printers/internalversion (1.36).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gocoffee_ops.sources.kubernetes.shapes import Condition, ContainerStatus, Node, Pod, Terminated

ROLE_PREFIX = "node-role.kubernetes.io/"
NO_PRESSURE = {"Ready", "EtcdIsVoter"}  # the second is of k3s and its kin
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")  # every kubelet reports these

Printed = tuple[int, int, str, int, datetime | None]  # containers ready, containers, status, restarts, the last restart
Conditions = Mapping[str, Condition]


def conditions_of(found: Sequence[Condition] | None) -> Conditions:
    """An object's conditions by type."""
    return {one.type: one for one in found} if found else {}


def is_true(conditions: Conditions, kind: str) -> bool:
    """Whether the condition of that type is True; a missing one is not."""
    found = conditions.get(kind)
    return found is not None and found.status == "True"


def print_pod(pod: Pod, conditions: Conditions) -> Printed:
    """READY (two of them), STATUS and RESTARTS (with the last one's time) of `kubectl get pods`."""
    spec, status = pod.spec, pod.status
    reason = status.reason or status.phase
    scheduled = conditions.get("PodScheduled")
    if scheduled is not None and scheduled.reason == "SchedulingGated":
        reason = "SchedulingGated"
    containers, ready, restarts = len(spec.containers), 0, 0
    last: datetime | None = None
    starting = ""
    if spec.init_containers or status.init_container_statuses:
        sidecars = {container.name for container in spec.init_containers or () if container.sidecar}
        containers += len(sidecars)
        ready, restarts, last, starting = _print_init(pod, sidecars)
        reason = starting or reason
        if not starting or is_true(conditions, "Initialized"):
            restarts, last = _restarts(status.init_container_statuses, sidecars)
    if not starting or is_true(conditions, "Initialized"):
        running, again, reason, ended = _print_main(status.container_statuses or (), conditions, reason)
        ready, restarts = ready + running, restarts + again
        last = _later(last, ended)
    if pod.metadata.deletion_timestamp is not None:
        if status.reason == "NodeLost":
            reason = "Unknown"
        elif status.phase not in {"Succeeded", "Failed"}:
            reason = "Terminating"
    return ready, containers, reason, restarts, last


def _print_init(pod: Pod, sidecars: set[str]) -> tuple[int, int, datetime | None, str]:
    """Ready sidecars, restarts and their last time up to the container that is starting, and what that one says."""
    ready, restarts = 0, 0
    last: datetime | None = None
    for i, container in enumerate(pod.status.init_container_statuses or ()):
        restarts += container.restart_count
        last = _later(last, _ended(container))
        state = container.state
        terminated = state.terminated if state else None
        waiting = state.waiting if state else None
        if terminated is not None and terminated.exit_code == 0:
            continue
        if container.name in sidecars and container.started:
            ready += container.ready
            continue
        if terminated is not None:
            return ready, restarts, last, f"Init:{_how(terminated)}"
        if waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
            return ready, restarts, last, f"Init:{waiting.reason}"
        return ready, restarts, last, f"Init:{i}/{len(pod.spec.init_containers or ())}"
    return ready, restarts, last, ""


def _restarts(statuses: Sequence[ContainerStatus] | None, names: set[str]) -> tuple[int, datetime | None]:
    """Restarts of the named containers that the printer got to, and when the last one ended."""
    restarts = 0
    last: datetime | None = None
    for container in statuses or ():
        if container.name in names:
            restarts += container.restart_count
            last = _later(last, _ended(container))
        terminated = container.state.terminated if container.state else None
        done = terminated is not None and terminated.exit_code == 0
        if not done and not (container.name in names and container.started):
            break  # the printer stops at the container that is starting
    return restarts, last


def _print_main(
    statuses: Sequence[ContainerStatus], conditions: Conditions, reason: str
) -> tuple[int, int, str, datetime | None]:
    """How many are ready, restarts, STATUS and the last restart; last to first, so that the first one's reason wins."""
    ready, restarts, failed = 0, 0, ""
    last: datetime | None = None
    running = False
    for container in reversed(statuses):
        if container.restart_count:
            restarts += container.restart_count
        before, state = container.last_state, container.state
        if before is not None and before.terminated is not None:
            last = _later(last, before.terminated.finished_at)
        if state is None:
            continue
        waiting, terminated = state.waiting, state.terminated
        if waiting is not None and waiting.reason:
            reason = waiting.reason
        elif terminated is not None:
            reason = _how(terminated)
            failed = reason if terminated.exit_code else failed
        elif container.ready and state.running is not None:
            running = True
            ready += 1
    if reason == "Completed":
        if running and is_true(conditions, "Ready"):
            reason = "Running"
        elif failed:
            reason = failed
        elif running:
            reason = "NotReady"
    return ready, restarts, reason, last


def _how(terminated: Terminated) -> str:
    if terminated.reason:
        return terminated.reason
    return f"Signal:{terminated.signal}" if terminated.signal else f"ExitCode:{terminated.exit_code}"


def _ended(container: ContainerStatus) -> datetime | None:
    before = container.last_state.terminated if container.last_state else None
    return before.finished_at if before else None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def print_node(node: Node) -> str:
    """STATUS of `kubectl get nodes`: it hides pressure, and shows a cordon only as SchedulingDisabled."""
    ready = conditions_of(node.status.conditions).get("Ready")
    status = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if node.spec.unschedulable else status


def print_roles(labels: dict[str, str] | None) -> str:
    """ROLES of `kubectl get nodes`."""
    roles = set()
    for key, value in (labels or {}).items():
        if key.startswith(ROLE_PREFIX) and key != ROLE_PREFIX:
            roles.add(key.removeprefix(ROLE_PREFIX))
        elif key == "kubernetes.io/role" and value:
            roles.add(value)
    return ",".join(sorted(roles)) or "<none>"


def pressures(node: Node) -> list[str]:
    """Conditions that are True and should not be, or are not known; one that every kubelet reports and is missing is not known.

    What an operator adds is good when True if its name says so (KernelReady), else when False (KernelDeadlock).
    """
    found = {one.type: one.status for one in node.status.conditions or ()}
    found = {**dict.fromkeys(PRESSURES, "Unknown"), **found}
    return [
        kind if status == "True" else f"{kind}={status}"
        for kind, status in found.items()
        if kind not in NO_PRESSURE and status != ("True" if kind.endswith("Ready") else "False")
    ]


def why_not_ready(pod: Pod, conditions: Conditions) -> str:
    """Why a pod is not what it should be, in one sentence; empty when nothing says so."""
    status = pod.status
    if status.reason or status.message:
        return ": ".join(part for part in (status.reason, status.message) if part)
    scheduled = conditions.get("PodScheduled")
    if scheduled is not None and scheduled.status != "True":
        return ": ".join(part for part in (scheduled.reason, scheduled.message) if part)
    for container in [*(status.init_container_statuses or ()), *(status.container_statuses or ())]:
        said = _container_says(container)
        if said:
            return said
    for gate in pod.spec.readiness_gates or ():
        if not is_true(conditions, gate.condition_type):
            return f"readiness gate {gate.condition_type} is not True"
    return _why_condition(conditions.get("Ready"))


def _why_condition(ready: Condition | None) -> str:
    if ready is None:
        return "no kubelet has said whether it is ready"
    if ready.status == "True":
        return ""
    said = ": ".join(part for part in (ready.reason, ready.message) if part)
    return said or f"its containers are well, but its Ready condition is {ready.status}: is its node?"


def _container_says(container: ContainerStatus) -> str:
    state = container.state
    before = container.last_state.terminated if container.last_state else None
    ended = f"; ended before with {before.exit_code} ({before.reason})" if before is not None else ""
    if state is not None and state.waiting is not None and state.waiting.reason not in {"", "PodInitializing"}:
        return f"{container.name}: {state.waiting.reason}: {state.waiting.message}".rstrip(": ") + ended
    if state is not None and state.terminated is not None and state.terminated.exit_code:
        return f"{container.name}: ended with {state.terminated.exit_code} ({_how(state.terminated)})"
    if state is not None and state.running is not None and not container.ready:
        return f"{container.name}: running, not ready{ended}"
    return ""
