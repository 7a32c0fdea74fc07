"""What the demo plants is there to be found, by the shipped reader role and by plain SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops import demo
from gocoffee_ops.demo.lease import Lease
from gocoffee_ops.demo.supervisor import PLANTED_AGE_S
from gocoffee_ops.places import demo_thresholds
from gocoffee_ops.sources.postgres import connect


@pytest.fixture(scope="module")
def lease(demo_home: Path) -> Iterator[Lease]:
    with demo.start(home=demo_home, grace_s=1.0) as lease:
        yield lease


@pytest.fixture
def rows(lease: Lease) -> Any:
    def ask(question: str) -> list[tuple[Any, ...]]:
        with connect(lease.dsn, application_name="test", autocommit=True) as connection:
            return connection.execute(question).fetchall()

    return ask


def test_the_demo_reads_as_the_shipped_reader_and_not_as_superuser(rows: Any) -> None:
    assert rows("SELECT current_user::text, current_setting('is_superuser')") == [("gocoffee_reader", "off")]


def test_the_reader_cannot_read_the_shops_rows(rows: Any) -> None:
    assert rows("SELECT has_table_privilege('public.orders', 'select')") == [(False,)]


def test_the_shop_has_a_few_hundred_thousand_rows(lease: Lease) -> None:
    with connect(lease.app_dsn, application_name="test", autocommit=True) as connection:
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            for table in ("customers", "products", "orders", "order_items", "inventory")
        }
    assert counts == {
        "customers": (20_000,),
        "products": (200,),
        "orders": (150_000,),
        "order_items": (300_000,),
        "inventory": (10_000,),
    }


def test_what_the_demo_does_for_itself_is_not_among_the_shops_statements(rows: Any) -> None:
    """It is marked as this tool's own, which no list of statements shows."""
    asked = rows(
        "SELECT query FROM pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid WHERE rolname = 'coffee_owner'"
    )
    own = [query for (query,) in asked if "pg_stat_activity" in query or "demo.workload_runs" in query]
    assert len(own) > 2
    assert [query for query in own if "/* gocoffee-ops:" not in query] == []


def test_an_analytics_statement_is_slow_on_average(rows: Any) -> None:
    ((calls, mean),) = rows("SELECT calls, mean_exec_time FROM pg_stat_statements WHERE query LIKE '%orders_before%'")
    assert calls == 1
    assert mean > 1000


def test_a_quick_statement_takes_a_large_share_of_the_time(rows: Any) -> None:
    ((calls, mean, share),) = rows(
        "SELECT calls, mean_exec_time, total_exec_time / (SELECT sum(total_exec_time) FROM pg_stat_statements)"
        " FROM pg_stat_statements WHERE query LIKE '%WHERE customer_id = $1 ORDER BY created_at%'"
    )
    assert calls == 900
    assert demo_thresholds().statement_share_ms < calls * mean
    assert mean < 1000
    assert share > demo_thresholds().statement_share_warn


def test_no_statement_counts_the_time_that_it_waited_for_the_planted_lock(rows: Any) -> None:
    ((slowest,),) = rows("SELECT max(max_exec_time) FROM pg_stat_statements WHERE query LIKE 'UPDATE orders%'")
    assert slowest < 500


def test_the_figures_hold_no_statement_of_the_demos_own_seeding(rows: Any) -> None:
    assert rows("SELECT count(*) FROM pg_stat_statements WHERE query ~* 'generate_series|vacuum|create index'") == [
        (0,)
    ]


def test_reading_the_demo_does_not_change_its_figures(rows: Any) -> None:
    question = "SELECT count(*), sum(calls) FROM pg_stat_statements"
    assert rows(question) == rows(question)


def test_orders_is_read_whole_for_want_of_an_index(rows: Any) -> None:
    ((scans, per_scan),) = rows(
        "SELECT seq_scan, seq_tup_read / seq_scan FROM pg_stat_user_tables WHERE relname = 'orders'"
    )
    assert scans > 500
    assert per_scan == 150_000
    ((indexed,),) = rows(
        "SELECT count(*) FROM pg_index WHERE indrelid = 'orders'::regclass AND indkey[0] IN"
        " (SELECT attnum FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname IN ('customer_id', 'created_at'))"
    )
    assert indexed == 0


def test_one_large_index_was_never_used(rows: Any) -> None:
    ((scans, size),) = rows(
        "SELECT idx_scan, pg_relation_size(indexrelid) FROM pg_stat_user_indexes WHERE indexrelname = 'orders_reference_idx'"
    )
    assert scans == 0
    assert size > 5 * 2**20


def test_one_index_exists_twice(rows: Any) -> None:
    assert rows(
        "SELECT array_agg(indexrelid::regclass::text ORDER BY 1) FROM pg_index"
        " WHERE indrelid::regclass::text NOT LIKE 'pg_%' GROUP BY indrelid, indkey HAVING count(*) > 1"
    ) == [(["payments_order_id_idx", "payments_order_idx"],)]


def test_inventory_is_mostly_dead_rows_that_nothing_vacuums(rows: Any) -> None:
    ((dead, live, last),) = rows(
        "SELECT n_dead_tup, n_live_tup, last_autovacuum FROM pg_stat_user_tables WHERE relname = 'inventory'"
    )
    assert dead >= 4 * live == 40_000
    assert last is None
    assert rows("SELECT reloptions[1] FROM pg_class WHERE relname = 'inventory'") == [("autovacuum_enabled=false",)]


def test_a_forgotten_transaction_blocks_one_session_and_that_one_another(rows: Any) -> None:
    ((forgotten, age),) = rows(
        "SELECT pid, extract(epoch FROM clock_timestamp() - xact_start) FROM pg_stat_activity"
        " WHERE state = 'idle in transaction' AND application_name = 'payment-service'"
    )
    assert age >= PLANTED_AGE_S
    waiting = rows(
        "SELECT application_name, pid, pg_blocking_pids(pid), extract(epoch FROM clock_timestamp() - query_start)"
        " FROM pg_stat_activity WHERE wait_event_type = 'Lock' ORDER BY query_start"
    )
    (first, second) = waiting
    assert first[0] == "coffee-service"
    assert first[2] == [forgotten]
    assert second[0] == "notification-service"
    assert second[2] == [first[1]]
    assert min(first[3], second[3]) >= PLANTED_AGE_S


def test_the_planted_sessions_are_past_every_timed_limit_of_the_demo() -> None:
    limits = demo_thresholds()
    timed = (limits.active_crit_s, limits.idle_in_transaction_crit_s, limits.blocked_crit_s)
    assert max(timed) < PLANTED_AGE_S


def test_pools_keep_idle_connections_that_are_no_runaways(rows: Any) -> None:
    assert rows(
        "SELECT application_name, count(*) FROM pg_stat_activity WHERE state = 'idle' AND usename = 'coffee_app'"
        " GROUP BY 1 ORDER BY 1"
    ) == [("coffee-service", 5), ("inventory-service", 2), ("notification-service", 1), ("payment-service", 3)]


def test_block_reads_are_timed(rows: Any) -> None:
    assert rows("SELECT current_setting('track_io_timing')") == [("on",)]
