"""From what the API says of nodes, pods and a template to the rules by which the scheduler places its replicas.

Follows the filters of kube-scheduler (NodeAffinity, TaintToleration, NodePorts, InterPodAffinity, PodTopologySpread).
Whatever is not followed makes the answer unknown: `Newcomer.doubts` says what, and the rules without it promise at
most too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gocoffee_ops.analysis.placement import AFFINITY, SPREAD, Domain, Rules, Spread
from gocoffee_ops.analysis.scheduling import Requirement, Spot, fits, holds
from gocoffee_ops.queries.cluster import NOT_ENDED
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.node_fit import keeping_off, repelled, requirements, room, selected
from gocoffee_ops.queries.pod_resources import ENDED, Amounts, amounts
from gocoffee_ops.sources.kubernetes.lists import PLACED_PODS
from gocoffee_ops.sources.kubernetes.placement_shapes import (
    LabelSelector,
    PlacedPod,
    PodTerm,
    PortedSpec,
    SpreadConstraint,
    TemplateSpec,
)
from gocoffee_ops.sources.kubernetes.shapes import Node

HASH = "pod-template-hash"  # the label that a deployment adds to its pods; the template does not have it
BY_HASH = f"a rule asks for {HASH}, which only the pods have"
BY_NAMESPACE = "a rule chooses namespaces by their labels, which are not read"
HOST_PORT = "host port"
ANY_IP = "0.0.0.0"  # noqa: S104 - compared, never bound
SCHEDULER = "default-scheduler"
FREE_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "hostPath", "image", "nfs", "projected", "secret"}
)


class HostPort(NamedTuple):
    """A port of the node that a pod takes."""

    protocol: str
    ip: str
    port: int

    def clashes(self, other: HostPort) -> bool:
        """Whether two pods with these cannot be on one node."""
        same = (self.protocol, self.port) == (other.protocol, other.port)
        return same and (self.ip == other.ip or ANY_IP in (self.ip, other.ip))


@dataclass(frozen=True)
class Placed:
    """A pod on a node, as what it leaves to others."""

    node: str
    namespace: str
    labels: Mapping[str, str]
    leaving: bool
    apart: Sequence[PodTerm]
    ports: Sequence[HostPort]
    takes: Amounts


@dataclass
class Newcomer:
    """One more replica of a deployment, as it would be admitted; and what about it is not followed."""

    namespace: str
    labels: Mapping[str, str]
    spec: TemplateSpec
    takes: Amounts
    doubts: list[str] = field(default_factory=list)

    @property
    def spreads(self) -> list[SpreadConstraint]:
        """The constraints that bind."""
        return [one for one in self.spec.topology_spread_constraints or () if one.when_unsatisfiable == "DoNotSchedule"]

    @property
    def beside(self) -> list[PodTerm]:
        """The pods that it must be beside."""
        return self.spec.affinity.beside if self.spec.affinity else []

    @property
    def apart(self) -> list[PodTerm]:
        """The pods that it must be apart from."""
        return self.spec.affinity.apart if self.spec.affinity else []

    def doubt(self, why: str) -> None:
        """Note once that something is not followed."""
        if why not in self.doubts:
            self.doubts.append(why)


def placed_pods(lists: Lists) -> list[Placed]:
    """Every pod on a node that has not ended."""
    return [one for one in lists.each(PLACED_PODS, _placed, field_selector=NOT_ENDED) if one is not None]


def _placed(pod: PlacedPod) -> Placed | None:
    meta, spec = pod.metadata, pod.spec
    if not spec.node_name or pod.status.phase in ENDED:
        return None
    apart = spec.affinity.apart if spec.affinity else ()
    labels, leaving = meta.labels or {}, meta.deletion_timestamp is not None
    return Placed(spec.node_name, meta.namespace, labels, leaving, apart, _host_ports(spec), amounts(pod))


def _host_ports(spec: PortedSpec) -> list[HostPort]:
    """With the host's network, every port of a container is the node's."""
    found = []
    for container in (*spec.containers, *(one for one in spec.init_containers or () if one.sidecar)):
        for one in container.ports or ():
            port = one.host_port or (one.container_port if spec.host_network else 0)
            if port:
                found.append(HostPort(one.protocol, one.host_ip or ANY_IP, port))
    return found


def spots(new: Newcomer, placed: Sequence[Placed], nodes: Mapping[str, Node]) -> list[Spot]:
    """What each node takes of the newcomer by itself: requests of every resource, pods, ports, labels and taints."""
    by_node: dict[str, list[Placed]] = {name: [] for name in nodes}
    for pod in placed:
        by_node.setdefault(pod.node, []).append(pod)
    found = []
    for name, node in sorted(nodes.items()):
        here = by_node[name]
        obstacle = _obstacle(new, node, here)
        takes, bound_by = (
            (0, obstacle) if obstacle else fits(room(node, [one.takes for one in here]), new.takes.requests)
        )
        if takes > 1 and _host_ports(new.spec):
            takes, bound_by = 1, HOST_PORT
        found.append(Spot(name, node.metadata.labels or {}, takes, bound_by))
    return found


def _obstacle(new: Newcomer, node: Node, placed: Sequence[Placed]) -> str:
    """Why no replica may go to a node, or nothing."""
    labels = node.metadata.labels or {}
    if new.spec.scheduling_gates:
        return "scheduling gate"
    if keeping := keeping_off(node, new.spec):
        return keeping
    if any(mine.clashes(other) for mine in _host_ports(new.spec) for pod in placed for other in pod.ports):
        return HOST_PORT
    if any(key not in labels for key in _keys(new.beside)):
        return AFFINITY
    return SPREAD if any(key not in labels for key in _keys(new.spreads)) else ""


# The rules between pods


def rules(new: Newcomer, placed: Sequence[Placed], nodes: Mapping[str, Node]) -> Rules:
    """What replicas demand of the pods that are placed and of each other."""
    _note_what_is_not_followed(new)
    labels = {name: node.metadata.labels or {} for name, node in nodes.items()}
    apart = [term for term in new.apart if _followed(new, term)]
    beside = new.beside if all(_followed(new, term) for term in new.beside) else []
    closed = {
        domain for term in apart for pod in placed if _wants(new, term, pod) for domain in _domain(term, labels, pod)
    }
    for pod in placed:
        for term in pod.apart:
            if _speaks_of(new, term, pod.namespace, _requirements(term.label_selector)):
                closed |= set(_domain(term, labels, pod))
    wanted = [pod for pod in placed if all(_wants(new, term, pod) for term in beside)] if beside else []
    return Rules(
        spreads=[_spread(new, one, placed, nodes) for one in new.spreads if _followed(new, one)],
        closed=frozenset(closed),
        closes=frozenset(term.topology_key for term in apart if _wants_itself(new, term)),
        beside=_keys(beside),
        opened=frozenset(domain for pod in wanted for term in beside for domain in _domain(term, labels, pod)),
        opens=all(_wants_itself(new, term) for term in beside),
    )


def _note_what_is_not_followed(new: Newcomer) -> None:
    spec = new.spec
    if spec.scheduler_name not in ("", SCHEDULER):
        new.doubt(f"it has a scheduler of its own, {spec.scheduler_name}")
    if spec.node_name:
        new.doubt("its template names a node, which no scheduler checks")
    if spec.runtime_class_name:
        new.doubt(f"what its runtime class {spec.runtime_class_name} adds is not read")
    if spec.resource_claims:
        new.doubt("it claims devices, which are not counted")
    kinds = {kind for volume in spec.volumes or () for kind in volume if kind != "name"} - FREE_VOLUMES
    if kinds:
        new.doubt(f"where its volumes may be attached is not read ({', '.join(sorted(kinds))})")


def _followed(new: Newcomer, rule: PodTerm | SpreadConstraint) -> bool:
    """Whether a rule of the newcomer can be followed from the labels that are known; noted if not."""
    keys = {*(rule.match_label_keys or ()), *(one.key for one in _requirements(rule.label_selector) or ())}
    if isinstance(rule, PodTerm):
        keys |= set(rule.mismatch_label_keys or ())
        if not _open(rule.namespace_selector):
            new.doubt(BY_NAMESPACE)
            return False
    if HASH in keys:
        new.doubt(BY_HASH)
    return HASH not in keys


def _open(namespaces: LabelSelector | None) -> bool:
    """Whether a selector of namespaces says nothing of their labels: no selector, or one of all namespaces."""
    return namespaces is None or not (namespaces.match_labels or namespaces.match_expressions)


def _domain(term: PodTerm, labels: Mapping[str, Mapping[str, str]], pod: Placed) -> Iterator[Domain]:
    value = labels.get(pod.node, {}).get(term.topology_key)
    if value is not None:
        yield term.topology_key, value


def _wants(new: Newcomer, term: PodTerm, pod: Placed) -> bool:
    """Whether a term of the newcomer speaks of a pod."""
    return _meets(_requirements_of(new, term), pod.labels) and _in_scope(term, new.namespace, pod.namespace)


def _wants_itself(new: Newcomer, term: PodTerm) -> bool:
    """Whether a term of the newcomer speaks of its like."""
    return _meets(_requirements_of(new, term), new.labels) and _in_scope(term, new.namespace, new.namespace)


def _speaks_of(new: Newcomer, term: PodTerm, namespace: str, wanted: list[Requirement] | None) -> bool:
    """Whether a term of a pod in `namespace` speaks of the newcomer; where that cannot be known, it is noted."""
    known = None if wanted is None else [one for one in wanted if one.key != HASH]
    if not _meets(known, new.labels):
        return False
    if not _open(term.namespace_selector) and new.namespace not in (term.namespaces or ()):
        new.doubt(BY_NAMESPACE)
        return False
    if not _in_scope(term, namespace, new.namespace):
        return False
    if known != wanted:
        new.doubt(BY_HASH)
    return known == wanted


def _in_scope(term: PodTerm, own: str, namespace: str) -> bool:
    """Whether a term of a pod in `own` speaks of pods in `namespace`; its selector of namespaces is open."""
    if term.namespaces or term.namespace_selector is not None:
        return term.namespace_selector is not None or namespace in (term.namespaces or ())
    return namespace == own


def _meets(wanted: list[Requirement] | None, labels: Mapping[str, str]) -> bool:
    return wanted is not None and all(holds(one, labels) for one in wanted)


def _requirements(selector: LabelSelector | None) -> list[Requirement] | None:
    """None for no selector, which matches nothing; an empty one matches everything."""
    if selector is None:
        return None
    labels = [Requirement(key, "In", (value,)) for key, value in (selector.match_labels or {}).items()]
    return [*labels, *requirements(selector.match_expressions)]


def _requirements_of(new: Newcomer, rule: PodTerm | SpreadConstraint) -> list[Requirement] | None:
    """What a rule of the newcomer asks for, with the keys whose values it takes from its own labels."""
    wanted = _requirements(rule.label_selector)
    if wanted is None:
        return None
    unlike = rule.mismatch_label_keys if isinstance(rule, PodTerm) else None
    for operator, keys in (("In", rule.match_label_keys), ("NotIn", unlike)):
        wanted += [Requirement(key, operator, (new.labels[key],)) for key in keys or () if key in new.labels]
    return wanted


def _spread(new: Newcomer, constraint: SpreadConstraint, placed: Sequence[Placed], nodes: Mapping[str, Node]) -> Spread:
    wanted, keys = _requirements_of(new, constraint), _keys(new.spreads)
    counts: dict[str, int] = {}
    domains: dict[str, str] = {}
    for name, node in nodes.items():
        labels = node.metadata.labels or {}
        if all(key in labels for key in keys) and _counts(new, constraint, node):
            domains[name] = labels[constraint.topology_key]
            counts.setdefault(domains[name], 0)
    for pod in placed:
        if pod.node in domains and pod.namespace == new.namespace and not pod.leaving:
            counts[domains[pod.node]] += _meets(wanted, pod.labels)
    itself = _meets(wanted, new.labels)
    return Spread(constraint.topology_key, constraint.max_skew, counts, itself, constraint.min_domains)


def _counts(new: Newcomer, constraint: SpreadConstraint, node: Node) -> bool:
    """Whether a node's domain counts for a constraint, whatever else keeps pods off it."""
    if constraint.node_affinity_policy == "Honor" and not selected(node, new.spec):
        return False
    return constraint.node_taints_policy != "Honor" or not repelled(node, new.spec)


def _keys(rules: Iterable[PodTerm | SpreadConstraint]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.topology_key for one in rules))
