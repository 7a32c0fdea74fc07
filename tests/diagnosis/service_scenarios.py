"""What can go wrong with databases, Redis and addresses, done to real ones: the findings that each must give, and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from gocoffee_ops.model import Status
from tests.diagnosis.services import Platform
from tests.http_server import Answer, unused_port
from tests.testbed.redis import until, until_followed

CRIT, WARN, UNKNOWN = Status.CRIT, Status.WARN, Status.UNKNOWN
Expected = tuple[Status, str, str]
MIB = 1 << 20


@dataclass(frozen=True)
class Scenario:
    """How something goes wrong, which findings that gives, and words that their reasons must have."""

    name: str
    play: Callable[[Platform], None]
    expected: frozenset[Expected]
    says: tuple[str, ...] = ()


SCENARIOS: list[Scenario] = []


def scenario(*expected: Expected, says: tuple[str, ...] = ()) -> Callable[[Callable[[Platform], None]], None]:
    """Add a scenario under its function's name."""

    def add(play: Callable[[Platform], None]) -> None:
        SCENARIOS.append(Scenario(play.__name__.replace("_", "-"), play, frozenset(expected), says))

    return add


@scenario()
def all_is_well(platform: Platform) -> None:
    """It is used, and nothing is wrong."""
    platform.look_up(lambda spent_ms: spent_ms > 0)


@scenario((CRIT, "connections_free", "database/coffee"), says=("of 37 connections are in use",))
def connections_are_full(platform: Platform) -> None:
    open_now = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    while platform.shop.owner.execute(open_now).fetchone() != (35,):
        platform.shop.session("storefront")


@scenario((WARN, "nobody_blocked", "application/migration"), says=("blocks 2 sessions", "LOCK TABLE orders"))
def sessions_are_blocked(platform: Platform) -> None:
    shop = platform.shop
    migration = shop.session("migration")
    shop.send(migration, "BEGIN; LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE; SELECT pg_sleep(600)")
    asleep = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s"
    pid = migration.info.backend_pid
    shop.until(lambda: shop.owner.execute(asleep, [pid]).fetchone() == (True,), "the migration has its lock")
    _update_and_wait(platform, "order-service", "kitchen-service")


@scenario(
    (WARN, "nobody_blocked", "application/reports"),
    says=("(idle in transaction) blocks 1 session", "also application/reports (idle in transaction)"),
)
def a_forgotten_transaction_blocks(platform: Platform) -> None:
    reports = platform.shop.session("reports")
    reports.execute("BEGIN")
    reports.execute("UPDATE orders SET note = 'held' WHERE id = 1")
    _update_and_wait(platform, "order-service")


def _update_and_wait(platform: Platform, *applications: str) -> None:
    for application in applications:
        waiter = platform.shop.session(application)
        platform.shop.send(waiter, "UPDATE orders SET note = 'w' WHERE id = 1")
        platform.shop.until_waiting(waiter)


@scenario(
    (WARN, "sessions_moving", "application/reports (idle in transaction)"),
    says=("is idle in transaction for", "SELECT count(*) FROM orders"),
)
def a_transaction_stands_idle(platform: Platform) -> None:
    reports = platform.shop.session("reports")
    reports.execute("BEGIN")
    reports.execute("SELECT count(*) FROM orders")


@scenario(
    (WARN, "tables_indexed", "table/public.orders"),
    says=(
        "scans used an index",
        "also statement/{look_up}: coffee: ",
        "since the previous run, was",
        "of all statement time",
    ),
)
def a_statement_is_slow_without_its_index(platform: Platform) -> None:
    platform.shop.owner.execute("DROP INDEX orders_by_customer")
    platform.look_up(lambda spent_ms: spent_ms > 1500)


@scenario(
    (UNKNOWN, "redis.server", "redis/main"),
    (CRIT, "redis_replicas_follow", "redis/copy"),
    says=(
        "not read: ",
        "So 3 questions have no answer: redis.server, redis.replicas, redis.memory",
        "the link to its master",
    ),
)
def redis_is_down(platform: Platform) -> None:
    main, copy = platform.own_redis()
    main.stop()
    with copy.admin() as admin:
        until(lambda: admin.info("replication")["master_link_status"] == "down", "the replica sees that")


@scenario((CRIT, "redis_replicas_follow", "redis/copy"), says=("is down for",))
def a_redis_replica_is_cut_off(platform: Platform) -> None:
    """It has another password than its master."""
    main, copy = platform.own_redis()
    with main.admin() as theirs, copy.admin() as ours:
        ours.config_set("masterauth", "the-one-of-last-year")
        theirs.client_kill_filter(_type="replica")
        until(lambda: ours.info("replication")["master_link_status"] == "down", "the replica is cut off")
        until(lambda: theirs.info("replication")["connected_slaves"] == 0, "its master sees that")


@scenario((CRIT, "redis_replicas_follow", "redis/main"), says=("none of at least 1 replica are online",))
def a_redis_replica_is_gone(platform: Platform) -> None:
    """It is stopped, and in no configuration: nothing but the expected number misses it."""
    main, copy = platform.own_redis()
    copy.stop()
    with main.admin() as admin:
        until(lambda: admin.info("replication")["connected_slaves"] == 0, "its master sees that")
    platform.expect({"main": 1})


@scenario((CRIT, "redis_memory", "redis/main"), says=("at the limit it refuses writes (noeviction)",))
def redis_is_full(platform: Platform) -> None:
    main, copy = platform.own_redis()
    with main.admin() as admin:
        admin.config_set("maxmemory", admin.info("memory")["used_memory"] + 4 * MIB)
        with pytest.raises(OutOfMemoryError):
            _fill(admin)
    until_followed(main, copy)


def _fill(admin: Redis) -> None:
    for i in range(1000):
        admin.set(f"blob:{i}", "x" * 20_000)


@scenario((CRIT, "dependencies_reachable", "dependency/stripe"), says=("tcp; 2 of 2 samples failed",))
def a_dependency_is_down(platform: Platform) -> None:
    platform.urls["stripe"] = f"http://127.0.0.1:{unused_port()}"


@scenario(
    (CRIT, "certificates_valid", "endpoint/shop"),
    says=("its certificate is not trusted", "expired", "ended on", "2 of 2 samples failed"),
)
def a_certificate_has_expired(platform: Platform) -> None:
    platform.serve("shop", ends_in=timedelta(days=-1))


@scenario((CRIT, "endpoints_healthy", "endpoint/api"), says=("answered 503 instead of 200",))
def an_endpoint_answers_5xx(platform: Platform) -> None:
    platform.answers["api"] = Answer(503)
