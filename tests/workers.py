"""How the suite is spread over pytest-xdist's workers: what shares something dear, or must not run at once, stays together.

`pytest -n 2 --dist loadscope --no-loadscope-reorder`, as `make test` says it. A group is a module, so that its fixtures are
made once. What takes longest comes first, so that the workers end at about the same time.
"""

from __future__ import annotations

import signal
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# They share one demo, and stop and start it.
TOGETHER = ("tests/demo/test_as_root.py", "tests/demo/test_findings.py", "tests/demo/test_lease.py")
# They share one incident.
INCIDENT = ("tests/testbed/test_record.py", "tests/testbed/test_costs.py")
# Tests that share nothing within their module, and take so long that the workers share them.
APART = ("tests/faults/test_matrix.py", "tests/review/test_four_ways.py")
# The slowest first. Only the order rests on this.
SLOW = (
    *INCIDENT,  # it mostly waits
    *APART,
    "tests/faults/",
    "tests/runbooks/test_endings.py",
    "tests/review/",
    *TOGETHER,
    "tests/queries/",
    "tests/runbooks/test_runner.py",
    "tests/runbooks/test_report_browser.py",
    "tests/testbed/",
)


class Groups(LoadScopeScheduling):
    """One worker for a group. (xdist's own marks for groups are lost with pytest 9.)"""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """The group that a test belongs to."""
    if nodeid.startswith(APART):
        return nodeid
    if nodeid.startswith(INCIDENT):
        return "the incident"
    return "the demo" if nodeid.startswith(TOGETHER) else nodeid.split("::", maxsplit=1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    """Ours in place of the one that goes by modules alone."""
    return Groups(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_configure(config: pytest.Config) -> None:
    """A worker ignores SIGINT, and so would all that its tests start and interrupt."""
    if hasattr(config, "workerinput"):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first; what is in one place keeps its order."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    return next((place for place, start in enumerate(SLOW) if item.nodeid.startswith(start)), len(SLOW))
