"""Reading a ledger back: the findings, cells and coverage of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gocoffee_ops.evidence.folding import folded
from gocoffee_ops.evidence.ledger import Entry
from gocoffee_ops.model import Finding

HISTORY = "history"
# What somebody asked by a picker, and what pickers offer: on record, and nothing that a run is judged by.
PICKED = "picked"


@dataclass(frozen=True)
class Coverage:
    """How much of what was asked, or should have been, was answered, by target (`cluster/prod-eu`)."""

    by_target: dict[str, tuple[int, int]]  # (answered, asked)
    missed: dict[str, int] = field(default_factory=dict)  # not asked; of "" it is not known whom

    @property
    def answered(self) -> int:
        """Questions that got a whole answer."""
        return sum(answered for answered, _ in self.by_target.values())

    @property
    def asked(self) -> int:
        """Questions asked."""
        return sum(asked for _, asked in self.by_target.values())

    @property
    def not_asked(self) -> int:
        """Questions that cells which failed, were blocked or never ran did not get to ask, and those that the environment does not
        let us ask."""
        return sum(self.missed.values())

    @property
    def due(self) -> int:
        """Questions asked, and those that were not."""
        return self.asked + self.not_asked

    @property
    def percent(self) -> float:
        """Answered of all that were due; of none, 0."""
        return 100.0 * self.answered / self.due if self.due else 0.0

    def to_record(self) -> dict[str, Any]:
        """As `run.json` keeps it."""
        asked = {target: (0, 0) for target in self.missed if target} | self.by_target
        return {
            "answered": self.answered,
            "asked": self.asked,
            "not_asked": self.not_asked,
            "percent": round(self.percent, 1),
            "by_target": {
                target: {"answered": n, "asked": of, "not_asked": self.missed.get(target, 0)}
                for target, (n, of) in sorted(asked.items())
            },
        }

    @property
    def lacking(self) -> dict[str, tuple[int, int]]:
        """The targets that did not answer all that was due, each with (answered, due)."""
        pairs = {target: (0, 0) for target in self.missed if target} | self.by_target
        due = {target: (n, of + self.missed.get(target, 0)) for target, (n, of) in sorted(pairs.items())}
        return {target: (n, of) for target, (n, of) in due.items() if n < of}


def findings(entries: Iterable[Entry]) -> list[Finding]:
    """The findings that stand, one a problem: see `made`, and `folding`."""
    return folded(made(entries))


def made(entries: Iterable[Entry]) -> list[Finding]:
    """The findings as checks made them: of a cell that ran more than once, those of its last execution; of pickers none."""
    last: dict[str, int] = {}
    found: list[tuple[str, int, Finding]] = []
    for entry in entries:
        if entry.kind == "cell_started":
            last[entry.body["cell"]] = entry.body["execution"]
        elif entry.kind == "finding" and entry.body["cell"] != PICKED:
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
    """Answered and asked by target, and what was not asked; a question asked again counts once, with its last answer.

    Earlier runs are no system: having read them says nothing of how much of the platform was seen. What was picked is not counted.
    """
    answers: dict[tuple[str, str, str], bool] = {}
    asking = _Asking()
    passed_over: set[tuple[str, str, str]] = set()
    for entry in _unpicked(entries):
        asking.hear(entry)
        if entry.kind == "not_asked":
            passed_over.add((entry.body["target"], entry.body["query"], entry.body["args"]))
        if entry.kind == "query" and not entry.body["target"].startswith(HISTORY):
            body = entry.body
            whole = body["error"] is None and not body["truncated"] and not body.get("unread")
            answers[(body["target"], body["query"], body["args"])] = whole
    by_target: dict[str, tuple[int, int]] = {}
    for (target, _, _), ok in sorted(answers.items()):
        answered, asked = by_target.get(target, (0, 0))
        by_target[target] = (answered + ok, asked + 1)
    missed = Counter(asking.missed()) + Counter(target for target, _, _ in passed_over)
    return Coverage(by_target, dict(sorted(missed.items())))


def _unpicked(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries but for those that a picker made."""
    picking = False
    for entry in entries:
        if entry.kind in {PICKED, "cell_started"}:
            picking = entry.kind == PICKED and entry.body["begins"]
        if not picking:
            yield entry


class _Asking:
    """Which questions each cell asked when it last ran, and which stand in those that are not ok."""

    def __init__(self) -> None:
        self._cell = ""
        self._asked: dict[str, set[tuple[str, str, int]]] = {}
        self._due: dict[str, Sequence[Mapping[str, str]]] = {}
        self._targets: Sequence[Mapping[str, Any]] = ()

    def hear(self, entry: Entry) -> None:
        body = entry.body
        if entry.kind == "session":
            self._targets = body["targets"]
        elif entry.kind == "cell_started":
            self._cell = body["cell"]
            self._asked[self._cell] = set()
            self._due.pop(self._cell, None)
        elif entry.kind == "query":
            self._asked.setdefault(self._cell, set()).add((body["query"], body["args"], body["call"]))
        elif entry.kind == "cell_questions":  # the kernel's, which knows more names, comes before the runner's
            self._due.setdefault(body["cell"], body["questions"])

    def missed(self) -> dict[str, int]:
        """By target; under "" where it is not known which targets there are."""
        found: Counter[str] = Counter()
        for cell, questions in self._due.items():
            asked = Counter(query for query, _, _ in self._asked.get(cell, ()))
            for question in questions:
                if asked[question["query"]]:
                    asked[question["query"]] -= 1
                elif question["kind"] != HISTORY:
                    targets = [f"{t['kind']}/{t['name']}" for t in self._targets if t["kind"] == question["kind"]]
                    found.update(targets or [""])
        return dict(sorted(found.items()))
