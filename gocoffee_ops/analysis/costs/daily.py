"""What each team or service cost on each complete day: the series that anomalies and forecasts are made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.aggregate import KEYS
from gocoffee_ops.analysis.costs.money import EXACT, amount, total
from gocoffee_ops.analysis.costs.schemas import CORRECTION, CREDIT, LINES, PURCHASE, TAX, rows
from gocoffee_ops.analysis.costs.weeks import days_lacking
from gocoffee_ops.errors import UsageError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

ONCE = (PURCHASE, CORRECTION, TAX, CREDIT)  # lines that say nothing about the days to come
WEEKEND = (5, 6)
PEERS = 3  # so many earlier days of the same weekday make a median; with fewer, working days or weekends together do
FEWEST_PEERS = 2


@dataclass
class Series:
    """One key's effective cost by day; a day of the bill without a row of it is 0, a day without a bill is not there."""

    key: str | None
    currency: str
    usual: dict[datetime, Decimal] = field(default_factory=dict)
    once: dict[datetime, Decimal] = field(default_factory=dict)


def series(lines: pd.DataFrame, by: str, periods: pd.DataFrame | None = None) -> list[Series]:
    """The complete days that each of the bills has, by `by`, in each currency. Raises UsageError for a key that there is not."""
    if by not in KEYS or by == "day":
        error = unknown_name("key of costs", by, [key for key in KEYS if key != "day"], UsageError)
        raise UsageError(error.what, hint=error.hint)
    lacking = days_lacking(periods)
    settled = [
        row
        for row in rows(lines, LINES)
        if row["charge"] is not None and not row["estimated"] and row["day"] not in lacking
    ]
    days = sorted({row["day"] for row in settled})
    sums: defaultdict[tuple[str | None, str], defaultdict[tuple[datetime, bool], list[Decimal | None]]]
    sums = defaultdict(lambda: defaultdict(list))
    for row in settled:
        sums[row[by], row["currency"]][row["day"], row["line"] in ONCE].append(row["effective"])
    return [
        Series(
            key,
            currency,
            {day: total(found.get((day, False), ())) for day in days},
            {day: total(found.get((day, True), ())) for day in days},
        )
        for (key, currency), found in sorted(sums.items(), key=lambda item: (str(item[0][0]), item[0][1]))
    ]


def expected(history: Mapping[datetime, Decimal], day: datetime) -> Decimal | None:
    """What a day would usually cost: the median of its weekday, else of working days or weekends. None for too short a history.

    >>> from datetime import UTC, timedelta
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> week = {monday + timedelta(days=n): Decimal(10 if n < 5 else 4) for n in range(7)}
    >>> expected(week, monday + timedelta(days=7)), expected(week, monday + timedelta(days=12)), expected({}, monday)
    (Decimal('10'), Decimal('4'), None)
    """
    same = [cost for other, cost in history.items() if other.weekday() == day.weekday()]
    if len(same) >= PEERS:
        return middle(same)
    alike = [cost for other, cost in history.items() if (other.weekday() in WEEKEND) == (day.weekday() in WEEKEND)]
    return middle(alike) if len(alike) >= FEWEST_PEERS else None


def middle(costs: Sequence[Decimal]) -> Decimal:
    """The median, of no more places than a table keeps.

    >>> middle([Decimal(1), Decimal(2)])
    Decimal('1.5')
    """
    found: Decimal = median(costs)
    return found if -int(found.as_tuple().exponent) <= 12 else found.quantize(amount(1), context=EXACT)


def before(history: Mapping[datetime, Decimal], day: datetime) -> dict[datetime, Decimal]:
    """The part of a series before a day."""
    return {other: cost for other, cost in history.items() if other < day}


def shown(key: Any) -> str:
    """A key for people, where it may be missing.

    >>> shown("shop"), shown(None)
    ('shop', '(none)')
    """
    return "(none)" if key is None else str(key)
