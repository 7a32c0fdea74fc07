"""What a run's folder says: `run.json`, and from the ledger which cell found what and what changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gocoffee_ops.analysis.trends import Judged
from gocoffee_ops.errors import EvidenceError, OpsError
from gocoffee_ops.evidence.ledger import Entry, read_entries, read_table
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.ui.panels import covered
from gocoffee_ops.ui.ranking import About, about, rank

RUN: Final = "run.json"
EVIDENCE: Final = "evidence"

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Coverage:
    """How much of what was asked, or should have been, was answered; `due` counts both."""

    answered: int
    due: int
    not_asked: int
    by_target: Mapping[str, tuple[int, int]]  # (answered, due)

    @property
    def percent(self) -> str:
        """In percent, rounded down: 100 % is said only of all."""
        return covered(self.answered, self.due)

    @property
    def lacking(self) -> dict[str, tuple[int, int]]:
        """The targets that did not answer everything."""
        return {target: pair for target, pair in self.by_target.items() if pair[0] < pair[1]}


@dataclass(frozen=True)
class Change:
    """One finding that differs from the earlier run's."""

    kind: str  # new, worse, not read, gone, better
    before: Status | None
    now: Status | None
    subject: str
    reason: str


@dataclass(frozen=True)
class Changes:
    """What changed since the last run: either `said` in one sentence, or also the findings that differ."""

    said: str
    known: bool = True
    items: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Found:
    """A finding, and the cells that made it or its parts (as the ledger names cells; empty when it does not say)."""

    finding: Finding
    cell: str = ""
    parts: tuple[Found, ...] = ()

    @property
    def made(self) -> tuple[Found, ...]:
        """As it was made: its parts, or itself."""
        return self.parts or (self,)


@dataclass(frozen=True)
class Run:
    """One run, read from its folder."""

    folder: Path
    raw: Mapping[str, Any]
    status: Status
    coverage: Coverage
    found: tuple[Found, ...]
    changes: Changes
    sources: tuple[Mapping[str, Any], ...] = ()  # kind, name, mode, detail, as_of
    gaps: tuple[str, ...] = ()  # what of the folder itself could not be read

    def text(self, name: str) -> str:
        """A text of run.json; empty when it is not there."""
        value = self.raw.get(name)
        return value if isinstance(value, str) else ""

    def time(self, name: str) -> datetime | None:
        """A time of run.json."""
        return parsed_time(self.text(name))


def parsed_time(text: str) -> datetime | None:
    """An ISO time; None when the text is not one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def read_json(folder: Path) -> Mapping[str, Any]:
    """`run.json` of a folder; raises EvidenceError when it is missing or is not one."""
    path = folder / RUN
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EvidenceError("no run.json here", target=str(folder), hint="name a run's folder") from error
    except (OSError, ValueError) as error:
        raise EvidenceError("run.json cannot be read", target=str(path), why=str(error)) from error
    if not isinstance(raw, dict):
        raise EvidenceError("run.json is not a record of a run", target=str(path), why=f"it holds {type(raw).__name__}")
    return raw


def status_of(raw: Mapping[str, Any], folder: Path) -> Status:
    """The run's verdict; raises EvidenceError when run.json names none."""
    try:
        return Status(str(raw.get("status")))
    except ValueError as error:
        raise EvidenceError("run.json names no verdict", target=str(folder / RUN), why=str(error)) from error


def coverage_of(raw: Mapping[str, Any]) -> Coverage:
    """The run's coverage; what is not recorded counts as nothing answered."""
    record = raw.get("coverage")
    if not isinstance(record, dict):
        return Coverage(0, 0, 0, {})
    by_target = {str(target): _pair(pair) for target, pair in dict(record.get("by_target") or {}).items()}
    not_asked = int(record.get("not_asked") or 0)
    return Coverage(int(record.get("answered") or 0), int(record.get("asked") or 0) + not_asked, not_asked, by_target)


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, Mapping):
        return int(value["answered"]), int(value["asked"]) + int(value.get("not_asked") or 0)
    answered, asked = value
    return int(answered), int(asked)


def read(folder: Path, record: Mapping[str, Any] | None = None) -> Run:
    """Read a run's folder (with `record` in place of its run.json); a ledger that cannot be read is stated, not hidden."""
    raw = read_json(folder) if record is None else record
    gaps: list[str] = []
    entries: list[Entry] = []
    try:
        entries = list(read_entries(folder / EVIDENCE))
    except OpsError as error:
        gaps.append(str(error))
    findings = [Finding.from_record(record) for record in raw.get("findings", ())]
    found = _placed(findings, entries, about(dict(raw.get("parameters") or {})))
    changes = _changes(raw, findings, entries, folder / EVIDENCE)
    session = next((entry.body for entry in reversed(entries) if entry.kind == "session"), {})
    sources = tuple(raw.get("sources") or session.get("targets", ()))
    return Run(folder, raw, status_of(raw, folder), coverage_of(raw), found, changes, sources, tuple(gaps))


def _placed(findings: Iterable[Finding], entries: Iterable[Entry], leading: About) -> tuple[Found, ...]:
    """Each finding with the cell that made it, worst first.

    Within a status those of the services that the run is about lead, then their gateway's; the rest is in the notebook's order.
    """
    cells: dict[tuple[Any, ...], list[str]] = {}
    for entry in entries:
        if entry.kind == "finding":
            made = Finding.from_record(entry.body)
            cells.setdefault((*made.key, made.status, made.reason), []).append(str(entry.body.get("cell", "")))

    def placed(finding: Finding) -> Found:
        parts = tuple(placed(part) for part in finding.parts)
        own = cells.get((*finding.key, finding.status, finding.reason))
        same = [part.cell for part in parts if part.finding.key == finding.key]
        return Found(finding, own[-1] if own else (same or [""])[0], parts)

    return tuple(sorted(map(placed, findings), key=lambda one: rank(one.finding, leading)))


def _changes(raw: Mapping[str, Any], findings: list[Finding], entries: Iterable[Entry], evidence: Path) -> Changes:
    prefix = "as the recorded run saw it: " if raw.get("replay_of") else ""
    asked = {entry.body["query"]: entry.body for entry in entries if entry.kind == "query"}
    runs, before = asked.get("history.runs"), asked.get("history.previous_findings")
    if runs is None:
        return Changes("not known: this run did not compare itself with an earlier one", known=False)
    try:
        earlier = _rows(runs, evidence)
        if not earlier:
            return Changes(f"{prefix}no earlier run to compare with")
        if before is None:
            return Changes("not known: the findings of the earlier run were not read", known=False)
        items = tuple(_differences(findings, _rows(before, evidence)))
    except OpsError as error:
        return Changes(f"not known: {error}", known=False)
    last = earlier[0]
    when = last.get("finished_at") or last.get("as_of")
    since = f"{prefix}since {when:%Y-%m-%d %H:%M} UTC ({last['status']})"
    return Changes(since if items else f"{since}: no finding differs", items=items)


def _rows(query: Mapping[str, Any], evidence: Path) -> list[dict[str, Any]]:
    """The rows of a recorded query; the error that it met is raised again."""
    if query["error"] is not None:
        error = query["error"]
        raise EvidenceError(error["what"], target=error["target"], why=error["why"], hint=error["hint"])
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Neither read_table nor to_pylist of a timestamp: both load pandas, which costs more than the whole report.
    table = pq.ParquetFile(pa.BufferReader(read_table(evidence, query["table"]))).read()
    times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
    plain = pa.schema([(field.name, pa.int64() if field.name in times else field.type) for field in table.schema])
    rows: list[dict[str, Any]] = table.cast(plain).to_pylist()
    for row in rows:
        for name in times:
            row[name] = None if row[name] is None else datetime.fromtimestamp(row[name] / 1e6, UTC)
    return rows


def _differences(findings: Sequence[Finding], before: Iterable[Mapping[str, Any]]) -> list[Change]:
    """What is new or worse first, then what is gone or better; the words are those of `trends.finding_changes`."""
    made = [part for finding in findings for part in finding.made]
    now: dict[Key, Finding] = {}
    for f in made:
        if f.key not in now or f.status.severity > now[f.key].status.severity:
            now[f.key] = f
    was: dict[Key, tuple[Status, str]] = {}
    for row in before:
        key = (row["check"], row["cluster"] or "", row["namespace"] or "", row["subject"])
        status = Status(row["status"])
        if key not in was or status.severity > was[key][0].severity:
            was[key] = (status, row["reason"])
    changes: list[Change] = []
    for key, f in now.items():
        old = was.get(key, (Status.OK, ""))[0]
        if f.status is not old:
            kind = "worse" if f.status.severity > old.severity else "better"
            kind = "new" if old is Status.OK else "gone" if f.status is Status.OK else kind
            changes.append(Change(kind, old if key in was else None, f.status, f.subject, f.reason))
    judged = Judged(made)
    for key, (status, reason) in was.items():
        if status is not Status.OK and key not in now and not judged.covers(key, reason):
            said = f"this run could not read what it rests on; it was: {reason}"
            changes.append(Change("not read", status, Status.UNKNOWN, key[3], said))
        elif status is not Status.OK and key not in now:
            changes.append(Change("gone", status, None, key[3], f"no finding of this run names it; it was: {reason}"))
    order = ("new", "worse", "not read", "gone", "better")
    return sorted(changes, key=lambda c: (order.index(c.kind), -(c.now or c.before or Status.OK).severity))
