"""Tables and indexes: what is missing, what is carried for nothing, what vacuum has left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.grading import DATABASE_SLOWDOWN, QUERY_TUNING, concluded, counted, grade, numbers, percent
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

NO_TABLES = "no table was seen: is it the right database, and may the role see it?"


def indexes_useful(indexes: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which indexes are invalid, duplicates, or never scanned? One that enforces a constraint works without being scanned.

    >>> import pandas as pd
    >>> row = {"database": "coffee", "schema": "public", "table": "orders", "index": "old", "size_mib": 12.0,
    ...     "scans": 0, "unique": False, "primary": False, "constraint": False, "valid": False, "duplicate_of": None}
    >>> print(said(indexes_useful(pd.DataFrame([row]), thresholds=Thresholds()))[0])
    WARN index/public.old: coffee: invalid: a concurrent build failed; it is maintained but never used (12.0 MiB on public.orders)
    """
    table = records(indexes)
    findings = []
    for row in table:
        subject = f"index/{row['schema']}.{row['index']}"
        size = f"{row['size_mib']:,.1f} MiB on {row['schema']}.{row['table']}"
        reason = ""
        if not row["valid"]:
            reason = f"invalid: a concurrent build failed; it is maintained but never used ({size})"
        elif row["duplicate_of"] is not None:
            reason = f"the same as {row['duplicate_of']} ({size})"
        elif row["scans"] == 0 and not (row["unique"] or row["primary"] or row["constraint"]):
            if row["size_mib"] < thresholds.unused_index_mib:
                continue
            since = row["stats_reset_at"]
            known = f"since {since:%Y-%m-%d %H:%M} UTC" if since else "since the server's statistics began"
            reason = f"never scanned {known} ({size}); look at the replicas too before dropping it"
        if reason:
            figures = numbers(row, "size_mib", "scans")
            findings.append(
                Finding(
                    Status.WARN,
                    "indexes_useful",
                    subject,
                    f"{row['database']}: {reason}",
                    figures,
                    next=(QUERY_TUNING,),
                )
            )
    return concluded(
        findings,
        check="indexes_useful",
        subject="indexes",
        fine=f"{counted(len(table), 'index')} valid, distinct and in use",
        read=len(table),
        none="no index was seen: is it the right database, and may the role see it?",
    )


def tables_indexed(tables: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which large tables are read from end to end, so that an index may be missing?

    >>> import pandas as pd
    >>> row = {"database": "coffee", "schema": "public", "table": "orders", "size_mib": 16.0, "live_tuples": 150_000,
    ...     "seq_scans": 40, "seq_rows": 6_000_000, "index_scans": 3}
    >>> said(tables_indexed(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN table/public.orders: coffee: 40 scans read 150,000 rows each (3 scans used an index; 16.0 MiB)']
    """
    table = records(tables)
    findings = []
    for row in table:
        if not row["seq_scans"] or row["live_tuples"] < thresholds.seq_scan_rows:
            continue
        rows_a_scan = row["seq_rows"] / row["seq_scans"]
        by_index = row["index_scans"] or 0
        if rows_a_scan < thresholds.seq_scan_rows or row["seq_scans"] < thresholds.seq_scans_warn:
            continue
        reason = (
            f"{row['database']}: {counted(row['seq_scans'], 'scan')} read {rows_a_scan:,.0f} rows each "
            f"({counted(by_index, 'scan')} used an index; {row['size_mib']:,.1f} MiB)"
        )
        figures = numbers(row, "seq_scans", "seq_rows", "index_scans")
        subject = f"table/{row['schema']}.{row['table']}"
        same = problems.table(row["database"], row["schema"], row["table"])
        findings.append(
            Finding(Status.WARN, "tables_indexed", subject, reason, figures, next=(QUERY_TUNING,), problem=same)
        )
    fine = f"no large one of {counted(len(table), 'table')} is read from end to end"
    return concluded(findings, check="tables_indexed", subject="tables", fine=fine, read=len(table), none=NO_TABLES)


def tables_vacuumed(tables: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Where have dead rows piled up, and does autovacuum look after it?

    >>> import pandas as pd
    >>> row = {"database": "coffee", "schema": "public", "table": "stock", "dead_tuples": 60_000, "dead_ratio": 0.6,
    ...     "last_vacuum_at": None, "last_autovacuum_at": None, "autovacuum": False}
    >>> said(tables_vacuumed(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT table/public.stock: coffee: 60,000 dead rows, 60 % of all, never vacuumed; autovacuum is off for it']
    """
    table = records(tables)
    findings = []
    for row in table:
        if row["dead_tuples"] < thresholds.dead_tuples_rows:
            continue
        status = grade(row["dead_ratio"], thresholds.dead_tuples_warn, thresholds.dead_tuples_crit)
        last = max((t for t in (row["last_vacuum_at"], row["last_autovacuum_at"]) if t is not None), default=None)
        when = f"last vacuumed {last:%Y-%m-%d %H:%M} UTC" if last else "never vacuumed"
        off = "" if row["autovacuum"] else "; autovacuum is off for it"
        reason = (
            f"{row['database']}: {row['dead_tuples']:,} dead rows, {percent(row['dead_ratio'])} of all, {when}{off}"
        )
        figures = numbers(row, "dead_tuples", "dead_ratio")
        subject = f"table/{row['schema']}.{row['table']}"
        findings.append(Finding(status, "tables_vacuumed", subject, reason, figures, next=(DATABASE_SLOWDOWN,)))
    fine = f"dead rows stay below {percent(thresholds.dead_tuples_warn)} in {counted(len(table), 'table')}"
    return concluded(findings, check="tables_vacuumed", subject="tables", fine=fine, read=len(table), none=NO_TABLES)


def wraparound_far(wraparound: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """How far is each database from the transaction ids' wraparound, at which the server refuses writes?

    >>> import pandas as pd
    >>> row = {"database": "coffee", "name": "coffee", "xid_age": 1_200_000_000, "xid_share": 0.56, "mxid_share": 0.01}
    >>> said(wraparound_far(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN database/coffee: 1,200,000,000 transactions old, 56 % of the way to wraparound']
    """
    table = records(wraparound)
    findings = []
    for row in table:
        share = max(row["xid_share"], row["mxid_share"])
        findings.append(
            Finding(
                grade(share, thresholds.wraparound_warn, thresholds.wraparound_crit),
                "wraparound_far",
                f"database/{row['name']}",
                f"{row['xid_age']:,} transactions old, {percent(share)} of the way to wraparound",
                numbers(row, "xid_age", "xid_share", "mxid_share"),
                next=(DATABASE_SLOWDOWN,),
            )
        )
    oldest = max((row["xid_share"] for row in table), default=0.0)
    fine = f"{counted(len(table), 'database')} at most {percent(oldest)} of the way to wraparound"
    return concluded(
        findings, check="wraparound_far", subject="databases", fine=fine, read=len(table), none="no database was seen"
    )
