"""Where runs are kept: `reports/<runbook>/<UTC time>/`, built aside and renamed whole.

A reader never sees half a run. One that was killed leaves its `.partial-…` folder, with a note in it that says so.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import UsageError

REPORTS_VARIABLE = "GOCOFFEE_REPORTS"
RUN_FOLDER_VARIABLE = "GOCOFFEE_RUN_FOLDER"
REPLAY_VARIABLE = "GOCOFFEE_REPLAY"
NOTEBOOK_VARIABLE = "GOCOFFEE_NOTEBOOK"
HANDSHAKE_VARIABLE = "GOCOFFEE_HANDSHAKE"

PARTIAL = ".partial-"
INTERACTIVE = ".interactive"
NOTE = "INCOMPLETE.txt"
EVIDENCE, NOTEBOOK, RUN_JSON, REPORT = "evidence", "notebook.ipynb", "run.json", "report.html"

NOTE_TEXT = """This run is not complete.

Either it is still running, or it was stopped: by Ctrl-C, by a signal, by a machine that went down. Nothing in this folder
is a verdict. What it had read stands in evidence/; what its cells had shown, in notebook.ipynb.
"""


@dataclass
class RunFolder:
    """One run's folder while it is built, and where it goes when it is whole."""

    partial: Path
    home: Path
    name: str

    @classmethod
    def make(cls, reports: Path, runbook: str, now: datetime) -> RunFolder:
        """A new partial folder; runs of the same second get names of their own. Raises UsageError when it cannot be made."""
        home = reports / runbook
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            home.mkdir(parents=True, exist_ok=True)
            for name in _names(stamp):
                partial = home / f"{PARTIAL}{name}"
                if (home / name).exists():
                    continue
                try:
                    partial.mkdir()
                except FileExistsError:
                    continue
                (partial / NOTE).write_text(NOTE_TEXT, encoding="utf-8")
                return cls(partial, home, name)
        except OSError as error:
            raise UsageError(
                "make the run's folder",
                target=str(home),
                why=error.strerror or str(error),
                hint=f"another place: --reports FOLDER, or ${REPORTS_VARIABLE}",
            ) from error
        raise AssertionError  # _names is endless

    @property
    def evidence(self) -> Path:
        """The folder of the ledger and its tables."""
        return self.partial / EVIDENCE

    def complete(self) -> Path:
        """Rename the folder to its name, or to the next free one; from here on readers see it."""
        (self.partial / NOTE).unlink(missing_ok=True)
        for name in _names(self.name):
            target = self.home / name
            if target.exists():
                continue
            try:
                self.partial.rename(target)
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                    continue
                raise
            return target
        raise AssertionError  # _names is endless

    def note(self, text: str) -> None:
        """Add to the note why the run is not complete."""
        with (self.partial / NOTE).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def reports_folder(start: Path) -> Path:
    """`$GOCOFFEE_REPORTS`; else `reports/` of the nearest project upward from `start`; else `reports/` here.

    A project is a folder with a gocoffee.toml, a pyproject.toml or a `notebooks` folder. A notebook that came with an
    installed package has none: its runs go to the working folder's.
    """
    if given := os.environ.get(REPORTS_VARIABLE):
        return Path(given).expanduser().absolute()
    start = start.absolute()
    origins = [Path.cwd()] if {"site-packages", "dist-packages"} & set(start.parts) else [start, Path.cwd()]
    for origin in origins:
        for folder in [origin, *origin.parents]:
            marks = (folder / "gocoffee.toml", folder / "pyproject.toml")
            if any(mark.is_file() for mark in marks) or (folder / "notebooks").is_dir():
                return folder / "reports"
    return Path.cwd() / "reports"


def interactive_folder(reports: Path, runbook: str, now: datetime) -> Path:
    """A new folder for a session that no runner started."""
    return RunFolder.make(reports / INTERACTIVE, runbook, now).complete()


def _names(stamp: str) -> Iterator[str]:
    yield stamp
    n = 2
    while True:
        yield f"{stamp}-{n}"
        n += 1
