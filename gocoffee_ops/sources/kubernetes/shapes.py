"""What is decoded of each Kubernetes object: only the fields that the tables need.

Go leaves out zero values, so everything has a default but what makes the object what it is; a `null` list is an empty one.
Resources stay as they came (`Raw`): thousands of pods have the same few, which are decoded once. What a pod holds several
of are tuples: Python's collector lets go of these at once, and of lists it would look at all of them again and again.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
Quantities = dict[str, str]
Raw = msgspec.Raw
NONE = msgspec.Raw(b"")


class Shape(msgspec.Struct, rename="camel", gc=False):
    """A decoded object; never changed, so it holds no cycles."""


class Owner(Shape):
    """Who made an object."""

    kind: str
    name: str
    controller: bool = False


class Meta(Shape):
    """metadata."""

    name: str
    namespace: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None


class PodLabels(Shape):
    """The labels of a pod that a table shows."""

    app: str = ""
    app_name: str = msgspec.field(name="app.kubernetes.io/name", default="")
    template_hash: str = msgspec.field(name="pod-template-hash", default="")


class PodMeta(Shape):
    """metadata of a pod, without its annotations: they are long, and no table shows them.

    When it was made stays text: Arrow reads a column of it in a fraction of the time.
    """

    name: str
    namespace: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: datetime | None = None
    labels: PodLabels | None = None
    owner_references: tuple[Owner, ...] | None = None


class ListMeta(Shape):
    """metadata of a list."""

    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class ListOf(Shape, Generic[T]):
    """One page of a list. `items` must be there, even if null."""

    kind: str
    metadata: ListMeta
    items: list[T] | None


class Condition(Shape):
    """One of an object's conditions."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""


# Pods


class Resources(Shape):
    """Requests and limits as quantities; what a Raw `resources` holds."""

    requests: Quantities | None = None
    limits: Quantities | None = None


@lru_cache(maxsize=4096)
def resources_of(raw: bytes) -> Resources:
    """Decode what a Raw `resources` holds; nothing is none."""
    return msgspec.json.decode(raw, type=Resources | None) or Resources() if raw else Resources()


@lru_cache(maxsize=4096)
def quantities_of(raw: bytes) -> Quantities:
    """Decode what a Raw map of quantities holds; nothing is none."""
    return msgspec.json.decode(raw, type=Quantities | None) or {} if raw else {}


class Container(Shape):
    """A container, or an init container; one that restarts always is a sidecar."""

    name: str
    image: str = ""
    restart_policy: str = ""
    resources: Raw = NONE

    @property
    def sidecar(self) -> bool:
        """Whether it is a restartable init container."""
        return self.restart_policy == "Always"


class ReadinessGate(Shape):
    """A condition that must be True before the pod is ready."""

    condition_type: str


class PodSpec(Shape):
    """spec of a pod."""

    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] | None = None
    node_name: str = ""
    readiness_gates: list[ReadinessGate] | None = None
    overhead: Quantities | None = None
    resources: Raw = NONE


class Running(Shape):
    """The container runs; since when, no table shows."""


class Waiting(Shape):
    """The container waits, and why."""

    reason: str = ""
    message: str = ""


class Terminated(Shape):
    """The container ended, and how."""

    exit_code: int = 0
    reason: str = ""
    signal: int = 0
    finished_at: datetime | None = None


class State(Shape):
    """One of three."""

    running: Running | None = None
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Shape):
    """What the kubelet says of a container."""

    name: str
    state: State | None = None
    last_state: State | None = None
    ready: bool = False
    restart_count: int = 0
    started: bool | None = None
    resources: Raw = NONE
    allocated_resources: Raw = NONE


class PodStatus(Shape):
    """status of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    qos_class: str = ""
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None
    resources: Raw = NONE
    allocated_resources: Raw = NONE


class Pod(Shape):
    """A pod."""

    metadata: PodMeta
    spec: PodSpec
    status: PodStatus


# Nodes


class Taint(Shape):
    """What keeps pods off a node."""

    key: str
    effect: str
    value: str = ""


class NodeSpec(Shape):
    """spec of a node."""

    unschedulable: bool = False
    taints: list[Taint] | None = None


class NodeInfo(Shape):
    """What the kubelet says of itself."""

    kubelet_version: str = ""


class NodeStatus(Shape):
    """status of a node."""

    capacity: Quantities | None = None
    allocatable: Quantities | None = None
    conditions: list[Condition] | None = None
    node_info: NodeInfo = msgspec.field(default_factory=NodeInfo)


class Node(Shape):
    """A node."""

    metadata: Meta
    status: NodeStatus
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)


# Usage (metrics.k8s.io)


class ContainerMetrics(Shape):
    """Usage of a container."""

    name: str
    usage: Quantities


class NodeMetrics(Shape):
    """Usage of a node."""

    metadata: Meta
    timestamp: datetime
    window: str
    usage: Quantities


class PodMetrics(Shape):
    """Usage of a pod's containers."""

    metadata: Meta
    timestamp: datetime
    window: str
    containers: list[ContainerMetrics]


# The API itself


class ApiGroup(Shape):
    """A group of APIs that the server serves."""

    name: str


class ApiGroups(Shape):
    """All groups but the core one."""

    kind: str
    groups: list[ApiGroup] | None = None


class ApiResource(Shape):
    """A resource of a group and version."""

    name: str


class ApiResources(Shape):
    """What a version of a group has."""

    kind: str
    resources: list[ApiResource] | None = None


class Version(Shape):
    """/version."""

    git_version: str
    build_date: str = ""  # as it is said: a build without a date, or with an odd one, is no broken answer


class Namespace(Shape):
    """A namespace; that it is there is all we ask."""

    metadata: Meta


class ProblemDetails(Shape):
    """Details of a refusal."""

    name: str = ""
    group: str = ""
    kind: str = ""
    retry_after_seconds: int = 0


class Problem(Shape):
    """The API's Status object: why a request was refused."""

    kind: str
    message: str = ""
    reason: str = ""
    code: int = 0
    details: ProblemDetails | None = None
