"""Pickers: what is offered for each argument, and that a click asks with what was picked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.errors import Unreachable, UsageError
from gocoffee_ops.ui.pickers import pickers

START = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def question(
    ops: object, *, namespace: str = "", service: str = "", window_s: float = 0.0, top: int = 1, since: object = None
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
    assert "Unreachable: list pods [cluster/eu]: refused" in capsys.readouterr().out
    assert not button.disabled


def test_a_misspelt_argument_and_one_without_a_picker_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"unknown argument 'namespce'.*did you mean 'namespace'"):
        parts(None, namespce="shop")
    with pytest.raises(UsageError, match="no picker for argument namespace: it is list"):
        parts(None, namespace=["a"])
