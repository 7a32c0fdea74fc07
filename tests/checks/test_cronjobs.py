"""CronJobs by their schedule alone: what never falls due, what is not understood, and what was suspended."""

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


def suspended_until(
    ago: timedelta, deadline: timedelta | None = None, *, alone: bool | None = True, **more: Any
) -> Rows:
    """One that missed two nights, and whose `suspend` was written last so long ago; its next time is at 01:00."""
    deadline_s = None if deadline is None else deadline.total_seconds()
    return ran(
        timedelta(days=2, hours=2), time_zone="Etc/UTC", suspend_written_at=MOMENT - ago, suspend_alone=alone,
        starting_deadline_s=deadline_s, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        suspended_until(timedelta(minutes=1)),
        suspended_until(timedelta(hours=1), timedelta(hours=1)),
        suspended_until(timedelta(minutes=1), timedelta(hours=3)),
    ],
    ids=["a minute ago", "later than its deadline lets the last start", "a minute ago, and may start yet"],
)
def test_what_fell_due_while_a_cronjob_was_suspended_is_not_missed(rows: Rows) -> None:
    assert wrong(judged(rows)) == []


@pytest.mark.parametrize(
    ("rows", "missed"),
    [
        (suspended_until(timedelta(minutes=10)), "2026-01-04 01:00"),
        (suspended_until(timedelta(minutes=10), timedelta(hours=3)), "2026-01-05 01:00"),
        (suspended_until(timedelta(hours=12), timedelta(minutes=1)), "2026-01-05 01:00"),
        (suspended_until(timedelta(hours=12), timedelta(minutes=1), alone=False), "2026-01-05 01:00"),
        (suspended_until(30 * DAY, timedelta(minutes=1), alone=False), "2026-01-04 01:00"),
    ],
    ids=[
        "missed ones start at once",
        "one may still start",
        "due since",
        "due since its manifest changed",
        "never suspended",
    ],
)
def test_what_a_cronjob_could_have_started_since_it_was_resumed_is_missed(rows: Rows, missed: str) -> None:
    found = judged(rows)
    assert wrong(found) == [(WARN, "jobs_done", "cronjob/nightly")]
    assert f"its run of {missed} UTC was not started" in found[0].reason


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (
            suspended_until(timedelta(hours=1), timedelta(hours=1), alone=False),
            "it was changed at 2026-01-05 02:00 UTC",
        ),
        (ran(2 * DAY, starting_deadline_s=60.0), "who wrote it is not kept"),
    ],
)
def test_whether_a_run_was_missed_is_unknown_where_it_may_have_been_suspended_then(rows: Rows, why: str) -> None:
    found = judged(rows)
    assert wrong(found) == [(UNKNOWN, "jobs_done", "cronjob/nightly")]
    assert found[0].reason.endswith(f"whether it was suspended then cannot be told: {why}")
