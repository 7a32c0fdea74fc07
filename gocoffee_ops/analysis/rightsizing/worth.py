"""What right-sizing is worth in money: two figures that are never added, freed requests and nodes that could go.

Freed requests are headroom, worth what a core-hour and a GiB-hour of their nodes cost. Bankable is only what those nodes cost that
`packing.removable` names. A node without a price has none here either: its money is missing, never 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.aggregate import exact_sum
from gocoffee_ops.analysis.costs.money import rounded
from gocoffee_ops.analysis.costs.prices import HOURS_A_MONTH
from gocoffee_ops.analysis.rightsizing.advice import LOWER
from gocoffee_ops.analysis.rightsizing.packing import applied
from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

FREED = "freed requests"
BANKABLE_NOW, BANKABLE = "bankable as things are", "bankable once requests are as advised"
FIGURES = (FREED, BANKABLE_NOW, BANKABLE)
NO_PRICE = "neither the bill, nor OpenCost, nor the configuration has a price of the node"
Row = Mapping[str, Any]

_MONEY = (
    Column("monthly_effective", "decimal", optional=True, help="730 hours at what the bill has; missing: not known"),
    Column(
        "monthly_committed_effective",
        "decimal",
        optional=True,
        help="besides, what a commitment pays for: no money before that ends or other nodes use it",
    ),
    Column("monthly_list", "decimal", optional=True, help="730 hours at list prices, where no bill has the node"),
    Column("currency", "string", optional=True),
    Column("price_from", "string", optional=True, help="bill, opencost or list; missing: it has no price"),
)

WORTH_BY_NODE = Schema(
    "what could be saved, by node",
    (
        Column("cluster", "string"),
        Column("figure", "string", help=", ".join(FIGURES)),
        Column("node", "string"),
        Column("freed_cpu_cores", "Float64", "cores", optional=True, help="of requests that are lowered"),
        Column("freed_memory_gib", "Float64", "GiB", optional=True),
        *_MONEY,
        Column("why", "string", optional=True, help="why its money is not known"),
    ),
)

WORTH = Schema(
    "what could be saved",
    (
        Column("cluster", "string"),
        Column("figure", "string", help=", ".join(FIGURES)),
        Column("nodes", "Int64", help="that have this price"),
        *_MONEY,
    ),
)


def worth_by_node(
    removable: pd.DataFrame, pods: pd.DataFrame, advice: pd.DataFrame, prices: pd.DataFrame
) -> pd.DataFrame:
    """What is a month of the requests worth that advice frees, and what do the nodes cost that could go? (C15)

    Advice is counted as it is in `removable`: lowered is only what is of HIGH confidence. `removable` is of `packing.removable`,
    `pods` of `queries.packing`, `prices` of `costs.node_prices`.

    Columns: those of `WORTH_BY_NODE`.
    """
    blank = dict.fromkeys(WORTH_BY_NODE.names)
    hourly = {(row["cluster"], row["node"]): row for row in records(prices)}
    rows = list(_freed(records(pods), records(advice), hourly))
    for figure, column in ((BANKABLE_NOW, "removable_now"), (BANKABLE, "removable")):
        for row in records(removable):
            if row[column]:
                price = hourly.get((row["cluster"], row["node"]), {})
                found = {"cluster": row["cluster"], "figure": figure, "node": row["node"]}
                rows.append(blank | found | _node_money(price) | _said(price))
    frame = WORTH_BY_NODE.from_rows(sorted(rows, key=lambda row: (row["cluster"], FIGURES.index(row["figure"]))))
    tables = (removable, pods, advice, prices)
    frame.attrs["evidence"] = list(dict.fromkeys(one for each in tables for one in each.attrs.get("evidence", ())))
    return frame


def worth(by_node: pd.DataFrame) -> pd.DataFrame:
    """The same, added up: for each figure of a cluster a row for each kind of price, and one for the nodes without.

    Columns: those of `WORTH`.
    """
    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in records(by_node):
        groups[row["cluster"], row["figure"], row["price_from"], row["currency"]].append(row)
    rows = []
    for (cluster, figure, source, currency), members in groups.items():
        about = {"cluster": cluster, "figure": figure, "price_from": source, "currency": currency}
        names = ("monthly_effective", "monthly_committed_effective", "monthly_list")
        rows.append(about | {"nodes": len(members)} | {name: exact_sum(row[name] for row in members) for name in names})
    frame = WORTH.from_rows(rows)
    frame.attrs["evidence"] = list(by_node.attrs.get("evidence", ()))
    return frame


def _said(price: Row) -> dict[str, Any]:
    """Where a price is from; or that there is none."""
    source = price.get("price_from")
    return {"price_from": source, "currency": price.get("currency"), "why": None if source else NO_PRICE}


def _monthly(hour: Decimal | None) -> Decimal | None:
    return None if hour is None else rounded(Fraction(hour) * HOURS_A_MONTH)


def _node_money(price: Row) -> dict[str, Any]:
    """A node's month: what it costs less what a commitment pays for, and that apart."""
    hour, committed = price.get("hour_effective"), price.get("hour_committed_effective")
    return {
        "monthly_effective": _monthly(None if hour is None else hour - (committed or 0)),
        "monthly_committed_effective": _monthly(committed) or None,
        "monthly_list": _monthly(price.get("hour_list")),
    }


def _freed(
    pods: Iterable[Row], advice: Iterable[Row], hourly: Mapping[tuple[str, str], Row]
) -> Iterator[dict[str, Any]]:
    """What each node's pods would request less, at what a core and a GiB of it cost."""
    freed = {
        (row["cluster"], row["namespace"], row["workload"], row["container"]): (
            _less(row, "cpu", "cores"),
            _less(row, "memory", "mib") / 1024,
        )
        for row in advice
    }
    by_node: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for pod in pods:
        of = (pod["cluster"], pod["namespace"], pod["workload"])
        found = [freed[(*of, name)] for name in pod["containers"] if (*of, name) in freed]
        by_node[pod["cluster"], pod["node"]] += [one for one in found if any(one)]
    for (cluster, node), each in sorted(by_node.items()):
        if each:
            cores, gib = (sum(one[i] for one in each) for i in (0, 1))
            price = hourly.get((cluster, node), {})
            about = {
                "cluster": cluster,
                "figure": FREED,
                "node": node,
                "freed_cpu_cores": cores,
                "freed_memory_gib": gib,
            }
            money = {f"monthly_{basis}": _parts_money(price, basis, cores, gib) for basis in ("effective", "list")}
            yield about | money | {"monthly_committed_effective": None} | _said(price)


def _parts_money(price: Row, basis: str, cores: float, gib: float) -> Decimal | None:
    """A month of some cores and GiB of a node."""
    core, each = price.get(f"core_hour_{basis}"), price.get(f"gib_hour_{basis}")
    if core is None or each is None:
        return None
    return rounded((Fraction(core) * Fraction(cores) + Fraction(each) * Fraction(gib)) * HOURS_A_MONTH)


def _less(row: Row, resource: str, unit: str) -> float:
    now, advised = row[f"{resource}_request_{unit}"], row[f"{resource}_advised_{unit}"]
    if row[f"{resource}_advice"] != LOWER or not applied(row, resource) or advised is None:
        return 0.0
    return float(max(0.0, (now or 0.0) - advised))
