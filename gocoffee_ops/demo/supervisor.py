"""The demo's supervisor: it makes and starts the server, holds the planted sessions, and stops when nobody is left.

One runs for each demo, for as long as it holds the supervisor lock. Everyone who uses the demo holds a shared lock on
the lease file; the supervisor now and then asks for the exclusive one. When it gets it, nobody is left: the kernel drops
a lock with its process, however that ended. It keeps the exclusive lock while it stops, so that whoever comes meanwhile
waits and then starts another.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from gocoffee_ops.demo.account import Account, run_account
from gocoffee_ops.demo.binaries import Binaries, find_binaries
from gocoffee_ops.demo.database import OWNER, ROLES, SETTINGS, fill
from gocoffee_ops.demo.locks import FileLock
from gocoffee_ops.demo.places import Places, own_folder, require_passable, socket_folder
from gocoffee_ops.demo.planted import PlantedSessions
from gocoffee_ops.demo.server import Folders, Server
from gocoffee_ops.demo.state import State, write_state
from gocoffee_ops.demo.workload import ensure_workload
from gocoffee_ops.errors import OpsError, ServerFault

POLL_S = 0.2
# The age that the planted sessions have at least reached when the demo is ready: over every limit of the demo.
PLANTED_AGE_S = 1.05
KEEP_OTHERS_S = 3 * 86400.0


class StopRequested(Exception):
    """Somebody asked the demo to stop while it was starting."""


class Supervisor:
    """One demo's life, from its folders to its end."""

    def __init__(self, places: Places, account: Account, binaries: Binaries, grace_s: float, token: str) -> None:
        self.places = places
        self.grace_s = grace_s
        self.token = token
        self.terminated = False
        self._leases = FileLock(places.lease_lock)
        folders = Folders(
            data=places.data,
            sockets=socket_folder(places.root / "sockets", places.stamp, account),
            conf=own_folder(places.conf, mode=0o755),
            log=places.server_log,
        )
        self.server = Server(binaries, account, folders, OWNER, ROLES, SETTINGS)
        self.planted = PlantedSessions(self.server)

    def run(self) -> None:
        """Start, hold, stop. Raises what went wrong."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        self.places.stop_request.unlink(missing_ok=True)
        self._publish("starting")
        try:
            self._start()
            self._hold()
        except StopRequested:
            pass
        finally:
            self._publish("stopping")
            try:
                if self.server.is_running:
                    self.planted.close()
            finally:
                self.planted.forget()
                self.server.stop()
                self._remove_sockets()
            self.places.stop_request.unlink(missing_ok=True)
            self.places.plant_request.unlink(missing_ok=True)
        self._publish("stopped")

    def _remove_sockets(self) -> None:
        """Leave no folder in /tmp, where it had to be for a long home."""
        if self.places.root not in self.server.folders.sockets.parents:
            shutil.rmtree(self.server.folders.sockets, ignore_errors=True)

    def _on_terminate(self, _number: int, _frame: FrameType | None) -> None:
        self.terminated = True

    def _publish(self, phase: str) -> None:
        write_state(self.places.state, State.of(self.server, phase, self.token))

    def _keep_going(self) -> None:
        if self.terminated or self.places.stop_request.exists():
            raise StopRequested

    def _start(self) -> None:
        if self.places.data.is_dir():
            try:
                self.server.start()
            except ServerFault:
                # The cache is damaged, or was cut off in a way that PostgreSQL cannot mend: it is only a cache.
                traceback.print_exc()
                self._build()
                self.server.start()
        else:
            self._build()
            self.server.start()
        self._keep_going()
        if ensure_workload(self.server, self._keep_going):
            print("the workload was run", flush=True)  # noqa: T201  the supervisor's log
        self._plant()

    def _plant(self) -> None:
        self._keep_going()
        if self.planted.ensure():
            time.sleep(PLANTED_AGE_S)
        self.places.plant_request.unlink(missing_ok=True)
        self._publish("ready")

    def _build(self) -> None:
        """Make the data folder aside and rename it, so that a half-made one is never used."""
        remove_leftovers(self.places)
        self._publish("building")
        account = self.server.account
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.places.root))
        try:
            partial.chmod(0o755 if account.is_other else 0o700)
            data = own_folder(partial / "data", mode=0o700, uid=account.uid, gid=account.gid)
            server = Server(
                self.server.binaries,
                account,
                Folders(data, self.server.folders.sockets, self.server.folders.conf, self.server.folders.log),
                OWNER,
                ROLES,
                SETTINGS,
            )
            server.create()
            server.start({"fsync": "off", "full_page_writes": "off", "autovacuum": "off"})
            try:
                self._keep_going()
                fill(server)
            finally:
                server.stop()
            server.sync()
            self._keep_going()
            partial.rename(self.places.cluster)
        finally:
            if partial.exists():
                shutil.rmtree(partial)

    def _hold(self) -> None:
        """Until nobody holds a lease for the grace time, or a stop is asked for."""
        free_since: float | None = None
        while True:
            time.sleep(POLL_S)
            self._keep_going()
            if not self.server.is_running:
                raise ServerFault("hold the demo's database", target=self.places.stamp, why=self.server.log_tail())
            if self.places.plant_request.exists():
                with contextlib.suppress(ValueError):  # empty: it is just being written, and read at the next turn
                    self.grace_s = max(self.grace_s, float(self.places.plant_request.read_text()))
                    self._plant()
            if not self._leases.acquire():
                free_since = None
                continue
            free_since = time.monotonic() if free_since is None else free_since
            if time.monotonic() - free_since >= self.grace_s:
                return  # with the lock held: it goes with this process
            self._leases.release()


def remove_leftovers(places: Places) -> None:
    """Remove this demo's half-made and damaged folders, and the demos of other releases that nobody used for long."""
    for folder in (*places.root.glob(".partial-*"), places.cluster):
        if folder.is_dir():
            shutil.rmtree(folder)
    for root in places.home.glob("pg*"):
        other = Places(places.home, root.name)
        if other.stamp == places.stamp or not other.state.is_file():
            continue
        if time.time() - other.state.stat().st_mtime < KEEP_OTHERS_S:
            continue
        lock = FileLock(other.supervisor_lock)
        if lock.acquire():
            shutil.rmtree(root)
            lock.release()


def _acquire_patiently(lock: FileLock) -> bool:
    """Take the lock; who only looks whether it is held has it for an instant."""
    end = time.monotonic() + 0.5
    while not lock.acquire():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the supervisor in the background; returns once it holds its lock, or another one does."""
    parser = argparse.ArgumentParser(prog="gocoffee_ops.demo.supervisor", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--stamp", required=True)
    parser.add_argument("--grace-s", type=float, required=True)
    parser.add_argument("--token", default="")
    given = parser.parse_args(arguments)
    os.umask(0o077)
    places = Places(given.home, given.stamp)
    lock = FileLock(places.supervisor_lock)
    if not _acquire_patiently(lock):
        return 0
    if os.fork():  # the lock stays with the child; who started us need not wait for it, nor reap it
        return 0
    try:
        account = run_account()
        require_passable(places.root, account)
        Supervisor(places, account, find_binaries(account, places.home), given.grace_s, given.token).run()
    except OpsError as error:
        traceback.print_exc()
        failed = State(phase="failed", pid=os.getpid(), token=given.token, error=json.dumps(error.to_record()))
        write_state(places.state, failed)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
