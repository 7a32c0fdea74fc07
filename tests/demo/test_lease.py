"""The demo's life: who holds it, what ends it, and what it comes back from."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gocoffee_ops import demo
from gocoffee_ops.demo.lease import Lease
from gocoffee_ops.demo.places import Places
from gocoffee_ops.demo.state import State, read_state, write_state
from gocoffee_ops.demo.waiting import wait_until
from gocoffee_ops.errors import ServerFault, Unreachable
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import connect
from tests.demo.conftest import Holder, await_stopped, processes_of

Hold = Callable[[], Holder]


def start(home: Path) -> Lease:
    return demo.start(home=home, grace_s=1.0)


def ask(dsn: str, question: str) -> object:
    with connect(dsn, application_name="test", autocommit=True) as connection:
        row = connection.execute(question).fetchone()
        assert row is not None
        return row[0]


def stats_reset(lease: Lease) -> object:
    return ask(lease.dsn, "SELECT stats_reset FROM pg_stat_statements_info")


def the_demo(home: Path) -> Places:
    (status,) = demo.status(home=home)
    return Places(home, status.stamp)


def test_two_processes_that_start_it_at_once_share_one_server(home: Path, hold: Hold) -> None:
    first, second = hold(), hold()
    assert first.server() == second.server()


def test_a_second_start_finds_the_data_and_the_figures(home: Path) -> None:
    with start(home) as lease:
        made, figures = lease.places.data.stat().st_ino, stats_reset(lease)
    demo.stop(home=home)
    with start(home) as lease:
        assert (lease.places.data.stat().st_ino, stats_reset(lease)) == (made, figures)


def test_a_killed_holder_gives_its_lease_back(home: Path, hold: Hold) -> None:
    holder = hold()
    holder.server()
    holder.kill()
    await_stopped(home)
    assert [status.phase for status in demo.status(home=home)] == ["stopped"]


def test_it_runs_on_while_one_of_two_holders_lives(home: Path, hold: Hold) -> None:
    first = hold()
    server = first.server()
    with start(home) as lease:
        first.kill()
        assert ask(lease.dsn, "SELECT 1") == 1
        (status,) = demo.status(home=home)
        assert (status.pid, status.server_pid) == server


def test_a_closed_lease_stops_it_and_a_new_one_starts_it(home: Path) -> None:
    lease = start(home)
    lease.close()
    await_stopped(home)
    with pytest.raises(Unreachable):
        ask(lease.dsn, "SELECT 1")
    with start(home) as again:
        assert ask(again.dsn, "SELECT 1") == 1


def test_a_start_while_it_stops_waits_and_gets_a_server(home: Path, hold: Hold) -> None:
    holder = hold()
    supervisor, _ = holder.server()
    os.kill(supervisor, signal.SIGTERM)
    with start(home) as lease:
        assert ask(lease.dsn, "SELECT 1") == 1
        (status,) = demo.status(home=home)
        assert status.phase == "ready"


def test_stop_ends_it_although_somebody_holds_it(home: Path, hold: Hold) -> None:
    hold().server()
    assert demo.stop(home=home) == 1
    assert processes_of(home / the_demo(home).stamp) == []
    assert demo.stop(home=home) == 0


def test_stop_and_status_of_a_home_that_is_not_there_are_quiet(tmp_path: Path) -> None:
    assert demo.stop(home=tmp_path / "none") == 0
    assert demo.status(home=tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells a child of its parent's death only on Linux")
def test_a_killed_supervisor_takes_its_server_along(home: Path, hold: Hold) -> None:
    holder = hold()
    supervisor, _ = holder.server()
    os.kill(supervisor, signal.SIGKILL)
    await_stopped(the_demo(home).root)
    with start(home) as lease:
        assert ask(lease.dsn, "SELECT 1") == 1


def test_a_killed_server_ends_its_supervisor_and_the_next_one_works_again(home: Path, hold: Hold) -> None:
    """A crash loses the server's statistics, so that the workload has to be run again."""
    with start(home) as lease:
        before = stats_reset(lease)
        (status,) = demo.status(home=home)
        assert status.server_pid is not None
        os.kill(status.server_pid, signal.SIGKILL)
        await_stopped(home)
        state = read_state(lease.places.state)
        assert state is not None
        assert state.phase == "failed"
    with start(home) as lease:
        assert stats_reset(lease) != before
        assert ask(lease.dsn, "SELECT max(calls) >= 1000 FROM pg_stat_statements") is True


def test_files_that_a_reboot_left_do_not_hinder_it(home: Path) -> None:
    """The pid files name a process that is something else by now: this one."""
    start(home).close()
    await_stopped(home)
    places = the_demo(home)
    write_state(places.state, State(phase="ready", pid=os.getpid(), server_pid=os.getpid(), dsn="host=/nowhere"))
    (places.data / "postmaster.pid").write_text(f"{os.getpid()}\n{places.data}\n1\n5432\n\n\n\nready\n")
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (places.root / "sockets" / name).write_text(f"{os.getpid()}\n")
    places.plant_request.write_text("1")
    places.stop_request.touch()
    assert [status.phase for status in demo.status(home=home)] == ["stopped"]
    with start(home) as lease:
        assert ask(lease.dsn, "SELECT 1") == 1


def test_a_planted_session_that_was_ended_is_back_with_the_next_lease(home: Path) -> None:
    forgotten = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    with start(home) as lease:
        ask(
            lease.owner_dsn,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE state = 'idle in transaction'",
        )
        gone = Deadline.after(10)
        wait_until(lambda: ask(lease.dsn, forgotten) == 0, gone, "end a session", target="idle in transaction")
        with start(home) as next_lease:
            assert ask(next_lease.dsn, forgotten) == 1


def test_damaged_data_are_made_anew(home: Path) -> None:
    start(home).close()
    await_stopped(home)
    control = the_demo(home).data / "global" / "pg_control"
    control.write_bytes(bytes(control.stat().st_size))
    with start(home) as lease:
        assert ask(lease.app_dsn, "SELECT count(*) FROM orders") == 150_000


def test_the_longest_grace_that_was_asked_for_counts(home: Path) -> None:
    with start(home):
        demo.start(home=home, grace_s=600.0).close()
    time.sleep(2.0)  # twice the first one's grace
    assert [status.phase for status in demo.status(home=home)] == ["ready"]


@pytest.fixture
def broken_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose PostgreSQL knows its release and can do nothing else."""
    with tempfile.TemporaryDirectory(prefix="gco-broken-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for program, last in (("postgres", "exit 1"), ("initdb", "echo 'initdb: disk full' >&2; exit 1")):
            text = f"#!/bin/sh\n[ \"$1\" = --version ] && echo 'postgres (PostgreSQL) 18.0' && exit 0\n{last}\n"
            (folder / program).write_text(text)
            (folder / program).chmod(0o755)
        monkeypatch.setenv("GOCOFFEE_POSTGRES_BIN", name)
        yield folder / "home"


def test_a_demo_that_cannot_be_made_says_why_each_time_and_leaves_nothing_running(broken_home: Path) -> None:
    for _ in range(2):
        with pytest.raises(ServerFault, match="disk full"):
            start(broken_home)
    assert processes_of(broken_home) == []
    assert [status.phase for status in demo.status(home=broken_home)] == ["stopped"]
    assert list(broken_home.glob("*/.partial-*")) == []


def test_a_long_home_leaves_no_socket_folder_behind(broken_home: Path) -> None:
    home = broken_home.with_name("long" * 20)
    with pytest.raises(ServerFault, match="disk full"):
        start(home)
    (status,) = demo.status(home=home)
    assert not (home / status.stamp / "sockets").exists()
    assert not list(Path("/tmp").glob(f"gocoffee-ops-*-{status.stamp}"))


def test_a_stop_during_the_start_ends_it_with_that_reason(demo_home: Path) -> None:
    def stop_at(phase: str) -> None:
        if phase == "starting":
            demo.stop(home=demo_home)

    start(demo_home).close()
    await_stopped(demo_home)
    with pytest.raises(ServerFault, match="somebody stopped it meanwhile"):
        demo.start(home=demo_home, progress=stop_at)
    assert processes_of(demo_home) == []
