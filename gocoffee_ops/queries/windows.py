"""The window that a question is about; queries never ask the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gocoffee_ops.errors import UsageError
from gocoffee_ops.model import Window


def window_of(as_of: datetime, start: datetime | None, end: datetime | None, window_s: float) -> Window:
    """From `start`, else `window_s` before its end, to `end`, else `as_of`. Raises UsageError when it is none.

    >>> noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    >>> str(window_of(noon, None, None, 600.0).start)
    '2026-11-23 11:50:00+00:00'
    """
    until = (end or as_of).astimezone(UTC)
    return Window(start.astimezone(UTC), until) if start else Window.ending(until, timedelta(seconds=window_s))


def days_of(as_of: datetime, start: datetime | None, end: datetime | None, days: int) -> tuple[datetime, datetime]:
    """Whole UTC days: from 00:00 of the first to 00:00 after the last; `days` of them, and complete ones, where not given.

    Raises UsageError for days that are none.

    >>> first, last = days_of(datetime(2026, 11, 23, 12, tzinfo=UTC), None, None, 7)
    >>> f"{first:%d %H:%M} {last:%d %H:%M}"
    '16 00:00 23 00:00'
    """
    what = "choose the days"
    if days < 1:
        raise UsageError(what, why=f"days is {days}", hint="1 or more")
    last = end.astimezone(UTC) if end else _midnight(as_of)
    first = start.astimezone(UTC) if start else last - timedelta(days=days)
    for name, at in (("start", first), ("end", last)):
        if at != _midnight(at):
            raise UsageError(
                what, why=f"{name} is {at.isoformat()}", hint="00:00 UTC; the end is that of the day after the last"
            )
    if first >= last:
        raise UsageError(what, why=f"from {first:%Y-%m-%d} to {last:%Y-%m-%d} there is no day", hint="start before end")
    return first, last


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
