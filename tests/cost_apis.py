"""Servers that speak the contracts of OpenCost and KubeCost: their shapes, and how they say that they have nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.http_server import Answer, Asked, says

GIB = 1 << 30


def allocation(name: str, day: str, **more: Any) -> dict[str, Any]:
    """One entry of a set, as both of them write it: null for what is no number, five places. Idle has a cost and no quantity."""
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    begins, ends = f"{start:%FT%TZ}", f"{start + timedelta(days=1):%FT%TZ}"
    there = 0.0 if name == "__idle__" else 1.0
    adjusted = ("cpu", "gpu", "ram", "pv", "network", "loadBalancer")
    given = {
        "name": name, "properties": {"cluster": "cluster-one"}, "window": {"start": begins, "end": ends}, "start": begins,
        "end": ends, "minutes": 1440.0, "cpuCores": there, "cpuCoreRequestAverage": there, "cpuCoreUsageAverage": 0.25 * there,
        "cpuCoreHours": 24.0 * there, "cpuEfficiency": 0.25 * there, "ramBytes": 2.0 * GIB * there,
        "ramByteRequestAverage": 2.0 * GIB * there, "ramByteUsageAverage": 1.0 * GIB * there,
        "ramByteHours": 48.0 * GIB * there, "ramEfficiency": 0.5 * there, "totalEfficiency": 0.375 * there,
        **dict.fromkeys(("gpuCount", "gpuHours", "pvBytes", "pvByteHours", "networkTransferBytes", "networkReceiveBytes"), 0.0),
        **{f"{part}Cost": 0.0 for part in (*adjusted, "shared", "external")},
        **{f"{part}CostAdjustment": 0.0 for part in adjusted},
        **{f"network{part}Cost": 0.0 for part in ("CrossZone", "CrossRegion", "Internet")},
        "pvs": None, "lbAllocations": None, **more,
    }  # fmt: skip
    if "totalCost" not in given:
        parts = [given[f"{part}Cost"] for part in (*adjusted, "shared", "external")]
        parts += [given[f"{part}CostAdjustment"] for part in adjusted]
        given["totalCost"] = round(sum(value or 0.0 for value in parts), 5)
    return given


def enveloped(*sets: Mapping[str, Any] | None, **more: Any) -> Answer:
    """An answer's body."""
    return says({"code": 200, "status": "success", "data": list(sets), **more})


def by_name(*entries: dict[str, Any]) -> dict[str, Any]:
    """A set."""
    return {entry["name"]: entry for entry in entries}


def days_of(asked: Asked) -> list[str]:
    """The days of the window that was asked for."""
    start, end = (datetime.fromisoformat(text) for text in asked.query["window"].split(","))
    return [f"{start + timedelta(days=n):%F}" for n in range((end - start).days)]


def sound(asked: Asked) -> Answer:
    """Two namespaces and idle, each day, where idle is asked for; two nodes and a disk; a service of the cloud."""
    if asked.path == "/assets":
        return says({"code": 200, "data": ASSETS})
    if asked.path == "/cloudCost":
        return says({"code": 200, "data": {"sets": [cloud_set(day) for day in days_of(asked)]}})
    if asked.path.endswith("requestSizingV2"):
        return says({"code": 200, "data": {"Count": 1, "TotalMonthlySavings": 3.0, "Recommendations": [RECOMMENDED]}})
    entries = []
    for day in days_of(asked):
        found = [
            allocation("go-coffee", day, cpuCost=1.25, ramCost=0.5, pvCost=0.1),
            allocation("kube-system", day, cpuCost=0.25, ramCost=0.1),
        ]
        if asked.query.get("includeIdle", asked.query.get("idle")) == "true":
            found.append(allocation("__idle__", day, cpuCost=2.0, ramCost=1.0))
        entries.append(by_name(*found))
    return enveloped(*entries)


def cloud_set(day: str) -> dict[str, Any]:
    """What was read of a bill of one day."""
    window = {"start": f"{day}T00:00:00Z", "end": f"{day}T23:59:59Z"}
    cost = {
        "properties": {"provider": "AWS", "providerID": "db-1", "accountID": "42", "regionID": "eu-west-1", "service": "AmazonRDS"},
        "window": window, "listCost": {"cost": 3.0, "kubernetesPercent": 0.0}, "netCost": {"cost": 2.5, "kubernetesPercent": 0.0},
        "amortizedNetCost": {"cost": 2.25, "kubernetesPercent": 0.0}, "invoicedCost": {"cost": 2.5, "kubernetesPercent": 0.0},
        "amortizedCost": {"cost": 2.4, "kubernetesPercent": 0.0},
    }  # fmt: skip
    return {"cloudCosts": {"AmazonRDS": cost}, "window": window, "aggregationProperties": ["service"]}


ASSETS: dict[str, Any] = {
    "node": {
        "type": "Node", "properties": {"category": "Compute", "provider": "AWS", "cluster": "cluster-one", "name": "n1",
                                       "providerID": "i-0abc"},
        "minutes": 10080.0, "nodeType": "m5.large", "preemptible": 0.0, "cpuCores": 2.0, "ramBytes": 8.0 * GIB,
        "cpuCost": 10.0, "ramCost": 5.0, "gpuCost": 0.0, "adjustment": -1.5, "totalCost": 13.5,
    },
    "disk": {
        "type": "Disk", "properties": {"category": "Storage", "cluster": "cluster-one", "name": "pvc-1", "providerID": "vol-1"},
        "minutes": 10080.0, "bytes": 10.0 * GIB, "claimName": "data-db-0", "claimNamespace": "go-coffee", "volumeName": "pvc-1",
        "adjustment": 0.0, "totalCost": 0.0,
    },
    "balancer": {
        "type": "LoadBalancer", "properties": {"category": "Network", "cluster": "cluster-one", "name": "go-coffee/shop",
                                               "providerID": "34.107.1.10"},
        "minutes": 10080.0, "adjustment": 0.0, "totalCost": 4.2,
    },
}  # fmt: skip

RECOMMENDED: dict[str, Any] = {
    "clusterID": "cluster-one", "namespace": "go-coffee", "controllerKind": "deployment", "controllerName": "orders",
    "containerName": "orders", "recommendedRequest": {"cpu": "230m", "memory": "345Mi"},
    "monthlySavings": {"cpu": 2.0, "memory": 1.0}, "latestKnownRequest": {"cpu": "1", "memory": "1Gi"},
    "currentEfficiency": {"cpu": 0.2, "memory": 0.3, "total": 0.25},
}  # fmt: skip
