"""What has a price: what is billed of an object pays for that alone, and no object stands for another."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis.costs import schemas
from gocoffee_ops.analysis.costs.node_prices import node_prices
from gocoffee_ops.analysis.costs.reconciliation import coverage, reconciliation
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds
from tests.costs.tables import MONDAY, allocated, charges, hours, nodes, objects, rows_of, volumes

LIMITS = Thresholds()
HOURS = [*hours("a"), *hours("b", node="n2"), *hours("c", node="n3")]
TWO = objects(HOURS[:48], node_table=nodes({}, {}))
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
    whole_id = "/subscriptions/s/virtualMachineScaleSets/set"
    members = [{"provider_id": f"azure://{whole_id}/virtualMachines/{n}"} for n in range(2)]
    things = objects([*hours("a"), *hours("b", node="n2")], node_table=nodes(*members))
    whole = ONE_NODE | {"resource_id": whole_id}
    one = ONE_NODE | {"resource_id": f"{whole_id}/virtualMachines/0"}

    table = records(coverage(allocated(charges(one, whole), things)))
    assert [row["total"] for row in table if row["what"] == "core-hours"] == [96.0]


EBS = "ebs.csi.aws.com"


def judged(*bill: dict[str, Any], disks: list[dict[str, Any]]) -> tuple[Finding, dict[str, float | None]]:
    """What is said of the bill of a node with these disks, and what of the clusters has a price."""
    table = volumes(*({"volume": f"pv{n}", "driver": EBS, **disk} for n, disk in enumerate(disks)))
    lines = allocated(charges(ONE_NODE, *bill), objects(hours("a"), volume_table=table))
    covered = coverage(lines)
    (found,) = checks.bill_reconciled(reconciliation(lines), covered, thresholds=LIMITS)
    return found, {row["what"]: row["priced_share"] for row in records(covered)}


def test_disks_that_no_cluster_has_pay_for_none_that_one_has() -> None:
    tags = ("kubernetes.io/created-for/pvc/name=data",)
    left = [
        {"day": MONDAY, "effective": Decimal(1), "resource_id": f"vol-gone{n}", "tags": tags, "service": "EC2"}
        for n in range(30)
    ]
    found, shares = judged(*left, disks=[{}])
    assert (found.status, shares["GiB-days of volumes"]) == (Status.UNKNOWN, 0.0)


@pytest.mark.parametrize(("unit", "share"), [("Requests", 0.0), ("10K Operations", 0.0), ("GB-Month", 1.0)])
def test_requests_to_a_disk_do_not_pay_for_it(unit: str, share: float) -> None:
    row = {"day": MONDAY, "effective": Decimal("0.01"), "resource_id": "arn:aws:ec2:eu:1:volume/vol-data00"}
    _, shares = judged(row | {"usage_unit": unit}, disks=[{"volume_handle": "vol-data00"}])
    assert shares["GiB-days of volumes"] == share


@pytest.mark.parametrize(("gib", "status"), [(10.0, Status.OK), (200.0, Status.UNKNOWN), (None, Status.OK)])
def test_a_disk_without_a_price_weighs_by_its_size(gib: float | None, status: Status) -> None:
    """A disk of 10 GiB costs 0.30, a node 10: another of as much changes nothing, one of 200 GiB would cost 6."""
    row = {"day": MONDAY, "effective": Decimal("0.30"), "resource_id": "vol-data00", "usage_unit": "GB-Month"}
    disks = [{"volume_handle": "vol-data00"}, {"capacity_gib": gib}]
    found, shares = judged(row, disks=[disk | {"storage_class": "slow"} for disk in disks])
    assert found.status is status, found.reason
    assert shares["GiB-days of volumes"] == 10 / (10 + (gib or 10))
    assert "if the rest costs what its like does" in found.reason


@pytest.mark.parametrize(
    ("kind", "status", "priced"),
    [("slow", Status.OK, 10.6 / 10.7), ("fast", Status.UNKNOWN, 10.6 / 11.6)],
)
def test_a_disk_without_a_price_costs_what_its_class_does(kind: str, status: Status, priced: float) -> None:
    """10 GiB of slow are billed 0.10, 5 of fast 0.50: 10 more are 0.10 or 1.00."""
    gib = {"resource_id": "vol-slow00", "usage_unit": "GB-Month", "day": MONDAY, "effective": Decimal("0.10")}
    fast = gib | {"resource_id": "vol-fast00", "effective": Decimal("0.45")}
    beside = fast | {"usage_unit": "IOPS-Mo", "effective": Decimal("0.05"), "sku_id": "iops"}
    disks = [
        {"volume_handle": "vol-slow00", "storage_class": "slow"},
        {"volume_handle": "vol-fast00", "storage_class": "fast", "capacity_gib": 5.0},
        {"storage_class": kind},
    ]
    found, shares = judged(gib, fast, beside, disks=disks)
    assert (found.status, f"about {priced * 100:.0f} % of what clusters cost" in found.reason) == (status, True), found
    assert shares["GiB-days of volumes"] == pytest.approx(15 / 25)


@pytest.mark.parametrize(("left", "status"), [("us", Status.OK), ("eu", Status.UNKNOWN)])
def test_a_class_of_one_cluster_does_not_stand_for_another_clusters_of_that_name(left: str, status: Status) -> None:
    """A GiB of eu's costs twenty times one of us': 100 without a price are 2.00 there and 0.10 here."""
    row = {"resource_id": "vol-eu0000", "usage_unit": "GB-Month", "day": MONDAY, "effective": Decimal("2.00")}
    disks = [
        {"cluster": "eu", "volume_handle": "vol-eu0000", "capacity_gib": 100.0},
        {"cluster": "us", "volume_handle": "vol-us0000", "capacity_gib": 1000.0},
        {"cluster": left, "capacity_gib": 100.0},
    ]
    bill = (row, row | {"resource_id": "vol-us0000", "effective": Decimal("1.00")})
    found, _ = judged(*bill, disks=[disk | {"storage_class": "standard"} for disk in disks])
    assert found.status is status, found
    priced = 13 / (13.1 if left == "us" else 15)
    assert (f"about {priced * 100:.0f} % of what clusters cost" in found.reason, "no bill has" in found.reason) == (
        True,
        False,
    )


@pytest.mark.parametrize(
    ("gib", "said"),
    [
        (100.0, "100 GiB of share (eu)"),
        (0.5, "0.5 GiB of share (eu)"),
        (None, "a volume of unknown size of share (eu)"),
    ],
)
def test_c08_of_a_class_of_which_no_bill_has_a_volume_nothing_says_the_price(gib: float | None, said: str) -> None:
    """However little: it may cost a hundred times what the others do. What is told of the share is "at most", and of the rest."""
    row = {"day": MONDAY, "effective": Decimal("0.30"), "resource_id": "vol-data00", "usage_unit": "GB-Month"}
    disk = {"volume_handle": "vol-data00", "storage_class": "standard", "capacity_gib": 100.0}
    like = {"storage_class": "standard", "capacity_gib": 50.0}
    found, _ = judged(row, disks=[disk, like, {"storage_class": "share", "capacity_gib": gib}])

    assert (found.status, found.numbers) == (
        Status.UNKNOWN,
        {"residual": 0.0, "priced_at_most": round(10.3 / 10.45, 4)},
    )
    assert "without them about 99 % of what clusters cost has a price" in found.reason
    assert f"what {said} cost, nothing says" in found.reason


def test_c08_a_price_in_the_configuration_is_what_says_it() -> None:
    row = {"day": MONDAY, "effective": Decimal("0.30"), "resource_id": "vol-data00", "usage_unit": "GB-Month"}
    price = {"kind": "storage", "name": "share", "unit": "GiB-month", "list": Decimal("0.3"), "currency": "EUR"}
    table = volumes(
        {"volume": "pv0", "driver": EBS, "volume_handle": "vol-data00", "storage_class": "standard"},
        {"volume": "pv1", "driver": EBS, "storage_class": "share"},
    )
    prices = rows_of(schemas.PRICES, [price | {"price_from": "list"}])
    lines = allocated(charges(ONE_NODE, row), objects(hours("a"), volume_table=table), prices=prices)
    (found,) = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)

    assert (found.status, "price" in found.reason) == (Status.OK, False), found


def test_a_residual_that_is_too_large_is_so_whatever_a_class_costs() -> None:
    rest = {"day": MONDAY, "effective": Decimal(4), "resource_id": None, "service": "Support"}
    row = {"day": MONDAY, "effective": Decimal("0.30"), "resource_id": "vol-data00", "usage_unit": "GB-Month"}
    found, _ = judged(row, rest, disks=[{"volume_handle": "vol-data00"}, {"storage_class": "share"}])
    assert found.status is Status.CRIT, found


def test_a_class_that_no_bill_has_is_not_weighed_by_bills_in_two_currencies() -> None:
    row = {"day": MONDAY, "effective": Decimal("0.30"), "resource_id": "vol-data00", "usage_unit": "GB-Month"}
    disks = [{"volume_handle": "vol-data00"}, {"volume_handle": "vol-data01"}]
    dollars = row | {"resource_id": "vol-data01", "currency": "USD"}
    things = [disk | {"driver": EBS, "storage_class": "slow", "volume": f"pv{n}"} for n, disk in enumerate(disks)]
    left = {"driver": EBS, "volume": "pv9", "storage_class": "share", "capacity_gib": 0.1}
    lines = allocated(charges(ONE_NODE, row, dollars), objects(hours("a"), volume_table=volumes(*things, left)))
    found = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)
    assert {one.status for one in found} == {Status.UNKNOWN}
    assert "nothing says what the rest costs" in found[0].reason


def test_a_currency_without_a_cluster_says_nothing_of_what_clusters_cost() -> None:
    dollars = {"day": MONDAY, "effective": Decimal(7), "resource_id": "licence", "currency": "USD"}
    lines = allocated(charges(ONE_NODE, OTHER_NODE, dollars), objects(HOURS, node_table=nodes({}, {}, {})))
    found = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)
    assert [(one.subject, one.status) for one in found] == [("bill/EUR", Status.UNKNOWN)]


def test_a_bill_in_which_no_cluster_stands_is_not_called_explained() -> None:
    lines = allocated(charges(ONE_NODE | {"resource_id": "db-1"}), TWO)
    (found,) = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)
    assert found.status is Status.UNKNOWN


def test_a_little_without_a_price_is_told_though_it_is_no_warning() -> None:
    """Below `cost_uncovered_warn`; and a report that would hear of it says so in its thresholds."""
    row = {"what": "core-hours", "total": 10_000.0, "unpriced": 4.0, "priced_share": 0.9996, "unseen_share": 0.0}
    table = pd.DataFrame([row])
    (found,) = checks.costs_covered(table, thresholds=LIMITS)
    assert found.status is Status.OK
    assert found.reason == "core-hours: 9,996 of 10,000 have a price (99.96 %)"
    assert [one.status for one in checks.costs_covered(table, thresholds=Thresholds(cost_uncovered_warn=1e-4))] == [
        Status.WARN
    ]
