"""Fixtures with real control planes: `cluster` (planted faults), `healthy_cluster`, and a `namespace` to change things in.

One control plane of each kind serves a whole run, with pytest-xdist one for all workers. What is in them is for reading;
a test that creates or changes something does it in its own `namespace`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import filelock
import pytest

from tests.testbed.binaries import TestbedMissing, find
from tests.testbed.control_plane import Cluster, ControlPlaneFailed, control_plane, join
from tests.testbed.scenario import load
from tests.testbed.scenario.manifests import Variant

REQUIRE_ALL = "GOCOFFEE_REQUIRE_ALL"
RUNNING = "GOCOFFEE_TESTBED"
FIXTURES = frozenset(
    {"cluster", "healthy_cluster", "second_cluster", "bare_cluster", "empty_cluster", "namespace", "it"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses a control plane is marked `testbed`, so that `-m "not testbed"` leaves it out."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("testbed")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the binaries here, where no test's time-out runs: that takes minutes, once a machine."""
    if session.config.option.collectonly or not any(item.get_closest_marker("testbed") for item in session.items):
        return
    with suppress(TestbedMissing):  # the fixtures say so, test by test
        find()


def obtain(stack: ExitStack, name: str, variant: Variant | None, factory: pytest.TempPathFactory) -> Cluster:
    """The run's control plane called `name`, started and loaded by whoever asks first."""
    running = os.environ.get(RUNNING)
    if running and variant == "planted":
        return stack.enter_context(join(Path(running)))
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return start(stack, name, variant)
    pointer = base.parent / f"testbed-{name}"
    with filelock.FileLock(pointer.with_suffix(".lock"), timeout=300):
        if pointer.exists():
            try:
                return stack.enter_context(join(Path(pointer.read_text())))
            except ControlPlaneFailed:  # all who held it have left in the meantime
                pointer.unlink()
        started = start(stack, name, variant)
        pointer.write_text(str(started.folder))
        return started


def start(stack: ExitStack, name: str, variant: Variant | None) -> Cluster:
    """A control plane of one's own, for the time of the stack; skips without its binaries."""
    try:
        started = stack.enter_context(control_plane(name))
    except TestbedMissing as error:
        if os.environ.get(REQUIRE_ALL) == "1":
            pytest.fail(f"{REQUIRE_ALL}=1, but the testbed is missing: {error}", pytrace=False)
        pytest.skip(f"the testbed is missing: {error}")
    if variant is not None:
        load(started, variant)
    return started


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The go-coffee scenario with its planted faults; for reading only."""
    with ExitStack() as stack:
        yield obtain(stack, "planted", "planted", tmp_path_factory)


@pytest.fixture(scope="session")
def healthy_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The same workloads with nothing wrong; for reading only."""
    with ExitStack() as stack:
        yield obtain(stack, "healthy", "healthy", tmp_path_factory)


@pytest.fixture(scope="session")
def second_cluster(healthy_cluster: Cluster) -> Cluster:
    """A second API server beside `cluster`, for what reads several at once."""
    return healthy_cluster


@pytest.fixture(scope="session")
def empty_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane without a scenario; a test brings nodes and a namespace of its own, and takes them away."""
    with ExitStack() as stack:
        yield obtain(stack, "empty", None, tmp_path_factory)


@pytest.fixture
def bare_cluster() -> Iterator[Cluster]:
    """A control plane of the test's own, with nothing in it: about five seconds."""
    with ExitStack() as stack:
        yield start(stack, "bare", None)


@contextmanager
def fresh_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of its own for the time of a block."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=20s")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh namespace in `cluster`, for what a test creates."""
    with fresh_namespace(cluster) as name:
        yield name
