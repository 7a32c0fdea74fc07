"""Seven complete UTC days against the seven before; days within the billing lag are estimates, and in neither."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.aggregate import aggregate
from gocoffee_ops.analysis.costs.allocation import LAG_H
from gocoffee_ops.analysis.costs.captions import captioned
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.schemas import CHARGES, LINES, framed, rows
from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

DAY = timedelta(days=1)
LENGTH = 7
BILL = "bill/"  # what is said of a bill begins with it

WEEK_TABLE = Schema(
    "weeks",
    (
        Column("week", "string", help="now or before"),
        Column("first_day", "timestamp"),
        Column("last_day", "timestamp"),
        Column("days_found", "Int64"),
        Column("days_missing", "list[string]"),
        Column("bills_unread", "list[string]", help="bills of which nothing, or not all, could be read, and why"),
        Column("billed", "decimal", optional=True),
        Column("effective", "decimal", optional=True),
        Column("currency", "string", optional=True),
    ),
)

BILL_DAYS = Schema(
    "days of the bills",
    (
        Column("bill", "string"),
        Column("day", "timestamp", help="00:00 UTC"),
        Column("rows", "Int64", help="0 for a day that the bill lacks"),
    ),
)

MOVERS = (
    Column("effective_change", "decimal", optional=True),
    Column("effective_before", "decimal", optional=True),
    Column("effective_now", "decimal", optional=True),
    Column("currency", "string"),
    Column("ratio", "Float64", "times", help="of the week over the one before", optional=True),
)


@dataclass(frozen=True)
class Weeks:
    """Two weeks of complete days, the later one ending before `end`."""

    end: datetime

    @classmethod
    def settled(cls, as_of: datetime, lag_h: float = LAG_H) -> Weeks:
        """The last two weeks that the billing lag has left behind.

        >>> from datetime import UTC
        >>> Weeks.settled(datetime(2026, 1, 30, 3, tzinfo=UTC)).end.isoformat()
        '2026-01-28T00:00:00+00:00'
        """
        moment = as_of - timedelta(hours=lag_h)
        return cls(moment.replace(hour=0, minute=0, second=0, microsecond=0))

    @property
    def now(self) -> list[datetime]:
        """The later week's days."""
        return [self.end - DAY * n for n in range(LENGTH, 0, -1)]

    @property
    def before(self) -> list[datetime]:
        """The days of the week before."""
        return [day - DAY * LENGTH for day in self.now]

    @property
    def words(self) -> str:
        """The days in words.

        >>> from datetime import UTC
        >>> Weeks(datetime(2026, 1, 28, tzinfo=UTC)).words
        'complete days, 2026-01-21 to 2026-01-27 against 2026-01-14 to 2026-01-20'
        """
        now, before = (f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}" for days in (self.now, self.before))
        return f"complete days, {now} against {before}"

    def missing(self, days: Iterable[datetime]) -> list[datetime]:
        """Which of the fourteen days are not among these."""
        there = set(days)
        return [day for day in (*self.before, *self.now) if day not in there]


def billing_lag_h(periods: pd.DataFrame) -> float:
    """For how many hours after its end a day may still change: the longest of the bills, by the notes of `bills.periods`."""
    return max((float(notes["lag_h"]) for notes in periods.attrs.get("notes", {}).values()), default=LAG_H)


def days_lacking(periods: pd.DataFrame | None) -> set[datetime]:
    """The days that one of the bills lacks, by `bills.periods`: what the others have of them is not what they cost.

    >>> import pandas as pd
    >>> row = {"bill": "aws", "day": datetime(2026, 1, 5), "rows": 3}
    >>> days_lacking(pd.DataFrame([row, row | {"bill": "gcp", "rows": 0}])) == {datetime(2026, 1, 5)}
    True
    """
    if periods is None or periods.empty:
        return set()
    found = rows(periods, BILL_DAYS)
    there = {(row["bill"], row["day"]) for row in found if row["rows"]}
    bills, days = {row["bill"] for row in found}, {row["day"] for row in found}
    return {day for day in days if any((bill, day) not in there for bill in bills)}


def bills_unread(*tables: pd.DataFrame | None) -> tuple[str, ...]:
    """The bills that some of these tables lack, or what they were made of, and why: such a bill has no day in any of them.

    >>> import pandas as pd
    >>> table = pd.DataFrame()
    >>> table.attrs["gaps"] = ["bill/gcp: there is no /srv/bills/gcp", "cluster/us: no answer after 8 s"]
    >>> bills_unread(table, None, table)
    ('bill/gcp: there is no /srv/bills/gcp',)
    """
    gaps: dict[str, str] = {}
    for table in [one for one in tables if one is not None]:
        for gap in (*table.attrs.get("gaps", ()), *table.attrs.get("unread", ())):
            if gap.startswith(BILL):
                gaps.setdefault(gap.partition(": ")[0], gap)
    return tuple(gaps.values())


def within_bill(container_hours: pd.DataFrame, charges: pd.DataFrame) -> pd.DataFrame:
    """The hours of the days that the bill has, from its first to its last: what ran outside of them is in no bill that was read."""
    if charges.empty:
        return container_hours
    first, last = charges["day"].min(), charges["day"].max() + DAY
    there = (container_hours["hour"] >= first) & (container_hours["hour"] < last)
    kept: pd.DataFrame = container_hours[there].reset_index(drop=True)
    kept.attrs = container_hours.attrs
    return kept


def weeks(
    charges: pd.DataFrame, periods: pd.DataFrame | None = None, *, as_of: datetime, lag_h: float = LAG_H
) -> pd.DataFrame:
    """Which two weeks are compared, and is the bill there for each of their days?

    With `periods` (of `bills.periods`) a day is there if each of the bills has it; without them, if there is a charge of it. While
    a bill could not be read, neither week has a sum: what the others have is not what the weeks cost.

    Columns: week (string), first_day, last_day (timestamp), days_found (Int64), days_missing (list of days), bills_unread (list),
    billed, effective (decimal), currency. A row for each week and currency.
    """
    bill, unread = rows(charges, CHARGES), bills_unread(charges, periods)
    there = {row["day"] for row in bill} - days_lacking(periods)
    found = []
    both = Weeks.settled(as_of, lag_h)
    for name, days in (("before", both.before), ("now", both.now)):
        missing = tuple(f"{day:%Y-%m-%d}" for day in days if day not in there)
        for currency in sorted({row["currency"] for row in bill}) or [None]:
            members = [row for row in bill if row["day"] in set(days) and row["currency"] == currency]
            sums: dict[str, Decimal | None] = {
                basis: total(row[basis] for row in members) if not missing and not unread else None
                for basis in ("billed", "effective")
            }
            found.append(
                {
                    "week": name,
                    "first_day": days[0],
                    "last_day": days[-1],
                    "days_found": LENGTH - len(missing),
                    "days_missing": missing,
                    "bills_unread": unread,
                    **sums,
                    "currency": currency,
                }
            )
    return framed(WEEK_TABLE, found, charges)


def movers(
    lines: pd.DataFrame,
    by: str = "team",
    *,
    as_of: datetime,
    lag_h: float = LAG_H,
    periods: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Whose week cost more, or less, than the one before? For each team, namespace, line, or other key of `aggregate`.

    Columns: the key, currency (string), effective_before, effective_now, effective_change (decimal; missing where the lines, or
    one of the bills by `periods`, lack a day of either week, or a bill could not be read), ratio (Float64). The largest change
    first. Raises UsageError for a key that there is not.
    """
    both = Weeks.settled(as_of, lag_h)
    daily = records(aggregate(lines, [by, "day"]))
    there = {row["day"] for row in rows(lines, LINES) if row["charge"] is not None} - days_lacking(periods)
    lacking = bool(both.missing(there) or bills_unread(lines, periods))
    sums: defaultdict[tuple[str | None, str], tuple[list[Decimal | None], list[Decimal | None]]]
    sums = defaultdict(lambda: ([], []))
    for row in daily:
        if row["effective"] is not None and row["day"] in {*both.before, *both.now}:
            sums[row[by], row["currency"]][row["day"] in set(both.now)].append(row["effective"])
    found = [
        _mover(by, key, currency, total(then), total(now), lacking) for (key, currency), (then, now) in sums.items()
    ]
    found.sort(key=lambda row: (-abs(row["effective_change"] or 0), str(row[by])))
    frame = framed(Schema(f"changes by {by}", (Column(by, "string", optional=True), *MOVERS)), found, lines)
    return captioned(frame, span=both.words, keys=[by])


def _mover(by: str, key: str | None, currency: str, then: Decimal, now: Decimal, lacking: bool) -> dict[str, Any]:
    row: dict[str, Any] = {by: key, "currency": currency, "effective_before": then, "effective_now": now}
    if lacking:
        return row | dict.fromkeys(("effective_before", "effective_now", "effective_change", "ratio"))
    return row | {"effective_change": now - then, "ratio": float(now / then) if then > 0 else None}
