"""Which days cost what such a day does not usually cost?"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.daily import Series, before, expected, series
from gocoffee_ops.analysis.costs.money import EXACT, amount
from gocoffee_ops.analysis.costs.schemas import framed
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

JUDGED = 7  # days, the last ones
FEWEST = 7  # days before the one that is judged
NORMAL = 1.4826  # by which a median absolute deviation becomes a standard deviation
LEAST_SPREAD = 0.01  # of what is expected: a series that never moved is not sure to the cent

ANOMALIES = Schema(
    "cost anomalies",
    (
        Column("by", "string", help="team, service, line, …"),
        Column("key", "string", optional=True),
        Column("day", "timestamp"),
        Column("effective", "decimal"),
        Column("effective_expected", "decimal", help="the median of such days before it", optional=True),
        Column("effective_above", "decimal", help="what it is more; less is negative", optional=True),
        Column("currency", "string"),
        Column("score", "Float64", help="in deviations (1.4826 MAD)", optional=True),
        Column("days_before", "Int64"),
        Column("why", "string", help="for a day that is not judged", optional=True),
    ),
)


def anomalies(lines: pd.DataFrame, by: str = "service", *, periods: pd.DataFrame | None = None) -> pd.DataFrame:
    """How unusual was each of the last seven complete days, for each service, team or line?

    Against the median of the same weekday before it (of working days or weekends where there are fewer than three), in deviations
    of the earlier days from theirs. Effective cost only, without purchases, corrections, taxes and credits: they have days
    of their own, and are none. Nor is a day that one of the bills lacks, by `periods`. What cost nothing on all days is not listed
    (unless nothing cost anything); a day on which something came to cost nothing is.

    Columns: by, key (string), day (timestamp), effective, effective_expected, effective_above (decimal, in currency), score
    (Float64), days_before (Int64), why. The most unusual first.
    """
    every = series(lines, by, periods)
    found = [row for one in [one for one in every if any(one.usual.values())] or every for row in _judged(one, by)]
    found.sort(key=lambda row: (row["score"] is None, -abs(row["score"] or 0.0), str(row["key"]), row["day"]))
    return framed(ANOMALIES, found, *(table for table in (lines, periods) if table is not None))


def _judged(one: Series, by: str) -> list[dict[str, Any]]:
    return [_day(one, by, day) for day in sorted(one.usual)[-JUDGED:]]


def _day(one: Series, by: str, day: datetime) -> dict[str, Any]:
    history = before(one.usual, day)
    usual = expected(history, day) if len(history) >= FEWEST else None
    row: dict[str, Any] = {"by": by, "key": one.key, "day": day, "effective": one.usual[day], "currency": one.currency}
    row |= {
        "days_before": len(history),
        "effective_expected": usual,
        "effective_above": None,
        "score": None,
        "why": None,
    }
    if usual is None:
        return row | {"why": f"{len(history)} complete days before it, and {FEWEST} with two of its kind are needed"}
    above = one.usual[day] - usual
    return row | {"effective_above": above, "score": float(above) / spread(history, usual)}


def spread(history: dict[datetime, Decimal], usual: Decimal) -> float:
    """The deviation of earlier days from what such days usually cost; never 0.

    >>> from datetime import UTC, timedelta
    >>> monday = datetime(2026, 1, 5, tzinfo=UTC)
    >>> spread({monday + timedelta(days=n): Decimal(10 + n % 2) for n in range(5)}, Decimal(10))
    0.7413
    """
    deviations = []
    for day, cost in history.items():
        usually = expected({other: their for other, their in history.items() if other != day}, day)
        if usually is not None:
            deviations.append(abs(float(cost - usually)))
    least = max(float(abs(usual)) * LEAST_SPREAD, float(amount(1).normalize(EXACT)))
    return max(NORMAL * median(deviations) if deviations else 0.0, least)
