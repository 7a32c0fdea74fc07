"""`config check` judges the role that it reads a database with, not only whether the server answers."""

from __future__ import annotations

import pytest

from gocoffee_ops.config import DatabaseConfig, Environment
from gocoffee_ops.model import Status
from gocoffee_ops.places import check_environment
from tests.testbed.postgres import PostgresServer


def _checked(dsn: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Status, str]:
    monkeypatch.setenv("CHECKED_DSN", dsn)
    databases = (DatabaseConfig(name="coffee", dsn_env="CHECKED_DSN"),)
    (line,) = check_environment(Environment(name="prod", databases=databases))
    assert line.target == "database/coffee"
    return line.status, line.result


def test_the_reader_role_is_ok_and_a_superuser_is_not(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _checked(postgres.reader_dsn, monkeypatch)[0] is Status.OK
    status, said = _checked(postgres.superuser_dsn, monkeypatch)
    assert (status, "a superuser" in said) == (Status.WARN, True)


def test_a_role_that_sees_too_little_is_unknown(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres.connect() as owner:
        owner.execute("REVOKE pg_monitor FROM gocoffee_reader")
        try:
            status, said = _checked(postgres.reader_dsn, monkeypatch)
        finally:
            owner.execute("GRANT pg_monitor TO gocoffee_reader")
    assert (status, "lacks pg_monitor" in said) == (Status.UNKNOWN, True)
