"""The pages of one list, each asked for as soon as the one before it has said where it begins.

A page's head stands before its items, so the next page is on its way while this one's items still come, are
decompressed and are made into rows. One page at most waits to be taken.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

from gocoffee_ops.errors import DeadlineExceeded
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes.bodies import Head
from gocoffee_ops.sources.kubernetes.failures import Reply

Outcome = SimpleQueue[Any]  # of a Reply or an error
CONTINUE = re.compile(rb'[^\[]*?"continue"\s*:\s*"([^"\\]+)"')  # not in an item, whose list begins with a bracket


class Ahead:
    """Pages by their continue token; that of the first is empty. `fetch` reads one page, `begin` starts it in a thread."""

    def __init__(
        self,
        fetch: Callable[[str, Head], Reply],
        begin: Callable[[Callable[[], Reply]], Outcome],
        deadline: Deadline,
    ) -> None:
        self._fetch = fetch
        self._begin = begin
        self._deadline = deadline
        self._begun: dict[str, Outcome] = {}
        self._lock = threading.Lock()
        self._room = threading.Semaphore(1)

    def begin(self, token: str) -> Outcome:
        """Start to read a page, unless that was done already."""
        with self._lock:
            if token not in self._begun:
                self._begun[token] = self._begin(partial(self._read, token))
            return self._begun[token]

    def page(self, token: str) -> Outcome:
        """Where a page arrives; there is room for another one then."""
        outcome = self.begin(token)
        self._room.release()
        return outcome

    def _read(self, token: str) -> Reply:
        if not self._room.acquire(timeout=max(self._deadline.left(), 0)):
            raise DeadlineExceeded("read a page ahead", why="nobody took the page before it")
        return self._fetch(token, self._head)

    def _head(self, beginning: bytes) -> bool:
        if found := CONTINUE.match(beginning):
            self.begin(found[1].decode())
        return found is not None or b"[" in beginning
