"""Verdicts are ordered so that nothing hides what was not read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest

from gocoffee_ops.errors import UsageError
from gocoffee_ops.model import Finding, Status, Window, worst


@pytest.mark.parametrize("order", list(permutations(Status)))
def test_the_worst_is_crit_then_unknown_then_warn_then_ok(order: tuple[Status, ...]) -> None:
    left = list(order)
    for expected in (Status.CRIT, Status.UNKNOWN, Status.WARN, Status.OK):
        assert worst(left) is expected
        left.remove(expected)
    assert worst(left) is Status.UNKNOWN  # of none at all


def test_exit_codes_are_those_of_monitoring_plugins() -> None:
    assert [(s.value, s.exit_code) for s in Status] == [("OK", 0), ("WARN", 1), ("CRIT", 2), ("UNKNOWN", 3)]


def test_a_finding_survives_json() -> None:
    finding = Finding(
        Status.WARN, "c", "node/n1", "why", {"x": 1, "y": 0.5, "z": "s"}, "eu", "ns", ("e",), ("weekly/next",)
    )
    assert Finding.from_record(json.loads(json.dumps(finding.to_record()))) == finding
    assert finding.key == ("c", "eu", "ns", "node/n1")


def test_a_finding_keeps_the_evidence_that_it_names() -> None:
    own = Finding(Status.OK, "c", "s", "r", evidence=("mine",))
    assert own.citing(["other"]).evidence == ("mine",)
    assert Finding(Status.OK, "c", "s", "r").citing(["other"]).evidence == ("other",)


def test_a_window_is_in_utc_and_not_empty() -> None:
    end = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    window = Window.ending(end, timedelta(minutes=5))
    assert (window.end, window.seconds) == (datetime(2026, 1, 1, tzinfo=UTC), 300.0)
    with pytest.raises(UsageError, match="time zone"):
        Window(datetime(2026, 1, 1), end)  # noqa: DTZ001 - the point
    with pytest.raises(UsageError, match="start before"):
        Window(end, end)
