"""Do Services have somebody to answer, do Ingresses lead to them, and do network policies find whom they name?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.network_policies import Around, parts
from gocoffee_ops.queries.objects import ago_s, one_line, pairs
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.service_endpoints import (
    Selected,
    counts,
    is_ready,
    leads_nowhere,
    owners,
    port_text,
    service_of,
    undeclared,
)
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import (
    ENDPOINT_SLICES,
    INGRESS_CLASSES,
    INGRESSES,
    NETWORK_POLICIES,
    SERVICES,
)
from gocoffee_ops.sources.kubernetes.network_shapes import Backend, Ingress, Reached, Service

EXTERNAL = "ExternalName"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"

SERVICE_TABLE = Schema(
    "services",
    (
        Column("namespace", "string"),
        Column("service", "string"),
        Column("type", "string"),
        Column("cluster_ip", "string", optional=True, help="None for a headless one"),
        Column("external_name", "string", optional=True),
        Column("addresses", "list[string]", help="from outside, as its load balancer gave them"),
        Column("port_errors", "list[string]", help="port/protocol: why its load balancer does not serve it"),
        Column("selector", "list[string]", help="key=value; none when its endpoints are written by somebody else"),
        Column("ports", "list[string]", help="name port/protocol -> target"),
        Column("ready", "Int64", optional=True, help="endpoints that take traffic; missing for an ExternalName"),
        Column("not_ready", "Int64", optional=True),
        Column("pods", "Int64", help="pods that its selector finds and that have not ended"),
        Column("owners", "list[string]", help="the workloads of these pods"),
        Column("unresolved_ports", "list[string]", help="whose named target none of the pods has: no endpoint"),
        Column("undeclared_ports", "list[string]", help="whose numbered target the pods do not declare, though others"),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", SERVICE_TABLE)
def services(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which Services are there, how many endpoints take their traffic, and do their ports fit the containers'?

    API: core/v1 services and pods, discovery.k8s.io/v1 endpointslices. Permission: list them, in `namespace` or in the
    whole cluster. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    found = lists.all(SERVICES, namespace=namespace)
    endpoints, selected = counts(lists, namespace), Selected(lists, namespace)
    rows = []
    for one in found:
        meta, spec = one.metadata, one.spec
        pods = selected.of(one)
        here = endpoints.get((meta.namespace, meta.name))
        external = spec.type == EXTERNAL
        rows.append(
            {
                "namespace": meta.namespace,
                "service": meta.name,
                "type": spec.type,
                "cluster_ip": spec.cluster_ip or None,
                "external_name": spec.external_name or None,
                "addresses": [each.ip or each.hostname for each in one.status.load_balancer.ingress or ()],
                "port_errors": _port_errors(one.status),
                "selector": pairs(spec.selector),
                "ports": [port_text(port) for port in spec.ports or ()],
                "ready": None if external else len(here.ready) if here else 0,
                "not_ready": None if external else here.not_ready if here else 0,
                "pods": len(pods),
                "owners": owners(pods),
                "unresolved_ports": [port_text(port) for port in spec.ports or () if leads_nowhere(port, pods)],
                "undeclared_ports": [port_text(port) for port in spec.ports or () if undeclared(port, pods)],
                "age_s": ago_s(meta.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


ENDPOINT_TABLE = Schema(
    "endpoints",
    (
        Column("namespace", "string"),
        Column("service", "string"),
        Column("address", "string"),
        Column("ports", "list[string]", help="name port/protocol"),
        Column("ready", "boolean", help="takes traffic"),
        Column("terminating", "boolean"),
        Column("pod", "string", optional=True),
        Column("node", "string", optional=True),
        Column("zone", "string", optional=True),
    ),
)


@query("cluster", ENDPOINT_TABLE)
def endpoints(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which addresses stand behind each Service, and which of them take traffic?

    API: discovery.k8s.io/v1 endpointslices. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    for piece in lists.all(ENDPOINT_SLICES, namespace=namespace):
        ports = [f"{one.name or ''} {one.port or 'any'}/{one.protocol}".strip() for one in piece.ports or ()]
        for one in piece.endpoints or ():
            pod = one.target_ref.name if one.target_ref and one.target_ref.kind == "Pod" else None
            about = {
                "namespace": piece.metadata.namespace,
                "service": service_of(piece),
                "ports": ports,
                "ready": is_ready(one),
                "terminating": bool(one.conditions.terminating),
                "pod": pod,
                "node": one.node_name or None,
                "zone": one.zone or None,
            }
            rows += [about | {"address": address} for address in one.addresses]
    return Rows(rows, notes=lists.notes())


INGRESS_TABLE = Schema(
    "ingresses",
    (
        Column("namespace", "string"),
        Column("ingress", "string"),
        Column(
            "class_name", "string", optional=True, help="named, or the cluster's default; missing when there is none"
        ),
        Column("class_exists", "boolean", optional=True, help="missing when the class is named by the old annotation"),
        Column("addresses", "list[string]", help="where it is reached, as its controller says"),
        Column("port_errors", "list[string]", help="port/protocol: why its load balancer does not serve it"),
        Column("host", "string", optional=True, help="missing for any host"),
        Column("path", "string", optional=True, help="missing for the default backend"),
        Column("path_type", "string", optional=True),
        Column("service", "string", optional=True, help="missing when a path leads to a resource of its controller"),
        Column("port", "string", optional=True),
        Column("service_exists", "boolean", optional=True),
        Column("port_exists", "boolean", optional=True),
        Column("tls", "boolean", help="one of its TLS entries names the host, or names none"),
        Column(
            "tls_secrets", "list[string]", help="names of Secrets; whether they exist, and what is in them, is not read"
        ),
    ),
)


@query("cluster", INGRESS_TABLE)
def ingresses(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which hosts and paths lead to which Service, with TLS or without, and are class, Service and port there?

    The certificate lies in a Secret that the reader may not read; the one that is served is seen by asking the host.

    API: networking.k8s.io/v1 ingresses and ingressclasses, core/v1 services. Permission: list them, ingressclasses in
    the whole cluster. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    found = lists.all(INGRESSES, namespace=namespace)
    classes = {
        one.metadata.name: (one.metadata.annotations or {}).get(DEFAULT_CLASS) == "true"
        for one in lists.all(INGRESS_CLASSES)
    }
    known = {(one.metadata.namespace, one.metadata.name): one for one in lists.all(SERVICES, namespace=namespace)}
    return Rows([row for one in found for row in _paths(one, classes, known)], notes=lists.notes())


def _paths(one: Ingress, classes: dict[str, bool], known: dict[tuple[str, str], Service]) -> Iterator[dict[str, Any]]:
    meta, spec = one.metadata, one.spec
    annotated = (meta.annotations or {}).get(CLASS_ANNOTATION)
    default = next((name for name, is_default in classes.items() if is_default), None)
    named = spec.ingress_class_name or annotated or default
    about = {
        "namespace": meta.namespace,
        "ingress": meta.name,
        "class_name": named,
        "class_exists": None if annotated and not spec.ingress_class_name else named in classes,
        "addresses": [each.ip or each.hostname for each in one.status.load_balancer.ingress or ()],
        "port_errors": _port_errors(one.status),
        "tls_secrets": sorted({tls.secret_name for tls in spec.tls or () if tls.secret_name}),
    }
    if spec.default_backend is not None:
        nothing = {"host": None, "path": None, "path_type": None, "tls": _covered(one, "")}
        yield about | nothing | _backend(spec.default_backend, meta.namespace, known)
    for rule in spec.rules or ():
        host = {"host": rule.host or None, "tls": _covered(one, rule.host)}
        for path in rule.http.paths if rule.http else ():
            backend = _backend(path.backend, meta.namespace, known)
            yield about | host | {"path": path.path or "/", "path_type": path.path_type or None} | backend


def _port_errors(status: Reached) -> list[str]:
    """What a load balancer says of the ports that it does not serve, each once though several addresses have it."""
    ports = [port for each in status.load_balancer.ingress or () for port in each.ports or () if port.error]
    return list(dict.fromkeys(one_line(f"{one.port}/{one.protocol}: {one.error}") for one in ports))


def _backend(backend: Backend, namespace: str, known: dict[tuple[str, str], Service]) -> dict[str, Any]:
    wanted = backend.service
    if wanted is None:
        return {"service": None, "port": None, "service_exists": None, "port_exists": None}
    service = known.get((namespace, wanted.name))
    ports = (service.spec.ports or []) if service else []
    has_port = any(wanted.port.number == one.port or (wanted.port.name or None) == one.name for one in ports)
    return {
        "service": wanted.name,
        "port": wanted.port.name or str(wanted.port.number),
        "service_exists": service is not None,
        "port_exists": has_port if service else None,
    }


def _covered(one: Ingress, host: str) -> bool:
    """Whether TLS is set up for a host: by its name, by a wildcard, or for every host."""
    wildcard = f"*.{host.partition('.')[2]}"
    return any(not tls.hosts or host in tls.hosts or wildcard in tls.hosts for tls in one.spec.tls or ())


NETWORK_POLICY_TABLE = Schema(
    "network policies",
    (
        Column("namespace", "string"),
        Column("policy", "string"),
        Column("part", "string", help="pods: whom it is for; ingress, egress: one of its peers"),
        Column("rule", "Int64", optional=True, help="of which rule of its way in or out, from 1; missing: pods"),
        Column("selector", "list[string]", help="of pods, as kubectl prints it; none for all, and for a block"),
        Column("other_namespaces", "boolean", help="whether it has a selector of namespaces"),
        Column("namespace_selector", "list[string]", help="as kubectl prints it; none for all"),
        Column("namespaces", "list[string]", help="in which its pods are looked for"),
        Column("block", "string", optional=True, help="addresses, where the peer is a block"),
        Column("excepted_from", "string", optional=True, help="the block of which this one is an exception"),
        Column("in_pod_range", "boolean", optional=True, help="whether the block is a part of those of nodes' pods"),
        Column(
            "finds_pod",
            "boolean",
            optional=True,
            help="one that has ended counts; missing: it lies where none was read",
        ),
    ),
)


@query("cluster", NETWORK_POLICY_TABLE)
def network_policies(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which network policies are there, and are there pods that they are for, and pods behind each of their peers?

    With `namespace`, whether a peer in other namespaces, or a block of addresses, finds pods is not read.

    API: networking.k8s.io/v1 networkpolicies, core/v1 pods, namespaces and nodes. Permission: list policies and pods, in
    `namespace` or in the whole cluster; namespaces and nodes where a peer names them. Raises SourceError; NotFound when
    there is no such namespace.
    """
    lists = Lists(ask)
    found, around = lists.all(NETWORK_POLICIES, namespace=namespace), Around(lists, namespace)
    return Rows([row for one in found for row in parts(one, around)], notes=lists.notes())
