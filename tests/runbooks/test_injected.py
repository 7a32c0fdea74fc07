"""Parameters that papermill puts into a runbook are held to what its parameters cell declares."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.runbooks import catalog, kernel
from gocoffee_ops.runbooks.parameters import assignments, check_injected
from gocoffee_ops.runbooks.run_folder import REPORTS_VARIABLE
from tests.runbooks.written import BIN, OK, environment, runbook

DECLARED = 'namespace: str = ""  # one\nlimit: int = 20  # rows [1..100]'


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"namspace": "x"}, "did you mean 'namespace'"),
        ({"namespace": 7}, "given 7"),
        ({"limit": 101}, "given 101"),
    ],
)
def test_what_papermill_was_given_is_checked(given: dict[str, object], why: str) -> None:
    cell = "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in given.items())])
    with pytest.raises(ParameterError, match=why):
        check_injected(["", DECLARED, cell, "ops = 1"], given)


def test_a_window_that_papermill_was_given_starts_before_its_end() -> None:
    declared = 'start: str = ""  # its start [time]\nend: str = ""  # its end [time after start]'
    given = {"start": "2026-11-23T04:00Z", "end": "2026-11-23T03:00Z"}
    with pytest.raises(ParameterError, match="'end' is wrong"):
        check_injected([declared, assignments(given)], given)


def test_what_fits_and_what_is_not_ours_passes() -> None:
    check_injected(["", DECLARED, "# Parameters\nlimit = 5", "ops = 1"], {"limit": 5})
    check_injected(["alpha = 1", "# Parameters\nbeta = 5"], {"beta": 5})
    check_injected([DECLARED, "limit = 500"], {"limit": 500})


@pytest.mark.parametrize(("engine", "status"), [((), 1), (("--engine", "gocoffee"), 64)])
def test_a_misspelt_parameter_ends_papermill_before_the_session_starts(
    tmp_path: Path, engine: tuple[str, ...], status: int
) -> None:
    path = runbook(tmp_path / "book.ipynb", OK)
    command = [str(BIN / "papermill"), *engine, str(path), str(tmp_path / "out.ipynb"), "-p", "numbr", "4"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == status, ended.stderr
    assert "did you mean 'number'" in ended.stderr
    assert not list(tmp_path.rglob("ledger.jsonl"))


def test_a_severity_that_nobody_is_named_for_starts_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REPORTS_VARIABLE, str(tmp_path))
    with pytest.raises(ParameterError, match=r"unknown severity 'P7'.*valid: P0, P1, P2, P3"):
        kernel.start("start-here", severity="P7")
    assert list(tmp_path.iterdir()) == []


def test_a_severity_that_is_wrong_ends_plain_papermill_in_the_set_up_cell(tmp_path: Path) -> None:
    command = [str(BIN / "papermill"), str(catalog.find("start-here").path), str(tmp_path / "out.ipynb")]
    told = environment(**{REPORTS_VARIABLE: str(tmp_path / "reports")})
    ended = subprocess.run(
        [*command, "-p", "severity", "P7"],
        cwd=tmp_path,
        env=told,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "unknown severity 'P7'" in ended.stderr
    cells = [cell for cell in json.loads((tmp_path / "out.ipynb").read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells if not cell["metadata"]["papermill"]["exception"]][-1] is None
    assert not list(tmp_path.rglob("ledger.jsonl"))
