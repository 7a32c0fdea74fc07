"""`report weekly`: the runbooks of a chapter, whose kernels run at the same time where memory and cores allow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gocoffee_ops
from gocoffee_ops.runbooks import runner
from tests.runbooks.written import environment, run_json, runbook, states

MEET = """
import pathlib, time
pathlib.Path({mine!r}).touch()
patience = 240
while not pathlib.Path({other!r}).exists() and (patience := patience - 1): time.sleep(0.25)
assert pathlib.Path({other!r}).exists(), "the other kernel never ran beside this one"
ops.judge(says, status={status!r})
"""


def test_the_kernels_of_a_set_run_side_by_side(tmp_path: Path) -> None:
    """Each waits within a cell for the other one to be within its own: one after the other, the first fails."""
    if runner.kernels_at_once() < 2:
        pytest.skip("this machine has no second core, or no memory for a second kernel: sets run one by one here")
    shutil.copytree(
        Path(gocoffee_ops.__file__).parent, tmp_path / "gocoffee_ops"
    )  # beside it, its notebooks are sought
    here, there = (str(tmp_path / name) for name in ("here", "there"))
    weekly = tmp_path / "notebooks" / "weekly"
    runbook(weekly / "one.ipynb", MEET.format(mine=here, other=there, status="OK"))
    runbook(weekly / "two.ipynb", MEET.format(mine=there, other=here, status="WARN"))
    runbook(tmp_path / "notebooks" / "daily" / "three.ipynb", "1 / 0")
    ended = subprocess.run(
        [sys.executable, "-m", "gocoffee_ops", "report", "weekly", "--reports", str(tmp_path / "reports")],
        cwd=tmp_path,
        env=environment(PYTHONPATH=os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    runs = [run_json(tmp_path / "reports", name) for name in ("one", "two")]
    assert [states(run) for run in runs] == [["ok"] * 4] * 2, ended.stderr
    assert [run["status"] for run in runs] == ["OK", "WARN"]
    assert ended.returncode == 1
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {"one", "two", "index.html"}
