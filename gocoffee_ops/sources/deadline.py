"""One wall-clock deadline for a whole question: connect, retries, credential plugins and the whole body."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gocoffee_ops.errors import DeadlineExceeded


@dataclass(frozen=True)
class Deadline:
    """A point on the monotonic clock that every step of one question shares."""

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline `seconds` from now."""
        return cls(time.monotonic() + seconds, seconds)

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def check(self, what: str, *, target: str, last_seen: str = "") -> float:
        """Seconds left; raises DeadlineExceeded, saying what was last seen, when none are."""
        left = self.left()
        if left <= 0:
            why = f"not complete after {self.seconds:g} s"
            raise DeadlineExceeded(what, target=target, why=f"{why}; last seen: {last_seen}" if last_seen else why)
        return left
