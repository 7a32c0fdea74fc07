"""What changed since the previous run?"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.database import shortened
from gocoffee_ops.checks.grading import MEMORY_OPTIMIZATION, concluded, counted, grade, numbers, seconds
from gocoffee_ops.frames import records
from gocoffee_ops.model import LOOK_FIRST, Finding, Number, Status, Thresholds, Window

if TYPE_CHECKING:
    import pandas as pd


def since_previous_run(runs: pd.DataFrame, changes: pd.DataFrame) -> list[Finding]:
    """How do this run's findings differ from the previous run's? No earlier run is said, not hidden.

    A change is news, not a verdict: each finding has been judged where it was read.

    >>> import pandas as pd
    >>> said(since_previous_run(pd.DataFrame(), pd.DataFrame()))
    ['OK runs: no earlier run to compare with']
    """
    earlier = records(runs)
    if not earlier:
        return [Finding(Status.OK, "since_previous_run", "runs", "no earlier run to compare with", {"earlier": 0})]
    counts = Counter(row["change"] for row in records(changes))
    said = ", ".join(f"{n} {change}" for change, n in sorted(counts.items())) or "no finding in either"
    reason = f"against the run of {earlier[0]['as_of']:%Y-%m-%d %H:%M} UTC ({earlier[0]['status']}): {said}"
    return [Finding(Status.OK, "since_previous_run", "runs", reason, dict(counts))]


def changed_before_onset(
    timeline: pd.DataFrame, candidates: pd.DataFrame, *, window: Window | None = None
) -> list[Finding]:
    """What changed before the onset? It names what to look at first and claims no cause; a change is no verdict.

    A timeline on which something could not be read is UNKNOWN: the change that matters may be the one that is missing. So it is
    where the onset is older than the `window` of which signs were looked for, or than what is known of a cluster's events.
    What the environment does not let us ask is said beside the answer, as it is where no sign of an onset was seen, or of
    several clusters nobody knows in which it began.

    >>> import pandas as pd
    >>> said(changed_before_onset(pd.DataFrame(), pd.DataFrame()))
    ['OK timeline: nothing on the timeline changed in the hours before the onset']
    """
    unseen = bool(candidates.attrs.get("unseen"))
    origin = "the end of the window, as no sign of an onset was seen" if unseen else "the onset"
    unread = [
        *timeline.attrs.get("gaps", ()),
        *candidates.attrs.get("unread", ()),
        *_before(window, candidates),
    ]
    rows = records(candidates)
    if rows:
        first = rows[0]
        before = first["before_onset_s"]
        when = f"{seconds(before)} before" if before >= 0 else f"{seconds(-before)} after, within what it is known to"
        onset = first["time"] + timedelta(seconds=before)
        at = f"{onset:%Y-%m-%d %H:%M:%S} UTC" + (f" ({origin})" if unseen else "")
        several = len({row["cluster"] for row in rows if row["cluster"]}) > 1
        where = f" of {first['cluster']}" if several and first["cluster"] else ""
        nowhere = "; in which cluster it began is not known" if several and not candidates.attrs.get("clusters") else ""
        change = f"({first['kind']}: {first['what']}){nowhere}"
        reason = f"{counted(len(rows), 'moment')} before {at}; look first at {first['subject']}{where}, {when} {change}"
        figures = numbers(first, "score", "before_onset_s") | {"changes": len(rows)}
        alone = (
            f"{seconds(before)} before {origin}" if before >= 0 else when
        )  # the sentence is read without its beginning
        gap = "; not all that may have changed was read" if unread else ""
        figures[LOOK_FIRST] = f"{first['subject']}{where}, {alone} {change}{gap}"
    else:
        reason, figures = f"nothing on the timeline changed in the hours before {origin}", {"changes": 0}
    if unread:
        reason += f"; not read: {', '.join(unread)}"
    if untimed := timeline.attrs.get("untimed"):
        reason += f"; not on it, for want of a time: {counted(untimed, 'row')}"
    if absent := timeline.attrs.get("absent"):
        reason += f"; not on it: {'; '.join(absent)}"
    status = Status.UNKNOWN if unread else Status.OK
    return [Finding(status, "changed_before_onset", "timeline", reason, figures)]


def _before(window: Window | None, candidates: pd.DataFrame) -> list[str]:
    """What of the time around the onset no window reaches."""
    onset = candidates.attrs.get("counted_from")
    if window is None or onset is None or onset >= window.start:
        return []
    return [f"what was logged, and fired, from {onset:%Y-%m-%d %H:%M} to {window.start:%Y-%m-%d %H:%M} UTC"]


def places_answer(answers: pd.DataFrame) -> list[Finding]:
    """Which places of the environment do not answer? One that could not be asked is UNKNOWN, as is whatever rests on it.

    Of that the question itself is a finding already, in the same words: the two are one problem.

    >>> import pandas as pd
    >>> row = {"target": "redis/sessions", "answers": False, "status": "UNKNOWN", "said": "not read: refused"}
    >>> said(places_answer(pd.DataFrame([row | {"unread": "redis.server"}, {"target": "cluster/eu", "answers": True}])))
    ['UNKNOWN redis/sessions: not read: refused']
    """
    table = records(answers)
    findings = [
        Finding(
            Status(row["status"]),
            "places_answer",
            row["target"],
            row["said"] if row["unread"] else f"does not answer: {row['said']}",
            problem=(problems.unread(row["target"], row["unread"]),) if row["unread"] else (),
        )
        for row in table
        if not row["answers"]
    ]
    fine = f"{', '.join(row['target'] for row in table)} answer"
    return concluded(
        findings, check="places_answer", subject="places", fine=fine, read=len(table), none="nothing was asked"
    )


def usage_up(changes: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which workloads use clearly more than in an earlier run? Without one there is nothing to compare with.

    One that was not measured in one of the two runs may be one that grew: UNKNOWN.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "owner": "deployment/orders", "change": "compared",
    ...     "cpu_ratio": 2.0, "memory_ratio": 1.0}
    >>> said(usage_up(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN deployment/orders: CPU 2.0 times what it used in the previous run']
    """
    table = records(changes)
    if table and all(row["change"] == "new" for row in table):
        reason = "no earlier run measured usage: nothing to compare with"
        return [Finding(Status.OK, "usage_up", "workloads", reason, {"earlier": 0})]
    changes_of = Counter(row["change"] for row in table)
    findings = []
    if changes_of["not measured"]:
        who = ", ".join(sorted({str(row["owner"]) for row in table if row["change"] == "not measured"}))
        reason = f"not measured in one of the two runs: {shortened(who)}"
        figures: dict[str, Number | str] = {"workloads": changes_of["not measured"]}
        findings.append(Finding(Status.UNKNOWN, "usage_up", "workloads", reason, figures))
    for row in table:
        grown = {
            name: ratio
            for name, ratio in (("CPU", row["cpu_ratio"]), ("memory", row["memory_ratio"]))
            if ratio is not None and grade(ratio, thresholds.usage_grown_warn) is Status.WARN
        }
        if not grown:
            continue
        said = ", ".join(f"{name} {ratio:.1f} times" for name, ratio in grown.items())
        subject = row["owner"] or "pods without owner"
        reason = f"{said} what it used in the previous run"
        findings.append(
            Finding(
                Status.WARN,
                "usage_up",
                subject,
                reason,
                numbers(row, "cpu_ratio", "memory_ratio"),
                row["cluster"],
                row["namespace"],
                next=(MEMORY_OPTIMIZATION,),
            )
        )
    besides = "".join(f"; {changes_of[change]} {change}" for change in ("new", "gone") if changes_of[change])
    return concluded(
        findings,
        check="usage_up",
        subject="workloads",
        fine=f"none of {counted(changes_of['compared'], 'workload')} uses clearly more than in the previous run{besides}",
        read=changes_of["compared"],
        none="no usage can be compared with the previous run",
    )
