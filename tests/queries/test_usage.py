"""Usage by the hour, from a real Prometheus with a known history: what ran, what was lost, and which pod it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.config import MetricNames
from gocoffee_ops.errors import NotFound, ParameterError
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target
from gocoffee_ops.queries import usage
from gocoffee_ops.session import Session
from gocoffee_ops.sources.prometheus import Prometheus
from tests.http_server import says, serving
from tests.queries.usage_history import AS_OF, MIDNIGHT, Container, History, hours, uid
from tests.support import live_session
from tests.testbed.prometheus import PrometheusServer

ORDERS = Container(
    "orders-5c-x2x4z", uid=uid(1), made_by="ReplicaSet/orders-5c", requests=(1.0, 2048.0), limits=(2.0, 2048.0)
)
TWICE = [  # a pod of the same name, twice for an hour
    Container("batch", began=hours(23), ended=hours(22), uid=uid(2), cores=1.0, memory_mib=512.0),
    Container("batch", began=hours(14), ended=hours(13), uid=uid(3), cores=1.0, memory_mib=512.0),
]
ENDED = Container("short", began=hours(20), ended=hours(18.5), uid=uid(4), node="n2")
ON_N2 = Container("kitchen-0", uid=uid(5), node="n2", made_by="StatefulSet/kitchen", in_cgroup=False)
DAY = History((ORDERS, *TWICE, ENDED, ON_N2), owners={"orders-5c": "orders"})


@contextmanager
def reading(history: History, folder: Path, *flags: str, **names: Any) -> Iterator[Session]:
    """A session that reads a Prometheus with that history."""
    with PrometheusServer(history.lines(), flags=flags) as server:
        source = Prometheus("prometheus/main", server.url, metrics=MetricNames(**names))
        target = Target("prometheus", "main")
        yield live_session(folder, sources={target: source}, as_of=AS_OF, query_deadline_s=30.0)
        source.close()


@pytest.fixture(scope="module")
def day(prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """The hours of a day in which nothing was lost."""
    with reading(DAY, tmp_path_factory.mktemp("day")) as ops:
        yield records(usage.container_hours(ops, days=1))


def of(rows: list[dict[str, Any]], pod: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["pod"] == pod]


def test_windows_of_weeks_are_asked_as_any(prometheus_programs: None, tmp_path: Path) -> None:
    """Of so many seconds that a short form of the number would be none to Prometheus."""
    with reading(DAY, tmp_path) as ops:
        weeks = records(usage.container_hours(ops))
        assert {row["hour"] for row in weeks} == {MIDNIGHT - timedelta(hours=h) for h in range(24, 0, -1)}
        assert {row["workload"] for row in of(weeks, ORDERS.pod)} == {"deployment/orders"}
        assert len(usage.sizing(ops, days=14)) == len({row["pod"] for row in weeks})
        assert {row["pod"] for row in records(usage.samples(ops, namespaces=["go-coffee"], days=14))} == {
            row["pod"] for row in weeks
        }


def test_an_hours_usage_and_requests_are_what_they_were(day: list[dict[str, Any]]) -> None:
    rows = of(day, ORDERS.pod)
    assert [row["hour"] for row in rows] == [MIDNIGHT - timedelta(hours=h) for h in range(24, 0, -1)]
    for row in rows:
        assert row["cpu_core_hours"] == pytest.approx(0.5, rel=1e-6)
        assert row["memory_gib_hours"] == pytest.approx(1.0)
        assert (row["cpu_request_cores"], row["memory_request_gib"]) == (1.0, 2.0)
        assert (row["samples_found"], row["samples_expected"], row["missing"]) == (60, 60, None)
    told = {(row["workload"], row["pod_uid"], row["node"], row["minutes"]) for row in rows}
    assert told == {("deployment/orders", uid(1), "n1", 60.0)}


def test_c05_a_pod_of_the_same_name_that_ran_twice_is_two_by_its_uid_and_counts_the_minutes_it_ran(
    day: list[dict[str, Any]],
) -> None:
    rows = of(day, "batch")
    assert [(row["pod_uid"], row["minutes"]) for row in rows] == [(uid(2), 60.0), (uid(3), 60.0)]
    assert sum(row["cpu_core_hours"] for row in rows) == pytest.approx(2.0, rel=0.02)
    assert sum(row["memory_gib_hours"] for row in rows) == pytest.approx(1.0)
    assert {row["workload"] for row in rows} == {"pod/batch"}


def test_c05_where_no_cgroup_tells_a_uid_it_is_that_of_the_pod_that_ran_in_the_hour(
    prometheus_programs: None, tmp_path: Path
) -> None:
    untold = tuple(dataclasses.replace(one, in_cgroup=False) for one in TWICE)
    with reading(History((ORDERS, *untold)), tmp_path) as ops:
        rows = of(records(usage.container_hours(ops, days=1)), "batch")
    assert [(row["pod_uid"], row["minutes"], row["samples_expected"]) for row in rows] == [
        (uid(2), 60.0, 60),
        (uid(3), 60.0, 60),
    ]


def test_a_pod_that_ended_is_not_missed_afterwards(day: list[dict[str, Any]]) -> None:
    rows = of(day, "short")
    assert [(row["minutes"], row["samples_expected"]) for row in rows] == [(60.0, 60), (30.0, 30)]
    assert rows[1]["cpu_core_hours"] == pytest.approx(0.25, rel=0.05)


def test_a_uid_that_no_cgroup_tells_is_that_of_the_one_pod_of_the_name(day: list[dict[str, Any]]) -> None:
    assert {(row["pod_uid"], row["workload"]) for row in of(day, "kitchen-0")} == {(uid(5), "statefulset/kitchen")}


def test_c04_metrics_that_stop_are_hours_without_usage_and_not_less_usage(
    prometheus_programs: None, tmp_path: Path
) -> None:
    stopped = History(DAY.containers, DAY.owners, silent=lambda before: before <= hours(6))  # at 18:00
    with reading(stopped, tmp_path) as ops:
        rows = records(usage.container_hours(ops, days=1))
        (found,) = ops.findings
    assert found.status is Status.UNKNOWN
    assert "nothing has a sample from 01-05 18:00 to 01-06 00:00 UTC" in found.reason
    after = [row for row in of(rows, ORDERS.pod) if row["hour"] >= MIDNIGHT - timedelta(hours=6)]
    assert len(after) == 6
    for row in after:
        assert (row["samples_found"], row["samples_expected"], row["minutes"]) == (0, 60, 0.0)
        assert (row["cpu_core_hours"], row["memory_gib_hours"]) == (None, None)
        assert row["missing"] == "no sample in this hour, in which it ran"
    before = [row for row in of(rows, ORDERS.pod) if row["samples_found"]]
    assert len(before) == 18
    assert sum(row["cpu_core_hours"] for row in before) == pytest.approx(9.0, rel=1e-3)
    assert len(of(rows, "short")) == 2  # it had ended before


@pytest.mark.parametrize("state_metrics", [True, False])
def test_c04_a_gap_at_midday_is_not_bridged(prometheus_programs: None, tmp_path: Path, state_metrics: bool) -> None:
    gap = History(
        DAY.containers,
        DAY.owners,
        state_metrics=state_metrics,
        silent=lambda before: hours(10.5) < before <= hours(12.5),
    )
    with reading(gap, tmp_path) as ops:
        rows = records(usage.container_hours(ops, days=1))
    noon = [row for row in of(rows, ORDERS.pod) if 11 <= row["hour"].hour <= 13]
    assert [(row["samples_found"], row["samples_expected"]) for row in noon] == [(30, 60), (0, 60), (30, 60)]
    assert noon[1]["cpu_core_hours"] is None
    assert [row["memory_gib_hours"] for row in noon] == [0.5, None, 0.5]
    assert len(of(rows, "batch")) == 2  # none of the two ran then


def test_a_node_that_is_not_scraped_loses_its_own_pods_hours_alone(prometheus_programs: None, tmp_path: Path) -> None:
    history = History(
        DAY.containers,
        state_metrics=False,
        unscraped=lambda node, before: node == "n2" and hours(9) < before <= hours(10),
    )
    with reading(history, tmp_path) as ops:
        rows = records(usage.container_hours(ops, days=1))
    short = {row["pod"] for row in rows if row["samples_found"] < row["samples_expected"]}
    assert short == {"kitchen-0"}
    (lost,) = [row for row in of(rows, "kitchen-0") if row["samples_found"] == 0]
    assert (lost["hour"].hour, lost["samples_expected"]) == (14, 60)


def test_samples_of_one_container_that_are_lost_are_missed_where_it_is_told_that_it_ran(
    prometheus_programs: None, tmp_path: Path
) -> None:
    quiet = Container("quiet", uid=uid(9), lost=lambda before: hours(5) < before <= hours(7))
    with reading(History((ORDERS, quiet)), tmp_path) as ops:
        rows = records(usage.container_hours(ops, days=1))
    lost = [row for row in of(rows, "quiet") if row["samples_found"] == 0]
    assert [(row["hour"].hour, row["samples_expected"]) for row in lost] == [(17, 60), (18, 60)]


def test_without_kube_state_metrics_usage_is_there_and_who_it_was_is_not(
    prometheus_programs: None, tmp_path: Path
) -> None:
    with reading(History((ORDERS,), state_metrics=False), tmp_path) as ops:
        row = records(usage.container_hours(ops, days=1))[0]
    assert row["cpu_core_hours"] == pytest.approx(0.5)
    assert (row["workload"], row["node"], row["cpu_request_cores"], row["pod_uid"]) == (None, None, None, uid(1))


def test_no_sample_at_all_is_no_empty_answer(prometheus_programs: None, tmp_path: Path) -> None:
    with reading(DAY, tmp_path) as ops:
        with pytest.raises(NotFound, match="no sample of container_memory_working_set_bytes in nowhere"):
            usage.container_hours(ops, days=1, namespaces=["nowhere"])
        assert [(f.status, f.subject) for f in ops.findings] == [(Status.UNKNOWN, "prometheus/main")]


@pytest.mark.parametrize("days", [0, -1, 63, 1.5])
def test_a_window_that_is_none_is_refused_before_anything_is_asked(tmp_path: Path, days: Any) -> None:
    with serving(lambda _: says({})) as server:
        source = Prometheus("prometheus/main", server.url, metrics=MetricNames())
        ops = live_session(tmp_path, sources={Target("prometheus", "main"): source}, as_of=AS_OF)
        for ask in (usage.container_hours, usage.sizing):
            with pytest.raises(ParameterError, match="1 to 62 whole days"):
                ask(ops, days=days)
        with pytest.raises(ParameterError, match="no namespace is named"):
            usage.samples(ops, namespaces=[])
        assert server.asked == []


def test_days_before_the_servers_first_sample_are_unread_and_not_idle(
    prometheus_programs: None, tmp_path: Path
) -> None:
    with reading(DAY, tmp_path) as ops:
        table = usage.container_hours(ops, days=3)
    assert len(table) == 24 * 2 + 2 + 2
    assert [
        (f.status, "nothing has a sample from 01-03 00:00 to 01-05 00:00 UTC" in f.reason) for f in ops.findings
    ] == [(Status.UNKNOWN, True)]


def test_half_an_hour_that_is_lost_is_missed_also_where_up_is_scraped_more_often(
    prometheus_programs: None, tmp_path: Path
) -> None:
    often = History(
        (ORDERS,), state_metrics=False, also_up_s=15, silent=lambda before: hours(10) < before <= hours(10.5)
    )
    with reading(often, tmp_path) as ops:
        rows = records(usage.container_hours(ops, days=1))
    assert [
        (row["hour"].hour, row["samples_found"], row["samples_expected"]) for row in rows if row["samples_found"] < 60
    ] == [(13, 30, 60)]


class Twice(History):
    """Every series is scraped by two servers, which say who they are."""

    def lines(self) -> Iterator[str]:
        for line in super().lines():
            yield line
            if not line.startswith("#"):
                yield line.replace("{", '{replica="b",', 1)


def test_what_is_scraped_twice_counts_once(
    prometheus_programs: None, day: list[dict[str, Any]], tmp_path: Path
) -> None:
    with reading(Twice(DAY.containers, owners=DAY.owners), tmp_path) as ops:
        assert records(usage.container_hours(ops, days=1)) == day


def test_a_server_that_holds_fewer_samples_is_asked_in_parts_and_the_hours_are_the_same(
    prometheus_programs: None, tmp_path: Path
) -> None:
    pods = tuple(Container(f"p-{i}", uid=uid(i), namespace=f"ns{i % 3}") for i in range(1, 13))
    found, asked = [], []
    for flags in ([], ["--query.max-samples=260"]):
        with reading(History(pods, step_s=600), tmp_path / str(len(flags)), *flags) as ops:
            found.append(records(usage.container_hours(ops, days=1)))
            (entry,) = [entry for entry in ops.ledger.entries() if entry.kind == "query"]
            asked.append(len(entry.body["notes"]["promql"]))
    assert found[0] == found[1]
    assert len(found[0]) == 12 * 24
    assert asked[1] > asked[0] + 5


def test_where_nothing_tells_whether_it_was_scraped_all_samples_together_do(
    prometheus_programs: None, tmp_path: Path
) -> None:
    gap = History((ORDERS, ON_N2), nodes=(), state_metrics=False, silent=lambda before: hours(10) < before <= hours(12))
    with reading(gap, tmp_path) as ops:
        rows = records(usage.container_hours(ops, days=1))
    lost = [(row["pod"], row["hour"].hour) for row in rows if row["samples_found"] == 0]
    assert lost == [(pod, hour) for pod in (ON_N2.pod, ORDERS.pod) for hour in (12, 13)]
    assert [(f.status, "from 01-05 12:00 to 01-05 14:00" in f.reason) for f in ops.findings] == [(Status.UNKNOWN, True)]
