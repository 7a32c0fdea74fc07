"""Errors over requests, and how far back the lines reach."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.analysis.logs import error_rate, horizon, parse
from gocoffee_ops.frames import records
from gocoffee_ops.model import Window
from tests.analysis.logs.scene import START, at, line, lines, table


def request(minute: float, status: int, **where: Any) -> dict[str, Any]:
    text = f'10.0.0.1 - - [05/Jan/2026:03:00:00 +0000] "GET /orders/500 HTTP/1.1" {status} 503 "-" "curl"'
    return line(text, at(minute), **where)


def test_h04_errors_are_divided_by_requests_minute_by_minute() -> None:
    rows = [request(0, 200)] * 6 + [request(0.5, 503)] * 2 + [request(1, 404)] * 4 + [line("ERROR boom", at(1))]
    found = error_rate(parse(table(rows)))

    assert found["requests"].tolist() == [8, 4]
    assert found["errors"].tolist() == [2, 0]
    assert found["error_rate"].tolist() == [0.25, 0.0]
    assert found["denominator"].tolist() == ["access records"] * 2
    assert found["start"].tolist() == [at(0), at(1)]
    assert found["error_records"].tolist() == [2, 1]


def test_h04_a_count_without_requests_is_no_rate() -> None:
    rates = error_rate(parse(table([line("ERROR boom", at(0)), line("INFO fine", at(1))])))

    assert rates["error_records"].tolist() == [1, 0]
    assert rates[["requests", "errors", "error_rate"]].isna().all(axis=None)
    assert rates["denominator"].tolist() == ["none", "none"]


def test_a_status_without_a_method_or_path_is_no_request() -> None:
    rates = error_rate(parse(lines('{"msg":"order state","status":500}')))

    assert rates["requests"].isna().all()


def test_a_proxy_and_its_service_are_counted_apart() -> None:
    rates = error_rate(parse(table([request(0, 200), request(0, 503, container="proxy")])))

    assert rates[["container", "requests", "error_rate"]].to_numpy().tolist() == [["orders", 1, 0], ["proxy", 1, 1]]


def test_requests_without_a_time_are_counted_in_a_row_of_their_own() -> None:
    text = '{"msg":"request","status":500,"method":"GET","path":"/"}'
    rates = error_rate(parse(table([line(text), line(text, at(0))])), bucket_s=3600)

    assert rates["start"].tolist() == [at(0), pd.NaT]
    assert rates["bucket_s"].tolist() == [3600.0, 3600.0]


def test_no_records_are_no_rates() -> None:
    assert error_rate(parse(lines())).empty


WINDOW = Window(START, START + timedelta(hours=2))


def reach(*minutes: float, **where: Any) -> dict[str, Any]:
    found = records(horizon(table(line("INFO x", at(m), **where) for m in minutes), WINDOW))
    assert len(found) == 1
    return found[0]


def test_h31_lines_that_were_rotated_away_are_told() -> None:
    found = reach(*range(90, 120))

    assert found["covered"] is False
    assert found["oldest"] == at(90)
    assert (found["missing_s"], found["window_s"], found["longest_silence_s"]) == (5400.0, 7200.0, 60.0)


@pytest.mark.parametrize(
    ("minutes", "covered"),
    [
        ((-1, 5, 60), True),
        ((0.5, 60), True),
        ((30, 31, 70), None),
        ((30, 31, 32), False),
        ((30,), None),
    ],
)
def test_h31_a_container_that_may_have_been_silent_is_unknown(minutes: tuple[float, ...], covered: bool | None) -> None:
    assert reach(*minutes)["covered"] is covered


def test_lines_without_a_time_tell_no_horizon() -> None:
    found = records(horizon(table([line("x"), line("y")]), WINDOW))[0]

    assert (found["covered"], found["oldest"], found["untimed_lines"]) == (None, None, 2)


def test_the_previous_containers_lines_count_for_the_container() -> None:
    found = horizon(table([line("x", at(-1), previous=True), line("y", at(60))]), WINDOW)

    assert found["covered"].tolist() == [True]


def pods(*rows: tuple[str, float]) -> pd.DataFrame:
    made = [
        {"cluster": "eu", "namespace": "go-coffee", "pod": pod, "created_at": pd.Timestamp(at(minute))}
        for pod, minute in rows
    ]
    return pd.DataFrame(made)


def test_a_pod_made_within_the_window_is_held_to_its_own_life_in_all_its_containers() -> None:
    rows = [line("x", at(m), container=c) for c in ("a", "b") for m in (60.2, 60.4)]
    pod = rows[0]["pod"]
    found = horizon(table(rows), WINDOW, pods=pods((pod, 60)))

    assert found["covered"].tolist() == [True, True]
    assert found["window_start"].tolist() == [at(60)] * 2


def test_a_pod_of_which_no_line_was_read_is_not_left_out() -> None:
    found = horizon(table([line("x", at(-1))]), WINDOW, pods=pods(("silent-0", -60)))

    assert found[["pod", "lines", "covered"]].astype(object).where(found.notna(), None)["covered"].tolist() == [
        True,
        None,
    ]
    assert found["pod"].tolist()[1] == "silent-0"
