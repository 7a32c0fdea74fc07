"""Where an alert that fires leads to."""

from __future__ import annotations

import pytest

from gocoffee_ops import alerts, checks
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
