"""A reader's notes are put back behind the cells that they followed, and none is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from gocoffee_ops.runbooks.notes import TAG, put_back
from tests.runbooks.written import OK, call, runbook


def cell(name: str, kind: str = "markdown", *tags: str) -> dict[str, Any]:
    return {"cell_type": kind, "id": name, "metadata": {"tags": list(tags)}, "source": f"text of {name}"}


def note(name: str, kind: str = "markdown") -> dict[str, Any]:
    return cell(name, kind, TAG)


def ids(notebook: dict[str, Any]) -> list[str]:
    return [one["id"] for one in notebook["cells"]]


def test_a_note_follows_the_cell_that_it_followed() -> None:
    fresh = {"cells": [cell("title"), cell("pods", "code"), cell("verdict", "code")]}
    annotated = {
        "cells": [note("top"), cell("title"), cell("pods", "code"), note("n1"), note("n2"), cell("verdict", "code")]
    }
    assert put_back(fresh, annotated) == 3
    assert ids(fresh) == ["top", "title", "pods", "n1", "n2", "verdict"]


def test_a_note_whose_cell_is_gone_stands_at_the_end_and_says_so() -> None:
    fresh = {"cells": [cell("title")]}
    put_back(fresh, {"cells": [cell("title"), cell("old", "code"), note("lost")]})
    assert ids(fresh) == ["title", "lost"]
    assert "no longer in the runbook" in fresh["cells"][1]["source"]


def test_code_that_is_tagged_as_a_note_is_text_and_is_not_run() -> None:
    fresh = {"cells": [cell("title")]}
    put_back(fresh, {"cells": [cell("title"), note("code", "code")]})
    assert fresh["cells"][1]["cell_type"] == "markdown"
    assert fresh["cells"][1]["source"] == "```python\ntext of code\n```"


def test_without_notes_nothing_changes() -> None:
    fresh = {"cells": [cell("title")]}
    assert put_back(fresh, {"cells": [cell("other")]}) == 0
    assert ids(fresh) == ["title"]


def test_a_replay_brings_the_readers_notes_back(tmp_path: Path) -> None:
    book = runbook(tmp_path / "notebooks" / "noted.ipynb", OK, OK)
    first = call("gocoffee-ops", "run", str(book), "--exit-zero", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (folder,) = (tmp_path / "notebooks" / "reports" / "noted").glob("2*")
    ran = nbformat.read(folder / "notebook.ipynb", as_version=4)
    note = nbformat.v4.new_markdown_cell("The deploy was at **03:02**.", metadata={"tags": [TAG]})
    ran.cells.insert(5, note)
    before = ran.cells[4].id
    nbformat.write(ran, folder / "notebook.ipynb")
    again = call("gocoffee-ops", "run", str(book), "--replay", str(folder), "--exit-zero", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    (replayed,) = {*(tmp_path / "notebooks" / "reports" / "noted").glob("2*")} - {folder}
    cells = nbformat.read(replayed / "notebook.ipynb", as_version=4).cells
    (at,) = (i for i, one in enumerate(cells) if one.id == note.id)
    assert cells[at - 1].id == before
    assert "The deploy was at <strong>03:02</strong>." in (replayed / "report.html").read_text()
    assert call("gocoffee-ops", "verify", str(folder), cwd=tmp_path).returncode == 0


@given(st.lists(st.booleans(), max_size=12), st.lists(st.integers(0, 11), max_size=12, unique=True))
def test_no_note_is_lost_and_no_cell_moves(is_note: list[bool], kept: list[int]) -> None:
    annotated = {"cells": [note(f"c{i}") if one else cell(f"c{i}", "code") for i, one in enumerate(is_note)]}
    fresh = {"cells": [cell(f"c{i}", "code") for i in sorted(kept)]}
    before, notes = ids(fresh), [f"c{i}" for i, one in enumerate(is_note) if one]
    clash = set(before) & set(notes)
    put_back(fresh, annotated)
    if not clash:
        assert [one for one in ids(fresh) if one not in notes] == before
        assert sorted(one for one in ids(fresh) if one in notes) == sorted(notes)
