"""Redis: does it serve, do its replicas follow, and is there memory?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.grading import SERVICE_DOWN, concluded, counted, grade, numbers, percent, seconds
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Number, Status, Thresholds, worst

if TYPE_CHECKING:
    import pandas as pd

MIB = 1 << 20
Row = Mapping[str, Any]


def redis_healthy(server: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Does each Redis serve, does it take connections, and did it persist what it was told to?

    >>> import pandas as pd
    >>> row = {"redis": "cache", "version": "7.0.15", "role": "master", "refused": "it loads", "clients": 3,
    ...     "clients_of_max": 0.1, "rejected_connections": 0, "rdb_last_save_ok": True, "aof_enabled": False,
    ...     "aof_last_write_ok": True, "aof_last_rewrite_ok": True, "ping_ms": None}
    >>> said(redis_healthy(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT redis/cache: it serves nothing: it loads']
    """
    table = records(server)
    findings = [finding for row in table for finding in _healthy(row, thresholds)]
    fine = ", ".join(f"{row['redis']} ({row['version']}, {row['role']})" for row in table)
    return concluded(
        findings,
        check="redis_healthy",
        subject="redis",
        fine=f"{fine} serves, takes connections and persists as configured",
        read=len(table),
        none="no Redis answered",
    )


def _healthy(row: Row, thresholds: Thresholds) -> list[Finding]:
    found: list[tuple[Status, str]] = []
    if row["refused"] is not None:
        found.append((Status.CRIT, f"it serves nothing: {row['refused']}"))
    if row["rdb_last_save_ok"] is None and not row["aof_enabled"]:
        found.append((Status.UNKNOWN, "it does not tell whether its last background save was well"))
    if row["rdb_last_save_ok"] is False:
        found.append((Status.CRIT, "its last background save failed: by default it then refuses writes"))
    if row["aof_enabled"] and row["aof_last_write_ok"] is False:
        found.append((Status.CRIT, "it could not write its append-only file, and refuses writes"))
    if row["aof_enabled"] and row["aof_last_rewrite_ok"] is False:
        found.append((Status.WARN, "its append-only file could not be rewritten, and grows"))
    status = grade(row["clients_of_max"], thresholds.redis_clients_warn, thresholds.redis_clients_crit)
    if status is Status.UNKNOWN:
        found.append((status, "it does not tell how many clients it has of how many it may"))
    else:
        found.append(
            (status, f"{counted(row['clients'] or 0, 'client')}, {percent(row['clients_of_max'])} of maxclients")
        )
    if row["rejected_connections"]:
        found.append((Status.WARN, f"{counted(row['rejected_connections'], 'connection')} rejected since it started"))
    figures = numbers(row, "clients", "clients_of_max", "rejected_connections", "ping_ms")
    subject = f"redis/{row['redis']}"
    return [Finding(s, "redis_healthy", subject, reason, figures, next=(SERVICE_DOWN,)) for s, reason in found]


def redis_replicas_follow(
    replicas: pd.DataFrame, server: pd.DataFrame, *, thresholds: Thresholds, expectations: Expectations | None = None
) -> list[Finding]:
    """Do replicas follow their master, how far behind are they, and are there as many as the environment expects?

    A replica that is gone is in no master's list: it is missed only where `min_replicas` says how many there should be.

    >>> import pandas as pd
    >>> server = pd.DataFrame([{"redis": "cache", "role": "master"}])
    >>> row = {"redis": "cache", "seen_from": "master", "replica": "10.0.0.7:6379", "master": "cache", "state": "online",
    ...     "online": True, "lag_bytes": 3 << 20, "lag_s": 1.0, "down_s": None}
    >>> said(redis_replicas_follow(pd.DataFrame([row]), server, thresholds=Thresholds()))
    ['WARN redis/cache: replica 10.0.0.7:6379 is 3.0 MiB and 1.0 s behind']
    >>> two = Expectations(redis_replicas={"cache": 2})
    >>> healthy = pd.DataFrame([row | {"lag_bytes": 0}])
    >>> said(redis_replicas_follow(healthy, server, thresholds=Thresholds(), expectations=two))
    ['WARN redis/cache: 1 of at least 2 replicas is online']
    """
    table, servers = records(replicas), records(server)
    expected = (expectations or Expectations()).redis_replicas
    masters = [row["redis"] for row in servers if row["role"] == "master"]
    findings = []
    for row in table:
        status, reason = _follows(row, thresholds)
        figures = numbers(row, "lag_bytes", "lag_s", "down_s")
        # A replica names its master by address; only where there is a single one is it plain which that is.
        of = row["redis"] if row["seen_from"] == "master" else masters[0] if len(masters) == 1 else ""
        because = (_missing(of),) if of and not row["online"] else ()
        subject = f"redis/{row['redis']}"
        findings.append(
            Finding(status, "redis_replicas_follow", subject, reason, figures, next=(SERVICE_DOWN,), because=because)
        )
    findings += [one for row in servers for one in _enough(row, table, expected.get(row["redis"]))]
    alone = [row["redis"] for row in servers if row["redis"] not in {r["redis"] for r in table}]
    # What a replica tells of itself is mostly in its master's list too, where it has an address instead of a name.
    listed = sum(row["seen_from"] == "master" for row in table)
    own = [row["redis"] for row in table if row["seen_from"] != "master"]
    follow = [f"{counted(listed, 'replica')} followed"] * bool(listed)
    follow += [f"{', '.join(own)} {'follows' if len(own) == 1 else 'follow'}, by its own word"] * bool(own)
    fine = "; ".join(follow) or "nothing to follow"
    fine += f"; without a replica: {', '.join(alone)}" if alone else ""
    unjudged = [name for name in masters if name not in expected]
    fine += f"; how many {', '.join(unjudged)} should have is not configured (min_replicas)" if unjudged else ""
    return concluded(
        findings, check="redis_replicas_follow", subject="redis", fine=fine, read=len(servers), none="no Redis answered"
    )


def _missing(master: str) -> str:
    return f"replicas/redis/{master}"


def _enough(server: Row, table: Sequence[Row], expected: int | None) -> list[Finding]:
    """Fewer replicas than expected; a master that has become a replica is said too."""
    if expected is None:
        return []
    name = server["redis"]
    own = [row for row in table if row["redis"] == name and row["seen_from"] == "master"]
    online = sum(row["online"] for row in own)
    figures: dict[str, Number | str] = {"replicas": online, "expected": expected}
    if server["role"] != "master":
        status = Status.WARN
        reason = f"it is a {server['role']}, and a master with at least {counted(expected, 'replica')} was expected"
    elif online < expected:
        status = Status.WARN if online else Status.CRIT
        are = "is" if online == 1 else "are"
        reason = f"{online or 'none'} of at least {counted(expected, 'replica')} {are} online"
    else:
        return []
    subject, problem = f"redis/{name}", (_missing(name),)
    return [Finding(status, "redis_replicas_follow", subject, reason, figures, next=(SERVICE_DOWN,), problem=problem)]


def _follows(row: Row, thresholds: Thresholds) -> tuple[Status, str]:
    from_master = row["seen_from"] == "master"
    who = f"replica {row['replica']}" if from_master else f"the link to its master {row['master']}"
    if not row["online"]:
        since = f" for {seconds(row['down_s'])}" if row["down_s"] is not None else ""
        down = row["state"] not in {"sync", "wait_bgsave", "send_bulk", "send_bulk_and_stream"}
        return Status.CRIT if down else Status.WARN, f"{who} is {row['state']}{since}"
    behind = [grade(row["lag_s"], thresholds.redis_lag_warn_s, thresholds.redis_lag_crit_s)]
    lag = None if row["lag_bytes"] is None else row["lag_bytes"] / MIB
    if from_master:  # a replica alone cannot know what it has not got yet
        behind.append(grade(lag, thresholds.redis_lag_warn_mib, thresholds.redis_lag_crit_mib))
    parts = [f"{lag:.1f} MiB"] if lag is not None else []
    parts += [seconds(row["lag_s"])] if row["lag_s"] is not None else []
    status = worst(behind)
    if status is Status.UNKNOWN:
        return status, f"how far {who} is behind is not told"
    return status, f"{who} is {' and '.join(parts)} behind"


def redis_memory(memory: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Is there memory left below the limit, and does fragmentation waste it? Without a limit there is no share of one.

    >>> import pandas as pd
    >>> row = {"redis": "cache", "used_mib": 96.0, "max_mib": 100.0, "used_of_max": 0.96, "limit": "limited",
    ...     "policy": "noeviction", "fragmentation_ratio": 1.1, "fragmentation_mib": 9.0, "evicted_keys": 0}
    >>> said(redis_memory(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT redis/cache: 96.0 MiB, 96 % of maxmemory; at the limit it refuses writes (noeviction)']
    """
    table = records(memory)
    findings, fine = [], []
    for row in table:
        status, reason = _memory(row, thresholds)
        figures = numbers(row, "used_mib", "used_of_max", "fragmentation_ratio", "evicted_keys")
        findings.append(Finding(status, "redis_memory", f"redis/{row['redis']}", reason, figures, next=(SERVICE_DOWN,)))
        fine.append(f"{row['redis']}: {reason}")
        wasted = row["fragmentation_mib"] or 0.0
        if wasted >= thresholds.redis_fragmentation_mib:
            status = grade(row["fragmentation_ratio"], thresholds.redis_fragmentation_warn)
            reason = (
                f"{wasted:,.0f} MiB are lost to fragmentation, {row['fragmentation_ratio'] or 0:.1f} times what it uses"
            )
            findings.append(Finding(status, "redis_memory", f"redis/{row['redis']}", reason, figures))
    return concluded(
        findings,
        check="redis_memory",
        subject="redis",
        fine="; ".join(fine),
        read=len(table),
        none="no Redis told its memory",
    )


def _memory(row: Row, thresholds: Thresholds) -> tuple[Status, str]:
    used = f"{row['used_mib']:,.1f} MiB"
    if row["limit"] == "untold":
        return Status.UNKNOWN, f"{used}; of how much is not told"
    if row["limit"] == "unlimited":
        return Status.OK, f"{used}, without a limit of its own (maxmemory 0)"
    status = grade(row["used_of_max"], thresholds.redis_memory_warn, thresholds.redis_memory_crit)
    reason = f"{used}, {percent(row['used_of_max'])} of maxmemory"
    if row["policy"] == "noeviction":
        return status, f"{reason}; at the limit it refuses writes (noeviction)"
    if not (row["policy"] or "").startswith("allkeys"):
        return status, f"{reason}; at the limit only some keys may go ({row['policy'] or 'its policy is not told'})"
    evicted = counted(row["evicted_keys"] or 0, "key")
    # A cache lives at its limit: that it evicts there is what it is for.
    return min(
        status, Status.WARN, key=lambda s: s.severity
    ), f"{reason}; {evicted} evicted since start ({row['policy']})"
