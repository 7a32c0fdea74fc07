"""Reading a JSON API over HTTP: what it answers, and every way in which it does not."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from gocoffee_ops.errors import (
    ConfigError,
    DeadlineExceeded,
    Forbidden,
    Malformed,
    NotFound,
    OpsError,
    ServerFault,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import HttpApi, Identity
from tests.http_server import Answer, Asked, HttpServer, Script, says, serving, unused_port

TOKEN = "a-token-that-nobody-may-see"


class Health(msgspec.Struct):
    """What the tests' server says."""

    ok: bool


Serve = Callable[..., tuple[HttpApi, HttpServer]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that follows a script, and an API at its address."""
    with ExitStack() as stack:

        def begin(script: Script | Answer, *, context: ssl.SSLContext | None = None, **options: Any) -> Any:
            answer = script if callable(script) else lambda _: script
            server = stack.enter_context(serving(answer, context))
            api = HttpApi("health/one", server.url, **options)
            stack.callback(api.close)
            return api, server

        yield begin


def read(api: HttpApi, seconds: float = 5.0, **options: Any) -> Health:
    return api.get("read its health", "/health", Health, Deadline.after(seconds), **options)


def test_an_answer_is_decoded_to_its_shape(serve: Serve) -> None:
    api, server = serve(says({"ok": True, "more": 1}, zipped=True))
    assert read(api, params={"verbose": "1", "match": ["a", "b"]}).ok
    assert server.asked[0].path == "/health"
    assert server.asked[0].headers["accept"] == "application/json"


def test_a_question_is_posted_as_json(serve: Serve) -> None:
    api, server = serve(says({"ok": True}))
    assert api.ask("search", "/_search", {"size": 1}, Health, Deadline.after(5)).ok
    assert (server.asked[0].method, msgspec.json.decode(server.asked[0].body)) == ("POST", {"size": 1})


@pytest.mark.parametrize(
    ("identity", "scheme", "sent"),
    [
        (Identity(token=TOKEN), "Bearer", f"Bearer {TOKEN}"),
        (Identity(token=TOKEN), "ApiKey", f"ApiKey {TOKEN}"),
        (Identity(user="reader", password="it: is secret"), "Bearer", "Basic cmVhZGVyOml0OiBpcyBzZWNyZXQ="),
        (Identity(), "Bearer", None),
    ],
)
def test_it_says_who_we_are(serve: Serve, identity: Identity, scheme: str, sent: str | None) -> None:
    api, server = serve(says({"ok": True}), identity=identity, scheme=scheme)
    read(api)
    assert server.asked[0].headers.get("authorization") == sent
    assert TOKEN not in repr(identity)
    assert "secret" not in repr(identity)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, Unauthenticated, "answered 401"),
        (403, Forbidden, "answered 403"),
        (404, NotFound, "answered 404"),
        (410, NotFound, "answered 410"),
        (400, Malformed, "answered 400"),
        (500, ServerFault, "answered 500"),
        (503, ServerFault, "answered 503"),
    ],
)
def test_every_refusal_has_its_own_error(serve: Serve, status: int, error: type[OpsError], said: str) -> None:
    api, _ = serve(Answer(status, b"no, thank you", content_type="text/plain"))
    with pytest.raises(error, match=f"{said}: no, thank you"):
        read(api)


def test_the_systems_own_word_is_told(serve: Serve) -> None:
    api, _ = serve(Answer(403, b'{"why": "not yours"}'), said=lambda body: str(msgspec.json.decode(body)["why"]))
    with pytest.raises(Forbidden, match="answered 403: not yours"):
        read(api)


def test_a_login_page_is_no_answer(serve: Serve) -> None:
    api, _ = serve(Answer(302, headers={"Location": "/login?redirect=%2Fsecret"}))
    with pytest.raises(Unauthenticated, match=r"it sends us to /login\. Try: a login page"):
        read(api)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(body=b"<html>welcome</html>", content_type="text/html"), "text/html instead of JSON: <html>welcome"),
        (Answer(body=b'{"ok": tr'), r"\(9 bytes\)"),
        (says({"ok": "yes"}), "Expected `bool`, got `str`"),
        (Answer(body=b"not gzip", headers={"Content-Encoding": "gzip"}), "its compression is broken"),
    ],
)
def test_what_cannot_be_decoded_says_how_it_looked(serve: Serve, answer: Answer, said: str) -> None:
    api, _ = serve(answer)
    with pytest.raises(Malformed, match=said):
        read(api)


@pytest.mark.parametrize("broken", [Answer(503), Answer(reset=True), Answer(429), Answer(body=b"{}", cut_at=1)])
def test_a_passing_failure_is_tried_again(serve: Serve, broken: Answer) -> None:
    answers = iter([broken, says({"ok": True})])
    api, server = serve(lambda _: next(answers))
    assert read(api).ok
    assert len(server.asked) == 2


def test_the_wait_that_a_server_asks_for_is_kept_within_the_deadline(serve: Serve) -> None:
    api, server = serve(Answer(429, b"slow down", headers={"Retry-After": "3600"}))
    with pytest.raises(Throttled, match="slow down"):
        read(api)
    assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [Answer(stall=True), says({"ok": True}, drip_s=0.05)])
def test_the_whole_answer_has_one_deadline(serve: Serve, answer: Answer) -> None:
    api, _ = serve(answer)
    with pytest.raises(DeadlineExceeded):
        read(api, 0.3)


def test_a_body_that_ends_early_is_a_broken_connection(serve: Serve) -> None:
    api, _ = serve(says({"ok": True}, cut_at=3))
    with pytest.raises(Unreachable, match="the connection broke"):
        read(api)


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+: .*refused.*is it up"):
        read(HttpApi("health/one", f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(Unreachable, match=r"no such host nowhere\.invalid"):
        read(HttpApi("health/one", "http://nowhere.invalid"), 3)


def test_tls_that_is_not_trusted_and_tls_that_has_ended_are_told_apart(serve: Serve, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ended = datetime.now(UTC) - timedelta(days=3)

    def context(**options: Any) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", **options).configure_cert(made)
        return made

    trusted, _ = serve(says({"ok": True}), context=context(), ca_file=tmp_path / "ca.pem")
    assert read(trusted).ok
    unknown, _ = serve(says({"ok": True}), context=context())
    with pytest.raises(Unreachable, match=r"TLS: .*ca_file names the authority"):
        read(unknown)
    span = {"not_before": ended - timedelta(days=9), "not_after": ended}
    over, _ = serve(says({"ok": True}), context=context(**span), ca_file=tmp_path / "ca.pem")
    with pytest.raises(Unreachable, match=rf"it ended on {ended:%Y-%m-%d}.*renew its certificate"):
        read(over)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_a_mistake_of_the_configuration(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        read(HttpApi("health/one", "https://127.0.0.1:1", ca_file=tmp_path / "ca.pem"))


def test_a_secret_that_is_echoed_is_masked(serve: Serve) -> None:
    def echo(asked: Asked) -> Answer:
        return Answer(400, f"you sent {asked.headers['authorization']}".encode())

    api, _ = serve(echo, identity=Identity(token=TOKEN))
    with pytest.raises(Malformed) as caught:
        read(api)
    assert TOKEN not in str(caught.value)
    assert "[redacted]" in str(caught.value)
    assert TOKEN in api.secrets()
