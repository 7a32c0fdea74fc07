"""What fires, what is silenced, and would we hear of it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.grading import SERVICE_DOWN, concluded, counted, seconds
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

CRITICAL = frozenset({"critical", "page", "emergency"})
QUIET = frozenset({"none", "info"})
Row = Mapping[str, Any]


def alerts_quiet(alerts: pd.DataFrame, status: pd.DataFrame, *, watchdog: str = "Watchdog") -> list[Finding]:
    """Which alerts fire? Silenced and inhibited ones are named, with by what, but not counted. (H14)

    `watchdog` is the alert that always fires: without it, that nothing fires may mean that nothing arrives. "" for none.

    >>> import pandas as pd
    >>> from datetime import UTC, datetime
    >>> row = {"alertmanager": "main", "alert": "OrdersDown", "severity": "critical", "state": "active", "age_s": 300.0,
    ...     "starts_at": datetime(2026, 1, 5, 3, tzinfo=UTC), "namespace": "go-coffee", "summary": "no replica is ready",
    ...     "silences": (), "inhibited_by": (), "muted_by": ()}
    >>> status = pd.DataFrame([{"alertmanager": "main"}])
    >>> said(alerts_quiet(pd.DataFrame([row]), status, watchdog=""))
    ['CRIT alert/OrdersDown: fires since 2026-01-05 03:00 UTC (5 min): no replica is ready']
    >>> said(alerts_quiet(pd.DataFrame([row]).head(0), status))
    ['UNKNOWN alertmanager/main: Watchdog, which always fires, does not: do alerts arrive there at all?']
    """
    table = records(alerts)
    findings = []
    for where in (row["alertmanager"] for row in records(status)):
        if watchdog and not any(row["alertmanager"] == where and row["alert"] == watchdog for row in table):
            reason = f"{watchdog}, which always fires, does not: do alerts arrive there at all?"
            findings.append(Finding(Status.UNKNOWN, "alerts_quiet", f"alertmanager/{where}", reason))
    rows = [row for row in table if row["alert"] != watchdog or not watchdog]
    firing = [row for row in rows if row["state"] != "suppressed"]
    suppressed = [row for row in rows if row["state"] == "suppressed"]
    for group in _groups(firing):
        if (found := _severity(group[0])) is not Status.OK:
            findings.append(_firing(found, group))
    told = [_suppressed(group) for group in _groups(suppressed)]
    informing = sorted({row["alert"] for row in firing if _severity(row) is Status.OK})
    fine = "no alert fires" + (f" but for information: {', '.join(informing)}" if informing else "")
    said = concluded(
        findings,
        check="alerts_quiet",
        subject="alerts",
        fine=f"{fine}; {'; '.join(told)}" if told else fine,
        read=len(status),
        none="no Alertmanager answered",
    )
    if told and said[0].status is not Status.OK:
        reason = f"not counted: {'; '.join(told)}"
        said.append(Finding(Status.OK, "alerts_quiet", "alerts", reason, {"suppressed": len(suppressed)}))
    return said


def _groups(rows: Iterable[Row]) -> list[Sequence[Row]]:
    """One alert of many pods is one problem."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("alertmanager", "alert", "severity", "namespace"))
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _severity(row: Row) -> Status:
    """A severity that is not known warns: somebody wanted to hear of it."""
    severity = (row["severity"] or "").lower()
    if severity in CRITICAL:
        return Status.CRIT
    return Status.OK if severity in QUIET else Status.WARN


def _firing(status: Status, group: Sequence[Row]) -> Finding:
    first = min(group, key=lambda row: row["starts_at"])
    times = f"{counted(len(group), 'time')}, the first " if len(group) > 1 else ""
    known = "" if first["severity"] else "; it has no severity"
    new = "; not processed yet" if all(row["state"] == "unprocessed" for row in group) else ""
    reason = (
        f"fires {times}since {first['starts_at']:%Y-%m-%d %H:%M} UTC ({seconds(max(0.0, first['age_s']))}): "
        f"{first['summary'] or 'without a summary'}{known}{new}"
    )
    subject = f"alert/{first['alert']}"
    figures = {"alerts": len(group), "age_s": round(first["age_s"], 1)}
    return Finding(
        status, "alerts_quiet", subject, reason, figures, namespace=first["namespace"] or "", next=(SERVICE_DOWN,)
    )


def _suppressed(group: Sequence[Row]) -> str:
    by = list(dict.fromkeys(text for row in group for text in row["silences"]))
    inhibited = list(dict.fromkeys(text for row in group for text in (*row["inhibited_by"], *row["muted_by"])))
    parts = [f"silenced by {', '.join(by)}"] if by else []
    parts += [f"inhibited by {', '.join(inhibited)}"] if inhibited else []
    return f"{group[0]['alert']} is {' and '.join(parts) or 'suppressed'}"
