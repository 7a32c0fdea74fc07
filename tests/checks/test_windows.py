"""Checks that look at a window of time: servers that started within it, and whether a log store has all of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import timeline
from gocoffee_ops.model import Status, Thresholds, Window
from gocoffee_ops.queries import cluster, database, log_store
from tests.checks.tables import MOMENT, judge, table, worst_of

WINDOW = Window(MOMENT - timedelta(hours=1), MOMENT + timedelta(hours=1))
STORE = {"index": "logs-*", "lines": 9, "oldest_at": MOMENT - timedelta(hours=2), "newest_at": MOMENT}


@pytest.mark.parametrize(
    ("minutes", "limit_s", "status", "said"),
    [
        (600, 3600.0, Status.OK, "coffee has run since 2026-01-04 17:00:00 UTC"),
        (12, 3600.0, Status.WARN, "started at 2026-01-05 02:48:00 UTC, 12 min ago, within the window"),
        (45, 600.0, Status.WARN, "45 min ago, within the window that is looked at"),
        (90, 7200.0, Status.WARN, "1 h 30 min ago: whatever"),
        (90, 3600.0, Status.OK, "has run since"),
        (-1, 3600.0, Status.WARN, "after this run began"),
    ],
)
def test_a_server_that_started_lately_or_within_the_window_is_a_warning_with_its_time(
    minutes: int, limit_s: float, status: Status, said: str
) -> None:
    server = table(database.server, {"database": "coffee", "started_at": MOMENT - timedelta(minutes=minutes)})
    server.attrs["as_of"] = {"coffee": MOMENT.isoformat()}
    (found,) = checks.servers_kept_running(server, thresholds=Thresholds(restarted_warn_s=limit_s), window=WINDOW)
    assert (found.status, said in found.reason) == (status, True), found.reason


def test_a_server_that_started_after_the_window_says_nothing_of_it() -> None:
    server = table(database.server, {"database": "coffee", "started_at": MOMENT})
    server.attrs["as_of"] = {"coffee": (MOMENT + timedelta(hours=9)).isoformat()}
    (found,) = checks.servers_kept_running(
        server, thresholds=Thresholds(), window=Window(MOMENT - timedelta(hours=1), MOMENT)
    )
    assert (found.status, "after the window" in found.reason) == (Status.UNKNOWN, True)


def test_for_how_long_a_server_has_run_is_unknown_without_the_moment_of_reading() -> None:
    server = table(database.server, {"database": "coffee"})
    assert worst_of(judge(checks.servers_kept_running, server)) is Status.UNKNOWN
    assert worst_of(judge(checks.servers_kept_running, table(database.server))) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (STORE, Status.OK),
        (STORE | {"oldest_at": MOMENT}, Status.WARN),
        (STORE | {"newest_at": MOMENT - timedelta(hours=1, minutes=30)}, Status.UNKNOWN),
        (STORE | {"oldest_at": None, "newest_at": None}, Status.UNKNOWN),
        (STORE | {"lacking_fields": ("log.level",)}, Status.UNKNOWN),
    ],
)
def test_a_log_store_is_judged_by_what_it_holds_of_the_window(row: dict[str, Any], status: Status) -> None:
    assert worst_of(checks.log_store_reaches(table(log_store.reach, row), window=WINDOW)) is status


def test_a_log_store_that_was_not_read_is_unknown() -> None:
    assert worst_of(checks.log_store_reaches(table(log_store.reach), window=WINDOW)) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("minutes", "status", "said"),
    [
        (-60, Status.OK, "no warning among 0 events since 2026-01-05 02:00:00 UTC"),
        (-600, Status.OK, "no warning among 0 events since 2026-01-04 17:00:00 UTC"),
        (
            59,
            Status.UNKNOWN,
            "since 2026-01-05 03:59:00 UTC only, and not of the first 1 h 59 min of the window, which began at",
        ),
        (
            60,
            Status.UNKNOWN,
            "since 2026-01-05 04:00:00 UTC only, and none of the window, which ended at 2026-01-05 04:00:00",
        ),
    ],
)
def test_of_a_window_that_is_forgotten_in_part_that_part_is_unknown(minutes: int, status: Status, said: str) -> None:
    horizon = table(cluster.event_horizon, {"known_since": MOMENT + timedelta(minutes=minutes)})
    (found,) = checks.events_heard(table(cluster.events), horizon, window=WINDOW)
    assert (found.status, said in found.reason) == (status, True), found.reason


def test_what_one_cluster_has_forgotten_another_does_not_make_known() -> None:
    known = {"eu": MOMENT - timedelta(hours=5), "us": MOMENT + timedelta(minutes=59)}
    horizon = table(cluster.event_horizon, *({"cluster": name, "known_since": at} for name, at in known.items()))
    (found,) = checks.events_heard(table(cluster.events), horizon, window=WINDOW)
    assert (found.status, found.subject) == (Status.UNKNOWN, "cluster/us")
    (found,) = checks.events_heard(table(cluster.events), horizon)
    assert (found.status, "since 2026-01-05 03:59:00 UTC" in found.reason) == (Status.OK, True)


def test_an_onset_that_is_older_than_the_events_that_are_known_is_unknown() -> None:
    horizon = table(cluster.event_horizon, {"cluster": "us", "known_since": MOMENT})
    whole = timeline.merge(timeline.remembered(horizon))
    for onset, status in ((MOMENT + timedelta(minutes=1), Status.OK), (MOMENT - timedelta(minutes=1), Status.UNKNOWN)):
        ranked = timeline.candidates(timeline.within(whole, MOMENT, MOMENT), onset=onset, service="orders")
        (found,) = checks.changed_before_onset(whole, ranked)
        assert found.status is status
    assert "not read: cluster/us: cluster.events before 2026-01-05 03:00:00 UTC" in found.reason
