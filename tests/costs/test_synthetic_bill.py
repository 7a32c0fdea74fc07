"""A bill whose truth is known, by line and team: the analysis is off by no cent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.schemas import ALL_LINES, CONTAINER_HOURS
from gocoffee_ops.demo.bill import CURRENCY, MARK, PRICED_ON, SECOND_CURRENCY, synthetic_bill
from gocoffee_ops.demo.bill_truth import Key, truth
from gocoffee_ops.demo.cost_usage import Work, container_hours, work_of
from gocoffee_ops.frames import records
from tests.costs.synthetic import AS_OF, CASES, FIRST, scene
from tests.costs.tables import MONEY, allocated, rows_of


@pytest.mark.parametrize(("seed", "cpu_weight"), [(0, 9.0), (1, 9.0), (2, 7.5), (3, 20.0)])
def test_every_line_and_team_is_right_to_the_cent(seed: int, cpu_weight: float) -> None:
    one = scene(seed)
    lines = allocated(one.bill, one.objects, AS_OF, teams=one.teams, cpu_weight=cpu_weight)
    sums: defaultdict[Key, dict[str, list[Decimal | None]]]
    sums = defaultdict(lambda: {basis: [] for basis in MONEY})
    for row in records(lines):
        for basis in MONEY:
            sums[row["line"], row["team"], row["currency"]][basis].append(row[basis])
    found = {key: {basis: round(total(parts), 2) for basis, parts in money.items()} for key, money in sums.items()}

    expected = truth(one.stage, one.items, one.hours, cpu_weight)
    assert {key: money for key, money in found.items() if any(money.values())} == expected
    assert {team for _, team, _ in expected} == {"shop", "analytics", None}
    assert {line for line, *_ in expected} == set(ALL_LINES)
    assert {key for key in expected if key[2] != CURRENCY} == {("purchase", "shop", SECOND_CURRENCY)}


def test_a_recorded_clusters_own_workloads_make_usage_that_fits_its_nodes() -> None:
    """From what its containers request; a pod of two containers is one, and a pod on no node uses nothing."""
    pod = {
        "namespace": "go-coffee",
        "workload": "deployment/orders",
        "memory_request_mib": 1024.0,
        "cpu_request_cores": 0.5,
    }
    rows = [
        pod | {"pod": "orders-a", "node": "general-1"},
        pod | {"pod": "orders-a", "node": "general-1", "cpu_request_cores": None, "memory_request_mib": None},
        pod | {"pod": "orders-b", "node": "general-2"},
        pod | {"pod": "orders-c", "node": None},
    ]
    (work,) = work_of(rows)
    assert work == Work("go-coffee", "deployment/orders", ("general-1", "general-2"), 0.55, 1.0625, 0.275, 0.53125)

    one = scene()
    hours = container_hours([work], FIRST, 2, CASES)
    things = replace(one.objects, container_hours=rows_of(CONTAINER_HOURS, [without_missing(row) for row in hours]))
    lines = allocated(one.bill, things, AS_OF, teams=one.teams)
    assert len({(row["pod_uid"], row["hour"]) for row in hours}) == len(hours)
    used = {row["node"] for row in records(lines) if row["line"] == "used" and row["workload"] == "deployment/orders"}
    assert used == {"general-1", "general-2"}


def without_missing(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "missing"}


def test_a_bill_is_the_same_for_the_same_seed_and_marked_with_its_date() -> None:
    one, again, other = scene(0), scene(0), scene(1)

    assert one.items == again.items
    assert one.items != other.items
    assert {item.focus["x_Synthetic"] for item in synthetic_bill(one.stage)} == {MARK}
    assert PRICED_ON in MARK
    assert all(MARK in item.focus["ChargeDescription"] for item in one.items)


def test_the_truth_adds_up_to_the_bill_that_it_is_of() -> None:
    one = scene()
    expected = truth(one.stage, one.items, one.hours)

    for basis, column in (("billed", "BilledCost"), ("effective", "EffectiveCost")):
        whole = sum(item.focus[column] for item in one.items)
        assert abs(sum(money[basis] for money in expected.values()) - whole) < Decimal("0.005") * len(expected)
