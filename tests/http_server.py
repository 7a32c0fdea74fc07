"""A small HTTP server that answers what it is told to: a documented contract, and every way to break it."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

STALL_S = 30.0  # longer than any deadline of a test


@dataclass(frozen=True)
class Asked:
    """What a client asked."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What the server does with a request."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    zipped: bool = False
    drip_s: float = 0.0  # a byte at a time, this far apart
    cut_at: int | None = None  # the connection ends after that many bytes of the body
    stall: bool = False  # nothing is answered at all
    reset: bool = False  # the connection is reset at once
    headers_drip_s: float = 0.0
    second_half: threading.Event | None = None  # what the other half of the body waits for


Script = Callable[[Asked], Answer]


def says(value: Any, status: int = 200, **options: Any) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(value).encode(), **options)


class HttpServer:
    """The server; `asked` is what came, in order."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._script = script
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                headers = {k.lower(): v for k, v in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                asked = Asked(parts.path, dict(parse_qsl(parts.query)), headers, self.command, body)
                outer.asked.append(asked)
                outer._answer(self, outer._script(asked))

            def do_POST(self) -> None:
                self.do_GET()

            def do_DELETE(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A client that left is what these tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if context is not None:
            scheme = "https"
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _answer(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.stall:
            self.closing.wait(STALL_S)
            handler.close_connection = True
            return
        if answer.reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        body = gzip.compress(answer.body) if answer.zipped else answer.body
        if answer.headers_drip_s:
            self._drip(handler, b"HTTP/1.1 200 OK\r\n" + b"X-Slow: " + b"x" * 1000, answer.headers_drip_s)
            return
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.content_type)
        handler.send_header("Content-Length", str(len(body)))
        if answer.zipped:
            handler.send_header("Content-Encoding", "gzip")
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if answer.cut_at is not None:
            handler.wfile.write(body[: answer.cut_at])
            handler.close_connection = True
        elif answer.drip_s:
            self._drip(handler, body, answer.drip_s)
        elif answer.second_half is not None:
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            answer.second_half.wait(STALL_S)
            handler.wfile.write(body[len(body) // 2 :])
        else:
            handler.wfile.write(body)

    def _drip(self, handler: BaseHTTPRequestHandler, data: bytes, every_s: float) -> None:
        until = time.monotonic() + STALL_S
        for i in range(len(data)):
            if self.closing.wait(every_s) or time.monotonic() > until:
                break
            handler.wfile.write(data[i : i + 1])
            handler.wfile.flush()
        handler.close_connection = True

    def close(self) -> None:
        """Stop it, and whatever it still drips."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(script: Script, context: ssl.SSLContext | None = None) -> Iterator[HttpServer]:
    """A server for the time of a block."""
    server = HttpServer(script, context)
    try:
        yield server
    finally:
        server.close()


def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
