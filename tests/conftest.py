"""Fixtures for every test: the real services of the testbed."""

from __future__ import annotations

pytest_plugins = ["tests.testbed.pg_fixtures"]
