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
    is UNKNOWN; of one that wants no pods, nothing is to be rolled out. StatefulSets and DaemonSets are for `revisions_done`.

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
            if not any(row["wanted"] or row["desired"] for row in revisions):
                continue
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


def revisions_done(revisions: pd.DataFrame) -> list[Finding]:
    """Are the pods of every StatefulSet and DaemonSet of its newest revision, and ready?

    Pods that keep theirs until somebody decides (`OnDelete`, or below a partition) are not awaited. Where the newest template
    has no revision yet, as its controller has not acted on it, how its rollout goes is UNKNOWN.

    >>> import pandas as pd
    >>> new = {"cluster": "eu", "namespace": "go-coffee", "controller": "statefulset/postgres", "revision": 3, "newest": True,
    ...     "desired": 3, "pods": 1, "ready": 2, "kept_back": 0, "images": ("postgres:18",), "changed_by": "helm", "cause": None,
    ...     "created_at": None, "written_at": pd.Timestamp("2026-01-05 03:00Z")}
    >>> revisions_done(pd.DataFrame([new]))[0].reason
    'revision 3 (postgres:18), written 2026-01-05 03:00:00 UTC by helm: 1 of 3 pods of it, 2 of 3 pods ready'
    """
    newest = [row for row in records(revisions) if row["newest"]]
    findings = [found for row in newest if row["desired"] and (found := _rolled(row))]
    waiting = sum(bool(row["kept_back"] and (row["pods"] or 0) < row["desired"]) for row in newest)
    kept = f"; {waiting} of them keep pods of an older one until somebody decides" if waiting else ""
    fine = f"StatefulSets and DaemonSets ({len(newest)}) have all pods ready, of their newest revision{kept}"
    there = fine if newest else "no StatefulSet or DaemonSet is there"
    return concluded(findings, check="revisions_done", subject="revisions", fine=there, read=1, none="")


def _rolled(row: Row) -> Finding | None:
    """What is left to do until a controller has its newest revision."""
    cluster, namespace, owner = row["cluster"], row["namespace"], row["controller"]
    same = (problems.workload(cluster, namespace, owner),)
    if row["revision"] is None:
        reason = "its controller has made no revision of its newest template: it has not acted on it"
        return Finding(
            Status.UNKNOWN, "revisions_done", owner, reason, {"desired": row["desired"]}, cluster, namespace,
            next=(SERVICE_DOWN,), because=same,
        )  # fmt: skip
    late = row["pods"] < row["desired"] - row["kept_back"]
    if row["ready"] >= row["desired"] and not late:
        return None
    of_it = f"{row['pods']} of {counted(row['desired'], 'pod')} of it, " if late else ""
    reason = f"{_revision(row)}: {of_it}{row['ready']} of {counted(row['desired'], 'pod')} ready"
    figures = {name: row[name] for name in ("revision", "pods", "ready", "desired")}
    status = Status.WARN if row["ready"] else Status.CRIT
    return Finding(
        status, "revisions_done", owner, reason, figures, cluster, namespace,
        next=(SERVICE_DOWN,), problem=same, because=same,
    )  # fmt: skip


def _revision(row: Row) -> str:
    written = row["written_at"] or row["created_at"]
    when = f", written {written:%Y-%m-%d %H:%M:%S} UTC" if written else ""
    by = f" by {row['changed_by']}" if row["changed_by"] else ""
    why = f" ({row['cause']})" if row["cause"] else ""
    return f"revision {row['revision']} ({', '.join(row['images'])}){when}{by}{why}"


def _said(newest: Row, left: Sequence[Row]) -> str:
    said = f"{_revision(newest)}: {newest['ready']} of {counted(newest['desired'], 'pod')} ready"
    older = [
        f"{counted(row['desired'], 'pod')} of revision {row['revision']} {_are(row['desired'])} left" for row in left
    ]
    return "; ".join([said, *older])


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
