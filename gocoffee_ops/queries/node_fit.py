"""What a node offers, and what about it alone keeps a pod off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gocoffee_ops.analysis.quantities import whole
from gocoffee_ops.analysis.scheduling import Requirement, Room, Taint, Toleration, holds, repelling, selects
from gocoffee_ops.queries.pod_resources import Amounts, measure
from gocoffee_ops.queries.printed import conditions_of, is_true
from gocoffee_ops.sources.kubernetes.placement_shapes import Expression, NodeTerm, TemplateSpec
from gocoffee_ops.sources.kubernetes.shapes import Node


def room(node: Node, taken: Sequence[Amounts]) -> Room:
    """What is left of a node where pods take that much."""
    allocatable = node.status.allocatable or node.status.capacity or {}
    free = {name: measure(name)(have) - sum(one.request(name) for one in taken) for name, have in allocatable.items()}
    free["pods"] = whole(allocatable.get("pods", "0")) - len(taken)
    return Room(free)


def keeping_off(node: Node, spec: TemplateSpec) -> str:
    """Why no pod of a template may go to a node, whoever is there; or nothing."""
    if not is_true(conditions_of(node.status.conditions), "Ready"):
        return "not ready"
    if node.spec.unschedulable:
        return "unschedulable"
    if repelled(node, spec):
        return "taint"
    return "" if selected(node, spec) else "selector"


def repelled(node: Node, spec: TemplateSpec) -> bool:
    """Whether a taint keeps them off."""
    tolerations = [Toleration(one.key, one.operator, one.value, one.effect) for one in spec.tolerations or ()]
    return bool(repelling([Taint(one.key, one.value, one.effect) for one in node.spec.taints or ()], tolerations))


def selected(node: Node, spec: TemplateSpec) -> bool:
    """Whether it has the labels that they ask for."""
    labels = node.metadata.labels or {}
    if not selects(spec.node_selector or {}, [], labels):
        return False
    affinity = spec.affinity.node_affinity if spec.affinity else None
    if affinity is None or affinity.required is None:
        return True
    return any(_term_holds(term, labels, node.metadata.name) for term in affinity.required.node_selector_terms)


def _term_holds(term: NodeTerm, labels: Mapping[str, str], name: str) -> bool:
    expressions, fields = requirements(term.match_expressions), requirements(term.match_fields)
    if not expressions and not fields:
        return False  # an empty term matches no node
    return all(holds(one, labels) for one in expressions) and all(holds(one, {"metadata.name": name}) for one in fields)


def requirements(expressions: Iterable[Expression] | None) -> list[Requirement]:
    """A selector's expressions, to be evaluated."""
    return [Requirement(one.key, one.operator, one.values or ()) for one in expressions or ()]
