"""Small runbooks that the tests write, and the ways to run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

BIN = Path(sys.executable).parent
SECTION = ("raises-exception",)
DEMO_HOME = "GOCOFFEE_DEMO_HOME"  # the suite's own: a demo that the user runs is never touched

CONFIG = """
[[environments.test.databases]]
name = "coffee"
dsn_env = "GOCOFFEE_TEST_DSN_THAT_NOBODY_SETS"
"""
PARAMETERS = 'env: str = "test"  # environment\nnumber: int = 3  # how many [1..10]\ntext: str = ""  # any text\n'
SETUP = """
from gocoffee_ops import Finding, Status, runbook
def says(status): return [Finding(Status(status), "test", f"thing/{status.lower()}", f"it is {status}")]
ops = runbook.start("{name}", env=env)
"""
OK = "ops.judge(says, status='OK')"


def notebook(*cells: tuple[str, str | Sequence[str]]) -> nbformat.NotebookNode:
    """A notebook of (kind, source) cells; the kind is `markdown`, or the tags of a code cell with spaces between."""
    made = nbformat.v4.new_notebook()
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for n, (kind, source) in enumerate(cells):
        new = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
        cell = new("\n".join(source).strip() if not isinstance(source, str) else source.strip())
        cell.id = f"cell-{n}"
        if kind != "markdown":
            cell.metadata.tags = kind.split()
        made.cells.append(cell)
    return made


def runbook(path: Path, *sections: str, setup: str = SETUP) -> Path:
    """A runbook in a project of its own: parameters, set-up, a section for each source, verdict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "gocoffee.toml").write_text(CONFIG, encoding="utf-8")
    cells: list[tuple[str, str]] = [
        ("markdown", "# A test\n\n**Symptom** — something. \n**Owner** — *Somebody*."),
        ("parameters", PARAMETERS),
        ("", setup.replace("{name}", path.stem)),
    ]
    for n, source in enumerate(sections, 1):
        cells += [("markdown", f"## Section {n}"), ("raises-exception", source)]
    cells += [("markdown", "## Verdict"), ("", "ops.verdict()")]
    nbformat.write(notebook(*cells), path)
    return path


def environment(**extra: str) -> dict[str, str]:
    """The environment of a child process, without what this one was told."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOCOFFEE_") or name == DEMO_HOME}
    return kept | {"JUPYTER_PLATFORM_DIRS": "1"} | extra


def call(program: str, *arguments: str | Path, cwd: Path, timeout: float = 90) -> subprocess.CompletedProcess[str]:
    """Run one of the installed programs."""
    command = [str(BIN / program), *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=timeout, check=False
    )


def run_json(reports: Path, name: str) -> dict[str, Any]:
    """The one complete run's run.json."""
    (folder,) = [f for f in (reports / name).iterdir() if not f.name.startswith(".")]
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def states(run: Mapping[str, Any]) -> list[str]:
    """The cells' states in order."""
    return [cell["state"] for cell in run["cells"]]
