"""What a Prometheus tells of itself, by its contract: what is not told is not known, what is told wrongly is UNKNOWN."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.config import MetricNames
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target
from gocoffee_ops.queries import alerts
from gocoffee_ops.session import Session
from gocoffee_ops.sources.prometheus import Prometheus
from tests.http_server import Answer, Asked, says, serving
from tests.support import live_session

AS_OF = datetime(2026, 1, 5, 7, tzinfo=UTC)
BROKEN = Answer(500, b"it broke", headers={"Retry-After": "0"})


def _ops(source: Prometheus, folder: Path) -> Session:
    return live_session(folder, sources={Target("prometheus", "main"): source}, as_of=AS_OF, query_deadline_s=20.0)


EMPTY = says({"status": "success", "data": {"resultType": "vector", "result": []}})
STARTED_AT = {"startTime": "2026-01-05T06:00:00Z", "lastConfigTime": "2026-01-05T06:00:01Z"}
OF_ITSELF = {
    "runtimeinfo": says({"status": "success", "data": STARTED_AT}),
    "config": says({"status": "success", "data": {"yaml": "global:\n  external_labels:\n    cluster: eu\n"}}),
}
UNKNOWN_PATH = Answer(400, b"unsupported path requested: /api/v1/status", content_type="text/plain")


@pytest.mark.parametrize(
    ("part", "answer", "said"),
    [
        ("runtimeinfo", BROKEN, "read when it started: answered 500: it broke"),
        ("runtimeinfo", Answer(200, b"<html>", content_type="text/html"), "read when it started: text/html instead of"),
        ("runtimeinfo", says({"status": "success", "data": {}}), "read when it started: Object missing required"),
        ("config", BROKEN, "read its external labels: answered 500: it broke"),
        ("config", Answer(200, b'{"status": "succ'), "read its external labels: "),
        ("config", says({"status": "success", "data": {"yaml": 7}}), "read its external labels: Expected `str`"),
        *[(part, answer, "") for part in OF_ITSELF for answer in (says({}, 403), says({}, 404), UNKNOWN_PATH)],
    ],
)
def test_what_a_server_answers_wrongly_about_itself_is_unknown_and_what_it_does_not_show_is_not_known(
    tmp_path: Path, part: str, answer: Answer, said: str
) -> None:
    """The rest is read all the same: what is shown of the other part stands in the row."""

    def script(asked: Asked) -> Answer:
        place = asked.path.rsplit("/", 1)[1]
        return (OF_ITSELF | {part: answer}).get(place, EMPTY)

    with serving(script) as server:
        source = Prometheus("prometheus/main", server.url, metrics=MetricNames())
        ops = _ops(source, tmp_path)
        with contextlib.closing(source):
            (row,) = records(alerts.sending(ops))
    shown = ("it does not scrape itself", ("cluster=eu",))
    without = {"runtimeinfo": ("it does not tell when it started", shown[1]), "config": (shown[0], None)}
    assert (row["missing"], row["external_labels"]) == without[part]
    told = [(one.status, one.subject) for one in ops.findings]
    assert told == ([(Status.UNKNOWN, "prometheus/main")] if said else [])
    assert all(said in one.reason for one in ops.findings)


RULE = {"type": "alerting"}
RULES = {"groups": [{"rules": [RULE, {"type": "recording"}]}, {"rules": [RULE]}]}


@pytest.mark.parametrize(
    ("answer", "count", "said"),
    [
        (says({"status": "success", "data": RULES}), 2, ""),
        (says({"status": "success", "data": {"groups": []}}), 0, ""),
        (says({"status": "success", "data": {"groups": None}}), 0, ""),
        (says({"status": "success", "data": {"groups": []}, "warnings": ["a store did not answer"]}), None, ""),
        *[(answer, None, "") for answer in (says({}, 403), says({}, 404), UNKNOWN_PATH)],
        (says({"status": "success", "data": []}), None, "read its alerting rules: Expected `object`"),
        (BROKEN, None, "read its alerting rules: answered 500: it broke"),
    ],
)
def test_how_many_alerting_rules_a_server_has_is_told_or_not_known_and_never_none_for_want_of_an_answer(
    tmp_path: Path, answer: Answer, count: int | None, said: str
) -> None:
    with serving(lambda asked: answer if asked.path.endswith("/rules") else EMPTY) as server:
        source = Prometheus("prometheus/main", server.url, metrics=MetricNames())
        ops = _ops(source, tmp_path)
        with contextlib.closing(source):
            fired = alerts.fired(ops)
    assert fired.attrs["notes"]["main"].get("alerting_rules") == count
    assert [(one.status, one.subject) for one in ops.findings] == [(Status.UNKNOWN, "prometheus/main")] * bool(said)
    assert all(said in one.reason for one in ops.findings)


@pytest.mark.parametrize(
    ("config", "labels"),
    [(OF_ITSELF["config"], ("cluster=eu", "env=prod")), (says({}, 404), ("env=prod",)), (BROKEN, ("env=prod",))],
)
def test_labels_that_are_stated_stand_beside_those_that_a_server_shows(
    tmp_path: Path, config: Answer, labels: tuple[str, ...]
) -> None:
    with serving(
        lambda asked: config if asked.path.endswith("/config") else OF_ITSELF.get(asked.path.rsplit("/", 1)[1], EMPTY)
    ) as server:
        stated = {"env": "prod"}
        source = Prometheus("prometheus/main", server.url, metrics=MetricNames(), stated_labels=stated)
        with contextlib.closing(source):
            (row,) = records(alerts.sending(_ops(source, tmp_path)))
    assert row["external_labels"] == labels


def test_what_a_server_shows_counts_before_what_is_stated_and_the_difference_is_said(tmp_path: Path) -> None:
    with serving(lambda asked: OF_ITSELF.get(asked.path.rsplit("/", 1)[1], EMPTY)) as server:
        stated = {"cluster": "us", "env": "prod"}
        source = Prometheus("prometheus/main", server.url, metrics=MetricNames(), stated_labels=stated)
        with contextlib.closing(source):
            ops = _ops(source, tmp_path)
            (row,) = records(alerts.sending(ops))
    assert row["external_labels"] == ("cluster=eu", "env=prod")
    (one,) = ops.findings
    assert one.status is Status.UNKNOWN
    assert "external label cluster is stated as 'us', and its own configuration adds 'eu'" in one.reason
