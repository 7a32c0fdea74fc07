"""Is the server used as it should be: by whom, by which statements, and who waits for whom?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.grading import (
    DATABASE_SLOWDOWN,
    QUERY_TUNING,
    concluded,
    counted,
    grade,
    numbers,
    percent,
    seconds,
)
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds, worst

if TYPE_CHECKING:
    import pandas as pd

STATEMENT_NUMBERS = ("mean_exec_ms", "calls", "share", "mean_ratio", "interval_mean_exec_ms", "interval_calls")
DISCONNECTED = "disconnected"  # the state of a replica that is gone, or of one without its primary
STATEMENT_CHARS = 80  # enough to recognise a statement by; the table shows it whole

Row = Mapping[str, Any]


def reader_role(server: pd.DataFrame) -> list[Finding]:
    """Do we read with the reader role? A superuser can change what a runbook promises only to read.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "role": "postgres", "superuser": True, "can_monitor": True, "version": "18.0"}
    >>> said(reader_role(pd.DataFrame([row])))
    ['WARN database/coffee: read as postgres, a superuser: use the reader role of deploy/reader.sql']
    """
    table = records(server)
    findings = []
    for row in table:
        subject = f"database/{row['database']}"
        if row["superuser"]:
            reason = f"read as {row['role']}, a superuser: use the reader role of deploy/reader.sql"
            findings.append(Finding(Status.WARN, "reader_role", subject, reason))
        if not row["can_monitor"]:
            reason = f"{row['role']} lacks pg_monitor: what other roles do cannot be seen"
            findings.append(Finding(Status.UNKNOWN, "reader_role", subject, reason))
    fine = "read as " + ", ".join(f"{row['role']} on {row['database']} ({row['version']})" for row in table)
    return concluded(
        findings, check="reader_role", subject="databases", fine=fine, read=len(table), none="no server answered"
    )


def statements_heavy(statements: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which statements are slow on average, and which take the largest part of the server's time? (H06)

    On a server that has next to nothing to do one of them always does: a share of so little is not told.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "queryid": "42", "statement": "SELECT * FROM orders", "mean_exec_ms": 1250.0,
    ...     "calls": 80, "total_exec_ms": 100_000.0, "share": 0.12, "stats_reset_at": None}
    >>> said(statements_heavy(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN statement/42: coffee: 1,250.0 ms a call, 80 calls, 12 % of all statement time: SELECT * FROM orders']
    >>> said(statements_heavy(pd.DataFrame([row | {"calls": 1}]), thresholds=Thresholds()))
    ['WARN statement/42: coffee: 1,250.0 ms a call, 1 call, 12 % of all statement time: SELECT * FROM orders']
    """
    table = records(statements)
    findings = []
    for row in table:
        slow = grade(row["mean_exec_ms"], thresholds.statement_mean_warn_ms)
        little = row["total_exec_ms"] < thresholds.statement_share_ms
        heavy = Status.OK if little else grade(row["share"], thresholds.statement_share_warn)
        if worst([slow, heavy]) is Status.OK:
            continue
        since = f" since {row['stats_reset_at']:%Y-%m-%d %H:%M} UTC" if row["stats_reset_at"] else ""
        reason = (
            f"{row['mean_exec_ms']:,.1f} ms a call, {counted(row['calls'], 'call')}, {percent(row['share'])} of all statement "
            f"time{since}: {shortened(row['statement'])}"
        )
        findings.append(_statement(worst([slow, heavy]), "statements_heavy", row, reason))
    fine = f"none of the {len(table)} heaviest statements is slow or dominates"
    return concluded(
        findings,
        check="statements_heavy",
        subject="statements",
        fine=fine,
        read=len(table),
        none="no statement was recorded: was pg_stat_statements just reset?",
    )


def statements_quick(delta: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which statements that ended between two looks at the counters were slow on average? What still runs is not among them.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "queryid": "42", "statement": "SELECT * FROM orders", "mean_exec_ms": 1250.0,
    ...     "calls": 2, "share": 0.9, "window_s": 1.0}
    >>> said(statements_quick(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN statement/42: coffee: 1,250.0 ms a call over 2 calls that ended within 1.0 s: SELECT * FROM orders']
    >>> said(statements_quick(pd.DataFrame([row]).head(0), thresholds=Thresholds()))
    ['OK statements: no statement ended between the two looks; what still runs is among the sessions']
    """
    table = records(delta)
    findings = []
    for row in table:
        status = grade(row["mean_exec_ms"], thresholds.statement_mean_warn_ms)
        if status is not Status.OK:
            reason = (
                f"{row['mean_exec_ms']:,.1f} ms a call over {counted(row['calls'], 'call')} that ended within "
                f"{seconds(row['window_s'])}: {shortened(row['statement'])}"
            )
            findings.append(_statement(status, "statements_quick", row, reason))
    if not table:
        reason = "no statement ended between the two looks; what still runs is among the sessions"
        return [Finding(Status.OK, "statements_quick", "statements", reason, {"read": 0})]
    slowest = max(row["mean_exec_ms"] or 0.0 for row in table)
    fine = f"the slowest of {counted(len(table), 'statement')} took {slowest:,.1f} ms a call"
    return concluded(
        findings, check="statements_quick", subject="statements", fine=fine, read=len(table), none="nothing was read"
    )


def statements_slower(changes: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which statements became slower since an earlier run? What there is nothing to compare with is said.

    A slowing down that cost next to nothing in all is not told. A statement whose counters are gone is UNKNOWN: it may
    be the one that became slower.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "queryid": "42", "statement": "SELECT 1", "change": "slower", "mean_ratio": 3.0,
    ...     "interval_calls": 1200, "interval_mean_exec_ms": 6.0, "previous_mean_exec_ms": 2.0, "share": 0.2}
    >>> said(statements_slower(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN statement/42: coffee: 6.0 ms a call over 1,200 calls since the previous run, was 2.0 ms: SELECT 1']
    """
    table = records(changes)
    if table and all(row["change"] == "not compared" for row in table):
        reason = "no earlier run read statements: nothing to compare with"
        return [Finding(Status.OK, "statements_slower", "statements", reason, {"earlier": 0})]
    findings = []
    compared = [row for row in table if row["mean_ratio"] is not None]
    for row in compared:
        status = grade(row["mean_ratio"], thresholds.statement_slower_warn)
        cost_ms = row["interval_calls"] * (row["interval_mean_exec_ms"] - row["previous_mean_exec_ms"])
        if status is Status.OK or cost_ms < thresholds.statement_slower_ms:
            continue
        reason = (
            f"{row['interval_mean_exec_ms']:,.1f} ms a call over {counted(row['interval_calls'], 'call')} since the "
            f"previous run, was {row['previous_mean_exec_ms']:,.1f} ms: {shortened(row['statement'])}"
        )
        findings.append(_statement(status, "statements_slower", row, reason))
    lost = Counter(row["database"] for row in table if row["change"] == "not known")
    for database, n in sorted(lost.items()):
        reason = (
            f"the counters of {counted(n, 'statement')} that the previous run saw are gone, evicted or reset: "
            "what became of them is not known"
        )
        findings.append(Finding(Status.UNKNOWN, "statements_slower", f"database/{database}", reason, {"statements": n}))
    others = Counter(row["change"] for row in table if row["mean_ratio"] is None)
    besides = "".join(f"; {n} {change}" for change, n in sorted(others.items()))
    none = f"none of {counted(len(compared), 'statement')} became notably slower since the previous run"
    fine = none if compared else "no statement was called that the previous run saw"
    return concluded(
        findings,
        check="statements_slower",
        subject="statements",
        fine=f"{fine}{besides}",
        read=len(table),
        none="no statement can be compared with the previous run",
    )


def _statement(status: Status, check: str, row: Row, reason: str) -> Finding:
    figures = numbers(row, *(name for name in STATEMENT_NUMBERS if name in row))
    subject = f"statement/{row['queryid']}"
    return Finding(
        status,
        check,
        subject,
        f"{row['database']}: {reason}",
        figures,
        next=(QUERY_TUNING,),
        problem=(problems.statement(row["database"], row["queryid"]),),
        because=problems.tables_read(row["database"], row["statement"]),
    )


def connections_free(connections: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """How near is the server to refusing connections? What superusers keep for themselves is not free.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "total": 82, "max_connections": 100, "reserved": 3}
    >>> said(connections_free(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN database/coffee: 82 of 97 connections are in use (85 %)']
    """
    findings = []
    table = {row["database"]: row for row in records(connections)}
    for database, row in table.items():
        usable = row["max_connections"] - row["reserved"]
        share = row["total"] / usable if usable > 0 else None
        findings.append(
            Finding(
                grade(share, thresholds.connections_warn, thresholds.connections_crit),
                "connections_free",
                f"database/{database}",
                f"{row['total']} of {usable} connections are in use"
                + (f" ({percent(share)})" if share is not None else ": max_connections leaves none"),
                {"connections": row["total"], "usable": usable},
                next=(DATABASE_SLOWDOWN,),
            )
        )
    fine = "; ".join(finding.reason for finding in findings)
    return concluded(
        findings,
        check="connections_free",
        subject="connections",
        fine=fine,
        read=len(table),
        none="no connection was seen, not even our own",
    )


def cache_hits(cache: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Are blocks found in shared buffers? A miss may still be served by the operating system's cache.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "name": "coffee", "ratio": 0.97, "hit_blocks": 970, "read_blocks": 30}
    >>> said(cache_hits(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN database/coffee: 97.00 % of blocks were found in shared buffers']
    """
    table = records(cache)
    findings = []
    for row in table:
        subject = f"database/{row['database']}"
        if row["ratio"] is None:
            reason = "no block was read since the statistics were reset, so there is no ratio"
            findings.append(Finding(Status.UNKNOWN, "cache_hits", subject, reason))
            continue
        status = grade(1 - row["ratio"], 1 - thresholds.cache_hit_warn, 1 - thresholds.cache_hit_crit)
        reason = f"{row['ratio'] * 100:.2f} % of blocks were found in shared buffers"
        figures = numbers(row, "ratio", "hit_blocks", "read_blocks")
        findings.append(Finding(status, "cache_hits", subject, reason, figures, next=(QUERY_TUNING,)))
    fine = "; ".join(f"{finding.subject}: {finding.reason}" for finding in findings)
    return concluded(
        findings, check="cache_hits", subject="cache", fine=fine, read=len(table), none="no database was seen"
    )


def replicas_follow(replication: pd.DataFrame, server: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Do the replicas keep up?

    >>> import pandas as pd
    >>> row = {"database": "coffee", "replica": "standby", "state": "streaming", "lag_s": 15.0, "lag_mib": 3.0}
    >>> said(replicas_follow(pd.DataFrame([row]), pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN replica/standby: coffee: streaming, 15.0 s and 3.0 MiB behind']
    >>> gone = row | {"state": "disconnected", "lag_s": None, "lag_mib": 0.0}
    >>> said(replicas_follow(pd.DataFrame([gone]), pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN replica/standby: coffee: disconnected, 0.0 MiB behind']
    """
    table = records(replication)
    findings = []
    for row in table:
        subject = f"replica/{row['replica']}"
        if row["lag_s"] is None and row["lag_mib"] is None:
            reason = f"{row['database']}: its lag is not reported (state {row['state']})"
            findings.append(Finding(Status.UNKNOWN, "replicas_follow", subject, reason))
            continue
        # The time stands still while replay is paused, the bytes do not: whichever is worse counts.
        # A replica that is cut off is none, however little it lacks at first.
        statuses, behind = [Status.WARN if row["state"] == DISCONNECTED else Status.OK], []
        if row["lag_s"] is not None:
            statuses.append(grade(row["lag_s"], thresholds.replication_lag_warn_s, thresholds.replication_lag_crit_s))
            behind.append(seconds(row["lag_s"]))
        if row["lag_mib"] is not None:
            statuses.append(
                grade(row["lag_mib"], thresholds.replication_lag_warn_mib, thresholds.replication_lag_crit_mib)
            )
            behind.append(f"{row['lag_mib']:,.1f} MiB")
        status = worst(statuses)
        reason = f"{row['database']}: {row['state']}, {' and '.join(behind)} behind"
        figures = numbers(row, "lag_s", "lag_mib")
        findings.append(Finding(status, "replicas_follow", subject, reason, figures, next=(DATABASE_SLOWDOWN,)))
    fine = f"none of {counted(len(table), 'replica')} lags" if table else "no replica is attached, so none can lag"
    return concluded(
        findings, check="replicas_follow", subject="replication", fine=fine, read=len(server), none="no server answered"
    )


def settings_in_force(settings: pd.DataFrame, server: pd.DataFrame) -> list[Finding]:
    """Is every changed setting in force, or does one wait for a restart? (H09)

    >>> import pandas as pd
    >>> row = {"database": "coffee", "setting": "max_connections", "pending_restart": True}
    >>> said(settings_in_force(pd.DataFrame([row]), pd.DataFrame([row])))
    ['WARN setting/max_connections: coffee: changed in the configuration, but needs a restart to take effect']
    """
    table = records(settings)
    findings = [
        Finding(
            Status.WARN,
            "settings_in_force",
            f"setting/{row['setting']}",
            f"{row['database']}: changed in the configuration, but needs a restart to take effect",
            next=(DATABASE_SLOWDOWN,),
        )
        for row in table
        if row["pending_restart"]
    ]
    fine = f"{counted(len(table), 'setting')} not at the default, and none waits for a restart"
    return concluded(
        findings, check="settings_in_force", subject="settings", fine=fine, read=len(server), none="no server answered"
    )


def shortened(statement: str | None) -> str:
    """The beginning of a statement on one line.

    >>> shortened("SELECT 1,\\n   2"), shortened(None)
    ('SELECT 1, 2', 'statement not visible')
    """
    if statement is None:
        return "statement not visible"
    line = " ".join(statement.split())
    return line if len(line) <= STATEMENT_CHARS else line[: STATEMENT_CHARS - 1] + "…"
