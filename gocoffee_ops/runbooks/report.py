"""The report of a run: one HTML file that opens with no network, and the index of all runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gocoffee_ops.errors import EvidenceError
from gocoffee_ops.evidence.folding import told
from gocoffee_ops.model import Status
from gocoffee_ops.runbooks.report_index import write_index
from gocoffee_ops.runbooks.report_record import Found, Run, parsed_time, read
from gocoffee_ops.runbooks.run_folder import NOTEBOOK, REPORT, write_text
from gocoffee_ops.ui.panels import look_first

__all__ = ["REPORT", "prepare", "render", "write_index"]

WARNINGS_SHOWN: Final = 8


def prepare() -> None:
    """Load what rendering needs; called in a thread while the notebook runs, it costs the run no time."""
    import pyarrow.parquet  # noqa: F401 - the tables of the earlier run

    from gocoffee_ops.runbooks import report_export, report_html
    from gocoffee_ops.ui import script

    report_export.environment().get_template("index.html.j2")
    report_html.markdown("")
    script.compressed()


def render(run_folder: Path, record: Mapping[str, Any] | None = None) -> Path:
    """Write `report.html` of a run's folder, from its notebook.ipynb, run.json and evidence; returns its path.

    `record` stands for a run.json that is not there yet: the runner writes it when the report is there too.
    Raises EvidenceError when run.json or the notebook is missing or broken.
    """
    from gocoffee_ops.runbooks.report_export import ReportExporter

    page = ReportExporter().from_view(_view(read(run_folder, record), _notebook(run_folder)))
    write_text(run_folder / REPORT, page)
    return run_folder / REPORT


def _notebook(folder: Path) -> Mapping[str, Any]:
    path = folder / NOTEBOOK
    try:
        notebook: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvidenceError("the executed notebook cannot be read", target=str(path), why=str(error)) from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise EvidenceError("the executed notebook is not one", target=str(path), why="it holds no cells")
    return notebook


def _view(run: Run, notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template shows, by name."""
    from gocoffee_ops.runbooks.report_export import script, style
    from gocoffee_ops.runbooks.report_html import tame
    from gocoffee_ops.runbooks.report_sections import document
    from gocoffee_ops.ui.script import compressed

    made = document(notebook, run)
    source, digest = script()
    cells = list(run.raw.get("cells", ()))
    counts = Counter(found.finding.status for found in run.found)
    started, finished = run.time("started"), run.time("finished")
    return {
        "run": run,
        "title": run.text("title") or made.title or run.text("runbook") or "Runbook",
        "runbook": run.text("runbook"),
        "environment": run.text("environment"),
        "compares": _compares(run, notebook),
        "demo": run.raw.get("demo", True) is not False,  # a record that does not say is not taken for production
        "replay_of": run.text("replay_of"),
        "fault": run.text("fault"),
        "started": started,
        "finished": finished,
        "seconds": (finished - started).total_seconds() if started and finished else None,
        "counts": [(status, counts[status]) for status in sorted(Status, key=lambda s: -s.severity) if counts[status]],
        "bad_cells": [cell for cell in cells if cell.get("state") != "ok"],
        "groups": _groups(run.found, made.anchors),
        "look_first": _look_first(run.found, made.anchors),
        "sections": made.sections,
        "cells": cells,
        "sources": _sources(run),
        "parameters": dict(run.raw.get("parameters") or {}),
        "versions": dict(run.raw.get("versions") or {}),
        "head": run.text("head"),
        "exit_code": run.raw.get("exit_code"),
        "style": style(),
        "script": source,
        "script_hash": digest,
        "figures": tame([figure.data for figure in made.figures]) if made.figures else "",
        "plotly": compressed() if made.figures else "",
    }


def _compares(run: Run, notebook: Mapping[str, Any]) -> bool:
    """Whether the runbook is one that compares itself with an earlier run, though this run may not have come to it."""
    code = ("".join(cell.get("source", "")) for cell in notebook["cells"] if cell.get("cell_type") == "code")
    return run.changes.known or any("history." in source for source in code)


def _groups(found: tuple[Found, ...], anchors: Mapping[str, tuple[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """The findings as the first screen lists them: at once, after a click (more warnings), and those that are OK."""
    groups: dict[str, list[dict[str, Any]]] = {"shown": [], "more": [], "ok": []}
    warnings = 0
    for one in found:
        anchor, heading = anchors.get(one.cell, ("", ""))
        reason, also = told(one.finding)
        item = {"finding": one.finding, "anchor": anchor, "heading": heading, "reason": reason, "also": also}
        warnings += one.finding.status is Status.WARN
        if one.finding.status is Status.OK:
            groups["ok"].append(item)
        else:
            groups["more" if warnings > WARNINGS_SHOWN else "shown"].append(item)
    return groups


def _look_first(found: tuple[Found, ...], anchors: Mapping[str, tuple[str, str]]) -> list[dict[str, str]]:
    """What findings say to look at first, and the section that says why."""
    made = [part for one in found for part in one.made]
    return [
        {"said": said, "anchor": anchors.get(part.cell, ("", ""))[0]}
        for part in made
        for _, said in look_first([part.finding])
    ]


def _sources(run: Run) -> list[dict[str, Any]]:
    """What was read, each with its moment, from where, and how much of it answered."""
    sources = []
    for source in run.sources:
        target = f"{source.get('kind', '')}/{source.get('name', '')}"
        as_of = str(source.get("as_of") or dict(run.raw.get("as_of") or {}).get(target, ""))
        row = {"target": target, "mode": source.get("mode", ""), "detail": source.get("detail", "")}
        answered = run.coverage.by_target.get(target)
        sources.append({**row, "as_of": parsed_time(as_of), "answered": answered})
    return sources
