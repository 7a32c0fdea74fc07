"""The database source: what it shows of its address, how it asks, and what it does to the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gocoffee_ops.demo.database import READER
from gocoffee_ops.errors import ConfigError, QueryFault, Unsupported
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import EARLIEST, LATEST, Database, questions
from tests.testbed.postgres import PostgresServer

SECONDS = 20.0


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    database = Database(postgres.tcp_dsn())
    yield database
    database.close()


def one(database: Database, query: str) -> object:
    """The single value of a query, as `read` would decode it."""
    with database._transaction("test", Deadline.after(SECONDS)) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("conninfo", "shown"),
    [
        ("postgresql://ada:s3cr%40t@db.example:6432/coffee?sslmode=require", "ada@db.example:6432/coffee"),
        ("host=db.example dbname=coffee user=ada password='s3cr@t'", "ada@db.example:5432/coffee"),
        ("postgresql://ada:s3cr%40t@a.example,b.example:6432/coffee", "ada@a.example:5432,b.example:6432/coffee"),
        ("service=coffee password=s3cr@t", "service coffee"),
    ],
)
def test_an_address_is_described_without_its_password(conninfo: str, shown: str) -> None:
    database = Database(conninfo)
    assert database.describe() == shown
    assert "s3cr" not in repr(database)
    assert "s3cr@t" in database.secrets()


def test_a_password_is_secret_in_its_uri_form_too() -> None:
    assert Database("postgresql://ada:s3cr%40t@db/coffee").secrets() == ("s3cr@t", "s3cr%40t")


@pytest.mark.parametrize(
    "conninfo", ["postgresql:/ada:s3cr3t@db/coffee", "s3cr3t", "password s3cr3t", "passwort=s3cr3t"]
)
def test_a_mistyped_address_is_refused_without_quoting_it(conninfo: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Database(conninfo)
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_the_probe_says_version_database_and_role(postgres_major: PostgresServer) -> None:
    database = Database(postgres_major.tcp_dsn(READER))
    line = database.probe(Deadline.after(SECONDS))
    database.close()
    assert line.startswith(f"PostgreSQL {postgres_major.major}.")
    assert line.endswith("database postgres, as gocoffee_reader")


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ("timestamptz 'infinity'", LATEST),
        ("timestamptz '-infinity'", EARLIEST),
        ("timestamptz '0044-03-15 BC'", EARLIEST),
        ("timestamptz '12026-01-01'", LATEST),
        ("interval '1 month 2 days 3.5 s'", 30 * 86400 + 2 * 86400 + 3.5),
        ("interval '-1 day'", -86400.0),
        (r"convert_from('\x63616665'::bytea, 'UTF8')", "cafe"),
        ("NULL::timestamptz", None),
    ],
)
def test_values_that_python_has_no_room_for_survive(database: Database, value: str, decoded: object) -> None:
    assert one(database, f"SELECT {value}") == decoded


def test_an_infinite_interval_survives(database: Database) -> None:
    assert one(database, "SELECT interval 'infinity'") == float("inf")


def test_times_are_utc_whatever_the_server_says(database: Database, postgres: PostgresServer) -> None:
    with postgres.connect() as admin:
        admin.execute(f"ALTER ROLE {READER} SET timezone = 'Asia/Tokyo'")
        admin.execute(f"ALTER ROLE {READER} SET datestyle = 'German'")
        admin.execute(f"ALTER ROLE {READER} SET intervalstyle = 'iso_8601'")
    reader = Database(postgres.tcp_dsn(READER))
    try:
        assert str(one(reader, "SELECT timestamptz '2025-06-01 12:00+00'")) == "2025-06-01 12:00:00+00:00"
        assert one(reader, "SELECT interval '1 hour'") == 3600.0
    finally:
        reader.close()
        with postgres.connect() as admin:
            for setting in ("timezone", "datestyle", "intervalstyle"):
                admin.execute(f"ALTER ROLE {READER} RESET {setting}")


def test_a_question_is_a_read_only_transaction_with_the_deadlines_time_outs(database: Database) -> None:
    assert one(database, "SELECT current_setting('transaction_read_only')") == "on"
    assert one(database, "SELECT current_setting('application_name')") == "gocoffee-ops"
    for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        milliseconds = one(database, f"SELECT setting::int FROM pg_settings WHERE name = '{setting}'")
        assert isinstance(milliseconds, int)
        assert 0 < milliseconds <= SECONDS * 1000 + 1000


def test_a_question_leaves_nothing_in_the_session(postgres: PostgresServer, database: Database) -> None:
    """Through pgbouncer the session is somebody else's next: no setting, no prepared statement, no transaction."""
    for _ in range(8):  # psycopg would prepare after 5
        database.read("server", {}, Deadline.after(SECONDS))
    connection = database._connection
    assert connection is not None
    left = connection.execute(
        "SELECT current_setting('statement_timeout'), current_setting('search_path'), current_setting('lock_timeout'),"
        " (SELECT count(*) FROM pg_prepared_statements), (SELECT xact_start < query_start FROM pg_stat_activity"
        " WHERE pid = pg_backend_pid())"
    ).fetchone()
    assert left == ("0", '"$user", public', "0", 0, False)


def test_asking_twice_uses_one_connection(postgres: PostgresServer, database: Database) -> None:
    first = one(database, "SELECT pg_backend_pid()")
    assert one(database, "SELECT pg_backend_pid()") == first


def test_a_session_that_died_while_idle_is_replaced(postgres: PostgresServer, database: Database) -> None:
    first = one(database, "SELECT pg_backend_pid()")
    with postgres.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    assert one(database, "SELECT pg_backend_pid()") != first


def test_an_extension_is_found_in_whatever_schema_it_is(postgres: PostgresServer) -> None:
    with postgres.fresh_database() as name:
        with postgres.connect(database=name) as owner:
            owner.execute('CREATE SCHEMA "Odd one"; ALTER EXTENSION pg_stat_statements SET SCHEMA "Odd one"')
        database = Database(postgres.tcp_dsn(database=name))
        extension = database.extension("pg_stat_statements", Deadline.after(SECONDS))
        assert extension.schema == "Odd one"
        asked = {"by": "total", "limit": 5}
        found = database.read("statements", asked, Deadline.after(SECONDS), identifiers={"schema": extension.schema})
        database.close()
    assert "queryid" in found


def test_an_extension_that_is_not_there_is_unsupported(database: Database) -> None:
    with pytest.raises(Unsupported, match="postgis is not installed"):
        database.extension("postgis", Deadline.after(SECONDS))


def test_a_schema_on_the_path_cannot_take_the_place_of_a_view(postgres: PostgresServer) -> None:
    """A statement of ours that resolved names through `public` could be made to run anybody's function."""
    with postgres.fresh_database() as name:
        with postgres.connect(database=name) as owner:
            owner.execute("CREATE VIEW public.pg_database AS SELECT 'forged'::name AS datname")
            owner.execute(f"ALTER ROLE postgres IN DATABASE {name} SET search_path = public, pg_catalog")
        database = Database(postgres.tcp_dsn(database=name))
        found = database.read("wraparound", {}, Deadline.after(SECONDS))
        database.close()
    assert name in found["name"]


def test_every_sql_file_says_what_it_asks_reads_and_needs() -> None:
    from importlib import resources

    files = [f for f in resources.files("gocoffee_ops").joinpath("queries", "sql").iterdir() if f.name.endswith(".sql")]
    assert len(files) >= 15
    for file in files:
        question = questions.parse(file.name, file.read_text(encoding="utf-8"))
        assert question.asks.endswith("?")
        assert question.needs in {"", "pg_read_all_stats", "pg_read_all_settings"}
        assert f"/* gocoffee-ops: {file.name} */" in question.text


def test_every_variant_is_a_file_and_the_newest_that_fits() -> None:
    for name, variants in questions.VARIANTS.items():
        assert [since for since, _ in variants] == sorted(since for since, _ in variants)
        oldest, newest = questions.load(name, 140000), questions.load(name, 990000)
        assert oldest.text != newest.text
        assert oldest.needs == newest.needs


def test_a_sql_file_without_its_two_lines_is_a_fault_of_ours() -> None:
    with pytest.raises(QueryFault):
        questions.parse("x", "SELECT 1\nFROM x\nWHERE y")
