"""The API server's half of a command that is run in a container: a websocket of the v5 protocol, as a test scripts it."""

from __future__ import annotations

import base64
import hashlib
import json
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.http_server import STALL_S, Answer, says

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
Messages = Sequence[tuple[int, bytes]]


def ended(code: int) -> tuple[int, bytes]:
    """How the server tells a command's exit code."""
    if code == 0:
        return 3, json.dumps({"metadata": {}, "status": "Success"}).encode()
    causes = [{"reason": "ExitCode", "message": str(code)}]
    status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
    return 3, json.dumps(status).encode()


@dataclass
class ExecServer:
    """Lists one answer of pods; runs what a test says when a command is asked for."""

    url: str
    commands: list[str] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)


@contextmanager
def exec_server(
    pods: Answer, messages: Messages, *, then: str = "close", refused: Answer | None = None
) -> Iterator[ExecServer]:
    """`messages` are sent on their streams; `then` it closes, holds the connection open ("hang"), or writes for ever ("flood")."""
    closing = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = self.rfile.readline().decode().split()
            headers = {}
            while line := self.rfile.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            if "upgrade" not in headers.get("connection", "").lower():
                self._plain(
                    pods if request[1].split("?")[0].endswith("/pods") else says({"metadata": {"name": "go-coffee"}})
                )
                return
            made.commands.append(request[1])
            made.authorized.append(headers.get("authorization", ""))
            if refused is not None:
                self._plain(refused)
                return
            key = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + GUID).digest()).decode()
            protocol = headers["sec-websocket-protocol"].split(",")[0]
            self.wfile.write(
                f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()
            )
            for stream, data in messages:
                self._send(2, bytes([stream]) + data)
            while then == "flood" and not closing.wait(0.001):
                self._send(2, b"\x01" + b"x" * 60_000)
            if then == "hang":
                closing.wait(STALL_S)
            self._send(8, b"\x03\xe8")

        def _send(self, opcode: int, data: bytes) -> None:
            size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2)
            self.wfile.write(bytes([0x80 | opcode]) + size + data)

        def _plain(self, answer: Answer) -> None:
            head = f"HTTP/1.1 {answer.status} x\r\nContent-Type: {answer.content_type}\r\nConnection: close\r\n"
            self.wfile.write(f"{head}Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: Any) -> None:
            """A client that left is what these tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        made = ExecServer(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield made
        finally:
            closing.set()
            server.shutdown()
