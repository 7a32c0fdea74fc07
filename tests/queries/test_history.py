"""The previous run is found, read from its evidence, and not used when that was changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gocoffee_ops.errors import Malformed, Tampered, Unreachable
from gocoffee_ops.evidence.history import RunHistory
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.frames import Schema
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.places import replay_places
from gocoffee_ops.queries import history
from gocoffee_ops.session import Place, Session

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
WEEK = timedelta(days=7)
PARAMETERS = {"env": "prod", "namespace": "go-coffee"}
HISTORY = Target("history", "reports")

STATEMENTS = Schema("s", history.PREVIOUS_STATEMENTS.columns[2:])
USAGE = Schema("u", history.PREVIOUS_POD_USAGE.columns[2:])
SLOW = {"queryid": "1", "statement": "SELECT 1", "calls": 10, "total_exec_ms": 50.0, "stats_reset_at": NOW - 9 * WEEK}
POD = {"namespace": "go-coffee", "owner": None, "pod": "a", "cpu_millicores": 5.0, "memory_mib": None}
ASKED: Mapping[str, Any] = {"args": "", "call": 0, "seconds": 0.1, "truncated": "", "notes": {}}


def _answer(ledger: Ledger, query: str, target: str, schema: Schema, rows: Sequence[Mapping[str, Any]]) -> None:
    sink = BytesIO()
    pq.write_table(schema.table(rows), sink)
    table = ledger.put_table(sink.getvalue())
    ledger.append(
        "query", {**ASKED, "query": query, "target": target, "table": table, "rows": len(rows), "error": None}
    )


def _run(
    reports: Path,
    started: datetime,
    *,
    dead: bool = False,
    asked: str = "database.statement_totals",
    beside: str = "",
    **changes: Any,
) -> Path:
    """One earlier run's folder, as the runner leaves it."""
    folder = reports / "review" / f"{started:%Y%m%dT%H%M%SZ}"
    ledger = Ledger(folder / "evidence")
    ledger.append("session", {})
    if dead:
        error = Unreachable("ask", target="database/coffee", why="refused").to_record()
        body = {**ASKED, "query": "database.statement_totals", "target": "database/coffee", "table": None, "rows": None}
        ledger.append("query", {**body, "error": error})
    else:
        _answer(ledger, asked, "database/coffee", STATEMENTS, [SLOW])
    if beside:
        _answer(ledger, asked, beside, STATEMENTS, [SLOW])
    _answer(ledger, "cluster.pod_usage", "cluster/eu", USAGE, [POD])
    _answer(ledger, "cluster.pod_usage", "cluster/us", USAGE, [])
    finding = Finding(Status.CRIT, "blocking", "database/coffee", "2 sessions wait", cluster="")
    body = {
        "runbook": "review",
        "environment": "prod",
        "parameters": PARAMETERS,
        "started": started.isoformat(),
        "finished": (started + timedelta(minutes=1)).isoformat(),
        "partial": False,
        "replay_of": "",
        "status": "CRIT",
        "findings": [finding.to_record(), Finding(Status.OK, "x", "y", "fine").to_record()],
        "coverage": {"percent": 75.0},
        "head": ledger.head,
        **changes,
    }
    (folder / "run.json").write_text(json.dumps(body))
    return folder


def _session(tmp_path: Path, reports: Path, before: datetime = NOW) -> Session:
    source = RunHistory(reports, "review", "prod", PARAMETERS, before)
    return Session(
        runbook="review",
        environment="prod",
        places=[Place(HISTORY, NOW, connect=lambda: source)],
        thresholds=Thresholds(),
        ledger=Ledger(tmp_path / "now"),
    )


def test_no_earlier_run_is_no_row_and_no_gap(tmp_path: Path) -> None:
    ops = _session(tmp_path, tmp_path / "reports")
    for ask in (history.runs, history.previous_findings, history.previous_statements, history.previous_pod_usage):
        assert len(ask(ops)) == 0
    assert ops.findings == []


def test_earlier_runs_are_listed_newest_first(tmp_path: Path) -> None:
    for weeks in (3, 1, 2):
        _run(tmp_path, NOW - weeks * WEEK)
    table = history.runs(_session(tmp_path, tmp_path))
    assert table["as_of"].tolist() == [NOW - weeks * WEEK for weeks in (1, 2, 3)]
    assert table["findings"].tolist() == [1, 1, 1]
    assert table["coverage_percent"].tolist() == [75.0] * 3


@pytest.mark.parametrize(
    "changes",
    [
        {"runbook": "other"},
        {"environment": "staging"},
        {"parameters": {**PARAMETERS, "namespace": "kube-system"}},
        {"partial": True},
        {"finished": None},
        {"replay_of": "some/bundle"},
    ],
)
def test_a_run_of_something_else_is_not_the_previous_run(tmp_path: Path, changes: dict[str, Any]) -> None:
    _run(tmp_path, NOW - WEEK, **changes)
    assert len(history.runs(_session(tmp_path, tmp_path))) == 0


def test_the_previous_runs_findings_and_tables_are_the_newest_ones(tmp_path: Path) -> None:
    _run(tmp_path, NOW - 2 * WEEK, findings=[])
    newest = _run(tmp_path, NOW - WEEK)
    ops = _session(tmp_path, tmp_path)
    found = history.previous_findings(ops)
    assert found[["run", "status", "check", "subject"]].to_numpy().tolist()[0] == [
        newest.name,
        "CRIT",
        "blocking",
        "database/coffee",
    ]
    statements = history.previous_statements(ops)
    assert statements[["database", "queryid", "calls", "total_exec_ms"]].to_numpy().tolist() == [
        ["coffee", "1", 10, 50.0]
    ]
    assert statements["stats_reset_at"].tolist() == [NOW - 9 * WEEK]
    usage = history.previous_pod_usage(ops)
    assert usage[["cluster", "pod", "cpu_millicores"]].to_numpy().tolist() == [["eu", "a", 5.0]]


@pytest.mark.parametrize("started", [NOW, NOW + timedelta(seconds=1)])
def test_a_run_that_began_with_or_after_this_one_is_not_the_previous_run(tmp_path: Path, started: datetime) -> None:
    _run(tmp_path, started)
    assert len(history.runs(_session(tmp_path, tmp_path))) == 0


def test_where_the_previous_run_could_not_ask_the_one_before_it_is_compared_with_and_named(tmp_path: Path) -> None:
    older = _run(tmp_path, NOW - 2 * WEEK)
    newer = _run(tmp_path, NOW - WEEK, dead=True)
    ops = _session(tmp_path, tmp_path)
    assert history.previous_statements(ops)["run"].tolist() == [older.name]
    assert history.previous_pod_usage(ops)["run"].tolist() == [newer.name]


def test_each_database_is_compared_with_the_newest_run_that_read_it(tmp_path: Path) -> None:
    older = _run(tmp_path, NOW - 2 * WEEK, beside="database/stock")
    newer = _run(tmp_path, NOW - WEEK, dead=True, beside="database/stock")
    found = history.previous_statements(_session(tmp_path, tmp_path))
    assert dict(zip(found["database"], found["run"], strict=True)) == {"coffee": older.name, "stock": newer.name}


def test_where_no_run_could_ask_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    _run(tmp_path, NOW - WEEK, dead=True)
    ops = _session(tmp_path, tmp_path)
    assert len(history.previous_statements(ops)) == 0
    assert len(history.runs(ops)) == 1


def test_a_run_that_recorded_only_the_heaviest_statements_is_nothing_to_compare_with(tmp_path: Path) -> None:
    _run(tmp_path, NOW - WEEK, asked="database.statements")
    ops = _session(tmp_path, tmp_path)
    assert len(history.previous_statements(ops)) == 0
    assert ops.findings == []


def test_a_previous_table_without_a_column_that_is_compared_is_named_and_unknown(tmp_path: Path) -> None:
    """As a run of another version may have left it."""
    folder = _run(tmp_path, NOW - WEEK, asked="none")
    ledger = Ledger(folder / "evidence")
    older = Schema("s", tuple(column for column in STATEMENTS.columns if column.name != "stats_reset_at"))
    row = {name: SLOW[name] for name in older.names}
    _answer(ledger, "database.statement_totals", "database/coffee", older, [row])
    body = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(body | {"head": ledger.head}))
    ops = _session(tmp_path, tmp_path)
    with pytest.raises(Malformed, match="has no column 'stats_reset_at'"):
        history.previous_statements(ops)
    assert [finding.status for finding in ops.findings] == [Status.UNKNOWN]


def test_a_previous_run_whose_evidence_was_changed_is_not_used(tmp_path: Path) -> None:
    evidence = _run(tmp_path, NOW - WEEK) / "evidence"
    table = next(iter((evidence / "tables").iterdir()))
    table.write_bytes(table.read_bytes() + b"x")
    ops = _session(tmp_path, tmp_path)
    with pytest.raises(Tampered, match="which was changed"):
        history.previous_statements(ops)
    assert [finding.status for finding in ops.findings] == [Status.UNKNOWN]


def test_a_previous_run_whose_entry_was_changed_and_keeps_its_head_is_not_used(tmp_path: Path) -> None:
    ledger = _run(tmp_path, NOW - WEEK) / "evidence" / "ledger.jsonl"
    ledger.write_text(ledger.read_text().replace('"rows":1', '"rows":2', 1))
    with pytest.raises(Tampered, match=r"entry 1 \(query\)"):
        history.previous_statements(_session(tmp_path, tmp_path))


def test_a_previous_run_that_was_cut_is_not_used(tmp_path: Path) -> None:
    ledger = _run(tmp_path, NOW - WEEK) / "evidence" / "ledger.jsonl"
    ledger.write_text("".join(ledger.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(Tampered, match="cut after it"):
        history.previous_statements(_session(tmp_path, tmp_path))


@pytest.mark.parametrize("text", ["", "{}", "[]", "{"])
def test_a_record_that_cannot_be_read_is_named_not_skipped(tmp_path: Path, text: str) -> None:
    folder = _run(tmp_path, NOW - WEEK)
    (folder / "run.json").write_text(text)
    with pytest.raises(Malformed, match=r"run\.json"):
        history.runs(_session(tmp_path, tmp_path))


def test_folders_that_are_no_complete_runs_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "review" / ".partial-x").mkdir(parents=True)
    (tmp_path / "review" / ".partial-x" / "run.json").write_text("{")
    (tmp_path / "review" / "notes").mkdir()
    assert len(history.runs(_session(tmp_path, tmp_path))) == 0


def test_a_replay_compares_with_the_run_that_was_compared_with_then(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    _run(reports, NOW - WEEK)
    ops = _session(tmp_path, reports)
    before = [history.runs(ops), history.previous_findings(ops), history.previous_statements(ops)]
    _run(reports, NOW - timedelta(days=1), findings=[])
    opened = replay_places(tmp_path / "now")
    again = Session(
        runbook="review",
        environment=opened.environment,
        places=opened.places,
        thresholds=opened.thresholds,
        ledger=Ledger(tmp_path / "again"),
    )
    after = [history.runs(again), history.previous_findings(again), history.previous_statements(again)]
    assert all(one.equals(two) for one, two in zip(before, after, strict=True))
