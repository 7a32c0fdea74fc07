"""Who a container is, where its hours do not say: its labels, workload and node, from the pods that the cluster has now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
SAID_BY_PODS = ("cluster", "node", "workload")


def identified(hours: Sequence[dict[str, Any]], containers: Iterable[Row]) -> list[dict[str, Any]]:
    """The hours, with what the pods' own table knows of them.

    A pod is found by its uid, and by its name alone only where its hours have no uid: one of the same name may be another. Labels
    of a pod that has ended are those of its workload, as its pods have them now.

    >>> pod = {"cluster": "eu", "namespace": "shop", "pod": "a-1", "pod_uid": "1", "workload": "deployment/a", "node": "n1",
    ...     "labels": ("app=a",)}
    >>> hour = {"cluster": None, "namespace": "shop", "pod": "a-1", "pod_uid": "1", "workload": None, "node": None, "labels": ()}
    >>> identified([hour], [pod])[0] == pod
    True
    >>> gone = hour | {"pod_uid": "0", "workload": "deployment/a"}
    >>> [identified([gone], [pod])[0][name] for name in ("node", "labels")]
    [None, ('app=a',)]
    """
    by_uid: dict[str, Row] = {}
    by_name: dict[tuple[str, str], Row] = {}
    by_workload: dict[tuple[str, str], tuple[str, ...]] = {}
    for pod in containers:
        by_uid[pod["pod_uid"]] = pod
        by_name[pod["namespace"], pod["pod"]] = pod
        by_workload[pod["namespace"], pod["workload"]] = tuple(pod["labels"] or ())
    found = []
    for row in hours:
        uid = row["pod_uid"]
        mine = by_uid.get(uid) if uid else by_name.get((row["namespace"], row["pod"]))
        known = row if mine is None else row | {name: row[name] or mine[name] for name in SAID_BY_PODS}
        labels = known["labels"] or (mine and tuple(mine["labels"] or ()))
        found.append({**known, "labels": labels or by_workload.get((row["namespace"], known["workload"]), ())})
    return found
