"""The log store, against a server that keeps Elasticsearch's documented contract: pages, what is cut, and what is not given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.config import ElasticsearchConfig, Environment
from gocoffee_ops.errors import NotFound, OpsError, Unsupported
from gocoffee_ops.model import Status, Target
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import check_environment
from gocoffee_ops.queries import log_store
from gocoffee_ops.session import Session
from gocoffee_ops.sources.elasticsearch import PAGE, Fields, LogStore
from gocoffee_ops.sources.http import Identity
from tests.http_server import Answer, HttpServer, says, serving, unused_port
from tests.log_store import Elasticsearch
from tests.support import live_session

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "an-api-key-that-nobody-may-see"
STORE = Target("elasticsearch", "logs")


def document(i: int) -> dict[str, Any]:
    """A document of a service, a second after the one before."""
    at = NOON - timedelta(minutes=50) + timedelta(seconds=i / 10)
    return {
        "@timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}123Z", "message": f"line {i}", "log.level": "error" if i % 10 == 0 else "info",
        "service.name": "orders", "kubernetes.namespace": "go-coffee", "kubernetes.pod.name": f"orders-{i % 2}",
        "kubernetes.container.name": "app",
    }  # fmt: skip


@pytest.fixture
def store() -> Elasticsearch:
    return Elasticsearch(document(i) for i in range(3))


@pytest.fixture
def server(store: Elasticsearch) -> Iterator[HttpServer]:
    with ExitStack() as stack:
        yield stack.enter_context(serving(store))


def session(tmp_path: Path, url: str, seconds: float = 10.0) -> Session:
    source = LogStore(str(STORE), url, index="logs-*", fields=Fields(), identity=Identity(token=KEY))
    return live_session(tmp_path, as_of=NOON, sources={STORE: source}, query_deadline_s=seconds)


def test_a_line_has_what_the_stores_fields_say(server: HttpServer, tmp_path: Path) -> None:
    frame = log_store.lines(session(tmp_path, server.url))
    assert frame.iloc[1].to_dict() == {
        "elasticsearch": "logs", "namespace": "go-coffee", "pod": "orders-1", "container": "app", "previous": False,
        "time": NOON - timedelta(minutes=50) + timedelta(seconds=0.1), "line": "line 1", "level": "info", "service": "orders",
    }  # fmt: skip
    assert server.asked[0].headers["authorization"] == f"ApiKey {KEY}"


def test_h31_a_window_of_many_pages_is_read_whole_and_of_one_moment(
    store: Elasticsearch, server: HttpServer, tmp_path: Path
) -> None:
    store.documents = [document(i) for i in range(2 * PAGE + 7)]
    ops = session(tmp_path, server.url)
    frame = log_store.lines(ops, window_s=86_400.0)
    assert list(frame["line"]) == [f"line {i}" for i in range(2 * PAGE + 7)]
    searches = [json.loads(one.body) for one in server.asked if one.path == "/_search"]
    assert [one.get("search_after", [None, None])[1] for one in searches] == [None, PAGE - 1, 2 * PAGE - 1]
    assert {one["pit"]["id"] for one in searches} == {"moment-0"}
    assert store.moments == [], "the moment is let go"
    assert ops.findings == []


def test_service_level_and_window_are_the_stores_to_search_by(
    store: Elasticsearch, server: HttpServer, tmp_path: Path
) -> None:
    store.documents = [document(i) for i in range(100)]
    start = NOON - timedelta(minutes=50) + timedelta(seconds=2)
    ops = session(tmp_path, server.url)
    frame = log_store.lines(
        ops, service="orders", level="error", search="li*", start=start, end=start + timedelta(seconds=5)
    )
    assert list(frame["line"]) == ["line 20", "line 30", "line 40", "line 50", "line 60"]
    asked = json.loads(next(one.body for one in server.asked if one.path == "/_search"))
    assert asked["query"]["bool"]["filter"][-1] == {"query_string": {"query": "li*", "default_field": "message"}}


def test_a_level_is_found_however_the_logger_writes_it_and_a_worse_one_with_it(
    store: Elasticsearch, server: HttpServer, tmp_path: Path
) -> None:
    written = ["ERROR", "err", "Panic", "warn", "INFO"]
    store.documents = [document(i) | {"log.level": level} for i, level in enumerate(written)]
    found = log_store.lines(session(tmp_path, server.url), level="error")
    assert list(found["level"]) == ["ERROR", "err", "Panic"]
    assert log_store.lines(session(tmp_path / "other", server.url), level="audit").empty


def test_a_limit_that_was_hit_says_how_many_there_are(store: Elasticsearch, server: HttpServer, tmp_path: Path) -> None:
    store.documents = [document(i) for i in range(500)]
    ops = session(tmp_path, server.url)
    frame = log_store.lines(ops, max_lines=20)
    assert len(frame) == 20
    assert frame.attrs["truncated"] == ["elasticsearch/logs: the oldest 20 of 500 lines (max_lines=20)"]
    assert [f.status for f in ops.findings] == [Status.WARN]
    assert store.moments == []


@pytest.mark.parametrize(
    ("shards", "timed_out", "said"),
    [
        ({"total": 3, "failed": 1, "failures": [{"reason": {"reason": "disk full"}}]}, False, "1 of 3 shards failed: disk full"),
        ({"total": 3, "failed": 0}, True, "timed out by the server"),
    ],
)  # fmt: skip
def test_what_shards_did_not_give_is_unknown_and_never_silently_whole(
    store: Elasticsearch, server: HttpServer, tmp_path: Path, shards: dict[str, Any], timed_out: bool, said: str
) -> None:
    store.shards, store.timed_out = shards, timed_out
    ops = session(tmp_path, server.url)
    frame = log_store.lines(ops)
    assert len(frame) == 3
    assert said in frame.attrs["gaps"][0]
    assert [(f.status, said in f.reason) for f in ops.findings] == [(Status.UNKNOWN, True)]


def test_a_pattern_that_matches_no_index_is_not_an_empty_answer(
    store: Elasticsearch, server: HttpServer, tmp_path: Path
) -> None:
    store.indices = []
    with pytest.raises(NotFound, match=r"no index matches logs-\*"):
        log_store.lines(session(tmp_path, server.url))


@pytest.mark.parametrize("lacking", ["@timestamp", "message", "service.name"])
def test_a_field_that_the_index_lacks_is_not_an_empty_answer(
    store: Elasticsearch, server: HttpServer, tmp_path: Path, lacking: str
) -> None:
    store.mapped -= {lacking}
    with pytest.raises(Unsupported, match=f"has no field {lacking}"):
        log_store.lines(session(tmp_path, server.url), service="orders")


def test_no_line_in_the_window_is_an_answer(server: HttpServer, tmp_path: Path) -> None:
    ops = session(tmp_path, server.url)
    frame = log_store.lines(ops, end=NOON - timedelta(days=2))
    assert (len(frame), list(frame.columns)[1], ops.findings) == (0, "namespace", [])


def test_h31_how_far_back_the_store_reaches_is_told(store: Elasticsearch, server: HttpServer, tmp_path: Path) -> None:
    store.mapped -= {"log.level"}
    (row,) = log_store.reach(session(tmp_path, server.url)).to_dict("records")
    assert (row["index"], row["lines"], row["lacking_fields"]) == ("logs-*", 3, ("log.level",))
    assert row["oldest_at"] == NOON - timedelta(minutes=50)


FAULTS = {
    "401": (says({"error": {"type": "security_exception", "reason": "invalid api key"}}, 401), "invalid api key"),
    "403": (says({"error": {"type": "security_exception", "reason": f"{KEY} may not"}}, 403), "[redacted] may not"),
    "500": (says({"error": "all shards failed"}, 500), "all shards failed"),
    "malformed": (says({"hits": {}}), "missing required field"),
    "truncated": (says({"timed_out": False}, cut_at=5), "the connection broke"),
    "HTML": (Answer(body=b"<html>", content_type="text/html"), "text/html instead of JSON"),
    "hang": (Answer(stall=True), "no answer after"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_store_is_unknown_with_the_reason_and_another_stands(
    store: Elasticsearch, server: HttpServer, tmp_path: Path, fault: str
) -> None:
    store.wrong, said = FAULTS[fault]
    whole = Target("elasticsearch", "whole")
    with serving(Elasticsearch(document(i) for i in range(3))) as other:
        sources = {
            target: LogStore(str(target), url, index="logs-*", fields=Fields(), identity=Identity(token=KEY))
            for target, url in ((STORE, server.url), (whole, other.url))
        }
        ops = live_session(tmp_path, as_of=NOON, sources=sources, query_deadline_s=3.0)
        frame = log_store.lines(ops)
    assert set(frame["elasticsearch"]) == {"whole"}
    (finding,) = ops.findings
    assert (finding.status, finding.subject, said in finding.reason) == (Status.UNKNOWN, "elasticsearch/logs", True)
    assert KEY not in finding.reason


def test_when_no_store_answers_that_is_raised(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="refused"):
        log_store.lines(session(tmp_path, f"http://127.0.0.1:{unused_port()}", 3.0))


def test_it_is_configured_and_checked_like_any_system(
    store: Elasticsearch, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_KEY", KEY)
    system = {"name": "logs", "url": server.url, "index": "app-*", "token_env": "STORE_KEY", "message_field": "msg"}
    environment = Environment(name="prod", elasticsearch=(ElasticsearchConfig.model_validate(system),))
    (place,) = open_places(environment, now=NOON).places
    assert place.detail == f"app-* at {server.url}"
    assert place.connect is not None
    assert place.connect().fields.message == "msg"
    (line,) = check_environment(environment)
    assert (line.target, line.status) == ("elasticsearch/logs", Status.OK)
    store.wrong = Answer(403)
    assert check_environment(environment)[0].status is Status.UNKNOWN
