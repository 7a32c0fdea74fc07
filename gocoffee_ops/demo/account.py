"""Which account runs the demo's server, and who the operating system says we are."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gocoffee_ops.errors import Unsupported


@dataclass(frozen=True)
class Account:
    """The account that runs the server, and the name by which PostgreSQL's peer authentication knows its client."""

    uid: int
    gid: int
    name: str
    client: str

    @property
    def is_other(self) -> bool:
        """Whether the server runs as somebody else than its clients: it does for root."""
        return self.name != self.client


def run_account(uid: int | None = None) -> Account:
    """Our own account, or `nobody` for root, as whom PostgreSQL refuses to run.

    Raises Unsupported for a uid without a passwd entry: neither initdb nor peer authentication works for one.
    """
    own_uid = os.geteuid() if uid is None else uid
    try:
        own = pwd.getpwuid(own_uid)
    except KeyError:
        raise Unsupported(
            "start PostgreSQL",
            target=f"uid {own_uid}",
            why="this uid has no entry in the passwd database, and PostgreSQL does not run without one",
            hint="run as a user that has an entry, or add one (in a container: to /etc/passwd)",
        ) from None
    if own_uid != 0:
        return Account(own.pw_uid, own.pw_gid, own.pw_name, own.pw_name)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Unsupported(
            "start PostgreSQL",
            target="root",
            why="PostgreSQL refuses to run as root, and there is no account 'nobody' to run it as",
            hint="run as an ordinary user",
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid, nobody.pw_name, own.pw_name)


def server_environment() -> dict[str, str]:
    """What PostgreSQL's programs see of our environment: no PG*, no library paths, no secrets, messages in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def run_as(account: Account, command: Sequence[str | Path], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the account, and return what it said. Raises as `subprocess.run` does."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
        cwd="/",
        env=server_environment(),
        umask=0o077,
        stdin=subprocess.DEVNULL,
        user=account.uid if account.is_other else None,
        group=account.gid if account.is_other else None,
        extra_groups=[] if account.is_other else None,
    )
