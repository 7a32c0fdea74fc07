"""Do the lines explain the bill, and how much of what was used has a price?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.aggregate import exact_sum
from gocoffee_ops.analysis.costs.captions import adding_up
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.planes import ASSUMED, NO_FEE, WHOSE
from gocoffee_ops.analysis.costs.prices import BILL, LIST_PRICE, OPENCOST
from gocoffee_ops.analysis.costs.schemas import (
    ALL_LINES,
    BILLED,
    CONTROL_PLANE,
    CURRENCY,
    EFFECTIVE,
    LINES,
    LOAD_BALANCER,
    RESIDUAL,
    STORAGE,
    UNKNOWN,
    UNMOUNTED,
    framed,
    rows,
)
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

WHOLE = "bill"

RECONCILIATION = Schema(
    "reconciliation",
    (
        CURRENCY,
        Column("estimated", "boolean", help="of days younger than the billing lag"),
        Column("line", "string", help="; 'bill' is the whole"),
        BILLED,
        EFFECTIVE,
        Column("of_billed", "Float64", "ratio", optional=True),
        Column("of_effective", "Float64", "ratio", optional=True),
        Column("billed_unsigned", "decimal", help="without signs: what cancels out is not explained by that"),
        Column("effective_unsigned", "decimal", help="without signs, as well"),
        Column("days", "Int64"),
    ),
)

TOTALS = Schema(
    "bill totals",
    (
        Column("day", "timestamp", help="00:00 UTC"),
        BILLED,
        EFFECTIVE,
        Column("currency", "string", help="missing for a day without rows", optional=True),
    ),
)

COVERAGE = Schema(
    "cost coverage",
    (
        Column(
            "what",
            "string",
            help="core-hours, GiB-hours, GiB-days of volumes, days of load balancers, or days of control planes",
        ),
        Column("total", "Float64"),
        Column("from_bill", "Float64", help="priced by the bill"),
        Column("from_opencost", "Float64", help="priced by OpenCost"),
        Column("from_list", "Float64", help="priced by the configuration"),
        Column("unpriced", "Float64"),
        Column("unseen", "Float64", help="priced, and what for is not known"),
        Column("assumed", "Float64", help="priced by fees of the bill that do not say whose they are", optional=True),
        Column("priced_share", "Float64", "ratio", optional=True),
        Column("unseen_share", "Float64", "ratio", optional=True),
        Column(
            "weighed_total",
            "Float64",
            help="of volumes, but `unlike`: a GiB-day weighs what its cluster's class costs in the bill, over what any costs there",
            optional=True,
        ),
        Column("weighed_unpriced", "Float64", help="of that, what has no price", optional=True),
        Column(
            "unlike",
            "list[string]",
            help="what has no price of storage classes of which no bill has a volume: 200 GiB of archive (eu)",
        ),
    ),
)


def reconciliation(lines: pd.DataFrame, totals: pd.DataFrame | None = None) -> pd.DataFrame:
    """How does the bill add up from its lines, and what is left over?

    `totals` is the bill's total by day from somewhere else (its own sums, or Cost Explorer's): what the lines lack of it on a day
    between their first and their last, or have too much, is residual too. Without it the lines are their own total. Days within
    the billing lag stand apart. In each currency, and of complete days and of estimates apart, the lines add up to the row `bill`,
    exactly; a page shows all of them.

    Columns: currency, estimated (boolean), line (string), billed, effective (decimal), of_billed, of_effective (Float64, ratio),
    billed_unsigned, effective_unsigned (decimal), days (Int64).
    """
    groups: defaultdict[tuple[str, bool], list[dict[str, Any]]] = defaultdict(list)
    for row in rows(lines, LINES):
        if row["charge"] is not None:
            groups[row["currency"], row["estimated"]].append(row)
    theirs = {} if totals is None else _by_group(rows(totals, TOTALS), groups)
    found = []
    for currency, estimated in sorted({*groups, *theirs}):
        members = groups[currency, estimated]
        days = len({row["day"] for row in members})
        if totals is not None:
            members += _differences(members, theirs.get((currency, estimated), []))
        found += _rows(currency, estimated, members, days)
    return adding_up(framed(RECONCILIATION, found, lines, *([] if totals is None else [totals])))


def _by_group(
    totals: Sequence[dict[str, Any]], groups: Mapping[tuple[str, bool], Sequence[Mapping[str, Any]]]
) -> dict[tuple[str, bool], list[dict[str, Any]]]:
    """The totals of the lines' days, by currency and whether they are estimates; a day that the lines lack among them."""
    days = {row["day"]: estimated for (_, estimated), members in groups.items() for row in members}
    lag = min((day for day, estimated in days.items() if estimated), default=None)
    found: defaultdict[tuple[str, bool], list[dict[str, Any]]] = defaultdict(list)
    for row in totals:
        if row["currency"] is not None and days and min(days) <= row["day"] <= max(days):
            found[row["currency"], lag is not None and row["day"] >= lag].append(row)
    return dict(found)


def _differences(lines: Sequence[Mapping[str, Any]], totals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each day what the lines lack of another total: one day's lack is not explained by what another has too much."""
    found: defaultdict[Any, dict[str, Any]] = defaultdict(
        lambda: {"line": RESIDUAL, "billed": Decimal(0), "effective": Decimal(0)}
    )
    for sign, rows_ in ((1, totals), (-1, lines)):
        by_day: defaultdict[Any, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows_:
            by_day[row["day"]].append(row)
        for day, members in by_day.items():
            for basis in ("billed", "effective"):
                found[day][basis] += sign * total(row[basis] for row in members)
    return list(found.values())


def _rows(currency: str, estimated: bool, members: Sequence[Mapping[str, Any]], days: int) -> list[dict[str, Any]]:
    whole = {basis: total([row[basis] for row in members]) for basis in ("billed", "effective")}
    by_line: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in members:
        by_line[row["line"]].append(row)
        by_line[WHOLE].append(row)
    by_line[RESIDUAL] = by_line[RESIDUAL]  # it is always said, 0 or not
    found = []
    for line in (*ALL_LINES, WHOLE):
        if line in by_line:
            sums = {basis: exact_sum(row[basis] for row in by_line[line]) or Decimal(0) for basis in whole}
            shares = {f"of_{basis}": float(sums[basis] / whole[basis]) if whole[basis] else None for basis in whole}
            unsigned = {
                f"{basis}_unsigned": total(abs(row[basis]) for row in by_line[line] if row[basis] is not None)
                for basis in whole
            }
            found.append(
                {
                    "currency": currency,
                    "estimated": estimated,
                    "line": line,
                    **sums,
                    **shares,
                    **unsigned,
                }
                | {"days": days}
            )
    return found


def coverage(lines: pd.DataFrame) -> pd.DataFrame:
    """Of what the clusters have and used on complete days, how much has a price, and from whom?

    Columns: what (string), total, from_bill, from_opencost, from_list, unpriced, unseen, assumed (Float64, in the unit of `what`),
    priced_share, unseen_share (Float64, ratio); of volumes also weighed_total, weighed_unpriced (Float64, GiB-days by what their
    classes cost), unlike (list). Time without samples is `unseen`: it may have a price.
    """
    table = [row for row in rows(lines, LINES) if not row["estimated"]]  # a bill that is still to come is no lack
    things = {
        (row["day"], row["cluster"], row["resource_id"], _kind(row)): row | {"days": 1.0} for row in table if _kind(row)
    }
    volumes, balancers, planes = (
        [row for (*_, kind), row in things.items() if kind == one] for one in (STORAGE, LOAD_BALANCER, CONTROL_PLANE)
    )
    largest = max((row["volume_gib"] for row in volumes if row["volume_gib"]), default=1.0)
    volumes = [  # of a size that is not told, nobody knows that it is smaller
        row | {"volume_gib": row["volume_gib"] or largest, "sized": bool(row["volume_gib"])} for row in volumes
    ]
    found = [
        _covered("core-hours", "core_hours", table),
        _covered("GiB-hours", "gib_hours", table),
        _covered("GiB-days of volumes", "volume_gib", volumes) | _by_class(volumes, table),
        _covered("days of load balancers", "days", balancers),
        _covered("days of control planes", "days", planes),
    ]
    return framed(COVERAGE, found, lines)


def _kind(row: Mapping[str, Any]) -> str | None:
    """Of what a line is the whole price, or the lack of one: a volume or a load balancer of a cluster, or a control plane.

    What stands in the bill and in no cluster is none that a cluster has; what is billed beside a volume has no size.
    """
    if row["line"] == CONTROL_PLANE or row["why"] in (NO_FEE, WHOSE):
        return CONTROL_PLANE
    unpriced = row["line"] == UNKNOWN and row["charge"] is None and row["node"] is None and row["pod"] is None
    if row["cluster"] is None or not (unpriced or row["line"] in (STORAGE, UNMOUNTED, LOAD_BALANCER)):
        return None
    if row["line"] == LOAD_BALANCER or (row["resource_id"] or "").startswith("service/"):
        return LOAD_BALANCER
    return STORAGE if row["charge"] is None or row["volume_gib"] is not None else None


def _by_class(volumes: Sequence[Mapping[str, Any]], table: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The volumes weighed by what a GiB-day of their class costs in the bill; not weighed where that is in several currencies.

    What no bill has of a class in a cluster, nothing says the price of: it is told by its size, and weighs nothing. What is billed
    beside a volume (requests, throughput) is what its class costs, too.
    """
    billed = {_disk(row): row for row in volumes if row["price_from"] == BILL}
    paid = [row for row in table if row["line"] in (STORAGE, UNMOUNTED) and _disk(row) in billed and row["effective"]]
    money: defaultdict[tuple[str, str | None], float] = defaultdict(float)
    size: defaultdict[tuple[str, str | None], float] = defaultdict(float)
    for row in paid:
        money[_class(billed[_disk(row)])] += float(row["effective"])
    for row in billed.values():
        size[_class(row)] += row["volume_gib"]
    without = [row for row in volumes if row["price_from"] is None]
    likes = {one for one in size if one[1] is not None}  # without a class one volume says nothing of another
    unlike = {"unlike": _sizes(row for row in without if _class(row) not in likes)}
    if len({row["currency"] for row in paid}) != 1 or min(money.values()) < 0 or sum(money.values()) <= 0:
        return unlike
    mean = sum(money.values()) / sum(size.values())
    weight = {one: money[one] / size[one] / mean for one in size}
    unpriced = sum(row["volume_gib"] * weight[_class(row)] for row in without if _class(row) in likes)
    priced = (row for row in volumes if row["price_from"] is not None)
    return unlike | {
        "weighed_total": unpriced + sum(row["volume_gib"] * weight.get(_class(row), 1.0) for row in priced),
        "weighed_unpriced": unpriced,
    }


def _sizes(volumes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """How much of each class there is, on the day that has most of it.

    >>> disk = {"day": 1, "cluster": "eu", "storage_class": "archive", "volume_gib": 100.0, "sized": True}
    >>> _sizes([disk, disk, disk | {"day": 2}]), _sizes([disk | {"storage_class": None, "sized": False}])
    (('200 GiB of archive (eu)',), ('a volume of unknown size of no class (eu)',))
    """
    by_class: defaultdict[tuple[str, str], defaultdict[Any, list[Mapping[str, Any]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in volumes:
        by_class[row["storage_class"] or "no class", row["cluster"]][row["day"]].append(row)
    found = []
    for (name, cluster), days in sorted(by_class.items()):
        gib = max(sum(row["volume_gib"] for row in day if row["sized"]) for day in days.values())
        known = all(row["sized"] for day in days.values() for row in day)
        told = [f"{gib:,.4g} GiB" if gib < 1000 else f"{gib:,.0f} GiB"] if gib else []
        told += [] if known else ["a volume of unknown size"]
        found.append(f"{' and '.join(told)} of {name} ({cluster})")
    return tuple(found)


def _class(row: Mapping[str, Any]) -> tuple[str, str | None]:
    """A storage class is its cluster's: another's of the same name may cost something else."""
    return row["cluster"], row["storage_class"]


def _disk(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["day"], row["cluster"], row["resource_id"]


def _covered(what: str, name: str, table: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    there = [row for row in table if row.get(name) is not None]
    sums: defaultdict[str | None, float] = defaultdict(float)
    for row in there:
        sums[row["price_from"]] += row[name]
    whole = sum(sums.values())
    unseen = sum(row[name] for row in there if row["line"] == UNKNOWN and row["price_from"] is not None)
    return {
        "what": what,
        "total": whole,
        "from_bill": sums[BILL],
        "from_opencost": sums[OPENCOST],
        "from_list": sums[LIST_PRICE],
        "unpriced": sums[None],
        "unseen": unseen,
        "assumed": sum(row[name] for row in there if row["why"] == ASSUMED),
        "priced_share": (whole - sums[None]) / whole if whole else None,
        "unseen_share": unseen / whole if whole else None,
        **dict.fromkeys(("weighed_total", "weighed_unpriced")),
        "unlike": (),
    }
