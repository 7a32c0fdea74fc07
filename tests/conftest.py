"""Fixtures for every test: the real services of the testbed; and how the whole suite runs."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.require_all",
    "tests.workers",
    "tests.aws",
    "tests.own_demo",
    "tests.testbed.kube_fixtures",
    "tests.testbed.pg_fixtures",
    "tests.testbed.telemetry_fixtures",
    "tests.testbed.incident_fixtures",
]

# An example that a busy machine makes slow is no failure.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
