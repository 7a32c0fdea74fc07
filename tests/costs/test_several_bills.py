"""A day counts where each of the bills has it: what one of several lacks, or all of one that cannot be read, is no saving."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import costs
from gocoffee_ops.analysis.costs.schemas import BUDGETS
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.queries import bills as of_bills
from gocoffee_ops.sources.focus import Bill, Folder
from tests.costs.tables import AS_OF, DAY, MONDAY, allocated, charges, nodes, objects, rows_of
from tests.focus_files import charge, write_csv, write_parquet
from tests.support import live_session

LIMITS = Thresholds()
WHOLE = range(28)  # all that the billing lag has left behind
SHORT = [n for n in WHOLE if not 24 <= n < 28]


def bills(**days: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Charges of 10 a day in each bill, and the days that each has of 28."""
    rows = [
        {"day": MONDAY + n * DAY, "effective": Decimal(10), "resource_id": bill} for bill in days for n in days[bill]
    ]
    periods = [
        {"bill": bill, "day": MONDAY + n * DAY, "rows": int(n in there)} for bill, there in days.items() for n in WHOLE
    ]
    return charges(*rows), pd.DataFrame(periods)


def test_a_day_that_one_of_two_bills_lacks_is_in_no_comparison() -> None:
    bill, periods = bills(aws=SHORT, gcp=WHOLE)
    lacking = [f"2026-11-{n}" for n in (26, 27, 28, 29)]

    found = checks.costs_steady(costs.weeks(bill, periods, as_of=AS_OF), thresholds=LIMITS)
    assert [(one.status, one.reason) for one in found] == [(Status.UNKNOWN, f"the bill lacks {', '.join(lacking)}")]
    (changed,) = records(costs.cost_changes(bill, periods, as_of=AS_OF))
    assert changed["why"] == f"the bill lacks {', '.join(lacking)}"
    lines = allocated(bill, objects([], node_table=nodes()))
    moved = records(costs.movers(lines, "service", as_of=AS_OF, periods=periods))
    assert [row["effective_change"] for row in moved] == [None]


def test_a_day_that_one_of_two_bills_lacks_is_neither_unusual_nor_known() -> None:
    bill, periods = bills(aws=SHORT, gcp=WHOLE)
    lines = allocated(bill, objects([], node_table=nodes()))

    assert {row["score"] for row in records(costs.anomalies(lines, periods=periods))} == {0.0}
    (month,) = records(costs.forecast(lines, as_of=AS_OF - 2 * DAY, by="service", periods=periods))  # of November
    assert (month["effective_known"], month["effective_expected"]) == (Decimal(24 * 20), Decimal(30 * 20))
    assert month["backtest_error"] == 0.0


@pytest.mark.parametrize("gcp", [WHOLE, None], ids=["two bills", "one bill"])
def test_bills_that_have_all_days_are_compared(gcp: range | None) -> None:
    bill, periods = bills(aws=WHOLE, **({} if gcp is None else {"gcp": gcp}))

    (found,) = checks.costs_steady(costs.weeks(bill, periods, as_of=AS_OF), thresholds=LIMITS)
    assert found.status is Status.OK


def test_what_is_charged_once_a_week_in_a_bill_of_other_rows_lacks_no_day() -> None:
    bill, periods = bills(aws=WHOLE)
    weekly = charges(
        *({"day": MONDAY + n * DAY, "effective": Decimal(7), "resource_id": "licence"} for n in range(6, 28, 7))
    )

    (found,) = checks.costs_steady(costs.weeks(pd.concat([bill, weekly]), periods, as_of=AS_OF), thresholds=LIMITS)
    assert found.status is Status.OK


GONE = "bill/gcp: it did not answer"


@pytest.mark.parametrize("lacks", ["charges", "periods", "both"])
def test_a_bill_that_could_not_be_read_at_all_is_in_no_comparison(lacks: str) -> None:
    """It has no day in `periods`, so that the others look complete."""
    bill, periods = bills(aws=WHOLE)
    for table, name in ((bill, "charges"), (periods, "periods")):
        table.attrs["gaps"] = [GONE] if lacks in (name, "both") else []
    lines = allocated(bill, objects([], node_table=nodes()))

    weeks = costs.weeks(bill, periods, as_of=AS_OF)
    assert [(row["effective"], row["days_missing"]) for row in records(weeks)] == [(None, ()), (None, ())]
    changed = costs.cost_changes(bill, periods, as_of=AS_OF)
    (found,) = checks.costs_steady(weeks, changed, thresholds=LIMITS)
    assert (found.status, found.numbers) == (Status.UNKNOWN, {})
    assert found.reason == f"what the week cost is not known, as not every bill was read: {GONE}"
    (row,) = records(changed)
    assert (row["cause"], row["why"]) == ("not compared", f"not every bill was read: {GONE}")
    moved = records(costs.movers(lines, "service", as_of=AS_OF, periods=periods))
    assert [row["effective_change"] for row in moved] == [None]


def test_a_cluster_that_could_not_be_read_is_no_bill() -> None:
    bill, periods = bills(aws=WHOLE)
    table = nodes()
    table.attrs["gaps"] = ["cluster/us: it did not answer"]
    lines = allocated(bill, objects([], node_table=table))

    assert records(costs.movers(lines, "service", as_of=AS_OF, periods=periods))[0]["effective_change"] == 0


@pytest.mark.parametrize(
    ("budget", "unread", "status"),
    [(900, False, Status.OK), (900, True, Status.UNKNOWN), (100, True, Status.CRIT)],
    ids=["all was read", "a bill was not", "spent already by what was read"],
)
def test_a_budget_is_not_kept_by_a_bill_that_was_not_read(budget: int, unread: bool, status: Status) -> None:
    bill, periods = bills(aws=WHOLE)
    bill["team"] = "shop"
    bill.attrs["gaps"] = [GONE] if unread else []
    lines = allocated(bill, objects([], node_table=nodes()))
    given = rows_of(BUDGETS, [{"team": "shop", "monthly_effective": Decimal(budget), "currency": "EUR"}])
    against = costs.against_budgets(costs.forecast(lines, as_of=AS_OF - 2 * DAY, periods=periods), given)

    (found,) = checks.budgets_kept(against, costs.reconciliation(lines, periods), thresholds=LIMITS)
    assert (found.status, GONE in found.reason) == (status, status is Status.UNKNOWN)


def test_a_bill_whose_folder_is_gone_makes_the_weeks_unknown_and_is_named(tmp_path: Path) -> None:
    days = [AS_OF - n * DAY for n in range(1, 17)]
    rows = [charge(ChargePeriodStart=day, ChargePeriodEnd=day + DAY, BilledCost="3", EffectiveCost="3") for day in days]
    (tmp_path / "aws").mkdir()
    write_csv(tmp_path / "aws" / "november.csv", rows)
    names = [Target("bill", name) for name in ("aws", "gcp")]
    places = {one: Bill(str(one), Folder(str(one), tmp_path / one.name), team_tag="team", lag_h=48) for one in names}
    ops = live_session(tmp_path / "run", as_of=AS_OF, sources=places)
    bill, periods = of_bills.charges(ops, days=16), of_bills.periods(ops, days=16)
    assert set(periods["bill"]) == {"aws"}
    for check, table in (
        (checks.bill_days_present, periods),
        (checks.bill_files_sound, of_bills.files(ops, days=16)),
    ):
        (unread,) = [one for one in check(table) if one.status is not Status.OK]
        assert (unread.status, unread.subject) == (Status.UNKNOWN, "bill/gcp")
        assert f"there is no folder {tmp_path / 'gcp'}" in unread.reason
        assert "unread/bill/gcp/bills.files" in unread.because  # of which it is a part in a report

    (found,) = checks.costs_steady(costs.weeks(bill, periods, as_of=AS_OF), thresholds=LIMITS)
    assert (found.status, "bill/gcp: " in found.reason) == (Status.UNKNOWN, True)


@pytest.mark.parametrize("lacks", ["charges", "periods"])
def test_with_a_bill_that_could_not_be_read_nothing_is_foretold_and_no_week_was_usual(lacks: str) -> None:
    bill, periods = bills(aws=WHOLE)
    (bill if lacks == "charges" else periods).attrs["gaps"] = [GONE]
    lines = allocated(bill, objects([], node_table=nodes()))

    month = costs.forecast(lines, as_of=AS_OF - 2 * DAY, by="service", periods=periods)
    assert [(row["effective_expected"], row["why"]) for row in records(month)] == [
        (None, f"not every bill was read: {GONE}")
    ]
    (found,) = checks.forecast_holds(month, thresholds=LIMITS)
    assert (found.status, GONE in found.reason) == (Status.UNKNOWN, True)
    assert "unread/bill/gcp/bills.charges" in found.because
    (found,) = checks.costs_usual(costs.anomalies(lines, periods=periods), thresholds=LIMITS)
    assert (found.status, found.subject, found.reason) == (
        Status.UNKNOWN,
        "bill/gcp",
        "this bill was not read: it did not answer",
    )


def test_a_charge_that_stands_in_two_bills_is_unknown_and_both_are_named(tmp_path: Path) -> None:
    """A copy of a bill in another folder, in other files and with another tag for the team; a third bill has rows like its."""
    days = [AS_OF - n * DAY for n in range(1, 6)]

    def rows(**about: Any) -> list[dict[str, Any]]:
        cost = {"BilledCost": "3", "EffectiveCost": "2"} | about
        return [charge(ChargePeriodStart=day, ChargePeriodEnd=day + DAY, **cost) for day in days]

    mine = [*rows(), *rows(SkuId="free", BilledCost="0", EffectiveCost="0")]
    for name, files in {
        "aws": {"all.csv": mine},
        "copy": {"one.csv": mine[:3], "two.parquet": mine[3:]},
        "other": {"all.csv": [*rows(SubAccountId="9"), *rows(ResourceId="i-7")]},
    }.items():
        for file, content in files.items():
            (write_csv if file.endswith("csv") else write_parquet)(tmp_path / name / file, content)

    def sound(*names: str) -> list[tuple[Status, str, str]]:
        targets = {name: str(Target("bill", name)) for name in names}
        places = {
            Target("bill", name): Bill(
                target, Folder(target, tmp_path / name), team_tag="env" if name == "copy" else "team"
            )
            for name, target in targets.items()
        }
        ops = live_session(tmp_path / "-".join(names), as_of=AS_OF, sources=places)
        charges, files = of_bills.charges(ops, days=16), of_bills.files(ops, days=16)
        return [(one.status, one.subject, one.reason) for one in checks.bill_files_sound(files, charges)]

    assert sound("aws", "copy", "other") == [
        (
            Status.UNKNOWN,
            "bill/aws",
            "5 charges (billed: 15.00 USD) of bill/aws and of bill/copy look the same: if they are, every sum holds them twice",
        )
    ]
    assert [status for status, *_ in sound("aws", "other")] == [Status.OK]


@pytest.mark.parametrize(
    ("mine", "theirs", "alike"),
    [
        (("eu-central-1",), ("us-east-1",), 0),
        (("eu-central-1",), ("eu-central-1",), 1),
        (("eu-central-1", "us-east-1"), ("us-east-1", "ap-south-1"), 1),
        (("eu-central-1", "us-east-1"), (None,), 1),
        ((None,), (None,), 1),
    ],
    ids=["two regions", "one region", "one of two", "a bill that tells none", "neither tells one"],
)
def test_charges_of_two_regions_are_no_copies_and_one_that_is_not_told_may_be_any(
    mine: tuple[str, ...], theirs: tuple[str | None, ...], alike: int
) -> None:
    cost = {"day": MONDAY, "effective": Decimal(3), "resource_id": None}
    table = charges(*(cost | {"region": region} for region in (*mine, *theirs)))
    table["billing_account"], table["bill"] = "111", [*("aws" for _ in mine), *("copy" for _ in theirs)]
    found = checks.bill_files_sound(of_bills.files.schema.empty(), table)

    assert [one.numbers["charges"] for one in found if one.subject == "bill/aws"] == [alike] * bool(alike)


FINER: dict[str, dict[str, Any]] = {"tags": {"Tags": '{"team": "shop"}'}, "a name": {"ResourceName": "x"}}


@pytest.mark.parametrize("other", FINER.values(), ids=FINER)
def test_a_copy_that_tells_more_apart_is_one_and_each_of_its_charges_counts(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    """Its charges are two where the bill has one of their sum; two of the same costs are two."""
    day = {"ChargePeriodStart": AS_OF - 3 * DAY, "ChargePeriodEnd": AS_OF - 2 * DAY, "BilledCost": "3"}
    write_csv(tmp_path / "aws" / "a.csv", [charge(**day), charge(**day | other)])
    write_csv(tmp_path / "coarse" / "a.csv", [charge(**day), charge(**day)])
    write_csv(tmp_path / "same" / "a.csv", [charge(**day), charge(**day | other)])
    write_csv(tmp_path / "less" / "a.csv", [charge(**day | {"BilledCost": "2"}), charge(**day)])

    def copied(*names: str) -> list[str]:
        places = {Target("bill", one): Bill(f"bill/{one}", Folder(f"bill/{one}", tmp_path / one)) for one in names}
        ops = live_session(tmp_path / "-".join(names), as_of=AS_OF, sources=places)
        table = of_bills.charges(ops, days=16)
        return [
            one.reason
            for one in checks.bill_files_sound(of_bills.files(ops, days=16), table)
            if "look the same" in one.reason
        ]

    assert [said.partition(" of bill")[0] for said in copied("aws", "coarse")] == ["1 charge (billed: 6.00 USD)"]
    assert [said.partition(" of bill")[0] for said in copied("aws", "same")] == ["2 charges (billed: 6.00 USD)"]
    assert copied("coarse", "less") == []
