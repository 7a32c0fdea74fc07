"""Week against week: the causes add up to the difference, to the last place, and each is what it is called."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gocoffee_ops.analysis.costs.changes import (
    CAUSES,
    COMMITMENT,
    GONE,
    MIX,
    NEW,
    ONE_OFF,
    PRICE,
    TAX_CREDIT,
    UNSPLIT,
    VOLUME,
    Quantity,
    by_cause,
    cost_changes,
    decomposed,
)
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.frames import records
from tests.costs.tables import DAY, MONDAY, charges

AS_OF = MONDAY + 16 * DAY
MONEY = st.decimals(-1000, 1000, places=12, allow_nan=False)


@st.composite
def fortnights(draw: st.DrawFn) -> pd.DataFrame:
    one = st.fixed_dictionaries(
        {
            "day": st.integers(0, 13).map(lambda n: MONDAY + n * DAY),
            "sku_id": st.sampled_from(["a", "b", None]),
            "service": st.sampled_from(["EC2", "S3"]),
            "charge_category": st.sampled_from(["Usage"] * 5 + ["Tax", "Credit", "Purchase", "Adjustment"]),
            "charge_class": st.sampled_from(["", "", "Correction"]),
            "commitment": st.sampled_from(["", "Used", "Unused"]),
            "effective": MONEY | st.none(),
            "billed": MONEY,
            "currency": st.sampled_from(["EUR", "USD"]),
            "usage_unit": st.sampled_from(["Hours", "GB"]),
            "usage_quantity": st.none() | st.floats(-5, 500, allow_nan=False),
        }
    )
    every = [
        {"day": MONDAY + n * DAY, "resource_id": "b", "effective": Decimal(1), "usage_quantity": 1.0} for n in range(14)
    ]
    return charges(*every, *draw(st.lists(one, max_size=30)))


@settings(max_examples=100, deadline=None)
@given(fortnights())
def test_the_causes_add_up_to_the_difference_of_the_weeks_exactly(bill: pd.DataFrame) -> None:
    changes = cost_changes(bill, as_of=AS_OF)
    difference: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in records(bill):
        sign = 1 if row["day"] >= MONDAY + 7 * DAY else -1
        difference[row["currency"]] += sign * (row["effective"] or 0)

    told = {row["currency"]: Decimal(0) for row in records(changes)}
    for row in records(changes):
        told[row["currency"]] += row["effective_change"]
    assert set(changes["cause"]) <= set(CAUSES)
    assert {c: d for c, d in told.items() if d} == {c: d for c, d in difference.items() if d}
    table = records(by_cause(changes))
    assert total(row["effective_change"] for row in table) == total(row["effective_change"] for row in records(changes))


QUANTITIES = st.fractions(min_value=Fraction(1, 1000), max_value=1000)
COSTS = st.fractions(min_value=-1000, max_value=1000)


@given(COSTS, QUANTITIES, COSTS, QUANTITIES, QUANTITIES)
def test_price_and_usage_leave_no_term_between_them(
    c0: Fraction, q0: Fraction, c1: Fraction, q1: Fraction, grown: Fraction
) -> None:
    old, new = Quantity(c0, q0, {"": (c0, q0)}), Quantity(c1, q1, {"": (c1, q1)})
    parts = decomposed(old, new, grown)

    assert sum(parts.values()) == c1 - c0
    assert parts[PRICE] == (c1 / q1 - c0 / q0) * (q0 + q1) / 2
    assert parts[VOLUME] + parts[MIX] == (q1 - q0) * (c0 / q0 + c1 / q1) / 2
    assert parts[COMMITMENT] == 0


def weeks_of(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> dict[str, Decimal]:
    """What each cause comes to, of two weeks of which each day has these charges."""
    bill = charges(
        *(row | {"day": MONDAY + n * DAY} for n in range(7) for row in before),
        *(row | {"day": MONDAY + n * DAY} for n in range(7, 14) for row in now),
    )
    return {
        row["cause"]: row["effective_change"].normalize() for row in records(by_cause(cost_changes(bill, as_of=AS_OF)))
    }


def used(quantity: float, cost: str, sku: str = "a", **row: Any) -> dict[str, Any]:
    more = {"resource_id": "r", "usage_unit": "Hours", "usage_quantity": quantity, "effective": Decimal(cost)}
    return {"sku_id": sku} | more | row


@pytest.mark.parametrize(
    ("before", "now", "causes"),
    [
        ([used(10, "10")], [used(10, "12")], {PRICE: 14}),
        ([used(10, "10")], [used(15, "15")], {VOLUME: 35}),
        ([used(10, "10"), used(10, "30", "b")], [used(5, "5"), used(15, "45", "b")], {MIX: 70}),
        ([used(10, "10")], [used(10, "10"), used(1, "2", "new")], {NEW: 14}),
        ([used(10, "10"), used(1, "2", "old")], [used(10, "10")], {GONE: -14}),
        (
            [used(10, "10")],
            [used(5, "5"), used(5, "3", commitment="Used")],
            {COMMITMENT: -14},
        ),
        ([used(10, "10")], [used(10, "10"), used(1, "1", commitment="Unused")], {COMMITMENT: 7}),
        ([used(10, "10")], [used(10, "10"), {"charge_category": "Tax", "effective": Decimal(1)}], {TAX_CREDIT: 7}),
        ([used(10, "10")], [used(10, "10"), {"charge_category": "Credit", "effective": Decimal(-1)}], {TAX_CREDIT: -7}),
        ([used(10, "10")], [used(10, "10"), {"charge_category": "Purchase", "effective": Decimal(1)}], {ONE_OFF: 7}),
        ([used(10, "10")], [used(10, "10"), used(9, "1", charge_class="Correction")], {ONE_OFF: 7}),
        ([used(10, "10")], [used(10, "10"), {"effective": Decimal(1)}], {UNSPLIT: 7}),
    ],
    ids=[
        "price",
        "volume",
        "mix",
        "new",
        "gone",
        "committed",
        "unused",
        "tax",
        "credit",
        "one-off",
        "correction",
        "no quantity",
    ],
)
def test_a_change_has_the_cause_that_made_it(
    before: list[dict[str, Any]], now: list[dict[str, Any]], causes: dict[str, int]
) -> None:
    assert weeks_of(before, now) == {cause: Decimal(amount).normalize() for cause, amount in causes.items()}
