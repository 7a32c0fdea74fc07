"""What is made from the lines: sums, prices, rows of FOCUS, days that are unusual, what the month will cost."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks, costs
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.schemas import CONTAINERS, PRICES
from gocoffee_ops.demo.bill import CURRENCY
from gocoffee_ops.errors import UsageError
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from gocoffee_ops.queries import opencost
from tests.costs.synthetic import AS_OF, FIRST, Scene, scene
from tests.costs.tables import DAY, MONDAY, allocated, charges, hours, nodes, objects, rows_of


@pytest.fixture(scope="module")
def one() -> Scene:
    return scene()


@pytest.fixture(scope="module")
def lines(one: Scene) -> pd.DataFrame:
    return allocated(one.bill, one.objects, AS_OF, teams=one.teams)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("teams", r"unknown key of costs 'teams'.*did you mean 'team'"),
        ("label:", "unknown key of costs"),
        ([], "one key, or some that differ"),
        (["team", "team"], "one key, or some that differ"),
    ],
)
def test_a_key_that_there_is_not_is_named_before_anything_is_added_up(by: str | list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        costs.aggregate(pd.DataFrame(), by)


def test_costs_by_label_keep_what_has_no_such_label(lines: pd.DataFrame) -> None:
    table = costs.aggregate(lines, "label:team")

    assert {key for key in table["label:team"] if not pd.isna(key)} == {"shop", "analytics"}
    assert total(table["effective"]) == total(lines["effective"])


def test_labels_workloads_and_nodes_that_hours_do_not_say_come_from_the_pods() -> None:
    hour_rows = hours("a", node=None, workload=None) + hours("b", pod_uid="uid-of-another", node=None)
    pods = [{"pod": name, "pod_uid": f"uid-{name}", "workload": f"deployment/{name}", "node": "n1"} for name in "ab"]
    about = {"cluster": "eu", "namespace": "go-coffee", "labels": ("app=shop",)}
    things = replace(objects(hour_rows), containers=rows_of(CONTAINERS, [about | pod for pod in pods]))
    bill = charges({"day": MONDAY, "resource_id": "i-node1", "effective": Decimal(10)})

    found = {
        row["pod"]: row for row in records(costs.aggregate(allocated(bill, things), ["pod", "workload", "label:app"]))
    }
    assert (found["a"]["workload"], found["a"]["label:app"]) == ("deployment/a", "shop")
    assert found["a"]["effective"] > 0
    assert (found["b"]["label:app"], found["b"]["effective"]) == ("shop", None)  # on which node it ran is not known
    assert "idle" not in set(allocated(bill, things)["line"])


def test_the_dearest_stands_first_and_shares_add_up_to_one(lines: pd.DataFrame) -> None:
    table = costs.aggregate(lines, "line")
    euros = [row for row in records(table) if row["currency"] == "EUR"]

    assert [row["effective"] for row in euros] == sorted((row["effective"] for row in euros), reverse=True)
    assert sum(row["of_effective"] for row in euros) == pytest.approx(1)
    assert [row["unpriced"] for row in records(table) if row["currency"] is None] == [16]  # a volume, 16 days


def test_a_table_that_lacks_a_column_is_named(one: Scene) -> None:
    with pytest.raises(ValueError, match="the table of charges has no column currency"):
        costs.allocate(one.bill.drop(columns="currency"), one.objects, costs.Rules(AS_OF))


def test_rows_of_focus_have_ratios_that_add_up_and_no_receiver_for_what_is_nobodys(
    one: Scene, lines: pd.DataFrame
) -> None:
    table = records(costs.focus_rows(lines, one.bill))
    ratios: defaultdict[tuple[object, ...], float] = defaultdict(float)
    for row in table:
        assert (row["AllocatedMethodId"] is None) == (row["AllocatedMethodDetails"] is None)
        if row["AllocatedMethodId"] is not None:
            details = json.loads(row["AllocatedMethodDetails"])
            key = (row["ResourceId"], row["ChargePeriodStart"], row["SkuId"], row["CommitmentDiscountStatus"])
            ratios[key] += sum(element["AllocatedRatio"] for element in details["Elements"])
    assert len(ratios) == 7 * 16
    assert all(ratio == pytest.approx(1, abs=1e-9) for ratio in ratios.values())

    idle = [row for row in table if row["x_CostLine"] == "idle"]
    assert idle
    assert {(row["AllocatedResourceId"], row["AllocatedResourceName"]) for row in idle} == {(None, None)}
    used = next(row for row in table if row["x_CostLine"] == "used" and row["x_Team"] == "shop")
    assert used["AllocatedResourceName"] == "go-coffee/deployment/orders"
    assert used["AllocatedResourceId"] == "eu/go-coffee/orders-0/go-coffee-orders-0/app"
    assert {row["ChargePeriodEnd"] - row["ChargePeriodStart"] for row in table} == {timedelta(days=1)}
    by_charge = {row["PricingUnit"]: Decimal(0) for row in table}
    for row in table:
        by_charge[row["PricingUnit"]] += row["PricingQuantity"] or 0
    assert by_charge["Hours"] == total(
        Decimal(str(row["pricing_quantity"])) for row in records(one.bill) if row["pricing_unit"] == "Hours"
    )


def test_a_nodes_price_is_its_effective_cost_and_splits_into_core_and_memory() -> None:
    bill = charges({"day": MONDAY, "resource_id": "i-node1", "effective": Decimal("6.24")})
    prices = rows_of(
        PRICES,
        [
            {
                "kind": "node",
                "name": "m6i.large",
                "unit": "hour",
                "list": Decimal("0.52"),
                "currency": "EUR",
                "price_from": "list",
            }
        ],
    )
    table = nodes({}, {}, {"instance_type": "unheard-of"})
    seen = [row for n in (1, 2, 3) for row in hours(f"a{n}", node=f"n{n}")]
    first, second, third = records(
        costs.node_prices(allocated(bill, objects(seen, node_table=table), prices=prices), table)
    )

    assert (first["hour_effective"], first["core_hour_effective"], first["gib_hour_effective"]) == (
        Decimal("0.26"),
        Decimal("0.09"),
        Decimal("0.01"),
    )
    assert (first["price_from"], first["hour_list"]) == ("bill", None)
    assert (second["price_from"], second["hour_list"], second["core_hour_list"]) == (
        "list",
        Decimal("0.52"),
        Decimal("0.18"),
    )
    assert (third["price_from"], third["hour_effective"], third["hour_list"]) == (None, None, None)


def test_a_node_that_the_bill_has_on_some_days_is_priced_by_these() -> None:
    bill = charges({"day": MONDAY, "resource_id": "i-node1", "effective": Decimal("2.40")})
    row = {"kind": "node", "name": "*", "unit": "hour", "list": Decimal("0.5"), "currency": "EUR", "price_from": "list"}
    prices = rows_of(PRICES, [row | {"name": "m6i.large"}])
    found = allocated(bill, objects(hours("a", 48)), prices=prices)

    assert {line["price_from"] for line in records(found)} == {"bill", "list"}
    (node,) = records(costs.node_prices(found, nodes({})))
    assert (node["price_from"], node["hour_effective"], node["hour_list"]) == ("bill", Decimal("0.1"), None)


def test_a_charge_of_its_own_for_a_licence_makes_no_hours_twice() -> None:
    node = {"day": MONDAY, "resource_id": "i-node1", "effective": Decimal("6.24")}
    licence = node | {"sku_id": "licence", "effective": Decimal("2.40")}
    found = allocated(charges(node, licence), objects(hours("a")))

    assert records(costs.coverage(found))[0]["total"] == pytest.approx(48)
    (price,) = records(costs.node_prices(found, nodes({})))
    assert (price["hour_effective"], price["hours"]) == (Decimal("0.36"), pytest.approx(24))


def test_the_band_shows_what_hangs_on_the_weight_of_a_core(one: Scene, lines: pd.DataFrame) -> None:
    rules = costs.Rules(AS_OF)
    band = records(costs.cpu_weight_band(one.bill, one.objects, rules, teams=one.teams))
    table, team = (
        {(row["team"], row["currency"]): row for row in rows}
        for rows in (band, records(costs.aggregate(lines, "team")))
    )

    assert {key: row["effective"] for key, row in table.items()} == {
        key: row["effective"] for key, row in team.items() if key[1] is not None
    }
    reports = table["analytics", "EUR"]  # requests much memory
    assert reports["effective_at_low_weight"] > reports["effective"] > reports["effective_at_high_weight"]


def test_opencosts_assets_are_prices_and_what_it_has_none_for_is_left_out() -> None:
    node = {"type": "Node", "minutes": 1440.0, "currency": "USD"}
    assets = rows_of(
        opencost.assets.schema,
        [
            node | {"name": "n1", "total_list": Decimal("2.40")},
            node | {"name": "n1", "total_list": Decimal("1.20"), "minutes": 720.0},
            node | {"name": "n2", "missing": "it has no price"},
            node | {"name": "n3", "total_list": Decimal(0)},
            node | {"type": "Disk", "name": "d", "volume": "pv1", "storage_gib": 10.0, "total_list": Decimal("0.24")},
            node | {"type": "LoadBalancer", "name": "go-coffee/shop", "total_list": Decimal("0.60")},
            node | {"type": "LoadBalancer", "name": "go-coffee/new", "missing": "its price is 0"},
            node | {"type": "ClusterManagement", "name": "eks", "total_list": Decimal("2.40")},
        ],
    )

    assert [
        (row["kind"], row["name"], row["list"], row["price_from"]) for row in records(costs.opencost_prices(assets))
    ] == [
        ("node", "n1", Decimal("0.1"), "opencost"),
        ("storage", "pv1", Decimal("0.73"), "opencost"),
        ("load balancer", "go-coffee/shop", Decimal("0.025"), "opencost"),
    ]


@pytest.mark.parametrize(
    ("namespace", "lost", "found"),
    [("kube-system", None, ["node-pool/spare"]), ("go-coffee", None, []), ("kube-system", 3, [])],
    ids=["only the system", "work", "a gap"],
)
def test_a_pool_is_a_candidate_when_nothing_but_the_system_ran_on_it_for_a_week(
    namespace: str, lost: int | None, found: list[str]
) -> None:
    table = nodes({"pool": "workers"}, {"pool": "spare"})
    agents = hours("agent", 24 * 8, node="n2", namespace=namespace, cpu_request_cores=0.1, cores=0.05)
    seen = hours("a", 24 * 8) + [row for row in agents if row["hour"] != MONDAY + (lost or -1) * DAY]
    bill = charges(
        *(
            {"day": MONDAY + day * DAY, "resource_id": f"i-node{n}", "effective": Decimal("2.40"), "team": f"t{n}"}
            for day in range(8)
            for n in (1, 2)
        )
    )
    as_of = MONDAY + 10 * DAY
    things = objects(seen, node_table=table)
    candidates = records(costs.orphans(bill, things, allocated(bill, things, as_of), as_of=as_of))

    assert [row["subject"] for row in candidates] == found
    assert [row["monthly_effective"] for row in candidates] == [Decimal("73.00")] * len(found)
    assert {row["owner"] for row in candidates} <= {"team/t2"}  # of whom its instances are tagged


def test_the_day_that_cost_too_much_is_found_and_no_other(lines: pd.DataFrame) -> None:
    unusual = [row for row in records(costs.anomalies(lines, "service")) if (row["score"] or 0) > 10]

    assert [(row["key"], row["day"]) for row in unusual if row["effective_above"] > 10] == [
        ("Cloud Storage", FIRST + 10 * DAY),
    ]


def test_a_day_is_held_against_the_days_before_it_alone() -> None:
    bill = charges(
        *({"day": MONDAY + n * DAY, "resource_id": "b", "effective": Decimal(10 if n < 7 else 100)} for n in range(14))
    )
    table = {row["day"]: row for row in records(costs.anomalies(allocated(bill, objects(), MONDAY + 16 * DAY)))}

    first = table[MONDAY + 7 * DAY]
    assert (first["effective_expected"], first["effective_above"], first["days_before"]) == (10, 90, 7)
    assert min(table) == MONDAY + 7 * DAY


def test_a_forecast_of_days_that_repeat_is_what_they_repeat() -> None:
    """Fourteen days of November at 10 on working days and 4 on weekends: the month has 21 and 9 of them."""
    bill = charges(
        *(
            {"day": MONDAY + n * DAY, "resource_id": "b", "team": "shop", "effective": Decimal(10 if n % 7 < 5 else 4)}
            for n in range(14)
        )
    )
    as_of = MONDAY + 16 * DAY
    (row,) = records(costs.forecast(allocated(bill, objects(), as_of), as_of=as_of))

    assert (row["month"], row["effective_known"]) == ("2026-11", Decimal(116))
    assert row["effective_expected"] == row["effective_low"] == row["effective_high"] == Decimal(21 * 10 + 9 * 4)
    assert (row["days_known"], row["days_unread"], row["days_left"], row["backtest_error"]) == (14, 1, 15, 0.0)


def test_a_forecast_that_drifts_has_an_interval_that_holds_the_truth() -> None:
    """Costs grow by one a day; the month's truth is known, and the forecast says how far off it may be."""
    daily = [Decimal(100 + n) for n in range(-1, 29)]  # November 1st to 30th
    bill = charges(*({"day": MONDAY + n * DAY, "resource_id": "b", "effective": daily[n + 1]} for n in range(14)))
    as_of = MONDAY + 16 * DAY
    (row,) = records(costs.forecast(allocated(bill, objects(), as_of), as_of=as_of))

    assert row["effective_low"] < row["effective_expected"] < sum(daily) < row["effective_high"]
    assert 0.01 < row["backtest_error"] < 0.1


def test_one_bad_day_widens_a_forecast_and_is_not_taken_for_a_trend() -> None:
    costs_of = [Decimal(10)] * 9 + [Decimal(500)] + [Decimal(10)] * 4
    bill = charges(*({"day": MONDAY + n * DAY, "resource_id": "b", "effective": c} for n, c in enumerate(costs_of)))
    as_of = MONDAY + 16 * DAY
    (row,) = records(costs.forecast(allocated(bill, objects(), as_of), as_of=as_of))

    assert row["effective_expected"] == sum(costs_of) + 16 * 10
    assert row["effective_low"] == row["effective_known"] == sum(costs_of)  # what is spent does not come back
    assert row["effective_high"] > row["effective_expected"] + 500


@pytest.mark.parametrize(("before", "error"), [(0, 0.0), (5, None)], ids=["as predicted", "though more was expected"])
def test_of_a_week_that_cost_nothing_a_forecast_was_right_or_its_error_cannot_be_told(
    before: int, error: float | None
) -> None:
    usual = [Decimal(before)] * 7 + [Decimal(0)] * 7
    bill = charges(
        *({"day": MONDAY + n * DAY, "resource_id": "b", "effective": cost} for n, cost in enumerate(usual)),
        {"day": MONDAY + 6 * DAY, "charge_category": "Purchase", "resource_id": "p", "effective": Decimal(3)},
    )
    as_of = MONDAY + 16 * DAY
    (row,) = records(costs.forecast(allocated(bill, objects(), as_of), as_of=as_of))

    assert row["backtest_error"] == error
    (found,) = checks.forecast_holds(pd.DataFrame([row]), thresholds=Thresholds())
    assert found.status is (Status.OK if error == 0 else Status.UNKNOWN)


def test_a_forecast_of_what_brings_money_back_is_as_wrong_as_of_what_costs_as_much() -> None:
    """10 a day in two weeks, and 2 in the last one, foretold as 10: wrong by four times what it was, whatever the sign."""
    daily = [10] * 14 + [2] * 7
    bill = charges(
        *(
            {"day": MONDAY + n * DAY, "resource_id": name, "service": name, "effective": Decimal(sign * cost)}
            for name, sign in (("paid", 1), ("back", -1))
            for n, cost in enumerate(daily)
        )
    )
    as_of = MONDAY + 23 * DAY
    months = costs.forecast(allocated(bill, objects(), as_of), as_of=as_of, by="service")

    assert {row["key"]: row["backtest_error"] for row in records(months)} == {"paid": 4.0, "back": 4.0}
    found = checks.forecast_holds(months, thresholds=Thresholds())
    assert [(one.status, one.reason) for one in found] == [
        (Status.CRIT, "its forecast of the last week's sum was wrong by 400 %")
    ] * 2


def in_euros(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Its rows in the currency of almost all of the bill."""
    return [row for row in records(table) if row["currency"] == CURRENCY]


def test_weeks_say_what_they_cost_or_which_days_they_lack(one: Scene) -> None:
    before, now = in_euros(costs.weeks(one.bill, as_of=AS_OF))

    assert (before["first_day"], now["last_day"]) == (FIRST, FIRST + 13 * DAY)
    assert (before["days_found"], now["days_found"]) == (7, 7)
    whole = total(row["effective"] for row in in_euros(one.bill) if row["day"] < FIRST + 7 * DAY)
    assert before["effective"] == whole
    changed = in_euros(costs.by_cause(costs.cost_changes(one.bill, as_of=AS_OF)))
    assert total(row["effective_change"] for row in changed) == now["effective"] - before["effective"]
    lacking = records(costs.weeks(one.bill[one.bill["day"] != FIRST], as_of=AS_OF))[0]
    assert (lacking["days_missing"], lacking["effective"]) == (("2026-11-09",), None)


def test_movers_by_any_key_add_up_to_the_difference_of_the_weeks(one: Scene, lines: pd.DataFrame) -> None:
    before, now = in_euros(costs.weeks(one.bill, as_of=AS_OF))
    for by in ("team", "line", "service", "namespace"):
        table = in_euros(costs.movers(lines, by, as_of=AS_OF))
        assert total(row["effective_change"] for row in table) == now["effective"] - before["effective"]
        changes = [abs(row["effective_change"]) for row in table]
        assert changes == sorted(changes, reverse=True)


def test_movers_are_not_told_of_a_fortnight_that_lacks_a_day(one: Scene, lines: pd.DataFrame) -> None:
    table = costs.movers(lines[lines["day"] != FIRST + 3 * DAY], as_of=AS_OF)

    assert set(table["effective_change"]) == {None}
    assert len(in_euros(table)) == 3


def test_the_billing_lag_is_the_longest_of_the_bills_and_the_usual_one_without_any() -> None:
    periods = pd.DataFrame()
    assert costs.billing_lag_h(periods) == 48.0
    periods.attrs["notes"] = {"aws": {"lag_h": 24.0}, "gcp": {"lag_h": 72.0}}
    assert costs.billing_lag_h(periods) == 72.0


def test_a_core_weighs_what_the_configuration_says_and_the_usual_where_it_says_nothing() -> None:
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    told = pd.DataFrame({"cpu_weight": [7.5], "billed_as": [("eu=prod", "us=arn:x=y")]})
    assert costs.Rules.of(told, as_of=moment) == costs.Rules(moment, 7.5, billed_as=(("eu", "prod"), ("us", "arn:x=y")))
    assert costs.Rules.of(told.head(0), as_of=moment) == costs.Rules(moment)


def test_hours_outside_of_the_bills_days_are_in_no_bill(one: Scene) -> None:
    week = one.bill[one.bill["day"] >= FIRST + 9 * DAY]
    kept = costs.within_bill(one.objects.container_hours, week)
    assert (kept["hour"].min(), kept["hour"].max()) == (FIRST + 9 * DAY, FIRST + 16 * DAY - timedelta(hours=1))
    nothing = one.bill.iloc[:0]
    assert len(costs.within_bill(one.objects.container_hours, nothing)) == len(one.objects.container_hours)
