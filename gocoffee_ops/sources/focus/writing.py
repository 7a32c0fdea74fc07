"""Writing FOCUS 1.3: Parquet, csv or csv.gz, in the specification's formats; a file is there whole, or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import SchemaError, UsageError
from gocoffee_ops.frames import Column, Dtype, Schema, records
from gocoffee_ops.sources.focus.columns import FIELDS, MANDATORY_1_3, NULLABLE_1_3

if TYPE_CHECKING:
    import pandas as pd

VERSION = "1.3"
SUFFIXES = (".parquet", ".csv", ".csv.gz")
COSTS = {"BilledCost": "billed", "EffectiveCost": "effective"}
# Without these the money of a row would have no name; the other mandatory columns are written empty where they are not known.
NEEDED = tuple(field.focus[0] for field in FIELDS if field.required)
# What `bills.charges` calls what a split charge shares with its parts.
SHARED = {field.focus[0]: field.name for field in FIELDS if field.holds == "text" and "account" not in field.name} | {
    "ChargePeriodStart": "day"
}
DTYPES: Mapping[str, Dtype] = {"money": "decimal", "number": "decimal", "time": "timestamp", "text": "string"}


@dataclass(frozen=True)
class Written:
    """What was written, and which mandatory columns of 1.3 are empty in it because nobody knows them."""

    path: Path
    rows: int
    unknown: tuple[str, ...]


def write_focus(rows: pd.DataFrame, path: Path, *, charges: pd.DataFrame | None = None) -> Written:
    """Write rows whose columns FOCUS names as a file of FOCUS 1.3: FOCUS's columns sorted, then those of our own, `x_…`.

    With `charges` (the table of `bills.charges` that they were made of) they must add up to them, charge by charge and to the
    last place. Raises UsageError for a path that is no Parquet or csv, SchemaError for columns that lack or do not fit, and for
    rows that do not add up; then nothing is written.
    """
    if not path.name.lower().endswith(SUFFIXES):
        raise UsageError("write FOCUS", target=str(path), why="its name has another end", hint=", ".join(SUFFIXES))
    schema = _schema(rows)
    lacking = sorted(set(NEEDED) - set(rows.columns))
    if lacking:
        raise SchemaError("write FOCUS 1.3", target=str(path), why=f"no column {', '.join(lacking)}")
    given = records(rows)
    if charges is not None:
        _add_up(given, records(charges))
    whole = [{name: row.get(name) for name in schema.names} for row in given]
    unknown = tuple(
        name
        for name in MANDATORY_1_3
        if name not in rows.columns or (name not in NULLABLE_1_3 and any(row[name] is None for row in whole))
    )
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        _write(schema, whole, partial, path.name.lower())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return Written(path, len(whole), unknown)


def _schema(rows: pd.DataFrame) -> Schema:
    names = sorted({*MANDATORY_1_3, *(name for name in rows.columns if not name.startswith("x_"))})
    own = [name for name in rows.columns if name.startswith("x_")]
    return Schema("FOCUS 1.3", tuple(Column(name, _dtype(name, rows), optional=True) for name in [*names, *own]))


def _dtype(name: str, rows: pd.DataFrame) -> Dtype:
    if name in MANDATORY_1_3:
        return DTYPES[MANDATORY_1_3[name]]
    if name.endswith(("Cost", "Quantity", "UnitPrice")):
        return "decimal"
    kind = str(rows[name].dtype)
    if kind.startswith("datetime64"):
        return "timestamp"
    known: Mapping[str, Dtype] = {"boolean": "boolean", "bool": "boolean", "Int64": "Int64", "Float64": "Float64"}
    return known.get(kind, "string")


def _write(schema: Schema, rows: Sequence[Mapping[str, Any]], path: Path, name: str) -> None:
    table = schema.table(rows)
    if name.endswith(".parquet"):
        import pyarrow.parquet as pq

        pq.write_table(table.replace_schema_metadata({"FocusVersion": VERSION}), path, compression="zstd")
        return
    with path.open("wb") as binary, ExitStack() as stack:
        zipped = stack.enter_context(gzip.GzipFile(fileobj=binary, mode="wb")) if name.endswith(".gz") else binary
        text = stack.enter_context(io.TextIOWrapper(zipped, encoding="utf-8", newline=""))
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(schema.names)
        writer.writerows([_cell(row[column]) for column in schema.names] for row in rows)


def _cell(value: Any) -> str:
    """A value as csv has it: times in ISO 8601 and UTC, numbers without exponent, nothing for what is missing.

    >>> _cell(Decimal("1.500000000000")), _cell(Decimal("1E+2")), _cell(datetime(2026, 11, 1, tzinfo=UTC)), _cell(None)
    ('1.5', '100', '2026-11-01T00:00:00Z', '')
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        plain = f"{value:f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _add_up(rows: Sequence[Mapping[str, Any]], charges: Sequence[Mapping[str, Any]]) -> None:
    """Raise SchemaError when the parts of a charge are not the charge."""
    names = [name for name in SHARED if rows and name in rows[0] and charges and SHARED[name] in charges[0]]
    parts = _sums(rows, names, list(COSTS))
    wholes = _sums(charges, [SHARED[name] for name in names], list(COSTS.values()))
    for key in (*wholes, *(key for key in parts if key not in wholes)):
        if parts.get(key) != wholes.get(key):
            said = ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=True) if value)
            why = f"rows of {said} add up to {_shown(parts.get(key))}, and the charge is {_shown(wholes.get(key))}"
            raise SchemaError("write FOCUS 1.3: its rows do not add up to the bill", why=why)


def _sums(
    rows: Iterable[Mapping[str, Any]], names: Sequence[str], costs: Sequence[str]
) -> dict[tuple[str, ...], list[Decimal]]:
    found: dict[tuple[str, ...], list[Decimal]] = {}
    for row in rows:
        sums = found.setdefault(tuple(_cell(row[name]) for name in names), [Decimal(0) for _ in costs])
        for i, cost in enumerate(costs):
            sums[i] += row[cost] or Decimal(0)
    return found


def _shown(sums: Sequence[Decimal] | None) -> str:
    return (
        "nothing"
        if sums is None
        else " and ".join(f"{name} {_cell(sum_)}" for name, sum_ in zip(COSTS, sums, strict=True))
    )
