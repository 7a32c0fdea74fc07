"""What goes on and on, from tables: warnings of Services that do not end, and runs past their next time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.model import Finding, Thresholds
from gocoffee_ops.queries import cluster, jobs, network
from tests.checks.diagnosis_tables import JOB, OK, SERVICE, WARN, judged, state, wrong
from tests.checks.tables import MOMENT

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CONFLICT = "Operation cannot be fulfilled on endpointslices: the object has been modified"


def warned(count: int, span: timedelta, message: str = "node n9 not found") -> dict[str, Any]:
    """A warning of a Service that was last seen at a moment."""
    return {"namespace": "shop", "object": "service/web", "type": "Warning", "reason": "FailedToUpdateEndpointSlices",
            "message": message, "count": count, "first_seen_at": MOMENT - span, "last_seen_at": MOMENT}  # fmt: skip


def later(event: dict[str, Any], by: timedelta) -> list[Finding]:
    """What is found where the cluster was read that long after the event was seen last."""
    read = state({cluster.events: [event]})
    read.read["cluster.events"].attrs["as_of"] = {"cluster": (MOMENT + by).isoformat()}
    return checks.cluster_diagnosis(read, thresholds=Thresholds())


@pytest.mark.parametrize(
    "event",
    [warned(5, HOUR), warned(9, 5 * MINUTE), warned(61, HOUR, CONFLICT)],
    ids=["an hour", "lately", "conflicts"],
)
def test_a_warning_that_goes_on_is_told_of_its_service(event: dict[str, Any]) -> None:
    found = later(event, 14 * MINUTE)
    assert wrong(found) == [(WARN, "services_answered", "service/web")]
    assert f"goes on, {event['count']} times since" in found[0].reason
    assert wrong(later(event, 16 * MINUTE)) == []


@pytest.mark.parametrize(
    "event",
    [warned(4, HOUR), warned(50, 4 * MINUTE), warned(5, 2 * HOUR), warned(9, HOUR, CONFLICT)],
    ids=["a few", "a burst", "now and then", "conflicts that come and go"],
)
def test_warnings_that_come_and_go_are_none(event: dict[str, Any]) -> None:
    assert wrong(later(event, MINUTE)) == []


def test_a_warning_that_goes_on_is_told_beside_what_else_is_wrong() -> None:
    bad = SERVICE | {"undeclared_ports": ("80/TCP -> 81",)}
    found = [
        one for one in judged({network.services: [bad], cluster.events: [warned(9, HOUR)]}) if one.status is not OK
    ]
    assert wrong(found) == [(WARN, "services_answered", "service/web")]
    assert found[0].reason.startswith("port 80/TCP -> 81: ")
    assert "; FailedToUpdateEndpointSlices goes on, 9 times" in found[0].reason


CRON = {
    "namespace": "shop", "cronjob": "sync", "suspended": False, "schedule": "*/5 * * * *", "active": 1, "concurrency": "Forbid",
    "created_at": MOMENT - 24 * HOUR, "age_s": 24 * 3600.0, "last_scheduled_at": MOMENT - HOUR, "last_scheduled_s": 3600.0,
}  # fmt: skip
UNDER_WAY = JOB | {"job": "sync-9", "owner": "cronjob/sync", "state": "active", "age_s": 3600.0}


def took(seconds: float) -> dict[str, Any]:
    """An earlier run that ended well."""
    return UNDER_WAY | {"job": "sync-1", "state": "complete", "age_s": 7200.0, "ended_s": 7200.0 - seconds}


def under_way(count: int) -> list[dict[str, Any]]:
    """Runs that have piled up, one each five minutes."""
    return [UNDER_WAY | {"job": f"sync-{n}", "age_s": 300.0 * n} for n in range(1, count + 1)]


def runs(found: list[dict[str, Any]], **cron: Any) -> list[Finding]:
    return judged({jobs.runs: found, jobs.cronjobs: [CRON | cron]})


def test_a_run_that_holds_back_the_next_again_and_again_is_told() -> None:
    found = runs([UNDER_WAY, took(60.0)])
    assert wrong(found) == [(WARN, "jobs_done", "cronjob/sync")]
    assert (
        "job/sync-9 goes on since 2026-01-05 02:00 UTC, though its next time was 2026-01-05 02:05 UTC"
        in found[0].reason
    )
    assert "those that came since were not started; the one before took 1 min" in found[0].reason


@pytest.mark.parametrize("kept", [[took(60.0)], []], ids=["with an earlier one", "with none"])
def test_runs_that_pile_up_are_told(kept: list[dict[str, Any]]) -> None:
    found = runs([*under_way(6), *kept], concurrency="Allow", active=6)
    assert wrong(found) == [(WARN, "jobs_done", "cronjob/sync")]
    assert "6 are under way" in found[0].reason
    assert found[0].numbers == {"running_s": 1800, "under_way": 6}


@pytest.mark.parametrize(
    ("found", "cron"),
    [
        ([UNDER_WAY | {"age_s": 598.0}, took(60.0)], {}),
        ([UNDER_WAY, took(2000.0)], {}),
        ([UNDER_WAY], {"last_scheduled_s": 60.0}),
        ([*under_way(4)], {"concurrency": "Allow", "active": 4, "last_scheduled_at": MOMENT}),
        (
            [UNDER_WAY, took(60.0)],
            {
                "concurrency": "Replace",
                "last_scheduled_at": MOMENT,
                "last_scheduled_s": 0.0,
                "last_succeeded_at": MOMENT - 10 * MINUTE,
            },
        ),
        ([UNDER_WAY, took(60.0)], {"suspended": True}),
        ([UNDER_WAY, took(60.0)], {"schedule": "0 2 * * *"}),
    ],
    ids=[
        "past two of them",
        "always as long",
        "the first run",
        "a few at once",
        "ended by the next",
        "suspended",
        "nightly",
    ],
)
def test_a_run_that_is_slow_or_meant_so_is_none(found: list[dict[str, Any]], cron: dict[str, Any]) -> None:
    assert wrong(runs(found, **cron)) == []


DAY_S = 86_400.0
REPLACED = {"concurrency": "Replace", "last_scheduled_at": MOMENT - 5 * MINUTE, "last_scheduled_s": 300.0}
NEWEST = UNDER_WAY | {"age_s": 300.0}


@pytest.mark.parametrize(
    ("succeeded", "said"),
    [(MOMENT - 2 * HOUR, "the last that succeeded ended at 2026-01-05 01:00 UTC"), (None, "none ever succeeded")],
)
def test_runs_that_are_each_replaced_by_the_next_are_told(succeeded: datetime | None, said: str) -> None:
    found = runs([NEWEST], **REPLACED, last_succeeded_at=succeeded)
    assert wrong(found) == [(WARN, "jobs_done", "cronjob/sync")]
    assert f"each run is replaced by the next (schedule */5 * * * *): {said}" in found[0].reason


@pytest.mark.parametrize(
    "cron",
    [
        {"last_succeeded_at": MOMENT - 20 * MINUTE},
        {"suspend_written_at": MOMENT - 20 * MINUTE},
    ],
    ids=["three were started since", "suspended until lately"],
)
def test_a_few_runs_that_were_replaced_are_none(cron: dict[str, Any]) -> None:
    assert wrong(runs([NEWEST], **REPLACED, **cron)) == []


@pytest.mark.parametrize("concurrency", ["Allow", "Forbid", "Replace"])
def test_a_run_that_hangs_for_days_is_told_whatever_its_schedule_is(concurrency: str) -> None:
    def found(age_s: float, *took_s: float) -> list[Finding]:
        earlier = [took(one) | {"age_s": 30 * DAY_S, "ended_s": 30 * DAY_S - one} for one in took_s]
        cron = {"schedule": "0 3 1 * *", "concurrency": concurrency, "last_scheduled_at": MOMENT - 4 * 24 * HOUR,
                "last_succeeded_at": MOMENT - 5 * 24 * HOUR, "created_at": MOMENT - 90 * 24 * HOUR,
                "age_s": 90 * DAY_S}  # fmt: skip
        return runs([UNDER_WAY | {"age_s": age_s}, *earlier], **cron)

    assert wrong(found(4 * DAY_S, 300.0)) == [(WARN, "jobs_done", "cronjob/sync")]
    assert "(schedule 0 3 1 * *), and the one before took 5 min" in found(4 * DAY_S, 300.0)[0].reason
    assert "half of the 3 that ended took at most 5 min" in found(4 * DAY_S, 300.0, 200.0, 9 * DAY_S)[0].reason
    assert wrong(found(4 * DAY_S, 300.0, 10 * DAY_S)) == [(WARN, "jobs_done", "cronjob/sync")]
    assert wrong(found(4 * DAY_S, DAY_S)) == []
    assert wrong(found(0.9 * DAY_S, 300.0)) == []


def test_one_long_run_before_does_not_excuse_the_next() -> None:
    assert wrong(runs([UNDER_WAY, took(60.0), took(50.0), took(7000.0)])) == [(WARN, "jobs_done", "cronjob/sync")]


def test_a_run_that_goes_on_as_its_pods_do_not_start_is_told_once() -> None:
    found = runs([UNDER_WAY | {"failed": 2}, took(60.0)])
    assert wrong(found) == [(WARN, "jobs_done", "cronjob/sync")]
    assert "is tried again after 2 failed pods" in found[0].reason
