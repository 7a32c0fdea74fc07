"""Runs that go on past their CronJob's next times: nobody states how long one may take, so its schedule and earlier runs tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from statistics import median_low

from gocoffee_ops.checks.diagnosis.problem import JOBS, Picture, Problem, Ref, Row
from gocoffee_ops.checks.diagnosis.schedules import due_after
from gocoffee_ops.checks.grading import seconds
from gocoffee_ops.model import Status

OVER = 3  # of its next times: once or twice is a run that was slow
PILED_UP = 5  # runs at once, where no earlier one tells how long they take
LONGER = 2.0  # than half of those that ended: what always takes so long is meant to
HUNG, HUNG_S = 10.0, 86_400.0  # so many times as long, and a day: whatever its schedule is
RUN_TABLES = ("jobs.runs", "jobs.cronjobs")


def overrun(at: Ref, row: Row, runs: Iterable[Row], picture: Picture) -> Problem | None:
    """The oldest run that is under way, where it goes on though its CronJob's next time came again and again, or for days
    where earlier ones took minutes.

    With Forbid the times that come are skipped, with Allow the runs pile up; with Replace each ends the one before, and what
    tells is that none succeeds. Without an earlier run to compare with, one that holds back the next is given its time by
    whoever judges what is overdue.
    """
    found = list(runs)
    active = [one for one in found if one["state"] == "active"]
    if not active:
        return None
    oldest = max(active, key=lambda one: one["age_s"])
    took = [one["age_s"] - one["ended_s"] for one in found if one["state"] == "complete" and one["ended_s"] is not None]
    now = row["created_at"] + timedelta(seconds=row["age_s"])
    began = now - timedelta(seconds=oldest["age_s"])
    numbers = {"running_s": round(oldest["age_s"]), "under_way": len(active)}
    try:
        passed = list(islice(_times(row, began.replace(second=0, microsecond=0), now), OVER))
        if _goes_on(row, oldest["age_s"], len(active), took, len(passed), picture):
            reason = _said(row, oldest, active, began, passed, took)
        elif row["concurrency"] == "Replace" and _none_succeeds(row):
            reason = _replaced(row)
        else:
            return None
    except ValueError:
        return None  # a schedule that is not understood is told by whoever judges what is overdue
    return Problem(JOBS, Status.WARN, at, reason, RUN_TABLES, numbers=numbers)


def _goes_on(row: Row, age_s: float, under_way: int, took: Sequence[float], passed: int, picture: Picture) -> bool:
    """Whether a run goes on longer than is usual. One long run among those that ended does not make it so."""
    if took and age_s >= max(HUNG_S, HUNG * median_low(took)):
        return True
    if row["concurrency"] == "Replace" or passed < OVER or age_s < picture.thresholds.stuck_s:
        return False
    if took:
        return age_s > LONGER * median_low(took)
    return row["concurrency"] != "Forbid" and under_way >= PILED_UP


def _none_succeeds(row: Row) -> bool:
    """Whether run after run was started, and none succeeded since: the first of them, and those that ended the one before."""
    since = [row["last_succeeded_at"] or row["created_at"], row["suspend_written_at"]]
    after = max(time for time in since if time is not None)
    started = row["last_scheduled_at"]
    return started is not None and len(list(islice(_times(row, after, started), OVER + 1))) > OVER


def _times(row: Row, started: datetime, until: datetime) -> Iterator[datetime]:
    """The times of it that came after one, as far as another."""
    while (
        due := due_after(row["schedule"], row["time_zone"], started, row["created_at"])
    ) is not None and due <= until:
        yield due
        started = due


def _replaced(row: Row) -> str:
    last = row["last_succeeded_at"]
    succeeded = (
        f"the last that succeeded ended at {last:%Y-%m-%d %H:%M} UTC" if last is not None else "none ever succeeded"
    )
    return f"each run is replaced by the next (schedule {row['schedule']}): {succeeded}"


def _said(
    row: Row, oldest: Row, active: Sequence[Row], began: datetime, passed: Sequence[datetime], took: Sequence[float]
) -> str:
    on = f"its run job/{oldest['job']} goes on since {began:%Y-%m-%d %H:%M} UTC"
    before = f"half of the {len(took)} that ended took at most {seconds(median_low(took))}" if len(took) > 1 else ""
    before = before or "".join(f"the one before took {seconds(one)}" for one in took)
    if len(passed) < OVER:
        return f"{on} (schedule {row['schedule']}), and {before}"
    then = f"{len(active)} are under way" if len(active) > 1 else "those that came since were not started"
    if row["concurrency"] == "Allow" and len(active) == 1:
        then = "those that came since have ended"
    return (
        f"{on}, though its next time was {passed[0]:%Y-%m-%d %H:%M} UTC and more came since (schedule {row['schedule']}): "
        f"{then}{'; ' if before else ''}{before}"
    )
