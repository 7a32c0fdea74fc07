"""A week of a container in one row: what its requests are judged by. Asked by `queries.usage`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.queries.container_series import (
    KEY,
    OURS,
    Chunk,
    Key,
    Pods,
    Reading,
    chunks,
    key_of,
    pods,
    scrape_interval_s,
    values,
)
from gocoffee_ops.queries.promql import equals, matches, number, selector, window_of

if TYPE_CHECKING:
    from gocoffee_ops.sources.prometheus import Series

DAY_S, MIB = 86_400.0, float(1 << 20)
RATE_S = 300.0
STEP_S = 6 * 3600.0  # of what is known of a container's life
CONTAINER = ", ".join(KEY)
CPU_OR_MEMORY = matches("resource", "cpu|memory")
Resources = Mapping[tuple[Key, str], float]


@dataclass(frozen=True)
class Life:
    """From when to when a container had samples, and how many; `expected` counts those that it should have had."""

    days: float
    found: int
    expected: int


def rows(reading: Reading) -> tuple[list[dict[str, Any]], float]:
    """The rows of `SIZING`, and the scrape interval."""
    names, window = reading.ask.source.metrics, f"[{reading.window_s:g}s]"
    cpu, memory = reading.where(names.cpu, *OURS), reading.where(names.memory, *OURS)
    counted = reading.matrix(f"max by ({CONTAINER}) (count_over_time({cpu}[{STEP_S:g}s]))", STEP_S)
    largest = values(reading.vector(f"max by ({CONTAINER}) (max_over_time({memory}{window}))"))
    reading.require([*counted, *largest], names.cpu)
    interval = scrape_interval_s(reading, counted, STEP_S, names.cpu) if counted else 60.0
    rate_s = window_of(RATE_S, interval)
    p95 = _p95(reading, counted, rate_s)
    throttled = _throttled(reading, window)
    requests, limits = (_latest(reading, each, window) for each in (names.container_requests, names.container_limits))
    killed, killed_at = _oom(reading, window), _oom_limits(reading, window)
    changed, started, who = _changed(reading), _started(reading, window), pods(reading)
    lives = {key_of(one): one for one in counted}
    made = []
    for key in sorted(lives.keys() | largest.keys()):
        life = _life(reading, lives.get(key), started.get(key[:2]), interval)
        limit = killed_at.get(key) or limits.get((key, "memory")) or None
        why = [] if key in p95 else ["no rate of its CPU"]
        why += [] if key in largest else ["no memory sample"]
        made.append(
            {
                "namespace": key[0],
                "workload": who.workload(*key[:2]),
                "pod": key[1],
                "container": key[2],
                "revision": who.revision(*key[:2]),
                "cpu_p95_cores": p95.get(key),
                "memory_max_mib": _mib(largest.get(key)),
                "cpu_throttled": throttled.get(key),
                "cpu_request_cores": requests.get((key, "cpu")),
                "cpu_limit_cores": limits.get((key, "cpu")),
                "memory_request_mib": _mib(requests.get((key, "memory"))),
                "memory_limit_mib": _mib(limits.get((key, "memory"))),
                "oom_killed": key in killed,
                "oom_limit_mib": _mib(limit) if key in killed else None,
                "samples_expected": life.expected,
                "samples_found": life.found,
                "days": life.days,
                "started_at": started.get(key[:2]),
                "spec_changed_at": changed.get(key),
                "rate_window_s": rate_s,
                "scrape_interval_s": interval,
                "missing": "; ".join(why) or None,
            }
        )
    return made, interval


def _p95(reading: Reading, counted: Sequence[Series], rate_s: float) -> dict[Key, float]:
    """Of each container's runs, the highest: a series is a run."""
    names = reading.ask.source.metrics
    found: dict[Key, float] = {}
    sizes: dict[str, int] = {}
    for one in counted:
        sizes[key_of(one)[0]] = sizes.get(key_of(one)[0], 0) + 1

    def ask(chunk: Chunk) -> list[Series]:
        rate = f"rate({selector(names.cpu, *chunk.conditions(), *OURS)}[{rate_s:g}s])"
        subquery = f"[{reading.window_s:g}s:{RATE_S:g}s]"
        return reading.vector(f"max by ({CONTAINER}) (quantile_over_time(0.95, {rate}{subquery}))")

    for chunk in chunks(sizes, round(reading.window_s / RATE_S)):
        found |= values(reading.whole(chunk, ask))
    return found


def _throttled(reading: Reading, window: str) -> dict[Key, float]:
    names = reading.ask.source.metrics
    throttled, periods = (
        f"sum by ({CONTAINER}) (increase({reading.where(metric, *OURS)}{window}))"
        for metric in (names.cpu_throttled, names.cpu_periods)
    )
    return values(reading.vector(f"{throttled} / {periods}"))


def _latest(reading: Reading, metric: str, window: str) -> dict[tuple[Key, str], float]:
    """The last value that was there, by container and resource: cores and bytes."""
    chosen = reading.where(metric, CPU_OR_MEMORY)
    promql = f"max by ({CONTAINER}, resource) (last_over_time({chosen}{window}))"
    return {
        (key_of(one), one.labels["resource"]): float(one.points[-1][1]) for one in reading.vector(promql) if one.points
    }


def _oom(reading: Reading, window: str) -> set[Key]:
    """Those whose last end was for memory, or of whose processes one was killed for it."""
    names = reading.ask.source.metrics
    reason = reading.where(names.terminated_reason, equals("reason", "OOMKilled"))
    events = reading.where(names.oom_events, *OURS)
    told = f"max by ({CONTAINER}) (max_over_time({reason}{window})) > 0"
    return set(values(reading.vector(f"({told}) or (sum by ({CONTAINER}) (increase({events}{window})) > 0)")))


def _oom_limits(reading: Reading, window: str) -> dict[Key, float]:
    """The largest memory limit of the window, by either source: to compare with where it was killed."""
    names = reading.ask.source.metrics
    declared = reading.where(names.container_limits, equals("resource", "memory"))
    cgroup = reading.where(names.memory_limit, *OURS)
    each = [f"max by ({CONTAINER}) (max_over_time({one}{window}))" for one in (declared, cgroup)]
    return values(reading.vector(f"({each[0]}) or ({each[1]} > 0)"))


def _changed(reading: Reading) -> dict[Key, datetime]:
    """When requests or limits last changed in place: the end of the step in which they did."""
    names = reading.ask.source.metrics
    steps = [
        f"max by ({CONTAINER}) (changes({reading.where(metric, CPU_OR_MEMORY)}[{STEP_S + RATE_S:g}s])) > 0"
        for metric in (names.container_requests, names.container_limits)
    ]
    promql = f"({steps[0]}) or ({steps[1]})"
    found = {}
    for one in reading.matrix(promql, STEP_S):
        found[key_of(one)] = datetime.fromtimestamp(round(one.points[-1][0]), UTC)
    return found


def _started(reading: Reading, window: str) -> dict[tuple[str, str], datetime]:
    """When each pod started; of several of one name, the first."""
    started = reading.where(reading.ask.source.metrics.pod_started)
    promql = f"min by (namespace, pod) (min_over_time({started}{window}))"
    found: dict[tuple[str, str], datetime] = {}
    for one in reading.vector(promql):
        value = number(one.points[-1][1])
        if value is not None:
            found[key_of(one)[:2]] = datetime.fromtimestamp(value, UTC)
    return found


def _life(reading: Reading, series: Series | None, started: datetime | None, interval: float) -> Life:
    """The first and the last step are counted as far as there are samples, unless it is known that it lived them whole."""
    if series is None or not series.points:
        return Life(0.0, 0, 0)
    steps, full = round(reading.window_s / STEP_S), STEP_S / interval
    found = {reading.step_of(at, STEP_S): float(text) for at, text in series.points}
    first, last = min(found), max(found)
    expected = dict.fromkeys(range(first, last + 1), full)
    expected[first] = min(full, found[first])
    if started is not None:
        before = (started - reading.start).total_seconds() / STEP_S
        expected[first] = full * min(1.0, max(0.0, first + 1 - before)) if before < first + 1 else full
    if last != steps - 1:
        expected[last] = min(expected[last], found[last])
    spanned = sum(expected.values())
    total = round(sum(found.values()))
    return Life(spanned * interval / DAY_S, total, max(total, round(spanned)))


def _mib(value: float | None) -> float | None:
    return None if value is None else value / MIB


def step_rows(reading: Reading, series: Mapping[str, Sequence[Series]], who: Pods) -> list[dict[str, Any]]:
    """The rows of `SAMPLES`: a step of a container in which one of its values is there."""
    found: dict[tuple[Key, float], dict[str, float]] = {}
    for name, each in series.items():
        for one in each:
            for at, text in one.points:
                value = number(text)
                if value is not None:
                    found.setdefault((key_of(one), at), {})[name] = value
    return [
        {
            "at": reading.start + timedelta(seconds=RATE_S * (reading.step_of(at, RATE_S) + 1)),
            "namespace": key[0],
            "workload": who.workload(*key[:2]),
            "pod": key[1],
            "container": key[2],
            "cpu_cores": there.get("cpu"),
            "memory_mib": _mib(there.get("memory")),
        }
        for (key, at), there in sorted(found.items())
    ]
