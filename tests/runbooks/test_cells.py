"""Which names a cell needs, and which it owes to the cells after it."""

from __future__ import annotations

import pytest

from gocoffee_ops.runbooks.cells import blocker, heading, names, spoil


@pytest.mark.parametrize(
    ("source", "reads", "assigns"),
    [
        ("x = f(y)", "f y", "x"),
        ("x = 1\nprint(x)", "print", "x"),
        ("frame['a'] = 1", "frame", "frame"),
        ("frame.loc[0, 'a'] = z", "frame z", "frame"),
        ("frame.name = 'a'", "frame", "frame"),
        ("x += 1", "x", "x"),
        ("a, (b, *c) = d", "d", "a b c"),
        ("import numpy as np, os.path", "", "np os"),
        ("from m import a as b", "", "b"),
        ("def f(a=d):\n    return a + g", "d g", "f"),
        ("lambda a: a + b", "b", ""),
        ("[i for i in rows if i > low]", "rows low", ""),
        ("if (n := len(a)) > 1:\n    x = n\nprint(x)", "a len n x print", "n x"),
        ("for i in r:\n    t = i", "r i", "i t"),
        ("with open(p) as f:\n    text = f.read()", "open p", "f text"),
        ("try:\n    x = f()\nexcept E as e:\n    x = e", "f E e", "x e"),
        ("print(f'{total:>{width}}')", "print total width", ""),
        ("%time x = 1", "get_ipython", ""),
        ("x = await f()", "f", "x"),
        ("match q:\n    case [a, *b]:\n        c = a", "q a", "a b c"),
        ("ops.limit = 3", "ops", ""),
        ("x: int = y", "y", "x"),
        ("x: int", "", ""),
        ("this is no python", "", ""),
    ],
)
def test_names_of_a_cell(source: str, reads: str, assigns: str) -> None:
    found = names(source)
    assert set(found.reads) == set(reads.split())
    assert set(found.assigns) == set(assigns.split())


def test_a_failed_cell_spoils_what_it_should_have_assigned_until_another_one_does() -> None:
    spoilt: dict[str, int] = {}
    spoil(spoilt, 3, names("table = pods(ops)"), ok=False)
    assert blocker(spoilt, names("ops.show(table)").reads) == ("table", 3)
    assert blocker(spoilt, names("table = nodes(ops)").reads) is None
    spoil(spoilt, 5, names("table = nodes(ops)"), ok=True)
    assert blocker(spoilt, names("ops.show(table)").reads) is None


def test_a_changed_column_of_a_failed_cell_spoils_the_table() -> None:
    spoilt: dict[str, int] = {}
    spoil(spoilt, 3, names("pods['age'] = 1"), ok=False)
    assert blocker(spoilt, names("print(pods)").reads) == ("pods", 3)


def test_a_failed_section_does_not_spoil_the_session() -> None:
    spoilt: dict[str, int] = {}
    spoil(spoilt, 3, names("ops.note = pods(ops)"), ok=False)
    assert spoilt == {}


def test_a_set_up_that_fails_does() -> None:
    spoilt: dict[str, int] = {}
    spoil(spoilt, 1, names("from g import runbook\nops = runbook.start('x')"), ok=False)
    assert blocker(spoilt, names("ops.verdict()").reads) == ("ops", 1)


def test_the_heading_is_the_nearest_above_and_not_a_comment_in_an_example() -> None:
    cells = [
        {"cell_type": "markdown", "source": "# Title\n\n## *Pods* of `x`\n```\n# no heading\n```\ntext"},
        {"cell_type": "code", "source": "# no heading\npass"},
        {"cell_type": "code", "source": "pass"},
    ]
    assert heading(cells, 2) == "Pods of x"
    assert heading(cells, 0) == ""
