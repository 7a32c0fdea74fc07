"""pgbouncer in transaction mode before a server of the testbed; Debian's package, on loopback."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gocoffee_ops.demo.account import run_account, server_environment
from tests.testbed.postgres import Missing, PostgresServer, free_port
from tests.testbed.tether import tether

START_DEADLINE_S = 20.0


def program() -> Path:
    """Where pgbouncer is. Raises Missing."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        raise Missing("pgbouncer is not installed")
    return Path(found)


@contextmanager
def pgbouncer(server: PostgresServer, *, connections: int = 1, port: int = 0) -> Iterator[int]:
    """The port of a pgbouncer that has so many connections to the server for each role and database.

    It is configured as its documentation begins: what a client needs beyond that, it may not have.
    """
    account, where = run_account(), program()
    folder = Path(tempfile.mkdtemp(prefix="gco-bouncer-"))
    try:
        folder.chmod(0o755)
        port = port or free_port()
        _write(folder / "users.txt", "\n".join(f'"{role}" "{word}"' for role, word in server.passwords.items()))
        _write(folder / "pgbouncer.ini", _configuration(server, port, folder / "users.txt", connections))
        process = subprocess.Popen(
            [where, folder / "pgbouncer.ini"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=server_environment(),
            user=account.uid if account.is_other else None,
            group=account.gid if account.is_other else None,
            extra_groups=[] if account.is_other else None,
            preexec_fn=tether(),  # noqa: PLW1509  set after the switch of account, which clears it
        )
        try:
            _await_start(process)
            yield port
        finally:
            process.kill()
            process.communicate()
    finally:
        shutil.rmtree(folder)


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n")
    path.chmod(0o644)  # the folder is a test's own, and so are the passwords


def _configuration(server: PostgresServer, port: int, users: Path, connections: int) -> str:
    return f"""
[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}"""


def _await_start(process: subprocess.Popen[str]) -> None:
    """It says on stderr when it is up."""
    assert process.stderr is not None
    end, said = time.monotonic() + START_DEADLINE_S, ""
    while "process up" not in said:
        line = process.stderr.readline()
        said += line
        assert line, f"pgbouncer ended: {said}"
        assert time.monotonic() < end, f"pgbouncer did not start: {said}"
