"""Log lines as their writers meant them: container by container, partial lines put together, without colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gocoffee_ops.analysis.logs.columns import mapped, text_column, to_arrow
from gocoffee_ops.analysis.logs.fields import moment
from gocoffee_ops.analysis.logs.joining import partial_lines
from gocoffee_ops.analysis.logs.schemas import LOG_LINES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

OWNER = ("cluster", "namespace", "pod", "container", "previous")
_COLOUR = r"\x1b\[[0-9;]*[A-Za-z]"


@dataclass(frozen=True)
class Written:
    """Whole lines, each container's together and in its own order."""

    owner: pa.Table  # OWNER
    container: npt.NDArray[np.int64]  # a number for each container
    text: pa.Array
    time: pa.Array
    first: npt.NDArray[np.int64]  # row of the line, or of its first part, in the table that was read
    raw_lines: npt.NDArray[np.int64]  # of how many parts it is made


def written(lines: pd.DataFrame) -> Written:
    """The lines of a table with the columns of LOG_LINES and `cluster`; raises SchemaError where one is missing."""
    import numpy as np
    import pyarrow as pa

    table = to_arrow(lines, ("cluster", *LOG_LINES.names), of="log lines")
    container = _numbered(table)
    first = np.arange(len(container))
    if (np.diff(container) < 0).any():
        first = np.argsort(container, kind="stable")
        table, container = table.take(pa.array(first)), container[first]
    text = text_column(table, "line")
    time = pa.chunked_array(table.column("time").chunks, table.column("time").type).combine_chunks()
    time = (time if isinstance(time, pa.Array) else pa.concat_arrays(time.chunks)).cast(pa.timestamp("us", tz="UTC"))
    raw_lines = np.ones(len(container), dtype=np.int64)
    whole = partial_lines(text, container.tolist())
    if whole is not None:
        texts, stamps, places, belongs = whole
        at = pa.array(places)
        read = mapped(pa.array(stamps, pa.large_string()), moment, time.type)
        time = pa.compute.coalesce(time.take(at), read)
        text, table, first = pa.array(texts, pa.large_string()), table.take(at), first[places]
        container, raw_lines = container[places], np.bincount(belongs)
    return Written(table.select(OWNER), container, _without_colours(text), time, first, raw_lines)


def _numbered(table: pa.Table) -> npt.NDArray[np.int64]:
    """Containers numbered in the order in which they come."""
    import numpy as np
    import pandas as pd
    import pyarrow.compute as pc

    codes = np.zeros(table.num_rows, dtype=np.int64)
    for name in OWNER:
        encoded = pc.dictionary_encode(table.column(name).combine_chunks())
        chunks = encoded.chunks if hasattr(encoded, "chunks") else [encoded]
        indices = np.concatenate([np.asarray(chunk.indices) for chunk in chunks]) if chunks else codes
        codes = codes * (int(indices.max(initial=0)) + 1) + indices
    return pd.factorize(codes)[0].astype(np.int64)


def _without_colours(text: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    text = pc.utf8_rtrim(text, "\r\n")
    if pc.any(pc.match_substring(text, "\x1b[")).as_py():
        return pc.replace_substring_regex(text, _COLOUR, "")
    return text
