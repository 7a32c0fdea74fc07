"""Bindings of roles that are missing: whoever relies on one is refused, and nothing says so until then."""

from __future__ import annotations

from collections.abc import Iterator

from gocoffee_ops.checks.diagnosis.problem import BINDINGS, Picture, Problem, Ref, Row, short
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import Status

TABLES = ("access.bindings",)


def problems(picture: Picture) -> Iterator[Problem]:
    """Bindings that give nobody anything, as their role does not exist.

    One that names an account which does not exist is none: it does no harm until a pod is to run as that account, and then
    the pod's owner is found.
    """
    for row in picture.rows(*TABLES):
        if row["role_exists"] or not row["subjects"] or row["age_s"] < picture.thresholds.stuck_s:
            continue
        reason = f"its role {row['role']} does not exist: no permission by it for {_whom(row)}"
        yield Problem(BINDINGS, Status.WARN, Ref(row["namespace"], row["binding"]), reason, TABLES)


def _whom(row: Row) -> str:
    """The service accounts by name; users and groups are only counted."""
    others = row["subjects"] - len(row["accounts"])
    if not row["accounts"]:
        return counted(others, "subject")
    named = ", ".join(f"serviceaccount/{name}" for name in row["accounts"])
    return f"{short(named)}{f' and {others} more' if others else ''}"
