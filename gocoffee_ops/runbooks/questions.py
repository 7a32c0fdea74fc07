"""The questions in a cell's source: what a cell that was blocked, failed or never ran did not ask is a gap too."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from gocoffee_ops.runbooks.cells import HANDLE, CellRecord, State, key, parsed


def questions(source: str, names: Mapping[str, Any]) -> list[dict[str, str]]:
    """The calls of queries, each by its name and its targets' kind; `names` is what the source's names stand for.

    What no name stands for is taken for a query when it is called as one, `module.question(ops, …)`; nobody knows its kind.

    >>> from gocoffee_ops import cluster
    >>> questions("pods = cluster.pods(ops)\\nlen(pods)\\ndisks.usage(ops, window_s=60)", {"cluster": cluster})
    [{'query': 'cluster.pods', 'kind': 'cluster'}, {'query': 'disks.usage', 'kind': ''}]
    """
    from gocoffee_ops.queries.query import Query

    tree = parsed(source)
    found = []
    for call in ast.walk(tree) if tree else ():
        if not (isinstance(call, ast.Call) and call.args and _is_handle(call.args[0])):
            continue
        path = ast.unparse(call.func).split(".")
        meant = names.get(path[0])
        for name in path[1:]:
            meant = getattr(meant, name, None) if isinstance(meant, ModuleType) else None
        if isinstance(meant, Query):
            found.append({"query": meant.name, "kind": meant.kind})
        elif path[0] not in names and len(path) == 2:
            found.append({"query": ".".join(path), "kind": ""})
    return found


def missed(record: CellRecord, cells: Sequence[Any]) -> dict[str, Any] | None:
    """For the ledger: the questions of a cell of this notebook that is not ok; None when it has none."""
    if record.state is State.OK:
        return None
    source = cells[record.index]["source"]
    found = questions(source, _imported(cells))
    return {"cell": key(record.id, source), "questions": found} if found else None


def _imported(cells: Sequence[Any]) -> dict[str, Any]:
    """What the notebook imports from our package; nothing else is loaded to find out."""
    import gocoffee_ops

    names: dict[str, Any] = {}
    for cell in cells:
        tree = parsed(cell["source"]) if cell["cell_type"] == "code" else None
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.ImportFrom) and node.module == gocoffee_ops.__name__:
                names |= {a.asname or a.name: getattr(gocoffee_ops, a.name, None) for a in node.names}
    return names


def _is_handle(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == HANDLE
