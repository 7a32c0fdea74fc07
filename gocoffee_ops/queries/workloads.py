"""What keeps pods running: deployments with what scales and protects them, room for more, and restarts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gocoffee_ops.analysis.placement import placed
from gocoffee_ops.analysis.scheduling import selects
from gocoffee_ops.errors import NotFound
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.admission import Allowance, allowed
from gocoffee_ops.queries.cluster import owner
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.node_fit import requirements
from gocoffee_ops.queries.placement import Newcomer, Placed, placed_pods, rules, spots
from gocoffee_ops.queries.pod_resources import template_amounts
from gocoffee_ops.queries.printed import conditions_of, is_true
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import (
    AUTOSCALERS,
    BUDGETS,
    DEPLOYMENTS,
    LIMIT_RANGES,
    NODES,
    PODS,
    QUOTAS,
)
from gocoffee_ops.sources.kubernetes.shapes import ContainerStatus, Node, Pod
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
            expressions = requirements(selector.match_expressions)
            if selects(selector.match_labels or {}, expressions, labels):
                found.append(budget)
    return found


FIT_TABLE = Schema(
    "replicas_that_fit",
    (
        Column("namespace", "string"),
        Column("deployment", "string"),
        Column("node", "string"),
        Column(
            "fits",
            "Int64",
            optional=True,
            help="how many more replicas, were they the only pods to come; where one may keep the next one off, their sum"
            " over the nodes is what counts, and each node's number one way to reach it",
        ),
        Column(
            "bound_by",
            "string",
            help="what ends first: cpu, memory, pods or another resource; anti-affinity, affinity, topology spread, host port,"
            " quota; or unschedulable, taint, selector, not ready, limit range, scheduling gate; or not known",
        ),
        Column("not_known", "string", optional=True, help="why the number is not known, where it is not 0 in any case"),
    ),
)


@query("cluster", FIT_TABLE)
def replicas_that_fit(ask: Ask[Cluster], *, namespace: str, deployment: str = "") -> Rows:
    """How many more replicas of a deployment would fit on each node, and what stands in the way?

    Counts requests of every resource, pods, taints, node selectors and required node affinity; required affinity and
    anti-affinity between pods, topology spread with DoNotSchedule, and host ports; limit ranges and quotas of the
    namespace. What a workload has beyond these (a claim's volume, a rule that asks for labels of namespaces, another
    scheduler, a quota's priority scope) makes its number not known. Not counted: that deployments share the room, that
    a pod of higher priority may drive others out, and what admission webhooks refuse.

    API: apps/v1 deployments; core/v1 nodes, pods, resourcequotas and limitranges. Permission: list deployments,
    resourcequotas and limitranges in `namespace`, and nodes and pods in the whole cluster. Raises SourceError; NotFound
    when there is no such namespace or deployment.
    """
    lists = Lists(ask)
    found = lists.all(DEPLOYMENTS, namespace=namespace)
    wanted = [one for one in found if deployment in ("", one.metadata.name)]
    if deployment and not wanted:
        names = ", ".join(sorted(one.metadata.name for one in found)) or "none"
        raise NotFound(f"deployment {deployment}", target=str(ask.target), why=f"namespace {namespace} has: {names}")
    ranges, quotas = lists.all(LIMIT_RANGES, namespace=namespace), lists.all(QUOTAS, namespace=namespace)
    nodes = {one.metadata.name: one for one in lists.all(NODES)}
    pods = placed_pods(lists)
    rows = [
        row for one in wanted for row in _fit_rows(one, nodes, pods, allowed(one.spec.template.spec, ranges, quotas))
    ]
    rows.sort(key=lambda row: (row["namespace"], row["deployment"], row["node"]))
    return Rows(rows, notes=lists.notes())


def _fit_rows(
    deployment: Deployment, nodes: Mapping[str, Node], pods: Sequence[Placed], may: Allowance
) -> list[dict[str, Any]]:
    template, name = deployment.spec.template, deployment.metadata.namespace
    labels = template.metadata.labels or {}
    new = Newcomer(name, labels, may.spec, template_amounts(may.spec), list(dict.fromkeys(may.doubts)))
    places, between = spots(new, pods, nodes), rules(new, pods, nodes)
    placement = placed(places, between, may.pods, may.bound_by)
    if placement.doubt:
        new.doubt(placement.doubt)
    not_known = (
        "; ".join(new.doubts) if any(placement.counts.values()) else ""
    )  # no room is known, whatever else is not
    rows = []
    for spot in places:
        unsure = not_known and spot.takes
        rows.append(
            {
                "namespace": name,
                "deployment": deployment.metadata.name,
                "node": spot.node,
                "fits": None if unsure else placement.counts[spot.node],
                "bound_by": "not known" if unsure else placement.bound_by[spot.node],
                "not_known": not_known if unsure else None,
            }
        )
    return rows


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
    young = created is not None and datetime.fromisoformat(created) >= since
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
