"""A week of 5,000 containers from a real Prometheus: our few aggregates against a few small queries for each workload.

    python -m benchmarks.rightsizing [--workloads 1250] [--rounds 3]

The history (a sample each 5 minutes, of kube-state-metrics each half hour) is synthetic, and backfilled with promtool before the
clock starts. The other side asks what a widely used recommender asks of each workload, seven queries (its ReplicaSets and pods,
CPU percentile and count, memory peak and count, memory limit where killed), from six threads; it makes nothing of the answers.
Ours is the whole query with its table, and the advice made of it.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from gocoffee_ops.analysis.rightsizing import advice
from gocoffee_ops.config import MetricNames
from gocoffee_ops.model import Target
from gocoffee_ops.queries import cost_objects, usage
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.prometheus import Prometheus
from tests.support import live_session
from tests.testbed.prometheus import PrometheusServer

DAYS, STEP_S, STATE_STEP_S, PODS = 7, 300, 1800, 4
END = int(datetime(2026, 1, 12, tzinfo=UTC).timestamp())
AS_OF = datetime.fromtimestamp(END + 5, UTC)
TARGET_S, TARGET_REQUESTS, TARGET_TIMES = 10, 30, 8
THREADS = 6
WINDOW = "[7d:5m]"


def times(step_s: int) -> list[int]:
    return list(range(END - DAYS * 86_400, END + 1, step_s))


def pods_of(workload: int) -> list[tuple[str, str, str]]:
    """Namespace, ReplicaSet and pod."""
    namespace, name = f"ns-{workload % 50}", f"app-{workload}-5c9f"
    return [(namespace, name, f"{name}-{pod}x2z") for pod in range(PODS)]


def lines(workloads: int) -> Iterator[str]:
    """The history, family by family; values differ by container and rise and fall with the hour."""
    dense, sparse = times(STEP_S), times(STATE_STEP_S)
    everyone = [(w, *one) for w in range(workloads) for one in pods_of(w)]
    shapes = [[(1 + 0.5 * ((i // 12 + k) % 24 < 8)) for i in range(len(dense))] for k in range(8)]
    stamps = [str(at) for at in dense]

    def family(name: str) -> str:
        return f"# TYPE {name} unknown"

    def labels(workload: int, namespace: str, pod: str) -> str:
        cgroup = f"pod{workload:08x}_0000_4000_8000_{abs(hash(pod)) % 16**12:012x}"
        return (
            f'namespace="{namespace}",pod="{pod}",container="app",job="kubelet",id="/kubepods.slice/{cgroup}.slice/c"'
        )

    for metric, every, factor in (
        ("container_cpu_usage_seconds_total", 1, 0.05),
        ("container_cpu_cfs_periods_total", 5, 10.0),
        ("container_cpu_cfs_throttled_periods_total", 5, 0.02),
    ):
        yield family(metric)
        for i, (workload, namespace, _, pod) in enumerate(everyone):
            if i % every:
                continue
            total, series, shape = 0.0, f"{metric}{{{labels(workload, namespace, pod)}}} ", shapes[i % 8]
            scale = factor * STEP_S * (1 + i % 7)
            rows = []
            for stamp, value in zip(stamps, shape, strict=True):
                total += scale * value
                rows.append(f"{series}{total:.3f} {stamp}")
            yield "\n".join(rows)
    metric = "container_memory_working_set_bytes"
    yield family(metric)
    for i, (workload, namespace, _, pod) in enumerate(everyone):
        series, shape, scale = f"{metric}{{{labels(workload, namespace, pod)}}} ", shapes[i % 8], (64 + i % 900) << 20
        yield "\n".join(f"{series}{int(scale * value)} {stamp}" for stamp, value in zip(stamps, shape, strict=True))
    for resource_name, amount in (("cpu", "1"), ("memory", "2147483648")):
        for kind in ("requests", "limits"):
            metric = f"kube_pod_container_resource_{kind}"
            if resource_name == "cpu":
                yield family(metric)
            for workload, namespace, _, pod in everyone:
                who = f'namespace="{namespace}",pod="{pod}",container="app",resource="{resource_name}",uid="{workload}"'
                yield "\n".join(f"{metric}{{{who}}} {amount} {at}" for at in sparse)
    yield from state(everyone, sparse, family)


def state(everyone: list[tuple[int, str, str, str]], sparse: list[int], family: Any) -> Iterator[str]:
    """Who pods are, as kube-state-metrics tells it."""
    yield family("kube_pod_info")
    for workload, namespace, name, pod in everyone:
        who = f'namespace="{namespace}",pod="{pod}",uid="{workload}",node="n{workload % 40}"'
        made = f'created_by_kind="ReplicaSet",created_by_name="{name}"'
        yield "\n".join(f"kube_pod_info{{{who},{made}}} 1 {at}" for at in sparse)
    yield family("kube_pod_owner")
    for _, namespace, name, pod in everyone:
        who = f'namespace="{namespace}",pod="{pod}",owner_kind="ReplicaSet",owner_name="{name}"'
        yield "\n".join(f"kube_pod_owner{{{who}}} 1 {at}" for at in sparse)
    yield family("kube_pod_start_time")
    for _, namespace, _, pod in everyone:
        labels = f'namespace="{namespace}",pod="{pod}"'
        yield "\n".join(f"kube_pod_start_time{{{labels}}} {END - 9 * 86_400} {at}" for at in sparse)
    yield family("kube_replicaset_owner")
    for namespace, name in dict.fromkeys((one[1], one[2]) for one in everyone):
        owner = f'owner_kind="Deployment",owner_name="{name.removesuffix("-5c9f")}"'
        labels = f'namespace="{namespace}",replicaset="{name}",{owner}'
        yield "\n".join(f"kube_replicaset_owner{{{labels}}} 1 {at}" for at in sparse)


def of_workload(workload: int) -> list[str]:
    """What is asked of one workload."""
    pods = pods_of(workload)
    namespace, name = pods[0][0], pods[0][1]
    where = f'namespace="{namespace}",pod=~"{"|".join(pod for _, _, pod in pods)}",container="app"'
    by = "by (container, pod, job)"
    cpu, memory = f"container_cpu_usage_seconds_total{{{where}}}", f"container_memory_working_set_bytes{{{where}}}"
    limits = f'max(kube_pod_container_resource_limits{{resource="memory",{where}}}) {by}'
    killed = f'max(kube_pod_container_status_last_terminated_reason{{reason="OOMKilled",{where}}}) {by}'
    owner = f'owner_name="{name.removesuffix("-5c9f")}",owner_kind="Deployment",namespace="{namespace}"'
    return [
        f"last_over_time(kube_replicaset_owner{{{owner}}}[7d])",
        f'last_over_time(kube_pod_owner{{owner_name="{name}",owner_kind="ReplicaSet",namespace="{namespace}"}}[7d])',
        f"quantile_over_time(0.95, max(rate({cpu}[20m])) {by}{WINDOW})",
        f"count_over_time(max({cpu}) {by}{WINDOW})",
        f"max_over_time(max({memory}) {by}{WINDOW})",
        f"count_over_time(max({memory}) {by}{WINDOW})",
        f"max_over_time(max({limits} * on(pod, container, job) group_left(reason) {killed}) {by}{WINDOW})",
    ]


def theirs(url: str, workloads: int) -> tuple[float, int]:
    """Seconds and requests of the queries for each workload."""
    source, deadline = Prometheus("prometheus/main", url, metrics=MetricNames()), Deadline.after(1500)
    promql = [one for workload in range(workloads) for one in of_workload(workload)]

    def ask(one: str) -> int:
        return len(source.instant(one, AS_OF, deadline).series)

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        found = sum(pool.map(ask, promql))
    took = time.perf_counter() - began
    source.close()
    assert found >= 5 * workloads * PODS, found
    return took, len(promql)


def requested(workloads: int) -> pd.DataFrame:
    """The containers as the cluster has them."""
    about = {
        "cluster": "c",
        "container": "app",
        "sidecar": False,
        "daemonset": False,
        "hpa_on_cpu": False,
        "hpa_on_memory": False,
    }
    sizes = {"cpu_request_cores": 1.0, "cpu_limit_cores": 1.0, "memory_request_mib": 2048.0, "memory_limit_mib": 2048.0}
    none = {"node": None, "hpa": None, "runtime": None, "runtime_env": [], "spec_changed_at": None, "labels": []}
    rows = [
        {**about, **sizes, **none, "namespace": namespace, "workload": f"deployment/{name.removesuffix('-5c9f')}",
         "pod": pod, "pod_uid": str(workload), "created_at": AS_OF}
        for workload in range(workloads)
        for namespace, name, pod in pods_of(workload)
    ]  # fmt: skip
    return cost_objects.containers.schema.from_rows(rows)


def ours(url: str, folder: Path, containers: int, now: pd.DataFrame) -> tuple[float, int]:
    """Seconds and requests of the question, table and advice included."""
    source = Prometheus("prometheus/main", url, metrics=MetricNames())
    ops = live_session(folder, sources={Target("prometheus", "main"): source}, as_of=AS_OF, query_deadline_s=300.0)
    began = time.perf_counter()
    table = usage.sizing(ops, days=DAYS)
    made = advice(table, now)
    took = time.perf_counter() - began
    source.close()
    assert len(table) == containers, len(table)
    assert table["cpu_p95_cores"].notna().all()
    assert len(made) == containers // PODS, len(made)
    (entry,) = [entry for entry in ops.ledger.entries() if entry.kind == "query"]
    return took, len(entry.body["notes"]["promql"])


def main() -> None:
    """Print seconds, requests and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", type=int, default=1250)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    containers = given.workloads * PODS
    print(f"load when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="gco-bench-") as name, PrometheusServer(lines(given.workloads)) as server:
        print(f"{containers:,} containers x {DAYS} days, backfilled in {time.perf_counter() - began:.0f} s")
        now = requested(given.workloads)
        mine = [ours(server.url, Path(name) / str(i), containers, now) for i in range(given.rounds)]
        took, asked = statistics.median(one[0] for one in mine), mine[0][1]
        took_theirs, asked_theirs = theirs(server.url, given.workloads)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"ours        {took:6.1f} s  {asked:6,} requests  (medians of {given.rounds}: {', '.join(f'{t:.1f}' for t, _ in mine)} s)"
    )
    print(f"by workload {took_theirs:6.1f} s  {asked_theirs:6,} requests, {THREADS} at once")
    print(f"peak of this process: {peak:,.0f} MiB")
    print(f"ratio: right-sizing of 5,000 containers x 7 days, seconds = {took:.1f} (target <= {TARGET_S})")
    print(f"ratio: right-sizing of 5,000 containers x 7 days, requests = {asked} (target <= {TARGET_REQUESTS})")
    print(
        f"ratio: right-sizing, times faster than queries by workload = {took_theirs / took:.1f} (target >= {TARGET_TIMES})"
    )


if __name__ == "__main__":
    main()
