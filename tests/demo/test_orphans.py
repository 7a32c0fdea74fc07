"""A pid file is believed only where its process is the server of that folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gocoffee_ops.demo.orphans import is_server_of, stop_orphan


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process with these words on its command line."""
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # now it certainly has its own command line, not ours
        yield process
        process.kill()


def test_without_a_pid_file_there_is_nothing_to_stop(tmp_path: Path) -> None:
    assert stop_orphan(tmp_path) is None


def test_a_number_that_is_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    with running() as process:
        (tmp_path / "postmaster.pid").write_text(f"{process.pid}\n{tmp_path}\n")
        assert stop_orphan(tmp_path) is None
        assert process.poll() is None
    assert not (tmp_path / "postmaster.pid").exists()


def test_a_server_of_another_folder_is_left_alone(tmp_path: Path) -> None:
    with running("-D", str(tmp_path / "other")) as process:
        (tmp_path / "postmaster.pid").write_text(f"{process.pid}\n")
        assert stop_orphan(tmp_path) is None
        assert process.poll() is None


def test_a_pid_file_that_is_no_pid_file_is_removed(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("")
    assert stop_orphan(tmp_path) is None
    assert not (tmp_path / "postmaster.pid").exists()


def test_a_process_that_is_gone_serves_nothing(tmp_path: Path) -> None:
    with running("-D", str(tmp_path)) as process:
        assert is_server_of(process.pid, tmp_path)
    assert not is_server_of(process.pid, tmp_path)
