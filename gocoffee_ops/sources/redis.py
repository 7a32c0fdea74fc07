"""Redis: the only importer of redis-py.

`Redis` is asked read-only questions (INFO, PING, SLOWLOG GET), each over a connection of its own and before one deadline. The
user that may do just that is in deploy/redis-reader.acl.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gocoffee_ops.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    ServerFault,
    SourceError,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from gocoffee_ops.sources.deadline import Deadline

CONNECT_S = 10.0  # a network that drops packets is told apart from a server that thinks
PORT = 6379
READER = "deploy/redis-reader.acl is the user that may read this"

Info = Mapping[str, Any]
Meaning = tuple[type[SourceError], str, str]  # our error, what it means in plain words, and a hint

# The first that fits: the client's exception, words of the server or of the system in it, and what that means.
MEANINGS: tuple[tuple[tuple[type[Exception], ...], str, Meaning], ...] = (
    ((redis.TimeoutError,), "", (Unreachable, "it did not accept the connection in time", "check the network")),
    (
        (redis.AuthenticationError, redis.exceptions.AuthenticationWrongNumberOfArgsError),
        "",
        (Unauthenticated, "", "check user, password_env and password_file"),
    ),
    ((redis.exceptions.NoPermissionError,), "", (Forbidden, "", READER)),
    ((redis.BusyLoadingError,), "", (ServerFault, "it still loads its data", "")),
    ((redis.exceptions.MasterDownError,), "", (ServerFault, "a replica that has lost its master", "")),
    ((redis.ReadOnlyError,), "", (Forbidden, "this would change something, and we only read", "")),
    ((redis.InvalidResponse,), "", (Malformed, "what answers is not Redis", "check host and port")),
    ((Exception,), "^DENIED", (Forbidden, "", "protected-mode: give it users, or ask from its own host")),
    ((Exception,), "max number of clients", (ServerFault, "it takes no more connections", "maxclients")),
    ((redis.ResponseError,), "(?i)unknown command", (Unsupported, "", "was the command renamed?")),
    ((redis.ResponseError,), "", (ServerFault, "", "")),
    ((Exception,), "CERTIFICATE", (Unreachable, "TLS", "ca_file names the authority to trust")),
    ((Exception,), "SSL", (Unreachable, "TLS", "does it speak TLS on this port?")),
    ((Exception,), "No such file", (Unreachable, "ca_file", "is it there?")),
    ((Exception,), "Name or service|name resolution|nodename", (Unreachable, "", "check DNS, or the VPN")),
    ((Exception,), "", (Unreachable, "", "is it up?")),
)


@dataclass(frozen=True)
class State:
    """What the server says of itself, and whether it serves: `refused` is its own word for why it does not."""

    info: Info
    ping_s: float | None
    refused: str = ""


@dataclass(frozen=True)
class Slow:
    """One entry of the slow log. `words` may hold values, so no one but who masks them may see it."""

    id: int
    at: int
    duration_us: int
    words: tuple[str, ...]
    client: str
    client_name: str


class Redis:
    """One Redis server. Making it contacts nothing. Safe to share between threads."""

    def __init__(
        self,
        target: str,
        url: str,
        *,
        user: str = "",
        password: str = "",
        ca_file: str | PathLike[str] | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.target = target
        self._host, self._port = parts.hostname or "", parts.port or PORT
        self._tls = parts.scheme == "rediss"
        self._user, self._password = user, password
        self._ca_file = ca_file

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return frozenset(filter(None, (self._password,)))

    def info(self, deadline: Deadline) -> Info:
        """INFO, field by field. Raises the errors of `errors.SourceError`."""
        with self._asking("read INFO", deadline) as client:
            return self._info(client)

    def state(self, deadline: Deadline) -> State:
        """INFO, which a server that loads its data or has lost its master still answers, and whether PING is answered."""
        with self._asking("read INFO", deadline) as client:
            info = self._info(client)
            started = time.monotonic()
            try:
                client.ping()
            except (redis.BusyLoadingError, redis.exceptions.MasterDownError) as error:
                return State(info, None, refused=str(error))
            return State(info, time.monotonic() - started)

    def slowlog(self, count: int, deadline: Deadline) -> list[Slow]:
        """The last entries of the slow log, newest first."""
        with self._asking("read SLOWLOG", deadline) as client:
            entries = client.slowlog_get(count)
        return [
            Slow(
                entry["id"],
                entry["start_time"],
                entry["duration"],
                tuple(_text(entry["command"]).split(" ")),
                _text(entry.get("client_address", b"")),
                _text(entry.get("client_name", b"")),
            )
            for entry in entries
        ]

    def _info(self, client: redis.Redis) -> Info:
        info = client.info()
        if not isinstance(info, dict) or "redis_version" not in info:
            raise Malformed("read INFO", target=self.target, why="the answer names no redis_version")
        return info

    @contextmanager
    def _asking(self, what: str, deadline: Deadline) -> Iterator[redis.Redis]:
        left = deadline.check(what, target=self.target)
        client = self._client(left)
        with client, _Watchdog(client, left) as watchdog:
            try:
                yield client
            except SourceError:
                raise
            except Exception as error:  # a connection that is closed under it breaks the client in many ways
                if watchdog.expired:
                    raise self._late(what, deadline) from None
                if isinstance(error, redis.RedisError | OSError):
                    raise self._translated(error, what, deadline) from None
                if isinstance(error, ValueError | TypeError | LookupError):
                    why = f"the answer could not be decoded: {type(error).__name__}"
                    raise Malformed(what, target=self.target, why=why) from None
                raise

    def _client(self, left: float) -> redis.Redis:
        tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": self._ca_file and str(self._ca_file)} if self._tls else {}
        return redis.Redis(
            host=self._host,
            port=self._port,
            username=self._user or None,
            password=self._password or None,
            socket_timeout=left,
            socket_connect_timeout=min(left, CONNECT_S),
            retry=Retry(NoBackoff(), 0),  # a lost answer is told, not hidden
            protocol=2,
            driver_info=None,  # CLIENT SETINFO, which the reader may not
            max_connections=1,
            **tls,
        )

    def _late(self, what: str, deadline: Deadline) -> DeadlineExceeded:
        return DeadlineExceeded(what, target=self.target, why=f"no answer after {deadline.seconds:g} s")

    def _translated(self, error: redis.RedisError | OSError, what: str, deadline: Deadline) -> SourceError:
        code = getattr(error, "status_code", None) or ""
        said = " ".join(f"{code} {error}".split()).rstrip(".")
        for secret in self.secrets():
            said = said.replace(secret, "[redacted]")
        if isinstance(error, redis.TimeoutError) and "connecting" not in said:
            return self._late(what, deadline)
        kind, plain, hint = next(
            meaning for types, words, meaning in MEANINGS if isinstance(error, types) and re.search(words, said)
        )
        return kind(what, target=self.target, why=f"{plain}: {said}" if plain else said, hint=hint)


class _Watchdog:
    """Ends every wait on the client's connection at the deadline: the socket's own time-out starts anew with every byte."""

    def __init__(self, client: redis.Redis, seconds: float) -> None:
        self.expired = False
        self._client = client
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> _Watchdog:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        self.expired = True
        self._client.connection_pool.disconnect()


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
