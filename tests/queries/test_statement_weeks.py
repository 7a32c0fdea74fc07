"""Two runs against a real server: what its statements did between them, whatever became of its counters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import trends
from gocoffee_ops.demo.database import READER
from gocoffee_ops.evidence.history import RunHistory
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.queries import database, history
from gocoffee_ops.session import Place, Session
from gocoffee_ops.sources.postgres import Connection, Database
from tests.support import leave_record
from tests.testbed.postgres import PostgresServer

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
PARAMETERS = {"env": "test"}


class Weeks:
    """A database of its own, and a run a week against it."""

    def __init__(self, reports: Path, dsn: str, owner: Connection) -> None:
        self.reports = reports
        self.owner = owner
        self.ops: Session
        self._dsn = dsn
        self._week = 0

    def sleep(self, seconds: float, times: int) -> None:
        """One statement, whatever it takes: its constants are not part of what it is known by."""
        for _ in range(times):
            self.owner.execute(f"SELECT pg_sleep({seconds:.3f}) AS nap")

    def run(self, top: int = 20) -> pd.DataFrame:
        """What this week's run compares; it leaves its record for the next one."""
        started = NOW + self._week * timedelta(days=7)
        self._week += 1
        folder = self.reports / "review" / f"{started:%Y%m%dT%H%M%SZ}"
        earlier = RunHistory(self.reports, "review", "test", PARAMETERS, started)
        ledger = Ledger(folder / "evidence")
        self.ops = Session(
            runbook="review",
            environment="test",
            places=[
                Place(Target("database", "coffee"), started, connect=lambda: Database(self._dsn)),
                Place(Target("history", "reports"), started, connect=lambda: earlier),
            ],
            thresholds=Thresholds(statement_slower_ms=50.0),
            ledger=ledger,
        )
        changes = trends.statement_changes(
            database.statement_totals(self.ops), history.previous_statements(self.ops), top=top
        )
        self.ops.judge(checks.statements_slower, changes)
        leave_record(folder, self.ops, "review", started, PARAMETERS)
        return changes

    def nap(self, changes: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]  # a row of mixed dtypes
        """The row of the statement that sleeps."""
        (row,) = (row for _, row in changes.iterrows() if "AS nap" in row["statement"])
        return row


@pytest.fixture
def weeks(postgres: PostgresServer, tmp_path: Path) -> Iterator[Weeks]:
    with postgres.fresh_database() as name, postgres.connect(database=name) as owner:
        owner.execute("SELECT pg_stat_statements_reset()")
        yield Weeks(tmp_path, postgres.tcp_dsn(READER, name), owner)


def test_a_slow_week_is_seen_after_many_fast_ones(weeks: Weeks) -> None:
    weeks.sleep(0, times=400)
    assert set(weeks.run()["change"]) == {"not compared"}
    assert "no earlier run read statements" in weeks.ops.findings[0].reason
    weeks.sleep(0.02, times=4)
    nap = weeks.nap(weeks.run())
    assert (nap["change"], nap["interval_calls"], nap["calls"]) == ("slower", 4, 404)
    assert nap["interval_mean_exec_ms"] >= 20 > nap["mean_exec_ms"]
    assert any(f.status is Status.WARN and "over 4 calls" in f.reason for f in weeks.ops.findings)


def test_a_week_without_a_call_is_not_called_the_same(weeks: Weeks) -> None:
    weeks.sleep(0, times=5)
    weeks.run()
    nap = weeks.nap(weeks.run())
    assert (nap["change"], nap["interval_calls"], nap["calls"]) == ("not called", 0, 5)


def test_after_a_reset_its_calls_since_then_are_the_interval(weeks: Weeks) -> None:
    weeks.sleep(0, times=50)
    weeks.run()
    weeks.owner.execute("SELECT pg_stat_statements_reset()")
    weeks.sleep(0.02, times=60)
    nap = weeks.nap(weeks.run())
    assert (nap["change"], nap["interval_calls"], nap["calls"]) == ("slower", 60, 60)


def test_after_a_reset_what_is_not_there_was_not_called(weeks: Weeks) -> None:
    weeks.sleep(0, times=50)
    weeks.run()
    weeks.owner.execute("SELECT pg_stat_statements_reset()")
    weeks.owner.execute("SELECT 1 AS other")
    changes = weeks.run()
    assert weeks.nap(changes)["change"] == "not called"
    assert {f.status for f in weeks.ops.findings} == {Status.OK}


def test_a_statement_that_was_reset_alone_and_not_called_since_is_unknown(weeks: Weeks) -> None:
    weeks.sleep(0, times=50)
    weeks.run()
    found = weeks.owner.execute("SELECT queryid FROM pg_stat_statements WHERE query LIKE '%AS nap'").fetchone()
    assert found is not None
    weeks.owner.execute("SELECT pg_stat_statements_reset(0, 0, %s::bigint)", found)
    assert weeks.nap(weeks.run())["change"] == "not known"
    assert [(f.status, f.subject) for f in weeks.ops.findings if f.status is Status.UNKNOWN] == [
        (Status.UNKNOWN, "database/coffee")
    ]


def test_a_statement_that_is_no_longer_among_the_heaviest_is_still_compared(weeks: Weeks) -> None:
    weeks.sleep(0.01, times=5)
    weeks.run(top=1)
    weeks.owner.execute("SELECT pg_sleep(0.2), 'heavier'")
    weeks.sleep(0.01, times=1)
    changes = weeks.run(top=1)
    assert len(changes) == 2
    assert changes["change"].tolist()[0] == "new"
    assert weeks.nap(changes)["interval_calls"] == 1
