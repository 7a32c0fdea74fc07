"""Parameters that papermill puts into a runbook are held to what its parameters cell declares."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.runbooks.parameters import assignments, check_injected
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
