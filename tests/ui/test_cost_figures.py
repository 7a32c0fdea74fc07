"""Figures of costs: exact sums, one currency, what is left out is stated, and nothing of the data is markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.analysis import costs
from gocoffee_ops.analysis.costs.schemas import LINES
from gocoffee_ops.errors import UsageError
from gocoffee_ops.ui import figures

DAY = datetime(2026, 11, 1, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def line(team: str | None, effective: str | None, day: int = 0, **more: Any) -> dict[str, Any]:
    amount = None if effective is None else Decimal(effective)
    row = dict.fromkeys(LINES.names) | {"day": DAY + timedelta(days=day), "line": "used", "team": team, "labels": ()}
    return (
        row
        | {
            "billed": amount,
            "effective": amount,
            "currency": "EUR",
            "estimated": False,
            "price_from": amount and "bill",
        }
        | more
    )


def lines(*rows: dict[str, Any]) -> pd.DataFrame:
    return LINES.from_rows(rows)


def drawn(figure: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(figure.to_json())
    return found


def stated(figure: Any) -> str:
    return " ".join(str(one["text"]) for one in drawn(figure)["layout"].get("annotations", ())).replace("<br>", " ")


def test_the_areas_of_a_level_add_up_to_the_one_above() -> None:
    table = costs.aggregate(
        lines(
            line("shop", "10.00", namespace="go-coffee"),
            line("shop", "5.00", namespace="web"),
            line(None, "1.00"),
            line(None, "-2.50", line="credit"),
        ),
        ["team", "namespace", "line"],
    )
    figure = figures.cost_treemap(table, "team", "namespace")
    trace = drawn(figure)["data"][0]
    names = dict(zip(trace["ids"], trace["customdata"], strict=True))
    above = [names.get(parent, "") for parent in trace["parents"]]
    values = dict(zip(zip(above, trace["customdata"], strict=True), trace["values"], strict=True))
    assert values == {
        ("", "all"): 16.0,
        ("all", "shop"): 15.0,
        ("shop", "go-coffee"): 10.0,
        ("shop", "web"): 5.0,
        ("all", "(no team)"): 1.0,  # which nothing parts any further
    }
    assert {"all  16.00 EUR", "shop  15.00 EUR", "web", "(no team)"} <= set(trace["labels"])
    assert "-2.50 EUR of credits and corrections has no area" in stated(figure)
    alt = drawn(figure)["layout"]["meta"]["alt"]
    assert (
        alt == "Costs of 16.00 EUR, without -2.50 of credits and corrections, by team, then namespace; most is shop's."
    )


def test_a_level_that_the_table_lacks_is_named() -> None:
    table = costs.aggregate(lines(line("shop", "1.00")), "team")
    with pytest.raises(UsageError, match="draw a treemap of costs") as raised:
        figures.cost_treemap(table, "team", "namespace")
    assert "namespace" in str(raised.value)


def test_days_within_the_billing_lag_are_hatched_and_named() -> None:
    rows = [line("shop", "3.00", day, estimated=day >= 5) for day in range(7)]
    figure = figures.costs_by_day(costs.aggregate(lines(*rows), ["team", "day"]), "team")
    assert drawn(figure)["layout"]["shapes"][0]["x0"].startswith("2026-11-06")
    (hatched,) = [one for one in drawn(figure)["data"] if "fillpattern" in one]
    assert (hatched["x"][0][:10], hatched["x"][1][:10], hatched["y"]) == (
        "2026-11-06",
        "2026-11-07",
        [0.0, 0.0, 3.0, 3.0],
    )
    assert "2 days are younger than the billing lag" in stated(figure)


def test_a_day_that_credits_make_negative_stands_below_zero_and_on_no_other_layer() -> None:
    rows = [line("shop", "5.00", 0), line("shop", "5.00", 1), line(None, "9.00", 0), line(None, "-2.50", 1)]
    figure = figures.costs_by_day(costs.aggregate(lines(*rows), ["team", "day"]), "team")
    traces = {(one["name"], one["stackgroup"]): one["y"] for one in drawn(figure)["data"]}
    assert traces == {("shop", "+"): [5.0, 5.0], ("(no team)", "+"): [9.0, 0.0], ("(no team)", "-"): [0.0, -2.5]}


def test_layers_that_are_too_many_are_one_and_nothing_is_lost() -> None:
    rows = [line(f"team-{n}", str(n + 1), day) for n in range(12) for day in range(2)]
    figure = figures.costs_by_day(costs.aggregate(lines(*rows), ["team", "day"]), "team")
    traces = drawn(figure)["data"]
    assert [trace["name"] for trace in traces][-1] == "6 others"
    assert sum(trace["y"][0] for trace in traces) == sum(range(1, 13))


def test_a_waterfall_leads_from_one_week_to_the_next() -> None:
    weeks = pd.DataFrame(
        [
            {"week": "before", "effective": Decimal("100.00"), "currency": "EUR"},
            {"week": "now", "effective": Decimal("113.50"), "currency": "EUR"},
        ]
    )
    causes = pd.DataFrame(
        [
            {"currency": "EUR", "cause": "price", "effective_change": Decimal("20.00")},
            {"currency": "EUR", "cause": "volume", "effective_change": Decimal("-6.50")},
        ]
    )
    trace = drawn(figures.cost_waterfall(weeks, causes))["data"][0]
    assert trace["measure"] == ["absolute", "relative", "relative", "total"]
    assert trace["y"] == [100.0, 20.0, -6.5, 113.5]
    assert trace["text"] == ["100.00", "+20.00", "-6.50", "113.50"]


def test_another_currency_and_what_has_no_price_are_stated_not_added() -> None:
    table = costs.aggregate(
        lines(line("shop", "10.00"), line("shop", "900.00", currency="JPY"), line("shop", None, currency=None)), "team"
    )
    figure = figures.cost_treemap(table, "team")
    assert max(drawn(figure)["data"][0]["values"]) == 900.0
    assert "not shown: costs in EUR" in stated(figure)
    assert "1 lines have no price and are not shown" in stated(figure)


def test_no_text_of_the_data_is_markup() -> None:
    rows = lines(line(HOSTILE, "10.00"), line("b", "1.00", 1))
    for figure in (
        figures.cost_treemap(costs.aggregate(rows, "team"), "team"),
        figures.costs_by_day(costs.aggregate(rows, ["team", "day"]), "team"),
    ):
        shown = json.dumps(drawn(figure), ensure_ascii=False).replace("<br>", "").replace("<extra></extra>", "")
        assert "&lt;script" in shown
        assert "<" not in shown.replace(json.dumps(drawn(figure)["layout"]["meta"]["alt"], ensure_ascii=False), "")


def test_nothing_to_draw_is_said() -> None:
    nothing = lines()
    for figure in (
        figures.cost_treemap(costs.aggregate(nothing, "team"), "team"),
        figures.costs_by_day(costs.aggregate(nothing, ["team", "day"]), "team"),
        figures.cost_waterfall(pd.DataFrame({"effective": []}), pd.DataFrame()),
    ):
        assert "nothing to show" in stated(figure)


def test_figures_of_days_say_which_days_they_add_up_as_the_table_does() -> None:
    table = lines(*(line("shop", "3.00", day, estimated=day >= 5) for day in range(7)))
    said = "of 7 days, 2026-11-01 to 2026-11-07, of which the last 2 are estimates"
    assert costs.aggregate(table, "team").attrs["span"] == said.removeprefix("of ")
    assert said in stated(figures.cost_treemap(costs.aggregate(table, "team"), "team"))
    assert said in stated(figures.costs_by_day(costs.aggregate(table, ["team", "day"]), "team"))


def test_a_waterfall_says_which_days_it_compares() -> None:
    at = {"first_day": DAY, "last_day": DAY + timedelta(days=6)}
    later = {name: day + timedelta(days=7) for name, day in at.items()}
    weeks = pd.DataFrame(
        [
            {"week": "before", "effective": Decimal("1.00"), "currency": "EUR", **at},
            {"week": "now", "effective": Decimal("3.00"), "currency": "EUR", **later},
        ]
    )
    causes = pd.DataFrame([{"currency": "EUR", "cause": "price", "effective_change": Decimal("2.00")}])
    said = "complete days: 2026-11-08 to 2026-11-14 against 2026-11-01 to 2026-11-07"
    assert said in stated(figures.cost_waterfall(weeks, causes))
