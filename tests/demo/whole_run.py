"""A runbook's run on the demo, and what is expected of every one."""

from __future__ import annotations

import json
from pathlib import Path

from gocoffee_ops.evidence.ledger import read_entries
from gocoffee_ops.model import Status
from gocoffee_ops.runbooks import runner
from gocoffee_ops.runbooks.run_folder import EVIDENCE, RUN_JSON

FINE = {"start-here"}  # all that it reads answers
IN_PART = {"cost-analysis": 1}  # answers that are planted to have a gap: OpenCost's allocation


def ran(name: str, reports: Path, **given: str) -> runner.RunResult:
    """A run as `gocoffee-ops run NAME --env demo` makes it, with `-p` for each of the parameters given."""
    return runner.run(runner.prepare(name, {key: [value] for key, value in given.items()}, env="demo", reports=reports))


def assert_whole(name: str, result: runner.RunResult) -> None:
    """Every cell ran, every question was answered but for what is planted, and the verdict is that of the planted faults."""
    assert {cell.state for cell in result.cells} == {"ok"}
    queries = [entry.body for entry in read_entries(result.folder / EVIDENCE) if entry.kind == "query"]
    assert [body["error"] for body in queries if body["error"]] == []
    assert result.coverage.asked - result.coverage.answered == IN_PART.get(name, 0)
    assert result.status is (Status.OK if name in FINE else Status.CRIT)
    assert result.exit_code == result.status.exit_code
    assert json.loads((result.folder / RUN_JSON).read_text())["demo"] is True
