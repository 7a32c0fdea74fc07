"""Have rollouts come to their end?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.grading import SERVICE_DOWN, concluded, counted
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]


def rollouts_done(rollouts: pd.DataFrame) -> list[Finding]:
    """Has the newest revision of every Deployment all of its pods, and is none of an older one left?

    Where the newest revision has no ReplicaSet (the Deployment is paused, or its controller does not run), how its rollout goes
    is UNKNOWN.

    >>> import pandas as pd
    >>> from datetime import UTC, datetime
    >>> new = {"cluster": "eu", "namespace": "go-coffee", "deployment": "orders", "revision": 7, "newest": True, "desired": 1,
    ...     "ready": 0, "images": ("orders:4.1",), "changed_by": "helm", "cause": None, "written_at": None,
    ...     "created_at": datetime(2026, 1, 5, 3, tzinfo=UTC)}
    >>> old = new | {"revision": 6, "newest": False, "desired": 2, "ready": 2}
    >>> reason = rollouts_done(pd.DataFrame([new, old]))[0].reason
    >>> reason.partition(": ")[0]
    'revision 7 (orders:4.1), written 2026-01-05 03:00:00 UTC by helm'
    >>> reason.partition(": ")[2]
    '0 of 1 pod ready; 2 pods of revision 6 are left'
    """
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in records(rollouts):
        found.setdefault((row["cluster"], row["namespace"], row["deployment"]), []).append(row)
    findings = []
    for (cluster, namespace, name), revisions in found.items():
        newest = next((row for row in revisions if row["newest"]), None)
        left = [row for row in revisions if row is not newest and row["desired"]]
        if newest is None:
            findings.append(_without_newest(cluster, namespace, name, revisions))
            continue
        if newest["ready"] >= newest["desired"] and not left:
            continue
        ready = sum(row["ready"] for row in revisions)
        figures = {"revision": newest["revision"] or 0, "ready": newest["ready"], "desired": newest["desired"]}
        owner = f"deployment/{name}"
        same = (problems.workload(cluster, namespace, owner),)
        findings.append(
            Finding(
                Status.WARN if ready else Status.CRIT,
                "rollouts_done",
                owner,
                _said(newest, left),
                figures,
                cluster,
                namespace,
                next=(SERVICE_DOWN,),
                problem=same,
                because=same,
            )
        )
    fine = f"the newest revision of {counted(len(found), 'Deployment')} has all of its pods, and no older one has any"
    none = "no revision was read: is the namespace right?"
    return concluded(findings, check="rollouts_done", subject="rollouts", fine=fine, read=len(found), none=none)


def _without_newest(cluster: str, namespace: str, name: str, revisions: Sequence[Row]) -> Finding:
    there = [row for row in revisions if row["replicaset"] is not None]
    known = (
        f"; the last that has one is {max(row['revision'] or 0 for row in there)}" if there else ", nor has any other"
    )
    reason = f"its newest revision has no ReplicaSet{known}: it is paused, or its controller has not acted on it"
    owner = f"deployment/{name}"
    figures = {"revisions": len(there)}
    because = (problems.workload(cluster, namespace, owner),)
    return Finding(
        Status.UNKNOWN,
        "rollouts_done",
        owner,
        reason,
        figures,
        cluster,
        namespace,
        next=(SERVICE_DOWN,),
        because=because,
    )


def _said(newest: Row, left: Sequence[Row]) -> str:
    written = newest["written_at"] or newest["created_at"]
    by = f" by {newest['changed_by']}" if newest["changed_by"] else ""
    why = f" ({newest['cause']})" if newest["cause"] else ""
    pods = f"{newest['ready']} of {counted(newest['desired'], 'pod')} ready"
    revision = f"revision {newest['revision']} ({', '.join(newest['images'])})"
    said = f"{revision}, written {written:%Y-%m-%d %H:%M:%S} UTC{by}{why}: {pods}"
    older = [
        f"{counted(row['desired'], 'pod')} of revision {row['revision']} {_are(row['desired'])} left" for row in left
    ]
    return "; ".join([said, *older])


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
