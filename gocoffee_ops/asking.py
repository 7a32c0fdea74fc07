"""The questions of a run while they are asked: which call one is, what is under way, whose turn it is, who was late."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gocoffee_ops.model import Target
    from gocoffee_ops.queries.query import Begun, Turn

LATE_SHARE = 0.2  # of the deadline, for a target whose last question ended late


class Asking:
    """What the questions of one run have to know of each other."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], int] = {}
        self._calls_lock = threading.Lock()
        self._begun: dict[tuple[str, str], list[Begun]] = {}
        self._late: set[Target] = set()
        self._last: dict[tuple[Target, str | None], threading.Event] = {}

    def call_number(self, query: str, args: str) -> int:
        """Which call of this question it is, from 0; given when the call is made."""
        with self._calls_lock:
            n = self._calls.get((query, args), 0)
            self._calls[(query, args)] = n + 1
            return n

    def begin(self, query: str, args: str, begun: Begun) -> None:
        """Keep a question that is under way for the call that will want its answer."""
        self._begun.setdefault((query, args), []).append(begun)

    def begun(self, query: str, args: str) -> Begun | None:
        """The question under way with these arguments that was begun first, if there is one; it is handed out once."""
        waiting = self._begun.get((query, args))
        return waiting.pop(0) if waiting else None

    def under_way(self, query: str, args: str) -> bool:
        """Whether a question with these arguments was begun whose answer nobody has had yet."""
        return bool(self._begun.get((query, args)))

    def turn(self, target: Target, lane: str | None) -> Turn:
        """The next turn of those who ask a target one after the other, in the order in which they were begun.

        Who is in no lane waits for nobody.
        """
        from gocoffee_ops.queries.query import Turn

        turn = Turn(self._last.get((target, lane), threading.Event()), threading.Event())
        if (target, lane) not in self._last:
            turn.after.set()
        if lane is not None:
            self._last[target, lane] = turn.over
        return turn

    def late(self, target: Target) -> bool:
        """Whether a target's last question ended late."""
        return target in self._late

    def patience(self, target: Target, usual_s: float) -> float:
        """How long to wait for a target: less for one that was late, so that one that hangs costs one whole deadline."""
        return usual_s * LATE_SHARE if self.late(target) else usual_s

    def answered(self, target: Target, *, late: bool) -> None:
        """A target's question ended; the next ones get the whole deadline again once one ended in time."""
        if late:
            self._late.add(target)
        else:
            self._late.discard(target)
