"""The cells of a notebook, run in this process with a session that is already there."""

from __future__ import annotations

import ast
from typing import Any

from gocoffee_ops.runbooks import catalog
from gocoffee_ops.runbooks.catalog import Runbook
from gocoffee_ops.session import Session


def run_cells(book: Runbook, ops: Session) -> None:
    """Run all of its code cells, with `ops` in place of the session that its set-up would start; what a cell raises is raised."""
    names: dict[str, Any] = {"ops": ops}
    cells = [cell for cell in catalog.load(book.path)["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells):
        key = f"{book.name} {number}"
        tree = ast.parse("".join(cell["source"]), filename=key)
        tree.body = [statement for statement in tree.body if not _starts(statement)]
        ops.cell_started(key, 1)
        exec(compile(tree, key, "exec", dont_inherit=True), names)
        ops.cell_ended(key, 1, "")


def _starts(statement: ast.stmt) -> bool:
    """Whether it is the set-up's `ops = runbook.start(…)`."""
    match statement:
        case ast.Assign(value=ast.Call(func=ast.Attribute(value=ast.Name(id="runbook"), attr="start"))):
            return True
    return False
