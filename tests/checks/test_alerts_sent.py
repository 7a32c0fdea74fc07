"""Which alert of which Prometheus an Alertmanager has, and what is said where that cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from gocoffee_ops import alerts, checks
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Finding, Status
from tests.checks.tables import table

OK, WARN, CRIT, UNKNOWN = Status.OK, Status.WARN, Status.CRIT, Status.UNKNOWN
Told = dict[str, str]
EU, US = {"cluster": "eu"}, {"cluster": "us"}  # external labels


def _said(labels: Told) -> dict[str, Any]:
    named = {name: labels.get(name) for name in ("severity", "namespace")}
    return named | {"labels": tuple(f"{name}={text}" for name, text in labels.items() if name != "alertname")}


def fires(where: str, alert: str, **labels: str) -> dict[str, Any]:
    """An alert that fires in a Prometheus for ten minutes."""
    about = {"prometheus": where, "alert": alert, "firing": True, "fired_s": 600.0, "step_s": 60.0}
    return about | _said(labels)


def known(alert: str, *, at: str = "main", **labels: str) -> dict[str, Any]:
    """An alert that an Alertmanager has."""
    return {"alertmanager": at, "alert": alert} | _said(labels)


def adds(where: str, **labels: str) -> dict[str, Any]:
    """A Prometheus whose external labels are known, and not its counters."""
    added = tuple(f"{name}={text}" for name, text in labels.items())
    return {"prometheus": where, "missing": "it does not scrape itself", "external_labels": added}


LABELLED = (adds("eu", **EU), adds("us", **US))


def judged(
    fired: list[dict[str, Any]],
    there: list[dict[str, Any]],
    *,
    gaps: tuple[str, ...] = (),
    silent: tuple[str, ...] = (),
    own: tuple[dict[str, Any], ...] = LABELLED,
) -> list[Finding]:
    told, has = table(alerts.fired, *fired), table(alerts.alerts, *there)
    told.attrs["notes"] = {row["prometheus"]: {} for row in fired} | {name: {} for name in silent}
    has.attrs["gaps"] = list(gaps)
    return checks.alerts_sent(told, has, table(alerts.sending, *own))


def lines(found: list[Finding]) -> list[tuple[Status, str, str]]:
    return [(one.status, one.subject, one.namespace) for one in found]


ORDERS = {"severity": "critical", "service": "orders"}
BOTH = [fires(where, "Watchdog", severity="none") for where in ("eu", "us")]


def test_alerts_of_one_name_are_told_apart_by_their_labels() -> None:
    down = [fires(where, "OrdersDown", namespace=f"shop-{where}", **ORDERS) for where in ("eu", "us")]
    has = [known("Watchdog", severity="none", **EU), known("OrdersDown", namespace="shop-eu", **ORDERS, **EU)]
    missed = (CRIT, "alert/OrdersDown", "shop-us")
    assert lines(judged([*BOTH, *down], has)) == [(CRIT, "alert/Watchdog", ""), missed]
    unknown = [(UNKNOWN, "prometheus/eu", ""), (UNKNOWN, "prometheus/us", "")]
    assert lines(judged([*BOTH, *down], has, own=())) == [missed, *unknown]


def test_what_two_fire_alike_is_two_alerts_by_their_external_labels() -> None:
    one, two = (known("Watchdog", severity="none", **labels) for labels in (EU, US))
    (found,) = judged(BOTH, [one, two])
    assert (found.status, found.numbers) == (OK, {"read": 2})
    assert lines(judged(BOTH, [one, one | {"alertmanager": "its peer"}])) == [(CRIT, "alert/Watchdog", "")]
    alike = judged(BOTH, [one, one | {"alertmanager": "its peer"}], own=())
    assert lines(alike) == [(UNKNOWN, "prometheus/eu", ""), (UNKNOWN, "prometheus/us", "")]
    assert "Watchdog fires in us too, and Alertmanager has it once" in alike[0].reason


def sends(
    where: str, to: str | None = "http://hears", sent: float | None = 9.0, errors: float | None = 0.0, **labels: str
) -> dict[str, Any]:
    """What a Prometheus' own counters say."""
    return adds(where, **labels) | {
        "missing": None,
        "instance": f"{where}:9090",
        "sent_to": to,
        "sent": sent,
        "errors": errors,
        "window_s": 900.0,
    }


@pytest.mark.parametrize(
    ("counters", "said"),
    [
        ([sends("eu"), sends("us")], [(OK, "alerts", "")]),
        (
            [sends("eu"), sends("us"), sends("us", "http://too")],
            [(UNKNOWN, "prometheus/eu", ""), (UNKNOWN, "prometheus/us", "")],
        ),
        (
            [sends("eu"), sends("us", "http://another")],
            [(UNKNOWN, "prometheus/eu", ""), (UNKNOWN, "prometheus/us", "")],
        ),
        ([sends("eu"), sends("us", sent=0.0)], [(WARN, "prometheus/us", "")]),
        ([sends("eu"), sends("us", errors=1.0)], [(WARN, "prometheus/us", "")]),
        ([sends("eu"), sends("us", None, None, None)], [(WARN, "prometheus/us", "")]),
        ([sends("eu"), sends("us", sent=None)], [(UNKNOWN, "prometheus/us", "")]),
        ([sends("eu"), sends("us", errors=None)], [(UNKNOWN, "prometheus/us", "")]),
        ([sends("eu")], [(UNKNOWN, "prometheus/us", "")]),
        ([], [(UNKNOWN, "prometheus/eu", ""), (UNKNOWN, "prometheus/us", "")]),
    ],
)
def test_of_a_pair_that_is_one_to_alertmanager_each_ones_own_counters_tell(
    counters: list[dict[str, Any]], said: list[tuple[Status, str, str]]
) -> None:
    """One alert of two that fire alike: what deduplicates them cannot tell whose it is."""
    has = table(alerts.alerts, known("Watchdog", severity="none"))
    assert lines(checks.alerts_sent(table(alerts.fired, *BOTH), has, table(alerts.sending, *counters))) == said


@pytest.mark.parametrize("dropped", ["instance", "severity"])
def test_a_label_that_was_dropped_on_the_way_does_not_part_them(dropped: str) -> None:
    labels = {"severity": "critical", "instance": "n1"}
    there = known("DiskFills", **{name: text for name, text in labels.items() if name != dropped})
    assert lines(judged([fires("eu", "DiskFills", **labels)], [there])) == [(OK, "alerts", "")]


ANOTHERS = {
    "cluster": "us",
    "prometheus": "other",
}  # external labels of a Prometheus that the environment does not name


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (sends("eu", None, None, None), (CRIT, "prometheus/eu")),
        (sends("eu", sent=0.0), (CRIT, "prometheus/eu")),
        (sends("eu", sent=30.0, errors=30.0), (CRIT, "prometheus/eu")),
        (sends("eu", sent=30.0, errors=1.0), (WARN, "prometheus/eu")),
        (sends("eu"), (OK, "alerts")),
        (sends("eu", errors=None), (UNKNOWN, "prometheus/eu")),
        (sends("eu") | {"external_labels": None}, (OK, "alerts")),
        (adds("eu"), (UNKNOWN, "prometheus/eu")),
        (adds("eu") | {"external_labels": None}, (UNKNOWN, "prometheus/eu")),
        (adds("eu", cluster="us"), (UNKNOWN, "prometheus/eu")),
        (adds("eu", cluster="us", prometheus="ours"), (CRIT, "alert/Watchdog")),
        (adds("eu", **ANOTHERS, replica="dropped on the way"), (OK, "alerts")),
        (sends("eu", None, None, None, **ANOTHERS), (WARN, "prometheus/eu")),
        (sends("eu", errors=1.0, **ANOTHERS), (WARN, "prometheus/eu")),
    ],
)
def test_what_another_prometheus_sends_does_not_vouch_for_ours(own: dict[str, Any], said: tuple[Status, str]) -> None:
    (found,) = judged(BOTH[:1], [known("Watchdog", severity="none", **ANOTHERS)], own=(own,))
    assert (found.status, found.subject) == said
    if said == (UNKNOWN, "prometheus/eu"):
        assert "prometheus=other" in found.reason


def test_counters_speak_against_a_prometheus_in_which_nothing_fires_but_not_its_silence() -> None:
    has = [known("Watchdog", severity="none", **EU)]
    faulty = judged(BOTH[:1], has, silent=("us",), own=(adds("eu", **EU), sends("us", errors=1.0)))
    assert lines(faulty) == [(WARN, "prometheus/us", "")]
    idle = judged(BOTH[:1], has, silent=("us",), own=(adds("eu", **EU), sends("us", sent=0.0)))
    assert lines(idle) == [(UNKNOWN, "prometheus/us", "")]


def test_nothing_sent_at_all_is_critical_although_only_the_watchdog_fires() -> None:
    (found,) = judged(BOTH[:1], [])
    assert (found.status, found.subject) == (CRIT, "alert/Watchdog")
    assert "are alerts sent from there at all?" in found.reason


def test_what_the_alertmanagers_that_answered_lack_may_be_at_one_that_did_not() -> None:
    (found,) = judged([fires("eu", "OrdersDown", **ORDERS)], [], gaps=("alertmanager/us: refused",))
    assert found.status is UNKNOWN
    assert "it is not in those Alertmanagers that answered; not read: alertmanager/us: refused" in found.reason


def test_a_prometheus_in_which_nothing_fires_is_not_vouched_for_by_another() -> None:
    has = [known("Watchdog", severity="none", **EU)]
    assert lines(judged(BOTH[:1], has)) == [(OK, "alerts", "")]
    (found,) = judged(BOTH[:1], has, silent=("us",))
    assert (found.status, found.subject) == (UNKNOWN, "prometheus/us")


def test_another_alert_may_be_the_one_that_always_fires_or_none() -> None:
    switch = fires("eu", "DeadMansSwitch", severity="none")
    stated = Expectations(watchdog="DeadMansSwitch")
    (found,) = checks.alerts_sent(table(alerts.fired, switch), table(alerts.alerts), expectations=stated)
    assert (found.status, found.subject) == (CRIT, "alert/DeadMansSwitch")
    without = Expectations(watchdog="")
    (found,) = checks.alerts_sent(table(alerts.fired), table(alerts.alerts), expectations=without)
    assert (found.status, "silence proves nothing" in found.reason) == (OK, True)


def test_what_only_informs_is_not_missed() -> None:
    has = [known("Watchdog", severity="none", **EU)]
    (found,) = judged([BOTH[0], fires("eu", "CPUThrottlingHigh", severity="info")], has)
    assert (found.status, found.numbers) == (OK, {"read": 1})
