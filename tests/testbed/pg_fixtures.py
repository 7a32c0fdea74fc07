"""Fixtures with real PostgreSQL servers: of the newest major, and of each supported one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gocoffee_ops.demo.binaries import Binaries
from tests.testbed.postgres import MAJORS, WHEEL_MAJOR, Missing, PostgresServer, find_major


def require_major(major: int) -> Binaries:
    """The programs of a major; skips the test where they cannot be had."""
    try:
        return find_major(major)
    except Missing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server of the newest supported major, shared by the whole run: use `fresh_database()` for tables."""
    with PostgresServer(require_major(WHEEL_MAJOR)) as server:
        yield server


@pytest.fixture(scope="session", params=MAJORS, ids=[f"pg{major}" for major in MAJORS])
def postgres_major(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server of each supported major."""
    if request.param == WHEEL_MAJOR:
        yield request.getfixturevalue("postgres")
        return
    with PostgresServer(require_major(request.param)) as server:
        yield server
