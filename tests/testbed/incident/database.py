"""A PostgreSQL with the shop's tables, from which the migration takes the index that look-ups of orders need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gocoffee_ops.demo.database import READER, script
from tests.testbed.incident.story import INDEX, SERVICE
from tests.testbed.postgres import WHEEL_MAJOR, PostgresServer, find_major

DATABASE = "coffee"
LOOK_UP = "SELECT id, status, total, created_at FROM orders WHERE customer_id = %s ORDER BY created_at DESC LIMIT 20"


class Shop:
    """The server and its one database."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server

    @property
    def reader_dsn(self) -> str:
        """For the shipped role."""
        return self.server.tcp_dsn(READER, DATABASE)

    def fill(self) -> None:
        """The demo's tables and rows, with the index that is to go, and look-ups that are quick."""
        with self.server.connect() as admin:
            admin.execute(f"CREATE DATABASE {DATABASE}")
        with self.server.connect(database=DATABASE) as owner:
            for name in ("schema.sql", "seed.sql"):
                owner.execute(script(name))
            owner.execute(f"CREATE INDEX {INDEX} ON orders (customer_id, created_at)")
            owner.execute("ANALYZE")
        self.look_up(500)

    def drop_index(self) -> None:
        """The migration; from now on a look-up reads the whole table."""
        with self.server.connect(database=DATABASE) as owner:
            owner.execute(f"DROP INDEX {INDEX}")

    def look_up(self, times: int) -> None:
        """What the order service asks."""
        with self.server.connect(database=DATABASE, application_name=SERVICE) as service:
            for number in range(times):
                service.execute(LOOK_UP, (1 + number * 41 % 20_000,))


@contextmanager
def shop() -> Iterator[Shop]:
    """A filled server."""
    with PostgresServer(find_major(WHEEL_MAJOR)) as server:
        made = Shop(server)
        made.fill()
        yield made
