"""Reading a ledger back: the findings, cells and coverage of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gocoffee_ops.evidence.ledger import Entry
from gocoffee_ops.model import Finding


@dataclass(frozen=True)
class Coverage:
    """How much of what was asked was answered, by target (`cluster/prod-eu`)."""

    by_target: dict[str, tuple[int, int]]  # (answered, asked)

    @property
    def answered(self) -> int:
        """Questions that got a whole answer."""
        return sum(answered for answered, _ in self.by_target.values())

    @property
    def asked(self) -> int:
        """Questions asked."""
        return sum(asked for _, asked in self.by_target.values())

    @property
    def percent(self) -> float:
        """Answered of asked; of none asked, 0."""
        return 100.0 * self.answered / self.asked if self.asked else 0.0


def findings(entries: Iterable[Entry]) -> list[Finding]:
    """The findings that stand: of a cell that ran more than once, those of its last execution."""
    last: dict[str, int] = {}
    found: list[tuple[str, int, Finding]] = []
    for entry in entries:
        if entry.kind == "cell_started":
            last[entry.body["cell"]] = entry.body["execution"]
        elif entry.kind == "finding":
            body = entry.body
            found.append((body["cell"], body["execution"], Finding.from_record(body)))
    return [finding for cell, execution, finding in found if last.get(cell, execution) == execution]


def failed_cells(entries: Iterable[Entry]) -> dict[str, str]:
    """The cells whose last execution raised, as the kernel saw it: cell -> error."""
    failed: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "cell_started":
            failed.pop(entry.body["cell"], None)
        elif entry.kind == "cell_ended" and entry.body["error"]:
            failed[entry.body["cell"]] = entry.body["error"]
    return failed


def coverage(entries: Iterable[Entry]) -> Coverage:
    """Answered and asked by target; a question asked again counts once, with its last answer.

    Earlier runs are no system: having read them says nothing of how much of the platform was seen.
    """
    answers: dict[tuple[str, str, str], bool] = {}
    for entry in entries:
        if entry.kind == "query" and not entry.body["target"].startswith("history"):
            body = entry.body
            answers[(body["target"], body["query"], body["args"])] = body["error"] is None and not body["truncated"]
    by_target: dict[str, tuple[int, int]] = {}
    for (target, _, _), ok in sorted(answers.items()):
        answered, asked = by_target.get(target, (0, 0))
        by_target[target] = (answered + ok, asked + 1)
    return Coverage(by_target)
