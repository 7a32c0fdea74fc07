"""The composition root: a session is what a notebook holds as `ops`. No globals."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis import postmortem, timeline
from gocoffee_ops.asking import Asking
from gocoffee_ops.errors import IncompleteRun, NotRecorded, OpsError, UsageError
from gocoffee_ops.evidence import folding, record
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Key, Recording
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import unread
from gocoffee_ops.model import Contacts, Finding, Status, Target, Thresholds, Window, read_time, worst
from gocoffee_ops.queries import exports
from gocoffee_ops.ui.contacts import ContactsPanel
from gocoffee_ops.ui.display import selected, show
from gocoffee_ops.ui.documents import Document
from gocoffee_ops.ui.panels import FindingsPanel, VerdictPanel
from gocoffee_ops.ui.ranking import About

if TYPE_CHECKING:
    import pandas as pd

    from gocoffee_ops.frames import Tables
    from gocoffee_ops.queries.query import Query, Question

Check = Callable[..., Sequence[Finding]]

POSTMORTEM = "postmortem.md"
WINDOW_HOURS = 48.0  # the longest window that is made of when something started


@dataclass(frozen=True)
class Place:
    """One target with the way to read it: live through `connect`, or from a recording."""

    target: Target
    as_of: datetime
    connect: Callable[[], Any] | None = None
    recording: Recording | None = None
    detail: str = ""  # where it is, for the report: never a secret
    grants: frozenset[str] = frozenset()  # what the environment states that its reader may, beyond the shipped role

    @property
    def mode(self) -> str:
        """`recorded` or `live`."""
        return "recorded" if self.recording else "live"


def latest(places: Iterable[Place]) -> datetime:
    """Where a window without an end ends: when the clusters are read as of; without clusters, the latest of any place."""
    places = list(places)
    return max(place.as_of for place in [one for one in places if one.target.kind == "cluster"] or places)


@dataclass
class _Cell:
    key: str = "none"
    execution: int = 0
    told: dict[tuple[str, ...], str] = field(default_factory=dict)  # sentences that it shows, and by which check


def _sentence(finding: Finding) -> tuple[str, ...]:
    return finding.status.value, finding.cluster, finding.namespace, finding.subject, finding.reason


class Session(Asking):
    """Environment, sources, clock and ledger of one run of one runbook."""

    def __init__(  # noqa: PLR0913 - the composition root is given all that a run is made of
        self,
        *,
        runbook: str,
        environment: str,
        places: Sequence[Place],
        thresholds: Thresholds,
        ledger: Ledger,
        query_deadline_s: float = 30.0,
        demo: bool = False,
        replay_of: str = "",
        held: Sequence[object] = (),
        interactive: bool = False,
        contacts: Contacts | None = None,
        expectations: Expectations | None = None,
        about: About = (),
    ) -> None:
        super().__init__()
        self.runbook = runbook
        self.environment = environment
        self.thresholds = thresholds
        self.expectations = expectations or Expectations()
        self.ledger = ledger
        self.query_deadline_s = query_deadline_s
        self.demo = demo
        self.about = about  # the services that the run is about: what is found of them is shown first
        self.interactive = interactive
        self._places = {place.target: place for place in places}
        recorded = ledger.redactor.value(contacts.to_record()) if contacts else None
        self._contacts = Contacts.from_record(recorded) if recorded else None  # as a replay will see them
        self._held = held  # leases that last as long as the session
        self._sources: dict[Target, Any] = {}
        self._locks = {place.target: threading.Lock() for place in places}
        self._cell = _Cell()
        self._moments: dict[str, list[pd.DataFrame]] = {}
        ledger.append(
            "session",
            {
                "runbook": runbook,
                "environment": environment,
                "demo": demo,
                "replay_of": replay_of,
                "query_deadline_s": query_deadline_s,
                "thresholds": asdict(thresholds),
                "contacts": recorded,
                "expectations": self.expectations.to_record(),
                "targets": [
                    {
                        "kind": place.target.kind,
                        "name": place.target.name,
                        "as_of": place.as_of.isoformat(),
                        "mode": place.mode,
                        "detail": place.detail,
                        "grants": sorted(place.grants),
                    }
                    for place in places
                ],
            },
        )

    # What queries need.

    def targets(self, kind: str, grant: str = "") -> Sequence[Target]:
        """The environment's targets of a kind, in its order; with a `grant`, those for which it is stated."""
        of_kind = [place for target, place in self._places.items() if target.kind == kind]
        return [place.target for place in of_kind if not grant or grant in place.grants]

    def places(self, kind: str) -> Sequence[Place]:
        """The environment's places of a kind, in its order."""
        return [place for target, place in self._places.items() if target.kind == kind]

    def source(self, target: Target) -> Any:
        """The live source of a target, connected on first use."""
        place = self._places[target]
        with self._locks[target]:
            if target not in self._sources:
                if place.connect is None:
                    raise OpsError("connect", target=str(target), why="it is recorded: nothing is read live")
                self._sources[target] = place.connect()
            return self._sources[target]

    def recording(self, target: Target) -> Recording | None:
        """The recording that answers for a target, if it is not live."""
        return self._places[target].recording

    def as_of(self, target: Target) -> datetime:
        """The moment that every window of this target's questions ends at; fixed for the run."""
        return self._places[target].as_of

    def gap(self, key: Key, error: OpsError) -> None:
        """A question that got no answer is an UNKNOWN finding."""
        cluster = key.target.removeprefix("cluster/") if key.target.startswith("cluster/") else ""
        problem = (unread(key.target, key.query), folding.for_want_of(key.target, error.why or error.what))
        reason, cited = f"{folding.UNREAD}{error}", (str(key),)
        self._find(
            Finding(Status.UNKNOWN, key.query, key.target, reason, cluster=cluster, evidence=cited, problem=problem)
        )

    def truncation(self, key: Key, stated: str) -> None:
        """A limit that was hit is a WARN finding: the rest was not read."""
        self._find(Finding(Status.WARN, key.query, key.target, f"not all was read: {stated}", evidence=(str(key),)))

    # What notebooks call.

    def show(self, value: object, *columns: str) -> None:
        """Show a figure, or a table (all of it, or some columns), with the demo's banner where it is the demo's."""
        show(selected(value, columns) if columns else value, demo=self.demo)

    def ahead(self, *questions: Query[...] | Question) -> None:
        """Begin questions that later cells ask, all at once, so that one that hangs costs the others no time.

        A query stands for itself without arguments; `query.given(…)` for one with arguments. Nothing is on record before
        a cell asks.
        """
        for question in questions:
            question.begin(self)

    def window(self, start: str = "", end: str = "", *, hours: float = 1.0, started: str = "") -> Window:
        """The span that questions are about: from `start` to `end`, times in ISO 8601 with a zone; contacts nothing.

        Without an end it is the moment that the clusters are read as of (without clusters, the latest of any place); without
        a start, `hours` before the end. Where something `started` before the latter half of that, it is `hours` before it
        started, and at most 48 hours before the end: logs of more would be too much. Raises UsageError for what is no time, ends
        before it starts, or started after the end.
        """
        until = read_time(end) if end else latest(self._places.values())
        length = timedelta(hours=hours)
        began = read_time(started) if started else until
        if began > until:
            why = f"it started at {started!r}, which is later than what is read: {until:%Y-%m-%dT%H:%MZ}"
            raise UsageError("look at a window", why=why, hint="a time before that")
        if start:
            return Window(read_time(start), until)
        if until - began > length / 2:
            length = max(length, min(until - began + length, timedelta(hours=WINDOW_HOURS)))
        return Window.ending(until, length)

    def explore(
        self,
        question: Callable[..., pd.DataFrame],
        *known: pd.DataFrame | Tables | Query[...] | Question,
        check: Check | None = None,
        **arguments: Any,
    ) -> None:
        """Offer pickers for a query's arguments, to ask it again by a click; nothing where nobody can click.

        `arguments` are what is picked at first; texts are offered from the columns of the `known` tables, or of what is
        answered to a `known` question: it is asked only where somebody can click, and failing it costs what it would offer.
        What pickers ask is shown and on record, and no part of what the run is judged by; nor is what a `check` says of it.
        A function of `analysis` is applied to the first table instead.
        """
        if not self.interactive:
            return
        from gocoffee_ops.ui.pickers import pickers

        with self._aside():
            offering = [table for one in known for table in self._offering(one)]
        about = self if hasattr(question, "kind") else offering[0]

        def ask(picked: Mapping[str, Any]) -> pd.DataFrame:
            with self._aside():
                return question(about, **picked)

        def judge(table: pd.DataFrame) -> None:
            if check:
                with self._aside():
                    self.judge(check, table)

        try:
            shown = pickers(question, offering, arguments, ask, demo=self.demo, judge=judge)
        except ModuleNotFoundError as error:
            hint = "pip install 'gocoffee-ops[lab]'"
            raise UsageError("show pickers", why=f"{error.name} is not installed here", hint=hint) from None
        self.show(shown)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """What is asked meanwhile is of no cell, and the verdict does not count it."""
        cell, self._cell = self._cell, _Cell(record.PICKED)
        self.ledger.append(record.PICKED, {"begins": True})
        try:
            yield
        finally:
            self.ledger.append(record.PICKED, {"begins": False})
            self._cell = cell

    def _offering(self, one: pd.DataFrame | Tables | Query[...] | Question) -> Sequence[pd.DataFrame]:
        from gocoffee_ops.frames import Tables
        from gocoffee_ops.queries.query import Query, Question

        if isinstance(one, Query | Question):
            return [one.if_named(self)]
        return list(one.read.values()) if isinstance(one, Tables) else [one]

    def judge(self, check: Check, *tables: pd.DataFrame | Tables, **options: Any) -> None:
        """Apply a check to tables with the environment's thresholds and expectations; record and show its findings.

        A check that says nothing has judged nothing: that is UNKNOWN. What another check said in this cell already, word for word,
        is recorded and not shown again.
        """
        wanted = inspect.signature(check).parameters
        stated = {"thresholds": self.thresholds, "expectations": self.expectations}
        options |= {name: value for name, value in stated.items() if name in wanted}
        evidence = list(dict.fromkeys(e for table in tables for e in table.attrs.get("evidence", ())))
        found = [finding.citing(evidence) for finding in check(*tables, **options)]
        if not found:
            name = check.__name__
            found = [Finding(Status.UNKNOWN, name, name, "the check gave no finding", evidence=tuple(evidence))]
        recorded = [self._find(finding) for finding in found]
        if new := [one for one in recorded if self._cell.told.setdefault(_sentence(one), one.check) == one.check]:
            self.show(FindingsPanel(new, runbook=self.runbook, demo=self.demo, about=self.about))

    def contacts(self, severity: str = "", started: str = "") -> None:
        """Show whom to call for an incident, by severity (or for one), how soon, and where to look.

        `started` is when the incident began, in ISO 8601 with its zone (`2026-11-23T03:00Z`), or "": with it, the time that is left
        to respond is shown, as of the run. Raises UsageError for a severity that the environment does not name, or a time that
        is none; NotRecorded when a bundle holds no contacts.
        """
        if self._contacts is None:
            raise NotRecorded(
                "show the contacts", target=self.environment, why="they are not in what this session is made of"
            )
        self.show(ContactsPanel(self._contacts, severity=severity, started=started, demo=self.demo))

    @property
    def findings(self) -> list[Finding]:
        """All findings that stand so far, one a problem."""
        return record.findings(self.ledger.entries())

    @property
    def unread(self) -> list[Finding]:
        """The questions so far that got no answer, or a part of one: a finding for each."""
        made = record.made(self.ledger.entries())
        return [finding for finding in made if folding.unanswered(finding)]

    def mark(self, *moments: pd.DataFrame) -> None:
        """Put moments (tables of `timeline`) on the run's timeline; a cell that runs again puts its own on it anew."""
        self._moments.setdefault(self._cell.key, []).extend(moments)

    def timeline(self) -> pd.DataFrame:
        """What was marked so far as one table, oldest first, with what could not be read stated beside it."""
        merged = timeline.merge(*(one for marked in self._moments.values() for one in marked))
        lacking: dict[str, list[str]] = {}
        for finding in self.unread:
            lacking.setdefault(finding.subject, []).append(finding.check)
        failed = record.failed_cells(self.ledger.entries()).values()
        marked = merged.attrs["gaps"]
        merged.attrs["gaps"] = [f"{target}: {', '.join(dict.fromkeys(asked))}" for target, asked in lacking.items()]
        merged.attrs["gaps"] += [f"what a cell that raised would have marked: {error}" for error in failed]
        merged.attrs["gaps"] += marked
        if merged.attrs["untimed"]:
            merged.attrs["truncated"] = [f"rows without a time, which are on no timeline: {merged.attrs['untimed']}"]
        return merged

    def draft_postmortem(
        self, candidates: pd.DataFrame, *, service: str, start: datetime, end: datetime, onset: datetime | None
    ) -> None:
        """Show a postmortem's draft from the findings and the timeline so far, and keep it beside the evidence as Markdown."""
        entries = list(self.ledger.entries())
        coverage = record.coverage(entries)
        drafted = postmortem.draft(
            service=service,
            start=start,
            end=end,
            onset=onset,
            timeline=timeline.within(self.timeline(), start, end),
            candidates=candidates,
            findings=record.findings(entries),
            answered=coverage.answered,
            asked=coverage.due,
        )
        document = Document(drafted, demo=self.demo)
        self.ledger.put_document(POSTMORTEM, document.markdown)
        self.show(document)

    def export_allocation(self, lines: pd.DataFrame, charges: pd.DataFrame) -> None:
        """Keep the lines of a bill beside the evidence as rows of FOCUS 1.3, and show what was written. See `queries.exports`."""
        self.show(exports.allocation(lines, charges, self.ledger))

    def verdict(self) -> None:
        """Show the run's verdict; raises IncompleteRun when any cell of this run raised."""
        entries = list(self.ledger.entries())
        found, failed, coverage = record.findings(entries), record.failed_cells(entries), record.coverage(entries)
        status = worst([f.status for f in found] + [Status.UNKNOWN] * bool(failed))
        panel = VerdictPanel(status, found, coverage, failed, runbook=self.runbook, demo=self.demo, about=self.about)
        self.ledger.append(
            "verdict",
            {
                "status": status.value,
                "answered": coverage.answered,
                "asked": coverage.asked,
                "not_asked": coverage.not_asked,
                "failed_cells": len(failed),
            },
        )
        self.show(panel)
        if failed:
            raise IncompleteRun(
                f"{len(failed)} of this run's cells raised",
                target=self.runbook,
                why="; ".join(dict.fromkeys(failed.values())),
            )

    # What the kernel's hooks call.

    def cell_started(self, cell: str, execution: int) -> None:
        """A cell begins: findings from here on are its own."""
        self._cell = _Cell(cell, execution)
        self._moments.pop(cell, None)
        self.ledger.append("cell_started", {"cell": cell, "execution": execution})

    def cell_ended(self, cell: str, execution: int, error: str) -> None:
        """A cell ended; `error` is empty when it did not raise."""
        self.ledger.append("cell_ended", {"cell": cell, "execution": execution, "error": error})

    def cell_questions(self, cell: str, questions: Sequence[Mapping[str, str]]) -> None:
        """The questions that stand in a cell that raised; what it did not get to ask is a gap."""
        self.ledger.append("cell_questions", {"cell": cell, "questions": list(questions)})

    def _find(self, finding: Finding) -> Finding:
        """Record a finding; returns it as it is recorded, without secrets."""
        body: Mapping[str, Any] = self.ledger.redactor.value(finding.to_record())
        self.ledger.append("finding", {"cell": self._cell.key, "execution": self._cell.execution, **body})
        return Finding.from_record(body)
