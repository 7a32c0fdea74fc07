"""The incident's environment, for the tests of the modules that share it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.testbed.incident import Incident, incident
from tests.testbed.kube_fixtures import start
from tests.testbed.pg_fixtures import require_major
from tests.testbed.postgres import WHEEL_MAJOR


@pytest.fixture(scope="session")
def it(redis_program: str, prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Incident]:
    """The incident, on a control plane of its own: two minutes of it pass before it can be read."""
    require_major(WHEEL_MAJOR)
    if shutil.which("pg_isready") is None:
        pytest.skip("pg_isready is not on the PATH (Debian: postgresql-client)")
    with ExitStack() as stack:
        cluster = start(stack, "demo", "planted")
        yield stack.enter_context(incident(cluster, tmp_path_factory.mktemp("incident")))
