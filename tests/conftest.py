"""Fixtures for every test: the real services of the testbed; and how the whole suite runs."""

from __future__ import annotations

pytest_plugins = [
    "tests.require_all",
    "tests.workers",
    "tests.own_demo",
    "tests.testbed.kube_fixtures",
    "tests.testbed.pg_fixtures",
]
