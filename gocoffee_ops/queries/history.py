"""What did the previous run of this runbook find? Same environment, same parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from gocoffee_ops.errors import Malformed
from gocoffee_ops.evidence.history import EarlierRun, RunHistory
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.query import Ask, Rows, query

RUNS_SHOWN = 20

RUNS = Schema(
    "runs",
    (
        Column("run", "string", help="the run's folder"),
        Column("finished_at", "timestamp"),
        Column("as_of", "timestamp", help="when it began to ask"),
        Column("status", "string"),
        Column("findings", "Int64", help="findings that are not OK"),
        Column("coverage_percent", "Float64", "%"),
        Column("folder", "string"),
    ),
)

PREVIOUS_FINDINGS = Schema(
    "previous findings",
    (
        Column("run", "string"),
        Column("status", "string"),
        Column("check", "string"),
        Column("subject", "string"),
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("reason", "string"),
    ),
)

PREVIOUS_STATEMENTS = Schema(
    "previous statements",
    (
        Column("run", "string"),
        Column("database", "string"),
        Column("queryid", "string"),
        Column("statement", "string", content="sql"),
        Column("calls", "Int64"),
        Column("total_exec_ms", "Float64", "ms"),
        Column("stats_reset_at", "timestamp", help="the counters counted since then", optional=True),
    ),
)

PREVIOUS_POD_USAGE = Schema(
    "previous pod usage",
    (
        Column("run", "string"),
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("owner", "string", optional=True),
        Column("pod", "string"),
        Column("cpu_millicores", "Float64", "millicores", optional=True),
        Column("memory_mib", "Float64", "MiB", optional=True),
    ),
)


@query("history", RUNS)
def runs(ask: Ask[RunHistory]) -> Rows:
    """Which complete runs of this runbook, environment and parameters came before, newest first? No row: none did.

    Columns: run, finished_at and as_of (UTC), status, findings (not OK), coverage_percent (%), folder.
    Read from: the run.json files of the reports folder. Raises Malformed for a run.json that cannot be read.
    """
    found = ask.source.runs()
    shown = [_decoded(run) for run in found[:RUNS_SHOWN]]
    stated = f"the newest {RUNS_SHOWN} of {len(found)} runs" if len(found) > RUNS_SHOWN else ""
    return Rows(shown, notes={"earlier_runs": len(found), "shown": stated})


@query("history", PREVIOUS_FINDINGS)
def previous_findings(ask: Ask[RunHistory]) -> Rows:
    """What had the previous run found? No row: there was none, or it found nothing; `runs` tells which.

    Columns: run, status, check, subject, cluster, namespace, reason. Read from: its run.json.
    """
    names = ("status", "check", "subject", "cluster", "namespace", "reason")
    return Rows(
        [
            {"run": run.name, **{name: finding[name] for name in names}}
            for run in ask.source.runs()[:1]
            for finding in _made(run)
        ]
    )


@query("history", PREVIOUS_STATEMENTS)
def previous_statements(ask: Ask[RunHistory]) -> Rows:
    """How far had the counters of every statement come in the newest earlier run that read its database? No row: none did.

    Columns: run, database, queryid, statement, calls, total_exec_ms (ms), stats_reset_at (timestamp, optional). Read
    from: what `database.statement_totals` left in its evidence.
    Raises Tampered when its evidence was changed, and Malformed when its table lacks a column.
    """
    return Rows(_previous(ask.source, "database.statement_totals", PREVIOUS_STATEMENTS, "database"))


@query("history", PREVIOUS_POD_USAGE)
def previous_pod_usage(ask: Ask[RunHistory]) -> Rows:
    """What had the pods used in the newest earlier run that could read their cluster? No row: none could.

    Columns: run, cluster, namespace, owner, pod, cpu_millicores (millicores), memory_mib (MiB). Read from: its evidence.
    Raises Tampered when its evidence was changed.
    """
    return Rows(_previous(ask.source, "cluster.pod_usage", PREVIOUS_POD_USAGE, "cluster"))


def _made(run: EarlierRun) -> Iterator[Mapping[str, Any]]:
    """A run's findings as its checks made them, so that how they were folded makes no difference."""
    for finding in run.body["findings"]:
        yield from finding.get("parts") or (finding,)


def _previous(history: RunHistory, name: str, schema: Schema, kind: str) -> list[dict[str, Any]]:
    picked = [column for column in schema.names if column not in {"run", kind}]
    return [
        {"run": run.name, kind: target, **_picked(row, picked, run)}
        for target, (run, rows) in history.newest_answers(name).items()
        for row in rows
    ]


def _picked(row: Mapping[str, Any], names: Iterable[str], run: EarlierRun) -> dict[str, Any]:
    try:
        return {name: row[name] for name in names}
    except KeyError as error:
        raise Malformed(
            "read the previous run's table", target=str(run.folder), why=f"it has no column {error}"
        ) from None


def _decoded(run: EarlierRun) -> dict[str, Any]:
    body = run.body
    return {
        "run": run.name,
        "finished_at": datetime.fromisoformat(body["finished"]),
        "as_of": run.started,
        "status": body["status"],
        "findings": sum(finding["status"] != "OK" for finding in body["findings"]),
        "coverage_percent": float(body["coverage"]["percent"]),
        "folder": str(run.folder),
    }
