"""The shipped role can read statistics and change nothing: by its privileges, in sessions that may write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from gocoffee_ops.demo.database import READER
from gocoffee_ops.sources.postgres import Connection, connect
from tests.testbed.postgres import PostgresServer

DEPLOY = Path(__file__).parents[2] / "deploy"

# Each is refused for want of a privilege, in every major.
REFUSED = {
    "end another's session": "SELECT pg_terminate_backend({other})",
    "cancel another's statement": "SELECT pg_cancel_backend({other})",
    "end a superuser's session": "SELECT pg_terminate_backend({superuser})",
    "reload the configuration": "SELECT pg_reload_conf()",
    "rotate the log": "SELECT pg_rotate_logfile()",
    "reset statistics": "SELECT pg_stat_reset()",
    "reset shared statistics": "SELECT pg_stat_reset_shared('bgwriter')",
    "reset a table's statistics": "SELECT pg_stat_reset_single_table_counters('orders'::regclass)",
    "reset cache statistics": "SELECT pg_stat_reset_slru(NULL)",
    "reset statement statistics": "SELECT pg_stat_statements_reset()",
    "change the server's settings": "ALTER SYSTEM SET work_mem = '8MB'",
    "change the database's settings": "ALTER DATABASE {database} SET work_mem = '8MB'",
    "change another's settings": "ALTER ROLE other SET work_mem = '8MB'",
    "change what is logged": "SET log_min_duration_statement = 0",
    "load a library": "LOAD 'auto_explain'",
    "insert": "INSERT INTO orders VALUES (1)",
    "update": "UPDATE orders SET id = 2",
    "delete": "DELETE FROM orders",
    "truncate": "TRUNCATE orders",
    "read a row": "SELECT * FROM orders",
    "lock a table": "LOCK TABLE orders IN ACCESS SHARE MODE",
    "drop a table": "DROP TABLE orders",
    "alter a table": "ALTER TABLE orders ADD COLUMN x int",
    "index a table": "CREATE INDEX ON orders (id)",
    "rebuild indexes": "REINDEX TABLE orders",
    "advance a sequence": "SELECT nextval('numbers')",
    "comment": "COMMENT ON TABLE orders IS 'x'",
    "create a schema": "CREATE SCHEMA x",
    "create a database": "CREATE DATABASE x",
    "create a role": "CREATE ROLE x",
    "create an extension": "CREATE EXTENSION pg_buffercache",
    "create a publication": "CREATE PUBLICATION x",
    "grant": "GRANT pg_monitor TO other",
    "become another": "SET ROLE other",
    "become a superuser": "SET SESSION AUTHORIZATION postgres",
    "run a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "write a file": "COPY (SELECT 1) TO '/tmp/gocoffee-reader'",
    "read a file": "SELECT pg_read_file('PG_VERSION')",
    "import a file": "SELECT lo_import('/etc/hostname')",
    "read passwords": "SELECT * FROM pg_authid",
    "checkpoint": "CHECKPOINT",
    "switch the WAL": "SELECT pg_switch_wal()",
    "mark the WAL": "SELECT pg_create_restore_point('x')",
    "promote": "SELECT pg_promote()",
    "create a slot": "SELECT pg_create_physical_replication_slot('x')",
    "log another's memory": "SELECT pg_log_backend_memory_contexts({other})",
}
# What PostgreSQL grants to PUBLIC and deploy/reader-strict.sql takes away.
BY_PUBLIC = {
    "create a temporary table": "CREATE TEMPORARY TABLE x (i int)",
    "create a large object": "SELECT lo_create(0)",
    "create a large object with content": "SELECT lo_from_bytea(0, 'x')",
    "write to the WAL": "SELECT pg_logical_emit_message(false, 'x', 'y')",
}
BY_PUBLIC_BEFORE_15 = {
    "create a table": "CREATE TABLE x (i int)",
    "create a function": "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
}
# What stays, as both files say: there is no privilege for it.
STAYS = {
    "notify": "NOTIFY x",
    "hold an advisory lock": "SELECT pg_advisory_xact_lock(1)",
    "change its own settings": f"ALTER ROLE {READER} SET work_mem = '8MB'",
    "change its own password": f"ALTER ROLE {READER} PASSWORD 'another'",
}
NOT_IN_A_TRANSACTION = {"change the server's settings", "create a database"}


class Stage:
    """A database with a table and sessions of others, and the reader's session, which may write."""

    def __init__(self, postgres: PostgresServer, name: str, admin: Connection, other: Connection) -> None:
        self.major = postgres.major
        self.admin = admin
        self._names = {
            "database": name,
            "other": str(other.info.backend_pid),
            "superuser": str(admin.info.backend_pid),
        }
        self._dsn = postgres.tcp_dsn(READER, name)

    def outcomes(self, attempts: dict[str, str]) -> dict[str, str]:
        """Each attempt's SQLSTATE, or "succeeded"; whatever succeeded is rolled back."""
        return {attempt: self._try(attempt, statement) for attempt, statement in attempts.items()}

    def _try(self, attempt: str, statement: str) -> str:
        with connect(self._dsn, application_name="test", autocommit=True) as reader:
            reader.execute("SET default_transaction_read_only = off")
            assert reader.execute("SHOW transaction_read_only").fetchone() == ("off",)
            if attempt not in NOT_IN_A_TRANSACTION:
                reader.execute("BEGIN")
            try:
                reader.execute(statement.format(**self._names))
            except psycopg.Error as error:
                return error.sqlstate or str(error)
            finally:
                reader.execute("ROLLBACK")
        return "succeeded"


@contextmanager
def stage(postgres: PostgresServer, *scripts: str) -> Iterator[Stage]:
    with postgres.fresh_database() as name, postgres.connect(database=name) as admin:
        for script in scripts:
            admin.execute((DEPLOY / script).read_text(encoding="utf-8"))
        admin.execute("CREATE TABLE orders (id int); INSERT INTO orders VALUES (1); CREATE SEQUENCE numbers")
        admin.execute("CREATE ROLE other LOGIN PASSWORD 'other'")
        dsn = f"host=127.0.0.1 port={postgres.port} dbname={name} user=other password=other"
        try:
            with connect(dsn, application_name="shop", autocommit=True) as other:
                yield Stage(postgres, name, admin, other)
                assert other.execute("SELECT 1").fetchone() == (1,)
            assert admin.execute("SELECT id FROM orders").fetchall() == [(1,)]
        finally:
            admin.execute("DROP ROLE other")


def test_the_reader_role_is_refused_every_change(postgres_major: PostgresServer) -> None:
    with stage(postgres_major, "reader.sql") as staged:
        found = staged.outcomes(REFUSED)
    print(f"{len(found)} attempts")
    assert {attempt: state for attempt, state in found.items() if state != "42501"} == {}


def test_what_public_lets_the_reader_role_do_is_what_its_file_says(postgres_major: PostgresServer) -> None:
    with stage(postgres_major, "reader.sql") as staged:
        found = staged.outcomes({**BY_PUBLIC, **STAYS})
        tables = staged.outcomes(BY_PUBLIC_BEFORE_15)
    assert set(found.values()) == {"succeeded"}
    assert set(tables.values()) == {"succeeded" if postgres_major.major < 15 else "42501"}


def test_the_strict_file_takes_what_public_lets_the_reader_role_write(postgres_major: PostgresServer) -> None:
    with stage(postgres_major, "reader.sql", "reader-strict.sql") as staged:
        found = staged.outcomes({**REFUSED, **BY_PUBLIC, **BY_PUBLIC_BEFORE_15})
        stays = staged.outcomes(STAYS)
    assert {attempt: state for attempt, state in found.items() if state != "42501"} == {}
    assert set(stays.values()) == {"succeeded"}


def test_the_file_warns_of_what_public_may_write_and_not_after_the_strict_one(postgres_major: PostgresServer) -> None:
    with postgres_major.fresh_database() as name, postgres_major.connect(database=name) as admin:
        notices: list[str] = []
        admin.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        script = (DEPLOY / "reader.sql").read_text(encoding="utf-8")
        admin.execute(script)
        warned = len(notices)
        assert warned == (3 if postgres_major.major < 15 else 2)
        admin.execute((DEPLOY / "reader-strict.sql").read_text(encoding="utf-8"))
        admin.execute(script)
    assert len(notices) == warned


def test_a_role_of_that_name_that_can_do_more_is_refused(postgres: PostgresServer) -> None:
    with postgres.fresh_database() as name, postgres.connect(database=name) as admin:
        admin.execute(f"BEGIN; ALTER ROLE {READER} CREATEDB; GRANT pg_signal_backend TO {READER}")
        with pytest.raises(psycopg.errors.RaiseException, match="CREATEDB, member of pg_signal_backend"):
            admin.execute((DEPLOY / "reader.sql").read_text(encoding="utf-8"))
        admin.execute("ROLLBACK")


def test_a_read_only_session_alone_would_not_do(postgres: PostgresServer) -> None:
    """Why it is a role: these succeed for a superuser in a read-only transaction."""
    with postgres.connect() as admin:
        admin.execute("BEGIN READ ONLY")
        assert admin.execute("SELECT pg_reload_conf()").fetchone() == (True,)
        admin.execute("ROLLBACK")
        admin.execute("SET default_transaction_read_only = on")
        admin.execute("ALTER SYSTEM RESET work_mem")
