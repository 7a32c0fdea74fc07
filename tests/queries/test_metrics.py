"""Questions to a real Prometheus with a known history, and to one that scrapes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis.growth import labelled, memory_trend
from gocoffee_ops.config import MetricNames
from gocoffee_ops.errors import (
    DeadlineExceeded,
    Malformed,
    OpsError,
    ParameterError,
    ServerFault,
    Unauthenticated,
    Unsupported,
)
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.queries import metrics
from gocoffee_ops.session import Place, Session
from gocoffee_ops.sources.prometheus import Prometheus
from tests.http_server import Answer, says, serving
from tests.queries.metrics_history import AS_OF, ORDERS, history
from tests.support import live_session
from tests.testbed.prometheus import Exporter, PrometheusServer

MAIN = Target("prometheus", "main")


@pytest.fixture(scope="module")
def server(prometheus_programs: None) -> Iterator[PrometheusServer]:
    with PrometheusServer(history(), flags=["--query.max-samples=20000"]) as running:
        yield running


@pytest.fixture
def ops(server: PrometheusServer, tmp_path: Path) -> Iterator[Session]:
    with reading(server.url, tmp_path) as session:
        yield session


class reading:  # noqa: N801 - it reads as a function
    """A session that reads one Prometheus."""

    def __init__(self, url: str, folder: Path, as_of: datetime = AS_OF, **names: Any) -> None:
        self.source = Prometheus("prometheus/main", url, metrics=MetricNames(**names))
        self.session = live_session(folder, sources={MAIN: self.source}, as_of=as_of, query_deadline_s=10.0)

    def __enter__(self) -> Session:
        return self.session

    def __exit__(self, *_: object) -> None:
        self.source.close()


def test_the_server_tells_its_version_and_the_targets_that_do_not_answer(ops: Session) -> None:
    (row,) = records(metrics.server(ops))
    assert row["version"][0].isdigit()
    assert (row["targets"], row["targets_down"]) == (6, 1)


def test_no_errors_is_zero_and_no_data_is_missing(ops: Session) -> None:
    asked = ["orders", "kitchen", "idle", "unlabelled", "nowhere"]
    found = {row["service"]: row for row in records(metrics.requests(ops, asked))}

    assert list(found) == asked
    orders, kitchen, idle = found["orders"], found["kitchen"], found["idle"]
    assert orders["requests_per_s"] == pytest.approx(1.0)
    assert orders["error_ratio"] == pytest.approx(0.1)
    assert (kitchen["error_ratio"], kitchen["errors_per_s"], kitchen["missing"]) == (0.0, 0.0, None)
    assert (idle["requests_per_s"], idle["error_ratio"]) == (0.0, None)
    assert idle["missing"] == "no request in the window"
    assert found["unlabelled"]["error_ratio"] is None
    assert "no label code" in found["unlabelled"]["missing"]
    assert found["nowhere"]["requests_per_s"] is None
    assert "no series http_requests_total" in found["nowhere"]["missing"]
    judged = checks.error_rate(metrics.requests(ops, asked), thresholds=Thresholds())
    assert {f.subject: f.status for f in judged} == {
        "service/orders": Status.CRIT,
        "service/idle": Status.UNKNOWN,
        "service/unlabelled": Status.UNKNOWN,
        "service/nowhere": Status.UNKNOWN,
    }
    fine = checks.error_rate(metrics.requests(ops, ["kitchen"]), thresholds=Thresholds())
    assert [f.status for f in fine] == [Status.OK]


def test_c13_a_rates_window_follows_from_the_scrape_interval_and_shows_the_points(ops: Session) -> None:
    (row,) = records(metrics.requests(ops, ["kitchen"], window_s=75.0))
    assert (row["scrape_interval_s"], row["window_s"]) == (60.0, 240.0)
    assert (row["points_found"], row["points_expected"]) == (4, 4)
    assert row["requests_per_s"] == pytest.approx(1.0)


def test_a_service_of_which_half_the_samples_are_lost_is_unknown(ops: Session) -> None:
    table = metrics.requests(ops, ["sparse"], window_s=900.0)
    (row,) = records(table)
    assert row["points_found"] * 3 < row["points_expected"]
    (found,) = checks.error_rate(table, thresholds=Thresholds())
    assert found.status is Status.UNKNOWN
    assert "samples there" in found.reason


def test_a_status_label_of_another_name_is_configuration(server: PrometheusServer, tmp_path: Path) -> None:
    with reading(server.url, tmp_path, status_label="status") as ops:
        (row,) = records(metrics.requests(ops, ["unlabelled"]))
    assert row["error_ratio"] == pytest.approx(1.0)


def test_quantiles_come_with_what_they_rest_on_and_say_where_the_buckets_end(ops: Session) -> None:
    found = {(r["service"], r["quantile"]): r for r in records(metrics.latency(ops, ["orders", "idle", "nowhere"]))}
    assert found["orders", 0.5]["latency_s"] == pytest.approx(0.1)
    assert found["orders", 0.95]["latency_s"] == pytest.approx(0.5)
    assert not found["orders", 0.95]["at_least"]
    assert (found["orders", 0.99]["latency_s"], found["orders", 0.99]["at_least"]) == (1.0, True)
    assert found["orders", 0.5]["requests_per_s"] == pytest.approx(1.0)
    assert len(metrics.latency(ops, ["orders", "orders"])) == len(metrics.latency(ops, ["orders"]))
    assert found["idle", 0.5]["missing"] == "no request in the window"
    assert "no series" in found["nowhere", 0.5]["missing"]


def test_saturation_is_of_the_services_own_containers(ops: Session) -> None:
    table = metrics.saturation(ops, ["orders"], namespace="go-coffee")
    found = {row["pod"]: row for row in records(table)}
    assert sorted(found) == ["orders-7d9fbcd5f6-bbbbb", "orders-7d9fbcd5f6-x2x4z", "orders-7d9fbcd5f6-zzzzz"]
    limited, free = found["orders-7d9fbcd5f6-x2x4z"], found["orders-7d9fbcd5f6-zzzzz"]
    assert limited["cpu_throttled"] == pytest.approx(0.3)
    assert (limited["memory_mib"], limited["memory_limit_mib"]) == (225.0, 256.0)
    assert limited["memory_of_limit"] == pytest.approx(225 / 256)
    assert (free["memory_limited"], free["memory_of_limit"], free["cpu_throttled"]) == (False, None, None)
    judged = checks.saturation(table, thresholds=Thresholds())
    assert [(f.status, f.subject) for f in judged] == [
        (Status.WARN, "pod/orders-7d9fbcd5f6-x2x4z"),
        (Status.WARN, "pod/orders-7d9fbcd5f6-x2x4z"),
        (Status.UNKNOWN, "containers"),
    ]
    assert (
        "2 containers are held back for CPU is not told" in judged[2].reason
    )  # nobody tells whether they have a limit
    nobody = checks.saturation(metrics.saturation(ops, ["nowhere"]), thresholds=Thresholds())
    assert [f.status for f in nobody] == [Status.UNKNOWN]


def test_cpu_that_is_not_measured_is_unknown_where_there_is_a_limit(ops: Session) -> None:
    table = metrics.saturation(ops, ["tables"])
    found = {row["pod"]: (row["cpu_limited"], row["cpu_throttled"], row["missing"]) for row in records(table)}
    assert found == {
        "tables-0": (False, None, "no CPU limit"),
        "tables-1": (True, None, "no series container_cpu_cfs_periods_total"),
    }
    (said,) = checks.saturation(table, thresholds=Thresholds())
    assert (said.status, said.subject) == (Status.UNKNOWN, "pod/tables-1")
    (well,) = checks.saturation(table.iloc[[0]], thresholds=Thresholds())
    assert (well.status, well.reason) == (Status.OK, "1 container below their limits; 1 without a CPU limit")


def test_that_no_limit_is_told_is_no_sign_where_nobodys_is(server: PrometheusServer, tmp_path: Path) -> None:
    with reading(server.url, tmp_path, container_limits="nobody_scrapes_these") as ops:
        table = metrics.saturation(ops, ["tables"])
    assert table["cpu_limited"].isna().all()
    (said,) = checks.saturation(table, thresholds=Thresholds())
    assert (said.status, said.subject) == (Status.UNKNOWN, "containers")
    assert "tables-0/table, tables-1/table" in said.reason


NOBODYS = "nobody_scrapes_these"


@pytest.mark.parametrize(
    ("names", "limited"),
    [
        ({}, (False, False, True, None)),  # kube-state-metrics is there, and does not know them
        ({"container_limits": NOBODYS}, (False, False, True, None)),
        ({"cpu_period": NOBODYS}, (None, False, True, None)),
        (
            {"cpu_quota": NOBODYS},
            (None, None, None, None),
        ),  # somebody has CFS periods, so quotas are not for want of limits
        ({"cpu_quota": NOBODYS, "cpu_periods": NOBODYS}, (None, None, None, None)),
    ],
)
def test_a_period_without_a_quota_is_no_cpu_limit_and_nothing_at_all_tells_nothing(
    server: PrometheusServer, tmp_path: Path, names: dict[str, str], limited: tuple[bool | None, ...]
) -> None:
    with reading(server.url, tmp_path, **names) as ops:
        table = metrics.saturation(ops, ["grinders"])
    assert tuple(row["cpu_limited"] for row in records(table)) == limited
    for number, one in enumerate(limited):
        (found,) = checks.saturation(table.iloc[[number]], thresholds=Thresholds())
        assert found.status is (Status.OK if one is False else Status.UNKNOWN), found


def test_saturation_of_several_services_says_which_has_no_container(ops: Session) -> None:
    alone = metrics.saturation(ops, ["orders"], namespace="go-coffee")
    both = metrics.saturation(ops, ["orders", "nowhere"], namespace="go-coffee")
    assert both["pod"].tolist() == alone["pod"].tolist()
    (finding,) = ops.findings
    assert finding.status is Status.UNKNOWN
    assert "no container of nowhere is known there" in finding.reason
    with pytest.raises(ParameterError, match="no service is named"):
        metrics.saturation(ops, [])


def test_pods_that_run_and_have_no_metrics_are_missed_beside_those_that_have(ops: Session) -> None:
    table = metrics.saturation(ops, ["seats"])
    assert table["pod"].tolist() == ["seats-0"]
    (finding,) = ops.findings
    assert finding.status is Status.UNKNOWN
    assert "containers of seats-1 run and have no metrics" in finding.reason  # seats-2 has only begun


def test_h28_memory_has_a_history_a_slope_and_a_time_to_its_limit(ops: Session) -> None:
    samples = metrics.memory(ops, "orders", hours=2.0)
    trend = memory_trend(samples)
    found = {row["pod"][-5:]: row for row in records(trend)}
    assert sorted(found) == ["bbbbb", "ccccc", "x2x4z", "zzzzz"]
    assert found["x2x4z"]["slope_mib_per_h"] == pytest.approx(60.0)
    assert found["x2x4z"]["time_to_limit_s"] == pytest.approx(31 * 60, abs=61)
    assert found["x2x4z"]["samples"] == found["x2x4z"]["steps"] == 61
    assert found["bbbbb"]["slope_mib_per_h"] == pytest.approx(120.0)
    assert found["bbbbb"]["samples"] < 20
    assert (found["zzzzz"]["time_to_limit_s"], found["zzzzz"]["missing"]) == (None, "no memory limit")
    assert "gone" in found["ccccc"]["missing"]
    judged = checks.memory_trend(trend, thresholds=Thresholds())
    assert {f.subject[-5:]: f.status for f in judged} == {"x2x4z": Status.CRIT, "bbbbb": Status.WARN}
    assert judged[0].evidence == ()
    assert trend.attrs["evidence"] == samples.attrs["evidence"] != []


def test_a_range_has_a_row_for_each_step_and_says_where_there_is_no_sample(ops: Session) -> None:
    ended = ORDERS.replace("x2x4z", "ccccc")
    table = metrics.over(ops, f"container_memory_working_set_bytes{{{ended}}}", window_s=7200.0, step_s=600.0)
    assert len(table) == 13
    assert table["value"].notna().tolist() == [True] * 6 + [False] * 7
    assert set(table["missing"].dropna()) == {"no sample: not scraped then, or gone stale"}
    assert labelled(table, "pod")["pod"].unique().tolist() == ["orders-7d9fbcd5f6-ccccc"]


@pytest.mark.parametrize(("promql", "said"), [("0 / (up == 0)", "NaN"), ("1 / (up == 0)", "+Inf"), ("vector(7)", "")])
def test_what_is_no_number_is_missing_with_its_word(ops: Session, promql: str, said: str) -> None:
    (row,) = records(metrics.instant(ops, promql))
    assert (row["value"] is None, (row["missing"] or "").startswith(said)) == (bool(said), True)


def test_a_range_selector_gives_its_samples(ops: Session) -> None:
    table = metrics.instant(ops, 'up{job="orders"}[5m]')
    assert len(table) == 5
    assert table["series"].unique().tolist() == ['up{instance="orders:8080",job="orders"}']


@pytest.mark.parametrize(
    ("promql", "error", "said"),
    [("up{", Unsupported, "bad_data"), ("up * on() up", ServerFault, "execution"), ('"text"', Unsupported, "string")],
)
def test_what_the_server_says_is_wrong_with_a_question_is_the_error(
    ops: Session, promql: str, error: type[OpsError], said: str
) -> None:
    with pytest.raises(error, match=said):
        metrics.instant(ops, promql)


def test_a_question_for_too_many_samples_is_refused_by_us_or_by_the_server(ops: Session) -> None:
    with pytest.raises(ParameterError, match="in steps of"):
        metrics.over(ops, "up", window_s=86_400.0, step_s=1.0)
    with pytest.raises(ServerFault, match="too many samples"):
        metrics.over(ops, "up", window_s=7_000.0, step_s=1.0)


def test_services_are_those_that_had_requests_also_when_they_are_down_by_now(
    server: PrometheusServer, ops: Session, tmp_path: Path
) -> None:
    counted = ["idle", "kitchen", "orders", "sparse", "unlabelled"]
    assert metrics.services(ops)["service"].tolist() == counted
    with reading(server.url, tmp_path / "later", as_of=AS_OF + timedelta(minutes=30)) as later:
        assert "no series" in metrics.requests(later, ["orders"])["missing"][0]
        assert metrics.services(later)["service"].tolist() == counted
        assert metrics.services(later, window_s=600.0).empty


def test_a_window_that_ended_before_is_read_as_it_was_read_then(
    server: PrometheusServer, ops: Session, tmp_path: Path
) -> None:
    def read(asked: Session, **window: Any) -> list[Any]:
        tables = (
            metrics.requests(asked, ["orders", "kitchen"], **window),
            metrics.latency(asked, ["orders"], **window),
            metrics.saturation(asked, ["orders"], namespace="go-coffee", **window),
        )
        return [records(table) for table in tables]

    with reading(server.url, tmp_path / "later", as_of=AS_OF + timedelta(hours=1)) as later:
        assert read(later, end=AS_OF) == read(ops)
        assert read(later, end=AS_OF - timedelta(minutes=30)) != read(ops)


def test_of_a_window_that_ends_after_the_run_nobody_is_asked(tmp_path: Path) -> None:
    after = AS_OF + timedelta(minutes=1)
    with serving(lambda _: says({})) as server, reading(server.url, tmp_path) as ops:
        for question in (metrics.requests, metrics.latency, metrics.saturation):
            with pytest.raises(
                ParameterError, match=r"2026-01-05 12:01 UTC is after this run, which reads as of 12:00:05"
            ):
                question(ops, ["orders"], end=after)
        assert server.asked == []


def test_a_replay_gives_the_tables_that_were_read(ops: Session, tmp_path: Path) -> None:
    read = metrics.requests(ops, ["orders", "idle"])
    recorded = Place(MAIN, AS_OF, recording=Recording(tmp_path / "evidence"))
    again = Session(
        runbook="test",
        environment="test",
        places=[recorded],
        thresholds=Thresholds(),
        ledger=type(ops.ledger)(tmp_path / "again"),
    )
    assert metrics.requests(again, ["orders", "idle"]).equals(read)


def test_the_expressions_that_were_asked_are_on_record(ops: Session) -> None:
    metrics.requests(ops, ["orders"])
    (entry,) = [entry for entry in ops.ledger.entries() if entry.kind == "query"]
    assert 'sum by (job) (rate(http_requests_total{job=~"orders"}[300s]))' in entry.body["notes"]["promql"]


def test_a_series_that_is_no_longer_exposed_goes_stale(prometheus_programs: None, tmp_path: Path) -> None:
    lines = 'cups_total{size="s"} 1\ncups_total{size="l"} 2\n'
    with Exporter(lines) as exporter, PrometheusServer(jobs={"cups": exporter.port}) as server:
        _seen(server, tmp_path / "a", 2)
        exporter.text = 'cups_total{size="s"} 1\n'
        now = _seen(server, tmp_path / "b", 1)
        with reading(server.url, tmp_path / "c", now) as ops:
            table = metrics.over(ops, "cups_total", window_s=20.0, step_s=1.0)
            (interval,) = records(metrics.requests(ops, ["cups"]))
    last = {row["labels"][-1]: row for row in records(table)}
    assert (last["size=s"]["value"], last["size=l"]["value"]) == (1.0, None)
    assert last["size=l"]["missing"] is not None
    assert interval["scrape_interval_s"] == pytest.approx(1.0, abs=0.2)


def _seen(server: PrometheusServer, folder: Path, count: int) -> datetime:
    """The moment at which so many series are there."""
    for attempt in range(200):
        now = datetime.now(UTC)
        with reading(server.url, folder / str(attempt), now) as ops:
            if len(metrics.instant(ops, "cups_total")) == count:
                return now
        time.sleep(0.1)
    raise AssertionError(f"there are not {count} series")


def _vector(*values: str) -> list[dict[str, Any]]:
    return [{"metric": {"i": str(i)}, "value": [1767614405.0, value]} for i, value in enumerate(values)]


def test_a_servers_warning_makes_the_answer_partial_and_is_a_finding(tmp_path: Path) -> None:
    warning = "No StoreAPIs matched for this query"
    body = {
        "status": "success",
        "data": {"resultType": "vector", "result": _vector("1")},
        "warnings": [warning],
        "infos": ["metric might not be a counter"],
    }
    with serving(lambda _: says(body)) as server, reading(server.url, tmp_path) as ops:
        table = metrics.instant(ops, "up")
        (entry,) = [entry for entry in ops.ledger.entries() if entry.kind == "query"]
    assert warning in table.attrs["truncated"][0]
    assert [(f.status, warning in f.reason) for f in ops.findings] == [(Status.WARN, True)]
    assert entry.body["notes"]["infos"] == ["metric might not be a counter"]


def test_more_series_than_the_limit_are_cut_and_said(tmp_path: Path) -> None:
    body = {"status": "success", "data": {"resultType": "vector", "result": _vector(*["1"] * 1001)}}
    with serving(lambda _: says(body)) as server, reading(server.url, tmp_path) as ops:
        table = metrics.instant(ops, "up")
        assert server.asked[0].query["limit"] == "1001"
    assert len(table) == 1000
    assert "more than 1,000 series" in table.attrs["truncated"][0]


HISTOGRAM = {"resultType": "vector", "result": [{"metric": {}, "histogram": [1767614405.0, {"count": "1"}]}]}
TIMEOUT = {"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"}


@pytest.mark.parametrize(
    ("answer", "error", "said", "asked"),
    [
        (says(TIMEOUT, 503), DeadlineExceeded, "query timed out", 1),
        (Answer(503, b"upstream", content_type="text/plain"), ServerFault, "503", 4),
        (Answer(401, b""), Unauthenticated, "401", 1),
        (Answer(200, b"<html>", content_type="text/html"), Malformed, "text/html", 1),
        (says({"status": "success", "data": []}), Malformed, "Expected", 1),
        (says({"status": "success", "data": HISTOGRAM}), Unsupported, "histogram", 1),
    ],
    ids=["timeout", "503", "401", "html", "other data", "native histogram"],
)
def test_an_answer_that_is_none_is_an_error(
    tmp_path: Path, answer: Answer, error: type[OpsError], said: str, asked: int
) -> None:
    with serving(lambda _: answer) as server, reading(server.url, tmp_path) as ops:
        with pytest.raises(error, match=said):
            metrics.instant(ops, "up")
        assert len(server.asked) == asked
