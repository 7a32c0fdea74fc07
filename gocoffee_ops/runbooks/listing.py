"""The runbooks as `gocoffee-ops list` shows them: a line each, or all that one takes."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gocoffee_ops.runbooks.orientation import HERE, urgency

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gocoffee_ops.runbooks.catalog import Runbook

_NO_SYMPTOM = re.compile(r"^none\. This is ")  # of a runbook that is for every day or week
PIPED = 140  # characters of a line where no terminal says


def lines(books: Sequence[Runbook], console: Console | None = None) -> None:
    """A line for each, the page to start from first, then the most urgent: its name, when it is for, and what it is about.

    What the terminal has no room for is cut off.
    """
    from rich.text import Text

    table = _plain("runbook", "when", "what for")
    for column in table.columns:
        column.no_wrap = True
    ordered = sorted(books, key=lambda book: (book.name != HERE, urgency(book)))
    for book in ordered:
        table.add_row(Text(book.name), Text(_when(book)), Text(_NO_SYMPTOM.sub("", book.symptom), overflow="ellipsis"))
    for column, cells in zip(table.columns, ([b.name for b in books], [_when(b) for b in books]), strict=False):
        column.min_width = max(map(len, cells), default=0)  # a name is whole, however narrow the terminal
    (console or _console()).print(table)


def _when(book: Runbook) -> str:
    severity = re.search(r"\((P\d)\)", book.title)
    if book.name == HERE:
        return "first"
    return f"{book.chapter} {severity[1]}" if severity else book.chapter


def details(book: Runbook, console: Console | None = None) -> None:
    """All that a runbook says of itself, with its parameters, their defaults and what they may be."""
    from rich.text import Text

    console = console or _console()
    console.print(Text(f"{book.name}: {book.title}", style="bold"))
    told = _plain("", "", header=False)
    for label, text in (("when", book.symptom), ("owner", book.owner), ("notebook", str(book.path))):
        told.add_row(Text(f"  {label}"), Text(text, overflow="fold"))
    console.print(told)
    console.print()
    table = _plain("  takes", "default", "meaning")
    for one in book.parameters:
        meaning = f"{one.help} ({one.allowed})" if one.help else one.allowed
        table.add_row(Text(f"  {one.name}"), Text(repr(one.default)), Text(meaning))
    if book.parameters:
        console.print(table)


def _plain(*heads: str, header: bool = True) -> Table:
    from rich.table import Table

    return Table(*heads, box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=header, header_style="dim")


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPED, highlight=False)
