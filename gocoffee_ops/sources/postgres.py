"""PostgreSQL: the only importer of psycopg."""

from __future__ import annotations

from typing import Any

import psycopg

from gocoffee_ops.errors import Unreachable

Connection = psycopg.Connection[Any]


def connect(dsn: str, *, application_name: str, autocommit: bool = False) -> Connection:
    """Connect under a name that pg_stat_activity shows. Raises Unreachable."""
    try:
        return psycopg.connect(dsn, application_name=application_name, autocommit=autocommit, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unreachable("connect to PostgreSQL", why=str(error)) from error
