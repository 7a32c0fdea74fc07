"""Ctrl-C between a run's last cell and the renaming of its folder: what lies there says that the run was stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema

from gocoffee_ops.evidence import bundle
from gocoffee_ops.runbooks import runner
from tests.runbooks.written import BIN, OK, environment, runbook, states

SCHEMA = json.loads((Path(runner.__file__).parent / "run.schema.json").read_text(encoding="utf-8"))
# The runner writes its report to this name first; a pipe holds it there until somebody reads.
HOLD = """
import os
from pathlib import Path
os.mkfifo(Path(os.environ["GOCOFFEE_RUN_FOLDER"], f".report.html.{os.getppid()}"))
ops.judge(says, status="WARN")
"""


def until_said(process: subprocess.Popen[str], text: str) -> None:
    """Read what it tells, up to a line with `text`."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it ended without saying {text!r}")


@contextmanager
def rendering(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A real run that is held while it renders its report."""
    path = runbook(tmp_path / "book.ipynb", OK, HOLD)
    command = [str(BIN / "gocoffee-ops"), "run", str(path), "--exit-zero"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        try:
            until_said(process, "rendering the report")
            yield process
        finally:
            process.kill()


def left(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """The one folder that the run left, and its record."""
    (folder,) = (tmp_path / "reports" / "book").iterdir()
    record: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(record, SCHEMA, format_checker=jsonschema.FormatChecker())
    return folder, record


def let_go(folder: Path) -> None:
    """Read the report that is held, to its end; and give it to the runner, which hashes it under its own name."""
    (pipe,) = (path for path in folder.iterdir() if path.is_fifo())
    text = pipe.read_text(encoding="utf-8")
    assert "</html>" in text
    deadline = time.monotonic() + 30
    while not (folder / "report.html").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (folder / "report.html").write_text(text, encoding="utf-8")


def test_while_the_report_is_rendered_the_record_says_that_the_run_is_under_way(tmp_path: Path) -> None:
    with rendering(tmp_path) as process:
        folder, record = left(tmp_path)
        assert folder.name.startswith(".partial-")
        assert (record["partial"], record["exit_code"], record["finished"]) == (True, None, None)
        assert states(record) == ["ok"] * 5
        let_go(folder)
        assert process.wait(60) == 0
    folder, record = left(tmp_path)
    assert not folder.name.startswith(".")
    assert (record["partial"], record["status"], record["exit_code"]) == (False, "WARN", 1)
    assert not (folder / "INCOMPLETE.txt").exists()


def test_a_run_that_is_stopped_while_its_report_is_rendered_is_recorded_as_stopped(tmp_path: Path) -> None:
    with rendering(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        until_said(process, "stopping")
        let_go(left(tmp_path)[0])
        assert process.wait(60) == 130
    folder, record = left(tmp_path)
    assert folder.name.startswith(".partial-")
    assert (record["partial"], record["exit_code"]) == (True, 130)
    assert record["finished"] is not None
    assert states(record) == ["ok"] * 5
    assert not (folder / "report.html").exists()
    assert "It was stopped" in (folder / "INCOMPLETE.txt").read_text(encoding="utf-8")
    entries = [json.loads(line) for line in (folder / "evidence" / "ledger.jsonl").read_text().splitlines()]
    assert (entries[-1]["kind"], entries[-1]["body"]["interrupted"]) == ("run", True)
    assert bundle.verify(folder / "evidence", head=record["head"]) == len(entries)
    assert not (tmp_path / "reports" / "index.html").exists()


def test_a_third_ctrl_c_waits_for_nothing_more_and_leaves_no_claim_that_the_run_is_whole(tmp_path: Path) -> None:
    with rendering(tmp_path) as process:
        for _ in range(3):  # one that comes while the one before is still being told ends the run as well
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        assert process.wait(60) == 130
    not_whole(tmp_path)


def test_a_run_that_is_killed_while_its_report_is_rendered_does_not_claim_to_be_whole(tmp_path: Path) -> None:
    with rendering(tmp_path) as process:
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    not_whole(tmp_path)


def not_whole(tmp_path: Path) -> None:
    """The record of a run that ended before it could say so."""
    folder, record = left(tmp_path)
    assert folder.name.startswith(".partial-")
    assert (record["partial"], record["exit_code"]) == (True, None)
    assert (folder / "INCOMPLETE.txt").is_file()
