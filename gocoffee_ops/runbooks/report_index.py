"""`reports/index.html`: every run that there is, newest first; broken and killed ones are listed as such, not hidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from gocoffee_ops.errors import OpsError
from gocoffee_ops.model import Status
from gocoffee_ops.runbooks.report_record import Coverage, coverage_of, parsed_time, read_json, status_of
from gocoffee_ops.runbooks.run_folder import NOTE, PARTIAL, write_text

INDEX: Final = "index.html"


@dataclass(frozen=True)
class Row:
    """One run as the index lists it; `problem` says why there is no verdict."""

    runbook: str
    name: str
    folder: str  # relative to the index
    when: datetime | None
    status: Status | None = None
    coverage: Coverage | None = None
    environment: str = ""
    demo: bool = False
    replay: bool = False
    report: bool = False
    problem: str = ""


def write_index(reports: Path) -> Path:
    """Write `index.html` of a reports folder from the runs in it, replacing the old one whole; returns its path."""
    from gocoffee_ops.runbooks.report_export import environment, style

    page = environment().get_template("runs.html.j2").render(rows=rows(reports), style=style())
    reports.mkdir(parents=True, exist_ok=True)
    write_text(reports / INDEX, page)
    return reports / INDEX


def rows(reports: Path) -> list[Row]:
    """All runs, newest first (names are UTC times, so they sort)."""
    found = list(_rows(reports)) if reports.is_dir() else []
    return sorted(found, key=lambda row: row.name.removeprefix(PARTIAL), reverse=True)


def _rows(reports: Path) -> Iterator[Row]:
    for runbook in sorted(path for path in reports.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for folder in sorted(path for path in runbook.iterdir() if path.is_dir()):
            if folder.name.startswith(PARTIAL):
                yield _partial(runbook.name, folder)
            elif not folder.name.startswith("."):
                yield _run(runbook.name, folder)


def _partial(runbook: str, folder: Path) -> Row:
    note = folder / NOTE
    told = note.read_text(encoding="utf-8", errors="replace").strip().split("\n\n")[-1] if note.is_file() else ""
    problem = "not complete: still running, or stopped. " + (told if told and "\n" not in told else "")
    return Row(runbook, folder.name, f"{runbook}/{folder.name}", _named_time(folder.name), problem=problem.strip())


def _run(runbook: str, folder: Path) -> Row:
    place = f"{runbook}/{folder.name}"
    report = (folder / "report.html").is_file()
    try:
        raw = read_json(folder)
        return Row(
            runbook,
            folder.name,
            place,
            parsed_time(str(raw.get("finished"))) or _named_time(folder.name),
            status_of(raw, folder),
            coverage_of(raw),
            str(raw.get("environment", "")),
            demo=raw.get("demo", True) is not False,
            replay=bool(raw.get("replay_of")),
            report=report,
        )
    except (OpsError, KeyError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, OpsError) else f"run.json is not as it should be: {error!r}"
        return Row(runbook, folder.name, place, _named_time(folder.name), report=report, problem=f"unreadable: {why}")


def _named_time(name: str) -> datetime | None:
    try:
        return datetime.strptime(name.removeprefix(PARTIAL)[:16], "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None
