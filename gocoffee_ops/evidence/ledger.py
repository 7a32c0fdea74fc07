"""The append-only, hash-chained record of one run.

A folder with `ledger.jsonl` (one entry a line) and `tables/<sha256>.parquet`. Every entry holds the hash of the one
before it; the last one's hash, the head, stands in the report and in `run.json`. The notebook's kernel and the runner
append to the same ledger, so each append holds a file lock. All text is redacted on its way in.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from gocoffee_ops.errors import EvidenceError, Tampered
from gocoffee_ops.evidence.redact import Redactor

GENESIS = "0" * 64
LEDGER = "ledger.jsonl"
TABLES = "tables"


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    n: int
    at: str
    kind: str
    body: Mapping[str, Any]
    prev: str
    hash: str


def digest(n: int, at: str, kind: str, body: Mapping[str, Any], prev: str) -> str:
    """The hash of an entry: SHA-256 over its canonical JSON and the hash of the entry before it."""
    text = json.dumps([n, at, kind, body, prev], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Ledger:
    """The ledger in `folder`; made when it is not there."""

    def __init__(self, folder: Path, redactor: Redactor | None = None) -> None:
        self.folder = folder
        self.redactor = redactor or Redactor()
        (folder / TABLES).mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / ".lock")

    @property
    def path(self) -> Path:
        """The file of entries."""
        return self.folder / LEDGER

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        """Append one entry, redacted, and return it."""
        clean = self.redactor.value(body)
        with self._lock:
            last = self._last()
            n, prev = (last.n + 1, last.hash) if last else (0, GENESIS)
            at = datetime.now(UTC).isoformat(timespec="microseconds")
            # What a reader will decode is what is hashed: tuples become lists here, not there.
            stored = json.loads(json.dumps(clean, ensure_ascii=False, allow_nan=False))
            entry = Entry(n, at, kind, stored, prev, digest(n, at, kind, stored, prev))
            line = json.dumps(entry.__dict__, ensure_ascii=False, separators=(",", ":"))
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        return entry

    def put_table(self, data: bytes) -> str:
        """Keep a table's bytes under their SHA-256, which is returned."""
        name = hashlib.sha256(data).hexdigest()
        path = self.folder / TABLES / f"{name}.parquet"
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}.partial")
            partial.write_bytes(data)
            partial.replace(path)
        return name

    def table(self, name: str) -> bytes:
        """The bytes kept under `name`; raises Tampered when they are gone or do not hash to it."""
        return read_table(self.folder, name)

    def entries(self) -> Iterator[Entry]:
        """All entries in order."""
        return read_entries(self.folder)

    @property
    def head(self) -> str:
        """The hash of the last entry."""
        last = self._last()
        return last.hash if last else GENESIS

    def _last(self) -> Entry | None:
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            step = 4096
            while size:
                file.seek(max(0, size - step))
                tail = file.read()
                lines = tail.rstrip(b"\n").rsplit(b"\n", 1)
                if len(lines) == 2 or step >= size:
                    return parse_entry(lines[-1].decode(), self.path)
                step *= 4
        return None


def parse_entry(line: str, path: Path) -> Entry:
    """One line of a ledger; a line that is not an entry raises Tampered."""
    try:
        raw = json.loads(line)
        return Entry(raw["n"], raw["at"], raw["kind"], raw["body"], raw["prev"], raw["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise Tampered("a ledger line is not an entry", target=str(path), why=line[:80]) from error


def read_entries(folder: Path) -> Iterator[Entry]:
    """All entries of the ledger in `folder`, in order, unverified."""
    path = folder / LEDGER
    if not path.is_file():
        raise EvidenceError("no ledger here", target=str(folder), hint="name a run's evidence folder")
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield parse_entry(line, path)


def read_table(folder: Path, name: str) -> bytes:
    """A table's bytes; raises Tampered when they are gone or do not hash to their name."""
    path = folder / TABLES / f"{name}.parquet"
    if not path.is_file():
        raise Tampered("a table is missing", target=f"{TABLES}/{name}.parquet")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != name:
        raise Tampered("a table was changed", target=f"{TABLES}/{name}.parquet")
    return data
