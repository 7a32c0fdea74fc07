"""What changed from one week to the next, and why: price, volume, mix, new, gone, and the rest. The causes add up exactly.

For each thing that has a quantity in both weeks (p: effective price of a unit, q: quantity):

    price   (p1-p0)(q0+q1)/2        usage   (q1-q0)(p0+p1)/2        price + usage = p1·q1 - p0·q0, with no interaction term

Usage is volume (as if each thing had grown as its service did) and mix (the rest). Price is what the rates did, and what the share
that a commitment covers did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from gocoffee_ops.analysis.costs.allocation import LAG_H
from gocoffee_ops.analysis.costs.matching import BY_CATEGORY
from gocoffee_ops.analysis.costs.money import adding_up, rounded, total
from gocoffee_ops.analysis.costs.schemas import CHARGES, CORRECTION, CREDIT, PURCHASE, TAX, framed, rows
from gocoffee_ops.analysis.costs.weeks import Weeks, bills_unread, days_lacking
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

PRICE, VOLUME, MIX, NEW, GONE, COMMITMENT = "price", "volume", "mix", "new", "gone", "commitment coverage"
ONE_OFF, TAX_CREDIT, UNSPLIT, NOT_COMPARED = (
    "one-off and correction",
    "tax and credit",
    "without quantity",
    "not compared",
)
CAUSES = (PRICE, VOLUME, MIX, NEW, GONE, COMMITMENT, ONE_OFF, TAX_CREDIT, UNSPLIT)
BY_LINE = {PURCHASE: ONE_OFF, CORRECTION: ONE_OFF, TAX: TAX_CREDIT, CREDIT: TAX_CREDIT}
RESOURCES = 3
KEY = ("currency", "provider", "account", "region", "service", "sku_id", "resource_type", "unit")

COST_CHANGES = Schema(
    "cost changes",
    (
        Column("cause", "string", help=f"{', '.join(CAUSES)}; or {NOT_COMPARED}"),
        Column("effective_change", "decimal", help="of the week; its causes add up to it", optional=True),
        Column("effective_before", "decimal", optional=True),
        Column("effective_now", "decimal", optional=True),
        Column("quantity_before", "Float64", optional=True),
        Column("quantity_now", "Float64", optional=True),
        Column("currency", "string", optional=True),
        Column("provider", "string", optional=True),
        Column("account", "string", optional=True),
        Column("region", "string", optional=True),
        Column("service", "string", optional=True),
        Column("sku_id", "string", optional=True),
        Column("resource_type", "string", optional=True),
        Column("unit", "string", optional=True),
        Column(
            "line", "string", help="purchase, correction, tax or credit, of what has no price to compare", optional=True
        ),
        Column("resources", "list[string]", help=f"whose cost changed most, {RESOURCES} at most"),
        Column("why", "string", help="for what is not compared", optional=True),
    ),
)

EMPTY: dict[str, Any] = dict.fromkeys(COST_CHANGES.names) | {"resources": ()}


class Quantity(NamedTuple):
    """A thing's week: what it cost, how much of it there was, and both for each way of paying for it."""

    cost: Fraction
    quantity: Fraction
    ways: Mapping[str, tuple[Fraction, Fraction]]


def cost_changes(
    charges: pd.DataFrame, periods: pd.DataFrame | None = None, *, as_of: datetime, lag_h: float = LAG_H
) -> pd.DataFrame:
    """Why does the last complete week cost more, or less, than the one before?

    A row for each thing (service, SKU, region, account, unit) and cause; those of a currency add up to the difference of the weeks
    exactly. One row `not compared` when the bill, or by `periods` one of the bills, lacks one of the fourteen days, or a bill could
    not be read: a missing day is no drop.

    Columns: those of `COST_CHANGES`; effective_change, effective_before, effective_now (decimal, in currency).
    """
    bill = rows(charges, CHARGES)
    both = Weeks.settled(as_of, lag_h)
    missing = both.missing({row["day"] for row in bill} - days_lacking(periods))
    unread = bills_unread(charges, periods)
    if missing or unread:
        lacks = [f"the bill lacks {', '.join(f'{day:%Y-%m-%d}' for day in missing)}"] if missing and not unread else []
        why = "; ".join(lacks or [f"not every bill was read: {', '.join(unread)}"])
        return framed(COST_CHANGES, [EMPTY | {"cause": NOT_COMPARED, "why": why}], charges)
    before, now = ([row for row in bill if row["day"] in set(days)] for days in (both.before, both.now))
    found = [*_other(before, now), *_usage(before, now)]
    found.sort(key=lambda row: -abs(row["effective_change"]))
    resources = _resources(before, now)
    for row in found:
        row["resources"] = resources.get((row["line"], *(row[name] for name in KEY)), ())
    return framed(COST_CHANGES, [EMPTY | row for row in found], charges)


def by_cause(changes: pd.DataFrame) -> pd.DataFrame:
    """The changes of each cause, added up, for a waterfall.

    Columns: currency, cause (string), effective_change (decimal).
    """
    sums: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for row in rows(changes, COST_CHANGES):
        if row["cause"] != NOT_COMPARED:
            sums[row["currency"], row["cause"]].append(row["effective_change"])
    schema = Schema(
        "changes by cause",
        (Column("currency", "string"), Column("cause", "string"), Column("effective_change", "decimal")),
    )
    order = sorted(sums, key=lambda key: (key[0], CAUSES.index(key[1])))
    found = [{"currency": key[0], "cause": key[1], "effective_change": total(sums[key])} for key in order]
    return framed(schema, found, changes)


def _line(row: Mapping[str, Any]) -> str | None:
    """The line of a row that its category alone tells; None for usage."""
    return CORRECTION if row["charge_class"] == "Correction" else BY_CATEGORY.get(row["charge_category"])


def _cause(row: Mapping[str, Any]) -> str | None:
    """The cause of a row that has no price and quantity to compare; None for one that may have."""
    if (line := _line(row)) is not None:
        return BY_LINE[line]
    if row["commitment"] == "Unused":
        return COMMITMENT
    if row["effective"] is None:
        return None
    return UNSPLIT if _quantity(row)[0] <= 0 else None


def _quantity(row: Mapping[str, Any]) -> tuple[float, str | None]:
    """How much of a thing was used, and in what: what it is priced by, else what was measured."""
    for kind in ("pricing", "usage"):
        if row[f"{kind}_quantity"]:
            return row[f"{kind}_quantity"], row[f"{kind}_unit"] or ""
    return 0.0, None


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*(row[name] for name in KEY[:-1]), _quantity(row)[1])


def _other(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    sums: defaultdict[tuple[Any, ...], list[list[Decimal | None]]] = defaultdict(lambda: [[], []])
    for week, members in enumerate((before, now)):
        for row in members:
            if (cause := _cause(row)) is not None:
                sums[cause, _line(row), *_key(row)][week].append(row["effective"])
    found = []
    for (cause, line, *key), (then, today) in sums.items():
        old, new = total(then), total(today)
        if old or new:
            found.append(_row(cause, tuple(key), new - old, old, new) | {"line": line})
    return found


def _resources(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> dict[tuple[Any, ...], tuple[str, ...]]:
    """Of each thing, by its line and key, the resources whose cost changed most."""
    changes: defaultdict[tuple[Any, ...], defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for sign, members in ((-1, before), (1, now)):
        for row in members:
            if row["resource_id"] and row["effective"]:
                changes[_line(row), *_key(row)][row["resource_id"]] += sign * row["effective"]
    found = {}
    for key, amounts in changes.items():
        named = sorted((name for name in amounts if amounts[name]), key=lambda name: (-abs(amounts[name]), name))
        found[key] = tuple(named[:RESOURCES])
    return found


def _usage(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    then, today = _quantities(before), _quantities(now)
    groups: defaultdict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    found = []
    for key in then | today:
        old, new = then.get(key), today.get(key)
        if old is not None and new is not None:
            groups[_group(key)].append(key)
        elif new is not None:
            found.append(_row(NEW, key, rounded(new.cost), Decimal(0), rounded(new.cost), None, new.quantity))
        elif old is not None:
            found.append(_row(GONE, key, -rounded(old.cost), rounded(old.cost), Decimal(0), old.quantity, None))
    for keys in groups.values():
        grown = sum(today[key].quantity for key in keys) / sum(then[key].quantity for key in keys)
        for key in keys:
            old, new = then[key], today[key]
            parts = decomposed(old, new, Fraction(grown))
            change = rounded(new.cost) - rounded(old.cost)
            for cause, part in zip(parts, adding_up(list(parts.values()), change), strict=True):
                if part:
                    found.append(
                        _row(cause, key, part, rounded(old.cost), rounded(new.cost), old.quantity, new.quantity)
                    )
    return found


def decomposed(old: Quantity, new: Quantity, grown: Fraction) -> dict[str, Fraction]:
    """The causes of one thing's change; `grown` is how its whole group's quantity grew.

    >>> old, new = Quantity(Fraction(100), Fraction(10), {}), Quantity(Fraction(180), Fraction(15), {})
    >>> {cause: float(part) for cause, part in decomposed(old, new, Fraction(12, 10)).items()}
    {'price': 25.0, 'volume': 22.0, 'mix': 33.0, 'commitment coverage': 0.0}
    """
    p0, p1 = old.cost / old.quantity, new.cost / new.quantity
    price = (p1 - p0) * (old.quantity + new.quantity) / 2
    middle = (p0 + p1) / 2
    volume = old.quantity * (grown - 1) * middle
    mix = (new.quantity - old.quantity * grown) * middle
    covered = _covered(old, new) * (old.quantity + new.quantity) / 2
    return {PRICE: price - covered, VOLUME: volume, MIX: mix, COMMITMENT: covered}


def _covered(old: Quantity, new: Quantity) -> Fraction:
    """By how much a unit's price changed because another share of it is paid for by a commitment."""
    change = Fraction(0)
    for way in {*old.ways, *new.ways}:
        (c0, q0), (c1, q1) = old.ways.get(way, (Fraction(0),) * 2), new.ways.get(way, (Fraction(0),) * 2)
        rates = [c / q for c, q in ((c0, q0), (c1, q1)) if q]
        change += (q1 / new.quantity - q0 / old.quantity) * sum(rates) / len(rates)
    return change


def _quantities(members: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], Quantity]:
    found: defaultdict[tuple[Any, ...], dict[str, tuple[Fraction, Fraction]]] = defaultdict(dict)
    for row in members:
        if row["effective"] is None or _cause(row) is not None:
            continue
        cost, quantity = found[_key(row)].get(row["commitment"], (Fraction(0), Fraction(0)))
        more = Fraction(_quantity(row)[0])
        found[_key(row)][row["commitment"]] = cost + Fraction(row["effective"]), quantity + more
    return {
        key: Quantity(
            sum((c for c, _ in ways.values()), Fraction(0)), sum((q for _, q in ways.values()), Fraction(0)), ways
        )
        for key, ways in found.items()
    }


def _group(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """What grows together: a service's things of one unit."""
    named = dict(zip(KEY, key, strict=True))
    return tuple(named[name] for name in ("currency", "provider", "service", "unit"))


def _row(
    cause: str,
    key: tuple[Any, ...],
    change: Decimal,
    before: Decimal,
    now: Decimal,
    quantity_before: Fraction | None = None,
    quantity_now: Fraction | None = None,
) -> dict[str, Any]:
    return {
        "cause": cause,
        "effective_change": change,
        "effective_before": before,
        "effective_now": now,
        "quantity_before": None if quantity_before is None else float(quantity_before),
        "quantity_now": None if quantity_now is None else float(quantity_now),
        "line": None,
        **dict(zip(KEY, key, strict=True)),
    }
