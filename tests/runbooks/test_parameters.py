"""The parameters cell: what it may hold, and what may be given for it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.runbooks.parameters import Parameter, Value, assignments, parse, typed, values

CELL = """
env: str = "demo"  # environment of gocoffee.toml
limit: int = 20  # rows shown [1..100]
ratio: float = 0.5  # share [0..1]
by: str = "total"  # order {total|mean|calls}
deep: bool = False  # look closer
namespaces: list[str] = []  # only these
"""
PARAMETERS = parse(CELL)


def test_a_declaration_gives_type_default_help_range_and_choices() -> None:
    by_name = {p.name: p for p in PARAMETERS}
    assert by_name["limit"] == Parameter("limit", "int", 20, "rows shown", 1, 100)
    assert by_name["by"] == Parameter("by", "str", "total", "order", choices=("total", "mean", "calls"))
    assert by_name["namespaces"].default == []
    assert [p.name for p in PARAMETERS] == ["env", "limit", "ratio", "by", "deep", "namespaces"]


def test_what_is_not_given_keeps_its_default() -> None:
    assert values(PARAMETERS, {}) == {
        "env": "demo",
        "limit": 20,
        "ratio": 0.5,
        "by": "total",
        "deep": False,
        "namespaces": [],
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
