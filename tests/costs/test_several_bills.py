"""A day counts where each of the bills has it: what one of several lacks is no saving."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import costs
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from tests.costs.tables import AS_OF, DAY, MONDAY, allocated, charges, nodes, objects

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
