"""A demo of the tests' own, made once for the run, in a folder that the server's account can enter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gocoffee_ops import demo
from gocoffee_ops.demo.account import run_account
from gocoffee_ops.demo.orphans import command_line
from gocoffee_ops.demo.waiting import wait_until
from gocoffee_ops.sources.deadline import Deadline

collect_ignore = [] if os.geteuid() == 0 else ["test_as_root.py"]

# Takes a lease in a process of its own, says on stdout which server it got, and holds it until its stdin is closed.
HOLDER = """
import sys
from pathlib import Path
from gocoffee_ops import demo
lease = demo.start(home=Path(sys.argv[1]), grace_s=1.0)
running = [d for d in demo.status(home=Path(sys.argv[1])) if d.phase == "ready"]
print(running[0].pid, running[0].server_pid, flush=True)
sys.stdin.read()
"""


@dataclass
class Holder:
    """A process that holds a lease."""

    process: subprocess.Popen[str]

    def server(self) -> tuple[int, int]:
        """The pids of the supervisor and of the server, once the lease is there."""
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        assert len(words) == 2, "the holder ended without a lease"
        return int(words[0]), int(words[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def demo_home() -> Iterator[Path]:
    """An empty home; at the end no process of its demos may be left."""
    home = Path(tempfile.mkdtemp(prefix="gco-demo-"))
    home.chmod(0o755 if run_account().is_other else 0o700)
    yield home
    demo.stop(home=home)
    left = processes_of(home)
    shutil.rmtree(home)
    assert not left, f"left behind: {left}"


@pytest.fixture
def home(demo_home: Path) -> Iterator[Path]:
    """The same home, stopped before and after the test."""
    demo.stop(home=demo_home)
    yield demo_home
    demo.stop(home=demo_home)


@pytest.fixture
def hold(home: Path) -> Iterator[Callable[[], Holder]]:
    """Starts processes that hold leases."""
    holders: list[Holder] = []

    def start() -> Holder:
        command = [sys.executable, "-c", HOLDER, str(home)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holders.append(Holder(process))
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()
        for stream in (holder.process.stdin, holder.process.stdout):
            if stream is not None:
                stream.close()


def processes_of(home: Path) -> list[str]:
    """The command lines of the processes that work in a home."""
    if sys.platform == "linux":
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    else:
        answer = subprocess.run(["ps", "-ax", "-o", "pid="], capture_output=True, text=True, check=True)
        pids = [int(word) for word in answer.stdout.split()]
    lines = {pid: command_line(pid) for pid in pids}
    return [" ".join(line) for line in lines.values() if any(word.startswith(str(home)) for word in line)]


def await_stopped(home: Path, seconds: float = 30.0) -> None:
    """Wait until no process works in a home."""
    wait_until(
        lambda: not processes_of(home),
        Deadline.after(seconds),
        "wait for the demo to stop",
        target=str(home),
        last_seen=lambda: str(processes_of(home)),
    )
