"""Small tables of a cluster and its bill: what a row does not say is filled with something harmless."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from gocoffee_ops.analysis.costs import schemas
from gocoffee_ops.analysis.costs.allocation import Objects, allocate
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.shares import Rules
from gocoffee_ops.frames import Column, Schema, records

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)  # the first day of the tables
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
AS_OF = MONDAY + 30 * DAY
MONEY = ("billed", "effective")


def rows_of(schema: Schema, rows: list[dict[str, Any]], **usual: Any) -> pd.DataFrame:
    """A table of a schema; `usual` is what a row has that does not say otherwise."""
    filled = [
        {column.name: usual.get(column.name, harmless(column)) for column in schema.columns} | row for row in rows
    ]
    unknown = {name for row in rows for name in row} - set(schema.names)
    assert not unknown, f"{schema.name} has no column {unknown}"
    return schema.from_rows(filled)


def harmless(column: Column) -> Any:
    if column.dtype == "list[string]":
        return ()
    if column.optional:
        return None
    return {"string": "", "Int64": 1, "Float64": 0.0, "boolean": False, "timestamp": MONDAY, "decimal": Decimal(0)}[
        column.dtype
    ]


def charges(*rows: dict[str, Any]) -> pd.DataFrame:
    """A bill. A row that tells only `effective` was billed as much."""
    both = [{"billed": row["effective"], **row} if "effective" in row else row for row in rows]
    usual = {"provider": "AWS", "account": "111", "region": "eu-central-1", "service": "EC2", "currency": "EUR"}
    return rows_of(schemas.CHARGES, both, charge_category="Usage", **usual)


def nodes(*rows: dict[str, Any]) -> pd.DataFrame:
    """Nodes of 2 cores and 8 GiB, called n1, n2, … of which the bill's ids are i-node1, …"""
    usual = {
        "cluster": "eu",
        "instance_type": "m6i.large",
        "cpu_cores": 2.0,
        "memory_gib": 8.0,
        "capacity_type": "on-demand",
    }
    numbered = [
        {"node": f"n{n}", "provider_id": f"aws:///eu-central-1a/i-node{n}", **row}
        for n, row in enumerate(rows, start=1)
    ]
    return rows_of(schemas.NODES, numbered, created_at=MONDAY - 30 * DAY, **usual)


def volumes(*rows: dict[str, Any]) -> pd.DataFrame:
    usual = {"cluster": "eu", "phase": "Bound", "capacity_gib": 10.0, "age_s": 90 * 86_400.0}
    return rows_of(schemas.VOLUMES, list(rows), **usual)


def load_balancers(*rows: dict[str, Any]) -> pd.DataFrame:
    return rows_of(schemas.LOAD_BALANCERS, list(rows), cluster="eu", namespace="go-coffee", age_s=90 * 86_400.0)


def hours(
    pod: str,
    count: int = 24,
    *,
    start: datetime = MONDAY,
    cores: float | None = 0.5,
    gib: float | None = 1.0,
    **row: Any,
) -> list[dict[str, Any]]:
    """Hours of one container that runs all the time, uses so much, and requests nothing unless told."""
    usual = {
        "namespace": "go-coffee", "pod": pod, "pod_uid": f"uid-{pod}", "container": "app", "node": "n1", "minutes": 60.0,
        "workload": f"deployment/{pod}", "cpu_core_hours": cores, "memory_gib_hours": gib, "cpu_request_cores": 0.0,
        "memory_request_gib": 0.0, "samples_expected": 60, "samples_found": 60,
    }  # fmt: skip
    return [usual | {"hour": start + HOUR * n} | row for n in range(count)]


def objects(
    hour_rows: list[dict[str, Any]] | None = None,
    *,
    node_table: pd.DataFrame | None = None,
    volume_table: pd.DataFrame | None = None,
    balancer_table: pd.DataFrame | None = None,
) -> Objects:
    """The clusters' tables; one node unless told otherwise."""
    return Objects(
        nodes({}) if node_table is None else node_table,
        volumes() if volume_table is None else volume_table,
        load_balancers() if balancer_table is None else balancer_table,
        rows_of(schemas.CONTAINER_HOURS, hour_rows or []),
    )


def self_managed(prices: pd.DataFrame | None = None) -> pd.DataFrame:
    """Prices with none to pay for a control plane, unless they have one."""
    given = [] if prices is None else records(prices)
    fee = {"kind": "control plane", "name": "*", "unit": "hour", "currency": "EUR", "price_from": "list"}
    return schemas.PRICES.from_rows(
        [fee | {"list": Decimal(0), "priced_on": None}, *given]
        if all(row["kind"] != "control plane" for row in given)
        else given
    )


def allocated(
    bill: pd.DataFrame, things: Objects, as_of: datetime = AS_OF, *, planes_cost: bool = False, **options: Any
) -> pd.DataFrame:
    """The lines; of clusters whose control planes cost nothing, unless told."""
    if not planes_cost:
        options["prices"] = self_managed(options.get("prices"))
    rules = {name: options.pop(name) for name in ("cpu_weight", "system_namespaces", "billed_as") if name in options}
    return allocate(bill, things, Rules(as_of, **rules), **options)


def by_line(lines: pd.DataFrame, basis: str = "effective") -> dict[str, Decimal]:
    """What each line adds up to, for a look at the cents."""
    found: dict[str, list[Decimal | None]] = {}
    for row in records(lines):
        found.setdefault(row["line"], []).append(row[basis])
    return {line: round(total(amounts), 2) for line, amounts in found.items()}


def of_team(lines: pd.DataFrame, team: str | None, line: str | None = None) -> Decimal:
    rows = [row for row in records(lines) if row["team"] == team and line in (None, row["line"])]
    return total(row["effective"] for row in rows)
