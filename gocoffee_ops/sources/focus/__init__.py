"""Bills as FOCUS files (FinOps Open Cost and Usage Specification, 1.0 to 1.3): the only importer of duckdb.

`Bill` is the source that queries ask; its files come from a `Shelf` (a `Folder`, or a prefix of S3). `write_focus` writes
FOCUS 1.3. Reading needs the extra `costs`, and writing does not: so `Bill` and duckdb are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gocoffee_ops.sources.focus.shelf import BillFile, Folder, Shelf, Stock
from gocoffee_ops.sources.focus.writing import Written, write_focus

if TYPE_CHECKING:
    from gocoffee_ops.sources.focus.bill import Answer, Bill

__all__ = ["Answer", "Bill", "BillFile", "Folder", "Shelf", "Stock", "Written", "write_focus"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in {"Answer", "Bill"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from gocoffee_ops.sources.focus import bill

        return getattr(bill, name)
