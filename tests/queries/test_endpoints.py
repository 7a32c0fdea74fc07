"""Endpoints and external services over HTTP: what is a row, what is a gap, and what the checks make of the rows."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from gocoffee_ops import checks, endpoints
from gocoffee_ops.config import Environment
from gocoffee_ops.errors import DeadlineExceeded, Malformed, OpsError, Unauthenticated, Unreachable
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import check_environment
from gocoffee_ops.session import Place, Session
from tests.http_server import Answer, HttpServer, says, serving, unused_port
from tests.statuspage import PAGE, summary

PATIENCE_S = 60.0  # whatever else the machine does
TOKEN = "a-token-that-nobody-may-see"
LIMITS = Thresholds()
OK, WARN, CRIT, UNKNOWN = Status.OK, Status.WARN, Status.CRIT, Status.UNKNOWN
Serve = Callable[..., HttpServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda script, context=None: stack.enter_context(
            serving(script if callable(script) else lambda _: script, context)
        )


def session(
    folder: Path,
    endpoints: list[Mapping[str, Any]] | None = None,
    dependencies: list[Mapping[str, Any]] | None = None,
    *,
    seconds: float = PATIENCE_S,
) -> Session:
    """A session of an environment as gocoffee.toml names it."""
    opened = open_places(environment(endpoints, dependencies, seconds), now=datetime.now(UTC))
    ledger = Ledger(folder / "evidence", opened.redactor)
    return Session(
        runbook="test",
        environment="prod",
        places=opened.places,
        thresholds=opened.thresholds,
        ledger=ledger,
        query_deadline_s=seconds,
    )


def environment(
    endpoints: list[Mapping[str, Any]] | None = None,
    dependencies: list[Mapping[str, Any]] | None = None,
    seconds: float = PATIENCE_S,
) -> Environment:
    parts = {"endpoints": endpoints or [], "dependencies": dependencies or [], "limits": {"query_deadline_s": seconds}}
    return Environment.model_validate({"name": "prod", **parts})


def health(folder: Path, url: str, **options: Any) -> dict[str, Any]:
    (row,) = records(
        endpoints.health(
            session(folder, [{"name": "api", "url": url, "samples": 2, "timeout_s": PATIENCE_S, **options}])
        )
    )
    return row


def judged(found: list[Finding]) -> list[tuple[Status, str]]:
    return [(finding.status, finding.subject) for finding in found]


def test_h32_an_endpoint_is_its_status_body_latency_and_certificate(serve: Serve, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=12)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=ends).configure_cert(context)
    server = serve(says({"status": "ok", "db": {"up": True}}), context)
    ops = session(
        tmp_path,
        [
            {
                "name": "api",
                "url": f"{server.url}/health?token=x",
                "service": "orders",
                "samples": 4,
                "timeout_s": PATIENCE_S,
                "expected_body": {"status": "ok", "db": {"up": True}},
                "ca_file": str(tmp_path / "ca.pem"),
            }
        ],
    )
    table = endpoints.health(ops)
    (row,) = records(table)
    assert (row["endpoint"], row["service"], row["url"]) == ("api", "orders", f"{server.url}/health")
    assert (row["samples"], row["failed"], row["failed_at"], row["status"]) == (4, 0, None, 200)
    assert 0 < row["latency_min_ms"] <= row["latency_median_ms"] <= row["latency_p95_ms"] == row["latency_max_ms"]
    assert all(row[step] > 0 for step in ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms"))
    assert row["certificate_ends_at"] == ends
    assert 11.9 < row["certificate_left_days"] <= 12
    assert judged(checks.endpoints_healthy(table, thresholds=LIMITS)) == [(OK, "endpoints")]
    (soon,) = checks.certificates_valid(table, thresholds=LIMITS)
    assert (soon.status, soon.subject) == (WARN, "endpoint/api")


@pytest.mark.parametrize(
    ("answer", "expected", "failed_at", "said", "status"),
    [
        (says({"status": "ok"}), {"expected_body": {"status": "ok"}}, None, None, OK),
        (Answer(204), {"expected_status": [200, 204]}, None, None, OK),
        (Answer(503), {}, "status", "answered 503 instead of 200", CRIT),
        (Answer(404), {"expected_status": [200, 204]}, "status", "answered 404 instead of 200 or 204", CRIT),
        (says({"status": "down"}), {"expected_body": {"status": "ok"}}, "body", 'says status = "down"', CRIT),
        (says({"up": 1}), {"expected_body": {"up": True}}, "body", "says up = 1 instead of true", CRIT),
        (says({"db": 1}), {"expected_body": {"db": {"up": True}}}, "body", "has no db.up", CRIT),
        (says([1]), {"expected_body": {"status": "ok"}}, "body", "has no status", CRIT),
        (Answer(body=b"<p>hello"), {"expected_body": {"status": "ok"}}, "body", "is not JSON (8 bytes)", CRIT),
        (Answer(body=b'{"status": "ok"}', cut_at=5), {}, "http", "the connection broke", CRIT),
        (Answer(reset=True), {}, "http", "the connection broke", CRIT),
        (Answer(stall=True), {"timeout_s": 0.3}, "http", "no answer after 0.3 s", CRIT),
        (Answer(401), {}, "status", "answered 401 instead of 200", UNKNOWN),
        (Answer(403), {}, "status", "answered 403", UNKNOWN),
        (Answer(429), {}, "status", "answered 429", UNKNOWN),
        (Answer(302, headers={"Location": "/login?back=1"}), {}, "status", "302 and sends us to /login inst", UNKNOWN),
    ],
)
def test_h32_health_is_the_status_and_body_that_are_expected(
    serve: Serve, tmp_path: Path, answer: Answer, expected: dict[str, Any], failed_at: str, said: str, status: Status
) -> None:
    row = health(tmp_path, serve(answer).url, **expected)
    assert row["failed_at"] == failed_at
    assert (said or "") in (row["reason"] or "")
    assert row["failed"] == (0 if status is OK else 2)
    table = endpoints.health.schema.from_rows([row])
    (finding,) = checks.endpoints_healthy(table, thresholds=LIMITS)
    assert finding.status is status
    assert (said or "as expected") in finding.reason


def test_h32_an_endpoint_that_fails_now_and_then_is_a_warning(serve: Serve, tmp_path: Path) -> None:
    answers = iter([Answer(200), Answer(503), Answer(200), Answer(200), Answer(401)])
    row = health(tmp_path, serve(lambda _: next(answers)).url, samples=5)
    assert (row["failed"], row["failed_of_samples"], row["status"], row["refused"]) == (2, 0.4, 503, False)
    (finding,) = checks.endpoints_healthy(endpoints.health.schema.from_rows([row]), thresholds=LIMITS)
    assert (finding.status, finding.reason) == (WARN, "answered 503 instead of 200 (status; 2 of 5 samples failed)")


def test_h13_an_endpoint_that_is_down_is_a_row_and_costs_nothing_else(serve: Serve, tmp_path: Path) -> None:
    dead = f"https://127.0.0.1:{unused_port()}/health"
    ops = session(
        tmp_path,
        [
            {"name": "dead", "url": dead, "samples": 2},
            {"name": "nameless", "url": "https://nowhere.invalid", "samples": 1},
            {"name": "alive", "url": serve(Answer(200)).url, "samples": 2, "timeout_s": PATIENCE_S},
        ],
    )
    table = endpoints.health(ops)
    assert table["endpoint"].tolist() == ["dead", "nameless", "alive"]
    assert table["failed_at"].tolist()[:2] == ["tcp", "dns"]
    assert ops.findings == []
    down = [(CRIT, "endpoint/dead"), (CRIT, "endpoint/nameless")]
    assert judged(checks.endpoints_healthy(table, thresholds=LIMITS)) == down
    unseen = [(UNKNOWN, "endpoint/dead"), (UNKNOWN, "endpoint/nameless")]
    assert judged(checks.certificates_valid(table, thresholds=LIMITS)) == unseen
    assert judged(checks.endpoints_fast(table, thresholds=LIMITS)) == unseen


def test_h13_where_our_own_way_is_broken_the_answer_is_unknown(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{unused_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    alive = {"name": "alive", "url": serve(Answer(200)).url, "samples": 1}
    ops = session(tmp_path, [{"name": "api", "url": "https://api.example.com"}, alive])
    assert endpoints.health(ops)["endpoint"].tolist() == ["alive"]
    (gap,) = ops.findings
    assert (gap.status, gap.subject) == (UNKNOWN, "endpoint/api")
    assert "the proxy 127.0.0.1" in gap.reason
    with pytest.raises(Unreachable, match="the proxy"):
        endpoints.health(session(tmp_path / "alone", [{"name": "api", "url": "https://api.example.com"}]))


def test_a_secret_that_an_endpoint_echoes_is_not_kept(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEALTH_TOKEN", TOKEN)
    server = serve(lambda asked: says({"status": asked.headers["authorization"]}))
    row = health(tmp_path, server.url, token_env="HEALTH_TOKEN", expected_body={"status": "ok"})
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "says status = " in row["reason"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "evidence").rglob("*") if path.is_file())
    assert TOKEN not in row["reason"]
    assert TOKEN.encode() not in kept


def test_a_replay_gives_the_rows_that_were_read(serve: Serve, tmp_path: Path) -> None:
    ops = session(tmp_path, [{"name": "api", "url": serve(Answer(503)).url, "samples": 1}])
    read = endpoints.health(ops)
    target = Target("endpoint", "api")
    place = Place(target, ops.as_of(target), recording=Recording(tmp_path / "evidence"))
    again = Session(
        runbook="test", environment="prod", places=[place], thresholds=LIMITS, ledger=Ledger(tmp_path / "again")
    )
    assert endpoints.health(again).equals(read)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(200), OK),
        (Answer(401), OK),
        (Answer(403), OK),
        (Answer(404), OK),
        (Answer(429), OK),
        (Answer(302, headers={"Location": "/"}), OK),
        (Answer(500), CRIT),
        (Answer(503), CRIT),
        (Answer(reset=True), CRIT),
        (Answer(stall=True), CRIT),
    ],
)
def test_h13_a_service_that_wants_a_key_can_be_reached(
    serve: Serve, tmp_path: Path, answer: Answer, status: Status
) -> None:
    dependency = {
        "name": "stripe",
        "url": f"{serve(answer).url}/v1/charges",
        "timeout_s": 0.5 if answer.stall else PATIENCE_S,
        "samples": 2,
    }
    table = endpoints.dependencies(session(tmp_path, dependencies=[dependency]))
    (finding,) = checks.dependencies_reachable(table, thresholds=LIMITS)
    assert finding.status is status
    assert finding.subject == ("dependencies" if status is OK else "dependency/stripe")
    mild = table.assign(severity="WARN")
    (finding,) = checks.dependencies_reachable(mild, thresholds=LIMITS)
    assert finding.status is (OK if status is OK else WARN)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (summary("none"), OK),
        (summary("minor", degraded="degraded_performance"), WARN),
        (summary("none", degraded="degraded_performance"), WARN),
        (summary("maintenance"), WARN),
        (summary("major", degraded="partial_outage"), CRIT),
        (summary("critical", degraded="major_outage"), CRIT),
        (summary("splendid"), UNKNOWN),
    ],
)
def test_what_a_provider_says_is_judged_by_its_own_word(
    serve: Serve, tmp_path: Path, said: dict[str, Any], status: Status
) -> None:
    server = serve(lambda asked: says(said) if asked.path == PAGE else Answer(404))
    dependency = {"name": "github", "url": server.url, "status_page": server.url}
    table = endpoints.provider_status(session(tmp_path, dependencies=[dependency]))
    (finding,) = checks.providers_operational(table)
    assert finding.status is status
    (row,) = records(table)
    assert (row["page"], row["indicator"]) == ("A provider", said["status"]["indicator"])
    assert row["updated_at"] == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    if status in {WARN, CRIT} and row["degraded"]:
        assert row["degraded"][0] in finding.reason


def test_a_short_status_page_says_nothing_of_components(serve: Serve, tmp_path: Path) -> None:
    server = serve(says({key: value for key, value in summary("none").items() if key in {"page", "status"}}))
    dependency = {"name": "github", "url": server.url, "status_page": f"{server.url}/api/v2/status.json"}
    (row,) = records(endpoints.provider_status(session(tmp_path, dependencies=[dependency])))
    assert (row["indicator"], row["degraded"], row["incidents"]) == ("none", None, None)
    assert server.asked[0].path == "/api/v2/status.json"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401), Unauthenticated),
        (Answer(503), OpsError),
        (Answer(stall=True), DeadlineExceeded),
        (Answer(body=b"<p>all is well", content_type="text/html"), Malformed),
        (says({"status": "all is well"}), Malformed),
        (says(summary("none"), cut_at=40), Unreachable),
    ],
)
def test_a_status_page_that_cannot_be_read_is_unknown(
    serve: Serve, tmp_path: Path, answer: Answer, error: type[OpsError]
) -> None:
    broken, sound = serve(answer), serve(says(summary("none")))
    both = [
        {"name": "broken", "url": broken.url, "status_page": broken.url},
        {"name": "sound", "url": sound.url, "status_page": sound.url},
    ]
    ops = session(tmp_path, dependencies=both, seconds=4.0)
    assert endpoints.provider_status(ops)["dependency"].tolist() == ["sound"]
    assert judged(ops.findings) == [(UNKNOWN, "dependency/broken")]
    with pytest.raises(error):
        endpoints.provider_status(session(tmp_path / "alone", dependencies=both[:1], seconds=1.0))


def test_a_provider_without_a_page_is_never_called_operational(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(summary("none")))
    without = {"name": "stripe", "url": server.url}
    table = endpoints.provider_status(session(tmp_path, dependencies=[without]))
    assert judged(checks.providers_operational(table)) == [(UNKNOWN, "providers")]
    both = [without, {"name": "github", "url": server.url, "status_page": server.url}]
    (fine,) = checks.providers_operational(endpoints.provider_status(session(tmp_path / "both", dependencies=both)))
    assert fine.status is OK
    assert fine.reason == "the providers of github say that all is operational; no status page is configured for stripe"


def test_config_check_judges_what_an_address_answers(serve: Serve) -> None:
    found = check_environment(
        environment(
            [
                {"name": "up", "url": serve(Answer(200)).url, "samples": 1},
                {"name": "down", "url": serve(Answer(503)).url, "samples": 1},
                {"name": "keyless", "url": serve(Answer(401)).url, "samples": 1},
            ],
            [{"name": "stripe", "url": serve(Answer(401)).url, "samples": 1}],
        )
    )
    assert [(line.target, line.status) for line in found] == [
        ("endpoint/up", OK),
        ("endpoint/down", CRIT),
        ("endpoint/keyless", UNKNOWN),
        ("dependency/stripe", OK),
    ]
    assert "answered 503" in found[1].result
