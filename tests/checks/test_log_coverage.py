"""How much of the logs was read, judged from tables as `logs.coverage` makes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.model import Status
from gocoffee_ops.queries.log_schemas import LOG_COVERAGE
from tests.checks.tables import MOMENT

HOUR = timedelta(hours=1)
ROW: dict[str, Any] = {
    "cluster": "eu", "namespace": "go-coffee", "pod": "orders-0", "container": "app", "owner": "deployment/orders",
    "role": "container", "previous": False, "state": "read", "reason": None, "lines": 7, "kept_lines": 7, "untimed_lines": 0,
    "bytes": 700, "sha256": "a" * 64, "sha256_before": None, "created_at": MOMENT - 2 * HOUR,
    "window_start_at": MOMENT, "window_end_at": MOMENT + HOUR, "oldest_at": MOMENT,
    "newest_at": MOMENT, "oldest_there_at": MOMENT - HOUR, "started_at": MOMENT - 2 * HOUR, "covered": True,
    "owner_made_at": None, "owner_first": None,
}  # fmt: skip


def coverage(*changes: dict[str, Any]) -> pd.DataFrame:
    return LOG_COVERAGE.from_rows([ROW | change for change in changes])


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ([{}], Status.OK, "7 lines of 1 log"),
        ([{}, {"state": "none", "reason": "it was never restarted"}], Status.OK, "7 lines of 1 log"),
        (
            [{"oldest_there_at": MOMENT + HOUR / 2, "started_at": MOMENT + HOUR / 3, "covered": None}],
            Status.OK,
            "7 lines",
        ),
        ([{"oldest_there_at": MOMENT + HOUR / 2, "covered": None}], Status.WARN, "begins at 2026-01-05 03:30:00 UTC"),
        (
            [{"oldest_there_at": None, "covered": None}],
            Status.UNKNOWN,
            "how far back the log of app in orders-0 reaches",
        ),
        ([{"oldest_there_at": None, "lines": 0, "reason": "reset"}], Status.UNKNOWN, "was not learnt: reset"),
        ([{"oldest_there_at": None, "lines": 0}], Status.OK, "0 lines of 1 log"),
        ([{"oldest_there_at": None, "started_at": MOMENT, "covered": None}], Status.OK, "7 lines"),
        (
            [{"oldest_there_at": MOMENT + HOUR / 2, "started_at": None}],
            Status.UNKNOWN,
            "when its container began is not",
        ),
        ([{"state": "cut", "reason": "its budget of 8 MiB was used up"}], Status.WARN, "cut after 7 lines: its budget"),
        ([{}, {"state": "broken", "reason": "connection reset"}], Status.UNKNOWN, "broke off after 7 lines"),
        (
            [{}, {"state": "refused", "reason": "connection refused"}],
            Status.UNKNOWN,
            "was not read: connection refused",
        ),
        ([{"state": "none", "reason": "it waits"}], Status.UNKNOWN, "no container of these pods has a log yet"),
        ([], Status.UNKNOWN, "no log was asked for"),
    ],
)
def test_each_way_in_which_a_log_ends_has_its_verdict(changes: list[dict[str, Any]], status: Status, said: str) -> None:
    (finding,) = checks.logs_covered(coverage(*changes))
    assert (finding.status, said in finding.reason) == (status, True), finding


def test_forty_logs_of_one_deployment_are_one_finding() -> None:
    refused = {"state": "refused", "reason": "connection refused"}
    (finding,) = checks.logs_covered(coverage(*({"pod": f"orders-{i}"} | refused for i in range(40))))
    assert (finding.subject, finding.numbers["logs"]) == ("deployment/orders", 40)
    assert finding.reason.endswith("(and 39 other logs)")


def test_a_workload_whose_pods_were_all_replaced_within_the_window_has_lost_its_earlier_logs() -> None:
    young = {"created_at": MOMENT + HOUR / 2} | dict.fromkeys(
        ("started_at", "oldest_at", "oldest_there_at"), MOMENT + HOUR / 2
    )
    (finding,) = checks.logs_covered(coverage(young, young | {"pod": "orders-1", "created_at": MOMENT + HOUR / 3}))
    assert (finding.status, finding.subject) == (Status.UNKNOWN, "deployment/orders")
    assert "no pod is older than 2026-01-05 03:20:00 UTC" in finding.reason
    (finding,) = checks.logs_covered(coverage(young, {"owner": "deployment/menu"}))
    assert (finding.status, finding.subject) == (Status.UNKNOWN, "deployment/orders")
    older = [young, {"pod": "orders-2"}], [young | {"owner": "job/backup"}], [young | {"oldest_there_at": MOMENT}]
    assert [checks.logs_covered(coverage(*rows))[0].status for rows in older] == [Status.OK] * 3


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, Status.OK),
        ({"owner_first": False}, Status.UNKNOWN),
        ({"owner_made_at": MOMENT + HOUR / 3}, Status.UNKNOWN),
        ({"owner_made_at": MOMENT - HOUR}, Status.UNKNOWN),
        ({"owner_made_at": None, "owner_first": None}, Status.UNKNOWN),
    ],
    ids=["its first pods", "of another revision", "made before its pods", "made before the window", "not told"],
)
def test_pods_of_a_workload_that_was_made_within_the_window_replaced_none(
    changes: dict[str, Any], status: Status
) -> None:
    first = {"created_at": MOMENT + HOUR / 2, "owner_made_at": MOMENT + HOUR / 2, "owner_first": True} | dict.fromkeys(
        ("started_at", "oldest_at", "oldest_there_at"), MOMENT + HOUR / 2
    )
    since = MOMENT + HOUR / 2 + HOUR / 4
    later = {"pod": "orders-1"} | dict.fromkeys(("created_at", "started_at", "oldest_at", "oldest_there_at"), since)
    (finding,) = checks.logs_covered(coverage(first | changes, first | later | changes))
    assert finding.status is status
