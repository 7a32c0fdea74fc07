"""What is decoded of Cilium's own resources: identities, endpoints and policies. See `shapes`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gocoffee_ops.sources.kubernetes.placement_shapes import LabelSelector
from gocoffee_ops.sources.kubernetes.pod_shapes import DatedCondition, LabelledMeta
from gocoffee_ops.sources.kubernetes.shapes import Shape

GROUP = "cilium.io"
VERSION = "v2"


class Marks(Shape):
    """Annotations of an identity: since when Cilium's operator has had it down for deletion."""

    heartbeat: datetime | None = msgspec.field(name="io.cilium.heartbeat", default=None)


class MarkedMeta(LabelledMeta):
    """metadata of an identity."""

    annotations: Marks | None = None


class Identity(Shape):
    """A set of labels under a number; its labels, with their sources, are what policies go by."""

    metadata: MarkedMeta
    security_labels: dict[str, str] = msgspec.field(name="security-labels")


class IdentityRef(Shape):
    """The identity of an endpoint, and its labels: `k8s:app=web`."""

    id: int = 0
    labels: list[str] | None = None


class Networking(Shape):
    """Where an endpoint is: the address of its node."""

    node: str = ""


class EndpointStatus(Shape):
    """status of an endpoint."""

    identity: IdentityRef | None = None
    networking: Networking | None = None


class Endpoint(Shape):
    """A pod, as Cilium's agent on its node has it."""

    metadata: LabelledMeta
    status: EndpointStatus | None = None


class InRule(Shape):
    """One rule for the way in, by the endpoints that it names."""

    endpoints: list[LabelSelector] | None = msgspec.field(name="fromEndpoints", default=None)


class OutRule(Shape):
    """One rule for the way out, by the endpoints that it names."""

    endpoints: list[LabelSelector] | None = msgspec.field(name="toEndpoints", default=None)


class Rule(Shape):
    """Whom a policy is for, endpoints or nodes, and with which endpoints these may speak, or may not."""

    endpoint_selector: LabelSelector | None = None
    node_selector: LabelSelector | None = None
    ingress: list[InRule] | None = None
    ingress_deny: list[InRule] | None = None
    egress: list[OutRule] | None = None
    egress_deny: list[OutRule] | None = None


class Policy(Shape):
    """A policy, of a namespace or of the whole cluster; one rule, several, or both."""

    metadata: LabelledMeta
    spec: Rule | None = None
    specs: list[Rule] | None = None


class NodeAddress(Shape):
    """One of a node's addresses."""

    address: str = ""


class AddressedStatus(Shape):
    """status of a node, by its addresses."""

    addresses: list[NodeAddress] | None = None


class AddressedNode(Shape):
    """A node by its labels and addresses."""

    metadata: LabelledMeta
    status: AddressedStatus = msgspec.field(default_factory=AddressedStatus)


class HostSpec(Shape):
    """spec of a pod, by its node."""

    node_name: str = ""


class HostedStatus(Shape):
    """status of a pod, by its phase and when that began."""

    phase: str = ""
    conditions: list[DatedCondition] | None = None


class HostedPod(Shape):
    """A pod, by where it is and whether it has ended."""

    metadata: LabelledMeta
    spec: HostSpec = msgspec.field(default_factory=HostSpec)
    status: HostedStatus = msgspec.field(default_factory=HostedStatus)
