"""Do the tools that allocate costs agree with the bill?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.costs import NEXT, money
from gocoffee_ops.checks.grading import counted, grade
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

CHECK = "allocators_agree"


def allocators_agree(lines: pd.DataFrame, *allocations: pd.DataFrame, thresholds: Thresholds) -> list[Finding]:
    """Is what OpenCost or KubeCost says of the clusters what the bill has for them, on the same complete days? (C01, C02, C09)

    One finding for each that was read. They see no control plane and no taxes, and mostly list prices: a difference is a WARN that
    says how large it is, never more. `lines` are those of `costs.allocate`.

    >>> import pandas as pd
    >>> day = pd.Timestamp("2026-01-05", tz="UTC")
    >>> ours = {"day": day, "cluster": "eu", "estimated": False, "currency": "EUR", "effective": Decimal(100)}
    >>> theirs = {"opencost": "main", "day": day, "currency": "EUR", "total_list": Decimal(150), "total_effective": None}
    >>> [found.reason for found in allocators_agree(pd.DataFrame([ours]), pd.DataFrame([theirs]), thresholds=Thresholds())]
    ['1 day is 150.00 EUR at its list prices, and 100.00 EUR in the bill: 50 % more']
    """
    bill: defaultdict[str, defaultdict[datetime, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in records(lines):
        if row["cluster"] is not None and not row["estimated"] and row["effective"] is not None:
            bill[row["currency"]][row["day"]] += row["effective"]
    read = [table for table in allocations if not table.attrs.get("absent")]
    if not read:
        return [
            Finding(Status.OK, CHECK, "costs", "neither OpenCost nor KubeCost is named: there is nothing to compare")
        ]
    found = []
    for table in read:
        kind = str(table.columns[0])
        by_name: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in records(table):
            by_name[row[kind]].append(row)
        found += [_agrees(f"{kind}/{name}", rows, bill, thresholds) for name, rows in sorted(by_name.items())]
        found += (
            [] if by_name else [Finding(Status.UNKNOWN, CHECK, kind, "it has no allocation of these days", next=NEXT)]
        )
    return found


def _agrees(
    subject: str,
    rows: Sequence[Mapping[str, Any]],
    bill: Mapping[str, Mapping[datetime, Decimal]],
    thresholds: Thresholds,
) -> Finding:
    def unknown(why: str) -> Finding:
        return Finding(Status.UNKNOWN, CHECK, subject, why, next=NEXT)

    currency = rows[0]["currency"]
    if currency not in bill:
        return unknown(f"it counts in {currency}, and the bill has nothing of a cluster in that")
    own = all(row["total_effective"] is not None for row in rows)
    theirs: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    for row in rows:
        amount = row["total_effective"] if own else row["total_list"]
        if amount is None:
            return unknown("it has no price for a part of what it allocated")
        theirs[row["day"]] += amount
    days = sorted(set(theirs) & set(bill[currency]))
    ours, others = (
        sum((bill[currency][day] for day in days), Decimal(0)),
        sum((theirs[day] for day in days), Decimal(0)),
    )
    if not ours:
        return unknown("no complete day is in its answer and in the bill")
    off = float(others / ours) - 1
    basis = "with its adjustments" if own else "at its list prices"
    are = f"{counted(len(days), 'day')} {'is' if len(days) == 1 else 'are'}"
    said = f"{are} {money(others, currency)} {basis}, and {money(ours, currency)} in the bill"
    difference = f"{abs(off):.0%} {'more' if off > 0 else 'less'}".replace("%", " %")
    status = grade(abs(off), thresholds.cost_allocator_warn)
    return Finding(
        status, CHECK, subject, f"{said}: {difference}", {"days": len(days), "ratio": round(off + 1, 3)}, next=NEXT
    )
