"""The tables of the cost analysis. Every money column names its basis; the currency stands beside it.

What comes in are the tables of `queries.bills`, `queries.usage` and `queries.cost_objects`. The functions of this package read the
columns named here, by name; a table may have more, and a column that is `optional` here may be missing from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

# The lines of a bill, in the order in which they are shown.
USED, UNUSED = "used", "requested and unused"
IDLE, SYSTEM = "idle", "system"
STORAGE, UNMOUNTED = "storage", "unmounted storage"
LOAD_BALANCER, CONTROL_PLANE, NETWORK = "load balancer", "control plane", "network"
OUTSIDE = "outside the cluster"
UNUSED_COMMITMENT = "unused commitment"
PURCHASE, CORRECTION, TAX, CREDIT = "purchase", "correction", "tax", "credit"
UNKNOWN, RESIDUAL = "unknown", "residual"
ALL_LINES = (
    USED, UNUSED, IDLE, SYSTEM, STORAGE, UNMOUNTED, LOAD_BALANCER, CONTROL_PLANE, NETWORK, OUTSIDE,
    UNUSED_COMMITMENT, PURCHASE, CORRECTION, TAX, CREDIT, UNKNOWN, RESIDUAL,
)  # fmt: skip

BILLED = Column("billed", "decimal", help="as the invoice has it", optional=True)
EFFECTIVE = Column("effective", "decimal", help="amortized: for trends and allocation", optional=True)
LIST = Column("list", "decimal", help="at list prices or OpenCost's, where no bill has it", optional=True)
CURRENCY = Column("currency", "string", help="ISO 4217")
TEAM = Column("team", "string", help="missing: untagged", optional=True)

CHARGES = Schema(
    "charges",
    (
        Column("day", "timestamp", help="00:00 UTC"),
        Column("provider", "string"),
        Column("account", "string"),
        Column("region", "string", optional=True),
        Column("service", "string"),
        Column("resource_id", "string", optional=True),
        Column("resource_name", "string", optional=True),
        Column("resource_type", "string", optional=True),
        Column("charge_category", "string", help="Usage, Purchase, Tax, Credit or Adjustment"),
        Column("charge_class", "string", help="Correction, or empty"),
        Column("commitment", "string", help="Used, Unused or empty"),
        TEAM,
        BILLED,
        EFFECTIVE,
        Column("list", "decimal", help="at list prices", optional=True),
        CURRENCY,
        Column("pricing_quantity", "Float64", optional=True),
        Column("pricing_unit", "string", optional=True),
        Column("usage_quantity", "Float64", optional=True),
        Column("usage_unit", "string", optional=True),
        Column("sku_id", "string", optional=True),
        Column("tags", "list[string]", help="key=value"),
        Column("rows", "Int64", help="of the bill that this one adds up"),
    ),
)

# With what only rows of FOCUS say again.
FOCUS_CHARGES = Schema(
    CHARGES.name,
    (
        *CHARGES.columns,
        Column("contracted", "decimal", help="at negotiated prices", optional=True),
        *(Column(f"billing_period_{end}", "timestamp", optional=True) for end in ("start", "end")),
        *(
            Column(name, "string", optional=True)
            for name in ("billing_account", "service_category", "publisher", "host_provider", "invoice_issuer")
        ),
    ),
)

CONTAINER_HOURS = Schema(
    "container hours",
    (
        Column("cluster", "string", help="missing: told by the node", optional=True),
        Column("hour", "timestamp", help="start of the hour, UTC"),
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("pod_uid", "string", optional=True),
        Column("container", "string"),
        Column("node", "string", optional=True),
        Column("workload", "string", help="deployment/orders", optional=True),
        Column("cpu_core_hours", "Float64", "core-hours", optional=True),
        Column("memory_gib_hours", "Float64", "GiB-hours", optional=True),
        Column("cpu_request_cores", "Float64", "cores", optional=True),
        Column("memory_request_gib", "Float64", "GiB", optional=True),
        Column("minutes", "Float64", "min", help="that it ran, as far as samples show"),
        Column("samples_expected", "Int64", help="of the time that it ran, those that were lost too"),
        Column("samples_found", "Int64"),
        Column("labels", "list[string]", help="key=value, of the pod", optional=True),
    ),
)

CONTAINERS = Schema(
    "containers",
    (
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("workload", "string"),
        Column("pod", "string"),
        Column("pod_uid", "string"),
        Column("node", "string", optional=True),
        Column("labels", "list[string]", help="key=value, of the pod"),
    ),
)

NODES = Schema(
    "nodes",
    (
        Column("cluster", "string"),
        Column("node", "string"),
        Column("provider_id", "string", optional=True),
        Column("instance_type", "string", optional=True),
        Column("capacity_type", "string", help="on-demand or spot", optional=True),
        Column("pool", "string", optional=True),
        Column("cpu_cores", "Float64", "cores", optional=True, help="capacity"),
        Column("memory_gib", "Float64", "GiB", optional=True, help="capacity"),
        Column("allocatable_cpu_cores", "Float64", "cores", optional=True),
        Column("allocatable_memory_gib", "Float64", "GiB", optional=True),
        Column("created_at", "timestamp", optional=True),
    ),
)

VOLUMES = Schema(
    "volumes",
    (
        Column("cluster", "string"),
        Column("volume", "string"),
        Column("driver", "string", optional=True),
        Column("volume_handle", "string", optional=True),
        Column("storage_class", "string", optional=True),
        Column("capacity_gib", "Float64", "GiB", optional=True),
        Column("phase", "string", help="Available, Bound, Released or Failed"),
        Column("claim_namespace", "string", optional=True),
        Column("claim", "string", optional=True),
        Column("claim_owner", "string", help="whose claim it is, pods or none: statefulset/db", optional=True),
        Column("owner_replicas", "Int64", help="that its owner asks for", optional=True),
        Column("mounted_by", "list[string]", help="pods that have the claim"),
        Column("reclaim_policy", "string", optional=True),
        Column("age_s", "Float64", "s", optional=True),
    ),
)

LOAD_BALANCERS = Schema(
    "load balancers",
    (
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("service", "string"),
        Column("service_uid", "string", optional=True),
        Column("addresses", "list[string]"),
        Column("ready", "Int64", help="endpoints that take traffic"),
        Column("pods", "Int64", help="that its selector finds"),
        Column("owners", "list[string]", help="the workloads of these pods"),
        Column("age_s", "Float64", "s", optional=True),
    ),
)

PRICES = Schema(
    "prices",
    (
        Column("kind", "string", help="node, storage, load balancer or control plane"),
        Column(
            "name", "string", help="node or instance type (with ' spot'), volume or storage class, service; * for any"
        ),
        Column("unit", "string", help="hour, or GiB-month"),
        Column("list", "decimal", help="for one unit"),
        CURRENCY,
        Column("price_from", "string", help="opencost or list"),
        Column("priced_on", "timestamp", help="when this price was true", optional=True),
    ),
)

BUDGETS = Schema(
    "budgets",
    (Column("team", "string"), Column("monthly_effective", "decimal", help="for a calendar month"), CURRENCY),
)

TEAMS = Schema(
    "teams",
    (
        Column("team", "string"),
        Column("namespace", "string"),
        Column("workload", "string", help="kind/name; * for all of the namespace"),
    ),
)

LINES = Schema(
    "cost lines",
    (
        Column("day", "timestamp", help="00:00 UTC"),
        Column("line", "string", help=", ".join(ALL_LINES)),
        Column("cluster", "string", optional=True),
        Column("namespace", "string", optional=True),
        Column("workload", "string", optional=True),
        Column("pod", "string", optional=True),
        Column("pod_uid", "string", optional=True),
        Column("container", "string", optional=True),
        Column("node", "string", optional=True),
        Column("pool", "string", optional=True),
        TEAM,
        Column("provider", "string", optional=True),
        Column("account", "string", optional=True),
        Column("region", "string", optional=True),
        Column("service", "string", optional=True),
        Column("resource_id", "string", optional=True),
        Column("charge", "Int64", help="the row of the charges that it is a part of", optional=True),
        Column("commitment", "string", help="Used where one pays for it, Unused or empty", optional=True),
        Column("price_from", "string", help="bill, opencost or list; missing: it has no price", optional=True),
        BILLED,
        EFFECTIVE,
        LIST,
        Column("currency", "string", optional=True),
        Column("core_hours", "Float64", "core-hours", optional=True),
        Column("gib_hours", "Float64", "GiB-hours", optional=True),
        Column("volume_gib", "Float64", "GiB", help="of the volume that it pays for", optional=True),
        Column("storage_class", "string", help="of that volume", optional=True),
        Column("share", "Float64", "ratio", help="of its charge, or of its node's day", optional=True),
        Column("labels", "list[string]", help="key=value"),
        Column("estimated", "boolean", help="the day is younger than the billing lag"),
        Column("why", "string", help="for unknown and residual: the reason", optional=True),
    ),
)


def rows(table: pd.DataFrame, schema: Schema) -> list[dict[str, Any]]:
    """A table's rows with the columns of `schema` and no others; an optional one that the table lacks is missing in each row.

    >>> import pandas as pd
    >>> rows(pd.DataFrame({"team": ["shop"], "namespace": ["go-coffee"], "workload": ["*"], "more": [1]}), TEAMS)
    [{'team': 'shop', 'namespace': 'go-coffee', 'workload': '*'}]
    """
    columns: dict[str, list[Any]] = {}
    for column in schema.columns:
        if column.name in table.columns:
            values = table[column.name]
            columns[column.name] = values.astype(object).where(values.notna(), None).tolist()
        elif column.optional or column.dtype == "list[string]":
            columns[column.name] = [() if column.dtype == "list[string]" else None] * len(table)
        else:
            raise ValueError(f"the table of {schema.name} has no column {column.name}")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def framed(schema: Schema, found: list[dict[str, Any]], *inputs: pd.DataFrame) -> pd.DataFrame:
    """Rows as a table that cites what its inputs rest on, and in `unread` what they lack."""
    frame = schema.from_rows(found)
    lacking = (gap for table in inputs for name in ("gaps", "unread") for gap in table.attrs.get(name, ()))
    frame.attrs["unread"] = list(dict.fromkeys(lacking))
    frame.attrs["evidence"] = list(dict.fromkeys(e for table in inputs for e in table.attrs.get("evidence", ())))
    return frame
