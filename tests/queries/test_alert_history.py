"""What fired and resolved: asked of a real Prometheus whose past is known, and of one whose rules fire now."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import timeline
from gocoffee_ops.config import MetricNames
from gocoffee_ops.errors import Malformed, ParameterError
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Target, Window
from gocoffee_ops.queries import alerts
from gocoffee_ops.queries.alert_sending import itself
from gocoffee_ops.runbooks import catalog
from gocoffee_ops.session import Session
from gocoffee_ops.sources.alertmanager import Alertmanager
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.prometheus import Prometheus, Runtime, Series
from tests.checks.tables import table
from tests.http_server import Answer, Asked, says, serving
from tests.support import live_session
from tests.testbed.layout import free_ports
from tests.testbed.prometheus import AlertmanagerServer, Exporter, PrometheusServer

MAIN = Target("prometheus", "main")
STEP = timedelta(minutes=1)
WHOLE = datetime(2026, 1, 5, 7, tzinfo=UTC)  # a morning after a day of which all was recorded
DOWN = datetime(2026, 1, 6, 7, tzinfo=UTC)  # … after a night in which Prometheus was down for three hours
WITHOUT_RULES = datetime(2026, 1, 7, 7, tzinfo=UTC)  # … in which it scraped, and its rules were not evaluated
YOUNG = datetime(2026, 1, 4, 6, tzinfo=UTC)  # it is six hours old
BEGINS, ENDS = datetime(2026, 1, 4, tzinfo=UTC), WITHOUT_RULES + STEP
DOWN_AT = (datetime(2026, 1, 6, 1, tzinfo=UTC), datetime(2026, 1, 6, 4, tzinfo=UTC))
NO_RULES_AT = (datetime(2026, 1, 7, 1, tzinfo=UTC), datetime(2026, 1, 7, 4, tzinfo=UTC))


def _at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-05T{clock}:00+00:00")


# name, labels, and when it fired
FIRED = (
    (
        "OrdersDown",
        'severity="critical",namespace="go-coffee",service="orders"',
        [("03:10", "03:25"), ("03:40", "03:51")],
    ),
    ("DiskFills", 'severity="warning",instance="n1"', [("02:00", "02:30")]),
    ("DiskFills", 'severity="warning",instance="n2"', [("02:10", "02:20")]),
    ("StillDown", 'severity="critical"', [("06:30", "07:05")]),
)


WATCHDOG: dict[str, Any] = {"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "none"}}


def _minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += STEP


def history() -> Iterator[str]:
    yield "# TYPE up unknown"
    recorded = [at for at in _minutes(BEGINS, ENDS) if not DOWN_AT[0] < at < DOWN_AT[1]]
    for at in recorded:
        yield f'up{{job="orders",instance="i"}} 1 {at.timestamp():.0f}'
    yield "# TYPE ALERTS unknown"
    for at in recorded:
        if not NO_RULES_AT[0] < at < NO_RULES_AT[1]:
            yield f'ALERTS{{alertname="Watchdog",alertstate="firing",severity="none"}} 1 {at.timestamp():.0f}'
    for name, labels, spells in FIRED:
        for first, last in spells:
            for at in _minutes(_at(first), _at(last)):
                yield f'ALERTS{{alertname="{name}",alertstate="firing",{labels}}} 1 {at.timestamp():.0f}'
    for at in _minutes(_at("05:00"), _at("05:04")):  # it never came to fire
        yield f'ALERTS{{alertname="Slow",alertstate="pending",severity="critical"}} 1 {at.timestamp():.0f}'


@pytest.fixture(scope="module")
def server(prometheus_programs: None) -> Iterator[PrometheusServer]:
    with PrometheusServer(history()) as running:
        yield running


@pytest.fixture(scope="module")
def source(server: PrometheusServer) -> Iterator[Prometheus]:
    reader = Prometheus("prometheus/main", server.url, metrics=MetricNames())
    yield reader
    reader.close()


def _ops(source: Prometheus, folder: Path, as_of: datetime) -> Session:
    return live_session(folder, sources={MAIN: source}, as_of=as_of, query_deadline_s=20.0)


def _judged(ops: Session, **options: Any) -> list[Finding]:
    return checks.alerts_fired(alerts.fired(ops), alerts.watched(ops), **options)


def test_h14_what_fired_at_night_and_resolved_is_there_with_its_times(source: Prometheus, tmp_path: Path) -> None:
    rows = records(alerts.fired(_ops(source, tmp_path, WHOLE)))

    assert [row["alert"] for row in rows] == ["Watchdog", "DiskFills", "DiskFills", "OrdersDown", "StillDown"]
    down, still = rows[3], rows[4]
    assert (down["severity"], down["namespace"], down["firing"], down["from_before"]) == (
        "critical", "go-coffee", False, False,
    )  # fmt: skip
    assert (down["first_seen_at"], down["last_seen_at"]) == (_at("03:10"), _at("03:50"))
    assert (down["times"], down["fired_s"], down["step_s"]) == (2, 26 * 60.0, 60.0)
    assert (down["points_found"], down["points_expected"]) == (26, 41)
    assert down["labels"] == ("namespace=go-coffee", "service=orders", "severity=critical")
    assert (still["firing"], still["first_seen_at"], still["times"]) == (True, _at("06:30"), 1)
    watchdog = rows[0]
    assert (watchdog["firing"], watchdog["from_before"], watchdog["times"]) == (True, True, 1)
    assert watchdog["fired_s"] == watchdog["window_s"] == 86_400.0


def test_a_critical_alert_of_the_night_warns_and_the_others_are_told(source: Prometheus, tmp_path: Path) -> None:
    found = _judged(_ops(source, tmp_path, WHOLE))

    assert [(f.status, f.subject) for f in found] == [(Status.WARN, "alert/OrdersDown"), (Status.OK, "alerts")]
    assert found[0].reason == "fired 2 times between 2026-01-05 03:10 and 03:50 UTC, 26 min in all, and resolved"
    assert "DiskFills fired between 2026-01-05 02:00 and 02:29 UTC, 30 min in all (of 2 of its name the longest)" in (
        found[1].reason
    )
    assert "still firing when the window ended (2026-01-05 07:00 UTC): StillDown" in found[1].reason


def test_a_time_in_which_nothing_was_recorded_is_unknown_and_not_quiet(source: Prometheus, tmp_path: Path) -> None:
    ops = _ops(source, tmp_path, DOWN)
    (seen,) = records(alerts.watched(ops))
    assert seen["gaps"] == ("2026-01-06 01:00 to 04:00 UTC",)
    assert seen["unseen_s"] == 3 * 3600.0
    assert (seen["points_found"], seen["points_expected"]) == (1441 - 179, 1440)
    found = [f for f in _judged(ops) if f.status is Status.UNKNOWN]
    assert [f.subject for f in found] == ["prometheus/main"]
    assert "nothing was recorded from 2026-01-06 01:00 to 04:00 UTC (3 h of 1 d)" in found[0].reason


def test_a_prometheus_that_is_younger_than_the_window_says_so(source: Prometheus, tmp_path: Path) -> None:
    ops = _ops(source, tmp_path, YOUNG)
    (seen,) = records(alerts.watched(ops))
    assert seen["gaps"] == ("2026-01-03 06:00 to 2026-01-04 00:00 UTC",)
    assert Status.UNKNOWN in {f.status for f in _judged(ops)}


def test_one_that_recorded_nothing_in_the_window_is_unknown(source: Prometheus, tmp_path: Path) -> None:
    ops = _ops(source, tmp_path, datetime(2025, 6, 1, tzinfo=UTC))
    assert alerts.fired(ops).empty
    (seen,) = records(alerts.watched(ops))
    assert (seen["points_found"], seen["unseen_s"]) == (0, 86_400.0)
    assert [f.status for f in _judged(ops)] == [Status.UNKNOWN]
    assert [f.status for f in _judged(ops, expectations=Expectations(watchdog=""))] == [Status.UNKNOWN]


def test_rules_that_were_not_evaluated_are_seen_by_the_alert_that_always_fires(
    source: Prometheus, tmp_path: Path
) -> None:
    ops = _ops(source, tmp_path, WITHOUT_RULES)
    assert records(alerts.watched(ops))[0]["gaps"] == ()
    (found,) = _judged(ops)
    assert (found.status, found.subject) == (Status.UNKNOWN, "prometheus/main")
    assert "Watchdog, which always fires, did so for 21 h 2 min of 1 d" in found.reason
    assert [f.status for f in _judged(ops, expectations=Expectations(watchdog=""))] == [Status.OK]
    (lacking, *_) = _judged(ops, expectations=Expectations(watchdog="DeadMansSwitch"))
    assert "are alerting rules evaluated there?" in lacking.reason


def test_a_coarser_step_and_a_shorter_window_are_stated(source: Prometheus, tmp_path: Path) -> None:
    ops = _ops(source, tmp_path, WHOLE)
    rows = {row["alert"]: row for row in records(alerts.fired(ops, hours=4.0, step_s=300.0))}
    assert set(rows) == {"Watchdog", "OrdersDown", "StillDown"}
    assert (rows["OrdersDown"]["step_s"], rows["OrdersDown"]["window_s"]) == (300.0, 14_400.0)


def test_a_window_of_the_past_is_told_as_it_was_then(source: Prometheus, tmp_path: Path) -> None:
    ops = _ops(source, tmp_path, WHOLE)
    over = {row["alert"]: row for row in records(alerts.fired(ops, start=_at("03:00"), end=_at("04:00")))}
    assert set(over) == {"Watchdog", "OrdersDown"}
    assert (over["OrdersDown"]["firing"], over["OrdersDown"]["times"], over["OrdersDown"]["window_s"]) == (
        False,
        2,
        3600.0,
    )
    within = {row["alert"]: row for row in records(alerts.fired(ops, start=_at("03:00"), end=_at("03:20")))}
    assert (within["OrdersDown"]["firing"], within["OrdersDown"]["last_seen_at"]) == (True, _at("03:20"))
    (seen,) = records(alerts.watched(ops, start=_at("03:00"), end=_at("04:00")))
    assert (seen["window_start_at"], seen["window_end_at"], seen["gaps"]) == (_at("03:00"), _at("04:00"), ())


def test_what_fired_when_a_window_of_the_past_ended_is_told_by_what_fires_now(
    source: Prometheus, tmp_path: Path
) -> None:
    ops = _ops(source, tmp_path, WHOLE)
    then = {"start": _at("03:00"), "end": _at("03:20")}
    tables = alerts.fired(ops, **then), alerts.watched(ops, **then)
    (plain,) = checks.alerts_fired(*tables)
    assert "still firing when the window ended (2026-01-05 03:20 UTC): OrdersDown" in plain.reason

    def told(*now: dict[str, Any], gaps: tuple[str, ...] = ()) -> list[tuple[Status, str, str]]:
        firing = table(alerts.alerts, *now)
        firing.attrs["gaps"] = list(gaps)
        return [(f.status, f.subject, f.reason) for f in checks.alerts_fired(*tables, firing)]

    (warns, _) = told()
    assert warns == (
        Status.WARN, "alert/OrdersDown", "fired between 2026-01-05 03:10 and 03:20 UTC, 11 min in all, and still when the "
        "window ended (2026-01-05 03:20 UTC); no Alertmanager has it now",
    )  # fmt: skip
    (unread, _) = told(gaps=("alertmanager/main: refused",))
    assert unread[0] is Status.WARN
    assert "whether it fires now was not read: alertmanager/main: refused" in unread[2]
    labels = ("alertname=OrdersDown", "cluster=eu", "namespace=go-coffee", "service=orders", "severity=critical")
    assert [status for status, *_ in told({"alert": "OrdersDown", "labels": labels})] == [Status.OK]
    other = tuple(label.replace("service=orders", "service=menu") for label in labels)
    assert told({"alert": "OrdersDown", "labels": other})[0] == warns
    dropped = tuple(
        label for label in labels if label != "service=orders"
    )  # on its way, by the Prometheus that sent it
    assert [status for status, *_ in told({"alert": "OrdersDown", "labels": dropped})] == [Status.OK]


@pytest.mark.parametrize(
    ("runbook", "cells"),
    [
        ("service-down", ["2b9e6f48"]),
        ("high-error-rate", ["96a2d7f3", "3ad04c7b"]),
        ("forensics", ["5be2d7a0", "07fdd888"]),
    ],
)
def test_the_runbooks_of_an_incident_tell_what_fired_in_their_window(
    source: Prometheus, tmp_path: Path, runbook: str, cells: list[str]
) -> None:
    """It is over: Alertmanager has forgotten it."""
    with AlertmanagerServer() as hears:
        hears.fire("Watchdog", severity="none")
        alertmanager = Alertmanager("alertmanager/main", hears.url)
        sources: dict[Target, Any] = {MAIN: source, Target("alertmanager", "main"): alertmanager}
        ops = live_session(tmp_path, sources=sources, as_of=WHOLE, query_deadline_s=20.0)
        window = Window(_at("03:00"), _at("04:00"))
        names = {"ops": ops, "window": window, "baseline": window.before(0.5)}
        steps = {cell["id"]: "".join(cell["source"]) for cell in catalog.load(catalog.find(runbook).path)["cells"]}
        for step in cells:
            exec(steps[step], names | {"alerts": alerts, "checks": checks, "timeline": timeline}, names)
        alertmanager.close()
    said = {finding.check: (finding.status, finding.reason) for finding in reversed(ops.findings)}
    assert said["alerts_fired"][0] is Status.WARN
    assert said["alerts_fired"][1].startswith("fired 2 times between 2026-01-05 03:10 and 03:50 UTC")
    assert said["alerts_quiet"] == (Status.OK, "no alert fires now")
    assert timeline.onset_of(ops.timeline(), service=("orders",)) == _at("03:10")


def test_what_is_to_come_is_no_gap_and_a_long_window_is_looked_at_less_often(
    source: Prometheus, tmp_path: Path
) -> None:
    ops = _ops(source, tmp_path, WHOLE)
    (seen,) = records(alerts.watched(ops, start=_at("06:00"), end=_at("09:00")))
    assert (seen["window_end_at"], seen["gaps"]) == (WHOLE, ())
    (long,) = records(alerts.watched(ops, start=WHOLE - timedelta(hours=216)))
    assert long["step_s"] == 120.0
    assert alerts.fired(ops, start=WHOLE - timedelta(hours=216))["step_s"].eq(120.0).all()


@pytest.mark.parametrize("window", [{"step_s": 0.0}, {"hours": 0.0}, {"hours": 24.0, "step_s": 1.0}])
def test_a_window_that_is_none_is_refused_before_anybody_is_asked(
    source: Prometheus, tmp_path: Path, window: dict[str, float]
) -> None:
    for question in (alerts.fired, alerts.watched):
        with pytest.raises(ParameterError, match="11,000 steps"):
            question(_ops(source, tmp_path, WHOLE), **window)


def test_the_timeline_takes_them_at_their_first_sight(source: Prometheus, tmp_path: Path) -> None:
    moments = timeline.fired_alerts(alerts.fired(_ops(source, tmp_path, WHOLE)))
    (down,) = [row for row in records(moments) if row["subject"] == "alert/OrdersDown"]
    assert (down["time"], down["kind"], down["service"]) == (_at("03:10"), "alert", "orders")
    assert down["what"] == "critical: fired until 2026-01-05 03:50:00, 2 times"
    (still,) = [row for row in records(moments) if row["subject"] == "alert/StillDown"]
    assert still["what"] == "critical: fired still at 2026-01-05 07:00:00"
    assert moments.attrs["untimed"] == 1  # the one that fired before


def test_what_alertmanager_has_too_stands_on_the_timeline_once(source: Prometheus, tmp_path: Path) -> None:
    fired = alerts.fired(_ops(source, tmp_path, WHOLE))
    sent = {"severity": "critical", "state": "active"}
    still = sent | {"alert": "StillDown", "starts_at": _at("06:29")}
    always = sent | {"alert": "Watchdog", "starts_at": WHOLE - timedelta(days=30)}
    again = sent | {"alert": "OrdersDown", "starts_at": _at("06:50")}  # another time than that of the night
    labels = {"StillDown": "critical", "Watchdog": "none", "OrdersDown": "critical"}
    besides = table(
        alerts.alerts,
        *(
            one | {"labels": (f"alertname={one['alert']}", "cluster=eu", f"severity={labels[one['alert']]}", *more)}
            for one, more in (
                (still, ()),
                (always, ()),
                (again, ("namespace=go-coffee", "service=orders")),
            )
        ),
    )
    moments = timeline.fired_alerts(fired, besides)
    assert {row["subject"] for row in records(moments)} == {"alert/DiskFills", "alert/OrdersDown"}
    assert moments.attrs["untimed"] == 0
    assert "alert/StillDown" in set(
        timeline.fired_alerts(fired, besides.assign(labels=[("severity=other",)] * 3))["subject"]
    )


def _scraping_itself(rules: list[dict[str, Any]]) -> PrometheusServer:
    """A Prometheus that scrapes itself, and sends to nobody."""
    jobs = {"prometheus": 0}
    server = PrometheusServer(jobs=jobs, rules=rules)
    jobs["prometheus"] = server.port
    return server


def _series(value: float, instance: str) -> Series:
    instance, _, cluster = instance.partition("@")
    return Series({"job": "prometheus", "instance": instance, "cluster": cluster}, [(value, str(value))])


def test_of_two_that_start_together_neither_is_taken_for_the_other() -> None:
    """They are told apart by when they read their configuration; where that is the same second, it is not known which is which."""
    began = WHOLE.timestamp()
    runtime = Runtime(WHOLE, WHOLE)

    def known(*servers: tuple[str, float, float]) -> object:
        """By instance, and by how long after it each started, and read its configuration."""
        starts = [_series(began + after, instance) for instance, after, _ in servers]
        return itself(runtime, starts, [_series(began + after, instance) for instance, _, after in servers])

    assert known(("a", -0.9, 0.1)) == ("prometheus", "a")
    assert known(("b", 3.0, 3.4)) == known() == "it does not scrape itself"
    assert known(("a", -0.9, 0.1), ("b", 3.0, 3.4)) == ("prometheus", "a")
    assert known(("a", -0.9, 0.1), ("by its name", -0.9, 0.1)) == ("prometheus", "a")
    assert known(("b", -3600.0, 0.1)) == "it does not scrape itself"
    assert "which of them it is itself is not known" in str(known(("a", -0.9, 0.1), ("b", -0.8, 0.2)))
    assert "which of them it is itself is not known" in str(known(("a@eu", -0.9, 0.1), ("a@us", 3.0, 3.4)))
    assert itself(None, [], []) == itself(Runtime(WHOLE, None), [], []) == "it does not tell when it started"


def test_what_does_not_show_its_configuration_has_no_known_external_labels() -> None:
    texts = iter(["global: {}\n", "", "scrape_configs: []\n", "global:\n  external_labels: secret\n"])
    answers = {"hidden": says({}, 403), "none": says({}, 404)}

    def answer(asked: Asked) -> Answer:
        place = asked.path.split("/")[1]
        return answers[place] if place in answers else says({"status": "success", "data": {"yaml": next(texts)}})

    with serving(answer) as server:

        def read(place: str) -> object:
            source = Prometheus("prometheus/main", f"{server.url}/{place}", metrics=MetricNames())
            with contextlib.closing(source):
                return source.external_labels(Deadline.after(20.0))

        assert [read(place) for place in ("hidden", "none", "a", "a", "a")] == [None, None, {}, None, None]
        with pytest.raises(Malformed) as raised:
            read("a")
    assert "secret" not in str(raised.value)


def test_of_a_pair_whose_alerts_are_one_to_alertmanager_each_must_send(
    prometheus_programs: None, tmp_path: Path
) -> None:
    """Four servers fire alike: two send, one is refused, one has nobody to send to; one does not scrape itself.

    And one only scrapes, and has neither rules nor anybody to send to.

    All have just started, and scrape another one too: whose counters are whose is seen all the same.
    """
    with contextlib.ExitStack() as stack, AlertmanagerServer() as hears:
        refused = free_ports(("none",))["none"]
        to = {"a": hears.port, "b": hears.port, "refused": refused, "alone": None, "blind": hears.port, "scrapes": None}
        scraped: dict[str, dict[str, int]] = {name: {"of it": hears.port} for name in to}
        rules = {name: [] if name == "scrapes" else [WATCHDOG] for name in to}
        again = ["--rules.alert.resend-delay=1s"]
        servers = {
            name: PrometheusServer(jobs=scraped[name], rules=rules[name], flags=again, alertmanager=port)
            for name, port in to.items()
        }
        sources: dict[Target, Any] = {}
        for name, server in servers.items():
            scraped[name] |= {} if name == "blind" else {"prometheus": server.port, "kubernetes-pods": server.port}
            scraped[name]["another"] = servers["a" if name != "a" else "alone"].port
            stack.enter_context(server)
            time.sleep(1.1)  # they are told apart by the second in which they read their configuration
            source = Prometheus(f"prometheus/{name}", server.url, metrics=MetricNames())
            sources[Target("prometheus", name)] = source
            stack.callback(source.close)
        alertmanager = Alertmanager("alertmanager/main", hears.url)
        stack.callback(alertmanager.close)
        known = Target("alertmanager", "main")

        def judged(*names: str) -> dict[str, tuple[Status, str]]:
            named = {Target("prometheus", name): sources[Target("prometheus", name)] for name in names}
            ops = live_session(tmp_path, sources=named | {known: alertmanager}, as_of=datetime.now(UTC))
            fired = alerts.fired(ops, hours=0.02, step_s=1.0)
            found = checks.alerts_sent(fired, alerts.alerts(ops), alerts.sending(ops, window_s=10.0))
            return {f.subject: (f.status, f.reason) for f in found}

        def settled() -> bool:
            everyone = str(judged(*to))
            return (
                "ended with errors" in everyone
                and "to no Alertmanager" in everyone
                and "alerts" in judged("a", "b", "scrapes")
            )

        stop = time.monotonic() + 60
        while not settled():
            assert time.monotonic() < stop, judged(*to)
            time.sleep(0.5)
        pair, faulty = judged("a", "b"), judged("a", "b", "refused", "alone")
        unseen = judged("a", "blind")
        rests, nobody = judged("a", "b", "scrapes"), judged("scrapes")
    assert pair["alerts"] == (
        Status.OK, "Alertmanager has what fires in Prometheus and somebody should hear of (compared 2 alerts); "
        "that a and b sent it is known by its own counters",
    )  # fmt: skip
    assert rests == {"alerts": (Status.OK, f"{pair['alerts'][1]}; scrapes has no alerting rule")}
    assert nobody == {"prometheus/scrapes": (Status.WARN, nobody["prometheus/scrapes"][1])}
    assert "no alert can come" in nobody["prometheus/scrapes"][1]
    assert {subject: status for subject, (status, _) in faulty.items()} == {
        "prometheus/refused": Status.WARN,
        "prometheus/alone": Status.WARN,
        "prometheus/a": Status.UNKNOWN,
        "prometheus/b": Status.UNKNOWN,
    }
    assert (
        f"sending alerts to http://127.0.0.1:{refused}/api/v2/alerts ended with errors"
        in faulty["prometheus/refused"][1]
    )
    assert faulty["prometheus/alone"][1].startswith(
        "it sends alerts to no Alertmanager: that Alertmanager has Watchdog"
    )
    assert unseen == {"prometheus/blind": (Status.UNKNOWN, unseen["prometheus/blind"][1])}
    assert "it does not scrape itself: let it scrape itself" in unseen["prometheus/blind"][1]


def test_a_rule_that_fires_and_resolves_is_seen_to_and_what_an_alertmanager_has_was_sent(
    prometheus_programs: None, tmp_path: Path
) -> None:
    rules: list[dict[str, Any]] = [
        WATCHDOG,
        {"alert": "CupsLow", "expr": "cups < 1", "labels": {"severity": "critical"}},
        {"alert": "BeansLow", "expr": "beans < 1", "labels": {"severity": "critical"}},
    ]
    again = ["--rules.alert.resend-delay=1s"]  # what fires before it knows its Alertmanager
    with (
        Exporter("cups 0\nbeans 0\n") as exporter,
        AlertmanagerServer() as hears,
        PrometheusServer(
            jobs={"shop": exporter.port},
            rules=rules,
            flags=again,
            alertmanager=hears.port,
            external_labels={"cluster": "eu"},
        ) as server,
        _scraping_itself([WATCHDOG]) as alone,
    ):
        mute = Prometheus("prometheus/main", alone.url, metrics=MetricNames())
        source = Prometheus("prometheus/main", server.url, metrics=MetricNames())
        alertmanager = Alertmanager("alertmanager/main", hears.url)

        def now() -> dict[str, dict[str, Any]]:
            ops = _ops(source, tmp_path, datetime.now(UTC))
            return {row["alert"]: row for row in records(alerts.fired(ops, hours=0.02, step_s=1.0))}

        def until(reached: Any) -> dict[str, dict[str, Any]]:
            stop = time.monotonic() + 30
            while not reached(found := now()):
                assert time.monotonic() < stop, found
                time.sleep(0.2)
            return found

        until(lambda found: "CupsLow" in found and found["CupsLow"]["points_found"] > 2 and "BeansLow" in found)
        exporter.text = "cups 5\nbeans 0\n"
        found = until(lambda found: not found["CupsLow"]["firing"])
        assert found["BeansLow"]["firing"]
        assert found["Watchdog"]["firing"]
        fired = alerts.fired(_ops(source, tmp_path, datetime.now(UTC)), hours=0.02, step_s=1.0)
        ops = live_session(tmp_path, sources={Target("alertmanager", "main"): alertmanager})
        stop = time.monotonic() + 30
        while not {"Watchdog", "BeansLow"} <= set((known := alerts.alerts(ops))["alert"]):
            assert time.monotonic() < stop, known
            time.sleep(0.2)
        sending = alerts.sending(_ops(source, tmp_path, datetime.now(UTC)))
        while True:
            ops = _ops(mute, tmp_path, datetime.now(UTC))
            ours = alerts.fired(ops, hours=0.02, step_s=1.0), alerts.sending(ops)
            if ours[1]["missing"].isna().all() and not ours[0].empty and ours[0]["fired_s"].min() > 2:
                break
            assert time.monotonic() < stop + 30, ours[1]
            time.sleep(0.2)
        for opened in (alertmanager, source, mute):
            opened.close()
    assert all("cluster=eu" in labels for labels in known["labels"])
    (labelled,) = records(sending)
    assert (labelled["external_labels"], labelled["missing"]) == (("cluster=eu",), "it does not scrape itself")
    (doubted,) = checks.alerts_sent(fired, known)  # nobody says whose label that is
    assert (doubted.status, doubted.subject) == (Status.UNKNOWN, "prometheus/main")
    (silent,) = checks.alerts_sent(ours[0], known, ours[1])
    assert (silent.status, silent.subject) == (Status.CRIT, "prometheus/main")
    assert silent.reason.startswith(
        "it sends alerts to no Alertmanager: that Alertmanager has Watchdog says nothing of it"
    )
    (sent,) = checks.alerts_sent(fired, known, sending)
    assert (sent.status, sent.numbers) == (Status.OK, {"read": 2})
    lacking = checks.alerts_sent(fired, known[known["alert"] == "Watchdog"], sending)
    assert [(f.status, f.subject) for f in lacking] == [(Status.CRIT, "alert/BeansLow")]
    none = checks.alerts_sent(fired, alerts.alerts.schema.empty())
    assert {(f.status, f.subject) for f in none} == {
        (Status.CRIT, f"alert/{name}") for name in ("Watchdog", "BeansLow")
    }
