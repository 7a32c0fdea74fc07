"""The demo as its users see it: take a lease, read the database, give the lease back."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from gocoffee_ops.demo.account import run_account
from gocoffee_ops.demo.binaries import find_binaries
from gocoffee_ops.demo.locks import FileLock, is_locked
from gocoffee_ops.demo.orphans import stop_orphan
from gocoffee_ops.demo.places import Places, default_home, own_folder, require_passable
from gocoffee_ops.demo.stamp import stamp
from gocoffee_ops.demo.state import State, is_alive, read_state
from gocoffee_ops.demo.waiting import wait_until
from gocoffee_ops.errors import DeadlineExceeded, OpsError, ServerFault, error_from_record
from gocoffee_ops.sources.deadline import Deadline

GRACE_S = 3.0
START_DEADLINE_S = 180.0
STOP_DEADLINE_S = 45.0
SPAWN_DEADLINE_S = 60.0
SPAWNS_MAX = 3
BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from gocoffee_ops.demo.supervisor import main; sys.exit(main(sys.argv[1:]))"
)


@dataclass(frozen=True)
class Lease:
    """The right to a running demo database, held until `close`, the end of a `with`, or the end of the process."""

    dsn: str
    app_dsn: str
    owner_dsn: str
    release: str
    places: Places
    _lock: FileLock

    def close(self) -> None:
        """Give it back; the last one to do so stops the server a few seconds later."""
        self._lock.release()

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class DemoStatus:
    """One demo that is cached on this machine; `phase` is "stopped" when no supervisor lives."""

    stamp: str
    folder: Path
    phase: str
    pid: int | None
    server_pid: int | None
    dsn: str


def start(
    *,
    home: Path | None = None,
    grace_s: float = GRACE_S,
    deadline_s: float = START_DEADLINE_S,
    progress: Callable[[str], None] = lambda _: None,
) -> Lease:
    """A lease on the demo's database, which is made and started when it is not running.

    `dsn` connects as the shipped reader role, `app_dsn` as the services do, `owner_dsn` as superuser. `progress` is told
    what is being waited for. The first start makes the data (seconds); later ones find them. The server runs on for
    `grace_s` after its last lease; the longest that anybody asked for counts.

    Raises Unsupported where PostgreSQL cannot run here, ServerFault when it does not start, DeadlineExceeded.
    """
    account = run_account()
    folder = default_home(account) if home is None else home
    own_folder(folder, mode=0o755 if account.is_other else 0o700)
    require_passable(folder, account)
    places = Places(folder, stamp(find_binaries(account, folder).release))
    own_folder(places.root, mode=0o755 if account.is_other else 0o700)
    deadline = Deadline.after(deadline_s)
    lock = FileLock(places.lease_lock)
    wait_until(
        lambda: lock.acquire(shared=True),
        deadline,
        "take a lease on the demo's database",
        target=str(places.root),
        last_seen=lambda: "its supervisor is stopping",
    )
    try:
        state = _Starter(places, grace_s, progress).run(deadline)
    except BaseException:
        lock.release()
        raise
    return Lease(state.dsn, state.app_dsn, state.owner_dsn, state.release, places, lock)


lease = start


class _Starter:
    """Finds the running supervisor, or starts one, and waits until it is ready."""

    def __init__(self, places: Places, grace_s: float, progress: Callable[[str], None]) -> None:
        self.places = places
        self.grace_s = grace_s
        self.progress = progress
        self.token = secrets.token_hex(8)
        self.spawned = 0
        self.last_phase = ""

    def run(self, deadline: Deadline) -> State:
        self._request_sessions()
        wait_until(
            self._is_ready,
            deadline,
            "start the demo's database",
            target=str(self.places.root),
            last_seen=lambda: self.last_phase or "no supervisor",
        )
        state = live_state(self.places)
        if state is None:
            raise self._failure(None)
        return state

    def _request_sessions(self) -> None:
        """A supervisor that runs already is asked for our grace time, and for the planted sessions that somebody ended."""
        state = live_state(self.places)
        if state is not None and state.phase == "ready":
            self.places.plant_request.write_text(str(self.grace_s))

    def _is_ready(self) -> bool:
        state = live_state(self.places)
        if state is None:
            self._start_supervisor()
            return False
        if state.phase != self.last_phase:
            self.last_phase = state.phase
            self.progress(state.phase)
        return state.phase == "ready" and not self.places.plant_request.exists()

    def _start_supervisor(self) -> None:
        if is_locked(self.places.supervisor_lock):
            return  # one is there, and has not said anything yet
        state = read_state(self.places.state)
        if state is not None and state.token == self.token:
            raise self._failure(state)
        if self.spawned == SPAWNS_MAX:
            raise self._failure(None)
        self.spawned += 1
        spawn(self.places, self.grace_s, self.token)

    def _failure(self, state: State | None) -> OpsError:
        """Why our supervisor is gone: its own word for it, else the end of its log."""
        if state is not None and state.phase == "failed":
            return error_from_record(json.loads(state.error))
        target = str(self.places.supervisor_log)
        if state is not None and state.phase in {"stopping", "stopped"}:
            return ServerFault("start the demo's database", target=target, why="somebody stopped it meanwhile")
        try:
            log = self.places.supervisor_log.read_text(errors="replace").splitlines()[-3:]
        except FileNotFoundError:
            log = []
        why = " | ".join(log) or "its supervisor ended without a word"
        return ServerFault("start the demo's database", target=target, why=why)


def spawn(places: Places, grace_s: float, token: str) -> None:
    """Start a supervisor that outlives us, our terminal and our working folder.

    When this returns, the supervisor lock is held, by the new supervisor or by another that was first, or it has ended.
    """
    package_parent = Path(__file__).resolve().parents[2]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    options = {"--home": places.home, "--stamp": places.stamp, "--grace-s": grace_s, "--token": token}
    command = [sys.executable, "-P", "-c", BOOT, str(package_parent)]
    command += [str(word) for option in options.items() for word in option]
    what = "start the demo's supervisor"
    with places.supervisor_log.open("ab") as log:
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment,
                start_new_session=True,
                check=False,  # what it says stands in its state and its log
                timeout=SPAWN_DEADLINE_S,
            )
        except subprocess.TimeoutExpired as error:
            why = f"not complete after {SPAWN_DEADLINE_S:g} s"
            raise DeadlineExceeded(what, target=str(places.root), why=why) from error
        except OSError as error:
            raise ServerFault(what, target=sys.executable, why=str(error)) from error


def live_state(places: Places) -> State | None:
    """What the supervisor says, if one lives: a state file alone may be of a crash or of before a reboot."""
    if not is_locked(places.supervisor_lock):
        return None
    state = read_state(places.state)
    return state if state is not None and is_alive(state.pid) else None


def status(*, home: Path | None = None) -> list[DemoStatus]:
    """The demos that are cached here, and what each is doing. Changes nothing."""
    folder = default_home(run_account()) if home is None else home
    found = []
    for places in _cached(folder):
        state = live_state(places)
        if state is None:
            found.append(DemoStatus(places.stamp, places.root, "stopped", None, None, ""))
        else:
            found.append(DemoStatus(places.stamp, places.root, state.phase, state.pid, state.server_pid, state.dsn))
    return found


def stop(*, home: Path | None = None, deadline_s: float = STOP_DEADLINE_S) -> int:
    """Stop every demo of ours, also one that somebody still uses; returns how many were running.

    The data stay cached. Raises DeadlineExceeded when a supervisor does not obey.
    """
    folder = default_home(run_account()) if home is None else home
    deadline = Deadline.after(deadline_s)
    return sum(_stop_one(places, deadline) for places in _cached(folder))


def _cached(folder: Path) -> list[Places]:
    return [Places(folder, root.parent.name) for root in sorted(folder.glob("pg*/supervisor.lock"))]


def _stop_one(places: Places, deadline: Deadline) -> bool:
    lock = FileLock(places.supervisor_lock)
    was_running = not lock.acquire()
    if was_running:
        places.stop_request.touch()
        wait_until(
            lock.acquire,
            deadline,
            "stop the demo's database",
            target=str(places.root),
            last_seen=lambda: f"supervisor: {read_state(places.state)}",
        )
    try:
        places.stop_request.unlink(missing_ok=True)
        return stop_orphan(places.data) is not None or was_running
    finally:
        lock.release()
