"""Is a bundle what was written? Every entry or table that was changed, removed, reordered, added or cut is named.

The chain shows all that happens inside it. It cannot show a ledger that was cut at its end, or written anew as a whole:
for that the head hash is needed, which stands in the report and in `run.json`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gocoffee_ops.errors import Tampered, UsageError
from gocoffee_ops.evidence.ledger import GENESIS, LEDGER, LOCK, TABLES, Entry, digest, parse_entry, serialized

EVIDENCE = "evidence"  # the bundle's folder in a run's
RUN_JSON = "run.json"
REPORT = "report.html"
MANIFEST = "manifest.json"  # how a bundle that is shipped was recorded


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it was written: the entry (its number and kind, where known), the file, and what is wrong."""

    what: str
    file: str
    entry: int | None = None
    kind: str = ""

    def __str__(self) -> str:
        name = f"entry {self.entry}" + (f" ({self.kind})" if self.kind else "") if self.entry is not None else ""
        return f"{name} of {self.file} {self.what}" if name else f"{self.file} {self.what}"


def verify(folder: Path, head: str | None = None) -> int:
    """Raise Tampered, naming every problem of the bundle; returns how many entries it holds.

    Without `head`, the one in the `run.json` beside the bundle is used, if there is one.
    """
    found = problems(folder, head)
    if found:
        raise Tampered(
            f"the bundle is not as it was written: {len(found)} problem{'s' * (len(found) > 1)}",
            target=str(folder),
            why="; ".join(map(str, found)),
        )
    return len((folder / LEDGER).read_bytes().splitlines())


def problems(folder: Path, head: str | None = None) -> list[Problem]:
    """Everything in the bundle, and in the report beside it, that is not as it was written, in the ledger's order."""
    entries, found = _cited_problems(folder, head)
    found += _extras(folder, entries)
    if (path := _run_json(folder)) and not any(problem.file == RUN_JSON for problem in found):
        found += _beside(entries, path)
    if path is None and folder.name == EVIDENCE and (folder.parent / REPORT).is_file():
        found.append(Problem(f"is not covered: there is no {RUN_JSON} beside it", REPORT))
    return found


def require_intact(folder: Path, head: str | None = None) -> None:
    """Raise Tampered unless everything that the bundle's entries say and cite is as it was written.

    Files that no entry cites are let be: a killed kernel leaves such, and nothing reads them.
    """
    _, found = _cited_problems(folder, head)
    if found:
        raise Tampered("the bundle is not as it was written", target=str(folder), why="; ".join(map(str, found)))


def _cited_problems(folder: Path, head: str | None) -> tuple[list[Entry], list[Problem]]:
    if head is not None and not re.fullmatch(r"[0-9a-f]{64}", head):
        raise UsageError(
            "verify a bundle", why=f"{head!r} is no head hash", hint="the 64 hexadecimal digits in the report"
        )
    entries, found = _entries(folder)
    found += _chain(entries)
    if head is not None:
        found += _ending(entries, head, "the given head")
    elif path := _run_json(folder):
        found += _against_run_json(entries, path)
    return entries, found + list(_tables(folder, entries))


def _run_json(folder: Path) -> Path | None:
    path = folder.parent / RUN_JSON
    return path if folder.name == EVIDENCE and path.is_file() else None


def _entries(folder: Path) -> tuple[list[Entry], list[Problem]]:
    """The entries that can be read, and the lines that are none."""
    path = folder / LEDGER
    if not path.is_file():
        return [], [Problem("is missing", LEDGER)]
    data = path.read_bytes()
    lines = data.split(b"\n")
    whole = lines.pop() == b""
    entries: list[Entry] = []
    found: list[Problem] = []
    if not whole:
        torn = data[data.rfind(b"\n") + 1 :]
        found.append(Problem(f"was cut while it was written, after {len(torn)} bytes", LEDGER, len(lines)))
    if not lines and whole:
        found.append(Problem("is empty", LEDGER))
    for number, line in enumerate(lines):
        try:
            text = line.decode()
            entry = parse_entry(text, path)
        except (Tampered, UnicodeDecodeError):
            found.append(Problem(f"was changed: line {number + 1} is no entry", LEDGER, number))
            continue
        if digest(entry.n, entry.at, entry.kind, entry.body, entry.prev) != entry.hash:
            found.append(Problem("was changed: it does not hash to its own hash", LEDGER, entry.n, entry.kind))
        elif serialized(entry) != text:
            found.append(Problem("was changed: it is not written as we write it", LEDGER, entry.n, entry.kind))
        entries.append(entry)
    return entries, found


def _chain(entries: Sequence[Entry]) -> list[Problem]:
    found: list[Problem] = []
    numbers = [entry.n for entry in entries]
    kinds = {entry.n: entry.kind for entry in entries}
    for n in sorted(set(range(max(numbers, default=-1) + 1)) - set(numbers)):
        found.append(Problem("is missing", LEDGER, n))
    for n, times in Counter(numbers).items():
        if times > 1:
            found.append(Problem(f"stands there {times} times", LEDGER, n, kinds[n]))
    for before, after in pairwise(entries):
        if after.n < before.n:
            found.append(Problem(f"stands after entry {before.n}: they were reordered", LEDGER, after.n, after.kind))
    ordered = sorted(entries, key=lambda entry: entry.n)
    if ordered and ordered[0].n == 0 and ordered[0].prev != GENESIS:
        found.append(Problem("was changed: it is the first and follows another", LEDGER, 0, ordered[0].kind))
    for before, after in pairwise(ordered):
        if after.n == before.n + 1 and after.prev != before.hash:
            found.append(
                Problem(f"was replaced: entry {after.n} was written after another one", LEDGER, before.n, before.kind)
            )
    return found


def _ending(entries: Sequence[Entry], head: str, name: str) -> list[Problem]:
    """Whether the ledger ends with the entry that hashes to `head`."""
    if entries and entries[-1].hash == head:
        return []
    at = [entry for entry in entries if entry.hash == head]
    if at:
        added = [entry for entry in entries if entry.n > at[0].n]
        return [Problem(f"was added after {name}", LEDGER, entry.n, entry.kind) for entry in added] or [
            Problem(f"does not end with {name}: its entries were reordered", LEDGER)
        ]
    last = entries[-1] if entries else None
    what = f"is the last one, and is not {name}: the ledger was cut after it, or written anew"
    return [Problem(what, LEDGER, last.n, last.kind)] if last else [Problem(f"does not end with {name}", LEDGER)]


def _against_run_json(entries: Sequence[Entry], path: Path) -> list[Problem]:
    try:
        head = json.loads(path.read_text(encoding="utf-8"))["head"]
    except (ValueError, KeyError, TypeError):
        return [Problem("does not name the head", RUN_JSON)]
    return _ending(entries, str(head), f"the head in {RUN_JSON}")


def _beside(entries: Sequence[Entry], path: Path) -> Iterator[Problem]:
    """Whether `run.json` gives the run's status, and the report beside it is the one that the run made."""
    try:
        said = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        yield Problem("is no record of a run", RUN_JSON)
        return
    ended = [entry.body for entry in entries if entry.kind == "run"]
    if ended and said.get("status") != ended[-1]["status"]:
        yield Problem(f"was changed: it says {said.get('status')}, and the evidence {ended[-1]['status']}", RUN_JSON)
    files = said.get("files", {})
    if not isinstance(files, dict):
        yield Problem("is no record of a run", RUN_JSON)
        return
    well = ended and not (ended[-1].get("interrupted") or said.get("fault") or said.get("partial"))
    if REPORT not in files and (path.parent / REPORT).is_file():
        yield Problem(f"is not covered: {RUN_JSON} lists no hash of it", REPORT)
    elif REPORT not in files and well:
        yield Problem(f"lists no hash of {REPORT}, and a run that ended well has made one", RUN_JSON)
    for name, sha256 in files.items():
        file = path.parent / Path(name).name
        if not file.is_file():
            yield Problem("is missing", name)
        elif hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
            yield Problem("was changed since the run", name)


def _tables(folder: Path, entries: Sequence[Entry]) -> Iterator[Problem]:
    for entry in entries:
        name = _cited(entry)
        if name is None:
            continue
        file = f"{TABLES}/{name}.parquet"
        path = folder / file
        if not path.is_file():
            yield Problem(f"cites {file}, which is missing", LEDGER, entry.n, entry.kind)
        elif hashlib.sha256(path.read_bytes()).hexdigest() != name:
            yield Problem(f"cites {file}, which was changed", LEDGER, entry.n, entry.kind)


def _extras(folder: Path, entries: Sequence[Entry]) -> Iterator[Problem]:
    cited = {f"{name}.parquet" for name in map(_cited, entries) if name is not None}
    known = {LEDGER, TABLES, LOCK, MANIFEST}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name not in known:
            yield Problem("belongs to no bundle", path.name)
    for path in sorted((folder / TABLES).iterdir()) if (folder / TABLES).is_dir() else []:
        if path.name not in cited:
            yield Problem("is cited by no entry", f"{TABLES}/{path.name}")


def _cited(entry: Entry) -> str | None:
    name = entry.body.get("table") if entry.kind == "query" and isinstance(entry.body, Mapping) else None
    return name if isinstance(name, str) else None
