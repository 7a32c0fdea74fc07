"""Earlier runs of the same runbook: what the weekly reviews are compared with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import Malformed
from gocoffee_ops.evidence.bundle import require_intact
from gocoffee_ops.evidence.ledger import read_entries, read_table

RUN_JSON = "run.json"


@dataclass(frozen=True)
class EarlierRun:
    """One complete run, by its `run.json`, and the folder that it stands in."""

    folder: Path
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its folder's name: the UTC time it began at."""
        return self.folder.name

    @property
    def started(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.body["started"])


class RunHistory:
    """The complete runs of one runbook with one environment and the same parameters, that began before a moment.

    Replays are no runs of their own: what they show was read before.
    """

    def __init__(
        self, reports: Path, runbook: str, environment: str, parameters: Mapping[str, Any], before: datetime
    ) -> None:
        self.reports = reports
        self.runbook = runbook
        self.environment = environment
        self.parameters = dict(parameters)
        self.before = before

    def runs(self) -> list[EarlierRun]:
        """Newest first. Raises Malformed for a run whose record cannot be read: it may be the one to compare with."""
        found = [run for run in self._all() if self._same(run)]
        return sorted(found, key=lambda run: (run.started, run.name), reverse=True)

    def newest_answers(self, query: str) -> dict[str, tuple[EarlierRun, Sequence[Mapping[str, Any]]]]:
        """Of each target, the newest earlier run in which it answered `query`, and its rows.

        Runs are looked through until one's every target has answered, then or later. Raises Tampered when a run's evidence is
        not as it was written, or not the one that its `run.json` names.
        """
        import pyarrow.parquet as pq

        found: dict[str, tuple[EarlierRun, Sequence[Mapping[str, Any]]]] = {}
        for run in self.runs():
            evidence = run.folder / "evidence"
            require_intact(evidence, run.body["head"])
            entries = list(read_entries(evidence))
            asked = {e.body["target"]: e.body for e in entries if e.kind == "query" and e.body["query"] == query}
            for target, body in sorted(asked.items()):
                name = target.partition("/")[2]
                if body["error"] is None and name not in found:
                    found[name] = run, pq.read_table(BytesIO(read_table(evidence, body["table"]))).to_pylist()
            if asked and all(target.partition("/")[2] in found for target in asked):
                break
        return found

    def _all(self) -> Iterator[EarlierRun]:
        home = self.reports / self.runbook
        if not home.is_dir():
            return
        for folder in home.iterdir():
            path = folder / RUN_JSON
            if folder.name.startswith(".") or not path.is_file():
                continue
            try:
                body = json.loads(path.read_text(encoding="utf-8"))
                run = EarlierRun(folder, body)
                complete = not body["partial"] and body["finished"] is not None
                if complete and run.started.tzinfo is not None:
                    yield run
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise Malformed(
                    "read an earlier run",
                    target=str(path),
                    why=f"{type(error).__name__}: {error}",
                    hint="move that folder away if it is no longer wanted",
                ) from None

    def _same(self, run: EarlierRun) -> bool:
        body = run.body
        return (
            body["runbook"] == self.runbook
            and body["environment"] == self.environment
            and body["parameters"] == self.parameters
            and not body["replay_of"]
            and run.started < self.before
        )
