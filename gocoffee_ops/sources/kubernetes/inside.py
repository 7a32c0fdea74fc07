"""Commands that are run in a container to ask a server from inside the cluster: two of them, and no others.

Kubernetes cannot grant single commands, so the list stands here, and nothing that a notebook says becomes part of a command.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from gocoffee_ops.errors import DeadlineExceeded, Malformed, OpsError, Unreachable
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes import failures
from gocoffee_ops.sources.kubernetes.client import Cluster
from gocoffee_ops.sources.kubernetes.credentials import Access
from gocoffee_ops.sources.kubernetes.failures import Reply, Request

if TYPE_CHECKING:
    from websocket import WebSocket

PROTOCOLS = "v5.channel.k8s.io,v4.channel.k8s.io"
STDOUT, STDERR, ERROR = 1, 2, 3  # the first byte of a message says which stream it is of
LARGEST = 1 << 16  # of what a command says, each stream


class Probe(StrEnum):
    """What can be run."""

    PG_ISREADY = "pg_isready"
    REDIS_PING = "redis-cli ping"

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command."""
        return {Probe.PG_ISREADY: ("pg_isready",), Probe.REDIS_PING: ("redis-cli", "ping")}[self]


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it wrote; without an exit code it was not run, and `stderr` says why."""

    exit_code: int | None
    stdout: str
    stderr: str


class _Cause(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None


class _Status(msgspec.Struct):
    status: str
    message: str = ""
    details: _Details | None = None


@dataclass
class _Streams:
    """What came so far."""

    parts: dict[int, bytearray] = field(
        default_factory=lambda: {STDOUT: bytearray(), STDERR: bytearray(), ERROR: bytearray()}
    )

    def take(self, message: bytes) -> None:
        stream = self.parts.get(message[0]) if message else None
        if stream is not None:
            stream.extend(message[1 : 1 + LARGEST - len(stream)])

    def text(self, stream: int) -> str:
        return self.parts[stream].decode(errors="replace").strip()


def run_probe(cluster: Cluster, probe: Probe, namespace: str, pod: str, container: str, deadline: Deadline) -> Said:
    """Run the probe in a container. Permission: create (or, of older servers, get) pods/exec. Raises SourceError."""
    query = urlencode(
        {"container": container, "command": probe.command, "stdout": "true", "stderr": "true"}, doseq=True
    )
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/exec"
    request = Request("create", "pods/exec", path, namespace=namespace, name=pod)

    def talk(access: Access, url: str, headers: dict[str, str]) -> Said:
        connection = _connected(cluster, request, access, f"{url}?{query}", headers, deadline)
        try:
            return _heard(cluster, request, connection, deadline)
        finally:
            connection.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations

    return cluster.converse(request, talk, deadline)


def _connected(
    cluster: Cluster, request: Request, access: Access, url: str, headers: Mapping[str, str], deadline: Deadline
) -> WebSocket:
    from kubernetes.stream.ws_client import create_websocket
    from websocket import WebSocketBadStatusException, WebSocketException

    asked = {**headers, "sec-websocket-protocol": PROTOCOLS}
    try:
        connection: WebSocket = create_websocket(access.api.configuration, url.replace("http", "ws", 1), asked)
    except WebSocketBadStatusException as error:
        raise _refused(cluster, request, error) from None
    except (WebSocketException, OSError) as error:
        from urllib3.exceptions import ProtocolError, SSLError

        wrapped: Exception = SSLError(error) if isinstance(error, ssl.SSLError) else ProtocolError(str(error), error)
        where = (access.host, access.server_name, access.proxy)
        raise failures.of_exception(wrapped, request, cluster.target, *where, deadline).error from None
    return connection


def _refused(cluster: Cluster, request: Request, error: Any) -> OpsError:
    headers = {name.lower(): value for name, value in (error.resp_headers or {}).items()}
    reply = Reply(error.status_code, headers.get("content-type", ""), "", error.resp_body or b"")
    return failures.of_reply(reply, request, cluster.target).error


def _heard(cluster: Cluster, request: Request, connection: WebSocket, deadline: Deadline) -> Said:
    from websocket import ABNF, WebSocketException, WebSocketTimeoutException

    streams = _Streams()
    target = cluster.target
    while not streams.parts[ERROR]:
        connection.settimeout(max(deadline.left(), 0.001))
        try:
            opcode, message = connection.recv_data()
        except WebSocketTimeoutException:
            why = f"not ended after {deadline.seconds:g} s; it wrote: {streams.text(STDOUT)[:200] or 'nothing'}"
            raise DeadlineExceeded(request.what, target=target, why=why) from None
        except (WebSocketException, OSError) as error:
            raise Unreachable(request.what, target=target, why=f"the connection broke: {error}") from None
        if opcode == ABNF.OPCODE_CLOSE:
            why = "the connection was closed before the command's end was told"
            raise Unreachable(request.what, target=target, why=why)
        streams.take(message)
    return _ended(request, target, streams)


def _ended(request: Request, target: str, streams: _Streams) -> Said:
    try:
        status = msgspec.json.decode(bytes(streams.parts[ERROR]), type=_Status)
    except msgspec.MsgspecError as error:
        raise Malformed(request.what, target=target, why=f"how the command ended: {error}") from None
    out, err = streams.text(STDOUT), streams.text(STDERR)
    if status.status == "Success":
        return Said(0, out, err)
    causes = status.details.causes if status.details else None
    codes = [cause.message for cause in causes or () if cause.reason == "ExitCode" and cause.message.isdigit()]
    if codes:
        return Said(int(codes[0]), out, err)
    return Said(None, out, err or status.message or "it was not run, and nothing says why")
