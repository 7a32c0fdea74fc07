"""What is decoded of network policies, and of what their selectors and blocks are held against. See `shapes`."""

from __future__ import annotations

import msgspec

from gocoffee_ops.sources.kubernetes.placement_shapes import LabelSelector
from gocoffee_ops.sources.kubernetes.pod_shapes import LabelledMeta
from gocoffee_ops.sources.kubernetes.shapes import Shape


class Block(Shape):
    """A block of addresses, without some."""

    cidr: str
    except_: list[str] | None = msgspec.field(name="except", default=None)


class Peer(Shape):
    """Who may be spoken with: pods, the pods of namespaces, or addresses."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: Block | None = None


class InRule(Shape):
    """One rule for the way in; without peers, for everybody."""

    peers: list[Peer] | None = msgspec.field(name="from", default=None)


class OutRule(Shape):
    """One rule for the way out; without peers, for everybody."""

    peers: list[Peer] | None = msgspec.field(name="to", default=None)


class NetworkPolicySpec(Shape):
    """spec of a network policy; an empty selector is of all pods of its namespace."""

    pod_selector: LabelSelector = msgspec.field(default_factory=LabelSelector)
    ingress: list[InRule] | None = None
    egress: list[OutRule] | None = None


class NetworkPolicy(Shape):
    """A network policy."""

    metadata: LabelledMeta
    spec: NetworkPolicySpec = msgspec.field(default_factory=NetworkPolicySpec)


class PodAddress(Shape):
    """One of a pod's addresses."""

    ip: str = ""


class AddressedStatus(Shape):
    """status of a pod, by its addresses."""

    pod_ips: list[PodAddress] | None = msgspec.field(name="podIPs", default=None)


class AddressedPod(Shape):
    """A pod by its labels and addresses."""

    metadata: LabelledMeta
    status: AddressedStatus = msgspec.field(default_factory=AddressedStatus)


class RangedSpec(Shape):
    """spec of a node, by the blocks that its pods get their addresses from; none where the network plugin keeps them."""

    pod_cidrs: list[str] | None = msgspec.field(name="podCIDRs", default=None)


class RangedNode(Shape):
    """A node by its pods' addresses."""

    metadata: LabelledMeta
    spec: RangedSpec = msgspec.field(default_factory=RangedSpec)


class Labelled(Shape):
    """An object of which its labels are all we ask."""

    metadata: LabelledMeta
