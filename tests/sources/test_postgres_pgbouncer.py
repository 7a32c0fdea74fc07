"""Through a real pgbouncer in transaction mode, where every transaction may get another session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gocoffee_ops.demo.database import READER
from gocoffee_ops.errors import DeadlineExceeded, Forbidden, NotFound, Unauthenticated
from gocoffee_ops.queries import database as questions
from gocoffee_ops.queries.query import Query
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import Database
from tests.support import live_session
from tests.testbed.pgbouncer import pgbouncer, program
from tests.testbed.postgres import SUPERUSER, Missing, PostgresServer

SECONDS = 20.0
OURS = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('TimeZone')"


@pytest.fixture(scope="module")
def port(postgres: PostgresServer) -> Iterator[int]:
    """Before the shared server, with one connection: whatever one session left behind, the next one would find."""
    try:
        program()
    except Missing as missing:
        pytest.skip(str(missing))
    with pgbouncer(postgres) as port:
        yield port


@contextmanager
def reading(postgres: PostgresServer, port: int, user: str = READER) -> Iterator[Database]:
    database = Database(postgres.tcp_dsn(user, port=port))
    yield database
    database.close()


def test_every_question_is_answered_and_leaves_no_finding(postgres: PostgresServer, port: int, tmp_path: Path) -> None:
    asked = [one for one in vars(questions).values() if isinstance(one, Query) and one is not questions.statement_delta]
    assert len(asked) > 10
    ops = live_session(tmp_path, databases={"pooled": postgres.tcp_dsn(READER, port=port)})
    for query in asked * 2:
        query(ops)
    assert ops.findings == []
    ops.source(ops.targets("database")[0]).close()


def test_settings_hold_in_the_transaction_and_are_gone_after_it(postgres: PostgresServer, port: int) -> None:
    with reading(postgres, port) as one, reading(postgres, port) as other:
        with one._transaction("test", Deadline.after(SECONDS)) as connection:
            pid = connection.execute("SELECT pg_backend_pid()").fetchone()
            statement, lock, zone = connection.execute(OURS).fetchone() or ("", "", "")
            assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)
        assert (statement.endswith("ms"), lock.endswith("ms"), zone) == (True, True, "UTC")
        assert one._connection is not None
        with postgres.connect(READER) as direct:
            usual = direct.execute(OURS).fetchone()
        assert one._connection.execute(OURS).fetchone() == usual
        assert usual != (statement, lock, zone)
        with other._transaction("test", Deadline.after(SECONDS)) as connection:
            assert connection.execute("SELECT pg_backend_pid()").fetchone() == pid


def test_a_write_is_refused_even_to_a_superuser(postgres: PostgresServer, port: int) -> None:
    with reading(postgres, port, SUPERUSER) as database:
        with (
            pytest.raises(Forbidden, match="we only read"),
            database._transaction("test", Deadline.after(SECONDS)) as connection,
        ):
            connection.execute("CREATE TABLE never (id int)")
        assert "as postgres" in database.probe(Deadline.after(SECONDS))


def test_a_statement_time_out_is_told_as_such_and_the_next_question_is_answered(
    postgres: PostgresServer, port: int
) -> None:
    with reading(postgres, port) as database:
        with (
            pytest.raises(DeadlineExceeded, match="statement time-out"),
            database._transaction("test", Deadline.after(1.0)) as connection,
        ):
            connection.execute("SELECT pg_sleep(60)")
        assert READER in database.probe(Deadline.after(SECONDS))


def test_a_pool_that_is_taken_costs_the_deadline_and_no_more(postgres: PostgresServer, port: int) -> None:
    with reading(postgres, port) as holder, reading(postgres, port) as database:
        assert READER in database.probe(Deadline.after(SECONDS))
        taken = holder._transaction("test", Deadline.after(SECONDS))
        with taken, pytest.raises(DeadlineExceeded, match="the question was sent"):
            database.probe(Deadline.after(1.0))
        assert READER in database.probe(Deadline.after(SECONDS))


def test_questions_of_many_threads_share_the_one_connection(postgres: PostgresServer, port: int) -> None:
    said: list[str] = []

    def ask() -> None:
        with reading(postgres, port) as database:
            said.append(database.probe(Deadline.after(SECONDS)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 8
    assert len(set(said)) == 1


def test_what_pgbouncer_refuses_is_told_apart(postgres: PostgresServer, port: int) -> None:
    wrong = f"host=127.0.0.1 port={port} dbname=postgres user={READER} password=wrong"
    nobody = f"host=127.0.0.1 port={port} dbname=postgres user=nobody_at_all password=wrong"
    nowhere = postgres.tcp_dsn(READER, "nowhere", port=port)
    for dsn, error in ((wrong, Unauthenticated), (nobody, Unauthenticated), (nowhere, NotFound)):
        with pytest.raises(error):
            Database(dsn).probe(Deadline.after(SECONDS))


def test_a_pgbouncer_that_was_started_anew_is_used_again(postgres: PostgresServer, port: int) -> None:
    with pgbouncer(postgres) as first:
        database = Database(postgres.tcp_dsn(READER, port=first))
        before = database.probe(Deadline.after(SECONDS))
    with pgbouncer(postgres, port=first):
        assert database.probe(Deadline.after(SECONDS)) == before
    database.close()
