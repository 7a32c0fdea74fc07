"""What keeps pods running: deployments with what scales and protects them, room for more, and restarts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from gocoffee_ops.analysis.quantities import whole
from gocoffee_ops.analysis.scheduling import Requirement, Room, Taint, Toleration, fits, holds, repelling, selects
from gocoffee_ops.errors import NotFound
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.cluster import owner, taken_by_node
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.pod_resources import Amounts, measure, template_amounts
from gocoffee_ops.queries.printed import conditions_of, is_true
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import AUTOSCALERS, BUDGETS, DEPLOYMENTS, NODES, PODS
from gocoffee_ops.sources.kubernetes.shapes import ContainerStatus, Expression, Node, NodeTerm, Pod, TemplateSpec
from gocoffee_ops.sources.kubernetes.workload_shapes import Autoscaler, Budget, Deployment

REVISION = "deployment.kubernetes.io/revision"
OOM_KILLED = "OOMKilled"

DEPLOYMENT_TABLE = Schema(
    "deployments",
    (
        Column("namespace", "string"),
        Column("deployment", "string"),
        Column("desired", "Int64"),
        Column("ready", "Int64"),
        Column("updated", "Int64"),
        Column("available", "Int64"),
        Column("unavailable", "Int64"),
        Column("revision", "string", optional=True),
        Column("images", "list[string]"),
        Column("hpa", "string", optional=True, help="the autoscaler that owns its replica count"),
        Column("hpa_min", "Int64", optional=True),
        Column("hpa_max", "Int64", optional=True),
        Column("hpa_current", "Int64", optional=True),
        Column("hpa_desired", "Int64", optional=True),
        Column(
            "hpa_able", "boolean", optional=True, help="it can read its metrics and scale (AbleToScale, ScalingActive)"
        ),
        Column("pdb", "string", optional=True, help="the disruption budget of its pods"),
        Column("pdb_disruptions_allowed", "Int64", optional=True),
        Column("created_at", "timestamp"),
    ),
)


@query("cluster", DEPLOYMENT_TABLE)
def deployments(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which deployments are there, are they rolled out, and what scales and protects them?

    API: apps/v1 deployments, autoscaling/v2 horizontalpodautoscalers, policy/v1 poddisruptionbudgets. Permission: list
    them, in `namespace` or in the whole cluster. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    found = lists.all(DEPLOYMENTS, namespace=namespace)
    scalers = {
        (one.metadata.namespace, one.spec.scale_target_ref.name): one
        for one in lists.all(AUTOSCALERS, namespace=namespace)
        if one.spec.scale_target_ref.kind == "Deployment"
    }
    budgets = lists.all(BUDGETS, namespace=namespace)
    rows = [
        _deployment_row(one, scalers.get((one.metadata.namespace, one.metadata.name)), _budgets_of(one, budgets))
        for one in found
    ]
    return Rows(rows, notes=lists.notes())


def _deployment_row(deployment: Deployment, scaler: Autoscaler | None, budgets: list[Budget]) -> dict[str, Any]:
    meta, spec, status = deployment.metadata, deployment.spec, deployment.status
    return {
        "namespace": meta.namespace,
        "deployment": meta.name,
        "desired": spec.replicas,
        "ready": status.ready_replicas,
        "updated": status.updated_replicas,
        "available": status.available_replicas,
        "unavailable": status.unavailable_replicas,
        "revision": (meta.annotations or {}).get(REVISION),
        "images": [container.image for container in spec.template.spec.containers],
        "hpa": scaler.metadata.name if scaler else None,
        "hpa_min": scaler.spec.min_replicas if scaler else None,
        "hpa_max": scaler.spec.max_replicas if scaler else None,
        "hpa_current": scaler.status.current_replicas if scaler else None,
        "hpa_desired": scaler.status.desired_replicas if scaler else None,
        "hpa_able": _able(scaler) if scaler else None,
        "pdb": ", ".join(one.metadata.name for one in budgets) or None,
        "pdb_disruptions_allowed": min((one.status.disruptions_allowed for one in budgets), default=None),
        "created_at": meta.creation_timestamp,
    }


def _able(scaler: Autoscaler) -> bool | None:
    """Whether it scales; None while it has not said so. Scaled to zero by hand, it rests, and is able."""
    conditions = conditions_of(scaler.status.conditions)
    active = conditions.get("ScalingActive")
    if conditions.get("AbleToScale") is None or active is None:
        return None
    resting = active.reason == "ScalingDisabled"
    return is_true(conditions, "AbleToScale") and (active.status == "True" or resting)


def _budgets_of(deployment: Deployment, budgets: Iterable[Budget]) -> list[Budget]:
    labels = deployment.spec.template.metadata.labels or {}
    found = []
    for budget in budgets:
        selector = budget.spec.selector
        if budget.metadata.namespace == deployment.metadata.namespace and selector is not None:
            expressions = _requirements(selector.match_expressions)
            if selects(selector.match_labels or {}, expressions, labels):
                found.append(budget)
    return found


def _requirements(expressions: list[Expression] | None) -> list[Requirement]:
    return [Requirement(one.key, one.operator, one.values or ()) for one in expressions or ()]


FIT_TABLE = Schema(
    "replicas_that_fit",
    (
        Column("namespace", "string"),
        Column("deployment", "string"),
        Column("node", "string"),
        Column("fits", "Int64", help="how many more replicas, were they the only pods to come"),
        Column(
            "bound_by",
            "string",
            help="what ends first: cpu, memory, pods or another resource; or unschedulable, taint, selector, not ready",
        ),
    ),
)


@query("cluster", FIT_TABLE)
def replicas_that_fit(ask: Ask[Cluster], *, namespace: str, deployment: str = "") -> Rows:
    """How many more replicas of a deployment would fit on each node, and what stands in the way?

    Counts requests of every resource, pods, taints, node selectors and required node affinity. Not counted: spreading
    and affinity between pods, volumes bound to a zone, quotas, and that deployments share the room.

    API: apps/v1 deployments; core/v1 nodes and pods. Permission: list deployments in `namespace`, and nodes and pods in
    the whole cluster. Raises SourceError; NotFound when there is no such namespace or deployment.
    """
    lists = Lists(ask)
    found = lists.all(DEPLOYMENTS, namespace=namespace)
    wanted = [one for one in found if deployment in ("", one.metadata.name)]
    if deployment and not wanted:
        names = ", ".join(sorted(one.metadata.name for one in found)) or "none"
        raise NotFound(f"deployment {deployment}", target=str(ask.target), why=f"namespace {namespace} has: {names}")
    taken = taken_by_node(lists)
    templates = [(one, template_amounts(one.spec.template.spec).requests) for one in wanted]
    resources = {"cpu", "memory", *(name for _, wants in templates for name in wants)}
    rows = []
    for node in lists.all(NODES):
        room = _room(node, taken.get(node.metadata.name, []), resources)
        for one, wants in templates:
            obstacle = _obstacle(node, one.spec.template.spec)
            count, bound_by = (0, obstacle) if obstacle else fits(room, wants)
            rows.append(
                {
                    "namespace": one.metadata.namespace,
                    "deployment": one.metadata.name,
                    "node": node.metadata.name,
                    "fits": count,
                    "bound_by": bound_by,
                }
            )
    rows.sort(key=lambda row: (row["namespace"], row["deployment"], row["node"]))
    return Rows(rows, notes=lists.notes())


def _room(node: Node, taken: list[Amounts], resources: Iterable[str]) -> Room:
    allocatable = node.status.allocatable or node.status.capacity or {}
    free = {}
    for name in resources:
        have = measure(name)(allocatable.get(name, "0"))
        free[name] = have - sum(one.request(name) for one in taken)
    free["pods"] = whole(allocatable.get("pods", "0")) - len(taken)
    return Room(free)


def _obstacle(node: Node, spec: TemplateSpec) -> str:
    """Why no pod of a template may go to a node, or nothing."""
    tolerations = [Toleration(one.key, one.operator, one.value, one.effect) for one in spec.tolerations or ()]
    if not is_true(conditions_of(node.status.conditions), "Ready"):
        return "not ready"
    if node.spec.unschedulable:
        return "unschedulable"
    taints = [Taint(one.key, one.value, one.effect) for one in node.spec.taints or ()]
    if repelling(taints, tolerations):
        return "taint"
    return "" if _selected(node, spec) else "selector"


def _selected(node: Node, spec: TemplateSpec) -> bool:
    labels = node.metadata.labels or {}
    if not selects(spec.node_selector or {}, [], labels):
        return False
    affinity = spec.affinity.node_affinity if spec.affinity else None
    if affinity is None or affinity.required is None:
        return True
    return any(_term_holds(term, labels, node.metadata.name) for term in affinity.required.node_selector_terms)


def _term_holds(term: NodeTerm, labels: Mapping[str, str], name: str) -> bool:
    expressions, fields = _requirements(term.match_expressions), _requirements(term.match_fields)
    if not expressions and not fields:
        return False  # an empty term matches no node
    return all(holds(one, labels) for one in expressions) and all(holds(one, {"metadata.name": name}) for one in fields)


RESTART_TABLE = Schema(
    "restarts",
    (
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("container", "string"),
        Column("owner", "string", optional=True),
        Column("restarts", "Int64", help="since the pod was made"),
        Column("in_window_at_least", "Int64", help="a lower bound, unless exact"),
        Column("exact", "boolean", help="whether in_window_at_least is the number itself"),
        Column("last_reason", "string", optional=True),
        Column("last_exit_code", "Int64", optional=True),
        Column("last_finished_at", "timestamp", optional=True),
        Column("oom_killed", "boolean", help="its last termination, or the present one, was out of memory"),
    ),
)


@query("cluster", RESTART_TABLE)
def restarts(ask: Ask[Cluster], *, namespace: str = "", window_s: float = 86_400.0) -> Rows:
    """Which containers restarted, how often in the window, and why last?

    Only containers that ever restarted have a row. The API keeps a container's last termination alone, so the number in
    the window is a lower bound unless the pod is younger than the window or did not end in it.

    API: core/v1 pods. Permission: list pods, in `namespace` or in the whole cluster. Raises SourceError; NotFound when
    there is no such namespace.
    """
    lists = Lists(ask)
    since = ask.as_of - timedelta(seconds=window_s)
    rows = []
    for pod in lists.all(PODS, namespace=namespace):
        for status in [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]:
            if status.restart_count:
                rows.append(_restart_row(pod, status, since))
    return Rows(rows, notes=lists.notes())


def _restart_row(pod: Pod, status: ContainerStatus, since: datetime) -> dict[str, Any]:
    last = status.last_state.terminated if status.last_state else None
    now = status.state.terminated if status.state else None
    ended = last.finished_at if last else None
    created = pod.metadata.creation_timestamp
    young = created is not None and created >= since
    if young:
        count, exact = status.restart_count, True
    elif ended is None:
        count, exact = 0, False  # it restarted, and nothing says when
    else:
        count, exact = (1, status.restart_count == 1) if ended >= since else (0, True)
    return {
        "namespace": pod.metadata.namespace,
        "pod": pod.metadata.name,
        "container": status.name,
        "owner": owner(pod),
        "restarts": status.restart_count,
        "in_window_at_least": count,
        "exact": exact,
        "last_reason": last.reason or None if last else None,
        "last_exit_code": last.exit_code if last else None,
        "last_finished_at": ended,
        "oom_killed": any(one is not None and one.reason == OOM_KILLED for one in (last, now)),
    }
