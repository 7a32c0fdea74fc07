"""Locks that live as long as their process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gocoffee_ops.demo.locks import FileLock, is_locked

HOLD = """
import sys
from pathlib import Path
from gocoffee_ops.demo.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def test_only_one_has_it_alone(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    assert not second.acquire(shared=True)
    first.release()
    assert second.acquire()


def test_many_share_it_and_keep_out_who_wants_it_alone(tmp_path: Path) -> None:
    first, second, third = (FileLock(tmp_path / "lock") for _ in range(3))
    assert first.acquire(shared=True)
    assert second.acquire(shared=True)
    first.release()
    assert not third.acquire()
    second.release()
    assert third.acquire()


def test_a_killed_process_has_it_no_more(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert is_locked(tmp_path / "lock")
        process.kill()
        process.wait()
    assert not is_locked(tmp_path / "lock")


def test_a_look_leaves_no_lock_and_no_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()
    assert FileLock(tmp_path / "lock").acquire()


def test_a_lock_on_a_file_that_was_replaced_keeps_nobody_out(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    (tmp_path / "lock").unlink()
    assert second.acquire()
    assert is_locked(tmp_path / "lock")
