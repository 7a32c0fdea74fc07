"""Do a server's sessions move, who waits for whom, and has the server itself kept running?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.database import shortened
from gocoffee_ops.checks.grading import DATABASE_SLOWDOWN, concluded, counted, grade, seconds
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Number, Status, Thresholds, Window, worst

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
ALONE = "nobody but this run is connected"


def servers_kept_running(
    server: pd.DataFrame, *, thresholds: Thresholds, window: Window | None = None
) -> list[Finding]:
    """Has a server started anew a short while ago, or within the window that is looked at?

    A start cuts off every session of before. How long ago it was is counted back from the moment that the table was read as of.

    >>> import pandas as pd
    >>> from datetime import UTC, datetime
    >>> server = pd.DataFrame([{"database": "coffee", "started_at": datetime(2026, 1, 5, 2, 48, tzinfo=UTC)}])
    >>> server.attrs["as_of"] = {"coffee": "2026-01-05T03:00:00+00:00"}
    >>> said(servers_kept_running(server, thresholds=Thresholds()))
    ['WARN database/coffee: started at 2026-01-05 02:48:00 UTC, 12 min ago: whatever was connected before was cut off']
    """
    table = records(server)
    findings = []
    for row in table:
        subject, started = f"database/{row['database']}", row["started_at"]
        read_at = server.attrs.get("as_of", {}).get(row["database"])
        if read_at is None:
            reason = "when it was read is not known, so neither is for how long it has run"
            findings.append(Finding(Status.UNKNOWN, "servers_kept_running", subject, reason))
            continue
        as_of = datetime.fromisoformat(read_at)
        age_s = max(0.0, (as_of - started).total_seconds())
        within = window is not None and window.start <= started < window.end
        if age_s >= thresholds.restarted_warn_s and not within:
            if window is not None and started >= window.end:
                reason = f"started at {started:%Y-%m-%d %H:%M:%S} UTC, after the window: whether it ran through that is not known"
                findings.append(Finding(Status.UNKNOWN, "servers_kept_running", subject, reason))
            continue
        ago = f"{seconds(age_s)} ago" if started <= as_of else "after this run began"
        looked = ", within the window that is looked at" if within else ""
        reason = f"started at {started:%Y-%m-%d %H:%M:%S} UTC, {ago}{looked}: whatever was connected before was cut off"
        figures = {"age_s": round(age_s, 1)}
        findings.append(
            Finding(Status.WARN, "servers_kept_running", subject, reason, figures, next=(DATABASE_SLOWDOWN,))
        )
    fine = ", ".join(f"{row['database']} has run since {row['started_at']:%Y-%m-%d %H:%M:%S} UTC" for row in table)
    return concluded(
        findings,
        check="servers_kept_running",
        subject="databases",
        fine=fine,
        read=len(table),
        none="no server answered",
    )


def sessions_moving(activity: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which statements run for long, and which transactions stand idle? An idle session is neither. (H07)

    One finding for an application's running sessions and one for its idle transactions, with the oldest of them: a pid
    is another one next week, the application is not.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "pid": 7, "application": "orders", "backend_type": "client backend",
    ...     "state": "idle in transaction", "age_s": 75.0, "blocked_by": (), "statement": "UPDATE orders SET …"}
    >>> print(said(sessions_moving(pd.DataFrame([row]), thresholds=Thresholds()))[0])
    WARN application/orders (idle in transaction): coffee: pid 7 is idle in transaction for 1 min 15 s: UPDATE orders SET …
    """
    table = records(activity)
    groups: dict[tuple[str, str, bool], list[Row]] = {}
    findings = []
    for row in table:
        if row["backend_type"] not in {"client backend", "parallel worker"} or row["state"] == "idle":
            continue
        if row["state"] in {None, "disabled"} or row["age_s"] is None:
            why = "track_activities is off for it" if row["state"] == "disabled" else "cannot be seen by this role"
            reason = f"{row['database']}: the state of session {row['pid']} is not known: {why}"
            findings.append(Finding(Status.UNKNOWN, "sessions_moving", _application(row["application"]), reason))
            continue
        idle = row["state"].startswith("idle in transaction")
        groups.setdefault((row["database"], row["application"], idle), []).append(row)
    for (database, _, idle), sessions in groups.items():
        by_pid = {str(row["pid"]): row for row in table if row["database"] == database}
        findings.append(_oldest(sessions, idle, by_pid, thresholds))
    fine = f"none of {counted(len(table), 'session')} runs or stands in a transaction for long"
    return concluded(
        findings,
        check="sessions_moving",
        subject="sessions",
        fine=fine if table else ALONE,
        read=_looked(activity),
        none="no session was seen",
    )


def _oldest(sessions: list[Row], idle: bool, by_pid: Mapping[str, Row], thresholds: Thresholds) -> Finding:
    row = max(sessions, key=lambda session: session["age_s"])
    limits = (
        (thresholds.idle_in_transaction_warn_s, thresholds.idle_in_transaction_crit_s)
        if idle
        else (thresholds.active_warn_s, thresholds.active_crit_s)
    )
    who = f"the oldest of {len(sessions)}, pid {row['pid']}," if len(sessions) > 1 else f"pid {row['pid']}"
    blocked = f", waiting for {', '.join(row['blocked_by'])}" if row["blocked_by"] else ""
    reason = (
        f"{row['database']}: {who} is {row['state']} for {seconds(row['age_s'])}{blocked}: "
        f"{shortened(row['statement'])}"
    )
    figures: dict[str, Number | str] = {"age_s": round(row["age_s"], 1), "sessions": len(sessions)}
    subject = _application(row["application"]) + (" (idle in transaction)" if idle else "")
    return Finding(
        grade(row["age_s"], *limits),
        "sessions_moving",
        subject,
        reason,
        figures,
        next=(DATABASE_SLOWDOWN,),
        because=_in_the_way(row, by_pid),
    )


def _application(name: str | None) -> str:
    return f"application/{name or 'unnamed'}"


def _in_the_way(row: Row, by_pid: Mapping[str, Row]) -> tuple[str, ...]:
    """What may explain that a session does not move: itself, or whoever holds it up at the other end of the queue."""
    seen, todo = {}, [str(row["pid"])]
    while todo:
        pid = todo.pop(0)
        if pid not in seen:
            seen[pid] = problems.session(row["database"], pid)
            todo += by_pid[pid]["blocked_by"] if pid in by_pid else ()
    return tuple(seen.values())


def nobody_blocked(blocking: pd.DataFrame, activity: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Who waits for whom? One finding a root blocker, with all that wait behind it.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "pid": 8, "root_pid": 7, "root_application": "orders", "root_state": "active",
    ...     "root_statement": "ALTER TABLE orders ADD note text", "waiting_s": 12.0}
    >>> print(said(nobody_blocked(pd.DataFrame([row]), pd.DataFrame([row]), thresholds=Thresholds()))[0])
    WARN application/orders: coffee: pid 7 (active) blocks 1 session, the longest for 12.0 s: ALTER TABLE orders ADD note text
    """
    roots: dict[tuple[str, int], list[Row]] = {}
    for row in records(blocking):
        roots.setdefault((row["database"], row["root_pid"]), []).append(row)
    findings = []
    for (database, root), rows in roots.items():
        longest = max(row["waiting_s"] for row in rows)
        first = rows[0]
        waiting = len({row["pid"] for row in rows})
        reason = (
            f"{database}: pid {root} ({first['root_state'] or 'no session'}) "
            f"blocks {counted(waiting, 'session')}, the longest for {seconds(longest)}: {shortened(first['root_statement'])}"
        )
        findings.append(
            Finding(
                worst([grade(longest, thresholds.blocked_warn_s, thresholds.blocked_crit_s)]),
                "nobody_blocked",
                _application(first["root_application"]),
                reason,
                {"waiting": waiting, "waiting_s": round(longest, 1)},
                next=(DATABASE_SLOWDOWN,),
                problem=(problems.session(database, root),),
            )
        )
    fine = f"no session is blocked beyond {seconds(thresholds.blocked_warn_s)}"
    return concluded(
        findings,
        check="nobody_blocked",
        subject="sessions",
        fine=fine if len(activity) else ALONE,
        read=_looked(activity),
        none="no session was seen",
    )


def _looked(activity: pd.DataFrame) -> int:
    """The sessions that were seen; where there are none, the answers that said so."""
    return len(activity) or len(activity.attrs.get("evidence", ()))
