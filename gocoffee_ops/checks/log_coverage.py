"""Are the logs that were read all that was asked for?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.grading import concluded, counted, numbers
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd


def logs_covered(coverage: pd.DataFrame) -> list[Finding]:
    """Which logs were not read, cut, or begin only within the window? (H03, H31)

    A log that begins later than the window though its container ran before may have been rotated: what is older is in a log
    store, if anywhere.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "pod": "orders-0", "container": "app", "previous": False,
    ...     "state": "refused", "reason": "connection refused", "lines": 0, "oldest_there_at": None, "started_at": None,
    ...     "window_start_at": pd.Timestamp("2026-01-05", tz="UTC")}
    >>> said(logs_covered(pd.DataFrame([row])))
    ['UNKNOWN pod/orders-0: the log of app was not read: connection refused']
    """
    table = records(coverage)
    findings = []
    for row in table:
        status, reason = _judged(row)
        if status is not Status.OK:
            subject, figures = f"pod/{row['pod']}", numbers(row, "lines")
            findings.append(Finding(status, "logs_covered", subject, reason, figures, row["cluster"], row["namespace"]))
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


def _judged(row: Mapping[str, Any]) -> tuple[Status, str]:
    log = f"the {'previous ' if row['previous'] else ''}log of {row['container']}"
    if row["state"] == "refused":
        return Status.UNKNOWN, f"{log} was not read: {row['reason']}"
    if row["state"] == "broken":
        return Status.UNKNOWN, f"{log} broke off after {counted(row['lines'], 'line')}: {row['reason']}"
    if row["state"] == "cut":
        return Status.WARN, f"{log} is cut after {counted(row['lines'], 'line')}: {row['reason']}"
    start, oldest, began = row["window_start_at"], row["oldest_there_at"], row["started_at"]
    if row["state"] == "read" and oldest is not None and began is not None and began < start < oldest:
        reason = (
            f"{log} begins at {oldest:%Y-%m-%d %H:%M:%S} UTC, after the window's start: rotated, or silent until then"
        )
        return Status.WARN, reason
    return Status.OK, ""
