"""Tables that make the checks of Redis, of alerts and of a service's metrics OK, WARN, CRIT and UNKNOWN."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd

from gocoffee_ops.analysis.growth import memory_trend
from gocoffee_ops.model import Status
from gocoffee_ops.queries import alerts, metrics, redis
from tests.checks.tables import MOMENT, table

OK, WARN, CRIT, UNKNOWN = Status.OK, Status.WARN, Status.CRIT, Status.UNKNOWN
SERVER = {"redis": "r", "role": "master", "clients": 5, "clients_of_max": 0.1, "rdb_last_save_ok": True}
AOF = {"aof_enabled": True, "aof_last_write_ok": True, "aof_last_rewrite_ok": True}
REPLICA = {"redis": "r", "seen_from": "master", "state": "online", "online": True, "lag_bytes": 0, "lag_s": 1.0}
ITSELF = REPLICA | {"seen_from": "replica", "state": "up", "lag_bytes": None}
MEMORY = {"used_mib": 10.0, "max_mib": 100.0, "limit": "limited", "policy": "noeviction"}
MAIN = {"alertmanager": "main"}
WATCHDOG = MAIN | {"alert": "Watchdog", "severity": "none", "state": "active"}
ALERT = MAIN | {"alert": "Down", "severity": "critical", "state": "active", "age_s": 60.0}
PROMETHEUS = {"prometheus": "main"}
FIRED = PROMETHEUS | {
    "alert": "Down",
    "severity": "critical",
    "firing": False,
    "from_before": False,
    "times": 1,
    "fired_s": 600.0,
}
AWAKE = PROMETHEUS | {"alert": "Watchdog", "severity": "none", "fired_s": 86_400.0}
SEEN = PROMETHEUS | {"window_start_at": MOMENT - timedelta(days=1), "step_s": 60.0, "unseen_s": 0.0}
GAP = {"gaps": ("2026-01-05 01:00 to 04:00 UTC",), "unseen_s": 10_800.0}
RATE = {"service": "orders", "window_s": 300.0, "points_found": 20, "points_expected": 20}
REQUESTS = RATE | {"requests_per_s": 1.0, "errors_per_s": 0.0, "error_ratio": 0.0}
SLOW = RATE | {"quantile": 0.95, "latency_s": 0.1, "at_least": False}
CONTAINER = {"cpu_throttled": 0.0, "memory_mib": 10.0, "memory_limited": True, "memory_of_limit": 0.1}


def with_alerts(*rows: dict[str, Any]) -> list[pd.DataFrame]:
    return [table(alerts.alerts, *rows), table(alerts.status, MAIN)]


def with_fired(*rows: dict[str, Any], seen: dict[str, Any] = SEEN) -> list[pd.DataFrame]:
    return [table(alerts.fired, *rows), table(alerts.watched, seen)]


def replicas(*rows: dict[str, Any]) -> list[pd.DataFrame]:
    return [table(redis.replicas, *rows), table(redis.server, SERVER)]


def trend(slope_mib_per_h: float, *, limit: float | None = 1000.0, limited: bool | None = True, hours: int = 10) -> Any:
    """Of a container at 100 MiB that grows like that."""
    rows = [
        {
            "at": MOMENT + timedelta(hours=hour),
            "memory_mib": 100.0 - slope_mib_per_h * (hours - hour),
            "memory_limit_mib": limit,
            "memory_limited": limited,
        }
        for hour in range(hours + 1)
    ]
    return memory_trend(table(metrics.memory, *rows))


CASES: list[tuple[str, Status, list[pd.DataFrame]]] = [
    ("redis_healthy", OK, [table(redis.server, SERVER)]),
    ("redis_healthy", OK, [table(redis.server, SERVER | {"aof_enabled": False, "aof_last_write_ok": False})]),
    ("redis_healthy", WARN, [table(redis.server, SERVER | {"clients_of_max": 0.8})]),
    ("redis_healthy", WARN, [table(redis.server, SERVER | {"rejected_connections": 1})]),
    ("redis_healthy", WARN, [table(redis.server, SERVER | AOF | {"aof_last_rewrite_ok": False})]),
    ("redis_healthy", CRIT, [table(redis.server, SERVER | {"clients_of_max": 0.95})]),
    ("redis_healthy", CRIT, [table(redis.server, SERVER | {"refused": "LOADING"})]),
    ("redis_healthy", UNKNOWN, [table(redis.server, SERVER | {"rdb_last_save_ok": None})]),
    ("redis_healthy", CRIT, [table(redis.server, SERVER | {"rdb_last_save_ok": False})]),
    ("redis_healthy", CRIT, [table(redis.server, SERVER | AOF | {"aof_last_write_ok": False})]),
    ("redis_healthy", UNKNOWN, [table(redis.server, SERVER | {"clients_of_max": None})]),
    ("redis_healthy", UNKNOWN, [table(redis.server)]),
    ("redis_replicas_follow", OK, replicas()),
    ("redis_replicas_follow", OK, replicas(REPLICA, ITSELF)),
    ("redis_replicas_follow", WARN, replicas(REPLICA | {"lag_s": 15.0})),
    ("redis_replicas_follow", WARN, replicas(REPLICA | {"lag_bytes": 1 << 20})),
    ("redis_replicas_follow", WARN, replicas(REPLICA | {"state": "wait_bgsave", "online": False, "lag_bytes": None})),
    ("redis_replicas_follow", CRIT, replicas(REPLICA | {"lag_bytes": 64 << 20})),
    ("redis_replicas_follow", CRIT, replicas(ITSELF | {"lag_s": 60.0})),
    ("redis_replicas_follow", CRIT, replicas(ITSELF | {"state": "down", "online": False, "down_s": 5.0})),
    ("redis_replicas_follow", UNKNOWN, replicas(REPLICA | {"lag_bytes": None})),
    ("redis_replicas_follow", UNKNOWN, replicas(ITSELF | {"lag_s": None})),
    ("redis_replicas_follow", UNKNOWN, [table(redis.replicas), table(redis.server)]),
    ("redis_memory", OK, [table(redis.memory, MEMORY | {"used_of_max": 0.79})]),
    ("redis_memory", OK, [table(redis.memory, MEMORY | {"limit": "unlimited", "max_mib": None})]),
    ("redis_memory", WARN, [table(redis.memory, MEMORY | {"used_of_max": 0.8})]),
    ("redis_memory", WARN, [table(redis.memory, MEMORY | {"used_of_max": 1.0, "policy": "allkeys-lru"})]),
    (
        "redis_memory",
        WARN,
        [table(redis.memory, MEMORY | {"used_of_max": 0.1, "fragmentation_ratio": 1.5, "fragmentation_mib": 256.0})],
    ),
    (
        "redis_memory",
        OK,
        [table(redis.memory, MEMORY | {"used_of_max": 0.1, "fragmentation_ratio": 12.0, "fragmentation_mib": 9.0})],
    ),
    ("redis_memory", CRIT, [table(redis.memory, MEMORY | {"used_of_max": 0.95})]),
    ("redis_memory", CRIT, [table(redis.memory, MEMORY | {"used_of_max": 0.95, "policy": "volatile-lru"})]),
    ("redis_memory", UNKNOWN, [table(redis.memory, MEMORY | {"limit": "untold"})]),
    ("redis_memory", UNKNOWN, [table(redis.memory)]),
    ("alerts_quiet", OK, with_alerts(WATCHDOG)),
    ("alerts_quiet", OK, with_alerts(WATCHDOG, ALERT | {"state": "suppressed", "silences": ("ada until …",)})),
    ("alerts_quiet", OK, with_alerts(WATCHDOG, ALERT | {"severity": "info"})),
    ("alerts_quiet", WARN, with_alerts(WATCHDOG, ALERT | {"severity": "warning"})),
    ("alerts_quiet", WARN, with_alerts(WATCHDOG, ALERT | {"severity": None})),
    ("alerts_quiet", CRIT, with_alerts(WATCHDOG, ALERT)),
    ("alerts_quiet", CRIT, with_alerts(WATCHDOG, ALERT | {"state": "unprocessed"})),
    ("alerts_quiet", UNKNOWN, with_alerts()),
    ("alerts_quiet", UNKNOWN, [table(alerts.alerts), table(alerts.status)]),
    ("alerts_fired", OK, with_fired(AWAKE)),
    ("alerts_fired", OK, with_fired(AWAKE, FIRED | {"severity": "warning"})),
    ("alerts_fired", OK, with_fired(AWAKE, FIRED | {"firing": True})),
    ("alerts_fired", OK, with_fired(AWAKE, FIRED | {"severity": "info"})),
    ("alerts_fired", WARN, with_fired(AWAKE, FIRED)),
    *(
        ("alerts_fired", WARN, with_fired(AWAKE, FIRED | {"severity": word}))
        for word in (None, "P1", "error", "disaster")
    ),
    ("alerts_fired", UNKNOWN, with_fired()),
    ("alerts_fired", UNKNOWN, with_fired(AWAKE | {"fired_s": 80_000.0})),
    ("alerts_fired", UNKNOWN, with_fired(AWAKE, seen=SEEN | GAP)),
    ("alerts_fired", UNKNOWN, [table(alerts.fired), table(alerts.watched)]),
    ("alerts_sent", OK, [table(alerts.fired, AWAKE), table(alerts.alerts, WATCHDOG)]),
    ("alerts_sent", CRIT, [table(alerts.fired, AWAKE), table(alerts.alerts)]),
    ("alerts_sent", OK, [table(alerts.fired, AWAKE, FIRED), table(alerts.alerts, WATCHDOG)]),
    ("alerts_sent", UNKNOWN, [table(alerts.fired, FIRED), table(alerts.alerts)]),
    ("alerts_sent", UNKNOWN, [table(alerts.fired, FIRED | {"firing": True, "severity": "info"}), table(alerts.alerts)]),
    ("alerts_sent", OK, [table(alerts.fired, FIRED | {"firing": True}), table(alerts.alerts, ALERT)]),
    ("alerts_sent", WARN, [table(alerts.fired, FIRED | {"firing": True, "severity": "warning"}), table(alerts.alerts)]),
    ("alerts_sent", CRIT, [table(alerts.fired, FIRED | {"firing": True}), table(alerts.alerts)]),
    ("error_rate", OK, [table(metrics.requests, REQUESTS)]),
    ("error_rate", WARN, [table(metrics.requests, REQUESTS | {"error_ratio": 0.01})]),
    ("error_rate", CRIT, [table(metrics.requests, REQUESTS | {"error_ratio": 0.05})]),
    ("error_rate", UNKNOWN, [table(metrics.requests, REQUESTS | {"error_ratio": None, "missing": "no request"})]),
    ("error_rate", UNKNOWN, [table(metrics.requests, REQUESTS | {"points_found": 9})]),
    ("error_rate", UNKNOWN, [table(metrics.requests, REQUESTS | {"points_expected": None})]),
    ("error_rate", UNKNOWN, [table(metrics.requests)]),
    ("latency", OK, [table(metrics.latency, SLOW, SLOW | {"quantile": 0.99, "latency_s": 9.0})]),
    ("latency", WARN, [table(metrics.latency, SLOW | {"latency_s": 0.5})]),
    ("latency", CRIT, [table(metrics.latency, SLOW | {"latency_s": 2.0})]),
    ("latency", UNKNOWN, [table(metrics.latency, SLOW | {"at_least": True})]),
    ("latency", UNKNOWN, [table(metrics.latency, SLOW | {"latency_s": None, "missing": "no series"})]),
    ("latency", UNKNOWN, [table(metrics.latency, SLOW | {"quantile": 0.5})]),
    ("saturation", OK, [table(metrics.saturation, CONTAINER)]),
    (
        "saturation",
        OK,
        [
            table(
                metrics.saturation,
                {"cpu_limited": False, "memory_mib": 9.0, "memory_limited": False, "missing": "no limit"},
            )
        ],
    ),
    ("saturation", WARN, [table(metrics.saturation, CONTAINER | {"cpu_throttled": 0.25})]),
    ("saturation", CRIT, [table(metrics.saturation, CONTAINER | {"cpu_throttled": 0.75})]),
    ("saturation", CRIT, [table(metrics.saturation, CONTAINER | {"memory_of_limit": 0.95})]),
    ("saturation", UNKNOWN, [table(metrics.saturation, CONTAINER | {"memory_mib": None, "memory_of_limit": None})]),
    ("saturation", UNKNOWN, [table(metrics.saturation, CONTAINER | {"memory_limited": None, "memory_of_limit": None})]),
    (
        "saturation",
        UNKNOWN,
        [table(metrics.saturation, CONTAINER | {"cpu_throttled": None, "missing": "no series throttled"})],
    ),
    (
        "saturation",
        OK,
        [
            table(
                metrics.saturation,
                CONTAINER | {"cpu_limited": True, "cpu_throttled": None, "missing": "it did not run"},
            )
        ],
    ),
    ("saturation", OK, [table(metrics.saturation, CONTAINER | {"cpu_limited": False, "cpu_throttled": None})]),
    ("saturation", UNKNOWN, [table(metrics.saturation, CONTAINER | {"cpu_limited": None, "cpu_throttled": None})]),
    (
        "saturation",
        UNKNOWN,
        [
            table(
                metrics.saturation, CONTAINER | {"cpu_limited": True, "cpu_throttled": None, "missing": "no series cfs"}
            )
        ],
    ),
    ("saturation", UNKNOWN, [table(metrics.saturation)]),
    ("memory_trend", OK, [trend(0.0)]),
    ("memory_trend", OK, [trend(9.0)]),
    ("memory_trend", OK, [trend(9.0, limit=None, limited=False)]),
    ("memory_trend", WARN, [trend(9.0, limit=280.0)]),
    ("memory_trend", CRIT, [trend(9.0, limit=105.0)]),
    ("memory_trend", UNKNOWN, [trend(9.0, limit=None, limited=None)]),
    ("memory_trend", UNKNOWN, [trend(9.0, hours=2)]),
    ("memory_trend", UNKNOWN, [memory_trend(table(metrics.memory))]),
]
