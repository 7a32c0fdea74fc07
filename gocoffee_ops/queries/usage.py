"""What containers used, by the hour and over a week, and how much of it was seen.

Metrics of cAdvisor, and of kube-state-metrics where it is scraped (who a pod is, what it requests, whether it was killed); what
they are called is configuration. Every row says how many samples it rests on and how many there should be: a gap is a gap, it
is neither bridged nor averaged away. All raise what `queries.metrics` raises; NotFound where no container has a sample in the
window, and ParameterError for a window that is none. Permission: to query.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.queries import usage_hours, usage_sizing
from gocoffee_ops.queries import usage_schemas as schemas
from gocoffee_ops.queries.container_series import (
    KEY,
    OURS,
    Reading,
    pods,
    scrape_interval_s,
    who_questions,
)
from gocoffee_ops.queries.promql import window_of
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.sources.prometheus import Prometheus

DAY_S = 86_400.0
RATE_S = 300.0
MOST_DAYS = 62
CONTAINER = ", ".join(KEY)
SAMPLES_LIMIT = 2_000_000


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
    reading = Reading(ask, ask.as_of.replace(minute=0, second=0, microsecond=0), days * DAY_S, namespaces)
    table, interval, unread = usage_hours.rows(reading)
    notes = {**reading.asked.notes(), "scrape_interval_s": interval}
    return Rows(table, truncated=reading.asked.stated(), unread=unread, notes=notes)


def _whole_days(days: int, most: int) -> None:
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= most:
        raise ParameterError("read containers' usage", why=f"days is {days!r}", hint=f"1 to {most} whole days")


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
