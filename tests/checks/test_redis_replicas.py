"""Whether a Redis has the replicas that it should have, by what its environment states."""

from __future__ import annotations

from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.evidence.folding import folded
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Status, Thresholds
from gocoffee_ops.queries import redis
from tests.checks.tables import table, worst_of

MAIN = {"redis": "main", "role": "master"}
FOLLOWS = {"redis": "main", "seen_from": "master", "replica": "10.0.0.7:6379", "master": "main", "state": "online"} | {
    "online": True,
    "lag_bytes": 0,
    "lag_s": 1.0,
}
LOST = {"redis": "copy", "seen_from": "replica", "replica": "copy", "master": "10.0.0.1:6379", "state": "down"}


@pytest.mark.parametrize(
    ("rows", "role", "expected", "status", "said"),
    [
        ([], "master", None, Status.OK, "how many main should have is not configured (min_replicas)"),
        ([], "master", 1, Status.CRIT, "none of at least 1 replica are online"),
        ([FOLLOWS], "master", 2, Status.WARN, "1 of at least 2 replicas is online"),
        ([FOLLOWS], "master", 1, Status.OK, "1 replica followed"),
        ([FOLLOWS | {"state": "sync", "online": False}], "master", 1, Status.CRIT, "none of at least 1 replica"),
        ([], "replica", 1, Status.WARN, "it is a replica, and a master with at least 1 replica was expected"),
    ],
)
def test_a_redis_master_without_the_replicas_that_it_should_have_is_a_finding(
    rows: list[dict[str, Any]], role: str, expected: int | None, status: Status, said: str
) -> None:
    stated = Expectations(redis_replicas={} if expected is None else {"main": expected})
    tables = table(redis.replicas, *rows), table(redis.server, MAIN | {"role": role})
    found = checks.redis_replicas_follow(*tables, thresholds=Thresholds(), expectations=stated)
    assert worst_of(found) is status
    assert said in " ".join(one.reason for one in found)


def test_a_replica_that_its_master_and_itself_tell_of_is_one() -> None:
    both = table(redis.server, MAIN, {"redis": "copy", "role": "replica"})
    itself = LOST | {"state": "up", "online": True, "lag_s": 1.0}
    (found,) = checks.redis_replicas_follow(table(redis.replicas, FOLLOWS, itself), both, thresholds=Thresholds())
    assert found.status is Status.OK
    assert found.reason.startswith("1 replica followed; copy follows, by its own word")
    (alone,) = checks.redis_replicas_follow(
        table(redis.replicas, itself),
        table(redis.server, {"redis": "copy", "role": "replica"}),
        thresholds=Thresholds(),
    )
    assert alone.reason == "copy follows, by its own word"


def test_a_replica_that_is_cut_off_and_the_master_that_misses_it_are_one_finding() -> None:
    stated = Expectations(redis_replicas={"main": 1})
    both = table(redis.server, MAIN, {"redis": "copy", "role": "replica"})
    lost = table(redis.replicas, LOST | {"online": False, "down_s": 9.0})
    (found,) = folded(checks.redis_replicas_follow(lost, both, thresholds=Thresholds(), expectations=stated))
    assert (found.status, found.subject) == (Status.CRIT, "redis/main")
    assert "also redis/copy: the link to its master 10.0.0.1:6379 is down for 9.0 s" in found.reason
