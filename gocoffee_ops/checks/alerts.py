"""What fires, what is silenced, and what fired in the night?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.alert_duties import STATE, Duties, duties
from gocoffee_ops.checks.alert_labels import labels_of, matching
from gocoffee_ops.checks.grading import FORENSICS, RUNBOOKS, SERVICE_DOWN, concluded, counted, seconds
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

CRITICAL = frozenset({"critical", "page", "emergency"})
WARNINGS = frozenset({"warning", "warn"})
QUIET = frozenset({"none", "info"})
UNPROVEN = "no alert that always fires is configured, so that silence proves nothing"
RULES_LOST_S = 300.0  # without the alert that always fires: Prometheus' own look-back
Row = Mapping[str, Any]


def alerts_quiet(
    alerts: pd.DataFrame, status: pd.DataFrame, *, expectations: Expectations | None = None
) -> list[Finding]:
    """Which alerts fire now? Silenced and inhibited ones are named, with by what, but not counted. (H14)

    The label `runbook` of an alert names the runbook that goes on from it, else that is service-down.

    `expectations` names the alert that always fires: without it, that nothing fires may mean that nothing arrives.

    >>> import pandas as pd
    >>> from datetime import UTC, datetime
    >>> row = {"alertmanager": "main", "alert": "OrdersDown", "severity": "critical", "state": "active", "age_s": 300.0,
    ...     "starts_at": datetime(2026, 1, 5, 3, tzinfo=UTC), "namespace": "go-coffee", "summary": "no replica is ready",
    ...     "silences": (), "inhibited_by": (), "muted_by": (), "labels": ()}
    >>> status = pd.DataFrame([{"alertmanager": "main"}])
    >>> said(alerts_quiet(pd.DataFrame([row]), status, expectations=Expectations(watchdog="")))
    ['CRIT alert/OrdersDown: fires since 2026-01-05 03:00 UTC (5 min): no replica is ready']
    >>> said(alerts_quiet(pd.DataFrame([row]).head(0), status))
    ['UNKNOWN alertmanager/main: Watchdog, which always fires, does not: do alerts arrive there at all?']
    """
    watchdog = (expectations or Expectations()).watchdog
    table, unread = records(alerts), alerts.attrs.get("gaps", ())
    findings = []
    for where in (row["alertmanager"] for row in records(status)):
        there = [row["alert"] for row in table if row["alertmanager"] == where]
        reason = f"{watchdog}, which always fires, does not: do alerts arrive there at all?"
        if unread and not there:
            reason = f"what fires there now was not read: {'; '.join(unread)}"
        elif not watchdog or watchdog in there:
            continue
        findings.append(Finding(Status.UNKNOWN, "alerts_quiet", f"alertmanager/{where}", reason))
    rows = [row for row in table if row["alert"] != watchdog or not watchdog]
    firing = [row for row in rows if row["state"] != "suppressed"]
    suppressed = [row for row in rows if row["state"] == "suppressed"]
    for group in grouped(firing):
        if (found := severity_of(group[0])) is not Status.OK:
            findings.append(_firing(found, group))
    told = [_suppressed(group) for group in grouped(suppressed)] + ([] if watchdog else [UNPROVEN])
    informing = sorted({row["alert"] for row in firing if severity_of(row) is Status.OK})
    fine = "no alert fires now" + (f" but for information: {', '.join(informing)}" if informing else "")
    said = concluded(
        findings,
        check="alerts_quiet",
        subject="alerts",
        fine=f"{fine}; {'; '.join(told)}" if told else fine,
        read=len(status),
        none="no Alertmanager answered",
    )
    if suppressed and said[0].status is not Status.OK:
        reason = f"not counted: {'; '.join(told)}"
        said.append(Finding(Status.OK, "alerts_quiet", "alerts", reason, {"suppressed": len(suppressed)}))
    return said


def alerts_fired(
    fired: pd.DataFrame,
    watched: pd.DataFrame,
    firing: pd.DataFrame | None = None,
    *,
    expectations: Expectations | None = None,
) -> list[Finding]:
    """Which critical alerts fired and resolved since? Others are named, as are those that fired when the window ended.

    In a window that ends now, these are Alertmanager's to tell (`alerts_quiet`). In one of the past they may have resolved since:
    with `firing`, what Alertmanager has now, a critical one that it does not have is told as one that resolved.

    One whose severity is missing or not known counts with the critical ones: it may be one. Where nothing was recorded, or
    the alert that always fires (`expectations`) did not, nobody knows.

    >>> import pandas as pd
    >>> from datetime import UTC, datetime
    >>> row = {"prometheus": "main", "alert": "OrdersDown", "severity": "critical", "namespace": "go-coffee", "times": 2,
    ...     "first_seen_at": datetime(2026, 1, 5, 3, 10, tzinfo=UTC), "last_seen_at": datetime(2026, 1, 5, 3, 50, tzinfo=UTC),
    ...     "firing": False, "from_before": False, "fired_s": 1560.0, "step_s": 60.0, "window_s": 86400.0}
    >>> seen = {"prometheus": "main", "gaps": (), "unseen_s": 0.0, "step_s": 60.0,
    ...     "window_start_at": datetime(2026, 1, 4, 7, tzinfo=UTC), "window_end_at": datetime(2026, 1, 5, 7, tzinfo=UTC)}
    >>> said(alerts_fired(pd.DataFrame([row]), pd.DataFrame([seen]), expectations=Expectations(watchdog="")))
    ['WARN alert/OrdersDown: fired 2 times between 2026-01-05 03:10 and 03:50 UTC, 26 min in all, and resolved']
    >>> seen |= {"gaps": ("2026-01-05 01:00 to 04:00 UTC",), "unseen_s": 10800.0}
    >>> print(said(alerts_fired(pd.DataFrame([row]).head(0), pd.DataFrame([seen]), expectations=Expectations(watchdog="")))[0])
    UNKNOWN prometheus/main: nothing was recorded from 2026-01-05 01:00 to 04:00 UTC (3 h of 1 d): an alert of then is not known
    """
    stated = expectations or Expectations()
    watchdog, duty = stated.watchdog, duties(fired, stated)
    table = records(fired)
    seen = records(watched)
    findings = [finding for row in seen if (finding := _unwatched(row, table, watchdog, duty))]
    groups = grouped([row for row in table if row["alert"] != watchdog], "prometheus")
    still = sorted(
        {
            group[0]["alert"]
            for group in groups
            if any(row["firing"] for row in group) and severity_of(group[0]) is not Status.OK
        }
    )
    end = " and ".join(sorted({f"{row['window_end_at']:%Y-%m-%d %H:%M} UTC" for row in seen}))
    resolved = [group for group in groups if not any(row["firing"] for row in group)]
    serious = [group for group in resolved if _serious(group[0])]
    findings += [_resolved(group, "resolved") for group in serious]
    if firing is not None:
        since = _since(firing, end)
        findings += [_resolved(group, since) for group in groups if _serious(group[0]) and _lost(group, firing)]
    others = [f"{group[0]['alert']} {_spells(group)}" for group in resolved if group not in serious]
    told = [f"resolved: {'; '.join(others)}"] if others else []
    told += [f"still firing when the window ended ({end}): {', '.join(still)}"] if still else []
    blind = _nothing_to_fire(table, duty)
    told += [f"{', '.join(sorted(names))} {why}" for why, names in blind.items() if names]
    for_s = max((_window_s(row) for row in seen), default=0.0)
    step = max((row["step_s"] for row in seen), default=0.0)
    fine = f"no critical alert fired and resolved within {seconds(for_s)} (looked at every {seconds(step)})"
    if seen and {row["prometheus"] for row in seen} <= set().union(*blind.values()):
        fine = f"what fired within {seconds(for_s)} was not seen"
    found = concluded(
        findings,
        check="alerts_fired",
        subject="alerts",
        fine="; ".join([fine, *told, *([] if watchdog else [UNPROVEN])]),
        read=len(seen),
        none="no Prometheus answered",
    )
    if told and found[0].status is not Status.OK:
        reason = f"not counted: {'; '.join(told)}"
        found.append(
            Finding(Status.OK, "alerts_fired", "alerts", reason, {"resolved": len(others), "firing": len(still)})
        )
    return found


def _window_s(watched: Row) -> float:
    return float((watched["window_end_at"] - watched["window_start_at"]).total_seconds())


def _nothing_to_fire(fired: Sequence[Row], duty: Duties) -> Mapping[str, frozenset[str]]:
    """In which Prometheus nothing fires although others may see alerts, by why."""
    silent = duty.elsewhere - {row["prometheus"] for row in fired}
    without = duty.without if duty.done_by_another else frozenset[str]()
    return {"has no alert, as these are stated to be evaluated elsewhere": silent, "has no alerting rule": without}


def _unwatched(row: Row, fired: Sequence[Row], watchdog: str, duty: Duties) -> Finding | None:
    """Why a Prometheus cannot tell what fired in the window; None where it can."""
    window_s, where = _window_s(row), row["prometheus"]
    reason = ""
    if row["gaps"]:
        lost = f"{seconds(row['unseen_s'])} of {seconds(window_s)}"
        reason = f"nothing was recorded from {', '.join(row['gaps'])} ({lost}): an alert of then is not known"
    elif watchdog and where not in set().union(*_nothing_to_fire(fired, duty).values()):
        awake = max(
            (one["fired_s"] for one in fired if (one["prometheus"], one["alert"]) == (where, watchdog)), default=0.0
        )
        if not awake:
            reason = f"{watchdog}, which always fires, did not within {seconds(window_s)}: are alerting rules evaluated there?"
            reason = f"it has no alerting rule: nothing can fire there; {STATE}" if where in duty.without else reason
        elif window_s - awake > RULES_LOST_S + 2 * row["step_s"]:
            reason = (
                f"{watchdog}, which always fires, did so for {seconds(awake)} of {seconds(window_s)}: for the rest it is not "
                "known whether rules were evaluated"
            )
    return Finding(Status.UNKNOWN, "alerts_fired", f"prometheus/{where}", reason) if reason else None


def _lost(group: Sequence[Row], firing: pd.DataFrame) -> bool:
    """Whether one of these that fired when the window ended is in no Alertmanager now."""
    known = [labels_of(row) for row in records(firing)]
    return any(row["firing"] and not matching(labels_of(row), known) for row in group)


def _since(firing: pd.DataFrame, end: str) -> str:
    """What is known of an alert that fired when the window ended and is in no table of what fires now."""
    unread = [*firing.attrs.get("gaps", ()), *filter(None, [firing.attrs.get("absent", "")])]
    now = f"whether it fires now was not read: {'; '.join(unread)}" if unread else "no Alertmanager has it now"
    return f"still when the window ended ({end}); {now}"


def _resolved(group: Sequence[Row], what: str) -> Finding:
    first = group[0]
    figures = {"alerts": len(group), "fired_s": round(max(row["fired_s"] for row in group), 1)}
    return Finding(
        Status.WARN,
        "alerts_fired",
        f"alert/{first['alert']}",
        f"{_spells(group)}, and {what}{_unrated(first)}",
        figures,
        namespace=first["namespace"] or "",
        next=(FORENSICS,),
    )


def _spells(group: Sequence[Row]) -> str:
    """When alerts of one name fired, and for how long at most."""
    first, last = min(row["first_seen_at"] for row in group), max(row["last_seen_at"] for row in group)
    times, often = max(row["times"] for row in group), len(group)
    day = "" if first.date() == last.date() else f"{last:%Y-%m-%d} "
    of = f" (of {often} of its name the longest)" if often > 1 else ""
    before = " or before" if any(row["from_before"] for row in group) else ""
    said = f"fired{f' {times} times' if times > 1 else ''} between {first:%Y-%m-%d %H:%M}{before} and {day}{last:%H:%M} UTC"
    return f"{said}, {seconds(max(row['fired_s'] for row in group))} in all{of}"


def grouped(rows: Iterable[Row], source: str = "alertmanager") -> list[Sequence[Row]]:
    """One alert of many pods is one problem."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = tuple(row[name] for name in (source, "alert", "severity", "namespace"))
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def severity_of(row: Row) -> Status:
    """How bad an alert is that fires; a severity that is not known warns: somebody wanted to hear of it."""
    severity = _word(row)
    if severity in CRITICAL:
        return Status.CRIT
    return Status.OK if severity in QUIET else Status.WARN


def _serious(row: Row) -> bool:
    """Whether an alert is told although it resolved: all but a warning that is known as one, and what only informs."""
    return _word(row) not in WARNINGS | QUIET


def _word(row: Row) -> str:
    return (row["severity"] or "").lower()


def _unrated(row: Row) -> str:
    """What is to be said of a severity that is none of those that are known."""
    if not row["severity"]:
        return "; it has no severity"
    known = _word(row) in CRITICAL | WARNINGS | QUIET
    return "" if known else f"; its severity {row['severity']} is not known"


def _firing(status: Status, group: Sequence[Row]) -> Finding:
    first = min(group, key=lambda row: row["starts_at"])
    times = f"{counted(len(group), 'time')}, the first " if len(group) > 1 else ""
    new = "; not processed yet" if all(row["state"] == "unprocessed" for row in group) else ""
    reason = (
        f"fires {times}since {first['starts_at']:%Y-%m-%d %H:%M} UTC ({seconds(max(0.0, first['age_s']))}): "
        f"{first['summary'] or 'without a summary'}{_unrated(first)}{new}"
    )
    subject = f"alert/{first['alert']}"
    figures = {"alerts": len(group), "age_s": round(first["age_s"], 1)}
    return Finding(
        status, "alerts_quiet", subject, reason, figures, namespace=first["namespace"] or "", next=(_runbook(first),)
    )


def _runbook(row: Row) -> str:
    """The runbook that the label `runbook` of an alert names, where it is one of ours."""
    named = [text.removeprefix("runbook=") for text in row["labels"] if text.startswith("runbook=")]
    return next((name for name in named if name in RUNBOOKS), SERVICE_DOWN)


def _suppressed(group: Sequence[Row]) -> str:
    by = list(dict.fromkeys(text for row in group for text in row["silences"]))
    inhibited = list(dict.fromkeys(text for row in group for text in (*row["inhibited_by"], *row["muted_by"])))
    parts = [f"silenced by {', '.join(by)}"] if by else []
    parts += [f"inhibited by {', '.join(inhibited)}"] if inhibited else []
    return f"{group[0]['alert']} is {' and '.join(parts) or 'suppressed'}"
