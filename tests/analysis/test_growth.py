"""Slopes of memory: what grows, what only moves, and what began anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gocoffee_ops.analysis.growth import FEWEST, memory_trend, slope_of
from gocoffee_ops.frames import records
from gocoffee_ops.queries import metrics
from tests.checks.tables import MOMENT, table

POD = {"prometheus": "main", "namespace": "go-coffee", "pod": "orders-0", "container": "orders", "memory_limited": True}


def trend(*values: float | None, limit: float | None = 1000.0) -> dict[str, Any]:
    rows = [
        POD | {"at": MOMENT + timedelta(hours=hour), "memory_mib": value, "memory_limit_mib": limit}
        for hour, value in enumerate(values)
    ]
    (row,) = records(memory_trend(table(metrics.memory, *rows, evidence="metrics.memory()@prometheus/main#0")))
    return row


def test_a_steady_growth_reaches_its_limit_when_it_must() -> None:
    row = trend(*(100.0 + 10 * hour for hour in range(11)))
    assert row["slope_mib_per_h"] == pytest.approx(10.0)
    assert row["time_to_limit_s"] == pytest.approx(80 * 3600)


def test_a_single_peak_does_not_bend_the_slope() -> None:
    row = trend(*(100.0 + 10 * hour for hour in range(5)), 900.0, *(100.0 + 10 * hour for hour in range(6, 11)))
    assert row["slope_mib_per_h"] == pytest.approx(10.0, rel=0.1)


def test_what_goes_up_and_down_has_no_time_to_its_limit() -> None:
    row = trend(*[100.0, 130.0] * 6)
    assert (row["time_to_limit_s"], row["missing"]) == (None, "it does not grow")


def test_only_the_samples_since_a_restart_count() -> None:
    row = trend(*(500.0 + 50 * hour for hour in range(6)), *(100.0 + 10 * hour for hour in range(7)))
    assert row["samples"] == 7
    assert row["since"] == MOMENT + timedelta(hours=6)
    assert row["slope_mib_per_h"] == pytest.approx(10.0)


def test_one_at_its_limit_already_has_no_time_left() -> None:
    assert trend(*(100.0 + 10 * hour for hour in range(11)), limit=150.0)["time_to_limit_s"] == 0.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0] * (FEWEST - 1), "a slope needs"),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, None], "is gone"),
        ([None] * 8, "is gone"),
    ],
)
def test_without_samples_there_is_no_slope_and_it_says_why(values: list[float | None], said: str) -> None:
    row = trend(*values)
    assert row["time_to_limit_s"] is None
    assert said in row["missing"]


def test_the_trend_cites_what_its_samples_cite() -> None:
    samples = table(metrics.memory, evidence="metrics.memory()@prometheus/main#0")
    assert memory_trend(samples).attrs["evidence"] == ["metrics.memory()@prometheus/main#0"]


@given(st.floats(-1e3, 1e3), st.floats(0, 1e4), st.integers(FEWEST, 30))
def test_a_straight_line_has_its_own_slope(slope: float, start: float, count: int) -> None:
    line = [(MOMENT + timedelta(hours=hour), start + slope * hour) for hour in range(count)]
    assert slope_of(line)[0] == pytest.approx(slope, abs=1e-6)
