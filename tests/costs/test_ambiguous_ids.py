"""An id that two objects have: whose its charge is, is not known, and none of them gets a price beside it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks, costs
from gocoffee_ops.analysis.costs import schemas
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from tests.costs.tables import DAY, MONDAY, allocated, by_line, charges, hours, nodes, objects, rows_of, volumes

PRICE = {"name": "*", "list": Decimal("0.10"), "currency": "EUR", "price_from": "list"}
LISTED = rows_of(
    schemas.PRICES,
    [
        PRICE | {"kind": "node", "name": "m6i.large", "unit": "hour"},
        PRICE | {"kind": "storage", "unit": "GiB-month"},
    ],
)
BOTH = ("eu", "us")
TWICE = {
    "one cluster under two contexts": ["aws:///z/i-shared1"] * 2,
    "nodes of one name in two projects": ["gce://shop/z/general-1", "gce://billing/z/general-1"],
}
IDS = ("i-shared1", "general-1")
USED = [hour | {"cluster": cluster} for cluster in BOTH for hour in hours("a", 48)]


def two(ids: Sequence[str]) -> pd.DataFrame:
    return nodes(
        *({"cluster": cluster, "node": "n1", "provider_id": one} for cluster, one in zip(BOTH, ids, strict=True))
    )


def told(bill: pd.DataFrame, node_table: pd.DataFrame, **tables: pd.DataFrame) -> list[dict[str, Any]]:
    lines = allocated(bill, objects(USED, node_table=node_table, **tables), prices=LISTED)
    assert sum(by_line(lines).values()) == total(bill["effective"])
    return records(lines)


@pytest.mark.parametrize(("ids", "identity"), list(zip(TWICE.values(), IDS, strict=True)), ids=TWICE)
def test_a_charge_of_two_nodes_is_unknown_and_neither_gets_a_list_price_on_its_day(
    ids: list[str], identity: str
) -> None:
    bill = charges({"day": MONDAY, "resource_id": identity, "effective": Decimal(9), "team": "shop"})
    rows = told(bill, two(ids))

    (charged,) = [row for row in rows if row["charge"] is not None]
    assert (charged["line"], charged["effective"], charged["team"]) == ("unknown", 9, "shop")
    assert charged["why"] == "two objects have this id: node eu/n1 and node us/n1"
    beside = {(row["day"], row["line"], row["list"] is None) for row in rows if row["charge"] is None}
    assert beside == {
        (MONDAY, "unknown", True),
        (MONDAY + DAY, "used", False),
        (MONDAY + DAY, "idle", False),
    }
    whys = {row["why"] for row in rows if row["charge"] is None and row["day"] == MONDAY}
    assert all("or for another object with the same id" in why for why in whys)


def test_volumes_of_one_id_get_no_list_price_beside_its_charge_and_are_nobodys_loose_disk() -> None:
    table = volumes(
        *({"cluster": one, "volume": "pv", "volume_handle": "vol-shared1", "mounted_by": ("a",)} for one in BOTH)
    )
    charge = {"day": MONDAY, "resource_id": "vol-shared1", "effective": Decimal(2)}
    bill = charges(charge | {"tags": ("kubernetes.io/created-for/pvc/name=data",)})
    rows = told(bill, two(["aws:///z/i-1", "aws:///z/i-2"]), volume_table=table)

    disks = [(row["day"], row["line"], row["list"]) for row in rows if row["resource_id"] == "vol-shared1"]
    listed = round(Decimal(10) * Decimal("0.10") * 24 / 730, 12)
    assert disks == [
        (MONDAY, "unknown", None),
        (MONDAY, "unknown", None),
        (MONDAY + DAY, "storage", listed),
        (MONDAY, "unknown", None),
        (MONDAY + DAY, "storage", listed),
    ]
    things = objects(USED, node_table=two(["aws:///z/i-1", "aws:///z/i-2"]), volume_table=table)
    assert records(costs.orphans(bill, things, allocated(bill, things), as_of=MONDAY + 9 * DAY)) == []


def test_a_cluster_under_two_contexts_is_not_covered_nor_reconciled() -> None:
    bill = charges({"day": MONDAY, "resource_id": "i-shared1", "effective": Decimal(9)})
    lines = allocated(bill, objects(USED, node_table=two(TWICE["one cluster under two contexts"])), prices=LISTED)
    covered = costs.coverage(lines)
    found = [
        *checks.bill_reconciled(costs.reconciliation(lines), covered, thresholds=Thresholds()),
        *checks.costs_covered(covered, thresholds=Thresholds()),
    ]

    assert [one for one in found if one.status is Status.OK] == []


PROJECTS = TWICE["nodes of one name in two projects"]
NODE_PATH = "//compute.googleapis.com/projects/{}/zones/z/instances/general-1"


@pytest.mark.parametrize(
    ("row", "cluster"),
    [
        ({"resource_id": NODE_PATH.format("shop")}, "eu"),
        ({"resource_id": NODE_PATH.format("Billing")}, "us"),
        ({"resource_id": "gce://billing/z/general-1"}, "us"),
        ({"resource_id": "general-1", "account": "shop"}, "eu"),
        (
            {
                "resource_id": "//compute.googleapis.com/projects/shop/zones/z/instances/77",
                "resource_name": "general-1",
            },
            "eu",
        ),
        ({"resource_id": NODE_PATH.format("8421"), "account": "billing"}, "us"),
    ],
)
def test_nodes_of_one_name_are_told_apart_by_their_projects(row: dict[str, Any], cluster: str) -> None:
    bill = charges({"day": MONDAY, "effective": Decimal(9)} | row)
    charged = [one for one in told(bill, two(PROJECTS)) if one["charge"] is not None]

    assert {one["cluster"] for one in charged} == {cluster}
    assert {one["line"] for one in charged} <= {"used", "idle", "requested and unused", "system"}


@pytest.mark.parametrize(
    "identity",
    [
        NODE_PATH.format("till"),
        "//cloudresourcemanager.googleapis.com/projects/shop",
        "projects/shop/zones/z",
        "projects/sho",
    ],
    ids=["another project's", "the project", "the zone", "a name that the project's begins with"],
)
def test_what_is_of_another_place_or_of_a_whole_project_is_no_nodes(identity: str) -> None:
    """One of the nodes alone has the name, so that nothing but the place tells."""
    node_table = two([PROJECTS[0], "gce://billing/z/general-2"])
    disk = volumes({"volume": "pd", "volume_handle": "projects/shop/zones/z/disks/pvc-1", "mounted_by": ("a",)})
    bill = charges({"day": MONDAY, "resource_id": identity, "effective": Decimal(9)})
    (charged,) = [one for one in told(bill, node_table, volume_table=disk) if one["charge"] is not None]

    assert (charged["line"], charged["effective"], charged["node"]) == ("outside the cluster", 9, None)


def test_a_project_whose_number_alone_is_told_may_be_either() -> None:
    bill = charges({"day": MONDAY, "resource_id": NODE_PATH.format("8421"), "effective": Decimal(9)})
    (charged,) = [one for one in told(bill, two(PROJECTS)) if one["charge"] is not None]

    assert (charged["line"], charged["why"]) == ("unknown", "two objects have this id: node eu/n1 and node us/n1")
