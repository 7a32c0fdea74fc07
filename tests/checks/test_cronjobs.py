"""CronJobs by their schedule alone: what never falls due, and what is not understood."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gocoffee_ops.queries import jobs
from tests.checks.diagnosis_tables import UNKNOWN, WARN, Rows, judged, wrong
from tests.checks.tables import MOMENT

DAY = timedelta(days=1)
NIGHTLY = {
    "namespace": "shop", "cronjob": "nightly", "suspended": False, "active": 0, "schedule": "0 1 * * *",
    "created_at": MOMENT - 30 * DAY, "age_s": (30 * DAY).total_seconds(),
}  # fmt: skip


def ran(ago: timedelta, **more: Any) -> Rows:
    """A CronJob whose last run began so long ago and ended well; now is 03:00."""
    at = MOMENT - ago
    run = {"last_scheduled_at": at, "last_succeeded_at": at, "last_scheduled_s": ago.total_seconds()}
    return {jobs.cronjobs: [NIGHTLY | run | more]}


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("0 0 30 2 *", "no month of it has a day 30: the longest has 29"),
        ("0 0 31 2,4,jun ?", "no month of it has a day 31: the longest has 30"),
    ],
)
def test_a_schedule_that_no_day_is_on_is_said_never_to_fall_due(schedule: str, why: str) -> None:
    found = judged({jobs.cronjobs: [NIGHTLY | {"schedule": schedule}]})
    assert wrong(found) == [(WARN, "jobs_done", "cronjob/nightly")]
    assert found[0].reason == f"never falls due by its schedule {schedule}: {why}"


@pytest.mark.parametrize("schedule", ["60 0 30 2 *", "0 0 32 2 *", "0 0 30 13 *", "0 0 30 2 9", "0 0 30 2"])
def test_what_cannot_be_a_schedule_is_not_understood_though_no_day_were_on_it(schedule: str) -> None:
    found = judged({jobs.cronjobs: [NIGHTLY | {"schedule": schedule}]})
    assert wrong(found) == [(UNKNOWN, "jobs_done", "cronjob/nightly")]
    assert "not understood" in found[0].reason


@pytest.mark.parametrize("schedule", ["0 0 29 2 *", "0 0 31 * *", "0 0 30 2 sun"])
def test_what_falls_due_seldom_or_on_weekdays_too_is_no_finding(schedule: str) -> None:
    assert wrong(judged(ran(timedelta(hours=1), schedule=schedule))) == []
