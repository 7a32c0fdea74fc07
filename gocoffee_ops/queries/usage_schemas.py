"""What the questions about containers' usage answer with."""

from __future__ import annotations

from gocoffee_ops.frames import Column, Schema

CONTAINER = (
    Column("namespace", "string"),
    Column(
        "workload", "string", optional=True, help="deployment/orders; missing where kube-state-metrics is not there"
    ),
    Column("pod", "string"),
    Column("container", "string"),
)
COVERAGE = (
    Column("samples_expected", "Int64", help="of its life in the window, by the scrape interval"),
    Column("samples_found", "Int64", help="of its memory"),
)
MISSING = Column("missing", "string", help="what is not there, and why", optional=True)

CONTAINER_HOURS = Schema(
    "container hours",
    (
        Column("hour", "timestamp", help="its start, UTC"),
        *CONTAINER[:3],
        Column("pod_uid", "string", optional=True, help="a pod of the same name that came later has another"),
        CONTAINER[3],
        Column("node", "string", optional=True),
        Column("minutes", "Float64", "min", help="that it ran, as far as samples show"),
        Column("cpu_core_hours", "Float64", "core-hours", optional=True),
        Column("memory_gib_hours", "Float64", "GiB-hours", optional=True, help="working set, of the samples found"),
        Column("cpu_request_cores", "Float64", "cores", optional=True, help="the average while the pod was there"),
        Column("memory_request_gib", "Float64", "GiB", optional=True, help="the average while the pod was there"),
        *COVERAGE,
        MISSING,
    ),
)

SIZING = Schema(
    "sizing",
    (
        *CONTAINER,
        Column("revision", "string", optional=True, help="what made the pod: replicaset/orders-5c"),
        Column("cpu_p95_cores", "Float64", "cores", optional=True, help="the 95th percentile of 5-minute rates"),
        Column("memory_max_mib", "Float64", "MiB", optional=True, help="the largest working set"),
        Column(
            "cpu_throttled", "Float64", "ratio", optional=True, help="of scheduler periods; missing without a CPU limit"
        ),
        Column("cpu_request_cores", "Float64", "cores", optional=True),
        Column("cpu_limit_cores", "Float64", "cores", optional=True),
        Column("memory_request_mib", "Float64", "MiB", optional=True),
        Column("memory_limit_mib", "Float64", "MiB", optional=True),
        Column("oom_killed", "boolean", help="it ran out of memory in the window, or before its present run"),
        Column(
            "oom_limit_mib", "Float64", "MiB", optional=True, help="the largest limit that it had, where it was killed"
        ),
        *COVERAGE,
        Column("since", "timestamp", help="the window's start"),
        Column("days", "Float64", "d", help="from its first sample to its last"),
        Column("started_at", "timestamp", optional=True, help="the pod's start, as kube-state-metrics tells it"),
        Column("spec_changed_at", "timestamp", optional=True, help="requests or limits last changed by then, in place"),
        Column("rate_window_s", "Float64", "s", help="of the rate: 5 minutes, and at least 4 scrapes"),
        Column("scrape_interval_s", "Float64", "s"),
        MISSING,
    ),
)

SAMPLES = Schema(
    "usage samples",
    (
        Column("at", "timestamp"),
        *CONTAINER,
        Column("cpu_cores", "Float64", "cores", optional=True, help="the rate of the 5 minutes before"),
        Column("memory_mib", "Float64", "MiB", optional=True, help="the largest working set of the 5 minutes before"),
    ),
)
