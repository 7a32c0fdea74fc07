"""What an hour of each node, of its cores and of its memory costs, and who says so; and how much hangs on the split of the two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.aggregate import aggregate, exact_sum
from gocoffee_ops.analysis.costs.allocation import Objects, by_cpu_weight
from gocoffee_ops.analysis.costs.captions import SPAN, captioned, days_of
from gocoffee_ops.analysis.costs.money import rounded
from gocoffee_ops.analysis.costs.prices import (
    BILL,
    CPU_WEIGHT,
    CPU_WEIGHT_BAND,
    HOURS_A_MONTH,
    OPENCOST,
    memory_share,
    unit_prices,
)
from gocoffee_ops.analysis.costs.schemas import CURRENCY, LINES, NETWORK, NODES, PRICES, TEAM, framed, rows
from gocoffee_ops.analysis.costs.shares import Rules
from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

DISK = "Disk"  # OpenCost's words
OPENCOST_KINDS = {"Node": "node", DISK: "storage", "LoadBalancer": "load balancer"}
COMMITTED = "Used"  # how a bill marks what a commitment pays for

NODE_PRICES = Schema(
    "node prices",
    (
        Column("cluster", "string"),
        Column("node", "string"),
        Column("pool", "string", optional=True),
        Column("instance_type", "string", optional=True),
        Column("capacity_type", "string", optional=True),
        Column(
            "price_from",
            "string",
            help="bill: effective; opencost or list: at list prices; missing: none",
            optional=True,
        ),
        Column("hour_effective", "decimal", help="an hour of the node, by the bill", optional=True),
        Column(
            "hour_committed_effective", "decimal", help="of it, what a commitment pays for, used or not", optional=True
        ),
        Column("hour_list", "decimal", help="an hour of the node, where no bill has it", optional=True),
        Column("core_hour_effective", "decimal", optional=True),
        Column("gib_hour_effective", "decimal", optional=True),
        Column("core_hour_list", "decimal", optional=True),
        Column("gib_hour_list", "decimal", optional=True),
        Column("currency", "string", optional=True),
        Column("memory_share", "Float64", "ratio", help="of the price, by the weight of a core", optional=True),
        Column("hours", "Float64", "h", help="that the price is the mean of", optional=True),
    ),
)

WEIGHT_BAND = Schema(
    "costs by weight of a core",
    (
        TEAM,
        Column("effective", "decimal", optional=True),
        Column("effective_at_low_weight", "decimal", help=f"a core weighs {CPU_WEIGHT_BAND[0]:g} GiB", optional=True),
        Column("effective_at_high_weight", "decimal", help=f"a core weighs {CPU_WEIGHT_BAND[1]:g} GiB", optional=True),
        CURRENCY,
    ),
)

SHARE_BAND = Schema(
    "memory's share of a node's price by weight of a core",
    (
        Column("cluster", "string"),
        Column("instance_type", "string", optional=True),
        Column("nodes", "Int64"),
        Column("cpu_cores", "Float64", "cores", help="of one of them", optional=True),
        Column("memory_gib", "Float64", "GiB", help="of one of them", optional=True),
        *(Column(f"{name}cpu_weight", "Float64", "GiB", help="that a core costs") for name in ("low_", "", "high_")),
        *(
            Column(f"{name}memory_share", "Float64", "ratio", help="with that weight", optional=True)
            for name in ("low_weight_", "", "high_weight_")
        ),
    ),
)


def node_prices(lines: pd.DataFrame, nodes: pd.DataFrame, *, cpu_weight: float = CPU_WEIGHT) -> pd.DataFrame:
    """What does an hour of each node cost, and of it a core and a GiB? (C09)

    The mean of all complete days: what the bill has as effective cost, else the list price. A node has one price; how it splits is
    a convention (see `prices.unit_prices`).

    Columns: cluster, node, pool, instance_type, capacity_type, price_from (string), hour_effective, hour_committed_effective,
    hour_list, core_hour_effective, gib_hour_effective, core_hour_list, gib_hour_list (decimal, in currency), memory_share (Float64,
    ratio), hours (Float64, h).
    """
    sums: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows(lines, LINES):
        if row["node"] is not None and row["line"] != NETWORK and not row["estimated"]:
            sums[row["cluster"], row["node"]].append(row)
    found = [_priced(node, sums[node["cluster"], node["node"]], cpu_weight) for node in rows(nodes, NODES)]
    return captioned(framed(NODE_PRICES, found, lines, nodes), span=days_of(chain(*sums.values()), settled=True))


def _priced(node: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], cpu_weight: float) -> dict[str, Any]:
    names = ("cluster", "node", "pool", "instance_type", "capacity_type")
    row: dict[str, Any] = dict.fromkeys(NODE_PRICES.names) | {name: node[name] for name in names}
    cores, gib = _size_of(node)
    sources = {line["price_from"] for line in lines if line["core_hours"]} - {
        None
    }  # what is paid beside a node has no hours
    sources = {BILL} if BILL in sources else sources
    seen = {
        line["day"] for line in lines if line["core_hours"]
    }  # a charge of a day without an hour would make hours dearer
    priced = [line for line in lines if line["price_from"] in sources and line["day"] in seen]
    currencies = {line["currency"] for line in priced}
    if not cores or not gib or len(sources) != 1 or len(currencies) != 1:
        return row
    basis = "effective" if sources == {BILL} else "list"
    money, hours = exact_sum(line[basis] for line in priced), sum(line["core_hours"] or 0.0 for line in priced) / cores
    if money is None or not hours:
        return row
    hourly = rounded(Fraction(money) / Fraction(hours))
    core, each = unit_prices(hourly, cores, gib, cpu_weight)
    prices = {f"hour_{basis}": hourly, f"core_hour_{basis}": core, f"gib_hour_{basis}": each}
    if basis == "effective":
        committed = exact_sum(line["effective"] for line in priced if line["commitment"] == COMMITTED)
        prices["hour_committed_effective"] = rounded(Fraction(committed or 0) / Fraction(hours))
    about = {"price_from": sources.pop(), "currency": currencies.pop(), "hours": hours}
    return row | prices | about | {"memory_share": memory_share(cores, gib, cpu_weight)}


def cpu_weight_band(charges: pd.DataFrame, objects: Objects, rules: Rules, **tables: Any) -> pd.DataFrame:
    """How much hangs on what a core weighs: each team's costs with the weight of `rules`, and with the lowest and highest in use.

    Columns: team, currency (string), effective, effective_at_low_weight, effective_at_high_weight (decimal, in currency).
    """
    weights = (rules.cpu_weight, *CPU_WEIGHT_BAND)
    found: defaultdict[tuple[str | None, str], dict[float, Decimal | None]] = defaultdict(dict)
    span = ""
    for weight, lines in by_cpu_weight(charges, objects, rules, weights, **tables).items():
        by_team = aggregate(lines, "team")
        span = by_team.attrs.get(SPAN, "")
        for row in records(by_team):
            if row["currency"] is not None:
                found[row["team"], row["currency"]][weight] = row["effective"]
    names = ("effective", "effective_at_low_weight", "effective_at_high_weight")
    band: list[dict[str, Any]] = [
        {"team": team, "currency": currency, **{name: money.get(w) for name, w in zip(names, weights, strict=True)}}
        for (team, currency), money in sorted(found.items(), key=str)
    ]
    return captioned(framed(WEIGHT_BAND, band, charges, *objects.tables), span=span, keys=["team"])


def memory_share_band(nodes: pd.DataFrame, *, cpu_weight: float = CPU_WEIGHT) -> pd.DataFrame:
    """How much of a node's price is its memory's, with the configured weight of a core, and with the lowest and highest in use?

    A row for each type of node, and for each size that nodes of it have. A node whose size was not read has no share.

    Columns: cluster, instance_type (string), nodes (Int64), cpu_cores (Float64), memory_gib (Float64, GiB), low_cpu_weight,
    cpu_weight, high_cpu_weight (Float64, GiB), low_weight_memory_share, memory_share, high_weight_memory_share (Float64, ratio).
    """
    kinds: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for node in rows(nodes, NODES):
        cores, gib = _size_of(node)
        whole = None if gib is None else round(gib, 1)
        kinds[node["cluster"], node["instance_type"], cores, whole] += 1
    low, high = CPU_WEIGHT_BAND
    weights = {"low_": low, "": cpu_weight, "high_": high}
    band = []
    for (cluster, kind, cores, gib), count in sorted(kinds.items(), key=str):
        row: dict[str, Any] = {"cluster": cluster, "instance_type": kind, "nodes": count}
        row |= {"cpu_cores": cores, "memory_gib": gib}
        for name, weight in weights.items():
            share = memory_share(cores, gib, weight) if cores and gib else None
            row |= {f"{name}cpu_weight": weight, f"{name and name + 'weight_'}memory_share": share}
        band.append(row)
    return framed(SHARE_BAND, band, nodes)


def _size_of(node: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The cores and the GiB of a node by which its price is split."""
    return node["cpu_cores"] or node["allocatable_cpu_cores"], node["memory_gib"] or node["allocatable_memory_gib"]


def opencost_prices(assets: pd.DataFrame) -> pd.DataFrame:
    """OpenCost's assets as prices: an hour of each node and load balancer, a GiB and month of each disk. (C10)

    What it has no price for is left out. A load balancer is called as its service is, namespace/name. Control planes are left out
    too: OpenCost names them by a cluster id of its own.

    `assets` is `queries.opencost.assets`. Columns: those of `schemas.PRICES`.
    """
    sums: defaultdict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in records(assets):
        name = row["volume"] or row["name"] if row["type"] == DISK else row["name"]
        if row["type"] in OPENCOST_KINDS and name and row["total_list"] and row["minutes"]:
            sums[row["type"], name, row["currency"]].append(row)
    found = []
    for (of, name, currency), members in sums.items():
        hours = sum(Fraction(row["minutes"]) / 60 * _size(row) for row in members)
        if hours:
            hourly = sum(Fraction(row["total_list"]) for row in members) / hours
            price = {"kind": OPENCOST_KINDS[of], "name": name, "unit": "GiB-month" if of == DISK else "hour"}
            money = rounded(hourly * HOURS_A_MONTH if of == DISK else hourly)
            found.append({**price, "list": money, "currency": currency, "price_from": OPENCOST, "priced_on": None})
    return framed(PRICES, found, assets)


def _size(asset: Mapping[str, Any]) -> Fraction:
    return Fraction(asset["storage_gib"] or 0.0) if asset["type"] == DISK else Fraction(1)
