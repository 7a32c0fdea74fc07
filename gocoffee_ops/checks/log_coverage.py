"""Are the logs that were read all that was asked for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.grading import concluded, counted
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

WITH_IT = timedelta(minutes=1)  # after a workload was made, its first pods are there
KEPT = ("deployment/", "statefulset/", "daemonset/")  # whose pods are replaced, rather than run once


def logs_covered(coverage: pd.DataFrame) -> list[Finding]:
    """Which logs were not read, cut, or begin only within the window? (H03, H31)

    A log that begins later than the window though its container ran before may have been rotated: what is older is in a log
    store, if anywhere. One of which it was not learnt how far back it reaches is UNKNOWN. So is a workload all of whose pods
    were made within the window: those that they replaced took their logs with them. Where the workload itself was made then, and
    its first pods are there, they replaced none.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "owner": "deployment/orders", "pod": "orders-0", "container": "app",
    ...     "previous": False, "state": "refused", "reason": "connection refused", "lines": 0, "created_at": None,
    ...     "window_start_at": None}
    >>> said(logs_covered(pd.DataFrame([row])))
    ['UNKNOWN deployment/orders: the log of app in orders-0 was not read: connection refused']
    """
    table = records(coverage)
    wrong: dict[tuple[Status, str, str, str], list[str]] = {}
    for row in table:
        status, reason = _judged(row)
        if status is not Status.OK:
            subject = row["owner"] or f"pod/{row['pod']}"
            wrong.setdefault((status, subject, row["cluster"], row["namespace"]), []).append(reason)
    findings = [
        Finding(status, "logs_covered", subject, _together(reasons), {"logs": len(reasons)}, cluster, namespace)
        for (status, subject, cluster, namespace), reasons in wrong.items()
    ]
    findings += _replaced(table)
    there = [row for row in table if row["state"] != "none"]
    lines = sum(row["lines"] for row in there)
    fine = f"{counted(lines, 'line')} of {counted(len(there), 'log')}, each from the window's start or its container's"
    return concluded(
        findings,
        check="logs_covered",
        subject="logs",
        fine=fine,
        read=len(there),
        none="no container of these pods has a log yet" if table else "no log was asked for",
    )


def _replaced(table: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The workloads that keep pods, and have none that is older than the window; a line that is older than its pod proves
    the pod's time wrong."""
    owners: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in table:
        if row["owner"] and row["owner"].startswith(KEPT):
            owners.setdefault((row["cluster"], row["namespace"], row["owner"]), []).append(row)
    findings = []
    for (cluster, namespace, owner), rows in owners.items():
        made = [row["created_at"] for row in rows]
        start = rows[0]["window_start_at"]
        if None in made or min(made) <= start or any(_older_than_its_pod(row) for row in rows):
            continue
        if _are_its_first(rows[0], min(made)):  # and so there were none before
            continue
        reason = (
            f"no pod is older than {min(made):%Y-%m-%d %H:%M:%S} UTC, within the window: what was logged from "
            f"{start:%Y-%m-%d %H:%M:%S} UTC until then, by pods that are gone, is not on the nodes"
        )
        findings.append(Finding(Status.UNKNOWN, "logs_covered", owner, reason, {"pods": len(rows)}, cluster, namespace))
    return findings


def _are_its_first(row: Mapping[str, Any], oldest: datetime) -> bool:
    """Whether a workload was made within the window, and its oldest pod with it."""
    made, start = row["owner_made_at"], row["window_start_at"]
    return bool(made is not None and made > start and row["owner_first"] and oldest - made <= WITH_IT)


def _older_than_its_pod(row: Mapping[str, Any]) -> bool:
    return any(row[name] is not None and row[name] < row["created_at"] for name in ("oldest_at", "oldest_there_at"))


def _together(reasons: list[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"{reasons[0]} (and {counted(len(reasons) - 1, 'other log')})"


def _judged(row: Mapping[str, Any]) -> tuple[Status, str]:
    log = f"the {'previous ' if row['previous'] else ''}log of {row['container']} in {row['pod']}"
    if row["state"] == "refused":
        return Status.UNKNOWN, f"{log} was not read: {row['reason']}"
    if row["state"] == "broken":
        return Status.UNKNOWN, f"{log} broke off after {counted(row['lines'], 'line')}: {row['reason']}"
    if row["state"] == "cut":
        return Status.WARN, f"{log} is cut after {counted(row['lines'], 'line')}: {row['reason']}"
    return _reach(row, log) if row["state"] == "read" else (Status.OK, "")


def _reach(row: Mapping[str, Any], log: str) -> tuple[Status, str]:
    """How far back a log reaches that was read to its end."""
    start, oldest, began = row["window_start_at"], row["oldest_there_at"], row["started_at"]
    if began is not None and began >= start:
        return Status.OK, ""
    if oldest is None:
        unlearnt = row["lines"] or row["reason"]  # else there is nothing in it
        why = f": {row['reason']}" if row["reason"] else ""
        return (Status.UNKNOWN, f"how far back {log} reaches was not learnt{why}") if unlearnt else (Status.OK, "")
    if oldest <= start:
        return Status.OK, ""
    if began is None:
        return Status.UNKNOWN, f"{log} begins within the window, and when its container began is not known"
    reason = f"{log} begins at {oldest:%Y-%m-%d %H:%M:%S} UTC, after the window's start: rotated, or silent until then"
    return Status.WARN, reason
