"""Bindings of roles that are missing: whoever relies on one is refused, and nothing says so until then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gocoffee_ops.checks.diagnosis.folding import the_same_with
from gocoffee_ops.checks.diagnosis.problem import BINDINGS, Picture, Problem, Ref, Row, short
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import Status

TABLES = ("access.bindings",)


def problems(picture: Picture) -> Iterator[Problem]:
    """Bindings that give nobody anything, as their role does not exist: once a role.

    One that names an account which does not exist is none: it does no harm until a pod is to run as that account, and then
    the pod's owner is found.
    """
    missing: dict[tuple[str, str], list[Row]] = {}
    for row in picture.rows(*TABLES):
        if row["role_exists"] or not row["subjects"] or row["age_s"] < picture.thresholds.stuck_s:
            continue
        if row["namespace"] in picture.going:
            continue  # it goes with its namespace, and stands for none that stays
        where = "" if row["role"].startswith("clusterrole/") else row["namespace"]
        missing.setdefault((where, row["role"]), []).append(row)
    for (_, role), rows in missing.items():
        at, *others = sorted(Ref(row["namespace"], row["binding"]) for row in rows)
        same = the_same_with([other.seen_from(at.namespace) for other in others])
        reason = f"its role {role} does not exist: no permission by it for {_whom(rows)}{same}"
        yield Problem(BINDINGS, Status.WARN, at, reason, TABLES, numbers={"affected": len(rows)}, hit=tuple(others))


def _whom(rows: Sequence[Row]) -> str:
    """The service accounts by name; users and groups are only counted."""
    accounts = list(dict.fromkeys(name for row in rows for name in row["accounts"]))
    others = sum(row["subjects"] - len(row["accounts"]) for row in rows)
    if not accounts:
        return counted(others, "subject")
    named = ", ".join(f"serviceaccount/{name}" for name in accounts)
    return f"{short(named)}{f' and {others} more' if others else ''}"
