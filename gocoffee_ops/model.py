"""The nouns of the project: status, finding, target, window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from gocoffee_ops.errors import UsageError

Number = int | float


class Status(StrEnum):
    """A verdict. UNKNOWN is one: what was not read is never OK."""

    OK = "OK"
    WARN = "WARN"
    CRIT = "CRIT"
    UNKNOWN = "UNKNOWN"

    @property
    def exit_code(self) -> int:
        """The monitoring-plugins convention."""
        return {Status.OK: 0, Status.WARN: 1, Status.CRIT: 2, Status.UNKNOWN: 3}[self]

    @property
    def severity(self) -> int:
        """CRIT > UNKNOWN > WARN > OK."""
        return {Status.OK: 0, Status.WARN: 1, Status.UNKNOWN: 2, Status.CRIT: 3}[self]


def worst(statuses: Iterable[Status]) -> Status:
    """The worst status; of none at all, UNKNOWN.

    >>> worst([Status.OK, Status.UNKNOWN, Status.WARN]).value, worst([]).value
    ('UNKNOWN', 'UNKNOWN')
    """
    return max(statuses, key=lambda s: s.severity, default=Status.UNKNOWN)


@dataclass(frozen=True)
class Finding:
    """One verdict on one subject.

    `subject` is what kubectl would name it (`deployment/orders`, `node/n1`, `database/coffee`). `reason` is one
    sentence with its numbers; `numbers` holds them for machines. `evidence` lists the records that it rests on, `next`
    the runbooks to open.
    """

    status: Status
    check: str
    subject: str
    reason: str
    numbers: Mapping[str, Number | str] = field(default_factory=dict)
    cluster: str = ""
    namespace: str = ""
    evidence: tuple[str, ...] = ()
    next: tuple[str, ...] = ()

    def citing(self, evidence: Iterable[str]) -> Finding:
        """The same finding, resting on `evidence` unless it names its own."""
        return self if self.evidence else replace(self, evidence=tuple(evidence))

    def to_record(self) -> dict[str, Any]:
        """The finding as the ledger and `run.json` keep it."""
        return {
            "status": self.status.value,
            "check": self.check,
            "subject": self.subject,
            "cluster": self.cluster,
            "namespace": self.namespace,
            "reason": self.reason,
            "numbers": dict(self.numbers),
            "evidence": list(self.evidence),
            "next": list(self.next),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Finding:
        """Read what `to_record` wrote."""
        return cls(
            status=Status(record["status"]),
            check=record["check"],
            subject=record["subject"],
            reason=record["reason"],
            numbers=dict(record["numbers"]),
            cluster=record["cluster"],
            namespace=record["namespace"],
            evidence=tuple(record["evidence"]),
            next=tuple(record["next"]),
        )

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same finding in two runs."""
        return (self.check, self.cluster, self.namespace, self.subject)


@dataclass(frozen=True, order=True)
class Target:
    """One place that is read: `cluster/prod-eu`, `database/coffee`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Window:
    """A half-open span of time in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise UsageError("a window needs times with a time zone", why=f"given {self.start} to {self.end}")
        if self.start >= self.end:
            raise UsageError("a window must start before it ends", why=f"given {self.start} to {self.end}")

    @classmethod
    def ending(cls, end: datetime, length: timedelta) -> Window:
        """The window of `length` before `end`."""
        return cls((end - length).astimezone(UTC), end.astimezone(UTC))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class Thresholds:
    """Where OK ends. Every default says where it comes from; an environment overrides them in `gocoffee.toml`.

    Ratios are 0..1, times are seconds.
    """

    node_requested_warn: float = 0.85  # of allocatable; leaves room for one node's pods on seven others
    node_requested_crit: float = 0.95
    node_usage_warn: float = 0.80  # Google SRE Workbook: plan capacity before 80 % at peak
    node_usage_crit: float = 0.90
    restart_window_s: float = 86_400.0
    restarts_warn: int = 1
    restarts_crit: int = 5  # kubelet's back-off reaches its 5 min cap after about 5 restarts
    usage_over_request_warn: float = 1.5
    memory_limit_warn: float = 0.80  # of the limit; at 1.0 the kernel kills
    memory_limit_crit: float = 0.95
    requested_unused_warn: float = 0.25  # usage below this share of the request is reserved, not used
    statement_mean_warn_ms: float = 1_000.0  # the runbook's own log_min_duration_statement
    statement_share_warn: float = 0.30
    statement_slower_warn: float = 1.5  # ratio of mean time to the previous run's
    active_warn_s: float = 300.0  # the runbook: 5 minutes
    active_crit_s: float = 600.0  # the runbook: 10 minutes
    idle_in_transaction_warn_s: float = 60.0
    idle_in_transaction_crit_s: float = 600.0
    blocked_warn_s: float = 10.0
    blocked_crit_s: float = 60.0
    connections_warn: float = 0.80
    connections_crit: float = 0.95
    cache_hit_warn: float = 0.99  # PostgreSQL wiki: OLTP databases should be above 99 %
    cache_hit_crit: float = 0.90
    unused_index_mib: float = 1.0
    seq_scan_rows: int = 10_000
    dead_tuples_warn: float = 0.20  # autovacuum_vacuum_scale_factor's default
    dead_tuples_crit: float = 0.50
    wraparound_warn: float = 0.50  # of 2^31; autovacuum_freeze_max_age's default is 0.093
    wraparound_crit: float = 0.75
    replication_lag_warn_s: float = 10.0
    replication_lag_crit_s: float = 60.0
