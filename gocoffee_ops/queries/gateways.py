"""The Gateway API: are gateways accepted, and do routes lead from one of them to a Service? A cluster without it has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gocoffee_ops.analysis.scheduling import Requirement, selects
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.network_policies import Around
from gocoffee_ops.queries.objects import ago_s, by_type, requirements, told
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.gateway_shapes import (
    GROUP,
    Accepted,
    BackendRef,
    Gateway,
    HttpRoute,
    Listener,
    ParentRef,
)
from gocoffee_ops.sources.kubernetes.lists import GATEWAY_CLASSES, GATEWAYS, HTTP_ROUTES, SERVICES
from gocoffee_ops.sources.kubernetes.network_shapes import Service

SAID = (
    Column("accepted", "boolean", optional=True, help="missing: no controller has said"),
    Column("accepted_reason", "string", optional=True),
    Column("age_s", "Float64", "s"),
)
CLASS_TABLE = Schema("gateway classes", (Column("gateway_class", "string"), Column("controller", "string"), *SAID))


@query("cluster", CLASS_TABLE)
def classes(ask: Ask[Cluster]) -> Rows:
    """Which classes of gateways are there, and has a controller accepted them?

    API: gateway.networking.k8s.io/v1 gatewayclasses. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = [
        {"gateway_class": one.metadata.name, "controller": one.spec.controller_name, **_accepted(one.status)}
        | {"age_s": ago_s(one.metadata.creation_timestamp, ask.as_of)}
        for one in lists.all_there_may_be(GATEWAY_CLASSES)
    ]
    return Rows(rows, notes=lists.notes())


GATEWAY_TABLE = Schema(
    "gateways",
    (
        Column("namespace", "string"),
        Column("gateway", "string"),
        Column("gateway_class", "string"),
        Column("listeners", "list[string]", help="name and port"),
        *SAID,
    ),
)


@query("cluster", GATEWAY_TABLE)
def gateways(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which gateways are there, and has a controller accepted them?

    API: gateway.networking.k8s.io/v1 gateways. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = [
        {
            "namespace": one.metadata.namespace,
            "gateway": one.metadata.name,
            "gateway_class": one.spec.gateway_class_name,
            "listeners": [f"{each.name} {each.port}" for each in one.spec.listeners or ()],
            **_accepted(one.status),
            "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
        }
        for one in lists.all_there_may_be(GATEWAYS, namespace=namespace)
    ]
    return Rows(rows, notes=lists.notes())


ROUTE_TABLE = Schema(
    "routes",
    (
        Column("namespace", "string"),
        Column("route", "string"),
        Column("hosts", "list[string]", help="none for any"),
        Column("part", "string", help="parent: where it is to be served; backend: where it leads"),
        Column("kind", "string", help="Gateway, Service, or what else is named: whether that is there is not read"),
        Column("target_namespace", "string"),
        Column("target", "string"),
        Column(
            "at", "string", optional=True, help="the listener of the parent or the port of the backend, if one is named"
        ),
        Column("exists", "boolean", optional=True, help="missing: it lies where none was read"),
        Column("at_exists", "boolean", optional=True),
        Column(
            "weight",
            "Int64",
            optional=True,
            help="of a backend, the most that a rule gives it: with 0 no request goes there",
        ),
        Column("allowed", "boolean", optional=True, help="whether the parent takes routes of this namespace"),
        Column("takes", "list[string]", help="of which namespaces the parent takes routes"),
        Column("refused", "string", optional=True, help="why the parent's controller does not serve it"),
    ),
)


@query("cluster", ROUTE_TABLE)
def routes(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which routes of HTTP are there, does their gateway take them, and are Service and port there?

    With `namespace`, gateways and Services in others are not read.

    API: gateway.networking.k8s.io/v1 httproutes and gateways, core/v1 services and namespaces. Permission: list them, in
    `namespace` or in the whole cluster; namespaces where a gateway selects them. Raises SourceError; NotFound when there
    is no such namespace.
    """
    lists = Lists(ask)
    found = lists.all_there_may_be(HTTP_ROUTES, namespace=namespace)
    if not found:
        return Rows([], notes=lists.notes())
    there = {
        (one.metadata.namespace, one.metadata.name): one
        for one in lists.all_there_may_be(GATEWAYS, namespace=namespace)
    }
    services = {(one.metadata.namespace, one.metadata.name): one for one in lists.all(SERVICES, namespace=namespace)}
    around = Around(lists, namespace)
    rows = []
    for one in found:
        about = {"namespace": one.metadata.namespace, "route": one.metadata.name, "hosts": one.spec.hostnames or []}
        rows += [about | _parent(ref, one, there, around) for ref in one.spec.parent_refs or ()]
        refs = [ref for rule in one.spec.rules or () for ref in rule.backend_refs or ()]
        rows += [about | row for row in _backends(refs, one.metadata.namespace, services, around)]
    return Rows(rows, notes=lists.notes())


def _accepted(status: Accepted) -> dict[str, Any]:
    said = by_type(status.conditions).get("Accepted")
    known = said is not None and said.status in {"True", "False"}
    return {"accepted": said.status == "True" if said and known else None, "accepted_reason": told(said)}


def _parent(ref: ParentRef, route: HttpRoute, there: dict[tuple[str, str], Gateway], around: Around) -> dict[str, Any]:
    home = route.metadata.namespace
    where = ref.namespace or home
    read = (ref.group, ref.kind) == (GROUP, "Gateway") and (around.whole or where == home)
    gateway = there.get((where, ref.name))
    named = ref.section_name or (str(ref.port) if ref.port else None)
    listeners = [
        one
        for one in (gateway.spec.listeners if gateway else None) or ()
        if ref.section_name in {"", one.name} and ref.port in {0, one.port}
    ]
    return {
        "part": "parent",
        "kind": ref.kind,
        "target_namespace": where,
        "target": ref.name,
        "at": named,
        "exists": gateway is not None if read else None,
        "at_exists": bool(listeners) if gateway and named else None,
        "weight": None,
        "allowed": any(_takes(one, where, home, around) for one in listeners) if listeners else None,
        "takes": list(dict.fromkeys(_told(one) for one in listeners)),
        "refused": _refused(ref, route),
    }


def _takes(listener: Listener, where: str, home: str, around: Around) -> bool:
    """Whether a listener of a gateway in `where` takes routes of the namespace `home`."""
    allowed = listener.allowed_routes.namespaces
    if allowed.from_ == "Selector" and allowed.selector is not None:
        terms = [
            Requirement(one.key, one.operator, one.values or ()) for one in allowed.selector.match_expressions or ()
        ]
        return selects(allowed.selector.match_labels or {}, terms, around.namespaces.get(home, {}))
    return allowed.from_ == "All" or (allowed.from_ == "Same" and where == home)


def _told(listener: Listener) -> str:
    allowed = listener.allowed_routes.namespaces
    selector = ", ".join(requirements(allowed.selector))
    texts = {
        "Same": "its own namespace",
        "All": "all namespaces",
        "Selector": f"namespaces with {selector or 'any labels'}",
    }
    return texts.get(allowed.from_, "no namespace")


def _refused(ref: ParentRef, route: HttpRoute) -> str | None:
    """The first thing that the parent's controller says is not as it should be."""
    home = route.metadata.namespace
    for one in route.status.parents or ():
        other = one.parent_ref
        same = (other.name, other.namespace or home, other.section_name, other.port)
        if same == (ref.name, ref.namespace or home, ref.section_name, ref.port):
            said = by_type(one.conditions)
            for kind in ("Accepted", "ResolvedRefs"):
                if kind in said and said[kind].status == "False":
                    return told(said[kind])
    return None


def _backends(
    refs: list[BackendRef], home: str, services: dict[tuple[str, str], Service], around: Around
) -> Iterator[dict[str, Any]]:
    weights: dict[tuple[str, str, str, str, int], int] = {}
    for ref in refs:
        key = (ref.group, ref.kind, ref.namespace or home, ref.name, ref.port)
        weights[key] = max(ref.weight, weights.get(key, 0))
    for (group, kind, where, name, port), weight in weights.items():
        read = (group, kind) == ("", "Service") and (around.whole or where == home)
        service = services.get((where, name)) if read else None
        ports = {one.port for one in service.spec.ports or ()} if service else set()
        yield {
            "part": "backend",
            "kind": kind,
            "target_namespace": where,
            "target": name,
            "at": str(port) if port else None,
            "exists": service is not None if read else None,
            "at_exists": port in ports if service and port else None,
            "weight": weight,
            "allowed": None,
            "takes": [],
            "refused": None,
        }
