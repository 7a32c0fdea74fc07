"""What a cluster is and does now: its nodes, pods, usage and events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.quantities import fractional_millicores, mib, millicores, seconds, whole
from gocoffee_ops.errors import Forbidden, NotFound
from gocoffee_ops.queries.cluster_schemas import (
    EVENT_TABLE,
    HORIZON_TABLE,
    NODE_TABLE,
    NODE_USAGE_TABLE,
    POD_ROWS,
    POD_TABLE,
    POD_USAGE_TABLE,
)
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.pod_resources import ENDED, Amounts, amounts, limit_of, measure
from gocoffee_ops.queries.printed import (
    conditions_of,
    is_true,
    pressures,
    print_node,
    print_pod,
    print_roles,
    why_not_ready,
)
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import EVENTS, NODE_USAGE, NODES, POD_USAGE, PODS
from gocoffee_ops.sources.kubernetes.log_shapes import LogPod
from gocoffee_ops.sources.kubernetes.shapes import Container, Node, Pod, PodLabels, PodMetrics, Quantities
from gocoffee_ops.sources.kubernetes.workload_shapes import Event

if TYPE_CHECKING:
    import pyarrow as pa

NOT_ENDED = "status.phase!=Succeeded,status.phase!=Failed"
POOL_LABELS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "agentpool",
    "node.kubernetes.io/pool",
    "pool",
)
WORKLOADS = ("deployment", "replicaset", "statefulset", "daemonset", "job")

NO_LABELS = PodLabels()


@query("cluster", NODE_TABLE)
def nodes(ask: Ask[Cluster]) -> Rows:
    """Which nodes are there, are they well, and how much of them is requested?

    STATUS hides memory, disk and PID pressure and cordons; `pressures`, `taints` and `unschedulable` show them. Requests
    and limits are those of pods that have not ended, as `kubectl describe node` adds them up.

    API: core/v1 nodes and pods, /version. Permission: list nodes, and list pods in the whole cluster. Raises
    SourceError.
    """
    lists = Lists(ask)
    found = lists.all(NODES)
    taken = taken_by_node(lists)
    try:
        version = ask.source.server_version(ask.deadline).git_version
    except (Forbidden, NotFound):  # some hardened servers keep it to themselves; the table says that it is missing
        version = None
    return Rows(
        [_node_row(node, taken.get(node.metadata.name, ()), version, ask.as_of) for node in found],
        notes=lists.notes(),
    )


def _node_row(node: Node, taken: Sequence[Amounts], version: str | None, as_of: datetime) -> dict[str, Any]:
    labels = node.metadata.labels or {}
    capacity, allocatable = node.status.capacity or {}, _allocatable(node)
    created = node.metadata.creation_timestamp
    return {
        "node": node.metadata.name,
        "status": print_node(node),
        "ready": is_true(conditions_of(node.status.conditions), "Ready"),
        "roles": print_roles(labels),
        "pool": next((labels[key] for key in POOL_LABELS if key in labels), None),
        "kubelet_version": node.status.node_info.kubelet_version,
        "server_version": version,
        "unschedulable": node.spec.unschedulable,
        "taints": [_taint(one.key, one.value, one.effect) for one in node.spec.taints or ()],
        "pressures": pressures(node),
        "cpu_capacity_millicores": millicores(capacity.get("cpu", "0")),
        "memory_capacity_mib": mib(whole(capacity.get("memory", "0"))),
        "cpu_allocatable_millicores": millicores(allocatable.get("cpu", "0")),
        "memory_allocatable_mib": mib(whole(allocatable.get("memory", "0"))),
        "pods_allocatable": whole(allocatable.get("pods", "0")),
        "cpu_requested_millicores": sum(one.request("cpu") for one in taken),
        "memory_requested_mib": mib(sum(one.request("memory") for one in taken)),
        "cpu_limits_millicores": sum(one.limits["cpu"] for one in taken),
        "memory_limits_mib": mib(sum(one.limits["memory"] for one in taken)),
        "pods": len(taken),
        "created_at": created,
        "age_s": age_s(created, as_of),
    }


def _allocatable(node: Node) -> Quantities:
    return node.status.allocatable or node.status.capacity or {}


def _taint(key: str, value: str, effect: str) -> str:
    return f"{key}={value}:{effect}" if value else f"{key}:{effect}"


def taken_by_node(lists: Lists) -> dict[str, list[Amounts]]:
    """What each pod that has not ended takes, by the node that it is bound to."""
    taken: dict[str, list[Amounts]] = {}
    for node, ended, one in lists.each(PODS, _taken, field_selector=NOT_ENDED):
        if node and not ended:
            taken.setdefault(node, []).append(one)
    return taken


def _taken(pod: Pod) -> tuple[str, bool, Amounts]:
    return pod.spec.node_name, pod.status.phase in ENDED, amounts(pod)


def age_s(created: datetime | None, as_of: datetime) -> float | None:
    """Seconds since an object was made; what was made after the run's `as_of` is 0 old."""
    return max(0.0, (as_of - created).total_seconds()) if created else None


@query("cluster", POD_TABLE)
def pods(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which pods are there, what does kubectl print for them, and are they really ready?

    STATUS alone shows a pod that is not ready, or keeps restarting, as Running, and a completed Job as something else;
    judge `ready`, `finished`, `restarts` and `reason`.

    API: core/v1 pods. Permission: list pods, in `namespace` or in the whole cluster. Raises SourceError; NotFound when
    there is no such namespace.
    """
    lists = Lists(ask)
    found = lists.table(PODS, _pod_row, POD_ROWS, namespace=namespace)
    return Rows(_dated(found, ask.as_of), notes=lists.notes())


def _dated(pods: pa.Table, as_of: datetime) -> pa.Table:
    """POD_ROWS as POD_TABLE: what was made after the run's `as_of` is 0 old."""
    import pyarrow as pa
    import pyarrow.compute as pc

    created = POD_TABLE.arrow().field("created_at")
    times = pods.column("created_at").cast(created.type)
    ages = pc.cast(pc.subtract(pa.scalar(as_of, created.type), times), pa.int64())
    seconds = pc.max_element_wise(pc.divide(pc.cast(ages, pa.float64()), 1e6), 0.0)
    i = POD_TABLE.names.index("created_at")
    return pods.set_column(i, created, times).add_column(i + 1, POD_TABLE.arrow().field("age_s"), seconds)


def _pod_row(pod: Pod) -> tuple[Any, ...]:
    """One pod in the order of POD_ROWS: tuples, as there are many of them."""
    meta, spec, status = pod.metadata, pod.spec, pod.status
    conditions = conditions_of(status.conditions)
    running, containers, printed, restarts, last_restart_at = print_pod(pod, conditions)
    ready = is_true(conditions, "Ready")
    finished = status.phase == "Succeeded"
    labels = meta.labels or NO_LABELS
    images = [container.image for container in spec.containers]
    if spec.init_containers:
        images += [container.image for container in spec.init_containers]
    cpu, memory, cpu_limit, memory_limit, without_requests, without_limits = amounts(pod, conditions).cells
    return (
        meta.namespace,
        meta.name,
        printed,
        None if ready or finished else why_not_ready(pod, conditions) or None,
        status.phase,
        ready,
        finished,
        running,
        containers,
        restarts,
        last_restart_at,
        owner(pod),
        spec.node_name or None,
        status.pod_ip or None,
        labels.app or labels.app_name or None,
        status.qos_class,
        meta.creation_timestamp,
        cpu,
        memory,
        cpu_limit,
        memory_limit,
        without_requests,
        without_limits,
        images,
    )


def owner(pod: Pod | LogPod) -> str | None:
    """The workload that a pod belongs to: of a ReplicaSet that a Deployment made, the Deployment."""
    for one in pod.metadata.owner_references or ():
        if one.controller:
            suffix = f"-{(pod.metadata.labels or NO_LABELS).template_hash}"
            if one.kind == "ReplicaSet" and len(suffix) > 1 and one.name.endswith(suffix):
                return f"deployment/{one.name.removesuffix(suffix)}"
            return f"{one.kind.lower()}/{one.name}"
    return None


@query("cluster", NODE_USAGE_TABLE)
def node_usage(ask: Ask[Cluster]) -> Rows:
    """How much CPU and memory does each node use, of what it can give, beside what is requested of it?

    One sample of seconds, as `kubectl top node` shows it: no history. Every node has a row; one that the metrics API
    does not measure has no figures, which is not zero.

    API: metrics.k8s.io/v1beta1 nodes; core/v1 nodes and pods. Permission: list them. Raises SourceError; Unsupported
    when metrics-server is missing.
    """
    lists = Lists(ask)
    measured = {one.metadata.name: one for one in lists.all(NODE_USAGE)}
    taken = taken_by_node(lists)
    rows = []
    for node in lists.all(NODES):
        name, usage = node.metadata.name, measured.get(node.metadata.name)
        here = taken.get(name, ())
        cpu, memory = _allocatable(node).get("cpu", "0"), _allocatable(node).get("memory", "0")
        used_cpu = fractional_millicores(usage.usage.get("cpu", "0")) if usage else None
        used_memory = whole(usage.usage.get("memory", "0")) if usage else None
        rows.append(
            {
                "node": name,
                "cpu_millicores": used_cpu,
                "memory_mib": None if used_memory is None else mib(used_memory),
                "cpu_allocatable_millicores": millicores(cpu),
                "memory_allocatable_mib": mib(whole(memory)),
                "cpu_of_allocatable": ratio(used_cpu, millicores(cpu)),
                "memory_of_allocatable": ratio(used_memory, whole(memory)),
                "cpu_requested_millicores": sum(one.request("cpu") for one in here),
                "memory_requested_mib": mib(sum(one.request("memory") for one in here)),
                "measured_at": usage.timestamp if usage else None,
                "window_s": seconds(usage.window) if usage else None,
            }
        )
    return Rows(rows, notes=lists.notes())


def ratio(part: float | None, of: float | None) -> float | None:
    """A share; None where either is missing or there is nothing to divide by."""
    return part / of if part is not None and of else None


@query("cluster", POD_USAGE_TABLE)
def pod_usage(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """How much CPU and memory does each pod use, of its requests and of its limits?

    One sample of seconds, as `kubectl top pod` shows it: no history. Every running pod has a row; one that the metrics
    API does not measure has no figures, which is not zero. Pods that do not run use nothing and have no row.

    API: metrics.k8s.io/v1beta1 pods; core/v1 pods. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; Unsupported when metrics-server is missing; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    measured = {(one.metadata.namespace, one.metadata.name): one for one in lists.all(POD_USAGE, namespace=namespace)}
    found = lists.all(PODS, namespace=namespace)
    rows = []
    for pod in found:
        usage = measured.pop((pod.metadata.namespace, pod.metadata.name), None)
        if usage is not None or pod.status.phase == "Running":
            rows.append(_usage_row(pod, usage))
    # A pod that went away between the two lists was measured, and has no row.
    return Rows(rows, notes=lists.notes(gone_while_reading=len(measured)))


def _usage_row(pod: Pod, usage: PodMetrics | None) -> dict[str, Any]:
    taken = amounts(pod)
    cpu_request, memory_request = taken.request("cpu"), taken.request("memory")
    cpu_limit, memory_limit = taken.bounds.get("cpu"), taken.bounds.get("memory")
    cpu = memory = None
    by_container: dict[str, Quantities] = {}
    if usage is not None:
        by_container = {one.name: one.usage for one in usage.containers}
        cpu = sum(fractional_millicores(one.get("cpu", "0")) for one in by_container.values())
        memory = sum(whole(one.get("memory", "0")) for one in by_container.values())
    return {
        "namespace": pod.metadata.namespace,
        "pod": pod.metadata.name,
        "owner": owner(pod),
        "node": pod.spec.node_name or None,
        "cpu_millicores": cpu,
        "memory_mib": None if memory is None else mib(memory),
        "cpu_request_millicores": cpu_request,
        "memory_request_mib": mib(memory_request),
        "cpu_limit_millicores": cpu_limit,
        "memory_limit_mib": None if memory_limit is None else mib(memory_limit),
        "cpu_of_request": ratio(cpu, cpu_request),
        "memory_of_request": ratio(memory, memory_request),
        "cpu_of_limit": _nearest_limit(pod, by_container, "cpu", cpu),
        "memory_of_limit": _nearest_limit(pod, by_container, "memory", memory),
        "measured_at": usage.timestamp if usage else None,
    }


def _nearest_limit(pod: Pod, by_container: dict[str, Quantities], resource: str, total: float | None) -> float | None:
    """The highest share of a limit: of a container's own, or of the pod's."""
    read = fractional_millicores if resource == "cpu" else whole
    count = measure(resource)
    shares = []
    containers: list[Container] = [*pod.spec.containers, *(pod.spec.init_containers or ())]
    for container in containers:
        limit = limit_of(container.resources, resource)
        used = by_container.get(container.name)
        if limit is not None and used is not None and resource in used:
            shares.append(ratio(read(used[resource]), count(limit)))
    own = limit_of(pod.spec.resources, resource)
    if own is not None:
        shares.append(ratio(total, count(own)))
    return max((share for share in shares if share is not None), default=None)


@query("cluster", EVENT_TABLE)
def events(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """What did the cluster's components report, how often, and when last?

    Sorted by when it was last seen, newest first (kubectl's creationTimestamp is when it was *first* seen). Events are
    kept for an hour by default: see `event_horizon`, for no event is no evidence.

    API: core/v1 events. Permission: list events, in `namespace` or in the whole cluster. Raises SourceError; NotFound
    when there is no such namespace.
    """
    lists = Lists(ask)
    rows = [event_row(event) for event in lists.all(EVENTS, namespace=namespace)]
    rows.sort(key=lambda row: row["last_seen_at"], reverse=True)
    return Rows(rows, notes=lists.notes())


def event_row(event: Event) -> dict[str, Any]:
    """One event as EVENT_TABLE has it."""
    series, about = event.series, event.involved_object
    return {
        "namespace": event.metadata.namespace,
        "object": f"{about.kind.lower()}/{about.name}",
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "count": (series.count if series else 0) or event.count or 1,
        "first_seen_at": event.first_timestamp or event.event_time or event.metadata.creation_timestamp,
        "last_seen_at": last_seen(event),
        "source": event.source.component or event.reporting_component,
    }


def last_seen(event: Event) -> datetime | None:
    """When an event was last seen, in whichever form its reporter writes it."""
    times = [event.series.last_observed_time if event.series else None, event.last_timestamp, event.event_time]
    return max((time for time in times if time is not None), default=event.metadata.creation_timestamp)


def kept_since(event: Event) -> datetime | None:
    """Since when an event is kept at least. Its reporter's clock may be days behind: the API server's, which forgets, is not."""
    return max(
        (time for time in (last_seen(event), event.metadata.creation_timestamp) if time is not None), default=None
    )


EVENTS_KEPT = timedelta(hours=1)  # the API server's default


@query("cluster", HORIZON_TABLE)
def event_horizon(ask: Ask[Cluster]) -> Rows:
    """How far back do the cluster's events reach?

    The API server drops events an hour (by default) after they were last written and does not tell its setting, so that
    the absence of an event before `oldest_at` says nothing. What was said within the last hour is there still, and as one
    that is older is, so is all that was said since: `known_since` is the earlier of the two. (A cluster whose API server is
    set to forget sooner, by its `--event-ttl`, cannot be told from a quiet one.) It is missing where there is no event at all.
    An event that its reporter's clock dates before the API server had it proves nothing of the time before.

    API: core/v1 events. Permission: list events in the whole cluster. Raises SourceError.
    """
    lists = Lists(ask)
    events = lists.all(EVENTS)
    seen = [time for event in events if (time := last_seen(event)) is not None]
    kept = [time for event in events if (time := kept_since(event)) is not None]
    row = {
        "events": len(seen),
        "oldest_at": min(seen, default=None),
        "newest_at": max(seen, default=None),
        "known_since": min([*kept, ask.as_of - EVENTS_KEPT]) if kept else None,
        "retention_s": None,
    }
    return Rows([row], notes=lists.notes())
