"""The style of a notebook, checked: `python -m gocoffee_ops.runbooks.lint notebooks/`.

A runbook is a document that is read at 3 a.m. before it is run, so its form is fixed: what it opens with, where its
parameters stand, how long a cell may be, how it ends. Every rule is a function in `RULES`; a problem names the file,
the cell and the rule. Exit status: 0 clean, 1 problems found, 64 nothing to check.
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
import tokenize
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_LINES = 5
MAX_CELLS = 40
OPENING_LINES = 25  # one screen
OPENING_WORDS = ("Symptom", "Scope", "Permissions", "Blast radius", "Owner")
TYPES = ("str", "int", "float", "bool", "list[str]")
VERDICT = "ops.verdict()"
SECTION_TAG = "raises-exception"

_HEADING = re.compile(r"^#{1,6} +\S", re.MULTILINE)
_MAGIC = re.compile(r"^\s*(?:[%!?]|\w[\w.]*\s*=\s*[%!])|\?\s*$", re.MULTILINE)
_PROSE_CODE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|<!--.*?-->", re.DOTALL)
_OBSERVED_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b|\b\d{1,2}:\d\d(?::\d\d)?\b")
_QUANTITY = re.compile(
    r"\b\d[\d.,]*\s*(?:%|(?:ms|s|min|minutes?|hours?|days?|[KMGT]i?B|millicores|cores|rows|pods|nodes|replicas|restarts|"
    r"connections|sessions|statements|queries|requests|errors|times)\b)",
    re.IGNORECASE,
)
_OBSERVATION = re.compile(
    r"\b(?:was|were|currently|right now|today|yesterday|last (?:week|month|run|time)|observed|measured|saw|seen|reached|"
    r"has been|we (?:had|have|got))\b",
    re.IGNORECASE,
)
_LOGIC: dict[type[ast.AST], str] = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "async def",
    ast.Lambda: "lambda",
    ast.ClassDef: "class",
    ast.Try: "try",
    ast.TryStar: "try",
    ast.For: "for",
    ast.AsyncFor: "for",
    ast.While: "while",
    ast.comprehension: "a comprehension",
    ast.If: "if",
    ast.Match: "match",
}
_SHELLS = {"subprocess", "os", "pip", "sh", "shutil"}


@dataclass(frozen=True)
class Cell:
    """One cell as the file holds it."""

    index: int
    id: str
    kind: str
    source: str
    tags: tuple[str, ...]
    outputs: bool
    executed: bool

    @property
    def tree(self) -> ast.Module | None:
        """The cell's code, or None when it is not Python (a magic, a mistake)."""
        try:
            return ast.parse(self.source)
        except SyntaxError:
            return None


@dataclass(frozen=True)
class Notebook:
    """One notebook as its file holds it, before any reader mends it."""

    path: Path
    format: tuple[int, int]
    kernel: str
    cells: tuple[Cell, ...]

    @property
    def code(self) -> tuple[Cell, ...]:
        """The code cells in order."""
        return tuple(cell for cell in self.cells if cell.kind == "code")

    @property
    def parameters(self) -> tuple[Cell, ...]:
        """The code cells tagged `parameters`."""
        return tuple(cell for cell in self.code if "parameters" in cell.tags)

    @property
    def setup(self) -> tuple[Cell, ...]:
        """The code cells that start a session."""
        return tuple(cell for cell in self.code if _starts(cell))


@dataclass(frozen=True)
class Problem:
    """A rule that a notebook breaks, and where."""

    path: Path
    cell: Cell | None
    rule: str
    message: str

    def __str__(self) -> str:
        where = f"cell {self.cell.index} (id {self.cell.id or 'none'})" if self.cell else "notebook"
        return f"{self.path}: {where}: [{self.rule}] {self.message}"


Found = Iterator[tuple[Cell | None, str]]


def read(path: Path) -> Notebook:
    """The notebook in `path`; raises ValueError when it is not one."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    cells = []
    for index, cell in enumerate(raw["cells"]):
        source = cell["source"]
        cells.append(
            Cell(
                index=index,
                id=cell.get("id", ""),
                kind=cell["cell_type"],
                source=source if isinstance(source, str) else "".join(source),
                tags=tuple(cell.get("metadata", {}).get("tags", ())),
                outputs=bool(cell.get("outputs")),
                executed=cell.get("execution_count") is not None,
            )
        )
    kernel = raw.get("metadata", {}).get("kernelspec", {}).get("name", "")
    return Notebook(path, (raw["nbformat"], raw["nbformat_minor"]), kernel, tuple(cells))


def opening(notebook: Notebook) -> Found:
    """The first cell is a title and one screen that names symptom, scope, permissions, blast radius and owner."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.kind != "markdown" or not first.source.startswith("# "):
        yield first, "the first cell is not Markdown that begins with the title (`# …`)"
        return
    missing = [word for word in OPENING_WORDS if not re.search(rf"\*\*{word}[^*]*\*\*", first.source, re.IGNORECASE)]
    if missing:
        yield first, f"the opening does not say: {', '.join(f'**{word}**' for word in missing)}"
    if len(first.source.splitlines()) > OPENING_LINES:
        yield first, f"the opening has more than {OPENING_LINES} lines: one screen"


def parameters(notebook: Notebook) -> Found:
    """One cell tagged `parameters`, the first code cell; each typed, with a literal default and a help comment."""
    tagged = notebook.parameters
    if len(tagged) != 1:
        yield None, f"{len(tagged)} cells are tagged `parameters`: exactly one"
        return
    cell = tagged[0]
    if cell is not notebook.code[0]:
        yield cell, "the parameters cell is not the first code cell"
    if cell.tree is None:
        yield cell, "the parameters cell is not Python"
        return
    comments = _comments(cell.source)
    for statement in cell.tree.body:
        message = _wrong_parameter(statement, cell.source, comments)
        if message:
            yield cell, message


def _wrong_parameter(statement: ast.stmt, source: str, comments: dict[int, str]) -> str:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name) or not statement.value:
        return f"line {statement.lineno} is not `name: type = default  # help`"
    name, kind = statement.target.id, ast.unparse(statement.annotation)
    if kind not in TYPES:
        return f"parameter {name} has type {kind}; valid: {', '.join(TYPES)}"
    wrong = _wrong_default(name, kind, ast.get_source_segment(source, statement.value) or "")
    if not wrong and not comments.get(statement.end_lineno or statement.lineno, "").strip("# "):
        return f"parameter {name} has no trailing comment: it is the parameter's help"
    return wrong


def _wrong_default(name: str, kind: str, text: str) -> str:
    if "#" in text:
        return f"parameter {name} has a `#` in its default: a reader of the cell would take it for the comment"
    try:
        value = ast.literal_eval(text)
    except ValueError:
        return f"the default of parameter {name} is not a literal"
    return "" if _fits(value, kind) else f"the default of parameter {name} is {value!r}, not {kind}"


def _fits(value: Any, kind: str) -> bool:
    if kind == "list[str]":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return type(value).__name__ == kind


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def setup(notebook: Notebook) -> Found:
    """One set-up cell, the second code cell: the imports, then `ops = runbook.start(NAME, …)` with the file's name."""
    cells = notebook.setup
    if len(cells) != 1:
        yield None, f"{len(cells)} cells call `ops = runbook.start(…)`: exactly one"
        return
    cell = cells[0]
    if len(notebook.code) < 2 or cell is not notebook.code[1]:
        yield cell, "the set-up cell is not the second code cell"
    call = _starts(cell)
    name = call.args[0].value if call and call.args and isinstance(call.args[0], ast.Constant) else None
    if name != notebook.path.stem:
        yield cell, f"the session is started as {name!r}; the file is called {notebook.path.stem!r}"


def _starts(cell: Cell) -> ast.Call | None:
    for statement in cell.tree.body if cell.tree else ():
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            call = statement.value
            if isinstance(call.func, ast.Attribute) and call.func.attr == "start" and _is_name(statement, "ops"):
                return call
    return None


def _is_name(statement: ast.Assign, name: str) -> bool:
    return [target.id for target in statement.targets if isinstance(target, ast.Name)] == [name]


def imports(notebook: Notebook) -> Found:
    """Imports stand in the set-up cell alone, and none of them leads to a shell."""
    for cell in notebook.code:
        for node in ast.walk(cell.tree) if cell.tree else ():
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            if cell not in notebook.setup:
                yield cell, "an import outside the set-up cell"
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            for module in modules:
                if module.split(".")[0] in _SHELLS:
                    yield cell, f"imports {module}: a notebook runs no shell"


def logic(notebook: Notebook) -> Found:
    """No logic in a cell: what needs a def, a loop, a branch or a try is a function that the library lacks."""
    for cell in notebook.code:
        words = {_LOGIC[type(node)] for node in ast.walk(cell.tree) if type(node) in _LOGIC} if cell.tree else ()
        for word in sorted(words):
            yield cell, f"{word} in a cell: put it into the library as a named function"


def magic(notebook: Notebook) -> Found:
    """Plain Python: no magics, no shell, no `pip`."""
    for cell in notebook.code:
        if cell.tree is None:
            wrong = "a magic or a shell command" if _MAGIC.search(cell.source) else "not Python"
            yield cell, f"{wrong}: {cell.source.splitlines()[0].strip()[:60]!r}"


def length(notebook: Notebook) -> Found:
    """At most 5 lines a code cell (the parameters excepted) and 40 cells."""
    if len(notebook.cells) > MAX_CELLS:
        yield None, f"{len(notebook.cells)} cells, at most {MAX_CELLS}"
    for cell in notebook.code:
        lines = sum(bool(line.strip()) for line in cell.source.splitlines())
        if lines > MAX_LINES and cell not in notebook.parameters:
            yield cell, f"{lines} lines, at most {MAX_LINES}"


def tags(notebook: Notebook) -> Found:
    """Section cells carry `raises-exception`; the parameters, the set-up and the last cell do not."""
    for cell in notebook.code:
        fixed = cell in notebook.parameters or cell in notebook.setup or cell is notebook.code[-1]
        if fixed and SECTION_TAG in cell.tags:
            yield cell, f"tagged `{SECTION_TAG}`: a run must not go on after this cell failed"
        if not fixed and SECTION_TAG not in cell.tags:
            yield cell, f"a section cell without the tag `{SECTION_TAG}`: its failure would stop the others"


def verdict(notebook: Notebook) -> Found:
    """The last code cell is exactly `ops.verdict()`, and "Next" follows it as the last cell."""
    if not notebook.code or notebook.code[-1].source.strip() != VERDICT:
        yield notebook.code[-1] if notebook.code else None, f"the last code cell is not exactly `{VERDICT}`"
        return
    rest = notebook.cells[notebook.code[-1].index + 1 :]
    if len(rest) != 1 or not re.match(r"#{1,6} +Next\b", rest[0].source):
        yield notebook.code[-1], "not followed by one last Markdown cell with the heading `Next`"


def headings(notebook: Notebook) -> Found:
    """Before every code cell, the nearest Markdown cell has a heading: a failure can be named by it."""
    heading = False
    for cell in notebook.cells:
        if cell.kind == "markdown":
            heading = bool(_HEADING.search(cell.source))
        elif cell.kind == "code" and not heading:
            yield cell, "no Markdown heading before it"


def outputs(notebook: Notebook) -> Found:
    """No outputs and no execution counts are kept in the file."""
    for cell in notebook.code:
        if cell.outputs:
            yield cell, "holds outputs: clear them before committing"
        if cell.executed:
            yield cell, "holds an execution count: clear it before committing"


def numbers(notebook: Notebook) -> Found:
    """No observed number in prose: it is true once, and read for years. Thresholds may be named.

    A heuristic: a date, a time of day, or a quantity in a sentence that speaks of what was seen.
    """
    for cell in notebook.cells:
        if cell.kind != "markdown":
            continue
        prose = _PROSE_CODE.sub(" ", cell.source)
        dated = _OBSERVED_DATE.search(prose)
        if dated:
            yield cell, f"a date or time in prose: {dated[0]!r}"
        for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", prose):
            quantity = _QUANTITY.search(sentence)
            if quantity and _OBSERVATION.search(sentence):
                yield cell, f"an observed number in prose: {quantity[0]!r}"


def form(notebook: Notebook) -> Found:
    """nbformat 4.5 or newer, the kernel `python3`, and an id of its own for every cell."""
    if notebook.format < (4, 5):
        yield None, f"nbformat {notebook.format[0]}.{notebook.format[1]}: cells have ids from 4.5 on"
    if notebook.kernel != "python3":
        yield None, f"the kernel is {notebook.kernel!r}, not 'python3'"
    seen: set[str] = set()
    for cell in notebook.cells:
        if not cell.id:
            yield cell, "has no id"
        elif cell.id in seen:
            yield cell, "has an id that an earlier cell has"
        seen.add(cell.id)


RULES: dict[str, Callable[[Notebook], Found]] = {
    rule.__name__: rule
    for rule in (
        *(opening, parameters, setup, imports, logic, magic, length),
        *(tags, verdict, headings, outputs, numbers, form),
    )
}


def lint(path: Path) -> list[Problem]:
    """The problems of one notebook; a file that is no notebook is a problem too."""
    try:
        notebook = read(path)
    except (ValueError, KeyError, TypeError) as error:
        return [Problem(path, None, "form", f"not a notebook: {error!r}")]
    return [Problem(path, cell, name, text) for name, rule in RULES.items() for cell, text in rule(notebook)]


def main(arguments: Sequence[str]) -> int:
    """Lint files and folders; 0 clean, 1 problems, 64 nothing to check."""
    paths: list[Path] = []
    for given in map(Path, arguments):
        if not given.exists():
            sys.stderr.write(f"lint: there is no {given}\n")
            return 64
        found = sorted(given.rglob("*.ipynb")) if given.is_dir() else [given]
        paths += [path for path in found if path.is_file() and ".ipynb_checkpoints" not in path.parts]
    if not paths:
        sys.stderr.write(f"lint: no notebook in {', '.join(arguments) or 'nothing'}\n")
        return 64
    problems = [problem for path in paths for problem in lint(path)]
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"{len(paths)} notebooks, {len(problems)} problems\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
