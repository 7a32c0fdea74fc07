"""The tables of a run's report, as a reader sees them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import nbformat

from gocoffee_ops.runbooks.run_folder import NOTEBOOK

Row = dict[str, str]


class _Tables(HTMLParser):
    """Rows by the names of their columns, which are the headings' titles; one that is the same in every row is not among them."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[Row]] = []
        self._names: list[str] = []
        self._row: list[str] = []
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._names = []
            self.tables.append([])
        elif tag == "tr":
            self._row = []
        elif tag in {"th", "td"}:
            self._row.append("")
            given = dict(attrs)
            if given.get("scope") == "col":
                self._names.append(given.get("title") or "")
                self._row = []
            self._within = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self._row and len(self._row) == len(self._names):
            self.tables[-1].append(dict(zip(self._names, self._row, strict=True)))
        if tag in {"th", "td"}:
            self._within = False

    def handle_data(self, data: str) -> None:
        if self._within and self._row:
            self._row[-1] += data


def tables(folder: Path) -> dict[str, list[list[Row]]]:
    """By heading the tables below it, of the notebook that a run left in its folder."""
    found: dict[str, list[list[Row]]] = {}
    heading = ""
    for cell in nbformat.read(folder / NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "markdown":
            headings = [line for line in cell.source.splitlines() if line.startswith("#")]
            heading = headings[-1].lstrip("# ") if headings else heading
        for output in cell.get("outputs", ()):
            parser = _Tables()
            parser.feed(output.get("data", {}).get("text/html", ""))
            found.setdefault(heading, []).extend(parser.tables)
    return found
