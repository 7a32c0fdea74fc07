"""Who holds whom up: from each session's direct blockers to the roots. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """The shortest way from a waiting session to a root that holds it up."""

    pid: int
    via: int  # the direct blocker on this way
    root: int
    depth: int
    deadlock: bool = False


def ways(blockers: Mapping[int, Sequence[int]]) -> Iterator[Way]:
    """For each waiting session, a way to each root. Every session is visited once, so circles and queues end.

    A circle that no root ends is a deadlock that PostgreSQL has not yet broken: its lowest pid stands for the root.

    >>> list(ways({2: [1], 3: [2]}))
    [Way(pid=2, via=1, root=1, depth=1, deadlock=False), Way(pid=3, via=2, root=1, depth=2, deadlock=False)]
    >>> list(ways({7: [8], 8: [7]}))[0]
    Way(pid=7, via=8, root=7, depth=2, deadlock=True)
    """
    for pid in sorted(pid for pid, direct in blockers.items() if direct):
        seen = _from(pid, blockers)
        roots = [other for other in seen if not blockers.get(other)]
        if roots:
            yield from (Way(pid, seen[root][0], root, seen[root][1]) for root in sorted(roots))
        else:
            circle = min(other for other in seen if other in _from(other, blockers))
            yield Way(pid, *_placed(seen, circle), deadlock=True)


def _placed(seen: Mapping[int, tuple[int, int]], root: int) -> tuple[int, int, int]:
    via, depth = seen[root]
    return via, root, depth


def _from(pid: int, blockers: Mapping[int, Sequence[int]]) -> dict[int, tuple[int, int]]:
    """Everyone reachable from a session: by which direct blocker, and in how many steps at least."""
    seen: dict[int, tuple[int, int]] = {}
    todo = deque((direct, direct, 1) for direct in blockers[pid])
    while todo:
        other, via, depth = todo.popleft()
        if other not in seen:
            seen[other] = (via, depth)
            todo.extend((further, via, depth + 1) for further in blockers.get(other, ()))
    return seen
