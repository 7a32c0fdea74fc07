"""The end of a run in plain words, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from gocoffee_ops.model import Status
from gocoffee_ops.ui.panels import look_first
from gocoffee_ops.ui.text import visible

if TYPE_CHECKING:
    from gocoffee_ops.runbooks.runner import RunResult


def told(result: RunResult) -> str:
    """Verdict, findings, coverage, what to look at first, the cells that are not ok, and where the report is."""
    return "\n".join(["", *map(visible, _lines(result))])


def _lines(result: RunResult) -> Iterator[str]:
    coverage = result.coverage
    counts = Counter(finding.status for finding in result.findings)
    found = ", ".join(f"{counts[s]} {s.value}" for s in sorted(Status, key=lambda s: -s.severity) if counts[s])
    yield f"{result.runbook}: {result.status.value}" + (" (stopped: not a verdict)" if result.partial else "")
    yield f"  findings  {found or 'none'}"
    for _, said in look_first(result.findings):
        yield f"            look first at: {said}"
    never = f", {coverage.not_asked} never asked" if coverage.not_asked else ""
    yield f"  coverage  {coverage.answered} of {coverage.due} questions answered{never} ({int(coverage.percent)} %)"
    yield from _cells(result)
    if result.fault:
        yield f"  fault     {result.fault}"
    yield f"  report    {result.report}" if result.report else f"  record    {result.folder}"


def _cells(result: RunResult) -> Iterator[str]:
    bad = [cell for cell in result.cells if cell.state.value != "ok"]
    if bad:
        yield f"  cells     {len(bad)} of {len(result.cells)} are not ok:"
    for (state, error), group in groupby(bad, key=lambda cell: (cell.state.value, cell.error)):
        same = list(group)
        where = same[0].heading or f"cell {same[0].index}"
        more = f" and the {len(same) - 1} after it" if len(same) > 1 else ""
        yield f"            {state}: {where}{more} ({error})"
