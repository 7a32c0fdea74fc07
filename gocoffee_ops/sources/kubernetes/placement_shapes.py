"""What is decoded of what decides where a pod may go, and whether it may be made at all. See `shapes`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from gocoffee_ops.sources.kubernetes.shapes import (
    Container,
    Meta,
    PodSpec,
    PodStatus,
    Quantities,
    Raw,
    Resources,
    Shape,
    resources_of,
)


class Toleration(Shape):
    """What taint a pod tolerates."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class Expression(Shape):
    """One requirement of a selector."""

    key: str
    operator: str
    values: list[str] | None = None


class LabelSelector(Shape):
    """Labels that must all be there, and requirements that must all hold."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[Expression] | None = None


class NodeTerm(Shape):
    """One alternative of a node affinity; its requirements hold all together."""

    match_expressions: list[Expression] | None = None
    match_fields: list[Expression] | None = None


class NodeSelector(Shape):
    """Alternatives."""

    node_selector_terms: list[NodeTerm]


class NodeAffinity(Shape):
    """Only what is required; preferences bind nothing."""

    required: NodeSelector | None = msgspec.field(name="requiredDuringSchedulingIgnoredDuringExecution", default=None)


class PodTerm(Shape):
    """Pods that a pod must be beside, or apart from, and what beside means: the same value of a node's label."""

    topology_key: str
    label_selector: LabelSelector | None = None
    namespaces: list[str] | None = None
    namespace_selector: LabelSelector | None = None
    match_label_keys: list[str] | None = None
    mismatch_label_keys: list[str] | None = None


class PodAffinity(Shape):
    """Only what is required; preferences bind nothing."""

    required: list[PodTerm] | None = msgspec.field(name="requiredDuringSchedulingIgnoredDuringExecution", default=None)


class Affinity(Shape):
    """Where a pod may run."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None

    @property
    def beside(self) -> list[PodTerm]:
        """The pods that it must be beside."""
        return (self.pod_affinity.required if self.pod_affinity else None) or []

    @property
    def apart(self) -> list[PodTerm]:
        """The pods that it must be apart from."""
        return (self.pod_anti_affinity.required if self.pod_anti_affinity else None) or []


class SpreadConstraint(Shape):
    """How evenly pods are spread over the values of a node's label."""

    max_skew: int
    topology_key: str
    when_unsatisfiable: str
    label_selector: LabelSelector | None = None
    min_domains: int = 1
    node_affinity_policy: str = "Honor"
    node_taints_policy: str = "Ignore"
    match_label_keys: list[str] | None = None


class Port(Shape):
    """A port of a container, and the one of the node that it takes."""

    container_port: int = 0
    host_port: int = 0
    host_ip: str = msgspec.field(name="hostIP", default="")
    protocol: str = "TCP"


class PortedContainer(Container):
    """A container with its ports."""

    ports: tuple[Port, ...] | None = None


class PortedSpec(PodSpec):
    """spec of a pod, with what keeps other pods away."""

    containers: tuple[PortedContainer, ...]
    init_containers: tuple[PortedContainer, ...] | None = None
    affinity: Affinity | None = None
    host_network: bool = False


class TemplateSpec(PortedSpec):
    """spec of a pod template, with all that decides where its pods may go."""

    node_selector: dict[str, str] | None = None
    tolerations: list[Toleration] | None = None
    topology_spread_constraints: list[SpreadConstraint] | None = None
    volumes: list[dict[str, Raw]] | None = None
    scheduler_name: str = ""
    runtime_class_name: str = ""
    scheduling_gates: list[Raw] | None = None
    resource_claims: list[Raw] | None = None


class PlacedMeta(Shape):
    """metadata of a pod, with all its labels: selectors may ask for any."""

    name: str
    namespace: str = ""
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None


class PlacedPod(Shape):
    """A pod, as what it leaves to others."""

    metadata: PlacedMeta
    spec: PortedSpec
    status: PodStatus


def with_resources(spec: TemplateSpec, change: Callable[[Resources], Resources]) -> TemplateSpec:
    """The same template with the resources of its containers changed."""

    def changed(one: PortedContainer) -> PortedContainer:
        resources = change(resources_of(bytes(one.resources)))
        return msgspec.structs.replace(one, resources=Raw(msgspec.json.encode(resources)))

    return msgspec.structs.replace(
        spec,
        containers=tuple(map(changed, spec.containers)),
        init_containers=tuple(map(changed, spec.init_containers or ())),
    )


def with_own_resources(spec: TemplateSpec, resources: Resources) -> TemplateSpec:
    """The same template with other resources of the pod as a whole."""
    return msgspec.structs.replace(spec, resources=Raw(msgspec.json.encode(resources)))


# What a namespace allows


class Scope(Shape):
    """One requirement of a quota's scope."""

    scope_name: str
    operator: str
    values: list[str] | None = None


class ScopeSelector(Shape):
    """Requirements that all hold."""

    match_expressions: list[Scope] | None = None


class QuotaSpec(Shape):
    """spec of a resource quota."""

    hard: Quantities | None = None
    scopes: list[str] | None = None
    scope_selector: ScopeSelector | None = None


class QuotaStatus(Shape):
    """status of a resource quota: what is enforced, and what of it is used."""

    hard: Quantities | None = None
    used: Quantities | None = None


class Quota(Shape):
    """A resource quota."""

    metadata: Meta
    spec: QuotaSpec = msgspec.field(default_factory=QuotaSpec)
    status: QuotaStatus = msgspec.field(default_factory=QuotaStatus)


class Limit(Shape):
    """What one kind of thing (Container, Pod, PersistentVolumeClaim) may ask for, and what it gets when it asks for none."""

    type: str
    min: Quantities | None = None
    max: Quantities | None = None
    default: Quantities | None = None
    default_request: Quantities | None = None
    max_limit_request_ratio: Quantities | None = None


class LimitRangeSpec(Shape):
    """spec of a limit range."""

    limits: list[Limit] | None = None


class LimitRange(Shape):
    """A limit range."""

    metadata: Meta
    spec: LimitRangeSpec = msgspec.field(default_factory=LimitRangeSpec)
