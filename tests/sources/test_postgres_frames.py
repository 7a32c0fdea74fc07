"""Large results: every value that a driver could bend arrives as it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import EARLIEST, LATEST, Database
from tests.testbed.postgres import PostgresServer

SECONDS = 60.0


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[Database]:
    database = Database(postgres.tcp_dsn())
    yield database
    database.close()


def values(database: Database, kind: str, *literals: str) -> list[Any]:
    rows = ", ".join(f"({n}, {literal}::{kind})" for n, literal in enumerate(literals))
    frame = database.read_frame(f"SELECT v FROM (VALUES {rows}) AS t (n, v) ORDER BY n", Deadline.after(SECONDS))
    return [None if pd.isna(value) else value for value in frame["v"]]


def test_text_keeps_quotes_breaks_emptiness_and_words_that_look_like_something_else(database: Database) -> None:
    texts = [
        "",
        "NULL",
        "infinity",
        'a "quoted" one',
        "a,b",
        "line\nbreak",
        "line\r\nbreak",
        "\\.",
        "é☕",
        " padded ",
        "t",
    ]
    quoted = [f"'{text}'" for text in texts]
    assert values(database, "text", *quoted, "NULL") == [*texts, None]


def test_numbers_arrive_exactly(database: Database) -> None:
    ends = ["9223372036854775807", "-9223372036854775808", "NULL"]
    assert values(database, "bigint", *(f"'{n}'" if n != "NULL" else n for n in ends)) == [2**63 - 1, -(2**63), None]
    floats = values(database, "float8", "0.1", "'Infinity'", "'-Infinity'", "1e-300", "NULL")
    assert floats == [0.1, math.inf, -math.inf, 1e-300, None]
    assert values(database, "numeric", "1.5", "NULL") == [1.5, None]
    assert values(database, "boolean", "true", "false", "NULL") == [True, False, None]


def test_times_arrive_and_infinite_ones_at_the_calendars_ends(database: Database) -> None:
    found = values(
        database,
        "timestamptz",
        "'2025-06-01 12:00:00.000001+02'",
        "'infinity'",
        "'-infinity'",
        "'0044-03-15 BC'",
        "'12026-01-01'",
        "NULL",
    )
    assert found == [pd.Timestamp("2025-06-01T10:00:00.000001Z"), LATEST, EARLIEST, EARLIEST, LATEST, None]
    assert values(database, "date", "'2025-06-01'", "'infinity'") == [
        pd.Timestamp("2025-06-01"),
        LATEST.replace(tzinfo=None),
    ]
    assert values(database, "interval", "'1 month 1 s'", "'infinity'", "NULL") == [30 * 86400 + 1, math.inf, None]


def test_other_types_are_their_text(database: Database) -> None:
    assert values(database, "int[]", "'{1,2}'") == ["{1,2}"]
    assert values(database, "jsonb", """'{"a": "b"}'""") == ['{"a": "b"}']
    assert values(database, "inet", "'10.0.0.1'") == ["10.0.0.1"]


def test_no_row_keeps_columns_and_dtypes(database: Database) -> None:
    frame = database.read_frame("SELECT 1 AS i, now() AS t, 'x'::text AS s WHERE false", Deadline.after(SECONDS))
    assert len(frame) == 0
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "i": "Int64",
        "t": "datetime64[us, UTC]",
        "s": "string",
    }


def test_a_column_of_nothing_but_nulls_keeps_its_rows_and_dtype(database: Database) -> None:
    frame = database.read_frame("SELECT NULL::int AS i FROM generate_series(1, 3)", Deadline.after(SECONDS))
    assert len(frame) == 3
    assert str(frame["i"].dtype) == "Int64"


def test_two_columns_of_one_name_both_arrive(database: Database) -> None:
    frame = database.read_frame("SELECT 1 AS a, 2 AS a -- ends in a comment", Deadline.after(SECONDS))
    assert frame.to_numpy().tolist() == [[1, 2]]
    assert list(frame.columns) == ["a", "a"]


def test_many_blocks_are_one_frame_in_order(database: Database) -> None:
    """Some blocks hold line breaks, some infinite times, some neither."""
    frame = database.read_frame(
        "SELECT i, CASE WHEN i % 100000 = 7 THEN E'two\\nlines' ELSE repeat('x', 40) END AS note,"
        " CASE WHEN i = 150000 THEN 'infinity' ELSE timestamptz '2025-06-01' + i * interval '1 s' END AS at"
        " FROM generate_series(1, 200000) AS i",
        Deadline.after(SECONDS),
    )
    assert frame["i"].tolist() == list(range(1, 200001))
    assert (frame["note"] == "two\nlines").sum() == 2
    assert frame["at"].max() == LATEST
    assert frame["at"].iloc[-1] == pd.Timestamp("2025-06-01T00:00:00Z") + pd.Timedelta(seconds=200000)
