"""Table schemas: column, dtype, unit; an empty table keeps its columns.

Only dtypes that survive Parquet unchanged exist here; durations are `_s` floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from gocoffee_ops.errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Dtype = Literal["string", "Int64", "Float64", "decimal", "boolean", "timestamp", "list[string]"]
Content = Literal["plain", "sql"]

SEPARATOR = "\0"  # of texts; hardly one holds it
DECIMAL_DIGITS, DECIMAL_PLACES = 38, 12  # what a `decimal` holds


@dataclass(frozen=True)
class Column:
    """One column: its dtype, unit and meaning. `content="sql"` marks statement text, whose literals are redacted.

    `timestamp` is `datetime64[us, UTC]`; `list[string]` holds tuples; `decimal` is exact, for money: it holds `decimal.Decimal`s.
    A column that is not `optional` holds no missing value.
    """

    name: str
    dtype: Dtype
    unit: str = ""
    help: str = ""
    optional: bool = False
    content: Content = "plain"


@dataclass(frozen=True)
class Schema:
    """The declared shape of a query's table."""

    name: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            raise SchemaError(f"schema {self.name} names a column twice", why=", ".join(names))

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(c.name for c in self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(f"schema {self.name} has no column {name!r}", hint=f"valid: {', '.join(self.names)}")

    def with_first(self, *columns: Column) -> Schema:
        """The same schema with `columns` in front (`cluster`, `database`)."""
        return Schema(self.name, columns + self.columns)

    def arrow(self) -> pa.Schema:
        """The Arrow schema that the table is kept in."""
        return self._arrow

    @cached_property
    def _arrow(self) -> pa.Schema:
        import pyarrow as pa

        types: dict[str, pa.DataType] = {
            "string": pa.string(),
            "Int64": pa.int64(),
            "Float64": pa.float64(),
            "decimal": pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
            "boolean": pa.bool_(),
            "timestamp": pa.timestamp("us", tz="UTC"),
            "list[string]": pa.list_(pa.string()),
        }
        return pa.schema([pa.field(c.name, types[c.dtype], nullable=c.optional) for c in self.columns])

    def table(self, rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | pa.Table) -> pa.Table:
        """Rows (mappings), or columns (name to values), as an Arrow table; anything that does not fit raises SchemaError.

        An Arrow table of this schema stays what it is.
        """
        import pyarrow as pa

        if isinstance(rows, pa.Table):
            return self.check(rows)
        columns = rows if isinstance(rows, Mapping) else self._columns(rows)
        wrong = set(self.names) ^ set(columns)
        if wrong:
            raise SchemaError(f"table {self.name} has other columns than its schema", why=", ".join(sorted(wrong)))
        arrays = []
        schema = self.arrow()
        for column in self.columns:
            values = columns[column.name]
            if silently := _converted_silently(column.dtype, values):
                raise SchemaError(
                    f"column {column.name} of table {self.name} does not fit {column.dtype}", why=silently
                )
            try:
                array = pa.array(values, type=schema.field(column.name).type)
            except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                raise SchemaError(
                    f"column {column.name} of table {self.name} does not fit {column.dtype}", why=str(error)
                ) from error
            if not column.optional and array.null_count:
                raise SchemaError(
                    f"column {column.name} of table {self.name} has {array.null_count} missing values",
                    hint="declare it optional, or fill it where it is read",
                )
            arrays.append(array)
        return pa.Table.from_arrays(arrays, schema=schema)

    def _columns(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        names = set(self.names)
        for row in rows:
            if row.keys() != names:
                wrong = ", ".join(sorted(names ^ set(row)))
                raise SchemaError(f"a row of table {self.name} has other columns than its schema", why=wrong)
        return {name: [row[name] for row in rows] for name in self.names}

    def check(self, table: pa.Table) -> pa.Table:
        """Cast a table that was read back to this schema; columns that differ raise SchemaError."""
        import pyarrow as pa

        if tuple(table.column_names) != self.names:
            wrong = ", ".join(sorted(set(table.column_names) ^ set(self.names))) or "order"
            raise SchemaError(f"table {self.name} has other columns than its schema", why=wrong)
        try:
            return table.cast(self.arrow())
        except (pa.ArrowException, ValueError) as error:
            raise SchemaError(f"table {self.name} does not fit its schema", why=str(error)) from error

    def frame(self, table: pa.Table) -> pd.DataFrame:
        """An Arrow table of this schema as a DataFrame with the declared dtypes."""
        import pandas as pd
        import pyarrow as pa

        dtypes = {
            pa.string(): pd.StringDtype(),
            pa.int64(): pd.Int64Dtype(),
            pa.float64(): pd.Float64Dtype(),
            pa.bool_(): pd.BooleanDtype(),
        }
        objects = {"list[string]": _tuples, "decimal": pa.ChunkedArray.to_pylist}
        plain = table.select([column.name for column in self.columns if column.dtype not in objects])
        frame: pd.DataFrame = plain.to_pandas(types_mapper=dtypes.get, split_blocks=True)
        for i, column in enumerate(self.columns):
            if column.dtype in objects:
                values = objects[column.dtype](table.column(column.name))
                frame.insert(i, column.name, pd.Series(values, index=frame.index, dtype=object))
        return frame

    def empty(self) -> pd.DataFrame:
        """No rows, every column with its dtype: "read, and there was nothing"."""
        return self.frame(self.table([]))

    def from_rows(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Rows as a DataFrame of this schema; for tests and doctests of pure functions."""
        return self.frame(self.table(list(rows)))


def _tuples(array: pa.ChunkedArray) -> list[tuple[str | None, ...] | None]:
    """Lists of strings as tuples; equal ones are one object, as few of them differ."""
    import pyarrow.compute as pc

    lists = array.combine_chunks()
    texts = lists.flatten()
    if texts.null_count or pc.any(pc.or_(pc.equal(texts, ""), pc.match_substring(texts, SEPARATOR))).as_py():
        return [None if items is None else tuple(items) for items in lists.to_pylist()]
    joined = pc.binary_join(lists, SEPARATOR).dictionary_encode()
    every = [tuple(text.split(SEPARATOR)) if text else () for text in joined.dictionary.to_pylist()]
    return list(map([*every, None].__getitem__, joined.indices.fill_null(len(every)).to_pylist()))


def _converted_silently(dtype: Dtype, values: Iterable[Any]) -> str:
    """What Arrow would take without a word and change: a text for the list of its letters, 1.5 for 1, 0.1 for a decimal."""
    if dtype not in {"list[string]", "Int64", "decimal"}:
        return ""
    types = set(map(type, values))
    if dtype == "decimal" and any(issubclass(kind, float | str) for kind in types):
        return "it holds a number that is not exact, or a text"
    if dtype == "list[string]" and str in types:
        return "it holds a text"
    floats = dtype == "Int64" and any(issubclass(kind, float) for kind in types)
    if floats and any(isinstance(value, float) and not value.is_integer() for value in values):
        return "it holds a number with a fraction"
    return ""


def unread(target: str, query: str) -> str:
    """The problem that a target gave no answer to a question: what cannot be told without it comes from that."""
    return f"unread/{target}/{query}"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows as plain Python mappings, missing values as None."""
    plain = frame.astype(object)
    return plain.where(frame.notna(), None).to_dict("records")  # type: ignore[return-value]  # column names are text


@dataclass(frozen=True)
class Tables:
    """Tables that are judged together, by the query that read them, each with its target's name in the first column.

    `gaps` says which target's table could not be read, and why: that is not the same as a table without rows.
    """

    targets: tuple[str, ...]
    read: Mapping[str, pd.DataFrame]
    gaps: Mapping[str, Mapping[str, str]]

    @property
    def attrs(self) -> dict[str, list[str]]:
        """As a single table has it: the records that all of this rests on."""
        return {"evidence": [one for frame in self.read.values() for one in frame.attrs.get("evidence", ())]}

    def evidence(self, target: str, queries: Iterable[str]) -> tuple[str, ...]:
        """The records of one target's tables."""
        found = [one for name in queries if name in self.read for one in self.read[name].attrs.get("evidence", ())]
        return tuple(one for one in found if one.partition("#")[0].endswith(f"/{target}"))

    def as_of(self, target: str) -> datetime | None:
        """The moment for which one target was read; None where its tables do not say."""
        told = (frame.attrs.get("as_of", {}).get(target) for frame in self.read.values())
        return next((datetime.fromisoformat(one) for one in told if one), None)

    def by_target(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """The rows of every table that was read, by target and query; what was not read is not there."""
        found: dict[str, dict[str, list[dict[str, Any]]]] = {target: {} for target in self.targets}
        for name, frame in self.read.items():
            for target in self.targets:
                if target not in self.gaps.get(name, {}):
                    found[target][name] = []
            first = frame.columns[0]
            for row in records(frame):
                found[row[first]][name].append(row)
        return found
