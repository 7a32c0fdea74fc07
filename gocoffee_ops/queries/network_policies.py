"""Whom the selectors and address blocks of network policies find."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from gocoffee_ops.analysis.scheduling import Requirement, selects
from gocoffee_ops.errors import Malformed
from gocoffee_ops.queries.listing import Surroundings
from gocoffee_ops.queries.objects import requirements
from gocoffee_ops.sources.kubernetes.lists import ADDRESSED_PODS, LABELLED_NAMESPACES, RANGED_NODES
from gocoffee_ops.sources.kubernetes.network_policy_shapes import Block, NetworkPolicy, Peer
from gocoffee_ops.sources.kubernetes.placement_shapes import LabelSelector

Labels = dict[str, str]
Network = IPv4Network | IPv6Network
EVERY = LabelSelector()


class Around(Surroundings):
    """What selectors and blocks are held against; each list is read when the first of them needs it."""

    @cached_property
    def namespaces(self) -> dict[str, Labels]:
        """The labels of each namespace."""
        return {one.metadata.name: one.metadata.labels or {} for one in self._lists.all(LABELLED_NAMESPACES)}

    @cached_property
    def ranges(self) -> list[Network]:
        """The blocks from which nodes give their pods addresses."""
        return [_network(one) for node in self._lists.all(RANGED_NODES) for one in node.spec.pod_cidrs or ()]

    @cached_property
    def _pods(self) -> tuple[dict[str, list[Labels]], list[tuple[int, int]]]:
        labels: dict[str, list[Labels]] = {}
        addresses = []
        for pod in self._lists.all(ADDRESSED_PODS, namespace=self._namespace):
            labels.setdefault(pod.metadata.namespace, []).append(pod.metadata.labels or {})
            found = [ip_address(one.ip) for one in pod.status.pod_ips or () if one.ip]
            addresses += [(one.version, int(one)) for one in found]
        return labels, sorted(addresses)

    def has_pod(self, namespaces: Iterable[str], selector: LabelSelector) -> bool:
        """Whether a pod in one of these namespaces has the labels."""
        by_namespace, _ = self._pods
        wanted = _terms(selector)
        match = selector.match_labels or {}
        return any(selects(match, wanted, one) for name in namespaces for one in by_namespace.get(name, ()))

    def has_address(self, network: Network) -> bool:
        """Whether a pod has an address in this block."""
        _, addresses = self._pods
        first = bisect_left(addresses, (network.version, int(network.network_address)))
        return first < len(addresses) and addresses[first] <= (network.version, int(network.broadcast_address))

    def in_pod_range(self, network: Network) -> bool:
        """Whether a block is a part of those that nodes give to pods. A node's whole block may be without pods by chance."""
        return any(
            network.version == one.version and network != one and network.subnet_of(one)  # type: ignore[arg-type]
            for one in self.ranges
        )


def parts(one: NetworkPolicy, around: Around) -> Iterator[dict[str, Any]]:
    """A policy's row for the pods that it is for, and one for each of its peers."""
    meta, spec = one.metadata, one.spec
    about = {"namespace": meta.namespace, "policy": meta.name}
    for part, rules in (
        ("pods", [[Peer(pod_selector=spec.pod_selector)]]),
        ("ingress", [rule.peers or [] for rule in spec.ingress or ()]),
        ("egress", [rule.peers or [] for rule in spec.egress or ()]),
    ):
        for number, peers in enumerate(rules, 1):
            which = {"part": part, "rule": number if part != "pods" else None}
            for peer in peers:
                if peer.ip_block is not None:
                    yield from (about | which | row for row in _blocks(peer.ip_block, around))
                else:
                    yield about | which | _selected(peer, meta.namespace, around)


def _selected(peer: Peer, namespace: str, around: Around) -> dict[str, Any]:
    across, selector = peer.namespace_selector, peer.pod_selector or EVERY
    names: Sequence[str] = [namespace]
    if across is not None and around.whole:
        wanted, match = _terms(across), across.match_labels or {}
        names = [name for name, labels in around.namespaces.items() if selects(match, wanted, labels)]
    read = across is None or around.whole
    return {
        "selector": requirements(selector),
        "other_namespaces": across is not None,
        "namespace_selector": requirements(across),
        "namespaces": names if read else [],
        "block": None,
        "excepted_from": None,
        "in_pod_range": None,
        "finds_pod": around.has_pod(names, selector) if read else None,
    }


def _blocks(block: Block, around: Around) -> Iterator[dict[str, Any]]:
    for cidr, whole in ((block.cidr, None), *((one, block.cidr) for one in block.except_ or ())):
        network = _network(cidr)
        yield {
            "selector": [],
            "other_namespaces": False,
            "namespace_selector": [],
            "namespaces": [],
            "block": cidr,
            "excepted_from": whole,
            "in_pod_range": around.in_pod_range(network) if around.whole else None,
            "finds_pod": around.has_address(network) if around.whole else None,
        }


def _terms(selector: LabelSelector) -> list[Requirement]:
    return [Requirement(one.key, one.operator, one.values or ()) for one in selector.match_expressions or ()]


def _network(cidr: str) -> Network:
    try:
        return ip_network(cidr, strict=False)
    except ValueError as error:
        raise Malformed("read a block of addresses", why=f"{cidr!r} is none") from error
