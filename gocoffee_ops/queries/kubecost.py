"""Questions to KubeCost: what it allocates, and which requests it recommends.

All raise what `queries.opencost` raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gocoffee_ops.analysis.quantities import exact, mib, whole
from gocoffee_ops.errors import ParameterError
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.cost_allocations import (
    ALLOCATION_TABLE,
    LIST_PRICED,
    REACH_TABLE,
    allocation_rows,
    money,
    reach_rows,
)
from gocoffee_ops.queries.cost_windows import asked, checked_aggregate, cost_window
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.sources.kubecost import KubeCost

FEWEST_DAYS, MOST_DAYS = 2, 30  # it advises against fewer than two
OURS = {  # its algorithm with the numbers of `analysis.rightsizing`, so that the two can be compared
    "algorithmCPU": "quantile", "qCPU": "0.95", "algorithmRAM": "max",
    "targetCPUUtilization": f"{1 / 1.15:.4f}", "targetRAMUtilization": f"{1 / 1.15:.4f}",
}  # fmt: skip

SIZING_TABLE = Schema(
    "recommended requests",
    (
        Column("their_cluster", "string", optional=True, help="as it calls it"),
        Column("namespace", "string"),
        Column("workload", "string", optional=True, help="deployment/orders"),
        Column("container", "string"),
        Column("cpu_request_cores", "Float64", "cores", optional=True, help="the last that it knew"),
        Column("cpu_advised_cores", "Float64", "cores", optional=True),
        Column("memory_request_mib", "Float64", "MiB", optional=True),
        Column("memory_advised_mib", "Float64", "MiB", optional=True),
        Column(
            "cpu_savings_list",
            "decimal",
            optional=True,
            help=f"a month, {LIST_PRICED}; only freed, no node goes for it",
        ),
        Column("memory_savings_list", "decimal", optional=True, help="a month"),
        Column("currency", "string", help="as configured: the API does not say"),
    ),
)


@query("kubecost", REACH_TABLE)
def reach(ask: Ask[KubeCost]) -> Rows:
    """Does KubeCost answer, and what does it have of the last complete day?

    Columns: those of `REACH_TABLE`. API: that of `allocation`. Permission: to reach it.
    """
    span = cost_window("1d", ask.as_of)
    sets, _ = ask.source.allocation(asked(span), "cluster", ask.deadline)
    return reach_rows(sets, span)


@query("kubecost", ALLOCATION_TABLE)
def allocation(ask: Ask[KubeCost], *, window: str = "7d", aggregate: str = "namespace") -> Rows:
    """What does KubeCost allocate to whom, by day, idle included? See `opencost.allocation`.

    Columns: those of `ALLOCATION_TABLE`. API: /model/allocation. Permission: to reach it.
    """
    span = cost_window(window, ask.as_of)
    sets, warning = ask.source.allocation(asked(span), checked_aggregate(aggregate), ask.deadline)
    return allocation_rows(sets, span, ask.source.currency, warning)


@query("kubecost", SIZING_TABLE)
def request_sizing(ask: Ask[KubeCost], *, days: int = 7) -> Rows:
    """Which requests does KubeCost recommend? Asked for with the percentile and the headroom of `analysis.rightsizing`.

    It knows of no throttling, no out of memory and no autoscaler: to be compared, not to be applied. The window ends at its own
    present time.

    Columns: those of `SIZING_TABLE`. API: /model/savings/requestSizingV2. Permission: to reach it. Raises ParameterError for fewer
    than 2 or more than 30 days.
    """
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        hint = f"{FEWEST_DAYS} to {MOST_DAYS}"
        raise ParameterError("read request sizing", why=f"days is {days!r}", hint=hint)
    found = ask.source.request_sizing(f"{days}d", OURS, ask.deadline)
    rows = [
        {
            "their_cluster": one.cluster_id or None,
            "namespace": one.namespace,
            "workload": f"{one.controller_kind.lower()}/{one.controller_name}" if one.controller_name else None,
            "container": one.container_name,
            "cpu_request_cores": _cores(one.latest_known_request.cpu),
            "cpu_advised_cores": _cores(one.recommended_request.cpu),
            "memory_request_mib": _mib(one.latest_known_request.memory),
            "memory_advised_mib": _mib(one.recommended_request.memory),
            "cpu_savings_list": money(one.monthly_savings.cpu),
            "memory_savings_list": money(one.monthly_savings.memory),
            "currency": ask.source.currency,
        }
        for one in found
    ]
    return Rows(rows)


def _cores(text: str) -> float | None:
    return float(exact(text)) if text else None


def _mib(text: str) -> float | None:
    return mib(whole(text)) if text else None
