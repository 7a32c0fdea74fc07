"""What is decoded of workloads, of what scales and protects them, and of events. See `shapes`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gocoffee_ops.sources.kubernetes.placement_shapes import LabelSelector, TemplateSpec
from gocoffee_ops.sources.kubernetes.shapes import Condition, Meta, Shape


class PodTemplateMeta(Shape):
    """metadata of a pod template."""

    labels: dict[str, str] | None = None


class PodTemplate(Shape):
    """The pods that a workload makes."""

    spec: TemplateSpec
    metadata: PodTemplateMeta = msgspec.field(default_factory=PodTemplateMeta)


class DeploymentSpec(Shape):
    """spec of a deployment."""

    template: PodTemplate
    replicas: int = 1


class DeploymentStatus(Shape):
    """status of a deployment."""

    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0


class Deployment(Shape):
    """A deployment."""

    metadata: Meta
    spec: DeploymentSpec
    status: DeploymentStatus = msgspec.field(default_factory=DeploymentStatus)


class ScaleTarget(Shape):
    """What an autoscaler scales."""

    kind: str
    name: str


class AutoscalerSpec(Shape):
    """spec of a horizontal pod autoscaler."""

    scale_target_ref: ScaleTarget
    max_replicas: int
    min_replicas: int = 1


class AutoscalerStatus(Shape):
    """status of a horizontal pod autoscaler."""

    current_replicas: int = 0
    desired_replicas: int = 0
    conditions: list[Condition] | None = None


class Autoscaler(Shape):
    """A horizontal pod autoscaler (autoscaling/v2)."""

    metadata: Meta
    spec: AutoscalerSpec
    status: AutoscalerStatus = msgspec.field(default_factory=AutoscalerStatus)


class BudgetSpec(Shape):
    """spec of a pod disruption budget."""

    selector: LabelSelector | None = None


class BudgetStatus(Shape):
    """status of a pod disruption budget."""

    disruptions_allowed: int = 0


class Budget(Shape):
    """A pod disruption budget (policy/v1)."""

    metadata: Meta
    spec: BudgetSpec = msgspec.field(default_factory=BudgetSpec)
    status: BudgetStatus = msgspec.field(default_factory=BudgetStatus)


# Events


class Involved(Shape):
    """What an event is about."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class EventSource(Shape):
    """Who said it, in the older form."""

    component: str = ""
    host: str = ""


class EventSeries(Shape):
    """Repeats, in the newer form."""

    count: int = 0
    last_observed_time: datetime | None = None


class Event(Shape):
    """An event (core/v1)."""

    metadata: Meta
    involved_object: Involved
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None
    source: EventSource = msgspec.field(default_factory=EventSource)
    reporting_component: str = ""
