"""What is decoded of the Gateway API: classes, gateways and routes. See `shapes`."""

from __future__ import annotations

import msgspec

from gocoffee_ops.sources.kubernetes.placement_shapes import LabelSelector
from gocoffee_ops.sources.kubernetes.pod_shapes import DatedCondition, LabelledMeta
from gocoffee_ops.sources.kubernetes.shapes import Shape

GROUP = "gateway.networking.k8s.io"


class Accepted(Shape):
    """Conditions, as the controller wrote them."""

    conditions: list[DatedCondition] | None = None


class ClassSpec(Shape):
    """spec of a class: whose it is."""

    controller_name: str = ""


class GatewayClass(Shape):
    """A class of gateways."""

    metadata: LabelledMeta
    spec: ClassSpec = msgspec.field(default_factory=ClassSpec)
    status: Accepted = msgspec.field(default_factory=Accepted)


class RouteNamespaces(Shape):
    """The namespaces whose routes a listener takes."""

    from_: str = msgspec.field(name="from", default="Same")
    selector: LabelSelector | None = None


class AllowedRoutes(Shape):
    """The routes that a listener takes."""

    namespaces: RouteNamespaces = msgspec.field(default_factory=RouteNamespaces)


class Listener(Shape):
    """A listener of a gateway."""

    name: str = ""
    port: int = 0
    allowed_routes: AllowedRoutes = msgspec.field(default_factory=AllowedRoutes)


class GatewaySpec(Shape):
    """spec of a gateway."""

    gateway_class_name: str = ""
    listeners: list[Listener] | None = None


class Gateway(Shape):
    """A gateway."""

    metadata: LabelledMeta
    spec: GatewaySpec = msgspec.field(default_factory=GatewaySpec)
    status: Accepted = msgspec.field(default_factory=Accepted)


class ParentRef(Shape):
    """Where a route wants to be served."""

    name: str = ""
    group: str = GROUP
    kind: str = "Gateway"
    namespace: str = ""
    section_name: str = ""
    port: int = 0


class BackendRef(Shape):
    """Where a route leads to."""

    name: str = ""
    group: str = ""
    kind: str = "Service"
    namespace: str = ""
    port: int = 0
    weight: int = 1


class RouteRule(Shape):
    """A rule of a route; one that answers or redirects by itself leads nowhere."""

    backend_refs: list[BackendRef] | None = None


class RouteSpec(Shape):
    """spec of a route."""

    parent_refs: list[ParentRef] | None = None
    hostnames: list[str] | None = None
    rules: list[RouteRule] | None = None


class ParentStatus(Shape):
    """What one controller says of a route at one parent."""

    parent_ref: ParentRef = msgspec.field(default_factory=ParentRef)
    conditions: list[DatedCondition] | None = None


class RouteStatus(Shape):
    """status of a route."""

    parents: list[ParentStatus] | None = None


class HttpRoute(Shape):
    """A route of HTTP."""

    metadata: LabelledMeta
    spec: RouteSpec = msgspec.field(default_factory=RouteSpec)
    status: RouteStatus = msgspec.field(default_factory=RouteStatus)
