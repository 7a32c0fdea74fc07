"""What the cluster costs: a synthetic bill for exactly its objects, as files of FOCUS, and the prices that it was made with."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from gocoffee_ops.demo.bill import (
    BALANCER_HOUR,
    CORE,
    CURRENCY,
    DISK_GIB_MONTH,
    GIB,
    MARK,
    PLANE_HOUR,
    PRICED_ON,
    SECOND_CURRENCY,
    SPOT,
    Stage,
    focus_rows,
    hourly,
    synthetic_bill,
)
from gocoffee_ops.frames import records
from gocoffee_ops.queries import cost_objects
from tests.focus_files import write_parquet
from tests.support import live_session
from tests.testbed.control_plane import Cluster
from tests.testbed.incident.story import NAMESPACE, SEED

DAYS = 16
MONEY = pa.decimal128(28, 10)
TEAMS = {
    "shop": [NAMESPACE],
    "analytics": [f"{NAMESPACE}/deployment/analytics-worker", f"{NAMESPACE}/statefulset/ledger"],
    "payments": [f"{NAMESPACE}/deployment/payment-service"],
    "platform": ["kube-system"],
}
BUDGETS = {"shop": "320", "analytics": "150", "payments": "10", "platform": "60"}


@dataclass(frozen=True)
class Bill:
    """The bill's folder, and what it is for."""

    folder: Path
    stage: Stage


def bill(cluster: Cluster, folder: Path, until: datetime) -> Bill:
    """Write the bill of the days before a moment, in two files of a week each; what is sold in dollars has one of its own."""
    stage = stage_of(cluster, until)
    billed = list(focus_rows(synthetic_bill(stage)))
    rows = [row for row in billed if row["BillingCurrency"] == CURRENCY]
    second = stage.first_day + timedelta(days=7)
    files: dict[str, Sequence[dict[str, Any]]] = {
        "focus-week-1.parquet": [row for row in rows if row["ChargePeriodStart"] < second],
        "focus-week-2.parquet": [row for row in rows if row["ChargePeriodStart"] >= second],
        "focus-marketplace.parquet": [row for row in billed if row["BillingCurrency"] == SECOND_CURRENCY],
    }
    for name, each in files.items():
        write_parquet(folder / name, each, money=MONEY)
    return Bill(folder, stage)


def stage_of(cluster: Cluster, until: datetime) -> Stage:
    """What of a cluster costs, as the reader sees it."""
    with tempfile.TemporaryDirectory() as scratch:
        ops = live_session(Path(scratch), clusters={cluster.name: cluster.kubeconfig("reader")})
        nodes, volumes, balancers = (
            records(query(ops))
            for query in (cost_objects.cost_nodes, cost_objects.volumes, cost_objects.load_balancers)
        )
    midnight = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    teams = {NAMESPACE: "shop", "kube-system": "platform"}
    return Stage(cluster.name, nodes, volumes, balancers, teams, midnight - timedelta(days=DAYS), SEED)


def settings(name: str, stage: Stage) -> list[str]:
    """Prices, budgets and teams, as lines of an environment's configuration."""
    nodes: dict[str, Decimal] = {}
    for node in stage.nodes:
        kind, spot = node["instance_type"], node["capacity_type"] == "spot"
        nodes[f"{kind} spot" if spot else kind] = hourly(node) * (SPOT if spot else 1)
    return [
        f"# {MARK}: {CORE} {CURRENCY} an hour for a core, {GIB} for a GiB.",
        f"[environments.{name}.prices]",
        f'currency = "{CURRENCY}"',
        f"priced_on = {PRICED_ON}",
        f"nodes = {_table(nodes)}",
        f"storage_gib_month = {_table({'standard': DISK_GIB_MONTH})}",
        f'load_balancer_hour = "{BALANCER_HOUR}"',
        f'control_plane_hour = "{PLANE_HOUR}"',
        f"[environments.{name}.budgets]",
        f'currency = "{CURRENCY}"',
        f"monthly = {_table(BUDGETS)}",
        f"[environments.{name}.teams]",
        *(f"{team} = {json.dumps(owned)}" for team, owned in TEAMS.items()),
    ]


def _table(amounts: dict[str, Any]) -> str:
    """An inline table of amounts, exactly as they are written."""
    return "{ " + ", ".join(f'"{name}" = "{Decimal(amount):f}"' for name, amount in amounts.items()) + " }"
