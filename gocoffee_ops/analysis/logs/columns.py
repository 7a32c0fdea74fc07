"""Columns of text: what Arrow's kernels need around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.logs.missing import missing_of
from gocoffee_ops.errors import SchemaError
from gocoffee_ops.missing import NAME

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from gocoffee_ops.model import Window


def to_arrow(frame: pd.DataFrame, names: Sequence[str], *, of: str) -> pa.Table:
    """The named columns of a DataFrame as Arrow, each in one piece; raises SchemaError where one is not there."""
    import pyarrow as pa

    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise SchemaError(f"these are no {of}", why=f"there is no column {', '.join(missing)}")
    return pa.Table.from_pandas(frame[list(names)], preserve_index=False).combine_chunks()


def text_column(table: pa.Table, name: str) -> pa.Array:
    """One column in one piece, as the text type whose offsets are wide enough for everything."""
    import pyarrow as pa

    column = table.column(name).combine_chunks()
    whole = column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)
    return whole.cast(pa.large_string())


def mapped(array: pa.Array, function: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """`function` of every text, worked out once for each different one; missing stays missing."""
    import pyarrow as pa

    encoded = array.dictionary_encode()
    values = pa.array([function(text) for text in encoded.dictionary.to_pylist()], type=kind)
    return values.take(encoded.indices)


def cited(frame: pd.DataFrame, *inputs: pd.DataFrame, window: Window | None = None) -> pd.DataFrame:
    """The table, resting on the evidence of those that it is made from, with what they lack: of the window, if one is given."""
    frame.attrs[NAME] = missing_of(*inputs, window=window)
    frame.attrs["evidence"] = list(dict.fromkeys(e for table in inputs for e in table.attrs.get("evidence", ())))
    return frame
