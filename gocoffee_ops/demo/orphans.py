"""A server that outlived its supervisor, or only its pid file: both would keep the next server from starting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from gocoffee_ops.demo.waiting import wait_until
from gocoffee_ops.errors import DeadlineExceeded
from gocoffee_ops.sources.deadline import Deadline

PATIENCE_S = 10.0


def stop_orphan(data: Path) -> int | None:
    """Stop a server that still runs on this data folder; returns its pid, or None when there was none.

    To be called only by who holds the demo's lock. A pid file whose process is gone, or is something else by now (after
    a reboot the number may be anybody's), is removed. Raises DeadlineExceeded when the server does not go.
    """
    pid_file = data / "postmaster.pid"
    try:
        first = pid_file.read_text().split("\n", 1)[0].strip()
    except FileNotFoundError:
        return None
    pid = int(first) if first.isdigit() else None
    if pid is None or not is_server_of(pid, data):
        pid_file.unlink(missing_ok=True)
        return None
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            os.kill(pid, number)
            wait_until(
                lambda: not is_server_of(pid, data),
                Deadline.after(PATIENCE_S),
                "stop a PostgreSQL server without a supervisor",
                target=f"pid {pid}",
            )
        except ProcessLookupError:
            pass
        except DeadlineExceeded:
            if number == signal.SIGKILL:
                raise
            continue
        break
    pid_file.unlink(missing_ok=True)
    return pid


def is_server_of(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL server that was started on this data folder."""
    return f" -D {data} " in f" {' '.join(command_line(pid))} "


def command_line(pid: int) -> list[str]:
    """The words of a process's command line; none when it is gone or has ended."""
    if sys.platform == "linux":
        try:
            raw = (Path("/proc") / str(pid) / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return []
        return raw.decode(errors="replace").split("\0")
    answer = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.split()
