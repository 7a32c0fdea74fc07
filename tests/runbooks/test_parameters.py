"""The parameters cell: what it may hold, and what may be given for it."""

from __future__ import annotations

import ast
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.runbooks.parameters import Parameter, Value, assignments, check_times, parse, typed, values

CELL = """
env: str = "demo"  # environment of gocoffee.toml
limit: int = 20  # rows shown [1..100]
ratio: float = 0.5  # share [0..1]
by: str = "total"  # order {total|mean|calls}
deep: bool = False  # look closer
namespaces: list[str] = []  # only these
services: list[str] = ["web"]  # those [1..]
"""
PARAMETERS = parse(CELL)


def test_a_declaration_gives_type_default_help_range_and_choices() -> None:
    by_name = {p.name: p for p in PARAMETERS}
    assert by_name["limit"] == Parameter("limit", "int", 20, "rows shown", 1, 100)
    assert by_name["by"] == Parameter("by", "str", "total", "order", choices=("total", "mean", "calls"))
    assert by_name["namespaces"].default == []
    assert [p.name for p in PARAMETERS] == ["env", "limit", "ratio", "by", "deep", "namespaces", "services"]


def test_what_is_not_given_keeps_its_default() -> None:
    assert values(PARAMETERS, {}) == {
        "env": "demo",
        "limit": 20,
        "ratio": 0.5,
        "by": "total",
        "deep": False,
        "namespaces": [],
        "services": ["web"],
    }


@pytest.mark.parametrize(
    ("name", "texts", "value"),
    [
        ("env", ["007"], "007"),
        ("env", ["True"], "True"),
        ("env", [""], ""),
        ("limit", ["7"], 7),
        ("ratio", ["1"], 1.0),
        ("ratio", ["1e-3"], 0.001),
        ("deep", ["yes"], True),
        ("deep", ["FALSE"], False),
        ("by", ["calls"], "calls"),
        ("namespaces", ["a,b", "c"], ["a", "b", "c"]),
        ("namespaces", [""], []),
    ],
)
def test_text_becomes_the_declared_type(name: str, texts: list[str], value: Value) -> None:
    found = values(PARAMETERS, {name: texts})[name]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "texts", "said"),
    [
        ("limit", ["many"], "a whole number from 1 to 100"),
        ("limit", ["7.5"], "a whole number"),
        ("limit", ["0"], "from 1 to 100"),
        ("limit", ["101"], "from 1 to 100"),
        ("limit", ["5", "6"], "more than once"),
        ("ratio", ["nan"], "a number from 0 to 1"),
        ("ratio", ["inf"], "a number from 0 to 1"),
        ("deep", ["perhaps"], "true or false"),
        ("by", ["Total"], "one of total, mean, calls"),
        ("services", [""], "texts, separated by commas, 1 or more"),
        ("limt", ["5"], "did you mean 'limit'"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(name: str, texts: list[str], said: str) -> None:
    with pytest.raises(ParameterError, match=said) as raised:
        values(PARAMETERS, {name: texts})
    assert raised.value.exit_code == 64


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("limit = 5", "not `name: type"),
        ("limit: int", "no default"),
        ("limit: Int = 5", "valid: str, int"),
        ("limit: int = f()", "not a literal"),
        ('limit: int = "5"', "its own default is refused"),
        ("limit: int = 5  # rows [6..9]", "its own default is refused"),
        ('by: str = "x"  # order {a|b}', "its own default is refused"),
        ('by: str = "x"  # order [1..2]', "a range that does not fit"),
        ("limit: int = 5  # rows {a|b}", "has choices, and is int"),
        ("limit: int = 5\nlimit: int = 6", "twice"),
        ("import os", "line 1"),
        ("limit: int = (", "not Python"),
    ],
)
def test_a_cell_of_another_form_is_refused(source: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        parse(source)


def test_a_hash_within_a_default_is_not_a_comment() -> None:
    (parameter,) = parse('channel: str = "#alerts"  # where to post')
    assert (parameter.default, parameter.help) == ("#alerts", "where to post")


def test_values_with_a_type_are_checked_not_converted() -> None:
    assert typed(PARAMETERS, {"limit": 5, "ratio": 1}) == {"limit": 5, "ratio": 1.0}
    for wrong in ({"limit": "5"}, {"limit": True}, {"env": 7}, {"namespaces": "a"}, {"nope": 1}):
        with pytest.raises(ParameterError):
            typed(PARAMETERS, wrong)


@given(
    st.dictionaries(
        st.sampled_from(["a", "b"]), st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text()))
    )
)
def test_the_injected_cell_gives_back_what_was_given(given_values: dict[str, Value]) -> None:
    tree = ast.parse(assignments(given_values))
    found = {ast.unparse(s.targets[0]): ast.literal_eval(s.value) for s in tree.body if isinstance(s, ast.Assign)}
    assert found == given_values


@given(st.text(max_size=30))
def test_any_text_survives_as_a_str(text: str) -> None:
    assert values(PARAMETERS, {"env": [text]})["env"] == text


def test_a_time_is_checked_before_anything_is_contacted() -> None:
    (start,) = parse('start: str = ""  # when it began [time]')
    assert (start.help, start.time) == ("when it began", True)
    assert start.read([""]) == ""
    assert start.read(["2026-11-25T03:00+01:00"]) == "2026-11-25T03:00+01:00"
    for wrong in ("yesterday", "2026-11-25T03:00", "03:00"):
        with pytest.raises(
            ParameterError, match=r"'start' is wrong: given .*Try: a time, as 2026-11-23T03:00Z, or \"\""
        ):
            start.read([wrong])


def test_a_time_is_written_as_a_text() -> None:
    with pytest.raises(ParameterError, match="start is a time, and is int"):
        parse("start: int = 0  # when it began [time]")


TIMES = parse("""
start: str = ""  # its start [time]
end: str = ""  # its end; empty: now [time after start]
started: str = ""  # when it began [time]
""")
WITHIN = parse('started: str = ""  # when it began [time within]')
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"start": "2026-11-23T10:00Z"},
        {"end": "2026-11-23T10:00Z"},
        {"start": "2026-11-23T10:00Z", "end": "2026-11-23T12:01+01:00"},
        {"start": "2026-11-23T10:00Z", "end": "2026-11-23T12:00Z"},
        {"started": "2026-11-23T12:00Z"},
    ],
)
def test_a_window_that_lies_in_what_is_read_may_be_given(given: dict[str, str]) -> None:
    check_times(TIMES, values(TIMES, {name: [text] for name, text in given.items()}), now=NOON, until=NOON)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"start": "2026-11-23T11:00Z", "end": "2026-11-23T10:00Z"},
            r"'end' is wrong: given '2026-11-23T10:00Z', and for start '2026-11-23T11:00Z'\. Try: a time after start",
        ),
        ({"start": "2026-11-23T11:00Z", "end": "2026-11-23T11:00Z"}, "'end' is wrong"),
        ({"start": "2026-11-23T11:00Z", "end": "2026-11-23T11:30+01:00"}, "'end' is wrong"),
        ({"start": "2026-11-23T12:00Z"}, "'start' is wrong.* later than what is read: 2026-11-23T12:00Z"),
        ({"start": "2026-11-23T12:01Z"}, "'start' is wrong.* later than what is read: 2026-11-23T12:00Z"),
        ({"end": "2026-11-23T12:01Z"}, "'end' is wrong.* later than what is read"),
        ({"started": "2026-11-23T12:01Z"}, "'started' is wrong.* later than what is read"),
    ],
)
def test_a_window_that_starts_after_its_end_or_ends_after_what_is_read_is_refused(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        check_times(TIMES, values(TIMES, {name: [text] for name, text in given.items()}), now=NOON, until=NOON)


def test_what_is_recorded_may_end_before_a_time_that_is_of_no_window() -> None:
    recorded = datetime(2026, 11, 1, tzinfo=UTC)
    check_times(TIMES, {"started": "2026-11-23T12:00Z"}, now=NOON, until=recorded)
    check_times(WITHIN, {"started": "2026-11-01T00:00Z"}, now=NOON, until=recorded)
    with pytest.raises(ParameterError, match=r"'started' is wrong.* later than what is read: 2026-11-01T00:00Z"):
        check_times(WITHIN, {"started": "2026-11-01T00:01Z"}, now=NOON, until=recorded)


@pytest.mark.parametrize("after", ["nothing", "end", "limit"])
def test_a_time_is_after_another_time(after: str) -> None:
    with pytest.raises(ParameterError, match=f"end is a time after {after}, which is no other time"):
        parse(f'limit: int = 5  # rows\nend: str = ""  # its end [time after {after}]')
