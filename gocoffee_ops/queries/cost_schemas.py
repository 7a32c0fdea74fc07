"""What the questions about what costs answer with."""

from __future__ import annotations

from gocoffee_ops.frames import Column, Schema

NODE_TABLE = Schema(
    "nodes, as what is billed",
    (
        Column("node", "string"),
        Column("provider_id", "string", optional=True, help="spec.providerID: aws:///eu-west-1a/i-0abc"),
        Column("instance_type", "string", optional=True),
        Column("region", "string", optional=True),
        Column("zone", "string", optional=True),
        Column("pool", "string", optional=True, help="the group of nodes, by its provider's label"),
        Column(
            "capacity_type", "string", optional=True, help="spot, on-demand or reserved; missing where no label says"
        ),
        Column("cpu_cores", "Float64", "cores", help="capacity: what is paid for"),
        Column("memory_gib", "Float64", "GiB", help="capacity"),
        Column("allocatable_cpu_cores", "Float64", "cores", help="what pods may have of it"),
        Column("allocatable_memory_gib", "Float64", "GiB"),
        Column("gpus", "Int64"),
        Column("control_plane", "boolean"),
        Column("schedulable", "boolean", help="not cordoned"),
        Column("created_at", "timestamp"),
        Column("age_s", "Float64", "s"),
    ),
)

VOLUME_TABLE = Schema(
    "volumes, as what is billed",
    (
        Column("volume", "string"),
        Column("driver", "string", optional=True),
        Column("volume_handle", "string", optional=True, help="what the driver, and mostly the bill, calls it"),
        Column("storage_class", "string", optional=True),
        Column("phase", "string", help="Available, Bound, Released or Failed"),
        Column("reclaim_policy", "string"),
        Column("capacity_gib", "Float64", "GiB", optional=True),
        Column("claim_namespace", "string", optional=True),
        Column("claim", "string", optional=True),
        Column("claim_exists", "boolean", optional=True, help="missing for a volume that was never claimed"),
        Column("claim_owner", "string", optional=True, help="whose claim it is, pods or none: statefulset/postgres"),
        Column("owner_replicas", "Int64", optional=True, help="that its owner wants now: 0 is scaled down, not gone"),
        Column("mounted_by", "list[string]", help="pods that have the claim"),
        Column("labels", "list[string]", help="key=value, of the claim where there is one"),
        Column("created_at", "timestamp"),
        Column("age_s", "Float64", "s"),
    ),
)

BALANCER_TABLE = Schema(
    "load balancers",
    (
        Column("namespace", "string"),
        Column("service", "string"),
        Column("service_uid", "string", help="after which a provider may name what it made"),
        Column("addresses", "list[string]", help="as the provider gave them; none: it has made none yet"),
        Column("ports", "list[string]", help="port/protocol"),
        Column("ready", "Int64", help="endpoints that take traffic"),
        Column("not_ready", "Int64"),
        Column("pods", "Int64", help="that its selector finds, and that have not ended"),
        Column("owners", "list[string]", help="the workloads of these pods"),
        Column("labels", "list[string]", help="key=value"),
        Column("created_at", "timestamp"),
        Column("age_s", "Float64", "s"),
    ),
)

CONTAINER_TABLE = Schema(
    "containers, as what is requested",
    (
        Column("namespace", "string"),
        Column("workload", "string", help="deployment/orders; a pod that nobody made is its own"),
        Column("pod", "string"),
        Column("pod_uid", "string"),
        Column("container", "string"),
        Column("sidecar", "boolean", help="an init container that restarts always"),
        Column("node", "string", optional=True),
        Column("daemonset", "boolean"),
        Column("cpu_request_cores", "Float64", "cores", optional=True),
        Column("cpu_limit_cores", "Float64", "cores", optional=True),
        Column("memory_request_mib", "Float64", "MiB", optional=True),
        Column("memory_limit_mib", "Float64", "MiB", optional=True),
        Column("hpa", "string", optional=True, help="the autoscaler of its workload"),
        Column("hpa_on_cpu", "boolean", help="it scales by the CPU request of this container"),
        Column("hpa_on_memory", "boolean"),
        Column("runtime", "string", optional=True, help="JVM or GOMEMLIMIT: it fits itself to its memory"),
        Column("runtime_env", "list[string]", help="the variables that say so, by name; values are not read"),
        Column("spec_changed_at", "timestamp", optional=True, help="its workload's template was last written"),
        Column("labels", "list[string]", help="key=value, of the pod"),
        Column("created_at", "timestamp", help="the pod"),
    ),
)
