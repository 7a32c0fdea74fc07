"""Log records from log lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.logs import joining
from gocoffee_ops.analysis.logs.columns import cited, mapped
from gocoffee_ops.analysis.logs.fields import moment
from gocoffee_ops.analysis.logs.formats import read_lines
from gocoffee_ops.analysis.logs.levels import BAD
from gocoffee_ops.analysis.logs.schemas import RECORDS
from gocoffee_ops.analysis.logs.services import service_of
from gocoffee_ops.analysis.logs.written import Written, written

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

_JOINED = (joining.INDENTED, joining.FRAME, joining.BLANK, joining.JAVA_MORE, joining.DETAIL)
_TRACES = (joining.PYTHON, joining.GO)


def parse(lines: pd.DataFrame) -> pd.DataFrame:
    """What do the log lines say? One row a record, in the order of the records' first lines.

    Understood are JSON, logfmt, klog, common and combined access logs, and text with a level before its message; lines
    may still carry the runtime's own prefix, and partial ones are put together. Stack traces of Java, Go and Python,
    indented lines, and PostgreSQL's DETAIL, HINT, CONTEXT and STATEMENT are joined to the record they belong to. No
    line is dropped: `raw_lines` add up to the lines given.

    Columns: those of `RECORDS`. `lines` has the columns of `LOG_LINES` with `cluster` in front; raises SchemaError where
    one is missing.
    """
    import numpy as np
    import pyarrow as pa

    given = written(lines)
    if not len(given.text):
        return cited(RECORDS.empty(), lines)
    kinds = joining.kinds(given.text)
    starts = np.ones(len(kinds), dtype=bool)
    starts[1:] = ~np.isin(kinds, _JOINED)[1:] | (np.diff(given.container) != 0)
    places = np.flatnonzero(starts)
    parsed = read_lines(given.text.take(pa.array(places)))
    bad = np.zeros(len(kinds), dtype=bool)
    bad[places] = pa.compute.is_in(parsed.column("level"), pa.array(BAD, pa.large_string())).to_numpy()
    heads = np.array(joining.heads(kinds, given.container.tolist(), bad.tolist()))
    first = np.flatnonzero(heads == np.arange(len(heads)))
    parsed = parsed.take(pa.array(np.searchsorted(places, first))).combine_chunks()
    table = _assembled(given, _with_traces(parsed, given, kinds, heads, first), heads, first)
    return cited(RECORDS.frame(table), lines)


def _assembled(
    given: Written, parsed: pa.Table, heads: npt.NDArray[np.int64], first: npt.NDArray[np.int64]
) -> pa.Table:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    at = pa.array(first)
    time = given.time.take(at)
    if time.null_count:
        time = pc.coalesce(time, mapped(_whole(parsed, "stamp"), moment, time.type))
    owner = given.owner.take(at)
    size = np.bincount(heads, weights=given.raw_lines, minlength=len(heads))[first].astype(np.int64)
    columns = {name: owner.column(name) for name in owner.column_names} | {
        name: parsed.column(name) for name in parsed.column_names if name not in {"pos", "stamp"}
    }
    columns |= {
        "service": mapped(_whole(owner, "pod").cast(pa.large_string()), service_of, pa.large_string()),
        "time": time,
        "raw_lines": pa.array(size),
        "first_line": pa.array(given.first[first]),
    }
    table = pa.table([columns[name] for name in RECORDS.names], names=list(RECORDS.names))
    return RECORDS.check(table.take(pc.sort_indices(table.column("first_line"))))


def _whole(table: pa.Table, name: str) -> pa.Array:
    import pyarrow as pa

    column = table.column(name).combine_chunks()
    return column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)


def _with_traces(
    parsed: pa.Table,
    given: Written,
    kinds: Sequence[int],
    heads: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
) -> pa.Table:
    """The records with what their further lines tell: the text, the exception, and the level that follows from one."""
    import numpy as np
    import pyarrow as pa

    rest = np.flatnonzero(heads != np.arange(len(heads)))
    more: dict[int, list[str]] = {}
    for head, text in zip(heads[rest].tolist(), given.text.take(pa.array(rest)).to_pylist(), strict=True):
        more.setdefault(head, []).append(text)
    told = {head for head in first.tolist() if kinds[head] in _TRACES} | more.keys()
    told |= set(first[parsed.column("trace").combine_chunks().is_valid().to_numpy(zero_copy_only=False)].tolist())
    if not told:
        return parsed
    rows = np.flatnonzero(np.isin(first, list(told)))
    before = parsed.take(pa.array(rows)).to_pylist()
    texts = given.text.take(pa.array(first[rows])).to_pylist()
    after = [
        _told(row, kinds[head], text, more.get(head, []))
        for row, head, text in zip(before, first[rows].tolist(), texts, strict=True)
    ]
    mask = np.zeros(len(first), dtype=bool)
    mask[rows] = True
    for name in ("message", "level", "format", "exception", "trace"):
        place = parsed.column_names.index(name)
        values = pa.array([row[name] for row in after], pa.large_string())
        column = pa.compute.replace_with_mask(_whole(parsed, name), pa.array(mask), values)
        parsed = parsed.set_column(place, name, column)
    return parsed


def _told(row: dict[str, Any], kind: int, text: str, more: list[str]) -> dict[str, Any]:
    embedded = (row["trace"] or "").split("\n")
    exception = joining.exception_of(text, more) or joining.exception_of(embedded[0], embedded[1:])
    message, form, level = row["message"], row["format"], row["level"]
    if kind == joining.PYTHON and exception:
        message = next(line for line in reversed(more) if line.startswith(exception))
    if kind in _TRACES or (kind == joining.JAVA and exception):
        form = "trace"
    if level is None and exception:
        level = "fatal" if text.startswith(("panic: ", "fatal error: ")) else "error"
    trace = "\n".join(more).rstrip() or row["trace"]
    return {
        "message": message,
        "level": level,
        "format": form,
        "exception": row["exception"] or exception,
        "trace": trace,
    }
