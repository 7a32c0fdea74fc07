"""Jobs that failed or cannot run, said once for the CronJob that makes them, and CronJobs that are overdue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gocoffee_ops.checks.diagnosis.causes import why_not_well
from gocoffee_ops.checks.diagnosis.overruns import overrun
from gocoffee_ops.checks.diagnosis.problem import JOBS, Picture, Problem, Ref, Row, short
from gocoffee_ops.checks.diagnosis.schedules import NeverDue, due_after
from gocoffee_ops.checks.diagnosis.workloads import POD_TABLES, refusing
from gocoffee_ops.checks.grading import counted, seconds
from gocoffee_ops.model import Status

DAY_S = 86_400.0
OWN = ("jobs.runs", "jobs.cronjobs")
TABLES = (*OWN, *POD_TABLES)
NOT_STARTED = (
    "FailedNeedsStart",
    "TooManyMissedTimes",
    "MissSchedule",
    "InvalidSchedule",
    "UnparseableSchedule",
    "UnParseableCronJobSchedule",
    "UnknownTimeZone",
    "FailedCreate",
)


def problems(picture: Picture) -> Iterator[Problem]:
    """Failed Jobs, Jobs whose pods cannot run, and CronJobs that did not start any."""
    owned: dict[Ref, list[Row]] = {}
    for row in picture.rows("jobs.runs"):
        owned.setdefault(Ref(row["namespace"], row["owner"] or f"job/{row['job']}"), []).append(row)
    bad = set()
    for at, rows in owned.items():
        for one in _judged(at, rows, picture):
            bad.add(at)
            yield one
    for row in picture.rows("jobs.cronjobs"):
        at = Ref(row["namespace"], f"cronjob/{row['cronjob']}")
        if row["suspended"]:
            continue
        runs = [] if at in bad else owned.get(at, [])
        found = _cronjob(at, row, picture) or overrun(at, row, runs, picture) or _overdue(at, row, picture)
        if found is not None:
            yield found
        elif picture.has("jobs.runs"):
            yield from _without_a_trace(at, row, owned.get(at, []), picture)


def _cronjob(at: Ref, row: Row, picture: Picture) -> Problem | None:
    """A run that was not started; one that was started since has made good for it."""
    last = row["last_scheduled_at"]
    for event in picture.warnings.get(at, ()):
        if event["reason"] in NOT_STARTED and (last is None or event["last_seen_at"] >= last):
            because = refusing(event["message"], at.namespace, picture)
            reason = f"a run was not started: {short(event['message'])}"
            return Problem(JOBS, Status.WARN, at, reason, TABLES, because)
    return None


def _overdue(at: Ref, row: Row, picture: Picture) -> Problem | None:
    """A run that is due by the schedule and was not started. To wait for the one before it is meant so, for a day.

    What fell due while it was suspended is started as soon as it is not, and no later than its deadline lets it.
    """
    schedule, waits = row["schedule"], row["concurrency"] == "Forbid" and row["active"]
    patience_s = DAY_S if waits else picture.thresholds.stuck_s
    try:
        due = _due(row)
        awaited = _due(row, skipped=_skipped(row, due))
    except NeverDue as error:
        return Problem(JOBS, Status.WARN, at, f"never falls due by its schedule {schedule}: {error}", OWN)
    except ValueError as error:
        reason = f"whether a run is overdue cannot be told: its schedule {schedule} is not understood here ({error})"
        return Problem(JOBS, Status.UNKNOWN, at, reason, OWN)
    late_s = _late_s(row, awaited)
    if due is None or max(late_s, _late_s(row, due)) < patience_s:
        return None
    last, written = row["last_scheduled_at"], row["suspend_written_at"]
    before = f"the last is of {last:%Y-%m-%d %H:%M} UTC" if last is not None else "none ever was"
    missed = "its run of {:%Y-%m-%d %H:%M} UTC was not started{} (schedule {}; {})".format
    if late_s >= patience_s and (written is not None or row["starting_deadline_s"] is None):
        behind = " while the one before it still runs" if waits else ""
        reason = missed(awaited, behind, schedule, before)
        return Problem(JOBS, Status.WARN, at, reason, OWN, numbers={"overdue_s": round(late_s)})
    if (awaited == due and written is not None) or row["suspend_alone"]:
        return None
    since = f"it was changed at {written:%Y-%m-%d %H:%M} UTC" if written is not None else "who wrote it is not kept"
    reason = f"{missed(due, '', schedule, before)}, and whether it was suspended then cannot be told: {since}"
    return Problem(JOBS, Status.UNKNOWN, at, reason, OWN)


def _due(row: Row, skipped: datetime | None = None) -> datetime | None:
    return due_after(row["schedule"], row["time_zone"], row["last_scheduled_at"], row["created_at"], skipped=skipped)


def _skipped(row: Row, due: datetime | None) -> datetime | None:
    """Until when a run that fell due was too late to start when `suspend` was last written; missing: none was."""
    written, deadline_s = row["suspend_written_at"], row["starting_deadline_s"]
    if due is None or written is None or deadline_s is None:
        return None
    until: datetime = written - timedelta(seconds=deadline_s)
    return until if due < until else None


def _late_s(row: Row, due: datetime | None) -> float:
    """How long a run could have been started."""
    if due is None:
        return 0.0
    written = row["suspend_written_at"]
    since = due if written is None else max(due, written)
    return float((row["created_at"] - since).total_seconds() + row["age_s"])


def _without_a_trace(at: Ref, row: Row, kept: list[Row], picture: Picture) -> Iterator[Problem]:
    """A CronJob whose last Job is not kept: when it started and when one last succeeded is all that is left of it."""
    started, succeeded, ago = row["last_scheduled_at"], row["last_succeeded_at"], row["last_scheduled_s"]
    if started is None or row["active"] or ago < picture.thresholds.stuck_s or any(one["age_s"] <= ago for one in kept):
        return
    if succeeded is None or succeeded < started:
        never = "none has yet" if succeeded is None else f"the last that did ended at {succeeded:%Y-%m-%d %H:%M} UTC"
        reason = f"its run of {seconds(ago)} ago did not succeed ({never}), and its Job is not kept"
        yield Problem(JOBS, Status.WARN, at, reason, TABLES)


def _judged(at: Ref, rows: list[Row], picture: Picture) -> Iterator[Problem]:
    """What is active now, and how the last run ended: a run that succeeded after one that failed has made good for it."""
    for row in rows:
        if row["state"] == "active":
            found = _active(at, row, picture)
            if found is not None:
                yield found
                return
    ended = [row for row in rows if row["state"] in {"complete", "failed"}]
    last = min(ended, key=lambda row: row["age_s"], default=None)
    if last is not None and last["state"] == "failed":
        which = f"job/{last['job']} " if at.subject != f"job/{last['job']}" else ""
        why = _how_its_pods_ended(last, picture)
        said = "; ".join(part for part in (why, short(last["failure"] or "")) if part) or "nothing says why"
        numbers = {"failed_pods": last["failed"]}
        yield Problem(JOBS, Status.WARN, at, f"{which}failed: {said}", TABLES, numbers=numbers)


def _active(at: Ref, row: Row, picture: Picture) -> Problem | None:
    job = Ref(row["namespace"], f"job/{row['job']}")
    pods = [pod for pod in picture.pods.get(job, ()) if pod["phase"] != "Failed"]
    whys = [why for pod in pods if (why := why_not_well(pod, picture)) is not None]
    which = f"{job.subject} " if at != job else ""
    if whys:
        heaviest = max(whys, key=lambda why: why.weight)
        reason = f"{which}does not get on: {heaviest.text}"
        numbers = {"unready": len(whys)}
        return Problem(JOBS, Status.WARN, at, reason, TABLES, because=(heaviest.because,), numbers=numbers)
    said = picture.warned(job, "FailedCreate")
    if said is not None and not pods and picture.has("pods.states"):
        because = refusing(said, job.namespace, picture)
        return Problem(JOBS, Status.WARN, at, f"{which}has no pods: {short(said)}", TABLES, because=because)
    if row["failed"]:
        how = _how_its_pods_ended(row, picture)
        reason = f"{which}is tried again after {counted(row['failed'], 'failed pod')}{f': {how}' if how else ''}"
        return Problem(JOBS, Status.WARN, at, reason, TABLES, numbers={"failed_pods": row["failed"]})
    return None


def _how_its_pods_ended(row: Row, picture: Picture) -> str:
    pods = picture.pods.get(Ref(row["namespace"], f"job/{row['job']}"), ())
    whys = [why for pod in pods if pod["phase"] == "Failed" and (why := why_not_well(pod, picture)) is not None]
    return max(whys, key=lambda why: why.weight).text if whys else ""
