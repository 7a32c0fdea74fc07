"""Lines of many logs put aside on disk while they are read, and what of them is kept."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.logs.masks import distinct
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pyarrow as pa

SPOOLED = Schema("spooled", (Column("time", "timestamp", optional=True), Column("line", "string")))
SHAPES_KEPT = 50  # of each log, the most frequent ones, with their counts
SHAPES_CITED = 1000  # of each log: a line of each
ROW_BYTES = 8  # of a line's time


class Spool:
    """A file without a name, gone when it is closed: redacted lines in batches, each of one log. Safe to share between threads."""

    def __init__(self, redactor: Redactor) -> None:
        import pyarrow as pa

        self._redactor = redactor
        self._lock = threading.Lock()
        self._file = tempfile.TemporaryFile(prefix="gocoffee-ops-")  # noqa: SIM115 - it lives as long as the spool
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_file(self._file, SPOOLED.arrow(), options=options)
        self._batches: dict[tuple[int, int], list[int]] = {}
        self._sizes: Counter[int] = Counter()
        self._count = 0
        self._closed = False

    def put(self, log: int, span: int, lines: pa.Table) -> None:
        """Put lines of a log aside; they follow those of their span, and a higher span is an earlier one."""
        clean = self._redactor.table(lines.cast(SPOOLED.arrow()), SPOOLED)
        with self._lock:
            if self._closed:  # a reader that was given up on
                return
            for batch in clean.combine_chunks().to_batches():
                self._writer.write_batch(batch)
                self._batches.setdefault((log, span), []).append(self._count)
                self._count += 1
            self._sizes[log] += size_of(clean)

    def taken(self, logs: Sequence[int], cap: int) -> Iterator[tuple[int, Taken]]:
        """What is kept of each of the logs, together at most `cap` bytes (and a line of each shape)."""
        import pyarrow as pa

        with self._lock:
            self._closed = True
            self._writer.close()
        shares = _shares({log: self._sizes[log] for log in logs}, cap)
        with pa.ipc.open_file(self._file) as reader:
            for log in logs:
                spans = sorted((key for key in self._batches if key[0] == log), reverse=True)
                batches = [reader.get_batch(i) for key in spans for i in self._batches[key]]
                whole = pa.Table.from_batches(batches, SPOOLED.arrow())
                yield log, Taken(whole) if self._sizes[log] <= shares[log] else _part(whole, shares[log])

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


@dataclass(frozen=True)
class Taken:
    """Lines that are kept, and of a log that is not kept whole how many lines each shape has, and what part is whole."""

    lines: pa.Table
    shapes: list[dict[str, Any]] = field(default_factory=list)
    other_shapes: int = 0
    thinned: tuple[datetime, datetime] | None = None  # between which lines are missing that were read


def size_of(lines: pa.Table) -> int:
    """Bytes of text and times."""
    import pyarrow.compute as pc

    return (pc.sum(pc.binary_length(lines.column("line"))).as_py() or 0) + ROW_BYTES * int(lines.num_rows)


def _shares(sizes: dict[int, int], cap: int) -> dict[int, int]:
    """How much each log may keep: small ones all, and what these leave is shared evenly among the others."""
    left, shares = cap, {}
    ordered = sorted(sizes, key=lambda log: sizes[log])
    for i, log in enumerate(ordered):
        shares[log] = min(sizes[log], left // (len(ordered) - i))
        left -= shares[log]
    return shares


def _part(whole: pa.Table, share: int) -> Taken:
    """The newest lines that fit, and the first and the last line of each shape."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    text = whole.column("line").combine_chunks()
    shapes, of = distinct(text)
    count = np.bincount(of, minlength=len(shapes))
    first, last = np.zeros_like(count), np.zeros_like(count)
    first[of[::-1]] = np.arange(len(of))[::-1]
    last[of] = np.arange(len(of))
    frequent = np.argsort(-count, kind="stable")[: np.count_nonzero(count)]
    rarest_first = frequent[::-1][:SHAPES_CITED]
    kept = np.zeros(len(of), dtype=bool)
    kept[first[rarest_first]] = kept[last[rarest_first]] = True
    sizes = np.asarray(pc.binary_length(text)) + ROW_BYTES
    kept[np.cumsum(sizes[::-1])[::-1] <= share] = True
    lost = pc.min_max(whole.column("time").filter(pa.array(~kept)))
    told = [{"shape": shapes[int(i)][:300], "lines": int(count[i])} for i in frequent[:SHAPES_KEPT]]
    span = None if lost["min"].as_py() is None else (lost["min"].as_py(), lost["max"].as_py())
    return Taken(whole.filter(pa.array(kept)), told, max(0, len(frequent) - SHAPES_KEPT), span)
