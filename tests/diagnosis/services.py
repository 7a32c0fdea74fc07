"""A small platform on real services that is well: a shop's database, Redis with a replica, its own addresses and another's."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from gocoffee_ops import checks
from gocoffee_ops.analysis import trends
from gocoffee_ops.demo.database import READER
from gocoffee_ops.errors import OpsError
from gocoffee_ops.evidence.history import RunHistory
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Finding, Target, Thresholds
from gocoffee_ops.queries import database, endpoints, history, redis
from gocoffee_ops.session import Session
from gocoffee_ops.sources.http import Dependency, Endpoint, HttpProbe
from gocoffee_ops.sources.redis import Redis
from tests.http_server import Answer, Asked, says, serving
from tests.queries.database_stage import Stage as DatabaseStage
from tests.queries.database_stage import stage as database_stage
from tests.support import leave_record, live_session
from tests.testbed.postgres import PostgresServer
from tests.testbed.redis import READER as REDIS_READER
from tests.testbed.redis import RedisServer, until_followed

RUNBOOK = "incident"
PATIENCE_S = 60.0  # whatever else the machine does
# A session cannot have begun in the past, nor can the server.
AT_ONCE = Thresholds(blocked_warn_s=0.0, idle_in_transaction_warn_s=0.0, restarted_warn_s=0.0)
LOOK_UP = "SELECT count(*) FROM orders WHERE customer_id = %s"
SHOP = """
    CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id int NOT NULL, note text);
    INSERT INTO orders (customer_id, note) SELECT g % 5000, repeat('x', 40) FROM generate_series(1, 50000) AS g;
    CREATE INDEX orders_by_customer ON orders (customer_id);
    ANALYZE orders
"""


@dataclass
class Platform:
    """What a scenario breaks. `names` are what its expected subjects are filled in with."""

    shop: DatabaseStage
    redis: dict[str, RedisServer]
    authority: trustme.CA
    folder: Path
    stack: ExitStack
    answers: dict[str, Answer]
    urls: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    expectations: Expectations = field(default_factory=Expectations)

    def expect(self, replicas: Mapping[str, int]) -> None:
        """State how many replicas there should be; a Redis that has gone is read no more."""
        self.expectations = Expectations(redis_replicas=replicas)
        self.redis = {name: server for name, server in self.redis.items() if name in replicas}

    def __post_init__(self) -> None:
        self.authority.cert_pem.write_to_path(str(self.folder / "ca.pem"))
        for name in self.answers:
            self.serve(name, ends_in=timedelta(days=90) if name == "shop" else None)

    def serve(self, name: str, *, ends_in: timedelta | None = None) -> None:
        """Serve an address; over TLS where it is said when the certificate ends."""

        def answer(_: Asked) -> Answer:
            return self.answers[name]

        context = None
        if ends_in is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ends = datetime.now(UTC) + ends_in
            self.authority.issue_cert("127.0.0.1", not_after=ends).configure_cert(context)
        self.urls[name] = self.stack.enter_context(serving(answer, context)).url

    def own_redis(self) -> tuple[RedisServer, RedisServer]:
        """A master and its replica that may be broken, in the place of those that all share."""
        self.redis = self.stack.enter_context(redis_pair())
        return self.redis["main"], self.redis["copy"]

    def look_up(self, enough: Callable[[float], bool]) -> None:
        """Look customers' orders up, until the time that this took in all, in ms, is enough."""
        orders = self.shop.session("order-service")
        found = "SELECT queryid::text, total_exec_time FROM pg_stat_statements WHERE query LIKE 'SELECT count(*) FROM orders%'"
        spent_ms = 0.0
        while not enough(spent_ms):
            for customer in range(50):
                orders.execute(LOOK_UP, [customer])
            ((self.names["look_up"], spent_ms),) = self.shop.owner.execute(found).fetchall()
        orders.execute("SELECT pg_stat_force_next_flush()")

    def session(self) -> Session:
        """A run over all of it, after the one that left its record."""
        now = datetime.now(UTC)
        earlier = RunHistory(self.folder / "reports", RUNBOOK, "test", {}, now)
        sources = {
            Target("history", "reports"): earlier,
            **{Target("redis", name): _redis(name, server) for name, server in self.redis.items()},
            **{Target("endpoint", name): Endpoint(self._probe(name), samples=2) for name in ("api", "shop")},
            Target("dependency", "stripe"): Dependency(self._probe("stripe"), samples=2),
        }
        dsn = self.shop.postgres.tcp_dsn(READER, self.shop.name)
        ops = live_session(self.folder / "run", databases={"coffee": dsn}, as_of=now, sources=sources)
        ops.thresholds = AT_ONCE
        ops.expectations = self.expectations
        return ops

    def _probe(self, name: str) -> HttpProbe:
        return HttpProbe(name, self.urls[name], ca_file=self.folder / "ca.pem", timeout_s=PATIENCE_S)


def _redis(name: str, server: RedisServer) -> Redis:
    return Redis(f"redis/{name}", server.url, user=REDIS_READER, password=server.passwords[REDIS_READER])


@contextmanager
def redis_pair() -> Iterator[dict[str, RedisServer]]:
    """A master with a limit to its memory, and a replica that follows it."""
    with (
        RedisServer({"repl-diskless-sync-delay": "0", "maxmemory": "64mb"}) as master,
        RedisServer(master=master) as replica,
    ):
        until_followed(master, replica)
        yield {"main": master, "copy": replica}


@contextmanager
def platform(
    postgres: PostgresServer, pair: Mapping[str, RedisServer], authority: trustme.CA, folder: Path
) -> Iterator[Platform]:
    """The platform, well and used a little, with a run that read it so."""
    started = datetime.now(UTC) - timedelta(days=1)
    before = folder / "reports" / RUNBOOK / "the-day-before"
    with database_stage(postgres, before) as shop, ExitStack() as stack:
        shop.owner.execute(SHOP)
        shop.owner.execute("SELECT pg_stat_force_next_flush()")
        shop.owner.execute("SELECT pg_stat_statements_reset()")
        answers = {"api": says({"status": "ok"}), "shop": Answer(200), "stripe": Answer(401)}
        made = Platform(shop, dict(pair), authority, folder, stack, answers)
        made.look_up(lambda spent_ms: spent_ms > 0)
        database.statement_totals(shop.ops)
        leave_record(before, shop.ops, RUNBOOK, started, {})
        yield made


# As the notebooks' cells ask and judge; what a clock alone decides on a busy machine (latency) is left out.


def _server(ops: Session) -> None:
    server = database.server(ops)
    ops.judge(checks.reader_role, server)
    ops.judge(checks.servers_kept_running, server)
    ops.judge(checks.connections_free, database.connections(ops))


def _sessions(ops: Session) -> None:
    activity = database.activity(ops)
    ops.judge(checks.sessions_moving, activity)
    ops.judge(checks.nobody_blocked, database.blocking(ops), activity)


def _statements(ops: Session) -> None:
    ops.judge(checks.statements_heavy, database.statements(ops, by="total", limit=10))


def _slower(ops: Session) -> None:
    changes = trends.statement_changes(database.statement_totals(ops), history.previous_statements(ops))
    ops.judge(checks.statements_slower, changes)


def _tables(ops: Session) -> None:
    tables = database.tables(ops)
    ops.judge(checks.tables_indexed, tables)
    ops.judge(checks.tables_vacuumed, tables)
    ops.judge(checks.indexes_useful, database.indexes(ops))


def _redis_serves(ops: Session) -> None:
    server = redis.server(ops)
    ops.judge(checks.redis_healthy, server)
    ops.judge(checks.redis_replicas_follow, redis.replicas(ops), server)


def _redis_memory(ops: Session) -> None:
    ops.judge(checks.redis_memory, redis.memory(ops))


def _endpoints(ops: Session) -> None:
    health = endpoints.health(ops)
    ops.judge(checks.endpoints_healthy, health)
    ops.judge(checks.certificates_valid, health)


def _dependencies(ops: Session) -> None:
    ops.judge(checks.dependencies_reachable, endpoints.dependencies(ops))


SECTIONS = (_server, _sessions, _statements, _slower, _tables, _redis_serves, _redis_memory, _endpoints, _dependencies)


def found(ops: Session) -> list[Finding]:
    """All that a run finds: a section that fails leaves its gap as a finding, and costs itself alone."""
    for section in SECTIONS:
        with suppress(OpsError):
            section(ops)
    return ops.findings
