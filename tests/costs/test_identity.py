"""The lines add up to the bill, to the last place, whatever the bill, the cluster and the gaps are."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from gocoffee_ops.analysis.costs.aggregate import KEYS, aggregate
from gocoffee_ops.analysis.costs.allocation import Objects
from gocoffee_ops.analysis.costs.focus_rows import focus_rows
from gocoffee_ops.analysis.costs.money import share_out, total
from gocoffee_ops.analysis.costs.reconciliation import WHOLE, reconciliation
from gocoffee_ops.analysis.costs.schemas import ALL_LINES, IDLE, TEAMS
from gocoffee_ops.frames import records
from tests.costs.tables import (
    DAY,
    HOUR,
    MONDAY,
    MONEY,
    allocated,
    charges,
    load_balancers,
    nodes,
    objects,
    rows_of,
    volumes,
)

DAYS = 2
MONEY_VALUES = st.decimals(-1000, 1000, places=12, allow_nan=False) | st.sampled_from([Decimal(0), Decimal("0.01")])
IDS = st.sampled_from(
    [
        "i-node1",
        "i-node2",
        "arn:aws:ec2:eu-central-1:1:instance/i-node3",
        "i-other",
        "vol-data00",
        "vol-gone00",
        "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/shop/0a1b2c",
        "bucket/logs",
        "arn:aws:eks:eu-central-1:1:pod/prod/lab/a/1",
        None,
    ]
)


@st.composite
def bills(draw: st.DrawFn) -> pd.DataFrame:
    one = st.fixed_dictionaries(
        {
            "day": st.integers(0, DAYS - 1).map(lambda n: MONDAY + n * DAY),
            "resource_id": IDS,
            "service": st.sampled_from(["EC2", "EKS", "AWS Data Transfer", "S3", "Tax"]),
            "charge_category": st.sampled_from(["Usage"] * 6 + ["Purchase", "Tax", "Credit", "Adjustment", "Surprise"]),
            "charge_class": st.sampled_from(["", "", "", "Correction"]),
            "commitment": st.sampled_from(["", "", "Used", "Unused"]),
            "team": st.sampled_from([None, "shop", "lab"]),
            "billed": MONEY_VALUES | st.none(),
            "effective": MONEY_VALUES | st.none(),
            "currency": st.sampled_from(["EUR", "EUR", "USD"]),
            "usage_unit": st.sampled_from([None, "Hours", "GB", "GB-Month"]),
            "usage_quantity": st.none() | st.floats(-10, 1000, allow_nan=False),
            "tags": st.sampled_from(
                [(), ("eks:cluster-name=eu",), ("kubernetes.io/created-for/pvc/name=data",), ("k8s-namespace=lab",)]
            ),
        }
    )
    return charges(*draw(st.lists(one, max_size=12)))


@st.composite
def clusters(draw: st.DrawFn) -> Objects:
    size = st.sampled_from([0.0, 2.0, 4.0])
    node = st.fixed_dictionaries(
        {
            "cluster": st.sampled_from(["eu", "us"]),
            "cpu_cores": size,
            "memory_gib": size.map(lambda n: n * 4),
            "allocatable_cpu_cores": st.sampled_from([None, 1.5]),
            "created_at": st.integers(-30, 40).map(lambda n: MONDAY + n * HOUR) | st.none(),
            "pool": st.sampled_from([None, "workers"]),
        }
    )
    used = st.none() | st.floats(0, 3, allow_nan=False)
    expected = st.integers(0, 60)
    hour = st.fixed_dictionaries(
        {
            "hour": st.integers(0, 24 * DAYS - 1).map(lambda n: MONDAY + n * HOUR),
            "namespace": st.sampled_from(["go-coffee", "kube-system", "lab"]),
            "pod": st.sampled_from(["a", "b"]),
            "pod_uid": st.sampled_from([None, "1", "2"]),
            "container": st.just("app"),
            "workload": st.sampled_from([None, "deployment/a", "daemonset/logs"]),
            "node": st.sampled_from(["n1", "n2", "n9", None]),
            "cpu_core_hours": used,
            "memory_gib_hours": used,
            "cpu_request_cores": used,
            "memory_request_gib": used,
            "minutes": expected.map(float),
            "samples_expected": st.integers(0, 60),
            "samples_found": expected,
            "labels": st.sampled_from([(), ("team=lab",), ("app=a",)]),
        }
    )
    return objects(
        draw(st.lists(hour, max_size=40)),
        node_table=nodes(*draw(st.lists(node, max_size=3))),
        volume_table=volumes(
            {"volume": "pv1", "volume_handle": "vol-data00", "mounted_by": draw(st.sampled_from([(), ("a",)]))}
        ),
        balancer_table=load_balancers({"service": "shop", "addresses": ("shop-0a1b2c.elb.example.com",)}),
    )


def sums(rows: list[dict[str, Any]], basis: str) -> dict[str | None, Decimal]:
    found: defaultdict[str | None, list[Decimal | None]] = defaultdict(list)
    for row in rows:
        if row[basis] is not None:
            found[row["currency"]].append(row[basis])
    return {currency: total(amounts) for currency, amounts in found.items()}


TEAM_TABLE = rows_of(TEAMS, [{"team": "shop", "namespace": "go-coffee", "workload": "*"}])


@settings(max_examples=100, deadline=None)
@given(bills(), clusters(), st.sampled_from([7.5, 9.0, 20.0]))
def test_the_lines_add_up_to_the_bill_and_to_each_of_its_charges(
    bill: pd.DataFrame, things: Objects, cpu_weight: float
) -> None:
    lines = records(allocated(bill, things, teams=TEAM_TABLE, cpu_weight=cpu_weight))
    parts: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if line["charge"] is not None:
            parts[line["charge"]].append(line)

    assert {line["line"] for line in lines} <= set(ALL_LINES)
    for basis in MONEY:
        assert sums(lines, basis) == sums(records(bill), basis)
        for at, charge in enumerate(records(bill)):
            there = [part[basis] for part in parts[at]]
            assert (None in there) == (charge[basis] is None)
            assert charge[basis] is None or total(there) == charge[basis]
            assert {part["currency"] for part in parts[at]} == {charge["currency"]}


@settings(max_examples=30, deadline=None)
@given(
    bills(),
    clusters(),
    st.lists(st.sampled_from([*KEYS, "label:team", "label:none"]), min_size=1, max_size=3, unique=True),
)
def test_whatever_the_lines_are_added_up_by_the_totals_stay(
    bill: pd.DataFrame, things: Objects, keys: list[str]
) -> None:
    lines = allocated(bill, things, teams=TEAM_TABLE)
    added = aggregate(lines, keys)

    for basis in (*MONEY, "list"):
        assert sums(records(added), basis) == sums(records(lines), basis)
    assert sum(added["lines"]) == len(lines)


@settings(max_examples=30, deadline=None)
@given(bills(), clusters())
def test_no_part_of_a_node_is_negative_and_its_hours_are_all_told(bill: pd.DataFrame, things: Objects) -> None:
    lines = [line for line in records(allocated(bill, things)) if line["core_hours"] is not None]

    assert all(line["core_hours"] >= 0 and line["gib_hours"] >= 0 for line in lines)
    told: defaultdict[Any, float] = defaultdict(float)
    for line in lines:
        told[line["cluster"], line["node"], line["day"]] += line["core_hours"]
    seen = records(things.container_hours)
    days = {row["day"] for row in records(bill)} | {row["hour"].replace(hour=0) for row in seen}
    for node in records(things.nodes):
        ran = [row["hour"] for row in seen if row["node"] == node["node"]]
        for day in days:
            whole = size(node) * hours_of(node["created_at"], day, ran)
            assert whole - 1e-6 <= told[node["cluster"], node["node"], day] <= whole * 1.021


def size(node: dict[str, Any]) -> float:
    """A node's cores; 0 where its size is not known."""
    memory = node["memory_gib"] or node["allocatable_memory_gib"]
    return float(node["cpu_cores"] or node["allocatable_cpu_cores"] or 0) if memory else 0.0


def hours_of(created_at: datetime | None, day: datetime, ran: list[datetime]) -> float:
    """For how many hours of a day a node was there: all of it, if something ran on one of its name before it was made."""
    if created_at is None or any(day <= hour < day + DAY and hour + HOUR <= created_at for hour in ran):
        return 24.0
    return float(min(max((day + DAY - created_at) / HOUR, 0), 24))


@settings(max_examples=30, deadline=None)
@given(bills(), clusters())
def test_idle_is_told_only_of_hours_in_which_something_was_seen_on_the_node(
    bill: pd.DataFrame, things: Objects
) -> None:
    lines = records(allocated(bill, things))
    seen = {(row["node"], row["hour"].replace(hour=0)) for row in records(things.container_hours) if row["minutes"]}

    assert {(line["node"], line["day"]) for line in lines if line["line"] == IDLE} <= seen


@settings(max_examples=25, deadline=None)
@given(bills(), clusters())
def test_the_rows_of_focus_add_up_to_their_charges(bill: pd.DataFrame, things: Objects) -> None:
    found = records(focus_rows(allocated(bill, things), bill))

    for ours, theirs in (("BilledCost", "billed"), ("EffectiveCost", "effective")):
        assert sums([{"currency": row["BillingCurrency"], ours: row[ours]} for row in found], ours) == sums(
            records(bill), theirs
        )
    quantities = [row["usage_quantity"] for row in records(bill) if row["usage_quantity"] is not None]
    added = total(row["ConsumedQuantity"] for row in found)
    assert abs(float(added) - sum(quantities)) < 1e-6


@settings(max_examples=25, deadline=None)
@given(bills(), clusters())
def test_a_reconciliation_without_other_totals_is_whole(bill: pd.DataFrame, things: Objects) -> None:
    table = records(reconciliation(allocated(bill, things)))

    for basis in MONEY:
        wholes = [row for row in table if row["line"] == WHOLE]
        parts = [row for row in table if row["line"] != WHOLE]
        nothing = {currency: amount for currency, amount in sums(records(bill), basis).items() if amount}
        assert {c: a for c, a in sums(wholes, basis).items() if a} == nothing
        assert {c: a for c, a in sums(parts, basis).items() if a} == nothing


@given(st.integers(-(10**20), 10**20), st.lists(st.integers(0, 10**15), min_size=1).filter(sum))
def test_shares_add_up_and_none_is_off_by_more_than_one_unit(count: int, weights: list[int]) -> None:
    parts = share_out(count, weights)

    assert sum(parts) == count
    whole = sum(weights)
    assert all(abs(part * whole - count * weight) < whole for part, weight in zip(parts, weights, strict=True))
