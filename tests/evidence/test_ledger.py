"""The ledger stays whole: several writers, killed writers, full disks."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.errors import EvidenceError, SchemaError, Tampered
from gocoffee_ops.evidence.bundle import problems
from gocoffee_ops.evidence.ledger import GENESIS, LEDGER, TABLES, Ledger
from gocoffee_ops.evidence.redact import Redactor

WRITER = """
import sys
import tempfile
from pathlib import Path
from gocoffee_ops.evidence.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for i in range(int(sys.argv[2])):
    ledger.append("note", {"who": sys.argv[3], "i": i, "text": "x" * (i * 997 % 20_000)})
"""


def _writer(folder: Path, count: int, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(count), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_processes_and_threads_that_append_at_once_keep_one_chain(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append("session", {})
    writers = [_writer(tmp_path, 60, name) for name in ("a", "b")]
    for writer in writers:
        _go(writer)
    threads = [
        threading.Thread(target=lambda who=who: [ledger.append("note", {"who": who, "i": i}) for i in range(30)])
        for who in ("c", "d")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [writer.wait(60) for writer in writers] == [0, 0]
    entries = list(ledger.entries())
    assert len(entries) == 1 + 2 * 60 + 2 * 30
    assert problems(tmp_path, ledger.head) == []
    for who in "abcd":
        mine = [entry.body["i"] for entry in entries if entry.body.get("who") == who]
        assert mine == sorted(mine)


def test_a_reader_beside_a_writer_never_sees_half_an_entry(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append("session", {})
    writer = _writer(tmp_path, 150, "a")
    _go(writer)
    seen = 0
    while writer.poll() is None:
        entries = list(ledger.entries())
        assert len(entries) >= seen
        seen = len(entries)
    assert writer.returncode == 0
    assert len(list(ledger.entries())) == 151


def test_a_killed_writer_leaves_a_ledger_that_can_be_appended_to(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append("session", {})
    writer = _writer(tmp_path, 100_000, "a")
    _go(writer)
    while len(list(ledger.entries())) < 20:
        assert writer.poll() is None
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(30)
    ledger.append("after", {})
    assert problems(tmp_path, ledger.head) == []


@pytest.mark.parametrize("cut", [1, 10, 60, -1])
def test_an_entry_torn_by_a_kill_is_named_and_then_mended(tmp_path: Path, cut: int) -> None:
    ledger = Ledger(tmp_path)
    ledger.append("session", {})
    ledger.append("note", {"text": "é" * 5_000})
    whole = ledger.path.read_bytes()
    first, second = whole.splitlines(keepends=True)
    torn = second[:cut] if cut > 0 else second[:-2]
    ledger.path.write_bytes(first + torn)
    assert [(p.entry, p.what) for p in problems(tmp_path)] == [
        (1, f"was cut while it was written, after {len(torn)} bytes")
    ]
    assert [entry.kind for entry in ledger.entries()] == ["session"]
    ledger.append("after", {})
    kinds = [entry.kind for entry in ledger.entries()]
    assert kinds == ["session", "mended", "after"]
    assert [e.body["bytes"] for e in ledger.entries() if e.kind == "mended"] == [len(torn)]
    assert problems(tmp_path, ledger.head) == []


def test_an_entry_that_only_lacks_its_lines_end_is_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append("session", {})
    ledger.append("note", {})
    ledger.path.write_bytes(ledger.path.read_bytes()[:-1])
    ledger.append("after", {})
    assert [entry.kind for entry in ledger.entries()] == ["session", "note", "after"]
    assert problems(tmp_path, ledger.head) == []


def test_a_last_line_that_is_no_entry_is_not_appended_to(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append("session", {})
    with ledger.path.open("a") as file:
        file.write("garbage\n")
    with pytest.raises(Tampered, match="not an entry"):
        ledger.append("after", {})


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvidenceError, match=r"write the evidence .*Not a directory.*may this user write"):
        Ledger(tmp_path / "file" / "evidence")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    (tmp_path / LEDGER).symlink_to("/dev/full")
    with pytest.raises(EvidenceError, match="No space left on device"):
        ledger.append("note", {})


def test_a_table_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    (tmp_path / TABLES).rmdir()
    (tmp_path / TABLES).write_text("")
    with pytest.raises(EvidenceError, match="Not a directory"):
        ledger.put_table(b"x")


@contextmanager
def no_root() -> Iterator[None]:
    """Root may write anywhere; for a while we are somebody who may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder_is_a_clear_error() -> None:
    with no_root(), tempfile.TemporaryDirectory() as name:  # not pytest's folder: root's is closed to others
        ledger = Ledger(Path(name))
        Path(name).chmod(0o500)
        try:
            with pytest.raises(EvidenceError, match="Permission denied"):
                ledger.append("note", {})
        finally:
            Path(name).chmod(0o700)


@pytest.mark.parametrize(
    "body", [{"x": float("nan")}, {"x": float("inf")}, {"x": datetime.now(UTC)}, {"x": {1, 2}.__iter__()}]
)
def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path, body: dict[str, object]) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(SchemaError, match="put a record into the ledger"):
        ledger.append("note", body)
    assert ledger.head == GENESIS


def test_what_is_returned_is_what_is_read_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Redactor(["hunter22"]))
    written = ledger.append("note", {"t": (1, 2), "s": "hunter22 \u2028\x85\r\n", "broken": "\udc80"})
    assert list(ledger.entries()) == [written]
    assert written.body == {"t": [1, 2], "s": "[redacted] \u2028\x85\r\n", "broken": "?"}
    assert "hunter22" not in ledger.path.read_text()
    assert json.loads(ledger.path.read_text())["hash"] == ledger.head
