"""The SQL that reads files of FOCUS as the view `bill`: our names for the columns, exact money, UTC times.

The view's text holds names of files and columns alone; both are quoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gocoffee_ops.errors import Malformed
from gocoffee_ops.frames import DECIMAL_DIGITS, DECIMAL_PLACES
from gocoffee_ops.sources.focus.columns import ALSO_MANDATORY, CATEGORIES, CLASSES, FIELDS, STATUSES, Field, version_of
from gocoffee_ops.sources.focus.shelf import BillFile
from gocoffee_ops.sources.focus.tags import as_tags, broken_tags

MONEY = f"DECIMAL({DECIMAL_DIGITS}, {DECIMAL_PLACES})"
# Below it a product with 10^12 is off by less than a half, so that the nearest integer is the decimal that was meant.
EXACT_BELOW = 4096
FLOATING = ("DOUBLE", "FLOAT")
CSV = (
    "all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = ['', 'NULL', 'null'], "
    "strict_mode = true"
)


@dataclass(frozen=True)
class Table:
    """One file as duckdb sees it: its columns with their types, in order."""

    file: BillFile
    columns: Mapping[str, str]

    @property
    def names(self) -> frozenset[str]:
        """The names of its columns in lower case."""
        return frozenset(self._by_lower)

    def column(self, field: Field) -> str | None:
        """What the file calls a column of ours."""
        lower = self._by_lower
        return next((lower[name.lower()] for name in field.focus if name.lower() in lower), None)

    def cell(self, name: str) -> str:
        """A column of the file as SQL; an empty text is none, as it is in csv."""
        empty_is_text = self.file.kind == "parquet" and self.columns[name] in {"VARCHAR", "JSON"}
        return f"nullif({quoted(name)}, '')" if empty_is_text else quoted(name)

    @cached_property
    def _by_lower(self) -> dict[str, str]:
        return {name.lower(): name for name in self.columns}

    @property
    def missing(self) -> tuple[str, ...]:
        """Mandatory columns that it lacks, and that we do without."""
        return tuple(names[0] for names in ALSO_MANDATORY if not self.names & {name.lower() for name in names})

    @property
    def floating(self) -> tuple[str, ...]:
        """Its columns of money that are floating point: each amount is read as the decimal that was written."""
        names = [self.column(field) for field in FIELDS if field.holds == "money"]
        return tuple(name for name in names if name is not None and self.columns[name] in FLOATING)

    @property
    def version(self) -> str:
        """The version of FOCUS that it is at least of."""
        return version_of(self.names)

    def require(self, target: str) -> None:
        """Raise Malformed, naming what is missing, when its money would have no name."""
        lacks = [" or ".join(field.focus) for field in FIELDS if field.required and self.column(field) is None]
        if lacks:
            why = f"{self.file.name} has no column {', '.join(lacks)}; it has {', '.join(list(self.columns)[:8]) or 'none'}, …"
            raise Malformed(
                "read the bill", target=target, why=why, hint="is it FOCUS 1.0 or newer, separated by commas?"
            )


def scan(tables: Sequence[Table], *, counted: bool = False) -> str:
    """The SELECT that reads files of the same columns; of amounts that are only `counted`, what is none is null."""
    return f"SELECT {_selected(tables[0], counted=counted)} FROM {source([table.file for table in tables])}"


def scan_all(tables: Sequence[Table]) -> str:
    """The SELECT that reads all files, those of the same columns at once."""
    return "\nUNION ALL BY NAME\n".join(scan(group) for group in by_columns(tables))


def by_columns(tables: Sequence[Table]) -> list[list[Table]]:
    """Files, those of one kind with the same columns together."""
    alike: dict[tuple[Any, ...], list[Table]] = {}
    for table in tables:
        alike.setdefault((table.file.kind, *table.columns.items()), []).append(table)
    return list(alike.values())


def source(files: Sequence[BillFile]) -> str:
    """The table function that reads files of one kind."""
    paths = f"[{', '.join(text(str(file.path)) for file in files)}]"
    return (
        f"read_parquet({paths}, hive_partitioning = false)"
        if files[0].kind == "parquet"
        else f"read_csv({paths}, {CSV})"
    )


def _selected(table: Table, *, counted: bool) -> str:
    parts = []
    for field in FIELDS:
        name = table.column(field)
        value, kind = ("NULL", "") if name is None else (table.cell(name), table.columns[name])
        if counted and field.holds == "money" and kind in FLOATING:
            found = f"CASE WHEN {_amount(value)} THEN {value} END"
        else:
            found = expression(field.holds, value, kind)
        parts.append(f"{found} AS {quoted(field.name)}")
    return ", ".join(parts)


def expression(holds: str, value: str, kind: str) -> str:
    """A column as what it holds; `kind` is its type in the file ("" for a column that is not there)."""
    if holds == "money":
        return _money(value, kind)
    if holds == "number":
        return f"CAST({value} AS DOUBLE)"
    if holds == "time":
        zoned = kind == "VARCHAR" or "TIME ZONE" in kind
        return f"CAST({value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'" if zoned else f"CAST({value} AS TIMESTAMP)"
    if holds == "tags":
        return as_tags(value, kind)
    return f"CAST({value} AS VARCHAR)"


def _amount(value: str) -> str:
    """Whether floating point holds an amount that we can. NaN is asked for by name: Parquet's statistics don't know of it."""
    return f"(isfinite({value}) AND abs({value}) < 1e{DECIMAL_DIGITS - DECIMAL_PLACES})"


def _money(value: str, kind: str) -> str:
    if kind in FLOATING:
        near = f"CAST({value} AS {MONEY})"
        return f"CASE WHEN abs({value}) < {EXACT_BELOW} THEN {near} ELSE CAST(CAST({value} AS VARCHAR) AS {MONEY}) END"
    if kind.startswith("DECIMAL") and int(kind.rstrip(")").rpartition(",")[2]) <= DECIMAL_PLACES:
        return value
    return f"CAST({value} AS {MONEY})"


@dataclass(frozen=True)
class Rule:
    """What no row may be: the file's column, a condition of SQL, and the words for it."""

    column: str
    condition: str
    words: str


def rules(table: Table) -> list[Rule]:
    """What would make a row unreadable, or its money nameless; conditions are over the file's own columns."""
    found: list[Rule] = []
    for field in FIELDS:
        name = table.column(field)
        if name is None:
            continue
        value, kind = table.cell(name), table.columns[name]
        if field.required and field.name != "charge_class":
            found.append(Rule(name, f"{value} IS NULL", "is missing"))
        if kind == "VARCHAR" and field.holds in WANTED:
            wanted, words = WANTED[field.holds]
            found.append(Rule(name, f"{value} IS NOT NULL AND try_cast({value} AS {wanted}) IS NULL", words))
        if field.holds == "money" and kind in FLOATING:
            found.append(Rule(name, f"NOT {_amount(value)}", "is no amount"))
        if field.holds == "tags":
            found += [Rule(name, condition, words) for condition, words in broken_tags(value, kind)]
        if field.name in ALLOWED:
            allowed = ALLOWED[field.name]
            words = f"is none of {', '.join(allowed)}"
            found.append(Rule(name, f"{value} NOT IN ({', '.join(text(one) for one in allowed)})", words))
        if field.name == "currency":
            found.append(Rule(name, f"NOT regexp_full_match({value}, '[A-Z]{{3}}')", "is no code of a currency"))
    return found


WANTED: Mapping[str, tuple[str, str]] = {
    "money": (MONEY, "is no amount (a decimal point, no thousands separator, at most 26 digits before it)"),
    "number": ("DOUBLE", "is no number"),
    "time": ("TIMESTAMPTZ", "is no time in ISO 8601"),
}
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "charge_category": CATEGORIES,
    "charge_class": CLASSES,
    "commitment": STATUSES,
}


def quoted(name: str) -> str:
    """A name as SQL writes it.

    >>> quoted('a"b')
    '"a""b"'
    """
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def text(value: str) -> str:
    """A text as SQL writes it.

    >>> text("it's")
    "'it''s'"
    """
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
