"""The demo's database: its roles, its settings, and what is in it."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gocoffee_ops.demo.server import Server
from gocoffee_ops.errors import NotFound
from gocoffee_ops.sources.postgres import connect

DATABASE = "coffee"
OWNER = "coffee_owner"
APP = "coffee_app"
READER = "gocoffee_reader"
ROLES = (OWNER, APP, READER)
APPLICATION_NAME = "gocoffee-ops demo"

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "shared_preload_libraries": "pg_stat_statements",
        "track_io_timing": "on",
        "max_connections": "60",
        "shared_buffers": "128MB",
        "min_wal_size": "32MB",
        "max_wal_size": "64MB",
        # It works in every container, whatever the size of /dev/shm.
        "dynamic_shared_memory_type": "mmap",
        # The same plans whatever the number of cores.
        "max_parallel_workers_per_gather": "0",
        "max_worker_processes": "4",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
)


def fill(server: Server) -> None:
    """Make the roles, the tables and their rows on a new server."""
    with connect(server.conninfo(OWNER, "postgres"), application_name=APPLICATION_NAME, autocommit=True) as owner:
        owner.execute(f"CREATE DATABASE {DATABASE}")
    with connect(server.conninfo(OWNER, DATABASE), application_name=APPLICATION_NAME, autocommit=True) as owner:
        for text in scripts():
            owner.execute(text)
        # The figures are the services', however often the demo is read.
        owner.execute(f"ALTER ROLE {READER} SET pg_stat_statements.track = 'none'")


def scripts() -> list[str]:
    """What is run in the new database, in this order."""
    return [script("schema.sql"), script("roles.sql"), reader_sql(), script("seed.sql")]


def script(name: str) -> str:
    """The text of one of the demo's SQL files."""
    return (importlib.resources.files(__package__) / "sql" / name).read_text(encoding="utf-8")


def reader_sql() -> str:
    """The shipped script that makes the reader role: beside the package in a wheel, else in the source tree."""
    package = Path(__file__).resolve().parent.parent
    places = [folder / "deploy" / "reader.sql" for folder in (package, package.parent)]
    for path in places:
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise NotFound("read the script that makes the reader role", target=str(places[0]), why="it was not installed")
