"""Lines that were not read, or not kept, are not lines that were not written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from gocoffee_ops.analysis.logs import bursts, error_rate, novelty, onset, parse, templated
from gocoffee_ops.frames import records
from gocoffee_ops.model import Window
from tests.analysis.logs.scene import ORDERS, at, line, table

BASELINE, NOW = Window(at(0), at(60)), Window(at(60), at(120))
OWN = {name: ORDERS[name] for name in ("namespace", "pod", "container")}


def lacking(rows: list[dict[str, Any]], *spans: tuple[datetime, datetime, str], **log: str) -> pd.DataFrame:
    """Lines as a query returns them that lacks these spans of the order service's log."""
    frame = table(rows)
    missing = [{"from": since.isoformat(), "to": until.isoformat(), "why": why} for since, until, why in spans]
    frame.attrs["notes"] = {"eu": {"logs": [OWN | log | {"missing": missing}]}}
    return templated(parse(frame))


def ticks(start: int, end: int, **where: Any) -> list[dict[str, Any]]:
    return [line("INFO tick", at(start + i / 5), **where) for i in range(5 * (end - start))]


def change(frame: pd.DataFrame) -> list[tuple[str, float]]:
    return [(row["change"], row["baseline_min"]) for row in records(novelty(frame, NOW, BASELINE))]


def test_where_a_log_was_cut_nothing_changed() -> None:
    rows = ticks(0, 90)
    assert len(onset(lacking(rows), NOW)) == 1
    cut = lacking(rows, (at(90), at(120), "cut"))
    assert onset(cut, NOW).empty
    assert bursts(cut, NOW).empty
    assert [one["from"] for one in onset(cut, NOW).attrs["missing"]] == [at(90).isoformat()]


def test_a_change_in_the_minutes_that_were_read_is_found_beside_those_that_were_not() -> None:
    rows = [*ticks(60, 100), *(line("ERROR boom", at(80 + i / 10)) for i in range(200))]
    (found,) = records(onset(lacking(rows, (at(100), at(120), "cut")), NOW))
    assert (found["template"], found["onset"]) == ("boom", at(80))


def test_of_one_log_that_was_not_had_at_all_the_others_changes_are_found() -> None:
    rows = [line("ERROR boom", at(80 + i / 10)) for i in range(200)]
    other = {"pod": "orders-7d9f8b6c5-zzzzz"}
    assert len(onset(lacking(rows, (NOW.start, NOW.end, "unread"), **other), NOW)) == 1


def test_minutes_of_which_not_all_lines_are_kept_are_no_baseline_for_a_rate() -> None:
    rows = [line("INFO tick", at(1)), *ticks(50, 120)]
    assert change(lacking(rows)) == [("more", 59.0)]
    assert change(lacking(rows, (at(1), at(50), "thinned"))) == [("same", 10.0)]
    assert change(lacking(rows, (at(1), at(60), "thinned"))) == [("no baseline", 0.0)]


def test_what_was_there_in_a_part_of_the_baseline_that_is_not_whole_is_not_new() -> None:
    rows = [*ticks(0, 120), line("ERROR boom", at(5)), line("ERROR boom", at(100))]
    found = records(novelty(lacking(rows, (at(0), at(30), "thinned")), NOW, BASELINE))
    assert {row["template"]: row["change"] for row in found} == {"tick": "same", "boom": "same"}


def test_a_log_that_was_not_had_at_all_is_in_neither_rate() -> None:
    other = {"pod": "orders-7d9f8b6c5-zzzzz"}
    rows = [*ticks(0, 120), line("ERROR boom", at(100))]
    frame = lacking(rows, (at(0), at(60), "unread"), (at(60), at(120), "unread"), **other)
    assert change(frame) == [("new", 60.0), ("same", 60.0)]


def test_of_spans_whose_lines_are_not_all_kept_there_is_no_error_rate() -> None:
    """The rare lines are kept: the failures, and not what was served."""
    said = '{{"level":"info","msg":"x","method":"GET","path":"/","status":{}}}'
    rows = [line(said.format(503), at(1)), *(line(said.format(200), at(10 + i / 60)) for i in range(60))]
    rates = records(error_rate(lacking(rows, (at(1), at(10), "thinned")), bucket_s=60.0))
    assert [(row["requests"], row["denominator"]) for row in rates] == [(None, "none"), (None, "none")]
    rates = records(error_rate(lacking(rows, (at(1), at(9.9), "thinned")), bucket_s=60.0))
    assert [row["requests"] for row in rates] == [None, 60.0]
