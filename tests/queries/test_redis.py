"""Questions to a real Redis and its replica."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from redis.exceptions import OutOfMemoryError

from gocoffee_ops import checks
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.queries import redis
from gocoffee_ops.session import Session
from gocoffee_ops.sources.redis import Redis
from tests.support import live_session
from tests.testbed.redis import READER, RedisServer


def session(folder: Path, **servers: RedisServer) -> Session:
    sources = {
        Target("redis", name): Redis(f"redis/{name}", server.url, user=READER, password=server.passwords[READER])
        for name, server in servers.items()
    }
    return live_session(folder, sources=sources)


def until(ask: Callable[[], pd.DataFrame], true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first row of an answer for which it is true."""
    stop = time.monotonic() + 20
    while True:
        rows = records(ask())
        for row in rows:
            if true(row):
                return row
        assert time.monotonic() < stop, rows
        time.sleep(0.05)


def statuses(found: list[Finding]) -> list[Status]:
    return [finding.status for finding in found]


def test_a_master_and_its_replica_tell_their_roles_and_follow(
    redis_master: RedisServer, redis_replica: RedisServer, tmp_path: Path
) -> None:
    ops = session(tmp_path, main=redis_master, copy=redis_replica)
    server = redis.server(ops)
    assert dict(zip(server["redis"], server["role"], strict=True)) == {"main": "master", "copy": "replica"}
    assert server["ping_ms"].notna().all()
    assert server["max_clients"].tolist() == [10_000, 10_000]
    followed = until(lambda: redis.replicas(ops), lambda row: row["seen_from"] == "master" and row["lag_bytes"] == 0)
    assert followed["replica"] == f"127.0.0.1:{redis_replica.port}"
    assert followed["lag_s"] <= 2
    replicas = redis.replicas(ops)
    of_itself = next(row for row in records(replicas) if row["seen_from"] == "replica")
    assert (of_itself["replica"], of_itself["state"], of_itself["lag_bytes"]) == ("copy", "up", None)
    assert of_itself["master"] == f"127.0.0.1:{redis_master.port}"
    assert statuses(checks.redis_replicas_follow(replicas, server, thresholds=Thresholds())) == [Status.OK]
    assert statuses(checks.redis_healthy(server, thresholds=Thresholds())) == [Status.OK]


def test_what_a_replica_has_not_got_is_counted_in_bytes(
    redis_master: RedisServer, redis_replica: RedisServer, tmp_path: Path
) -> None:
    ops = session(tmp_path, main=redis_master)
    redis_replica.pause()
    try:
        with redis_master.admin() as admin:
            for i in range(30):
                admin.set(f"blob:{i}", "x" * 100_000)
        behind = until(lambda: redis.replicas(ops), lambda row: (row["lag_bytes"] or 0) > 2_900_000)
        found = checks.redis_replicas_follow(redis.replicas(ops), redis.server(ops), thresholds=Thresholds())
    finally:
        redis_replica.resume()
    assert behind["online"]
    assert statuses(found) == [Status.WARN]
    assert "MiB" in found[0].reason


def test_a_replica_whose_master_is_gone_is_critical_and_says_since_when(redis_program: str, tmp_path: Path) -> None:
    with RedisServer({"repl-diskless-sync-delay": "0"}) as master, RedisServer(master=master) as replica:
        ops = session(tmp_path, copy=replica)
        until(lambda: redis.replicas(ops), lambda row: row["online"])
        master.stop()
        down = until(lambda: redis.replicas(ops), lambda row: row["state"] == "down")
        found = checks.redis_replicas_follow(redis.replicas(ops), redis.server(ops), thresholds=Thresholds())
    assert down["down_s"] is not None
    assert statuses(found) == [Status.CRIT]


def test_a_master_without_a_replica_gives_no_row_and_is_named(redis_program: str, tmp_path: Path) -> None:
    with RedisServer() as server:
        ops = session(tmp_path, alone=server)
        replicas = redis.replicas(ops)
        found = checks.redis_replicas_follow(replicas, redis.server(ops), thresholds=Thresholds())
    assert len(replicas) == 0
    assert "without a replica: alone" in found[0].reason


def test_without_maxmemory_there_is_no_limit_and_no_share_of_one(redis_program: str, tmp_path: Path) -> None:
    with RedisServer() as server:
        memory = redis.memory(session(tmp_path, free=server))
    row = records(memory)[0]
    assert (row["limit"], row["max_mib"], row["used_of_max"]) == ("unlimited", None, None)
    found = checks.redis_memory(memory, thresholds=Thresholds())
    assert statuses(found) == [Status.OK]
    assert "without a limit" in found[0].reason


def test_a_full_redis_that_evicts_nothing_is_critical_and_a_full_cache_tells_what_it_evicted(
    redis_program: str, tmp_path: Path
) -> None:
    limit = {"maxmemory": "4mb"}
    with RedisServer(limit) as strict, RedisServer({**limit, "maxmemory-policy": "allkeys-lru"}) as cache:
        for server in (strict, cache):
            with server.admin() as admin:
                for i in range(60):
                    with contextlib.suppress(OutOfMemoryError):  # it is full, as the test wants
                        admin.set(f"blob:{i}", "x" * 60_000)
        memory = redis.memory(session(tmp_path, strict=strict, cache=cache))
        found = checks.redis_memory(memory, thresholds=Thresholds())
    by_name = {finding.subject: finding for finding in found}
    assert by_name["redis/strict"].status is Status.CRIT
    assert by_name["redis/cache"].status is Status.WARN
    evicted = next(row["evicted_keys"] for row in records(memory) if row["redis"] == "cache")
    assert evicted > 0
    assert f"{evicted:,} keys evicted" in by_name["redis/cache"].reason


def test_the_slow_log_names_commands_and_hides_their_arguments(redis_program: str, tmp_path: Path) -> None:
    with RedisServer({"slowlog-log-slower-than": "0"}) as server:
        with server.admin() as admin:
            admin.set("session:4f1d-secret-of-a-customer", "hunter22-in-a-value")
            admin.eval("return redis.call('GET', KEYS[1])", 1, "token-as-a-whole-key")
            admin.get("token-as-a-whole-key")
        ops = session(tmp_path, main=server)
        slow = redis.slowlog(ops)
        few = redis.slowlog(ops, limit=2)
    seen = {(row["command"], row["key"]) for row in records(slow)}
    assert {("SET", "session:*"), ("EVAL", None), ("GET", "*")} <= seen
    whole = slow.to_csv() + (tmp_path / "evidence" / "ledger.jsonl").read_text()
    assert not [word for word in ("secret-of", "hunter22", "token-as") if word in whole]
    assert len(few) == 2
    assert "more than 2" in few.attrs["truncated"][0]


def test_a_failed_background_save_is_critical(redis_program: str, tmp_path: Path) -> None:
    with RedisServer() as server:
        with server.admin() as admin:
            admin.set("k", "v")
            (server.folder / "dump.rdb").mkdir()  # what is written cannot be renamed to it
            (server.folder / "dump.rdb" / "full").touch()
            admin.bgsave()
        ops = session(tmp_path, main=server)
        until(lambda: redis.server(ops), lambda row: row["rdb_last_save_ok"] is False)
        found = checks.redis_healthy(redis.server(ops), thresholds=Thresholds())
    assert statuses(found) == [Status.CRIT]
    assert "background save failed" in found[0].reason
