"""The database queries, asked of real servers of every major by the shipped reader role."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.demo.database import READER
from gocoffee_ops.errors import Forbidden, ParameterError, ServerFault, Unsupported
from gocoffee_ops.model import Status
from gocoffee_ops.queries import database
from gocoffee_ops.queries.query import Query
from tests.queries.database_stage import stage
from tests.support import live_session
from tests.testbed.postgres import PostgresServer

QUERIES: dict[str, Query[Any]] = {name: q for name, q in vars(database).items() if isinstance(q, Query)}
NEED_A_ROLE = {
    "statements",
    "statement_totals",
    "statement_delta",
    "activity",
    "blocking",
    "connections",
    "replication",
    "settings",
}


def ask(name: str, ops: Any) -> pd.DataFrame:
    return QUERIES[name](ops, **({"seconds": 0.2} if name == "statement_delta" else {}))


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_answers_the_reader_on_every_major(
    postgres_major: PostgresServer, tmp_path: Path, name: str
) -> None:
    with stage(postgres_major, tmp_path) as staged:
        staged.owner.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        table = ask(name, staged.ops)
    assert list(table.columns) == list(QUERIES[name].schema.names)
    assert set(table["database"]) <= {"coffee"}
    assert staged.ops.findings == []


@pytest.mark.parametrize("name", sorted(NEED_A_ROLE))
def test_a_role_without_pg_monitor_is_refused_what_it_cannot_see(
    postgres_major: PostgresServer, tmp_path: Path, name: str
) -> None:
    with postgres_major.fresh_database() as coffee, postgres_major.connect() as admin:
        admin.execute("CREATE ROLE plain LOGIN PASSWORD 'of-plain'")
        dsn = f"host=127.0.0.1 port={postgres_major.port} dbname={coffee} user=plain password=of-plain"
        ops = live_session(tmp_path, databases={"coffee": dsn})
        try:
            with pytest.raises(Forbidden, match="plain lacks pg_read_all_") as refused:
                ask(name, ops)
            ops.source(ops.targets("database")[0]).close()
        finally:
            admin.execute("DROP ROLE plain")
    assert "deploy/reader.sql" in refused.value.hint
    assert [finding.status for finding in ops.findings] == [Status.UNKNOWN]


@pytest.mark.parametrize("name", sorted(set(QUERIES) - NEED_A_ROLE))
def test_a_role_without_pg_monitor_sees_what_everybody_sees(
    postgres: PostgresServer, tmp_path: Path, name: str
) -> None:
    with postgres.fresh_database() as coffee, postgres.connect() as admin, postgres.connect(database=coffee) as owner:
        owner.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        admin.execute("CREATE ROLE plain LOGIN PASSWORD 'of-plain'")
        dsn = f"host=127.0.0.1 port={postgres.port} dbname={coffee} user=plain password=of-plain"
        try:
            plain = live_session(tmp_path / "plain", databases={"coffee": dsn})
            table = ask(name, plain)
            plain.source(plain.targets("database")[0]).close()
        finally:
            admin.execute("DROP ROLE plain")
        reader = live_session(tmp_path / "reader", databases={"coffee": postgres.tcp_dsn(READER, coffee)})
        by_reader = ask(name, reader)
    assert len(table) == len(by_reader) > 0


@pytest.mark.parametrize("name", QUERIES)
def test_every_docstring_names_every_column_its_source_and_its_permission(name: str) -> None:
    text = QUERIES[name].__doc__ or ""
    missing = [column for column in QUERIES[name].schema.names[1:] if not re.search(rf"\b{column}\b", text)]
    assert missing == []
    assert "Source: " in text
    assert "Permission: none." in text or name in NEED_A_ROLE


def test_the_server_says_who_we_are(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path / "reader") as staged:
        reader = database.server(staged.ops).iloc[0]
    with stage(postgres_major, tmp_path / "super", user="postgres") as staged:
        superuser = database.server(staged.ops).iloc[0]
    assert (reader["superuser"], superuser["superuser"]) == (False, True)
    assert (reader["can_monitor"], reader["role"], reader["name"]) == (True, READER, reader["name"])
    assert reader["version_num"] // 10000 == postgres_major.major


def test_h06_statements_are_ranked_by_what_is_asked(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        staged.owner.execute(
            "CREATE TABLE orders AS SELECT g AS id, repeat('x', 100) AS note FROM generate_series(1, 5000) AS g"
        )
        for _ in range(300):
            staged.owner.execute("SELECT 1 AS frequent")
        staged.owner.execute("SELECT pg_sleep(0.3) AS slow")
        staged.owner.execute("UPDATE orders SET note = repeat('y', 100)")
        by = {order: database.statements(staged.ops, by=order, limit=3) for order in database.ORDERS}
    assert "frequent" in by["calls"]["statement"].iloc[0]
    assert by["calls"]["calls"].iloc[0] == 300
    assert "slow" in by["mean"]["statement"].iloc[0]
    assert by["mean"]["mean_exec_ms"].iloc[0] >= 300
    assert re.search("UPDATE|CREATE TABLE", by["wal"]["statement"].iloc[0])
    assert by["wal"]["wal_mib"].iloc[0] > 0.1
    assert by["total"]["total_exec_ms"].is_monotonic_decreasing
    assert by["io"]["io_ms"].notna().all()
    assert all(len(table) == 3 for table in by.values())


def test_h06_the_share_is_of_the_whole_servers_time_and_the_reset_is_shown(
    postgres_major: PostgresServer, tmp_path: Path
) -> None:
    with stage(postgres_major, tmp_path) as staged, postgres_major.connect() as elsewhere:
        staged.owner.execute("SELECT pg_stat_statements_reset()")
        (reset,) = staged.owner.execute("SELECT stats_reset FROM pg_stat_statements_info").fetchone() or (None,)
        staged.owner.execute("SELECT pg_sleep(0.2)")
        elsewhere.execute("SELECT pg_sleep(0.6)")
        table = database.statements(staged.ops)
    assert set(table["stats_reset_at"]) == {pd.Timestamp(reset)}
    ours = table[table["statement"].str.contains("pg_sleep")]
    assert len(ours) == 1
    assert 0.15 < ours["share"].iloc[0] < 0.35
    assert table["share"].sum() < 0.5


def test_h06_without_track_io_timing_there_is_no_io_time(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        staged.owner.execute(f"ALTER DATABASE {staged.name} SET track_io_timing = off")
        table = database.statements(staged.ops, by="io")
    assert table["io_ms"].isna().all()


@pytest.mark.parametrize("query", [database.tables, database.indexes])
def test_zeros_of_a_server_that_does_not_count_are_no_answer(
    query: Query[Any], postgres: PostgresServer, tmp_path: Path
) -> None:
    with stage(postgres, tmp_path) as staged:
        staged.owner.execute(f"ALTER DATABASE {staged.name} SET track_counts = off")
        with pytest.raises(Unsupported, match="track_counts is off"):
            query(staged.ops)


def test_h06_a_delta_counts_only_what_ran_between_its_snapshots(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        staged.owner.execute("SELECT pg_sleep(0.3), 2 AS before")
        other = staged.session("other")
        staged.send(other, "SELECT pg_sleep(0.9) AS during")  # the first snapshot is taken before it ends
        table = database.statement_delta(staged.ops, seconds=2.5)
    assert not table["statement"].str.contains("before").any()
    during = table[table["statement"].str.contains("during")].iloc[0]
    assert during["calls"] == 1
    assert 890 <= during["total_exec_ms"] < 2500
    assert during["share"] > 0.5
    assert 1.4 < during["window_s"] < 10


def test_the_begin_and_commit_of_our_reads_are_nobodys_statements(
    postgres_major: PostgresServer, tmp_path: Path
) -> None:
    """The application's own are listed with its calls alone, though the server gives both one id (since PostgreSQL 16)."""
    with stage(postgres_major, tmp_path) as staged:
        shop = staged.session("shop")
        for _ in range(2):
            shop.execute("BEGIN READ ONLY")
            shop.execute("COMMIT")
        staged.send(shop, "SELECT pg_sleep(0.3); BEGIN READ ONLY; COMMIT")
        delta = database.statement_delta(staged.ops, seconds=1.5)
        others = [database.statements(staged.ops, limit=500), database.statement_totals(staged.ops)]
    control = delta[delta["statement"].isin(["BEGIN READ ONLY", "COMMIT"])]
    assert sorted(control["statement"]) == ["BEGIN READ ONLY", "COMMIT"]
    assert control["calls"].tolist() == [1, 1]
    for table in (delta, *others):
        assert not table["statement"].str.contains("gocoffee-ops|pg_has_role", regex=True).any()
    for table in others:
        assert table[table["statement"] == "COMMIT"]["calls"].tolist() == [3]


def test_h06_a_reset_between_the_snapshots_is_said(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        other = staged.session("other")
        staged.send(other, "SELECT pg_sleep(0.5); SELECT pg_stat_statements_reset()")
        with pytest.raises(ServerFault, match="reset between"):
            database.statement_delta(staged.ops, seconds=2.0)


def test_our_own_questions_are_not_listed(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        for _ in range(3):
            database.activity(staged.ops)
        table = database.statements(staged.ops, by="calls", limit=500)
    assert not table["statement"].str.contains("gocoffee-ops|pg_blocking_pids", regex=True).any()


def test_literals_of_statements_are_redacted(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        idle = staged.session("psql")
        idle.execute("SELECT 'hunter2-secret' AS password")
        activity = database.activity(staged.ops)
    mine = activity[activity["application"] == "psql"].iloc[0]
    assert "AS password" in mine["statement"]
    assert "hunter2" not in activity.to_csv()


def test_a_wrong_order_limit_or_window_is_a_parameter_error(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        with pytest.raises(ParameterError, match="did you mean 'mean'"):
            database.statements(staged.ops, by="meen")
        with pytest.raises(ParameterError, match="limit of 0"):
            database.statements(staged.ops, limit=0)
        for seconds in (0.0, -1.0, 1000.0):
            with pytest.raises(ParameterError, match="statement_delta over"):
                database.statement_delta(staged.ops, seconds=seconds)


def test_without_the_extension_statements_are_unsupported(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        staged.owner.execute("DROP EXTENSION pg_stat_statements")
        with pytest.raises(Unsupported, match="not installed in this database"):
            database.statements(staged.ops)


def test_connections_are_counted_by_application_and_state(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        for _ in range(3):
            staged.session("shop")
        staged.session("shop").execute("BEGIN")
        table = database.connections(staged.ops)
    shop = table[table["application"] == "shop"].set_index("state")["connections"]
    assert shop.to_dict() == {"idle": 3, "idle in transaction": 1}
    assert table["total"].nunique() == 1
    assert table["total"].iloc[0] == table["connections"].sum() >= 6
    assert (table["max_connections"].iloc[0], table["reserved"].iloc[0]) == (40, 3)


def test_the_cache_hit_ratio_is_of_this_database(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        staged.owner.execute("CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id")
        staged.owner.execute("SELECT count(*) FROM orders")
        staged.owner.execute("SELECT pg_stat_force_next_flush()")
        staged.owner.execute("SELECT 1")
        row = database.cache_hit(staged.ops).iloc[0]
    assert row["name"] == staged.name
    assert row["ratio"] == pytest.approx(row["hit_blocks"] / (row["hit_blocks"] + row["read_blocks"]))


def test_tables_show_dead_rows_scans_and_autovacuum(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        staged.owner.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, note text) WITH (autovacuum_enabled = false);"
            "INSERT INTO orders SELECT g, repeat('x', 50) FROM generate_series(1, 1000) AS g;"
            "CREATE TABLE plain (id int)"
        )
        staged.owner.execute("DELETE FROM orders WHERE id <= 250")
        staged.owner.execute("SELECT count(note) FROM orders")
        staged.owner.close()  # which hands its counters over

        def counted() -> bool:
            table = database.tables(staged.ops).set_index("table")
            return bool(table.loc["orders", "dead_tuples"] == 250)

        staged.until(counted, "the counters arrive")
        table = database.tables(staged.ops).set_index("table")
    orders = table.loc["orders"]
    assert (orders["live_tuples"], orders["dead_ratio"]) == (750, 0.25)
    assert (orders["autovacuum"], table.loc["plain", "autovacuum"]) == (False, True)
    assert orders["seq_scans"] >= 1
    assert orders["size_mib"] > 0
    assert pd.isna(table.loc["plain", "index_scans"])
    assert pd.isna(orders["last_seq_scan_at"]) == (postgres_major.major < 16)
    assert pd.isna(orders["last_autovacuum_at"])


def test_every_database_of_the_server_has_a_wraparound_age(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        table = database.wraparound(staged.ops)
    assert {"template0", "postgres", staged.name} <= set(table["name"])
    assert (table["xid_share"] == table["xid_age"] / 2**31).all()
    assert (table["freeze_max_age"] == 200_000_000).all()
    assert (table["xid_age"] > 0).any()


def test_settings_are_the_servers_and_not_our_sessions(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        table = database.settings(staged.ops).set_index("setting")
    assert table.loc["max_connections", ["value", "default", "context"]].tolist() == ["40", "100", "postmaster"]
    assert table.loc["shared_preload_libraries", "value"] == "pg_stat_statements"
    ours = {"statement_timeout", "lock_timeout", "search_path", "application_name", "default_transaction_read_only"}
    assert not ours & set(table.index)
    assert not table["pending_restart"].any()


def test_h09_a_setting_that_waits_for_a_restart_is_listed(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        staged.owner.execute("ALTER SYSTEM SET max_locks_per_transaction = 128")
        staged.owner.execute("SELECT pg_reload_conf()")

        def pending() -> list[dict[str, Any]]:
            table = database.settings(staged.ops)
            return table[table["pending_restart"] & (table["setting"] == "max_locks_per_transaction")].to_dict(
                "records"
            )

        try:
            (row,) = staged.until(pending, "the reload arrives")
        finally:
            staged.owner.execute("ALTER SYSTEM RESET max_locks_per_transaction")
            staged.owner.execute("SELECT pg_reload_conf()")
    assert (row["value"], row["context"]) == ("64", "postmaster")


def test_a_password_within_a_setting_is_masked(postgres: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres, tmp_path) as staged:
        staged.owner.execute("ALTER SYSTEM SET primary_conninfo = 'host=a password=''hunter 2'' user=r'")
        staged.owner.execute("SELECT pg_reload_conf()")

        def found() -> list[str]:
            table = database.settings(staged.ops)
            return table.loc[table["setting"] == "primary_conninfo", "value"].tolist()

        try:
            (value,) = staged.until(found, "the reload arrives")
        finally:
            staged.owner.execute("ALTER SYSTEM RESET primary_conninfo")
            staged.owner.execute("SELECT pg_reload_conf()")
    assert value == "host=a password=[redacted] user=r"


def test_a_primary_alone_has_no_replication_and_a_slot_that_nobody_reads_is_a_row(
    postgres_major: PostgresServer, tmp_path: Path
) -> None:
    with stage(postgres_major, tmp_path) as staged:
        alone = database.replication(staged.ops)
        staged.owner.execute("SELECT pg_create_physical_replication_slot('gone', true)")
        try:
            row = database.replication(staged.ops).iloc[0]
        finally:
            staged.owner.execute("SELECT pg_drop_replication_slot('gone')")
    assert len(alone) == 0
    assert (row["replica"], row["state"], row["sync_state"], row["slot"]) == ("gone", "disconnected", "none", "gone")
    assert pd.isna(row["lag_s"])
    assert row["lag_mib"] >= 0


def test_two_databases_are_asked_and_one_that_is_dead_costs_its_own_rows(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with postgres.fresh_database() as one:
        dsns = {"a": postgres.tcp_dsn(READER, one), "b": postgres.tcp_dsn(READER, "nowhere")}
        ops = live_session(tmp_path, databases=dsns)
        table = database.server(ops)
        ops.source(ops.targets("database")[0]).close()
    assert table["database"].tolist() == ["a"]
    assert [(f.status, f.subject) for f in ops.findings] == [(Status.UNKNOWN, "database/b")]
