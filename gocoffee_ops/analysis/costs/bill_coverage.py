"""How much of each bill's money is it known what it was for?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.schemas import BILLED, EFFECTIVE, LINES, RESIDUAL, UNKNOWN, framed, rows
from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str | None, str]  # bill and currency
BASES = ("effective", "billed")
UNEXPLAINED = (UNKNOWN, RESIDUAL)
NO_SUM = "what it charges is not more than what it credits: no share of it can be told"

BILL_DAYS = Schema(
    "bill days",
    (
        Column("bill", "string"),
        Column("day", "timestamp", help="00:00 UTC"),
        BILLED,
        EFFECTIVE,
        Column("currency", "string", help="missing for a day without rows", optional=True),
        Column("estimated", "boolean", help="the day is younger than the billing lag"),
    ),
)

BILL_COVERAGE = Schema(
    "how much of each bill is explained",
    (
        Column("bill", "string", optional=True),
        Column("currency", "string", optional=True),
        Column("effective_explained_share", "Float64", "ratio", optional=True),
        Column("effective_explained", "decimal", help="in a line that is neither unknown nor residual", optional=True),
        Column("effective", "decimal", help="of the bill", optional=True),
        Column("billed_explained_share", "Float64", "ratio", optional=True),
        Column("billed_explained", "decimal", help="in a line that is neither unknown nor residual", optional=True),
        Column("billed", "decimal", help="of the bill", optional=True),
        Column("days", "Int64", help="complete ones that it has charges of", optional=True),
        Column("why", "string", help="why a share is missing", optional=True),
    ),
)


def bill_coverage(lines: pd.DataFrame, charges: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Of each bill's own total on complete days, how much is explained: in a line that is neither unknown nor residual?

    What the lines lack of the bill on a day, or have too much, is not explained either. Without signs: a residual below zero
    explains nothing of another. A bill that was not read, or not whole, has no share and says why.

    `lines` are `allocate`'s of `charges`; `periods` is `bills.periods`.

    Columns: bill, currency (string), effective_explained_share, billed_explained_share (Float64, ratio), effective_explained,
    effective, billed_explained, billed (decimal, in currency), days (Int64), why (string).
    """
    days = [row for row in rows(periods, BILL_DAYS) if not row["estimated"] and row["currency"] is not None]
    unread = dict(_unread([*charges.attrs.get("gaps", ()), *periods.attrs.get("gaps", ())]))
    parts = _by_day(_lines(lines, charges))
    by_bill: defaultdict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for row in days:
        by_bill[row["bill"], row["currency"]].append(row)
    told = {(row["bill"], row["currency"], row["day"]) for row in days}
    for bill, currency, day in parts:
        if (bill, currency, day) not in told:  # which the bill's own total lacks
            none = dict.fromkeys(BASES, Decimal(0))
            by_bill[bill, currency].append({"bill": bill, "currency": currency, "day": day, **none})
    found = [_row(key, members, parts, unread.get(key[0] or "")) for key, members in sorted(by_bill.items(), key=str)]
    known = {bill for bill, _ in by_bill}
    nothing = dict.fromkeys(BILL_COVERAGE.names)
    found += [nothing | {"bill": bill, "why": why} for bill, why in unread.items() if bill not in known]
    return framed(BILL_COVERAGE, found, lines, charges, periods)


def _lines(lines: pd.DataFrame, charges: pd.DataFrame) -> Iterable[dict[str, Any]]:
    """The lines of complete days that stand in a bill, each with its bill."""
    bills = [row["bill"] for row in records(charges[["bill"]])] if "bill" in charges.columns else [None] * len(charges)
    for row in rows(lines, LINES):
        if row["charge"] is not None and not row["estimated"]:
            yield row | {"bill": bills[row["charge"]]}


def _by_day(lines: Iterable[dict[str, Any]]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    found: defaultdict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        found[line["bill"], line["currency"], line["day"]].append(line)
    return dict(found)


def _row(
    key: Key, days: Iterable[Mapping[str, Any]], parts: Mapping[tuple[Any, ...], list[dict[str, Any]]], why: str | None
) -> dict[str, Any]:
    row: dict[str, Any] = {"bill": key[0], "currency": key[1], "days": len({day["day"] for day in days}), "why": why}
    for basis in BASES:
        whole, lacking = total(day[basis] for day in days), Decimal(0)
        for day in days:
            members = parts.get((*key, day["day"]), [])
            lacking += abs((day[basis] or Decimal(0)) - total(line[basis] for line in members))
            lacking += total(abs(line[basis] or Decimal(0)) for line in members if line["line"] in UNEXPLAINED)
        row |= {basis: whole, f"{basis}_explained": whole - lacking, f"{basis}_explained_share": None}
        if why is None and whole > 0:
            row[f"{basis}_explained_share"] = float((whole - lacking) / whole)
    if why is None and any(row[basis] <= 0 for basis in BASES):
        row["why"] = NO_SUM
    return row


def _unread(gaps: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Of each bill that was not read, or not whole, what was said.

    >>> dict(_unread(["bill/aws: 403 Forbidden"]))
    {'aws': 'not read: 403 Forbidden'}
    """
    for gap in gaps:
        target, _, why = gap.partition(": ")
        yield target.removeprefix("bill/"), f"not read: {why or gap}"
