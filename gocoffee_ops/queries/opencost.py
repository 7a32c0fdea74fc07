"""Questions to OpenCost: what it allocates, which assets it prices, and what it read of the provider's bill.

What it reckons is at list prices, unless it is joined with the provider's bill; the columns say so. All raise ParameterError for a
window or an aggregate that is none, before anything is asked; NotFound for an answer without an entry, Unsupported for an
aggregate that it does not know, Malformed for a body that is no JSON, and the other errors of `errors.SourceError`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.cost_allocations import (
    ALLOCATION_TABLE,
    LIST_PRICED,
    REACH_TABLE,
    allocation_rows,
    gib,
    money,
    reach_rows,
)
from gocoffee_ops.queries.cost_windows import CLOUD_AGGREGATES, asked, checked_aggregate, cost_window
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.opencost import AssetProperties, CloudProperties

if TYPE_CHECKING:
    from gocoffee_ops.sources.opencost import OpenCost


ASSET_TABLE = Schema(
    "assets",
    (
        Column("type", "string", help="Node, Disk, LoadBalancer, ClusterManagement, …"),
        Column("name", "string", optional=True),
        Column("provider", "string", optional=True),
        Column("provider_id", "string", optional=True, help="what the provider calls it"),
        Column("instance_type", "string", optional=True),
        Column("pool", "string", optional=True),
        Column("spot", "boolean", optional=True),
        Column("cpu_cores", "Float64", "cores", optional=True),
        Column("memory_gib", "Float64", "GiB", optional=True),
        Column("storage_gib", "Float64", "GiB", optional=True),
        Column("claim_namespace", "string", optional=True),
        Column("claim", "string", optional=True),
        Column("volume", "string", optional=True),
        Column("minutes", "Float64", "min", optional=True, help="of the window that it saw"),
        Column("cpu_list", "decimal", optional=True, help=LIST_PRICED),
        Column("memory_list", "decimal", optional=True, help=LIST_PRICED),
        Column("gpu_list", "decimal", optional=True, help=LIST_PRICED),
        Column("total_list", "decimal", optional=True, help="without the adjustment"),
        Column("adjustment_effective", "decimal", optional=True, help="what it added from the provider's bill"),
        Column("currency", "string", help="as configured: the API does not say"),
        Column("missing", "string", optional=True, help="why there is no price"),
    ),
)

CLOUD_TABLE = Schema(
    "cloud costs",
    (
        Column("day", "timestamp", help="00:00 UTC"),
        Column("provider", "string", optional=True),
        Column("account", "string", optional=True),
        Column("region", "string", optional=True),
        Column("service", "string", optional=True),
        Column("category", "string", optional=True),
        Column("resource_id", "string", optional=True),
        Column("list", "decimal", optional=True),
        Column("billed", "decimal", optional=True, help="as it is on the invoice"),
        Column("effective", "decimal", optional=True, help="amortized, with discounts"),
        Column("of_kubernetes", "Float64", "ratio", optional=True, help="the share that it takes for clusters'"),
        Column("currency", "string", help="as configured: the API does not say"),
    ),
)


@query("opencost", REACH_TABLE)
def reach(ask: Ask[OpenCost]) -> Rows:
    """Does OpenCost answer, and what does it have of the last complete day?

    Columns: those of `REACH_TABLE`. API: that of `allocation`. Permission: to reach it.
    """
    span = cost_window("1d", ask.as_of)
    sets, _ = ask.source.allocation(asked(span), "cluster", ask.deadline)
    return reach_rows(sets, span)


@query("opencost", ALLOCATION_TABLE)
def allocation(ask: Ask[OpenCost], *, window: str = "7d", aggregate: str = "namespace") -> Rows:
    """What does OpenCost allocate to whom, by day, idle included? (C01)

    It has no row for the control plane's fee, and a load balancer without pods is in one of its answers and not in the other: the
    bill has both. A day of which it saw only a part shows as less cost, so such days are UNKNOWN; so is idle that is negative,
    exactly 0, or not there. A part that costs 0 though there was some of it has no price: it is missing, not free. (C08, C10)

    Columns: those of `ALLOCATION_TABLE`. API: /allocation. Permission: to reach it.
    """
    span = cost_window(window, ask.as_of)
    sets, warning = ask.source.allocation(asked(span), checked_aggregate(aggregate), ask.deadline)
    return allocation_rows(sets, span, ask.source.currency, warning)


@query("opencost", ASSET_TABLE)
def assets(ask: Ask[OpenCost], *, window: str = "7d") -> Rows:
    """Which nodes, disks, load balancers and fees does OpenCost price, and at what, for the whole window?

    Storage that it knows no price of has a total of 0 there: that is missing, not free. (C08)

    Columns: those of `ASSET_TABLE`. API: /assets. Permission: to reach it.
    """
    span = cost_window(window, ask.as_of)
    found, warning = ask.source.assets(asked(span), ask.deadline)
    rows = []
    for one in found:
        of = one.properties or AssetProperties()
        adjustment, total = money(one.adjustment) or Decimal(0), money(one.total_cost)
        priced = total is not None and total != 0
        rows.append(
            {
                "type": one.type,
                "name": of.name or None,
                "provider": of.provider or None,
                "provider_id": of.provider_id or None,
                "instance_type": one.node_type or None,
                "pool": one.pool or None,
                "spot": None if one.preemptible is None else one.preemptible > 0,
                "cpu_cores": one.cpu_cores,
                "memory_gib": gib(one.ram_bytes),
                "storage_gib": gib(one.bytes),
                "claim_namespace": one.claim_namespace or None,
                "claim": one.claim_name or None,
                "volume": one.volume_name or None,
                "minutes": one.minutes,
                "cpu_list": money(one.cpu_cost),
                "memory_list": money(one.ram_cost),
                "gpu_list": money(one.gpu_cost),
                "total_list": total - adjustment if total is not None and priced else None,
                "adjustment_effective": adjustment,
                "currency": ask.source.currency,
                "missing": None if priced else "it has no price of it" if total is None else "its price is 0",
            }
        )
    rows.sort(key=lambda row: (row["type"], row["name"] or ""))
    return Rows(rows, truncated=f"it warns: {warning}" if warning else "")


@query("opencost", CLOUD_TABLE)
def cloud_cost(ask: Ask[OpenCost], *, window: str = "7d", aggregate: str = "service") -> Rows:
    """What did OpenCost read of the provider's bill, by day?

    Columns: those of `CLOUD_TABLE`. API: /cloudCost, where its cloud integration is set up. Permission: to reach it.
    """
    span = cost_window(window, ask.as_of)
    by = checked_aggregate(aggregate, CLOUD_AGGREGATES)
    sets, warning = ask.source.cloud_costs(asked(span), by, ask.deadline)
    rows, days = [], set()
    for each in sets:
        for one in (each.cloud_costs or {}).values():
            of, start = one.properties or CloudProperties(), one.window.start or each.window.start or span.start
            days.add(start.date())
            rows.append(
                {
                    "day": start.replace(hour=0, minute=0, second=0, microsecond=0),
                    "provider": of.provider or None,
                    "account": of.account_id or None,
                    "region": of.region_id or None,
                    "service": of.service or None,
                    "category": of.category or None,
                    "resource_id": of.provider_id or None,
                    "list": money(one.list_cost.cost),
                    "billed": money(one.invoiced_cost.cost),
                    "effective": money(one.amortized_net_cost.cost),
                    "of_kubernetes": one.list_cost.kubernetes_percent,
                    "currency": ask.source.currency,
                }
            )
    rows.sort(key=lambda row: (row["day"], row["service"] or "", row["resource_id"] or ""))
    lacking = round(span.seconds / 86_400) - len(days)
    unread = f"it has no data of {lacking} of the days" if lacking > 0 else ""
    return Rows(rows, truncated=f"it warns: {warning}" if warning else "", unread=unread)
