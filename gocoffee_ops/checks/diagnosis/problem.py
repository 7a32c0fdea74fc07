"""What a diagnosis works with: the picture of one cluster, problems in it, and what they may come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from gocoffee_ops.checks.grading import SERVICE_DOWN
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Number, Status, Thresholds

Row = Mapping[str, Any]

NODE_READY = "node_ready"
NODE_PRESSURE = "node_pressure"
NODE_SCHEDULABLE = "node_schedulable"
WORKLOADS = "workloads_run"
JOBS = "jobs_done"
SERVICES = "services_answered"
INGRESSES = "ingresses_lead"
GATEWAYS = "gateways_serve"
ROUTES = "routes_lead"
NETWORK_POLICIES = "network_policies_match"
CILIUM_POLICIES = "cilium_policies_match"
CILIUM_ENDPOINTS = "cilium_endpoints_true"
CLAIMS = "claims_bound"
AUTOSCALERS = "autoscalers_able"
AUTOSCALERS_FIT = "autoscalers_fit"
BUDGETS = "budgets_allow"
QUOTAS = "quotas_leave_room"
WEBHOOKS = "webhooks_answered"
ADMISSION_POLICIES = "admission_policies_apply"
APIS = "apis_available"
NAMESPACES = "namespaces_go"
PATCHED = "api_server_patched"
KEPT = "apis_kept"
BINDINGS = "bindings_lead"
OPERATORS = "operators_work"
CUSTOM_RESOURCES = "custom_resources_well"

CONTROLLERS = (
    "controllers.deployments",
    "controllers.statefulsets",
    "controllers.daemonsets",
    "controllers.replicasets",
)
TEMPLATES = (*CONTROLLERS, "jobs.runs", "jobs.cronjobs")


class Ref(NamedTuple):
    """An object, as kubectl would name it in its namespace."""

    namespace: str
    subject: str

    def seen_from(self, namespace: str) -> str:
        """Its name, with the namespace where that is another one."""
        return f"{self.namespace}/{self.subject}" if self.namespace not in {"", namespace} else self.subject


class Cause(NamedTuple):
    """A problem that, if there is one, explains another one wholly."""

    check: str
    at: Ref


@dataclass(frozen=True)
class Problem:
    """What is wrong with an object.

    `because` names, for each part of it, what would explain that part; it is explained when something explains each.
    """

    check: str
    status: Status
    at: Ref
    reason: str
    rests_on: tuple[str, ...]  # the queries whose rows say so
    because: tuple[tuple[Cause, ...], ...] = ()
    effect: str = ""  # what is to be said of it where it is only a consequence
    standalone: bool = True  # else it is worth a word only as a consequence
    numbers: Mapping[str, Number | str] = field(default_factory=dict)
    next: tuple[str, ...] = (SERVICE_DOWN,)
    hit: tuple[Ref, ...] = ()  # what was folded into it

    @property
    def cause(self) -> Cause:
        """What others name to say that they come from this."""
        return Cause(self.check, self.at)


@dataclass(frozen=True)
class Picture:
    """One cluster as it was read: rows by query, of those that could be read alone."""

    cluster: str
    tables: Mapping[str, Sequence[Row]]
    thresholds: Thresholds
    expectations: Expectations = field(default_factory=Expectations)
    as_of: datetime | None = None

    def has(self, *queries: str) -> bool:
        """Whether all of these were read."""
        return all(name in self.tables for name in queries)

    def rows(self, *queries: str) -> list[Row]:
        """The rows of those that were read: whoever concludes from there being none asks `has` first."""
        return [row for name in queries for row in self.tables.get(name, ())]

    @cached_property
    def controllers(self) -> dict[Ref, Row]:
        """Deployments, StatefulSets, DaemonSets and bare ReplicaSets."""
        return {Ref(row["namespace"], row["controller"]): row for row in self.rows(*CONTROLLERS)}

    @cached_property
    def labelled(self) -> dict[str, set[tuple[str, ...]]]:
        """The labels of pods by namespace: of those that there are, ended ones too, and of those that workloads would make."""
        found: dict[str, set[tuple[str, ...]]] = {}
        for row in self.rows("pods.states", *TEMPLATES):
            found.setdefault(row["namespace"], set()).add(row["labels"])
        return found

    @cached_property
    def pods(self) -> dict[Ref, list[Row]]:
        """Pods that did not end well, by the workload that they belong to; one without stands for itself."""
        found: dict[Ref, list[Row]] = {}
        for row in self.rows("pods.states"):
            if not row["finished"]:
                found.setdefault(owner_of(row), []).append(row)
        return found

    @cached_property
    def containers(self) -> dict[Ref, list[Row]]:
        """Containers that are not simply running, by pod."""
        return self._grouped("pods.containers", "pod", "pod/")

    @cached_property
    def events(self) -> dict[Ref, list[Row]]:
        """Events by the object that they are about, newest first."""
        return self._grouped("cluster.events", "object", "")

    @cached_property
    def moment(self) -> datetime | None:
        """When the cluster was read; where that is not told, the newest of its events; None where it has none."""
        return self.as_of or max((row["last_seen_at"] for row in self.rows("cluster.events")), default=None)

    @cached_property
    def warnings(self) -> dict[Ref, list[Row]]:
        """Warning events by the object that they are about, newest first."""
        return {at: [row for row in rows if row["type"] == "Warning"] for at, rows in self.events.items()}

    @cached_property
    def going(self) -> set[str]:
        """Namespaces that are being deleted."""
        rows = self.rows("control_plane.namespaces")
        return {row["namespace"] for row in rows if row["phase"] == "Terminating"}

    def rests(self, at: Ref) -> bool:
        """Whether a workload is scaled to 0, and it is stated that this is on purpose."""
        return not self.controllers[at]["desired"] and self.expectations.rests(self.cluster, *at)

    def warned(self, at: Ref, *reasons: str) -> str | None:
        """The newest warning about an object, of one of these reasons."""
        return next((row["message"] for row in self.warnings.get(at, ()) if row["reason"] in reasons), None)

    def _grouped(self, query: str, column: str, prefix: str) -> dict[Ref, list[Row]]:
        found: dict[Ref, list[Row]] = {}
        for row in self.rows(query):
            found.setdefault(Ref(row["namespace"], f"{prefix}{row[column]}"), []).append(row)
        return found


def owner_of(pod: Row) -> Ref:
    """The workload that a pod belongs to; a pod without one stands for itself, and a static one for its node's."""
    owner = pod["owner"]
    if owner is None or owner.startswith("node/"):
        owner = f"pod/{pod['pod']}"
    return Ref(pod["namespace"], owner)


def short(text: str, limit: int = 240) -> str:
    """A message of somebody else, at most so long and in one line.

    >>> short("a\\n b"), short("long" * 100, 12)
    ('a b', 'longlonglon…')
    """
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
