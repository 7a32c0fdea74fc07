"""The runbooks there are: notebooks of the checkout, or those that came with the installed package."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import UsageError, unknown_name
from gocoffee_ops.runbooks import parameters as typed_parameters
from gocoffee_ops.runbooks.parameters import Parameter

PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Runbook:
    """One parameterized notebook: what it is for, whose it is, what it takes."""

    name: str
    path: Path
    title: str
    chapter: str
    symptom: str
    owner: str
    parameters: tuple[Parameter, ...]


def notebooks_folder(package: Path = PACKAGE) -> Path:
    """`notebooks/` of the checkout, else the copy inside the installed package."""
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise UsageError("find the notebooks", target=str(package), why="neither a checkout nor an installed package")


def runbooks(folder: Path | None = None) -> list[Runbook]:
    """All runbooks, by chapter and name; two of one name raise UsageError."""
    folder = folder or notebooks_folder()
    found = [read(path) for path in _paths(folder)]
    names = [runbook.name for runbook in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two runbooks are called {name!r}", target=str(folder))
    return found


def chapter(name: str, folder: Path | None = None) -> list[Runbook]:
    """The runbooks of one chapter: the set that `gocoffee-ops report NAME` runs."""
    folder = folder or notebooks_folder()
    chapters = {path.parent.name for path in _paths(folder)}
    if name not in chapters:
        raise unknown_name("set of runbooks", name, chapters)
    return [read(path) for path in _paths(folder) if path.parent.name == name]


def find(name: str, folder: Path | None = None) -> Runbook:
    """The runbook of that name, or of that path; an unknown one raises UsageError with the nearest."""
    if name.endswith(".ipynb"):
        path = Path(name)
        if not path.is_file():
            raise UsageError("open a runbook", target=name, why="there is no such file")
        return read(path.absolute())
    paths = {path.stem: path for path in _paths(folder or notebooks_folder())}
    if name not in paths:
        from gocoffee_ops.checks.grading import WRITTEN

        if name in WRITTEN:
            why = "it is still a written procedure, to be followed by hand; no notebook runs it"
            raise UsageError("run a runbook", target=name, why=why, hint=f"valid: {', '.join(sorted(paths))}")
        raise unknown_name("runbook", name, paths)
    return read(paths[name])


def read(path: Path) -> Runbook:
    """What a notebook says of itself in its first cell and its parameters cell."""
    cells = load(path)["cells"]
    name = path.stem
    opening = next((c["source"] for c in cells if c["cell_type"] == "markdown"), "")
    title = re.search(r"^#\s+(.+?)\s*$", opening, flags=re.MULTILINE)
    source = next((c["source"] for c in cells if "parameters" in c["metadata"].get("tags", ())), "")
    return Runbook(
        name=name,
        path=path,
        title=title[1] if title else name,
        chapter=path.parent.name,
        symptom=_said(opening, "Symptom"),
        owner=_said(opening, "Owner"),
        parameters=typed_parameters.parse(source, name),
    )


def load(path: Path) -> dict[str, Any]:
    """A notebook's JSON with every source as one text; anything else raises UsageError."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError("read a notebook", target=str(path), why=error.strerror or str(error)) from error
    except ValueError as error:
        raise UsageError("read a notebook", target=str(path), why=f"it is not JSON: {error}") from error
    if not isinstance(notebook, Mapping) or notebook.get("nbformat") != 4 or "cells" not in notebook:
        raise UsageError("read a notebook", target=str(path), why="it is not a notebook of format 4")
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return dict(notebook)


def _paths(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*.ipynb") if not any(part.startswith(".") for part in path.parts[-3:]))
    return sorted(found, key=lambda path: (path.parent.name, path.stem))


def _said(opening: str, label: str) -> str:
    """What follows `**Label**` or `**Label:**` on its line, in plain text."""
    match = re.search(rf"^\W*\*\*{label}\W*\*\*\W*(.+?)\s*$", opening, flags=re.MULTILINE)
    return re.sub(r"[*_`]", "", match[1]).strip() if match else ""
