"""A scenario of the diagnosis: what goes wrong, and which findings that gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gocoffee_ops.model import Status
from tests.diagnosis.stage import Json, Stage, stamp

CRIT, WARN = Status.CRIT, Status.WARN
Expected = tuple[Status, str, str]


@dataclass(frozen=True)
class Scenario:
    """How something goes wrong, which findings that gives, and words that their reasons must have."""

    name: str
    play: Callable[[Stage], None]
    expected: frozenset[Expected]
    says: tuple[str, ...] = ()


Play = Callable[[Stage], None]


def collected(into: list[Scenario]) -> Callable[..., Callable[[Play], None]]:
    """A decorator that adds a scenario under its function's name: `@scenario((CRIT, "node_ready", "node/n1"), says=("words",))`."""

    def scenario(*expected: Expected, says: tuple[str, ...] = ()) -> Callable[[Play], None]:
        def add(play: Play) -> None:
            into.append(Scenario(play.__name__.replace("_", "-"), play, frozenset(expected), says))

        return add

    return scenario


def waiting(reason: str, message: str = "", /, **last: Any) -> Json:
    """The status of a container that waits; `last` is how it ended before."""
    found: Json = {"ready": False, "started": False, "state": {"waiting": {"reason": reason, "message": message}}}
    if last:
        ended = {"startedAt": stamp(timedelta(minutes=2)), "finishedAt": stamp(timedelta(minutes=1)), **last}
        found |= {"lastState": {"terminated": ended}, "restartCount": 9}
    return found
