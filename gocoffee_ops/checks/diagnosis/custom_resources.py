"""Custom resources that say that they failed, or that do not go away."""

from __future__ import annotations

from collections.abc import Iterator

from gocoffee_ops.checks.diagnosis.problem import CUSTOM_RESOURCES, Picture, Problem, Ref, Row, short
from gocoffee_ops.checks.grading import seconds
from gocoffee_ops.model import Status

TABLES = ("custom_resources.states",)


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with the custom resources that the environment names."""
    for row in picture.rows(*TABLES):
        if row["unread"] is not None:
            at, reason = Ref("", f"crd/{row['resource'].partition('/')[0]}"), f"cannot be told: {short(row['unread'])}"
            yield Problem(CUSTOM_RESOURCES, Status.UNKNOWN, at, reason, TABLES)
        elif (found := _found(row, picture.thresholds.stuck_s)) is not None:
            yield Problem(CUSTOM_RESOURCES, found[0], Ref(row["namespace"] or "", row["object"]), found[1], TABLES)


def not_judged(row: Row) -> str:
    """Of which resource an object's status says nothing that is known; "" for one that was judged, if by its deletion.

    >>> not_judged({"resource": "widgets.example.com", "judged": False, "deletion_overdue_s": None})
    'widgets.example.com (whose status says nothing that is known)'
    """
    known = row["judged"] or row["deletion_overdue_s"] is not None
    return "" if known else f"{row['resource']} (whose status says nothing that is known)"


def _found(row: Row, stuck_s: float) -> tuple[Status, str] | None:
    """What is wrong with one object; what is on its way, or was just made, is not."""
    overdue = row["deletion_overdue_s"]
    if overdue is not None:
        if overdue < stuck_s:
            return None
        keep = ", ".join(row["finalizers"]) or "no finalizer, and it is there still"
        return Status.WARN, f"is stuck in deletion for {seconds(overdue)}: {short(keep)}"
    old = row["age_s"] is None or row["age_s"] >= stuck_s
    failed = [*(row["words"] if old else ()), *(row["failed"] if (row["failed_s"] or 0.0) >= stuck_s else ())]
    if failed:
        return Status.WARN, "; ".join(map(short, failed))
    if row["unsure"] and old:
        return Status.UNKNOWN, f"its controller does not know how it is: {'; '.join(map(short, row['unsure']))}"
    return None
