"""The end of a run in a terminal."""

from __future__ import annotations

import io
from pathlib import Path

from gocoffee_ops.evidence.folding import UNREAD
from gocoffee_ops.evidence.record import Coverage
from gocoffee_ops.frames import unread
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.runbooks.brief import brief
from gocoffee_ops.runbooks.cells import CellRecord, State
from gocoffee_ops.runbooks.progress import Plain
from gocoffee_ops.runbooks.runner import RunResult
from gocoffee_ops.runbooks.summary import told

OK_CELL = CellRecord(1, "a", "Nodes", State.OK, 1.0)


REFUSED = "list nodes [cluster/eu]: https://127.0.0.1:1: Connection refused. Try: is the API server up?"
LACKING = Coverage({"cluster/eu": (0, 2), "database/coffee": (3, 4)})
VERDICT = f"IncompleteRun: 3 of this run's cells raised [book]: Unreachable: {REFUSED}; ZeroDivisionError: by zero"


def result(*findings: Finding, cells: tuple[CellRecord, ...] = (OK_CELL,), coverage: Coverage = LACKING) -> RunResult:
    return RunResult("book", Status.CRIT, 2, Path("f"), Path("f/report.html"), cells, findings, coverage)


def gap(target: str, query: str, error: str) -> Finding:
    return Finding(Status.UNKNOWN, query, target, f"{UNREAD}{error}", problem=(unread(target, query),))


def failed(heading: str, error: str, state: State = State.FAILED) -> CellRecord:
    return CellRecord(1, heading, heading, state, 1.0, error)


def test_what_to_look_at_first_stands_in_the_summary() -> None:
    first = Finding(Status.OK, "c", "timeline", "r", {"look_first": "deployment/a, 14.3 s before\x1b[31m"})
    said = told(result(Finding(Status.CRIT, "c", "node/a", "down"), first))
    assert "  findings  1 CRIT, 1 OK\n            look first at: deployment/a, 14.3 s before\\x1b[31m\n" in said
    assert "look first" not in told(result())


def test_each_target_that_was_not_read_is_said_once_and_the_cells_that_failed_for_want_of_it_in_one_line() -> None:
    gaps = [
        gap("cluster/eu", "cluster.nodes", REFUSED),
        gap("cluster/eu", "cluster.pods", REFUSED),
        gap("database/coffee", "database.locks", "read [database/coffee]: permission denied"),
    ]
    cells = (
        failed("Nodes", f"Unreachable: {REFUSED}"),
        failed("Pods", f"Unreachable: {REFUSED}"),
        failed("Sums", "ZeroDivisionError: by zero"),
        failed("Restarts", "needs `pods`, which Pods (2/5) should have assigned", State.BLOCKED),
        failed("Verdict", VERDICT),
    )
    lines = told(result(*gaps, cells=cells)).splitlines()
    assert lines[4:11] == [
        "  not read  cluster/eu: https://127.0.0.1:1: Connection refused",
        "            database/coffee: 1 of 4 questions: permission denied",
        "  cells     5 of 5 are not ok, the verdict for their sake:",
        "            failed, as these were not read: Nodes; Pods",
        "            failed: Sums (ZeroDivisionError: by zero)",
        "            blocked: Restarts (needs `pods`, which Pods (2/5) should have assigned)",
        f"  report    {Path('f/report.html')}",
    ]
    assert "not read" not in told(result())


def test_progress_tells_a_reason_with_the_first_cell_that_has_it() -> None:
    stream = io.StringIO()
    progress = Plain(stream)
    cells = [
        failed("Nodes", f"Unreachable: {REFUSED}"),
        failed("Pods", f"Unreachable: {REFUSED}"),
        failed("Verdict", VERDICT),
    ]
    for cell in cells:
        progress.cell_ended("book", cell)
        progress.cell_ended("another", cell)
    said = stream.getvalue()
    assert said.count(REFUSED) == 2  # once a run
    assert said.count("Pods  (as Nodes)") == 2
    assert said.count("Verdict  (IncompleteRun: 3 of this run's cells raised)") == 2


def test_a_long_hint_is_cut_to_its_first_items_and_a_short_one_is_whole() -> None:
    held = "; ".join(f"cluster.pods({i})" for i in range(40))
    line = brief(f"NotRecorded: it is not in the record. Try: the record holds: {held}")
    assert line == "NotRecorded: it is not in the record. Try: the record holds: cluster.pods(0); cluster.pods(1); …"
    assert brief(f"Unreachable: {REFUSED}") == f"Unreachable: {REFUSED}"
    assert len(brief("x" * 2_000)) < 300
