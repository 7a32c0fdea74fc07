"""Questions to a real Alertmanager, to which the test posts as Prometheus and people do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Target
from gocoffee_ops.queries import alerts
from gocoffee_ops.session import Session
from gocoffee_ops.sources.alertmanager import Alertmanager
from tests.http_server import Asked, says, serving
from tests.support import live_session
from tests.testbed.prometheus import AlertmanagerServer


@pytest.fixture
def ops(alertmanager_server: AlertmanagerServer, tmp_path: Path) -> Iterator[Session]:
    source = Alertmanager("alertmanager/main", alertmanager_server.url)
    yield live_session(tmp_path, sources={Target("alertmanager", "main"): source})
    source.close()


def settled(ops: Session, *names: str) -> dict[str, dict[str, Any]]:
    """The alerts by name, once they are all there and processed."""
    stop = time.monotonic() + 20
    while True:
        rows = {row["alert"]: row for row in records(alerts.alerts(ops))}
        if set(names) <= set(rows) and all(row["state"] != "unprocessed" for row in rows.values()):
            return rows
        assert time.monotonic() < stop, rows
        time.sleep(0.1)


def judged(ops: Session, **options: Any) -> list[Finding]:
    return checks.alerts_quiet(alerts.alerts(ops), alerts.status(ops), **options)


def test_h14_alerts_are_active_or_suppressed_and_say_by_which_silence_or_alert(
    ops: Session, alertmanager_server: AlertmanagerServer
) -> None:
    silence = alertmanager_server.silence("disks are being replaced", by="ada", alertname="DiskFills")
    alertmanager_server.fire("Watchdog", severity="none")
    alertmanager_server.fire(
        "OrdersDown", summary="no replica is ready", severity="critical", service="orders", namespace="go-coffee"
    )
    alertmanager_server.fire("OrdersSlow", severity="warning", service="orders")
    alertmanager_server.fire("DiskFills", severity="warning", service="storage")

    found = settled(ops, "Watchdog", "OrdersDown", "OrdersSlow", "DiskFills")

    down, slow, disk = found["OrdersDown"], found["OrdersSlow"], found["DiskFills"]
    assert (down["state"], down["severity"], down["namespace"]) == ("active", "critical", "go-coffee")
    assert down["receivers"] == ("on-call",)
    assert "service=orders" in down["labels"]
    assert down["generator_url"].startswith("http://prometheus.example.com/")
    assert (slow["state"], slow["inhibited_by"]) == ("suppressed", (f"OrdersDown ({down['fingerprint']})",))
    assert (disk["state"], disk["silenced_by"]) == ("suppressed", (silence,))
    assert disk["silences"][0].startswith("ada until ")
    assert disk["silences"][0].endswith("UTC: disks are being replaced")
    assert disk["silenced_until"] > disk["starts_at"]
    said = judged(ops)
    assert [(f.status, f.subject) for f in said] == [(Status.CRIT, "alert/OrdersDown"), (Status.OK, "alerts")]
    assert "DiskFills is silenced by ada" in said[1].reason
    assert "OrdersSlow is inhibited by OrdersDown" in said[1].reason


def test_silences_tell_who_made_them_and_what_they_match(ops: Session, alertmanager_server: AlertmanagerServer) -> None:
    alertmanager_server.silence("maintenance", by="ada", alertname="DiskFills", service="storage")
    (row,) = records(alerts.silences(ops))
    assert (row["state"], row["created_by"], row["comment"]) == ("active", "ada", "maintenance")
    assert set(row["matchers"]) == {'alertname="DiskFills"', 'service="storage"'}


def test_an_alertmanager_that_hears_nothing_is_unknown_not_quiet(ops: Session) -> None:
    assert [f.status for f in judged(ops)] == [Status.UNKNOWN]
    (stated,) = judged(ops, expectations=Expectations(watchdog=""))
    assert (stated.status, "silence proves nothing" in stated.reason) == (Status.OK, True)


def test_with_its_watchdog_alone_it_is_quiet(ops: Session, alertmanager_server: AlertmanagerServer) -> None:
    alertmanager_server.fire("Watchdog", severity="none")
    settled(ops, "Watchdog")
    assert [f.status for f in judged(ops)] == [Status.OK]


def test_its_status_tells_version_and_cluster(ops: Session) -> None:
    (row,) = records(alerts.status(ops))
    assert row["version"][0].isdigit()
    assert (row["cluster_status"], row["peers"]) == ("disabled", 0)


def test_a_newer_version_tells_which_time_interval_mutes(tmp_path: Path) -> None:
    moment = "2026-01-05T03:00:00.000Z"
    alert = {
        "labels": {"alertname": "Batch", "severity": "warning"},
        "annotations": {},
        "receivers": [{"name": "on-call"}],
        "fingerprint": "a1",
        "startsAt": moment,
        "updatedAt": moment,
        "endsAt": moment,
        "status": {"state": "suppressed", "silencedBy": [], "inhibitedBy": [], "mutedBy": ["night"]},
    }

    def answer(asked: Asked) -> Any:
        assert asked.path.startswith("/api/v2/")
        return says([alert] if asked.path == "/api/v2/alerts" else [])

    with serving(answer) as server:
        source = Alertmanager("alertmanager/main", server.url)
        ops = live_session(tmp_path, sources={Target("alertmanager", "main"): source})
        (row,) = records(alerts.alerts(ops))
        source.close()
    assert (row["muted_by"], row["generator_url"]) == (("night",), None)
