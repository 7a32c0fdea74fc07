"""What a log store (Elasticsearch) holds: further back than the nodes' own logs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gocoffee_ops.analysis.logs.levels import spellings
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.log_schemas import LOG_LINES
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.windows import window_of
from gocoffee_ops.sources.elasticsearch import LogStore

STORED_LINES = Schema(
    "stored log lines",
    (
        *LOG_LINES.columns,
        Column("level", "string", optional=True, help="as the store has it"),
        Column("service", "string", optional=True, help="as the store has it"),
    ),
)

STORE = Schema(
    "log store",
    (
        Column("index", "string", help="the pattern that is searched"),
        Column("lines", "Int64", "lines", "documents, of all times"),
        Column("oldest_at", "timestamp", optional=True, help="how far back it reaches"),
        Column("newest_at", "timestamp", optional=True),
        Column("lacking_fields", "list[string]", help="fields of the configuration that no document has"),
    ),
)


@query("elasticsearch", STORED_LINES)
def lines(
    ask: Ask[LogStore],
    *,
    service: str = "",
    level: str = "",
    search: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    window_s: float = 3600.0,
    max_lines: int = 20_000,
) -> Rows:
    """Which lines of the window does the log store hold, of a service, of a level or worse, or that match `search` (Lucene)?

    A level is searched for as loggers write it, in upper and lower case: `ERROR` and `err` are errors, a panic is worse.

    The window ends at `end` (else when the run began) and begins at `start` (else `window_s` before its end). Oldest first, at
    most `max_lines`: how many there are in all is stated when that cuts some. What failed shards or the server's own time
    limit left out is an UNKNOWN finding. Namespace, pod and container are empty where the store does not know them, and
    `previous` is always false: a store keeps all runs as one.

    Columns: those of `STORED_LINES`.
    API: _field_caps, _pit, _search. Permission: read and view_index_metadata on the index. Raises SourceError; NotFound
    when no index matches, Unsupported when it lacks a field that is searched by.
    """
    store, window = ask.source, window_of(ask.as_of, start, end, window_s)
    asked = {store.fields.service: service, store.fields.level: level}
    filters: list[Mapping[str, Any]] = []
    if service:
        filters.append({"match_phrase": {store.fields.service: service}})
    if level:
        words = [{"value": word, "case_insensitive": True} for word in spellings(level)]
        filters.append({"bool": {"should": [{"term": {store.fields.level: word}} for word in words]}})
    if search:
        filters.append({"query_string": {"query": search, "default_field": store.fields.message}})
    needed = [store.fields.time, store.fields.message, *(name for name, value in asked.items() if value)]
    store.lacking(ask.deadline, needed=needed)
    rows: list[Mapping[str, Any]] = []
    unread: dict[str, None] = {}
    total = 0
    for page in store.pages(window.start, window.end, filters, ask.deadline):
        total = page.total
        rows += page.rows
        unread |= dict.fromkeys(filter(None, (page.unread,)))
        if len(rows) >= max_lines:
            break
    rows = rows[:max_lines]
    cut = f"the oldest {len(rows)} of {total} lines (max_lines={max_lines})" if len(rows) < total else ""
    return Rows(rows, truncated=cut, unread="; ".join(unread), notes={"lines_in_all": total})


@query("elasticsearch", STORE)
def reach(ask: Ask[LogStore]) -> Rows:
    """How much does the log store hold, and how far back?

    API: _field_caps, _search. Permission: read and view_index_metadata on the index. Raises SourceError; NotFound when no
    index matches.
    """
    found = ask.source.reach(ask.deadline)
    row = {
        "index": ask.source.index,
        "lines": found.count,
        "oldest_at": found.oldest,
        "newest_at": found.newest,
        "lacking_fields": list(found.lacks),
    }
    return Rows([row], unread=found.unread)
