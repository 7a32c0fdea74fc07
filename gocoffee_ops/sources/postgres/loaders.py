"""PostgreSQL values that Python has no room for.

Infinite and out-of-range times become `EARLIEST` or `LATEST`, the ends of Python's calendar, which survive Parquet and
sort where they belong; a missing value would read as "not known". Intervals become seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from psycopg.adapt import Loader
from psycopg.types.datetime import IntervalLoader, TimestamptzLoader

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


class BoundedTimestamptzLoader(TimestamptzLoader):
    """timestamptz, with what lies outside of Python's calendar moved to its ends."""

    def load(self, data: bytes | bytearray | memoryview) -> datetime:
        text = bytes(data)
        if text == b"infinity":
            return LATEST
        if text == b"-infinity" or text.endswith(b"BC"):
            return EARLIEST
        if len(text.partition(b"-")[0]) > 4:
            return LATEST
        return super().load(data)


class SecondsLoader(IntervalLoader):
    """interval as seconds: months count 30 days, as in PostgreSQL's own extract(epoch)."""

    def load(self, data: bytes | bytearray | memoryview) -> float:  # type: ignore[override]
        text = bytes(data)
        if text in {b"infinity", b"-infinity"}:
            return float(text)
        return super().load(data).total_seconds()


class TextLoader(Loader):
    """Text; statistics can hold statements of databases in other encodings, whose bytes are no UTF-8."""

    def load(self, data: bytes | bytearray | memoryview) -> str:
        return bytes(data).decode("utf-8", errors="replace")


def register(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Use these loaders on a connection."""
    connection.adapters.register_loader("timestamptz", BoundedTimestamptzLoader)
    connection.adapters.register_loader("interval", SecondsLoader)
    for name in ("text", "varchar", "name"):
        connection.adapters.register_loader(name, TextLoader)
