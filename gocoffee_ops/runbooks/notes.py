"""A reader's notes: Markdown cells tagged `annotation` in a run's notebook, put back when the run is replayed.

A note belongs to the cell that it followed, which is known by its id. Where that cell is no longer there, the note stands at the
notebook's end and says so: a note is never lost.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import UsageError
from gocoffee_ops.runbooks.run_folder import NOTEBOOK

TAG = "annotation"
HOMELESS = "*The cell that this note followed is no longer in the runbook.*\n\n"


def put_back_from(notebook: dict[str, Any], run: Path) -> int:
    """Put back the notes of the run in that folder, if it has a notebook. Raises UsageError for one that cannot be read."""
    path = run / NOTEBOOK
    if not path.is_file():
        return 0
    try:
        annotated = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError("put the reader's notes back", target=str(path), why=str(error)) from error
    return put_back(notebook, annotated)


def put_back(notebook: dict[str, Any], annotated: Mapping[str, Any]) -> int:
    """Put the notes of `annotated` into `notebook`, each behind the cell that it followed; returns how many there are.

    A code cell that is tagged is a note too: its text is put back, and is not run.
    """
    notes = _notes(annotated)
    if not notes:
        return 0
    placed: list[dict[str, Any]] = []
    first = [note for after, note in notes if after is None]
    placed += first
    here = {cell.get("id") for cell in notebook["cells"]}
    for cell in notebook["cells"]:
        placed.append(cell)
        placed += [note for after, note in notes if after is not None and after == cell.get("id")]
    homeless = [note for after, note in notes if after is not None and after not in here]
    for note in homeless:
        note["source"] = HOMELESS + note["source"]
    notebook["cells"] = placed + homeless
    return len(notes)


def _notes(annotated: Mapping[str, Any]) -> list[tuple[str | None, dict[str, Any]]]:
    """Each note with the id of the cell that it followed (None: it stood first)."""
    found: list[tuple[str | None, dict[str, Any]]] = []
    after: str | None = None
    for cell in annotated.get("cells", ()):
        if TAG not in cell.get("metadata", {}).get("tags", ()):
            after = cell.get("id")
            continue
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            source = f"```python\n{source}\n```"
        note = {"cell_type": "markdown", "metadata": copy.deepcopy(cell["metadata"]), "source": source}
        found.append((after, note | ({"id": cell["id"]} if "id" in cell else {})))
    return found
