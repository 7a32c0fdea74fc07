"""The report as a file: what stands in it, and where."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.errors import EvidenceError
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.runbooks.report import render
from tests.runbooks.report_scene import SCRIPT, Scene, weekly

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(weekly(tmp_path_factory.mktemp("run"))).read_text(encoding="utf-8")


def text_of(page: str, start: str, end: str) -> str:
    """The text between two marks of the page, without its tags."""
    body = page[page.index(start) :]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body[: body.index(end)])))


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    change(run)
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


def test_the_first_screen_says_what_is_wrong_how_sure_and_what_changed(page: str) -> None:
    answer = text_of(page, '<section class="r-answer"', "</section>")
    assert "✖ CRIT" in answer
    assert "2 CRIT, 1 UNKNOWN, 16 WARN, 7 OK" in answer
    assert re.search(r"\d+ % coverage : \d+ of \d+ questions answered; not all of cluster/prod-eu \(2 of 4\)", answer)
    assert "4 of 12 cells are not ok" in answer
    assert "since 2026-02-23 07:30 UTC (WARN)" in answer
    assert "1 gone, 18 new, 1 not read" in answer


def test_findings_lead_to_their_sections(page: str) -> None:
    findings = page[page.index('id="findings"') : page.index('id="changes"')]
    anchors = set(re.findall(r'href="#([^"]+)"', findings))
    assert len(anchors) >= 5
    for anchor in anchors:
        assert f' id="{anchor}"' in page


def test_what_to_look_at_first_stands_beside_the_verdict_and_leads_to_its_section(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.prose("## What changed before it")
    scene.begin("ops.judge(checks.changed_before_onset, moments, candidates)")
    said = f"deployment/order-service, 14.3 s before {SCRIPT}"
    scene.judge(Finding(Status.OK, "changed_before_onset", "timeline", "2 moments", {"look_first": said}))
    scene.end()
    page = render(scene.finish()).read_text(encoding="utf-8")
    answer = page[page.index('<section class="r-answer"') : page.index("<main")]
    line = re.search(r'<b>Look first at:</b> <a href="#([^"]+)">([^<]*)</a>', answer)
    assert line
    assert unescape(line[2]) == said
    assert f' id="{line[1]}"' in page
    assert "Look first" not in render(weekly(tmp_path / "other")).read_text(encoding="utf-8")


def test_a_procedure_that_is_no_notebook_is_named_as_one(tmp_path: Path) -> None:
    found = Finding(Status.WARN, "c", "node/n1", "old", next=("service-down", "cluster-update"))
    folder = edited(weekly(tmp_path), lambda run: run.update(findings=[found.to_record()]))
    page = render(folder).read_text(encoding="utf-8")
    assert "next: service-down, cluster-update (written procedure)</p>" in page


def test_of_the_worst_those_of_the_runs_own_service_come_first(tmp_path: Path) -> None:
    found = [
        Finding(Status.CRIT, "c", "deployment/api-gateway", "first in the notebook"),
        Finding(Status.WARN, "c", "endpoint/order-service", "it is about the service, and no more than WARN"),
        Finding(Status.CRIT, "c", "deployment/order-service", "what was asked about"),
    ]
    folder = edited(weekly(tmp_path), lambda run: run.update(findings=[one.to_record() for one in found]))
    for named, first in (
        ({"service": "order-service", "gateway": "api-gateway"}, "deployment/order-service"),
        ({"service": "", "services": ["other", "order-service"]}, "deployment/order-service"),
        ({"services": []}, "deployment/api-gateway"),
    ):
        edited(folder, lambda run, named=named: run["parameters"].update(named))  # type: ignore[misc]
        page = render(folder).read_text(encoding="utf-8")
        told = page[page.index('id="findings"') : page.index('id="changes"')]
        subjects = [one.subject for one in found]
        assert min(subjects, key=told.index) == first
        assert max(subjects, key=told.index) == "endpoint/order-service"


def test_findings_come_worst_first_and_all_are_there(page: str) -> None:
    findings = text_of(page, 'id="findings"', 'id="changes"')
    order = re.findall(r"[✖?▲✔] (CRIT|UNKNOWN|WARN|OK)", findings)
    assert order[:3] == ["CRIT", "CRIT", "UNKNOWN"]
    assert order.count("WARN") == 16 + 1  # and the summary of those folded away
    assert order.count("OK") == 7 + 1


@pytest.mark.parametrize(
    ("heading", "said", "reason"),
    [
        ("Warnings of the cluster", "This section failed.", "Forbidden: list events"),
        ("Depends on events", "it needs what an earlier section should have made", "it reads `events`"),
        ("Slow", "ran out of time", "not done after 60 s"),
    ],
)
def test_a_section_that_did_not_end_well_says_so_in_a_box(page: str, heading: str, said: str, reason: str) -> None:
    section = text_of(page[page.index('class="r-sections"') :], f">{heading}", "</section>")
    assert said in section
    assert reason in section


def test_every_table_capped_or_lacking_says_so(page: str) -> None:
    assert "first 20 of 24 rows" in page
    assert "<b>Not all was read:</b> cluster/prod-eu: 500 of 731 pods were read" in page


def test_parameters_sources_cells_head_and_versions_stand_at_the_end(page: str) -> None:
    end = text_of(page, 'id="provenance"', "</main>")
    for said in ("namespace", "2026-03-02 07:30:00 UTC", "live", "context gke_prod_eu", "timed_out", "1 min", "0.1.0"):
        assert said in end
    assert re.search(r"Head of the ledger [0-9a-f]{64}", end)


def test_the_only_scripts_are_ours(page: str) -> None:
    tags = re.findall(r"<script[^>]*>", page)
    assert tags == [
        '<script type="application/json" id="gc-figures">',
        '<script type="text/plain" id="gc-plotly">',
        "<script>",
    ]
    assert page.count("</script>") == 3


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    body = page[: page.index('<script type="application/json"')]
    assert not re.search(r"<(link|img|iframe|object|embed|base)\b", body)
    assert not re.search(r"url\(|@import", body)


def test_a_report_stays_under_three_megabytes(page: str) -> None:
    assert len(page.encode()) < 3 * MEGABYTE


def test_a_report_without_figures_holds_no_plotly(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.prose("# Title")
    scene.begin("1")
    scene.end()
    assert render(scene.finish()).stat().st_size < MEGABYTE / 10


def test_a_demo_says_so_on_every_table_figure_and_panel(tmp_path: Path) -> None:
    page = render(weekly(tmp_path, demo=True)).read_text(encoding="utf-8")
    assert "its faults were planted, so CRIT is the right answer" in page
    outputs = re.findall(r'<div class="r-output">(.*?)</div>\n', page, flags=re.DOTALL)
    tables = [o for o in outputs if "gc-table" in o or "gc-findings" in o]
    assert len(tables) >= 8
    assert all("Demo data" in o for o in tables)
    assert all("Demo data" in alt for alt in re.findall(r'role="img" aria-label="([^"]*)"', page))


def test_production_is_not_marked_as_demo_and_a_record_that_does_not_say_is(tmp_path: Path) -> None:
    folder = weekly(tmp_path)
    assert "Demo data" not in render(folder).read_text(encoding="utf-8")
    assert "Demo data" in render(edited(folder, lambda run: run.pop("demo"))).read_text(encoding="utf-8")


def test_a_replay_says_so(tmp_path: Path) -> None:
    page = render(weekly(tmp_path, replay_of=f"bundle{SCRIPT}")).read_text(encoding="utf-8")
    assert "<b>Replay.</b> Nothing was read live" in page
    assert "As the recorded run saw it" in page


def test_no_earlier_run_is_said(tmp_path: Path) -> None:
    page = render(weekly(tmp_path, earlier=False)).read_text(encoding="utf-8")
    assert "no earlier run to compare with" in text_of(page, '<section class="r-answer"', "</section>")


def test_a_runbook_that_never_compares_weeks_says_nothing_of_what_changed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.begin("1")
    scene.end()
    page = render(scene.finish()).read_text(encoding="utf-8")
    assert "What changed" not in page
    assert "no findings at all: nothing was judged" in page


def test_a_run_that_did_not_come_to_compare_itself_says_that_nothing_is_known(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.prose("## What changed")
    scene.begin("earlier = history.runs(ops)")
    scene.end("not_run")
    page = render(scene.finish()).read_text(encoding="utf-8")
    assert "not known: this run did not compare itself" in page


def test_a_cell_without_a_record_is_not_taken_for_one_that_ran(tmp_path: Path) -> None:
    folder = edited(weekly(tmp_path), lambda run: run["cells"].pop(1))
    assert "No record says that this section ran" in render(folder).read_text(encoding="utf-8")


def test_a_finding_of_no_section_is_listed_all_the_same(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.begin("1")
    scene.end()
    extra = Finding(Status.UNKNOWN, "runner", "run/performance-review", "the kernel was killed")
    page = render(scene.finish([extra])).read_text(encoding="utf-8")
    assert "the kernel was killed" in page


def test_evidence_that_cannot_be_read_is_stated(tmp_path: Path) -> None:
    folder = weekly(tmp_path)
    (folder / "evidence" / "ledger.jsonl").write_text("not an entry\n", encoding="utf-8")
    page = render(folder).read_text(encoding="utf-8")
    assert "The record is not whole:" in page
    assert "What changed since the last run:</b> not known" in page


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("run.json", None, "no run.json here"),
        ("run.json", "{", "run.json cannot be read"),
        ("run.json", "[]", "run.json is not a record of a run"),
        ("run.json", '{"status": "FINE"}', "run.json names no verdict"),
        ("notebook.ipynb", "", "the executed notebook cannot be read"),
        ("notebook.ipynb", "{}", "the executed notebook is not one"),
    ],
)
def test_a_folder_that_cannot_be_read_raises(tmp_path: Path, name: str, content: str | None, why: str) -> None:
    folder = weekly(tmp_path)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(EvidenceError, match=re.escape(why)):
        render(folder)


def test_a_fault_of_our_own_is_said_on_top(tmp_path: Path) -> None:
    folder = edited(weekly(tmp_path), lambda run: run.update(fault=f"KeyError: {SCRIPT}"))
    header = text_of(render(folder).read_text(encoding="utf-8"), "<header", "</header>")
    assert f"A fault of our own ended this run: KeyError: {SCRIPT}" in header


def test_rendering_loads_neither_pandas_nor_plotly(tmp_path: Path) -> None:
    code = "import sys, pathlib; from gocoffee_ops.runbooks.report import render; render(pathlib.Path(sys.argv[1]))"
    loaded = f"{code}; print(sorted({{'pandas', 'plotly'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", loaded, weekly(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
