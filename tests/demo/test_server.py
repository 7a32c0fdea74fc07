"""One server: closed to everyone else, stopped with its starter, and honest about why it does not start."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gocoffee_ops.demo.account import run_account
from gocoffee_ops.demo.database import READER
from gocoffee_ops.demo.orphans import command_line, is_server_of, stop_orphan
from gocoffee_ops.demo.server import postmaster_status
from gocoffee_ops.demo.waiting import wait_until
from gocoffee_ops.errors import OpsError, ServerFault
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import connect
from tests.testbed.pg_fixtures import require_major
from tests.testbed.postgres import WHEEL_MAJOR, PostgresServer

STARTER = """
import sys
from tests.testbed.postgres import PostgresServer, find_major
server = PostgresServer(find_major(18))
server.__enter__()
print(server.server.pid, server.server.folders.data, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server() -> PostgresServer:
    return PostgresServer(require_major(WHEEL_MAJOR))


def test_it_does_not_run_as_root(server: PostgresServer) -> None:
    with server:
        assert Path(f"/proc/{server.server.pid}").stat().st_uid == run_account().uid != 0


def test_the_socket_lets_nobody_be_a_role_that_is_not_listed(server: PostgresServer) -> None:
    with server:
        with server.connect() as admin:
            admin.execute("CREATE ROLE intruder LOGIN SUPERUSER")
        with pytest.raises(OpsError, match=r"no pg_hba\.conf entry|pg_hba"):
            server.connect("intruder")


def test_loopback_wants_the_right_password(server: PostgresServer) -> None:
    with server:
        with connect(server.tcp_dsn(READER), application_name="test") as connection:
            assert connection.execute("SELECT current_user::text").fetchone() == (READER,)
        wrong = server.tcp_dsn(READER).replace(server.passwords[READER], "wrong")
        with pytest.raises(OpsError, match="password authentication failed"):
            connect(wrong, application_name="test")


def test_a_server_that_does_not_start_says_why(server: PostgresServer) -> None:
    server.settings["shared_preload_libraries"] = "no_such_library"
    with pytest.raises(ServerFault, match="no_such_library"), server:
        pass


def test_a_stopped_server_leaves_no_process_and_no_folder(server: PostgresServer) -> None:
    with server:
        pid, data = server.server.pid, server.server.folders.data
        assert pid is not None
        assert is_server_of(pid, data)
        assert postmaster_status(data) == "ready"
    assert command_line(pid) == []
    assert not data.parent.exists()


def test_an_orphan_is_recognized_and_stopped(server: PostgresServer) -> None:
    with server:
        pid = server.server.pid
        assert stop_orphan(server.server.folders.data) == pid
        assert not server.server.is_running
        assert postmaster_status(server.server.folders.data) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells a child of its parent's death only on Linux")
def test_it_stops_when_its_starter_is_killed() -> None:
    require_major(WHEEL_MAJOR)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", STARTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as starter:
        assert starter.stdout is not None
        pid, folder = starter.stdout.readline().split()
        assert is_server_of(int(pid), Path(folder))
        starter.kill()
    gone = Deadline.after(20)
    wait_until(lambda: command_line(int(pid)) == [], gone, "wait for the server's end", target=pid)
    shutil.rmtree(Path(folder).parent)  # which the killed one could not do
