"""An incident in the log of a busy pod, on a real API server: it is read before the time that it is compared with, and what is not
read of it is no OK.

Twenty minutes of a service with 40 requests a second, in which every second one of the last five minutes' fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import logs as log_analysis
from gocoffee_ops.analysis import timeline
from gocoffee_ops.checks.grading import said
from gocoffee_ops.model import Finding, Status, Thresholds, Window
from gocoffee_ops.queries import logs
from tests.queries.log_stage import NOON, Stage, cri, minutes_before, pod, session
from tests.testbed.control_plane import Cluster
from tests.testbed.kube_fixtures import fresh_namespace

LIMITS = Thresholds()
WINDOW = Window(minutes_before(10), NOON)
BASELINE = Window(minutes_before(20), minutes_before(10))
BROKE = minutes_before(5)
STEP = timedelta(milliseconds=25)
REQUESTS = 48_000
PADDING = "x" * 190  # 12 MiB in all: more than what a kubelet keeps by default


def _request(at: datetime, i: int) -> str:
    failed = at >= BROKE and i % 2
    level, message, status = ("error", "request failed", 503) if failed else ("info", "request served", 200)
    return cri(
        at, f'{{"level":"{level}","msg":"{message} {PADDING}","method":"GET","path":"/orders","status":{status}}}'
    )


@pytest.fixture(scope="module")
def busy(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A busy pod, and one that wrote a line a minute until the window began."""
    with fresh_namespace(cluster) as namespace:
        stage = Stage(cluster, namespace, tmp_path_factory.mktemp("logs"))
        text = "".join(_request(BASELINE.start + i * STEP, i) for i in range(REQUESTS))
        silent = "".join(cri(minutes_before(20 - m), "INFO alive") for m in range(10))
        files = {
            "orders-0": [{"logsFile": stage.write("busy", text)}],
            "quiet-0": [{"logsFile": stage.write("silent", silent)}],
        }
        stage.create([pod(name) for name in files], files)
        yield stage


def read(stage: Stage, name: str, of: str = "pod/orders-0", **budget: float) -> pd.DataFrame:
    ops = session(stage, name)
    return logs.lines(
        ops, namespace=stage.namespace, of=of, start=BASELINE.start, end=NOON, first_from=WINDOW.start, **budget
    )


def judged(lines: pd.DataFrame) -> list[Finding]:
    """What the checks say: of the rate, of the errors, and of what is new."""
    records = log_analysis.parse(lines)
    kinds = log_analysis.templated(records)
    return [
        *checks.error_rate_below(log_analysis.error_rate(records), thresholds=LIMITS, window=WINDOW),
        *checks.errors_logged(log_analysis.templates(kinds), thresholds=LIMITS),
        *checks.nothing_new_in_logs(log_analysis.novelty(kinds, WINDOW, BASELINE), thresholds=LIMITS),
    ]


def test_the_incident_of_a_busy_pod_is_read_by_default(busy: Stage) -> None:
    lines = read(busy, "default")

    assert (len(lines), lines.attrs["truncated"], lines.attrs["gaps"]) == (REQUESTS, [], [])
    assert lines["time"].is_monotonic_increasing, "the window's lines follow the baseline's"
    rate, logged, news = judged(lines)
    assert (rate.status, rate.reason[:41]) == (Status.CRIT, "25.0 % of 24,000 requests failed, at most")
    assert (logged.status, logged.numbers["records"]) == (Status.WARN, 6_000)
    assert (news.status, news.numbers["count"]) == (Status.CRIT, 6_000)


def test_a_budget_first_serves_the_window_and_no_line_is_read_twice(busy: Stage) -> None:
    lines = read(busy, "window first", log_mib=8.0)

    times = lines["time"]
    assert times.is_unique
    assert (times >= pd.Timestamp(WINDOW.start)).sum() == REQUESTS / 2, "the whole window"
    (row,) = logs.coverage(lines).query("state == 'cut'").to_dict("records")
    last = times[times < pd.Timestamp(WINDOW.start)].max()
    assert BASELINE.start < last < WINDOW.start
    assert f"not read from {last:%Y-%m-%d %H:%M:%S} UTC to {WINDOW.start:%Y-%m-%d %H:%M:%S} UTC" in row["reason"]
    shown = busy.cluster.kubectl("logs", "orders-0", "--timestamps", "-n", busy.namespace).splitlines(keepends=True)
    at = REQUESTS // 2
    assert row["sha256"] == hashlib.sha256("".join(shown[at:]).encode()).hexdigest()
    before = "".join(shown[: len(lines) - at]).encode()
    assert row["sha256_before"] == hashlib.sha256(before).hexdigest()
    rate, logged, news = judged(lines)
    assert [one.status for one in (rate, logged, news)] == [Status.CRIT, Status.WARN, Status.CRIT]
    assert "not all was read" not in rate.reason + news.reason, "of the window all was"


def test_what_is_not_read_of_the_window_is_unknown_and_its_times_are_named(busy: Stage) -> None:
    """The budget ends before the failures begin: all that was read is fine."""
    lines = read(busy, "cut", log_mib=2.0)

    last = lines["time"].max()
    assert WINDOW.start < last < BROKE
    missing = f"the log of app in orders-0 is not read from {last:%Y-%m-%d %H:%M:%S} to {NOON:%H:%M:%S} UTC"
    found = judged(lines)
    assert [one.status for one in found] == [Status.UNKNOWN] * 3, said(found)
    assert [missing in one.reason for one in found] == [True] * 3, said(found)
    ops = session(busy, "marked")
    kinds = log_analysis.templated(log_analysis.parse(lines))
    onsets = log_analysis.onset(kinds, WINDOW)
    assert list(onsets["template"]) == [], "that lines were not read is no change of their rate"
    ops.mark(timeline.log_onsets(onsets))
    (changed,) = checks.changed_before_onset(
        ops.timeline(), timeline.candidates(ops.timeline(), onset=None, otherwise=NOON, service="")
    )
    assert (changed.status, missing in changed.reason) == (Status.UNKNOWN, True), changed.reason


def test_what_was_read_and_is_not_kept_is_no_rate(busy: Stage) -> None:
    lines = read(busy, "thinned", keep_mib=1.0)

    kept = log_analysis.error_rate(log_analysis.parse(lines))
    (missing,) = (one for log in lines.attrs["notes"]["planted"]["logs"] for one in log["missing"])
    until = datetime.fromisoformat(missing["to"])
    assert (missing["why"], BROKE < until < NOON) == ("thinned", True)
    counted = kept[kept["requests"].notna()]
    assert counted["start"].min() > pd.Timestamp(until)
    rate, logged, news = judged(lines)
    assert (rate.status, logged.status, news.status) == (Status.CRIT, Status.WARN, Status.CRIT)
    assert ["is not kept whole from" in one.reason for one in (rate, logged, news)] == [True] * 3
    assert log_analysis.onset(log_analysis.templated(log_analysis.parse(lines)), WINDOW).empty


def test_a_service_that_has_no_record_within_the_window_is_unknown(busy: Stage) -> None:
    lines = read(busy, "silent", of="app=orders")

    news = log_analysis.novelty(log_analysis.templated(log_analysis.parse(lines)), WINDOW, BASELINE)
    found = {one.subject: one for one in checks.nothing_new_in_logs(news, thresholds=LIMITS)}
    assert (found["service/orders"].status, found["service/quiet"].status) == (Status.CRIT, Status.UNKNOWN)
    assert found["service/quiet"].reason == ("no record within the window: it logged before, and may have gone silent")
