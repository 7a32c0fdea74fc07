"""What only root can show: the server runs as somebody else, other users are kept out, and they can run their own."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gocoffee_ops import demo
from gocoffee_ops.demo.lease import Lease
from gocoffee_ops.errors import Unsupported
from gocoffee_ops.sources.postgres import connect

PACKAGE_PARENT = Path(demo.__file__).parents[2]
STRANGER = pwd.getpwnam("daemon")

CONNECT = """
import sys
from gocoffee_ops.errors import OpsError
from gocoffee_ops.sources.postgres import connect
try:
    connect(sys.argv[1], application_name="stranger")
except OpsError as error:
    sys.exit(str(error))
"""
LIFE = """
import sys
from pathlib import Path
from gocoffee_ops import demo
from gocoffee_ops.sources.postgres import connect
home = Path(sys.argv[1])
with demo.start(home=home, grace_s=1.0) as lease:
    with connect(lease.dsn, application_name="test") as connection:
        print(connection.execute("SELECT current_user::text, setting FROM pg_settings WHERE name = 'data_directory'").fetchone())
    print(Path(f"/proc/{demo.status(home=home)[0].server_pid}").stat().st_uid)
print(demo.stop(home=home))
"""


def as_stranger(interpreter: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code as an ordinary user of the machine."""
    paths = [str(PACKAGE_PARENT), sysconfig.get_path("purelib")]
    return subprocess.run(
        [interpreter, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        cwd="/",
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
        user=STRANGER.pw_uid,
        group=STRANGER.pw_gid,
        extra_groups=[],
    )


@pytest.fixture(scope="session")
def interpreter() -> str:
    """A Python that an ordinary user can run with our packages: root's own often lies in a closed folder."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            if as_stranger(candidate, "import gocoffee_ops.demo, psycopg").returncode == 0:
                return candidate
        except OSError:
            continue
    pytest.skip(f"the user {STRANGER.pw_name!r} can run no {name} with these packages")


@pytest.fixture
def lease(demo_home: Path) -> Iterator[Lease]:
    with demo.start(home=demo_home, grace_s=1.0) as lease:
        yield lease


def test_the_demos_server_runs_as_nobody(lease: Lease, demo_home: Path) -> None:
    (status,) = demo.status(home=demo_home)
    assert Path(f"/proc/{status.server_pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert Path(f"/proc/{status.pid}").stat().st_uid == 0


def test_the_server_owns_its_data_and_socket_and_nothing_else(lease: Lease, demo_home: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    tops = {path for path in demo_home.rglob("*") if path.lstat().st_uid == nobody and path.parent.lstat().st_uid == 0}
    assert tops == {lease.places.data, lease.places.root / "sockets"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tops} == {0o700}


def test_the_server_listens_on_no_port(lease: Lease) -> None:
    with connect(lease.dsn, application_name="test") as connection:
        assert connection.execute("SELECT current_setting('listen_addresses')").fetchone() == ("",)


def test_another_user_does_not_get_in_even_when_the_socket_is_open_to_him(lease: Lease, interpreter: str) -> None:
    closed = as_stranger(interpreter, CONNECT, lease.owner_dsn)
    assert "Permission denied" in closed.stderr
    sockets = lease.places.root / "sockets"
    sockets.chmod(0o755)
    try:
        opened = as_stranger(interpreter, CONNECT, lease.owner_dsn)
    finally:
        sockets.chmod(0o700)
    assert opened.returncode == 1
    assert 'Peer authentication failed for user "coffee_owner"' in opened.stderr


def test_an_ordinary_user_runs_a_demo_of_his_own_from_where_the_wheel_lies(interpreter: str) -> None:
    home = Path(tempfile.mkdtemp(prefix="gco-user-"))
    os.chown(home, STRANGER.pw_uid, STRANGER.pw_gid)
    try:
        answer = as_stranger(interpreter, LIFE, str(home))
        assert answer.returncode == 0, answer.stderr
        who, uid, stopped = answer.stdout.splitlines()
        assert "gocoffee_reader" in who
        assert (int(uid), stopped) == (STRANGER.pw_uid, "1")
        assert not list(home.glob("bin-*")), "the programs were copied for nothing"
    finally:
        shutil.rmtree(home)


def test_a_home_that_nobody_cannot_enter_is_refused_and_stays_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(Unsupported, match=r"'nobody', which cannot enter.*GOCOFFEE_DEMO_HOME"):
        demo.start(home=tmp_path / "demo")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_home_that_another_user_prepared_is_refused() -> None:
    home = Path(tempfile.mkdtemp(prefix="gco-planted-"))
    home.chmod(0o755)
    os.chown(home, STRANGER.pw_uid, STRANGER.pw_gid)
    try:
        with pytest.raises(Unsupported, match=rf"belongs to uid {STRANGER.pw_uid}, not to uid 0"):
            demo.start(home=home)
    finally:
        home.rmdir()
