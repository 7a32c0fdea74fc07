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
    who_questions,
)
from gocoffee_ops.queries.promql import equals, matches, selector, window_of

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
    names = reading.ask.source.metrics
    memory = reading.where(names.memory, *OURS)
    per_step = f"max by ({CONTAINER}) (count_over_time({memory}[{STEP_S:g}s]))"
    (counted,) = reading.answers(reading.at_steps(per_step, STEP_S))
    reading.require(counted, names.memory)
    interval = scrape_interval_s(reading, counted, STEP_S, names.memory)
    rate_s = window_of(RATE_S, interval)
    seen = _seen(reading, counted, rate_s)
    made = []
    for one in sorted(counted, key=key_of):
        key = key_of(one)
        started = seen.started.get(key[:2])
        life = _life(reading, one, started, interval)
        killed = key in seen.killed
        why = [] if key in seen.p95 else ["no rate of its CPU"]
        why += [] if key in seen.largest else ["no memory sample"]
        made.append(
            {
                "namespace": key[0],
                "workload": seen.who.workload(*key[:2]),
                "pod": key[1],
                "container": key[2],
                "revision": seen.who.revision(*key[:2]),
                "cpu_p95_cores": seen.p95.get(key),
                "memory_max_mib": _mib(seen.largest.get(key)),
                "cpu_throttled": seen.throttled.get(key),
                "cpu_request_cores": seen.requests.get((key, "cpu")),
                "cpu_limit_cores": seen.limits.get((key, "cpu")),
                "memory_request_mib": _mib(seen.requests.get((key, "memory"))),
                "memory_limit_mib": _mib(seen.limits.get((key, "memory"))),
                "oom_killed": killed,
                "oom_limit_mib": _mib(seen.killed_at.get(key)) if killed else None,
                "samples_expected": life.expected,
                "samples_found": life.found,
                "since": reading.start,
                "days": life.days,
                "started_at": started,
                "spec_changed_at": seen.changed.get(key),
                "rate_window_s": rate_s,
                "scrape_interval_s": interval,
                "missing": "; ".join(why) or None,
            }
        )
    return made, interval


@dataclass(frozen=True)
class _Seen:
    """What the window shows of containers."""

    p95: Mapping[Key, float]
    largest: Mapping[Key, float]
    throttled: Mapping[Key, float]
    requests: Resources
    limits: Resources
    killed: frozenset[Key]
    killed_at: Mapping[Key, float]  # bytes: the largest limit of those that were killed
    changed: Mapping[Key, datetime]
    started: Mapping[tuple[str, str], datetime]
    who: Pods


def _seen(reading: Reading, counted: Sequence[Series], rate_s: float) -> _Seen:
    names, window = reading.ask.source.metrics, f"[{reading.window_s:.0f}s]"
    sizes: dict[str, int] = {}
    for one in counted:
        sizes[key_of(one)[0]] = sizes.get(key_of(one)[0], 0) + 1

    def p95(chunk: Chunk) -> str:
        rate = f"rate({selector(names.cpu, *chunk.conditions(), *OURS)}[{rate_s:g}s])"
        return f"max by ({CONTAINER}) (quantile_over_time(0.95, {rate}[{reading.window_s:.0f}s:{RATE_S:g}s]))"

    throttled, periods = (
        f"sum by ({CONTAINER}) (increase({reading.where(metric, *OURS)}{window}))"
        for metric in (names.cpu_throttled, names.cpu_periods)
    )
    started = reading.where(names.pod_started)
    parts = [reading.in_parts(chunk, p95) for chunk in chunks(sizes, round(reading.window_s / RATE_S))]
    found = reading.answers(
        *parts,
        reading.at_end(f"max by ({CONTAINER}) (max_over_time({reading.where(names.memory, *OURS)}{window}))"),
        reading.at_end(f"{throttled} / {periods}"),
        *(
            reading.at_end(_latest(reading, each, window))
            for each in (names.container_requests, names.container_limits)
        ),
        reading.at_end(_killed(reading, window)),
        reading.at_end(_changed(reading, window)),
        reading.at_end(f"min by (namespace, pod) (min_over_time({started}{window}))"),
        *who_questions(reading),
    )  # what takes longest first
    quantiles, (largest, held, requests, limits, killed, changed, starts, info, owned) = found[:-9], found[-9:]
    return _Seen(
        p95={key: value for each in quantiles for key, value in values(each).items()},
        largest=values(largest),
        throttled=values(held),
        requests=_by_resource(requests),
        limits=_by_resource(limits),
        killed=frozenset(values(killed)),
        killed_at=values(reading.vector(_largest_limit(reading, window))) if killed else {},
        changed=_changed_at(reading) if changed else {},
        started={key[:2]: datetime.fromtimestamp(value, UTC) for key, value in values(starts).items()},
        who=pods(info, owned),
    )


def _latest(reading: Reading, metric: str, window: str) -> str:
    """The last value that was there, by container and resource."""
    return f"max by ({CONTAINER}, resource) (last_over_time({reading.where(metric, CPU_OR_MEMORY)}{window}))"


def _by_resource(series: Sequence[Series]) -> Resources:
    return {(key_of(one), one.labels["resource"]): float(one.points[-1][1]) for one in series}


def _killed(reading: Reading, window: str) -> str:
    """Those whose last end was for memory, or of whose processes one was killed for it."""
    names = reading.ask.source.metrics
    reason = reading.where(names.terminated_reason, equals("reason", "OOMKilled"))
    events = f"sum by ({CONTAINER}) (increase({reading.where(names.oom_events, *OURS)}{window})) > 0"
    return f"(max by ({CONTAINER}) (max_over_time({reason}{window})) > 0) or ({events})"


def _largest_limit(reading: Reading, window: str) -> str:
    """The largest memory limit of the window, by either source: to compare with where it was killed."""
    names = reading.ask.source.metrics
    declared = reading.where(names.container_limits, equals("resource", "memory"))
    cgroup = reading.where(names.memory_limit, *OURS)
    each = [f"max by ({CONTAINER}) (max_over_time({one}{window}))" for one in (declared, cgroup)]
    return f"({each[0]}) or ({each[1]} > 0)"


def _changed(reading: Reading, span: str) -> str:
    """Those whose requests or limits changed in place within a span."""
    names = reading.ask.source.metrics
    each = [
        f"max by ({CONTAINER}) (changes({reading.where(metric, CPU_OR_MEMORY)}{span})) > 0"
        for metric in (names.container_requests, names.container_limits)
    ]
    return f"({each[0]}) or ({each[1]})"


def _changed_at(reading: Reading) -> dict[Key, datetime]:
    """When they last changed: the end of the step in which they did."""
    (found,) = reading.answers(reading.at_steps(_changed(reading, f"[{STEP_S + RATE_S:g}s]"), STEP_S))
    return {
        key_of(one): reading.start + timedelta(seconds=STEP_S * (max(reading.steps(one, STEP_S)) + 1)) for one in found
    }


def _life(reading: Reading, series: Series, started: datetime | None, interval: float) -> Life:
    """The first and the last step are counted as far as there are samples, unless it is known that it lived them whole."""
    steps, full = round(reading.window_s / STEP_S), STEP_S / interval
    found = reading.steps(series, STEP_S)
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
    found: dict[Key, dict[int, dict[str, float]]] = {}
    for name, each in series.items():
        for one in each:
            there = found.setdefault(key_of(one), {})
            for step, value in reading.steps(one, RATE_S).items():
                there.setdefault(step, {})[name] = value
    return [
        {
            "at": reading.start + timedelta(seconds=RATE_S * (step + 1)),
            "namespace": key[0],
            "workload": who.workload(*key[:2]),
            "pod": key[1],
            "container": key[2],
            "cpu_cores": used.get("cpu"),
            "memory_mib": _mib(used.get("memory")),
        }
        for key, there in sorted(found.items())
        for step, used in sorted(there.items())
    ]
