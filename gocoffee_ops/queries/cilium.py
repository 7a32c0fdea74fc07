"""Cilium: are its endpoints and identities of what is there, and do its policies find anybody? A cluster without it has none."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from ipaddress import ip_address
from typing import Any, NamedTuple

from gocoffee_ops.errors import Malformed
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.cilium_selectors import NAMESPACE_KEY, NAMESPACE_LABEL, Found, parts
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.cilium_shapes import Endpoint, HostedPod, Identity
from gocoffee_ops.sources.kubernetes.lists import (
    ADDRESSED_NODES,
    CILIUM_CLUSTERWIDE_POLICIES,
    CILIUM_ENDPOINTS,
    CILIUM_IDENTITIES,
    CILIUM_POLICIES,
    HOSTED_PODS,
    NAMESPACES,
)

ENDED = {"Succeeded", "Failed"}
RESERVED = 256  # numbers below are of what Cilium knows by itself, as the host and the world
LOCAL = 1 << 24  # and from here on those that one node gives, as to blocks of addresses

IDENTITY_TABLE = Schema(
    "identities of Cilium",
    (
        Column("identity", "string", help="its number"),
        Column("namespace", "string", optional=True, help="by its label, which kubectl shows"),
        Column("security_namespace", "string", optional=True, help="by its security labels, which policies go by"),
        Column("namespace_exists", "boolean", optional=True, help="missing: it names none"),
        Column("endpoints", "Int64", help="that have it"),
        Column("marked_s", "Float64", "s", "since the operator marked it for deletion, if it did", optional=True),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", IDENTITY_TABLE)
def identities(ask: Ask[Cluster]) -> Rows:
    """Which identities has Cilium given, how many endpoints have each, and is its namespace there?

    None where Cilium keeps identities in a store of its own.

    API: cilium.io/v2 ciliumidentities and ciliumendpoints, core/v1 namespaces. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    found = lists.all_there_may_be(CILIUM_IDENTITIES)
    if not found:
        return Rows([], notes=lists.notes())
    used = Counter(_identity(one) for one in lists.all_there_may_be(CILIUM_ENDPOINTS))
    namespaces = {one.metadata.name for one in lists.all(NAMESPACES)}
    rows = [_given(one, used[_number(one)], namespaces, ask.as_of) for one in found]
    return Rows(rows, notes=lists.notes())


def _given(one: Identity, endpoints: int, namespaces: set[str], as_of: datetime) -> dict[str, Any]:
    meta = one.metadata
    shown, meant = (meta.labels or {}).get(NAMESPACE_KEY), one.security_labels.get(NAMESPACE_LABEL)
    named = meant or shown
    return {
        "identity": meta.name,
        "namespace": shown,
        "security_namespace": meant,
        "namespace_exists": named in namespaces if named else None,
        "endpoints": endpoints,
        "marked_s": ago_s(meta.annotations.heartbeat if meta.annotations else None, as_of),
        "age_s": ago_s(meta.creation_timestamp, as_of),
    }


ENDPOINT_TABLE = Schema(
    "endpoints of Cilium",
    (
        Column("namespace", "string"),
        Column("endpoint", "string"),
        Column("identity", "Int64", optional=True, help="missing: it has none yet"),
        Column(
            "identity_exists",
            "boolean",
            optional=True,
            help="missing: it needs none, or Cilium keeps identities elsewhere",
        ),
        Column(
            "identity_elsewhere",
            "boolean",
            optional=True,
            help="whether it needs one, and none of those that endpoints have is among those that are kept",
        ),
        Column("pod", "string", optional=True, help="its owner; missing: it names none"),
        Column("pod_exists", "boolean", optional=True),
        Column("pod_phase", "string", optional=True),
        Column("pod_ended_s", "Float64", "s", "since the pod ended, if it did", optional=True),
        Column("pod_goes", "boolean", optional=True, help="whether the pod is being deleted"),
        Column("node", "string", optional=True, help="of the pod"),
        Column("node_exists", "boolean", optional=True),
        Column("node_address", "string", optional=True, help="of the node that the endpoint says it is on"),
        Column(
            "node_address_exists",
            "boolean",
            optional=True,
            help="whether a node has it; missing: no endpoint's address is one of a node, so that Cilium goes by others",
        ),
        Column("age_s", "Float64", "s"),
    ),
)


class _Around(NamedTuple):
    """What endpoints are held against."""

    pods: dict[tuple[str, str], HostedPod]
    nodes: set[str]
    addresses: set[str]  # of nodes; none where no endpoint's address is among them
    identities: set[int]  # none where no endpoint has one of them
    kept: int  # identities, whoever has them


@query("cluster", ENDPOINT_TABLE)
def endpoints(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which endpoints has Cilium, and are the pod, the node and the identity of each there?

    Endpoints whose pod is gone are read again: one that goes with its pod has no row.

    API: cilium.io/v2 ciliumendpoints and ciliumidentities, core/v1 pods and nodes. Permission: list endpoints and pods, in
    `namespace` or in the whole cluster; identities and nodes. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    found = lists.all_there_may_be(CILIUM_ENDPOINTS, namespace=namespace)
    if not found:
        return Rows([], notes=lists.notes())
    pods = {(one.metadata.namespace, one.metadata.name): one for one in lists.all(HOSTED_PODS, namespace=namespace)}
    if any(_lost(one, pods) for one in found):
        still = {_key(one) for one in lists.all_there_may_be(CILIUM_ENDPOINTS, namespace=namespace)}
        found = [one for one in found if not _lost(one, pods) or _key(one) in still]
    nodes = lists.all(ADDRESSED_NODES)
    addresses = {_normal(each.address) for one in nodes for each in one.status.addresses or ()}
    identities = {_number(one) for one in lists.all_there_may_be(CILIUM_IDENTITIES)}
    around = _Around(
        pods,
        {one.metadata.name for one in nodes},
        addresses if addresses & {_normal(_address(one)) for one in found} else set(),
        identities if identities & {_identity(one) for one in found} else set(),
        len(identities),
    )
    return Rows([_endpoint(one, around, ask.as_of) for one in found], notes=lists.notes())


def _endpoint(one: Endpoint, around: _Around, as_of: datetime) -> dict[str, Any]:
    meta, pod, identity, address = one.metadata, _pod(one), _identity(one), _address(one)
    there = around.pods.get((meta.namespace, pod)) if pod else None
    node = there.spec.node_name or None if there else None
    given = RESERVED <= identity < LOCAL
    return {
        "namespace": meta.namespace,
        "endpoint": meta.name,
        "identity": identity or None,
        "identity_exists": identity in around.identities if given and around.identities else None,
        "identity_elsewhere": given and bool(around.kept) and not around.identities,
        "pod": pod,
        "pod_exists": there is not None if pod else None,
        "pod_phase": there.status.phase or None if there else None,
        "pod_ended_s": ago_s(_ended(there), as_of) if there else None,
        "pod_goes": there.metadata.deletion_timestamp is not None if there else None,
        "node": node,
        "node_exists": node in around.nodes if node else None,
        "node_address": address or None,
        "node_address_exists": _normal(address) in around.addresses if address and around.addresses else None,
        "age_s": ago_s(meta.creation_timestamp, as_of),
    }


POLICY_TABLE = Schema(
    "policies of Cilium",
    (
        Column("namespace", "string", help="empty for one of the whole cluster"),
        Column("policy", "string"),
        Column("rule", "Int64", help="which of its rules, from 1"),
        Column(
            "part",
            "string",
            help="endpoints or nodes: whom a rule is for, none if it does not say; ingress, ingress deny, egress, egress deny: "
            "a peer of it",
        ),
        Column("selector", "list[string]", help="as kubectl prints it, with Cilium's sources of labels; none for all"),
        Column("everywhere", "boolean", help="whether it is of any namespace"),
        Column("namespaces", "list[string]", help="in which endpoints are looked for, if not everywhere"),
        Column(
            "pod_selector", "list[string]", help="what of the selector is of a pod's own labels, as kubectl prints it"
        ),
        Column(
            "finds",
            "boolean",
            optional=True,
            help="an endpoint, or a node; missing: what it selects has no endpoint, or lies where none was read",
        ),
    ),
)


@query("cluster", POLICY_TABLE)
def policies(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which policies of namespaces has Cilium, and are there endpoints that they are for, and behind each of their peers?

    Peers by address, name or entity select nobody by labels, and have no row. With `namespace`, endpoints in others are
    not read.

    API: cilium.io/v2 ciliumnetworkpolicies and ciliumendpoints, core/v1 namespaces. Permission: list policies and
    endpoints, in `namespace` or in the whole cluster; namespaces where a peer selects them. Raises SourceError; NotFound
    when there is no such namespace.
    """
    lists = Lists(ask)
    around = Found(lists, namespace)
    found = lists.all_there_may_be(CILIUM_POLICIES, namespace=namespace)
    return Rows([row for one in found for row in parts(one, around)], notes=lists.notes())


@query("cluster", POLICY_TABLE)
def clusterwide_policies(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which policies of the whole cluster has Cilium, and are there endpoints or nodes that they are for, and their peers?

    With `namespace`, endpoints in others are not read: what finds none in it is not told.

    API: cilium.io/v2 ciliumclusterwidenetworkpolicies and ciliumendpoints, core/v1 namespaces and nodes. Permission: list
    policies; endpoints, in `namespace` or in the whole cluster; namespaces and nodes where a policy selects them. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    around = Found(lists, namespace)
    found = lists.all_there_may_be(CILIUM_CLUSTERWIDE_POLICIES)
    return Rows([row for one in found for row in parts(one, around)], notes=lists.notes())


def _key(one: Endpoint) -> tuple[str, str]:
    return one.metadata.namespace, one.metadata.name


def _pod(one: Endpoint) -> str | None:
    """The pod that an endpoint is of."""
    return next((owner.name for owner in one.metadata.owner_references or () if owner.kind == "Pod"), None)


def _lost(one: Endpoint, pods: dict[tuple[str, str], HostedPod]) -> bool:
    pod = _pod(one)
    return pod is not None and (one.metadata.namespace, pod) not in pods


def _ended(pod: HostedPod) -> datetime | None:
    """When a pod ended: at its last change."""
    if pod.status.phase not in ENDED:
        return None
    changes = [one.last_transition_time for one in pod.status.conditions or () if one.last_transition_time]
    return max(changes, default=pod.metadata.creation_timestamp)


def _identity(one: Endpoint) -> int:
    """The number of an endpoint's identity; 0 for none."""
    return one.status.identity.id if one.status and one.status.identity else 0


def _address(one: Endpoint) -> str:
    return one.status.networking.node if one.status and one.status.networking else ""


def _number(one: Identity) -> int:
    try:
        return int(one.metadata.name)
    except ValueError as error:
        raise Malformed("read an identity of Cilium", why=f"its name {one.metadata.name!r} is no number") from error


def _normal(address: str) -> str:
    """An address in one form; the name of a host stays as it is."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address
