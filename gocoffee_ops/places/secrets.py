"""Secrets come from environment variables and files; what is told of them is where they come from."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from gocoffee_ops.errors import OpsError, Unreachable
from gocoffee_ops.evidence.redact import Redactor, dsn_secrets
from gocoffee_ops.sources.http import Identity

if TYPE_CHECKING:
    from gocoffee_ops.config import DatabaseConfig, HttpSystem, RedisConfig, System

_HOST = r"(?:\[[0-9a-fA-F:.%]+\]|[\w.%-]*)(?::\d+)?"
_DSN_URL = re.compile(
    rf"postgres(?:ql)?://(?:[^@/?#]*@)?(?P<hosts>{_HOST}(?:,{_HOST})*)(?:/(?P<name>[^@/?#]*))?(?:[?#][^@]*)?"
)


def read_secret(what: str, target: str, *, env: str | None, file: Path | None) -> str:
    """A secret from an environment variable or a file. Raises Unreachable saying what is missing, never what is in it."""
    doing = f"read the {what}"
    if env is not None:
        value = os.environ.get(env, "").strip()
        if not value:
            raise Unreachable(doing, target=target, why=f"${env} is not set", hint=f"export {env}=…")
        return value
    assert file is not None  # noqa: S101 - the configuration holds one of the two
    try:
        value = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Unreachable(doing, target=target, why=f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreachable(doing, target=target, why=f"{file} is not UTF-8") from None
    if not value:
        raise Unreachable(doing, target=target, why=f"{file} is empty")
    return value


def read_dsn(database: DatabaseConfig) -> str:
    """The DSN. See `read_secret`."""
    return read_secret("DSN", f"database/{database.name}", env=database.dsn_env, file=database.dsn_file)


def read_identity(system: HttpSystem) -> Identity:
    """Who we are to a system: its token, or a user with a password, or nobody. See `read_secret`."""
    target = f"{system.kind}/{system.name}"
    if system.token_env or system.token_file:
        return Identity(token=read_secret("token", target, env=system.token_env, file=system.token_file))
    if system.user is None:
        return Identity()
    password = read_secret("password", target, env=system.password_env, file=system.password_file)
    return Identity(user=system.user, password=password)


def read_password(system: RedisConfig) -> str:
    """The password of a Redis server's user, or none. See `read_secret`."""
    if system.password_env is None and system.password_file is None:
        return ""
    target = f"{system.kind}/{system.name}"
    return read_secret("password", target, env=system.password_env, file=system.password_file)


def learn_secrets(system: System, redactor: Redactor) -> None:
    """Make the secrets of a system known, as far as they can be read; whoever needs one that cannot says so."""
    from gocoffee_ops.config import DatabaseConfig, HttpSystem, RedisConfig

    with contextlib.suppress(OpsError):
        if isinstance(system, DatabaseConfig):
            learn_dsn(redactor, read_dsn(system))
        elif isinstance(system, HttpSystem):
            identity = read_identity(system)
            for secret in filter(None, (identity.token, identity.password)):
                redactor.add(secret)
        elif isinstance(system, RedisConfig) and (password := read_password(system)):
            redactor.add(password)


def learn_dsn(redactor: Redactor, dsn: str) -> None:
    """Make a DSN's secrets known."""
    for secret in dsn_secrets(dsn):
        redactor.add(secret)


def dsn_place(dsn: str) -> str:
    """Host, port and database of a DSN, without user and password.

    >>> dsn_place("postgresql://reader:hunter2@db.prod:6432/coffee?sslmode=require")
    'db.prod:6432/coffee'
    >>> dsn_place("host=db.prod dbname=coffee password='it is secret'")
    'db.prod:5432/coffee'
    >>> dsn_place("postgresql://reader:half#other@db.prod/coffee")
    'a DSN that is not written as a URL should be'
    """
    if re.match(r"postgres(ql)?://", dsn):
        # Strictly: of `u:half#other@host`, which libpq takes, a lenient reading shows half of the password.
        found = _DSN_URL.fullmatch(dsn)
        if found is None:
            return "a DSN that is not written as a URL should be"
        hosts = found["hosts"]
        return f"{hosts if ':' in hosts or not hosts else hosts + ':5432'}/{found['name'] or ''}"
    pairs = {key: value.strip("'") for key, value in re.findall(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", dsn)}
    host, port = pairs.get("host", "local socket"), pairs.get("port", "5432")
    return f"{host}:{port}/{pairs.get('dbname', '')}"
