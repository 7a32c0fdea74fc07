"""Cells: their states, and which cell needs what another one assigns."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

HANDLE = "ops"  # what every section calls; a failed section that touched it spoils nothing


class State(StrEnum):
    """How a cell ended; only `ok` is good."""

    OK = "ok"
    FAILED = "failed"  # it raised
    BLOCKED = "blocked"  # it needs a name that a cell that is not ok should have assigned
    NOT_RUN = "not_run"  # its turn never came
    TIMED_OUT = "timed_out"
    KILLED = "killed"  # a signal ended its kernel
    INTERRUPTED = "interrupted"  # somebody stopped the run
    EXITED = "exited"  # it ended the program: sys.exit, exit(), os._exit


@dataclass(frozen=True)
class CellRecord:
    """One code cell of a run, as the record keeps it; `index` counts all cells of the executed notebook."""

    index: int
    id: str
    heading: str
    state: State
    seconds: float
    error: str = ""

    def to_record(self) -> dict[str, Any]:
        """As the ledger and `run.json` keep it."""
        return {
            "index": self.index,
            "id": self.id,
            "heading": self.heading,
            "state": self.state.value,
            "seconds": self.seconds,
            "error": self.error,
        }


@dataclass(frozen=True)
class Names:
    """What a cell reads from cells before it, and what later cells may expect of it."""

    reads: frozenset[str]
    assigns: frozenset[str]


def names(source: str) -> Names:
    """The names of one cell.

    >>> n = names("table = pods(ops)\\nframe['x'] = table.x")
    >>> sorted(n.reads), sorted(n.assigns)
    (['frame', 'ops', 'pods'], ['frame', 'table'])
    """
    tree = parsed(source)
    if tree is None:
        return Names(frozenset(), frozenset())  # running it says what is wrong with it
    scope = _Scope()
    scope.statements(tree.body, sure=True)
    return Names(frozenset(scope.reads), frozenset(scope.assigns))


def spoil(spoilt: dict[str, int], index: int, cell: Names, *, ok: bool) -> None:
    """Update which name which not-ok cell should have assigned."""
    for name in cell.assigns:
        if ok:
            spoilt.pop(name, None)
        elif name != HANDLE or name not in cell.reads:
            spoilt[name] = index


def blocker(spoilt: dict[str, int], reads: Iterable[str]) -> tuple[str, int] | None:
    """The first spoilt name that is read, and the cell that should have assigned it."""
    return min(
        ((name, spoilt[name]) for name in reads if name in spoilt), key=lambda hit: (hit[1], hit[0]), default=None
    )


def key(cell_id: str | None, source: str) -> str:
    """What the ledger knows a cell by: its id, or its source where there is none."""
    return str(cell_id) if cell_id else "src:" + hashlib.sha256(source.encode()).hexdigest()[:12]


def heading(cells: Sequence[Any], index: int) -> str:
    """The heading that a cell stands under, without its marks."""
    for cell in reversed(cells[:index]):
        if cell["cell_type"] == "markdown":
            found = re.findall(r"^#{1,6}\s+(.+?)\s*#*\s*$", _outside_fences(cell["source"]), flags=re.MULTILINE)
            if found:
                return re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", str(found[-1])).strip()
    return ""


def _outside_fences(text: str) -> str:
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)


def parsed(source: str) -> ast.Module | None:
    """A cell's source as Python, magics included; None when it is none."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        return cast(ast.Module, compile(source, "<cell>", "exec", flags))
    except (SyntaxError, ValueError):
        pass
    # Magics and shell lines: only then is IPython worth its import.
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        plain = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]  # IPython has no annotation
        return cast(ast.Module, compile(plain, "<cell>", "exec", flags))
    except (SyntaxError, ValueError):
        return None


class _Scope:
    """Walks statements in the order in which they run; a name counts as read when nothing before it surely assigned it."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.assigns: set[str] = set()
        self._sure: set[str] = set()

    def statements(self, body: Sequence[ast.stmt], *, sure: bool) -> None:
        for statement in body:
            self._statement(statement, sure)

    def _statement(self, node: ast.stmt, sure: bool) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._read(_free(node))
            self._assign({node.name}, sure)
            return
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                self._expression(item.context_expr, sure)
                if item.optional_vars is not None:
                    self._target(item.optional_vars, sure)
            self.statements(node.body, sure=sure)
            return
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            self._assignment(node, sure)
            return
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._assign({(a.asname or a.name).partition(".")[0] for a in node.names}, sure)
            return
        self._other(node, sure)

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, sure: bool) -> None:
        if node.value is not None:
            self._expression(node.value, sure)
        if isinstance(node, ast.AugAssign):
            self._read(_loads(node.target) | _stores(node.target))
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is not None:
            for target in targets:
                self._target(target, sure)

    def _other(self, node: ast.stmt, sure: bool) -> None:
        """Loops, branches, tries and plain expressions: their bodies may not run, so they assign nothing for sure."""
        for field, value in ast.iter_fields(node):
            parts = value if isinstance(value, list) else [value]
            for part in parts:
                if isinstance(part, ast.stmt):
                    self._statement(part, False)
                elif isinstance(part, ast.ExceptHandler | ast.match_case):
                    inner = [p for p in ast.iter_child_nodes(part) if not isinstance(p, ast.stmt)]
                    for child in inner:
                        self._expression(child, False)
                    self._assign({part.name} if isinstance(part, ast.ExceptHandler) and part.name else set(), False)
                    self.statements(part.body, sure=False)
                elif isinstance(part, ast.AST) and field == "target":
                    self._target(part, False)
                elif isinstance(part, ast.AST) and not isinstance(node, ast.Delete):
                    self._expression(part, sure and isinstance(node, ast.Expr))

    def _expression(self, node: ast.AST, sure: bool) -> None:
        self._read(_loads(node))
        self._assign(_stores(node), sure)

    def _target(self, node: ast.AST, sure: bool) -> None:
        """What is assigned; `frame["x"] = …` and `frame.x = …` read and change `frame`."""
        if isinstance(node, ast.Name):
            self._assign({node.id}, sure)
        elif isinstance(node, ast.Tuple | ast.List):
            for element in node.elts:
                self._target(element, sure)
        elif isinstance(node, ast.Starred):
            self._target(node.value, sure)
        elif isinstance(node, ast.Attribute | ast.Subscript):
            self._read(_loads(node))
            base: ast.AST = node
            while isinstance(base, ast.Attribute | ast.Subscript | ast.Call):
                base = base.func if isinstance(base, ast.Call) else base.value
            if isinstance(base, ast.Name) and base.id != HANDLE:
                self.assigns.add(base.id)

    def _read(self, found: set[str]) -> None:
        self.reads |= found - self._sure

    def _assign(self, found: set[str], sure: bool) -> None:
        self.assigns |= found
        if sure:
            self._sure |= found


def _loads(node: ast.AST) -> set[str]:
    """Names read in an expression, but for those that a lambda or comprehension binds itself."""
    if isinstance(node, ast.Lambda):
        bound = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        return (_loads(node.body) - bound) | {name for d in ast.iter_child_nodes(node.args) for name in _loads(d)}
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        bound = {name for g in node.generators for name in _stores(g.target)}
        return {name for child in ast.iter_child_nodes(node) for name in _loads(child)} - bound
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    return {name for child in ast.iter_child_nodes(node) for name in _loads(child)}


def _stores(node: ast.AST) -> set[str]:
    """Names bound by a target, a walrus or a pattern; what a comprehension binds stays its own."""
    if isinstance(node, ast.Lambda):
        return set()
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        walrus = [n.target for n in ast.walk(node) if isinstance(n, ast.NamedExpr)]
        return {n.id for n in walrus}
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    found = {name for child in ast.iter_child_nodes(node) for name in _stores(child)}
    if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
        found.add(node.name)
    if isinstance(node, ast.MatchMapping) and node.rest:
        found.add(node.rest)
    return found


def _free(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    """Names that a definition takes from around it."""
    loads = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    bound = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    return loads - bound - {node.name}
