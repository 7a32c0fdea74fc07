"""Where the demo keeps its files: folders that no other user can have prepared for us.

home/                              ours; 0700, for root 0755, as the server's account has to pass through
  bin-<release>/                   root only: a copy of the wheel's server that `nobody` can read
  <stamp>/                         one demo: a hash of PostgreSQL's release, the schema, the seed and the settings
    supervisor.lock                held by the one supervisor
    leases.lock                    held, shared, by everyone who uses the demo
    state.json, *.request, *.log
    conf/                          the server's configuration: ours, the server only reads it
    sockets/                       the server's
    cluster/data/                  the server's data folder
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from gocoffee_ops.demo.account import Account
from gocoffee_ops.errors import Unsupported

HOME_VARIABLE = "GOCOFFEE_DEMO_HOME"
SOCKET_NAME = ".s.PGSQL.5432"
# A unix socket's path holds 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_MAX = 100


@dataclass(frozen=True)
class Places:
    """The paths of one demo."""

    home: Path
    stamp: str

    @property
    def root(self) -> Path:
        return self.home / self.stamp

    @property
    def supervisor_lock(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def lease_lock(self) -> Path:
        return self.root / "leases.lock"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def stop_request(self) -> Path:
        return self.root / "stop.request"

    @property
    def plant_request(self) -> Path:
        return self.root / "plant.request"

    @property
    def supervisor_log(self) -> Path:
        return self.root / "supervisor.log"

    @property
    def server_log(self) -> Path:
        return self.root / "server.log"

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def cluster(self) -> Path:
        return self.root / "cluster"

    @property
    def data(self) -> Path:
        return self.cluster / "data"


def default_home(account: Account) -> Path:
    """`$GOCOFFEE_DEMO_HOME`, else the user's cache folder; for root a system folder, as nobody cannot enter /root."""
    if given := os.environ.get(HOME_VARIABLE):
        return Path(given).absolute()
    if not account.is_other:
        return platformdirs.user_cache_path("gocoffee-ops") / "demo"
    for parent in (Path("/var/cache"), Path("/var/tmp"), Path("/tmp")):  # noqa: S108  own_folder refuses a planted one
        if parent.is_dir() and os.access(parent, os.W_OK) and parent.stat().st_mode & stat.S_IXOTH:
            return parent / "gocoffee-ops"
    raise Unsupported(
        "find a folder for the demo's database",
        why="none of /var/cache, /var/tmp and /tmp can be written here and entered by 'nobody'",
        hint=f"set {HOME_VARIABLE} to a folder that 'nobody' can enter",
    )


def own_folder(path: Path, *, mode: int, uid: int | None = None, gid: int | None = None) -> Path:
    """Make a folder, or check that the one that is there is ours: right owner, no link, writable by nobody else.

    Parents are made with the default mode and never changed.
    """
    owner = os.geteuid() if uid is None else uid
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=mode)
            path.chmod(mode)  # mkdir's mode passes through the umask
            if uid is not None and gid is not None and uid != os.geteuid():
                os.chown(path, uid, gid)
        found = path.lstat()
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    if not stat.S_ISDIR(found.st_mode):
        raise _refused(path, "it is not a folder")
    if found.st_uid != owner:
        raise _refused(path, f"it belongs to uid {found.st_uid}, not to uid {owner}")
    if found.st_mode & 0o022:
        raise _refused(path, f"others may write to it (mode {stat.S_IMODE(found.st_mode):04o})")
    return path


def _refused(path: Path, why: str) -> Unsupported:
    return Unsupported(
        "use a folder for the demo's database",
        target=str(path),
        why=why,
        hint=f"remove it, or set {HOME_VARIABLE} to another place",
    )


def require_passable(path: Path, account: Account) -> None:
    """For a server that runs as another account: every folder above `path` must let it through."""
    if not account.is_other:
        return
    for folder in (path, *path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            raise Unsupported(
                "use a folder for the demo's database",
                target=str(path),
                why=f"the server runs as {account.name!r}, which cannot enter {folder}",
                hint=f"set {HOME_VARIABLE} to a folder that {account.name!r} can enter",
            )


def socket_folder(preferred: Path, fallback_name: str, account: Account) -> Path:
    """A folder for the server's socket, owned by its account and closed to others, with a path short enough."""
    folder = preferred
    if len(os.fsencode(folder / SOCKET_NAME)) > SOCKET_PATH_MAX:
        folder = Path("/tmp") / f"gocoffee-ops-{os.geteuid()}-{fallback_name}"  # noqa: S108  own_folder checks it
    return own_folder(folder, mode=0o700, uid=account.uid, gid=account.gid)
