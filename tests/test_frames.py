"""Tables keep their columns and dtypes, or say which one does not fit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gocoffee_ops.errors import SchemaError
from gocoffee_ops.frames import Column, Schema, records
from tests.evidence.scene import FULL, ITEMS, MISSING, row

STRICT = Schema("strict", (Column("x", "Int64"),))


def test_an_empty_table_keeps_columns_and_dtypes() -> None:
    assert list(map(str, ITEMS.empty().dtypes)) == list(map(str, ITEMS.from_rows(FULL).dtypes))
    assert ITEMS.empty().columns.tolist() == list(ITEMS.names)


def test_columns_where_all_is_missing_keep_their_dtypes() -> None:
    assert list(map(str, ITEMS.from_rows(MISSING).dtypes)) == list(map(str, ITEMS.from_rows(FULL).dtypes))


def test_records_are_plain_and_missing_is_none() -> None:
    assert records(ITEMS.from_rows(MISSING)) == MISSING


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"y": 1}], "other columns than its schema: x, y"),
        ([{}], "other columns"),
        ([{"x": None}], "1 missing values"),
        ([{"x": "1"}], "column x of table strict does not fit Int64"),
        ([{"x": 2**63}], "does not fit Int64"),
        ([{"x": 1.5}], "does not fit Int64"),
    ],
)
def test_what_does_not_fit_is_named(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        STRICT.table(rows)


def test_a_text_is_no_list_of_its_letters() -> None:
    with pytest.raises(SchemaError, match="column labels"):
        ITEMS.table([row("a", labels="abc")])


def test_a_column_named_twice_or_unknown_is_an_error() -> None:
    with pytest.raises(SchemaError, match="names a column twice"):
        Schema("t", (Column("x", "Int64"), Column("x", "string")))
    with pytest.raises(SchemaError, match="valid: x"):
        STRICT["y"]


ROW = st.fixed_dictionaries(
    {
        "name": st.text(st.characters(exclude_categories=["Cs"])),
        "note": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        "statement": st.none(),
        "huge": st.none() | st.integers(-(2**63), 2**63 - 1),
        "ratio": st.none() | st.floats(allow_nan=False),
        "ready": st.none() | st.booleans(),
        "seen_at": st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        "labels": st.none() | st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    }
)


@given(st.lists(ROW, max_size=5))
def test_any_table_survives_parquet(rows: list[dict[str, Any]]) -> None:
    before = ITEMS.from_rows(rows)
    sink = BytesIO()
    pq.write_table(ITEMS.table(rows), sink)
    after = ITEMS.frame(ITEMS.check(pq.read_table(BytesIO(sink.getvalue()))))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    tuples = [{**r, "labels": None if r["labels"] is None else tuple(r["labels"])} for r in rows]
    assert records(after) == tuples


MONEY = Schema("money", (Column("cost", "decimal", "USD", optional=True),))


@given(st.lists(st.none() | st.decimals(-(10**20), 10**20, places=12), max_size=5))
def test_money_survives_parquet_exactly(values: list[Decimal | None]) -> None:
    sink = BytesIO()
    pq.write_table(MONEY.table([{"cost": value} for value in values]), sink)
    after = MONEY.frame(MONEY.check(pq.read_table(BytesIO(sink.getvalue()))))
    assert after["cost"].tolist() == values


@pytest.mark.parametrize("value", [0.1, "0.1", Decimal("1e-13"), Decimal(10) ** 26, Decimal("NaN")])
def test_what_is_no_exact_number_is_no_money(value: Any) -> None:
    with pytest.raises(SchemaError, match="column cost of table money"):
        MONEY.table([{"cost": value}])


def test_an_arrow_table_of_the_schema_stays_and_any_other_is_refused() -> None:
    schema = Schema("t", (Column("n", "Int64"), Column("s", "string", optional=True)))
    table = schema.table([{"n": 1, "s": None}])
    assert schema.table(table).equals(table)
    assert schema.table(pa.concat_tables([table, table])).num_rows == 2
    with pytest.raises(SchemaError, match="null values"):
        schema.table(pa.table({"n": pa.array([None], pa.int64()), "s": pa.array(["a"])}))
    with pytest.raises(SchemaError, match="other columns"):
        schema.table(pa.table({"n": [1]}))


def test_lists_are_tuples_again_also_of_several_chunks_and_of_a_slice() -> None:
    schema = Schema("t", (Column("l", "list[string]", optional=True),))
    table = schema.table([{"l": ["a", None]}, {"l": None}, {"l": []}, {"l": ["b"]}])
    frame = schema.frame(pa.concat_tables([table, table.slice(2)]))
    assert frame["l"].tolist() == [("a", None), None, (), ("b",), (), ("b",)]
