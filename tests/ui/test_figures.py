"""Figures: what they draw of real tables, and what they say of missing, capped, empty and hostile ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.analysis.logs.schemas import ERROR_RATE
from gocoffee_ops.analysis.timeline import MOMENTS
from gocoffee_ops.frames import Schema
from gocoffee_ops.ui import figures
from tests.runbooks import report_scene as scene


def table(schema: Schema, rows: list[dict[str, Any]], kind: str = "cluster", place: str = "prod-eu") -> pd.DataFrame:
    frame = schema.from_rows(rows)
    frame.insert(0, kind, pd.Series([place] * len(rows), dtype="string"))
    return frame


def nodes(n: int = 7, place: str = "prod-eu") -> pd.DataFrame:
    return table(scene.NODES, scene.nodes(n), place=place)


def usage(n: int = 7, place: str = "prod-eu") -> pd.DataFrame:
    return table(scene.NODE_USAGE, scene.node_usage(n), place=place)


MOMENT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def moments(n: int = 3) -> pd.DataFrame:
    hostile = "<script>alert(1)</script>"
    place = {
        "cluster": "eu",
        "namespace": "go-coffee",
        "service": "orders",
        "node": None,
        "resolution_s": None,
        "source": "q",
        "evidence": "",
    }
    kinds = ("rollout", "alert", "event")
    rows = [
        {"kind": kinds[i % 3], "time": MOMENT + timedelta(minutes=i), "subject": hostile, "what": hostile}
        for i in range(n)
    ]
    return MOMENTS.from_rows([place | row for row in rows])


def rates(*counts: tuple[int, int], service: str = "<b>orders</b>") -> pd.DataFrame:
    place = {"cluster": "eu", "namespace": "shop", "service": service, "container": "app", "bucket_s": 60.0}
    rest = {"denominator": "access records", "error_records": 0, "records": 0}
    return ERROR_RATE.from_rows(
        [
            place
            | rest
            | {"start": MOMENT + timedelta(minutes=i), "requests": float(n), "errors": float(bad)}
            | {"error_rate": bad / n if n else None}
            for i, (n, bad) in enumerate(counts)
        ]
    )


def words(figure: Any) -> str:
    return json.dumps([a.text for a in figure.layout.annotations], ensure_ascii=False)


EVERY = {
    "node_utilisation": lambda: figures.node_utilisation(nodes(), usage()),
    "requests_against_usage": lambda: figures.requests_against_usage(table(scene.POD_USAGE, scene.pod_usage())),
    "statement_share": lambda: figures.statement_share(table(scene.STATEMENTS, scene.statements(), "database")),
    "connection_states": lambda: figures.connection_states(
        table(scene.CONNECTIONS, scene.connections(), "database", "coffee")
    ),
    "timeline": lambda: figures.timeline(moments(), MOMENT),
    "error_rate": lambda: figures.error_rate(rates((100, 3), (0, 0), (50, 10))),
}
EMPTY = {
    "node_utilisation": lambda: figures.node_utilisation(nodes(0), table(scene.NODE_USAGE, [])),
    "requests_against_usage": lambda: figures.requests_against_usage(table(scene.POD_USAGE, [])),
    "statement_share": lambda: figures.statement_share(table(scene.STATEMENTS, [], "database")),
    "connection_states": lambda: figures.connection_states(table(scene.CONNECTIONS, [], "database")),
    "timeline": lambda: figures.timeline(MOMENTS.empty()),
    "error_rate": lambda: figures.error_rate(ERROR_RATE.empty()),
}


@pytest.mark.parametrize("name", EVERY)
def test_no_text_of_the_data_is_markup(name: str) -> None:
    """plotly reads a subset of HTML in its text; every `<` but those of our own line breaks and italics is an entity."""
    drawn = json.dumps(EVERY[name]().to_dict(), ensure_ascii=False, default=str)
    for ours in ("<br>", "<i>usage not read</i>", "<i>no request</i>"):
        drawn = drawn.replace(ours, "")
    alt = json.dumps(EVERY[name]().layout.meta["alt"], ensure_ascii=False)
    assert "<" not in drawn.replace(alt, "")
    assert "&lt;" in drawn


@pytest.mark.parametrize("name", EVERY)
def test_a_figure_has_words_axes_with_units_and_no_title(name: str) -> None:
    figure = EVERY[name]()
    assert len(figure.layout.meta["alt"]) > 30
    assert figure.layout.title.text is None
    assert figure.layout.xaxis.title.text
    assert figure.layout.height > 200


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_table_gives_a_figure_that_says_so(name: str) -> None:
    assert "nothing to show: no " in words(EMPTY[name]())


def test_a_span_without_requests_has_no_error_rate_and_no_point() -> None:
    (line,) = figures.error_rate(rates((100, 3), (0, 0), (50, 10))).data
    assert list(line.y) == [3.0, 20.0]
    assert [moment.minute for moment in line.x] == [0, 2]


def test_a_timeline_has_a_row_for_each_kind_and_a_line_at_the_onset() -> None:
    figure = figures.timeline(moments(6), MOMENT)
    assert [trace.name for trace in figure.data] == ["rollout", "event", "alert"]
    assert [set(trace.y) for trace in figure.data] == [{0}, {1}, {2}]
    assert figure.layout.shapes[0].x0 == MOMENT
    assert "onset 03:00:00" in words(figure)


def test_a_crowded_timeline_says_how_much_of_it_is_drawn() -> None:
    assert "300 of 400 moments" in words(figures.timeline(moments(400), MOMENT))


def test_usage_that_was_not_read_is_missing_and_said_not_zero() -> None:
    figure = figures.node_utilisation(nodes(), usage())
    used = next(trace for trace in figure.data if trace.name == "used")
    assert list(used.x).count(None) == 1
    assert 0 not in used.x
    assert words(figure).count("usage not read") == 2


def test_a_node_that_only_another_cluster_measured_has_no_usage() -> None:
    figure = figures.node_utilisation(nodes(3, place="us"), usage(3, place="eu"))
    used = next(trace for trace in figure.data if trace.name == "used")
    assert list(used.x) == [None] * 3


def test_bars_are_shares_of_allocatable_and_the_fullest_node_comes_first() -> None:
    figure = figures.node_utilisation(nodes(), usage())
    requested = [trace for trace in figure.data if trace.name == "requested"]
    assert requested[0].x[0] == pytest.approx(100 * 3600 / 3920)
    assert requested[1].x[0] == pytest.approx(100 * 12_900 / 13_500.5)


def test_caps_are_stated() -> None:
    assert "15 of 40 nodes, fullest first" in words(figures.node_utilisation(nodes(40), usage(40)))
    assert "15 of 24 pods, widest gap first" in words(EVERY["requests_against_usage"]())
    assert "10 of 25 statements read, largest share first" in words(EVERY["statement_share"]())


def test_height_fits_the_rows() -> None:
    few, more = figures.node_utilisation(nodes(3), usage(3)), figures.node_utilisation(nodes(12), usage(12))
    assert more.layout.height - few.layout.height > 9 * 30


def test_names_carry_their_cluster_only_where_there_are_several() -> None:
    both = pd.concat([nodes(2, "eu"), nodes(2, "us")], ignore_index=True)
    assert "eu · gke-prod" in words(figures.node_utilisation(both, usage(2, "eu")))
    assert "eu · " not in words(figures.node_utilisation(nodes(2, "eu"), usage(2, "eu")))


def test_a_pod_without_a_limit_has_no_mark_and_one_without_a_request_is_said() -> None:
    figure = EVERY["requests_against_usage"]()
    limits = next(trace for trace in figure.data if trace.name == "limit")
    assert None in limits.x
    assert 0 not in limits.x
    assert "no request" in words(figure)


def test_the_statements_not_shown_are_one_bar_and_all_bars_make_the_whole() -> None:
    figure = EVERY["statement_share"]()
    assert sum(figure.data[0].x) == pytest.approx(100)
    assert "all other statements" in words(figure)


def test_connections_are_shown_against_the_servers_maximum() -> None:
    figure = EVERY["connection_states"]()
    assert "coffee: 57 of 97 connections in use (3 more are reserved)" in words(figure)
    assert {trace.name for trace in figure.data} >= {
        "active",
        "idle",
        "idle in transaction",
        "not visible to this role",
    }
    assert sum(v or 0 for trace in figure.data for v in trace.x) == 57


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_a_name_stands_above_its_bar_however_few_rows_there_are(count: int) -> None:
    rows = [{**scene.connections()[0], "application": f"app {i}", "connections": 1 + i} for i in range(count)]
    figure = figures.connection_states(table(scene.CONNECTIONS, rows, "database", "coffee"))
    layout = figure.layout
    low, high = layout.yaxis.range
    pixels = (layout.height - layout.margin.t - layout.margin.b) / (low - high)  # of one row
    names = [one for one in layout.annotations if one.yref == "y"]
    assert len(names) == count
    assert all((1 - layout.bargap) * pixels / 2 <= one.yshift + 4 for one in names)  # 4: what is free below its letters


def test_an_axis_of_few_connections_counts_whole_ones() -> None:
    one = [{**scene.connections()[0], "connections": 1}]
    assert figures.connection_states(table(scene.CONNECTIONS, one, "database", "coffee")).layout.xaxis.dtick == 1
    assert EVERY["connection_states"]().layout.xaxis.dtick is None
