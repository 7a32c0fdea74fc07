"""A week of containers in one row each, from a real Prometheus with a known history."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from gocoffee_ops.analysis import rightsizing
from gocoffee_ops.config import MetricNames
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.frames import records
from gocoffee_ops.model import Target, Thresholds
from gocoffee_ops.queries import usage
from gocoffee_ops.session import Place, Session
from gocoffee_ops.sources.prometheus import Prometheus
from tests.queries.test_usage import of, reading
from tests.queries.usage_history import AS_OF, MIDNIGHT, Container, History, hours, uid
from tests.support import live_session
from tests.testbed.prometheus import PrometheusServer

DAYS = hours(24)
STEADY = Container(
    "orders-5c-x2x4z", 8 * DAYS, uid=uid(1), made_by="ReplicaSet/orders-5c", cores=0.2, memory_mib=300.0,
    throttled=0.0, requests=(1.0, 1024.0), limits=(2.0, 2048.0),
)  # fmt: skip
PEAKS = Container(  # an hour of every ten at 0.9 cores, a minute of the week at 700 MiB
    "peaks-5c-x2x4z", 8 * DAYS, uid=uid(2), made_by="ReplicaSet/peaks-5c",
    cores=lambda before: 0.9 if before // 3600 % 10 == 0 else 0.1,
    memory_mib=lambda before: 700.0 if before == hours(50) else 200.0,
)  # fmt: skip
HELD = Container("held-0", 8 * DAYS, uid=uid(3), cores=0.5, throttled=0.4, requests=(0.5, 512.0), limits=(0.5, 512.0))
KILLED = Container("killed-0", 8 * DAYS, uid=uid(4), limits=(1.0, 512.0), memory_mib=400.0, oom_killed=True)
EVENTS = Container("events-0", 8 * DAYS, uid=uid(5), limits=(1.0, 640.0), memory_mib=400.0, oom_events=3.0)
SPARSE = Container("sparse-0", 8 * DAYS, uid=uid(6), lost=lambda before: before // 3600 % 4 == 0)
YOUNG = Container("young-0", hours(30), uid=uid(7))
RESIZED = Container(
    "resized-0", 8 * DAYS, uid=uid(8), requests=(lambda before: 1.0 if before > hours(60) else 2.0, 512.0)
)
HISTORY = History(
    (STEADY, PEAKS, HELD, KILLED, EVENTS, SPARSE, YOUNG, RESIZED), {"orders-5c": "orders"}, step_s=300, days=8.0
)


@pytest.fixture(scope="module")
def ops(prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with reading(HISTORY, tmp_path_factory.mktemp("week"), "--query.max-samples=100000") as session:
        yield session


@pytest.fixture(scope="module")
def week(ops: Session) -> list[dict[str, Any]]:
    return records(usage.sizing(ops))


def test_p95_peak_and_requests_are_those_of_the_week(week: list[dict[str, Any]]) -> None:
    (row,) = of(week, STEADY.pod)
    assert (row["workload"], row["revision"]) == ("deployment/orders", "replicaset/orders-5c")
    assert row["cpu_p95_cores"] == pytest.approx(0.2)
    assert (row["memory_max_mib"], row["cpu_throttled"]) == (300.0, 0.0)
    assert (row["cpu_request_cores"], row["cpu_limit_cores"]) == (1.0, 2.0)
    assert (row["memory_request_mib"], row["memory_limit_mib"]) == (1024.0, 2048.0)
    assert (row["oom_killed"], row["oom_limit_mib"], row["spec_changed_at"]) == (False, None, None)
    assert (row["samples_found"], row["samples_expected"], row["days"]) == (2016, 2016, 7.0)
    (peaks,) = of(week, PEAKS.pod)
    assert peaks["memory_max_mib"] == 700.0
    rates = [0.9 if before // 3600 % 10 == 0 else 0.1 for before in range(0, hours(168), 300)]
    assert peaks["cpu_p95_cores"] == pytest.approx(statistics.quantiles(rates, n=100)[94], rel=0.1)
    assert peaks["cpu_throttled"] is None


def test_c13_the_rates_window_holds_four_scrapes_and_the_samples_found_are_told(
    week: list[dict[str, Any]], prometheus_programs: None, tmp_path: Path
) -> None:
    assert {(row["scrape_interval_s"], row["rate_window_s"]) for row in week} == {(300.0, 1200.0)}
    often = History((Container("often", 2 * DAYS, uid=uid(1), cores=0.142),), step_s=60, days=2.0)
    with reading(often, tmp_path) as ops:
        (row,) = records(usage.sizing(ops, days=1))
    assert (row["scrape_interval_s"], row["rate_window_s"]) == (60.0, 300.0)
    assert (row["samples_found"], row["samples_expected"]) == (1440, 1440)


def test_c13_what_a_window_of_less_than_two_scrapes_loses_is_in_ours(prometheus_programs: None, tmp_path: Path) -> None:
    """Scraped each 200 s, every other window of 240 s holds one sample and no rate; the bursts are in just these."""
    bursts = Container("bursts", 2 * DAYS, uid=uid(1), cores=lambda before: 0.9 if before % 600 == 400 else 0.1)
    with PrometheusServer(History((bursts,), step_s=200, days=2.0).lines()) as server:
        rate = "rate(container_cpu_usage_seconds_total[240s])[86400s:300s]"
        lost = [_value(server.url, f"{over} {rate})") for over in ("count_over_time(", "quantile_over_time(0.95,")]
        target = Target("prometheus", "main")
        source = Prometheus("prometheus/main", server.url, metrics=MetricNames())
        ops = live_session(tmp_path, sources={target: source}, as_of=AS_OF, query_deadline_s=30.0)
        (row,) = records(usage.sizing(ops, days=1))
        points = [one["cpu_cores"] for one in records(usage.samples(ops, namespaces=["go-coffee"], days=1))]
        source.close()
    assert lost == [144.0, pytest.approx(0.1)]  # half of the points, and none of the bursts
    assert (row["scrape_interval_s"], row["rate_window_s"]) == (200.0, 800.0)
    assert len([one for one in points if one is not None]) == 288
    assert row["cpu_p95_cores"] == pytest.approx((0.9 + 0.1 + 0.1) / 3)


def _value(url: str, promql: str) -> float:
    """What Prometheus itself answers, for its one series."""
    asked = urlencode({"query": promql, "time": AS_OF.timestamp()})
    with urlopen(f"{url}/api/v1/query?{asked}", timeout=30) as answer:
        (series,) = json.load(answer)["data"]["result"]
    return float(series["value"][1])


def test_lost_samples_are_counted_and_a_young_pod_has_lost_none(week: list[dict[str, Any]]) -> None:
    (sparse,) = of(week, SPARSE.pod)
    assert sparse["samples_found"] / sparse["samples_expected"] == pytest.approx(0.75, abs=0.01)
    (young,) = of(week, YOUNG.pod)
    assert young["samples_found"] == pytest.approx(young["samples_expected"], abs=1)
    assert young["days"] == pytest.approx(30 / 24, abs=0.01)
    assert young["started_at"] == MIDNIGHT - timedelta(hours=30)


def test_throttling_is_a_share_of_periods(week: list[dict[str, Any]]) -> None:
    (row,) = of(week, HELD.pod)
    assert row["cpu_throttled"] == pytest.approx(0.4)


@pytest.mark.parametrize(("pod", "limit"), [(KILLED.pod, 512.0), (EVENTS.pod, 640.0)])
def test_one_that_ran_out_of_memory_is_told_with_its_limit(week: list[dict[str, Any]], pod: str, limit: float) -> None:
    (row,) = of(week, pod)
    assert (row["oom_killed"], row["oom_limit_mib"]) == (True, limit)


def test_requests_that_changed_in_place_are_told_with_their_time(week: list[dict[str, Any]]) -> None:
    (row,) = of(week, RESIZED.pod)
    changed = MIDNIGHT - timedelta(hours=60)
    assert changed <= row["spec_changed_at"] <= changed + timedelta(hours=6, minutes=5)
    assert row["cpu_request_cores"] == 2.0


def test_a_server_that_holds_fewer_samples_is_asked_in_parts(prometheus_programs: None, tmp_path: Path) -> None:
    many = [Container(f"p-{i}", 8 * DAYS, uid=uid(i), cores=i / 10, namespace=f"ns{i % 3}") for i in range(1, 9)]
    with reading(History(tuple(many), step_s=300, days=8.0), tmp_path, "--query.max-samples=7000") as ops:
        rows = records(usage.sizing(ops))
        (entry,) = [entry for entry in ops.ledger.entries() if entry.kind == "query"]
    assert [row["cpu_p95_cores"] for row in sorted(rows, key=lambda row: row["pod"])] == [
        pytest.approx(i / 10) for i in range(1, 9)
    ]
    asked = [promql for promql in entry.body["notes"]["promql"] if "quantile_over_time" in promql]
    assert len(asked) > 3  # one namespace has three containers: too much, until its pods are asked for apart


def test_samples_are_the_five_minutes_of_some_namespaces(ops: Session) -> None:
    rows = of(records(usage.samples(ops, namespaces=["go-coffee"], days=1)), PEAKS.pod)
    assert [row["at"] for row in rows[-2:]] == [AS_OF - timedelta(minutes=5), AS_OF]
    assert len(rows) == 288
    assert {round(row["cpu_cores"], 3) for row in rows if row["at"].hour == 20 and row["at"].minute > 20} == {0.1}
    assert {row["memory_mib"] for row in rows} == {200.0}


def test_a_replay_gives_the_same_table(ops: Session, tmp_path: Path) -> None:
    read = usage.sizing(ops, days=2)
    target = Target("prometheus", "main")
    again = Session(
        runbook="test", environment="test", thresholds=Thresholds(), ledger=type(ops.ledger)(tmp_path / "again"),
        places=[Place(target, AS_OF, recording=Recording(ops.ledger.folder))],
    )  # fmt: skip
    assert usage.sizing(again, days=2).equals(read)


def test_advice_of_the_days_before_is_replayed_on_what_prometheus_kept(
    prometheus_programs: None, tmp_path: Path
) -> None:
    grown = Container(
        "grown-0", 8 * DAYS, uid=uid(1), cores=lambda before: 0.2 if before > DAYS else 0.4, memory_mib=100.0
    )
    with reading(History((STEADY, grown), {"orders-5c": "orders"}, step_s=300, days=8.0), tmp_path) as ops:
        table = usage.samples(ops, namespaces=["go-coffee"])
        tried = {row["workload"]: row for row in records(rightsizing.backtest(table, as_of=AS_OF))}
    steady, later = tried["deployment/orders"], tried["pod/grown-0"]
    assert steady["cpu_advised_cores"] == pytest.approx(0.23)
    assert (steady["cpu_exceeded_min"], steady["memory_exceeded_min"], steady["memory_advised_mib"]) == (
        0.0,
        0.0,
        345.0,
    )
    assert later["cpu_exceeded_min"] == pytest.approx(1440.0, abs=20.0)  # a rate of four scrapes rises over 20 minutes
    assert later["cpu_worst"] == pytest.approx(0.4 / 0.23, rel=1e-3)
    assert later["replayed_min"] == 2880.0
