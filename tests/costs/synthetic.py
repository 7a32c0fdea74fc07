"""The synthetic bill and its cluster as the tables that the analysis reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from gocoffee_ops.analysis.costs import schemas
from gocoffee_ops.analysis.costs.allocation import Objects
from gocoffee_ops.demo.bill import Item, Stage, synthetic_bill
from gocoffee_ops.demo.cost_usage import Cases, Work, container_hours
from tests.costs.tables import DAY, load_balancers, nodes, rows_of, volumes

FIRST = datetime(2026, 11, 9, tzinfo=UTC)
AS_OF = FIRST + 16 * DAY
TEAMS = {"go-coffee": "shop", "analytics": "analytics"}  # the namespace `lab` has none
CASES = Cases("general-2", FIRST + 5 * DAY, "lab", "general-3", FIRST + 6 * DAY)

SIZES = {"e2-standard-4": (4.0, 16.0, 3.92, 13.57), "e2-highmem-4": (4.0, 32.0, 3.92, 28.0)}
NODES = [(f"general-{n}", "general", "e2-standard-4", "on-demand") for n in range(1, 6)]
NODES += [("memory-1", "memory", "e2-highmem-4", "on-demand"), ("memory-2", "memory", "e2-highmem-4", "spot")]

WORK = [
    Work("go-coffee", "deployment/orders", ("general-1", "general-2", "general-3"), 0.5, 1.0, 0.3, 0.7),
    Work("go-coffee", "deployment/web", ("general-4", "general-5"), 0.25, 0.5, 0.4, 0.6),
    Work("go-coffee", "statefulset/postgres", ("memory-1",), 2.0, 16.0, 0.9, 12.0),
    Work("analytics", "deployment/reports", ("general-2", "memory-2"), 1.0, 8.0, 0.2, 2.0),
    Work("lab", "deployment/notebook", ("general-4",), 0.5, 2.0, 0.05, 1.0),
    Work("kube-system", "daemonset/agent", tuple(node[0] for node in NODES), 0.1, 0.25, 0.05, 0.2),
]


@dataclass(frozen=True)
class Scene:
    """One synthetic cluster with its bill."""

    stage: Stage
    items: list[Item]
    hours: list[dict[str, Any]]
    bill: pd.DataFrame
    objects: Objects
    teams: pd.DataFrame


def scene(seed: int = 0) -> Scene:
    """The cluster, its two weeks and its bill, from a seed."""
    node_rows = [
        {
            "node": name,
            "pool": pool,
            "instance_type": kind,
            "capacity_type": capacity,
            "provider_id": f"gce://gocoffee/europe-west3-a/{name}",
            "cpu_cores": SIZES[kind][0],
            "memory_gib": SIZES[kind][1],
            "allocatable_cpu_cores": SIZES[kind][2],
            "allocatable_memory_gib": SIZES[kind][3],
        }
        for name, pool, kind, capacity in NODES
    ]
    table = nodes(*node_rows)
    stage = Stage("eu", _rows(table), _rows(VOLUMES), _rows(BALANCERS), TEAMS, FIRST, seed)
    items = synthetic_bill(stage)
    hours = container_hours(WORK, FIRST, len(stage.days), CASES, seed)
    for row in hours:
        del row["missing"]
    things = Objects(table, VOLUMES, BALANCERS, rows_of(schemas.CONTAINER_HOURS, hours))
    teams = [{"team": team, "namespace": namespace, "workload": "*"} for namespace, team in TEAMS.items()]
    return Scene(stage, items, hours, charges_of([item.focus for item in items]), things, rows_of(schemas.TEAMS, teams))


DISKS = "projects/gocoffee/zones/europe-west3-a/disks"
VOLUMES = volumes(
    {
        "volume": "postgres-0", "volume_handle": f"{DISKS}/pvc-postgres-0", "capacity_gib": 100.0,
        "claim_namespace": "go-coffee", "claim": "data-postgres-0", "claim_owner": "statefulset/postgres",
        "mounted_by": ("postgres-0",),
    },
    {
        "volume": "ledger-1", "volume_handle": f"{DISKS}/pvc-ledger-1", "capacity_gib": 50.0,
        "claim_namespace": "analytics", "claim": "data-ledger-1", "claim_owner": "statefulset/ledger", "owner_replicas": 0,
    },
    {
        "volume": "old-uploads", "volume_handle": f"{DISKS}/pvc-old-uploads", "capacity_gib": 20.0,
        "phase": "Released", "claim_namespace": "lab", "claim": "uploads",
    },
    {"volume": "scratch", "volume_handle": None, "claim_namespace": "lab", "claim": "scratch", "mounted_by": ("notebook-0",)},
)  # fmt: skip
BALANCERS = load_balancers(
    {"service": "web", "addresses": ("34.107.1.10",), "ready": 2, "pods": 2, "owners": ("deployment/web",)},
    {"service": "canary", "addresses": ("34.107.1.11",), "ready": 0, "pods": 0},
)


def charges_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """FOCUS's rows as `queries.bills.charges` tells them, one for one."""
    return schemas.CHARGES.from_rows([_charge(row) for row in rows])


def _charge(row: Mapping[str, Any]) -> dict[str, Any]:
    tags = json.loads(row["Tags"])
    return {
        "day": row["ChargePeriodStart"].replace(hour=0),
        "provider": row["ProviderName"],
        "account": row["SubAccountId"],
        "region": row["RegionId"],
        "service": row["ServiceName"],
        "resource_id": row["ResourceId"],
        "resource_name": row["ResourceName"],
        "resource_type": row["ResourceType"],
        "charge_category": row["ChargeCategory"],
        "charge_class": row["ChargeClass"] or "",
        "commitment": row["CommitmentDiscountStatus"] or "",
        "team": tags.get("team"),
        "billed": row["BilledCost"],
        "effective": row["EffectiveCost"],
        "list": row["ListCost"],
        "currency": row["BillingCurrency"],
        "pricing_quantity": None if row["PricingQuantity"] is None else float(row["PricingQuantity"]),
        "pricing_unit": row["PricingUnit"],
        "usage_quantity": None if row["ConsumedQuantity"] is None else float(row["ConsumedQuantity"]),
        "usage_unit": row["ConsumedUnit"],
        "sku_id": row["SkuId"],
        "tags": tuple(f"{key}={value}" for key, value in tags.items()),
        "rows": 1,
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.astype(object).to_dict("records")]
