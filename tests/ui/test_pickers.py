"""Pickers: what is offered for each argument, and that a click asks with what was picked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.errors import NotRecorded, Unreachable, UsageError
from gocoffee_ops.queries.database import statements
from gocoffee_ops.ui.pickers import pickers

START = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def question(
    ops: object,
    *,
    namespace: str = "",
    service: str = "",
    of: str = "",
    window_s: float = 0.0,
    top: int = 1,
    seconds: float = 1.0,
    services: Sequence[str] = (),
    since: datetime | None = None,
    start: datetime | None = None,
    end: datetime = START,
) -> Any:
    """A question's signature."""


def parts(ask: Any, *known: pd.DataFrame, **arguments: Any) -> Any:
    row, answer = pickers(question, known, arguments, ask, demo=False).children
    return row.children, answer


def test_texts_are_offered_from_the_tables_that_are_known() -> None:
    pods = pd.DataFrame({"namespace": ["shop", "jobs", "shop"], "app": ["orders", None, "web"]})
    (namespace, service, _), _ = parts(None, pods, namespace="shop", service="")
    assert (namespace.value, namespace.options) == ("shop", ("jobs", "shop"))
    assert service.options == ("orders", "web")


def test_a_span_is_picked_from_usual_ones_and_its_own() -> None:
    (window, _), _ = parts(None, window_s=1234.0)
    assert window.value == 1234.0
    assert ("1 h", 3600.0) in window.options
    assert ("20 min 34 s", 1234.0) in window.options


def test_a_click_asks_with_what_was_picked() -> None:
    asked: list[Mapping[str, Any]] = []

    def ask(picked: Mapping[str, Any]) -> pd.DataFrame:
        asked.append(picked)
        return pd.DataFrame({"pod": ["orders-0"]})

    (namespace, window, top, _since, button), _ = parts(ask, namespace="shop", window_s=300.0, top=20, since=START)
    namespace.value, window.value, top.value = " jobs ", 3600.0, 5
    button.click()
    assert asked == [{"namespace": "jobs", "window_s": 3600.0, "top": 5, "since": START}]
    assert (button.disabled, button.description) == (False, "Ask")


def test_an_answer_that_fails_is_told_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(_: Mapping[str, Any]) -> pd.DataFrame:
        raise Unreachable("list pods", target="cluster/eu", why="refused")

    (_, button), _ = parts(ask, namespace="shop")
    button.click()
    said = "namespace: shop\nUNKNOWN cluster/eu: not read: Unreachable: list pods [cluster/eu]: refused\n"
    assert capsys.readouterr().out.endswith(said)
    assert not button.disabled


def test_what_one_of_several_places_did_not_answer_is_unknown_below_the_others_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ask(_: Mapping[str, Any]) -> pd.DataFrame:
        table = pd.DataFrame({"pod": ["orders-0"]})
        table.attrs["gaps"] = ["cluster/us: list pods [cluster/us]: refused"]
        return table

    judged: list[pd.DataFrame] = []
    box = pickers(question, [], {"namespace": "shop"}, ask, demo=False, judge=judged.append)
    box.children[0].children[-1].click()
    assert capsys.readouterr().out.endswith("UNKNOWN cluster/us: not read: list pods [cluster/us]: refused\n")
    assert [table["pod"].tolist() for table in judged] == [["orders-0"]]


def test_log_lines_are_shown_in_the_order_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    order = [*range(10, 30), *range(10)]  # as two logs stand one below the other
    lines = pd.DataFrame({"time": [START + timedelta(seconds=n) for n in order], "line": [f"line-{n}" for n in order]})
    (_, button), _ = parts(lambda _: lines, namespace="shop")
    button.click()
    assert re.findall(r"line-(\d+)", capsys.readouterr().out) == [str(n) for n in range(30)]


def test_a_misspelt_argument_and_one_without_a_picker_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"unknown argument 'namespce'.*did you mean 'namespace'"):
        parts(None, namespce="shop")
    with pytest.raises(UsageError, match="no picker for argument since: it is dict"):
        parts(None, since={})


PODS = pd.DataFrame(
    {
        "namespace": ["shop", "shop", "jobs"],
        "owner": ["deployment/orders", "statefulset/postgres", "job/mail"],
        "app": ["orders", "postgres", "mail"],
    }
)
NAMESPACES = pd.DataFrame({"namespace": ["jobs", "shop", "empty"]})


def answered(
    picked: Mapping[str, Any], *known: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> tuple[list[Mapping[str, Any]], str]:
    """What was asked, and what was said, when `picked` is put into pickers that begin as an incident's do."""
    asked: list[Mapping[str, Any]] = []

    def ask(given: Mapping[str, Any]) -> pd.DataFrame:
        asked.append(given)
        return pd.DataFrame({"line": ["x"]})

    first = {"namespace": "shop", "of": "deployment/orders", "start": START - timedelta(hours=1), "end": START}
    (*widgets, button), _ = parts(ask, *known, **first)
    for widget, name in zip(widgets, first, strict=True):
        widget.value = picked.get(name, widget.value)
    button.click()
    return asked, capsys.readouterr().out


def test_times_are_shown_in_utc_whatever_zone_the_browser_has_and_asked_as_they_were() -> None:
    asked: list[Mapping[str, Any]] = []
    given = START.astimezone(timezone(timedelta(hours=5, minutes=30))).replace(microsecond=7)
    (start, button), _ = parts(lambda picked: asked.append(picked) or pd.DataFrame(), start=given)
    button.click()
    assert start.value == datetime(2026, 11, 25, 3, 0, 0, 7)  # noqa: DTZ001 - it is shown without a zone
    assert start.description == "start (UTC)"
    assert asked == [{"start": given}]
    assert asked[0]["start"].tzinfo is UTC


def test_logs_are_offered_by_owner_in_the_namespace_that_is_picked() -> None:
    rollouts = pd.DataFrame({"namespace": ["shop"], "deployment": ["web"]})
    (namespace, of, _), _ = parts(None, NAMESPACES, PODS, rollouts, namespace="shop", of="deployment/orders")
    assert namespace.options == ("empty", "jobs", "shop")
    assert of.options == ("deployment/orders", "deployment/web", "statefulset/postgres")
    namespace.value = "jobs"
    assert of.options == ("job/mail",)
    namespace.value = "empty"
    assert of.options == ()


@pytest.mark.parametrize(
    ("picked", "said"),
    [
        ({"start": datetime(2026, 11, 25, 4)}, "a window must start before it ends: given 2026-11-25 04:00:00"),  # noqa: DTZ001
        ({"end": None}, "end is empty. Try: a date and a time, UTC"),
        ({"namespace": "shpo"}, "nothing that was read has the namespace 'shpo'. Try: shop"),
        ({"of": "orders"}, "nothing that was read has the logs of 'orders'. Try: deployment/orders"),
        ({"of": "deployment/xyz"}, "nothing that was read has the logs of 'deployment/xyz'"),
    ],
)
def test_what_cannot_be_asked_is_told_and_nobody_is_asked(
    picked: Mapping[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, told = answered(picked, NAMESPACES, PODS, capsys=capsys)
    assert asked == []
    assert said in told


@pytest.mark.parametrize(
    "picked",
    [
        {"of": "statefulset/postgres"},
        {"of": "app in (orders)"},
        {"of": "app=nobody"},
        {"of": "pod/orders-0"},
        {"of": ""},
        {"namespace": "jobs", "of": "job/mail"},
        {"namespace": "empty", "of": "deployment/new"},
        {"start": None},
    ],
)
def test_what_may_be_there_is_asked(picked: Mapping[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    (asked,), _ = answered(picked, NAMESPACES, PODS, capsys=capsys)
    assert {name: asked[name] for name in picked} == picked


SERVED = pd.DataFrame({"service": ["web", "orders", "mail"]})


class Names:
    """The boxes of a picker of names, and its field for others."""

    def __init__(self, widget: Any) -> None:
        _, self.boxes, self.others = widget.children

    def ticked(self) -> dict[str, bool]:
        return {box.description: box.value for box in self.boxes.children}

    def tick(self, **names: bool) -> None:
        for box in self.boxes.children:
            box.value = names.get(box.description, box.value)


def test_several_services_are_picked_from_those_there_are_and_those_of_the_runbook(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[Any] = []

    def ask(picked: Mapping[str, Any]) -> pd.DataFrame:
        asked.append(picked["services"])
        return pd.DataFrame()

    (services, _, button), _ = parts(ask, SERVED, services=["gateway", "orders"], window_s=300.0)
    names = Names(services)
    assert names.ticked() == {"gateway": True, "mail": False, "orders": True, "web": False}
    button.click()
    assert "services: gateway, orders · window: 5 min\n" in capsys.readouterr().out
    names.tick(gateway=False, web=True)
    names.others.value = " mail, web "
    button.click()
    assert asked == [["gateway", "orders"], ["mail", "orders", "web"]]
    names.others.value = "ordesr"
    button.click()
    assert "nothing that was read has the service 'ordesr'. Try: orders;" in capsys.readouterr().out
    names.others.value = ""
    names.tick(orders=False, web=False)
    button.click()
    assert "service is empty. Try: offered are gateway, mail, orders, web" in capsys.readouterr().out
    assert len(asked) == 2


def test_services_are_offered_in_the_namespace_that_is_picked_and_are_what_pods_are_called_after() -> None:
    (namespace, services, _), _ = parts(None, NAMESPACES, PODS, namespace="shop", services=["web"])
    names = Names(services)
    assert names.ticked() == {"orders": False, "postgres": False, "web": True}
    names.tick(orders=True)
    namespace.value = ""
    assert names.ticked() == {"orders": True, "postgres": False}
    namespace.value = "jobs"
    assert names.ticked() == {}
    namespace.value = "shop"
    assert names.ticked() == {"orders": False, "postgres": False, "web": True}


def test_where_no_service_could_be_read_any_may_be_typed() -> None:
    asked: list[Any] = []
    unread = pd.DataFrame({"service": pd.Series(dtype=str)})
    unread.attrs["gaps"] = ["prometheus/main: refused"]
    (services, button), answer = parts(
        lambda picked: asked.append(picked) or pd.DataFrame(), unread, services=["orders"]
    )
    assert "not all is offered: prometheus/main: refused" in answer.outputs[0]["text"]
    Names(services).others.value = "web"
    button.click()
    assert asked == [{"services": ["orders", "web"]}]


def test_seconds_are_typed_and_what_has_a_few_values_offers_these() -> None:
    (seconds, _), _ = parts(None, seconds=10.0)
    assert (seconds.value, seconds.description) == (10.0, "seconds")
    box = pickers(statements, [], {"by": "total", "limit": 10}, lambda _: pd.DataFrame(), demo=False)
    assert box.children[0].children[0].options == ("total", "mean", "calls", "io", "wal")


def test_what_is_not_in_a_record_is_told_with_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(_: Mapping[str, Any]) -> pd.DataFrame:
        raise NotRecorded(
            "pods(a) is not in the record", target="/some/folder", hint="the record holds: pods(b); pods(c)"
        )

    (_, button), _ = parts(ask, namespace="shop")
    button.click()
    said = "pods(a) is not in the record: nobody is asked. Try:\n  the record holds: pods(b)\n  pods(c)\n"
    assert capsys.readouterr().out.endswith(said)


def test_where_nothing_else_was_read_any_name_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    (asked,), _ = answered({"namespace": "other", "of": "deployment/new"}, capsys=capsys)
    assert (asked["namespace"], asked["of"]) == ("other", "deployment/new")
