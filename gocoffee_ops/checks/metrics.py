"""A service by its metrics: errors, latency, saturation, memory that grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.database import shortened
from gocoffee_ops.checks.grading import (
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
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

HIGH_ERROR_RATE = "high-error-rate"
NO_SERIES = "no series"  # as the tables say it
Row = Mapping[str, Any]


def error_rate(requests: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """What share of each service's requests fails? Without requests there is no share, and that is not "no errors".

    >>> import pandas as pd
    >>> row = {"prometheus": "main", "service": "orders", "requests_per_s": 20.0, "errors_per_s": 2.0, "error_ratio": 0.1,
    ...     "window_s": 300.0, "points_found": 20, "points_expected": 20, "missing": None}
    >>> said(error_rate(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT service/orders: 10.0 % of 20.0 requests/s fail (5 min)']
    """
    table = records(requests)
    findings = []
    for row in table:
        status = grade(row["error_ratio"], thresholds.error_rate_warn, thresholds.error_rate_crit)
        reason = _untold(row, thresholds)
        if reason:
            status = Status.UNKNOWN
        elif row["error_ratio"] is not None:
            share = f"{row['error_ratio'] * 100:.1f} % of {row['requests_per_s']:,.1f} requests/s fail"
            reason = f"{share} ({seconds(row['window_s'])})"
        figures = numbers(row, "error_ratio", "errors_per_s", "requests_per_s", "points_found")
        same = (problems.errors(row["service"]),)
        findings.append(_finding(status, "error_rate", row, reason, figures, same))
    highest = max((row["error_ratio"] or 0.0 for row in table), default=0.0)
    return concluded(
        findings,
        check="error_rate",
        subject="services",
        fine=f"at most {highest * 100:.2f} % of requests fail: {', '.join(row['service'] for row in table)}",
        read=len(table),
        none="no service was asked for",
    )


def latency(latencies: pd.DataFrame, *, thresholds: Thresholds, quantile: float = 0.95) -> list[Finding]:
    """Does a service answer in time? Judged is one quantile; the table shows the others.

    >>> import pandas as pd
    >>> row = {"prometheus": "main", "service": "orders", "quantile": 0.95, "latency_s": 10.0, "at_least": True,
    ...     "requests_per_s": 20.0, "window_s": 300.0, "points_found": 20, "points_expected": 20, "missing": None}
    >>> said(latency(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT service/orders: 95 % of requests take up to 10.00 s or longer: that is the largest bucket']
    """
    table = [row for row in records(latencies) if row["quantile"] == quantile]
    findings = []
    for row in table:
        status = grade(row["latency_s"], thresholds.latency_warn_s, thresholds.latency_crit_s)
        reason = _untold(row, thresholds)
        if reason:
            status = Status.UNKNOWN
        elif row["latency_s"] is not None:
            bound = " or longer: that is the largest bucket" if row["at_least"] else ""
            reason = f"{percent(quantile)} of requests take up to {row['latency_s']:.2f} s{bound}"
            if row["at_least"] and status is Status.OK:
                status, reason = Status.UNKNOWN, f"{reason}, which is below what is judged"
        findings.append(_finding(status, "latency", row, reason, numbers(row, "latency_s", "requests_per_s")))
    slowest = max((row["latency_s"] or 0.0 for row in table), default=0.0)
    return concluded(
        findings,
        check="latency",
        subject="services",
        fine=f"{percent(quantile)} of requests take at most {slowest:.2f} s: {', '.join(row['service'] for row in table)}",
        read=len(table),
        none=f"the quantile {quantile:g} of no service was read",
    )


def _untold(row: Row, thresholds: Thresholds) -> str:
    """Why a rate is none, or none to be trusted."""
    if row["missing"] is not None:
        return str(row["missing"])
    if row["points_expected"] is None:
        return "the scrape interval is not known, so neither is what is missing: set scrape_interval_s"
    if row["points_found"] < thresholds.points_found_min * row["points_expected"]:
        return f"only {row['points_found']} of {counted(row['points_expected'], 'sample')} there"
    return ""


def _finding(
    status: Status, check: str, row: Row, reason: str, figures: Mapping[str, Any], same: tuple[str, ...] = ()
) -> Finding:
    return Finding(status, check, f"service/{row['service']}", reason, figures, next=(HIGH_ERROR_RATE,), problem=same)


def saturation(containers: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which containers are held back for CPU, or near their memory limit?

    One without a CPU limit is not held back. Where nothing tells whether it has one, its CPU was not measured: UNKNOWN.

    >>> import pandas as pd
    >>> row = {"prometheus": "main", "namespace": "go-coffee", "pod": "orders-7d9f-x2x4z", "container": "orders",
    ...     "cpu_limited": True, "cpu_throttled": 0.3, "memory_mib": 99.0, "memory_limit_mib": 100.0, "memory_limited": True,
    ...     "memory_of_limit": 0.99, "missing": None}
    >>> for line in said(saturation(pd.DataFrame([row]), thresholds=Thresholds())):
    ...     print(line)
    WARN pod/orders-7d9f-x2x4z: orders: held back for CPU in 30 % of its periods
    CRIT pod/orders-7d9f-x2x4z: orders: memory is 99 % of its limit
    """
    table = records(containers)
    findings = []
    for row in table:
        if row["cpu_throttled"] is not None:
            status = grade(row["cpu_throttled"], thresholds.cpu_throttled_warn, thresholds.cpu_throttled_crit)
            reason = f"held back for CPU in {percent(row['cpu_throttled'])} of its periods"
            findings.append(_container(status, "saturation", row, reason))
        untold = row["memory_mib"] is None or row["memory_limited"] is None
        status = grade(row["memory_of_limit"], thresholds.memory_limit_warn, thresholds.memory_limit_crit)
        if status is not Status.UNKNOWN:
            reason = f"memory is {percent(row['memory_of_limit'])} of its limit"
            findings.append(_container(status, "saturation", row, reason))
        elif untold:
            findings.append(_container(status, "saturation", row, row["missing"] or "its memory is not told"))
        if not untold and NO_SERIES in (row["missing"] or ""):
            findings.append(_container(Status.UNKNOWN, "saturation", row, row["missing"]))
    findings += _unmeasured(table)
    unlimited = sum(row["memory_limited"] is False for row in table)
    free = sum(row["cpu_limited"] is False for row in table)
    idle = sum(row["cpu_limited"] is True and row["cpu_throttled"] is None for row in table)
    fine = f"{counted(len(table), 'container')} below their limits"
    fine += f"; {unlimited} without a memory limit" if unlimited else ""
    fine += f"; {free} without a CPU limit" if free else ""
    fine += f"; {idle} did not run" if idle else ""
    return concluded(
        findings,
        check="saturation",
        subject="containers",
        fine=fine,
        read=len(table),
        none="no container of the service has metrics: is its name that of its pods, and is cAdvisor scraped?",
    )


def _unmeasured(table: Sequence[Row]) -> list[Finding]:
    """Containers that may be held back for CPU, and of which nothing tells: one finding."""
    rows = [row for row in table if row["cpu_throttled"] is None and row["cpu_limited"] is None]
    if not rows:
        return []
    who = shortened(", ".join(f"{row['pod']}/{row['container']}" for row in rows))
    reason = (
        f"whether {counted(len(rows), 'container')} {'is' if len(rows) == 1 else 'are'} held back for CPU is not told: no CPU "
        f"periods, nor (as kube-state-metrics would, or cAdvisor's quotas) whether there is a CPU limit: {who}"
    )
    return [
        Finding(Status.UNKNOWN, "saturation", "containers", reason, {"unmeasured": len(rows)}, next=(HIGH_ERROR_RATE,))
    ]


def memory_trend(trend: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which container's memory grows towards its limit, and when does it get there? (H28)

    >>> import pandas as pd
    >>> row = {"prometheus": "main", "namespace": "go-coffee", "pod": "orders-7d9f-x2x4z", "container": "orders",
    ...     "samples": 60, "memory_mib": 90.0, "memory_limit_mib": 100.0, "slope_mib_per_h": 4.0, "rising": 0.99,
    ...     "time_to_limit_s": 9000.0, "missing": None}
    >>> said(memory_trend(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN pod/orders-7d9f-x2x4z: orders: grows by 4.0 MiB an hour and reaches its limit of 100 MiB in 2 h 30 min']
    """
    table = records(trend)
    findings = []
    for row in table:
        if row["time_to_limit_s"] is not None:
            status = grade(-row["time_to_limit_s"], -thresholds.time_to_limit_warn_s, -thresholds.time_to_limit_crit_s)
            reason = (
                f"grows by {row['slope_mib_per_h']:.1f} MiB an hour and reaches its limit of "
                f"{row['memory_limit_mib']:,.0f} MiB in {seconds(row['time_to_limit_s'])}"
            )
            findings.append(_container(status, "memory_trend", row, reason))
        elif row["slope_mib_per_h"] is None or (row["memory_limit_mib"] is None and "not told" in row["missing"]):
            findings.append(_container(Status.UNKNOWN, "memory_trend", row, row["missing"]))
    return concluded(
        findings,
        check="memory_trend",
        subject="containers",
        fine=f"no memory of {counted(len(table), 'container')} grows to its limit within "
        f"{seconds(thresholds.time_to_limit_warn_s)}",
        read=len(table),
        none="no container of the service has metrics: is its name that of its pods, and is cAdvisor scraped?",
    )


def _container(status: Status, check: str, row: Row, reason: str) -> Finding:
    names = ("cpu_throttled", "memory_of_limit", "memory_mib", "slope_mib_per_h", "time_to_limit_s")
    figures = numbers(row, *(name for name in names if name in row))
    next_ = (MEMORY_OPTIMIZATION,) if "memory" in reason or check == "memory_trend" else (SERVICE_DOWN,)
    subject, said = f"pod/{row['pod']}", f"{row['container']}: {reason}"
    return Finding(status, check, subject, said, figures, namespace=row["namespace"], next=next_)
