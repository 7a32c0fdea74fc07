"""Jobs that failed or cannot run, said once for the CronJob that makes them."""

from __future__ import annotations

from collections.abc import Iterator

from gocoffee_ops.checks.diagnosis.causes import why_not_well
from gocoffee_ops.checks.diagnosis.problem import JOBS, Picture, Problem, Ref, Row, short
from gocoffee_ops.checks.diagnosis.workloads import POD_TABLES, refusing
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import Status

TABLES = ("jobs.runs", "jobs.cronjobs", *POD_TABLES)
NOT_STARTED = ("FailedNeedsStart", "TooManyMissedTimes", "InvalidSchedule", "UnparseableSchedule", "FailedCreate")


def problems(picture: Picture) -> Iterator[Problem]:
    """Failed Jobs, Jobs whose pods cannot run, and CronJobs that did not start any."""
    owned: dict[Ref, list[Row]] = {}
    for row in picture.rows("jobs.runs"):
        owned.setdefault(Ref(row["namespace"], row["owner"] or f"job/{row['job']}"), []).append(row)
    for at, rows in owned.items():
        yield from _judged(at, rows, picture)
    for row in picture.rows("jobs.cronjobs"):
        at = Ref(row["namespace"], f"cronjob/{row['cronjob']}")
        said = None if row["suspended"] else picture.warned(at, *NOT_STARTED)
        if said is not None:
            because = refusing(said, at.namespace, picture)
            yield Problem(JOBS, Status.WARN, at, f"a run was not started: {short(said)}", TABLES, because)


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
    if said is not None and not pods:
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
