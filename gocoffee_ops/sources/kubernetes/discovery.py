"""Which groups of APIs a cluster serves, asked once for many questions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gocoffee_ops.errors import OpsError
from gocoffee_ops.sources.deadline import Deadline

KEPT_S = 60.0  # of a notebook that is open for hours: what is installed meanwhile is seen


class Groups:
    """The groups that are served; `read` asks for them. Safe to share between threads: one asks, the others wait."""

    def __init__(self, read: Callable[[Deadline], frozenset[str]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._until = 0.0

    def lack(self, group: str, deadline: Deadline) -> bool:
        """Whether a group is known not to be served; False where that could not be read."""
        if not self._lock.acquire(timeout=max(deadline.left(), 0.0)):
            return False
        try:
            if time.monotonic() >= self._until:
                self._known = self._answer(deadline)
                self._until = time.monotonic() + KEPT_S
            return bool(group and self._known) and group not in self._known
        finally:
            self._lock.release()

    def _answer(self, deadline: Deadline) -> frozenset[str]:
        """None where it could not be read: no cluster is without groups, and what is asked for is then listed."""
        try:
            return self._read(deadline)
        except OpsError:
            return frozenset()
