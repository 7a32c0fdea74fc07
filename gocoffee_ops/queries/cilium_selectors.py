"""Whom the selectors of Cilium's policies find: endpoints by the labels of their identity, and nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from gocoffee_ops.analysis.scheduling import Requirement, holds
from gocoffee_ops.queries.listing import Surroundings
from gocoffee_ops.queries.objects import requirements
from gocoffee_ops.sources.kubernetes.cilium_shapes import Endpoint, Policy, Rule
from gocoffee_ops.sources.kubernetes.lists import ADDRESSED_NODES, CILIUM_ENDPOINTS, LABELLED_NAMESPACES
from gocoffee_ops.sources.kubernetes.placement_shapes import Expression, LabelSelector

ANY, K8S = "any", "k8s"
OF_PODS = {ANY, K8S}
NAMESPACE_KEY = "io.kubernetes.pod.namespace"
NAMESPACE_LABEL = f"{K8S}:{NAMESPACE_KEY}"
LABELS_OF_NAMESPACE = "io.cilium.k8s.namespace.labels."
GIVEN_BY_CILIUM = "io.cilium.k8s.policy."  # the service account and the cluster: no labels of a pod
OF_CLUSTER = f"{GIVEN_BY_CILIUM}cluster"

Labels = Mapping[str, str]


def sourced(key: str) -> tuple[str, str]:
    """The source of a selector's key, and the key itself.

    >>> sourced("k8s:app"), sourced("app"), sourced("$host")
    (('k8s', 'app'), ('any', 'app'), ('reserved', 'host'))
    """
    if key.startswith("$"):
        return "reserved", key[1:]
    source, colon, name = key.partition(":")
    return (source, name) if colon else (ANY, key)


def identity_labels(one: Endpoint) -> dict[str, str]:
    """The labels of an endpoint's identity, each under its own source and under any; of one that has none yet, its pod's."""
    identity = one.status.identity if one.status else None
    if identity is None or not identity.labels:
        return with_sources(f"{K8S}:{key}={value}" for key, value in (one.metadata.labels or {}).items())
    return with_sources(identity.labels)


def with_sources(labels: Iterable[str]) -> dict[str, str]:
    """Labels as Cilium writes them, each under its own source and under any.

    >>> with_sources(["k8s:app=web"])
    {'k8s:app': 'web', 'any:app': 'web'}
    """
    found: dict[str, str] = {}
    for label in labels:
        key, _, value = label.partition("=")
        source, name = sourced(key)
        found |= {f"{source}:{name}": value, f"{ANY}:{name}": value}
    return found


class Found(Surroundings):
    """What selectors are held against; each list is read when the first of them needs it."""

    @cached_property
    def namespaces(self) -> dict[str, dict[str, str]]:
        """Of each namespace, the labels that identities in it have from it."""
        found = {}
        for one in self._lists.all(LABELLED_NAMESPACES):
            own = [f"{K8S}:{LABELS_OF_NAMESPACE}{key}={value}" for key, value in (one.metadata.labels or {}).items()]
            found[one.metadata.name] = with_sources([f"{NAMESPACE_LABEL}={one.metadata.name}", *own])
        return found

    @cached_property
    def nodes(self) -> list[dict[str, str]]:
        """The labels of nodes."""
        return [
            with_sources(f"{K8S}:{key}={value}" for key, value in (one.metadata.labels or {}).items())
            for one in self._lists.all(ADDRESSED_NODES)
        ]

    @cached_property
    def _endpoints(self) -> dict[str, list[dict[str, str]]]:
        """The labels of identities that endpoints have, by namespace, each once."""
        distinct: dict[tuple[str, frozenset[tuple[str, str]]], dict[str, str]] = {}
        for one in self._lists.all_there_may_be(CILIUM_ENDPOINTS, namespace=self._namespace):
            labels = identity_labels(one)
            distinct[one.metadata.namespace, frozenset(labels.items())] = labels
        found: dict[str, list[dict[str, str]]] = {}
        for (namespace, _), labels in distinct.items():
            found.setdefault(namespace, []).append(labels)
        return found

    def has_endpoint(self, namespaces: Sequence[str] | None, wanted: Sequence[Requirement]) -> bool:
        """Whether an endpoint in one of these namespaces, or in any, has the labels."""
        among = self._endpoints if namespaces is None else namespaces
        return any(_all(wanted, labels) for name in among for labels in self._endpoints.get(name, ()))


def parts(one: Policy, around: Found) -> Iterator[dict[str, Any]]:
    """A policy's rows: for each rule, whom it is for and each peer that it selects by labels."""
    about = {"namespace": one.metadata.namespace, "policy": one.metadata.name}
    rules = [*([one.spec] if one.spec else []), *(one.specs or ())] or [Rule()]
    for number, rule in enumerate(rules, 1):
        yield from (about | {"rule": number} | row for row in _rule(rule, one.metadata.namespace, around))


def _rule(rule: Rule, home: str, around: Found) -> Iterator[dict[str, Any]]:
    if rule.endpoint_selector is not None:
        yield {"part": "endpoints"} | _own(rule.endpoint_selector, home, around)
    elif rule.node_selector is not None:
        yield {"part": "nodes"} | _nodes(rule.node_selector, around)
    else:
        yield {"part": "none"} | _row(LabelSelector(), [], [], finds=False)
    for part, rules in (
        ("ingress", rule.ingress),
        ("ingress deny", rule.ingress_deny),
        ("egress", rule.egress),
        ("egress deny", rule.egress_deny),
    ):
        for way in rules or ():
            yield from ({"part": part} | _peer(peer, home, around) for peer in way.endpoints or ())


def _own(selector: LabelSelector, home: str, around: Found) -> dict[str, Any]:
    """Whom a rule is for. A namespace's policy is for its own endpoints: Cilium puts its namespace over one that is given."""
    terms = _terms(selector)
    if home:
        given = (selector.match_labels or {}).get(NAMESPACE_LABEL, "")
        terms = [one for one in terms if one != Requirement(NAMESPACE_LABEL, "In", [given])]
        terms.append(Requirement(NAMESPACE_LABEL, "In", [home]))
        return _endpoints(selector, terms, home, around)
    return _endpoints(selector, terms, "", around)


def _peer(selector: LabelSelector, home: str, around: Found) -> dict[str, Any]:
    """A peer: of the policy's own namespace, if it says nothing of namespaces."""
    terms = _terms(selector)
    if home and not any(_of_namespace(one.key) for one in terms):
        terms.append(Requirement(NAMESPACE_LABEL, "In", [home]))
    return _endpoints(selector, terms, home, around)


def _endpoints(selector: LabelSelector, terms: list[Requirement], home: str, around: Found) -> dict[str, Any]:
    of_namespace = [one for one in terms if _of_namespace(one.key)]
    wanted = [one for one in terms if not _of_namespace(one.key)]
    namespaces, read = _namespaces(of_namespace, home, around)
    finds: bool | None = around.has_endpoint(namespaces, wanted)
    elsewhere = not read or any(_beyond_pods(one.key) for one in wanted)
    return _row(selector, wanted, namespaces, finds=finds or (None if elsewhere else False))


def _namespaces(terms: list[Requirement], home: str, around: Found) -> tuple[list[str] | None, bool]:
    """The namespaces that meet these terms, None for any, and whether all of them are read."""
    own = Requirement(NAMESPACE_LABEL, "In", [home])
    if not terms:
        return None, around.whole
    if home and own in terms and all(one.key.endswith(f":{NAMESPACE_KEY}") for one in terms):
        return ([home] if _all(terms, with_sources([f"{NAMESPACE_LABEL}={home}"])) else []), True
    if not around.whole:
        return [], False
    return [name for name, labels in around.namespaces.items() if _all(terms, labels)], True


def _nodes(selector: LabelSelector, around: Found) -> dict[str, Any]:
    terms = _terms(selector)
    finds: bool | None = any(_all(terms, labels) for labels in around.nodes)
    beyond = any(sourced(one.key)[0] not in OF_PODS for one in terms)
    return _row(selector, [], [], finds=finds or (None if beyond else False))


def _row(
    selector: LabelSelector, wanted: Iterable[Requirement], namespaces: list[str] | None, *, finds: bool | None
) -> dict[str, Any]:
    own = [
        Expression(sourced(one.key)[1], one.operator, list(one.values))
        for one in wanted
        if not sourced(one.key)[1].startswith(GIVEN_BY_CILIUM)
    ]
    return {
        "selector": requirements(selector),
        "everywhere": namespaces is None,
        "namespaces": namespaces or [],
        "pod_selector": requirements(LabelSelector(match_expressions=own)),
        "finds": finds,
    }


def _terms(selector: LabelSelector) -> list[Requirement]:
    """A selector's requirements, each key with its source."""
    match = [Requirement(key, "In", [value]) for key, value in (selector.match_labels or {}).items()]
    sets = [Requirement(one.key, one.operator, one.values or ()) for one in selector.match_expressions or ()]
    return [one._replace(key=":".join(sourced(one.key))) for one in (*match, *sets)]


def _all(terms: Iterable[Requirement], labels: Labels) -> bool:
    return all(holds(one, labels) for one in terms)


def _of_namespace(key: str) -> bool:
    source, name = sourced(key)
    return source in OF_PODS and (name == NAMESPACE_KEY or name.startswith(LABELS_OF_NAMESPACE))


def _beyond_pods(key: str) -> bool:
    """Whether a label is of what has no endpoint here: the host, the world, another cluster."""
    source, name = sourced(key)
    return source not in OF_PODS or name == OF_CLUSTER
