"""Bytes of a log, as they come, to lines with their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# What the kubelet writes before each line when it is asked for times: RFC 3339, with nanoseconds, then a space.
STAMPED = r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))(?: (?P<line>(?s:.*)))?$"

WIDTH = 30  # of a time in UTC with nine digits of a second


class Lines:
    """Cuts a log into lines; what has no end yet waits for the next part."""

    def __init__(self) -> None:
        self._rest = b""
        self.raw = b""  # the bytes of the lines that were made last

    def feed(self, chunk: bytes) -> pa.Table | None:
        """The lines that end in this part: columns time (missing where a line has none) and line."""
        whole, end, rest = chunk.rpartition(b"\n")
        if not end:
            self._rest += chunk
            return None
        whole, self._rest = self._rest + whole, rest
        self.raw = whole + end
        return self._table(whole)

    def rest(self) -> pa.Table | None:
        """The last line, if it has no end."""
        whole, self._rest = self._rest, b""
        self.raw = whole
        return self._table(whole) if whole else None

    def _table(self, whole: bytes) -> pa.Table:
        import pyarrow as pa

        lines = whole.decode("utf-8", "replace").split("\n")
        times, texts = _by_width(lines) or _by_pattern(pa.array(lines, type=pa.string()))
        return pa.table({"time": times, "line": texts})


def _by_width(lines: list[str]) -> tuple[pa.Array, pa.Array] | None:
    """Times and texts where every line has a time of the kubelets' usual width, which is quicker than the pattern."""
    import pyarrow as pa

    if any(line[WIDTH - 1 : WIDTH + 1] != "Z " for line in lines):
        return None
    try:
        times = pa.array([line[:WIDTH] for line in lines]).cast(pa.timestamp("ns", tz="UTC"))
    except pa.ArrowInvalid:
        return None
    return _microseconds(times), pa.array([line[WIDTH + 1 :] for line in lines])


def _by_pattern(lines: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Times and texts of any lines; one without a time stays as it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.extract_regex(lines, STAMPED)
    times = pc.if_else(found.is_valid(), pc.struct_field(found, "time"), None)
    try:
        stamps = times.cast(pa.timestamp("ns", tz="UTC"))
    except pa.ArrowInvalid:  # the thirteenth month: no time after all
        return pa.nulls(len(lines), pa.timestamp("us", tz="UTC")), lines
    return _microseconds(stamps), pc.if_else(found.is_valid(), pc.struct_field(found, "line"), lines)


def _microseconds(times: pa.Array) -> pa.Array:
    import pyarrow as pa

    return times.cast(pa.timestamp("us", tz="UTC"), safe=False)
