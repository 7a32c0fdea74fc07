"""The append-only, hash-chained record of one run.

A folder with `ledger.jsonl` (one entry a line) and `tables/<sha256>.parquet`. Every entry holds the hash of the one
before it; the last one's hash, the head, stands in the report and in `run.json`. The notebook's kernel and the runner
append to the same ledger, so each append holds a file lock. All text is redacted on its way in.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from gocoffee_ops.errors import EvidenceError, SchemaError, Tampered
from gocoffee_ops.evidence.redact import Redactor

GENESIS = "0" * 64
LEDGER = "ledger.jsonl"
TABLES = "tables"
LOCK = ".lock"
LOCK_DEADLINE_S = 60.0  # a stopped kernel may hold the lock; an append takes milliseconds


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


def storable(body: Any) -> Any:
    """What a reader will decode: tuples become lists here, not there. Raises SchemaError for what JSON cannot hold."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SchemaError("put a record into the ledger", why=str(error)) from error
    return json.loads(text.encode("utf-8", "replace"))


def serialized(entry: Entry) -> str:
    """An entry's line, without the line's end."""
    return json.dumps(entry.__dict__, ensure_ascii=False, separators=(",", ":"))


class Ledger:
    """The ledger in `folder`; made when it is not there. Raises EvidenceError where it cannot be written."""

    def __init__(self, folder: Path, redactor: Redactor | None = None) -> None:
        self.folder = folder
        self.redactor = redactor or Redactor()
        with _writing(folder):
            (folder / TABLES).mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / LOCK, timeout=LOCK_DEADLINE_S)

    @property
    def path(self) -> Path:
        """The file of entries."""
        return self.folder / LEDGER

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        """Append one entry, redacted, and return it.

        An entry that another process was killed in the middle of writing is taken off first, and an entry says so.
        """
        stored = storable(self.redactor.value(body))
        with _writing(self.path), self._lock:
            torn = self._mend()
            if torn:
                self._write("mended", {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()})
            return self._write(kind, stored)

    def _write(self, kind: str, body: Mapping[str, Any]) -> Entry:
        last = self._last()
        n, prev = (last.n + 1, last.hash) if last else (0, GENESIS)
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        entry = Entry(n, at, kind, body, prev, digest(n, at, kind, body, prev))
        line = (serialized(entry) + "\n").encode()
        with self.path.open("ab", buffering=0) as file:
            # One write: a reader never sees half a line, but where the disk is full.
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        return entry

    def _mend(self) -> bytes:
        """Take off the end of a ledger that is not a whole line, and return it; a whole entry only gets its line's end."""
        if not self.path.exists():
            return b""
        with self.path.open("rb+") as file:
            at = _last_line_end(file)
            size = file.seek(0, os.SEEK_END)
            file.seek(at)
            tail = file.read(size - at)
            if not tail:
                return b""
            try:
                whole = serialized(parse_entry(tail.decode(), self.path)).encode() == tail
            except (Tampered, UnicodeDecodeError):
                whole = False
            if whole:
                file.write(b"\n")
                return b""
            file.truncate(at)
            return tail

    def put_table(self, data: bytes) -> str:
        """Keep a table's bytes under their SHA-256, which is returned."""
        name = hashlib.sha256(data).hexdigest()
        path = self.folder / TABLES / f"{name}.parquet"
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}.partial")
            with _writing(path):
                try:
                    partial.write_bytes(data)
                    partial.replace(path)
                finally:
                    partial.unlink(missing_ok=True)
        return name

    def put_document(self, name: str, text: str) -> Path:
        """Put a document on record, redacted, and write it beside the evidence; returns its file."""
        entry = self.append("document", {"name": name, "text": text})
        path = self.folder.absolute().parent / name
        with _writing(path):
            path.write_text(entry.body["text"], encoding="utf-8")
        return path

    def put_export(self, name: str, write: Callable[[Path], object]) -> Path:
        """Have a file written beside the evidence, with its hash on record; returns the file."""
        path = self.folder.absolute().parent / name
        with _writing(path):
            write(path)
            data = path.read_bytes()
        self.append("export", {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)})
        return path

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


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say what could not be written, and why."""
    hint = "is the disk full? may this user write there?"
    try:
        yield
    except Timeout as error:
        why = f"another process held its lock for {LOCK_DEADLINE_S:g} s"
        raise EvidenceError("write the evidence", target=str(path), why=why, hint="is a kernel stopped?") from error
    except OSError as error:
        raise EvidenceError(
            "write the evidence", target=str(path), why=error.strerror or str(error), hint=hint
        ) from error


def _last_line_end(file: BinaryIO) -> int:
    """Where the last whole line of the file ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 4096)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def parse_entry(line: str, path: Path) -> Entry:
    """One line of a ledger; a line that is not an entry raises Tampered."""
    try:
        raw = json.loads(line)
        return Entry(raw["n"], raw["at"], raw["kind"], raw["body"], raw["prev"], raw["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise Tampered("a ledger line is not an entry", target=str(path), why=line[:80]) from error


def read_entries(folder: Path) -> Iterator[Entry]:
    """All entries of the ledger in `folder`, in order, unverified; one that is still being written is none yet."""
    path = folder / LEDGER
    if not path.is_file():
        raise EvidenceError("no ledger here", target=str(folder), hint="name a run's evidence folder")
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return  # going on would find the rest of it, written meanwhile, as if it were a line
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
