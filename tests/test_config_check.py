"""`config check` judges the role that it reads a database with, not only whether the server answers."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from gocoffee_ops.config import DatabaseConfig, Environment
from gocoffee_ops.model import Status
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import check_environment
from tests.http_server import Answer, Asked, serving
from tests.testbed.postgres import PostgresServer

NOW = datetime(2026, 11, 23, tzinfo=UTC)


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


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://reader:halfpart#otherpart@127.0.0.1:1/coffee",
        "postgresql://reader:halfpart?otherpart@127.0.0.1:1/coffee",
        "postgresql://reader:halfpart/otherpart@127.0.0.1:1/coffee",
        "postgresql://reader:halfpart@otherpart@127.0.0.1:1/coffee",
        "postgresql://reader:halfpart%zzotherpart@[::1:1/coffee",
    ],
)
def test_a_dsn_that_is_badly_written_shows_no_part_of_its_password(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = _checked(dsn, monkeypatch)
    assert status is Status.UNKNOWN
    assert "halfpart" not in said
    assert "otherpart" not in said
    opened = open_places(
        Environment(name="prod", databases=(DatabaseConfig(name="coffee", dsn_env="CHECKED_DSN"),)), now=NOW
    )
    assert [place.detail for place in opened.places] == [
        "a DSN that is not written as a URL should be (from $CHECKED_DSN)"
    ]


def test_all_kinds_of_systems_are_asked_at_once() -> None:
    both = threading.Barrier(2)  # neither server answers before the other is asked

    def answer(_: Asked) -> Answer:
        both.wait(timeout=20)
        return Answer(body=b"[]")

    with serving(answer) as grafana, serving(answer) as alertmanager:
        environment = Environment.model_validate(
            {
                "name": "prod",
                "grafana": [{"name": "main", "url": grafana.url}],
                "alertmanagers": [{"name": "main", "url": alertmanager.url}],
            }
        )
        checked = {line.target: line for line in check_environment(environment)}
    assert checked["grafana/main"].status is Status.OK
    assert not both.broken
