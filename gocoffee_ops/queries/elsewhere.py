"""The other environments of the configuration: do their systems answer?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.query import Ask, Rows, query

ANSWERS = Schema(
    "answers elsewhere",
    (
        Column("target", "string"),
        Column("answers", "boolean"),
        Column("status", "string", help="of what it answered; UNKNOWN where it could not be asked"),
        Column("where", "string", help="without secrets"),
        Column("said", "string", optional=True, help="why it does not answer, or what is wrong with what it says"),
    ),
)


class Systems(Protocol):
    """An environment that is not the session's own."""

    def answers(self, as_of: datetime, seconds: float) -> Sequence[Mapping[str, Any]]:
        """A row for each of its systems, as of a moment, within so many seconds."""


@query("environment", ANSWERS)
def answers(ask: Ask[Systems]) -> Rows:
    """Which systems do the other environments read, and does each answer its first question now?

    Asked are the environments that the session was given beside its own (`runbook.start(…, others=True)`), and in each all systems
    at once: one that is down costs its own rows. What they answer is shown, and is no finding of this environment's; one that
    cannot be asked at all is UNKNOWN.

    Columns: environment, target (string), answers (boolean), status, where, said (string).
    API and permission: those of each system's first question, as `gocoffee-ops config check` asks it.
    """
    return Rows(ask.source.answers(ask.as_of, ask.deadline.left()))
