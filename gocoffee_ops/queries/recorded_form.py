"""The form in which a question's arguments and its answer are put on record."""

from __future__ import annotations

import json
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


def canonical_value(name: str, value: Any) -> str:
    """An argument's value as text that means the same weeks later. Raises UsageError for what has no such form."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise UsageError(f"argument {name} needs a time zone", why=f"given {value}")
        return value.isoformat()
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return json.dumps(list(value), ensure_ascii=False)
    if isinstance(value, str | int | float | bool):
        return json.dumps(value, ensure_ascii=False)
    raise UsageError(
        f"argument {name} is {type(value).__name__}", hint="str, int, float, bool, datetime or a list of str"
    )


def encode(table: pa.Table) -> bytes:
    """A table as Parquet, without what helps to read a part of it: it is read whole.

    Its texts are not numbered: what repeats, zstd finds itself, in less time and no more bytes.
    """
    import pyarrow.parquet as pq

    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    return sink.getvalue()


def decode(data: bytes) -> pa.Table:
    """A table of Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(data)).read()  # read_table would load Arrow's datasets for it
