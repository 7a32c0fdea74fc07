"""The window that a question is about; queries never ask the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gocoffee_ops.model import Window


def window_of(as_of: datetime, start: datetime | None, end: datetime | None, window_s: float) -> Window:
    """From `start`, else `window_s` before its end, to `end`, else `as_of`. Raises UsageError when it is none.

    >>> noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    >>> str(window_of(noon, None, None, 600.0).start)
    '2026-11-23 11:50:00+00:00'
    """
    until = (end or as_of).astimezone(UTC)
    return Window(start.astimezone(UTC), until) if start else Window.ending(until, timedelta(seconds=window_s))
