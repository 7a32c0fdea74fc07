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
    by_pod_uid,
    key_of,
    pods,
    scrape_interval_s,
    uid_of,
)
from gocoffee_ops.queries.promql import matches, number, window_of
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.sources.prometheus import Prometheus, Series

HOUR_S, DAY_S, GIB = 3600.0, 86_400.0, float(1 << 30)
RATE_S = 300.0
DEADLINE_S = 180.0
MOST_DAYS = 62
CPU_OR_MEMORY = matches("resource", "cpu|memory")
RESOURCE = "namespace, pod, container, uid, resource"
CONTAINER = ", ".join(KEY)
SAMPLES_LIMIT = 2_000_000
UNSEEN = "no sample in this hour, in which it ran"
ONE_SAMPLE = "one CPU sample: an increase needs two"


@dataclass(frozen=True)
class _Run:
    """A container of one pod, on the node that tells of it."""

    key: Key
    uid: str
    instance: str = ""


@query("prometheus", schemas.CONTAINER_HOURS, deadline_s=DEADLINE_S)
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
    counted = reading.matrix(by_pod_uid(f"count_over_time({memory}[1h])", "instance"), HOUR_S)
    running, share = _running(reading)
    reading.require([*counted, *running], names.memory)
    interval = scrape_interval_s(reading, counted, HOUR_S, names.memory) if counted else 60.0
    full = HOUR_S / interval
    who = pods(reading)
    cores = _hourly(reading, by_pod_uid(f"increase({cpu}[1h])", "instance"), 1 / HOUR_S)
    gib_hours = _hourly(reading, by_pod_uid(f"sum_over_time({memory}[1h])", "instance"), interval / HOUR_S / GIB)
    requests = _requests(reading)
    found = _by_hour(reading, counted, 1.0)
    lost = _Lost(reading, found, full)
    rows: list[dict[str, Any]] = []
    for run, hours in _with_unseen(found, running, who).items():
        uid = run.uid or who.uid(*run.key[:2])
        expected = _expected(hours, running.get(_Run(run.key, uid), {}), lost, run, full, share)
        used = cores.get(run, {}), gib_hours.get(run, {})
        about = _about(run.key, uid, who)
        for hour, most in expected.items():
            seen, core_hours, memory_hours = hours.get(hour, 0.0), used[0].get(hour), used[1].get(hour)
            asked_for = requests.get((run.key, uid, hour)) or requests.get((run.key, "", hour)) or {}
            requested_bytes = asked_for.get("memory")
            rows.append(
                {
                    **about,
                    "hour": reading.start + timedelta(hours=hour),
                    "minutes": seen * interval / 60,
                    "cpu_core_hours": core_hours,
                    "memory_gib_hours": memory_hours,
                    "cpu_request_cores": asked_for.get("cpu"),
                    "memory_request_gib": None if requested_bytes is None else requested_bytes / GIB,
                    "samples_expected": round(max(most, seen)),
                    "samples_found": round(seen),
                    "missing": UNSEEN if not seen else None if core_hours is not None else ONE_SAMPLE,
                }
            )
    rows.sort(key=lambda row: (row["hour"], row["namespace"], row["pod"], row["container"]))
    return Rows(rows, truncated=reading.asked.stated(), notes={**reading.asked.notes(), "scrape_interval_s": interval})


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


def _by_hour(reading: Reading, series: Sequence[Series], factor: float) -> dict[_Run, dict[int, float]]:
    found: dict[_Run, dict[int, float]] = {}
    for one in series:
        hours = found.setdefault(_Run(key_of(one), uid_of(one), one.labels.get("instance", "")), {})
        for at, text in one.points:
            value = number(text)
            if value is not None:
                hours[reading.step_of(at, HOUR_S)] = value * factor
    return found


def _hourly(reading: Reading, promql: str, factor: float) -> dict[_Run, dict[int, float]]:
    return _by_hour(reading, reading.matrix(promql, HOUR_S), factor)


def _running(reading: Reading) -> tuple[dict[_Run, dict[int, float]], float]:
    """How many samples of each hour say that a container ran, by kube-state-metrics, and how many there are in a whole hour."""
    running = reading.where(reading.ask.source.metrics.container_running)
    promql = f"max by ({CONTAINER}, uid) (sum_over_time({running}[1h])) > 0"
    found = _hourly(reading, promql, 1.0)
    most = reading.matrix(f"max(count_over_time({running}[1h]))", HOUR_S) if found else []
    counts = [float(text) for one in most for _, text in one.points]
    return found, max(counts, default=0.0)


def _requests(reading: Reading) -> dict[tuple[Key, str, int], dict[str, float]]:
    """What containers requested in each hour, on average: cores and bytes."""
    metric = reading.where(reading.ask.source.metrics.container_requests, CPU_OR_MEMORY)
    found: dict[tuple[Key, str, int], dict[str, float]] = {}
    for one in reading.matrix(f"max by ({RESOURCE}) (avg_over_time({metric}[1h]))", HOUR_S):
        key, uid, resource = key_of(one), uid_of(one), one.labels["resource"]
        for at, text in one.points:
            found.setdefault((key, uid, reading.step_of(at, HOUR_S)), {})[resource] = float(text)
    return found


class _Lost:
    """How many samples of an hour were lost, whatever ran: those of a node that was not scraped, or of everybody."""

    def __init__(self, reading: Reading, found: Mapping[_Run, Mapping[int, float]], full: float) -> None:
        self.hours = round(reading.window_s / HOUR_S)
        self._full = full
        self._nodes: dict[str, dict[int, float]] = {}
        for one in reading.matrix("max by (instance) (sum_over_time(up[1h]))", HOUR_S):
            hours = self._nodes.setdefault(one.labels.get("instance", ""), {})
            for at, text in one.points:
                hours[reading.step_of(at, HOUR_S)] = float(text)
        known: Sequence[Mapping[int, float]] = [*(self._nodes or found).values()]
        self._server: dict[int, float] = {}
        for counts in known:
            for hour, count in counts.items():
                self._server[hour] = max(self._server.get(hour, 0.0), count)

    def samples(self, instance: str, hour: int) -> float:
        """Of one hour; a node that is no target any more has lost none."""
        known = self._nodes.get(instance)
        if known is not None and hour not in known and self._server.get(hour, 0.0):
            return 0.0
        there = self._server.get(hour, 0.0) if known is None else known.get(hour, 0.0)
        return max(0.0, self._full - there) if there < self._full - 1.5 else 0.0

    def everything(self, instance: str, hour: int) -> bool:
        """Whether an hour was lost as a whole."""
        return self.samples(instance, hour) > self._full - 0.5


def _with_unseen(
    found: Mapping[_Run, Mapping[int, float]], running: Mapping[_Run, Mapping[int, float]], who: Pods
) -> dict[_Run, Mapping[int, float]]:
    """Those with samples, and those that only kube-state-metrics knows."""
    seen = {(run.key, run.uid or who.uid(*run.key[:2])) for run in found}
    return {**found, **{run: {} for run in running if (run.key, run.uid) not in seen}}


def _expected(
    hours: Mapping[int, float], ran: Mapping[int, float], lost: _Lost, run: _Run, full: float, share: float
) -> dict[int, float]:
    """How many samples each hour of its life should have, where it should have any."""
    expected: dict[int, float] = {}
    for hour in ran:
        expected[hour] = full * min(1.0, ran[hour] / share) if share else full
    lived = sorted({*hours, *ran})
    for hour in range(lived[0], lived[-1] + 1):
        seen, gone = hours.get(hour, 0.0), lost.samples(run.instance, hour)
        if hour in hours or lost.everything(run.instance, hour):
            expected[hour] = min(full, max(expected.get(hour, 0.0), seen + gone))
    if hours and max(hours) == lived[-1]:  # how it went on while nothing was seen is not known
        last = lived[-1]
        if hours[last] + lost.samples(run.instance, last) >= full - 1.5:
            hour = last + 1
            while hour < lost.hours and lost.everything(run.instance, hour):
                expected[hour] = full
                hour += 1
    return dict(sorted(expected.items()))


@query("prometheus", schemas.SIZING, deadline_s=DEADLINE_S)
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


@query("prometheus", schemas.SAMPLES, deadline_s=DEADLINE_S)
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
    counted = reading.vector(f"max by ({CONTAINER}) (count_over_time({memory}[{reading.window_s:g}s]))")
    reading.require(counted, names.memory)
    steps = round(reading.window_s / RATE_S)
    if len(counted) * steps > SAMPLES_LIMIT:
        why = f"{len(counted):,} containers with {steps:,} samples each"
        raise ParameterError("read samples of usage", why=why, hint="fewer namespaces, or fewer days")
    interval = scrape_interval_s(reading, counted, reading.window_s, names.memory)
    rate_s = window_of(RATE_S, interval)
    series = {
        "cpu": reading.matrix(f"max by ({CONTAINER}) (rate({cpu}[{rate_s:g}s]))", RATE_S),
        "memory": reading.matrix(f"max by ({CONTAINER}) (max_over_time({memory}[{RATE_S:g}s]))", RATE_S),
    }
    rows = usage_sizing.step_rows(reading, series, pods(reading))
    return Rows(rows, truncated=reading.asked.stated(), notes={**reading.asked.notes(), "scrape_interval_s": interval})
