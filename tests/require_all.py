"""Under GOCOFFEE_REQUIRE_ALL=1 a skipped test has failed: CI must not pass because something was missing."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

VARIABLE = "GOCOFFEE_REQUIRE_ALL"


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get(VARIABLE) == "1" and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{VARIABLE}=1, but this was to be skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips, or whose fixture does."""
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself (`importorskip`)."""
    report = yield
    _refuse(report)
    return report
