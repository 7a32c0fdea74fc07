"""What one line says, by its format. Each reader takes the lines of its format and leaves the others.

A level counts where a logger writes it: in its field, or before the message. The same word within a message is a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.logs import fields
from gocoffee_ops.analysis.logs.columns import mapped
from gocoffee_ops.analysis.logs.levels import canonical

if TYPE_CHECKING:
    import pyarrow as pa

KLOG = r"^(?P<level>[IWEF])[0-9]{4} [0-9:]{8}\.[0-9]+ +[0-9]+ [^ \]]+:[0-9]+\] (?P<message>.*)$"
ACCESS = (
    r"^(?P<client>[^ ]+) [^ ]+ [^ ]+ \[(?P<stamp>[0-9]{2}/[A-Z][a-z]{2}/[0-9:]{13} [+-][0-9]{4})\] "
    r'"(?:(?P<method>[A-Z]+) (?P<path>[^ ?"]+)(?:\?[^ "]*)?(?: HTTP/[0-9.]+)?|(?:[^"\\]|\\.)*)" '
    r'(?P<status>[1-5][0-9]{2}) (?:[0-9]+|-)(?: "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*")?'
    r"(?: [0-9]+ (?P<seconds>[0-9]+\.[0-9]+) \[)?"
)
_KNOWN = "(?:level|lvl|severity|msg|message|ts|time)="
LOGFMT = (
    rf'^(?:[A-Za-z@_][\w.@-]*=(?:"(?:[^"\\]|\\.)*"|[^ "]*) +(?:.* )?{_KNOWN}|'
    rf'{_KNOWN}(?:"(?:[^"\\]|\\.)*"|[^ "]*) +[\w.@-]+=)'
)
_WORD = (
    r"TRACE|DEBUG[1-5]?|DBG|INFO|INF|NOTICE|LOG|WARN|WARNING|WRN|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|PANIC|EMERG|ALERT"
)
TEXT = (
    r"^(?:[\[(]?(?P<stamp>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9:]{8}(?:[.,][0-9]+)?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?)[\])]?[\s|:-]*)?"
    # what stands between time and level: [thread], 42, user@database, `- logger -`
    r"(?:(?:\[[^\]]*\]|[0-9]+|[^ @]+@[^ @]+|- [\w.]+ -)[\s|:-]+){0,3}?"
    rf"(?:[\[(<]\s*(?P<bracketed>(?i:{_WORD}))\s*[\])>]|(?P<colon>(?i:{_WORD}))(?::|\t)|(?P<bare>{_WORD})(?:[\s|\]]|\s-|$))"
    r"[\s|:-]*(?P<message>.*)$"
)
STAMPED = (
    r"^[\[(]?(?P<stamp>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9:]{8}(?:[.,][0-9]+)?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?)[\])]?[\s|:-]+(?P<message>.*)$"
)
REDIS = r"^[0-9]+:[XCSM] [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:.]+ (?P<sign>[.*#-]) (?P<message>.*)$"
_KLOG_LEVELS = {"I": "info", "W": "warn", "E": "error", "F": "fatal"}
_CLASSES = ("informational", "successful", "redirection", "client error", "server error")  # RFC 9110
_REDIS_LEVELS = {".": "debug", "-": "debug", "*": "info", "#": "warn"}

COLUMNS = (
    "stamp",
    "level",
    "message",
    "format",
    "status",
    "method",
    "path",
    "duration_ms",
    "client",
    "exception",
    "trace",
)


def parsed_schema() -> pa.Schema:
    """What every reader answers: `pos`, the line's place, and the fields that a line can have."""
    import pyarrow as pa

    text = pa.large_string()
    kinds = {"status": pa.int64(), "duration_ms": pa.float64()}
    return pa.schema([pa.field("pos", pa.int64()), *(pa.field(name, kinds.get(name, text)) for name in COLUMNS)])


def read_lines(lines: pa.Array) -> pa.Table:
    """Every line's fields, in the order of the lines; what has no other format is text."""
    import numpy as np
    import pyarrow as pa

    left = pa.array(np.arange(len(lines)))
    found = []
    for reader in (_json, _klog, _access, _logfmt, _redis, _text, _stamped):
        if not len(left):
            break
        part, left = reader(lines, left)
        found += [part] if part is not None else []
    found.append(_part(left, message=lines.take(left), format="text"))
    return pa.concat_tables(found).sort_by("pos")


def _part(pos: pa.Array, **columns: Any) -> pa.Table:
    import pyarrow as pa

    schema = parsed_schema()
    arrays = [pos]
    for field in list(schema)[1:]:
        value = columns.get(field.name)
        if isinstance(value, str):
            value = pa.repeat(pa.scalar(value, pa.large_string()), len(pos))
        arrays.append(pa.nulls(len(pos), field.type) if value is None else value.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


Reader = tuple["pa.Table | None", "pa.Array"]


def _json(lines: pa.Array, left: pa.Array) -> Reader:
    import pyarrow.compute as pc

    return _by_line(lines, left, pc.starts_with(lines.take(left), "{"), "json", fields.of_json)


def _logfmt(lines: pa.Array, left: pa.Array) -> Reader:
    import pyarrow.compute as pc

    return _by_line(lines, left, pc.match_substring_regex(lines.take(left), LOGFMT), "logfmt", fields.of_logfmt)


def _by_line(
    lines: pa.Array, left: pa.Array, candidate: pa.Array, name: str, read: Callable[[str], fields.Fields | None]
) -> Reader:
    """Lines that are read one by one; a candidate that cannot be read stays for the next reader."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = left.filter(candidate)
    if not len(chosen):
        return None, left
    texts = lines.take(chosen).to_pylist()
    rows = [read(text) for text in texts]
    there = pa.array([row is not None for row in rows])
    good = [(row, text) for row, text in zip(rows, texts, strict=True) if row is not None]
    schema = parsed_schema()
    columns = {c: pa.array([row.get(c) for row, _ in good], schema.field(c).type) for c in COLUMNS if c != "format"}
    # A structured line without a message is its own message.
    columns["message"] = pa.array([row.get("message") or text for row, text in good], pa.large_string())
    rest = pa.concat_arrays([left.filter(pc.invert(candidate)), chosen.filter(pc.invert(there))])
    return _part(chosen.filter(there), format=name, **columns), rest.take(pc.sort_indices(rest))


def _by_pattern(
    lines: pa.Array, left: pa.Array, pattern: str, columns: Callable[[pa.StructArray, pa.Array], dict[str, Any]]
) -> Reader:
    import pyarrow.compute as pc

    texts = lines.take(left)
    matched = pc.match_substring_regex(texts, pattern)  # many times faster than to extract where nothing matches
    chosen = left.filter(matched)
    if not len(chosen):
        return None, left
    texts = texts.filter(matched)
    return _part(chosen, **columns(pc.extract_regex(texts, pattern), texts)), left.filter(pc.invert(matched))


def _there(array: pa.Array) -> pa.Array:
    """A group that matched nothing is an empty text: that is a missing value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.equal(array, ""), pa.scalar(None, array.type), array)


def _klog(lines: pa.Array, left: pa.Array) -> Reader:
    import pyarrow as pa
    import pyarrow.compute as pc

    def columns(groups: pa.StructArray, _: pa.Array) -> dict[str, Any]:
        level = mapped(groups.field("level"), _KLOG_LEVELS.__getitem__, pa.large_string())
        # klog quotes the message itself when fields follow it.
        message = pc.replace_substring_regex(groups.field("message"), r'^"((?:[^"\\]|\\.)*)"', r"\1")
        return {"level": level, "message": message, "format": "klog"}

    return _by_pattern(lines, left, KLOG, columns)


def _access(lines: pa.Array, left: pa.Array) -> Reader:
    import pyarrow as pa
    import pyarrow.compute as pc

    def columns(groups: pa.StructArray, texts: pa.Array) -> dict[str, Any]:
        method, path, status = (_there(groups.field(name)) for name in ("method", "path", "status"))
        answer = mapped(status, lambda text: _CLASSES[int(text[0]) - 1], pa.large_string())
        said = pc.binary_join_element_wise(method, path, answer, pa.scalar(" ", pa.large_string()))
        seconds = _there(groups.field("seconds")).cast(pa.float64())
        client = groups.field("client")
        return {
            "stamp": groups.field("stamp"),
            "message": pc.if_else(said.is_valid(), said, texts),
            "format": "access",
            "level": mapped(status, lambda text: "error" if text[0] == "5" else "info", pa.large_string()),
            "status": status.cast(pa.int64()),
            "method": method,
            "path": path,
            "duration_ms": pc.multiply(seconds, 1000.0),
            "client": pc.if_else(pc.equal(client, "-"), pa.scalar(None, client.type), client),
        }

    return _by_pattern(lines, left, ACCESS, columns)


def _redis(lines: pa.Array, left: pa.Array) -> Reader:
    import pyarrow as pa

    def columns(groups: pa.StructArray, _: pa.Array) -> dict[str, Any]:
        level = mapped(groups.field("sign"), _REDIS_LEVELS.__getitem__, pa.large_string())
        return {"level": level, "message": groups.field("message"), "format": "text"}

    return _by_pattern(lines, left, REDIS, columns)


def _text(lines: pa.Array, left: pa.Array) -> Reader:
    import pyarrow as pa
    import pyarrow.compute as pc

    def columns(groups: pa.StructArray, _: pa.Array) -> dict[str, Any]:
        words = pc.coalesce(*(_there(groups.field(name)) for name in ("bracketed", "colon", "bare")))
        return {
            "stamp": _there(groups.field("stamp")),
            "level": mapped(words, canonical, pa.large_string()),
            "message": groups.field("message"),
            "format": "text",
        }

    return _by_pattern(lines, left, TEXT, columns)


def _stamped(lines: pa.Array, left: pa.Array) -> Reader:
    def columns(groups: pa.StructArray, _: pa.Array) -> dict[str, Any]:
        return {"stamp": groups.field("stamp"), "message": groups.field("message"), "format": "text"}

    return _by_pattern(lines, left, STAMPED, columns)
