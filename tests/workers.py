"""How the suite is spread over pytest-xdist's workers: what shares something dear, or must not run at once, stays together.

A module is one group, so that its fixtures are made once, unless it names another with `pytest.mark.xdist_group`. What takes
longest comes first, so that the workers end at about the same time.
"""

from __future__ import annotations

import pytest

# Tests that share nothing within their module, and take so long that the workers share them.
APART = ("tests/faults/test_matrix.py", "tests/review/test_four_ways.py")
# The slowest first. Only the order rests on this, and on nothing else does it rest.
SLOW = (
    "tests/runbooks/test_endings.py",
    "tests/demo/",
    *APART,
    "tests/review/",
    "tests/runbooks/test_runner.py",
    "tests/testbed/",
    "tests/queries/",
)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test its group, and the groups their order."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = item.nodeid if item.nodeid.startswith(APART) else item.nodeid.split("::")[0]
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_place)  # stable: what is in one place keeps its order


def _place(item: pytest.Item) -> int:
    return next((place for place, start in enumerate(SLOW) if item.nodeid.startswith(start)), len(SLOW))
