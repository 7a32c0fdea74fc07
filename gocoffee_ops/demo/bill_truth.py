"""What each line and team of a synthetic bill is in truth, in each currency, reckoned straight from how it was made.

Fractions, hour by hour, with none of the analysis' own code: the analysis is held against it, to the cent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from gocoffee_ops.demo.bill import Item, Stage

CPU_WEIGHT = 9
SYSTEM_NAMESPACES = ("kube-system",)
Share = dict[tuple[str, str | None], Fraction]  # line, team -> part of a node's day
Key = tuple[str, str | None, str]  # line, team, currency


def truth(
    stage: Stage, items: Sequence[Item], hours: Sequence[Mapping[str, Any]], cpu_weight: float = CPU_WEIGHT
) -> dict[Key, dict[str, Decimal]]:
    """By line, team and currency: `billed` and `effective`, rounded to cents only at the end."""
    by_node_day: defaultdict[tuple[str, datetime], list[Mapping[str, Any]]] = defaultdict(list)
    for row in hours:
        by_node_day[row["node"], row["hour"].replace(hour=0)].append(row)
    nodes = {node["node"]: node for node in stage.nodes}
    sums: defaultdict[Key, dict[str, Fraction]]
    sums = defaultdict(lambda: {"billed": Fraction(0), "effective": Fraction(0)})
    for item in items:
        parts: Share = {(item.line, item.team): Fraction(1)}
        if item.node is not None:
            day = item.focus["ChargePeriodStart"]
            parts = node_day(nodes[item.node], by_node_day[item.node, day], stage.teams, Fraction(cpu_weight))
        for of, part in parts.items():
            key = (*of, item.focus["BillingCurrency"])
            sums[key]["billed"] += Fraction(item.focus["BilledCost"]) * part
            sums[key]["effective"] += Fraction(item.focus["EffectiveCost"]) * part
    return {
        key: {basis: cents(value) for basis, value in found.items()}
        for key, found in sums.items()
        if any(found.values())
    }


def node_day(
    node: Mapping[str, Any], hours: Sequence[Mapping[str, Any]], teams: Mapping[str, str], w: Fraction
) -> Share:
    """What a node's day was for. A day has 24 hours; an hour in which nothing was measured is not known."""
    size = w * Fraction(node["cpu_cores"]) + Fraction(node["memory_gib"])
    free = w * Fraction(node["allocatable_cpu_cores"]) + Fraction(node["allocatable_memory_gib"])
    measured: defaultdict[datetime, list[Mapping[str, Any]]] = defaultdict(list)
    for row in hours:
        measured[row["hour"]].append(row)
    parts: defaultdict[tuple[str, str | None], Fraction] = defaultdict(Fraction)
    parts["unknown", None] = (24 - len(measured)) * size
    for rows in measured.values():
        left = free
        for row in rows:
            ran = Fraction(row["minutes"]) / 60
            used = w * Fraction(row["cpu_core_hours"]), Fraction(row["memory_gib_hours"])
            asked = w * Fraction(row["cpu_request_cores"]) * ran, Fraction(row["memory_request_gib"]) * ran
            unused = sum((max(Fraction(0), a - u) for a, u in zip(asked, used, strict=True)), Fraction(0))
            team, system = teams.get(row["namespace"]), row["namespace"] in SYSTEM_NAMESPACES
            parts["system" if system else "used", team] += sum(used)
            parts["system" if system else "requested and unused", team] += unused
            left -= sum(used) + unused
        if left < 0:
            raise ValueError(f"more runs on {node['node']} than it has: the truth is not that simple")
        parts["system", None] += size - free
        parts["idle", None] += left
    whole = sum(parts.values())
    return {key: part / whole for key, part in parts.items() if part}


def cents(value: Fraction) -> Decimal:
    """A fraction in cents.

    >>> cents(Fraction(2, 3))
    Decimal('0.67')
    """
    return Decimal(round(value * 100)) / 100
