"""Every fault of a database is the right error, in time, and says nothing of the password."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import adbc_driver_postgresql.dbapi  # noqa: F401  here, so that no question's deadline pays for loading it
import pytest

from gocoffee_ops.demo.database import READER
from gocoffee_ops.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    NotFound,
    ServerFault,
    SourceError,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import Database
from tests.sources.tcp_relay import Relay
from tests.testbed.pg_fixtures import require_major
from tests.testbed.postgres import WHEEL_MAJOR, PostgresServer, free_port

DEADLINE_S = 2.0
LATENESS_S = 3.0  # on a busy machine; what is asked for would take for ever


def fault_of(dsn: str, ask: Callable[[Database, Deadline], object] | None = None) -> SourceError:
    """The error of a question, after checking that it came in time and tells no secret."""
    database = Database(dsn)
    started = time.monotonic()
    with pytest.raises(SourceError) as raised:
        (ask or Database.probe)(database, Deadline.after(DEADLINE_S))
    assert time.monotonic() - started < DEADLINE_S + LATENESS_S
    database.close()
    for secret in database.secrets():
        assert secret not in str(raised.value)
    assert dsn not in str(raised.value)
    assert raised.value.target == database.describe()
    return raised.value


def sleep(database: Database, deadline: Deadline) -> None:
    """A question that would take long."""
    with database._transaction("test", deadline) as connection:
        connection.execute("SELECT pg_sleep(60)")


def sleep_for_a_frame(database: Database, deadline: Deadline) -> None:
    """The same, answered in columns by another driver."""
    database.read_frame("SELECT pg_sleep(60)", deadline)


both_ways = pytest.mark.parametrize("ask", [sleep, sleep_for_a_frame])
Ask = Callable[[Database, Deadline], None]


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Do something while a question is being asked."""
    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def when_asked(postgres: PostgresServer, do: str) -> Callable[[], None]:
    """Once our session sleeps, run SQL with its pid."""

    def work() -> None:
        with postgres.connect() as admin:
            until = time.monotonic() + DEADLINE_S
            while time.monotonic() < until:
                found = admin.execute(
                    f"SELECT {do} FROM pg_stat_activity WHERE application_name = 'gocoffee-ops' AND wait_event = 'PgSleep'"
                ).fetchone()
                if found:
                    return
                time.sleep(0.02)

    return work


def kill_when_asked(server: PostgresServer) -> Callable[[], None]:
    """Once our session sleeps, kill its process."""

    def work() -> None:
        with server.connect() as admin:
            until = time.monotonic() + DEADLINE_S
            while time.monotonic() < until:
                found = admin.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone()
                if found:
                    os.kill(found[0], signal.SIGKILL)
                    return
                time.sleep(0.02)

    return work


def test_a_refused_connection_is_unreachable() -> None:
    assert isinstance(fault_of(f"host=127.0.0.1 port={free_port()} password=s3cr3t user=u"), Unreachable)


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    assert isinstance(fault_of("postgresql://u:s3cr3t@db.invalid/coffee"), Unreachable)


def test_a_server_without_tls_is_unreachable_where_tls_is_demanded(postgres: PostgresServer) -> None:
    error = fault_of(postgres.tcp_dsn() + " sslmode=require")
    assert isinstance(error, Unreachable)
    assert "SSL" in error.why


def test_a_server_that_accepts_and_hangs_is_a_deadline() -> None:
    with Relay(None) as relay:
        error = fault_of(f"host=127.0.0.1 port={relay.port} user=u password=s3cr3t")
    assert isinstance(error, DeadlineExceeded)
    assert "waiting for the server's answer" in error.why


def test_a_login_that_drips_is_a_deadline(postgres: PostgresServer) -> None:
    with Relay(postgres.port) as relay:
        relay.drip_s = 0.2
        assert isinstance(fault_of(postgres.tcp_dsn(port=relay.port)), DeadlineExceeded)


def test_an_answer_that_drips_is_a_deadline(postgres: PostgresServer) -> None:
    with Relay(postgres.port) as relay:

        def ask(database: Database, deadline: Deadline) -> None:
            database.probe(deadline)
            relay.drip_s = 0.01
            database.read_frame("SELECT repeat('x', 100) FROM generate_series(1, 100000)", deadline)

        assert isinstance(fault_of(postgres.tcp_dsn(port=relay.port), ask), DeadlineExceeded)


def test_a_network_that_falls_silent_is_a_deadline(postgres: PostgresServer) -> None:
    with Relay(postgres.port) as relay:

        def ask(database: Database, deadline: Deadline) -> None:
            with database._transaction("test", deadline) as connection:
                relay.fall_silent()
                connection.execute("SELECT 1")

        error = fault_of(postgres.tcp_dsn(port=relay.port), ask)
    assert isinstance(error, DeadlineExceeded)
    assert "no whole answer came" in error.why


def test_a_connection_that_was_cut_while_idle_is_opened_again(postgres: PostgresServer) -> None:
    with Relay(postgres.port) as relay:
        database = Database(postgres.tcp_dsn(port=relay.port))
        database.probe(Deadline.after(20))
        relay.break_off()
        assert database.probe(Deadline.after(20)).startswith("PostgreSQL")
        assert relay.accepted == 2
        database.close()


def test_a_web_server_is_malformed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(1024)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with meanwhile(serve):
            error = fault_of(f"host=127.0.0.1 port={listener.getsockname()[1]} user=u password=s3cr3t sslmode=disable")
    assert isinstance(error, Malformed)
    assert "not PostgreSQL" in error.why


def test_a_wrong_password_is_unauthenticated(postgres_major: PostgresServer) -> None:
    error = fault_of(f"host=127.0.0.1 port={postgres_major.port} dbname=postgres user=postgres password=s3cr3t")
    assert isinstance(error, Unauthenticated)


def test_no_password_is_unauthenticated(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    error = fault_of(f"host=127.0.0.1 port={postgres.port} dbname=postgres user=postgres")
    assert isinstance(error, Unauthenticated)


def test_an_unknown_role_is_unauthenticated(postgres: PostgresServer) -> None:
    error = fault_of(f"host=127.0.0.1 port={postgres.port} dbname=postgres user=nobody_knows password=s3cr3t")
    assert isinstance(error, Unauthenticated)


def test_an_unknown_database_is_not_found(postgres: PostgresServer) -> None:
    assert isinstance(fault_of(postgres.tcp_dsn(database="nowhere")), NotFound)


def test_a_database_that_one_may_not_enter_is_forbidden(postgres: PostgresServer) -> None:
    with postgres.fresh_database() as name:
        with postgres.connect() as admin:
            admin.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        error = fault_of(postgres.tcp_dsn(READER, name))
    assert isinstance(error, Forbidden)
    assert name in error.why


def test_too_many_connections_are_said_plainly(postgres: PostgresServer) -> None:
    with postgres.connect() as admin:
        admin.execute(f"ALTER ROLE {READER} CONNECTION LIMIT 0")
        try:
            error = fault_of(postgres.tcp_dsn(READER))
        finally:
            admin.execute(f"ALTER ROLE {READER} CONNECTION LIMIT 10")
    assert isinstance(error, ServerFault)
    assert "too many connections" in error.why


def test_too_many_connections_for_a_frames_own_are_said_plainly(postgres: PostgresServer) -> None:
    with postgres.connect() as admin:
        admin.execute(f"ALTER ROLE {READER} CONNECTION LIMIT 1")
        try:
            error = fault_of(
                postgres.tcp_dsn(READER), lambda database, deadline: database.read_frame("SELECT 1 AS i", deadline)
            )
        finally:
            admin.execute(f"ALTER ROLE {READER} CONNECTION LIMIT 10")
    assert isinstance(error, ServerFault)
    assert "too many connections" in error.why


def test_a_frames_statement_is_in_no_error(postgres: PostgresServer) -> None:
    error = fault_of(
        postgres.tcp_dsn(),
        lambda database, deadline: database.read_frame(
            "SELECT 1 / n AS s3cr3t FROM generate_series(-2, 0) n", deadline
        ),
    )
    assert isinstance(error, Malformed)
    assert error.why == "the server could not convert a value: division by zero"


@both_ways
def test_a_statement_time_out_is_a_deadline_that_says_so(postgres_major: PostgresServer, ask: Ask) -> None:
    error = fault_of(postgres_major.tcp_dsn(), ask)
    assert isinstance(error, DeadlineExceeded)
    assert "statement time-out" in error.why


def test_a_lock_time_out_is_a_deadline_that_says_so(postgres_major: PostgresServer) -> None:
    with postgres_major.fresh_database() as name, postgres_major.connect(database=name) as owner:
        owner.execute("CREATE TABLE orders (id int)")
        owner.execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        error = fault_of(
            postgres_major.tcp_dsn(READER, name),
            lambda database, deadline: database.read("tables", {"limit": 9}, deadline),
        )
        owner.execute("ROLLBACK")
    assert isinstance(error, DeadlineExceeded)
    assert "lock time-out" in error.why


@both_ways
def test_a_question_that_somebody_cancels_is_a_server_fault(postgres: PostgresServer, ask: Ask) -> None:
    with meanwhile(when_asked(postgres, "pg_cancel_backend(pid)")):
        error = fault_of(postgres.tcp_dsn(), ask)
    assert isinstance(error, ServerFault)
    assert "cancelled" in error.why


@both_ways
def test_a_backend_that_is_terminated_mid_query_is_a_server_fault(postgres_major: PostgresServer, ask: Ask) -> None:
    with meanwhile(when_asked(postgres_major, "pg_terminate_backend(pid)")):
        error = fault_of(postgres_major.tcp_dsn(), ask)
    assert isinstance(error, ServerFault)
    assert "administrator" in error.why


@both_ways
def test_a_backend_that_is_killed_mid_query_is_a_server_fault(ask: Ask) -> None:
    with PostgresServer(require_major(WHEEL_MAJOR)) as server, meanwhile(kill_when_asked(server)):
        error = fault_of(server.tcp_dsn(), ask)
    assert isinstance(error, ServerFault)
    assert "the connection broke" in error.why


def test_a_missing_extension_is_unsupported_and_says_what_to_do(postgres: PostgresServer) -> None:
    with postgres.fresh_database() as name:
        with postgres.connect(database=name) as owner:
            owner.execute("DROP EXTENSION pg_stat_statements")
        error = fault_of(
            postgres.tcp_dsn(READER, name),
            lambda database, deadline: database.extension("pg_stat_statements", deadline),
        )
    assert isinstance(error, Unsupported)
    assert "CREATE EXTENSION" in error.hint


def test_an_extension_that_is_not_preloaded_is_unsupported_and_says_what_to_do() -> None:
    with PostgresServer(require_major(WHEEL_MAJOR)) as server:
        server.server.stop()
        server.server.settings = {**server.settings, "shared_preload_libraries": ""}
        server.server.start()
        error = fault_of(
            server.tcp_dsn(),
            lambda database, deadline: database.read(
                "statements", {"by": "total", "limit": 1}, deadline, identifiers={"schema": "public"}
            ),
        )
    assert isinstance(error, Unsupported)
    assert "shared_preload_libraries" in error.hint


def test_an_extension_that_is_older_than_the_server_is_unsupported_and_says_what_to_do(
    postgres: PostgresServer,
) -> None:
    with postgres.fresh_database() as name:
        with postgres.connect(database=name) as owner:
            owner.execute("DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.10'")
        error = fault_of(
            postgres.tcp_dsn(database=name),
            lambda database, deadline: database.read(
                "statements", {"by": "total", "limit": 1}, deadline, identifiers={"schema": "public"}
            ),
        )
    assert isinstance(error, Unsupported)
    assert "ALTER EXTENSION pg_stat_statements UPDATE" in error.hint


def test_a_missing_privilege_is_forbidden_and_names_the_object(postgres: PostgresServer) -> None:
    with postgres.fresh_database() as name:
        with postgres.connect(database=name) as owner:
            owner.execute("CREATE TABLE orders (id int)")
        error = fault_of(
            postgres.tcp_dsn(READER, name),
            lambda database, deadline: database.read_frame("SELECT * FROM orders", deadline),
        )
    assert isinstance(error, Forbidden)
    assert "orders" in error.why


def test_a_change_is_forbidden_even_for_the_owner(postgres: PostgresServer) -> None:
    with postgres.fresh_database() as name:

        def change(database: Database, deadline: Deadline) -> None:
            with database._transaction("test", deadline) as connection:
                connection.execute("CREATE TABLE x (i int)")

        error = fault_of(postgres.tcp_dsn(database=name), change)
    assert isinstance(error, Forbidden)


def test_a_second_question_waits_for_the_first_no_longer_than_its_deadline(postgres: PostgresServer) -> None:
    database = Database(postgres.tcp_dsn())

    def ask_first() -> None:
        with pytest.raises(DeadlineExceeded):
            sleep(database, Deadline.after(2 * DEADLINE_S))

    first = threading.Thread(target=ask_first)
    first.start()
    until = time.monotonic() + DEADLINE_S
    while not database._lock.locked() and time.monotonic() < until:
        time.sleep(0.01)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="another question"):
        database.probe(Deadline.after(DEADLINE_S / 2))
    assert time.monotonic() - started < DEADLINE_S / 2 + LATENESS_S
    first.join()
    assert database.probe(Deadline.after(20)).startswith("PostgreSQL")
    database.close()
