"""Which spans of which logs a table lacks, or has not all of; tables that are made of log lines keep them in `attrs["missing"]`.

Each is a mapping of texts: cluster, namespace, service, pod, container, from and to (ISO 8601), and why: `cut` (by a limit of the
question), `unread` (the cluster did not give it), `thinned` (read, and not all kept: what is there says nothing of how many there
were) or `rotated` (away, or its writer was silent until then).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from gocoffee_ops.model import Window

Missing = Mapping[str, str]
NAME = "missing"
OF_SERVICE = ("cluster", "namespace", "service")
NAMED = 3  # spans that a sentence names
_WHY = {"cut": "not read", "unread": "not read", "thinned": "not kept whole", "rotated": "rotated away, or silent,"}


def bounds(missing: Missing) -> tuple[datetime, datetime]:
    """From when to when."""
    return datetime.fromisoformat(missing["from"]), datetime.fromisoformat(missing["to"])


def touches(missing: Iterable[Missing], start: datetime, end: datetime) -> bool:
    """Whether one of the spans has a part between the two."""
    return any(since < end and until >= start for since, until in map(bounds, missing))


def of_service(missing: Iterable[Missing], service: Sequence[object], container: str | None = None) -> list[Missing]:
    """Those of one service (cluster, namespace and name), and of one of its containers where that is named."""
    own = [one for one in missing if [one[name] for name in OF_SERVICE] == list(service)]
    return own if container is None else [one for one in own if one["container"] == container]


def within(missing: Iterable[Missing], window: Window) -> list[Missing]:
    """The parts of them that lie in the window."""
    found: list[Missing] = []
    for one in missing:
        since, until = bounds(one)
        if since < window.end and (until > window.start or since == until == window.start):
            part = {"from": max(since, window.start).isoformat(), "to": min(until, window.end).isoformat()}
            found.append({**one, **part})
    return found


def sentence(missing: Iterable[Missing]) -> str:
    """What is missing of one service, and from when to when; empty where nothing is.

    >>> span = {"pod": "orders-0", "container": "app", "from": "2026-01-05T03:00:00+00:00", "to": "2026-01-05T03:10:00+00:00"}
    >>> sentence([span | {"why": "cut"}])
    'the log of app in orders-0 is not read from 2026-01-05 03:00:00 to 03:10:00 UTC'
    """
    every = list(dict.fromkeys(map(_told, missing)))
    more = [f"and {len(every) - NAMED} more"] if len(every) > NAMED else []
    return "; ".join([*every[:NAMED], *more])


def _told(missing: Missing) -> str:
    since, until = bounds(missing)
    end = f"{until:%H:%M:%S}" if since.date() == until.date() else f"{until:%Y-%m-%d %H:%M:%S}"
    log = f"the log of {missing['container']} in {missing['pod']}"
    return f"{log} is {_WHY[missing['why']]} from {since:%Y-%m-%d %H:%M:%S} to {end} UTC"
