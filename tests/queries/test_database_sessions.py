"""Activity and blocking on real sessions that wait for each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.model import Target
from gocoffee_ops.queries import database
from gocoffee_ops.queries.lock_graph import Way, ways
from tests.queries.database_stage import Stage, stage
from tests.support import live_session
from tests.testbed.pg_fixtures import require_major
from tests.testbed.postgres import WHEEL_MAJOR, PostgresServer


def of(table: pd.DataFrame, application: str) -> Any:
    found = table[table["application"] == application]
    assert len(found) == 1, found
    return found.iloc[0]


def orders(staged: Stage) -> None:
    staged.owner.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    staged.owner.execute("INSERT INTO orders SELECT g, 'n' FROM generate_series(1, 10) AS g")


def backdated(staged: Stage, table: pd.DataFrame, application: str) -> float:
    """The age of a session's last query, as the written runbook took it."""
    row = staged.owner.execute(
        "SELECT extract(epoch FROM clock_timestamp() - query_start)::float8 FROM pg_stat_activity WHERE application_name = %s",
        [application],
    ).fetchone()
    assert row is not None
    return float(row[0])


def test_h07_an_idle_session_is_not_a_runaway_query(postgres_major: PostgresServer, tmp_path: Path) -> None:
    """It keeps its last query_start; its age here is how long it has been idle."""
    with stage(postgres_major, tmp_path) as staged:
        idle = staged.session("pool")
        idle.execute("SELECT pg_sleep(1)")
        table = database.activity(staged.ops)
        by_query_start = backdated(staged, table, "pool")
    row = of(table, "pool")
    assert (row["state"], row["age_of"]) == ("idle", "idle")
    assert by_query_start > 1
    assert row["age_s"] < by_query_start - 0.9
    assert not (table["age_of"] == "query").any()


def test_h07_a_running_query_is_as_old_as_its_start(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        busy = staged.session("report")
        busy.execute("BEGIN")
        busy.execute("SELECT pg_sleep(1)")
        staged.send(busy, "SELECT pg_sleep(30), 'x'")
        staged.until(
            lambda: of(database.activity(staged.ops), "report")["wait_event"] == "PgSleep", "the report is running"
        )
        row = of(database.activity(staged.ops), "report")
        ended = pd.Timestamp(staged.owner.execute("SELECT clock_timestamp()").fetchall()[0][0])
        busy.cancel_safe()
    assert (row["state"], row["age_of"]) == ("active", "query")
    assert row["age_s"] < (ended - row["query_start_at"]).total_seconds()
    assert (row["query_start_at"] - row["xact_start_at"]).total_seconds() >= 1
    assert row["statement"].startswith("SELECT pg_sleep(")


@pytest.mark.parametrize("aborted", [False, True])
def test_h07_an_idle_transaction_is_as_old_as_the_transaction(
    postgres_major: PostgresServer, tmp_path: Path, aborted: bool
) -> None:
    with stage(postgres_major, tmp_path) as staged:
        session = staged.session("forgotten")
        session.execute("BEGIN")
        session.execute("SELECT pg_sleep(1)")
        if aborted:
            with pytest.raises(Exception, match="division by zero"):
                session.execute("SELECT 1 / 0")
        row = of(database.activity(staged.ops), "forgotten")
    assert row["state"] == "idle in transaction" + (" (aborted)" if aborted else "")
    assert row["age_of"] == "transaction"
    if aborted:  # the server forgets when it began
        assert pd.isna(row["xact_start_at"])
        assert row["age_s"] > 0
    else:
        assert row["age_s"] > 1


def test_h07_the_servers_own_processes_are_no_sessions_and_we_are_not_listed(
    postgres_major: PostgresServer, tmp_path: Path
) -> None:
    with stage(postgres_major, tmp_path) as staged:
        table = database.activity(staged.ops)
        own = staged.owner.execute("SELECT backend_type FROM pg_stat_activity WHERE datid IS NULL").fetchall()
    assert {("checkpointer",), ("autovacuum launcher",)} <= set(own)
    assert set(table["backend_type"]) <= {"client backend", "autovacuum worker"}
    assert "gocoffee-ops" not in set(table["application"])


def test_who_works_in_a_database_for_somebody_is_a_session(postgres_major: PostgresServer, tmp_path: Path) -> None:
    nap = "LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN PERFORM pg_sleep(20); RETURN $1; END'"
    with stage(postgres_major, tmp_path) as staged:
        staged.owner.execute("CREATE TABLE orders AS SELECT generate_series(1, 9) AS id")
        staged.owner.execute(f"CREATE FUNCTION nap(int) RETURNS int {nap}")
        crowd = staged.session("crowd")
        force = "force_parallel_mode" if postgres_major.major < 16 else "debug_parallel_query"
        crowd.execute(f"SET {force} = on")
        staged.send(crowd, "SELECT max(nap(id)) FROM orders")
        staged.until(
            lambda: "parallel worker" in set(database.activity(staged.ops)["backend_type"]), "its worker is seen"
        )
        crowd.cancel_safe()


def test_a_chain_of_waits_leads_to_its_root(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        orders(staged)
        holder, middle, last = (staged.session(name) for name in ("holder", "middle", "last"))
        pid, middle_pid = holder.info.backend_pid, middle.info.backend_pid
        holder.execute("BEGIN; UPDATE orders SET note = 'held' WHERE id = 1")
        middle.execute("BEGIN; UPDATE orders SET note = 'm' WHERE id = 2")
        staged.send(middle, "UPDATE orders SET note = 'm' WHERE id = 1")
        staged.until_waiting(middle)
        staged.send(last, "UPDATE orders SET note = 'l' WHERE id = 2")
        staged.until_waiting(last)
        table = database.blocking(staged.ops)
        activity = database.activity(staged.ops)
        holder.execute("ROLLBACK")
    first, second = of(table, "middle"), of(table, "last")
    assert (first["blocked_by_pid"], first["root_pid"], first["depth"]) == (pid, pid, 1)
    assert (second["blocked_by_pid"], second["root_pid"], second["depth"]) == (middle_pid, pid, 2)
    for row in (first, second):
        assert (row["root_application"], row["root_state"]) == ("holder", "idle in transaction")
        assert row["root_statement"].startswith("BEGIN; UPDATE orders")
        assert "held" not in row["root_statement"]
        assert (row["relation"], row["lock_type"], row["deadlock"]) == ("orders", "transactionid", False)
        assert row["root_age_s"] >= row["waiting_s"] >= 0
    assert of(activity, "middle")["blocked_by"] == (str(pid),)
    assert of(activity, "holder")["blocked_by"] == ()


def test_a_queue_behind_a_table_lock_names_the_relation_and_both_roots(
    postgres_major: PostgresServer, tmp_path: Path
) -> None:
    with stage(postgres_major, tmp_path) as staged:
        staged.owner.execute("CREATE SCHEMA shop; CREATE TABLE shop.orders (id int)")
        readers = [staged.session(name) for name in ("reader a", "reader b")]
        for reader in readers:
            reader.execute("BEGIN; LOCK TABLE shop.orders IN ACCESS SHARE MODE")
        migration, victim = staged.session("migration"), staged.session("victim")
        migration_pid = migration.info.backend_pid
        staged.send(migration, "ALTER TABLE shop.orders ADD COLUMN note text")
        staged.until_waiting(migration)
        staged.send(victim, "SELECT * FROM shop.orders")
        staged.until_waiting(victim)
        table = database.blocking(staged.ops)
        for reader in readers:
            reader.execute("ROLLBACK")
    assert set(table["relation"]) == {"shop.orders"}
    assert sorted(table.loc[table["application"] == "migration", "root_application"]) == ["reader a", "reader b"]
    behind = table[table["application"] == "victim"]
    assert sorted(behind["root_application"]) == ["reader a", "reader b"]
    assert set(behind["blocked_by_pid"]) == {migration_pid}
    assert set(behind["depth"]) == {2}


def test_a_prepared_transaction_is_a_root_with_its_name(tmp_path: Path) -> None:
    with (
        PostgresServer(require_major(WHEEL_MAJOR), {"max_prepared_transactions": "2"}) as server,
        stage(server, tmp_path) as staged,
    ):
        orders(staged)
        staged.owner.execute("BEGIN; UPDATE orders SET note = 'p' WHERE id = 1; PREPARE TRANSACTION 'payout 7'")
        waiter, behind = staged.session("waiter"), staged.session("behind")
        staged.send(waiter, "UPDATE orders SET note = 'w' WHERE id = 1")
        staged.until_waiting(waiter)
        staged.send(behind, "UPDATE orders SET note = 'b' WHERE id = 1")
        staged.until_waiting(behind)
        table = database.blocking(staged.ops)
        blocked_by = of(database.activity(staged.ops), "waiter")["blocked_by"]
        staged.owner.execute("ROLLBACK PREPARED 'payout 7'")
    assert blocked_by == ("0",)
    for application in ("waiter", "behind"):
        row = of(table, application)
        assert (row["root_pid"], row["root_application"]) == (0, "prepared transaction payout 7")
        assert row["root_state"] == "prepared"
        assert row["root_age_s"] > 0
        assert pd.isna(row["root_statement"])


def test_a_deadlock_ends_and_is_marked(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        orders(staged)
        staged.owner.execute(f"ALTER DATABASE {staged.name} SET deadlock_timeout = '60s'")
        one, other = staged.session("one"), staged.session("other")
        root = min(one.info.backend_pid, other.info.backend_pid)
        one.execute("BEGIN; UPDATE orders SET note = 'x' WHERE id = 1")
        other.execute("BEGIN; UPDATE orders SET note = 'x' WHERE id = 2")
        staged.send(one, "UPDATE orders SET note = 'x' WHERE id = 2")
        staged.until_waiting(one)
        staged.send(other, "UPDATE orders SET note = 'x' WHERE id = 1")
        staged.until_waiting(other)
        table = database.blocking(staged.ops)
        one.cancel_safe()
    assert len(table) == 2
    assert table["deadlock"].all()
    assert set(table["root_pid"]) == {root}


def test_no_waits_are_no_rows(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        table = database.blocking(staged.ops)
    assert len(table) == 0
    assert str(table["root_age_s"].dtype) == "Float64"


def test_a_wait_that_ended_while_it_was_read_is_no_row(tmp_path: Path) -> None:
    class Source:
        """Answers as the server does when the locks are read after the lock was granted."""

        def read(self, *_: Any) -> dict[str, list[Any]]:
            nothing = ("lock_type", "relation", "state", "age_s", "statement", "prepared", "prepared_age_s")
            columns = {"pid": [1, 2], "blockers": [[], [1]], "waiting_s": [None, None], "application": ["a", "b"]}
            return columns | {name: [None, None] for name in nothing}

    ops = live_session(tmp_path, sources={Target("database", "coffee"): Source()})
    assert len(database.blocking(ops)) == 0


def test_a_long_queue_in_which_everyone_waits_for_all_before_is_no_explosion() -> None:
    queue = {n: list(range(n)) for n in range(400)}
    found = list(ways(queue))
    assert len(found) == 399
    assert all(way == Way(way.pid, 0, 0, 1) for way in found)


def test_whoever_waits_behind_a_circle_has_its_lowest_member_as_root() -> None:
    found = {way.pid: way for way in ways({5: [6], 6: [7], 7: [6]})}
    assert found[5] == Way(5, 6, 6, 1, deadlock=True)
    assert {way.root for way in found.values()} == {6}


def test_a_circle_with_a_way_out_is_no_deadlock() -> None:
    assert all(not way.deadlock and way.root == 1 for way in ways({2: [3, 1], 3: [2]}))


def test_the_sessions_of_one_application_are_those_of_all_that_call_themselves_so(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with stage(postgres, tmp_path) as staged:
        for name in ("orders", "orders", "payments"):
            staged.session(name).execute("SELECT 1")
        every, some = database.activity(staged.ops), database.activity(staged.ops, application="orders")
        nobody = database.activity(staged.ops, application="order%")
    assert some["application"].tolist() == ["orders"] * 2
    assert set(some["pid"]) == set(every[every["application"] == "orders"]["pid"])
    assert len(nobody) == 0
