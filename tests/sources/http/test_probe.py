"""An address as its users meet it: every step told apart, and our own broken ways told from its faults."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from gocoffee_ops.errors import ConfigError, Unreachable
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import HttpProbe, Identity, Sample
from tests.http_server import Answer, HttpServer, says, serving, unused_port

TOKEN = "a-token-that-nobody-may-see"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
Serve = Callable[..., HttpServer]


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda script, context=None: stack.enter_context(
            serving(script if callable(script) else lambda _: script, context)
        )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context(authority: trustme.CA, name: str = "127.0.0.1", **options: Any) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **options).configure_cert(made)
    return made


def one(url: str, seconds: float = 5.0, **options: Any) -> Sample:
    return HttpProbe("endpoint/one", url, **options).sample(Deadline.after(seconds))


@contextmanager
def listening(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose connections are handed to `speak`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    speak(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_h13_every_step_of_an_answer_has_its_own_time(serve: Serve, authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=12)
    server = serve(says({"status": "ok"}, 401), context(authority, "localhost", not_after=ends))
    url = server.url.replace("127.0.0.1", "localhost")
    sample = one(url + "/health?deep=1", ca_file=tmp_path / "ca.pem", identity=Identity(token=TOKEN))
    assert (sample.failed_at, sample.status, sample.body) == ("", 401, b'{"status": "ok"}')
    steps = [sample.dns_s, sample.connect_s, sample.tls_s, sample.first_byte_s, sample.total_s]
    assert all(step is not None and step > 0 for step in steps)
    assert sum(step or 0.0 for step in steps[:4]) <= (sample.total_s or 0.0)
    assert sample.certificate_ends_at == ends
    (asked,) = server.asked
    assert (asked.path, asked.query) == ("/health", {"deep": "1"})
    assert asked.headers["host"] == url.removeprefix("https://")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


def test_h13_a_name_that_does_not_exist_fails_at_dns() -> None:
    sample = one("http://nowhere.invalid/health")
    assert (sample.failed_at, sample.status, sample.total_s) == ("dns", None, None)
    assert "no such host nowhere.invalid" in sample.reason


def test_h13_a_refused_connection_fails_at_tcp() -> None:
    sample = one(f"http://127.0.0.1:{unused_port()}/health")
    assert sample.failed_at == "tcp"
    assert "refused" in sample.reason
    assert sample.dns_s is not None
    assert sample.connect_s is None


@contextmanager
def full(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port that listens, and takes no connection any more."""
    with socket.socket() as server, ExitStack() as stack:
        server.bind((host, port))
        server.listen(0)
        for waiting in [stack.enter_context(socket.socket()) for _ in range(8)]:
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_h13_a_connection_that_nobody_takes_fails_at_tcp_and_hung() -> None:
    with full() as port:
        sample = one(f"http://127.0.0.1:{port}", 0.5)
    assert (sample.failed_at, sample.hung) == ("tcp", True)
    assert "did not accept the connection in time" in sample.reason


def test_an_address_that_only_waits_leaves_the_next_its_time(serve: Serve) -> None:
    port = int(serve(says({})).url.rpartition(":")[2])

    def resolve(*_: Any, **__: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("127.0.0.2", port)), (*kind, ("127.0.0.1", port))]

    with full("127.0.0.2", port):
        assert one(f"http://health.example.com:{port}", 4.0, resolve=resolve).status == 200


def test_h13_a_port_without_tls_fails_at_tls(serve: Serve) -> None:
    sample = one(serve(says({})).url.replace("http:", "https:"))
    assert sample.failed_at == "tls"
    assert "TLS" in sample.reason
    assert sample.connect_s is not None
    assert sample.certificate_error == ""


def test_h13_a_tls_handshake_that_hangs_fails_at_tls() -> None:
    done = threading.Event()
    with listening(lambda _: done.wait(10) and None) as port:
        sample = one(f"https://127.0.0.1:{port}", 0.5)
        done.set()
    assert (sample.failed_at, sample.hung) == ("tls", True)


@pytest.mark.parametrize("days", [-3, 40])
def test_h32_a_certificate_that_is_not_trusted_still_tells_when_it_ends(
    serve: Serve, authority: trustme.CA, tmp_path: Path, days: int
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    server = serve(says({}), context(authority, not_before=ends - timedelta(days=90), not_after=ends))
    sample = one(server.url, ca_file=tmp_path / "ca.pem" if days < 0 else None)
    assert sample.failed_at == "tls"
    assert sample.certificate_ends_at == ends
    assert ("expired" in sample.certificate_error) is (days < 0)
    assert sample.certificate_error


def test_h32_a_certificate_of_another_name_is_told(serve: Serve, authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = serve(says({}), context(authority, "other.example.com"))
    sample = one(server.url, ca_file=tmp_path / "ca.pem")
    assert "IP address mismatch" in sample.certificate_error


@pytest.mark.parametrize(
    ("answer", "hung", "said"),
    [
        (Answer(stall=True), True, "no answer after 0.6 s"),
        (Answer(body=b"x" * 100, drip_s=0.05), True, "bytes of an answer after 0.6 s"),
        (Answer(body=b"0123456789", cut_at=4), False, "the connection broke"),
        (Answer(reset=True), False, "the connection broke"),
        (Answer(body=b"not gzip", headers={"Content-Encoding": "gzip"}), False, "its compression is broken"),
    ],
)
def test_an_answer_that_does_not_come_whole_fails_at_http(serve: Serve, answer: Answer, hung: bool, said: str) -> None:
    sample = one(serve(answer).url, 0.6)
    assert (sample.failed_at, sample.hung) == ("http", hung)
    assert said in sample.reason


def test_what_speaks_another_protocol_fails_at_http() -> None:
    with listening(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.7\r\n")) as port:
        assert one(f"http://127.0.0.1:{port}").failed_at == "http"


def test_of_several_addresses_the_first_that_takes_a_connection_answers(serve: Serve) -> None:
    server = serve(says({}))
    port = int(server.url.rpartition(":")[2])

    def resolve(*_: Any, **__: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("255.255.255.255", port)), (*kind, ("127.0.0.2", port)), (*kind, ("127.0.0.1", port))]

    assert one(f"http://health.example.com:{port}", resolve=resolve).status == 200
    assert server.asked[0].headers["host"] == f"health.example.com:{port}"


def test_h13_a_resolver_that_does_not_answer_says_nothing_of_the_address() -> None:
    def silent(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(Unreachable, match=r"could not be looked up: Temporary failure.*check DNS here"):
        one("http://api.example.com", resolve=silent)


def test_h13_a_machine_without_a_network_says_nothing_of_the_address() -> None:
    with pytest.raises(Unreachable, match="has this machine a network"):
        one("http://255.255.255.255:81")


def test_h13_a_proxy_that_is_not_there_says_nothing_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://us:{TOKEN}@127.0.0.1:{unused_port()}")
    probe = HttpProbe("endpoint/one", "http://api.example.com")
    with pytest.raises(Unreachable, match=r"the proxy 127\.0\.0\.1:\d+: .*refused") as caught:
        probe.sample(Deadline.after(5))
    assert TOKEN not in str(caught.value)
    assert TOKEN in probe.secrets()


@pytest.mark.parametrize("status", [407, 502])
def test_h13_a_proxy_that_answers_itself_says_nothing_of_the_address(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("http_proxy", serve(Answer(status)).url)
    with pytest.raises(Unreachable, match=f"answered {status}: the proxy's answer"):
        one("http://api.example.com")


def test_h13_a_proxy_that_refuses_a_tunnel_says_nothing_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with listening(refuse) as port:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
        with pytest.raises(Unreachable, match=r"the proxy 127\.0\.0\.1:.*403"):
            one("https://api.example.com")


def test_what_comes_through_a_proxy_is_read_and_its_steps_are_not_those_of_the_address(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(Answer(401))
    monkeypatch.setenv("http_proxy", proxy.url)
    sample = one("http://api.example.com/health")
    assert sample.status == 401
    assert (sample.dns_s, sample.connect_s) == (None, None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert HttpProbe("endpoint/one", "http://127.0.0.1").proxy == ""


def test_samples_are_taken_one_by_one_on_connections_of_their_own(serve: Serve) -> None:
    answers = iter([Answer(200), Answer(503), Answer(200), Answer(reset=True)])
    server = serve(lambda _: next(answers))
    taken = HttpProbe("endpoint/one", server.url).samples(4, Deadline.after(10))
    assert [(sample.status, sample.failed_at) for sample in taken] == [(200, ""), (503, ""), (200, ""), (None, "http")]
    assert all(sample.connect_s is not None for sample in taken)


def test_what_only_waits_is_not_asked_again_and_again(serve: Serve) -> None:
    server = serve(Answer(stall=True))
    taken = HttpProbe("endpoint/one", server.url, timeout_s=0.2).samples(20, Deadline.after(30))
    assert [sample.hung for sample in taken] == [True, True]


def test_samples_end_before_the_questions_deadline(serve: Serve) -> None:
    server = serve(Answer(stall=True))
    deadline = Deadline.after(1.0)
    taken = HttpProbe("endpoint/one", server.url, timeout_s=30.0).samples(5, deadline)
    assert [sample.hung for sample in taken] == [True]
    assert deadline.left() > 0


def test_a_large_body_is_read_in_part(serve: Serve) -> None:
    sample = one(serve(Answer(body=b"x" * (3 << 20))).url)
    assert (sample.failed_at, len(sample.body)) == ("", 1 << 20)


@pytest.mark.parametrize("url", [f"http://{'a' * 70}.example.com", "http://example.com:99999"])
def test_what_is_no_address_is_a_mistake_of_the_configuration(url: str) -> None:
    with pytest.raises(ConfigError):
        one(url)


def test_an_authority_that_cannot_be_read_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.pem: No such file"):
        one("https://127.0.0.1:1", ca_file=tmp_path / "gone.pem")
