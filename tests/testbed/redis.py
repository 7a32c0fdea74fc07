"""A throwaway Redis server on loopback, with the shipped reader user; Debian's package redis-server has the program."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import redis

from tests.testbed.layout import free_ports
from tests.testbed.tether import tether

ACL = Path(__file__).parents[2] / "deploy" / "redis-reader.acl"
READER = "gocoffee_reader"
START_S = 20.0
SETTLED_S = 20.0


class Missing(Exception):
    """There is no redis-server here."""


def program() -> str:
    """The server's program. Raises Missing."""
    found = shutil.which("redis-server")
    if found is None:
        raise Missing("there is no redis-server: apt-get install redis-server")
    return found


class RedisServer:
    """A server in a temporary folder; a context manager. The default user, who may do all, has a password too."""

    def __init__(self, settings: Mapping[str, str] | None = None, *, master: RedisServer | None = None) -> None:
        self.port = free_ports(("redis",))["redis"]
        self.passwords = {"default": secrets.token_urlsafe(12), READER: secrets.token_urlsafe(12)}
        self._settings = dict(settings or {})
        self._master = master
        self.folder = Path(tempfile.mkdtemp(prefix="gco-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is not started"
        return self._process

    def admin(self) -> redis.Redis:
        """A client that may do all."""
        return redis.Redis(port=self.port, password=self.passwords["default"], decode_responses=True)

    def reader(self) -> redis.Redis:
        """A client of the shipped user."""
        return redis.Redis(port=self.port, username=READER, password=self.passwords[READER], decode_responses=True)

    def __enter__(self) -> RedisServer:
        acl = self.folder / "users.acl"
        acl.write_text(f"user default on >{self.passwords['default']} ~* &* +@all\n{ACL.read_text()}")
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "aclfile": str(acl),
            "save": '""',
            "daemonize": "no",
            "logfile": str(self.folder / "server.log"),
            **self._settings,
        }
        if self._master is not None:
            settings |= {
                "replicaof": f"127.0.0.1 {self._master.port}",
                "masterauth": self._master.passwords["default"],
            }
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        (self.folder / "redis.conf").write_text(text)
        self._process = subprocess.Popen(
            [program(), str(self.folder / "redis.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            preexec_fn=tether(),  # noqa: PLW1509  it calls the kernel and nothing else
        )
        try:
            self._wait()
            with self.admin() as admin:
                admin.execute_command("ACL", "SETUSER", READER, f">{self.passwords[READER]}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        while True:
            try:
                with self.admin() as admin:
                    admin.info("server")
            except redis.ConnectionError as error:
                log = self.folder / "server.log"
                if self.process.poll() is not None or time.monotonic() > until:
                    said = log.read_text() if log.exists() else ""
                    raise AssertionError(f"redis-server did not start: {error}\n{said}") from error
                time.sleep(0.05)
            else:
                return

    def pause(self) -> None:
        """It hangs: its process is stopped."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the process."""
        self.resume()
        self.process.terminate()
        self.process.wait(20)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + SETTLED_S
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {SETTLED_S} s"
        time.sleep(0.05)


def until_followed(master: RedisServer, replica: RedisServer) -> None:
    """Wait until a replica has all that its master has, and both know it."""
    with replica.admin() as ours, master.admin() as theirs:

        def followed() -> bool:
            told = theirs.info("replication")
            seen = told.get("slave0") or {}
            return (
                ours.info("replication")["master_link_status"] == "up"
                and seen.get("state") == "online"
                and seen.get("offset") == told["master_repl_offset"]
            )

        until(followed, "the replica follows")
