"""Each check of costs is OK, WARN, CRIT and UNKNOWN, from tables as the analysis makes them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis.costs.aggregate import aggregate
from gocoffee_ops.analysis.costs.anomalies import anomalies
from gocoffee_ops.analysis.costs.budgets import against_budgets
from gocoffee_ops.analysis.costs.changes import cost_changes
from gocoffee_ops.analysis.costs.forecast import forecast
from gocoffee_ops.analysis.costs.orphans import orphans
from gocoffee_ops.analysis.costs.reconciliation import coverage, reconciliation
from gocoffee_ops.analysis.costs.schemas import BUDGETS, LINES
from gocoffee_ops.analysis.costs.weeks import weeks
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds
from tests.costs.tables import (
    AS_OF,
    DAY,
    MONDAY,
    allocated,
    charges,
    hours,
    load_balancers,
    nodes,
    objects,
    rows_of,
    volumes,
)

LIMITS = Thresholds()
OK, WARN, CRIT, UNKNOWN = Status.OK, Status.WARN, Status.CRIT, Status.UNKNOWN


def statuses(findings: list[Finding]) -> set[Status]:
    assert findings
    assert all(finding.reason for finding in findings)
    return {finding.status for finding in findings}


def bucket(cost: str | Decimal, day: int = 0, **row: Any) -> dict[str, Any]:
    """A charge outside of the cluster."""
    return {
        "day": MONDAY + day * DAY,
        "service": "S3",
        "resource_id": "bucket",
        "team": "shop",
        "effective": Decimal(cost),
    } | row


def loose(cost: str, **row: Any) -> dict[str, Any]:
    """A charge that nothing explains."""
    return bucket(cost, **{"resource_id": None, "team": None} | row)


NODE = {"day": MONDAY, "resource_id": "i-node1", "effective": Decimal(10)}


@pytest.mark.parametrize(
    ("residual", "status"), [("0", OK), ("2", OK), ("2.01", WARN), ("5", WARN), ("5.01", CRIT), ("-6", CRIT)]
)
def test_a_bill_is_judged_by_its_residual(residual: str, status: Status) -> None:
    rest = Decimal(100) - Decimal(residual) - Decimal(10)
    bill = charges(NODE, bucket(rest), *([loose(residual)] if residual != "0" else []))
    lines = allocated(bill, objects(hours("a")))

    found = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)
    assert statuses(found) == {status}


def test_residuals_that_cancel_out_are_not_explained_by_that() -> None:
    lines = allocated(charges(NODE, bucket("90"), loose("50"), loose("-50")), objects(hours("a")))

    assert statuses(checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)) == {CRIT}


def test_a_total_from_elsewhere_that_differs_is_residual() -> None:
    bill = charges(NODE, bucket("90"))
    lines = allocated(bill, objects(hours("a")))
    totals = pd.DataFrame([{"day": MONDAY, "billed": Decimal(103), "effective": Decimal(103), "currency": "EUR"}])

    assert statuses(checks.bill_reconciled(reconciliation(lines, totals), coverage(lines), thresholds=LIMITS)) == {WARN}


def test_a_day_that_the_lines_lack_of_another_total_is_residual() -> None:
    lines = allocated(charges(NODE, bucket("40"), bucket("50", day=2)), objects(hours("a")))
    days = [(-1, "7"), (0, "50"), (1, "3"), (2, "50"), (3, "9")]  # the lines begin on day 0 and end on day 2
    totals = pd.DataFrame(
        [{"day": MONDAY + n * DAY, "billed": Decimal(m), "effective": Decimal(m), "currency": "EUR"} for n, m in days]
    )

    table = reconciliation(lines, totals)
    assert {row["line"]: row["effective"] for row in records(table) if row["line"] in ("residual", "bill")} == {
        "residual": Decimal(3),
        "bill": Decimal(103),
    }
    dollars = reconciliation(lines, totals.assign(currency="USD"))
    assert set(dollars["currency"]) == {"EUR", "USD"}


@pytest.mark.parametrize("moved", ["0", "3", "50"])
def test_days_that_differ_from_another_total_do_not_make_up_for_each_other(moved: str) -> None:
    lines = allocated(charges(NODE, bucket("90"), bucket("100", day=1)), objects(hours("a", 48)))
    amounts = [Decimal(100) + Decimal(moved), Decimal(100) - Decimal(moved)]
    totals = pd.DataFrame(
        [{"day": MONDAY + n * DAY, "billed": m, "effective": m, "currency": "EUR"} for n, m in enumerate(amounts)]
    )

    table = reconciliation(lines, totals)
    (residual,) = (row for row in records(table) if row["line"] == "residual")
    unsigned = 2 * Decimal(moved)
    assert (residual["effective"], residual["effective_unsigned"]) == (0, unsigned)
    assert (residual["billed"], residual["billed_unsigned"]) == (0, unsigned)
    priced = coverage(allocated(charges(NODE), objects(hours("a"))))
    expected = {"0": OK, "3": WARN, "50": CRIT}[moved]
    assert statuses(checks.bill_reconciled(table, priced, thresholds=LIMITS)) == {expected}


@pytest.mark.parametrize(
    ("billed", "effective", "said"),
    [("400", "0", "80.0 % of 1 day is residual: 400.00 EUR of 500.00 EUR as billed"), ("0", "400", "of 500.00 EUR")],
)
def test_a_residual_is_judged_by_the_basis_of_which_it_is_more(billed: str, effective: str, said: str) -> None:
    odd = loose(effective, billed=Decimal(billed))
    lines = allocated(charges(NODE, bucket("90"), odd), objects(hours("a")))

    (found,) = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)
    assert found.status is CRIT
    assert found.reason.endswith(said)
    assert found.numbers["residual"] == 0.8


@pytest.mark.parametrize(("moved", "status"), [("0", OK), ("0.5", OK), ("3", WARN), ("50", CRIT)])
def test_days_of_cost_explorer_do_not_make_up_for_each_other(moved: str, status: Status) -> None:
    days = [{"day": MONDAY + n * DAY, "currency": "EUR", "estimated": False, "provider": "AWS"} for n in range(2)]
    ours = pd.DataFrame([row | {"billed": Decimal(100)} for row in days])
    theirs = pd.DataFrame(
        [row | {"billed": Decimal(100) + sign * Decimal(moved)} for sign, row in zip((1, -1), days, strict=True)]
    )

    (found,) = checks.cost_explorer_agrees(theirs, ours, ours, thresholds=LIMITS)
    assert found.status is status, found.reason
    assert found.reason.endswith("the same") == (moved == "0")


def test_a_bill_is_unknown_within_its_lag_without_rows_and_with_too_few_prices() -> None:
    lines = allocated(charges(NODE), objects(hours("a")), as_of=MONDAY + 2 * DAY)
    assert statuses(checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)) == {UNKNOWN}

    none = LINES.empty()
    assert statuses(checks.bill_reconciled(reconciliation(none), coverage(none), thresholds=LIMITS)) == {UNKNOWN}

    unpriced = objects(hours("a"), volume_table=volumes({"volume": "pv1"}))
    lines = allocated(charges(NODE, bucket("90")), unpriced)
    found = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)
    assert statuses(found) == {UNKNOWN}
    assert "only 0 % of the GiB-days of volumes has a price" in found[0].reason

    half = objects([*hours("a"), *hours("b", node="n2")], node_table=nodes({}, {}))
    lines = allocated(charges(NODE, bucket("90")), half)
    found = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)
    assert statuses(found) == {UNKNOWN}
    assert (
        "only about 50 % of what clusters cost has a price, if the rest costs what its like does: 50 % of the core-hours"
        in found[0].reason
    )


@pytest.mark.parametrize(("percent", "status"), [(94, UNKNOWN), (96, OK)])
def test_reconciliation_rests_on_a_price_for_95_percent_of_what_clusters_cost(percent: int, status: Status) -> None:
    """Nodes and disks cost 100 in the bill; one more disk, which it has no row of, costs as much as the others on average."""
    unbilled = round(Decimal(100 - percent) * 100 / percent, 9)  # so that 100 is so many percent of the whole
    billed = [
        {"volume": f"pv{n}", "volume_handle": f"vol-disk{n}", "driver": "ebs.csi.aws.com", "storage_class": "slow"}
        for n in range(1, 3)
    ]
    things = objects(
        hours("a"),
        volume_table=volumes(*billed, {"volume": "pv3", "driver": "ebs.csi.aws.com", "storage_class": "slow"}),
    )
    disks = [{"day": MONDAY, "resource_id": f"vol-disk{n}", "effective": unbilled} for n in range(1, 3)]
    node = NODE | {"effective": 100 - 2 * unbilled}
    lines = allocated(charges(node, *disks), things)

    (found,) = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)
    assert found.status is status, found.reason
    about = f"about {percent} % of what clusters cost has a price, if the rest costs what its like does"
    assert f"{about}: 67 % of the GiB-days of volumes" in found.reason


@pytest.mark.parametrize(
    ("lost", "unbilled", "status"),
    [(0, 0, OK), (1, 0, WARN), (6, 0, UNKNOWN), (0, 1, UNKNOWN), (0, 9, CRIT)],
    ids=["whole", "an hour of four weeks' worth is lost", "a quarter is lost", "one of ten nodes", "nine of ten nodes"],
)
def test_coverage_is_judged_by_what_has_a_price_and_was_seen(lost: int, unbilled: int, status: Status) -> None:
    table = nodes(*[{}] * 10)
    seen = [row for n in range(1, 11) for row in hours(f"a{n}", 24, node=f"n{n}")]
    if lost == 1:
        seen = [row for row in seen if row["node"] != "n1" or row["hour"].hour >= 2]
    elif lost:
        seen = [row for row in seen if row["hour"].hour < 18]
    bill = charges(*({**NODE, "resource_id": f"i-node{n}"} for n in range(1, 11 - unbilled)))
    lines = allocated(bill, objects(seen, node_table=table))

    assert statuses(checks.costs_covered(coverage(lines), thresholds=LIMITS)) == {status}


def test_hours_that_nobody_read_are_no_coverage() -> None:
    table = coverage(allocated(charges(NODE), objects(hours("a"))))
    volumes = table.assign(what="GiB-days of volumes")[:1]
    unread = table[table["what"] == "core-hours"].assign(total=0.0, priced_share=None, unseen_share=None)

    found = checks.costs_covered(pd.concat([volumes, unread]), thresholds=LIMITS)
    assert [one.subject for one in found if one.status is UNKNOWN] == ["core-hours"]


def test_nothing_that_ran_is_no_coverage() -> None:
    assert statuses(checks.costs_covered(coverage(LINES.empty()), thresholds=LIMITS)) == {UNKNOWN}


@pytest.mark.parametrize(("untagged", "status"), [("5", OK), ("10", WARN), ("50", CRIT)])
def test_costs_without_a_team_are_told(untagged: str, status: Status) -> None:
    bill = charges(bucket(Decimal(100) - Decimal(untagged)), bucket(untagged, team=None))
    table = aggregate(allocated(bill, objects()), ["team", "line"])

    assert statuses(checks.costs_tagged(table, thresholds=LIMITS)) == {status}


def test_days_that_may_still_grow_say_nothing_about_teams() -> None:
    bill = charges(bucket("95"), bucket("5", team=None), bucket("900", 1, team=None))
    table = aggregate(allocated(bill, objects(), as_of=MONDAY + 3 * DAY), ["team", "line"])

    (found,) = checks.costs_tagged(table, thresholds=LIMITS)
    assert (found.status, "5.00 EUR of 100.00 EUR" in found.reason) == (OK, True)


@pytest.mark.parametrize(("unseen", "status"), [("1", OK), ("10", UNKNOWN), ("500", UNKNOWN)])
def test_what_was_not_seen_may_be_somebodys_without_a_team(unseen: str, status: Status) -> None:
    lines = allocated(charges(bucket("95"), bucket("5", team=None)), objects())
    dark = allocated(charges(bucket(unseen, team=None)), objects()).assign(line="unknown")
    table = pd.concat([aggregate(one, ["team", "line"]) for one in (lines, dark)], ignore_index=True)

    assert statuses(checks.costs_tagged(table, thresholds=LIMITS)) == {status}


def test_that_nothing_has_a_price_is_no_tagging() -> None:
    table = aggregate(allocated(charges(), objects(hours("a"))), ["team", "line"])

    found = checks.costs_tagged(table, thresholds=LIMITS)
    assert statuses(found) == {UNKNOWN}
    assert "without a price" in found[0].reason


def fortnight(*later: str, first: str = "10", days: int = 14, **row: Any) -> pd.DataFrame:
    """Fourteen days of one service; the last ones cost what is told."""
    costs = [first] * (days - len(later)) + list(later)
    return charges(*(bucket(cost, day, **row) for day, cost in enumerate(costs)))


END = MONDAY + 16 * DAY  # the billing lag of two days has left fourteen behind


@pytest.mark.parametrize(
    ("now", "status"), [("11", OK), ("13", WARN), ("20", CRIT), ("5.1", OK), ("5", WARN), ("0.1", WARN)]
)
def test_a_week_is_judged_by_the_week_before(now: str, status: Status) -> None:
    table = weeks(fortnight(*[now] * 7), as_of=END)

    assert statuses(checks.costs_steady(table, thresholds=LIMITS)) == {status}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"charge_category": "Purchase", "resource_id": "ri-1", "service": "EC2"},
            "purchase 90.00 EUR more (EC2: ri-1)",
        ),
        ({"charge_class": "Correction", "resource_id": "db-1"}, "correction 90.00 EUR more (S3: db-1)"),
        ({"charge_category": "Tax", "resource_id": None, "service": "VAT"}, "tax 90.00 EUR more (VAT)"),
        ({"resource_id": "vm-7", "sku_id": "large", "usage_quantity": 3.0}, "new 90.00 EUR more (S3: vm-7)"),
    ],
    ids=["one-off", "correction", "tax", "new"],
)
def test_a_dearer_week_is_told_with_what_made_it_so(row: dict[str, Any], said: str) -> None:
    bill = charges(*(bucket("10", day) for day in range(14)), bucket("90", 9) | row)
    (found,) = checks.costs_steady(weeks(bill, as_of=END), cost_changes(bill, as_of=END), thresholds=LIMITS)

    assert found.reason == f"the week cost 160.00 EUR, after 70.00 EUR: 2.29 times as much; {said}"
    assert (found.status, found.numbers["largest"], found.numbers["largest_change"]) == (
        CRIT,
        said.split(maxsplit=1)[0],
        90.0,
    )


def test_a_refund_and_a_credit_behind_a_cheaper_week_are_named_too() -> None:
    month = [bucket("10", day, usage_quantity=1.0, resource_id="b") for day in range(14)]
    refund = bucket("-40", 9, charge_class="Correction", charge_category="Purchase", service="EC2", resource_id="ri-1")
    credit = bucket("-5", 10, charge_category="Credit", resource_id=None)
    bill = charges(*month, refund, credit)
    (found,) = checks.costs_steady(weeks(bill, as_of=END), cost_changes(bill, as_of=END), thresholds=LIMITS)

    assert found.status is WARN
    why = "correction 40.00 EUR less (EC2: ri-1), credit 5.00 EUR less (S3); a bill that stopped falls like that, too"
    assert found.reason.endswith(f"0.36 times as much; {why}")


def test_a_currency_with_nothing_in_either_week_is_no_doubt() -> None:
    """The bill's first day, with its only dollars, is before the two weeks."""
    bill = charges(*(bucket("10", day) for day in range(15)), bucket("5", currency="USD"))
    end = END + DAY
    (found,) = checks.costs_steady(weeks(bill, as_of=end), cost_changes(bill, as_of=end), thresholds=LIMITS)

    assert found.status is OK
    assert "the week cost 0.00 USD, and so did the one before" in found.reason


def test_an_invoice_that_credits_bring_to_nothing_must_be_explained_too() -> None:
    paid, back = bucket("100"), loose("1")
    bill = charges(paid | {"billed": Decimal(-50)}, back | {"billed": Decimal(50)})
    lines = allocated(bill, objects([], node_table=nodes()))
    (found,) = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)

    assert found.status is CRIT
    assert found.reason.startswith(
        "100.0 % of 1 day is residual: 50.00 EUR of 50.00 EUR charged (0.00 EUR with credits) as billed"
    )


@pytest.mark.parametrize("credit", ["-100", "-99.99", "-50", "-150"])
@pytest.mark.parametrize(("odd", "status"), [("0.02", OK), ("20", CRIT)])
def test_credits_beside_what_they_pay_for_swing_no_verdict(credit: str, odd: str, status: Status) -> None:
    back = {"resource_id": None, "charge_category": "Credit", "effective": Decimal(credit), "billed": Decimal(credit)}
    bill = charges(bucket("100"), back, loose(odd) | {"billed": Decimal(odd)})
    lines = allocated(bill, objects([], node_table=nodes()))
    (found,) = checks.bill_reconciled(reconciliation(lines), coverage(lines), thresholds=LIMITS)

    assert found.status is status
    assert f"EUR charged ({Decimal(100) + Decimal(credit) + Decimal(odd):,.2f} EUR with credits)" in found.reason


def test_only_the_largest_parts_and_names_of_each_currency_are_told() -> None:
    parts = [bucket(str(100 - n), 9, service=f"s{n}", resource_id=f"r{n}", usage_quantity=1.0) for n in range(4)]
    more = [
        bucket("7", 9, charge_category="Tax", service="VAT", resource_id=None),
        bucket("6", 9, charge_category="Credit", service="S3", resource_id=None),
        bucket("5", 9, charge_category="Purchase", service="S3", resource_id="x"),
        bucket("9", 9, charge_category="Tax", service="VAT", resource_id=None, currency="USD"),
    ]
    bill = charges(*(bucket("10", day) for day in range(14)), *parts, *more)
    found = checks.costs_steady(weeks(bill, as_of=END), cost_changes(bill, as_of=END), thresholds=LIMITS)
    (euros,) = [one.reason for one in found if one.subject == "bill/EUR"]

    named = "new 394.00 EUR more (s0: r0; s1: r1 and 2 more), tax 7.00 EUR more (VAT), credit 6.00 EUR more (S3)"
    assert euros.partition("; ")[2] == named


def test_a_week_with_a_day_missing_is_unknown() -> None:
    found = checks.costs_steady(weeks(fortnight(days=13), as_of=END), thresholds=LIMITS)

    assert statuses(found) == {UNKNOWN}
    assert "2026-11-15" in found[0].reason


@pytest.mark.parametrize(("last", "status"), [("100", OK), ("107", OK), ("115", WARN), ("300", CRIT), ("10", WARN)])
def test_a_day_is_unusual_by_its_deviations_and_by_its_money(last: str, status: Status) -> None:
    wobbling = [str(Decimal(100) + (n % 3 - 1) * 2) for n in range(13)]
    bill = charges(*(bucket(cost, day) for day, cost in enumerate([*wobbling, last])))
    table = anomalies(allocated(bill, objects(), as_of=END), "service")

    assert statuses(checks.costs_usual(table, thresholds=LIMITS)) == {status}


def test_what_cost_nothing_on_all_days_is_not_listed_and_what_came_to_nothing_is() -> None:
    always = [bucket("100", day) for day in range(13)]
    free = [bucket("0", day, service="IAM", resource_id="role") for day in range(14)]
    once = [bucket("50", 9, service="VAT", resource_id=None, charge_category="Tax")]
    table = anomalies(allocated(charges(*always, *free, *once), objects(), as_of=END), "service")

    assert set(table["key"]) == {"S3"}  # IAM is free, and a tax has a day of its own
    (last,) = [row for row in records(table) if row["day"] == MONDAY + 13 * DAY]
    assert (last["effective"], last["effective_above"]) == (0, -100)
    assert statuses(checks.costs_usual(table, thresholds=LIMITS)) == {WARN}


def test_a_bill_of_nothing_but_free_things_was_read() -> None:
    table = anomalies(allocated(charges(*(bucket("0", day) for day in range(14))), objects(), as_of=END), "service")
    assert len(table) == 7
    assert statuses(checks.costs_usual(table, thresholds=LIMITS)) == {OK}


def test_a_day_with_too_short_a_history_is_unknown() -> None:
    table = anomalies(allocated(fortnight(days=6), objects(), as_of=END), "service")
    assert statuses(checks.costs_usual(table, thresholds=LIMITS)) == {UNKNOWN}
    assert statuses(checks.costs_usual(anomalies(LINES.empty()), thresholds=LIMITS)) == {UNKNOWN}


@pytest.mark.parametrize(("week", "status"), [("10", OK), ("11.5", WARN), ("20", CRIT)])
def test_a_forecast_is_judged_by_what_it_would_have_said_last_week(week: str, status: Status) -> None:
    table = forecast(allocated(fortnight(*[week] * 7), objects(), as_of=END), as_of=END)

    assert statuses(checks.forecast_holds(table, thresholds=LIMITS)) == {status}


def test_under_fourteen_days_there_is_no_forecast() -> None:
    table = forecast(allocated(fortnight(days=13), objects(), as_of=END), as_of=END)

    assert table["effective_expected"].tolist() == [None]
    assert table["why"].tolist() == ["13 complete days; a forecast needs 14"]
    assert statuses(checks.forecast_holds(table, thresholds=LIMITS)) == {UNKNOWN}
    assert statuses(checks.forecast_holds(forecast(LINES.empty(), as_of=END), thresholds=LIMITS)) == {UNKNOWN}


@pytest.mark.parametrize(
    ("budget", "status"),
    [("400", OK), ("320", WARN), ("299", CRIT), ("139", CRIT)],
    ids=["room", "near", "sure", "spent"],
)
def test_a_budget_is_held_against_the_forecast(budget: str, status: Status) -> None:
    lines = allocated(fortnight(), objects(), as_of=END)
    table = against_budgets(forecast(lines, as_of=END), budgets(budget))

    assert statuses(checks.budgets_kept(table, reconciliation(lines), thresholds=LIMITS)) == {status}
    unseen = lines.assign(line="unknown")  # nobody saw what for
    told = {OK: UNKNOWN, WARN: UNKNOWN, CRIT: CRIT}[status]
    assert statuses(checks.budgets_kept(table, reconciliation(unseen), thresholds=LIMITS)) == {told}


def budgets(amount: str, team: str = "shop", currency: str = "EUR") -> pd.DataFrame:
    return rows_of(BUDGETS, [{"team": team, "monthly_effective": Decimal(amount), "currency": currency}])


def test_a_budget_that_cannot_be_compared_is_unknown() -> None:
    lines = allocated(fortnight(), objects(), as_of=END)
    ahead = forecast(lines, as_of=END)
    short = forecast(allocated(fortnight(days=9), objects(), as_of=END), as_of=END)
    tables = {
        "in USD, and": against_budgets(ahead, budgets("400", currency="USD")),
        "no line of the bill is this team's": against_budgets(ahead, budgets("400", team="shopp")),
        "9 complete days": against_budgets(short, budgets("4000")),
        "no team has a budget": against_budgets(ahead, BUDGETS.empty()),
    }

    for said, table in tables.items():
        found = checks.budgets_kept(table, reconciliation(lines), thresholds=LIMITS)
        assert statuses(found) == {UNKNOWN}
        assert said in found[0].reason


@pytest.mark.parametrize(
    ("cost", "phase", "status"),
    [("1", "Bound", OK), ("1", "Released", WARN), ("20", "Released", CRIT), (None, "Released", UNKNOWN)],
)
def test_an_orphan_is_judged_by_what_it_costs(cost: str | None, phase: str, status: Status) -> None:
    volume = {
        "volume": "pv1",
        "volume_handle": "vol-data00",
        "phase": phase,
        "mounted_by": ("a",) if phase == "Bound" else (),
    }
    paid = {"resource_id": "vol-data00", "service": "EBS"}
    bill = charges(*(bucket(cost, day, **paid) for day in range(14) if cost))
    things = objects(volume_table=volumes(volume), balancer_table=load_balancers())

    table = orphans(bill, things, allocated(bill, things, as_of=END), as_of=END)
    assert statuses(checks.nothing_orphaned(table, thresholds=LIMITS)) == {status}


def test_every_check_cites_what_its_tables_rest_on() -> None:
    bill = fortnight()
    bill.attrs["evidence"] = ["bills.charges/bill/main#1"]
    lines = allocated(bill, objects(), as_of=END)

    for table in (lines, coverage(lines), reconciliation(lines), weeks(bill, as_of=END), forecast(lines, as_of=END)):
        assert table.attrs["evidence"] == ["bills.charges/bill/main#1"]


def test_the_lag_can_be_told() -> None:
    lines = allocated(fortnight(), objects(), as_of=MONDAY + timedelta(days=14), lag_h=0)

    assert not any(lines["estimated"])
    assert AS_OF > MONDAY
