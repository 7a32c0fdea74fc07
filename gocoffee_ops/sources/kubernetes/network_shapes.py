"""What is decoded of Services, endpoints, Ingresses, admission webhooks and policies. See `shapes`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gocoffee_ops.sources.kubernetes.shapes import Shape
from gocoffee_ops.sources.kubernetes.state_shapes import ServiceRef


class AnnotatedMeta(Shape):
    """metadata with labels and annotations."""

    name: str
    namespace: str = ""
    creation_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Named(Shape):
    """An object of which its name and annotations are all we ask."""

    metadata: AnnotatedMeta


class ServicePort(Shape):
    """A port of a Service, and where it leads."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None


class ServiceSpec(Shape):
    """spec of a Service."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    external_name: str = ""
    selector: dict[str, str] | None = None
    ports: list[ServicePort] | None = None
    publish_not_ready_addresses: bool = False


class BalancedPort(Shape):
    """A port of a load balancer, and why it does not serve it."""

    port: int
    protocol: str = "TCP"
    error: str | None = None


class Addressed(Shape):
    """An address that a load balancer gave."""

    ip: str = ""
    hostname: str = ""
    ports: list[BalancedPort] | None = None


class LoadBalancer(Shape):
    """Addresses from outside."""

    ingress: list[Addressed] | None = None


class Reached(Shape):
    """status of a Service or an Ingress."""

    load_balancer: LoadBalancer = msgspec.field(default_factory=LoadBalancer)


class ServiceMeta(AnnotatedMeta):
    """metadata of a Service, after whose uid its load balancer may be named."""

    uid: str = ""


class Service(Shape):
    """A Service."""

    metadata: ServiceMeta
    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)
    status: Reached = msgspec.field(default_factory=Reached)


class Serving(Shape):
    """What an endpoint can do; ready counts as true where it is not said."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetRef(Shape):
    """What an endpoint is an address of."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class Endpoint(Shape):
    """One endpoint."""

    addresses: list[str]
    conditions: Serving = msgspec.field(default_factory=Serving)
    target_ref: TargetRef | None = None
    node_name: str = ""
    zone: str = ""


class EndpointPort(Shape):
    """A port of a slice's endpoints."""

    name: str | None = None
    port: int | None = None
    protocol: str = "TCP"


class EndpointSlice(Shape):
    """A slice of a Service's endpoints."""

    metadata: AnnotatedMeta
    endpoints: list[Endpoint] | None = None
    ports: list[EndpointPort] | None = None


class BackendPort(Shape):
    """The port of a Service, by number or name."""

    number: int = 0
    name: str = ""


class BackendService(Shape):
    """The Service that a path leads to."""

    name: str
    port: BackendPort = msgspec.field(default_factory=BackendPort)


class Backend(Shape):
    """Where a path leads to; without a Service, to a resource of its controller."""

    service: BackendService | None = None


class Path(Shape):
    """One path of a rule."""

    backend: Backend
    path: str = ""
    path_type: str = ""


class Paths(Shape):
    """The paths of a rule."""

    paths: list[Path]


class Rule(Shape):
    """One rule of an Ingress."""

    host: str = ""
    http: Paths | None = None


class Tls(Shape):
    """Hosts, and the Secret with their certificate: its name alone."""

    hosts: list[str] | None = None
    secret_name: str = ""


class IngressSpec(Shape):
    """spec of an Ingress."""

    ingress_class_name: str | None = None
    default_backend: Backend | None = None
    tls: list[Tls] | None = None
    rules: list[Rule] | None = None


class Ingress(Shape):
    """An Ingress."""

    metadata: AnnotatedMeta
    spec: IngressSpec = msgspec.field(default_factory=IngressSpec)
    status: Reached = msgspec.field(default_factory=Reached)


class ClientConfig(Shape):
    """Where a webhook is; its certificate is not decoded."""

    service: ServiceRef | None = None
    url: str = ""


class WebhookRule(Shape):
    """What a webhook is asked about."""

    operations: list[str] | None = None
    resources: list[str] | None = None


class Webhook(Shape):
    """One admission webhook."""

    name: str
    client_config: ClientConfig
    failure_policy: str = "Fail"
    timeout_seconds: int = 10
    rules: list[WebhookRule] | None = None


class WebhookConfiguration(Shape):
    """The webhooks of one configuration."""

    metadata: AnnotatedMeta
    webhooks: list[Webhook] | None = None


class ExpressionWarning(Shape):
    """What the API server says of an expression's types."""

    field_ref: str = ""
    warning: str = ""


class TypeChecking(Shape):
    """The expressions of a policy that do not fit what they are asked about."""

    expression_warnings: list[ExpressionWarning] | None = None


class AdmissionPolicyStatus(Shape):
    """status of a validating admission policy; without type checking, it has not been checked yet."""

    type_checking: TypeChecking | None = None


class AdmissionPolicy(Shape):
    """A validating admission policy."""

    metadata: AnnotatedMeta
    status: AdmissionPolicyStatus = msgspec.field(default_factory=AdmissionPolicyStatus)


class BindingSpec(Shape):
    """spec of a binding: which policy is in force, and what happens where it is not met."""

    policy_name: str = ""
    validation_actions: list[str] | None = None


class AdmissionBinding(Shape):
    """What puts a validating admission policy in force."""

    metadata: AnnotatedMeta
    spec: BindingSpec = msgspec.field(default_factory=BindingSpec)
