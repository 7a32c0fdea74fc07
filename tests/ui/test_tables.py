"""Tables for people."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pandas as pd
import pytest

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.ui.tables import SQL_CHARACTERS, Table, html, newest_last

SAME = "<b>eu"
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e&amp;'\""


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.css: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self.css.append(dict(attrs).get("class") or "")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def cells(text: str) -> _Cells:
    parsed = _Cells()
    parsed.feed(text)
    return parsed


def one(column: str, values: list[object], dtype: str) -> list[str]:
    frame = pd.DataFrame({column: pd.Series(values, dtype=dtype)})
    return [row[0] for row in cells(html(frame)).rows]


@pytest.mark.parametrize(
    ("column", "value", "dtype", "heading", "shown"),
    [
        ("memory_mib", 13_500.5, "Float64", "memory, MiB", "13,500.5"),
        ("memory_request_mib", 256.0, "Float64", "memory request, MiB", "256"),
        ("certificate_left_days", 12.34, "Float64", "certificate left, days", "12.34"),
        ("cpu_millicores", 3920, "Int64", "cpu, millicores", "3,920"),
        ("mean_exec_ms", 0.0041, "Float64", "mean exec, ms", "0.0041"),
        ("memory_of_limit", 0.934, "Float64", "memory of limit, %", "93.4"),
        ("ratio", 0.0, "Float64", "ratio, %", "0.0"),
        ("dead_ratio", 0.00004, "Float64", "dead ratio, %", "0.004"),
        ("age_of", "transaction", "string", "age of", "transaction"),
        ("age_s", 200_000.0, "Float64", "age", "2 d 7 h"),
        ("requests_per_s", 24.0, "Float64", "requests per s", "24"),
        ("pid", 1_234_567, "Int64", "pid", "1234567"),
        ("ready", True, "boolean", "ready", "yes"),
        ("calls", 1_204_331, "Int64", "calls", "1,204,331"),
    ],
)
def test_a_columns_name_gives_its_heading_and_unit(
    column: str, value: object, dtype: str, heading: str, shown: str
) -> None:
    assert one(column, [value], dtype) == [heading, shown]


def test_times_are_utc_and_say_so() -> None:
    moment = datetime(2026, 3, 2, 7, 30, 1, tzinfo=UTC)
    schema = Schema("t", (Column("created_at", "timestamp"), Column("last_seen_at", "timestamp", optional=True)))
    shown = cells(html(schema.from_rows([{"created_at": moment, "last_seen_at": None}]))).rows
    assert shown == [["created, UTC", "last seen, UTC"], ["2026-03-02 07:30:01", "n/a"]]


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "string", "object", "float64"])
def test_a_missing_value_is_said_to_be_missing_and_is_never_a_number(dtype: str) -> None:
    assert one("x", [None], dtype)[1] == "n/a"


def test_not_a_number_is_missing_in_numpy_floats() -> None:
    assert one("x", [float("nan")], "float64")[1] == "n/a"


def test_numbers_are_aligned_to_the_right_with_their_heading() -> None:
    parsed = cells(html(pd.DataFrame({"calls": [1], "name": ["a"]})))
    assert parsed.css == ["gc-num", "", "gc-num", ""]


def test_money_is_shown_in_cents_and_less_than_a_cent_is_not_nothing() -> None:
    money = Schema("t", (Column("billed", "decimal", optional=True),))
    values = [None, Decimal("1234567.125"), Decimal("-0.5"), Decimal("0.00012"), Decimal(0)]
    page = _Cells()
    page.feed(html(money.from_rows([{"billed": value} for value in values])))
    assert [row[0] for row in page.rows[1:]] == ["n/a", "1,234,567.12", "-0.50", "0.00012", "0.00"]
    assert page.css == ["gc-num"] * 6


def test_a_price_of_a_small_unit_has_its_places_and_a_rest_of_splitting_is_told_as_one() -> None:
    money = Schema("t", tuple(Column(name, "decimal", optional=True) for name in ("core_hour", "gib_hour", "change")))
    rows = [("0.0284", "0.00284", "-1200"), ("0.0135", "0.00097", "2E-12"), ("0.02", "0.001", "-2E-12")]
    page = _Cells()
    page.feed(html(money.from_rows([dict(zip(money.names, map(Decimal, row), strict=True)) for row in rows])))
    assert page.rows[1:] == [
        ["0.0284", "0.002840", "-1,200.00"],
        ["0.0135", "0.000970", "< 0.000001"],
        ["0.0200", "0.001000", "> -0.000001"],
    ]


@pytest.mark.parametrize("column", ["name", "statement", "definition"])
def test_hostile_text_is_text(column: str) -> None:
    shown = html(pd.DataFrame({column: [HOSTILE]}))
    parsed = cells(shown)
    assert "script" not in parsed.tags
    assert parsed.rows[1][0] == "<script>alert(1)</script>\\x1b[31m\\u202e&amp;'\""


def test_hostile_column_names_index_values_and_attributes_are_text() -> None:
    frame = pd.DataFrame({HOSTILE: [1]}, index=pd.Index([HOSTILE], name=HOSTILE))
    frame.attrs = {"query": HOSTILE, "gaps": [HOSTILE], "truncated": [HOSTILE]}
    assert "script" not in cells(html(frame)).tags


def test_of_rows_in_order_of_time_the_newest_are_shown_and_how_many_of_how_many() -> None:
    times = pd.date_range("2026-11-25", periods=30, freq="min", tz="UTC")
    frame = pd.DataFrame({"time": times, "line": [f"line {n}" for n in range(30)]}).iloc[::-1].reset_index(drop=True)
    frame.loc[0, "time"] = pd.NaT  # the newest has none
    frame.attrs["gaps"] = ["cluster/us: refused"]
    shown = html(newest_last(frame))
    assert [row[1] for row in cells(shown).rows[1:]] == [f"line {n}" for n in range(9, 29)]
    assert "newest 20 of 30 rows" in shown
    assert "cluster/us: refused" in shown
    assert "3 rows" in html(newest_last(frame.head(3)))


def test_the_cap_is_stated() -> None:
    frame = pd.DataFrame({"n": range(412)})
    assert "first 20 of 412 rows" in html(frame)
    assert len(cells(html(frame)).rows) == 21
    assert "first 50 of 412 rows" in Table(frame, rows=50)._repr_html_()


def test_a_long_statement_is_cut_and_says_so() -> None:
    shown = one("statement", ["x" * (SQL_CHARACTERS + 5)], "string")[1]
    assert shown.endswith(f"… ({SQL_CHARACTERS + 5:,} characters, the first {SQL_CHARACTERS:,} shown)")


def test_an_empty_answer_is_told_from_a_gap() -> None:
    frame = pd.DataFrame({"n": pd.Series([], dtype="Int64")})
    frame.attrs = {"query": "cluster.events", "gaps": []}
    assert "it was read, and there was nothing" in html(frame)
    frame.attrs["gaps"] = ["cluster/a: forbidden"]
    shown = html(frame)
    assert "there was nothing" not in shown
    assert "<b>Not read:</b> cluster/a: forbidden" in shown


def test_what_the_environment_does_not_name_is_told_from_what_was_read() -> None:
    frame = pd.DataFrame({"n": pd.Series([], dtype="Int64")})
    frame.attrs = {"query": "kubecost.allocation", "absent": "the environment names no kubecost"}
    shown = html(frame)
    assert "not in this report: the environment names no kubecost" in shown
    assert "<th" not in shown
    assert "there was nothing" not in shown


def test_truncation_is_stated_on_the_table() -> None:
    frame = pd.DataFrame({"n": [1]})
    frame.attrs = {"truncated": ["cluster/a: 500 of 731 pods"]}
    assert "<b>Not all was read:</b> cluster/a: 500 of 731 pods" in html(frame)


def test_demo_data_is_marked() -> None:
    frame = pd.DataFrame({"n": [1]})
    assert "Demo data" in html(frame, demo=True)
    assert "Demo data" not in html(frame)


def test_lists_levels_and_doubled_names_are_shown() -> None:
    assert one("taints", [("a", "b")], "object")[1] == "a, b"
    assert one("taints", [()], "object")[1] == "none"
    doubled = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert cells(html(doubled)).rows == [["a", "a"], ["1", "2"]]
    levels = pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("cpu", "max")]))
    assert cells(html(levels)).rows[0] == ["cpu / max"]


def test_an_index_with_a_name_is_shown() -> None:
    frame = pd.DataFrame({"n": [1]}, index=pd.Index(["go-coffee"], name="namespace"))
    assert cells(html(frame)).rows == [["namespace", "n"], ["go-coffee", "1"]]


def test_a_wide_table_says_once_what_every_row_says() -> None:
    frame = pd.DataFrame({"cluster": [SAME] * 3, "reason": pd.Series([None] * 3, dtype="string"), "n": [1, 2, 3]})
    for i in range(9):
        frame[f"x{i}"] = [i, i + 1, i]
    shown = html(frame)
    heads = cells(shown).rows[0]
    assert "cluster" not in heads
    assert heads[0] == "n"
    assert (
        "In every row: cluster: <b><span class='gc-name'>&lt;b&gt;eu</span></b>; reason: <b><span class='gc-na'>n/a"
        in shown
    )


def test_a_narrow_table_and_one_of_two_rows_keep_their_columns() -> None:
    narrow = pd.DataFrame({"cluster": ["eu"] * 3, "n": [1, 2, 3]})
    assert cells(html(narrow)).rows[0] == ["cluster", "n"]
    two = pd.DataFrame({f"x{i}": [1, 1] for i in range(12)})
    assert len(cells(html(two)).rows[0]) == 12


def test_a_column_is_left_out_only_when_the_rows_beyond_the_cap_agree() -> None:
    frame = pd.DataFrame({"cluster": ["eu"] * 30 + ["us"], **{f"x{i}": range(31) for i in range(9)}})
    assert cells(html(frame)).rows[0][0] == "cluster"


def test_a_table_says_which_days_it_is_of_and_a_missing_key_reads_as_nobodys() -> None:
    frame = pd.DataFrame({"team": pd.array(["shop", None], "string"), "service": pd.array([None, "x"], "string")})
    frame.attrs |= {"span": "16 days, <b>", "nobody": {"team": "(no <team>)"}}
    shown = cells(html(frame))
    assert shown.rows[-1] == ["(no <team>)", "x"]
    assert shown.rows[-2] == ["shop", "n/a"]  # of which the table does not say what missing means
    assert "2 rows · of 16 days, &lt;b&gt;" in html(frame)


def test_a_key_that_nothing_has_stands_above_a_wide_table_in_the_same_words() -> None:
    frame = pd.DataFrame({"team": pd.array([None] * 3, "string"), **{f"n{i}": [i, i + 1, i + 2] for i in range(7)}})
    frame.attrs["nobody"] = {"team": "(no team)"}
    assert "team: <b><span class='gc-na gc-name'>(no team)</span></b>" in html(frame)


def test_a_table_whose_rows_add_up_is_shown_whole_and_any_other_is_cut() -> None:
    frame = pd.DataFrame({"line": [f"line {n}" for n in range(34)], "billed": range(34)})
    assert (len(cells(html(frame)).rows), "first 20 of 34 rows" in html(frame)) == (21, True)
    frame.attrs["adds_up"] = True
    assert (len(cells(html(frame)).rows), "34 rows" in html(frame), "first" in html(frame)) == (35, True, False)
