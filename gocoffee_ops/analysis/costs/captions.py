"""What a table says of itself: which days or hours it is of, as two sums of one report differ where these do; and who is nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

HOUR = timedelta(hours=1)
SPAN, NOBODY, ADDS_UP = "span", "nobody", "adds_up"  # attributes of a table, which `ui` shows


def adding_up(frame: pd.DataFrame) -> pd.DataFrame:
    """The table, whose rows add up to a row of it: a page that left one of them out would not show that."""
    frame.attrs[ADDS_UP] = True
    return frame


def captioned(frame: pd.DataFrame, *, span: str = "", keys: Iterable[str] = ()) -> pd.DataFrame:
    """The table with the span that it is of, and how its keys read where they are missing.

    >>> import pandas as pd
    >>> captioned(pd.DataFrame(), span="7 complete days", keys=["team", "label:app"]).attrs
    {'span': '7 complete days', 'nobody': {'team': '(no team)', 'label:app': '(no label app)'}}
    """
    frame.attrs |= {SPAN: span, NOBODY: {key: f"(no {key.replace(':', ' ')})" for key in keys}}
    return frame


def days_of(lines: Iterable[Mapping[str, Any]], *, settled: bool = False) -> str:
    """The days that some lines are of; `settled` leaves out those within the billing lag, as the sum does.

    >>> from datetime import UTC
    >>> lines = [{"day": datetime(2026, 11, d, tzinfo=UTC), "estimated": d > 23} for d in range(10, 26)]
    >>> days_of(lines)
    '16 days, 2026-11-10 to 2026-11-25, of which the last 2 are estimates'
    >>> days_of(lines, settled=True), days_of([])
    ('14 complete days, 2026-11-10 to 2026-11-23', '')
    """
    estimated = {line["day"]: line["estimated"] for line in lines if not (settled and line["estimated"])}
    if not estimated:
        return ""
    count, late = len(estimated), sum(map(bool, estimated.values()))
    words = f"{count:,} {'complete ' if not late else ''}day{'' if count == 1 else 's'}, {_ends(estimated)}"
    if late == count:
        return f"{words}, {'an estimate' if count == 1 else 'all estimates'}"
    return words + (
        f", of which the last {late:,} {'is an estimate' if late == 1 else 'are estimates'}" if late else ""
    )


def hours_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """The hours that some rows are of.

    >>> from datetime import UTC
    >>> hours_of([{"hour": datetime(2026, 11, 9, 22, tzinfo=UTC)}, {"hour": datetime(2026, 11, 10, 1, tzinfo=UTC)}])
    '2 hours between 2026-11-09 22:00 and 2026-11-10 02:00 UTC'
    """
    hours = sorted({row["hour"] for row in rows})
    if not hours:
        return ""
    between = f"between {hours[0]:%Y-%m-%d %H:%M} and {hours[-1] + HOUR:%Y-%m-%d %H:%M} UTC"
    return f"{len(hours):,} hour{'' if len(hours) == 1 else 's'} {between}"


def _ends(days: Iterable[datetime]) -> str:
    first, last = min(days), max(days)
    return f"{first:%Y-%m-%d}" if first == last else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
