"""What an environment's configuration says about money, on record with everything else that a report rests on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gocoffee_ops.analysis.costs.prices import CPU_WEIGHT, LIST_PRICE
from gocoffee_ops.analysis.costs.schemas import BUDGETS, PRICES, TEAMS
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.config import CostSettings

CONVENTIONS = Schema(
    "conventions of costs",
    (
        Column("cpu_weight", "Float64", "GiB", help="so many GiB cost what a core costs"),
        Column("billed_as", "list[string]", help="cluster=what the bill calls it, where that is another name"),
    ),
)


@query("costs", PRICES)
def prices(ask: Ask[CostSettings]) -> Rows:
    """Which list prices are given, for what stands in no bill?

    Columns: kind, name, unit, currency, price_from (string), list (decimal, for one unit), priced_on (timestamp). From the
    configuration; needs nothing, raises nothing.
    """
    given = ask.source.prices
    if given is None:
        return Rows([])
    day = datetime(given.priced_on.year, given.priced_on.month, given.priced_on.day, tzinfo=UTC)
    about = {"currency": given.currency, "price_from": LIST_PRICE, "priced_on": day}
    rows = [
        {"kind": kind, "name": name, "unit": unit, "list": amount, **about}
        for kind, name, unit, amount in given.listed()
    ]
    return Rows(rows)


@query("costs", CONVENTIONS)
def conventions(ask: Ask[CostSettings]) -> Rows:
    """How is a node's price split into CPU and memory, and what does the bill call which cluster?

    Columns: cpu_weight (Float64, GiB): so many GiB cost what a core costs; billed_as (list[string]): cluster=name or id. From the
    configuration; needs nothing, raises nothing.
    """
    given = ask.source.prices
    billed_as = [f"{cluster}={name}" for cluster, name in ask.source.billed_as.items()]
    return Rows([{"cpu_weight": CPU_WEIGHT if given is None else given.cpu_weight, "billed_as": billed_as}])


@query("costs", BUDGETS)
def budgets(ask: Ask[CostSettings]) -> Rows:
    """What may each team spend in a month?

    Columns: team, currency (string), monthly_effective (decimal). From the configuration; needs nothing, raises nothing.
    """
    given = ask.source.budgets
    if given is None:
        return Rows([])
    rows = [
        {"team": team, "monthly_effective": amount, "currency": given.currency}
        for team, amount in given.monthly.items()
    ]
    return Rows(rows)


@query("costs", TEAMS)
def teams(ask: Ask[CostSettings]) -> Rows:
    """Whose are which namespaces and workloads?

    Columns: team, namespace, workload (string; * for a namespace's all). From the configuration; needs nothing, raises nothing.
    """
    names = [(team, *name.partition("/")) for team, given in ask.source.teams.items() for name in given]
    return Rows([{"team": team, "namespace": space, "workload": workload or "*"} for team, space, _, workload in names])
