"""What is decoded of what costs: nodes, volumes with who claims them, containers, and what may move them. See `shapes`."""

from __future__ import annotations

import msgspec

from gocoffee_ops.sources.kubernetes.placement_shapes import NodeSelector, PortedContainer, TemplateSpec
from gocoffee_ops.sources.kubernetes.pod_shapes import LabelledMeta, PodVolume
from gocoffee_ops.sources.kubernetes.policy_shapes import ClaimedBy, VolumeStatus
from gocoffee_ops.sources.kubernetes.shapes import (
    Meta,
    NodeStatus,
    PodStatus,
    Quantities,
    Shape,
    Taint,
)
from gocoffee_ops.sources.kubernetes.workload_shapes import ScaleTarget


class PricedNodeSpec(Shape):
    """spec of a node."""

    provider_id: str = msgspec.field(name="providerID", default="")
    unschedulable: bool = False
    taints: list[Taint] | None = None


class PricedNode(Shape):
    """A node, as what a provider bills."""

    metadata: Meta
    status: NodeStatus
    spec: PricedNodeSpec = msgspec.field(default_factory=PricedNodeSpec)


class CsiVolume(Shape):
    """A volume of a driver, by the driver's own name for it."""

    driver: str = ""
    volume_handle: str = ""


class InTreeVolume(Shape):
    """A volume of the drivers that Kubernetes once had itself: each names it in a field of its own."""

    volume_id: str = msgspec.field(name="volumeID", default="")
    pd_name: str = ""
    disk_uri: str = msgspec.field(name="diskURI", default="")
    path: str = ""
    server: str = ""

    @property
    def handle(self) -> str:
        """What the provider calls it."""
        return self.volume_id or self.pd_name or self.disk_uri or self.path


class VolumeAffinity(Shape):
    """The nodes from which a volume can be reached."""

    required: NodeSelector | None = None


class PricedVolumeSpec(Shape):
    """spec of a volume, with where it lies."""

    capacity: Quantities | None = None
    storage_class_name: str = ""
    reclaim_policy: str = msgspec.field(name="persistentVolumeReclaimPolicy", default="")
    claim_ref: ClaimedBy | None = None
    node_affinity: VolumeAffinity | None = None
    csi: CsiVolume | None = None
    aws_elastic_block_store: InTreeVolume | None = None
    gce_persistent_disk: InTreeVolume | None = None
    azure_disk: InTreeVolume | None = None
    nfs: InTreeVolume | None = None
    host_path: InTreeVolume | None = None
    local: InTreeVolume | None = None


class PricedVolume(Shape):
    """A persistent volume, as what a provider bills."""

    metadata: LabelledMeta
    spec: PricedVolumeSpec = msgspec.field(default_factory=PricedVolumeSpec)
    status: VolumeStatus = msgspec.field(default_factory=VolumeStatus)


# Who claims


class TemplateMeta(Shape):
    """metadata of a template."""

    name: str = ""


class ClaimTemplate(Shape):
    """The claims that a StatefulSet makes: NAME-STATEFULSET-0."""

    metadata: TemplateMeta = msgspec.field(default_factory=TemplateMeta)


class VolumesSpec(Shape):
    """spec of a pod template, by its volumes."""

    volumes: list[PodVolume] | None = None


class VolumesTemplate(Shape):
    """A pod template, by its volumes."""

    spec: VolumesSpec = msgspec.field(default_factory=VolumesSpec)


class ClaimingSpec(Shape):
    """spec of a Deployment or a StatefulSet."""

    replicas: int = 1
    template: VolumesTemplate = msgspec.field(default_factory=VolumesTemplate)
    volume_claim_templates: list[ClaimTemplate] | None = None


class Claiming(Shape):
    """A Deployment or a StatefulSet, by the claims that its pods have, or would have."""

    metadata: LabelledMeta
    spec: ClaimingSpec = msgspec.field(default_factory=ClaimingSpec)


class ScheduledJobSpec(Shape):
    """spec of the Jobs that a CronJob makes."""

    template: VolumesTemplate = msgspec.field(default_factory=VolumesTemplate)


class ScheduledJob(Shape):
    """The Jobs that a CronJob makes."""

    spec: ScheduledJobSpec = msgspec.field(default_factory=ScheduledJobSpec)


class ScheduledSpec(Shape):
    """spec of a CronJob."""

    job_template: ScheduledJob = msgspec.field(default_factory=ScheduledJob)


class Scheduled(Shape):
    """A CronJob, by the claims that its pods would have."""

    metadata: LabelledMeta
    spec: ScheduledSpec = msgspec.field(default_factory=ScheduledSpec)


class MountingSpec(Shape):
    """spec of a pod, by its volumes."""

    volumes: list[PodVolume] | None = None
    node_name: str = ""


class MountingStatus(Shape):
    """status of a pod."""

    phase: str = ""


class Mounting(Shape):
    """A pod, by the claims that it has."""

    metadata: LabelledMeta
    spec: MountingSpec
    status: MountingStatus = msgspec.field(default_factory=MountingStatus)


# Containers, and pods that may move


class Variable(Shape):
    """A variable of a container's environment: its name alone, a value is never decoded."""

    name: str = ""


class SizedContainer(PortedContainer):
    """A container, with the names of its variables."""

    env: tuple[Variable, ...] | None = None


class Eviction(Shape):
    """What a pod's annotations say of evicting it; others are not decoded."""

    safe: str = msgspec.field(name="cluster-autoscaler.kubernetes.io/safe-to-evict", default="")
    undisturbed: str = msgspec.field(name="karpenter.sh/do-not-disrupt", default="")


class SizedMeta(LabelledMeta):
    """metadata of a pod."""

    uid: str = ""
    annotations: Eviction | None = None


class SizedSpec(TemplateSpec):
    """spec of a pod, with all that decides where it may go."""

    containers: tuple[SizedContainer, ...]
    init_containers: tuple[SizedContainer, ...] | None = None
    priority: int = 0


class SizedPod(Shape):
    """A pod, by what its containers ask for, and by what keeps it where it is."""

    metadata: SizedMeta
    spec: SizedSpec
    status: PodStatus


class ResourceMetric(Shape):
    """The resource that an autoscaler looks at; of one container, or of whole pods."""

    name: str = ""
    container: str = ""


class ScalingMetric(Shape):
    """What an autoscaler looks at; other sorts (pods, object, external) are no resource of the container."""

    type: str = ""
    resource: ResourceMetric | None = None
    container_resource: ResourceMetric | None = None


class ResourceScalerSpec(Shape):
    """spec of a horizontal pod autoscaler."""

    scale_target_ref: ScaleTarget
    metrics: list[ScalingMetric] | None = None


class ResourceScaler(Shape):
    """A horizontal pod autoscaler (autoscaling/v2), by what it looks at."""

    metadata: Meta
    spec: ResourceScalerSpec
