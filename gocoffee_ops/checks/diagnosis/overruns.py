"""Runs that go on past their CronJob's next times: nobody states how long one may take, so its schedule and earlier runs tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from gocoffee_ops.checks.diagnosis.problem import JOBS, Picture, Problem, Ref, Row
from gocoffee_ops.checks.diagnosis.schedules import due_after
from gocoffee_ops.checks.grading import seconds
from gocoffee_ops.model import Status

OVER = 3  # of its next times: once or twice is a run that was slow
PILED_UP = 5  # runs at once, where no earlier one tells how long they take
LONGER = 2.0  # than the longest that ended: what always takes so long is meant to
RUN_TABLES = ("jobs.runs", "jobs.cronjobs")


def overrun(at: Ref, row: Row, runs: Iterable[Row], picture: Picture) -> Problem | None:
    """The oldest run that is under way, where it goes on though its CronJob's next time came again and again.

    With Forbid these times are skipped, with Allow the runs pile up; Replace ends the one before. Without an earlier run to
    compare with, one that holds back the next is given its time by whoever judges what is overdue.
    """
    active = [one for one in runs if one["state"] == "active"]
    if not active or row["concurrency"] == "Replace":
        return None
    oldest = max(active, key=lambda one: one["age_s"])
    took = [one["age_s"] - one["ended_s"] for one in runs if one["state"] == "complete" and one["ended_s"] is not None]
    piles_up = row["concurrency"] != "Forbid"
    usual = oldest["age_s"] <= LONGER * max(took) if took else not piles_up or len(active) < PILED_UP
    if usual or oldest["age_s"] < picture.thresholds.stuck_s:
        return None
    now = row["created_at"] + timedelta(seconds=row["age_s"])
    began = now - timedelta(seconds=oldest["age_s"])
    try:
        passed = list(_times(row, began.replace(second=0, microsecond=0), now))
    except ValueError:
        return None  # a schedule that is not understood is told by whoever judges what is overdue
    if len(passed) < OVER:
        return None
    return Problem(JOBS, Status.WARN, at, _said(row, oldest, active, began, passed[0], took), RUN_TABLES,
                   numbers={"running_s": round(oldest["age_s"]), "under_way": len(active)})  # fmt: skip


def _times(row: Row, started: datetime, now: datetime) -> Iterator[datetime]:
    """The first few of its times that came since a run started."""
    for _ in range(OVER):
        due = due_after(row["schedule"], row["time_zone"], started, row["created_at"])
        if due is None or due > now:
            return
        yield due
        started = due


def _said(row: Row, oldest: Row, active: Sequence[Row], began: datetime, due: datetime, took: Sequence[float]) -> str:
    then = f"{len(active)} are under way" if len(active) > 1 else "those that came since were not started"
    before = f"; the longest of {len(took)} that ended took {seconds(max(took))}" if took else ""
    return (
        f"its run job/{oldest['job']} goes on since {began:%Y-%m-%d %H:%M} UTC, though its next time was "
        f"{due:%Y-%m-%d %H:%M} UTC and more came since (schedule {row['schedule']}): {then}{before}"
    )
