"""Our engine under papermill: any notebook, and no harm to papermill."""

from __future__ import annotations

import ast
import signal
import subprocess
import time
from pathlib import Path

import click
import nbformat
import papermill
import pytest

from gocoffee_ops.runbooks import engine
from tests.runbooks.written import BIN, environment, notebook


def test_the_engines_module_imports_nothing_that_could_fail() -> None:
    tree = ast.parse(Path(engine.__file__).read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {ast.unparse(node) for node in top} == {
        "from __future__ import annotations",
        "from typing import Any",
    }


def test_a_notebook_that_is_no_runbook_runs_as_with_papermill(tmp_path: Path) -> None:
    nbformat.write(
        notebook(("parameters", "n: int = 1"), ("", "import os\nprint(n, os.getcwd())"), ("", "n + 1"), ("", "")),
        tmp_path / "in.ipynb",
    )
    nb = papermill.execute_notebook(
        tmp_path / "in.ipynb",
        tmp_path / "out.ipynb",
        parameters={"n": 41},
        engine_name="gocoffee",
        progress_bar=False,
        cwd=tmp_path,
    )
    assert nb.cells[2].outputs[0].text == f"41 {tmp_path}\n"
    assert nb.cells[3].outputs[0].data["text/plain"] == "42"
    assert not (tmp_path / "reports").exists()
    assert nb.metadata.papermill.exception is None


def test_the_last_cell_of_a_notebook_that_is_no_runbook_does_not_run_after_a_failure(tmp_path: Path) -> None:
    nbformat.write(notebook(("", "1 / 0"), ("", "open('deployed', 'w')")), tmp_path / "in.ipynb")
    with pytest.raises(click.ClickException) as raised:
        papermill.execute_notebook(
            tmp_path / "in.ipynb", tmp_path / "out.ipynb", engine_name="gocoffee", progress_bar=False, cwd=tmp_path
        )
    assert raised.value.exit_code == 3
    assert not (tmp_path / "deployed").exists()
    nb = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert [c.metadata.gocoffee.state for c in nb.cells] == ["failed", "not_run"]


def test_ctrl_c_ends_papermill_with_130_and_a_true_notebook(tmp_path: Path) -> None:
    source = "open('here', 'w').close()\nimport time\ntime.sleep(300)"
    nbformat.write(notebook(("", source), ("", "2")), tmp_path / "in.ipynb")
    command = [str(BIN / "papermill"), "--engine", "gocoffee", "in.ipynb", "out.ipynb"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "here").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    nb = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert [c.metadata.gocoffee.state for c in nb.cells] == ["interrupted", "not_run"]
