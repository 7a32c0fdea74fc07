"""How numbers become a status, and how a check speaks when it found nothing wrong or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gocoffee_ops.model import Finding, Number, Status

# The runbooks that findings point to, by the procedures of the platform's runbook.
SERVICE_DOWN = "service-down"
HIGH_ERROR_RATE = "high-error-rate"
FORENSICS = "forensics"
DATABASE_SLOWDOWN = "database-slowdown"
QUERY_TUNING = "query-tuning"
MEMORY_OPTIMIZATION = "memory-optimization"
CLUSTER_UPDATE = "cluster-update"
COST_ANALYSIS = "cost-analysis"
RUNBOOKS = frozenset(
    (SERVICE_DOWN, HIGH_ERROR_RATE, FORENSICS, DATABASE_SLOWDOWN, QUERY_TUNING, MEMORY_OPTIMIZATION, CLUSTER_UPDATE)
)  # those that an alert may name
WRITTEN = frozenset(
    (QUERY_TUNING, MEMORY_OPTIMIZATION, CLUSTER_UPDATE)
)  # procedures that are no notebook: people read them


def grade(value: float | None, warn: float, crit: float | None = None) -> Status:
    """OK below `warn`, CRIT from `crit` on, UNKNOWN for a value that is missing.

    >>> [grade(v, 0.8, 0.95).value for v in (0.5, 0.8, 0.95, None)]
    ['OK', 'WARN', 'CRIT', 'UNKNOWN']
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return Status.UNKNOWN
    if crit is not None and value >= crit:
        return Status.CRIT
    return Status.WARN if value >= warn else Status.OK


def concluded(
    findings: Iterable[Finding], *, check: str, subject: str, fine: str, read: int, none: str
) -> list[Finding]:
    """The findings that are not OK; without any, one OK that says what was looked at.

    When nothing was read there is nothing to call fine: that is UNKNOWN, for the reason in `none`.

    >>> concluded([], check="c", subject="pods", fine="3 pods ready", read=3, none="no pod")[0].status.value
    'OK'
    >>> concluded([], check="c", subject="pods", fine="0 pods ready", read=0, none="no pod")[0].reason
    'no pod'
    """
    wrong = [finding for finding in findings if finding.status is not Status.OK]
    if wrong:
        return wrong
    if not read:
        return [Finding(Status.UNKNOWN, check, subject, none)]
    return [Finding(Status.OK, check, subject, fine, {"read": read})]


def numbers(row: Mapping[str, Any], *names: str) -> dict[str, Number | str]:
    """The named values of a row that are there, rounded for people.

    >>> numbers({"a": 1.23456, "b": None}, "a", "b")
    {'a': 1.235}
    """
    picked = {name: row[name] for name in names if row[name] is not None}
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in picked.items()}


def said(findings: Iterable[Finding]) -> list[str]:
    """One line a finding.

    >>> said([Finding(Status.CRIT, "node_health", "node/n1", "the node is NotReady")])
    ['CRIT node/n1: the node is NotReady']
    """
    return [f"{finding.status.value} {finding.subject}: {finding.reason}" for finding in findings]


def counted(n: int, noun: str) -> str:
    """A number of things, in the singular where it is one.

    >>> counted(1, "pod"), counted(1200, "session"), counted(2, "index")
    ('1 pod', '1,200 sessions', '2 indexes')
    """
    plural = f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {plural}"


def days(value_s: float) -> str:
    """A long time, in whole days.

    >>> days(90000), days(40_000_000)
    ('1 day', '462 days')
    """
    return counted(int(value_s // 86_400), "day")


def percent(ratio: float) -> str:
    """A ratio for people.

    >>> percent(0.8449), percent(1.5)
    ('84 %', '150 %')
    """
    return f"{ratio * 100:.0f} %"


def seconds(value: float) -> str:
    """A duration for people.

    >>> seconds(4.2), seconds(75), seconds(7300), seconds(86400)
    ('4.2 s', '1 min 15 s', '2 h 1 min', '1 d')
    """
    if value < 60:
        return f"{value:.1f} s"
    minutes, s = divmod(int(value), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    parts = [(days, "d"), (h, "h"), (m, "min"), (s, "s")]
    first = next(i for i, (n, _) in enumerate(parts) if n)
    return " ".join(f"{n} {unit}" for n, unit in parts[first : first + 2] if n)
