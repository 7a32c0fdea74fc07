"""What goes on and on, from tables: warnings of Services that do not end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.model import Finding, Thresholds
from gocoffee_ops.queries import cluster, network
from tests.checks.diagnosis_tables import OK, SERVICE, WARN, judged, state, wrong
from tests.checks.tables import MOMENT

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CONFLICT = "Operation cannot be fulfilled on endpointslices: the object has been modified"


def warned(count: int, span: timedelta, message: str = "node n9 not found") -> dict[str, Any]:
    """A warning of a Service that was last seen at a moment."""
    return {"namespace": "shop", "object": "service/web", "type": "Warning", "reason": "FailedToUpdateEndpointSlices",
            "message": message, "count": count, "first_seen_at": MOMENT - span, "last_seen_at": MOMENT}  # fmt: skip


def later(event: dict[str, Any], by: timedelta) -> list[Finding]:
    """What is found where the cluster was read that long after the event was seen last."""
    read = state({cluster.events: [event]})
    read.read["cluster.events"].attrs["as_of"] = {"cluster": (MOMENT + by).isoformat()}
    return checks.cluster_diagnosis(read, thresholds=Thresholds())


@pytest.mark.parametrize(
    "event",
    [warned(5, HOUR), warned(9, 5 * MINUTE), warned(61, HOUR, CONFLICT)],
    ids=["an hour", "lately", "conflicts"],
)
def test_a_warning_that_goes_on_is_told_of_its_service(event: dict[str, Any]) -> None:
    found = later(event, 14 * MINUTE)
    assert wrong(found) == [(WARN, "services_answered", "service/web")]
    assert f"goes on, {event['count']} times since" in found[0].reason
    assert wrong(later(event, 16 * MINUTE)) == []


@pytest.mark.parametrize(
    "event",
    [warned(4, HOUR), warned(50, 4 * MINUTE), warned(5, 2 * HOUR), warned(9, HOUR, CONFLICT)],
    ids=["a few", "a burst", "now and then", "conflicts that come and go"],
)
def test_warnings_that_come_and_go_are_none(event: dict[str, Any]) -> None:
    assert wrong(later(event, MINUTE)) == []


def test_a_warning_that_goes_on_is_told_beside_what_else_is_wrong() -> None:
    bad = SERVICE | {"undeclared_ports": ("80/TCP -> 81",)}
    found = [
        one for one in judged({network.services: [bad], cluster.events: [warned(9, HOUR)]}) if one.status is not OK
    ]
    assert wrong(found) == [(WARN, "services_answered", "service/web")]
    assert found[0].reason.startswith("port 80/TCP -> 81: ")
    assert "; FailedToUpdateEndpointSlices goes on, 9 times" in found[0].reason
