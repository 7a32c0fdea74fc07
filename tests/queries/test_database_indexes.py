"""Which indexes are said to be duplicates, and which never are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.queries import database
from tests.queries.database_stage import stage
from tests.testbed.postgres import PostgresServer

TABLES = """
CREATE TABLE orders (id int PRIMARY KEY, customer int, at timestamptz, status text, email text UNIQUE);
CREATE TABLE items (order_id int REFERENCES orders, line int);
"""


def indexes(postgres: PostgresServer, tmp_path: Path, *statements: str) -> dict[str, Any]:
    with stage(postgres, tmp_path) as staged:
        for statement in (TABLES, *statements):
            staged.owner.execute(statement)
        table = database.indexes(staged.ops)
    return {row["index"]: row for row in table.to_dict("records")}


def test_the_same_index_twice_is_a_duplicate_of_the_older(postgres_major: PostgresServer, tmp_path: Path) -> None:
    found = indexes(
        postgres_major,
        tmp_path,
        "CREATE INDEX one ON orders (customer, at)",
        "CREATE INDEX two ON orders (customer, at)",
    )
    assert found["two"]["duplicate_of"] == "one"
    assert pd.isna(found["one"]["duplicate_of"])
    assert pd.isna(found["one"]["prefix_of"])
    assert pd.isna(found["two"]["prefix_of"])


@pytest.mark.parametrize(
    "other",
    [
        "ON orders (at, customer)",
        "ON orders (customer DESC, at)",
        "ON orders (customer, at) WHERE status = 'paid'",
        "ON orders (customer, at) INCLUDE (status)",
        "ON items (order_id, line)",
    ],
)
def test_a_different_index_is_no_duplicate(postgres: PostgresServer, tmp_path: Path, other: str) -> None:
    found = indexes(postgres, tmp_path, "CREATE INDEX one ON orders (customer, at)", f"CREATE INDEX two {other}")
    assert pd.isna(found["two"]["duplicate_of"])
    assert pd.isna(found["one"]["duplicate_of"])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("(status)", "(status text_pattern_ops)", False),
        ("(status)", 'status_c (status COLLATE "C")', False),
        ("(lower(status))", "(upper(status))", False),
        ("(lower(status))", "(lower(status))", True),
        ("(id) WHERE status = 'paid'", "(id) WHERE status = 'paid'", True),
        ("(id) WHERE status = 'paid'", "(id) WHERE status = 'open'", False),
        ("USING hash (status)", "(status)", False),
        ("(customer) INCLUDE (at)", "(customer) INCLUDE (at)", True),
    ],
)
def test_class_collation_method_expression_and_predicate_count(
    postgres: PostgresServer, tmp_path: Path, one: str, other: str, same: bool
) -> None:
    other = other.removeprefix("status_c ")
    found = indexes(postgres, tmp_path, f"CREATE INDEX one ON orders {one}", f"CREATE INDEX two ON orders {other}")
    assert pd.notna(found["two"]["duplicate_of"]) == same


def test_an_index_beside_a_key_is_the_duplicate_and_the_key_never_is(
    postgres_major: PostgresServer, tmp_path: Path
) -> None:
    found = indexes(
        postgres_major,
        tmp_path,
        "CREATE INDEX plain_id ON orders (id)",
        "CREATE INDEX plain_email ON orders (email)",
        "CREATE UNIQUE INDEX second_email ON orders (email)",
    )
    assert found["plain_id"]["duplicate_of"] == "orders_pkey"
    assert found["plain_email"]["duplicate_of"] == "orders_email_key"
    assert pd.isna(found["second_email"]["duplicate_of"])  # unique: never
    assert pd.isna(found["orders_pkey"]["duplicate_of"])
    assert (found["orders_pkey"]["primary"], found["orders_pkey"]["constraint"]) == (True, True)
    assert (found["second_email"]["unique"], found["second_email"]["constraint"]) == (True, False)


def test_an_older_plain_index_is_the_duplicate_of_a_younger_key(postgres: PostgresServer, tmp_path: Path) -> None:
    found = indexes(
        postgres, tmp_path, "CREATE INDEX plain ON items (line)", "ALTER TABLE items ADD CONSTRAINT k UNIQUE (line)"
    )
    assert found["plain"]["duplicate_of"] == "k"
    assert pd.isna(found["k"]["duplicate_of"])


def test_the_replica_identity_is_never_a_duplicate(postgres: PostgresServer, tmp_path: Path) -> None:
    found = indexes(
        postgres,
        tmp_path,
        "ALTER TABLE orders ALTER customer SET NOT NULL",
        "CREATE UNIQUE INDEX one ON orders (customer)",
        "CREATE UNIQUE INDEX two ON orders (customer)",
        "ALTER TABLE orders REPLICA IDENTITY USING INDEX two",
    )
    assert pd.isna(found["two"]["duplicate_of"])


def test_a_shorter_index_is_a_prefix_and_no_duplicate(postgres_major: PostgresServer, tmp_path: Path) -> None:
    found = indexes(
        postgres_major,
        tmp_path,
        "CREATE INDEX long ON orders (customer, at)",
        "CREATE INDEX short ON orders (customer)",
        "CREATE INDEX descending ON orders (customer DESC)",
        "CREATE INDEX partial ON orders (customer) WHERE status = 'paid'",
    )
    assert (found["short"]["prefix_of"], pd.isna(found["short"]["duplicate_of"])) == ("long", True)
    assert pd.isna(found["long"]["prefix_of"])
    assert pd.isna(found["descending"]["prefix_of"])
    assert pd.isna(found["partial"]["prefix_of"])


def test_parts_of_a_partitioned_index_are_no_duplicates_of_each_other(
    postgres_major: PostgresServer, tmp_path: Path
) -> None:
    found = indexes(
        postgres_major,
        tmp_path,
        "CREATE TABLE logs (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10)",
        "CREATE INDEX logs_a ON logs (id)",
        "CREATE INDEX logs_b ON logs (id)",
    )
    parts = [row for name, row in found.items() if name.startswith("logs_1")]
    assert len(parts) == 2
    assert all(part["partition"] and pd.isna(part["duplicate_of"]) for part in parts)


def test_an_invalid_index_is_shown_and_keeps_nothing_alive(postgres_major: PostgresServer, tmp_path: Path) -> None:
    found = indexes(
        postgres_major,
        tmp_path,
        "CREATE INDEX broken ON orders (customer)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass",
        "CREATE INDEX good ON orders (customer)",
    )
    assert (found["broken"]["valid"], found["broken"]["duplicate_of"]) == (False, "good")
    assert (found["good"]["valid"], pd.isna(found["good"]["duplicate_of"])) == (True, True)


def test_scans_and_the_last_one_are_shown(postgres_major: PostgresServer, tmp_path: Path) -> None:
    with stage(postgres_major, tmp_path) as staged:
        staged.owner.execute(TABLES)
        staged.owner.execute("INSERT INTO orders SELECT g FROM generate_series(1, 100) AS g")
        staged.owner.execute("SET enable_seqscan = off")
        staged.owner.execute("SELECT * FROM orders WHERE id = 7")
        staged.owner.close()

        def scans() -> bool:
            table = database.indexes(staged.ops).set_index("index")
            return bool(table.loc["orders_pkey", "scans"] > 0)

        staged.until(scans, "the counters arrive")
        table = database.indexes(staged.ops).set_index("index")
    assert pd.isna(table.loc["orders_pkey", "last_scan_at"]) == (postgres_major.major < 16)
    assert table.loc["orders_email_key", "scans"] == 0
    assert table.loc["orders_pkey", "definition"].startswith("CREATE UNIQUE INDEX orders_pkey ON public.orders")
