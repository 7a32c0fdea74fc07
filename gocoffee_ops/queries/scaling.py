"""What bounds workloads: autoscalers, disruption budgets, quotas."""

from __future__ import annotations

from gocoffee_ops.analysis.quantities import exact
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, by_type, requirements, told
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.service_endpoints import Selected, owners
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import DISRUPTION_BUDGETS, SCALERS
from gocoffee_ops.sources.kubernetes.lists import QUOTAS as QUOTA_KIND

AUTOSCALER_TABLE = Schema(
    "autoscalers",
    (
        Column("namespace", "string"),
        Column("hpa", "string"),
        Column("scales", "string", help="deployment/orders"),
        Column("min_replicas", "Int64"),
        Column("max_replicas", "Int64"),
        Column("current_replicas", "Int64"),
        Column("desired_replicas", "Int64"),
        Column("able", "boolean", optional=True, help="it finds what it scales; missing: it has not said"),
        Column("able_reason", "string", optional=True),
        Column("active", "boolean", optional=True, help="it reads its metrics; missing: it has not said"),
        Column("active_reason", "string", optional=True),
        Column("limited_reason", "string", optional=True, help="what keeps it from the count that it wants"),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", AUTOSCALER_TABLE)
def autoscalers(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which autoscalers are there, do they find their target, read their metrics, and get what they want?

    API: autoscaling/v2 horizontalpodautoscalers. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all(SCALERS, namespace=namespace):
        spec, status = one.spec, one.status
        conditions = by_type(status.conditions)
        able, active = conditions.get("AbleToScale"), conditions.get("ScalingActive")
        limited = conditions.get("ScalingLimited")
        rows.append(
            {
                "namespace": one.metadata.namespace,
                "hpa": one.metadata.name,
                "scales": f"{spec.scale_target_ref.kind.lower()}/{spec.scale_target_ref.name}",
                "min_replicas": spec.min_replicas,
                "max_replicas": spec.max_replicas,
                "current_replicas": status.current_replicas,
                "desired_replicas": status.desired_replicas,
                "able": able.status == "True" if able else None,
                "able_reason": told(able),
                "active": active.status == "True" if active else None,
                "active_reason": told(active),
                "limited_reason": told(limited) if limited is not None and limited.status == "True" else None,
                "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


BUDGET_TABLE = Schema(
    "disruption budgets",
    (
        Column("namespace", "string"),
        Column("pdb", "string"),
        Column("selector", "list[string]", help="as kubectl prints it"),
        Column("bound", "string", help="minAvailable or maxUnavailable, as it is set"),
        Column("disruptions_allowed", "Int64"),
        Column("healthy", "Int64"),
        Column("healthy_needed", "Int64"),
        Column("expected_pods", "Int64"),
        Column("owners", "list[string]", help="the workloads of the pods that it selects"),
        Column("failure", "string", optional=True, help="why its controller cannot compute it"),
        Column("computed", "boolean", help="its controller has computed it as it is set now"),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", BUDGET_TABLE)
def budgets(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which disruption budgets are there, how many pods may go now, and whose are they?

    API: policy/v1 poddisruptionbudgets, core/v1 pods. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    found, selected = lists.all(DISRUPTION_BUDGETS, namespace=namespace), Selected(lists, namespace)
    for one in found:
        spec, status = one.spec, one.status
        allowed = by_type(status.conditions).get("DisruptionAllowed")
        bounds = (("minAvailable", spec.min_available), ("maxUnavailable", spec.max_unavailable))
        rows.append(
            {
                "namespace": one.metadata.namespace,
                "pdb": one.metadata.name,
                "selector": requirements(spec.selector),
                "bound": ", ".join(f"{name} {value}" for name, value in bounds if value is not None),
                "disruptions_allowed": status.disruptions_allowed,
                "healthy": status.current_healthy,
                "healthy_needed": status.desired_healthy,
                "expected_pods": status.expected_pods,
                "owners": owners(selected.matching(one.metadata.namespace, spec.selector)),
                "failure": told(allowed) if allowed is not None and allowed.reason == "SyncFailed" else None,
                "computed": status.observed_generation >= one.metadata.generation,
                "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


QUOTA_TABLE = Schema(
    "quotas",
    (
        Column("namespace", "string"),
        Column("quota", "string"),
        Column("resource", "string", help="pods, requests.cpu, count/jobs.batch"),
        Column("used", "Float64", help="in the resource's own unit: cores, bytes, objects"),
        Column("hard", "Float64", help="what is allowed"),
        Column("used_text", "string", help="as the API says it"),
        Column("hard_text", "string"),
    ),
)


@query("cluster", QUOTA_TABLE)
def quotas(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which quotas are there, and how much of each resource is used?

    API: core/v1 resourcequotas. Permission: list them, in `namespace` or in the whole cluster. Raises SourceError;
    NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all(QUOTA_KIND, namespace=namespace):
        used = one.status.used or {}
        for resource, hard in (one.status.hard or {}).items():
            rows.append(
                {
                    "namespace": one.metadata.namespace,
                    "quota": one.metadata.name,
                    "resource": resource,
                    "used": float(exact(used.get(resource, "0"))),
                    "hard": float(exact(hard)),
                    "used_text": used.get(resource, "0"),
                    "hard_text": hard,
                }
            )
    return Rows(rows, notes=lists.notes())
