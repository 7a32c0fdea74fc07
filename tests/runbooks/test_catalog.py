"""Which runbooks there are, and what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from gocoffee_ops.checks.grading import RUNBOOKS, WRITTEN
from gocoffee_ops.errors import UsageError
from gocoffee_ops.runbooks import catalog
from tests.runbooks.written import OK, runbook


def test_a_notebook_says_what_it_is_for(tmp_path: Path) -> None:
    found = catalog.read(runbook(tmp_path / "weekly" / "book.ipynb", OK))
    assert (found.name, found.chapter, found.title) == ("book", "weekly", "A test")
    assert (found.symptom, found.owner) == ("something.", "Somebody.")
    assert [p.name for p in found.parameters] == ["env", "number", "text"]


def test_the_shipped_runbooks_are_found_by_name_and_by_chapter() -> None:
    names = {book.name for book in catalog.runbooks()}
    assert "performance-review" in names
    assert catalog.find("performance-review") in catalog.chapter("weekly")


def test_what_findings_point_to_is_a_notebook_or_told_to_be_a_written_procedure() -> None:
    names = {book.name for book in catalog.runbooks()}
    assert RUNBOOKS - names == WRITTEN


def test_an_installed_package_has_its_own_notebooks_and_a_checkout_those_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "gocoffee_ops"
    (tmp_path / "notebooks").mkdir()
    assert catalog.notebooks_folder(package) == tmp_path / "notebooks"
    (package / "notebooks").mkdir(parents=True)
    assert catalog.notebooks_folder(package) == package / "notebooks"


def test_an_unknown_runbook_or_set_is_told_with_the_nearest(tmp_path: Path) -> None:
    runbook(tmp_path / "weekly" / "performance-review.ipynb", OK)
    with pytest.raises(UsageError, match="did you mean 'performance-review'"):
        catalog.find("performance-revue", tmp_path)
    with pytest.raises(UsageError, match="did you mean 'weekly'"):
        catalog.chapter("weakly", tmp_path)


def test_two_runbooks_of_one_name_are_refused(tmp_path: Path) -> None:
    runbook(tmp_path / "a" / "book.ipynb", OK)
    runbook(tmp_path / "b" / "book.ipynb", OK)
    with pytest.raises(UsageError, match="two runbooks"):
        catalog.runbooks(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", '{"nbformat": 3, "cells": []}', "[]"])
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="read a notebook"):
        catalog.find(str(path))


@pytest.mark.parametrize("book", catalog.runbooks(), ids=lambda book: book.name)
def test_a_runbook_judges_of_every_log_that_it_reads_how_much_of_it_was_read(book: catalog.Runbook) -> None:
    code = [cell["source"] for cell in catalog.load(book.path)["cells"] if cell["cell_type"] == "code"]
    read = sum(source.count("= logs.lines(ops") for source in code)
    assert sum(source.count("checks.logs_covered") for source in code) == read
