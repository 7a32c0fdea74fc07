"""What the supervisor tells its clients, in one small file that is replaced as a whole."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from gocoffee_ops.demo.database import APP, DATABASE, OWNER, READER
from gocoffee_ops.demo.server import Server


@dataclass(frozen=True)
class State:
    """The demo as its supervisor last described it; to be believed only while that supervisor lives.

    `phase` is starting, building, ready, stopping, stopped or failed. `token` is what the one who started the supervisor
    gave to it, so that he knows its word from an earlier one's.
    """

    phase: str
    pid: int
    token: str = ""
    server_pid: int | None = None
    release: str = ""
    dsn: str = ""
    app_dsn: str = ""
    owner_dsn: str = ""
    error: str = ""

    @classmethod
    def of(cls, server: Server, phase: str, token: str) -> State:
        """The state of this process's server."""
        return cls(
            phase=phase,
            pid=os.getpid(),
            token=token,
            server_pid=server.pid,
            release=server.binaries.release,
            dsn=server.conninfo(READER, DATABASE),
            app_dsn=server.conninfo(APP, DATABASE),
            owner_dsn=server.conninfo(OWNER, DATABASE),
        )


def write_state(path: Path, state: State) -> None:
    """Replace the file as a whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
    partial.replace(path)


def read_state(path: Path) -> State | None:
    """What the file says, or None when there is none, or it is of another version of this package."""
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
