"""Questions to a Redis server, 6 and newer.

Each is one INFO or SLOWLOG GET; the user in deploy/redis-reader.acl may ask them all, and nothing else. What a server does not
tell (an older or a hosted one) is missing, never 0. All raise Unreachable, Unauthenticated, Forbidden (which names the
command), DeadlineExceeded, ServerFault (loading, no more connections), Malformed and Unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import Malformed
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.sources.redis import Info, Redis, Slow

MIB = 1 << 20
SLOWLOG_LIMIT = 128  # slowlog-max-len's default

SERVER = Schema(
    "redis server",
    (
        Column("version", "string"),
        Column("mode", "string", help="standalone, sentinel or cluster", optional=True),
        Column("role", "string", help="master or replica"),
        Column("uptime_s", "Float64", "s", optional=True),
        Column("ping_ms", "Float64", "ms", help="missing where it refused", optional=True),
        Column(
            "refused", "string", help="its word for why it serves nothing: it loads, or lost its master", optional=True
        ),
        Column("clients", "Int64", help="connected now", optional=True),
        Column("blocked_clients", "Int64", help="waiting in BLPOP and the like", optional=True),
        Column("max_clients", "Int64", optional=True),
        Column("clients_of_max", "Float64", "ratio", optional=True),
        Column("rejected_connections", "Int64", help="since start, for want of connections", optional=True),
        Column("rdb_last_save_ok", "boolean", help="the last background save", optional=True),
        Column("rdb_last_save_at", "timestamp", optional=True),
        Column("rdb_unsaved_changes", "Int64", optional=True),
        Column("aof_enabled", "boolean", optional=True),
        Column("aof_last_write_ok", "boolean", optional=True),
        Column("aof_last_rewrite_ok", "boolean", optional=True),
    ),
)

MEMORY = Schema(
    "redis memory",
    (
        Column("used_mib", "Float64", "MiB", help="what the data and its overhead take"),
        Column("rss_mib", "Float64", "MiB", help="what the system gave to the process", optional=True),
        Column("peak_mib", "Float64", "MiB", optional=True),
        Column("max_mib", "Float64", "MiB", help="maxmemory; missing where it is 0, which is no limit", optional=True),
        Column("used_of_max", "Float64", "ratio", help="missing without a limit", optional=True),
        Column("limit", "string", help="limited, unlimited, or untold"),
        Column("policy", "string", help="maxmemory-policy: what is evicted at the limit", optional=True),
        Column("fragmentation_ratio", "Float64", "ratio", help="rss over used", optional=True),
        Column("fragmentation_mib", "Float64", "MiB", help="negative where memory was swapped out", optional=True),
        Column("evicted_keys", "Int64", help="since start", optional=True),
        Column("expired_keys", "Int64", help="since start", optional=True),
        Column("uptime_s", "Float64", "s", optional=True),
    ),
)

REPLICAS = Schema(
    "redis replicas",
    (
        Column("seen_from", "string", help="master: it tells of its replicas; replica: it tells of itself"),
        Column("replica", "string", help="its address; of one that tells of itself, its name in the environment"),
        Column("master", "string", help="its address, or its name in the environment"),
        Column("state", "string", help="online, or wait_bgsave, send_bulk, …; of a replica up, down or sync"),
        Column("online", "boolean"),
        Column("lag_bytes", "Int64", "bytes", help="not yet acknowledged; a replica alone cannot know", optional=True),
        Column(
            "lag_s", "Float64", "s", help="since the other side was heard: 1 s apart, 10 s from a master", optional=True
        ),
        Column("down_s", "Float64", "s", help="since the link to the master is down", optional=True),
    ),
)

SLOWLOG = Schema(
    "redis slow log",
    (
        Column("id", "Int64"),
        Column("at", "timestamp"),
        Column("duration_ms", "Float64", "ms", help="without waiting in the queue"),
        Column("command", "string", help="its name alone: arguments hold what nobody may see"),
        Column("key", "string", help="the first key's pattern, as session:*", optional=True),
        Column("client", "string", help="address"),
        Column("client_name", "string"),
    ),
)


@query("redis", SERVER)
def server(ask: Ask[Redis]) -> Rows:
    """What answers: which server, in which role, does it serve, and does it persist?

    Columns: version, mode, role (string), uptime_s (Float64, s), ping_ms (Float64, ms), refused (string), clients,
    blocked_clients, max_clients (Int64), clients_of_max (Float64, ratio), rejected_connections (Int64, since start),
    rdb_last_save_ok (boolean), rdb_last_save_at (timestamp), rdb_unsaved_changes (Int64), aof_enabled, aof_last_write_ok,
    aof_last_rewrite_ok (boolean).

    Source: INFO and PING. Permission: +info +ping.
    """
    state = ask.source.state(ask.deadline)
    info = state.info
    clients, most = info.get("connected_clients"), info.get("maxclients")
    saved = info.get("rdb_last_save_time")
    aof = info.get("aof_enabled")
    row = {
        "version": str(info["redis_version"]),
        "mode": info.get("redis_mode"),
        "role": _role(ask, info),
        "uptime_s": _float(info.get("uptime_in_seconds")),
        "ping_ms": None if state.ping_s is None else state.ping_s * 1000,
        "refused": state.refused or None,
        "clients": clients,
        "blocked_clients": info.get("blocked_clients"),
        "max_clients": most,
        "clients_of_max": clients / most if clients is not None and most else None,
        "rejected_connections": info.get("rejected_connections"),
        "rdb_last_save_ok": _ok(info.get("rdb_last_bgsave_status")),
        "rdb_last_save_at": datetime.fromtimestamp(saved, UTC) if saved else None,
        "rdb_unsaved_changes": info.get("rdb_changes_since_last_save"),
        "aof_enabled": None if aof is None else bool(aof),
        "aof_last_write_ok": _ok(info.get("aof_last_write_status")),
        "aof_last_rewrite_ok": _ok(info.get("aof_last_bgrewrite_status")),
    }
    return Rows([row])


@query("redis", MEMORY)
def memory(ask: Ask[Redis]) -> Rows:
    """How much memory does it take of what it may, what is lost to fragmentation, and what was evicted?

    Columns: used_mib, rss_mib, peak_mib, max_mib (Float64, MiB), used_of_max (Float64, ratio), limit (string: limited,
    unlimited where maxmemory is 0, untold), policy (string), fragmentation_ratio (Float64, ratio), fragmentation_mib (Float64,
    MiB), evicted_keys, expired_keys (Int64, since start), uptime_s (Float64, s).

    Source: INFO. Permission: +info.
    """
    info = ask.source.info(ask.deadline)
    if "used_memory" not in info:
        raise Malformed("read INFO", target=str(ask.target), why="it tells no used_memory")
    used, most = info["used_memory"], info.get("maxmemory")
    row = {
        "used_mib": used / MIB,
        "rss_mib": _mib(info.get("used_memory_rss")),
        "peak_mib": _mib(info.get("used_memory_peak")),
        "max_mib": _mib(most or None),
        "used_of_max": used / most if most else None,
        "limit": "untold" if most is None else "limited" if most else "unlimited",
        "policy": info.get("maxmemory_policy"),
        "fragmentation_ratio": _float(info.get("mem_fragmentation_ratio")),
        "fragmentation_mib": _mib(info.get("mem_fragmentation_bytes")),
        "evicted_keys": info.get("evicted_keys"),
        "expired_keys": info.get("expired_keys"),
        "uptime_s": _float(info.get("uptime_in_seconds")),
    }
    return Rows([row])


@query("redis", REPLICAS)
def replicas(ask: Ask[Redis]) -> Rows:
    """Which replicas follow, and how far behind? A master tells of each of its replicas, a replica of itself.

    Columns: seen_from, replica, master, state (string), online (boolean), lag_bytes (Int64, bytes), lag_s, down_s (Float64,
    s). A master without replicas gives no row.

    Source: INFO. Permission: +info.
    """
    info = ask.source.info(ask.deadline)
    if _role(ask, info) == "master":
        found = [value for key, value in sorted(info.items()) if re.fullmatch(r"slave\d+", key)]
        return Rows([_replica(ask.target.name, info, replica) for replica in found])
    link, syncs = str(info.get("master_link_status", "not told")), bool(info.get("master_sync_in_progress"))
    row = {
        "seen_from": "replica",
        "replica": ask.target.name,
        "master": f"{info.get('master_host', '?')}:{info.get('master_port', '?')}",
        "state": "sync" if syncs else link,
        "online": link == "up" and not syncs,
        "lag_bytes": None,
        "lag_s": _counted(info.get("master_last_io_seconds_ago")),
        "down_s": _counted(info.get("master_link_down_since_seconds")),
    }
    return Rows([row])


@query("redis", SLOWLOG)
def slowlog(ask: Ask[Redis], *, limit: int = SLOWLOG_LIMIT) -> Rows:
    """Which commands were slow lately? Newest first; without their arguments, which hold what nobody may see.

    Columns: id (Int64), at (timestamp), duration_ms (Float64, ms), command (string), key (string: the first key's pattern),
    client, client_name (string).

    Source: SLOWLOG GET. Permission: +slowlog|get.
    """
    entries = ask.source.slowlog(limit + 1, ask.deadline)
    truncated = f"the slow log has more than {limit} entries" if len(entries) > limit else ""
    return Rows([_slow(entry) for entry in entries[:limit]], truncated=truncated)


def _role(ask: Ask[Redis], info: Info) -> str:
    roles = {"master": "master", "slave": "replica", "replica": "replica"}
    if info.get("role") not in roles:
        raise Malformed("read INFO", target=str(ask.target), why=f"its role is {info.get('role', 'not told')!r}")
    return roles[info["role"]]


def _replica(master: str, info: Info, replica: Info) -> dict[str, Any]:
    online = replica.get("state") == "online"
    offset, written = replica.get("offset"), info.get("master_repl_offset")
    behind = None if offset is None or written is None else max(written - offset, 0)
    return {
        "seen_from": "master",
        "replica": f"{replica.get('ip', '?')}:{replica.get('port', '?')}",
        "master": master,
        "state": str(replica.get("state", "not told")),
        "online": online,
        "lag_bytes": behind if online else None,
        "lag_s": _counted(replica.get("lag")) if online else None,
        "down_s": None,
    }


# Commands whose first argument is a key. Of others nothing is shown: it may be a script, a password, a message.
KEYED = """
    APPEND BITCOUNT BITFIELD BITPOS BLPOP BRPOP DECR DECRBY DEL DUMP EXISTS EXPIRE EXPIREAT GEOADD GEOSEARCH GET GETDEL
    GETEX GETRANGE GETSET HDEL HEXISTS HGET HGETALL HINCRBY HKEYS HLEN HMGET HMSET HSCAN HSET HVALS INCR INCRBY LINDEX LINSERT
    LLEN LPOP LPUSH LRANGE LREM LSET LTRIM MGET MSET PERSIST PEXPIRE PFADD PFCOUNT PSETEX PTTL RENAME RESTORE RPOP RPUSH SADD
    SCARD SDIFF SET SETEX SETNX SETRANGE SINTER SISMEMBER SMEMBERS SORT SPOP SRANDMEMBER SREM SSCAN STRLEN SUNION TTL TYPE
    UNLINK XADD XLEN XRANGE XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZINCRBY ZRANGE ZRANGEBYSCORE ZRANK ZREM ZREVRANGE ZSCAN
    ZSCORE"""


def _slow(entry: Slow) -> dict[str, Any]:
    name, key = masked(entry.words)
    return {
        "id": entry.id,
        "at": datetime.fromtimestamp(entry.at, UTC),
        "duration_ms": entry.duration_us / 1000,
        "command": name,
        "key": key,
        "client": entry.client,
        "client_name": entry.client_name,
    }


def masked(words: Sequence[str]) -> tuple[str, str | None]:
    """A command's name, and its first key without what may be a value: the word before the first colon stays.

    >>> masked(["HGETALL", "session:8f3a-token"]), masked(["AUTH", "hunter2"]), masked(["get", "hunter2"])
    (('HGETALL', 'session:*'), ('AUTH', None), ('GET', '*'))
    """
    name = words[0].upper() if words else ""
    if not re.fullmatch(r"[A-Z][A-Z._|-]{0,31}", name):
        return "(renamed)", None  # by an administrator, to keep it secret
    if name not in KEYED.split() or len(words) < 2:
        return name, None
    kind, colon, _ = words[1].partition(":")
    return name, f"{kind}:*" if colon and re.fullmatch(r"[A-Za-z][A-Za-z_.-]{0,31}", kind) else "*"


def _ok(status: str | None) -> bool | None:
    return None if status is None else status == "ok"


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _counted(seconds: int | None) -> float | None:
    """Redis says -1 for a time that has not begun."""
    return None if seconds is None or seconds < 0 else float(seconds)


def _mib(value: int | None) -> float | None:
    return None if value is None else value / MIB
