"""PostgreSQL: the only importer of psycopg.

`Database` is the source that queries ask; `connect` gives a bare connection to what must do more than read (the demo's
set-up, actions). `sql` composes identifiers.
"""

from __future__ import annotations

from psycopg import sql

from gocoffee_ops.sources.postgres.connecting import Connection, connect
from gocoffee_ops.sources.postgres.database import Database, Extension
from gocoffee_ops.sources.postgres.loaders import EARLIEST, LATEST

__all__ = ["EARLIEST", "LATEST", "Connection", "Database", "Extension", "connect", "sql"]
