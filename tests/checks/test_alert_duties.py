"""What is said of the night's alerts where a Prometheus has no rules, or others send its alerts."""

from __future__ import annotations

from typing import Any

import pytest

from gocoffee_ops import alerts, checks
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Finding, Status
from tests.checks.tables import MOMENT, table

OK, UNKNOWN = Status.OK, Status.UNKNOWN
STORE = Expectations(alerts_elsewhere=("store",))
WATCHED = {"window_end_at": MOMENT.replace(hour=23), "step_s": 60.0}
WINDOW_S = 20 * 3600.0
ALWAYS = {
    "prometheus": "eu",
    "alert": "Watchdog",
    "severity": "none",
    "firing": True,
    "fired_s": WINDOW_S,
    "step_s": 60.0,
}


def judged(
    rules: dict[str, int | None], *fired: dict[str, Any], stated: Expectations | None = None, **of_all: Any
) -> list[Finding]:
    """What the check says of several, by how many rules each is known to have."""
    told = table(alerts.fired, *fired)
    told.attrs["notes"] = {name: {} if count is None else {"alerting_rules": count} for name, count in rules.items()}
    watched = table(alerts.watched, *({"prometheus": name} | WATCHED | of_all for name in rules))
    return checks.alerts_fired(told, watched, expectations=stated)


def counted(found: list[Finding]) -> list[tuple[Status, str]]:
    """Without what is only told beside."""
    return [(one.status, one.subject) for one in found if not one.reason.startswith("not counted")]


@pytest.mark.parametrize(
    ("rules", "fired", "stated", "said"),
    [
        ({"eu": 1, "us": 0}, [ALWAYS], None, [(OK, "alerts")]),
        ({"eu": None, "us": 0}, [ALWAYS], None, [(OK, "alerts")]),
        ({"eu": 1, "us": None}, [ALWAYS], None, [(UNKNOWN, "prometheus/us")]),
        ({"eu": 1, "us": 2}, [ALWAYS], None, [(UNKNOWN, "prometheus/us")]),
        ({"eu": None, "us": 0}, [], None, [(UNKNOWN, "prometheus/eu"), (UNKNOWN, "prometheus/us")]),
        ({"us": 0}, [], None, [(UNKNOWN, "prometheus/us")]),
        ({"eu": 1, "store": None}, [ALWAYS], STORE, [(OK, "alerts")]),
        ({"store": None}, [], STORE, [(OK, "alerts")]),
        ({"us": None, "store": None}, [], STORE, [(UNKNOWN, "prometheus/us")]),
        ({"us": 0, "store": None}, [], STORE, [(OK, "alerts")]),
    ],
)
def test_the_alert_that_always_fires_is_missed_where_rules_should_be_evaluated(
    rules: dict[str, int | None], fired: list[dict[str, Any]], stated: Expectations, said: list[tuple[Status, str]]
) -> None:
    assert counted(judged(rules, *fired, stated=stated)) == said


def test_what_nobody_saw_is_not_called_calm() -> None:
    """OK by what was stated claims nothing of alerts, and names who does not see them."""
    (calm,) = judged({"eu": 1, "us": 0}, ALWAYS)
    assert calm.reason.startswith("no critical alert fired and resolved within 20 h")
    assert calm.reason.endswith("; us has no alerting rule")
    (stated,) = judged({"store": None}, stated=STORE)
    assert stated.reason == (
        "what fired within 20 h was not seen; store has no alert, as these are stated to be evaluated elsewhere"
    )
    copied = ALWAYS | {"prometheus": "store", "alert": "OrdersDown", "severity": "critical", "firing": False}
    assert [one.subject for one in judged({"store": None}, copied, stated=STORE)] == [
        "prometheus/store",
        "alert/OrdersDown",
    ]


def test_a_gap_in_what_was_recorded_is_a_gap_there_too() -> None:
    gaps = judged({"eu": 1, "us": 0}, ALWAYS, gaps=("2026-01-05 04:00 to 05:00 UTC",), unseen_s=3600.0)
    assert counted(gaps) == [(UNKNOWN, "prometheus/eu"), (UNKNOWN, "prometheus/us")]
