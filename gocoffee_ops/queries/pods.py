"""Why pods are what they are: scheduling, deletion, eviction, and every container that is not well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import NO_CONDITION, ago_s, by_type, controller, one_line, owner, pairs
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import POD_STATES
from gocoffee_ops.sources.kubernetes.pod_shapes import Ended, LoudContainerStatus, PodState, PodStateSpec

POD_STATE_TABLE = Schema(
    "pod states",
    (
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("owner", "string", optional=True, help="deployment/orders, job/seed; missing when it has none"),
        Column("controller", "string", optional=True, help="what made it: replicaset/orders-5c"),
        Column("node", "string", optional=True),
        Column("phase", "string"),
        Column("ready", "boolean", help="its Ready condition, readiness gates included"),
        Column("finished", "boolean", help="ended with success"),
        Column("reason", "string", optional=True, help="of the pod itself: Evicted, NodeLost"),
        Column("message", "string", optional=True),
        Column("scheduled", "boolean", optional=True, help="missing: no scheduler has said anything"),
        Column("unscheduled_reason", "string", optional=True, help="Unschedulable, SchedulingGated"),
        Column("unscheduled_message", "string", optional=True),
        Column("scheduler", "string"),
        Column("unready_reason", "string", optional=True, help="what the Ready condition says when it is not True"),
        Column("unmet_gates", "list[string]", help="readiness gates that are not True"),
        Column("deletion_overdue_s", "Float64", "s", "since it should have been gone, grace included", optional=True),
        Column("finalizers", "list[string]"),
        Column("ended_s", "Float64", "s", "since a failed pod's last change", optional=True),
        Column("labels", "list[string]", help="key=value"),
        Column("claims", "list[string]", help="persistent volume claims that it mounts"),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", POD_STATE_TABLE)
def states(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Where does each pod stand: placed, ready, failed, being deleted, and what does it rest on?

    API: core/v1 pods. Permission: list pods, in `namespace` or in the whole cluster. Raises SourceError; NotFound when
    there is no such namespace.
    """
    lists = Lists(ask)
    return Rows(lists.each(POD_STATES, partial(_state, as_of=ask.as_of), namespace=namespace), notes=lists.notes())


def _state(pod: PodState, as_of: datetime) -> dict[str, Any]:
    meta, spec, status = pod.metadata, pod.spec, pod.status
    conditions = by_type(status.conditions)
    ready, placed = conditions.get("Ready", NO_CONDITION), conditions.get("PodScheduled")
    gates = [one.condition_type for one in spec.readiness_gates or ()]
    changes = [one.last_transition_time for one in conditions.values() if one.last_transition_time]
    unplaced = placed is not None and placed.status != "True"
    return {
        "namespace": meta.namespace,
        "pod": meta.name,
        "owner": owner(meta),
        "controller": controller(meta),
        "node": spec.node_name or None,
        "phase": status.phase,
        "ready": ready.status == "True",
        "finished": status.phase == "Succeeded",
        "reason": status.reason or None,
        "message": one_line(status.message) or None,
        "scheduled": True if spec.node_name else None if placed is None else placed.status == "True",
        "unscheduled_reason": placed.reason or None if placed and unplaced else None,
        "unscheduled_message": one_line(placed.message) or None if placed and unplaced else None,
        "scheduler": spec.scheduler_name,
        "unready_reason": one_line(ready.message or ready.reason) or None if ready.status != "True" else None,
        "unmet_gates": [kind for kind in gates if conditions.get(kind, NO_CONDITION).status != "True"],
        "deletion_overdue_s": ago_s(meta.deletion_timestamp, as_of),
        "finalizers": meta.finalizers or [],
        "ended_s": ago_s(max(changes, default=meta.creation_timestamp), as_of) if status.phase == "Failed" else None,
        "labels": pairs(meta.labels),
        "claims": claims_of(meta.name, spec),
        "age_s": ago_s(meta.creation_timestamp, as_of),
    }


def claims_of(pod: str, spec: PodStateSpec) -> list[str]:
    """The claims that a pod mounts; that of an ephemeral volume is named after pod and volume."""
    found = []
    for volume in spec.volumes or ():
        if volume.persistent_volume_claim is not None:
            found.append(volume.persistent_volume_claim.claim_name)
        elif volume.ephemeral is not None:
            found.append(f"{pod}-{volume.name}")
    return found


CONTAINER_TABLE = Schema(
    "containers that are not simply running",
    (
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("owner", "string", optional=True),
        Column("container", "string"),
        Column("role", "string", help="main, init or sidecar"),
        Column("state", "string", help="waiting, running, terminated; none before the kubelet has said one"),
        Column("reason", "string", optional=True, help="why it waits, or how it ended"),
        Column("message", "string", optional=True),
        Column("exit_code", "Int64", optional=True, help="of the present state, if it is terminated"),
        Column("ready", "boolean"),
        Column("restarts", "Int64", help="since the pod was made"),
        Column("last_reason", "string", optional=True, help="how it ended before: OOMKilled, Error"),
        Column("last_exit_code", "Int64", optional=True),
        Column("last_message", "string", optional=True, help="its termination message"),
        Column("last_ended_at", "timestamp", optional=True),
        Column("last_ended_s", "Float64", "s", "since then", optional=True),
    ),
)


@query("cluster", CONTAINER_TABLE)
def containers(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which containers wait, have failed, are not ready or were restarted, why, and how did they end before?

    Init containers and sidecars too. One that runs, is ready and never restarted, or ended with success, has no row. The
    API keeps a container's last termination alone.

    API: core/v1 pods. Permission: list pods, in `namespace` or in the whole cluster. Raises SourceError; NotFound when
    there is no such namespace.
    """
    lists = Lists(ask)
    found = lists.each(POD_STATES, lambda pod: list(_containers(pod, ask.as_of)), namespace=namespace)
    return Rows([row for rows in found for row in rows], notes=lists.notes())


def _containers(pod: PodState, as_of: datetime) -> Iterator[dict[str, Any]]:
    sidecars = {one.name for one in pod.spec.init_containers or () if one.restart_policy == "Always"}
    inits = [(one, "sidecar" if one.name in sidecars else "init") for one in pod.status.init_container_statuses or ()]
    for one, role in [*inits, *((one, "main") for one in pod.status.container_statuses or ())]:
        if not _well(one, role):
            yield _container(pod, one, role, as_of)


def _well(one: LoudContainerStatus, role: str) -> bool:
    if one.restart_count or one.state is None:
        return False
    if one.state.terminated is not None:
        return one.state.terminated.exit_code == 0
    return one.state.running is not None and one.ready and role != "init"


def _container(pod: PodState, one: LoudContainerStatus, role: str, as_of: datetime) -> dict[str, Any]:
    now, last = one.state, one.last_state.terminated if one.last_state else None
    waiting, ended = (now.waiting, now.terminated) if now else (None, None)
    state = "waiting" if waiting else "terminated" if ended else "running" if now and now.running else "none"
    return {
        "namespace": pod.metadata.namespace,
        "pod": pod.metadata.name,
        "owner": owner(pod.metadata),
        "container": one.name,
        "role": role,
        "state": state,
        "reason": waiting.reason or None if waiting else how(ended) if ended else None,
        "message": one_line((waiting or ended).message) or None if (waiting or ended) else None,  # type: ignore[union-attr]
        "exit_code": ended.exit_code if ended else None,
        "ready": one.ready,
        "restarts": one.restart_count,
        "last_reason": how(last) if last else None,
        "last_exit_code": last.exit_code if last else None,
        "last_message": one_line(last.message) or None if last else None,
        "last_ended_at": last.finished_at if last else None,
        "last_ended_s": ago_s(last.finished_at, as_of) if last else None,
    }


def how(ended: Ended) -> str:
    """How a container ended, in a word, as kubectl prints it."""
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"
