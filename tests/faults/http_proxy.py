"""A TLS proxy in front of a real API server that injects one fault."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import trustme
import yaml

Fault = Callable[["Handler"], bool]  # True when it answered; False lets the request through


@dataclass
class Proxy:
    """Where it listens, and how often its fault struck."""

    url: str
    ca_file: Path
    struck: int = 0
    seen: dict[str, int] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    """Answers with the fault, or passes on to the upstream."""

    protocol_version = "HTTP/1.1"
    upstream: str
    fault: Fault
    proxy: Proxy
    stop: threading.Event

    def do_GET(self) -> None:
        self.proxy.seen[self.path] = self.proxy.seen.get(self.path, 0) + 1
        if type(self).fault(self):
            self.proxy.struck += 1
            return
        status, headers, body = self.fetch()
        self.answer(status, body, headers.get("Content-Type", "application/json"))

    def fetch(self, path: str = "") -> tuple[int, http.client.HTTPMessage, bytes]:
        parts = urlsplit(self.upstream)
        context = ssl._create_unverified_context()  # the upstream is our own server on loopback
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=20)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "accept-encoding", "connection"}}
        connection.request("GET", path or self.path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, response.headers, body

    def answer(self, status: int, body: bytes, content_type: str = "application/json", **extra: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in extra.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def status(self, code: int, reason: str, message: str, **extra: str) -> None:
        """A Kubernetes Status object, as the API server answers errors."""
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": reason,
            "message": message,
            "code": code,
        }
        self.answer(code, json.dumps(body).encode(), **extra)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Silent."""


def through(handler: Handler) -> bool:
    return False


def hangs(handler: Handler) -> bool:
    handler.stop.wait(60)
    handler.close_connection = True
    return True


def resets_mid_body(handler: Handler) -> bool:
    _, _, body = handler.fetch()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
    return True


def truncated_json(handler: Handler) -> bool:
    _, _, body = handler.fetch()
    handler.answer(200, body[: len(body) // 2])
    return True


def html(handler: Handler) -> bool:
    handler.answer(200, b"<html><body>Please sign in</body></html>", "text/html")
    return True


def unauthenticated(handler: Handler) -> bool:
    handler.status(401, "Unauthorized", "Unauthorized")
    return True


def forbidden(handler: Handler) -> bool:
    handler.status(403, "Forbidden", "this is forbidden: User cannot list resource")
    return True


def server_error(handler: Handler) -> bool:
    handler.status(500, "InternalError", "etcdserver: request timed out")
    return True


def throttles_then_answers(handler: Handler) -> bool:
    if handler.proxy.seen[handler.path] > 1:
        return False
    handler.status(429, "TooManyRequests", "too many requests", Retry_After="1")
    return True


def expires_in_mid_list(handler: Handler) -> bool:
    """Pages become small, and the first token to continue with has expired."""
    if "continue=" in handler.path and handler.proxy.struck == 0:
        handler.status(410, "Expired", "The provided continue parameter is too old")
        return True
    if "limit=" in handler.path:
        path, _, query = handler.path.partition("?")
        small = "&".join("limit=4" if part.startswith("limit=") else part for part in query.split("&"))
        status, headers, body = handler.fetch(f"{path}?{small}")
        handler.answer(status, body, headers.get("Content-Type", "application/json"))
        # It did not strike, but it did answer: undo the count that the caller will add.
        handler.proxy.struck -= 1
        return True
    return False


def drips(handler: Handler) -> bool:
    _, _, body = handler.fetch()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    try:
        for i in range(len(body)):
            handler.wfile.write(body[i : i + 1])
            if handler.stop.wait(0.2):
                break
    except OSError:
        pass  # the client gave up, as it should
    handler.close_connection = True
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up on a fault is what the fault is for."""


@contextmanager
def proxy(upstream: str, fault: Fault, *, expired: bool = False) -> Iterator[Proxy]:
    """A proxy in front of `upstream` (https://127.0.0.1:port) with one fault; `expired` gives it an expired certificate."""
    authority = trustme.CA()
    validity = {}
    if expired:
        now = datetime.now(UTC)
        validity = {"not_before": now - timedelta(days=30), "not_after": now - timedelta(days=3)}
    certificate = authority.issue_cert("127.0.0.1", **validity)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        stop = threading.Event()
        state = Proxy("", ca_file)
        handler = type("BoundHandler", (Handler,), {"upstream": upstream, "fault": fault, "proxy": state, "stop": stop})
        server = _Server(("127.0.0.1", 0), handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        state.url = f"https://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            stop.set()
            server.shutdown()
            server.server_close()
            thread.join(5)


def kubeconfig_through(kubeconfig: Path, server: str, ca_file: Path, target: Path) -> Path:
    """The same users and contexts as in `kubeconfig`, reached through `server`."""
    config = yaml.safe_load(kubeconfig.read_text())
    for cluster in config["clusters"]:
        cluster["cluster"] = {"server": server, "certificate-authority": str(ca_file)}
    target.write_text(yaml.safe_dump(config))
    return target


def kubeconfig_with_plugin(kubeconfig: Path, command: list[str], target: Path) -> Path:
    """The same cluster, whose users get their credentials from a plugin."""
    config = yaml.safe_load(kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": command[0],
                "args": command[1:],
                "interactiveMode": "Never",
            }
        }
    target.write_text(yaml.safe_dump(config))
    return target
