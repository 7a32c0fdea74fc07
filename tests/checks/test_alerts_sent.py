"""Which alert of which Prometheus an Alertmanager has, and what is said where that cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from gocoffee_ops import alerts, checks
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.queries.alert_sending import itself
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


NOBODYS: dict[str, int] = {}
LABELLED = (adds("eu", **EU), adds("us", **US))


def judged(
    fired: list[dict[str, Any]],
    there: list[dict[str, Any]],
    *,
    gaps: tuple[str, ...] = (),
    silent: tuple[str, ...] = (),
    own: tuple[dict[str, Any], ...] = LABELLED,
    rules: dict[str, int] = NOBODYS,
    unread: tuple[str, ...] = (),
    stated: Expectations | None = None,
) -> list[Finding]:
    """What the check says; `silent` are those that answered, and in which nothing fires, `rules` how many each is known to have."""
    told, has = table(alerts.fired, *fired), table(alerts.alerts, *there)
    told.attrs["notes"] = {name: {} for name in (*(row["prometheus"] for row in fired), *silent)}
    told.attrs["notes"] |= {name: {"alerting_rules": count} for name, count in rules.items()}
    told.attrs["gaps"] = list(unread)
    has.attrs["gaps"] = list(gaps)
    return checks.alerts_sent(told, has, table(alerts.sending, *own), expectations=stated)


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


MANAGED = {"prometheus": "store", "missing": itself(None, [], []), "external_labels": None}
HAS = known("Watchdog", severity="none", **EU)
ELSEWHERE = Expectations(alerts_elsewhere=("store",))


def test_a_managed_prometheus_is_told_what_settles_it_and_its_labels_once_stated_prove_that_it_sends() -> None:
    fired = [fires("store", "Watchdog", severity="none")]
    (doubted,) = judged(fired, [HAS], own=(MANAGED,))
    assert (doubted.status, doubted.subject) == (UNKNOWN, "prometheus/store")
    assert "it does not tell when it started: if it adds them, state them as its external_labels" in doubted.reason
    assert "state sends_alerts = false of it" in doubted.reason
    assert "scrape itself" not in doubted.reason
    labelled = MANAGED | {"external_labels": ("cluster=eu",)}
    assert lines(judged(fired, [HAS], own=(labelled,))) == [(OK, "alerts", "")]
    assert lines(judged(fired, [known("Watchdog", severity="none", **US)], own=(labelled,))) == [
        (CRIT, "alert/Watchdog", "")
    ]


def test_a_store_that_another_writes_its_alerts_to_raises_no_doubt_once_it_is_stated_and_vouches_for_nobody() -> None:
    """What fires in `eu` is in `store` too, with the external labels that `eu` gave it on the way."""
    fired = [BOTH[0], fires("store", "Watchdog", severity="none", **EU)]
    own = (adds("eu", **EU), MANAGED)
    assert lines(judged(fired, [HAS], own=own)) == [(UNKNOWN, "prometheus/eu", ""), (UNKNOWN, "prometheus/store", "")]
    (fine,) = judged(fired, [HAS], own=own, stated=ELSEWHERE)
    assert (fine.status, fine.numbers) == (OK, {"read": 1})
    assert "alerts of store are sent elsewhere, as stated" in fine.reason
    assert lines(judged(fired, [], own=own, stated=ELSEWHERE)) == [(CRIT, "alert/Watchdog", "")]
    assert lines(judged(fired, [HAS], own=own, silent=("us",), stated=ELSEWHERE)) == [(UNKNOWN, "prometheus/us", "")]
    errors = sends("store", errors=1.0)
    assert lines(judged(fired, [HAS], own=(own[0], errors), stated=ELSEWHERE)) == [(WARN, "prometheus/store", "")]


def test_where_all_alerts_are_stated_to_be_sent_elsewhere_that_is_all_that_is_said() -> None:
    (said,) = judged([], [], silent=("store",), own=(MANAGED,), stated=ELSEWHERE)
    assert (said.status, said.numbers) == (OK, {"read": 0})
    assert said.reason == "alerts of store are sent elsewhere, as stated: whether they are sent was not seen"
    for more in ({"silent": ("store", "us")}, {"silent": ("store",), "unread": ("prometheus/us: refused",)}):
        assert lines(judged([], [], own=(MANAGED,), stated=ELSEWHERE, **more)) == [(UNKNOWN, "alerts", "")]
    assert lines(judged([], [], own=(MANAGED,), stated=Expectations(alerts_elsewhere=("another",)))) == [
        (UNKNOWN, "alerts", "")
    ]


SCRAPES = sends("us", None, None, None)


@pytest.mark.parametrize(
    ("own", "rules", "said"),
    [
        (SCRAPES, 0, (OK, "alerts")),
        (SCRAPES, 3, (WARN, "prometheus/us")),
        (SCRAPES, None, (WARN, "prometheus/us")),
        (sends("us", sent=0.0), 0, (UNKNOWN, "prometheus/us")),  # whom does it know it for?
        (sends("us", errors=1.0), 0, (WARN, "prometheus/us")),
        (adds("us"), 0, (UNKNOWN, "prometheus/us")),
    ],
)
def test_what_only_scrapes_has_nothing_to_send_where_another_evaluates_rules(
    own: dict[str, Any], rules: int | None, said: tuple[Status, str]
) -> None:
    told = NOBODYS if rules is None else {"us": rules}
    (found,) = judged(BOTH[:1], [HAS], silent=("us",), own=(adds("eu", **EU), own), rules=told)
    assert (found.status, found.subject) == said
    if said[0] is OK:
        assert found.reason.endswith("; us has no alerting rule")
    if said[0] is UNKNOWN:
        assert "it has no alerting rule, so that nothing fires there" in found.reason


def test_where_nobody_has_a_rule_no_alert_can_come() -> None:
    nobody = {"eu": 0, "us": 0}
    both = [(WARN, "prometheus/eu", ""), (WARN, "prometheus/us", "")]
    for watchdog in ("", "Watchdog"):
        stated = Expectations(watchdog=watchdog)
        for own in ((SCRAPES, sends("eu")), (adds("eu"), MANAGED), ()):
            found = judged([], [], own=own, rules=nobody, stated=stated)
            assert lines(found) == both
            assert "no other Prometheus has any: no alert can come" in found[0].reason
    unknown = judged([], [], own=(SCRAPES,), rules={"us": 0}, unread=("prometheus/eu: refused",))
    assert lines(unknown) == [(UNKNOWN, "prometheus/us", "")]
    assert "whether another has is not known: not read: prometheus/eu: refused" in unknown[0].reason
    assert lines(judged([], [], own=(SCRAPES,), rules={"us": 0}, silent=("eu",))) == [(UNKNOWN, "prometheus/us", "")]
    elsewhere = Expectations(alerts_elsewhere=("eu", "us"))
    assert lines(judged([], [], own=(SCRAPES,), rules=nobody, stated=elsewhere)) == [(OK, "alerts", "")]
    rests = judged([], [], own=(SCRAPES, MANAGED), rules={"us": 0}, silent=("store",), stated=ELSEWHERE)
    assert lines(rests) == [(OK, "alerts", "")]


def test_what_fires_where_no_rule_is_comes_of_one_and_must_be_sent() -> None:
    """As in a store to which others write, or after rules were taken away."""
    anothers = known("Watchdog", severity="none", **ANOTHERS)
    (found,) = judged(BOTH[:1], [anothers], own=(sends("eu", None, None, None),), rules={"eu": 0})
    assert (found.status, found.subject) == (CRIT, "prometheus/eu")
