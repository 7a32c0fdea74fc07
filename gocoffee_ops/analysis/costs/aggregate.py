"""Lines added up by team, namespace, workload, label, day or whatever else they have. The totals never change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.captions import captioned, days_of
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.owners import label
from gocoffee_ops.analysis.costs.schemas import BILLED, EFFECTIVE, LINES, LIST, framed, rows
from gocoffee_ops.errors import UsageError, unknown_name
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

LABEL = "label:"
KEYS = (
    "team", "line", "namespace", "workload", "pod", "container", "cluster", "node", "pool", "provider", "account", "region",
    "service", "resource_id", "price_from", "day",
)  # fmt: skip

ALWAYS = ("line", "day", "price_from")  # keys that every line has; what has no price is not priced by nobody

SUMS = (
    BILLED,
    EFFECTIVE,
    LIST,
    Column("currency", "string", help="missing where nothing has a price", optional=True),
    Column("of_effective", "Float64", "ratio", help="of all of this currency", optional=True),
    Column("core_hours", "Float64", "core-hours", optional=True),
    Column("gib_hours", "Float64", "GiB-hours", optional=True),
    Column("lines", "Int64"),
    Column("unpriced", "Int64", help="lines without any price: the sums are too low by these"),
    Column("estimated", "boolean", help="a day is younger than the billing lag"),
    Column("effective_settled", "decimal", help="of it, of the other days", optional=True),
    Column("list_settled", "decimal", help="of it, of the other days", optional=True),
)


def aggregate(lines: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """What does each team, namespace or workload cost? `by` is one key or some of `KEYS`, or `label:NAME`.

    What lacks the key stays, with the key missing: all rows together are the bill, whatever the key. Currencies stay apart.

    Columns: the keys (string, or day as timestamp); billed, effective, list (decimal, in currency), of_effective (Float64, ratio),
    core_hours, gib_hours (Float64), lines, unpriced (Int64), estimated (boolean), effective_settled, list_settled (decimal). The
    dearest first. Raises UsageError for a key that there is not.
    """
    keys = [by] if isinstance(by, str) else list(by)
    if not keys or len(set(keys)) < len(keys):
        raise UsageError("add up costs", why=f"given {keys}", hint="one key, or some that differ")
    for key in keys:
        if key not in KEYS and not (key.startswith(LABEL) and key != LABEL):
            error = unknown_name("key of costs", key, [*KEYS, f"{LABEL}NAME"], UsageError)
            raise UsageError(error.what, hint=error.hint)
    groups: defaultdict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    wholes: defaultdict[str | None, list[Decimal | None]] = defaultdict(list)
    table = rows(lines, LINES)
    for row in table:
        groups[*(_value(row, key) for key in keys), row["currency"]].append(row)
        wholes[row["currency"]].append(row["effective"])
    sums = {currency: total(amounts) for currency, amounts in wholes.items()}
    found = [
        {**dict(zip(keys, group[:-1], strict=True)), **summed(members, group[-1], sums[group[-1]])}
        for group, members in groups.items()
    ]
    found.sort(key=lambda row: (-(row["effective"] or row["list"] or Decimal(0)), *(str(row[key]) for key in keys)))
    kinds = [Column(key, "timestamp" if key == "day" else "string", optional=key != "day") for key in keys]
    frame = framed(Schema(f"costs by {', '.join(keys)}", (*kinds, *SUMS)), found, lines)
    return captioned(frame, span=days_of(table), keys=[key for key in keys if key not in ALWAYS])


def summed(members: Sequence[Mapping[str, Any]], currency: str | None, whole: Decimal) -> dict[str, Any]:
    """The sums of some lines of one currency; a basis that none of them has is missing, and no 0."""
    money = {basis: exact_sum(row[basis] for row in members) for basis in ("billed", "effective", "list")}
    money |= {
        f"{basis}_settled": exact_sum(row[basis] for row in members if not row["estimated"])
        for basis in ("effective", "list")
    }
    hours = {name: float_sum(row[name] for row in members) for name in ("core_hours", "gib_hours")}
    share = float(money["effective"] / whole) if money["effective"] is not None and whole else None
    return {
        **money,
        "currency": currency,
        "of_effective": share,
        **hours,
        "lines": len(members),
        "unpriced": sum(row["price_from"] is None for row in members),
        "estimated": any(row["estimated"] for row in members),
    }


def exact_sum(amounts: Any) -> Decimal | None:
    """The sum of what is there; None of nothing.

    >>> exact_sum([Decimal("0.10"), None]), exact_sum([None])
    (Decimal('0.100000000000'), None)
    """
    there = [one for one in amounts if one is not None]
    return total(there) if there else None


def float_sum(amounts: Any) -> float | None:
    """The sum of the quantities that are there; None of nothing.

    >>> float_sum([1.5, None]), float_sum([])
    (1.5, None)
    """
    there = [one for one in amounts if one is not None]
    return sum(there) if there else None


def _value(row: Mapping[str, Any], key: str) -> str | datetime | None:
    if key.startswith(LABEL):
        return label(row["labels"], key.removeprefix(LABEL))
    value: str | datetime | None = row[key]
    return value
