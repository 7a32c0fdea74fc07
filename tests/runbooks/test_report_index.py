"""The index of runs."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

from gocoffee_ops.model import Status
from gocoffee_ops.runbooks.report import render, write_index
from gocoffee_ops.runbooks.report_index import rows
from tests.runbooks.report_scene import SCRIPT, weekly


def folder(reports: Path, name: str, runbook: str = "performance-review") -> Path:
    made = reports / runbook / name
    made.mkdir(parents=True)
    return made


def run(reports: Path, name: str, **more: object) -> Path:
    made = folder(reports, name)
    record = {
        "status": "OK",
        "demo": False,
        "environment": "prod",
        "coverage": {"answered": 3, "asked": 4},
        "cells": [],
    }
    (made / "run.json").write_text(json.dumps({**record, **more}), encoding="utf-8")
    (made / "report.html").write_text("", encoding="utf-8")
    return made


def lines(index: Path) -> list[str]:
    body = index.read_text(encoding="utf-8").split("<tbody>")[1]
    return [re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", row))) for row in body.split("<tr>")[1:]]


def test_the_newest_run_comes_first_with_verdict_coverage_and_links(tmp_path: Path) -> None:
    run(tmp_path, "20260223T073000Z", finished="2026-02-23T07:31:00+00:00", status="CRIT")
    run(tmp_path, "20260302T073000Z", finished="2026-03-02T07:31:00+00:00")
    index = write_index(tmp_path)
    first, second = lines(index)
    assert "✔ OK 75 % 2026-03-02 07:31:00 performance-review prod" in first
    assert "✖ CRIT" in second
    for link in re.findall(r'href="([^"]+(?:html|ipynb))"', index.read_text(encoding="utf-8")):
        assert link.startswith("performance-review/2026")
    assert 'href="performance-review/20260302T073000Z/report.html"' in index.read_text(encoding="utf-8")


def test_broken_and_killed_runs_are_listed_as_such(tmp_path: Path) -> None:
    (run(tmp_path, "20260302T073000Z") / "run.json").write_text("{", encoding="utf-8")
    run(tmp_path, "20260302T073001Z", status="FINE")
    run(tmp_path, "20260302T073002Z", coverage={"answered": 1, "asked": 1, "by_target": {"cluster/a": 7}})
    folder(tmp_path, "20260302T073003Z")
    folder(tmp_path, ".partial-20260302T073004Z")
    found = rows(tmp_path)
    assert [row.status for row in found] == [None] * 5
    assert found[0].problem.startswith("not complete")
    assert all(row.problem.startswith("unreadable: ") for row in found[1:])
    assert len(lines(write_index(tmp_path))) == 5
    assert all("? no verdict" in line for line in lines(write_index(tmp_path)))


def test_names_and_reasons_are_text_and_links_are_encoded(tmp_path: Path) -> None:
    run(tmp_path, "20260302T073000Z-<b>", environment=SCRIPT)
    page = write_index(tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "20260302T073000Z-%3Cb%3E/report.html" in page


def test_a_demo_and_a_replay_are_marked(tmp_path: Path) -> None:
    run(tmp_path, "20260302T073000Z", demo=True, replay_of="bundle")
    assert "demo data" in lines(write_index(tmp_path))[0]
    assert "replay" in lines(write_index(tmp_path))[0]


def test_interactive_sessions_and_loose_files_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / ".interactive" / "performance-review" / "20260302T073000Z").mkdir(parents=True)
    (tmp_path / "README.md").write_text("", encoding="utf-8")
    assert rows(tmp_path) == []
    assert "No runs yet." in write_index(tmp_path).read_text(encoding="utf-8")


def test_the_index_is_made_where_there_was_no_folder(tmp_path: Path) -> None:
    assert write_index(tmp_path / "reports").is_file()


def test_a_rendered_run_is_listed_with_its_verdict(tmp_path: Path) -> None:
    render(weekly(tmp_path / "performance-review" / "20260302T073000Z"))
    found = rows(tmp_path)[0]
    assert (found.status, found.report, found.problem) == (Status.CRIT, True, "")
