"""What misleads in cost reports, C01 to C16: each with a known truth. C13 to C15 are about right-sizing, and tested with it.

The truth of most is one day: nodes 8.83, a volume 0.34, a load balancer 0.60, the control plane 2.40: 12.17 EUR.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis.costs.aggregate import aggregate
from gocoffee_ops.analysis.costs.anomalies import anomalies
from gocoffee_ops.analysis.costs.changes import NOT_COMPARED, ONE_OFF, by_cause, cost_changes
from gocoffee_ops.analysis.costs.efficiency import requested_of_allocatable, used_of_requested
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.reconciliation import coverage, reconciliation
from gocoffee_ops.analysis.costs.schemas import CONTAINER_HOURS, PRICES, TEAMS
from gocoffee_ops.analysis.costs.weeks import Weeks
from gocoffee_ops.demo.bill import CURRENCY
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.queries import bills
from gocoffee_ops.sources.focus import Bill, Folder
from tests.costs.synthetic import AS_OF as LATER
from tests.costs.synthetic import scene
from tests.costs.tables import (
    DAY,
    HOUR,
    MONDAY,
    allocated,
    by_line,
    charges,
    hours,
    load_balancers,
    nodes,
    objects,
    of_team,
    rows_of,
    volumes,
)
from tests.focus_files import charge, write_csv
from tests.support import live_session

LIMITS = Thresholds()
NODE = {"day": MONDAY, "resource_id": "i-node1", "effective": Decimal("8.83")}
VOLUME = {"day": MONDAY, "resource_id": "vol-data00", "service": "EBS", "effective": Decimal("0.34")}
BALANCER = {
    "day": MONDAY,
    "resource_id": "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/shop/0a1b2c",
    "service": "ELB",
    "effective": Decimal("0.60"),
}
PLANE = {
    "day": MONDAY,
    "resource_id": "arn:aws:eks:eu-central-1:1:cluster/eu",
    "service": "Amazon EKS",
    "effective": Decimal("2.40"),
}
VOLUMES = volumes(
    {"volume": "pv1", "volume_handle": "vol-data00", "mounted_by": ("a",), "claim_namespace": "go-coffee"}
)
BALANCERS = load_balancers(
    {"service": "shop", "addresses": ("shop-0a1b2c.elb.eu-central-1.amazonaws.com",), "ready": 0}
)
TEAM_TABLE = rows_of(TEAMS, [{"team": "shop", "namespace": "go-coffee", "workload": "*"}])


def cluster(hour_rows: list[dict[str, Any]], **tables: pd.DataFrame) -> Any:
    return objects(hour_rows, **{"volume_table": VOLUMES, "balancer_table": BALANCERS, **tables})


def the_day(*without: dict[str, Any]) -> pd.DataFrame:
    return charges(*(row for row in (NODE, VOLUME, BALANCER, PLANE) if row not in without))


def test_c01_idle_is_a_line_of_its_own_without_being_asked_for() -> None:
    """A quarter of the cores and an eighth of the memory is used: (9·0.5 + 1) of (9·2 + 8)."""
    lines = allocated(the_day(), cluster(hours("a")))

    used = round(Decimal("8.83") * Decimal(55) / Decimal(260), 2)
    assert by_line(lines) == {
        "used": used,
        "idle": Decimal("8.83") - used,
        "storage": Decimal("0.34"),
        "load balancer": Decimal("0.60"),
        "control plane": Decimal("2.40"),
    }
    assert sum(by_line(lines).values()) == Decimal("12.17")


def test_c01_idle_is_nobodys_whatever_team_its_node_is_tagged_with() -> None:
    lines = allocated(charges(NODE | {"team": "platform"}), objects(hours("a")), teams=TEAM_TABLE)

    assert {(row["line"], row["team"]) for row in records(lines)} == {("used", "shop"), ("idle", None)}


def test_c02_the_control_planes_fee_is_a_line_and_its_lack_is_residual() -> None:
    totals = pd.DataFrame(
        [{"day": MONDAY, "billed": Decimal("12.17"), "effective": Decimal("12.17"), "currency": "EUR"}]
    )
    whole, lacking = (allocated(bill, cluster(hours("a"))) for bill in (the_day(), the_day(PLANE)))

    assert by_line(whole)["control plane"] == Decimal("2.40")
    table = {row["line"]: row["effective"] for row in records(reconciliation(whole, totals))}
    assert table["residual"] == 0
    table = {row["line"]: row["effective"] for row in records(reconciliation(lacking, totals))}
    assert (table["residual"], table["bill"]) == (Decimal("2.40"), Decimal("12.17"))


def test_c03_a_load_balancer_without_pods_counts_once_as_the_bill_has_it() -> None:
    lines = [row for row in records(allocated(the_day(), cluster(hours("a")))) if row["line"] == "load balancer"]

    assert [(row["effective"], row["workload"], row["price_from"]) for row in lines] == [
        (Decimal("0.600000000000"), "service/shop", "bill")
    ]


@pytest.mark.parametrize("gap", [range(18, 24), range(10, 14)], ids=["metrics stop at 18:00", "a gap at midday"])
def test_c04_hours_without_samples_are_unknown_and_bridged_by_nothing(gap: range) -> None:
    seen = [row for row in hours("a") if row["hour"].hour not in gap]
    lines = allocated(the_day(), cluster(seen))

    unseen = round(Decimal("8.83") * len(gap) / 24, 2)
    assert by_line(lines)["unknown"] == unseen
    assert by_line(lines)["used"] == round(Decimal("8.83") * Decimal(55) / 260 * (24 - len(gap)) / 24, 2)
    assert sum(by_line(lines).values()) == Decimal("12.17")
    table = coverage(lines)
    assert table["unseen_share"].tolist()[0] == pytest.approx(len(gap) / 24)
    assert {f.status for f in checks.costs_covered(table, thresholds=LIMITS)} == {Status.UNKNOWN}


def test_c04_half_an_hour_without_samples_is_half_unknown() -> None:
    half = hours("a", 1, cores=0.25, gib=0.5, minutes=30.0, samples_expected=60, samples_found=30)
    later = [row for row in hours("a") if row["hour"] > MONDAY]
    lines = allocated(charges(NODE), cluster(half + later))

    assert by_line(lines)["unknown"] == round(Decimal("8.83") / 48, 2)


def test_c04_a_container_that_alone_lost_its_samples_leaves_idle_unknown_for_that_time() -> None:
    """Another container shows that the node was scraped; what this one used in its second half hour is not known."""
    lost = hours(
        "b", 1, cores=0.25, gib=0.0, minutes=30.0, samples_expected=60, samples_found=30, cpu_request_cores=1.0
    )
    lines = records(allocated(charges(NODE), objects(hours("a", 1) + lost)))
    day = {(row["line"], row["pod"]): row for row in lines if row["why"] != "no samples of this time"}

    assert day["unknown", "b"]["core_hours"] == pytest.approx(0.75)  # requested, and not seen to be used
    assert day["idle", None]["core_hours"] == pytest.approx(day["unknown", None]["core_hours"]) == pytest.approx(0.25)


def test_c04_an_hour_in_which_no_request_was_read_has_no_idle() -> None:
    """kube-state-metrics was gone from 12:00 on: what was used is known, what was kept for whom is not."""
    seen = hours("a", cpu_request_cores=0.5, memory_request_gib=1.0)
    for row in seen:
        if row["hour"].hour >= 12:
            row |= {"cpu_request_cores": None, "memory_request_gib": None}
    lines = allocated(charges(NODE), objects(seen))

    used = round(Decimal("8.83") * Decimal(55) / 260, 2)
    rest = (Decimal("8.83") - used) / 2
    assert by_line(lines) == {"used": used, "idle": round(rest, 2), "unknown": round(rest, 2)}
    assert {row["why"] for row in records(lines) if row["line"] == "unknown"} == {"requests were not read"}


def test_c04_a_node_that_was_made_anew_under_its_name_has_the_hours_of_the_one_before() -> None:
    """The node of today is an hour old; on Monday another had its name, and lost its samples in the evening."""
    table = nodes({"created_at": MONDAY + 5 * DAY})
    seen = [row for row in hours("a") if row["hour"].hour < 18]
    lines = allocated(charges(NODE), objects(seen, node_table=table))

    assert by_line(lines)["unknown"] == round(Decimal("8.83") / 4, 2)
    empty = allocated(charges(NODE), objects([], node_table=table))
    assert {row["why"] for row in records(empty)} == {"the node was not there on this day, says its cluster"}


def test_c05_a_pod_that_ran_twice_under_one_name_is_billed_by_uid_for_its_minutes() -> None:
    """Two runs of 10 minutes that request a core: a sixth of a core-hour each, and not the eleven hours in between."""
    runs = [
        row
        for n, at in enumerate((8, 19))
        for row in hours(
            "import", 1, start=MONDAY + at * HOUR, cores=0.1, gib=0.1, pod_uid=f"uid-{n}", minutes=10.0,
            samples_expected=10, samples_found=10, cpu_request_cores=1.0, memory_request_gib=0.6,
        )
    ]  # fmt: skip
    table = aggregate(allocated(charges(NODE), cluster(hours("a") + runs)), ["pod", "line"])
    spent = {(row["pod"], row["line"]): row for row in records(table)}

    both = [spent["import", line]["core_hours"] for line in ("used", "requested and unused")]
    assert sum(both) == pytest.approx(20 / 60)
    cost = sum(spent["import", line]["effective"] for line in ("used", "requested and unused"))
    assert round(cost, 2) == round(Decimal("8.83") / 24 * (9 * Decimal(20) / 60 + Decimal("0.2")) / 26, 2)
    uids = {row["pod_uid"] for row in records(allocated(charges(NODE), cluster(runs))) if row["pod"]}
    assert uids == {"uid-0", "uid-1"}


def test_c06_no_data_is_unknown_and_not_an_empty_cluster() -> None:
    lines = allocated(charges(NODE), cluster([], volume_table=volumes(), balancer_table=load_balancers()))

    assert by_line(lines) == {"unknown": Decimal("8.83")}
    assert {row["why"] for row in records(lines)} == {"no samples of this time"}
    (found,) = checks.usage_covered(CONTAINER_HOURS.empty(), thresholds=LIMITS)
    assert (found.status, found.reason) == (Status.UNKNOWN, "no hour of any container was read")


def test_c07_usage_over_request_and_request_over_allocatable_are_two_and_none_is_missing() -> None:
    busy = hours("busy", cores=0.57, cpu_request_cores=0.2, memory_request_gib=2.0)
    bare = hours("bare", cores=0.3)
    table = {row["workload"]: row for row in records(used_of_requested(rows_of(CONTAINER_HOURS, busy + bare)))}

    assert table["deployment/busy"]["cpu_used_of_requested"] == pytest.approx(2.85)
    assert table["deployment/busy"]["memory_used_of_requested"] == pytest.approx(0.5)
    assert table["deployment/bare"]["cpu_used_of_requested"] is None
    ratios = records(requested_of_allocatable(nodes({}, {}), rows_of(CONTAINER_HOURS, busy + bare)))
    assert [(row["node"], row["cpu_requested_of_allocatable"]) for row in ratios] == [("n1", pytest.approx(0.1))]


def test_c08_storage_without_a_price_is_unknown_and_counted_in_coverage() -> None:
    lines = allocated(the_day(VOLUME), cluster(hours("a")))
    (volume,) = [row for row in records(lines) if row["resource_id"] == "vol-data00"]

    assert (volume["line"], volume["price_from"]) == ("unknown", None)
    assert [volume[basis] for basis in ("billed", "effective", "list")] == [None, None, None]
    volumes_ = records(coverage(lines))[2]
    assert (volumes_["total"], volumes_["unpriced"], volumes_["priced_share"]) == (10.0, 10.0, 0.0)
    assert {f.status for f in checks.costs_covered(coverage(lines), thresholds=LIMITS)} == {Status.CRIT}


def test_c08_a_volume_on_a_nodes_own_disk_is_paid_for_with_the_node() -> None:
    table = volumes({"volume": "pv1", "driver": "kubernetes.io/host-path", "mounted_by": ("a",)})
    lines = allocated(charges(NODE), objects(hours("a"), volume_table=table))

    assert set(by_line(lines)) == {"used", "idle"}


def price(name: str, amount: str, kind: str = "node", price_from: str = "list", unit: str = "hour") -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "unit": unit,
        "list": Decimal(amount),
        "currency": "EUR",
        "price_from": price_from,
    }


def test_c09_the_bills_effective_cost_goes_before_a_list_price_and_a_list_price_says_so() -> None:
    """n1 is committed at 60 % of its list price; n2 is in no bill; n3 is a spot node with an on-demand price only."""
    prices = rows_of(PRICES, [price("m6i.large", "0.10")])
    table = nodes({}, {}, {"capacity_type": "spot"})
    seen = [row for n in (1, 2, 3) for row in hours(f"a{n}", node=f"n{n}")]
    bill = charges(
        {**NODE, "effective": Decimal("1.44"), "billed": Decimal(0), "list": Decimal("2.40"), "commitment": "Used"}
    )
    lines = records(allocated(bill, objects(seen, node_table=table), prices=prices))
    money = {
        node: {
            (row["price_from"], basis)
            for row in lines
            for basis in ("effective", "list")
            if row["node"] == node and row[basis] is not None
        }
        for node in ("n1", "n2", "n3")
    }

    assert money == {"n1": {("bill", "effective")}, "n2": {("list", "list")}, "n3": set()}
    assert total(row["effective"] for row in lines) == Decimal("1.44")
    assert total(row["list"] for row in lines) == Decimal("2.40")
    assert {row["line"] for row in lines if row["node"] == "n3"} == {"unknown"}


def test_c09_opencosts_price_goes_before_the_configurations() -> None:
    theirs = price("n1", "0.07", price_from="opencost")
    for ours in (price("m6i.large", "0.10"), price("n1", "0.10")):
        for table in ([ours, theirs], [theirs, ours]):
            lines = records(allocated(charges(), objects(hours("a")), prices=rows_of(PRICES, table)))
            assert total(row["list"] for row in lines) == Decimal("0.07") * 24
            assert {row["price_from"] for row in lines} == {"opencost"}


@pytest.mark.parametrize(("cores", "asked"), [(2.5, 0.0), (0.1, 2.5)], ids=["usage", "requests"])
def test_c10_more_than_a_node_has_is_unknown_and_no_idle_below_zero(cores: float, asked: float) -> None:
    lines = allocated(charges(NODE), objects(hours("a", cores=cores, cpu_request_cores=asked)))

    assert by_line(lines) == {"unknown": Decimal("8.83")}
    assert {row["why"] for row in records(lines)} == {"more was measured or requested than the node has"}


def test_c10_a_node_without_a_price_is_unknown_and_no_idle_below_zero() -> None:
    lines = records(allocated(charges(), objects(hours("a"))))

    assert {(row["line"], row["effective"], row["list"], row["price_from"]) for row in lines} == {
        ("unknown", None, None, None)
    }
    assert sum(row["core_hours"] for row in lines) == pytest.approx(48)


def test_c11_a_purchase_of_three_years_is_billed_on_its_day_and_effective_over_them() -> None:
    one = scene()
    lines = allocated(one.bill, one.objects, LATER, teams=one.teams)
    by_day = {row["day"]: row for row in records(aggregate(lines, "day")) if row["currency"] == "EUR"}
    bought = one.stage.days[9]

    assert by_day[bought]["billed"] > 9000 > by_day[bought]["effective"]
    table = records(anomalies(lines, "line"))
    assert not [row for row in table if row["key"] == "purchase" and row["score"]]
    changed = [row for row in records(by_cause(cost_changes(one.bill, as_of=LATER))) if row["currency"] == CURRENCY]
    causes = {row["cause"]: row["effective_change"] for row in changed}
    assert causes[ONE_OFF] == Decimal("80.00") - Decimal("3.33")
    assert {"billed", "effective"} <= set(lines.columns)
    assert "cost" not in lines.columns


def test_c12_the_last_two_days_are_estimates_and_in_no_comparison() -> None:
    one = scene()
    lines = allocated(one.bill, one.objects, LATER, teams=one.teams)
    estimated = {row["day"] for row in records(lines) if row["estimated"]}

    assert estimated == set(one.stage.days[14:])
    assert Weeks.settled(LATER).now == one.stage.days[7:14]
    assert {row["day"] for row in records(anomalies(lines))} == set(one.stage.days[7:14])
    bills_days = [row for row in records(reconciliation(lines)) if (row["line"], row["currency"]) == ("bill", CURRENCY)]
    table = {row["estimated"]: row["days"] for row in bills_days}
    assert table == {False: 14, True: 2}
    assert drops(lines) == {"unknown"}  # an evening that was not measured was in the week before
    hasty = allocated(one.bill, one.objects, LATER, teams=one.teams, lag_h=0.0)
    assert drops(hasty) >= {"idle", "storage", "control plane", "load balancer", "unknown"}


def drops(lines: pd.DataFrame) -> set[str]:
    """The lines that seem to cost less than usual on some day."""
    table = records(anomalies(lines, "line"))
    return {row["key"] for row in table if (row["score"] or 0) < -LIMITS.cost_anomaly_warn}


def test_c16_a_charge_late_in_the_evening_is_of_its_utc_day_whatever_the_day_is_in_berlin(tmp_path: Path) -> None:
    """23:00 UTC of the last Monday is 0:00 of Tuesday in Berlin, as a bill of local times writes it."""
    utc, berlin = ({"ChargePeriodStart": start} for start in ("2026-11-02T23:00:00Z", "2026-11-03T00:00:00+01:00"))
    write_csv(tmp_path / "bill" / "a.csv", [charge(ResourceId="a", **utc), charge(ResourceId="b", **berlin)])
    place = Target("bill", "aws")
    source = Bill(str(place), Folder(str(place), tmp_path / "bill"))
    ops = live_session(tmp_path / "run", as_of=MONDAY + 7 * DAY, sources={place: source})
    lines = allocated(bills.charges(ops, days=7), objects())

    assert {(row["resource_id"], row["day"]) for row in records(lines) if row["charge"] is not None} == {
        ("a", MONDAY),
        ("b", MONDAY),
    }


def test_c16_seven_days_are_held_against_seven() -> None:
    """A bill of 13 days is not compared."""
    bill = charges(*({"day": MONDAY + n * DAY, "resource_id": "b", "effective": Decimal(10)} for n in range(13)))
    table = records(cost_changes(bill, as_of=MONDAY + 16 * DAY + timedelta(hours=1)))

    assert [(row["cause"], row["effective_change"]) for row in table] == [(NOT_COMPARED, None)]
    assert "2026-11-15" in str(table[0]["why"])


def test_c16_currencies_stay_apart_and_tax_and_credit_are_no_teams() -> None:
    tax = {"day": MONDAY, "charge_category": "Tax", "service": "Tax", "effective": Decimal(19)}
    credit = {"day": MONDAY, "charge_category": "Credit", "service": "Credits", "effective": Decimal(-5)}
    dollars = {"day": MONDAY, "resource_id": "b", "currency": "USD", "effective": Decimal(7), "team": "shop"}
    lines = allocated(charges(NODE, tax, credit, dollars), objects(hours("a")), teams=TEAM_TABLE)

    assert by_line(lines)["tax"] == 19
    assert by_line(lines)["credit"] == -5
    used = of_team(lines, "shop", "used")
    table = {(row["team"], row["currency"]): row["effective"] for row in records(aggregate(lines, "team"))}
    assert table["shop", "EUR"] == used
    assert table["shop", "USD"] == 7
    assert table[None, "EUR"] == Decimal("8.83") + 19 - 5 - used
