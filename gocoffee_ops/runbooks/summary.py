"""The end of a run in plain words, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from gocoffee_ops.evidence.folding import UNREAD, unanswered
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.runbooks.brief import HINT, brief, verdicts
from gocoffee_ops.ui.panels import look_first
from gocoffee_ops.ui.text import clip, visible

if TYPE_CHECKING:
    from gocoffee_ops.runbooks.cells import CellRecord
    from gocoffee_ops.runbooks.runner import RunResult

REASON = 160  # characters


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
    unread = _unread(result)
    for i, (target, why) in enumerate(unread.items()):
        yield f"  {'' if i else 'not read':8}  {target}: {why}"
    yield from _cells(result)
    if result.fault:
        yield f"  fault     {result.fault}"
    yield f"  report    {result.report}" if result.report else f"  record    {result.folder}"


def _unread(result: RunResult) -> dict[str, str]:
    """Each target that did not answer all, with the reason of the first question that it left."""
    found: dict[str, str] = {}
    for part in (part for finding in result.findings for part in finding.made if unanswered(part)):
        answered, due = result.coverage.lacking.get(part.subject, (0, 0))
        some = f"{due - answered} of {due} questions: " if answered else ""
        found.setdefault(part.subject, some + _reason(part))
    return found


def _reason(part: Finding) -> str:
    """Why, without what was asked and what to try: the report says that."""
    said = _error(part).partition(HINT)[0]
    asked, mark, why = said.partition("]: ")
    return clip(why if mark and "[" in asked else said, REASON)


def _error(part: Finding) -> str:
    return part.reason.removeprefix(UNREAD)


def _cells(result: RunResult) -> Iterator[str]:
    """Those that are not ok; one that failed for want of what was not read is named with the others of its kind."""
    bad = [cell for cell in result.cells if cell.state.value != "ok"]
    if bad:
        verdict = ", the verdict for their sake" if len(bad) > 1 and any(verdicts(cell.error) for cell in bad) else ""
        yield f"  cells     {len(bad)} of {len(result.cells)} are not ok{verdict}:"
    unread = {_error(part) for finding in result.findings for part in finding.made if unanswered(part)}
    wanting = [cell for cell in bad if cell.error.partition(": ")[2] in unread]
    if wanting:
        yield f"            failed, as these were not read: {'; '.join(dict.fromkeys(map(_where, wanting)))}"
    others = [cell for cell in bad if cell not in wanting and not (verdicts(cell.error) and len(bad) > 1)]
    for (state, error), group in groupby(others, key=lambda cell: (cell.state.value, cell.error)):
        same = list(group)
        more = f" and the {len(same) - 1} after it" if len(same) > 1 else ""
        yield f"            {state}: {_where(same[0])}{more} ({brief(error)})"


def _where(cell: CellRecord) -> str:
    return cell.heading or f"cell {cell.index}"
