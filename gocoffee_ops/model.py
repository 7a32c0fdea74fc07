"""The nouns of the project: status, finding, target, window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from gocoffee_ops.errors import UsageError
from gocoffee_ops.thresholds import Number, ThresholdInfo, Thresholds

__all__ = [
    "Contacts",
    "Escalation",
    "Finding",
    "Number",
    "Status",
    "Target",
    "ThresholdInfo",
    "Thresholds",
    "Window",
    "read_time",
    "worst",
]


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

    `problem` names what it is a sign of, where other checks may see that too, and `because` what would explain it, if there is
    a finding of that: so one problem is one finding, and `parts` are those that it was folded from, each as it was made.
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
    problem: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    parts: tuple[Finding, ...] = ()

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
            "problem": list(self.problem),
            "because": list(self.because),
            "parts": [part.to_record() for part in self.parts],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Finding:
        """Read what `to_record` wrote; the last three are missing in older records."""
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
            problem=tuple(record.get("problem", ())),
            because=tuple(record.get("because", ())),
            parts=tuple(cls.from_record(part) for part in record.get("parts", ())),
        )

    @property
    def made(self) -> tuple[Finding, ...]:
        """The findings as checks made them: its parts, or itself."""
        return self.parts or (self,)

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


LOOK_FIRST = "look_first"  # of a finding's numbers: what it says to look at first, which every verdict shows
TIME_FORM = "2026-11-23T03:00Z"
WATCHDOG = "Watchdog"  # the alert that always fires, as the rules that come with the Prometheus operator call it


def read_time(text: str) -> datetime:
    """A time in ISO 8601 with its zone, in UTC. Raises UsageError for anything else.

    >>> read_time("2026-11-23T04:00+01:00").isoformat()
    '2026-11-23T03:00:00+00:00'
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError("read a time", why=f"given {text!r}", hint=f"ISO 8601 with its zone: {TIME_FORM}") from None
    if found.tzinfo is None:
        raise UsageError(
            "read a time", why=f"given {text!r}, which names no zone", hint=f"ISO 8601 with its zone: {TIME_FORM}"
        )
    return found.astimezone(UTC)


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

    def before(self, hours: float) -> Window:
        """The window of that length that ends where this one starts: its baseline."""
        return Window.ending(self.start, timedelta(hours=hours))

    def until(self, other: Window) -> Window:
        """From where this one starts to where another one ends."""
        return Window(self.start, other.end)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class Escalation:
    """Who is called for one severity, and within what time."""

    severity: str
    response_time_s: float
    primary: str
    secondary: str = ""


@dataclass(frozen=True)
class Contacts:
    """Whom to call and where to look, as of the run: what is left of a response time is counted from `as_of`, not from now."""

    as_of: datetime
    escalation: tuple[Escalation, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """The contacts as the ledger keeps them."""
        escalation = [{f.name: getattr(step, f.name) for f in fields(step)} for step in self.escalation]
        return {
            "as_of": self.as_of.isoformat(),
            "escalation": escalation,
            "addresses": dict(self.addresses),
            "links": dict(self.links),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Contacts:
        """Read what `to_record` wrote."""
        return cls(
            datetime.fromisoformat(record["as_of"]),
            tuple(Escalation(**step) for step in record["escalation"]),
            dict(record["addresses"]),
            dict(record["links"]),
        )
