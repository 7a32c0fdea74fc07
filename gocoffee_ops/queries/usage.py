"""What containers used, by the hour and over a week, and how much of it was seen.

Metrics of cAdvisor, and of kube-state-metrics where it is scraped (who a pod is, what it requests, whether it was killed); what
they are called is configuration. Every row says how many samples it rests on and how many there should be: a gap is a gap, it
is neither bridged nor averaged away. All raise what `queries.metrics` raises; NotFound where no container has a sample in the
window, and ParameterError for a window that is none. Permission: to query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.queries import usage_schemas as schemas
from gocoffee_ops.queries import usage_sizing
from gocoffee_ops.queries.container_series import (
    KEY,
    OURS,
    Key,
    Pods,
    Reading,
    by_run,
    key_of,
    pods,
    scrape_interval_s,
    uid_of,
    who_questions,
)
from gocoffee_ops.queries.promql import matches, window_of
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.sources.prometheus import Prometheus, Series

HOUR_S, DAY_S, GIB = 3600.0, 86_400.0, float(1 << 30)
RATE_S = 300.0
MOST_DAYS = 62
CPU_OR_MEMORY = matches("resource", "cpu|memory")
CONTAINER = ", ".join(KEY)
SAMPLES_LIMIT = 2_000_000
JITTER = 1.5  # samples of an hour: scrapes are not that punctual
UNSEEN = "no sample in this hour, in which it ran"
ONE_SAMPLE = "one CPU sample: an increase needs two"


@dataclass(frozen=True, order=True)
class _Run:
    """A container of one pod, on the node that tells of it."""

    key: Key
    uid: str
    instance: str = ""


@query("prometheus", schemas.CONTAINER_HOURS)
def container_hours(ask: Ask[Prometheus], *, days: int = 14, namespaces: Sequence[str] = ()) -> Rows:
    """How much CPU and memory did each container use in each hour, what did it request, and how much of that was seen?

    The window ends with the last whole hour. A row is an hour of a container of one pod: one of the same name that came later
    is another, by its uid. It counts the minutes that it ran. In an hour in which it should have had samples and had none its
    usage is missing; a node that could not be scraped, or a Prometheus that was down, is told from a pod that had ended by
    `up`, and by what kube-state-metrics says ran. CPU is the counter's increase within the hour; memory the sum of the samples
    that are there, so that a partly seen hour shows less.

    Columns: those of `CONTAINER_HOURS`.

    Source: `cpu`, `memory`, `container_requests`, `container_running`, `pod_info` and `replicaset_owner` of the configuration, and
    `up`. The expressions stand in the record.
    """
    _whole_days(days, MOST_DAYS)
    end = ask.as_of.replace(minute=0, second=0, microsecond=0)
    reading = Reading(ask, end, days * DAY_S, namespaces)
    names = ask.source.metrics
    cpu, memory = reading.where(names.cpu, *OURS), reading.where(names.memory, *OURS)
    requests = reading.where(names.container_requests, CPU_OR_MEMORY)
    running = reading.where(names.container_running)
    counted, ran, whole_hour, used, held, requested, scraped, alive, info, owned = reading.answers(
        reading.at_steps(by_run(f"count_over_time({memory}[1h])"), HOUR_S),
        reading.at_steps(f"max by ({CONTAINER}, uid) (sum_over_time({running}[1h])) > 0", HOUR_S),
        reading.at_steps(f"max(count_over_time({running}[1h]))", HOUR_S),
        reading.at_steps(by_run(f"increase({cpu}[1h])"), HOUR_S),
        reading.at_steps(by_run(f"sum_over_time({memory}[1h])"), HOUR_S),
        reading.at_steps(f"max by ({CONTAINER}, uid, resource) (avg_over_time({requests}[1h]))", HOUR_S),
        reading.at_steps("max by (instance) (avg_over_time(up[1h]))", HOUR_S),
        reading.at_steps("max(count_over_time(up[1h]))", HOUR_S),
        *who_questions(reading),
    )
    reading.require([*counted, *ran], names.memory)
    interval = scrape_interval_s(reading, counted, HOUR_S, names.memory) if counted else 60.0
    share = max((value for one in whole_hour for value in reading.steps(one, HOUR_S).values()), default=0.0)
    who = pods(info, owned)
    lived = {run: {h: min(1.0, n / share) for h, n in each.items()} for run, each in _by_run(reading, ran).items()}
    found, cpu_s, summed = (_named(_by_run(reading, each), lived, who) for each in (counted, used, held))
    hours = _Hours(
        found,
        lived,
        cpu_s,
        summed,
        _by_request(reading, requested),
        {one.labels.get("instance", ""): reading.steps(one, HOUR_S) for one in scraped},
        {hour: value for one in alive for hour, value in reading.steps(one, HOUR_S).items()},
    )
    lost = _Lost(round(reading.window_s / HOUR_S), HOUR_S / interval, hours)
    table = _hour_columns(reading, hours, lost, who, interval)
    notes = {**reading.asked.notes(), "scrape_interval_s": interval}
    return Rows(table, truncated=reading.asked.stated(), unread=lost.told(reading), notes=notes)


@dataclass(frozen=True)
class _Hours:
    """What came of each hour."""

    found: Mapping[_Run, Mapping[int, float]]
    ran: Mapping[_Run, Mapping[int, float]]  # the share of the hour, by kube-state-metrics
    cpu_s: Mapping[_Run, Mapping[int, float]]
    memory: Mapping[_Run, Mapping[int, float]]  # bytes, summed over samples
    requests: Mapping[tuple[Key, str], Mapping[int, Mapping[str, float]]]
    scraped: Mapping[str, Mapping[int, float]]  # by instance, the share of scrapes that succeeded
    alive: Mapping[int, float]  # how many samples of `up` there are


def _hour_columns(reading: Reading, hours: _Hours, lost: _Lost, who: Pods, interval: float) -> dict[str, list[Any]]:
    """The columns of `CONTAINER_HOURS`."""
    columns: dict[str, list[Any]] = {name: [] for name in schemas.CONTAINER_HOURS.names}
    full, none, nothing = HOUR_S / interval, dict[int, Any](), dict[str, float]()
    starts = [reading.start + timedelta(hours=hour) for hour in range(lost.hours)]
    for run, found in sorted(_with_unseen(hours.found, hours.ran).items(), key=lambda item: item[0]):
        expected = _expected(found, hours.ran.get(_Run(run.key, run.uid), {}), lost, run.instance, full)
        cpu_s, memory = hours.cpu_s.get(run, none), hours.memory.get(run, none)
        asked = hours.requests.get((run.key, run.uid)) or hours.requests.get((run.key, ""), none)
        for name, value in _about(run.key, run.uid, who).items():
            columns[name] += [value] * len(expected)
        for hour, most in expected.items():
            seen, seconds, summed = found.get(hour, 0.0), cpu_s.get(hour), memory.get(hour)
            requests = asked.get(hour, nothing)
            columns["hour"].append(starts[hour])
            columns["minutes"].append(seen * interval / 60)
            columns["cpu_core_hours"].append(None if seconds is None else seconds / HOUR_S)
            columns["memory_gib_hours"].append(None if summed is None else summed * interval / HOUR_S / GIB)
            columns["cpu_request_cores"].append(requests.get("cpu"))
            columns["memory_request_gib"].append(requests["memory"] / GIB if "memory" in requests else None)
            columns["samples_expected"].append(round(max(most, seen)))
            columns["samples_found"].append(round(seen))
            columns["missing"].append(UNSEEN if not seen else None if seconds is not None else ONE_SAMPLE)
    return columns


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


def _whole_days(days: int, most: int) -> None:
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= most:
        raise ParameterError("read containers' usage", why=f"days is {days!r}", hint=f"1 to {most} whole days")


def _by_run(reading: Reading, series: Sequence[Series]) -> dict[_Run, dict[int, float]]:
    """The values by hour; a pod's container that ran several times in one has their sum."""
    found: dict[_Run, dict[int, float]] = {}
    for one in series:
        hours = found.setdefault(_Run(key_of(one), uid_of(one), one.labels.get("instance", "")), {})
        for hour, value in reading.steps(one, HOUR_S).items():
            hours[hour] = hours.get(hour, 0.0) + value
    return found


def _by_request(reading: Reading, series: Sequence[Series]) -> dict[tuple[Key, str], dict[int, dict[str, float]]]:
    """What containers requested in each hour, on average: cores and bytes."""
    found: dict[tuple[Key, str], dict[int, dict[str, float]]] = {}
    for one in series:
        hours = found.setdefault((key_of(one), uid_of(one)), {})
        for hour, value in reading.steps(one, HOUR_S).items():
            hours.setdefault(hour, {})[one.labels["resource"]] = value
    return found


class _Lost:
    """How many samples of an hour were lost, whatever ran: those of a node that was not scraped, or of everybody.

    Shares of what there is at best, since `up` may be scraped more often than containers are.
    """

    def __init__(self, count: int, full: float, hours: _Hours) -> None:
        self.hours = count
        self._full = full
        self._scraped = hours.scraped
        alive = dict(hours.alive)
        if not alive:
            for counts in hours.found.values():
                for hour, n in counts.items():
                    alive[hour] = max(alive.get(hour, 0.0), n)
        most = max(alive.values(), default=1.0)
        self._alive = {hour: n / most for hour, n in alive.items()}

    def samples(self, instance: str, hour: int) -> float:
        """Of one hour."""
        there = min(self._alive.get(hour, 0.0), self._scraped.get(instance, {}).get(hour, 1.0))
        lost = self._full * (1 - there)
        return lost if lost > JITTER else 0.0

    def everything(self, instance: str, hour: int) -> bool:
        """Whether an hour was lost as a whole."""
        return self.samples(instance, hour) > self._full - 0.5

    def told(self, reading: Reading) -> str:
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
            start, end = (reading.start + timedelta(hours=hour) for hour in (first, last))
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
        only = run.uid or who.uid(*run.key[:2])
        for hour, value in hours.items():
            uids = [only] if only else [one.uid for one in lived.get(run.key, ()) if hour in ran[one]]
            own = named.setdefault(_Run(run.key, uids[0] if len(uids) == 1 else "", run.instance), {})
            own[hour] = own.get(hour, 0.0) + value
    return named


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
    lived = sorted({*hours, *ran})
    for hour in range(lived[0], lived[-1] + 1):
        if hour in hours or lost.everything(instance, hour):
            expected[hour] = min(
                full, max(expected.get(hour, 0.0), hours.get(hour, 0.0) + lost.samples(instance, hour))
            )
    last = lived[-1]
    if hours.get(last, 0.0) + lost.samples(instance, last) >= full - JITTER:  # how it went on unseen is not known
        hour = last + 1
        while hour < lost.hours and lost.everything(instance, hour):
            expected[hour] = full
            hour += 1
    return dict(sorted(expected.items()))


@query("prometheus", schemas.SIZING)
def sizing(ask: Ask[Prometheus], *, days: int = 7, namespaces: Sequence[str] = ()) -> Rows:
    """What did each container use at most, what does it request, and how much of its life was seen?

    The window ends when the run began. CPU is the 95th percentile of the rates of 5 minutes, one each 5 minutes; where scrapes
    are far apart the rate's window holds four of them. Of several runs of one pod's container the highest counts.
    `analysis.rightsizing` makes advice of it.

    Columns: those of `SIZING`.

    Source: `cpu`, `memory`, `cpu_throttled`, `cpu_periods`, `memory_limit`, `oom_events`, `container_requests`, `container_limits`,
    `terminated_reason`, `pod_info`, `pod_started` and `replicaset_owner` of the configuration. The expressions stand in the record.
    """
    _whole_days(days, MOST_DAYS)
    reading = Reading(ask, ask.as_of, days * DAY_S, namespaces)
    rows, interval = usage_sizing.rows(reading)
    return Rows(rows, truncated=reading.asked.stated(), notes={**reading.asked.notes(), "scrape_interval_s": interval})


@query("prometheus", schemas.SAMPLES)
def samples(ask: Ask[Prometheus], *, namespaces: Sequence[str], days: int = 7) -> Rows:
    """What did the containers of some namespaces use in each 5 minutes? `rightsizing.backtest` tries advice on it.

    Columns: those of `SAMPLES`. Steps in which nothing was seen have no row.

    Source: `cpu`, `memory`, `pod_info` and `replicaset_owner` of the configuration. Raises ParameterError for no namespace, and for
    a window of so many samples (2 million) that they should be asked for in parts.
    """
    _whole_days(days, MOST_DAYS)
    if not namespaces:
        raise ParameterError("read samples of usage", why="no namespace is named", hint="those of some workloads")
    reading, names = Reading(ask, ask.as_of, days * DAY_S, namespaces), ask.source.metrics
    cpu, memory = reading.where(names.cpu, *OURS), reading.where(names.memory, *OURS)
    counted = reading.vector(f"max by ({CONTAINER}) (count_over_time({memory}[{reading.window_s:.0f}s]))")
    reading.require(counted, names.memory)
    steps = round(reading.window_s / RATE_S)
    if len(counted) * steps > SAMPLES_LIMIT:
        why = f"{len(counted):,} containers with {steps:,} samples each"
        raise ParameterError("read samples of usage", why=why, hint="fewer namespaces, or fewer days")
    interval = scrape_interval_s(reading, counted, reading.window_s, names.memory)
    rate_s = window_of(RATE_S, interval)
    rates, largest, info, owned = reading.answers(
        reading.at_steps(f"max by ({CONTAINER}) (rate({cpu}[{rate_s:g}s]))", RATE_S),
        reading.at_steps(f"max by ({CONTAINER}) (max_over_time({memory}[{RATE_S:g}s]))", RATE_S),
        *who_questions(reading),
    )
    rows = usage_sizing.step_rows(reading, {"cpu": rates, "memory": largest}, pods(info, owned))
    return Rows(rows, truncated=reading.asked.stated(), notes={**reading.asked.notes(), "scrape_interval_s": interval})
