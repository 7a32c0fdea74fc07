"""What is decoded of claims, volumes, and of what scales and protects, in full. See `shapes`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gocoffee_ops.sources.kubernetes.network_shapes import AnnotatedMeta
from gocoffee_ops.sources.kubernetes.placement_shapes import LabelSelector
from gocoffee_ops.sources.kubernetes.pod_shapes import DatedCondition, LabelledMeta
from gocoffee_ops.sources.kubernetes.shapes import Quantities, Shape
from gocoffee_ops.sources.kubernetes.workload_shapes import AutoscalerSpec


class Wanted(Shape):
    """How much is asked for."""

    requests: Quantities | None = None


class ClaimSpec(Shape):
    """spec of a claim."""

    volume_name: str = ""
    storage_class_name: str | None = None
    access_modes: list[str] | None = None
    resources: Wanted = msgspec.field(default_factory=Wanted)


class ClaimStatus(Shape):
    """status of a claim."""

    phase: str = ""
    capacity: Quantities | None = None


class Claim(Shape):
    """A persistent volume claim."""

    metadata: LabelledMeta
    spec: ClaimSpec = msgspec.field(default_factory=ClaimSpec)
    status: ClaimStatus = msgspec.field(default_factory=ClaimStatus)


class ClaimedBy(Shape):
    """The claim that holds a volume."""

    name: str = ""
    namespace: str = ""


class VolumeSpec(Shape):
    """spec of a volume."""

    capacity: Quantities | None = None
    storage_class_name: str = ""
    reclaim_policy: str = msgspec.field(name="persistentVolumeReclaimPolicy", default="")
    claim_ref: ClaimedBy | None = None


class VolumeStatus(Shape):
    """status of a volume."""

    phase: str = ""
    reason: str = ""
    message: str = ""


class Volume(Shape):
    """A persistent volume."""

    metadata: LabelledMeta
    spec: VolumeSpec = msgspec.field(default_factory=VolumeSpec)
    status: VolumeStatus = msgspec.field(default_factory=VolumeStatus)


class StorageClass(Shape):
    """A storage class."""

    metadata: AnnotatedMeta
    provisioner: str = ""
    reclaim_policy: str = ""
    volume_binding_mode: str = "Immediate"


class ScalerStatus(Shape):
    """status of an autoscaler."""

    current_replicas: int = 0
    desired_replicas: int = 0
    conditions: list[DatedCondition] | None = None


class Scaler(Shape):
    """A horizontal pod autoscaler (autoscaling/v2)."""

    metadata: LabelledMeta
    spec: AutoscalerSpec
    status: ScalerStatus = msgspec.field(default_factory=ScalerStatus)


class BudgetMeta(Shape):
    """metadata of a budget: which state of it its controller is to compute."""

    name: str
    namespace: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None


class DisruptionBudgetSpec(Shape):
    """spec of a budget."""

    selector: LabelSelector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None


class DisruptionBudgetStatus(Shape):
    """status of a budget."""

    observed_generation: int = 0
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    conditions: list[DatedCondition] | None = None


class DisruptionBudget(Shape):
    """A pod disruption budget (policy/v1)."""

    metadata: BudgetMeta
    spec: DisruptionBudgetSpec = msgspec.field(default_factory=DisruptionBudgetSpec)
    status: DisruptionBudgetStatus = msgspec.field(default_factory=DisruptionBudgetStatus)
