"""The real environment of the review's tests: the planted cluster and a PostgreSQL, whole and with one source dead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.tcp_proxy import closed_port
from tests.review.environment import Configured, configure
from tests.testbed.control_plane import Cluster
from tests.testbed.postgres import PostgresServer


@pytest.fixture
def whole(cluster: Cluster, postgres: PostgresServer, tmp_path: Path) -> Configured:
    """Every source answers."""
    return configure(
        tmp_path / "whole",
        clusters={"eu": (cluster.kubeconfig(), cluster.name)},
        databases={"coffee": postgres.reader_dsn},
    )


@pytest.fixture
def half(cluster: Cluster, postgres: PostgresServer, tmp_path: Path) -> Configured:
    """The database is dead."""
    return configure(
        tmp_path / "half",
        clusters={"eu": (cluster.kubeconfig(), cluster.name)},
        databases={"coffee": postgres.tcp_dsn("gocoffee_reader", port=closed_port())},
    )


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's Chromium; skips, or fails under GOCOFFEE_REQUIRE_ALL=1, where there is none."""
    for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"):
        if Path(path).exists():
            return path
    reason = "no Chromium on this machine: install Debian's package chromium"
    if os.environ.get("GOCOFFEE_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
