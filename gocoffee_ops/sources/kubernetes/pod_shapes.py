"""What is decoded of a pod where its state is in question: labels, claims, ports, deletion, and every condition's time."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gocoffee_ops.sources.kubernetes.shapes import Owner, ReadinessGate, Running, Shape, Waiting


class DatedCondition(Shape):
    """One of an object's conditions, with the time of its last change."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class ContainerPort(Shape):
    """A port that a container declares."""

    container_port: int
    name: str = ""
    protocol: str = "TCP"


class DeclaringContainer(Shape):
    """A container, and the ports that it declares."""

    name: str
    restart_policy: str = ""
    ports: list[ContainerPort] | None = None


class ClaimRef(Shape):
    """The claim that a volume is of."""

    claim_name: str


class PodVolume(Shape):
    """One of a pod's volumes; only those of claims say something here."""

    name: str
    persistent_volume_claim: ClaimRef | None = None
    ephemeral: dict[str, msgspec.Raw] | None = None


class PodStateSpec(Shape):
    """spec of a pod."""

    containers: list[DeclaringContainer]
    init_containers: list[DeclaringContainer] | None = None
    volumes: list[PodVolume] | None = None
    node_name: str = ""
    scheduler_name: str = ""
    readiness_gates: list[ReadinessGate] | None = None


class LabelledMeta(Shape):
    """metadata with all labels, finalizers and times."""

    name: str
    namespace: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    finalizers: list[str] | None = None
    owner_references: list[Owner] | None = None


class Ended(Shape):
    """How and when a container ended, with what it or its runtime said last."""

    exit_code: int = 0
    reason: str = ""
    signal: int = 0
    message: str = ""
    finished_at: datetime | None = None


class LoudState(Shape):
    """One of three."""

    running: Running | None = None
    waiting: Waiting | None = None
    terminated: Ended | None = None


class LoudContainerStatus(Shape):
    """What the kubelet says of a container."""

    name: str
    state: LoudState | None = None
    last_state: LoudState | None = None
    ready: bool = False
    restart_count: int = 0
    started: bool | None = None


class PodStateStatus(Shape):
    """status of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[DatedCondition] | None = None
    container_statuses: list[LoudContainerStatus] | None = None
    init_container_statuses: list[LoudContainerStatus] | None = None


class PodState(Shape):
    """A pod."""

    metadata: LabelledMeta
    spec: PodStateSpec
    status: PodStateStatus


class PodPorts(Shape):
    """A pod, as a Service sees it: its labels, its owner and the ports that it declares."""

    metadata: LabelledMeta
    spec: PodStateSpec
