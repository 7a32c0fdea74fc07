"""Do the tools that allocate costs agree with the bill?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.costs import NEXT, money
from gocoffee_ops.checks.grading import counted, grade, percent
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

CHECK = "allocators_agree"
# Lines that are clusters' though their rows may not say of which: such rows, no allocation has.
OVERHEAD = ("control plane", "system", "unmounted storage")
UNPRICED_NETWORK = "no price of network"
SEEN_MIN = 0.98 * 1440  # of a day; what saw less of it knows a part of its cost

Row = Mapping[str, Any]
Days = Mapping[datetime, Mapping[str, Decimal]]  # and lines


def allocators_agree(lines: pd.DataFrame, *allocations: pd.DataFrame, thresholds: Thresholds) -> list[Finding]:
    """Is what OpenCost or KubeCost says of the clusters what the bill has for them, on the same complete days? (C01, C02, C09)

    One finding for each that was read. Like is compared with like: what it does not price stands apart, with its money and its
    share of what the clusters cost. That is the control plane with what else no workload has (unless it shares costs out, as
    KubeCost does if told to), and traffic where it has no price of that. A WARN says that it differs in what it prices, mostly as
    it knows list prices alone, or that it leaves out as much: who reads its total is off by that. A day that it saw in part, or
    with idle below zero (prices are missing, and the rest hides it), is in no comparison. `lines` are of `costs.allocate`.

    >>> import pandas as pd
    >>> ours = {"day": pd.Timestamp("2026-01-05", tz="UTC"), "cluster": "eu", "line": "used", "estimated": False}
    >>> ours |= {"currency": "EUR", "effective": Decimal(100)}
    >>> fee = ours | {"line": "control plane", "cluster": None, "effective": Decimal(25)}
    >>> theirs = {"opencost": "main", "day": ours["day"], "currency": "EUR", "total_list": Decimal(150), "total_effective": None}
    >>> [found.reason for found in allocators_agree(pd.DataFrame([ours]), pd.DataFrame([theirs]), thresholds=Thresholds())]
    ['1 day is 150.00 EUR at its list prices, and 100.00 EUR in the bill: 50 % more']
    >>> same = pd.DataFrame([theirs | {"total_list": Decimal(100)}])
    >>> [found.reason for found in allocators_agree(pd.DataFrame([ours, fee]), same, thresholds=Thresholds())]
    ['1 day is 100.00 EUR at its list prices, and 100.00 EUR in the bill: the same; it leaves out 25.00 EUR (20 %): control plane']
    """
    bill: defaultdict[str, defaultdict[datetime, defaultdict[str, Decimal]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(Decimal))
    )
    for row in records(lines):
        of_clusters = row["cluster"] is not None or row["line"] in OVERHEAD
        if of_clusters and not row["estimated"] and row["effective"] is not None:
            bill[row["currency"]][row["day"]][_apart(row)] += row["effective"]
    read = [table for table in allocations if not table.attrs.get("absent")]
    if not read:
        return [
            Finding(Status.OK, CHECK, "costs", "neither OpenCost nor KubeCost is named: there is nothing to compare")
        ]
    found = []
    for table in read:
        kind = str(table.columns[0])
        by_name: defaultdict[str, list[Row]] = defaultdict(list)
        for row in records(table):
            by_name[row[kind]].append(row)
        found += [_agrees(f"{kind}/{name}", rows, bill, thresholds) for name, rows in sorted(by_name.items())]
        found += (
            [] if by_name else [Finding(Status.UNKNOWN, CHECK, kind, "it has no allocation of these days", next=NEXT)]
        )
    return found


def _apart(row: Row) -> str:
    """The line, where it may have to stand apart: a control plane's, traffic's, and what no cluster that was read has."""
    return str(row["line"]) if row["cluster"] is None or row["line"] in ("control plane", "network") else ""


def _agrees(subject: str, rows: Sequence[Row], bill: Mapping[str, Days], thresholds: Thresholds) -> Finding:
    def unknown(why: str) -> Finding:
        return Finding(Status.UNKNOWN, CHECK, subject, why, next=NEXT)

    currency, distrusted = rows[0]["currency"], _distrusted(rows)
    rows = [row for row in rows if row["day"] not in distrusted]
    aside = (
        f"{counted(len(distrusted), 'day')} not compared: seen in part, or with idle below zero" if distrusted else ""
    )
    if currency not in bill:
        return unknown(f"it counts in {currency}, and the bill has nothing of a cluster in that")
    own = all(row["total_effective"] is not None for row in rows)
    theirs: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    for row in rows:
        amount = row["total_effective"] if own else row["total_list"]
        if amount is None or row.get("missing") not in (None, UNPRICED_NETWORK):
            return unknown(f"it has no price for a part of what it allocated: {row.get('missing') or 'no total'}")
        theirs[row["day"]] += amount
    days = sorted(set(theirs) & set(bill[currency]))
    left_out = _left_out(rows, bill[currency], days)
    whole = sum((amount for day in days for amount in bill[currency][day].values()), Decimal(0))
    ours, others = whole - sum(left_out.values(), Decimal(0)), sum((theirs[day] for day in days), Decimal(0))
    if not ours:
        return unknown("no complete day is in its answer and in the bill" + (f"; {aside}" if aside else ""))
    off, without = float(others / ours) - 1, float(1 - ours / whole)
    basis = "with its adjustments" if own else "at its list prices"
    are = f"{counted(len(days), 'day')} {'is' if len(days) == 1 else 'are'}"
    said = f"{are} {money(others, currency)} {basis}, and {money(ours, currency)} in the bill: {_difference(off)}"
    if left_out:
        said += f"; it leaves out {money(whole - ours, currency)} ({percent(without)}): {', '.join(sorted(left_out))}"
    said += f"; {aside}" if aside else ""
    status = grade(max(abs(off), abs(without)), thresholds.cost_allocator_warn)
    figures = {"days": len(days), "ratio": round(off + 1, 3), "left_out": round(without, 4)}
    return Finding(status, CHECK, subject, said, figures, next=NEXT)


def _distrusted(rows: Iterable[Row]) -> set[datetime]:
    """The days that were seen in part, by each cluster's idle (without idle, by what was seen longest), or with idle below zero."""
    days: defaultdict[datetime, list[Row]] = defaultdict(list)
    for row in rows:
        days[row["day"]].append(row)
    return {day for day, members in days.items() if _in_part(members) or _below_zero(members)}


def _in_part(rows: Sequence[Row]) -> bool:
    idle = [row for row in rows if row.get("part") == "idle"]
    longest: defaultdict[str | None, float] = defaultdict(float)
    for row in idle or rows:
        if row.get("minutes") is not None:
            cluster = row.get("their_cluster") if idle else None
            longest[cluster] = max(longest[cluster], row["minutes"])
    return any(minutes < SEEN_MIN for minutes in longest.values())


def _below_zero(rows: Iterable[Row]) -> bool:
    names = ("cpu_list", "memory_list", "total_list", "total_effective")
    amounts = [row.get(name) for row in rows if row.get("part") == "idle" for name in names]
    return any(amount is not None and amount < 0 for amount in amounts)


def _left_out(rows: Iterable[Row], bill: Days, days: Iterable[datetime]) -> dict[str, Decimal]:
    """What it does not price of the bill's days, by line."""
    rows = list(rows)
    priced = {""}
    priced |= set(OVERHEAD) if any(row.get("shared_list") for row in rows) else set()
    priced |= {"network"} if any(row.get("network_list") for row in rows) else set()
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for day in days:
        for line, amount in bill[day].items():
            if line not in priced:
                found[line] += amount
    return {line: amount for line, amount in found.items() if amount}


def _difference(off: float) -> str:
    shown = f"{abs(off):.0%}".replace("%", " %")
    return "the same" if shown == "0 %" else f"{shown} {'more' if off > 0 else 'less'}"
