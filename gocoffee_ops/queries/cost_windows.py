"""Windows and aggregates of the cost APIs, checked before anybody is asked: a wrong one is answered like an empty one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.model import Window

LONGEST_DAYS = 92
AGGREGATES = frozenset(
    {
        "cluster", "node", "namespace", "controllerKind", "controller", "service", "pod", "container", "deployment",
        "statefulset", "daemonset", "job",
    }
)  # fmt: skip
CLOUD_AGGREGATES = frozenset({"provider", "accountID", "regionID", "service", "category", "providerID"})
LABELLED = re.compile(r"(label|annotation):[A-Za-z0-9_./-]+")
SPAN = re.compile(r"([1-9]\d{0,3})d")
HINT = "7d (complete UTC days), or START,END such as 2026-01-01T00:00:00Z,2026-01-08T00:00:00Z"


def cost_window(text: str, as_of: datetime) -> Window:
    """`7d`: so many complete UTC days before today; or two RFC 3339 times of whole UTC days, `START,END`.

    Words such as `lastweek` would mean what the server's clock and zone make of them, so they are refused.

    >>> asked(cost_window("2d", datetime(2026, 1, 5, 12, 30, tzinfo=UTC)))
    '2026-01-03T00:00:00Z,2026-01-05T00:00:00Z'
    """
    days = SPAN.fullmatch(text)
    if days is not None:
        end = as_of.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = end - timedelta(days=int(days[1]))
    else:
        start, end = _pair(text)
    if not start < end <= as_of:
        raise ParameterError("read costs", why=f"window {text!r} does not lie in the past, or is empty", hint=HINT)
    if end - start > timedelta(days=LONGEST_DAYS):
        raise ParameterError("read costs", why=f"window {text!r} is longer than {LONGEST_DAYS} days", hint=HINT)
    if any(at.time() != time.min for at in (start, end)):
        raise ParameterError("read costs", why=f"window {text!r} is not of whole UTC days", hint=HINT)
    return Window(start, end)


def _pair(text: str) -> tuple[datetime, datetime]:
    try:
        start, end = (datetime.fromisoformat(each.strip()) for each in text.split(","))
    except ValueError:
        raise ParameterError("read costs", why=f"{text!r} is no window", hint=HINT) from None
    if start.tzinfo is None or end.tzinfo is None:
        raise ParameterError("read costs", why=f"window {text!r} names no time zone", hint=HINT)
    return start.astimezone(UTC), end.astimezone(UTC)


def asked(window: Window) -> str:
    """A window as these APIs take it."""
    return f"{window.start:%Y-%m-%dT%H:%M:%SZ},{window.end:%Y-%m-%dT%H:%M:%SZ}"


def checked_aggregate(text: str, valid: frozenset[str] = AGGREGATES) -> str:
    """An aggregate, or several with commas, that the API knows; an unknown one would be one entry without a name.

    >>> checked_aggregate("namespace,label:team")
    'namespace,label:team'
    """
    for part in text.split(","):
        if part not in valid and not (valid is AGGREGATES and LABELLED.fullmatch(part)):
            more = ", label:NAME, annotation:NAME" if valid is AGGREGATES else ""
            hint = f"{', '.join(sorted(valid))}{more}, or several with commas"
            raise ParameterError("read costs", why=f"aggregate {part!r} is none", hint=hint)
    return text
