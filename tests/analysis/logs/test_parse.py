"""Records from lines: formats, levels, joined lines; and no line is lost."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gocoffee_ops.analysis.logs import LOG_LINES, RECORDS, error_rate, parse
from gocoffee_ops.errors import SchemaError
from gocoffee_ops.frames import records
from tests.analysis.logs.scene import START, at, line, lines, table

JAVA = [
    "java.lang.IllegalStateException: no stock",
    "\tat com.coffee.Stock.take(Stock.java:42)",
    "\tat com.coffee.Orders.place(Orders.java:7)",
    "Caused by: java.io.IOException: broken pipe",
    "\t... 3 more",
]
PYTHON = [
    "Traceback (most recent call last):",
    '  File "/app/orders.py", line 3, in place',
    "    beans[kind]",
    "KeyError: 'robusta'",
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "/app/orders.py", line 5, in place',
    "requests.exceptions.ConnectionError: gone",
]
GO = [
    "panic: runtime error: index out of range [3] with length 3",
    "",
    "goroutine 1 [running]:",
    "main.(*Store).take(0xc000012120, 0x3)",
    "\t/app/store.go:10 +0x1d",
    "created by main.serve in goroutine 7",
    "exit status 2",
]


def one(*texts: str) -> dict[str, Any]:
    """The one record that the lines are."""
    found = records(parse(lines(*texts)))
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("text", "form", "level", "message"),
    [
        ('{"level":"warn","msg":"few beans","n":3}', "json", "warn", "few beans"),
        ('{"severity":"ERROR","message":"no beans","httpRequest":{"status":503}}', "json", "error", "no beans"),
        ('{"level":50,"time":1767582000123,"msg":"pino"}', "json", "error", "pino"),
        ('{"log":{"level":"debug"},"message":"ecs"}', "json", "debug", "ecs"),
        ('{"lonely":1}', "json", None, '{"lonely":1}'),
        (r'time=2026-01-05T03:00:00Z level=INFO msg="said \"hi\"" id=7', "logfmt", "info", 'said "hi"'),
        ("level=error msg=short x=1", "logfmt", "error", "short"),
        ("W0105 03:00:00.123456   17 pod.go:31] slow", "klog", "warn", "slow"),
        ('E0105 03:00:00.123456   17 pod.go:31] "Sync failed" err="boom"', "klog", "error", 'Sync failed err="boom"'),
        ('10.0.0.1 - ada [05/Jan/2026:03:00:00 +0000] "GET /a HTTP/1.1" 200 5', "access", "info", "GET /a successful"),
        ('10.0.0.1 - - [05/Jan/2026:03:00:00 +0000] "\\x16\\x03" 400 0 "-" "-"', "access", "info", None),
        ("2026-01-05 03:00:00.1 UTC [42] app@coffee FATAL:  no slots", "text", "fatal", "no slots"),
        ("2026-01-05 03:00:00.1 UTC [42] LOG:  checkpoint starting: time", "text", "info", "checkpoint starting: time"),
        ("2026-01-05T03:00:00.1Z  WARN 1 --- [main] c.Orders : slow", "text", "warn", "1 --- [main] c.Orders : slow"),
        ("2026-01-05 03:00:00,123 - orders.api - ERROR - no beans", "text", "error", "no beans"),
        ("2026-01-05T03:00:00.1Z\tDEBUG\torders/a.go:3\tplaced", "text", "debug", "orders/a.go:3\tplaced"),
        ("[main] ERROR com.coffee.Orders - no beans", "text", "error", "com.coffee.Orders - no beans"),
        ("2026/01/05 03:00:00 [crit] 12#12: *1 open() failed", "text", "fatal", "12#12: *1 open() failed"),
        ("WARNING:root:few beans", "text", "warn", "root:few beans"),
        ("error: exit 1", "text", "error", "exit 1"),
        ("1:M 05 Jan 2026 03:00:00.123 # overcommit is off", "text", "warn", "overcommit is off"),
        ("\x1b[33mWARN\x1b[0m few beans", "text", "warn", "few beans"),
        ("2026/01/05 03:00:00 listening", "text", None, "listening"),
        ("listening", "text", None, "listening"),
        ('{"cut": "of', "text", None, '{"cut": "of'),
        ("[1, 2]", "text", None, "[1, 2]"),
    ],
)
def test_each_format_tells_level_and_message(text: str, form: str, level: str | None, message: str | None) -> None:
    found = one(text)

    assert (found["format"], found["level"]) == (form, level)
    assert found["message"] == (text if message is None else message)


@pytest.mark.parametrize(
    "text",
    [
        '{"level":"info","msg":"customer typed ERROR"}',
        'level=info msg="level=error is what they sent" user=ada',
        "2026-01-05T03:00:00Z INFO retried after ERROR 17",
        "I0105 03:00:00.123456 1 a.go:1] ERROR is only a word",
        '10.0.0.1 - - [05/Jan/2026:03:00:00 +0000] "GET /ERROR HTTP/1.1" 200 5 "-" "ERROR"',
    ],
)
def test_h04_a_level_is_parsed_and_the_word_in_a_message_is_no_level(text: str) -> None:
    found = parse(lines(text))

    assert found["level"].tolist() == ["info"]
    assert error_rate(found)["error_records"].tolist() == [0]


def test_h04_a_stack_trace_is_one_record_of_one_error() -> None:
    head = "2026-01-05T03:00:00Z ERROR could not place order"
    found = parse(lines(head, *JAVA, "2026-01-05T03:00:01Z INFO next ERROR", head, *PYTHON, *GO))

    assert found["raw_lines"].tolist() == [6, 1, 11, 7]
    assert found["exception"].tolist() == [
        "java.lang.IllegalStateException",
        pd.NA,
        "requests.exceptions.ConnectionError",
        "panic",
    ]
    assert found["level"].tolist() == ["error", "info", "error", "fatal"]
    assert found["trace"][0] == "\n".join(JAVA)


def test_a_trace_behind_a_line_that_is_no_error_is_a_record_of_its_own() -> None:
    found = parse(lines("INFO started", *JAVA, "INFO still here", *PYTHON))

    assert found["raw_lines"].tolist() == [1, 5, 1, 10]
    assert found["level"].tolist() == ["info", "error", "info", "error"]
    assert found["format"].tolist() == ["text", "trace", "text", "trace"]
    assert found["message"][3] == "requests.exceptions.ConnectionError: gone"


def test_a_json_line_between_a_traces_lines_is_not_swallowed() -> None:
    found = parse(lines(*PYTHON[:3], '{"level":"error","msg":"mine"}'))

    assert found["message"].tolist()[1] == "mine"
    assert found["raw_lines"].tolist() == [3, 1]


def test_a_trace_within_a_json_line_tells_its_exception() -> None:
    found = one('{"level":"error","msg":"m","stack_trace":"java.io.IOException: x\\n\\tat a.B.c(B.java:1)"}')

    assert found["exception"] == "java.io.IOException"
    assert found["raw_lines"] == 1


def test_postgres_details_belong_to_their_error() -> None:
    prefix = "2026-01-05 03:00:00.123 UTC [42] app@coffee "
    found = one(
        prefix + 'ERROR:  duplicate key value violates unique constraint "orders_pkey"',
        prefix + "DETAIL:  Key (id)=(1) already exists.",
        prefix + "STATEMENT:  INSERT INTO orders",
        "\tVALUES (1)",
    )

    assert (found["level"], found["raw_lines"]) == ("error", 4)


def test_h30_the_status_is_a_field_and_never_any_digits() -> None:
    ours = [
        '10.0.0.1 - - [05/Jan/2026:03:00:00 +0000] "GET /orders/401 HTTP/1.1" 200 403 "-" "curl/429"',
        '{"level":"info","msg":"took 401 ms","bytes":429,"order":403,"status":"shipped"}',
        "level=info msg=done order=403 size=429 status=1401",
        "INFO order 401 has 429 beans",
        '10.0.0.2 - - [05/Jan/2026:03:00:00 +0000] "GET /admin?id=200 HTTP/1.1" 403 5 "-" "curl/8"',
        '{"msg":"request","status":429,"method":"GET","path":"/menu?x=401","client_ip":"10.0.0.3:5123"}',
    ]
    found = parse(lines(*ours))

    assert found["status"].tolist() == [200, pd.NA, pd.NA, pd.NA, 403, 429]
    denied = found[found["status"].isin([401, 403, 429])]
    assert denied[["client", "method", "path"]].to_numpy().tolist() == [
        ["10.0.0.2", "GET", "/admin"],
        ["10.0.0.3", "GET", "/menu"],
    ]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('"duration_ms":12.5', 12.5),
        ('"latency":"1.5s"', 1500.0),
        ('"request_time":0.25', 250.0),
        ('"duration":12.5', None),
        ('"elapsed":"soon"', None),
        ('"latency_ms":"NaN"', None),
    ],
)
def test_a_duration_without_a_unit_is_missing(field: str, expected: float | None) -> None:
    assert one(f'{{"msg":"m",{field}}}')["duration_ms"] == expected


def test_an_ingress_controller_tells_how_long_a_request_took() -> None:
    text = '10.0.0.1 - - [05/Jan/2026:03:00:00 +0000] "GET / HTTP/2.0" 200 5 "-" "c" 82 0.003 [x-80] [] 10.1.0.1:80 5 0.003 200 a'

    assert one(text)["duration_ms"] == 3.0


def test_the_runtimes_time_comes_first_and_a_time_without_a_zone_is_none() -> None:
    text = '{"msg":"m","time":"2026-01-05T04:00:00+01:00"}'
    found = parse(table([line(text, at(5)), line(text), line("2026-01-05 03:00:00 INFO naive"), line("none")]))

    assert found["time"].tolist() == [at(5), START, pd.NaT, pd.NaT]


def test_partial_lines_of_the_runtime_are_put_together_for_each_stream() -> None:
    found = parse(
        lines(
            '2026-01-05T03:00:00.1Z stdout P {"level":"error","msg":"lo',
            "2026-01-05T03:00:00.2Z stderr F ERROR between",
            '2026-01-05T03:00:00.3Z stdout F ng"}',
            "2026-01-05T03:00:00.4Z stdout F ",
            "2026-01-05T03:00:00.5Z stdout P never ended",
        )
    )

    assert found["message"].tolist() == ["long", "between", "never ended"]
    assert found["raw_lines"].tolist() == [2, 2, 1]
    assert found["time"][0] == pd.Timestamp("2026-01-05T03:00:00.1Z")


def test_lines_of_containers_that_are_mixed_are_joined_within_their_own() -> None:
    trace = [("a", JAVA[0]), ("b", "INFO one"), ("a", JAVA[1]), ("b", "INFO two"), ("a", JAVA[2])]
    found = parse(table(line(text, pod=pod) for pod, text in trace))

    assert found["pod"].tolist() == ["a", "b", "b"]
    assert found["raw_lines"].tolist() == [3, 1, 1]
    assert found["first_line"].tolist() == [0, 1, 3]


def test_a_previous_container_is_another_one() -> None:
    found = parse(table([line(JAVA[0], previous=True), line(JAVA[1], previous=False)]))

    assert found["raw_lines"].tolist() == [1, 1]


def test_no_lines_are_no_records_with_all_columns() -> None:
    found = parse(lines())

    assert found.dtypes.equals(RECORDS.empty().dtypes)
    assert found.attrs["evidence"] == ["logs.lines()@cluster/eu"]


def test_a_table_without_a_cluster_is_refused() -> None:
    with pytest.raises(SchemaError, match="no log lines"):
        parse(LOG_LINES.from_rows([]).iloc[:, :-1])
    with pytest.raises(SchemaError, match="cluster"):
        parse(LOG_LINES.from_rows([{k: v for k, v in line("x").items() if k != "cluster"}]))


PIECES = [
    *JAVA,
    *PYTHON,
    *GO,
    "INFO fine",
    "}",
    '{"a":1}',
    '{"level":7}',
    "a=1 level=warn",
    "2026-01-05T03:00:00Z stdout P x",
]
anything = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=40)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(PIECES) | anything), max_size=30))
def test_no_line_is_lost(written: list[tuple[str, str]]) -> None:
    given_lines = table(line(text, pod=pod) for pod, text in written)
    found = parse(given_lines)

    assert found["raw_lines"].sum() == len(written)
    assert found["raw_lines"].groupby(found["pod"]).sum().to_dict() == given_lines.groupby("pod").size().to_dict()
    assert found["first_line"].is_monotonic_increasing
    assert found["message"].notna().all()
    assert RECORDS.table({name: found[name] for name in RECORDS.names}).num_rows == len(found)
