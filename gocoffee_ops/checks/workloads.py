"""Do the workloads run, and do they run within what they asked for?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.grading import (
    COST_ANALYSIS,
    MEMORY_OPTIMIZATION,
    SERVICE_DOWN,
    concluded,
    counted,
    grade,
    numbers,
    percent,
    seconds,
)
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds, worst

if TYPE_CHECKING:
    import pandas as pd

    from gocoffee_ops.model import Window

STARTING = {"Pending", "ContainerCreating", "PodInitializing", "Running"}
TO_THE_SECOND = "%Y-%m-%d %H:%M:%S UTC"
NO_PODS = "no pod was found: is the namespace right?"

Row = Mapping[str, Any]


def _by_owner(table: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    owners: dict[tuple[str, str, str], list[Row]] = {}
    for row in table:
        owner = row["owner"] or f"pod/{row['pod']}"
        owners.setdefault((row["cluster"], row["namespace"], owner), []).append(row)
    return owners


def pods_ready(pods: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Is every pod that should run ready? One finding an owner, with the pods' own status and reason.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "pod": "orders-1", "owner": "deployment/orders", "finished": False,
    ...     "ready": False, "status": "CrashLoopBackOff", "reason": None, "restarts": 7, "age_s": 900.0}
    >>> said(pods_ready(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT deployment/orders: 1 of 1 pod not ready: 1 CrashLoopBackOff']
    """
    table = [row for row in records(pods) if not row["finished"]]
    findings = []
    for (cluster, namespace, owner), owned in _by_owner(table).items():
        unready = [row for row in owned if not row["ready"]]
        if not unready:
            continue
        starting = all(
            (row["status"] in STARTING or row["status"].startswith("Init:"))
            and row["restarts"] == 0
            and row["age_s"] < thresholds.pod_starting_s
            for row in unready
        )
        said = ", ".join(f"{n} {status}" for status, n in Counter(row["status"] for row in unready).most_common())
        reasons = sorted({row["reason"] for row in unready if row["reason"] and row["reason"] != row["status"]})
        reason = f"{len(unready)} of {counted(len(owned), 'pod')} not ready: {said}" + (
            f" ({'; '.join(reasons)})" if reasons else ""
        )
        status = Status.WARN if starting else Status.CRIT
        figures = {"unready": len(unready), "pods": len(owned)}
        same = (problems.workload(cluster, namespace, owner),)
        findings.append(
            Finding(
                status,
                "pods_ready",
                owner,
                reason,
                figures,
                cluster,
                namespace,
                next=(SERVICE_DOWN,),
                problem=same,
                because=same,
            )
        )
    fine = f"{counted(len(table), 'pod')} ready"
    return concluded(findings, check="pods_ready", subject="pods", fine=fine, read=len(records(pods)), none=NO_PODS)


def pod_restarts(restarts: pd.DataFrame, pods: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Did containers restart within the window, and were any killed for want of memory?

    The API keeps only a container's last termination, so the count within the window is a lower bound.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "pod": "orders-1", "owner": "deployment/orders", "restarts": 2,
    ...     "in_window_at_least": 1, "exact": False, "oom_killed": True, "last_reason": "OOMKilled"}
    >>> said(pod_restarts(pd.DataFrame([row]), pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN deployment/orders: at least 1 restart within 1 d (2 in all); last ended by OOMKilled']
    """
    table = [row for row in records(restarts) if row["in_window_at_least"] > 0]
    findings = []
    for (cluster, namespace, owner), owned in _by_owner(table).items():
        count = sum(row["in_window_at_least"] for row in owned)
        total = sum(row["restarts"] for row in owned)
        killed = any(row["oom_killed"] for row in owned)
        status = grade(max(row["restarts"] for row in owned), thresholds.restarts_warn, thresholds.restarts_crit)
        least = "" if all(row["exact"] for row in owned) else "at least "
        same = (problems.workload(cluster, namespace, owner),)
        causes = sorted({f"{row['last_reason'] or 'no reason given'}" for row in owned})
        reason = (
            f"{least}{counted(count, 'restart')} within {seconds(thresholds.restart_window_s)} ({total} in all); "
            f"last ended by {', '.join(causes)}"
        )
        findings.append(
            Finding(
                worst([status, Status.WARN]),
                "pod_restarts",
                owner,
                reason,
                {"restarts": total, "in_window_at_least": count},
                cluster,
                namespace,
                next=(MEMORY_OPTIMIZATION if killed else SERVICE_DOWN,),
                problem=same,
                because=same,
            )
        )
    read = len(pods)
    fine = f"no container of {counted(read, 'pod')} restarted within {seconds(thresholds.restart_window_s)}"
    return concluded(findings, check="pod_restarts", subject="pods", fine=fine, read=read, none=NO_PODS)


def resources_declared(pods: pd.DataFrame) -> list[Finding]:
    """Does every container say what it needs and what it may take? Without requests the scheduler places it blind.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "pod": "orders-1", "owner": "deployment/orders", "finished": False,
    ...     "containers_without_requests": 1, "containers_without_limits": 0}
    >>> said(resources_declared(pd.DataFrame([row])))
    ['WARN deployment/orders: 1 container without requests in 1 pod']
    """
    table = [row for row in records(pods) if not row["finished"]]
    findings = []
    for (cluster, namespace, owner), owned in _by_owner(table).items():
        requests = sum(row["containers_without_requests"] for row in owned)
        limits = sum(row["containers_without_limits"] for row in owned)
        if not requests and not limits:
            continue
        said = [f"{counted(requests, 'container')} without requests"] * bool(requests)
        said += [f"{counted(limits, 'container')} without limits"] * bool(limits)
        findings.append(
            Finding(
                Status.WARN,
                "resources_declared",
                owner,
                f"{' and '.join(said)} in {counted(len(owned), 'pod')}",
                {"without_requests": requests, "without_limits": limits},
                cluster,
                namespace,
                next=(MEMORY_OPTIMIZATION,),
            )
        )
    fine = f"all containers of {counted(len(table), 'pod')} declare requests and limits"
    return concluded(findings, check="resources_declared", subject="pods", fine=fine, read=len(table), none=NO_PODS)


def usage_within_bounds(usage: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Who uses more than requested, and who is near the limit at which the kernel kills?

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "pod": "orders-1", "owner": "deployment/orders",
    ...     "cpu_millicores": 90.0, "memory_mib": 490.0, "cpu_of_request": 0.9, "memory_of_request": 1.9,
    ...     "memory_of_limit": 0.96}
    >>> said(usage_within_bounds(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT deployment/orders: memory is at 96 % of its limit (orders-1)']
    """
    table = records(usage)
    findings = []
    for (cluster, namespace, owner), owned in _by_owner(table).items():
        unmeasured = [row["pod"] for row in owned if row["cpu_millicores"] is None or row["memory_mib"] is None]
        if unmeasured:
            reason = f"no usage was measured of {len(unmeasured)} of {counted(len(owned), 'pod')}: {', '.join(unmeasured[:3])}"
            findings.append(Finding(Status.UNKNOWN, "usage_within_bounds", owner, reason, {}, cluster, namespace))
        findings += [
            Finding(
                status,
                "usage_within_bounds",
                owner,
                f"{reason} ({row['pod']})",
                numbers(row, "memory_of_limit", "memory_of_request", "cpu_of_request"),
                cluster,
                namespace,
                next=(MEMORY_OPTIMIZATION,),
            )
            for status, reason, row in _worst_of(owned, thresholds)
        ]
    fine = f"{counted(len(table), 'pod')} within requests and below limits"
    return concluded(
        findings,
        check="usage_within_bounds",
        subject="pods",
        fine=fine,
        read=len(table),
        none="no pod's usage was read",
    )


def _worst_of(owned: Sequence[Row], thresholds: Thresholds) -> list[tuple[Status, str, Row]]:
    """The worst pod of one owner, so that forty alike are one finding."""
    graded = []
    for row in owned:
        near = row["memory_of_limit"]
        if near is not None:
            status = grade(near, thresholds.memory_limit_warn, thresholds.memory_limit_crit)
            graded.append((status, f"memory is at {percent(near)} of its limit", row))
        for name, share in (("CPU", row["cpu_of_request"]), ("memory", row["memory_of_request"])):
            if share is not None:
                status = grade(share, thresholds.usage_over_request_warn)
                graded.append((status, f"{name} use is {percent(share)} of the request", row))
    wrong = [item for item in graded if item[0] is not Status.OK]
    return sorted(wrong, key=lambda item: -item[0].severity)[:1]


def requested_against_used(usage: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """What is reserved but not used? The first place to look for cost; what it would save is the cost runbook's question.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "cpu_request_millicores": 1000, "cpu_millicores": 100.0,
    ...     "memory_request_mib": 1024.0, "memory_mib": 700.0}
    >>> said(requested_against_used(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN cluster/eu: in use of requested: CPU 10 %, memory 68 %']
    """
    table = records(usage)
    findings = []
    for cluster in sorted({row["cluster"] for row in table}):
        measured = [r for r in table if r["cluster"] == cluster and r["cpu_millicores"] is not None]
        requested = sum(row["cpu_request_millicores"] for row in measured)
        used = sum(row["cpu_millicores"] for row in measured)
        requested_mib = sum(row["memory_request_mib"] for row in measured)
        used_mib = sum(row["memory_mib"] or 0.0 for row in measured)
        if not requested or not requested_mib:
            reason = "nothing was requested or measured, so nothing can be compared"
            findings.append(
                Finding(Status.UNKNOWN, "requested_against_used", f"cluster/{cluster}", reason, {}, cluster)
            )
            continue
        cpu, memory = used / requested, used_mib / requested_mib
        low = min(cpu, memory) < thresholds.requested_unused_warn
        findings.append(
            Finding(
                Status.WARN if low else Status.OK,
                "requested_against_used",
                f"cluster/{cluster}",
                f"in use of requested: CPU {percent(cpu)}, memory {percent(memory)}",
                {"cpu_of_request": round(cpu, 3), "memory_of_request": round(memory, 3)},
                cluster,
                next=(COST_ANALYSIS,),
            )
        )
    fine = "; ".join(f"{finding.subject}: {finding.reason}" for finding in findings)
    return concluded(
        findings,
        check="requested_against_used",
        subject="pods",
        fine=fine,
        read=len(table),
        none="no pod's usage was read",
    )


def deployments_available(deployments: pd.DataFrame) -> list[Finding]:
    """Does each deployment have the replicas it wants, of the revision it wants, and may its autoscaler still move?

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "deployment": "orders", "desired": 3, "ready": 2, "updated": 3,
    ...     "hpa": None}
    >>> said(deployments_available(pd.DataFrame([row])))
    ['WARN deployment/orders: 2 of 3 replicas ready']
    """
    table = records(deployments)
    findings = []
    for row in table:
        subject = f"deployment/{row['deployment']}"
        its_pods = (problems.workload(row["cluster"], row["namespace"], subject),)
        said = [(*one, its_pods) for one in _replicas(row)] + [(*one, ()) for one in _autoscaler(row)]
        for status, reason, because in said:
            figures = numbers(row, "desired", "ready", "updated")
            findings.append(
                Finding(
                    status,
                    "deployments_available",
                    subject,
                    reason,
                    figures,
                    row["cluster"],
                    row["namespace"],
                    next=(SERVICE_DOWN,),
                    because=because,
                )
            )
    return concluded(
        findings,
        check="deployments_available",
        subject="deployments",
        fine=f"all replicas of {counted(len(table), 'deployment')} are ready",
        read=len(table),
        none="no deployment was found: is the namespace right?",
    )


def _replicas(row: Row) -> list[tuple[Status, str]]:
    said = []
    if row["ready"] < row["desired"]:
        status = Status.CRIT if row["ready"] == 0 else Status.WARN
        said.append((status, f"{row['ready']} of {counted(row['desired'], 'replica')} ready"))
    if row["updated"] < row["desired"]:
        said.append((Status.WARN, f"{row['updated']} of {counted(row['desired'], 'replica')} of the newest revision"))
    return said


def _autoscaler(row: Row) -> list[tuple[Status, str]]:
    if row["hpa"] is None:
        return []
    if row["hpa_able"] is None:
        return [(Status.UNKNOWN, f"autoscaler {row['hpa']} does not say whether it can scale")]
    if not row["hpa_able"]:
        return [(Status.WARN, f"autoscaler {row['hpa']} cannot compute a scale")]
    if row["hpa_desired"] is not None and row["hpa_max"] is not None and row["hpa_desired"] >= row["hpa_max"]:
        return [(Status.WARN, f"autoscaler {row['hpa']} is at its maximum of {row['hpa_max']}")]
    return []


def events_heard(events: pd.DataFrame, horizon: pd.DataFrame, *, window: Window | None = None) -> list[Finding]:
    """What warned? No event is no evidence: the horizon says since when the API server has forgotten nothing.

    That is the time of its oldest event, or an hour ago where that is earlier: so long it keeps them by default, so that a
    quiet or a young cluster has not forgotten anything of its last hour. Where the window that is looked at began earlier,
    what was said until then is UNKNOWN, by cluster.

    >>> import pandas as pd
    >>> horizon = {"cluster": "eu", "known_since": None}
    >>> said(events_heard(pd.DataFrame(), pd.DataFrame([horizon])))
    ['UNKNOWN cluster/eu: the API server holds no event at all, so their absence proves nothing']
    """
    warnings = [row for row in records(events) if row["type"] == "Warning"]
    findings = []
    grouped: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in warnings:
        grouped.setdefault((row["cluster"], row["namespace"], row["object"], row["reason"]), []).append(row)
    for (cluster, namespace, subject, reason), group in grouped.items():
        count = sum(row["count"] for row in group)
        last = max(row["last_seen_at"] for row in group)
        text = f"{reason} {counted(count, 'time')}, last at {last:%Y-%m-%d %H:%M:%S} UTC: {group[-1]['message']}"
        figures = {"count": count}
        findings.append(
            Finding(
                Status.WARN,
                "events_heard",
                subject,
                text,
                figures,
                cluster,
                namespace,
                next=(SERVICE_DOWN,),
                because=problems.owners_of(cluster, namespace, subject),
            )
        )
    for row in records(horizon):
        since = row["known_since"]
        if since is None:
            reason = "the API server holds no event at all, so their absence proves nothing"
        elif window is not None and since > window.start:
            whole = since >= window.end
            lost_s = (min(since, window.end) - window.start).total_seconds()
            lost = "none of the window" if whole else f"not of the first {seconds(lost_s)} of the window"
            bound = f"ended at {window.end:{TO_THE_SECOND}}" if whole else f"began at {window.start:{TO_THE_SECOND}}"
            reason = f"the API server is known to remember events since {since:{TO_THE_SECOND}} only, and {lost}, which {bound}"
        else:
            continue
        subject = f"cluster/{row['cluster']}"
        findings.append(Finding(Status.UNKNOWN, "events_heard", subject, reason, cluster=row["cluster"]))
    known = max((row["known_since"] for row in records(horizon) if row["known_since"] is not None), default=None)
    fine = f"no warning among {counted(len(events), 'event')} since {known:{TO_THE_SECOND}}" if known else "no event"
    return concluded(
        findings, check="events_heard", subject="events", fine=fine, read=len(horizon), none="no event horizon was read"
    )
