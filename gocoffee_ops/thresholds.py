"""Where OK ends: every threshold with its default, unit, meaning, and where the default comes from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, cast

Number = int | float


@dataclass(frozen=True)
class ThresholdInfo:
    """One threshold as a table or an error message shows it."""

    name: str
    default: Number
    # "ratio" (0..1 of a whole), "times" (a factor), "s", "ms", "MiB", "rows", "restarts", "days", "requests", "records", "money"
    unit: str
    help: str
    source: str

    @property
    def low(self) -> float:
        """The smallest value allowed."""
        return 1.0 if self.unit == "times" else 0.0

    @property
    def high(self) -> float:
        """The largest value allowed."""
        return 1.0 if self.unit == "ratio" else float("inf")


def _limit(default: Number, unit: str, help: str, source: str) -> Any:  # noqa: A002 - it is the field's help
    return field(default=default, metadata={"unit": unit, "help": help, "source": source})


_SRE = "Google SRE Workbook: plan capacity before 80 % at peak"
_OURS = "this project's choice"
_RUNBOOK = "the written runbook"
_NIELSEN = "Nielsen: after 1 s a delay interrupts"
_IGLEWICZ = "Iglewicz and Hoaglin: modified z-scores above 3.5"


@dataclass(frozen=True)
class Thresholds:
    """Where OK ends. Every default says where it comes from; an environment overrides them in `gocoffee.toml`.

    Ratios are 0..1, times are seconds. `Thresholds.info()` lists them with units, meaning and source.
    """

    node_requested_warn: float = _limit(
        0.85,
        "ratio",
        "CPU or memory requested, of a node's allocatable",
        f"{_OURS}: seven such nodes hold an eighth's pods",
    )
    node_requested_crit: float = _limit(0.95, "ratio", "CPU or memory requested, of a node's allocatable", _OURS)
    node_usage_warn: float = _limit(0.80, "ratio", "CPU or memory used, of a node's allocatable", _SRE)
    node_usage_crit: float = _limit(0.90, "ratio", "CPU or memory used, of a node's allocatable", _OURS)
    pod_starting_s: float = _limit(300.0, "s", "a pod younger than this may still be starting", _OURS)
    stuck_s: float = _limit(
        300.0, "s", "a deletion, a claim or a CronJob's run that has waited this long is stuck", _OURS
    )
    restart_window_s: float = _limit(86_400.0, "s", "how far back restarts are counted", "a day")
    restarts_warn: int = _limit(1, "restarts", "restarts of a container in the window", _OURS)
    restarts_crit: int = _limit(
        5,
        "restarts",
        "restarts of a container in the window",
        "kubelet: its back-off reaches the 5 min cap after about 5",
    )
    usage_over_request_warn: float = _limit(1.5, "times", "a pod's usage over its request", _OURS)
    usage_grown_warn: float = _limit(1.5, "times", "a workload's usage over the previous run's", _OURS)
    memory_limit_warn: float = _limit(0.80, "ratio", "memory used, of the limit", _OURS)
    memory_limit_crit: float = _limit(0.95, "ratio", "memory used, of the limit", "Linux: at 1.0 the kernel kills")
    requested_unused_warn: float = _limit(
        0.25, "ratio", "usage below this share of the request is reserved, not used", _OURS
    )
    statement_mean_warn_ms: float = _limit(
        1_000.0, "ms", "mean time of a statement", f"{_RUNBOOK}: log_min_duration_statement = 1000"
    )
    statement_share_warn: float = _limit(0.30, "ratio", "one statement's share of the server's execution time", _OURS)
    statement_share_ms: float = _limit(
        1_000.0, "ms", "execution time of a statement in all; below, its share is not told", _OURS
    )
    statement_slower_warn: float = _limit(1.5, "times", "a statement's mean time over the previous run's", _OURS)
    statement_slower_ms: float = _limit(
        1_000.0, "ms", "execution time that its slowing down has cost since; below, it is not told", _OURS
    )
    active_warn_s: float = _limit(300.0, "s", "age of a running statement", f"{_RUNBOOK}: 5 minutes")
    active_crit_s: float = _limit(600.0, "s", "age of a running statement", f"{_RUNBOOK}: 10 minutes")
    idle_in_transaction_warn_s: float = _limit(60.0, "s", "age of a transaction whose session is idle", _OURS)
    idle_in_transaction_crit_s: float = _limit(600.0, "s", "age of a transaction whose session is idle", _OURS)
    blocked_warn_s: float = _limit(10.0, "s", "time that a session waits for another's lock", _OURS)
    blocked_crit_s: float = _limit(60.0, "s", "time that a session waits for another's lock", _OURS)
    connections_warn: float = _limit(0.80, "ratio", "client connections, of max_connections", _OURS)
    connections_crit: float = _limit(0.95, "ratio", "client connections, of max_connections", _OURS)
    cache_hit_warn: float = _limit(
        0.99, "ratio", "blocks found in shared buffers; lower is worse", "PostgreSQL wiki: OLTP > 99 %"
    )
    cache_hit_crit: float = _limit(0.90, "ratio", "blocks found in shared buffers; lower is worse", _OURS)
    unused_index_mib: float = _limit(1.0, "MiB", "smaller indexes are not worth a finding", _OURS)
    seq_scan_rows: int = _limit(10_000, "rows", "rows per sequential scan that make an index worth a look", _OURS)
    seq_scans_warn: int = _limit(10, "scans", "fewer sequential scans of a large table are not worth a finding", _OURS)
    dead_tuples_rows: int = _limit(1_000, "rows", "fewer dead rows do no harm, whatever their share", _OURS)
    dead_tuples_warn: float = _limit(
        0.20, "ratio", "dead rows, of all rows", "PostgreSQL: autovacuum_vacuum_scale_factor"
    )
    dead_tuples_crit: float = _limit(0.50, "ratio", "dead rows, of all rows", _OURS)
    wraparound_warn: float = _limit(
        0.50,
        "ratio",
        "age of the oldest transaction id, of 2^31",
        "PostgreSQL: autovacuum_freeze_max_age's default is 0.093",
    )
    wraparound_crit: float = _limit(0.75, "ratio", "age of the oldest transaction id, of 2^31", _OURS)
    replication_lag_warn_s: float = _limit(10.0, "s", "a replica's lag", _OURS)
    replication_lag_crit_s: float = _limit(60.0, "s", "a replica's lag", _OURS)
    replication_lag_warn_mib: float = _limit(64.0, "MiB", "WAL that a replica has not replayed", f"{_OURS}: 4 segments")
    replication_lag_crit_mib: float = _limit(1024.0, "MiB", "WAL that a replica has not replayed", _OURS)
    certificate_warn_days: float = _limit(
        30.0, "days", "days until a certificate ends; fewer are worse", "certbot and cert-manager: renewed by then"
    )
    certificate_crit_days: float = _limit(
        7.0, "days", "days until a certificate ends; fewer are worse", "Let's Encrypt: its last notice came then"
    )
    endpoint_latency_warn_ms: float = _limit(1_000.0, "ms", "p95 of an endpoint's samples", _NIELSEN)
    endpoint_latency_crit_ms: float = _limit(5_000.0, "ms", "p95 of an endpoint's samples", _OURS)
    endpoint_failed_warn: float = _limit(0.01, "ratio", "samples that failed, of those taken", f"{_OURS}: any")
    endpoint_failed_crit: float = _limit(0.50, "ratio", "samples that failed, of those taken", _OURS)
    error_rate_warn: float = _limit(0.01, "ratio", "requests that failed, of a service's requests", _OURS)
    error_rate_crit: float = _limit(
        0.05, "ratio", "requests that failed, of a service's requests", f"{_RUNBOOK}: error rate above 5 % is P1"
    )
    error_rate_requests: int = _limit(20, "requests", "a span of time with fewer is not judged by itself", _OURS)
    log_rate_warn: float = _limit(
        2.0, "times", "an error's rate over the baseline's, at the low end of its interval", _OURS
    )
    log_rate_crit: float = _limit(
        10.0, "times", "an error's rate over the baseline's, at the low end of its interval", _OURS
    )
    log_new_errors_crit: int = _limit(10, "records", "a new kind of error that came so often", _OURS)
    log_errors_warn: int = _limit(1, "records", "records of level error in a window that is compared with none", _OURS)
    restarted_warn_s: float = _limit(3_600.0, "s", "since a database server started; less is worse", "an hour")
    redis_clients_warn: float = _limit(0.80, "ratio", "clients of a Redis, of maxclients", _OURS)
    redis_clients_crit: float = _limit(0.95, "ratio", "clients of a Redis, of maxclients", _OURS)
    redis_memory_warn: float = _limit(0.80, "ratio", "memory of a Redis, of maxmemory", _OURS)
    redis_memory_crit: float = _limit(
        0.95, "ratio", "memory of a Redis that evicts nothing, of maxmemory", "Redis: at 1.0 it refuses writes"
    )
    redis_fragmentation_warn: float = _limit(
        1.5, "times", "memory of the process over what its data uses", "Redis: INFO's mem_fragmentation_ratio"
    )
    redis_fragmentation_mib: float = _limit(256.0, "MiB", "less that is lost to fragmentation does no harm", _OURS)
    redis_lag_warn_s: float = _limit(
        15.0,
        "s",
        "since a replica or a master was heard",
        "Redis: a master speaks each 10 s (repl-ping-replica-period)",
    )
    redis_lag_crit_s: float = _limit(60.0, "s", "since a replica or a master was heard", "Redis: repl-timeout")
    redis_lag_warn_mib: float = _limit(
        1.0, "MiB", "what a Redis replica has not acknowledged", "Redis: repl-backlog-size, beyond it a full copy"
    )
    redis_lag_crit_mib: float = _limit(64.0, "MiB", "what a Redis replica has not acknowledged", _OURS)
    latency_warn_s: float = _limit(0.5, "s", "the judged quantile of a service's latency", _OURS)
    latency_crit_s: float = _limit(2.0, "s", "the judged quantile of a service's latency", _OURS)
    points_found_min: float = _limit(
        0.5, "ratio", "samples found, of those expected; fewer make a rate unknown", f"{_OURS}: two of four scrapes"
    )
    cpu_throttled_warn: float = _limit(
        0.25, "ratio", "scheduler periods in which a container was held back", "kubernetes-mixin: CPUThrottlingHigh"
    )
    cpu_throttled_crit: float = _limit(0.75, "ratio", "scheduler periods in which a container was held back", _OURS)
    time_to_limit_warn_s: float = _limit(
        86_400.0, "s", "until a container's memory reaches its limit; less is worse", "a day"
    )
    time_to_limit_crit_s: float = _limit(
        3_600.0, "s", "until a container's memory reaches its limit; less is worse", "an hour"
    )
    cost_residual_warn: float = _limit(0.02, "ratio", "of the bill's effective cost, what no line explains", _OURS)
    cost_residual_crit: float = _limit(0.05, "ratio", "of the bill's effective cost, what no line explains", _OURS)
    cost_priced_min: float = _limit(0.95, "ratio", "of what ran, the part with a price; less is unknown", _OURS)
    cost_priced_crit: float = _limit(0.50, "ratio", "of what ran, the part with a price; less is worse", _OURS)
    cost_uncovered_warn: float = _limit(
        0.005,
        "ratio",
        "of what ran, the part without a price or not seen that is told",
        f"{_OURS}: what is shown as 1 %",
    )
    cost_untagged_warn: float = _limit(0.10, "ratio", "of the costs that somebody owns, those without a team", _OURS)
    cost_untagged_crit: float = _limit(0.50, "ratio", "of the costs that somebody owns, those without a team", _OURS)
    cost_growth_warn: float = _limit(1.2, "times", "a week's effective cost over the week's before", _OURS)
    cost_growth_crit: float = _limit(2.0, "times", "a week's effective cost over the week's before", _OURS)
    cost_fall_warn: float = _limit(
        0.5, "ratio", "a week's effective cost over the week's before; as little is told", _OURS
    )
    cost_anomaly_warn: float = _limit(3.5, "times", "a day's distance from usual, in deviations", _IGLEWICZ)
    cost_anomaly_crit: float = _limit(10.0, "times", "a day's distance above usual, in deviations", _OURS)
    cost_anomaly_floor: float = _limit(10.0, "money", "a day's distance from usual that is worth a finding", _OURS)
    cost_forecast_error_warn: float = _limit(0.10, "ratio", "of the last week, by which its forecast was wrong", _OURS)
    cost_forecast_error_crit: float = _limit(0.30, "ratio", "of the last week, by which its forecast was wrong", _OURS)
    cost_budget_warn: float = _limit(0.90, "ratio", "of a team's budget, what the month is expected to cost", _OURS)
    cost_allocator_warn: float = _limit(
        0.05, "ratio", "of the bill, by which OpenCost or KubeCost say something else", _OURS
    )
    cost_explorer_warn: float = _limit(
        0.01,
        "ratio",
        "of the bill of AWS, by which Cost Explorer says something else",
        f"{_OURS}: they may differ by rounding",
    )
    cost_explorer_crit: float = _limit(
        0.05,
        "ratio",
        "of the bill of AWS, by which Cost Explorer says something else",
        f"{_OURS}: that of the residual",
    )
    cost_unused_warn: float = _limit(
        0.50, "ratio", "of what nodes cost, what stood idle or was requested and not used", _OURS
    )
    cost_unused_crit: float = _limit(
        0.80, "ratio", "of what nodes cost, what stood idle or was requested and not used", _OURS
    )
    cost_orphan_crit: float = _limit(500.0, "money", "a month, of one thing that seems to be nobody's", _OURS)

    usage_samples_min: float = _limit(
        0.9,
        "ratio",
        "samples of usage found, of those expected; fewer make its cost unknown",
        f"{_OURS}: that of HIGH advice",
    )
    requests_freed_warn: float = _limit(
        0.20, "ratio", "requests that advice of HIGH confidence would free, of all that is requested", _OURS
    )
    advice_exceeded_warn: float = _limit(
        0.05, "ratio", "time in which usage exceeded the CPU that was advised", f"{_OURS}: advice is made of p95"
    )

    @classmethod
    def info(cls) -> tuple[ThresholdInfo, ...]:
        """Every threshold with its default, unit, meaning and where the default comes from."""
        return tuple(
            ThresholdInfo(f.name, cast(Number, f.default), f.metadata["unit"], f.metadata["help"], f.metadata["source"])
            for f in fields(cls)
        )
