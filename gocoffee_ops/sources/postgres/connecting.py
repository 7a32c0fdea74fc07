"""Connections: where a connection string leads, what in it is secret, and opening one before a deadline."""

from __future__ import annotations

import math
import os
import queue
import socket
import threading
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gocoffee_ops.errors import ConfigError, DeadlineExceeded, SourceError, Unsupported
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import loaders, translating

Connection = psycopg.Connection[tuple[Any, ...]]

OLDEST = 140000  # PostgreSQL 14
CONNECT_SECONDS = 10.0
SECRET_KEYS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
# Keepalives end what a vanished network would leave open; pgbouncer knows none of these, they are libpq's own.
KEEPALIVE: Mapping[str, int] = MappingProxyType(
    {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
)


class Address:
    """A connection string, which is a secret: what may be shown of it, and what must not."""

    def __init__(self, conninfo: str) -> None:
        try:
            self._parameters = dict(conninfo_to_dict(conninfo))
        except psycopg.Error:  # its message quotes the string, with the password in it
            raise ConfigError(
                "read a database's connection string",
                why="it is neither a postgresql:// URI nor keyword=value pairs",
                hint="percent-encode special characters of a URI's password",
            ) from None

    def __repr__(self) -> str:
        return f"Address({self.describe()})"

    def describe(self) -> str:
        """`user@host:port/dbname`, without any secret; libpq's defaults from the environment filled in."""
        hosts = self._get("host", "PGHOST") or self._get("hostaddr", "PGHOSTADDR") or "local socket"
        ports = self._get("port", "PGPORT") or "5432"
        service = self._get("service", "PGSERVICE")
        if service and "host" not in self._parameters:
            return f"service {service}"
        user = self._get("user", "PGUSER")
        database = self._get("dbname", "PGDATABASE") or user
        paired = zip(hosts.split(","), _as_many(ports.split(","), hosts.count(",") + 1), strict=False)
        places = ",".join(f"{host}:{port or 5432}" for host, port in paired)
        return f"{user}{'@' if user else ''}{places}/{database}"

    def secrets(self) -> tuple[str, ...]:
        """Every secret in the string or in libpq's environment, as it is and as a URI would write it."""
        plain = [str(self._parameters[key]) for key in SECRET_KEYS if self._parameters.get(key)]
        plain += [os.environ["PGPASSWORD"]] if os.environ.get("PGPASSWORD") else []
        return tuple(dict.fromkeys(form for secret in plain for form in (secret, quote(secret, safe=""))))

    def _get(self, key: str, variable: str) -> str:
        return str(self._parameters.get(key) or os.environ.get(variable) or "")

    def conninfo(self, deadline: Deadline, *, application_name: str) -> str:
        """The connection string with all that a connection of ours has, for another client of libpq: a secret."""
        return make_conninfo("", **self._within(deadline, application_name))

    def _within(self, deadline: Deadline, application_name: str) -> dict[str, Any]:
        last_seen = "nothing: no time was left to connect"
        left = deadline.check("connect to PostgreSQL", target=self.describe(), last_seen=last_seen)
        own = _seconds(self._parameters.get("connect_timeout"))
        bound = {"connect_timeout": max(2, math.ceil(min(left, own) if own > 0 else left))}
        return {**KEEPALIVE, **self._parameters, "application_name": application_name, **bound}

    def open(self, deadline: Deadline, *, application_name: str, autocommit: bool = True) -> Connection:
        """A connection before the deadline, whatever name resolution, network or server do.

        No prepared statements and no session settings, so that it works through pgbouncer in transaction mode.
        """
        target = self.describe()
        left = deadline.left()
        parameters = self._within(deadline, application_name)
        handover = _Handover()

        def work() -> None:
            try:
                opened: Connection = psycopg.connect(**parameters, autocommit=autocommit, prepare_threshold=None)
            except BaseException as error:  # noqa: BLE001 - raised again by the one who waits
                handover.put(error)
            else:
                handover.put(opened)

        # A thread, because a name look-up cannot be interrupted: whoever waits stops waiting in time.
        threading.Thread(target=work, name=f"connect to {target}", daemon=True).start()
        outcome = handover.get(left)
        if isinstance(outcome, psycopg.Connection):
            return _checked(outcome, target)
        if outcome is None or isinstance(outcome, psycopg.errors.ConnectionTimeout):
            raise DeadlineExceeded(
                "connect to PostgreSQL",
                target=target,
                why=f"no session after {deadline.seconds - deadline.left():.1f} s; last seen: waiting for the server's answer",
                hint="is it overloaded, or a firewall between?",
            ) from None
        if isinstance(outcome, psycopg.Error):
            raise translating.of_connecting(outcome, target=target) from None
        raise outcome


def connect(dsn: str, *, application_name: str, autocommit: bool = False) -> Connection:
    """A connection of its own, for what must do more than read. Raises what `Address.open` raises."""
    return Address(dsn).open(Deadline.after(CONNECT_SECONDS), application_name=application_name, autocommit=autocommit)


class Watchdog:
    """Ends every wait on a connection at the deadline, by shutting its socket down.

    The server's own time-outs come first and say more; this is for a server or network that has gone silent.
    """

    def __init__(self, connection: Connection, seconds: float) -> None:
        self.expired = False
        self._connection = connection
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Watchdog:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
        self._timer.cancel()

    def _expire(self) -> None:
        with self._lock:  # while it is held, the connection is not closed and its descriptor is not another's
            if self._over or self._connection.closed:
                return
            self.expired = True
            with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
                try:
                    line.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # the other side was quicker


class _Handover:
    """Gives one outcome to the one who waits, or closes what came too late."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Connection | BaseException] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._abandoned = False

    def put(self, outcome: Connection | BaseException) -> None:
        with self._lock:
            if not self._abandoned:
                self._queue.put(outcome)
                return
        if isinstance(outcome, psycopg.Connection):
            outcome.close()

    def get(self, seconds: float) -> Connection | BaseException | None:
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            with self._lock:
                self._abandoned = True
                return None if self._queue.empty() else self._queue.get()


def _checked(connection: Connection, target: str) -> Connection:
    version = connection.info.server_version
    if version >= OLDEST:
        loaders.register(connection)
        return connection
    connection.close()
    error: SourceError = Unsupported(
        "connect to PostgreSQL", target=target, why=f"server version {version // 10000} is older than {OLDEST // 10000}"
    )
    raise error


def _seconds(value: object) -> float:
    try:
        return float(str(value or 0))
    except ValueError:
        return 0.0


def _as_many(ports: list[str], hosts: int) -> list[str]:
    return ports * hosts if len(ports) == 1 else ports
