"""Requests against usage: what is seen of it, what should change, and how advice held in the past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.grading import COST_ANALYSIS, MEMORY_OPTIMIZATION, concluded, counted, grade, numbers, percent
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
SHOWN = 3  # workloads that a finding names


def usage_covered(hours: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Were the containers' samples there, hour by hour? Where they were not, what was used is not known. (C04)

    One finding for each Prometheus and stretch of hours in which samples are lacking.

    >>> import pandas as pd
    >>> row = {"prometheus": "main", "hour": pd.Timestamp("2026-01-05 12:00", tz="UTC"), "namespace": "go-coffee",
    ...     "pod": "orders-1", "container": "app", "samples_found": 0, "samples_expected": 60}
    >>> [finding.reason for finding in usage_covered(pd.DataFrame([row]), thresholds=Thresholds())]
    ['01-05 12:00 to 13:00 UTC: 0 of 60 samples of what ran; 1 container in 1 hour of it not seen']
    """
    rows = records(hours)
    findings: list[Finding] = []
    for prometheus in sorted({row["prometheus"] for row in rows}):
        short: dict[Any, list[Row]] = {}
        for row in rows:
            lacking = row["samples_found"] < thresholds.usage_samples_min * row["samples_expected"]
            if row["prometheus"] == prometheus and lacking:
                short.setdefault(row["hour"], []).append(row)
        findings += [_stretch(prometheus, stretch, short) for stretch in _stretches(sorted(short))]
    seen, due = (sum(row[f"samples_{name}"] for row in rows) for name in ("found", "expected"))
    return concluded(
        findings,
        check="usage_covered",
        subject="usage",
        fine=f"{seen:,} of {due:,} samples of what ran are there, in every hour",
        read=len(rows),
        none="no hour of any container was read",
    )


def _stretches(hours: Sequence[Any]) -> Iterable[list[Any]]:
    """Hours that follow one another."""
    stretch: list[Any] = []
    for hour in hours:
        if stretch and (hour - stretch[-1]).total_seconds() > 3600:
            yield stretch
            stretch = []
        stretch.append(hour)
    if stretch:
        yield stretch


def _stretch(prometheus: str, hours: Sequence[Any], short: Mapping[Any, Sequence[Row]]) -> Finding:
    rows = [row for hour in hours for row in short[hour]]
    found, expected = (sum(row[f"samples_{name}"] for row in rows) for name in ("found", "expected"))
    containers = len({(row["namespace"], row["pod"], row["container"]) for row in rows})
    until = hours[-1] + timedelta(hours=1)
    end = f"{until:%H:%M}" if until.date() == hours[0].date() else f"{until:%m-%d %H:%M}"
    reason = f"{hours[0]:%m-%d %H:%M} to {end} UTC: {found:,} of {expected:,} samples of what ran; "
    reason += f"{counted(containers, 'container')} in {counted(len(hours), 'hour')} of it not seen"
    figures = {"samples_found": found, "samples_expected": expected, "containers": containers, "hours": len(hours)}
    return Finding(Status.UNKNOWN, "usage_covered", f"prometheus/{prometheus}", reason, figures, next=(COST_ANALYSIS,))


def requests_sized(advice: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Do requests fit what is used? Too small a request, or none, is told by container; what is too large as one sum by cluster.

    Advice of LOW confidence is counted, and not summed; of it only a memory request that is too small is told. Where nothing could
    be said is UNKNOWN, by reason; so is all of it where no advice is of HIGH confidence.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "workload": "deployment/orders", "container": "app", "pods": 2,
    ...     "confidence": "HIGH", "doubts": None, "cpu_advice": "lower", "cpu_request_cores": 1.0, "cpu_advised_cores": 0.25,
    ...     "cpu_why": "", "memory_advice": "keep", "memory_request_mib": 512.0, "memory_advised_mib": None, "memory_why": "",
    ...     "oom_killed": False, "memory_max_mib": 445.0}
    >>> said(requests_sized(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN requests: 1.5 cores and 0.0 GiB of requests are not used, by advice of HIGH confidence: deployment/orders']
    """
    rows = records(advice)
    findings = [finding for row in rows if (finding := _too_small(row)) is not None]
    for cluster in sorted({row["cluster"] for row in rows}):
        ours = [row for row in rows if row["cluster"] == cluster]
        findings += [*_too_large(cluster, ours, thresholds), *_not_known(cluster, ours)]
    sure = [row for row in rows if row["confidence"] == "HIGH"]
    low = f"; advice for {len(rows) - len(sure)} more is of LOW confidence" if len(sure) < len(rows) else ""
    none = f"advice for {counted(len(rows), 'container')} is of LOW confidence: {rows[0]['doubts']}" if rows else ""
    return concluded(
        findings,
        check="requests_sized",
        subject="requests",
        fine=f"requests of {counted(len(sure), 'container')} fit what is used{low}",
        read=len(sure),
        none=none or "no container was read",
    )


def _too_small(row: Row) -> Finding | None:
    """What a container should request more of. Too little memory kills, so that is told of whatever confidence; of CPU it is told
    where more is used than requested, and not where advice would only have more headroom."""
    short = [one for one in ("cpu", "memory") if row[f"{one}_advice"] == "raise" and row["confidence"] == "HIGH"]
    if "cpu" in short and (row["cpu_request_cores"] or 0.0) >= (row["cpu_p95_cores"] or 0.0):
        short.remove("cpu")
    kills = row["oom_killed"] or row["memory_request_mib"] is not None
    if row["memory_advice"] == "raise" and kills and not short:
        short = ["memory"]
    if not short:
        return None
    figures = {
        "cpu": ("cpu_request_cores", "cpu_advised_cores"),
        "memory": ("memory_request_mib", "memory_advised_mib", "memory_max_mib"),
    }
    reason = f"{row['container']}: {'; '.join(_short(row, one) for one in short)}"
    return Finding(
        Status.WARN, "requests_sized", row["workload"], reason, numbers(row, *(name for one in short for name in figures[one])),
        row["cluster"], row["namespace"], next=(MEMORY_OPTIMIZATION if "memory" in short else COST_ANALYSIS,),
    )  # fmt: skip


def _short(row: Row, resource: str) -> str:
    unit, places, named = ("cores", 3, "CPU") if resource == "cpu" else ("MiB", 0, "memory")
    now, advised = (row[f"{resource}_{what}_{unit.lower()}"] for what in ("request", "advised"))
    asked = "none" if now is None else f"{now:,.{places}f} {unit}"
    why = row[f"{resource}_why"].removesuffix("; it requests none")
    return f"{named} requests {asked}, and should request {advised:,.{places}f} {unit}: {why}"


def _too_large(cluster: str, rows: Sequence[Row], thresholds: Thresholds) -> list[Finding]:
    freed: dict[str, tuple[float, float]] = {}
    for row in rows:
        if row["confidence"] == "HIGH":
            cores, mib = _freed(row, "cpu", "cores"), _freed(row, "memory", "mib")
            before = freed.get(row["workload"], (0.0, 0.0))
            freed[row["workload"]] = (before[0] + cores, before[1] + mib)
    cores, gib = sum(one[0] for one in freed.values()), sum(one[1] for one in freed.values()) / 1024
    asked = sum((row["cpu_request_cores"] or 0.0) * row["pods"] for row in rows)
    asked_gib = sum((row["memory_request_mib"] or 0.0) * row["pods"] for row in rows) / 1024
    share = max(cores / asked if asked else 0.0, gib / asked_gib if asked_gib else 0.0)
    if grade(share, thresholds.requests_freed_warn) is Status.OK:
        return []
    largest = sorted((name for name, one in freed.items() if any(one)), key=lambda name: -sum(freed[name]))
    reason = f"{cores:.1f} cores and {gib:.1f} GiB of requests are not used, by advice of HIGH confidence: "
    reason += ", ".join(largest[:SHOWN]) + (f" and {len(largest) - SHOWN} more" if len(largest) > SHOWN else "")
    figures = {"freed_cpu_cores": round(cores, 3), "freed_memory_gib": round(gib, 3), "workloads": len(largest)}
    return [Finding(Status.WARN, "requests_sized", "requests", reason, figures, cluster, next=(COST_ANALYSIS,))]


def _freed(row: Row, resource: str, unit: str) -> float:
    if row[f"{resource}_advice"] != "lower" or row[f"{resource}_advised_{unit}"] is None:
        return 0.0
    return float(row["pods"] * ((row[f"{resource}_request_{unit}"] or 0.0) - row[f"{resource}_advised_{unit}"]))


def _not_known(cluster: str, rows: Sequence[Row]) -> list[Finding]:
    reasons: dict[str, set[str]] = {}
    for row in rows:
        for resource in ("cpu", "memory"):
            if row[f"{resource}_advice"] == "not known":
                reasons.setdefault(row[f"{resource}_why"], set()).add(f"{row['namespace']}/{row['workload']}")
    return [
        Finding(
            Status.UNKNOWN, "requests_sized", "requests",
            f"of {counted(len(names), 'workload')} it is not known what they need: {why} ({', '.join(sorted(names)[:SHOWN])}"
            + (f" and {len(names) - SHOWN} more)" if len(names) > SHOWN else ")"),
            {"workloads": len(names)}, cluster, next=(COST_ANALYSIS,),
        )
        for why, names in sorted(reasons.items())
    ]  # fmt: skip


def advice_held(backtest: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Would advice of the days before have held in the last ones? Memory beyond it at any time, and CPU for too long, is a WARN.

    UNKNOWN where it was tried for too short a time: `missing` says what it lacks.

    >>> import pandas as pd
    >>> row = {"prometheus": "main", "namespace": "go-coffee", "workload": "deployment/orders", "container": "app",
    ...     "cpu_advised_cores": 0.2, "cpu_exceeded_min": 600.0, "cpu_worst": 1.8, "memory_advised_mib": 345.0,
    ...     "memory_exceeded_min": 0.0, "memory_worst": 0.9, "replayed_min": 2880.0, "missing": None}
    >>> said(advice_held(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN deployment/orders: app: CPU of 0.200 cores exceeded for 600 of 2,880 minutes, by up to 1.8 times']
    """
    rows = records(backtest)
    findings = [finding for row in rows for finding in _tried(row, thresholds)]
    return concluded(
        findings,
        check="advice_held",
        subject="advice",
        fine=f"advice for {counted(len(rows), 'container')} would have held: CPU exceeded in at most "
        f"{percent(thresholds.advice_exceeded_warn)} of the time, memory never",
        read=len(rows),
        none="no container's usage was read",
    )


def _tried(row: Row, thresholds: Thresholds) -> list[Finding]:
    """What was exceeded counts, however short the trial; that nothing was says something only after the whole of it."""
    findings = []
    cpu_min, memory_min, tried_min = row["cpu_exceeded_min"], row["memory_exceeded_min"], row["replayed_min"]
    if cpu_min and grade(cpu_min / tried_min, thresholds.advice_exceeded_warn) is not Status.OK:
        what = f"CPU of {row['cpu_advised_cores']:.3f} cores exceeded for {cpu_min:,.0f} of"
        said = f"{what} {tried_min:,.0f} minutes, by up to {row['cpu_worst'] or 0.0:.1f} times"
        findings.append(_held(Status.WARN, row, said))
    if memory_min:
        what = f"memory of {row['memory_advised_mib']:,.0f} MiB exceeded for {memory_min:,.0f} of"
        said = f"{what} {tried_min:,.0f} minutes, by up to {row['memory_worst'] or 0.0:.1f} times"
        findings.append(_held(Status.WARN, row, said))
    if row["missing"] is None and (cpu_min is None or memory_min is None):
        findings.append(_held(Status.UNKNOWN, row, "advice could not be tried: its CPU or its memory has no samples"))
    elif row["missing"] is not None and not findings:
        findings.append(_held(Status.UNKNOWN, row, f"advice could not be tried: {row['missing']}"))
    return findings


def _held(status: Status, row: Row, reason: str) -> Finding:
    figures = numbers(row, "cpu_exceeded_min", "memory_exceeded_min", "replayed_min")
    said = f"{row['container']}: {reason}"
    return Finding(
        status, "advice_held", row["workload"], said, figures, namespace=row["namespace"], next=(COST_ANALYSIS,)
    )
