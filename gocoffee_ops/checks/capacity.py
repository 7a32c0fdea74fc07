"""Are the nodes sound, and is there room on them?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.grading import (
    CLUSTER_UPDATE,
    COST_ANALYSIS,
    SERVICE_DOWN,
    concluded,
    counted,
    grade,
    numbers,
    percent,
)
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds, worst

if TYPE_CHECKING:
    import pandas as pd

OLDEST_KUBELET = 3  # minor versions behind the API server: Kubernetes' version skew policy; never ahead of it


def node_health(nodes: pd.DataFrame) -> list[Finding]:
    """Ready, free of pressure, schedulable, and of a supported kubelet version?

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "node": "n1", "status": "Ready", "ready": True, "pods": 9, "pressures": ("DiskPressure=True",),
    ...     "unschedulable": False, "kubelet_version": "v1.36.1", "server_version": "v1.36.3"}
    >>> said(node_health(pd.DataFrame([row])))
    ['CRIT node/n1: DiskPressure: the kubelet evicts pods to relieve it']
    """
    table = records(nodes)
    findings = [finding for row in table for finding in _node(row)]
    return concluded(
        findings,
        check="node_health",
        subject="nodes",
        fine=f"{counted(len(table), 'node')} ready, without pressure and schedulable",
        read=len(table),
        none="no node was read: a cluster without nodes cannot be judged",
    )


def _node(row: Mapping[str, Any]) -> list[Finding]:
    def found(status: Status, reason: str, following: str = SERVICE_DOWN) -> Finding:
        subject = f"node/{row['node']}"
        same = (problems.node(row["cluster"], row["node"]),)
        return Finding(
            status,
            "node_health",
            subject,
            reason,
            cluster=row["cluster"],
            next=(following,),
            problem=same,
            because=same,
        )

    findings = []
    if not row["ready"]:
        findings.append(found(Status.CRIT, f"the node is {row['status']}; {counted(row['pods'], 'pod')} bound to it"))
    pressures = [pressure.partition("=") for pressure in row["pressures"]]
    silent = [name for name, _, value in pressures if value == "Unknown"]
    for name in [name for name, _, value in pressures if value != "Unknown"]:
        findings.append(found(Status.CRIT, f"{name}: the kubelet evicts pods to relieve it"))
    if silent:
        findings.append(found(Status.UNKNOWN, f"the kubelet no longer reports {', '.join(silent)}"))
    if row["unschedulable"]:
        findings.append(found(Status.WARN, "cordoned: no new pod is placed on it", CLUSTER_UPDATE))
    skew = version_skew(row["kubelet_version"], row["server_version"])
    if skew is None:
        findings.append(found(Status.UNKNOWN, "the version of the API server or of the kubelet is not known"))
    elif not 0 <= skew <= OLDEST_KUBELET:
        reason = f"kubelet {row['kubelet_version']} is not supported by API server {row['server_version']}"
        findings.append(found(Status.CRIT, reason, CLUSTER_UPDATE))
    return findings


def version_skew(kubelet: str | None, server: str | None) -> int | None:
    """By how many minor versions the kubelet is behind the API server.

    >>> version_skew("v1.33.1", "v1.36.3"), version_skew("v1.36.0-eks-1", None)
    (3, None)
    """
    found = [re.match(r"v?1\.(\d+)", version or "") for version in (server, kubelet)]
    if found[0] is None or found[1] is None:
        return None
    return int(found[0][1]) - int(found[1][1])


def node_headroom(nodes: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """How much of what the scheduler may hand out is requested already, on each node that takes pods?

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "node": "n1", "ready": True, "unschedulable": False, "cpu_requested_millicores": 1800,
    ...     "cpu_allocatable_millicores": 2000, "memory_requested_mib": 512.0, "memory_allocatable_mib": 4096.0,
    ...     "pods": 9, "pods_allocatable": 110}
    >>> said(node_headroom(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN node/n1: requested of allocatable: CPU 90 %, memory 12 %, pods 8 %']
    """
    table = [row for row in records(nodes) if row["ready"] and not row["unschedulable"]]
    findings = []
    for row in table:
        shares = {
            "CPU": _share(row["cpu_requested_millicores"], row["cpu_allocatable_millicores"]),
            "memory": _share(row["memory_requested_mib"], row["memory_allocatable_mib"]),
            "pods": _share(row["pods"], row["pods_allocatable"]),
        }
        full, share = max(shares.items(), key=lambda item: -1.0 if item[1] is None else item[1])
        statuses = {grade(v, thresholds.node_requested_warn, thresholds.node_requested_crit) for v in shares.values()}
        said = ", ".join(f"{name} {'unknown' if v is None else percent(v)}" for name, v in shares.items())
        findings.append(
            Finding(
                worst(statuses),
                "node_headroom",
                f"node/{row['node']}",
                f"requested of allocatable: {said}",
                {"most": full, "share": round(share or 0.0, 3)},
                cluster=row["cluster"],
                next=(COST_ANALYSIS,),
            )
        )
    return concluded(
        findings,
        check="node_headroom",
        subject="nodes",
        fine=f"requests stay below {percent(thresholds.node_requested_warn)} of allocatable on {counted(len(table), 'node')}",
        read=len(table),
        none="no node that takes pods was read",
    )


def node_usage(usage: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """How much of each node's allocatable CPU and memory is in use, as its kubelet measured it?

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "node": "n1", "cpu_of_allocatable": 0.3, "memory_of_allocatable": 0.93}
    >>> said(node_usage(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT node/n1: in use of allocatable: CPU 30 %, memory 93 %']
    """
    table = records(usage)
    findings = []
    for row in table:
        subject = f"node/{row['node']}"
        shares = {"CPU": row["cpu_of_allocatable"], "memory": row["memory_of_allocatable"]}
        missing = [name for name, share in shares.items() if share is None]
        if missing:
            reason = f"no usage of {' and '.join(missing)} was measured: metrics-server has no sample"
            findings.append(Finding(Status.UNKNOWN, "node_usage", subject, reason, cluster=row["cluster"]))
            continue
        status = worst(grade(v, thresholds.node_usage_warn, thresholds.node_usage_crit) for v in shares.values())
        said = ", ".join(f"{name} {percent(share)}" for name, share in shares.items())
        figures = numbers(row, "cpu_of_allocatable", "memory_of_allocatable")
        reason = f"in use of allocatable: {said}"
        findings.append(Finding(status, "node_usage", subject, reason, figures, row["cluster"], next=(COST_ANALYSIS,)))
    return concluded(
        findings,
        check="node_usage",
        subject="nodes",
        fine=f"usage stays below {percent(thresholds.node_usage_warn)} of allocatable on {counted(len(table), 'node')}",
        read=len(table),
        none="no node's usage was read",
    )


def replicas_fit(fit: pd.DataFrame) -> list[Finding]:
    """Could each deployment grow by one more replica on the nodes that are there?

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "deployment": "orders", "fits": 0, "bound_by": "memory",
    ...     "not_known": None}
    >>> said(replicas_fit(pd.DataFrame([row])))
    ['WARN deployment/orders: room for 0 more replicas; bound by memory']
    >>> said(replicas_fit(pd.DataFrame([row, row | {"fits": None, "not_known": "it claims devices"}])))
    ['UNKNOWN deployment/orders: how many more replicas fit is not known: it claims devices']
    """
    deployments: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in records(fit):
        deployments.setdefault((row["cluster"], row["namespace"], row["deployment"]), []).append(row)
    return concluded(
        [_fit(*key, rows) for key, rows in deployments.items()],
        check="replicas_fit",
        subject="deployments",
        fine=f"one more replica fits for each of {counted(len(deployments), 'deployment')}",
        read=len(deployments),
        none="no deployment was read",
    )


def _fit(cluster: str, namespace: str, deployment: str, rows: list[dict[str, Any]]) -> Finding:
    def found(status: Status, reason: str, **figures: int) -> Finding:
        subject = f"deployment/{deployment}"
        return Finding(status, "replicas_fit", subject, reason, figures, cluster, namespace, next=(COST_ANALYSIS,))

    not_known = sorted({row["not_known"] or "no reason was given" for row in rows if row["fits"] is None})
    if not_known:
        return found(Status.UNKNOWN, f"how many more replicas fit is not known: {'; '.join(not_known)}")
    fits, bound = sum(row["fits"] for row in rows), sorted({row["bound_by"] for row in rows})
    reason = f"room for {counted(fits, 'more replica')}; bound by {', '.join(bound)}"
    return found(Status.WARN if fits == 0 else Status.OK, reason, fits=fits)


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
