"""Questions to Prometheus, and to what speaks its API.

What metrics are called is configuration (`[environments.X.prometheus.metrics]`); the expressions that were asked stand in the
record's notes. A value that is not there is missing with its reason, never 0. What the server warns of (a store that did not
answer, a limit) is stated on the table and is a WARN finding. All raise Unreachable, Unauthenticated, Forbidden,
DeadlineExceeded, NotFound, Throttled, ServerFault, Malformed, and Unsupported (an expression that the server does not take).
Windows end when the run reads, or at an earlier `end`; a later one raises ParameterError. Permission: to query.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.queries import metrics_schemas as schemas
from gocoffee_ops.queries.cpu_limits import cpu_limited, lately
from gocoffee_ops.queries.promql import (
    NO_SAMPLE,
    Asked,
    by_label,
    equals,
    grid,
    matches,
    number,
    one_of,
    read_number,
    scrape_interval,
    selector,
    until,
    window_of,
)
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.sources.prometheus import Prometheus, Series

MIB = 1 << 20
SERIES_LIMIT = 1_000
STEPS_LIMIT = 11_000  # Prometheus refuses more
MEMORY_STEPS = 60
WINDOW_S = 300.0
CONTAINERS = ("namespace", "pod", "container")
NO_PERIODS = {False: "no CPU limit", None: "no CPU periods, nor whether it has a CPU limit"}  # by whether it has one


@query("prometheus", schemas.SERVER)
def server(ask: Ask[Prometheus]) -> Rows:
    """What answers, and how many of its targets does it reach?

    Columns: version (string; missing where it tells none), targets, targets_down (Int64).

    Source: /api/v1/status/buildinfo, and `up`.
    """
    asked = Asked.nothing()
    up = asked.heard("up", ask.source.instant("up", ask.as_of, ask.deadline))
    down = sum(number(series.points[-1][1]) == 0 for series in up)
    row = {"version": ask.source.version(ask.deadline), "targets": len(up), "targets_down": down}
    return Rows([row], truncated=asked.stated(), notes=asked.notes())


@query("prometheus", schemas.SAMPLES)
def instant(ask: Ask[Prometheus], promql: str) -> Rows:
    """What is the value of an expression now? Of a range selector: its samples.

    Columns: series (string), labels (list), at (timestamp), value (Float64), missing (string: NaN, +Inf, …).

    Source: /api/v1/query. At most 1,000 series; more are stated.
    """
    asked = Asked.nothing()
    found = asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline, limit=SERIES_LIMIT + 1))
    rows = [_sample(series, at, text) for series in found[:SERIES_LIMIT] for at, text in series.points]
    return Rows(rows, truncated=asked.stated(*_cut(found)), notes=asked.notes())


@query("prometheus", schemas.SAMPLES)
def over(ask: Ask[Prometheus], promql: str, *, window_s: float = 3600.0, step_s: float = 60.0) -> Rows:
    """How did the value of an expression change over a window that ends now?

    Columns: series (string), labels (list), at (timestamp), value (Float64), missing (string). Every series has a row for each
    step: where it has no sample the value is missing.

    Source: /api/v1/query_range. At most 1,000 series; more are stated. Raises ParameterError for more than 11,000 steps.
    """
    if not 0 < step_s <= window_s or window_s / step_s >= STEPS_LIMIT:
        why = f"{window_s:g} s in steps of {step_s:g} s"
        raise ParameterError("ask for a range", why=why, hint=f"1 to {STEPS_LIMIT:,} steps")
    start = ask.as_of - timedelta(seconds=window_s)
    asked = Asked.nothing()
    answered = ask.source.over(promql, start, ask.as_of, step_s, ask.deadline, limit=SERIES_LIMIT + 1)
    found = asked.heard(promql, answered)
    rows = [
        _sample(series, at, text)
        for series in found[:SERIES_LIMIT]
        for at, text in _on_grid(series, grid(start, ask.as_of, step_s), step_s)
    ]
    return Rows(rows, truncated=asked.stated(*_cut(found)), notes=asked.notes())


@query("prometheus", schemas.SERVICES)
def services(ask: Ask[Prometheus], *, window_s: float = 3600.0) -> Rows:
    """Which services were requests counted of, at some time of a window that ends now?

    One that is down by now, and has no samples any more, is among them.

    Columns: service (string).

    Source: the counter `requests` of the configuration. At most 1,000 services; more are stated.
    """
    names, asked = ask.source.metrics, Asked.nothing()
    promql = f"count by ({names.service_label}) (count_over_time({selector(names.requests)}[{window_s:g}s]))"
    answered = ask.source.instant(promql, ask.as_of, ask.deadline, limit=SERIES_LIMIT + 1)
    found = sorted({series.labels.get(names.service_label, "") for series in asked.heard(promql, answered)} - {""})
    cut = [f"the first {SERIES_LIMIT:,} services"] if len(found) > SERIES_LIMIT else []
    return Rows([{"service": one} for one in found[:SERIES_LIMIT]], truncated=asked.stated(*cut), notes=asked.notes())


@query("prometheus", schemas.REQUESTS)
def requests(
    ask: Ask[Prometheus], services: Sequence[str], *, window_s: float = WINDOW_S, end: datetime | None = None
) -> Rows:
    """How many requests does each service get, and what share of them are errors?

    A service with requests and without a series of errors has none: 0. One without requests has no error ratio; one whose
    series lack the status label has none either. A counter's first sample is not in a rate: the errors that a new series
    starts with are seen from the next scrape on.

    Columns: service (string), requests_per_s, errors_per_s (Float64, 1/s), error_ratio (Float64, ratio), window_s,
    scrape_interval_s (Float64, s), points_found, points_expected (Int64), missing (string).

    Source: the counter `requests` of the configuration.
    """
    ask, names = until(ask, end), ask.source.metrics
    asked, services = Asked.nothing(), tuple(dict.fromkeys(services))
    ours = one_of(names.service_label, services)
    interval = scrape_interval(ask, asked, services, names.requests)
    window = window_of(window_s, interval)
    every, by = selector(names.requests, ours), names.service_label

    def vector(expression: str) -> dict[tuple[str, ...], float | None]:
        promql = f"sum by ({by}) ({expression})"
        return by_label(asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline)), by)

    total = vector(f"rate({every}[{window:g}s])")
    wrong = selector(names.requests, ours, matches(names.status_label, names.error_status))
    errors = vector(f"rate({wrong}[{window:g}s])")
    told = selector(names.requests, ours, f'{names.status_label}!=""')
    with_status = vector(f"count_over_time({told}[{window:g}s])")
    points = _points(ask, asked, every, window, interval)
    rows = []
    for service in services:
        key = (service,)
        found, expected = points.get(key, (0, None))
        rate, failed, missing = total.get(key), errors.get(key, 0.0), None
        if rate is None:
            missing = f"{found} samples: a rate needs two" if found else f"no series {names.requests} of this service"
            failed = None
        elif key not in with_status:
            missing, failed = f"its series have no label {names.status_label}: which are errors?", None
        elif rate == 0:
            missing = "no request in the window"
        rows.append(
            {
                "service": service,
                "requests_per_s": rate,
                "errors_per_s": failed,
                "error_ratio": failed / rate if rate and failed is not None else None,
                "window_s": window,
                "scrape_interval_s": interval,
                "points_found": found,
                "points_expected": expected,
                "missing": missing,
            }
        )
    return Rows(rows, truncated=asked.stated(), notes=asked.notes())


@query("prometheus", schemas.LATENCY)
def latency(
    ask: Ask[Prometheus],
    services: Sequence[str],
    *,
    quantiles: Sequence[str] = ("0.5", "0.95", "0.99"),
    window_s: float = WINDOW_S,
    end: datetime | None = None,
) -> Rows:
    """How long do each service's requests take?

    Quantiles are interpolated within a histogram's buckets; one beyond the largest bucket is told as that bucket's bound, and
    `at_least` says so.

    Columns: service (string), quantile (Float64), latency_s (Float64, s), at_least (boolean), requests_per_s (Float64, 1/s),
    window_s, scrape_interval_s (Float64, s), points_found, points_expected (Int64), missing (string).

    Source: the histogram `duration_bucket` of the configuration.
    """
    ask, names, asked = until(ask, end), ask.source.metrics, Asked.nothing()
    by, services = names.service_label, tuple(dict.fromkeys(services))
    interval = scrape_interval(ask, asked, services, names.duration_bucket)
    window = window_of(window_s, interval)
    buckets = selector(names.duration_bucket, one_of(by, services))
    rates = f"sum by ({by}, le) (rate({buckets}[{window:g}s]))"

    def vector(promql: str, *labels: str) -> dict[tuple[str, ...], float | None]:
        return by_label(asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline)), *labels)

    counts = vector(rates, by, "le")
    points = _points(ask, asked, selector(names.duration_bucket, one_of(by, services), 'le="+Inf"'), window, interval)
    rows = []
    for quantile in quantiles:
        found = vector(f"histogram_quantile({float(quantile):g}, {rates})", by)
        for service in services:
            value, rate = found.get((service,)), counts.get((service, "+Inf"))
            bounds = [float(le) for name, le in counts if name == service and le != "+Inf"]
            missing = None
            if value is None:
                missing = (
                    "no request in the window" if rate == 0 else f"no series {names.duration_bucket} of this service"
                )
            have, expected = points.get((service,), (0, None))
            rows.append(
                {
                    "service": service,
                    "quantile": float(quantile),
                    "latency_s": value,
                    "at_least": value is not None and bool(bounds) and value >= max(bounds),
                    "requests_per_s": rate,
                    "window_s": window,
                    "scrape_interval_s": interval,
                    "points_found": have,
                    "points_expected": expected,
                    "missing": missing,
                }
            )
    return Rows(rows, truncated=asked.stated(), notes=asked.notes())


@query("prometheus", schemas.SATURATION)
def saturation(
    ask: Ask[Prometheus],
    services: Sequence[str],
    *,
    namespace: str = "",
    window_s: float = WINDOW_S,
    end: datetime | None = None,
) -> Rows:
    """How near are these services' containers to their limits: CPU that is held back, memory against the limit?

    A service's pods are those whose names a Deployment, StatefulSet or DaemonSet of its name gives. One of several without any
    container is an UNKNOWN finding beside the others' rows, and so are pods with a container that ran throughout the window, as
    kube-state-metrics says where it is scraped, and has no metrics.

    Columns: namespace, pod, container (string), cpu_limited (boolean; missing where neither cAdvisor nor kube-state-metrics
    tells), cpu_throttled (Float64, ratio of scheduler periods; missing without a CPU limit), memory_mib, memory_limit_mib
    (Float64, MiB), memory_limited (boolean), memory_of_limit (Float64, ratio), missing (string).

    Source: cAdvisor's metrics, and for who has a CPU limit kube-state-metrics', or else `cpu_quota` and `cpu_period` of cAdvisor,
    by the names in the configuration. No row: no container of the services is known there. Raises ParameterError for no services.
    """
    ask, names, asked = until(ask, end), ask.source.metrics, Asked.nothing()
    where = _pods(services, namespace)

    def vector(metric: str, wrap: str, *more: str) -> dict[tuple[str, ...], float | None]:
        promql = f"{wrap.format(selector(metric, *where, *more))}"
        return by_label(asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline)), *CONTAINERS)

    def anybody(metric: str) -> bool:
        promql = f"count({lately(selector(metric))})"
        return bool(asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline)))

    increase = f"sum by ({', '.join(CONTAINERS)}) (increase({{}}[{window_s:g}s]))"
    latest = f"max by ({', '.join(CONTAINERS)}) ({{}})"
    periods, throttled = vector(names.cpu_periods, increase), vector(names.cpu_throttled, increase)
    used_bytes = vector(names.memory, latest)
    limits = vector(names.memory_limit, latest, matches("resource", "|memory"))
    steady = f"max by ({', '.join(CONTAINERS)}) ((min_over_time({{0}}[{window_s:g}s]) == 1) and ({{0}} offset {window_s:g}s))"
    rows = []
    known = sorted(used_bytes | periods)
    capped = cpu_limited(known, periods, names, vector, anybody, latest)
    unseen = sorted({pod for _, pod, _ in vector(names.container_running, steady).keys() - set(known)})
    lacking = [one for one in services if not any(re.fullmatch(_pod_names([one]), pod) for _, pod, _ in known)]
    for key in known:
        used, limit, ran, held = (found.get(key) for found in (used_bytes, limits, periods, throttled))
        why = [] if used is not None else ["no memory sample"]
        why += [] if limit else ["no memory limit" if limit == 0 else f"no series {names.memory_limit}"]
        limited = capped.get(key)
        why += [] if key in periods else [NO_PERIODS.get(limited, f"no series {names.cpu_periods}")]
        why += ["no CPU period: it did not run"] if key in periods and not ran else []
        why += [] if held is not None or not ran else [f"no series {names.cpu_throttled}"]
        rows.append(
            {
                **dict(zip(CONTAINERS, key, strict=True)),
                "cpu_limited": limited,
                "cpu_throttled": held / ran if ran and held is not None else None,
                "memory_mib": _mib(used),
                "memory_limit_mib": _mib(limit or None),
                "memory_limited": None if limit is None else limit > 0,
                "memory_of_limit": used / limit if used is not None and limit else None,
                "missing": "; ".join(why) or None,
            }
        )
    unread = [f"no container of {', '.join(lacking)} is known there"] if rows and lacking else []
    unread += [f"containers of {', '.join(unseen)} run and have no metrics"] if rows and unseen else []
    return Rows(rows, truncated=asked.stated(), unread="; ".join(unread), notes=asked.notes())


@query("prometheus", schemas.MEMORY)
def memory(ask: Ask[Prometheus], service: str, *, namespace: str = "", hours: float = 24.0) -> Rows:
    """How did the memory of a service's containers change? `growth.memory_trend` makes a slope of it. (H28)

    Columns: namespace, pod, container (string), at (timestamp), memory_mib, memory_limit_mib (Float64, MiB),
    memory_limited (boolean), missing (string).
    60 steps a container; a step without a sample is missing. Containers that ended within the window are there too.

    Source: the working set of the container's cgroup, not of its host; see `saturation`.
    """
    names, asked = ask.source.metrics, Asked.nothing()
    step_s = max(1.0, hours * 3600 / MEMORY_STEPS)
    start = ask.as_of - timedelta(seconds=step_s * MEMORY_STEPS)
    latest = f"max by ({', '.join(CONTAINERS)}) ({{}})"
    promql = latest.format(selector(names.memory, *_pods([service], namespace)))
    found = asked.heard(promql, ask.source.over(promql, start, ask.as_of, step_s, ask.deadline))
    chosen = selector(names.memory_limit, *_pods([service], namespace), matches("resource", "|memory"))
    promql = latest.format(f"last_over_time({chosen}[{step_s * MEMORY_STEPS:g}s])")
    limits = by_label(asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline)), *CONTAINERS)
    rows = []
    for series in found:
        key = tuple(series.labels.get(label, "") for label in CONTAINERS)
        limit = limits.get(key)
        for at, text in _on_grid(series, grid(start, ask.as_of, step_s), step_s):
            value, missing = (None, NO_SAMPLE) if text is None else read_number(text)
            rows.append(
                {
                    **dict(zip(CONTAINERS, key, strict=True)),
                    "at": datetime.fromtimestamp(at, UTC),
                    "memory_mib": _mib(value),
                    "memory_limit_mib": _mib(limit or None),
                    "memory_limited": None if limit is None else limit > 0,
                    "missing": missing,
                }
            )
    return Rows(rows, truncated=asked.stated(), notes=asked.notes())


def _points(
    ask: Ask[Prometheus], asked: Asked, chosen: str, window_s: float, interval_s: float | None
) -> dict[tuple[str, ...], tuple[int, int | None]]:
    """Samples in the window, by service: found, and expected of as many series."""
    by = ask.source.metrics.service_label

    def vector(aggregate: str) -> dict[tuple[str, ...], float | None]:
        promql = f"{aggregate} by ({by}) (count_over_time({chosen}[{window_s:g}s]))"
        return by_label(asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline)), by)

    found, series = vector("sum"), vector("count")
    each = window_s / interval_s if interval_s else None
    return {key: (int(n or 0), round((series.get(key) or 0) * each) if each else None) for key, n in found.items()}


def _pods(services: Sequence[str], namespace: str) -> list[str]:
    """Conditions for the containers of the services' pods."""
    if not services:
        raise ParameterError("ask for containers", why="no service is named")
    where = [equals("namespace", namespace)] if namespace else []
    return [*where, matches("pod", _pod_names(services)), 'container!=""', 'container!="POD"']


def _pod_names(services: Sequence[str]) -> str:
    """What the services' pods are called. Kubernetes makes the ends of names of letters without vowels."""
    end = "[bcdfghjklmnpqrstvwxz2456789]"
    return f"({'|'.join(map(re.escape, services))})-(({end}{{1,10}}-)?{end}{{5}}|[0-9]+)"


def _sample(series: Series, at: float, text: str | None) -> dict[str, Any]:
    value, missing = (None, NO_SAMPLE) if text is None else read_number(text)
    labels = {name: text for name, text in sorted(series.labels.items()) if name != "__name__"}
    return {
        "series": selector(series.labels.get("__name__", ""), *(equals(*pair) for pair in labels.items())),
        "labels": [f"{name}={text}" for name, text in labels.items()],
        "at": datetime.fromtimestamp(at, UTC),
        "value": value,
        "missing": missing,
    }


def _on_grid(series: Series, moments: Sequence[float], step_s: float) -> list[tuple[float, str | None]]:
    """A row for each step; the server leaves out those without a sample."""
    there = {round((at - moments[0]) / step_s): text for at, text in series.points}
    return [(at, there.get(i)) for i, at in enumerate(moments)]


def _cut(found: Sequence[Series]) -> list[str]:
    return [f"more than {SERIES_LIMIT:,} series: choose fewer"] if len(found) > SERIES_LIMIT else []


def _mib(value: float | None) -> float | None:
    return None if value is None else value / MIB
