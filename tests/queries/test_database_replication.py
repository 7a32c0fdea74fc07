"""Replication, seen from a real primary and from its real streaming replica: caught up, paused, and cut off."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.demo.database import READER
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.queries import database
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Session
from tests.support import live_session
from tests.testbed.pg_fixtures import require_major
from tests.testbed.postgres import WHEEL_MAJOR, PostgresServer, Replica

PATIENCE_S = 30.0
NAME = "standby_1"
MIB = 1 << 20


@dataclass(frozen=True)
class Pair:
    """A primary and its replica, asked as the reader: `ops` asks both, each other one only the one it is named after."""

    primary: PostgresServer
    replica: Replica
    ops: Session
    at_primary: Session
    at_replica: Session

    def execute(self, statement: str, *, on: PostgresServer) -> Any:
        with on.connect() as admin:
            cursor = admin.execute(statement)
            return cursor.fetchone() if cursor.description else None

    def write(self, mib: int) -> None:
        """That much WAL, at least."""
        for _ in range(mib):
            self.execute(f"SELECT pg_logical_emit_message(false, 'filler', repeat('x', {MIB}))", on=self.primary)

    def row(self, ops: Session, until: Callable[[pd.Series[Any]], bool]) -> pd.Series[Any]:
        """The one row of an answer, once it is as it should be."""
        end = time.monotonic() + PATIENCE_S
        while True:
            table = database.replication(ops)
            assert len(table) <= 1, table.to_string()
            if len(table) and until(table.iloc[0]):
                return table.iloc[0]
            assert time.monotonic() < end, table.to_string()
            time.sleep(0.1)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with PostgresServer(require_major(WHEEL_MAJOR)) as primary, Replica(primary, NAME) as replica:
        dsns = {"primary": primary.tcp_dsn(READER), "replica": replica.tcp_dsn(READER)}
        made = Pair(
            primary,
            replica,
            live_session(tmp_path / "both", databases=dsns),
            live_session(tmp_path / "primary", databases={"primary": dsns["primary"]}),
            live_session(tmp_path / "replica", databases={"replica": dsns["replica"]}),
        )
        made.write(1)
        yield made


def found(ops: Session) -> list[Finding]:
    return checks.replicas_follow(database.replication(ops), database.server(ops), thresholds=ops.thresholds)


def caught_up(row: pd.Series[Any]) -> bool:
    known = row.fillna({"lag_mib": math.inf, "lag_s": 0.0})  # not known until the primary has said something
    return bool(known["state"] == "streaming" and known["lag_mib"] == 0 and known["lag_s"] < 5)


def test_a_replica_that_follows_is_seen_from_both_sides(pair: Pair) -> None:
    there = pair.row(pair.at_primary, caught_up)
    assert (there["replica"], there["client"], there["sync_state"], there["slot"]) == (NAME, "127.0.0.1", "async", NAME)
    here = pair.row(pair.at_replica, caught_up)
    assert (here["replica"], here["sync_state"], here["slot"], here["lag_s"]) == (NAME, "standby", NAME, 0.0)
    assert [finding.status for finding in found(pair.ops)] == [Status.OK]
    server = database.server(pair.ops).set_index("database")
    assert server["in_recovery"].to_dict() == {"primary": False, "replica": True}


def test_paused_replay_falls_behind_on_both_sides_and_catches_up(pair: Pair) -> None:
    pair.row(pair.at_primary, caught_up)
    pair.execute("SELECT pg_wal_replay_pause()", on=pair.replica)
    warn = int(pair.ops.thresholds.replication_lag_warn_mib)
    pair.write(warn + 2)
    for ops in (pair.at_primary, pair.at_replica):
        row = pair.row(ops, lambda row: bool(row["lag_mib"] > warn))
        assert row["state"] == "streaming"
        (finding,) = found(ops)
        assert (finding.status, finding.subject) == (Status.WARN, f"replica/{NAME}")
        assert finding.numbers["lag_mib"] > warn
    pair.execute("SELECT pg_wal_replay_resume()", on=pair.replica)
    pair.row(pair.at_primary, caught_up)
    pair.row(pair.at_replica, caught_up)


def test_a_replica_that_stopped_is_a_finding_at_its_primary(pair: Pair) -> None:
    pair.row(pair.at_primary, caught_up)
    pair.replica.stop()
    row = pair.row(pair.at_primary, lambda row: bool(row["state"] == "disconnected"))
    assert (row["replica"], row["slot"], pd.isna(row["lag_s"])) == (NAME, NAME, True)
    (finding,) = found(pair.at_primary)
    assert (finding.status, finding.subject) == (Status.WARN, f"replica/{NAME}")
    assert "disconnected" in finding.reason


def test_a_replica_without_its_primary_is_a_finding_at_the_replica(pair: Pair) -> None:
    pair.row(pair.at_replica, caught_up)
    pair.primary.server.stop()
    row = pair.row(pair.at_replica, lambda row: bool(row["state"] == "disconnected"))
    assert (row["replica"], row["sync_state"]) == (NAME, "standby")
    (finding,) = found(pair.at_replica)
    assert finding.status in {Status.WARN, Status.UNKNOWN}
    assert "disconnected" in finding.reason


def test_a_replica_answers_every_question(pair: Pair) -> None:
    pair.row(pair.at_replica, caught_up)
    asked = [one for one in vars(database).values() if isinstance(one, Query) and one is not database.statement_delta]
    assert len(asked) > 10
    for query in asked:
        query(pair.at_replica)
    assert pair.at_replica.findings == []
