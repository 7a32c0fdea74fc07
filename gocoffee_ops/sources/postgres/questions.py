"""The SQL files: what each asks, which privilege it declares, and which file a server's version needs."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gocoffee_ops.errors import QueryFault

FOLDER = ("queries", "sql")

# From this server version on, this file; before, the one that has the question's own name.
VARIANTS: Mapping[str, tuple[tuple[int, str], ...]] = MappingProxyType(
    {
        "indexes": ((160000, "indexes_pg16"),),
        "statements": ((170000, "statements_pg17"),),
        "tables": ((160000, "tables_pg16"),),
    }
)


@dataclass(frozen=True)
class Question:
    """One SQL file: its name, what it asks (line 1), the role whose privileges it needs (line 2; "" for none), its text."""

    name: str
    asks: str
    needs: str
    text: str


def load(name: str, server_version: int) -> Question:
    """The question's file for a server of this version."""
    file = name
    for since, variant in VARIANTS.get(name, ()):
        if server_version >= since:
            file = variant
    path = importlib.resources.files("gocoffee_ops").joinpath(*FOLDER, f"{file}.sql")
    return parse(name, path.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Question:
    """Read the two head lines of a SQL file.

    >>> parse("x", "-- How many?\\n-- Reads: pg_class. Needs: pg_read_all_stats.\\nSELECT 1").needs
    'pg_read_all_stats'
    """
    lines = text.splitlines()
    needs = re.search(r"^-- Reads: .+\. Needs: (\w+)\.$", lines[1]) if len(lines) > 2 else None
    if needs is None or not lines[0].startswith("-- "):
        raise QueryFault(f"read {name}.sql", why="line 1 is '-- Question', line 2 '-- Reads: VIEWS. Needs: ROLE.'")
    role = needs.group(1)
    # The server's logs and statistics show who asks. At the end: PostgreSQL 18 forgets a comment that comes first.
    marked = "\n".join([*lines[2:], f"/* gocoffee-ops: {name} */"])
    return Question(name, lines[0].removeprefix("-- "), "" if role == "nothing" else role, marked)
