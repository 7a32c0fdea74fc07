"""One PostgreSQL server: made, started, watched and stopped, with nothing of it left behind.

It listens on a unix socket in a folder that only its own account can enter, and there it trusts the kernel's word on
who connects (peer authentication): no password exists that could leak, and no other user of the machine gets in.
A server for tests also listens on loopback, with generated passwords.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gocoffee_ops.demo.account import Account, run_as, server_environment
from gocoffee_ops.demo.binaries import Binaries
from gocoffee_ops.demo.orphans import stop_orphan
from gocoffee_ops.demo.places import SOCKET_NAME, SOCKET_PATH_MAX
from gocoffee_ops.demo.waiting import wait_until
from gocoffee_ops.errors import DeadlineExceeded, ServerFault, Unsupported
from gocoffee_ops.sources.deadline import Deadline

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 20.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Folders:
    """A server's folders: `data` and `sockets` belong to its account, `conf` and the folder of `log` to us."""

    data: Path
    sockets: Path
    conf: Path
    log: Path


@dataclass
class Server:
    """A PostgreSQL server whose life is bound to ours."""

    binaries: Binaries
    account: Account
    folders: Folders
    owner: str
    roles: Sequence[str]
    settings: Mapping[str, str]
    tcp_port: int | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def create(self) -> None:
        """Make the data folder's contents; the folder itself must be there, empty and the account's."""
        command: list[str | Path] = [
            self.binaries.initdb,
            f"--pgdata={self.folders.data}",
            f"--username={self.owner}",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=reject",  # what is valid stands in our own pg_hba.conf
            "--no-sync",
            "--no-instructions",
        ]
        self._run(command, "create the database's data folder")

    def sync(self) -> None:
        """Bring the data folder of a stopped server to the disk."""
        self._run(
            [self.binaries.initdb, f"--pgdata={self.folders.data}", "--sync-only"],
            "write the database's data folder to disk",
        )

    def _run(self, command: Sequence[str | Path], what: str) -> None:
        try:
            answer = run_as(self.account, command, timeout_s=120)
        except subprocess.TimeoutExpired as error:
            raise DeadlineExceeded(what, target=str(self.folders.data), why="not complete after 120 s") from error
        except OSError as error:
            raise Unsupported(what, target=f"account {self.account.name!r}", why=str(error)) from error
        if answer.returncode:
            why = (answer.stderr or answer.stdout).strip() or f"exit status {answer.returncode}"
            raise ServerFault(what, target=str(self.folders.data), why=why)

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it accepts connections.

        Raises ServerFault, with the end of its log, when it ends instead, and DeadlineExceeded when it does neither.
        """
        if len(os.fsencode(self.folders.sockets / SOCKET_NAME)) > SOCKET_PATH_MAX:
            raise Unsupported("start PostgreSQL", target=str(self.folders.sockets), why="the socket's path is too long")
        stop_orphan(self.folders.data)
        files = self._write_configuration()
        options = {**self.settings, **(extra or {}), **files}
        command = [str(self.binaries.postgres), "-D", str(self.folders.data)]
        command += [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        with self.folders.log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    env=server_environment(),
                    umask=0o077,
                    start_new_session=True,  # a terminal's Ctrl-C is for us, not for the server
                    user=self.account.uid if self.account.is_other else None,
                    group=self.account.gid if self.account.is_other else None,
                    extra_groups=[] if self.account.is_other else None,
                    preexec_fn=_die_with_parent(),  # noqa: PLW1509  set after the switch of account, which clears it
                )
            except OSError as error:
                raise Unsupported(
                    "start PostgreSQL", target=f"account {self.account.name!r}", why=str(error)
                ) from error
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def _await_ready(self) -> None:
        deadline = Deadline.after(START_DEADLINE_S)

        def ready() -> bool:
            if not self.is_running:
                raise ServerFault("start PostgreSQL", target=str(self.folders.data), why=self.log_tail())
            return postmaster_status(self.folders.data) == "ready"

        wait_until(ready, deadline, "start PostgreSQL", target=str(self.folders.data), last_seen=self.log_tail)

    @property
    def is_running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, or None when it is not running."""
        return self._process.pid if self._process is not None and self.is_running else None

    def stop(self) -> None:
        """Stop it: sessions are ended and statistics saved; by force when it does not obey in time."""
        process = self._process
        if process is None:
            return
        for number, patience_s in ((signal.SIGINT, STOP_DEADLINE_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if process.poll() is None:
                process.send_signal(number)
            try:
                process.wait(timeout=patience_s)
            except subprocess.TimeoutExpired:
                continue
            self._process = None
            return
        raise DeadlineExceeded("stop PostgreSQL", target=f"pid {process.pid}", why="it outlived SIGKILL by 5 s")

    def log_tail(self, lines: int = 8) -> str:
        """The last lines of the server's log."""
        try:
            text = self.folders.log.read_text(errors="replace")
        except FileNotFoundError:
            return "the server wrote no log"
        return " | ".join(text.splitlines()[-lines:]) or "the server wrote no log"

    def conninfo(self, user: str, database: str) -> str:
        """A connection string over the socket; it also checks that the server runs as the expected account."""
        peer = self.account.name
        return f"host='{self.folders.sockets}' port={self.port} dbname={database} user={user} requirepeer={peer}"

    @property
    def port(self) -> int:
        """The number in the socket's name, and of the loopback port where there is one."""
        return self.tcp_port or 5432

    def _write_configuration(self) -> dict[str, str]:
        """The files stand outside the data folder: as root we write nothing where another account could lay a link."""
        hba = [f"local all {','.join(self.roles)} peer map=clients"]
        if self.tcp_port is not None:
            hba.append("host all all 127.0.0.1/32 scram-sha-256")
        ident = [f'clients "{self.account.client}" {role}' for role in self.roles]
        files = {
            "config_file": ("postgresql.conf", [f"listen_addresses = '{'127.0.0.1' if self.tcp_port else ''}'"]),
            "hba_file": ("pg_hba.conf", hba),
            "ident_file": ("pg_ident.conf", ident),
        }
        for name, lines in files.values():
            path = self.folders.conf / name
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            path.chmod(0o644)
        return {
            **{setting: str(self.folders.conf / name) for setting, (name, _) in files.items()},
            "unix_socket_directories": str(self.folders.sockets),
            "port": str(self.port),
        }


def postmaster_status(data: Path) -> str:
    """What the server last wrote of itself: "starting", "ready", "stopping", or "" when nothing yet."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux the kernel stops the server, cleanly, when the process that started it is gone, however it went."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arm
