"""Redaction: secrets never reach a notebook, a report, a bundle, a log or a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    import pyarrow as pa

    from gocoffee_ops.frames import Schema

MASK = "[redacted]"


class Redactor:
    """Masks known secret values (DSN passwords, tokens) and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Make a value known as secret."""
        if len(secret) >= 4:  # shorter ones would mask ordinary words
            self._secrets.add(secret)

    def text(self, text: str) -> str:
        """Plain text with its secrets masked."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return re.sub(r"(\w+://[^\s:/@]*:)[^\s@]+@", rf"\1{MASK}@", text)

    def sql(self, text: str) -> str:
        """Statement text with its literals and secrets masked."""
        return self.text(re.sub(r"'(?:[^']|'')*'", "'…'", text))

    def value(self, value: Any) -> Any:
        """A JSON-like value with every string in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {k: self.value(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(v) for v in value]
        return value

    def table(self, table: pa.Table, schema: Schema) -> pa.Table:
        """A table with every string in it masked; columns of SQL lose their literals too."""
        import pyarrow as pa

        for i, column in enumerate(schema.columns):
            if column.dtype not in {"string", "list[string]"}:
                continue
            mask = self.sql if column.content == "sql" else self.text
            values = table.column(column.name).to_pylist()
            clean = [v if v is None else mask(v) if isinstance(v, str) else [mask(x) for x in v] for v in values]
            if clean != values:
                field = table.schema.field(column.name)
                table = table.set_column(i, field, pa.array(clean, type=field.type))
        return table


def dsn_secrets(dsn: str) -> set[str]:
    """The secret parts of a DSN, as they stand in it and decoded; of one that cannot be read, all of it.

    >>> sorted(dsn_secrets("postgresql://reader:hunter%202@db/coffee"))
    ['hunter 2', 'hunter%202']
    >>> dsn_secrets("host=db password='two words'")
    {'two words'}
    """
    secrets: set[str] = set()
    if "://" in dsn:
        if user := re.match(r"\w+://[^:/@\s]*:(.*)@[^@]*$", dsn):
            secrets.add(user[1])
        secrets |= set(re.findall(r"[?&](?:ssl)?password=([^&#\s]*)", dsn, re.IGNORECASE))
        return secrets | {unquote(secret) for secret in secrets}
    pairs = re.findall(r"(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))", dsn)
    if not pairs:
        return {dsn}
    for key, quoted, bare in pairs:
        if "password" in key.lower():
            secrets.add(re.sub(r"\\(.)", r"\1", quoted or bare))
    return secrets
