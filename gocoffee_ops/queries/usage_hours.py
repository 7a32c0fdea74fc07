"""What containers used by the hour. Asked by `queries.usage`.

The values are asked in chunks of namespaces, and each chunk is made into its part of the table before the next one is asked: what
is held at once, by the server and by us, is that of a chunk. Series come as they are stored: to put them together by their
labels takes a server several times as long as to read them, and is done here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from gocoffee_ops.queries import usage_schemas as schemas
from gocoffee_ops.queries.container_series import (
    KEY,
    OURS,
    Chunk,
    Key,
    Pods,
    Question,
    Reading,
    chunks,
    key_of,
    pods,
    scrape_interval_s,
    uid_of,
    who_questions,
)
from gocoffee_ops.queries.promql import matches

if TYPE_CHECKING:
    import pyarrow as pa

    from gocoffee_ops.sources.prometheus import Series

HOUR_S, GIB = 3600.0, float(1 << 30)
CONTAINER = ", ".join(KEY)
CPU_OR_MEMORY = matches("resource", "cpu|memory")
POINTS_AT_ONCE = 400_000  # of an answer: each takes us a hundred bytes until its part of the table is made
JITTER = 1.5  # samples of an hour: scrapes are not that punctual
UNSEEN = "no sample in this hour, in which it ran"
ONE_SAMPLE = "one CPU sample: an increase needs two"


class _Run(NamedTuple):
    """A container of one pod, on the node that tells of it."""

    key: Key
    uid: str
    instance: str = ""


@dataclass(frozen=True)
class _Hours:
    """What came of each hour."""

    found: Mapping[_Run, Mapping[int, float]]
    ran: Mapping[_Run, Mapping[int, float]]  # the share of the hour, by kube-state-metrics
    cpu_s: Mapping[_Run, Mapping[int, float]]
    memory: Mapping[_Run, Mapping[int, float]]  # bytes, summed over samples
    requests: Mapping[tuple[Key, str], Mapping[str, Mapping[int, float]]]  # by resource


def rows(reading: Reading) -> tuple[pa.Table, float, str]:
    """The rows of `CONTAINER_HOURS`, the scrape interval, and the hours of which nobody has a sample."""
    import pyarrow as pa

    names, window = reading.ask.source.metrics, f"[{reading.window_s:.0f}s]"
    memory, running = reading.where(names.memory, *OURS), reading.where(names.container_running)
    counted, listed, whole_hour, scraped, alive, info, owned = reading.answers(
        reading.at_end(f"max by ({CONTAINER}) (count_over_time({memory}{window}))"),
        reading.at_end(f"count by (namespace) (max_over_time({running}{window}) > 0)"),
        _most(reading, names.container_running),
        reading.at_steps("max by (instance) (avg_over_time(up[1h]))", HOUR_S),
        reading.at_steps("max(count_over_time(up[1h]))", HOUR_S),
        *who_questions(reading),
    )
    reading.require([*counted, *listed], names.memory)
    interval = scrape_interval_s(reading, counted, reading.window_s, names.memory) if counted else 60.0
    if not alive:
        (alive,) = reading.answers(_most(reading, names.memory, *OURS))
    share = max((value for one in whole_hour for value in reading.steps(one, HOUR_S).values()), default=0.0)
    who, lost = pods(info, owned), _Lost(reading, HOUR_S / interval, scraped, alive)
    table = schemas.CONTAINER_HOURS
    parts = [
        table.table(_columns(reading, _hours(reading, chunk, who, share), lost, who, interval))
        for chunk in chunks(_sizes(counted, listed), round(reading.window_s / HOUR_S), POINTS_AT_ONCE)
    ]
    return pa.concat_tables(parts), interval, lost.told()


def _most(reading: Reading, metric: str, *conditions: str) -> Question:
    """How many samples the one with most of them has in each hour; of each part, where it is asked in parts."""

    def made(part: Chunk) -> str:
        return f"max(count_over_time({reading.where(metric, *part.conditions(), *conditions)}[1h]))"

    return reading.in_parts(Chunk(), made, HOUR_S)


def _sizes(counted: Sequence[Series], listed: Sequence[Series]) -> dict[str, int]:
    """How many containers each namespace had, by their samples or by kube-state-metrics: whoever tells of more."""
    sizes = {one.labels.get("namespace", ""): int(float(one.points[-1][1])) for one in listed}
    seen = Counter(key_of(one)[0] for one in counted)
    return {name: max(sizes.get(name, 0), seen[name]) for name in {*sizes, *seen}}


def _hours(reading: Reading, chunk: Chunk, who: Pods, share: float) -> _Hours:
    """What came of the hours of a chunk; `share` is how many samples of kube-state-metrics a whole hour has."""
    names = reading.ask.source.metrics

    def each_hour(what: str, metric: str, *conditions: str) -> Question:
        def made(part: Chunk) -> str:
            return f"{what}({reading.where(metric, *part.conditions(), *conditions)}[1h])"

        return reading.in_parts(chunk, made, HOUR_S)

    counted, ran, used, held, requested = reading.answers(
        each_hour("count_over_time", names.memory, *OURS),
        each_hour("sum_over_time", names.container_running),
        each_hour("increase", names.cpu, *OURS),
        each_hour("sum_over_time", names.memory, *OURS),
        each_hour("avg_over_time", names.container_requests, CPU_OR_MEMORY),
    )
    lived = {
        run: {hour: min(1.0, n / share) for hour, n in hours.items() if n > 0}
        for run, hours in _by_pod(reading, ran).items()
    }
    lived = {run: hours for run, hours in lived.items() if hours}
    found, cpu_s, memory = (_named(_by_run(reading, each), lived, who) for each in (counted, used, held))
    return _Hours(found, lived, cpu_s, memory, _by_request(reading, requested))


def _columns(reading: Reading, hours: _Hours, lost: _Lost, who: Pods, interval: float) -> dict[str, list[Any]]:
    """The columns of `CONTAINER_HOURS`."""
    columns: dict[str, list[Any]] = {name: [] for name in schemas.CONTAINER_HOURS.names}
    full, none, nothing = HOUR_S / interval, dict[int, float](), dict[str, Mapping[int, float]]()
    starts = [reading.start + timedelta(hours=hour) for hour in range(lost.hours)]
    for run, found in sorted(_with_unseen(hours.found, hours.ran).items(), key=lambda item: item[0]):
        expected = _expected(found, hours.ran.get(_Run(run.key, run.uid), {}), lost, run.instance, full)
        cpu_s, memory = hours.cpu_s.get(run, none), hours.memory.get(run, none)
        asked = hours.requests.get((run.key, run.uid)) or hours.requests.get((run.key, ""), nothing)
        cores, held = asked.get("cpu", none), asked.get("memory", none)
        for name, value in _about(run.key, run.uid, who).items():
            columns[name] += [value] * len(expected)
        seen = [found.get(hour, 0.0) for hour in expected]
        columns["hour"] += [starts[hour] for hour in expected]
        columns["minutes"] += [n * interval / 60 for n in seen]
        columns["cpu_core_hours"] += _scaled(cpu_s, expected, 1 / HOUR_S)
        columns["memory_gib_hours"] += _scaled(memory, expected, interval / HOUR_S / GIB)
        columns["cpu_request_cores"] += map(cores.get, expected)
        columns["memory_request_gib"] += _scaled(held, expected, 1 / GIB)
        columns["samples_expected"] += [round(max(most, n)) for most, n in zip(expected.values(), seen, strict=True)]
        columns["samples_found"] += map(round, seen)
        columns["missing"] += [
            UNSEEN if not n else None if hour in cpu_s else ONE_SAMPLE for hour, n in zip(expected, seen, strict=True)
        ]
    return columns


def _scaled(values: Mapping[int, float], hours: Iterable[int], factor: float) -> list[float | None]:
    return [None if value is None else value * factor for value in map(values.get, hours)]


def _about(key: Key, uid: str, who: Pods) -> dict[str, Any]:
    """Whose hours they are."""
    namespace, pod, container = key
    return {
        "namespace": namespace,
        "workload": who.workload(namespace, pod, uid),
        "pod": pod,
        "pod_uid": uid or None,
        "container": container,
        "node": who.node(namespace, pod, uid),
    }


def _by_run(reading: Reading, series: Sequence[Series]) -> dict[_Run, dict[int, float]]:
    """The values by hour of what cAdvisor tells; a pod's container that ran several times in one has their sum."""
    runs: dict[tuple[_Run, str], dict[int, float]] = {}
    for one in series:
        run = _Run(key_of(one), uid_of(one), one.labels.get("instance", ""))
        _largest(runs.setdefault((run, one.labels.get("id", "")), {}), reading.steps(one, HOUR_S))
    found: dict[_Run, dict[int, float]] = {}
    for (run, _), values in runs.items():
        _add(found.setdefault(run, {}), values)
    return found


def _by_pod(reading: Reading, series: Sequence[Series]) -> dict[_Run, dict[int, float]]:
    """The values by hour of what kube-state-metrics tells, whichever of its instances does."""
    found: dict[_Run, dict[int, float]] = {}
    for one in series:
        _largest(found.setdefault(_Run(key_of(one), uid_of(one)), {}), reading.steps(one, HOUR_S))
    return found


def _by_request(reading: Reading, series: Sequence[Series]) -> dict[tuple[Key, str], dict[str, dict[int, float]]]:
    """What containers requested in each hour, on average: cores and bytes."""
    found: dict[tuple[Key, str], dict[str, dict[int, float]]] = {}
    for one in series:
        resources = found.setdefault((key_of(one), uid_of(one)), {})
        _largest(resources.setdefault(one.labels["resource"], {}), reading.steps(one, HOUR_S))
    return found


def _largest(hours: dict[int, float], more: Mapping[int, float]) -> None:
    """What is scraped twice counts once."""
    if not hours:
        hours.update(more)
    else:
        for hour, value in more.items():
            hours[hour] = max(value, hours.get(hour, value))


def _add(hours: dict[int, float], more: Mapping[int, float]) -> None:
    if not hours:
        hours.update(more)
    else:
        for hour, value in more.items():
            hours[hour] = hours.get(hour, 0.0) + value


class _Lost:
    """How many samples of an hour were lost, whatever ran: those of a node that was not scraped, or of everybody.

    Shares of what there is at best, since `up` may be scraped more often than containers are.
    """

    def __init__(self, reading: Reading, full: float, scraped: Sequence[Series], alive: Sequence[Series]) -> None:
        self.hours = round(reading.window_s / HOUR_S)
        self._start = reading.start
        self._full = full
        self._scraped = {one.labels.get("instance", ""): reading.steps(one, HOUR_S) for one in scraped}
        counts: dict[int, float] = {}
        for one in alive:
            _largest(counts, reading.steps(one, HOUR_S))
        most = max(counts.values(), default=1.0)
        self._alive = {hour: n / most for hour, n in counts.items()}
        self._samples: dict[str, list[float]] = {}

    def samples(self, instance: str) -> Sequence[float]:
        """Of each hour."""
        if instance not in self._samples:
            scraped = self._scraped.get(instance, {})
            there = [min(self._alive.get(hour, 0.0), scraped.get(hour, 1.0)) for hour in range(self.hours)]
            lost = [self._full * (1 - share) for share in there]
            self._samples[instance] = [n if n > JITTER else 0.0 for n in lost]
        return self._samples[instance]

    def told(self) -> str:
        """The hours of which nobody has a sample: before the server's first, or while it was down."""
        silent = [hour for hour in range(self.hours) if not self._alive.get(hour)]
        spans: list[list[int]] = []
        for hour in silent:
            if spans and spans[-1][1] == hour:
                spans[-1][1] = hour + 1
            else:
                spans.append([hour, hour + 1])
        texts = []
        for first, last in spans:
            start, end = (self._start + timedelta(hours=hour) for hour in (first, last))
            texts.append(f"{start:%m-%d %H:%M} to {end:%m-%d %H:%M}")
        return f"nothing has a sample from {', '.join(texts)} UTC" if texts else ""


def _named(
    found: Mapping[_Run, Mapping[int, float]], ran: Mapping[_Run, Mapping[int, float]], who: Pods
) -> dict[_Run, dict[int, float]]:
    """Runs whose cgroup tells no uid get that of the one pod of their name, or of the one that ran in that hour."""
    lived: dict[Key, list[_Run]] = {}
    for run in ran:
        lived.setdefault(run.key, []).append(run)
    named: dict[_Run, dict[int, float]] = {}
    for run, hours in found.items():
        if only := run.uid or who.uid(*run.key[:2]):
            _add(named.setdefault(_Run(run.key, only, run.instance), {}), hours)
            continue
        for hour, value in hours.items():
            uids = [one.uid for one in lived.get(run.key, ()) if hour in ran[one]]
            _add(named.setdefault(_Run(run.key, uids[0] if len(uids) == 1 else "", run.instance), {}), {hour: value})
    return {run: hours for run, hours in named.items() if hours}


def _with_unseen(
    found: Mapping[_Run, Mapping[int, float]], ran: Mapping[_Run, Mapping[int, float]]
) -> dict[_Run, Mapping[int, float]]:
    """Those with samples, and those that only kube-state-metrics knows."""
    seen = {(run.key, run.uid) for run in found}
    return {**found, **{run: {} for run in ran if (run.key, run.uid) not in seen}}


def _expected(
    hours: Mapping[int, float], ran: Mapping[int, float], lost: _Lost, instance: str, full: float
) -> dict[int, float]:
    """How many samples each hour of its life should have, where it should have any."""
    expected = {hour: full * share for hour, share in ran.items()}
    lived, gone = sorted({*hours, *ran}), lost.samples(instance)
    whole = full - 0.5  # so many are lost of an hour that was lost as a whole
    for hour in range(lived[0], lived[-1] + 1):
        if hour in hours or gone[hour] > whole:
            expected[hour] = min(full, max(expected.get(hour, 0.0), hours.get(hour, 0.0) + gone[hour]))
    last = lived[-1]
    if hours.get(last, 0.0) + gone[last] >= full - JITTER:  # how it went on unseen is not known
        for hour in takewhile(lambda hour: gone[hour] > whole, range(last + 1, len(gone))):
            expected[hour] = full
    return dict(sorted(expected.items()))
