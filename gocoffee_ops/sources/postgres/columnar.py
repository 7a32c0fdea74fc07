"""Large results: COPY in CSV, parsed by Arrow into columns.

Rows never become Python objects. CSV, and not COPY's binary form: Arrow parses the one in C++ on every core, and nothing
that is installed decodes the other.

Integers and oids are Int64, other numbers Float64 (numeric too), intervals Float64 seconds, timestamptz
`datetime64[us, UTC]`, timestamp and date `datetime64[us]` without a zone, booleans boolean; whatever else is its text, as
string. Infinite times are the ends of Python's calendar, as everywhere in this source.
"""

from __future__ import annotations

import selectors
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq, sql

from gocoffee_ops.errors import Malformed
from gocoffee_ops.sources.postgres.connecting import Connection

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KINDS = {
    "bool": "boolean",
    "int2": "Int64",
    "int4": "Int64",
    "int8": "Int64",
    "oid": "Int64",
    "float4": "Float64",
    "float8": "Float64",
    "numeric": "Float64",
    "interval": "Float64",
    "timestamptz": "timestamp",
    "timestamp": "local timestamp",
    "date": "local timestamp",
}
LATEST_TEXT = "9999-12-31 23:59:59.999999"
EARLIEST_TEXT = "0001-01-01 00:00:00"


@dataclass(frozen=True)
class _Column:
    name: str
    kind: str
    is_interval: bool


@dataclass(frozen=True)
class Copied:
    """A result as it came: CSV without a header, and what its columns are."""

    columns: Sequence[_Column]
    rows: int
    data: bytearray


def copied(connection: Connection, query: str) -> Copied:
    """Ask, and take all of the answer."""
    columns = _columns(connection, query)
    return Copied(columns, *_received(connection, _statement(query, columns)))


def frame(answer: Copied, *, target: str) -> pd.DataFrame:
    """An answer as a DataFrame; needs no connection any more."""
    import pandas as pd
    import pyarrow as pa

    columns = answer.columns
    try:
        table = _parsed(answer)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        why = str(error).partition(": invalid value")[0]  # the value itself may be anybody's data
        raise Malformed("read a frame", target=target, why=f"the server's CSV: {why}") from None
    dtypes = {
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
        pa.string(): pd.StringDtype(),
    }
    made: pd.DataFrame = table.to_pandas(types_mapper=dtypes.get, split_blocks=True)
    made.columns = pd.Index([column.name for column in columns])
    return made


def _columns(connection: Connection, query: str) -> list[_Column]:
    cursor = connection.execute(sql.SQL("SELECT * FROM ({}) AS question LIMIT 0").format(_one(query)))
    columns = []
    for column in cursor.description or ():
        known = connection.adapters.types.get(column.type_code)
        # Of an array's oid the registry answers with its element's type.
        name = known.name if known is not None and known.oid == column.type_code else ""
        columns.append(_Column(column.name, KINDS.get(name, "string"), name == "interval"))
    return columns


def _one(query: str) -> sql.SQL:
    """The query's text, on lines of its own so that a comment at its end does not swallow what follows."""
    return sql.SQL(f"\n{query.strip().rstrip(';')}\n")  # type: ignore[arg-type, unused-ignore]  # composed by the caller


def _statement(query: str, columns: Sequence[_Column]) -> sql.Composed:
    names = [sql.Identifier(f"c{i}") for i in range(len(columns))]
    values = [
        sql.SQL("extract(epoch FROM {})::float8").format(name) if column.is_interval else name
        for name, column in zip(names, columns, strict=True)
    ]
    return sql.SQL("COPY (SELECT {} FROM ({}) AS question ({})) TO STDOUT (FORMAT csv, ENCODING 'UTF8') ").format(
        sql.SQL(", ").join(values), _one(query), sql.SQL(", ").join(names)
    )


def _received(connection: Connection, statement: sql.Composed) -> tuple[int, bytearray]:
    """All that COPY sends, and how many rows they are. psycopg's own loop costs three times as much for each row as this one."""
    line = connection.pgconn
    data = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(line.socket, selectors.EVENT_READ)

        def wait() -> None:
            selector.select(1.0)  # the watchdog ends a longer wait by shutting the socket down
            line.consume_input()

        line.send_query(statement.as_bytes(connection))
        while line.flush():
            wait()
        _expect(_result(line, wait), pq.ExecStatus.COPY_OUT)
        while True:
            size, row = line.get_copy_data(1)
            if size > 0:
                data += row
            elif size == 0:
                wait()
            else:
                break
        done = _expect(_result(line, wait), pq.ExecStatus.COMMAND_OK)
        while _result(line, wait) is not None:
            pass
    return done.command_tuples or 0, data


def _result(line: Any, wait: Any) -> Any:
    while line.is_busy():
        wait()
    return line.get_result()


def _expect(result: Any, status: pq.ExecStatus) -> Any:
    if result is None:
        raise psycopg.OperationalError("the connection was lost")
    if result.status != status:
        raise psycopg.errors.error_from_result(result)
    return result


def _parsed(answer: Copied) -> pa.Table:
    import pyarrow as pa

    try:
        return _read_csv(answer, times_as_text=False)
    except pa.ArrowInvalid:
        if not any("timestamp" in column.kind for column in answer.columns):
            raise
        return _bounded(_read_csv(answer, times_as_text=True), answer.columns)


def _read_csv(answer: Copied, *, times_as_text: bool) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    types = {f"c{i}": _arrow_type(c.kind, times_as_text=times_as_text) for i, c in enumerate(answer.columns)}
    data = answer.data
    if not data:
        return pa.schema(list(types.items())).empty_table()
    # Only where no value holds a line break can the text be cut at any line break, which is faster.
    broken = data.count(b"\n") != answer.rows or b"\r" in data
    return csv.read_csv(
        pa.BufferReader(pa.py_buffer(data)),
        read_options=csv.ReadOptions(column_names=list(types)),
        parse_options=csv.ParseOptions(newlines_in_values=broken, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # "" is an empty string, nothing at all is NULL
        ),
    )


def _arrow_type(kind: str, *, times_as_text: bool) -> pa.DataType:
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "Int64": pa.int64(),
        "Float64": pa.float64(),
        "boolean": pa.bool_(),
        "string": pa.string(),
        "timestamp": pa.string() if times_as_text else pa.timestamp("us", tz="UTC"),
        "local timestamp": pa.string() if times_as_text else pa.timestamp("us"),
    }
    return types[kind]


def _bounded(table: pa.Table, columns: Sequence[_Column]) -> pa.Table:
    """Times that were read as text, with infinity, years before 1 and years after 9999 moved to the calendar's ends."""
    import pyarrow.compute as pc

    for i, column in enumerate(columns):
        if "timestamp" not in column.kind:
            continue
        zone = "+00" if column.kind == "timestamp" else ""
        text = table.column(i)
        late = pc.match_substring_regex(text, r"^(infinity|\d{5,}-)")
        early = pc.match_substring_regex(text, r"^-infinity|BC$")
        text = pc.if_else(late, LATEST_TEXT + zone, pc.if_else(early, EARLIEST_TEXT + zone, text))
        times = text.cast(_arrow_type(column.kind, times_as_text=False))
        table = table.set_column(i, table.column_names[i], times)
    return table
