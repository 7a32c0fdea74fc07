"""What is decoded of controllers, jobs, leases, namespaces, API services, and of metadata alone. See `shapes`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gocoffee_ops.sources.kubernetes.pod_shapes import DatedCondition, LabelledMeta
from gocoffee_ops.sources.kubernetes.shapes import Owner, Shape
from gocoffee_ops.sources.kubernetes.workload_shapes import PodTemplateMeta


class WrittenFields(Shape):
    """Which fields of the spec somebody owns, such as `f:template`; what is below them is of no interest."""

    spec: dict[str, msgspec.Raw] | None = msgspec.field(name="f:spec", default=None)


class Write(Shape):
    """One entry of managedFields: the last write of one manager."""

    manager: str = ""
    operation: str = ""
    subresource: str = ""
    time: datetime | None = None
    fields: WrittenFields | None = msgspec.field(name="fieldsV1", default=None)


class ManagedMeta(Shape):
    """metadata with who wrote it last. Annotations are not decoded: kubectl keeps whole manifests in one, values included."""

    name: str
    namespace: str = ""
    creation_timestamp: datetime | None = None
    managed_fields: list[Write] | None = None


class Managed(Shape):
    """An object of which only metadata was asked for."""

    metadata: ManagedMeta


class StatusMapNotes(Shape):
    """Of the annotations of cluster-autoscaler's status, when it was written; others are not decoded."""

    last_updated: str = msgspec.field(name="cluster-autoscaler.kubernetes.io/last-updated", default="")


class StatusMapMeta(ManagedMeta):
    """metadata of it."""

    annotations: StatusMapNotes | None = None


class StatusMap(Shape):
    """cluster-autoscaler's status, of which only metadata was asked for."""

    metadata: StatusMapMeta


class ControllerMeta(Shape):
    """metadata of a controller."""

    name: str
    namespace: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None
    managed_fields: list[Write] | None = None


class Image(Shape):
    """A container of a template, by its image."""

    name: str
    image: str = ""


class ImagesSpec(Shape):
    """spec of a pod template."""

    containers: list[Image]
    init_containers: list[Image] | None = None


class ControllerTemplate(Shape):
    """The pods that a controller makes."""

    spec: ImagesSpec
    metadata: PodTemplateMeta = msgspec.field(default_factory=PodTemplateMeta)


class RollingUpdate(Shape):
    """How a StatefulSet replaces its pods: those below the partition keep their revision."""

    partition: int = 0


class UpdateStrategy(Shape):
    """When a StatefulSet or DaemonSet replaces its pods."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class ControllerSpec(Shape):
    """spec of a Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    template: ControllerTemplate
    replicas: int = 1
    paused: bool = False
    service_name: str = ""
    update_strategy: UpdateStrategy = msgspec.field(default_factory=UpdateStrategy)


class ControllerStatus(Shape):
    """status of one: a DaemonSet counts in words of its own."""

    observed_generation: int = 0
    replicas: int = 0
    current_replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    updated_number_scheduled: int = 0
    current_revision: str = ""
    update_revision: str = ""
    conditions: list[DatedCondition] | None = None


class Controller(Shape):
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    metadata: ControllerMeta
    spec: ControllerSpec
    status: ControllerStatus = msgspec.field(default_factory=ControllerStatus)


class RevisedSpec(Shape):
    """What a revision sets in its controller's spec."""

    template: ControllerTemplate


class RevisionData(Shape):
    """The patch that a revision of a StatefulSet or DaemonSet is."""

    spec: RevisedSpec


class ControllerRevision(Shape):
    """A revision that a StatefulSet or DaemonSet had. Other owners keep what they like in theirs."""

    metadata: ControllerMeta
    revision: int = 0
    data: msgspec.Raw = msgspec.Raw(b"null")

    def template(self) -> ControllerTemplate:
        """The pods that are made of it; only of a StatefulSet's or a DaemonSet's."""
        return msgspec.json.decode(self.data, type=RevisionData).spec.template


class LabelledTemplate(Shape):
    """The pods that a Job makes, by their labels."""

    metadata: PodTemplateMeta = msgspec.field(default_factory=PodTemplateMeta)


class JobSpec(Shape):
    """spec of a Job, or of those that a CronJob makes."""

    template: LabelledTemplate = msgspec.field(default_factory=LabelledTemplate)
    parallelism: int = 1
    completions: int | None = None
    backoff_limit: int = 6
    suspend: bool = False


class JobStatus(Shape):
    """status of a Job."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: list[DatedCondition] | None = None


class Job(Shape):
    """A Job."""

    metadata: LabelledMeta
    spec: JobSpec = msgspec.field(default_factory=JobSpec)
    status: JobStatus = msgspec.field(default_factory=JobStatus)


class JobTemplate(Shape):
    """The Jobs that a CronJob makes."""

    spec: JobSpec = msgspec.field(default_factory=JobSpec)


class CronJobSpec(Shape):
    """spec of a CronJob."""

    job_template: JobTemplate = msgspec.field(default_factory=JobTemplate)
    schedule: str = ""
    time_zone: str | None = None
    suspend: bool = False
    concurrency_policy: str = ""
    starting_deadline_seconds: int | None = None


class Reference(Shape):
    """An object that is named."""

    name: str = ""


class CronJobStatus(Shape):
    """status of a CronJob."""

    active: list[Reference] | None = None
    last_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None


class CronJobMeta(LabelledMeta):
    """metadata of a CronJob, with who wrote it last."""

    managed_fields: list[Write] | None = None


class CronJob(Shape):
    """A CronJob."""

    metadata: CronJobMeta
    spec: CronJobSpec = msgspec.field(default_factory=CronJobSpec)
    status: CronJobStatus = msgspec.field(default_factory=CronJobStatus)


class LeaseSpec(Shape):
    """spec of a lease."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    renew_time: datetime | None = None


class Lease(Shape):
    """A lease: who holds it, and when it was renewed."""

    metadata: LabelledMeta
    spec: LeaseSpec = msgspec.field(default_factory=LeaseSpec)


class ConditionsStatus(Shape):
    """Phase and conditions."""

    phase: str = ""
    conditions: list[DatedCondition] | None = None


class Conditioned(Shape):
    """A node or a namespace, by its conditions."""

    metadata: LabelledMeta
    status: ConditionsStatus = msgspec.field(default_factory=ConditionsStatus)


class ServiceRef(Shape):
    """The Service that answers for something."""

    name: str = ""
    namespace: str = ""
    port: int = 443


class ApiServiceSpec(Shape):
    """spec of an API service; without a Service the API server answers itself."""

    group: str = ""
    version: str = ""
    service: ServiceRef | None = None


class ApiService(Shape):
    """An API service."""

    metadata: LabelledMeta
    spec: ApiServiceSpec
    status: ConditionsStatus = msgspec.field(default_factory=ConditionsStatus)
