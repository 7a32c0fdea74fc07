"""What is new, with how sure; and when it began."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gocoffee_ops.analysis.logs import bursts, error_onset, error_rate, novelty, onset, parse, templated
from gocoffee_ops.analysis.logs.changes import change_point
from gocoffee_ops.analysis.logs.intervals import beta_cdf, beta_quantile, poisson_tail, rate_ratio
from gocoffee_ops.errors import UsageError
from gocoffee_ops.frames import records
from gocoffee_ops.model import Window
from tests.analysis.logs.scene import at, line, table

BASELINE = Window(at(0), at(60))
NOW = Window(at(60), at(90))
HOUR = Window(at(0), at(60))


def at_least(k: int, n: int, p: Fraction) -> Fraction:
    """The exact chance of k or more of n."""
    return sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), Fraction(0))


@settings(max_examples=40)
@given(st.integers(0, 60), st.integers(0, 60))
def test_the_interval_holds_exactly_what_its_tails_leave(count: int, other: int) -> None:
    """At each bound the chance of a count at least as far away is the tail's 2.5 %: that defines Clopper and Pearson."""
    low, high = rate_ratio(count, 2.0, other, 3.0)

    if count:
        share = Fraction(low * 2 / (low * 2 + 3))
        assert float(at_least(count, count + other, share)) == pytest.approx(0.025, rel=1e-6)
    else:
        assert low == 0.0
    if other:
        assert high is not None
        share = Fraction(high * 2 / (high * 2 + 3))
        assert float(1 - at_least(count + 1, count + other, share)) == pytest.approx(0.025, rel=1e-6)
    else:
        assert high is None


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.floats(0.001, 0.999))
def test_a_quantile_is_what_the_distribution_says(a: int, b: int, chance: float) -> None:
    assert beta_cdf(beta_quantile(chance, a, b), a, b) == pytest.approx(chance, rel=1e-5, abs=1e-7)


@given(st.integers(0, 60), st.floats(0.01, 50))
def test_the_tail_of_poisson_is_the_sum_of_its_chances(count: int, mean: float) -> None:
    below = math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count))

    assert poisson_tail(count, mean) == pytest.approx(1 - below, abs=1e-12)


def spread(text: Callable[[int], str], count: int, window: Window, **where: str) -> list[dict[str, object]]:
    """Lines evenly over a window."""
    step = window.seconds / 60 / max(count, 1)
    start = (window.start - at(0)).total_seconds() / 60
    return [line(text(i), at(start + step * (i + 0.5)), **where) for i in range(count)]


def changes(*rows: list[dict[str, object]]) -> pd.DataFrame:
    every = sorted((row for part in rows for row in part), key=lambda row: str(row["time"]))
    return novelty(templated(parse(table(every))), NOW, BASELINE).set_index("template")


def test_templates_are_new_more_less_gone_or_the_same() -> None:
    found = changes(
        spread(lambda i: f"INFO order {i} paid", 120, BASELINE),
        spread(lambda i: f"INFO order {i} paid", 62, NOW),
        spread(lambda i: f"ERROR stock of {i} beans is gone", 4, BASELINE),
        spread(lambda i: f"ERROR stock of {i} beans is gone", 40, NOW),
        spread(lambda i: f"WARN cache miss {i}", 100, BASELINE),
        spread(lambda i: f"WARN cache miss {i}", 5, NOW),
        spread(lambda i: f"INFO migration step {i}", 50, BASELINE),
        spread(lambda i: f"FATAL panic number {i} of the machine", 3, NOW),
        spread(lambda i: "INFO once in a while", 1, BASELINE),
    )

    assert found["change"].to_dict() == {
        "panic number <num> of the machine": "new",
        "stock of <num> beans is gone": "more",
        "migration step <num>": "gone",
        "cache miss <num>": "less",
        "order <num> paid": "same",
        "once in a while": "same",
    }
    more = found.loc["stock of <num> beans is gone"]
    minutes = more["baseline_min"]
    assert 59.5 < minutes < 60.0, "from the service's first record on"
    assert (more["rate_per_min"], more["baseline_rate_per_min"]) == (40 / 30, 4 / minutes)
    assert more["rate_ratio"] == pytest.approx(40 / 30 / (4 / minutes))
    assert more["ratio_low"] < more["rate_ratio"] < more["ratio_high"]
    new = found.loc["panic number <num> of the machine"]
    assert pd.isna(new["rate_ratio"])
    assert pd.isna(new["ratio_high"])
    assert new["ratio_low"] > 0


def test_without_a_baseline_nothing_is_called_new() -> None:
    found = changes(
        spread(lambda i: "INFO old", 9, BASELINE, pod="kitchen-0"),
        spread(lambda i: "ERROR boom", 9, NOW, pod="orders-0"),
    )

    assert found.loc["boom", "change"] == "no baseline"
    assert found.loc["boom", "baseline_min"] == 0.0


def test_a_rate_is_of_the_minutes_that_the_baseline_reaches() -> None:
    """Lines before minute 50 were rotated away: 10 records in 10 minutes are no fewer than 30 in 30."""
    found = changes(spread(lambda i: "INFO tick", 10, Window(at(50), at(60))), spread(lambda i: "INFO tick", 30, NOW))

    assert found.loc["tick", "change"] == "same"
    assert found.loc["tick", "baseline_rate_per_min"] == pytest.approx(1.0, rel=0.1)


def test_windows_that_overlap_are_refused() -> None:
    with pytest.raises(UsageError, match="baseline must end before"):
        novelty(templated(parse(table([line("x", at(0))]))), BASELINE, NOW)


def poisson(draw: random.Random, mean: float) -> int:
    limit, k, product = math.exp(-mean), 0, draw.random()
    while product > limit:
        k, product = k + 1, product * draw.random()
    return k


def test_a_change_is_found_where_it_is_and_seldom_where_there_is_none() -> None:
    draw = random.Random(7)
    steady = [change_point([poisson(draw, 4) for _ in range(60)], [1.0] * 60) for _ in range(300)]
    changed = [
        change_point([poisson(draw, 4) for _ in range(40)] + [poisson(draw, 12) for _ in range(20)], [1.0] * 60)
        for _ in range(300)
    ]

    assert sum(c is not None and c.p_value <= 0.01 for c in steady) <= 6
    assert all(c is not None and c.p_value <= 0.01 for c in changed)
    assert sum(c is not None and c.low <= 40 <= c.high for c in changed) >= 270
    assert sum(c is not None and abs(c.at - 40) <= 1 for c in changed) >= 200


def test_a_series_that_jumps_all_the_time_has_no_change() -> None:
    draw = random.Random(3)
    found = change_point([draw.choice((0, 0, 0, 40)) for _ in range(60)], [1.0] * 60)

    assert found is not None
    assert found.p_value > 0.01


@pytest.mark.parametrize("counts", [[], [3], [0, 0, 0]])
def test_a_series_without_two_rates_has_no_change(counts: list[int]) -> None:
    assert change_point(counts, [1.0] * len(counts)) is None


def test_an_onset_is_told_with_its_interval() -> None:
    draw = random.Random(1)
    rows = [
        line(f"ERROR no beans in store {m}", at(m + i / 100))
        for m in range(60)
        for i in range(poisson(draw, 1 if m < 40 else 9))
    ]
    steady = [line("INFO tick", at(m)) for m in range(60)]
    found = records(onset(templated(parse(table(rows + steady))), HOUR))

    assert [row["template"] for row in found] == ["no beans in store <num>"]
    assert found[0]["onset_low"] <= at(40) <= found[0]["onset_high"]
    assert abs((found[0]["onset"] - at(40)).total_seconds()) <= 60
    assert found[0]["ratio"] > 4


def test_an_onset_is_the_record_at_which_it_began_and_not_its_minute() -> None:
    """Errors begin 37.5 s into a minute; the service's last record before is a second older."""
    began = 40 + 37.5 / 60
    errors = [line(f"ERROR no beans in store {i}", at(began + i / 30)) for i in range(300)]
    steady = [line("INFO tick", at(m + 0.5)) for m in range(60)] + [line("INFO tick", at(began - 1 / 60))]
    (found,) = records(onset(templated(parse(table(errors + steady))), HOUR))
    assert found["onset"] == at(began)
    assert found["onset_low"] == at(began - 1 / 60)
    assert found["resolution_s"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "levels", "quiet"),
    [
        ("INFO order {} taken", ("info",), True),
        ("DEBUG order {} taken", ("debug",), True),
        ("WARN order {} is late", ("warn",), False),
        ("ERROR order {} failed", ("error",), False),
        ("order {} taken", (), False),  # it may be anything
        (
            '{{"level":"info","msg":"order {} taken","stack":"Error: no beans\\n    at brew (a.js:1:2)"}}',
            ("info",),
            False,
        ),
    ],
)
def test_only_what_surely_informs_begins_quietly(text: str, levels: tuple[str, ...], quiet: bool) -> None:
    rows = [line(text.format(i), at(40 + i / 30)) for i in range(300)]
    (found,) = records(onset(templated(parse(table(rows + [line("INFO tick", at(m)) for m in range(60)]))), HOUR))
    assert (found["levels"], found["quiet"]) == (levels, quiet)


def test_one_record_without_a_level_among_those_that_inform_is_enough_to_be_heard() -> None:
    rows = [line(f"INFO order {i} taken", at(40 + i / 30)) for i in range(300)] + [line("order 7 taken", at(45))]
    (found,) = records(onset(templated(parse(table(rows))), HOUR))
    assert (found["levels"], found["quiet"]) == (("info",), False)
    rows = [*rows[:-1], line("ERROR order 7 taken", at(-5))]  # before the window
    (found,) = records(onset(templated(parse(table(rows))), HOUR))
    assert (found["levels"], found["quiet"]) == (("info",), True)


def test_an_error_rates_onset_is_the_first_request_at_the_new_rate() -> None:
    draw = random.Random(3)
    began = 20.7

    def access(minute: float, status: int) -> dict[str, object]:
        return line(f'{{"msg":"m","status":{status},"method":"GET","path":"/"}}', at(minute))

    times = [m / 20 for m in range(600)]
    rows = [access(t, 503 if t >= began and draw.random() < 0.9 else 200) for t in times]
    served = parse(table(rows))
    (coarse,) = records(error_onset(error_rate(served)))
    (fine,) = records(error_onset(error_rate(served), served))
    assert coarse["resolution_s"] >= 60
    assert abs((fine["onset"] - at(began)).total_seconds()) <= 9.0  # three requests: nine of ten fail
    assert fine["onset_low"] <= at(began) <= fine["onset_high"]
    assert fine["resolution_s"] < 20


def test_a_rate_that_falls_ends_with_its_last_record() -> None:
    rows = [line(f"ERROR no beans in store {i}", at(i / 20)) for i in range(401)]  # to minute 20
    rows += [line("INFO tick", at(m + 0.25)) for m in range(60)]
    (found,) = records(onset(templated(parse(table(rows))), HOUR))
    assert (found["onset"], found["onset_high"]) == (at(20), at(20.25))


def test_more_traffic_with_the_same_share_of_errors_is_no_onset() -> None:
    def access(minute: int, status: int) -> dict[str, object]:
        return line(f'{{"msg":"m","status":{status},"method":"GET","path":"/"}}', at(minute))

    def minutes(share_after: int) -> list[dict[str, object]]:
        rows = []
        for m in range(30):
            busy = 4 if m >= 20 else 1
            failed = busy * (share_after if m >= 20 else 1)
            rows += [access(m, 503)] * failed + [access(m, 200)] * (20 * busy - failed)
        return rows

    assert error_onset(error_rate(parse(table(minutes(1))))).empty
    found = records(error_onset(error_rate(parse(table(minutes(8))))))
    assert [row["onset"] for row in found] == [at(20)]
    assert (found[0]["before_error_rate"], found[0]["after_error_rate"]) == (0.05, 0.4)


def test_a_burst_is_told_once_with_its_minutes() -> None:
    rows = [line(f"WARN retry {m}", at(m)) for m in range(60)]
    rows += [line(f"WARN retry {i}", at(m + i / 100)) for m in (20, 21) for i in range(30)]
    found = records(bursts(templated(parse(table(rows))), HOUR))

    assert [(row["start"], row["end"], row["count"]) for row in found] == [(at(20), at(22), 62)]
    assert found[0]["expected"] == pytest.approx(2.0, rel=0.1)
    assert found[0]["p_value"] < 1e-6


def test_an_even_series_has_no_burst() -> None:
    draw = random.Random(2)
    rows = [line("INFO tick", at(m + i / 100)) for m in range(60) for i in range(poisson(draw, 5))]

    assert bursts(templated(parse(table(rows))), HOUR).empty
