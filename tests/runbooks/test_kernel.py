"""What a notebook's kernel does: sessions, following of cells, redacted errors, with IPython and without."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell

from gocoffee_ops.errors import Forbidden
from gocoffee_ops.evidence.ledger import read_entries
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.runbooks.kernel import boxed, cell_key
from tests.runbooks.written import CONFIG, environment

SECRET = "postgresql://reader:hunter2hunter2@db/coffee"
START = "from gocoffee_ops import runbook\nops = runbook.start('book', env='test')"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a configuration."""
    (tmp_path / "gocoffee.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for variable in ("GOCOFFEE_REPORTS", "GOCOFFEE_RUN_FOLDER", "GOCOFFEE_REPLAY", "GOCOFFEE_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def shell(project: Path) -> Iterator[InteractiveShell]:
    """An IPython of this process's own."""
    TerminalInteractiveShell.clear_instance()
    made = TerminalInteractiveShell.instance(colors="nocolor")
    yield made
    TerminalInteractiveShell.clear_instance()


def run(shell: InteractiveShell, source: str, cell_id: str | None = None) -> Any:
    """Run a cell as a frontend would: with the events of one."""
    return shell.run_cell(source, store_history=True, cell_id=cell_id)


def ended(project: Path) -> list[tuple[str, str]]:
    """What the last session's ledger says of cells."""
    newest = sorted((project / "reports" / ".interactive" / "book").iterdir())[-1]
    bodies = [e.body for e in read_entries(newest / "evidence") if e.kind == "cell_ended"]
    return [(body["cell"], body["error"]) for body in bodies]


def test_cells_that_raise_make_the_verdict_raise(shell: InteractiveShell, project: Path) -> None:
    assert run(shell, START, "setup").success
    assert not run(shell, "1 / 0", "section").success
    verdict = run(shell, "ops.verdict()", "verdict")
    assert type(verdict.error_in_exec).__name__ == "IncompleteRun"
    assert "ZeroDivisionError: division by zero" in str(verdict.error_in_exec)
    assert [cell for cell, _ in ended(project)] == ["setup", "section", "verdict"]


def test_a_cell_run_again_and_well_no_longer_counts(shell: InteractiveShell, project: Path) -> None:
    run(shell, START, "setup")
    run(shell, "1 / 0", "section")
    run(shell, "1 / 1", "section")
    assert run(shell, "ops.verdict()", "verdict").success


def test_a_cell_without_an_id_is_known_by_its_source(shell: InteractiveShell, project: Path) -> None:
    run(shell, START)
    run(shell, "1 / 0")
    keys = [cell for cell, _ in ended(project)]
    assert keys[1] == cell_key(run(shell, "1 / 0").info)
    assert keys[1].startswith("src:")


def test_a_syntax_error_counts_as_a_cell_that_raised(shell: InteractiveShell, project: Path) -> None:
    run(shell, START, "setup")
    run(shell, "this is no python", "section")
    assert ended(project)[-1][1].startswith("SyntaxError")
    assert not run(shell, "ops.verdict()", "verdict").success


def test_starting_again_replaces_the_session_and_its_hooks(shell: InteractiveShell, project: Path) -> None:
    run(shell, START, "setup")
    run(shell, "1 / 0", "section")
    run(shell, START, "setup")
    assert run(shell, "ops.verdict()", "verdict").success
    assert [cell for cell, _ in ended(project)] == ["setup", "verdict"]
    assert len(list((project / "reports" / ".interactive" / "book").iterdir())) == 2


def test_a_session_knows_the_services_that_its_notebook_is_about(shell: InteractiveShell, project: Path) -> None:
    run(shell, "services, gateway = ['orders'], 'api'", "parameters")
    run(shell, START, "setup")
    assert shell.user_ns["ops"].about == (frozenset({"orders"}), frozenset({"api"}))


def test_our_errors_are_a_box_and_others_a_traceback_and_both_are_redacted(
    shell: InteractiveShell, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(shell, START, "setup")
    run(shell, "from gocoffee_ops.errors import Forbidden", "a")
    capsys.readouterr()
    ours = run(shell, f"raise Forbidden('read', target='database/x', why='{SECRET} said no', hint='ask')", "b")
    shown = "".join(capsys.readouterr())
    assert "why" in shown
    assert "Traceback" not in shown
    other = run(shell, f"raise OSError('{SECRET}')", "c")
    shown += "".join(capsys.readouterr())
    assert "Traceback" in shown
    for text in (shown, str(ours.error_in_exec), str(other.error_in_exec), repr(ended(project))):
        assert "hunter2" not in text
    assert type(other.error_in_exec).__name__ == "OSError"


def test_a_box_names_what_target_why_and_next() -> None:
    lines = boxed(Forbidden("list pods", target="cluster/a", why="no verb list", hint="rbac.yaml"), Redactor())
    assert [line.split()[0] for line in lines[1:]] == ["target", "why", "next"]


def test_it_works_in_a_plain_python_without_loading_ipython(project: Path) -> None:
    source = f"{START}\nops.verdict()\nimport sys, json\nprint(json.dumps('ipykernel' in sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", source], cwd=project, env=environment(), capture_output=True, text=True, check=True
    )
    assert json.loads(ended.stdout.splitlines()[-1]) is False
    (folder,) = (project / "reports" / ".interactive" / "book").iterdir()
    assert [e.kind for e in read_entries(folder / "evidence")] == ["session", "verdict"]
