"""Fixtures with real Redis, Alertmanager and Prometheus servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed import prometheus, redis
from tests.testbed.prometheus import AlertmanagerServer
from tests.testbed.redis import RedisServer


@pytest.fixture(scope="session")
def redis_program() -> str:
    """The path of redis-server; skips where there is none."""
    try:
        return redis.program()
    except redis.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def prometheus_programs() -> None:
    """Prometheus, promtool and Alertmanager are here; skips where one is not."""
    try:
        for name in ("prometheus", "promtool"):
            prometheus.program(name, "prometheus")
        prometheus.program("prometheus-alertmanager", "prometheus-alertmanager")
    except prometheus.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def redis_master(redis_program: str) -> Iterator[RedisServer]:
    """A master, which copies to a new replica at once."""
    with RedisServer({"repl-diskless-sync-delay": "0", "enable-debug-command": "local"}) as server:
        yield server


@pytest.fixture
def redis_replica(redis_master: RedisServer) -> Iterator[RedisServer]:
    """A replica of the master, which follows."""
    with RedisServer(master=redis_master) as server:
        redis.until_followed(redis_master, server)
        yield server


@pytest.fixture
def alertmanager_server(prometheus_programs: None) -> Iterator[AlertmanagerServer]:
    """An Alertmanager without any alert."""
    with AlertmanagerServer() as server:
        yield server
