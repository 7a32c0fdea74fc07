"""What a run leaves beside its evidence for other programs: the allocation of a bill as rows of FOCUS 1.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gocoffee_ops.analysis import costs
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.sources.focus import Written, write_focus

if TYPE_CHECKING:
    import pandas as pd

ALLOCATION_FILES = ("allocation.parquet", "allocation.csv.gz")
EXPORTS = Schema(
    "exported files",
    (
        Column("file", "string", help="beside the report"),
        Column("rows", "Int64"),
        Column("columns_not_known", "list[string]", help="mandatory ones of FOCUS 1.3 that are empty in it"),
    ),
)


def allocation(lines: pd.DataFrame, charges: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Write what `costs.allocate` made of `charges`, as Parquet and as csv; their hashes are put on record.

    Columns: file (string), rows (Int64), columns_not_known (list). Raises SchemaError, and writes nothing, for lines that do not
    add up to their charges.
    """
    rows = costs.focus_rows(lines, charges)
    written: list[Written] = []
    for name in ALLOCATION_FILES:
        ledger.put_export(name, lambda path: written.append(write_focus(rows, path, charges=charges)))
    return EXPORTS.from_rows(
        {"file": one.path.name, "rows": one.rows, "columns_not_known": one.unknown} for one in written
    )
