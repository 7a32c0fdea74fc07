"""What OpenCost and KubeCost allocate, as rows: one form for both, with what in it is not to be trusted said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from gocoffee_ops.frames import DECIMAL_DIGITS, DECIMAL_PLACES, Column, Schema
from gocoffee_ops.model import Window
from gocoffee_ops.queries.query import Rows
from gocoffee_ops.sources.opencost import Allocation, Properties

GIB = float(1 << 30)
PLACES = Decimal(1).scaleb(-DECIMAL_PLACES)
EXACT = Context(prec=DECIMAL_DIGITS, rounding=ROUND_HALF_EVEN)
KINDS = {"__idle__": "idle", "__unallocated__": "unallocated", "__unmounted__": "unmounted", "__mount__": "unmounted"}
DAY_MIN = 1440.0
SEEN_OF_DAY = 0.98  # less of it is a day with a gap
LIST_PRICED = "at list prices, as far as it knows no others"

ALLOCATION_TABLE = Schema(
    "allocations",
    (
        Column("day", "timestamp", help="00:00 UTC"),
        Column("name", "string", help="as it calls what it aggregates"),
        Column(
            "part", "string", help="allocated; or idle, unallocated (the aggregate does not apply), unmounted (volumes)"
        ),
        Column("their_cluster", "string", optional=True, help="as it calls it"),
        Column("namespace", "string", optional=True),
        Column("workload", "string", optional=True, help="deployment/orders"),
        Column("pod", "string", optional=True),
        Column("container", "string", optional=True),
        Column("node", "string", optional=True),
        Column("minutes", "Float64", "min", optional=True, help="of the day that it saw"),
        Column("cpu_core_hours", "Float64", "core-hours", optional=True, help="the larger of request and usage"),
        Column("memory_gib_hours", "Float64", "GiB-hours", optional=True, help="the larger of request and usage"),
        Column("storage_gib_hours", "Float64", "GiB-hours", optional=True),
        Column("cpu_request_cores", "Float64", "cores", optional=True),
        Column("cpu_usage_cores", "Float64", "cores", optional=True),
        Column("memory_request_gib", "Float64", "GiB", optional=True),
        Column("memory_usage_gib", "Float64", "GiB", optional=True),
        *(
            Column(f"{name}_list", "decimal", optional=True, help=LIST_PRICED)
            for name in ("cpu", "memory", "gpu", "storage", "network", "load_balancer", "shared")
        ),
        Column("other_list", "decimal", optional=True, help="of its total, what none of its parts holds"),
        Column("total_list", "decimal", optional=True, help="its total without adjustments"),
        Column("adjustment_effective", "decimal", optional=True, help="what it added from the provider's bill"),
        Column("total_effective", "decimal", optional=True, help="with adjustments; missing where it has made none"),
        Column("currency", "string", help="as configured: the API does not say"),
        Column("missing", "string", optional=True, help="what it could not price"),
    ),
)
REACH_TABLE = Schema(
    "what it has of yesterday",
    (
        Column("day", "timestamp", help="00:00 UTC: the last complete day"),
        Column("entries", "Int64"),
        Column("minutes", "Float64", "min", optional=True, help="of the day that it saw"),
    ),
)
PARTS = {
    "cpu": "cpu_cost", "memory": "ram_cost", "gpu": "gpu_cost", "storage": "pv_cost", "network": "network_cost",
    "load_balancer": "load_balancer_cost", "shared": "shared_cost",
}  # fmt: skip

# How much there was of a part, in any unit; of what is shared out they do not say.
QUANTITIES: Mapping[str, Callable[[Allocation], float]] = {
    "cpu": lambda one: one.cpu_core_hours or 0.0,
    "memory": lambda one: one.ram_byte_hours or 0.0,
    "gpu": lambda one: one.gpu_hours or 0.0,
    "storage": lambda one: one.pv_byte_hours or 0.0,
    "network": lambda one: (one.network_transfer_bytes or 0.0) + (one.network_receive_bytes or 0.0),
    "load_balancer": lambda one: float(len(one.lb_allocations or ())),
}
FREE_IN_PART = ("network",)  # traffic within a zone costs nothing, though other traffic has a price
ROUNDED_TO = 1e-5  # they write five places: a smaller amount is a 0 there


def money(value: Decimal | None) -> Decimal | None:
    """An amount with as many places as tables keep.

    >>> money(Decimal("0.1234567890123456")), money(None)
    (Decimal('0.123456789012'), None)
    """
    return None if value is None else value.quantize(PLACES, context=EXACT)


def allocation_rows(sets: Sequence[Mapping[str, Allocation]], window: Window, currency: str, warning: str = "") -> Rows:
    """The rows of one answer. Days without an entry, seen in part or without idle, and idle that cannot be, are unread: they look
    like less cost.
    """
    entries = [one for each in sets for one in each.values()]
    adjusted = any(_adjustment(one) for one in entries)
    rates = {part: _rate(part, entries) for part in QUANTITIES}
    rows = [_row(one, currency, rates, adjusted=adjusted) for one in entries]
    rows.sort(key=lambda row: (row["day"], row["name"]))
    unread = [*_gaps(rows, window), *_idle(rows)]
    return Rows(rows, truncated=f"it warns: {warning}" if warning else "", unread="; ".join(unread))


def reach_rows(sets: Sequence[Mapping[str, Allocation]], window: Window) -> Rows:
    """The row of `REACH_TABLE`."""
    entries = [one for each in sets for one in each.values()]
    idle = [one for one in entries if _part(one) == "idle"]  # it says how much was seen: see `_gaps`
    minutes = max((one.minutes for one in idle or entries if one.minutes is not None), default=None)
    return Rows([{"day": window.start, "entries": len(entries), "minutes": minutes}])


def _row(one: Allocation, currency: str, rates: Mapping[str, float], *, adjusted: bool) -> dict[str, Any]:
    of = one.properties or Properties()
    parts = {name: _priced(one, name, rates.get(name)) for name in PARTS}
    adjustment, total = _adjustment(one), money(one.total_cost)
    unpriced = [name for name, value in parts.items() if value is None] + (["total"] if total is None else [])
    whole = None if total is None else total - adjustment
    known = sum((value for value in parts.values() if value is not None), Decimal(0))
    return {
        "day": one.start.replace(hour=0, minute=0, second=0, microsecond=0),
        "name": one.name,
        "part": _part(one),
        "their_cluster": of.cluster or None,
        "namespace": of.namespace or None,
        "workload": f"{of.controller_kind.lower() or 'controller'}/{of.controller}" if of.controller else None,
        "pod": of.pod or None,
        "container": of.container or None,
        "node": of.node or None,
        "minutes": one.minutes,
        "cpu_core_hours": one.cpu_core_hours,
        "memory_gib_hours": gib(one.ram_byte_hours),
        "storage_gib_hours": gib(one.pv_byte_hours),
        "cpu_request_cores": one.cpu_core_request_average,
        "cpu_usage_cores": one.cpu_core_usage_average,
        "memory_request_gib": gib(one.ram_byte_request_average),
        "memory_usage_gib": gib(one.ram_byte_usage_average),
        **{f"{name}_list": value for name, value in parts.items()},
        "other_list": None if whole is None else whole - known,
        "total_list": whole,
        "adjustment_effective": adjustment,
        "total_effective": total if adjusted else None,
        "currency": currency,
        "missing": f"no price of {', '.join(unpriced)}" if unpriced else None,
    }


def _part(one: Allocation) -> str:
    return next((kind for mark, kind in KINDS.items() if mark in one.name), "allocated")


def _rate(part: str, entries: Iterable[Allocation]) -> float:
    """What a unit of a part costs, on average of the entries in which it costs something; 0 where it has no price at all."""
    there = [(float(getattr(one, PARTS[part]) or 0), QUANTITIES[part](one)) for one in entries]
    paid = [(cost, quantity) for cost, quantity in there if cost and quantity]
    return sum(cost for cost, _ in paid) / sum(quantity for _, quantity in paid) if paid else 0.0


def _priced(one: Allocation, part: str, rate: float | None) -> Decimal | None:
    """What a part costs. Nothing for what there was is no price, unless it is less than they write. (C08)"""
    value = money(getattr(one, PARTS[part]))
    if value != 0 or rate is None or _part(one) == "idle":  # which is judged by `_idle`
        return value
    quantity = QUANTITIES[part](one)
    rounded_off = rate > 0 and (part in FREE_IN_PART or quantity * rate < ROUNDED_TO)
    return value if quantity == 0 or rounded_off else None


def _adjustment(one: Allocation) -> Decimal:
    found = (getattr(one, f"{field}_adjustment", None) for field in PARTS.values())
    return sum((value for each in found if (value := money(each)) is not None), Decimal(0))


def _gaps(rows: Iterable[Mapping[str, Any]], window: Window) -> list[str]:
    """Days without an entry, or of which a cluster was seen in part. Idle says how much was seen: what has an unmounted volume says
    the whole window.
    """
    seen: defaultdict[datetime, float] = defaultdict(float)
    idle: defaultdict[datetime, defaultdict[str | None, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        day, cluster, minutes = row["day"], row["their_cluster"], row["minutes"] or 0.0
        seen[day] = max(seen[day], minutes)
        if row["part"] == "idle":
            idle[day][cluster] = max(idle[day][cluster], minutes)
    found, day = [], window.start
    while day < window.end:
        if day not in seen:
            found.append(f"it has no data of {day:%Y-%m-%d}")
        for cluster, minutes in (idle[day] or {None: seen[day]}).items() if day in seen else ():
            if minutes < SEEN_OF_DAY * DAY_MIN:
                of = _of(day, cluster, idle[day])
                found.append(f"of {of} it saw {minutes:,.0f} of {DAY_MIN:,.0f} minutes")
        day += timedelta(days=1)
    return found


def _of(day: datetime, cluster: str | None, clusters: Collection[str | None]) -> str:
    """A day, with its cluster where there are several.

    >>> _of(datetime(2026, 1, 5), "b", ["a", "b"]), _of(datetime(2026, 1, 5), "a", ["a"])
    ('2026-01-05 (cluster b)', '2026-01-05')
    """
    return f"{day:%Y-%m-%d} (cluster {cluster or 'without a name'})" if len(clusters) > 1 else f"{day:%Y-%m-%d}"


def _idle(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is said against a day's idle, cluster by cluster. (C01, C10)

    It is what nodes cost less what was allocated, of CPU and of memory each: of one below zero the other hides it, so each is
    looked at. Versions cut it off at zero; and it is there whenever a node has a price, so no idle is no priced node. What a node
    keeps for itself is never allocated, so there is always some.
    """
    idle: defaultdict[datetime, defaultdict[str | None, list[Mapping[str, Any]]]]
    idle = defaultdict(lambda: defaultdict(list))
    allocated: defaultdict[datetime, set[str]] = defaultdict(set)
    for row in rows:
        day, cluster = row["day"], row["their_cluster"]
        allocated[day] |= {cluster} if cluster is not None and row["part"] == "allocated" else set()
        if row["part"] == "idle":
            idle[day][cluster].append(row)
    found: list[str] = []
    for day, named in sorted(allocated.items()):
        whole = set() if None in idle[day] else named  # idle that names no cluster is all clusters'
        clusters = sorted({*idle[day], *whole} or {None}, key=lambda cluster: cluster or "")
        for cluster in clusters:
            found += _said_of_idle(_of(day, cluster, clusters), idle[day][cluster])
    return found


def _said_of_idle(of: str, idle: Sequence[Mapping[str, Any]]) -> list[str]:
    said = [] if idle else [f"it has no idle of {of}: no node has a price there"]
    for part in ("cpu", "memory", "gpu"):
        amounts = [row[f"{part}_list"] for row in idle if row[f"{part}_list"] is not None]
        what = f"idle {part} of {of}"
        if any(amount < 0 for amount in amounts):
            said.append(f"{what} is {min(amounts):.2f}: prices of nodes are missing there")
        elif part != "gpu" and amounts and not any(amounts):
            said.append(f"{what} is exactly 0: nodes are never allocated to the last byte, so it was cut off there")
    return said


def gib(value: float | None) -> float | None:
    """Bytes in GiB."""
    return None if value is None else value / GIB
