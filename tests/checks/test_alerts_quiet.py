"""Where an alert that fires leads to."""

from __future__ import annotations

import pytest

from gocoffee_ops import alerts, checks
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Status
from tests.checks.tables import table


@pytest.mark.parametrize(
    ("labels", "runbook"),
    [
        ((), "service-down"),
        (("runbook=database-slowdown",), "database-slowdown"),
        (("runbook=https://wiki.example.com/slow",), "service-down"),
    ],
)
def test_the_label_of_an_alert_names_its_runbook(labels: tuple[str, ...], runbook: str) -> None:
    row = {"alertmanager": "main", "alert": "Slow", "state": "active", "severity": "warning", "labels": labels}
    found = checks.alerts_quiet(table(alerts.alerts, row), table(alerts.status, {"alertmanager": "main"}))
    assert [one.next for one in found if one.subject == "alert/Slow"] == [(runbook,)]


@pytest.mark.parametrize("watchdog", ["Watchdog", ""])
def test_an_alertmanager_whose_alerts_were_not_read_is_not_quiet(watchdog: str) -> None:
    """It may still tell of itself, after it did not tell what fires."""
    unread = table(alerts.alerts)
    unread.attrs["gaps"] = ["alertmanager/main: no answer"]
    status = table(alerts.status, {"alertmanager": "main"})
    (found,) = checks.alerts_quiet(unread, status, expectations=Expectations(watchdog=watchdog))
    assert (found.status, found.reason) == (
        Status.UNKNOWN,
        "what fires there now was not read: alertmanager/main: no answer",
    )
    calm = table(alerts.alerts, {"alertmanager": "main", "alert": "Watchdog", "severity": "none", "state": "active"})
    (quiet,) = checks.alerts_quiet(calm, status, expectations=Expectations(watchdog="Watchdog"))
    assert (quiet.status, quiet.reason) == (Status.OK, "no alert fires now")
