"""Which pods could go to which nodes, so that `analysis.rightsizing` can say which nodes would be left without any.

Every rule that is not followed keeps its pod where it is, and says so: a node is then not called removable. So what is found
is at least possible, and more may be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gocoffee_ops.analysis.scheduling import Init, effective, selects
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.cluster import NOT_ENDED
from gocoffee_ops.queries.cost_objects import CONTROL_PLANE, workload_of
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.node_fit import keeping_off, requirements, selected
from gocoffee_ops.queries.objects import controller, pairs
from gocoffee_ops.queries.placement import SCHEDULER
from gocoffee_ops.queries.pod_resources import ENDED, amounts, measure
from gocoffee_ops.queries.printed import conditions_of, is_true
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.cost_shapes import PricedVolume, SizedPod
from gocoffee_ops.sources.kubernetes.lists import CLAIMS, DISRUPTION_BUDGETS, NODES, PRICED_VOLUMES, SIZED_PODS
from gocoffee_ops.sources.kubernetes.placement_shapes import Affinity, NodeAffinity, PodTerm, TemplateSpec
from gocoffee_ops.sources.kubernetes.policy_shapes import DisruptionBudget
from gocoffee_ops.sources.kubernetes.shapes import NONE, Node, resources_of

NODE_TABLE = Schema(
    "nodes to pack",
    (
        Column("node", "string"),
        Column("allocatable", "list[string]", help="resource=amount: cpu in millicores, others in whole units"),
        Column("labels", "list[string]", help="key=value"),
        Column("kept", "string", optional=True, help="why it is not to be removed, whatever runs on it"),
    ),
)

POD_TABLE = Schema(
    "pods to pack",
    (
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("workload", "string"),
        Column("containers", "list[string]", help="and sidecars"),
        Column("node", "string"),
        Column("requests", "list[string]", help="resource=amount, as the scheduler counts"),
        Column("least", "list[string]", help="resource=amount that it takes whatever its containers request"),
        Column("leaves", "boolean", help="with its node: of a DaemonSet, or static"),
        Column("may_run_on", "list[string]", help="nodes, by selector, affinity, taints and volumes, were there room"),
        Column("labels", "list[string]", help="key=value"),
        Column(
            "apart",
            "list[string]",
            help="required anti-affinity, a JSON object each: key, namespaces, labels, expressions",
        ),
        Column("stays", "string", optional=True, help="why it cannot be moved, or is not known to"),
    ),
)


@query("cluster", NODE_TABLE)
def nodes(ask: Ask[Cluster]) -> Rows:
    """What can each node hold, and may it be removed at all?

    API: core/v1 nodes. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all(NODES):
        labels = one.metadata.labels or {}
        kept = "a node of the control plane" if any(role in labels for role in CONTROL_PLANE) else None
        kept = kept or (None if is_true(conditions_of(one.status.conditions), "Ready") else "it is not ready")
        allocatable = one.status.allocatable or one.status.capacity or {}
        rows.append(
            {
                "node": one.metadata.name,
                "allocatable": _listed({name: measure(name)(text) for name, text in allocatable.items()}),
                "labels": pairs(labels),
                "kept": kept or ("it is cordoned" if one.spec.unschedulable else None),
            }
        )
    return Rows(rows, notes=lists.notes())


@query("cluster", POD_TABLE)
def pods(ask: Ask[Cluster]) -> Rows:
    """Which pods are on which nodes, where else could each run, and what keeps it where it is?

    A pod stays where its disruption budget allows no disruption, where nobody would make it anew, where a rule is not followed
    here (pod affinity, topology spread, host ports, devices, another scheduler), or where its data is on the node.

    API: core/v1 nodes, pods, persistentvolumeclaims and persistentvolumes, policy/v1 poddisruptionbudgets. Permission: list
    them. Raises SourceError.
    """
    lists = Lists(ask)
    found = lists.all(NODES)
    volumes = {
        (one.spec.claim_ref.namespace, one.spec.claim_ref.name): one
        for one in lists.all(PRICED_VOLUMES)
        if one.spec.claim_ref
    }
    bound = {(one.metadata.namespace, one.metadata.name) for one in lists.all(CLAIMS) if one.status.phase == "Bound"}
    world = _World(found, {key: one for key, one in volumes.items() if key in bound}, lists.all(DISRUPTION_BUDGETS))
    rows = [
        _row(pod, world)
        for pod in lists.all(SIZED_PODS, field_selector=NOT_ENDED)
        if pod.spec.node_name and pod.status.phase not in ENDED
    ]
    return Rows(rows, notes=lists.notes())


@dataclass(frozen=True)
class _World:
    """What pods are held against."""

    nodes: Sequence[Node]
    volumes: Mapping[tuple[str, str], PricedVolume]  # by claim, where it is bound
    budgets: Sequence[DisruptionBudget]


def _row(pod: SizedPod, world: _World) -> dict[str, Any]:
    meta, spec = pod.metadata, pod.spec
    maker = controller(meta) or ""
    leaves = maker.startswith(("daemonset/", "node/"))
    claims = list(_claims(pod))
    allowed = [world.volumes.get((meta.namespace, name)) for name in claims]
    stays = None if leaves else next(_stays(pod, maker, allowed, world), None)
    may = [] if leaves or stays else [one.metadata.name for one in world.nodes if _may_run(one, spec, allowed)]
    sidecars = [one for one in spec.init_containers or () if one.sidecar]
    return {
        "namespace": meta.namespace,
        "pod": meta.name,
        "workload": workload_of(meta),
        "containers": [one.name for one in (*spec.containers, *sidecars)],
        "node": spec.node_name,
        "requests": _listed(dict(amounts(pod).requests)),
        "least": _listed(_least(pod)),
        "leaves": leaves,
        "may_run_on": may,
        "labels": pairs(meta.labels),
        "apart": [_term(one, meta.namespace, meta.labels or {}) for one in _affinity(spec).apart],
        "stays": stays,
    }


def _affinity(spec: TemplateSpec) -> Affinity:
    return spec.affinity or Affinity()


def _stays(pod: SizedPod, maker: str, volumes: Sequence[PricedVolume | None], world: _World) -> Iterator[str]:
    """Why it would be lost, or not be let go."""
    meta = pod.metadata
    if not maker:
        yield "nobody would make it anew"
    if maker.startswith("job/"):
        yield "it is a Job's: its work would be lost"
    marks = meta.annotations
    if marks is not None and (marks.safe == "false" or marks.undisturbed == "true"):
        yield "an annotation says that it is not to be evicted"
    for budget in world.budgets:
        ours = budget.metadata.namespace == meta.namespace and _covers(budget, meta.labels or {})
        if ours and budget.status.disruptions_allowed < 1:
            yield f"disruption budget {budget.metadata.name} allows no disruption"
    for volume in volumes:
        if volume is None:
            yield "a claim of it has no volume"
        elif volume.spec.local is not None or volume.spec.host_path is not None:
            yield "its volume is on its node"
    yield from _not_followed(pod.spec)


def _not_followed(spec: TemplateSpec) -> Iterator[str]:
    """What decides where it may go, and is not followed here."""
    affinity = _affinity(spec)
    if affinity.beside:
        yield "it must be beside other pods, which is not followed here"
    selectors = [one.namespace_selector for one in affinity.apart if one.namespace_selector is not None]
    if any(one.match_labels or one.match_expressions for one in selectors):
        yield "a rule chooses namespaces by their labels, which are not read"
    if any(one.when_unsatisfiable == "DoNotSchedule" for one in spec.topology_spread_constraints or ()):
        yield "its topology spread is not followed here"
    if any(port.host_port or spec.host_network for one in spec.containers for port in one.ports or ()):
        yield "it takes a port of its node"
    if spec.scheduler_name not in ("", SCHEDULER):
        yield f"it has a scheduler of its own, {spec.scheduler_name}"
    if spec.resource_claims:
        yield "it claims devices, which are not counted"
    if any("hostPath" in one for one in spec.volumes or ()):
        yield "it has files of its node"


def _covers(budget: DisruptionBudget, labels: Mapping[str, str]) -> bool:
    selector = budget.spec.selector
    return selector is not None and selects(
        selector.match_labels or {}, requirements(selector.match_expressions), labels
    )


def _claims(pod: SizedPod) -> Iterator[str]:
    """The names of its claims; what a volume is of is decoded only for these."""
    for one in pod.spec.volumes or ():
        if "persistentVolumeClaim" in one:
            yield json.loads(bytes(one["persistentVolumeClaim"]))["claimName"]
        elif "ephemeral" in one:
            yield f"{pod.metadata.name}-{json.loads(bytes(one['name']))}"


def _may_run(node: Node, spec: TemplateSpec, volumes: Iterable[PricedVolume | None]) -> bool:
    if keeping_off(node, spec):
        return False
    reached = (one.spec.node_affinity.required for one in volumes if one is not None and one.spec.node_affinity)
    for required in reached:
        if required is not None:
            only = TemplateSpec(containers=(), affinity=Affinity(node_affinity=NodeAffinity(required=required)))
            if not selected(node, only):
                return False
    return True


def _term(term: PodTerm, namespace: str, labels: Mapping[str, str]) -> str:
    """An anti-affinity as JSON, with the values that it takes from its own labels filled in."""
    selector = term.label_selector
    expressions = (
        [[one.key, one.operator, one.values or []] for one in (selector.match_expressions or ())] if selector else []
    )
    for operator, keys in (("In", term.match_label_keys), ("NotIn", term.mismatch_label_keys)):
        expressions += [[key, operator, [labels[key]]] for key in keys or () if key in labels]
    every = term.namespace_selector is not None
    return json.dumps(
        {
            "key": term.topology_key,
            "namespaces": None if every else sorted(term.namespaces or [namespace]),
            "labels": (selector.match_labels or {}) if selector else {},
            "expressions": expressions,
            "nothing": selector is None,
        },
        sort_keys=True,
    )


def _least(pod: SizedPod) -> dict[str, int]:
    """What starting and overhead take whatever the containers request; all of it where the pod as a whole says how much."""
    spec = pod.spec
    if spec.resources is not NONE:
        return dict(amounts(pod).requests)
    found = {}
    for resource in ("cpu", "memory"):
        count = measure(resource)
        inits = []
        for one in spec.init_containers or ():
            text = (resources_of(bytes(one.resources)).requests or {}).get(resource, "0")
            inits.append(Init(0 if one.sidecar else count(text), one.sidecar))
        more = count((spec.overhead or {}).get(resource, "0"))
        found[resource] = effective((), inits) + more
    return found


def _listed(values: Mapping[str, int]) -> list[str]:
    return [f"{name}={amount}" for name, amount in sorted(values.items())]
