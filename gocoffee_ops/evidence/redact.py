"""Redaction: secrets never reach a notebook, a report, a bundle, a log or a traceback."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote

from gocoffee_ops.evidence.patterns import BASE64, BASE64_PEM, MASK, PLAIN, SECRET_KEY, SUSPECT, TOKENS, Detector
from gocoffee_ops.evidence.statement import without_literals

if TYPE_CHECKING:
    import pyarrow as pa

    from gocoffee_ops.frames import Schema

TELLING = 24  # letters of a known secret that make a text suspect
FEW = 100  # so many of them one regular expression holds with ease
SHORTEST = 4  # a shorter value, masked wherever it stands, would leave no word whole


class Redactor:
    """Masks known secret values (DSN passwords, tokens), however encoded, and whatever looks like a secret.

    Masking what is masked changes nothing.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: tuple[str, ...] = ()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Make a value known as secret, with the forms that it takes in URLs, JSON, SQL and base64."""
        if len(secret) >= SHORTEST and MASK not in secret and secret not in MASK:
            # One new tuple: other threads read the old one or the new one.
            self._known = tuple(sorted({*self._known, *_forms(secret)}, key=lambda form: (-len(form), form)))

    def learn(self, source: object) -> None:
        """Make known what a source calls its secrets (its `secrets()`, if it has any)."""
        secrets = getattr(source, "secrets", None)
        if callable(secrets):
            for secret in secrets():
                self.add(secret)

    def text(self, text: str) -> str:
        """Plain text with its secrets masked."""
        return self._mask(text, PLAIN, self._known)

    def sql(self, text: str) -> str:
        """Statement text with its literals, comments and secrets masked; numbers stay."""
        return self._mask(without_literals(text), TOKENS, self._known)

    def value(self, value: Any) -> Any:
        """A JSON-like value with every string in it masked, and what stands under a secret's key."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(k) if isinstance(k, str) else k: MASK if _is_secret(k, v) else self.value(v)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(v) for v in value]
        return value

    def table(self, table: pa.Table, schema: Schema) -> pa.Table:
        """A table with every string in it masked; columns of SQL lose their literals too."""
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = [column for column in schema.columns if column.dtype in {"string", "list[string]"}]
        distinct = {column.name: _distinct(table.column(column.name)) for column in texts}
        plain = [distinct[column.name] for column in texts if column.content != "sql"]
        masked = self._masked(self._suspects(pa.concat_arrays(plain)).to_pylist(), sql=False) if plain else {}
        for column in texts:
            values = distinct[column.name]
            changed = self._masked(values.to_pylist(), sql=True) if column.content == "sql" else masked
            if not changed or not pc.any(pc.is_in(values, pa.array(changed, pa.string()))).as_py():
                continue
            found = table.column(column.name).to_pylist()
            if column.dtype == "string":
                clean = [changed.get(v, v) for v in found]
            else:
                clean = [v if v is None else [changed.get(x, x) for x in v] for v in found]
            field = table.schema.field(column.name)
            table = table.set_column(schema.names.index(column.name), field, pa.array(clean, type=field.type))
        return table

    def _suspects(self, distinct: pa.Array) -> pa.Array:
        """The values that a detector or a known secret could match; mostly none."""
        import pyarrow.compute as pc

        # Of ASCII alone do Arrow and Python agree on what the other case of a letter is.
        suspect = pc.invert(pc.string_is_ascii(distinct))
        begins = {re.escape(form[:TELLING]) for form in self._known}
        few = len(begins) <= FEW  # then one pass looks for all of them
        pattern = "|".join([SUSPECT, *sorted(begins)]) if few else SUSPECT
        suspect = pc.or_(suspect, pc.match_substring_regex(distinct, pattern))
        for form in () if few else self._known:
            suspect = pc.or_(suspect, pc.match_substring(distinct, form))
        return distinct.filter(suspect)

    def _masked(self, distinct: Iterable[str], *, sql: bool) -> dict[str, str]:
        """Those of the values that change, with what they become; most columns run no pattern at all."""
        texts = {v: without_literals(v) if sql else v for v in distinct}
        everything = "\n".join(texts.values())
        able = _with_words(everything.lower(), TOKENS if sql else PLAIN)
        known = [form for form in self._known if form in everything]
        if not able and not known and not BASE64.search(everything):
            return {v: clean for v, clean in texts.items() if clean != v}
        masked = {v: self._mask(text, able, known) for v, text in texts.items()}
        return {v: clean for v, clean in masked.items() if clean != v}

    def _mask(self, text: str, detectors: Sequence[Detector], known: Sequence[str], *, nested: bool = True) -> str:
        for form in known:
            if form in text:
                text = text.replace(form, MASK)
        lower = text.lower()
        for detector in _with_words(lower, detectors):
            if detector.guard.search(lower):
                text = detector.pattern.sub(detector.replace, text)
        return BASE64.sub(self._encoded, text) if nested and len(text) >= 20 else text

    def _encoded(self, match: re.Match[str]) -> str:
        """Base64 of text that holds a secret is masked whole."""
        if match[0].startswith(BASE64_PEM):
            return MASK
        try:
            decoded = base64.b64decode(match[0] + "=" * (-len(match[0]) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return match[0]
        clean = self._mask(decoded, PLAIN, self._known, nested=False)
        return MASK if clean != decoded else match[0]


def _distinct(column: pa.ChunkedArray) -> pa.Array:
    """The texts of a column, or of its lists, each once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return (pc.list_flatten(column) if pa.types.is_list(column.type) else column).unique().drop_null()


def _with_words(lower: str, detectors: Sequence[Detector]) -> list[Detector]:
    """The detectors one of whose words is in the text."""
    found = []
    for detector in detectors:
        for word in detector.words:
            if word in lower:
                found.append(detector)
                break
    return found


def _is_secret(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, str) and value != "" and bool(SECRET_KEY.search(key))


def _forms(secret: str) -> set[str]:
    """A secret as URLs, JSON, SQL, Python and base64 write it."""
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), secret.replace("'", "''")}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    raw = secret.encode()
    if len(raw) >= 6:
        for offset in range(3):  # where it stands in what was encoded: `user:password` in an Authorization header
            padded = base64.b64encode(b"\0" * offset + raw)
            start, end = (offset * 8 + 5) // 6, (offset + len(raw)) * 8 // 6
            core = padded[start:end].decode()
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return {form for form in forms if len(form) >= SHORTEST}


def dsn_secrets(dsn: str) -> set[str]:
    """The secret parts of a DSN, as they stand in it and decoded; of one that cannot be read, all of it.

    >>> sorted(dsn_secrets("postgresql://reader:hunter%202@db/coffee"))
    ['hunter 2', 'hunter%202']
    >>> dsn_secrets("host=db password='two words'")
    {'two words'}

    A password with unescaped marks is also known by its parts, which libpq's messages name as host or port.

    >>> sorted(dsn_secrets("postgresql://reader:half#other@db/coffee"))
    ['half', 'half#other', 'other']
    """
    secrets: set[str] = set()
    if "://" in dsn:
        if user := re.match(r"\w+://[^:/@\s]*:(.*)@[^@]*$", dsn):
            secrets |= {user[1], *(part for part in re.split(r"[@/?#]", user[1]) if len(part) >= SHORTEST)}
        secrets |= set(re.findall(r"[?&](?:ssl)?password=([^&#\s]*)", dsn, re.IGNORECASE))
        return secrets | {unquote(secret) for secret in secrets}
    pairs = re.findall(r"(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))", dsn)
    if not pairs:
        return {dsn}
    for key, quoted, bare in pairs:
        if "password" in key.lower():
            secrets.add(re.sub(r"\\(.)", r"\1", quoted or bare))
    return secrets
