"""The throwaway servers are what their fixtures say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gocoffee_ops.demo.database import READER
from gocoffee_ops.sources.postgres import connect
from tests.testbed.postgres import MAJORS, Missing, PostgresServer, available_majors, link_libraries


def test_each_major_is_what_it_says(postgres_major: PostgresServer) -> None:
    with postgres_major.connect() as connection:
        row = connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()
    assert row == (postgres_major.major,)


def test_each_major_counts_statements_and_lets_the_reader_see_them(postgres_major: PostgresServer) -> None:
    with connect(postgres_major.tcp_dsn(READER), application_name="test", autocommit=True) as reader:
        row = reader.execute(
            "SELECT count(*) FROM pg_stat_statements WHERE query <> '<insufficient privilege>'"
        ).fetchone()
    assert row is not None
    assert row[0] > 0


def test_the_reader_is_no_superuser(postgres: PostgresServer) -> None:
    with connect(postgres.reader_dsn, application_name="test", autocommit=True) as reader:
        assert reader.execute("SELECT current_setting('is_superuser')").fetchone() == ("off",)


def test_a_fresh_database_is_empty_and_goes_although_it_is_in_use(postgres: PostgresServer) -> None:
    with postgres.fresh_database() as name:
        user = postgres.connect(database=name)
        assert user.execute("SELECT count(*) FROM pg_stat_user_tables").fetchone() == (0,)
    user.close()
    with postgres.connect() as connection:
        assert connection.execute("SELECT count(*) FROM pg_database WHERE datname = %s", (name,)).fetchone() == (0,)


def test_every_major_is_there_or_says_why_not() -> None:
    found = available_majors()
    assert tuple(found) == MAJORS
    assert all(found.values())


def test_a_link_out_of_its_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / "pg-symlinks.json").write_text('[{"source": "native/a", "target": "../../a"}]')
    with pytest.raises(Missing, match="outside the package"):
        link_libraries(tmp_path)
