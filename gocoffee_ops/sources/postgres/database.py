"""The source: one database, asked read-only questions one at a time, each before its deadline."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from gocoffee_ops.errors import DeadlineExceeded, Forbidden, Unsupported
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import columnar, questions, translating
from gocoffee_ops.sources.postgres.connecting import Address, Connection, Watchdog

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, list[Any]]

APPLICATION_NAME = "gocoffee-ops"
STALE_SECONDS = 3.0  # how long a session that was idle may take to answer before a new one is opened


@dataclass(frozen=True)
class Extension:
    """An extension as it is installed in the database."""

    name: str
    schema: str
    version: str


class Database:
    """One database that is read.

    Every question is a read-only transaction of its own whose time-outs are set from what is left of the deadline; the
    deadline also bounds connecting and a server that has gone silent. It needs no session state, so it works through
    pgbouncer in transaction mode. Calls from several threads wait for each other: there is one connection.
    """

    def __init__(self, conninfo: str, *, application_name: str = APPLICATION_NAME) -> None:
        self._address = Address(conninfo)
        self._application_name = application_name
        self._connection: Connection | None = None
        self._granted: set[str] = set()  # roles whose privileges this connection was seen to have
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Database({self.describe()})"

    def describe(self) -> str:
        """Where it is, as `user@host:port/dbname`; never a secret."""
        return self._address.describe()

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: the redactor gets it before the first question."""
        used = self._connection.info.password if self._connection and not self._connection.closed else ""
        return tuple(dict.fromkeys([*self._address.secrets(), *([used] if used else [])]))

    def probe(self, deadline: Deadline) -> str:
        """One line that says what answers: `PostgreSQL 18.1, database coffee, as gocoffee_reader`."""
        with self._transaction("probe the database", deadline) as connection:
            row = connection.execute(
                "SELECT current_setting('server_version'), current_database(), current_user"
            ).fetchone()
        version, name, user = row or ("?", "?", "?")
        return f"PostgreSQL {version}, database {name}, as {user}"

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        with self._lock:
            self._drop()

    def read(
        self,
        name: str,
        parameters: Mapping[str, Any],
        deadline: Deadline,
        *,
        identifiers: Mapping[str, str] | None = None,
    ) -> Columns:
        """The answer to the question in `queries/sql/NAME.sql`, as column name to values.

        Values are bound; `identifiers` are composed where the file has `{name}`. A role without the privilege that the
        file declares raises Forbidden: PostgreSQL would mask rows or leave them out, and say nothing.

        Raises Unreachable, Unauthenticated, Forbidden, NotFound, DeadlineExceeded, ServerFault, Malformed, Unsupported.
        """
        with self._transaction(f"read {name}", deadline, search_path="pg_catalog, pg_temp") as connection:
            question = questions.load(name, connection.info.server_version)
            self._require(connection, question)
            text = sql.SQL(question.text)  # our own file, not a value
            composed = text.format(**{key: sql.Identifier(value) for key, value in (identifiers or {}).items()})
            cursor = connection.execute(composed, parameters)
            names = [column.name for column in cursor.description or ()]
            rows = cursor.fetchall()
        return {column: [row[i] for row in rows] for i, column in enumerate(names)}

    def extension(self, name: str, deadline: Deadline) -> Extension:
        """Where an extension is installed in this database. Raises Unsupported when it is not."""
        found = self.read("extension", {"name": name}, deadline)
        if not found["schema"]:
            raise Unsupported(
                f"read {name}",
                target=self.describe(),
                why=f"the extension {name} is not installed in this database",
                hint=translating.PRELOAD if name == "pg_stat_statements" else f"CREATE EXTENSION {name}",
            )
        return Extension(name, found["schema"][0], found["version"][0])

    def read_frame(self, query: str, deadline: Deadline) -> pd.DataFrame:
        """The result of one SELECT, however large, as a DataFrame; its dtypes are those that `columnar` names.

        `query` is sent as it is: values and identifiers are composed by the caller, with `sql`. It is read over a
        connection of its own. Needs the extra `bulk`; raises Unsupported without it.
        """
        with self._transaction(columnar.WHAT, deadline) as connection:
            question = columnar.asked(connection, query)
        name = self._application_name
        return columnar.read(self._address, question, lambda: _settings(deadline), deadline, application_name=name)

    def _require(self, connection: Connection, question: questions.Question) -> None:
        role = question.needs
        if not role or role in self._granted:
            return
        asked = "SELECT pg_has_role(current_user, %s, 'usage'), current_user /* gocoffee-ops: role */"
        row = connection.execute(asked, [role]).fetchone()
        granted, user = row or (False, "?")
        if not granted:
            raise Forbidden(
                f"read {question.name}",
                target=self.describe(),
                why=f"role {user} lacks {role}, so PostgreSQL would hide other roles' rows",
                hint=f"GRANT {role} TO {user}, or {translating.READER}",
            )
        self._granted.add(role)

    @contextmanager
    def _transaction(self, what: str, deadline: Deadline, *, search_path: str = "") -> Iterator[Connection]:
        """A read-only transaction before the deadline; after any error its connection is dropped."""
        target = self.describe()
        if not self._lock.acquire(timeout=deadline.check(what, target=target)):
            raise DeadlineExceeded(
                what, target=target, why="another question had this database's connection all the time"
            )
        try:
            connection = self._begun(what, deadline, search_path)
            left = deadline.check(what, target=target, last_seen="the transaction had begun")
            with Watchdog(connection, left) as watchdog:
                try:
                    yield connection
                    connection.execute("COMMIT /* gocoffee-ops: end */")
                except psycopg.Error as error:
                    raise self._translated(error, what, deadline, watchdog) from None
        except BaseException:
            self._drop()
            raise
        finally:
            self._lock.release()

    def _translated(self, error: psycopg.Error, what: str, deadline: Deadline, watchdog: Watchdog) -> Exception:
        if watchdog.expired:
            return DeadlineExceeded(
                what,
                target=self.describe(),
                why=f"not complete after {deadline.seconds:g} s; last seen: the question was sent, and no whole answer came",
                hint="is it overloaded, or the network broken?",
            )
        return translating.of_asking(error, what, target=self.describe(), server_gave_up=translating.gave_up(deadline))

    def _begun(self, what: str, deadline: Deadline, search_path: str) -> Connection:
        """A connection in a transaction; a session that broke while it was idle is replaced, once."""
        if self._connection is not None:
            patience = min(STALE_SECONDS, deadline.left() / 3)
            try:
                with Watchdog(self._connection, patience):
                    return self._begin(self._connection, deadline, search_path)
            except psycopg.OperationalError:
                self._drop()
        self._connection = self._address.open(deadline, application_name=self._application_name)
        left = deadline.check(what, target=self.describe(), last_seen="the connection was open")
        with Watchdog(self._connection, left) as watchdog:
            try:
                return self._begin(self._connection, deadline, search_path)
            except psycopg.Error as error:  # pgbouncer lets us in, and then waits for a session of the server
                raise self._translated(error, what, deadline, watchdog) from None

    def _begin(self, connection: Connection, deadline: Deadline, search_path: str) -> Connection:
        settings = _settings(deadline)
        if search_path:
            settings["search_path"] = search_path
        # set_config(…, true) is SET LOCAL; but of SET, pg_stat_statements would keep an entry for every other value.
        calls = [sql.SQL("set_config({}, {}, true)").format(name, value) for name, value in settings.items()]
        begin = sql.SQL("BEGIN READ ONLY /* gocoffee-ops: begin */; SELECT {} /* gocoffee-ops: time-outs */")
        connection.execute(begin.format(sql.SQL(", ").join(calls)))
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._granted.clear()
        if connection is not None:
            connection.close()


def _settings(deadline: Deadline) -> dict[str, str]:
    """The session's time-outs, a little before the deadline, and the forms in which values are to come."""
    statement_ms = max(1, int(1000 * (deadline.left() - translating.margin(deadline.left()))))
    return {
        "statement_timeout": str(statement_ms),
        "lock_timeout": str(max(1, statement_ms // 2)),
        "idle_in_transaction_session_timeout": str(statement_ms + 1000),
        "client_encoding": "UTF8",
        "DateStyle": "ISO",
        "IntervalStyle": "postgres",
        "TimeZone": "UTC",
    }
