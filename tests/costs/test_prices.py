"""Which price counts for a thing: the bill's, else OpenCost's, else that of the configuration, else none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks, costs
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.schemas import PRICES, TEAMS
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from gocoffee_ops.queries import opencost
from tests.costs.tables import DAY, MONDAY, allocated, charges, hours, load_balancers, nodes, objects, rows_of, volumes

TEAM_TABLE = rows_of(TEAMS, [{"team": "shop", "namespace": "go-coffee", "workload": "*"}])
NODE_ROW = {"type": "Node", "name": "n1", "total_list": Decimal("1.20"), "minutes": 1440.0, "currency": "EUR"}
DISK_ROW = NODE_ROW | {"type": "Disk", "name": "d", "volume": "pv1", "storage_gib": 10.0, "total_list": Decimal("0.24")}
BALANCER_ROW = NODE_ROW | {"type": "LoadBalancer", "name": "go-coffee/shop", "total_list": Decimal("0.72")}
LISTED = {
    "node": ("m6i.large", "0.10", "hour"),
    "storage": ("*", "1.46", "GiB-month"),
    "load balancer": ("*", "0.02", "hour"),
}


@pytest.mark.parametrize(
    ("kind", "charge", "in_bill", "in_opencost", "in_list"),
    [
        ("node", {"resource_id": "i-node1"}, "9.00", "1.20", "2.40"),
        ("storage", {"resource_id": "vol-data00"}, "9.00", "0.24", "0.48"),
        ("load balancer", {"resource_id": "loadbalancer/net/shop/0a1b2c"}, "9.00", "0.72", "0.48"),
    ],
)
def test_c09_the_order_of_prices_is_bill_opencost_list_and_unknown_for_each_kind_of_thing(
    kind: str, charge: dict[str, Any], in_bill: str, in_opencost: str, in_list: str
) -> None:
    """A day of one node, one volume or one load balancer, with ever fewer who know what it costs."""
    things = objects(
        hours("a") if kind == "node" else [],
        node_table=nodes({}) if kind == "node" else nodes(),
        volume_table=volumes(*[{"volume": "pv1", "volume_handle": "vol-data00"}] * (kind == "storage")),
        balancer_table=load_balancers(
            *[{"service": "shop", "addresses": ("shop-0a1b2c.elb.example.com",)}] * (kind == "load balancer")
        ),
    )
    name, amount, unit = LISTED[kind]
    row = {"kind": kind, "name": name, "unit": unit, "list": Decimal(amount), "currency": "EUR", "price_from": "list"}
    ours = rows_of(PRICES, [row])
    theirs = costs.opencost_prices(rows_of(opencost.assets.schema, [NODE_ROW, DISK_ROW, BALANCER_ROW]))
    bill = charges({"day": MONDAY, "effective": Decimal(in_bill), **charge})
    none = charges({"day": MONDAY, "effective": Decimal(1), "resource_id": "elsewhere"})

    def told(bill: pd.DataFrame, *prices: pd.DataFrame) -> tuple[Any, ...]:
        lines = records(allocated(bill, things, prices=costs.price_book(*prices)))
        own = [line for line in lines if line["line"] != "outside the cluster"]
        (source,) = {line["price_from"] for line in own}
        sums = [[line[basis] for line in own if line[basis] is not None] for basis in ("effective", "list")]
        return (source, *(total(one) if one else None for one in sums))

    assert told(bill, ours, theirs) == ("bill", Decimal(in_bill), None)
    assert told(none, ours, theirs) == told(none, theirs, ours) == ("opencost", None, Decimal(in_opencost))
    assert told(none, ours) == ("list", None, Decimal(in_list))
    assert told(none) == (None, None, None)


def test_an_orphan_that_no_bill_has_costs_its_list_price_and_without_one_it_is_unknown() -> None:
    orphan = {"volume": "pv1", "volume_handle": "vol-1", "phase": "Released"}
    idle = {"service": "shop", "ready": 0, "pods": 0}
    things = objects(volume_table=volumes(orphan, orphan | {"volume": "pv2", "volume_handle": "vol-2"}),
                     balancer_table=load_balancers(idle))  # fmt: skip
    bill = charges(
        *(
            {
                "day": MONDAY + n * DAY,
                "resource_id": "vol-2",
                "effective": Decimal("0.24"),
                "list": Decimal(9),
                "team": "lab",
            }
            for n in range(7)
        )
    )
    prices = costs.opencost_prices(rows_of(opencost.assets.schema, [DISK_ROW, BALANCER_ROW]))

    def found(*tables: pd.DataFrame) -> dict[str, tuple[Any, ...]]:
        lines = allocated(bill, things, prices=costs.price_book(*tables), teams=TEAM_TABLE)
        table = costs.orphans(bill, things, lines, as_of=MONDAY + 9 * DAY)
        assert dict(zip(table["subject"], table["owner"], strict=True))["volume/pv2"] == "team/lab"
        assert dict(zip(table["subject"], table["owner"], strict=True))["service/shop"] == "team/shop"
        assert {f.status for f in checks.nothing_orphaned(table, thresholds=Thresholds())} == (
            {Status.WARN} if tables else {Status.WARN, Status.UNKNOWN}
        )
        return {
            row["subject"]: (row["monthly_effective"], row["monthly_list"], row["price_from"]) for row in records(table)
        }

    assert found(prices) == {
        "volume/pv1": (None, Decimal("7.30"), "opencost"),
        "volume/pv2": (Decimal("7.30"), None, "bill"),
        "service/shop": (None, Decimal("21.90"), "opencost"),
    }
    assert found() == {
        "volume/pv1": (None, None, None),
        "volume/pv2": (Decimal("7.30"), None, "bill"),
        "service/shop": (None, None, None),
    }
