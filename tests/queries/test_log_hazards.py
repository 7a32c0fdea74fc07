"""What grep makes of a platform's logs, and what is in them: read over pods/log of a real API server, once for all tests.

Beside each answer stands what the written step says of the very same lines: `kubectl logs`, with all lines, piped into grep.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis.logs import error_rate, novelty, parse, templated, templates
from gocoffee_ops.checks.grading import said
from gocoffee_ops.model import Status, Thresholds, Window
from gocoffee_ops.queries import logs
from tests.queries.log_stage import NOON, Stage, cri, minutes_before, pod, session
from tests.testbed.control_plane import Cluster
from tests.testbed.kube_fixtures import fresh_namespace

LIMITS = Thresholds()
WINDOW = Window(minutes_before(20), NOON)
BASELINE = Window(minutes_before(120), minutes_before(20))
TRACE = [
    "2026-11-23T11:45:00Z ERROR could not place order 12",
    "java.lang.IllegalStateException: no stock",
    "\tat com.coffee.Stock.take(Stock.java:42)",
    "Caused by: org.postgresql.util.PSQLException: ERROR: deadlock detected",
    "\tat com.coffee.Orders.place(Orders.java:7)",
    "\t... 3 more",
]
WORDS = ['{"level":"info","msg":"customer typed ERROR"}', "2026-11-23T11:41:00Z INFO retried after ERROR 17"]
DIGITS = '{"level":"info","msg":"took 401 ms","bytes":429,"order":403,"status":"shipped"}'
DENIED = [
    ("10.0.0.66", "POST", "/login", 401, 3),
    ("10.0.0.67", "GET", "/admin", 403, 2),
    ("10.0.0.68", "GET", "/menu", 429, 1),
]
SERVED = [("/menu", 200, 5, 152), ("/orders/401", 200, 5, 20), ("/menu", 200, 429, 10), ("/orders/7", 503, 5, 12)]
FAILED = 300  # payments


def _orders() -> str:
    """Errors in JSON, one of them longer than the runtime's lines, in logfmt, and as a stack trace: seven."""
    whole = '{"level":"error","msg":"' + "x" * 20_000 + '"}'
    at = minutes_before(45)
    lines = [cri(at, one) for one in (*WORDS, DIGITS)]
    lines += [cri(at, f'{{"level":"error","msg":"order {i} failed"}}') for i in range(3)]
    lines += [cri(at, f'level=error msg="order {i} was lost"') for i in range(2)]
    lines += [cri(at, whole[:16_384], "P"), cri(at, whole[16_384:])]
    lines += [cri(minutes_before(15), one) for one in TRACE]
    return "".join(lines)


def _gateway() -> str:
    """Two hundred requests: twelve of them failed, six were denied."""
    asked = [(f"10.0.0.{i % 9}", "GET", path, status, size) for path, status, size, n in SERVED for i in range(n)]
    asked += [(client, method, path, status, 5) for client, method, path, status, n in DENIED for _ in range(n)]
    shown = '{} - - [23/Nov/2026:11:30:00 +0000] "{} {} HTTP/1.1" {} {} "-" "curl/8"'
    begin = minutes_before(100)
    return "".join(cri(begin + timedelta(seconds=20 * i), shown.format(*one)) for i, one in enumerate(asked))


def _payment() -> str:
    """A heartbeat for two hours, and at the end three hundred failures, each with its own time, id and address."""
    beats = [(minutes_before(m), "INFO alive") for m in range(119, 0, -1)]
    began = minutes_before(10)
    failures = [
        (at, f"{at:%Y-%m-%dT%H:%M:%S}Z ERROR payment of ord_{i:06x}a failed after {i}ms for 10.0.0.{i % 9}")
        for i, at in ((i, began + timedelta(seconds=i + 0.5)) for i in range(FAILED))
    ]
    return "".join(cri(at, text) for at, text in sorted([*beats, *failures]))


@dataclass(frozen=True)
class Platform:
    """The logs as they were read, and the API server that has them."""

    stage: Stage
    lines: pd.DataFrame
    records: pd.DataFrame

    def written(self, pipeline: str) -> list[str]:
        """What the step as it is written prints, but for its ten lines of each container (H03)."""
        where = ("-l", "app=orders", "--tail=-1", "-n", self.stage.namespace)
        read = self.stage.cluster.kubectl("logs", *where, user="reader")
        done = subprocess.run(
            ["sh", "-c", pipeline], input=read, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.splitlines()

    def of(self, *services: str) -> pd.DataFrame:
        return self.records[self.records["service"].isin(services)]


@pytest.fixture(scope="module")
def platform(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("logs")
    texts = {"orders-0": _orders(), "gateway-0": _gateway(), "payment-0": _payment()}
    with fresh_namespace(cluster) as namespace:
        stage = Stage(cluster, namespace, folder)
        files = {name: [{"logsFile": stage.write(name, text)}] for name, text in texts.items()}
        stage.create([pod(name) for name in texts], files)
        ops = session(stage)
        lines = logs.lines(ops, namespace=namespace, window_s=7200.0)
        assert ops.findings == []
        assert set(logs.coverage(lines)["state"]) <= {"read", "none"}
        yield Platform(stage, lines, parse(lines))


def test_h04_errors_are_told_by_their_level_and_not_by_a_word(platform: Platform) -> None:
    """grep finds the word in two lines of level info, twice in one stack trace, and none of JSON's and logfmt's errors."""
    orders = platform.of("orders")
    assert orders["level"].value_counts().to_dict() == {"error": 7, "info": 3}
    assert orders["format"].value_counts().to_dict() == {"json": 6, "logfmt": 2, "text": 2}
    (trace,) = orders.loc[orders["exception"].notna()].to_dict("records")
    assert (trace["exception"], trace["raw_lines"]) == ("java.lang.IllegalStateException", len(TRACE))
    assert trace["message"] == "could not place order 12"
    (count,) = platform.written("grep ERROR | grep -v payment | wc -l")
    assert int(count) == 4


def test_h04_a_rate_is_of_requests_and_who_logs_none_has_no_rate(platform: Platform) -> None:
    rates = error_rate(platform.of("gateway", "orders"), bucket_s=3600.0)
    gateway = rates[rates["service"] == "gateway"]
    assert (gateway["requests"].sum(), gateway["errors"].sum()) == (200, 12)
    assert set(gateway["denominator"]) == {"access records"}
    failed, unknown = checks.error_rate_below(rates, thresholds=LIMITS)
    assert (failed.status, failed.subject) == (Status.CRIT, "service/gateway")
    assert failed.reason.startswith("6.0 % of 200 requests failed")
    assert (unknown.status, unknown.numbers["error_records"]) == (Status.UNKNOWN, 7)
    assert "no record of a request was read of orders" in unknown.reason


def test_h05_lines_that_differ_by_time_and_id_are_one_kind_with_its_count(platform: Platform) -> None:
    groups = [line.split()[0] for line in platform.written("grep 'ERROR payment' | sort | uniq -c")]
    assert groups == ["1"] * FAILED, "each line is a group of its own"
    found = templates(platform.of("payment"))
    assert found[["template", "count"]].to_numpy().tolist() == [
        ["payment of <id> failed after <num> for <ip>", FAILED],
        ["alive", 119],
    ]
    failed = found.iloc[0]
    first = minutes_before(10) + timedelta(seconds=0.5)
    assert (failed["first_seen"], failed["last_seen"]) == (first, first + timedelta(seconds=FAILED - 1))
    assert (failed["levels"], len(failed["examples"])) == (("error",), 3)


def test_h05_what_was_not_there_in_the_baseline_is_new(platform: Platform) -> None:
    table = novelty(templated(platform.of("payment")), WINDOW, BASELINE)
    assert table[["change", "template"]].to_numpy().tolist() == [
        ["new", "payment of <id> failed after <num> for <ip>"],
        ["same", "alive"],
    ]
    assert said(checks.nothing_new_in_logs(table, thresholds=LIMITS)) == [
        "CRIT service/payment: new: payment of <id> failed after <num> for <ip> (300 times, error)"
    ]


def test_h30_the_status_is_a_field_by_client_path_and_time(platform: Platform) -> None:
    """grep finds the digits in paths, sizes and milliseconds too: 37 lines instead of 6."""
    denied = platform.records[platform.records["status"].isin([401, 403, 429])]
    by = denied.groupby(["client", "method", "path", "status"])["time"].agg(["size", "min", "max"]).reset_index()
    assert by[["client", "method", "path", "status", "size"]].to_numpy().tolist() == [list(one) for one in DENIED]
    assert by["max"].max() == _last_request()
    assert (by["max"] - by["min"]).dt.total_seconds().tolist() == [40.0, 20.0, 0.0]
    (count,) = platform.written('grep -E "(401|403|429)" | wc -l')
    assert int(count) == 6 + 20 + 10 + 1


def _last_request() -> datetime:
    return minutes_before(100) + timedelta(seconds=20 * 199)
