"""Two weeks of what a cluster's containers used, made from a seed: steady work, a gap, and pods that ran only for a while.

SYNTHETIC. Quantities fit on the nodes, so that what each team has of them can be told exactly.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PEAK = (1.0, 1.0, 1.05, 1.1, 1.0, 0.6, 0.5)  # of a weekday's usage, Monday first
GAP_HOURS = 6  # from 18:00 on, the metrics of one node are lost
TWIN_MINUTES = 7.0
LEAST_CORES, LEAST_MIB = 0.05, 64.0


@dataclass(frozen=True)
class Work:
    """A workload's pods: where they run, what each requests and uses on average."""

    namespace: str
    workload: str
    nodes: tuple[str, ...]
    request_cores: float
    request_gib: float
    used_cores: float
    used_gib: float


def work_of(containers: Iterable[Mapping[str, Any]], used: float = 0.5) -> list[Work]:
    """The workloads of a cluster, from rows of `queries.cost_objects.containers`: each uses a part of what it requests.

    A pod's containers count together; what requests nothing is given a little; pods on no node are left out.
    """
    pods: defaultdict[tuple[str, str], dict[str, list[Mapping[str, Any]]]] = defaultdict(dict)
    for row in containers:
        if row["node"]:
            pods[row["namespace"], row["workload"]].setdefault(row["pod"], []).append(row)
    found = []
    for (namespace, workload), replicas in sorted(pods.items()):
        first = next(iter(replicas.values()))
        cores = sum(row["cpu_request_cores"] or LEAST_CORES for row in first)
        gib = sum((row["memory_request_mib"] or LEAST_MIB) / 1024 for row in first)
        nodes = tuple(rows[0]["node"] for _, rows in sorted(replicas.items()))
        found.append(Work(namespace, workload, nodes, cores, gib, cores * used, gib * used))
    return found


@dataclass(frozen=True)
class Cases:
    """What is planted: the node and day whose evening was not measured, and a namespace in which a pod's name ran twice."""

    gap_node: str
    gap_day: datetime
    twin_namespace: str
    twin_node: str
    twin_day: datetime


def container_hours(
    work: Sequence[Work], first_day: datetime, days: int, cases: Cases, seed: int = 0
) -> list[dict[str, Any]]:
    """Hours of containers, as `queries.usage.container_hours` tells them. The same seed makes the same hours."""
    chance = random.Random(seed)  # noqa: S311  not for secrets
    rows = []
    for day in (first_day + DAY * n for n in range(days)):
        for one in work:
            for replica, node in enumerate(one.nodes):
                factor = PEAK[day.weekday()] * (0.9 + 0.2 * chance.random())
                measured = 18 if (node, day) == (cases.gap_node, cases.gap_day) else 24
                rows += [_hour(one, replica, node, day + HOUR * hour, factor) for hour in range(measured)]
    rows += _twins(cases)
    rows.sort(key=lambda row: (row["hour"], row["namespace"], row["pod"], row["container"]))
    return rows


def _hour(one: Work, replica: int, node: str, hour: datetime, factor: float) -> dict[str, Any]:
    name = one.workload.partition("/")[2]
    return _row(one.namespace, one.workload, f"{name}-{replica}", f"{one.namespace}-{name}-{replica}", node, hour) | {
        "minutes": 60.0,
        "cpu_core_hours": round(one.used_cores * factor, 6),
        "memory_gib_hours": round(one.used_gib * min(factor, 1.0), 6),
        "cpu_request_cores": one.request_cores,
        "memory_request_gib": one.request_gib,
        "samples_expected": 60,
        "samples_found": 60,
    }


def _twins(cases: Cases) -> Iterator[dict[str, Any]]:
    """A pod of one name that ran twice on a day, for some minutes each time."""
    for n, hour in enumerate((8, 19)):
        at = cases.twin_day + HOUR * hour
        found = _row(cases.twin_namespace, "job/import", "import", f"import-run-{n}", cases.twin_node, at)
        yield found | {
            "minutes": TWIN_MINUTES,
            "cpu_core_hours": 0.05,
            "memory_gib_hours": 0.05,
            "cpu_request_cores": 0.5,
            "memory_request_gib": 0.5,
            "samples_expected": int(TWIN_MINUTES),
            "samples_found": int(TWIN_MINUTES),
        }


def _row(namespace: str, workload: str, pod: str, uid: str, node: str, hour: datetime) -> dict[str, Any]:
    return {
        "hour": hour,
        "namespace": namespace,
        "workload": workload,
        "pod": pod,
        "pod_uid": uid,
        "container": "app",
        "node": node,
        "missing": None,
    }
