"""What has a price: what is billed of an object pays for that alone, and no object stands for another."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis.costs.node_prices import node_prices
from gocoffee_ops.analysis.costs.reconciliation import coverage, reconciliation
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from tests.costs.tables import MONDAY, allocated, charges, hours, nodes, objects

LIMITS = Thresholds()
TWO = objects([*hours("a"), *hours("b", node="n2")], node_table=nodes({}, {}))
ONE_NODE = {"day": MONDAY, "effective": Decimal(10), "resource_id": "i-node1"}
OTHER_NODE = ONE_NODE | {"resource_id": "i-node2"}
TRAFFIC = OTHER_NODE | {"effective": Decimal(1), "service": "AWS Data Transfer", "usage_unit": "GB"}


def test_a_node_of_which_only_traffic_is_billed_has_no_price() -> None:
    lines = allocated(charges(ONE_NODE, TRAFFIC), TWO)
    table = coverage(lines)

    (found,) = checks.bill_reconciled(reconciliation(lines), table, thresholds=LIMITS)
    assert (found.status, found.numbers) == (Status.UNKNOWN, {"priced": 0.5})
    assert {one.status for one in checks.costs_covered(table, thresholds=LIMITS)} == {Status.UNKNOWN}


@pytest.mark.parametrize(
    "bill",
    [(ONE_NODE, TRAFFIC, OTHER_NODE), (ONE_NODE, OTHER_NODE, TRAFFIC)],
    ids=["traffic first", "traffic last"],
)
def test_a_nodes_hours_are_told_by_what_pays_for_them(bill: tuple[dict[str, Any], ...]) -> None:
    lines = allocated(charges(*bill), TWO)

    told = {row["what"]: (row["total"], row["priced_share"]) for row in records(coverage(lines))}
    assert told["core-hours"] == (96.0, 1.0)  # two nodes of two cores
    prices = node_prices(lines, TWO.nodes)
    assert [round(row["hour_effective"] * 24) for row in records(prices)] == [10, 10]


def test_a_scale_sets_charge_tells_the_hours_of_nodes_that_no_other_row_told() -> None:
    members = [{"provider_id": f"azure:///subscriptions/s/scaleSets/set/virtualMachines/{n}"} for n in range(2)]
    things = objects([*hours("a"), *hours("b", node="n2")], node_table=nodes(*members))
    whole = ONE_NODE | {"resource_id": "/subscriptions/s/scaleSets/set"}
    one = ONE_NODE | {"resource_id": "/subscriptions/s/scaleSets/set/virtualMachines/0"}

    table = records(coverage(allocated(charges(one, whole), things)))
    assert [row["total"] for row in table if row["what"] == "core-hours"] == [96.0]
