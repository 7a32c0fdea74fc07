"""The tables of the database queries."""

from __future__ import annotations

from gocoffee_ops.frames import Column, Schema


def _statement(*, optional: bool = False) -> Column:
    return Column("statement", "string", help="text, its literals redacted", optional=optional, content="sql")


def _reset() -> Column:
    return Column("stats_reset_at", "timestamp", help="the counters count since then", optional=True)


SERVER = Schema(
    "server",
    (
        Column("version", "string"),
        Column("version_num", "Int64", help="180001 is 18.1"),
        Column("started_at", "timestamp"),
        Column("in_recovery", "boolean", help="it is a replica"),
        Column("name", "string", help="the database's own name"),
        Column("role", "string", help="as whom we are connected"),
        Column("superuser", "boolean", help="that role is a superuser, or a member of one"),
        Column("can_monitor", "boolean", help="that role has pg_monitor's privileges"),
        Column("size_mib", "Float64", "MiB"),
        Column("max_connections", "Int64"),
    ),
)

STATEMENTS = Schema(
    "statements",
    (
        Column("queryid", "string"),
        _statement(),
        Column("role", "string", optional=True),
        Column("calls", "Int64"),
        Column("total_exec_ms", "Float64", "ms"),
        Column("mean_exec_ms", "Float64", "ms"),
        Column("max_exec_ms", "Float64", "ms"),
        Column("rows", "Int64"),
        Column("share", "Float64", "ratio", "of the whole server's total_exec_ms"),
        Column("shared_hit_blocks", "Int64", "blocks"),
        Column("shared_read_blocks", "Int64", "blocks"),
        Column("io_ms", "Float64", "ms", "missing without track_io_timing", optional=True),
        Column("temp_blocks", "Int64", "blocks"),
        Column("wal_mib", "Float64", "MiB", optional=True),
        _reset(),
    ),
)

STATEMENT_TOTALS = Schema(
    "statement_totals",
    (
        Column("queryid", "string"),
        _statement(),
        Column("calls", "Int64"),
        Column("total_exec_ms", "Float64", "ms"),
        _reset(),
        Column("evictions", "Int64", help="how often the server made room by forgetting its least executed statements"),
    ),
)

STATEMENT_DELTA = Schema(
    "statement_delta",
    (
        Column("queryid", "string"),
        _statement(),
        Column("calls", "Int64"),
        Column("total_exec_ms", "Float64", "ms"),
        Column("mean_exec_ms", "Float64", "ms"),
        Column("rows", "Int64"),
        Column("share", "Float64", "ratio", "of what the whole server executed in the window"),
        Column("window_s", "Float64", "s", "between the snapshots, by the server's clock"),
    ),
)

ACTIVITY = Schema(
    "activity",
    (
        Column("pid", "Int64"),
        Column("role", "string", optional=True),
        Column("application", "string"),
        Column("client", "string", optional=True),
        Column("backend_type", "string"),
        Column("state", "string", optional=True),
        Column("wait_event_type", "string", optional=True),
        Column("wait_event", "string", optional=True),
        Column("age_s", "Float64", "s", "of what age_of says", optional=True),
        Column("age_of", "string", help="query, transaction, idle or backend"),
        Column("connected_to", "string", help="the database of the session", optional=True),
        Column("backend_start_at", "timestamp"),
        Column("xact_start_at", "timestamp", optional=True),
        Column("query_start_at", "timestamp", optional=True),
        Column("state_change_at", "timestamp", optional=True),
        Column("blocked_by", "list[string]", help="pids; 0 is a prepared transaction"),
        _statement(optional=True),
    ),
)

BLOCKING = Schema(
    "blocking",
    (
        Column("pid", "Int64", help="who waits"),
        Column("blocked_by_pid", "Int64", help="the next one on the way to the root; 0 is a prepared transaction"),
        Column("root_pid", "Int64", help="who holds everybody up, and waits for nobody"),
        Column("depth", "Int64", help="steps from pid to root_pid"),
        Column("waiting_s", "Float64", "s"),
        Column("application", "string"),
        Column("lock_type", "string", optional=True),
        Column("relation", "string", optional=True),
        _statement(optional=True),
        Column("root_application", "string"),
        Column("root_state", "string", optional=True),
        Column("root_age_s", "Float64", "s", "of its transaction when idle in one, else of its query", optional=True),
        Column("root_statement", "string", help="text, its literals redacted", optional=True, content="sql"),
        Column("deadlock", "boolean", help="they wait for each other in a circle: the root is one of them"),
    ),
)

CONNECTIONS = Schema(
    "connections",
    (
        Column("application", "string"),
        Column("role", "string", optional=True),
        Column("state", "string"),
        Column("connections", "Int64"),
        Column("total", "Int64", help="client sessions of the whole server"),
        Column("max_connections", "Int64"),
        Column(
            "reserved", "Int64", help="of max_connections: only superusers and pg_use_reserved_connections get these"
        ),
    ),
)

CACHE_HIT = Schema(
    "cache_hit",
    (
        Column("name", "string", help="the database's own name"),
        Column("hit_blocks", "Int64", "blocks"),
        Column("read_blocks", "Int64", "blocks"),
        Column("ratio", "Float64", "ratio", "missing when nothing was read", optional=True),
        _reset(),
    ),
)

TABLES = Schema(
    "tables",
    (
        Column("schema", "string"),
        Column("table", "string"),
        Column("size_mib", "Float64", "MiB", "with its TOAST table, without indexes"),
        Column("indexes_mib", "Float64", "MiB"),
        Column("live_tuples", "Int64", help="an estimate"),
        Column("dead_tuples", "Int64", help="an estimate"),
        Column("dead_ratio", "Float64", "ratio", "of live and dead"),
        Column("seq_scans", "Int64"),
        Column("seq_rows", "Int64", help="rows read by sequential scans"),
        Column("index_scans", "Int64", help="missing without indexes", optional=True),
        Column("last_seq_scan_at", "timestamp", help="since PostgreSQL 16", optional=True),
        Column("last_vacuum_at", "timestamp", optional=True),
        Column("last_autovacuum_at", "timestamp", optional=True),
        Column("last_analyze_at", "timestamp", optional=True),
        Column("last_autoanalyze_at", "timestamp", optional=True),
        Column("modified_since_analyze", "Int64", help="rows"),
        Column("autovacuum", "boolean", help="on for the server and for this table"),
    ),
)

INDEXES = Schema(
    "indexes",
    (
        Column("schema", "string"),
        Column("table", "string"),
        Column("index", "string"),
        Column("size_mib", "Float64", "MiB"),
        Column("scans", "Int64", help="on this server: a replica counts its own"),
        Column("last_scan_at", "timestamp", help="since PostgreSQL 16", optional=True),
        Column("unique", "boolean"),
        Column("primary", "boolean"),
        Column("constraint", "boolean", help="a constraint, or a foreign key to it, rests on it"),
        Column("valid", "boolean"),
        Column("partition", "boolean", help="part of a partitioned index: cannot be dropped alone"),
        Column("duplicate_of", "string", help="an index that says the same and stays", optional=True),
        Column("prefix_of", "string", help="a longer index that begins with the same columns", optional=True),
        Column("definition", "string", content="sql"),
        _reset(),
    ),
)

WRAPAROUND = Schema(
    "wraparound",
    (
        Column("name", "string", help="each database of the server"),
        Column("xid_age", "Int64", "transactions"),
        Column("xid_share", "Float64", "ratio", "of 2^31, where the server stops"),
        Column("mxid_age", "Int64", "multixacts"),
        Column("mxid_share", "Float64", "ratio", "of 2^31, where the server stops"),
        Column("freeze_max_age", "Int64", "transactions", "autovacuum is forced from here on"),
        Column("multixact_freeze_max_age", "Int64", "multixacts", "autovacuum is forced from here on"),
    ),
)

REPLICATION = Schema(
    "replication",
    (
        Column("replica", "string"),
        Column("client", "string", optional=True),
        Column("state", "string", help="streaming, …; disconnected: nobody reads the slot, or no primary is there"),
        Column("sync_state", "string", help="async, sync, quorum, potential; none for a slot; standby for this server"),
        Column(
            "lag_s", "Float64", "s", "missing when not measured: idle and caught up, or disconnected", optional=True
        ),
        Column("lag_mib", "Float64", "MiB", "WAL that is still to be replayed, or is kept for the slot", optional=True),
        Column("slot", "string", optional=True),
    ),
)

SETTINGS = Schema(
    "settings",
    (
        Column("setting", "string"),
        Column("value", "string"),
        Column("unit", "string", optional=True),
        Column("default", "string", optional=True),
        Column("source", "string"),
        Column("context", "string", help="postmaster: a change needs a restart; sighup: a reload"),
        Column("pending_restart", "boolean"),
    ),
)
