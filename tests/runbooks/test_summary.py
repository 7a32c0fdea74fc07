"""The end of a run in a terminal."""

from __future__ import annotations

from pathlib import Path

from gocoffee_ops.evidence.record import Coverage
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.runbooks.cells import CellRecord, State
from gocoffee_ops.runbooks.runner import RunResult
from gocoffee_ops.runbooks.summary import told

OK_CELL = CellRecord(1, "a", "Nodes", State.OK, 1.0)


def result(*findings: Finding, cells: tuple[CellRecord, ...] = (OK_CELL,)) -> RunResult:
    return RunResult("book", Status.CRIT, 2, Path("f"), Path("f/report.html"), cells, findings, Coverage({}))


def test_what_to_look_at_first_stands_in_the_summary() -> None:
    first = Finding(Status.OK, "c", "timeline", "r", {"look_first": "deployment/a, 14.3 s before\x1b[31m"})
    said = told(result(Finding(Status.CRIT, "c", "node/a", "down"), first))
    assert "  findings  1 CRIT, 1 OK\n            look first at: deployment/a, 14.3 s before\\x1b[31m\n" in said
    assert "look first" not in told(result())
