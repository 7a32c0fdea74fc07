"""A fresh database with its sessions, and a session that asks it as the shipped reader role."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gocoffee_ops.demo.database import READER
from gocoffee_ops.session import Session
from gocoffee_ops.sources.postgres import Connection
from tests.support import live_session
from tests.testbed.postgres import PostgresServer

PATIENCE_S = 20.0


class Stage:
    """One database: `owner` prepares it, `session()` opens another's, `ops` asks as the reader."""

    def __init__(self, postgres: PostgresServer, name: str, ops: Session, owner: Connection, stack: ExitStack) -> None:
        self.postgres = postgres
        self.name = name
        self.ops = ops
        self.owner = owner
        self._stack = stack

    def session(self, application: str) -> Connection:
        """Another's session; it ends with the stage."""
        opened = self.postgres.connect(database=self.name, application_name=application)
        self._stack.callback(opened.close)
        return opened

    def send(self, session: Connection, statement: str) -> None:
        """Send a statement without waiting for its end."""
        session.pgconn.send_query(statement.encode())
        assert session.pgconn.flush() == 0

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something holds, and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s"
            time.sleep(0.02)
        return found

    def until_waiting(self, session: Connection) -> None:
        """Wait until a session waits for a lock."""
        pid = session.info.backend_pid
        query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        self.until(lambda: self.owner.execute(query, [pid]).fetchone() == (True,), f"{pid} waits for a lock")


@contextmanager
def stage(postgres: PostgresServer, tmp_path: Path, *, user: str = READER) -> Iterator[Stage]:
    """A fresh database that is asked as `user`."""
    with postgres.fresh_database() as name, ExitStack() as stack:
        owner = postgres.connect(database=name, application_name="owner")
        stack.callback(owner.close)
        ops = live_session(tmp_path, databases={"coffee": postgres.tcp_dsn(user, name)})
        yield Stage(postgres, name, ops, owner, stack)
