"""How well requests fit: what is used of what is requested, and what is requested of what there is. Two ratios, never one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.aggregate import float_sum
from gocoffee_ops.analysis.costs.captions import captioned, hours_of
from gocoffee_ops.analysis.costs.schemas import CONTAINER_HOURS, NODES, framed, rows
from gocoffee_ops.analysis.costs.shares import TICKS, between, lived
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

RESOURCES = (("cpu", "cpu_core_hours", "cpu_request_cores"), ("memory", "memory_gib_hours", "memory_request_gib"))
SIZES = {"cpu": ("allocatable_cpu_cores", "cpu_cores"), "memory": ("allocatable_memory_gib", "memory_gib")}

EFFICIENCY = Schema(
    "efficiency",
    (
        Column("namespace", "string"),
        Column("workload", "string", optional=True),
        Column("cpu_used_core_hours", "Float64", "core-hours", optional=True),
        Column("cpu_requested_core_hours", "Float64", "core-hours"),
        Column("cpu_used_of_requested", "Float64", "ratio", help="missing where nothing is requested", optional=True),
        Column("memory_used_gib_hours", "Float64", "GiB-hours", optional=True),
        Column("memory_requested_gib_hours", "Float64", "GiB-hours"),
        Column(
            "memory_used_of_requested", "Float64", "ratio", help="missing where nothing is requested", optional=True
        ),
    ),
)

REQUESTED = Schema(
    "requested of allocatable",
    (
        Column("cluster", "string"),
        Column("node", "string"),
        Column("hours", "Float64", "h", help="in which something was seen on it"),
        Column("cpu_requested_of_allocatable", "Float64", "ratio", optional=True),
        Column("memory_requested_of_allocatable", "Float64", "ratio", optional=True),
    ),
)


def used_of_requested(container_hours: pd.DataFrame) -> pd.DataFrame:
    """How much of what each workload requested did it use? More than 1 is a request that is too small, and no good news.

    Columns: namespace, workload (string), cpu_used_core_hours, cpu_requested_core_hours, memory_used_gib_hours,
    memory_requested_gib_hours (Float64), cpu_used_of_requested, memory_used_of_requested (Float64,
    ratio; missing where nothing is requested or seen). (C07)
    """
    groups: defaultdict[tuple[str, str | None], list[dict[str, Any]]] = defaultdict(list)
    for row in rows(container_hours, CONTAINER_HOURS):
        groups[row["namespace"], row["workload"]].append(row)
    found = []
    for (namespace, workload), members in sorted(groups.items(), key=str):
        row = {"namespace": namespace, "workload": workload}
        for name, used_name, request in RESOURCES:
            unit = "core_hours" if name == "cpu" else "gib_hours"
            used, requested = float_sum(one[used_name] for one in members), _requested(members, request)
            row |= {f"{name}_used_{unit}": used, f"{name}_requested_{unit}": requested}
            row[f"{name}_used_of_requested"] = used / requested if used is not None and requested else None
        found.append(row)
    return captioned(framed(EFFICIENCY, found, container_hours), span=hours_of(chain(*groups.values())))


def requested_of_allocatable(nodes: pd.DataFrame, container_hours: pd.DataFrame) -> pd.DataFrame:
    """How much of what each node may hand out was requested, over the hours in which something was seen on it?

    Columns: cluster, node (string), hours (Float64, h), cpu_requested_of_allocatable, memory_requested_of_allocatable (Float64,
    ratio). A node on which nothing was seen has no row: that it was empty is not known.
    """
    hours: defaultdict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(container_hours, CONTAINER_HOURS):
        hours[row["node"]].append(row)
    found = []
    for node in rows(nodes, NODES):
        members = hours.get(node["node"], [])
        seen = len({row["hour"] for row in members})
        if not seen:
            continue
        row = {"cluster": node["cluster"], "node": node["node"], "hours": float(seen)}
        for name, _, request in RESOURCES:
            size = next((node[column] for column in SIZES[name] if node[column]), None)
            row[f"{name}_requested_of_allocatable"] = _requested(members, request) / size / seen if size else None
        found.append(row)
    return captioned(framed(REQUESTED, found, nodes, container_hours), span=hours_of(chain(*hours.values())))


def _requested(members: Sequence[Mapping[str, Any]], request: str) -> float:
    step = between(members)
    return float(sum((row[request] or 0.0) * lived(row, step)[1] / TICKS for row in members))
