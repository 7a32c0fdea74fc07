"""What the report's tables say of themselves: which days, whose money, how much of the bill is explained, and by which weight."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import costs
from gocoffee_ops.analysis.costs.allocation import Objects
from gocoffee_ops.analysis.costs.prices import CPU_WEIGHT, CPU_WEIGHT_BAND
from gocoffee_ops.analysis.costs.schemas import ALL_LINES
from gocoffee_ops.frames import records
from gocoffee_ops.queries import opencost
from tests.costs.synthetic import AS_OF as SYNTHETIC_AS_OF
from tests.costs.synthetic import scene
from tests.costs.tables import AS_OF, DAY, MONDAY, allocated, charges, hours, nodes, objects, rows_of

CONFIGURATION = Path(__file__).parents[2] / "docs/configuration.md"


def periods(*rows: dict[str, Any]) -> pd.DataFrame:
    usual = {"bill": "aws", "day": MONDAY, "currency": "EUR", "estimated": False, "rows": 1}
    return pd.DataFrame([usual | {"billed": row["effective"]} | row for row in rows])


def told(bill: pd.DataFrame, totals: pd.DataFrame, things: Objects | None = None) -> list[dict[str, Any]]:
    lines = allocated(bill, things or objects(node_table=nodes()))
    return records(costs.bill_coverage(lines, bill, totals))


def of_bills(*rows: dict[str, Any]) -> pd.DataFrame:
    """Charges with the bill that each is of."""
    table = charges(
        *({"day": MONDAY, "resource_id": "db-1"} | {name: row[name] for name in row if name != "bill"} for row in rows)
    )
    table["bill"] = pd.array([row["bill"] for row in rows], dtype="string")
    return table


# --- by how much a bill is explained ---------------------------------------------------------------------------------------


def test_each_bill_and_currency_has_the_exact_share_of_its_money_that_is_explained() -> None:
    """Half of the node's day was not seen, so half of what it costs is unknown; the dollars are another bill's."""
    things = objects(hours("a", 12))
    bill = of_bills(
        {"bill": "aws", "resource_id": "i-node1", "effective": Decimal("10.01"), "billed": Decimal("4.00")},
        {"bill": "aws", "service": "RDS", "effective": Decimal("9.99")},
        {"bill": "gcp", "service": "BigQuery", "effective": Decimal("0.30"), "currency": "USD"},
    )
    whole = periods(
        {"effective": Decimal("20.00"), "billed": Decimal("13.99")},
        {"bill": "gcp", "effective": Decimal("0.30"), "currency": "USD"},
    )

    euros, dollars = told(bill, whole, things)
    lost = Decimal("10.01") / 2
    assert (euros["bill"], euros["currency"], euros["days"]) == ("aws", "EUR", 1)
    assert (euros["effective"], euros["effective_explained"]) == (Decimal("20.00"), Decimal("20.00") - lost)
    assert (euros["billed"], euros["billed_explained"]) == (Decimal("13.99"), Decimal("11.99"))
    assert euros["effective_explained_share"] == pytest.approx(float((20 - lost) / 20))
    assert (dollars["bill"], dollars["effective_explained"], dollars["effective"]) == ("gcp", *[Decimal("0.30")] * 2)
    assert (dollars["effective_explained_share"], dollars["why"]) == (1.0, None)


def test_what_the_lines_lack_of_the_bill_and_what_they_have_too_much_is_not_explained() -> None:
    bill = of_bills(
        {"bill": "aws", "service": "RDS", "effective": Decimal(6)},
        {"bill": "aws", "service": "RDS", "effective": Decimal(6), "day": MONDAY + DAY},
    )
    whole = periods({"effective": Decimal(8)}, {"effective": Decimal(4), "day": MONDAY + DAY})

    (row,) = told(bill, whole)
    assert (row["effective"], row["effective_explained"]) == (12, 8)  # 2 too few and 2 too many do not cancel out


def test_a_bill_that_was_not_read_has_no_share_and_the_others_keep_theirs() -> None:
    bill = of_bills({"bill": "aws", "service": "RDS", "effective": Decimal(6)})
    bill.attrs["gaps"] = ["bill/gcp: there is no /srv/bills/gcp"]

    aws, gcp = told(bill, periods({"effective": Decimal(6)}))
    assert (aws["bill"], aws["effective_explained_share"]) == ("aws", 1.0)
    assert (gcp["bill"], gcp["effective"], gcp["effective_explained_share"]) == ("gcp", None, None)
    assert gcp["why"] == "not read: there is no /srv/bills/gcp"


def test_a_bill_that_was_read_in_part_has_no_share() -> None:
    bill = of_bills({"bill": "aws", "service": "RDS", "effective": Decimal(6)})
    whole = periods({"effective": Decimal(6)})
    whole.attrs["gaps"] = ["bill/aws: part of it: b.parquet was cut off"]

    (row,) = told(bill, whole)
    assert (row["effective"], row["effective_explained_share"], row["billed_explained_share"]) == (6, None, None)
    assert "b.parquet was cut off" in row["why"]


def test_of_a_bill_that_is_all_credits_no_share_is_told() -> None:
    credit = {"bill": "aws", "service": "Credits", "charge_category": "Credit", "effective": Decimal(-5)}

    (row,) = told(of_bills(credit), periods({"effective": Decimal(-5)}))
    assert (row["effective"], row["effective_explained_share"]) == (-5, None)
    assert "not more than what it credits" in row["why"]


def test_days_within_the_billing_lag_are_in_no_share() -> None:
    late = MONDAY + 30 * DAY
    first, second = {"effective": Decimal(6)}, {"effective": Decimal(1), "day": late}
    bill = of_bills(*({"bill": "aws", "service": "RDS", **row} for row in (first, second)))
    lines = allocated(bill, objects(node_table=nodes()), late + DAY)

    (row,) = records(costs.bill_coverage(lines, bill, periods(first, second | {"estimated": True})))
    assert (row["days"], row["effective"], row["effective_explained_share"]) == (1, 6, 1.0)


# --- what a core weighs ----------------------------------------------------------------------------------------------------


def test_memorys_share_is_told_of_each_type_of_node_by_the_configured_weight_and_the_band() -> None:
    """4 GiB a core: 35 % of the price at the lowest weight, 17 % at the highest."""
    table = nodes({}, {}, {"instance_type": "r6i.large", "memory_gib": 16.0})

    general, memory = records(costs.memory_share_band(table, cpu_weight=12.0))
    assert (general["instance_type"], general["nodes"], general["cpu_cores"], general["memory_gib"]) == (
        "m6i.large",
        2,
        2,
        8,
    )
    assert [general[f"{name}cpu_weight"] for name in ("low_", "", "high_")] == [
        CPU_WEIGHT_BAND[0],
        12.0,
        CPU_WEIGHT_BAND[1],
    ]
    shares = ("low_weight_memory_share", "memory_share", "high_weight_memory_share")
    assert [round(general[name], 3) for name in shares] == [0.348, 0.25, 0.167]
    assert [round(memory[name], 3) for name in shares] == [0.516, 0.4, 0.286]


def test_the_share_of_the_configured_weight_is_that_of_the_nodes_price() -> None:
    things = objects(hours("a"))
    lines = allocated(charges({"day": MONDAY, "resource_id": "i-node1", "effective": Decimal(24)}), things)

    (price,) = records(costs.node_prices(lines, things.nodes))
    (band,) = records(costs.memory_share_band(things.nodes))
    assert band["cpu_weight"] == CPU_WEIGHT
    assert float(price["gib_hour_effective"] * 8 / price["hour_effective"]) == pytest.approx(band["memory_share"])


def test_a_node_whose_size_was_not_read_has_no_share() -> None:
    sizeless = dict.fromkeys(("cpu_cores", "memory_gib", "allocatable_cpu_cores", "allocatable_memory_gib"))
    rows = records(costs.memory_share_band(nodes({}, sizeless)))

    assert [(row["nodes"], row["memory_share"] is None, row["low_weight_memory_share"] is None) for row in rows] == [
        (1, False, False),
        (1, True, True),
    ]


# --- which days ------------------------------------------------------------------------------------------------------------


def test_a_sum_of_all_days_and_one_of_complete_days_say_so() -> None:
    things = objects(hours("a", 24 * 3), node_table=nodes({}))
    bill = charges(*({"day": MONDAY + n * DAY, "resource_id": "i-node1", "effective": Decimal(1)} for n in range(3)))
    lines = allocated(bill, things, MONDAY + 4 * DAY)  # so that one day is within the lag

    everything, complete = costs.aggregate(lines, "team"), costs.node_prices(lines, things.nodes)
    assert everything.attrs["span"] == "3 days, 2026-11-02 to 2026-11-04, of which the last 1 is an estimate"
    assert complete.attrs["span"] == "2 complete days, 2026-11-02 to 2026-11-03"
    band = costs.cpu_weight_band(bill, things, costs.Rules(MONDAY + 4 * DAY))
    assert band.attrs["span"] == everything.attrs["span"]
    used = costs.used_of_requested(things.container_hours)
    assert used.attrs["span"].startswith("72 hours between 2026-11-02 00:00 and")


def test_the_table_of_another_key_says_the_same_days_and_what_nobody_has() -> None:
    lines = allocated(
        charges({"day": MONDAY, "service": "RDS", "effective": Decimal(1)}), objects(node_table=nodes()), AS_OF
    )

    one, other = costs.aggregate(lines, "team"), costs.aggregate(lines, ["label:app", "line"])
    assert one.attrs["span"] == other.attrs["span"] != ""
    assert (one.attrs["nobody"], other.attrs["nobody"]) == ({"team": "(no team)"}, {"label:app": "(no label app)"})


# --- names -----------------------------------------------------------------------------------------------------------------


def test_what_opencost_calls_nobodys_reads_as_words_and_the_record_keeps_its_name() -> None:
    names = ["__idle__", "__unmounted__", "__unallocated__", "one/__unmounted__", "go-coffee", "__init__py"]
    table = rows_of(opencost.allocation.schema, [{"name": name, "pod": name} for name in names])
    table.attrs["gaps"] = ["opencost/main: it has no data"]

    shown = costs.in_words(table)
    words = ["(idle)", "(unmounted volumes)", "(none named)", "one/(unmounted volumes)", "go-coffee", "__init__py"]
    assert [list(shown[name]) for name in ("name", "pod")] == [words, words]
    assert list(table["name"]) == names
    assert (shown.dtypes == table.dtypes).all()
    assert shown.attrs == table.attrs


def test_a_table_without_rows_is_the_same_in_words() -> None:
    table = opencost.allocation.schema.empty()
    table.attrs["absent"] = "the environment names no opencost"

    pd.testing.assert_frame_equal(costs.in_words(table), table)
    assert costs.in_words(table).attrs["absent"]


def test_exported_rows_name_their_line_by_the_documented_names_and_no_owner_in_words_for_people() -> None:
    one = scene()
    rows = records(costs.focus_rows(allocated(one.bill, one.objects, SYNTHETIC_AS_OF, teams=one.teams), one.bill))

    assert {row["x_CostLine"] for row in rows} <= set(ALL_LINES)
    documented = CONFIGURATION.read_text().partition("`x_CostLine`, by one of these names")[2].partition("`x_Team`")[0]
    assert re.findall(r"`([a-z ]+)`", documented) == list(ALL_LINES)
    names = {row[name] for row in rows for name in ("x_Team", "AllocatedResourceId", "AllocatedResourceName")} - {None}
    assert names
    assert not [name for name in names if "__" in name or "(" in name]
