"""Tables of logs for every status that a check of logs can reach."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gocoffee_ops.analysis.logs.schemas import ERROR_RATE, NOVELTY
from gocoffee_ops.model import Status
from tests.checks.tables import MOMENT, filled

RATE = {"service": "orders", "container": "orders", "start": MOMENT, "bucket_s": 60.0, "denominator": "access records"}
NEWS = {
    "change": "same",
    "service": "orders",
    "template": "no <num> beans",
    "levels": ("error",),
    "count": 5,
    "baseline_min": 60.0,
}


def rates(*requests_and_errors: tuple[float, float], **other: Any) -> pd.DataFrame:
    """Spans of time with requests and errors."""
    return filled(
        ERROR_RATE, *(RATE | {"requests": n, "errors": e, "error_rate": e / n} | other for n, e in requests_and_errors)
    )


def news(**row: Any) -> pd.DataFrame:
    """One template against its baseline."""
    return filled(NOVELTY, NEWS | row)


CASES: list[tuple[str, Status, list[pd.DataFrame]]] = [
    ("error_rate_below", Status.OK, [rates((1000, 9))]),
    ("error_rate_below", Status.WARN, [rates((1000, 10))]),
    ("error_rate_below", Status.CRIT, [rates((1000, 50))]),
    ("error_rate_below", Status.OK, [rates((10_000, 0), (19, 19))]),
    ("error_rate_below", Status.WARN, [rates((10_000, 0), (20, 20))]),
    ("error_rate_below", Status.UNKNOWN, [filled(ERROR_RATE, RATE | {"denominator": "none", "error_records": 7})]),
    ("error_rate_below", Status.UNKNOWN, [filled(ERROR_RATE)]),
    ("nothing_new_in_logs", Status.OK, [news()]),
    ("nothing_new_in_logs", Status.OK, [news(change="new", levels=("info", "debug"))]),
    ("nothing_new_in_logs", Status.WARN, [news(change="new", levels=("info",), without_level=1)]),
    ("nothing_new_in_logs", Status.OK, [filled(NOVELTY, NEWS, NEWS | {"change": "gone", "count": 0})]),
    ("nothing_new_in_logs", Status.UNKNOWN, [news(change="gone", count=0)]),
    ("nothing_new_in_logs", Status.OK, [news(change="more", ratio_low=1.9)]),
    ("nothing_new_in_logs", Status.WARN, [news(change="more", ratio_low=99.0, levels=("warn",))]),
    ("nothing_new_in_logs", Status.WARN, [news(change="more", ratio_low=99.0, levels=())]),
    ("nothing_new_in_logs", Status.OK, [news(change="more", ratio_low=99.0, levels=("info",))]),
    ("nothing_new_in_logs", Status.WARN, [news(change="new", count=9)]),
    ("nothing_new_in_logs", Status.WARN, [news(change="new", count=99, levels=("warn", "info"))]),
    ("nothing_new_in_logs", Status.WARN, [news(change="new", count=99, levels=())]),
    ("nothing_new_in_logs", Status.WARN, [news(change="more", ratio_low=2.0)]),
    ("nothing_new_in_logs", Status.CRIT, [news(change="new", count=10)]),
    ("nothing_new_in_logs", Status.CRIT, [news(change="more", ratio_low=10.0, levels=("fatal", "info"))]),
    ("nothing_new_in_logs", Status.UNKNOWN, [news(change="no baseline")]),
    ("nothing_new_in_logs", Status.UNKNOWN, [news(change="no baseline", levels=())]),
    ("nothing_new_in_logs", Status.UNKNOWN, [filled(NOVELTY)]),
]
