"""One bill: its files, read by duckdb as the view `bill`."""

from __future__ import annotations

import importlib.resources
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb

from gocoffee_ops.errors import DeadlineExceeded
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.focus.looking import WHAT, Look, Looked
from gocoffee_ops.sources.focus.scanning import scan_all
from gocoffee_ops.sources.focus.shelf import BillFile, Shelf, Stock
from gocoffee_ops.sources.focus.tags import MACROS

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY_MIB = 400  # what duckdb may hold; more is put aside on disk
SETTINGS = "SET preserve_insertion_order = false; SET TimeZone = 'UTC'; SET enable_progress_bar = false"
SQL = ("queries", "sql", "bills")


@dataclass(frozen=True)
class Answer:
    """A table, and the notes on the files that it was read from."""

    table: pa.Table
    notes: Mapping[str, Any]


class Bill:
    """The bill of one shelf, with the tag that names the team. Making it reads nothing. Safe to share between threads."""

    def __init__(self, target: str, shelf: Shelf, *, team_tag: str = "team", lag_h: float = 48.0) -> None:
        self.target = target
        self.team_tag = team_tag
        self.lag_h = lag_h
        self._shelf = shelf
        self._looked: dict[BillFile, Looked] = {}  # a file that changed is another one

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._shelf.secrets()

    def ask(self, question: str, since: date, deadline: Deadline, **values: Any) -> Answer:
        """A question (a file of queries/sql/bills) to the view `bill`, with the values that it names.

        `since` leaves the files of months before alone. Raises NotFound, Forbidden, Malformed (naming the file and, where it can
        be, the row), DeadlineExceeded, and what the shelf raises.
        """
        path = importlib.resources.files("gocoffee_ops").joinpath(*SQL, f"{question}.sql")
        with self._opened(since, deadline) as (look, stock, looked):
            tables = [one.table for one in looked]
            try:
                look.connection.execute(f"CREATE TEMP VIEW bill AS {scan_all(tables)}")
                deadline.check(WHAT, target=self.target, last_seen=f"{len(tables)} files")
                found = look.connection.sql(path.read_text(encoding="utf-8"), params=values).to_arrow_table()
            except duckdb.InterruptException:
                raise
            except duckdb.Error as error:
                look.blame(tables, error)
            return Answer(found, _notes(stock, looked))

    def files(self, since: date, deadline: Deadline) -> Sequence[tuple[Looked, int, Sequence[str]]]:
        """Every file that is read, with how many of its rows repeat one of it or of a file before it, and what is odd in words."""
        with self._opened(since, deadline) as (look, stock, looked):
            deadline.check("look for rows that repeat", target=self.target, last_seen=f"{len(looked)} files")
            found = []
            for one, repeated in zip(looked, look.repeated(looked), strict=True):
                larger = stock.larger.get(one.table.file.name)
                run = (
                    [f"an earlier run of the month is larger ({larger}): this one may be half written"]
                    if larger
                    else []
                )
                found.append((one, repeated.rows, [*run, *look.odd(one, repeated)]))
            return found

    @contextmanager
    def _opened(self, since: date, deadline: Deadline) -> Iterator[tuple[Look, Stock, Sequence[Looked]]]:
        """A connection within the deadline, the files, and what they hold; what was looked at and did not change is known."""
        stock = self._shelf.stock(since, deadline)
        with tempfile.TemporaryDirectory(prefix="gocoffee-bill-") as folder:
            connection = duckdb.connect(
                ":memory:",
                config={
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "memory_limit": f"{MEMORY_MIB}MiB",
                    "temp_directory": folder,
                },
            )
            watchdog = threading.Timer(deadline.check(WHAT, target=self.target), connection.interrupt)
            watchdog.daemon = True
            watchdog.start()
            try:
                connection.execute(SETTINGS)
                connection.execute(MACROS)
                look = Look(connection, self.target)
                for file in stock.files:
                    if file not in self._looked:
                        deadline.check(WHAT, target=self.target, last_seen=file.name)
                        self._looked[file] = look.at(file)
                yield look, stock, [self._looked[file] for file in stock.files]
            except duckdb.InterruptException:
                why, hint = f"not complete after {deadline.seconds:g} s", "a shorter window, or query_deadline_s"
                raise DeadlineExceeded(WHAT, target=self.target, why=why, hint=hint) from None
            finally:
                watchdog.cancel()
                connection.close()


def _notes(stock: Stock, looked: Sequence[Looked]) -> dict[str, Any]:
    """What the record says of the files."""
    tables = [one.table for one in looked]
    notes: dict[str, Any] = {
        "files": [
            {
                "name": one.table.file.name,
                "bytes": one.table.file.size,
                "modified_at": one.table.file.modified_at.isoformat(),
                "etag": one.table.file.etag,
                "rows": one.rows,
                "focus": one.table.version,
            }
            for one in looked
        ]
    }
    more = {
        "months_before_not_read": list(stock.earlier),
        "replaced_by_a_later_run": list(stock.replaced),
        "no_bill": list(stock.ignored),
        "mandatory_columns_missing": {table.file.name: list(table.missing) for table in tables if table.missing},
        "money_in_floating_point": sorted({name for table in tables for name in table.floating}),
    }
    return notes | {name: value for name, value in more.items() if value}
