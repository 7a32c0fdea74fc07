"""A small run: queries of every dtype over sources in memory, judged and recorded by the real session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from gocoffee_ops.errors import Forbidden, OpsError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.places import replay_places
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.session import Place, Session

AS_OF = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)

ITEMS = Schema(
    "items",
    (
        Column("name", "string"),
        Column("note", "string", optional=True),
        Column("statement", "string", optional=True, content="sql"),
        Column("huge", "Int64", optional=True),
        Column("ratio", "Float64", optional=True),
        Column("ready", "boolean", optional=True),
        Column("seen_at", "timestamp", optional=True),
        Column("labels", "list[string]", optional=True),
    ),
)


def row(name: str, **values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(ITEMS.names), "name": name, **values}


FULL = [
    row("a", note="x", huge=2**63 - 1, ratio=0.5, ready=True, seen_at=AS_OF, labels=["p", "q"]),
    row("b", huge=-(2**63), ratio=1e-300, ready=False, labels=[]),
    row("c", statement="SELECT 1"),
]
MISSING = [row("d"), row("e")]  # every optional column is missing in every row


@dataclass
class Memory:
    """A source: what each question gets, an answer or an error; counts how often it was asked."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    asked: int = 0
    default: Any = field(default_factory=lambda: FULL)

    def get(self, name: str) -> Any:
        self.asked += 1
        answer = self.answers.get(name, self.default)
        if isinstance(answer, BaseException):
            raise answer
        return answer(self.asked) if callable(answer) else answer

    def secrets(self) -> tuple[str, ...]:
        return self.known


@query("cluster", ITEMS)
def items(ask: Ask[Memory], *, namespace: str = "") -> Rows:
    """What is there?"""
    return Rows(ask.source.get(f"items {namespace}".strip()))


@query("cluster", ITEMS)
def limited(ask: Ask[Memory]) -> Rows:
    """What is there, up to a limit?"""
    return Rows(ask.source.get("limited"), truncated="the first 3 of 10 items", notes={"resource_version": "7"})


@query("database", ITEMS)
def settings(ask: Ask[Memory]) -> Rows:
    """What is set?"""
    return Rows(ask.source.get("settings"))


def names_ready(table: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """A check: what is not ready is a WARN."""
    return [
        Finding(
            Status.OK if row["ready"] is True else Status.WARN,
            "names_ready",
            f"item/{row['name']}",
            f"{row['name']} is ready" if row["ready"] is True else f"{row['name']} is not ready",
            {"limit": thresholds.restarts_warn},
            cluster=row["cluster"],
        )
        for row in table.astype(object).to_dict("records")
    ]


def sources() -> dict[Target, Memory]:
    """One cluster that answers, one that is dead, one database."""
    dead = Forbidden("list items", target="cluster/dead", why='verb "list" on "items"', hint="deploy/rbac.yaml")
    return {
        Target("cluster", "eu"): Memory(
            {"items empty": [], "items missing": MISSING, "items again": lambda n: [row(f"n{n}")]}
        ),
        Target("cluster", "dead"): Memory(default=dead),
        Target("database", "coffee"): Memory({"settings": OSError("the disk said no")}),
    }


def session(folder: Path, memories: Mapping[Target, Memory], **options: Any) -> Session:
    """A live session over sources in memory."""

    def connecting(memory: Memory) -> Callable[[], Memory]:
        return lambda: memory

    return Session(
        runbook="scene",
        environment="test",
        places=[
            Place(target, AS_OF + timedelta(seconds=i), connect=connecting(memory), detail=str(target))
            for i, (target, memory) in enumerate(memories.items())
        ],
        thresholds=Thresholds(restarts_warn=3),
        ledger=Ledger(folder, options.pop("redactor", None) or Redactor()),
        query_deadline_s=20.0,
        **options,
    )


def replayed(bundle: Path, folder: Path) -> Session:
    """A session over nothing but the bundle."""
    opened = replay_places(bundle, environment="test")
    assert all(place.connect is None for place in opened.places)
    return Session(
        runbook="scene",
        environment=opened.environment,
        places=opened.places,
        thresholds=opened.thresholds,
        ledger=Ledger(folder, opened.redactor),
        query_deadline_s=opened.query_deadline_s,
        replay_of=opened.replay_of,
    )


def ask_everything(ops: Session) -> list[pd.DataFrame | OpsError]:
    """The questions of the run, each with its answer or its error; the second of two equal questions gets another answer."""
    results: list[pd.DataFrame | OpsError] = []
    questions: Sequence[Callable[[], pd.DataFrame]] = (
        lambda: items(ops),
        lambda: items(ops, namespace="empty"),
        lambda: items(ops, namespace="missing"),
        lambda: items(ops, namespace="again"),
        lambda: items(ops, namespace="again"),
        lambda: limited(ops),
        lambda: settings(ops),
    )
    for n, question in enumerate(questions):
        ops.cell_started(f"cell {n}", n)
        error = ""
        try:
            table = question()
            ops.judge(names_ready, table)
            results.append(table)
        except OpsError as raised:
            results.append(raised)
            error = str(raised)
        ops.cell_ended(f"cell {n}", n, error)
    return results
