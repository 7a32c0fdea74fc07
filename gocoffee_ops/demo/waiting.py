"""Waiting for something with a deadline that says what it last saw."""

from __future__ import annotations

import time
from collections.abc import Callable

from gocoffee_ops.errors import DeadlineExceeded
from gocoffee_ops.sources.deadline import Deadline

INTERVAL_S = 0.02


def wait_until(
    condition: Callable[[], bool],
    deadline: Deadline,
    what: str,
    *,
    target: str,
    last_seen: Callable[[], str] = lambda: "",
) -> None:
    """Return once the condition holds; raises DeadlineExceeded, with what was last seen, when it does not in time."""
    while not condition():
        if not deadline.left():
            why = f"not complete after {deadline.seconds:g} s; last seen: {last_seen() or 'nothing'}"
            raise DeadlineExceeded(what, target=target, why=why)
        time.sleep(INTERVAL_S)
