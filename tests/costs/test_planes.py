"""Control planes: each cluster's fee by day, told by the bill, else by a price, else UNKNOWN; none where it is said so. (C02)"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import costs
from gocoffee_ops.analysis.costs import schemas
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.planes import ASSUMED, HOW_MANY, NAMELESS, WHOSE
from gocoffee_ops.config import load_config
from gocoffee_ops.errors import ConfigError
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from tests.costs.tables import (
    DAY,
    MONDAY,
    allocated,
    by_line,
    charges,
    hours,
    nodes,
    objects,
    of_team,
    rows_of,
)
from tests.costs.test_settings import PRICES, written

EKS = "arn:aws:eks:eu-central-1:1:cluster/"
TWO = nodes({"cluster": "eu"}, {"cluster": "us"})
USED = [*hours("a"), *hours("b", node="n2")]
CLUSTERS = ({"resource_id": "i-node1", "effective": Decimal(9)}, {"resource_id": "i-node2", "effective": Decimal(9)})


def fee(name: str | None, **row: Any) -> dict[str, Any]:
    about = {
        "service": "Amazon EKS",
        "resource_id": None if name is None else f"{EKS}{name}",
        "effective": Decimal("2.40"),
    }
    return {"day": MONDAY, **about, **row}


def given(**amounts: str) -> pd.DataFrame:
    kind = {"kind": "control plane", "unit": "hour", "currency": "EUR", "price_from": "list"}
    rows = [kind | {"name": name.replace("any", "*"), "list": Decimal(amount)} for name, amount in amounts.items()]
    return rows_of(schemas.PRICES, rows)


def planes(
    *fees: dict[str, Any],
    prices: pd.DataFrame | None = None,
    bill: Sequence[dict[str, Any]] = CLUSTERS,
    billed_as: tuple[tuple[str, str], ...] = (),
) -> list[tuple[str | None, str, Decimal | None]]:
    """Whose fee, on which line, at which price, of one day of two clusters."""
    table = charges(*({"day": MONDAY} | row for row in bill), *fees)
    lines = allocated(table, objects(USED, node_table=TWO), prices=prices, billed_as=billed_as, planes_cost=True)
    rows = [row for row in records(lines) if row["line"] == "control plane" or "control plane" in (row["why"] or "")]
    return sorted((row["cluster"] or "", row["line"], row["effective"] or row["list"]) for row in rows)


BILLED = Decimal("2.40")


def test_c02_a_fee_of_one_cluster_is_none_of_another() -> None:
    assert planes(fee("eu")) == [("eu", "control plane", BILLED), ("us", "unknown", None)]
    assert planes(fee("eu"), fee("us")) == [("eu", "control plane", BILLED), ("us", "control plane", BILLED)]


def test_c02_a_fee_of_one_day_is_none_of_another() -> None:
    bill = charges({"day": MONDAY, **CLUSTERS[0]}, {"day": MONDAY + DAY, **CLUSTERS[0]}, fee("eu"))
    lines = records(allocated(bill, objects(hours("a", 48)), planes_cost=True))
    assert [(row["day"], row["why"]) for row in lines if row["line"] == "unknown"] == [
        (MONDAY + DAY, "a control plane that stands in no bill, and has no price")
    ]


def test_c02_a_bill_without_any_is_unknown_and_a_price_is_taken() -> None:
    assert planes() == [("eu", "unknown", None), ("us", "unknown", None)]
    assert planes(prices=given(any="0.10")) == [("eu", "control plane", BILLED), ("us", "control plane", BILLED)]
    assert planes(prices=given(any="0.10", us="0.20"))[1] == ("us", "control plane", Decimal("4.80"))


def test_c02_a_control_plane_that_is_said_to_cost_nothing_has_no_line() -> None:
    assert planes(prices=given(any="0")) == []
    assert planes(prices=given(eu="0")) == [("us", "unknown", None)]
    assert planes(fee("eu"), prices=given(any="0")) == [("eu", "control plane", BILLED)]


def test_a_cluster_is_known_by_what_the_tags_of_its_nodes_call_it() -> None:
    tags = ("aws:eks:cluster-name=prod-1",), ("kubernetes.io/cluster/prod-2=owned",)
    bill = [row | {"tags": tag} for row, tag in zip(CLUSTERS, tags, strict=True)]
    assert planes(fee("prod-1"), fee("prod-2"), bill=bill) == [
        ("eu", "control plane", BILLED),
        ("us", "control plane", BILLED),
    ]
    other = [("", "outside the cluster", BILLED), ("eu", "control plane", BILLED), ("us", "unknown", None)]
    assert planes(fee("prod-1"), fee("of-somebody-else"), bill=bill) == other


AKS = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/prod"


@pytest.mark.parametrize(
    "named",
    [
        {"resource_id": AKS, "resource_name": "prod", "provider": "Microsoft", "service": "Azure Kubernetes Service"},
        {"resource_id": f"{EKS}Prod"},
        {"resource_id": None, "tags": ("aws:eks:cluster-name=prod",)},
    ],
    ids=["Azure", "by its id", "by its tag"],
)
def test_a_cluster_is_known_by_what_the_configuration_says_that_the_bill_calls_it(named: dict[str, Any]) -> None:
    ours = fee(None, **named)
    assert planes(ours)[0] == ("", "outside the cluster", BILLED)
    assert planes(ours, billed_as=(("eu", "PROD"),)) == [("eu", "control plane", BILLED), ("us", "unknown", None)]


def test_of_two_clusters_that_the_bill_calls_alike_each_is_known_by_its_whole_id() -> None:
    theirs = f"{EKS}prod".replace("central", "north")
    both = fee("prod"), fee(None, resource_id=theirs, effective=Decimal("4.80"))
    bill = [row | {"tags": ("aws:eks:cluster-name=prod",)} for row in CLUSTERS]
    named = (("eu", f"{EKS}prod"), ("us", theirs))
    found = [("eu", "control plane", BILLED), ("us", "control plane", Decimal("4.80"))]
    assert planes(*both, billed_as=named) == planes(*both, bill=bill, billed_as=named) == found


def test_what_another_clusters_nodes_are_called_by_is_no_name_either_if_the_configuration_says_so() -> None:
    bill = [CLUSTERS[0], CLUSTERS[1] | {"tags": ("aws:eks:cluster-name=prod",)}]
    doubt = [("", "control plane", BILLED), ("eu", "unknown", None), ("us", "unknown", None)]
    assert planes(fee("prod"), bill=bill, billed_as=(("eu", "prod"),)) == doubt


def test_a_name_of_a_cluster_that_was_not_read_is_nobody_elses() -> None:
    assert planes(fee("prod"), billed_as=(("asia", "prod"),))[0] == ("", "outside the cluster", BILLED)


def test_what_two_clusters_nodes_are_called_by_is_no_name() -> None:
    bill = [row | {"tags": ("KubernetesCluster=shared",)} for row in CLUSTERS]
    assert planes(fee("shared"), bill=bill) == [
        ("", "control plane", BILLED),
        ("eu", "unknown", None),
        ("us", "unknown", None),
    ]


def test_fees_that_name_no_cluster_are_whose_they_are_if_there_are_enough() -> None:
    both = [("", "control plane", BILLED)] * 2
    assert planes(fee("1", resource_id="fee-1"), fee("2", resource_id="fee-2")) == both
    assert planes(fee("1", resource_id="fee-1")) == [both[0], ("eu", "unknown", None), ("us", "unknown", None)]
    # Whose the price would be is not known: a sum with it would have a fee twice.
    assert planes(fee(None), prices=given(any="0.10")) == [both[0], ("eu", "unknown", None), ("us", "unknown", None)]


@pytest.mark.parametrize("named", [{}, {"resource_id": None, "tags": ("aws:eks:cluster-name=prod-1",)}])
def test_c02_a_fee_that_names_another_cluster_is_not_ours(named: dict[str, Any]) -> None:
    """However many of them there are: a cluster that was not read, or is not configured, has a fee of its own."""
    other = [("", "outside the cluster", BILLED)] * 2
    assert planes(fee("prod-1", **named), fee("prod-2")) == [*other, ("eu", "unknown", None), ("us", "unknown", None)]
    listed = planes(fee("prod-1", **named), fee("prod-2"), prices=given(any="0.20"))
    assert listed == [*other, ("eu", "control plane", Decimal("4.80")), ("us", "control plane", Decimal("4.80"))]


def test_c02_fees_of_other_clusters_are_in_the_total_and_say_whose_they_are() -> None:
    bill = charges({"day": MONDAY} | CLUSTERS[0], fee("eu"), fee("of-another-team", team="other"))
    lines = allocated(bill, objects(hours("a")), planes_cost=True)
    assert sum(by_line(lines).values()) == total(bill["effective"])
    assert of_team(lines, "other", "outside the cluster") == BILLED
    assert {row["why"] for row in records(lines) if row["team"] == "other"} == {
        "the fee of a control plane of of-another-team, as which no cluster is known"
    }
    (found,) = checks.costs_covered(costs.coverage(lines), thresholds=Thresholds())
    assert found.status is Status.OK


def test_c02_a_fee_of_another_name_may_be_of_a_cluster_that_was_not_read() -> None:
    table = nodes({})
    table.attrs["gaps"] = ["cluster/us: no answer after 8 s"]
    lines = allocated(charges(fee("us"), fee("eu")), objects(hours("a"), node_table=table), planes_cost=True)
    rows = {row["cluster"]: row["why"] for row in records(lines) if row["line"] == "control plane"}
    assert rows["eu"] is None
    assert str(rows[None]).endswith(
        "of us, as which no cluster is known: a cluster was not read, and it may be of that one"
    )


@pytest.mark.parametrize(
    ("rows", "status"), [(CLUSTERS[:1], Status.OK), ((), Status.CRIT)], ids=["all is well", "else not"]
)
def test_c02_that_a_fee_without_a_name_is_ours_is_assumed_and_said_once(
    rows: Sequence[dict[str, Any]], status: Status
) -> None:
    bill = charges(
        *({"day": MONDAY + n * DAY} | row for n in range(3) for row in (*rows, fee(None) | {"day": MONDAY + n * DAY}))
    )
    lines = allocated(bill, objects(hours("a", 72)), planes_cost=True)
    whys = [row["why"] for row in records(lines) if row["line"] == "control plane"]
    assert (
        whys
        == ["assumed to be of a cluster that was read, as the bill has as many fees and does not say whose they are"]
        * 3
    )
    found = checks.costs_covered(costs.coverage(lines), thresholds=Thresholds())
    assert max((one.status for one in found), key=lambda one: one.severity) is status
    (said,) = [one for one in found if "is assumed" in one.reason]
    assert (said.status, said.subject, said.numbers["assumed"]) == (Status.OK, "days of control planes", 3.0)


def nameless(*fees: dict[str, Any], clusters: pd.DataFrame, us_unread: bool = False) -> tuple[list[Any], Status]:
    """The lines of control planes of one day, and what coverage says of them; the bill is in the lines, whatever they are."""
    if us_unread:
        clusters.attrs["gaps"] = ["cluster/us: no answer after 8 s"]
    bill = charges({"day": MONDAY} | CLUSTERS[0], *fees)
    lines = allocated(bill, objects(hours("a"), node_table=clusters), planes_cost=True)
    assert sum(by_line(lines).values()) == total(bill["effective"])
    rows = [row for row in records(lines) if row["line"] == "control plane" or "control plane" in (row["why"] or "")]
    found = checks.costs_covered(costs.coverage(lines), thresholds=Thresholds())
    worst = max((one.status for one in found), key=lambda one: one.severity)
    return [(row["cluster"], row["line"], row["effective"], row["why"]) for row in rows], worst


def test_c02_a_fee_without_a_name_may_be_of_a_cluster_that_was_not_read() -> None:
    found, status = nameless(fee(None), clusters=nodes({}), us_unread=True)
    assert found == [
        (None, "unknown", BILLED, f"{NAMELESS}: a cluster was not read, and it may be of that one"),
        ("eu", "unknown", None, WHOSE),
    ]
    assert status in (Status.UNKNOWN, Status.CRIT)


def test_c02_of_more_fees_without_a_name_than_clusters_it_is_not_known_which_are_ours() -> None:
    fees = [fee(None, resource_id=f"opaque-{n}") for n in range(3)]
    found, status = nameless(*fees, clusters=nodes({}))
    why = "1 of 3 fees of control planes that do not say whose are of clusters that were read: which ones is not known"
    assert found == [(None, "unknown", BILLED, why)] * 3 + [("eu", "unknown", None, WHOSE)]
    assert status in (Status.UNKNOWN, Status.CRIT)
    assert nameless(fees[0], clusters=nodes({})) == ([(None, "control plane", BILLED, ASSUMED)], Status.OK)


PER_HOUR = {"usage_unit": "Hours", "usage_quantity": 24.0, "rows": 24, "sku_id": "per-cluster"}
LONGER = {"sku_id": "extended-support"}


@pytest.mark.parametrize(
    "fees",
    [
        [{**PER_HOUR, "usage_quantity": 48.0, "rows": 48}],
        [{**PER_HOUR, "tags": ("cost-centre=1",)}, {**PER_HOUR, "tags": ("cost-centre=2",)}],
        [PER_HOUR, {**PER_HOUR, "region": "us-east-1"}],
        [{**PER_HOUR, "usage_unit": None, "pricing_unit": "1 Hour", "pricing_quantity": 36.0}],
        [PER_HOUR, {"resource_id": "opaque-1"}],
        [{**PER_HOUR, "usage_quantity": 48.0}, PER_HOUR | LONGER],
        [{}, {"tags": ("cost-centre=2",)}],
    ],
    ids=[
        "in one row",
        "two rows",
        "two regions",
        "one of them new",
        "one with an id",
        "one supported longer",
        "as rows",
    ],
)
def test_c02_fees_without_a_name_or_an_id_are_as_many_as_there_are(fees: list[dict[str, Any]]) -> None:
    """Two of them, for two clusters; and one more than one cluster has."""
    rows = [fee(None, **one) for one in fees]
    assert planes(*rows) == [("", "control plane", BILLED)] * len(rows)

    found, status = nameless(*rows, clusters=nodes({}))
    why = "1 of 2 fees of control planes that do not say whose are of clusters that were read: which ones is not known"
    assert found == [(None, "unknown", BILLED, why)] * len(rows) + [("eu", "unknown", None, WHOSE)]
    assert status in (Status.UNKNOWN, Status.CRIT)


@pytest.mark.parametrize(
    "fees",
    [[PER_HOUR], [{**PER_HOUR, "usage_quantity": 7.5}], [PER_HOUR, PER_HOUR | LONGER]],
    ids=["day", "part", "two SKUs"],
)
def test_c02_the_hours_of_one_fee_are_one(fees: list[dict[str, Any]]) -> None:
    rows = [fee(None, **one) for one in fees]
    assert nameless(*rows, clusters=nodes({})) == ([(None, "control plane", BILLED, ASSUMED)] * len(rows), Status.OK)


def test_c02_of_rows_that_do_not_say_of_how_many_clusters_they_are_nothing_is_assumed() -> None:
    found, status = nameless(fee(None, rows=2), clusters=nodes({}))
    assert found == [(None, "unknown", BILLED, HOW_MANY), ("eu", "unknown", None, WHOSE)]
    assert status in (Status.UNKNOWN, Status.CRIT)


def test_c02_a_fee_of_somebody_else_beside_ours_is_not_assumed_to_be_ours() -> None:
    bill = charges({"day": MONDAY} | CLUSTERS[0], fee("eu"), fee("of-another-team"))
    lines = allocated(bill, objects(hours("a")), planes_cost=True)
    assert {row["why"] for row in records(lines) if row["line"] == "control plane"} == {None}


def test_several_rows_of_one_fee_are_one() -> None:
    one = fee("1", resource_id="fee-1")
    assert planes(one, one | {"sku_id": "extended-support"})[2:] == [
        ("eu", "unknown", None),
        ("us", "unknown", None),
    ]


def test_c02_the_fee_is_told_though_another_cluster_was_not_read() -> None:
    tagged = fee("eu", tags=("aws:eks:cluster-name=eu",))
    table = nodes({})
    table.attrs["gaps"] = ["cluster/us: no answer after 8 s"]
    lines = allocated(charges(tagged), objects(hours("a"), node_table=table), planes_cost=True)
    assert [(row["cluster"], row["effective"]) for row in records(lines) if row["line"] == "control plane"] == [
        ("eu", BILLED)
    ]


def test_c02_a_control_plane_without_a_price_lowers_coverage() -> None:
    def covered(prices: pd.DataFrame | None) -> list[tuple[str, float, float | None]]:
        bill = charges(*({"day": MONDAY} | row for row in CLUSTERS), fee("eu"))
        lines = allocated(bill, objects(USED, node_table=TWO), prices=prices, planes_cost=True)
        rows = records(costs.coverage(lines))
        return [
            (row["what"], row["total"], row["priced_share"]) for row in rows if row["what"].endswith("control planes")
        ]

    assert covered(None) == [("days of control planes", 2.0, 0.5)]
    assert covered(given(any="0.10")) == [("days of control planes", 2.0, 1.0)]
    assert covered(given(any="0")) == [("days of control planes", 1.0, 1.0)]


@pytest.mark.parametrize(
    ("value", "fees"),
    [
        ("0.10", {"*": Decimal("0.10")}),
        ('"none"', {"*": Decimal(0)}),
        ('{ eu = "none" }', {"eu": Decimal(0)}),
        ('{ "*" = "0.10", eu = 0.2 }', {"*": Decimal("0.10"), "eu": Decimal("0.2")}),
    ],
)
def test_a_fee_is_configured_for_any_cluster_or_for_each(tmp_path: Path, value: str, fees: dict[str, Decimal]) -> None:
    text = PRICES.replace("control_plane_hour = 0.10", f"control_plane_hour = {value}")
    prices = load_config(written(tmp_path, text)).environments["p"].prices
    assert prices is not None
    assert prices.control_plane_hour == fees
    assert [row[1:] for row in prices.listed() if row[0] == "control plane"] == [
        (name, "hour", amount) for name, amount in fees.items()
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "0",
            r'control_plane_hour is no price \(allowed: more than 0, or "none" for a control plane that costs nothing',
        ),
        ('"free"', r"control_plane_hour is not an amount of money \(allowed: more than 0, or \"none\""),
        ("{ eu = 0 }", r"control_plane_hour 'eu' is no price"),
        ('{ us = "none" }', r"control_plane_hour names cluster 'us' \(allowed: \"\*\" for any, or one of eu\)"),
    ],
)
def test_a_fee_that_is_none_is_refused(tmp_path: Path, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(written(tmp_path, PRICES.replace("control_plane_hour = 0.10", f"control_plane_hour = {value}")))
