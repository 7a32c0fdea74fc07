"""OpenCost, by its documented contract: what it would allocate of the cluster's nodes at list prices, day for day.

SYNTHETIC: at the prices of the synthetic bill; as the original it knows no fee of the control plane and no discount. Planted are
a day of which its Prometheus has nothing, and one on which most nodes' prices were not scraped: what is idle is below zero then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from gocoffee_ops.demo.bill import CORE, CURRENCY, DISK_GIB_MONTH, SPOT, Item, Stage, hourly, synthetic_bill
from gocoffee_ops.demo.bill import GIB as GIB_HOUR
from tests.cost_apis import allocation, by_name, days_of, enveloped
from tests.http_server import Answer, Asked, says
from tests.testbed.incident.usage import Container

GIB = 1 << 30
DAY_MIN = 1440.0
EMPTY_DAY, UNPRICED_DAY = 10, 14  # of the bill's days
PRICED_NODES = 1  # on the latter
Json = dict[str, Any]
# What each aggregate calls a container's entry.
NAMES: dict[str, Callable[[Container], str]] = {
    "namespace": lambda one: one.namespace,
    "node": lambda one: one.node,
    "pod": lambda one: one.pod,
    "container": lambda one: one.name,
    "controller": lambda one: one.made_by.partition("/")[2],
    "controllerKind": lambda one: one.made_by.partition("/")[0].lower(),
}


def opencost(stage: Stage, containers: Iterable[Container], *, planted: bool = True) -> Callable[[Asked], Answer]:
    """The answers of an OpenCost that watches a cluster on which these containers run; without what is planted it is sound."""
    bill = [item for item in synthetic_bill(stage) if item.focus["BillingCurrency"] == CURRENCY]
    steady = [one for one in containers if one.since is None]
    empty, unpriced = (f"{stage.days[n]:%F}" if planted else "" for n in (EMPTY_DAY, UNPRICED_DAY))

    def answer(asked: Asked) -> Answer:
        days = days_of(asked)
        if asked.path == "/assets":
            return says({"code": 200, "data": _assets(stage, len(days))})
        if asked.path == "/cloudCost":
            return says({"code": 200, "data": {"sets": [_cloud_set(stage, day, bill) for day in days]}})
        idle = asked.query.get("includeIdle") == "true"
        aggregate = asked.query["aggregate"]
        sets = []
        for day in days:
            priced = stage.nodes[:PRICED_NODES] if day == unpriced else stage.nodes
            sets.append({} if day == empty else _set(stage, steady, day, aggregate, priced if idle else None))
        return enveloped(*sets)

    return answer


def _set(
    stage: Stage, containers: Iterable[Container], day: str, aggregate: str, priced: Sequence[Json] | None
) -> Json:
    """With the idle of the nodes that have a price, where it is asked for."""
    groups: defaultdict[str, list[Container]] = defaultdict(list)
    for one in containers:
        groups[NAMES[aggregate](one) if aggregate in NAMES else stage.cluster].append(one)
    entries = [_entry(stage, name, members, day, aggregate) for name, members in groups.items()]
    if priced is not None:
        # Each part for itself: at what its nodes have of it, less what was allocated.
        cores, gib = (sum(float(node[name]) for node in priced) for name in ("cpu_cores", "memory_gib"))
        cpu = cores * float(CORE) * 24 - sum(one["cpuCost"] for one in entries)
        memory = gib * float(GIB_HOUR) * 24 - sum(one["ramCost"] for one in entries)
        idle = {"cluster": stage.cluster}
        entries.append(allocation("__idle__", day, properties=idle, cpuCost=round(cpu, 5), ramCost=round(memory, 5)))
    return by_name(*entries)


def _entry(stage: Stage, name: str, members: list[Container], day: str, aggregate: str) -> Json:
    cores = sum(max(one.requests[0], one.cores) for one in members)
    gib = sum(max(one.requests[1], one.memory_mib) for one in members) / 1024
    properties = {"cluster": stage.cluster} | ({aggregate: name} if aggregate in NAMES else {})
    namespaces = {one.namespace for one in members}
    if len(namespaces) == 1:
        properties["namespace"] = namespaces.pop()
    return allocation(
        name, day, properties=properties, cpuCores=cores, cpuCoreHours=round(cores * 24, 5),
        cpuCoreRequestAverage=sum(one.requests[0] for one in members),
        cpuCoreUsageAverage=sum(one.cores for one in members), ramBytes=gib * GIB, ramByteHours=gib * GIB * 24,
        ramByteRequestAverage=sum(one.requests[1] for one in members) * (1 << 20),
        ramByteUsageAverage=sum(one.memory_mib for one in members) * (1 << 20),
        cpuCost=round(cores * float(CORE) * 24, 5), ramCost=round(gib * float(GIB_HOUR) * 24, 5),
    )  # fmt: skip


def _assets(stage: Stage, days: int) -> Json:
    return {one["properties"]["name"]: one for one in (*_nodes(stage, days), *_disks(stage, days))}


def _nodes(stage: Stage, days: int) -> Iterator[Json]:
    for node in stage.nodes:
        spot = node["capacity_type"] == "spot"
        hours, share = 24.0 * days, float(SPOT) if spot else 1.0
        yield {
            "type": "Node", "properties": _properties(stage, node["node"], node["provider_id"].rpartition("/")[2]),
            "minutes": DAY_MIN * days, "nodeType": node["instance_type"], "pool": node["pool"] or "",
            "preemptible": float(spot), "cpuCores": node["cpu_cores"], "ramBytes": node["memory_gib"] * GIB,
            "cpuCost": round(float(CORE) * node["cpu_cores"] * hours * share, 5),
            "ramCost": round(float(GIB_HOUR) * node["memory_gib"] * hours * share, 5), "gpuCost": 0.0,
            "adjustment": 0.0, "totalCost": round(float(hourly(node)) * hours * share, 5),
        }  # fmt: skip


def _disks(stage: Stage, days: int) -> Iterator[Json]:
    """A disk of a class whose price it does not know costs 0 there."""
    for volume in stage.volumes:
        size = float(volume["capacity_gib"] or 0.0)
        known = volume["storage_class"] == "standard"
        yield {
            "type": "Disk", "properties": _properties(stage, volume["volume"], volume["volume_handle"] or ""),
            "minutes": DAY_MIN * days, "bytes": size * GIB, "volumeName": volume["volume"], "adjustment": 0.0,
            "claimName": volume["claim"] or "", "claimNamespace": volume["claim_namespace"] or "",
            "totalCost": round(float(DISK_GIB_MONTH) * size * 24 * days / 730, 5) if known else 0.0,
        }  # fmt: skip


def _cloud_set(stage: Stage, day: str, bill: Sequence[Item]) -> Json:
    """What it read of the provider's bill, by service."""
    window = {"start": f"{day}T00:00:00Z", "end": f"{day}T23:59:59Z"}
    sums: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for item in bill:
        if f"{item.focus['ChargePeriodStart']:%F}" == day:
            for basis in ("ListCost", "BilledCost", "EffectiveCost"):
                sums[item.focus["ServiceName"]][basis] += item.focus[basis]
    costs = {
        service: {
            "properties": {"provider": "GCP", "accountID": stage.project, "service": service}, "window": window,
            "listCost": _metric(found["ListCost"]), "netCost": _metric(found["BilledCost"]),
            "amortizedNetCost": _metric(found["EffectiveCost"]), "invoicedCost": _metric(found["BilledCost"]),
            "amortizedCost": _metric(found["EffectiveCost"]),
        }
        for service, found in sorted(sums.items())
    }  # fmt: skip
    return {"cloudCosts": costs, "window": window, "aggregationProperties": ["service"]}


def _metric(amount: Decimal) -> Json:
    return {"cost": round(float(amount), 5), "kubernetesPercent": 0.0}


def _properties(stage: Stage, name: str, identity: str) -> Json:
    about = {"category": "Compute", "provider": "GCP", "cluster": stage.cluster}
    return about | {"name": name, "providerID": identity}
