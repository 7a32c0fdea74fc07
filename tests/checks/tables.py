"""Tables of the queries' own schemas, for checks: what a row does not say is filled with something harmless."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Finding, Status, Thresholds
from gocoffee_ops.queries.query import Query

MOMENT = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)


def table(query: Query[...], *rows: dict[str, Any], evidence: str = "") -> pd.DataFrame:
    """A table as `query` returns it."""
    frame = filled(query.schema, *rows)
    frame.attrs["evidence"] = [evidence] if evidence else []
    return frame


def filled(schema: Schema, *rows: dict[str, Any]) -> pd.DataFrame:
    """A table of a schema that no query returns, but a function of ours."""
    unknown = {name for row in rows for name in row} - set(schema.names)
    assert not unknown, f"{schema.name} has no column {unknown}"
    return schema.from_rows([{c.name: row.get(c.name, _harmless(c)) for c in schema.columns} for row in rows])


def _harmless(column: Column) -> Any:
    if column.optional:
        return None
    values = {"string": column.name, "Int64": 0, "Float64": 0.0, "boolean": True, "timestamp": MOMENT}
    return values.get(column.dtype, ())


def judge(check: object, *tables: pd.DataFrame) -> list[Finding]:
    """As the session does it."""
    assert callable(check)
    wants = "thresholds" in inspect.signature(check).parameters
    return list(check(*tables, thresholds=Thresholds()) if wants else check(*tables))


def worst_of(found: list[Finding]) -> Status:
    assert found, "a check always says something"
    return max((f.status for f in found), key=lambda s: s.severity)
