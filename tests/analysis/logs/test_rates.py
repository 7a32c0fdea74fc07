"""Errors over requests."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gocoffee_ops.analysis.logs import error_rate, parse
from tests.analysis.logs.scene import at, line, lines, table


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
