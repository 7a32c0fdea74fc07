"""Looking at each file of a bill once, before its money is believed: is every row's amount, day, category and currency there?

What is wrong is named by file and row. Rows count from 1 after the header.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import duckdb

from gocoffee_ops.errors import Malformed, ServerFault
from gocoffee_ops.sources.focus.columns import CATEGORIES, CLASSES, STATUSES
from gocoffee_ops.sources.focus.scanning import MONEY, Rule, Table, by_columns, quoted, rules, scan, source, text
from gocoffee_ops.sources.focus.shelf import BillFile

WHAT = "read the bill"
SHOWN = 3  # odd rows of each kind that are named
COUNTED = ("charge_start", "charge_end", "provider", "billing_account", "service", "billed", "effective")

# What is the same in two files with other columns, or other types of them, where both hold a charge.
KEY = (
    "billing_account, sub_account, service, resource_id, sku_id, charge_start, charge_end, "
    f"CAST(billed AS {MONEY}), CAST(effective AS {MONEY})"
)
COSTLY = "WHERE billed <> 0 OR effective <> 0"
KEY_SAID = "account, service, resource, SKU, period and costs"
SAME_ROWS = """first AS (SELECT digest, min(file) AS file FROM held GROUP BY digest HAVING sum(n) > 1)
SELECT held.file, first.file, sum(held.n - (held.file = first.file)::INT) AS again FROM held JOIN first USING (digest)
GROUP BY ALL HAVING again > 0 ORDER BY ALL"""
SAME_CHARGES = """first AS (SELECT digest FROM held GROUP BY digest HAVING min(alike) < max(alike))
SELECT later.file, earlier.file, sum(least(later.n, earlier.n)) FROM first JOIN held AS later USING (digest)
JOIN held AS earlier USING (digest) WHERE earlier.file < later.file AND earlier.alike <> later.alike GROUP BY ALL ORDER BY ALL"""
NEGATIVE = "charge_class IS NULL AND (pricing_quantity < 0 OR usage_quantity < 0)"


@dataclass(frozen=True)
class Looked:
    """What one file holds: rows, the span in which its charges begin, its currency, and what is odd without being wrong."""

    table: Table
    rows: int
    first: datetime | None
    last: datetime | None
    currency: str
    negative_quantities: int


@dataclass(frozen=True)
class Repeated:
    """How many rows of a file repeat one of it, and how many are in files before it too, by where."""

    within: int
    before: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Of both."""
        return self.within + sum(self.before.values())


@dataclass(frozen=True)
class Look:
    """Looks at files through one connection."""

    connection: duckdb.DuckDBPyConnection
    target: str

    def at(self, file: BillFile) -> Looked:
        """What a file holds. Raises Malformed."""
        table = self._table(file)
        counts = ", ".join(f"count({name})" for name in COUNTED)
        asked = (
            "SELECT currency, charge_category, charge_class, commitment, count(*), min(charge_start), max(charge_start), "
            f"count(*) FILTER ({NEGATIVE}), "
            f"{counts} FROM ({scan([table], counted=True)}) GROUP BY ALL"
        )
        try:
            groups = self.connection.execute(asked).fetchall()
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            self.blame([table], error)
        if not all(_sound(group) for group in groups):
            self.blame([table], None)
        currencies = sorted({group[0] for group in groups})
        if len(currencies) > 1:
            raise self._mixed(table, currencies)
        return Looked(
            table,
            sum(group[4] for group in groups),
            min((group[5] for group in groups), default=None),
            max((group[6] for group in groups), default=None),
            currencies[0] if currencies else "",
            sum(group[7] for group in groups),
        )

    def repeated(self, looked: Sequence[Looked]) -> Sequence[Repeated]:
        """How many rows of each file are the same as another of it, or as one of a file before it.

        Of files with the same columns, in every column (by a hash of 64 bits); else what a charge is of and costs.
        """
        tables = [one.table for one in looked]
        number = {table.file.name: n for n, table in enumerate(tables)}
        alike = [[number[table.file.name] for table in group] for group in by_columns(tables)]
        within, before = [0] * len(tables), [dict[str, int]() for _ in tables]
        for group in alike:
            parts = [
                f"SELECT {n} AS file, hash(whole) AS digest FROM {source([tables[n].file])} AS whole" for n in group
            ]
            for n, first, count in self._counted(parts, SAME_ROWS):
                if n == first:
                    within[n] = int(count)
                else:
                    before[n][f"in {tables[first].file.name} too"] = int(count)
        parts = [
            f"SELECT {n} AS file, {g} AS alike, hash({KEY}) AS digest FROM ({scan([tables[n]])}) {COSTLY}"
            for g, group in enumerate(alike)
            for n in group
        ]
        for n, first, count in self._counted(parts, SAME_CHARGES) if len(alike) > 1 else ():
            before[n][f"in {tables[first].file.name} too, by {KEY_SAID}"] = int(count)
        return [Repeated(*both) for both in zip(within, before, strict=True)]

    def _counted(self, parts: Sequence[str], asked: str) -> list[tuple[int, int, int]]:
        rows = " UNION ALL ".join(parts)
        found = self.connection.execute(f"WITH held AS (SELECT *, count(*) AS n FROM ({rows}) GROUP BY ALL), {asked}")
        return [(n, first, count) for n, first, count in found.fetchall()]

    def odd(self, looked: Looked, repeated: Repeated) -> list[str]:
        """The first rows of a file that repeat another, and those with a negative quantity that correct nothing, by number."""
        table, named = looked.table, [f"{count:,} of them {where}" for where, count in repeated.before.items()]
        self.connection.execute("SET preserve_insertion_order = true")
        if repeated.within:
            resource = next((quoted(name) for name in table.columns if name.lower() == "resourceid"), "NULL")
            asked = (
                f"WITH numbered AS (SELECT row_number() OVER () AS row, hash(whole) AS digest, {resource} AS resource "
                f"FROM {source([table.file])} AS whole), twice AS (SELECT digest, min(row) AS first FROM numbered GROUP BY digest "
                f"HAVING count(*) > 1 ORDER BY first LIMIT {SHOWN}) SELECT row, resource, first FROM numbered "
                f"JOIN twice USING (digest) WHERE row > first ORDER BY row LIMIT {SHOWN}"
            )
            found = self.connection.execute(asked).fetchall()
            named += [f"row {row:,} repeats row {first:,}{_of(what)}" for row, what, first in found]
        if looked.negative_quantities:
            asked = (
                f"SELECT row, resource_id, least(pricing_quantity, usage_quantity) FROM (SELECT row_number() OVER () AS row, * "
                f"FROM ({scan([table])})) WHERE {NEGATIVE} ORDER BY row LIMIT {SHOWN}"
            )
            found = self.connection.execute(asked).fetchall()
            named += [f"row {row:,} has a quantity of {quantity:g}{_of(what)}" for row, what, quantity in found]
        self.connection.execute("SET preserve_insertion_order = false")
        return named

    def blame(self, tables: Sequence[Table], error: duckdb.Error | None) -> NoReturn:
        """Raise Malformed for the first row that breaks a rule; else for what duckdb said."""
        if isinstance(error, duckdb.OutOfMemoryException):
            why = f"it takes more memory than duckdb is given: {said(error)}"
            raise ServerFault(WHAT, target=self.target, why=why, hint="a shorter window") from None
        for table in tables:
            broken = self._first(table, rules(table))
            if broken:
                raise Malformed(WHAT, target=self.target, why=broken) from None
        why = said(error) if error else "a row that cannot be read"
        for table in tables:
            why = why.replace(str(table.file.path), table.file.name)
        raise Malformed(WHAT, target=self.target, why=why) from None

    def _table(self, file: BillFile) -> Table:
        if not file.size:
            raise Malformed(WHAT, target=self.target, why=f"{file.name} is empty: not even a header")
        try:
            described = self.connection.execute(f"DESCRIBE SELECT * FROM {source([file])}").fetchall()
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise self._broken(file, error) from None
        table = Table(file, {row[0]: row[1] for row in described})
        table.require(self.target)
        return table

    def _first(self, table: Table, broken: Sequence[Rule]) -> str:
        """The first row of a file that breaks a rule, in words; "" when none does."""
        found = []
        self.connection.execute("SET preserve_insertion_order = true")
        for rule in broken:
            value = quoted(rule.column)
            rows = f"(SELECT row_number() OVER () AS row, {value} FROM {source([table.file])})"
            asked = f"SELECT row, CAST({value} AS VARCHAR), count(*) OVER () FROM {rows} WHERE {rule.condition}"
            try:
                first = self.connection.execute(f"{asked} ORDER BY row LIMIT 1").fetchone()
            except duckdb.InterruptException:
                raise
            except duckdb.Error as error:
                raise self._broken(table.file, error) from None
            if first is not None:
                found.append((first[0], rule, first[1], first[2]))
        self.connection.execute("SET preserve_insertion_order = false")
        if not found:
            return ""
        row, rule, given, count = min(found, key=lambda one: one[0])
        shown = "" if given is None else f" {given[:60]!r}"
        more = f" (and {count - 1:,} more rows)" if count > 1 else ""
        return f"{table.file.name}, row {row:,}: {rule.column}{shown} {rule.words}{more}"

    def _mixed(self, table: Table, currencies: Sequence[str]) -> Malformed:
        """The error for a file in two currencies."""
        first = self.connection.execute(f"SELECT currency FROM ({scan([table])}) LIMIT 1").fetchone()
        usual = first[0] if first else currencies[0]
        name = next(name for name in table.columns if name.lower() == "billingcurrency")
        rule = Rule(name, f"{quoted(name)} <> {text(usual)}", f"is another currency than {usual}")
        why = self._first(table, [rule])
        hint = "amounts in two currencies have no sum: one table of bills for each"
        return Malformed(WHAT, target=self.target, why=why, hint=hint)

    def _broken(self, file: BillFile, error: duckdb.Error) -> Malformed:
        why = f"{file.name}: {said(error).replace(str(file.path), file.name)}"
        hint = "was it cut, or is it still being written?"
        if file.kind == "csv":
            hint += " is it UTF-8, separated by commas?"
        return Malformed(WHAT, target=self.target, why=why, hint=hint)


def _of(resource: str | None) -> str:
    return f" ({resource})" if resource else ""


def _sound(group: tuple[Any, ...]) -> bool:
    """Whether rows of one currency, category, class and status have all that names their money."""
    currency, category, kind, status, rows = group[:5]
    return (
        currency is not None
        and len(currency) == 3
        and all("A" <= letter <= "Z" for letter in currency)
        and category in CATEGORIES
        and kind in (None, *CLASSES)
        and status in (None, *STATUSES)
        and all(count == rows for count in group[8:])
    )


def said(error: duckdb.Error) -> str:
    """What duckdb says, in one line, without the statement and its advice."""
    kept = []
    for line in (line.strip() for line in str(error).splitlines()):
        if line.startswith("LINE ") or line.lower().startswith("possible "):
            break
        if line:
            kept.append(line)
    return " ".join(kept)[:300]
