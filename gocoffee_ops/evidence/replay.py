"""Replay: the answers of an earlier run, by key; what it did not ask is NotRecorded, never read live."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import EvidenceError, NotRecorded, error_from_record
from gocoffee_ops.evidence.bundle import require_intact
from gocoffee_ops.evidence.ledger import read_entries, read_table
from gocoffee_ops.evidence.patterns import MASK

NAMED = 6  # questions that a sentence names, the most alike first


@dataclass(frozen=True)
class Key:
    """What a record is found by: the query's name, its target, its canonical arguments, and which call it was."""

    query: str
    target: str
    args: str
    call: int

    def __str__(self) -> str:
        text = f"{self.query}({self.args})@{self.target}"
        return f"{text}#{self.call + 1}" if self.call else text


@dataclass(frozen=True)
class Answer:
    """What a query got from one target, as bytes that every reader decodes alike."""

    data: bytes
    truncated: str
    notes: Mapping[str, Any]
    unread: str = ""


class Recording:
    """The queries of one evidence folder. Raises Tampered when it is not as it was written."""

    def __init__(self, folder: Path) -> None:
        require_intact(folder)
        self.folder = folder
        self._queries: dict[Key, Mapping[str, Any]] = {}
        self._calls: dict[tuple[str, str, str], int] = {}
        sessions = []
        for entry in read_entries(folder):
            if entry.kind == "session":
                sessions.append(entry.body)
            if entry.kind == "query":
                body = entry.body
                key = Key(body["query"], body["target"], body["args"], body["call"])
                self._queries[key] = body
                question = (key.query, key.target, key.args)
                self._calls[question] = max(key.call, self._calls.get(question, 0))
        if not sessions:
            raise EvidenceError("the ledger holds no session", target=str(folder), hint="name a run's evidence folder")
        self.session: Mapping[str, Any] = sessions[-1]

    def answer(self, key: Key) -> Answer:
        """The recorded answer, or the recorded error raised again.

        A question asked more often than when it was recorded (a cell that is run twice) gets its last answer.
        """
        args = self._recorded_args(key)
        last = self._calls.get((key.query, key.target, args))
        if last is None:
            same = sorted({str(k) for k in self._queries if k.query == key.query}) or sorted(
                {k.query for k in self._queries}
            )
            near = sorted(same, key=lambda one: difflib.SequenceMatcher(None, one, str(key)).ratio(), reverse=True)
            more = [f"and {len(near) - NAMED} more"] if len(near) > NAMED else []
            hint = f"the record holds: {'; '.join([*near[:NAMED], *more])}"
            raise NotRecorded(f"{key} is not in the record", target=str(self.folder), hint=hint)
        body = self._queries[Key(key.query, key.target, args, min(key.call, last))]
        if body["error"] is not None:
            raise error_from_record(body["error"])
        table = read_table(self.folder, body["table"])
        return Answer(table, body["truncated"], body["notes"], body.get("unread", ""))

    def _recorded_args(self, key: Key) -> str:
        """The arguments as they were recorded: a part that was known as secret then need not be known now."""
        if (key.query, key.target, key.args) in self._calls:
            return key.args
        masked = [
            args
            for query, target, args in self._calls
            if (query, target) == (key.query, key.target)
            and MASK in args
            and re.fullmatch(".+".join(map(re.escape, args.split(MASK))), key.args, re.DOTALL)
        ]
        return masked[0] if len(masked) == 1 else key.args
