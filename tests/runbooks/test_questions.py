"""What a cell that is not ok did not ask lowers the coverage, in every way a runbook is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from gocoffee_ops import cluster, history, trends
from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.ledger import read_entries
from gocoffee_ops.runbooks import runner
from gocoffee_ops.runbooks.questions import questions
from tests.runbooks.written import OK, SETUP, call, run_json, runbook, states

NAMES = {"cluster": cluster, "history": history, "trends": trends}
ASKING = SETUP.replace("import Finding, Status, runbook", "import Finding, Status, cluster, database, history, runbook")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("cluster.nodes(ops)", [("cluster.nodes", "cluster")]),
        ("ops.judge(check, cluster.nodes(ops))\ncluster.nodes(ops)", [("cluster.nodes", "cluster")] * 2),
        ("trends.statement_changes(t, history.previous_statements(ops))", [("history.previous_statements", "history")]),
        ("trends.usage_changes(ops, 1)", []),
        ("ops.verdict()\nlen(ops)\ncluster.nodes\ncluster.nodes(other)", []),
        ("cluster.no_such(ops)\ntrends.finding_changes(ops.findings, p)", []),
        ("disks.usage(ops, path='/')", [("disks.usage", "")]),
        ("this is no Python", []),
    ],
)
def test_the_queries_that_a_source_calls_are_its_questions(source: str, found: list[tuple[str, str]]) -> None:
    assert [(q["query"], q["kind"]) for q in questions(source, NAMES)] == found


def run(tmp_path: Path, *sections: str, setup: str = ASKING) -> dict[str, Any]:
    """The record of one run."""
    runner.run(runner.prepare(str(runbook(tmp_path / "book.ipynb", *sections, setup=setup))))
    return run_json(tmp_path / "reports", "book")


def test_questions_of_cells_that_failed_were_blocked_or_never_ran_are_not_asked(tmp_path: Path) -> None:
    one = run(
        tmp_path,
        "table = 1 / 0\nserver = database.server(ops)",
        "database.settings(ops, *table)\ndatabase.tables(ops)",
        "history.runs(ops)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nhistory.previous_findings(ops)",
        "database.indexes(ops)",
    )
    assert states(one)[2:] == ["failed", "blocked", "ok", "killed", "not_run", "not_run"]
    coverage = one["coverage"]
    assert (coverage["answered"], coverage["asked"], coverage["not_asked"], coverage["percent"]) == (0, 0, 4, 0.0)
    assert coverage["by_target"] == {"database/coffee": {"answered": 0, "asked": 0, "not_asked": 4}}


def test_a_question_that_its_cell_asked_before_it_failed_is_asked(tmp_path: Path) -> None:
    one = run(tmp_path, "database.server(ops)\ndatabase.server(ops)\ndatabase.tables(ops)")
    assert states(one)[2] == "failed"
    assert one["coverage"]["by_target"] == {"database/coffee": {"answered": 0, "asked": 1, "not_asked": 2}}


def test_a_set_up_that_fails_leaves_every_question_unasked(tmp_path: Path) -> None:
    one = run(tmp_path, "database.server(ops)", "cluster.nodes(ops)", setup=f"{ASKING.strip()}\n1 / 0")
    assert states(one) == ["ok", "failed", "not_run", "not_run", "blocked"]
    assert (one["coverage"]["asked"], one["coverage"]["not_asked"], one["coverage"]["percent"]) == (0, 2, 0.0)
    report = next((tmp_path / "reports" / "book").glob("*/report.html")).read_text(encoding="utf-8")
    assert "0 of 2 questions answered (2 never asked)" in report


def test_a_run_that_is_well_has_asked_all(tmp_path: Path) -> None:
    one = run(tmp_path, OK, "history.runs(ops)")
    assert (one["coverage"]["not_asked"], one["status"]) == (0, "OK")


@pytest.mark.parametrize("engine", [["--engine", "gocoffee"], []])
def test_papermill_counts_them_too_as_far_as_the_kernel_or_the_engine_saw_the_cell(
    tmp_path: Path, engine: list[str]
) -> None:
    """Without our engine nobody tells the kernel of a cell that never began; one that began is known."""
    runbook(tmp_path / "book.ipynb", "1 / 0\ndatabase.server(ops)", "cluster.nodes(ops)", OK, setup=ASKING)
    assert call("papermill", *engine, "book.ipynb", "out.ipynb", cwd=tmp_path).returncode != 0
    (evidence,) = (tmp_path / "reports" / ".interactive" / "book").glob("*/evidence")
    coverage = record.coverage(read_entries(evidence))
    # There is no cluster to ask: that was asked, and refused.
    assert (coverage.missed, coverage.asked) == ({"database/coffee": 1}, 1)
    shown = json.dumps(nbformat.read(tmp_path / "out.ipynb", as_version=4))
    assert "0 of 2 questions answered (1 never asked)" in shown


def test_a_cell_that_is_run_again_and_is_well_has_missed_nothing(tmp_path: Path) -> None:
    from gocoffee_ops.evidence.ledger import Ledger

    ledger = Ledger(tmp_path)
    ledger.append("session", {"targets": [{"kind": "cluster", "name": name} for name in ("a", "b")]})
    question = {"query": "cluster.nodes", "kind": "cluster"}

    def ran(cell: str, execution: int, *missed: dict[str, str]) -> None:
        ledger.append("cell_started", {"cell": cell, "execution": execution})
        ledger.append("cell_ended", {"cell": cell, "execution": execution, "error": "no" if missed else ""})
        if missed:
            ledger.append("cell_questions", {"cell": cell, "questions": list(missed)})

    ran("one", 1, question)
    ran("two", 2, question | {"kind": ""})
    assert record.coverage(ledger.entries()).missed == {"": 1, "cluster/a": 1, "cluster/b": 1}
    ran("one", 3)
    assert record.coverage(ledger.entries()).missed == {"": 1}
    ran("two", 4)
    assert record.coverage(ledger.entries()).missed == {}
