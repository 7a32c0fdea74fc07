"""A small HTTP proxy on loopback that knows CONNECT alone, and the names that only it can resolve."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONNECT_S = 10.0


class ConnectProxy:
    """`asked` is what it was asked to connect to, in order; `hosts` maps a place to a loopback port."""

    def __init__(self, hosts: Mapping[str, int], user: str = "") -> None:
        self.asked: list[str] = []
        outer = self
        wanted = f"Basic {base64.b64encode(user.encode()).decode()}" if user else ""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                outer.asked.append(self.path)
                self.close_connection = True
                if wanted and self.headers.get("Proxy-Authorization") != wanted:
                    self.send_error(407, "Proxy Authentication Required")
                elif self.path not in hosts:
                    self.send_error(502, "Bad Gateway")
                else:
                    with socket.create_connection(("127.0.0.1", hosts[self.path]), CONNECT_S) as there:
                        self.send_response(200, "Connection established")
                        self.end_headers()
                        _tunnel(self.connection, there)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def proxying(hosts: Mapping[str, int], user: str = "") -> Iterator[ConnectProxy]:
    """A proxy for the time of a block."""
    proxy = ConnectProxy(hosts, user)
    try:
        yield proxy
    finally:
        proxy.close()


def _tunnel(here: socket.socket, there: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=(there, here), daemon=True)
    back.start()
    _pump(here, there)
    back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # either side has gone
