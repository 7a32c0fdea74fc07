"""Questions to a database, PostgreSQL 14 to 18.

Every question is a read-only transaction. What a role may not see is an error, never a masked or a shorter table: a
question that needs pg_read_all_stats or pg_read_all_settings (both are in pg_monitor, which deploy/reader.sql grants)
raises Forbidden without it. Besides what each question lists, all raise Unreachable, Unauthenticated, DeadlineExceeded
(connect, statement or lock time-out), ServerFault and Malformed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import ParameterError, ServerFault, Unsupported, unknown_name
from gocoffee_ops.queries import database_schemas as schemas
from gocoffee_ops.queries.lock_graph import ways
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.sources.postgres import Database

ORDERS = ("total", "mean", "calls", "io", "wal")
RELATIONS_LIMIT = 5000
BLOCKING_LIMIT = 1000
PG_STAT_STATEMENTS = "pg_stat_statements"

COUNTERS = ("calls", "total_exec_ms", "rows")

Columns = Mapping[str, Sequence[Any]]
Counted = tuple[str, int, bool]  # a statement, the role that ran it, and whether it is of this database


@query("database", schemas.SERVER)
def server(ask: Ask[Database]) -> Rows:
    """What answers: which server, which database, as whom?

    Columns: version (string), version_num (Int64), started_at (timestamp), in_recovery (boolean: a replica), name
    (string: the database's own name), role (string: as whom), superuser (boolean: it is one, or a member of one),
    can_monitor (boolean: it has pg_monitor), size_mib (Float64, MiB), max_connections (Int64).

    Source: pg_settings, pg_roles, pg_database_size. Permission: none.
    """
    return Rows(ask.source.read("server", {}, ask.deadline))


@query("database", schemas.STATEMENTS)
def statements(ask: Ask[Database], by: str = "total", limit: int = 20) -> Rows:
    """Which statements of this database take the most: `by` total or mean time, calls, I/O, or WAL?

    Counted since `stats_reset_at`: figures are sums since then, not rates; `statement_delta` gives a window. Only
    statements of this database are listed; `share` is of the whole server's time, other databases' included. This
    tool's own questions are not listed, but are part of the whole. `by="io"` orders by io_ms, and by blocks read and
    written where track_io_timing is off.

    Columns: queryid (string), statement (string), role (string, optional), calls (Int64), total_exec_ms, mean_exec_ms,
    max_exec_ms (Float64, ms: execution without planning), rows (Int64), share (Float64, ratio), shared_hit_blocks,
    shared_read_blocks (Int64, blocks), io_ms (Float64, ms; missing without track_io_timing), temp_blocks (Int64,
    blocks), wal_mib (Float64, MiB), stats_reset_at (timestamp, optional).

    Source: pg_stat_statements, pg_stat_statements_info. Permission: pg_read_all_stats.
    Raises Unsupported when the extension is missing, older than the server, or not preloaded, and ParameterError.
    """
    if by not in ORDERS:
        raise unknown_name("order of statements", by, ORDERS, ParameterError)
    _check_limit(limit)
    where = _statements_schema(ask)
    return Rows(ask.source.read("statements", {"by": by, "limit": limit}, ask.deadline, identifiers=where))


@query("database", schemas.STATEMENT_TOTALS)
def statement_totals(ask: Ask[Database]) -> Rows:
    """How far have the counters of every statement of this database come?

    All of them, all roles' calls together, most time first: what two runs of a report compare. `statements` has more
    figures of the few that matter most. This tool's own questions are not listed.

    Columns: queryid (string), statement (string), calls (Int64), total_exec_ms (Float64, ms: execution without
    planning), stats_reset_at (timestamp, optional), evictions (Int64: since the reset, of the whole server; each
    forgets the least executed statements).

    Source: pg_stat_statements, pg_stat_statements_info. Permission: pg_read_all_stats.
    Raises Unsupported as `statements` does.
    """
    where = _statements_schema(ask)
    return Rows(ask.source.read("statement_totals", {}, ask.deadline, identifiers=where))


@query("database", schemas.STATEMENT_DELTA)
def statement_delta(ask: Ask[Database], seconds: float = 10.0, limit: int = 20) -> Rows:
    """Which statements take the server's time right now: what two snapshots `seconds` apart differ by?

    Only statements of this database are listed, as in `statements`, most time first; those of this tool are not, its
    BEGIN and COMMIT neither. A statement that was evicted from the statistics and came back counts from its return;
    the record's notes say how many evictions there were.

    Columns: queryid (string), statement (string), calls (Int64), total_exec_ms, mean_exec_ms (Float64, ms), rows
    (Int64), share (Float64, ratio, of what the whole server executed in the window), window_s (Float64, s).

    Source: pg_stat_statements, pg_stat_statements_info. Permission: pg_read_all_stats.
    Raises Unsupported as `statements` does, ServerFault when the statistics were reset between the snapshots, and
    ParameterError when the deadline leaves no room for `seconds`.
    """
    _check_limit(limit)
    room = ask.deadline.left() / 2
    if not 0 < seconds <= room:
        raise ParameterError(
            f"statement_delta over {seconds:g} s", hint=f"more than 0 and, with this deadline, at most {room:.0f}"
        )
    where = _statements_schema(ask)
    before = ask.source.read("statement_counters", {}, ask.deadline, identifiers=where)
    time.sleep(seconds)
    after = ask.source.read("statement_counters", {}, ask.deadline, identifiers=where)
    if before["stats_reset_at"][:1] != after["stats_reset_at"][:1]:
        raise ServerFault(
            "compare two snapshots", target=ask.source.describe(), why="the statistics were reset between them"
        )
    changed = _changed(_counters(before), _counters(after))
    whole = sum(change["total_exec_ms"] for change in changed)
    texts = _texts(ask, [change["queryid"] for change in changed if change["here"]], where)
    theirs = _together(c for c in changed if c["here"] and (c["queryid"], c["role_id"]) in texts)
    statements = {queryid: text for (queryid, _), text in sorted(texts.items(), reverse=True)}
    window = after["at_s"][0] - before["at_s"][0]
    rows = [
        {
            "queryid": change["queryid"],
            "statement": statements[change["queryid"]],
            "calls": change["calls"],
            "total_exec_ms": change["total_exec_ms"],
            "mean_exec_ms": change["total_exec_ms"] / change["calls"],
            "rows": change["rows"],
            "share": change["total_exec_ms"] / whole if whole else 0.0,
            "window_s": window,
        }
        for change in theirs
    ]
    return Rows(rows[:limit], notes={"evictions": after["evicted"][0] - before["evicted"][0]})


@query("database", schemas.ACTIVITY)
def activity(ask: Ask[Database], *, application: str = "") -> Rows:
    """What is every session of the server doing, and for how long? Or of one application, as it calls itself.

    Sessions are clients', with the parallel workers, autovacuum workers and others that work in a database for
    somebody, and senders of WAL. The server's own processes (checkpointer, launchers, writers) are none.
    The age is of what the state makes it: an active session's query, a transaction that idles (an aborted one: since it
    was aborted, at least), an idle session's idling (its last query is over), a sender's or a worker's life. Ages are
    taken on the server's clock. Our own session is left out: no row means that nobody else is connected.

    Columns: pid (Int64), role (string, optional), application (string), client (string, optional: address, or
    "local"), backend_type (string), state, wait_event_type, wait_event (string, optional), age_s (Float64, s,
    optional), age_of (string: query, transaction, idle or backend), connected_to (string, optional: its database),
    backend_start_at (timestamp), xact_start_at, query_start_at, state_change_at (timestamp, optional), blocked_by
    (list of string: pids; 0 is a prepared transaction), statement (string, optional: running, or the last one).

    Source: pg_stat_activity, pg_blocking_pids. Permission: pg_read_all_stats.
    """
    return Rows(ask.source.read("activity", {"application": application}, ask.deadline))


@query("database", schemas.BLOCKING)
def blocking(ask: Ask[Database]) -> Rows:
    """Who waits for a lock, and who holds everybody up in the end?

    One row for each waiting session and each root that it waits for, directly or through others. A session that
    waits behind several roots has several rows; `activity` names all its direct blockers. A prepared transaction has
    no process: it is pid 0, named in root_application. In a circle (a deadlock not yet broken) the lowest pid stands
    for the root.

    Columns: pid, blocked_by_pid, root_pid (Int64), depth (Int64: steps to the root), waiting_s (Float64, s),
    application (string), lock_type, relation (string, optional), statement (string, optional), root_application
    (string), root_state (string, optional; "prepared"), root_age_s (Float64, s, optional: of its transaction when
    idle in one, else of its query), root_statement (string, optional), deadlock (boolean).

    Source: pg_stat_activity, pg_locks, pg_blocking_pids, pg_prepared_xacts. Permission: pg_read_all_stats.
    """
    found = ask.source.read("blocking", {}, ask.deadline)
    sessions = {pid: {name: found[name][i] for name in found} for i, pid in enumerate(found["pid"])}
    rows = []
    # A session whose wait is not among the locks any more got its lock while we read: it waits for nobody.
    blockers = {pid: s["blockers"] if s["waiting_s"] is not None else [] for pid, s in sessions.items()}
    for way in ways(blockers):
        waiter = sessions[way.pid]
        root = _prepared(waiter, sessions) if way.root == 0 else sessions[way.root]
        rows.append(
            {
                "pid": way.pid,
                "blocked_by_pid": way.via,
                "root_pid": way.root,
                "depth": way.depth,
                **{name: waiter[name] for name in ("waiting_s", "application", "lock_type", "relation", "statement")},
                **{f"root_{name}": root[name] for name in ("application", "state", "age_s", "statement")},
                "deadlock": way.deadlock,
            }
        )
    rows.sort(key=lambda row: (-row["waiting_s"], row["pid"], row["root_pid"]))
    stated = f"the {BLOCKING_LIMIT} longest waits of {len(rows)}" if len(rows) > BLOCKING_LIMIT else ""
    return Rows(rows[:BLOCKING_LIMIT], truncated=stated)


@query("database", schemas.CONNECTIONS)
def connections(ask: Ask[Database]) -> Rows:
    """How many client connections are open, by application, role and state, and how many could be?

    Columns: application (string), role (string, optional), state (string), connections (Int64), total (Int64: all
    client sessions of the server, ours included), max_connections (Int64), reserved (Int64: of these, not for
    ordinary roles).

    Source: pg_stat_activity, pg_settings. Permission: pg_read_all_stats.
    """
    return Rows(ask.source.read("connections", {}, ask.deadline))


@query("database", schemas.CACHE_HIT)
def cache_hit(ask: Ask[Database]) -> Rows:
    """How much of what this database reads comes from PostgreSQL's own cache?

    The operating system's cache lies below: a block that is "read" need not come from a disk.

    Columns: name (string), hit_blocks, read_blocks (Int64, blocks), ratio (Float64, missing when nothing was read),
    stats_reset_at (timestamp, optional).

    Source: pg_stat_database. Permission: none.
    """
    return Rows(ask.source.read("cache_hit", {}, ask.deadline))


@query("database", schemas.TABLES)
def tables(ask: Ask[Database]) -> Rows:
    """How large is every table of this database, how is it read, and how well is it vacuumed?

    User tables and materialized views, largest first, at most 5000. Sizes need a brief lock: behind an ALTER TABLE
    this ends with DeadlineExceeded (lock time-out); `blocking` then says who.

    Columns: schema, table (string), size_mib (Float64, MiB, with TOAST), indexes_mib (Float64, MiB), live_tuples,
    dead_tuples (Int64, estimates), dead_ratio (Float64), seq_scans, seq_rows (Int64), index_scans (Int64, optional),
    last_seq_scan_at (timestamp, optional: since PostgreSQL 16), last_vacuum_at, last_autovacuum_at, last_analyze_at,
    last_autoanalyze_at (timestamp, optional), modified_since_analyze (Int64, rows), autovacuum (boolean: on for the
    server and the table).

    Source: pg_stat_user_tables, pg_class, pg_table_size, pg_indexes_size. Permission: none. Raises Unsupported where the
    server counts nothing (track_counts is off): its zeros are no measurements.
    """
    _require_counting(ask, "tables")
    return _capped(ask.source.read("tables", {"limit": RELATIONS_LIMIT + 1}, ask.deadline), RELATIONS_LIMIT, "tables")


@query("database", schemas.INDEXES)
def indexes(ask: Ask[Database]) -> Rows:
    """Which indexes does this database have, how large, how used, and which says again what another one says?

    `duplicate_of` names an index of the same table with the same method, columns, operator classes, collations, order,
    expressions and predicate, which stays; it is never given for an index that is unique, primary, a constraint's, the
    replica identity, or part of a partitioned index. `prefix_of` names a longer one that begins with the same columns:
    that one can answer too, but costs more to read. `scans` counts on this server alone, since `stats_reset_at`.
    Largest first, at most 5000.

    Columns: schema, table, index (string), size_mib (Float64, MiB), scans (Int64), last_scan_at (timestamp, optional:
    since PostgreSQL 16), unique, primary, constraint, valid, partition (boolean), duplicate_of, prefix_of (string,
    optional), definition (string), stats_reset_at (timestamp, optional).

    Source: pg_stat_user_indexes, pg_index, pg_constraint. Permission: none. Raises Unsupported as `tables` does.
    """
    _require_counting(ask, "indexes")
    found = ask.source.read("indexes", {"limit": RELATIONS_LIMIT + 1}, ask.deadline)
    return _capped(found, RELATIONS_LIMIT, "indexes")


@query("database", schemas.WRAPAROUND)
def wraparound(ask: Ask[Database]) -> Rows:
    """How far is every database of the server from having to stop for want of transaction ids?

    All databases, templates too: the oldest one stops the whole server.

    Columns: name (string), xid_age (Int64, transactions), xid_share (Float64, of 2^31), mxid_age (Int64, multixacts),
    mxid_share (Float64, of 2^31), freeze_max_age, multixact_freeze_max_age (Int64: autovacuum is forced from there).

    Source: pg_database, pg_settings. Permission: none.
    """
    return Rows(ask.source.read("wraparound", {}, ask.deadline))


@query("database", schemas.REPLICATION)
def replication(ask: Ask[Database]) -> Rows:
    """How far are this server's replicas behind it, and it behind its primary?

    One row for each replica that is connected, for each slot that nobody reads (a replica that is gone leaves only
    that), and, on a replica, one for itself against its primary. No row: no replication. `lag_s` is the last that was
    measured: where replay is paused it stays small while `lag_mib` grows, so judge both.

    Columns: replica (string), client (string, optional), state (string; "disconnected"), sync_state (string; "none"
    for a slot, "standby" for this server itself), lag_s (Float64, s; missing when it is not measured: idle and caught
    up, or disconnected), lag_mib (Float64, MiB of WAL), slot (string, optional).

    Source: pg_stat_replication, pg_replication_slots, pg_stat_wal_receiver. Permission: pg_read_all_stats.
    """
    return Rows(ask.source.read("replication", {}, ask.deadline))


@query("database", schemas.SETTINGS)
def settings(ask: Ask[Database]) -> Rows:
    """Which settings of the server differ from their defaults, and which changes wait for a restart?

    Of each, the value that a new session gets. What was set for our own role is left out: it is not the server's.
    Passwords within values are masked.

    Columns: setting, value (string), unit, default (string, optional), source, context (string: "postmaster" needs a
    restart, "sighup" a reload), pending_restart (boolean).

    Source: pg_settings. Permission: pg_read_all_settings.
    """
    return Rows(ask.source.read("settings", {}, ask.deadline))


def _statements_schema(ask: Ask[Database]) -> dict[str, str]:
    return {"schema": ask.source.extension(PG_STAT_STATEMENTS, ask.deadline).schema}


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ParameterError(f"a limit of {limit}", hint="1 or more")


def _require_counting(ask: Ask[Database], what: str) -> None:
    """Raise Unsupported where the server counts neither scans nor rows."""
    if not ask.source.read("counting", {}, ask.deadline)["counting"][0]:
        why, hint = "track_counts is off: neither scans nor rows are counted", "set track_counts = on"
        raise Unsupported(f"read {what}", target=str(ask.target), why=why, hint=hint)


def _capped(columns: Columns, limit: int, what: str) -> Rows:
    """The first `limit` rows of columns that were read with one row more."""
    if all(len(values) <= limit for values in columns.values()):
        return Rows(columns)
    return Rows({name: values[:limit] for name, values in columns.items()}, truncated=f"the {limit} largest {what}")


def _counters(columns: Columns) -> dict[Counted, dict[str, Any]]:
    keys = zip(columns["queryid"], columns["role_id"], columns["here"], strict=True)
    return {
        (queryid, role_id, bool(here)): {name: columns[name][i] for name in COUNTERS}
        for i, (queryid, role_id, here) in enumerate(keys)
        if queryid is not None
    }


def _changed(
    before: Mapping[Counted, Mapping[str, Any]], after: Mapping[Counted, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What each role's statement did between two snapshots; one that was evicted meanwhile counts from its return."""
    nothing = dict.fromkeys(COUNTERS, 0)
    changed = []
    for (queryid, role_id, here), now in after.items():
        was = before.get((queryid, role_id, here), nothing)
        was = nothing if was["calls"] > now["calls"] else was
        if now["calls"] > was["calls"]:
            said = {"queryid": queryid, "role_id": role_id, "here": here}
            changed.append(said | {name: now[name] - was[name] for name in COUNTERS})
    return changed


def _together(changed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All roles' calls of a statement together, most time first."""
    sums: dict[str, dict[str, Any]] = {}
    for change in changed:
        whole = sums.setdefault(change["queryid"], {"queryid": change["queryid"], **dict.fromkeys(COUNTERS, 0)})
        whole |= {name: whole[name] + change[name] for name in COUNTERS}
    return sorted(sums.values(), key=lambda one: (-one["total_exec_ms"], one["queryid"]))


def _texts(ask: Ask[Database], queryids: Sequence[str], where: Mapping[str, str]) -> dict[tuple[str, int], str]:
    """Statement texts by id and role, without this tool's own."""
    numbers = sorted({int(queryid) for queryid in queryids})
    found = ask.source.read("statement_texts", {"queryids": numbers}, ask.deadline, identifiers=where)
    return dict(zip(zip(found["queryid"], found["role_id"], strict=True), found["statement"], strict=True))


def _prepared(waiter: Mapping[str, Any], sessions: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """A prepared transaction as a root: named by its waiter, or by whoever it holds up directly."""
    knows = waiter if waiter["prepared"] else next((s for s in sessions.values() if s["prepared"]), waiter)
    name = f" {knows['prepared']}" if knows["prepared"] else ""
    return {
        "application": f"prepared transaction{name}",
        "state": "prepared",
        "age_s": knows["prepared_age_s"],
        "statement": None,
    }
