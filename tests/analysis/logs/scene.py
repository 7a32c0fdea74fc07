"""Log lines for tests, in the shape in which a query returns them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from gocoffee_ops.analysis.logs import LOG_LINES
from gocoffee_ops.analysis.logs.schemas import CLUSTER

SCHEMA = LOG_LINES.with_first(CLUSTER)
START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
ORDERS = {"cluster": "eu", "namespace": "go-coffee", "pod": "orders-7d9f8b6c5-x2x4z", "container": "orders"}


def at(minutes: float) -> datetime:
    """Minutes after the scene's start."""
    return START + timedelta(minutes=minutes)


def line(text: str, time: datetime | None = None, **where: Any) -> dict[str, Any]:
    """One line of the order service, unless told otherwise."""
    return ORDERS | {"previous": False, "time": time, "line": text} | where


def lines(*texts: str, **where: Any) -> pd.DataFrame:
    """Lines without a time."""
    return table(line(text, **where) for text in texts)


def table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a query returns them, with the evidence that it cites."""
    frame = SCHEMA.from_rows(rows)
    frame.attrs["evidence"] = ["logs.lines()@cluster/eu"]
    return frame
