"""Grafana, against a server that keeps its documented contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gocoffee_ops.config import Environment, GrafanaConfig
from gocoffee_ops.model import Status, Target, Window
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import check_environment
from gocoffee_ops.queries import dashboards
from gocoffee_ops.session import Session
from gocoffee_ops.sources.grafana import PAGE, Grafana
from gocoffee_ops.sources.http import Identity
from tests.http_server import Answer, Asked, HttpServer, says, serving
from tests.support import live_session

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKEN = "a-token-that-nobody-may-see"
GRAFANA = Target("grafana", "main")


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


RELEASE = {"time": ms(NOON - timedelta(minutes=5)), "timeEnd": ms(NOON), "text": "release 2.4.1", "tags": ["deploy"]}
ALERT = {"time": ms(NOON - timedelta(minutes=9)), "timeEnd": 0, "text": "", "tags": None, "alertName": "Errors"}
NOTES = [RELEASE | {"dashboardUID": "orders"}, ALERT | {"newState": "alerting"}]


def grafana(asked: Asked) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return says({"message": "Invalid API key"}, 401)
    if asked.path == "/api/annotations":
        return says(
            [one for one in NOTES if int(asked.query["from"]) <= int(str(one["time"])) <= int(asked.query["to"])]
        )
    titles = [f"Orders {i}" for i in range(PAGE + 3)] + ["Payments"]
    found = [title for title in titles if asked.query.get("query", "").lower() in title.lower()]
    start = PAGE * (int(asked.query["page"]) - 1)
    rows = [
        {
            "uid": title.lower().replace(" ", "-"),
            "title": title,
            "tags": ["go-coffee"],
            "folderTitle": "Shop",
            "url": "/d/x",
        }
        for title in found[start : start + PAGE]
    ]
    return says(rows)


def session(tmp_path: Path, server: HttpServer, token: str = TOKEN) -> Session:
    source = Grafana(str(GRAFANA), server.url, identity=Identity(token=token))
    return live_session(tmp_path, as_of=NOON, sources={GRAFANA: source}, query_deadline_s=3.0)


def test_every_dashboard_that_matches_is_found_over_pages(tmp_path: Path) -> None:
    with serving(grafana) as server:
        frame = dashboards.search(session(tmp_path, server), text="orders")
        one = dashboards.search(session(tmp_path / "one", server), text="pay").iloc[0]
    assert len(frame) == PAGE + 3
    assert (one["title"], one["folder"], one["tags"]) == ("Payments", "Shop", ("go-coffee",))
    assert one["url"] == f"{server.url}/d/payments"


def test_a_link_opens_the_dashboard_at_the_incidents_time(tmp_path: Path) -> None:
    window = Window(NOON - timedelta(hours=1), NOON)
    opened = urlsplit(dashboards.link("https://g.example/d/orders", window, {"namespace": "go-coffee", "pod": "a&b"}))
    assert parse_qs(opened.query) == {
        "from": [str(ms(window.start))], "to": [str(ms(NOON))], "var-namespace": ["go-coffee"], "var-pod": ["a&b"],
    }  # fmt: skip
    assert dashboards.link("https://g.example/d/orders?orgId=2", window).startswith(
        "https://g.example/d/orders?orgId=2&from="
    )


def test_a_table_of_dashboards_opens_each_at_the_incidents_time(tmp_path: Path) -> None:
    window = Window(NOON - timedelta(hours=1), NOON)
    with serving(grafana) as server:
        found = dashboards.search(session(tmp_path, server), text="pay")
        opened = dashboards.linked(found, window, {"service": "orders"})
    assert list(opened["url"]) == [dashboards.link(f"{server.url}/d/payments", window, {"service": "orders"})]
    assert opened.attrs["evidence"] == found.attrs["evidence"]
    assert str(opened["url"].dtype) == str(found["url"].dtype)


def test_annotations_of_the_window_are_read_with_the_alerts_that_fired(tmp_path: Path) -> None:
    with serving(grafana) as server:
        frame = dashboards.noted(session(tmp_path, server), window_s=3600.0)
        few = dashboards.noted(session(tmp_path / "few", server), start=NOON - timedelta(minutes=6))
    assert list(frame["at"]) == [NOON - timedelta(minutes=9), NOON - timedelta(minutes=5)]
    assert (frame.loc[0, "alert"], frame.loc[0, "state"]) == ("Errors", "alerting")
    assert (frame.loc[1, "text"], frame.loc[1, "until"], frame.loc[1, "tags"]) == ("release 2.4.1", NOON, ("deploy",))
    assert list(few["text"]) == ["release 2.4.1"]


def test_as_many_annotations_as_were_asked_for_may_not_be_all(tmp_path: Path) -> None:
    with serving(grafana) as server:
        ops = session(tmp_path, server)
        frame = dashboards.noted(ops, limit=2)
    assert frame.attrs["truncated"] == ["grafana/main: the newest 2 annotations"]
    assert [f.status for f in ops.findings] == [Status.WARN]


FAULTS: dict[str, tuple[Answer, str]] = {
    "401": (says({"message": "Invalid API key"}, 401), "Invalid API key"),
    "403": (says({"message": "You'll need dashboards:read"}, 403), "dashboards:read"),
    "500": (says({"message": "database is locked"}, 500), "database is locked"),
    "malformed": (says({"no": "list"}), "Expected `array`"),
    "truncated": (says([], cut_at=1), "the connection broke"),
    "login page": (Answer(302, headers={"Location": "/login"}), "it sends us to /login"),
    "hang": (Answer(stall=True), "no answer after"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("ask", [dashboards.search, dashboards.noted])
def test_a_faulty_grafana_is_unknown_with_the_reason(tmp_path: Path, fault: str, ask: Any) -> None:
    answer, said = FAULTS[fault]
    with serving(lambda _: answer) as server:
        ops = session(tmp_path, server)
        with pytest.raises(Exception, match="grafana/main"):
            ask(ops)
    (finding,) = ops.findings
    assert (finding.status, said in finding.reason) == (Status.UNKNOWN, True)


def test_it_is_configured_and_checked_like_any_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with serving(grafana) as server:
        config = GrafanaConfig(name="main", url=server.url, token_env="GRAFANA_TOKEN")
        environment = Environment(name="prod", grafana=(config,))
        (place,) = open_places(environment, now=NOON).places
        (line,) = check_environment(environment)
        monkeypatch.setenv("GRAFANA_TOKEN", "another-token")
        (refused,) = check_environment(environment)
    assert place.detail == server.url
    assert (line.target, line.status) == ("grafana/main", Status.OK)
    assert (refused.status, "Invalid API key" in refused.result) == (Status.UNKNOWN, True)
