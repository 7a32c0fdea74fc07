"""Asking what is running to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stop:
    """Asks what is running to stop; a second time, at once. Safe from any thread."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()
        self._listeners: list[Callable[[int], None]] = []

    def ask(self) -> None:
        """Stop after an interrupt of the running cell; asked again, kill the kernel."""
        with self._lock:
            self.asked += 1
            listeners = list(self._listeners)
        for listener in listeners:
            listener(self.asked)

    def listen(self, listener: Callable[[int], None]) -> None:
        """Be told; at once when it was asked before."""
        with self._lock:
            self._listeners.append(listener)
            asked = self.asked
        if asked:
            listener(asked)

    def forget(self, listener: Callable[[int], None]) -> None:
        """No longer be told."""
        with self._lock:
            self._listeners.remove(listener)
