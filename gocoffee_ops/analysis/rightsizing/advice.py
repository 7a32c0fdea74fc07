"""Right-sizing: from a week of usage to requests, with what speaks against them; the patch, what it frees, and a test on the past.

The rules, for a container of a workload over all its pods of the window:

- CPU request = p95 of 5-minute rates x 1.15; memory request = the largest working set x 1.15.
- Out of memory at a limit: never below the larger of limit x 1.2 and limit + 100 MiB.
- Held back in more than 1 % of its scheduler periods: what it would have used is not known, so CPU is not lowered.
- An autoscaler that looks at the resource: no change, since its target is a share of the request.
- A JVM, or GOMEMLIMIT set: not known, since it fits itself to what it gets.
- HIGH confidence: at least 7 days, 90 % of samples, an unchanged spec, never out of memory. Otherwise LOW, and why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

HEADROOM = 1.15
OOM_FACTOR, OOM_MORE_MIB = 1.2, 100.0
THROTTLED = 0.01
HIGH_DAYS, HIGH_SAMPLES = 7.0, 0.9
STEP_MIN = 5.0  # between two samples of usage
FEWEST_DAYS = 1.0  # less is a start, not a life
LOWER, RAISE, KEEP, UNCHANGED, UNKNOWN = "lower", "raise", "keep", "no change", "not known"
CHANGES = (LOWER, RAISE)
HIGH, LOW = "HIGH", "LOW"
Row = Mapping[str, Any]

ADVICE = Schema(
    "right-sizing",
    (
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("workload", "string"),
        Column("container", "string"),
        Column("sidecar", "boolean"),
        Column("pods", "Int64", help="that there are now"),
        Column("cpu_advice", "string", help="lower, raise, keep; no change, or not known: see cpu_why"),
        Column("cpu_request_cores", "Float64", "cores", optional=True, help="now"),
        Column("cpu_advised_cores", "Float64", "cores", optional=True, help="missing where nothing is advised"),
        Column(
            "cpu_limit_advised_cores", "Float64", "cores", optional=True, help="where the present limit is below that"
        ),
        Column("cpu_why", "string"),
        Column("memory_advice", "string"),
        Column("memory_request_mib", "Float64", "MiB", optional=True, help="now"),
        Column("memory_advised_mib", "Float64", "MiB", optional=True),
        Column(
            "memory_limit_advised_mib", "Float64", "MiB", optional=True, help="where the present limit is below that"
        ),
        Column("memory_why", "string"),
        Column("confidence", "string", help="HIGH or LOW"),
        Column("doubts", "string", optional=True, help="why it is not HIGH"),
        Column("cpu_p95_cores", "Float64", "cores", optional=True, help="of the pod where it is highest"),
        Column("memory_max_mib", "Float64", "MiB", optional=True),
        Column("cpu_throttled", "Float64", "ratio", optional=True),
        Column("oom_killed", "boolean"),
        Column("oom_limit_mib", "Float64", "MiB", optional=True),
        Column("days", "Float64", "d", help="of the pod that was there longest"),
        Column("samples_expected", "Int64"),
        Column("samples_found", "Int64"),
    ),
)


@dataclass(frozen=True)
class Observed:
    """What was seen of a container over all its pods."""

    cpu_p95_cores: float | None = None
    memory_max_mib: float | None = None
    cpu_throttled: float | None = None
    oom_killed: bool = False
    oom_limit_mib: float | None = None
    days: float = 0.0
    samples_expected: int = 0
    samples_found: int = 0
    spec_changed: bool = False
    ambiguous: bool = False  # whether it may be that of another cluster


@dataclass(frozen=True)
class Advised:
    """What is advised of one resource: a new request, or why none."""

    advice: str
    request: float | None
    why: str


def advised_cpu(seen: Observed, now: Row) -> Advised:
    """The CPU request, in cores, rounded up to whole millicores.

    >>> now = {"runtime": None, "hpa_on_cpu": False, "cpu_request_cores": 1.0, "cpu_limit_cores": 2.0}
    >>> advised_cpu(Observed(cpu_p95_cores=0.2, cpu_throttled=0.0, days=7.0), now)
    Advised(advice='lower', request=0.23, why='p95 of 0.200 cores x 1.15')
    >>> advised_cpu(Observed(cpu_p95_cores=0.5, cpu_throttled=0.4, days=7.0), now).why
    'held back in 40.0 % of its periods: what it would have used is not known, so it is not lowered'
    """
    refused = _refused(seen, now, "cpu", seen.cpu_p95_cores)
    if refused is not None:
        return refused
    assert seen.cpu_p95_cores is not None  # noqa: S101 - refused otherwise
    request = math.ceil(round(seen.cpu_p95_cores * HEADROOM * 1000, 6)) / 1000 or 0.001
    made = _compared(request, now["cpu_request_cores"], f"p95 of {seen.cpu_p95_cores:.3f} cores x {HEADROOM:g}")
    if made.advice != LOWER:
        return made
    if seen.cpu_throttled is None and now["cpu_limit_cores"] is not None:
        return Advised(UNKNOWN, None, "it has a CPU limit, and whether it was held back is not told")
    if (seen.cpu_throttled or 0.0) > THROTTLED:
        share = f"held back in {(seen.cpu_throttled or 0.0) * 100:.1f} % of its periods"
        return Advised(UNCHANGED, None, f"{share}: what it would have used is not known, so it is not lowered")
    return made


def advised_memory(seen: Observed, now: Row) -> Advised:
    """The memory request, in MiB, rounded up to whole ones.

    >>> now = {"runtime": None, "hpa_on_memory": False, "memory_request_mib": 1024.0, "memory_limit_mib": 512.0}
    >>> advised_memory(Observed(memory_max_mib=300.0, days=7.0), now).request
    345.0
    >>> advised_memory(Observed(memory_max_mib=300.0, oom_killed=True, oom_limit_mib=512.0, days=7.0), now)
    Advised(advice='lower', request=615.0, why='it ran out of memory at 512 MiB: not below the larger of x 1.2 and + 100 MiB')
    """
    refused = _refused(seen, now, "memory", seen.memory_max_mib)
    if refused is not None:
        return refused
    assert seen.memory_max_mib is not None  # noqa: S101 - refused otherwise
    request, why = seen.memory_max_mib * HEADROOM, f"peak of {seen.memory_max_mib:,.0f} MiB x {HEADROOM:g}"
    if seen.oom_killed:
        if seen.oom_limit_mib is None:
            return Advised(UNKNOWN, None, "it ran out of memory, at a limit that is not told")
        least = max(seen.oom_limit_mib * OOM_FACTOR, seen.oom_limit_mib + OOM_MORE_MIB)
        if least > request:
            request = least
            why = f"it ran out of memory at {seen.oom_limit_mib:,.0f} MiB: not below the larger of x 1.2 and + 100 MiB"
    return _compared(float(max(1, math.ceil(round(request, 6)))), now["memory_request_mib"], why)


def _refused(seen: Observed, now: Row, resource: str, used: float | None) -> Advised | None:
    """Why nothing is advised, whatever the figures say."""
    if now["runtime"] is not None:
        return Advised(UNKNOWN, None, f"{now['runtime']}: it fits itself to what it gets")
    if now[f"hpa_on_{resource}"]:
        return Advised(UNCHANGED, None, f"an autoscaler looks at its {'CPU' if resource == 'cpu' else 'memory'}")
    if seen.ambiguous:
        return Advised(
            UNKNOWN, None, "several clusters have such a workload, and the metrics do not say whose they are"
        )
    if used is None:
        return Advised(UNKNOWN, None, "no sample of it")
    if seen.days < FEWEST_DAYS:
        return Advised(UNKNOWN, None, f"seen for {seen.days * 24:.0f} h only")
    return None


def _compared(request: float, now: float | None, why: str) -> Advised:
    if now is None:
        return Advised(RAISE, request, f"{why}; it requests none")
    if math.isclose(request, now, rel_tol=1e-9):
        return Advised(KEEP, None, why)
    return Advised(LOWER if request < now else RAISE, request, why)


def confidence(seen: Observed) -> tuple[str, list[str]]:
    """HIGH or LOW, and why not HIGH. One sample step (5 minutes) may lack of the 7 days: a scrape at either edge of the window.

    >>> confidence(Observed(days=7.0, samples_expected=2016, samples_found=2000))
    ('HIGH', [])
    >>> confidence(Observed(days=3.0, samples_expected=100, samples_found=80, oom_killed=True))
    ('LOW', ['seen for 3 of 7 days', '80 % of samples', 'it ran out of memory'])
    """
    doubts = []
    if (HIGH_DAYS - seen.days) * 1440 > STEP_MIN + 1e-6:
        doubts.append(f"seen for {math.floor(seen.days * 100) / 100:g} of {HIGH_DAYS:g} days")
    share = seen.samples_found / seen.samples_expected if seen.samples_expected else 0.0
    if share < HIGH_SAMPLES:
        doubts.append(f"{share * 100:.0f} % of samples")
    if seen.spec_changed:
        doubts.append("its spec changed within that time")
    if seen.oom_killed:
        doubts.append("it ran out of memory")
    return (LOW if doubts else HIGH), doubts


def advice(sizing: pd.DataFrame, containers: pd.DataFrame) -> pd.DataFrame:
    """What should each container of a workload request, how sure is that, and if nothing is advised, why?

    `sizing` is of `usage.sizing`, `containers` of `cost_objects.containers`: what is not in the cluster now has no row; what has no
    samples has one that says so. A workload's usage is that of its pod where it was highest.

    Columns: those of `ADVICE`.
    """
    now: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in records(containers):
        now.setdefault((row["cluster"], row["namespace"], row["workload"], row["container"]), []).append(row)
    seen = _Usage(records(sizing), now)
    frame = ADVICE.from_rows([_advice_row(key, rows, seen.of(key, rows)) for key, rows in sorted(now.items())])
    frame.attrs["evidence"] = [one for each in (sizing, containers) for one in each.attrs.get("evidence", ())]
    return frame


class _Usage:
    """The rows of usage, by the workload and container in the cluster that they are of."""

    def __init__(self, rows: Iterable[Row], now: Mapping[tuple[str, str, str, str], Sequence[Row]]) -> None:
        pods: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
        workloads: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
        for (cluster, namespace, workload, container), each in now.items():
            workloads.setdefault((namespace, workload, container), set()).add((cluster, workload))
            for row in each:
                pods.setdefault((namespace, row["pod"], container), set()).add((cluster, workload))
        self._rows: dict[tuple[str, str, str, str], list[Row]] = {}
        self._ambiguous: set[tuple[str, str, str, str]] = set()
        for row in rows:
            namespace, container = row["namespace"], row["container"]
            places = pods.get((namespace, row["pod"], container)) or workloads.get(
                (namespace, row["workload"], container), set()
            )
            for cluster, workload in places:
                key = (cluster, namespace, workload, container)
                self._rows.setdefault(key, []).append(row)
                if len(places) > 1:
                    self._ambiguous.add(key)

    def of(self, key: tuple[str, str, str, str], now: Sequence[Row]) -> Observed:
        """What was seen of one container, over all pods of its workload."""
        rows = self._rows.get(key, [])
        if not rows:
            return Observed()
        return Observed(
            cpu_p95_cores=_most(rows, "cpu_p95_cores"),
            memory_max_mib=_most(rows, "memory_max_mib"),
            cpu_throttled=_most(rows, "cpu_throttled"),
            oom_killed=any(row["oom_killed"] for row in rows),
            oom_limit_mib=_most(rows, "oom_limit_mib"),
            days=max(row["days"] for row in rows),
            samples_expected=sum(row["samples_expected"] for row in rows),
            samples_found=sum(row["samples_found"] for row in rows),
            spec_changed=_spec_changed(rows, now),
            ambiguous=key in self._ambiguous,
        )


def _spec_changed(rows: Sequence[Row], now: Sequence[Row]) -> bool:
    """Whether its template was written, or its requests were changed in place, within the window."""
    written: list[datetime] = [row["spec_changed_at"] for row in now if row["spec_changed_at"] is not None]
    if any(row["spec_changed_at"] is not None for row in rows):
        return True
    if written:
        since: datetime = min(row["since"] for row in rows)
        return max(written) > since
    return len({row["revision"] for row in rows}) > 1


def _most(rows: Iterable[Row], name: str) -> float | None:
    return max((row[name] for row in rows if row[name] is not None), default=None)


def _advice_row(key: tuple[str, str, str, str], rows: Sequence[Row], seen: Observed) -> dict[str, Any]:
    newest = max(rows, key=lambda row: row["created_at"])
    cpu, memory = advised_cpu(seen, newest), advised_memory(seen, newest)
    sure, doubts = confidence(seen)
    cluster, namespace, workload, container = key
    return {
        "cluster": cluster,
        "namespace": namespace,
        "workload": workload,
        "container": container,
        "sidecar": newest["sidecar"],
        "pods": len(rows),
        "cpu_advice": cpu.advice,
        "cpu_request_cores": newest["cpu_request_cores"],
        "cpu_advised_cores": cpu.request,
        "cpu_limit_advised_cores": _limit(cpu.request, newest["cpu_limit_cores"]),
        "cpu_why": cpu.why,
        "memory_advice": memory.advice,
        "memory_request_mib": newest["memory_request_mib"],
        "memory_advised_mib": memory.request,
        "memory_limit_advised_mib": _limit(memory.request, newest["memory_limit_mib"]),
        "memory_why": memory.why,
        "confidence": sure,
        "doubts": "; ".join(doubts) or None,
        "cpu_p95_cores": seen.cpu_p95_cores,
        "memory_max_mib": seen.memory_max_mib,
        "cpu_throttled": seen.cpu_throttled,
        "oom_killed": seen.oom_killed,
        "oom_limit_mib": seen.oom_limit_mib,
        "days": seen.days,
        "samples_expected": seen.samples_expected,
        "samples_found": seen.samples_found,
    }


def _limit(request: float | None, limit: float | None) -> float | None:
    """A limit below the advised request has to rise with it; others stay, they free nothing."""
    return request if request is not None and limit is not None and limit < request else None
