"""Fixtures for every test: the real services of the testbed."""

from __future__ import annotations

pytest_plugins = ["tests.require_all", "tests.testbed.kube_fixtures", "tests.testbed.pg_fixtures"]
