"""What will this month cost? Weekday by weekday, with an interval and the error that the same method made last week."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.daily import Series, before, expected, series
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.schemas import framed
from gocoffee_ops.analysis.costs.weeks import bills_unread
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

DAY = timedelta(days=1)
FEWEST = 14  # complete days; a week to learn from, a week to be tested on
TESTED = 7
EIGHTY = 1.2816  # deviations, within which four of five lie

FORECAST = Schema(
    "cost forecast",
    (
        Column("by", "string", help="team, service, line, …"),
        Column("key", "string", optional=True),
        Column("month", "string", help="2026-11"),
        Column("effective_known", "decimal", help="of the month's complete days"),
        Column("effective_expected", "decimal", help="of the whole month", optional=True),
        Column("effective_low", "decimal", help="of an interval of 80 %", optional=True),
        Column("effective_high", "decimal", help="of an interval of 80 %", optional=True),
        Column("currency", "string"),
        Column("days_known", "Int64"),
        Column("days_unread", "Int64", help="gone by, and in no bill that was read: predicted too"),
        Column("days_left", "Int64", help="to come, or within the billing lag"),
        Column(
            "backtest_error",
            "Float64",
            "ratio",
            help="of the last week's sum, predicted from the days before",
            optional=True,
        ),
        Column("why", "string", help="for a month that is not predicted", optional=True),
    ),
)


def forecast(
    lines: pd.DataFrame, *, as_of: datetime, by: str = "team", periods: pd.DataFrame | None = None
) -> pd.DataFrame:
    """What will the month of `as_of` have cost at its end, for each team?

    A day to come costs the median of its weekday. The interval holds the scatter of days and the drift that the last week showed.
    Under 14 complete days there is no forecast. Purchases, corrections, taxes and credits count where they are known, and are not
    expected again. A day that one of the bills lacks, by `periods`, is predicted whole; with a bill that could not be read there is
    no forecast.

    Columns: by, key, month (string), effective_known, effective_expected, effective_low, effective_high (decimal, in currency),
    days_known, days_unread, days_left (Int64), backtest_error (Float64, ratio), why. The dearest first.
    """
    unread = bills_unread(lines, periods)
    found = [_month(one, by, as_of, unread) for one in series(lines, by, periods)]
    found.sort(key=lambda row: (-row["effective_known"], str(row["key"])))
    return framed(FORECAST, found, *(table for table in (lines, periods) if table is not None))


def _month(one: Series, by: str, as_of: datetime, unread: Sequence[str]) -> dict[str, Any]:
    days = month_days(as_of)
    known = [day for day in days if day in one.usual]
    open_days = [day for day in days if day not in one.usual]
    last = max(one.usual, default=days[0])
    spent = total([*(one.usual[day] for day in known), *(one.once[day] for day in known)])
    row: dict[str, Any] = dict.fromkeys(FORECAST.names) | {
        "by": by,
        "key": one.key,
        "month": f"{as_of:%Y-%m}",
        "effective_known": spent,
        "currency": one.currency,
        "days_known": len(known),
        "days_unread": sum(day < last for day in open_days),
        "days_left": sum(day >= last for day in open_days),
    }
    if unread:
        return row | {"why": f"not every bill was read: {', '.join(unread)}"}
    if len(one.usual) < FEWEST:
        return row | {"why": f"{len(one.usual)} complete days; a forecast needs {FEWEST}"}
    errors = backtest(one)
    predicted = [expected(one.usual, day) for day in open_days]
    if errors is None or None in predicted:
        return row | {"why": "the days that were read have gaps: some weekday is not among them"}
    rest = total(predicted)
    width = rounded_float(interval(errors[0], len(open_days)))
    least = spent if min(one.usual.values()) >= 0 else spent + rest - width  # what is spent does not come back
    return row | {
        "effective_expected": spent + rest,
        "effective_low": max(least, spent + rest - width),
        "effective_high": spent + rest + width,
        "backtest_error": errors[1],
    }


def month_days(moment: datetime) -> list[datetime]:
    """Every day of a moment's month.

    >>> from datetime import UTC
    >>> len(month_days(datetime(2028, 2, 10, tzinfo=UTC)))
    29
    """
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return [day for day in (first + DAY * n for n in range(31)) if day.month == first.month]


def backtest(one: Series) -> tuple[list[float], float | None] | None:
    """The last week predicted from the days before it: each day's error, and the week's, of what it cost.

    Of its cost without a sign: a week that brought more back than it cost has an error too. One that cost nothing, as was
    predicted, has no error; one that was to cost something has none that can be told.
    """
    tested = sorted(one.usual)[-TESTED:]
    history = before(one.usual, tested[0])
    errors: list[Decimal] = []
    for day in tested:
        usual = expected(history, day)
        if usual is None:
            return None
        errors.append(one.usual[day] - usual)
    cost = total(one.usual[day] for day in tested)
    if not cost:
        return [float(error) for error in errors], None if any(errors) else 0.0
    return [float(error) for error in errors], float(abs(total(errors) / cost))


def interval(errors: Sequence[float], days: int) -> float:
    """Half the width of an interval of 80 % for the sum of so many days.

    Scatter grows with the root of their number; drift with their number, and with how far they reach beyond the tested week.

    >>> [round(interval(errors, 7), 2) for errors in ([1.0, -1.0], [1.0, 1.0])]
    [3.39, 9.59]
    """
    scatter = sum(error * error for error in errors) / len(errors)
    drift = median(errors) * days * max(1.0, (days + 1) / (TESTED + 1))  # one day that went wrong is no drift
    return EIGHTY * math.sqrt(days * scatter + drift**2)


def rounded_float(value: float) -> Decimal:
    """A statistic as money, in cents: it is no exact amount.

    >>> rounded_float(1.2345)
    Decimal('1.23')
    """
    return round(Decimal(value), 2)
