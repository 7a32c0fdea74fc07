"""Every way in which a cell can end, in each of the four ways in which a runbook is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import click
import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from gocoffee_ops.runbooks import runner
from gocoffee_ops.runbooks.runner import RunResult
from tests.runbooks.written import OK, call, environment, run_json, runbook, states


@dataclass(frozen=True)
class Ending:
    """Three sections: one that is well, one that ends so, and one after it."""

    source: str
    states: str  # of parameters, set-up, the three sections and the verdict
    said: str = ""


CELL_S = 8  # the set-up cell, which loads our package, has to keep it too, on a busy machine
HANG = "import time\ntime.sleep(60)"
DEAF = """import ctypes, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
import time
time.sleep(60)"""
ENDINGS = {
    "well": Ending("1 + 1", "ok ok ok ok ok ok"),
    "raises": Ending("broken = 1 / 0", "ok ok ok failed ok failed", "ZeroDivisionError"),
    "sigkill": Ending(
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "ok ok ok killed not_run not_run", "SIGKILL"
    ),
    "hangs": Ending(HANG, "ok ok ok timed_out ok failed", f"longer than {CELL_S} s"),
    "deaf": Ending(DEAF, "ok ok ok timed_out not_run not_run", "did not answer to the interrupt"),
    "sys-exit": Ending("import sys\nsys.exit(0)", "ok ok ok exited not_run failed", "sys.exit(0)"),
    "exit": Ending("exit()", "ok ok ok exited not_run not_run", "exit()"),
    "os-exit": Ending("import os\nos._exit(0)", "ok ok ok exited not_run not_run", "ended with status 0"),
    "needed": Ending("broken = 1 / 0\n", "ok ok ok failed blocked failed", "ZeroDivisionError"),
}
AFTER = {"needed": "print(broken)"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All of them as runbooks."""
    made = tmp_path_factory.mktemp("endings")
    for name, ending in ENDINGS.items():
        runbook(made / f"{name}.ipynb", OK, ending.source, AFTER.get(name, OK))
    return made


@pytest.fixture(scope="module")
def ours(folder: Path) -> dict[str, RunResult]:
    """As `gocoffee-ops run` runs them, several at once."""
    orders = [
        runner.prepare(str(folder / f"{name}.ipynb"), reports=folder / "reports", cell_s=CELL_S) for name in ENDINGS
    ]
    return dict(zip(ENDINGS, runner.run_all(orders), strict=True))


def papermill_status(folder: Path, name: str, engine: str | None, output: str) -> int:
    """The status that `papermill` ends with, without a process of its own for each."""
    try:
        papermill.execute_notebook(
            folder / f"{name}.ipynb",
            folder / output,
            engine_name=engine,
            execution_timeout=CELL_S,
            cwd=folder,
            progress_bar=False,
        )
    except click.ClickException as ended:
        return ended.exit_code
    except DeadKernelError:
        return 138
    except (PapermillExecutionError, CellTimeoutError, RuntimeError):
        return 1
    return 0


@pytest.fixture(scope="module")
def nbval(folder: Path) -> dict[str, list[str]]:
    """What `pytest --nbval-lax` says of each runbook's cells: passed, failed or skipped."""
    options = ["--nbval-lax", "--nbval-cell-timeout", str(CELL_S), "--junitxml", "nbval.xml", "-p", "no:cacheprovider"]
    notebooks = [f"{name}.ipynb" for name in ENDINGS]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, *notebooks],
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=200,
        check=False,
    )
    said: dict[str, list[str]] = {name: [] for name in ENDINGS}
    for case in ElementTree.parse(folder / "nbval.xml").getroot().iter("testcase"):
        outcome = [child.tag for child in case if child.tag in {"failure", "error", "skipped"}]
        said[str(case.get("classname")).removesuffix(".ipynb")].append(outcome[0] if outcome else "passed")
    return said


@pytest.mark.parametrize("name", ENDINGS)
def test_our_run_records_every_state_and_ends_as_the_verdict_says(
    ours: dict[str, RunResult], folder: Path, name: str
) -> None:
    ended, run = ours[name], run_json(folder / "reports", name)
    assert " ".join(states(run)) == ENDINGS[name].states, run["cells"]
    well = name == "well"
    assert (run["status"], run["exit_code"]) == (("OK", 0) if well else ("UNKNOWN", 3))
    assert (ended.exit_code, ended.fault) == (run["exit_code"], "")
    assert ENDINGS[name].said in " ".join(cell["error"] for cell in run["cells"])


@pytest.mark.parametrize("name", ENDINGS)
def test_our_runs_ledger_and_notebook_say_the_same(ours: dict[str, RunResult], folder: Path, name: str) -> None:
    assert ours[name].report is not None
    run = run_json(folder / "reports", name)
    (home,) = (folder / "reports" / name).iterdir()
    entries = [json.loads(line) for line in (home / "evidence" / "ledger.jsonl").read_text().splitlines()]
    assert [e["body"] for e in entries if e["kind"] == "run_cell"] == run["cells"]
    assert run["head"] == entries[-1]["hash"]
    nb = nbformat.read(home / "notebook.ipynb", as_version=4)
    nbformat.validate(nb)
    assert [c.metadata.gocoffee.state for c in nb.cells if c.cell_type == "code"] == states(run)


@pytest.mark.parametrize("name", ENDINGS)
def test_papermill_with_our_engine_tells_the_same_states_and_exit_status(folder: Path, name: str) -> None:
    assert papermill_status(folder, name, "gocoffee", f"engine-{name}.ipynb") == (0 if name == "well" else 3)
    nb = nbformat.read(folder / f"engine-{name}.ipynb", as_version=4)
    code = [c for c in nb.cells if c.cell_type == "code"]
    assert " ".join(c.metadata.gocoffee.state for c in code) == ENDINGS[name].states
    assert ENDINGS[name].said in " ".join(c.metadata.gocoffee.error for c in code)
    for cell in code:
        ran = cell.metadata.gocoffee.state not in {"not_run", "blocked"}
        assert (cell.metadata.papermill.status != "pending") == ran
        assert (cell.metadata.papermill.status == "completed") == (cell.metadata.gocoffee.state == "ok")


@pytest.mark.parametrize("name", ENDINGS)
def test_plain_papermill_ends_as_failed(folder: Path, name: str) -> None:
    assert (papermill_status(folder, name, None, f"plain-{name}.ipynb") == 0) == (name == "well")


@pytest.mark.parametrize("name", ENDINGS)
def test_nbval_passes_the_verdict_of_a_run_that_is_well_alone(nbval: dict[str, list[str]], name: str) -> None:
    assert len(nbval[name]) == 6
    assert (nbval[name][-1] == "passed") == (name == "well"), nbval[name]


@pytest.mark.parametrize("name", [name for name in ENDINGS if name not in {"well", "hangs"}])
def test_nbval_ends_as_failed(nbval: dict[str, list[str]], name: str) -> None:
    """Not so for a time-out of nbval's own in a section: to nbval it is the exception that the tag announces."""
    assert {"failure", "error"} & set(nbval[name]), nbval[name]


def test_the_papermill_command_ends_with_our_status(folder: Path) -> None:
    ended = call("papermill", "--engine", "gocoffee", "raises.ipynb", "command.ipynb", cwd=folder)
    assert ended.returncode == 3
    assert "ZeroDivisionError" in ended.stderr
