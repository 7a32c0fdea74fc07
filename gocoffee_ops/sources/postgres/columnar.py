"""Large results: COPY in CSV, parsed by Arrow into columns.

Rows never become Python objects. CSV, and not COPY's binary form: Arrow parses the one in C++ on every core, and nothing
that is installed decodes the other.

Integers and oids are Int64, other numbers Float64 (numeric too), intervals Float64 seconds, timestamptz
`datetime64[us, UTC]`, timestamp and date `datetime64[us]` without a zone, booleans boolean; whatever else is its text, as
string. Infinite times are the ends of Python's calendar, as everywhere in this source.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
BLOCK_BYTES = 4 << 20
LATEST_TEXT = "9999-12-31 23:59:59.999999"
EARLIEST_TEXT = "0001-01-01 00:00:00"


@dataclass(frozen=True)
class _Column:
    name: str
    kind: str
    is_interval: bool


@dataclass(frozen=True)
class Copied:
    """A result that has come: its columns, and its parts, which are being parsed."""

    columns: Sequence[_Column]
    parts: Sequence[Future[pa.Table]]


def copied(connection: Connection, query: str) -> Copied:
    """Ask, and take all of the answer; each block is parsed while the next one comes."""
    columns = _columns(connection, query)
    with ThreadPoolExecutor(1, thread_name_prefix="parse COPY") as parser:
        blocks = _blocks(connection, _statement(query, columns))
        parts = [parser.submit(_parsed, columns, rows, data) for rows, data in blocks]
    return Copied(columns, parts)


def frame(answer: Copied, *, target: str) -> pd.DataFrame:
    """An answer as a DataFrame; needs no connection any more."""
    import pandas as pd
    import pyarrow as pa

    columns = answer.columns
    try:
        table = pa.concat_tables([_empty(columns), *(part.result() for part in answer.parts)])
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


def _blocks(connection: Connection, statement: sql.Composed) -> Iterator[tuple[int, bytearray]]:
    """What COPY sends, in blocks of whole rows. psycopg's own loop costs three times as much for each row as this one."""
    line = connection.pgconn
    with selectors.DefaultSelector() as selector:
        selector.register(line.socket, selectors.EVENT_READ)

        def wait() -> None:
            selector.select(1.0)  # the watchdog ends a longer wait by shutting the socket down
            line.consume_input()

        line.send_query(statement.as_bytes(connection))
        while line.flush():
            wait()
        _expect(_result(line, wait), pq.ExecStatus.COPY_OUT)
        rows, data = 0, bytearray()
        while True:
            size, row = line.get_copy_data(1)  # one row at a time: that is how the server sends them
            if size > 0:
                data += row
                rows += 1
                if len(data) >= BLOCK_BYTES:
                    yield rows, data
                    rows, data = 0, bytearray()
            elif size == 0:
                wait()
            else:
                break
        _expect(_result(line, wait), pq.ExecStatus.COMMAND_OK)
        while _result(line, wait) is not None:
            pass
    if rows:
        yield rows, data


def _result(line: Any, wait: Any) -> Any:
    while line.is_busy():
        wait()
    return line.get_result()


def _expect(result: Any, status: pq.ExecStatus) -> None:
    if result is None:
        raise psycopg.OperationalError("the connection was lost")
    if result.status != status:
        raise psycopg.errors.error_from_result(result)


def _parsed(columns: Sequence[_Column], rows: int, data: bytearray) -> pa.Table:
    import pyarrow as pa

    try:
        return _read_csv(columns, rows, data, times_as_text=False)
    except pa.ArrowInvalid:
        if not any("timestamp" in column.kind for column in columns):
            raise
        return _bounded(_read_csv(columns, rows, data, times_as_text=True), columns)


def _types(columns: Sequence[_Column], *, times_as_text: bool = False) -> dict[str, pa.DataType]:
    return {f"c{i}": _arrow_type(column.kind, times_as_text=times_as_text) for i, column in enumerate(columns)}


def _empty(columns: Sequence[_Column]) -> pa.Table:
    import pyarrow as pa

    return pa.schema(list(_types(columns).items())).empty_table()


def _read_csv(columns: Sequence[_Column], rows: int, data: bytearray, *, times_as_text: bool) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    types = _types(columns, times_as_text=times_as_text)
    # Only where no value holds a line break can the text be cut at any line break, which is faster.
    broken = data.count(b"\n") != rows or b"\r" in data
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
