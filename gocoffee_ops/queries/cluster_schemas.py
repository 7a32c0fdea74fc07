"""The tables of the cluster's queries."""

from __future__ import annotations

from gocoffee_ops.frames import Column, Schema

NODE_TABLE = Schema(
    "nodes",
    (
        Column("node", "string"),
        Column("status", "string", help="as kubectl prints it"),
        Column("ready", "boolean"),
        Column("roles", "string"),
        Column("pool", "string", optional=True, help="node pool, by the label of the provider"),
        Column("kubelet_version", "string"),
        Column("server_version", "string", optional=True),
        Column("unschedulable", "boolean", help="cordoned"),
        Column("taints", "list[string]"),
        Column("pressures", "list[string]", help="conditions but Ready that are True, or not known (=Unknown)"),
        Column("cpu_capacity_millicores", "Int64", "millicores"),
        Column("memory_capacity_mib", "Float64", "MiB"),
        Column("cpu_allocatable_millicores", "Int64", "millicores"),
        Column("memory_allocatable_mib", "Float64", "MiB"),
        Column("pods_allocatable", "Int64"),
        Column("cpu_requested_millicores", "Int64", "millicores", "as the scheduler counts"),
        Column("memory_requested_mib", "Float64", "MiB", "as the scheduler counts"),
        Column("cpu_limits_millicores", "Int64", "millicores", "sum of the limits that are set"),
        Column("memory_limits_mib", "Float64", "MiB", "sum of the limits that are set"),
        Column("pods", "Int64", help="pods that have not ended"),
        Column("created_at", "timestamp"),
        Column("age_s", "Float64", "s"),
    ),
)

POD_TABLE = Schema(
    "pods",
    (
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("status", "string", help="as kubectl prints it"),
        Column("reason", "string", optional=True, help="why it is not ready, in one sentence"),
        Column("phase", "string"),
        Column("ready", "boolean", help="its Ready condition, readiness gates included"),
        Column("finished", "boolean", help="ended with success: a completed Job is not ready, and well"),
        Column("ready_containers", "Int64", help="as kubectl prints it"),
        Column("containers", "Int64", help="as kubectl prints it: sidecars count"),
        Column("restarts", "Int64", help="as kubectl prints it"),
        Column("last_restart_at", "timestamp", optional=True, help="when the last terminated container ended"),
        Column("owner", "string", optional=True, help="deployment/coffee-service, job/seed; its own when it has none"),
        Column("node", "string", optional=True),
        Column("pod_ip", "string", optional=True),
        Column("app", "string", optional=True, help="label app, or app.kubernetes.io/name"),
        Column("qos", "string"),
        Column("created_at", "timestamp"),
        Column("age_s", "Float64", "s"),
        Column("cpu_request_millicores", "Int64", "millicores", "as the scheduler counts"),
        Column("memory_request_mib", "Float64", "MiB", "as the scheduler counts"),
        Column("cpu_limit_millicores", "Int64", "millicores", "missing when a container has none", optional=True),
        Column("memory_limit_mib", "Float64", "MiB", "missing when a container has none", optional=True),
        Column("containers_without_requests", "Int64", help="lacking one for CPU or for memory"),
        Column("containers_without_limits", "Int64", help="lacking one for CPU or for memory"),
        Column("images", "list[string]"),
    ),
)

# As the rows are made: when a pod was made is still text, and its age is not reckoned yet.
POD_ROWS = Schema(
    "pods",
    tuple(
        Column("created_at", "string") if column.name == "created_at" else column
        for column in POD_TABLE.columns
        if column.name != "age_s"
    ),
)

NODE_USAGE_TABLE = Schema(
    "node_usage",
    (
        Column("node", "string"),
        Column("cpu_millicores", "Float64", "millicores", "missing when the metrics API has none", optional=True),
        Column("memory_mib", "Float64", "MiB", "working set; missing when the metrics API has none", optional=True),
        Column("cpu_allocatable_millicores", "Int64", "millicores"),
        Column("memory_allocatable_mib", "Float64", "MiB"),
        Column("cpu_of_allocatable", "Float64", "ratio", optional=True),
        Column("memory_of_allocatable", "Float64", "ratio", optional=True),
        Column("cpu_requested_millicores", "Int64", "millicores", "as the scheduler counts"),
        Column("memory_requested_mib", "Float64", "MiB", "as the scheduler counts"),
        Column("measured_at", "timestamp", optional=True),
        Column("window_s", "Float64", "s", "what the figure is an average over", optional=True),
    ),
)

POD_USAGE_TABLE = Schema(
    "pod_usage",
    (
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("owner", "string", optional=True),
        Column("node", "string", optional=True),
        Column("cpu_millicores", "Float64", "millicores", "missing when the metrics API has none", optional=True),
        Column("memory_mib", "Float64", "MiB", "working set; missing when the metrics API has none", optional=True),
        Column("cpu_request_millicores", "Int64", "millicores", "as the scheduler counts"),
        Column("memory_request_mib", "Float64", "MiB", "as the scheduler counts"),
        Column("cpu_limit_millicores", "Int64", "millicores", "missing when a container has none", optional=True),
        Column("memory_limit_mib", "Float64", "MiB", "missing when a container has none", optional=True),
        Column("cpu_of_request", "Float64", "ratio", optional=True),
        Column("memory_of_request", "Float64", "ratio", optional=True),
        Column("cpu_of_limit", "Float64", "ratio", "of the container that is nearest its limit", optional=True),
        Column("memory_of_limit", "Float64", "ratio", "of the container that is nearest its limit", optional=True),
        Column("measured_at", "timestamp", optional=True),
    ),
)

EVENT_TABLE = Schema(
    "events",
    (
        Column("namespace", "string"),
        Column("object", "string", help="what it is about: pod/orders-0"),
        Column("type", "string", help="Normal or Warning"),
        Column("reason", "string"),
        Column("message", "string"),
        Column("count", "Int64", help="how often it was seen; the API server may have merged repeats"),
        Column("first_seen_at", "timestamp", optional=True),
        Column("last_seen_at", "timestamp"),
        Column("source", "string", help="the component that reported it"),
    ),
)

HORIZON_TABLE = Schema(
    "event_horizon",
    (
        Column("events", "Int64", help="events that the API server still has, of all namespaces"),
        Column(
            "oldest_at", "timestamp", optional=True, help="the oldest one's last sighting: what was before is not known"
        ),
        Column("newest_at", "timestamp", optional=True),
        Column("known_since", "timestamp", optional=True, help="since then nothing is forgotten yet"),
        Column(
            "retention_s",
            "Float64",
            "s",
            "how long they are kept; the API does not say (3600 by default)",
            optional=True,
        ),
    ),
)
