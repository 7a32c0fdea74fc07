"""Record what a real OpenCost answers, for the tests of our reading of it.

    python -m tests.testbed.opencost PROGRAM [FOLDER]

It runs PROGRAM on a bare API server and a Prometheus that has two days of a small cluster, asks it what our queries ask and what
nobody should, and writes each answer as it came into FOLDER. How to build the program, and which it was, says the README there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.testbed.control_plane import Cluster, control_plane
from tests.testbed.prometheus import PrometheusServer

FOLDER = Path(__file__).parents[1] / "recorded" / "opencost"
URL = "http://127.0.0.1:9003"  # the port is not configurable
START_S, ASK_S = 90.0, 120.0
DAY, STEP = timedelta(days=1), timedelta(minutes=1)
GIB = 1 << 30
CORE, GIB_HOUR = 0.024, 0.003
NODES = {"n1": (2.0, 8), "n2": (4.0, 16)}  # cores, GiB
PODS = (  # namespace, deployment, pod, node, requested cores and GiB, used cores and GiB
    ("go-coffee", "orders", "orders-5c-a", "n1", 0.5, 1.0, 0.25, 0.5),
    ("go-coffee", "orders", "orders-5c-b", "n2", 0.5, 1.0, 0.25, 0.5),
    ("kube-system", "coredns", "coredns-7d-a", "n1", 0.1, 0.25, 0.02, 0.1),
)
VOLUMES = {"pvc-1": (10, 0.0001), "pvc-2": (20, 0.0)}  # GiB, price of a GiB and hour: one has none
BALANCER_HOUR = 0.025
COMMON = "step=1d&shareIdle=false&accumulate=false"

Series = tuple[str, str, float]  # family, labels, value; of a counter, what it grows by in a second


def series() -> Iterator[Series]:
    """What its own exporter, cAdvisor and kube-state-metrics tell of the cluster."""
    for node, (cores, gib) in NODES.items():
        priced = f'node="{node}",instance="{node}",instance_type="e2-standard",provider_id="kwok-{node}"'
        amounts = {"cpu_hourly_cost": CORE, "ram_hourly_cost": GIB_HOUR, "gpu_hourly_cost": 0, "gpu_count": 0}
        amounts["total_hourly_cost"] = CORE * cores + GIB_HOUR * gib
        yield from ((f"node_{name}", priced, amount) for name, amount in amounts.items())
        yield "kubecost_node_is_spot", priced, 0
        for what in ("capacity", "allocatable"):
            yield f"kube_node_status_{what}_cpu_cores", f'node="{node}",instance="{node}"', cores
            yield f"kube_node_status_{what}_memory_bytes", f'node="{node}",instance="{node}"', gib * GIB
    for pod in PODS:
        yield from _pod(*pod)
    for volume, (gib, price) in VOLUMES.items():
        claim = f'namespace="go-coffee",persistentvolumeclaim="data-{volume}"'
        yield "kube_persistentvolume_capacity_bytes", f'persistentvolume="{volume}"', gib * GIB
        yield "pv_hourly_cost", f'persistentvolume="{volume}",volumename="{volume}",provider_id="vol-{volume}"', price
        yield "kubecost_pv_info", f'persistentvolume="{volume}",storageclass="standard"', 1
        yield "kube_persistentvolumeclaim_info", f'{claim},volumename="{volume}",storageclass="standard"', 1
        yield "kube_persistentvolumeclaim_resource_requests_storage_bytes", claim, gib * GIB
    mounts = 'pod="orders-5c-a",persistentvolume="pvc-1",persistentvolumeclaim="data-pvc-1"'
    yield "pod_pvc_allocation", f'namespace="go-coffee",{mounts}', 10 * GIB
    service = 'namespace="go-coffee",service_name="shop",ingress_ip="34.107.1.10"'
    yield "kubecost_load_balancer_cost", service, BALANCER_HOUR


def _pod(
    namespace: str, name: str, pod: str, node: str, cores: float, gib: float, used_cores: float, used_gib: float
) -> Iterator[Series]:
    of = f'namespace="{namespace}",pod="{pod}"'
    container = f'{of},container="{name}"'
    here = f'{container},node="{node}",instance="{node}"'
    yield "kube_pod_container_status_running", f'{container},uid="{pod}"', 1
    yield "container_cpu_allocation", here, max(cores, used_cores)
    yield "container_memory_allocation_bytes", here, max(gib, used_gib) * GIB
    yield "kube_pod_container_resource_requests", f'{here},resource="cpu",unit="core"', cores
    yield "kube_pod_container_resource_requests", f'{here},resource="memory",unit="byte"', gib * GIB
    yield "container_memory_working_set_bytes", here, used_gib * GIB
    yield "container_cpu_usage_seconds_total", here, used_cores
    owner = pod.rpartition("-")[0]
    yield "kube_pod_owner", f'{of},owner_kind="ReplicaSet",owner_name="{owner}"', 1
    yield "kube_pod_labels", f'{of},label_app="{name}"', 1
    yield "deployment_match_labels", f'namespace="{namespace}",deployment="{name}",label_app="{name}"', 1


def history(first: datetime, until: datetime) -> Iterator[str]:
    """Those series in a span of time, as lines of OpenMetrics."""
    families: dict[str, dict[str, float]] = {}
    for family, labels, value in series():
        families.setdefault(family, {})[f'cluster_id="cluster-one",{labels}'] = value
    for family, each in families.items():
        yield f"# TYPE {family} unknown"
        for labels, value in each.items():
            at = first
            while at < until:
                grown = value * (at - first).total_seconds() if family.endswith("_seconds_total") else value
                yield f"{family}{{{labels}}} {grown:.15g} {at.timestamp():.0f}"
                at += STEP


def questions(first: datetime) -> dict[str, str]:
    """Path and query by the name of the file that takes the answer."""

    def window(day: datetime, days: int = 2) -> str:
        return f"window={day:%FT%TZ},{day + days * DAY:%FT%TZ}"

    whole, before, ends = window(first), window(first - 20 * DAY), window(first + DAY)
    idle = f"{COMMON}&includeIdle=true"
    return {
        "allocation": f"/allocation?{whole}&aggregate=namespace&{idle}",
        "allocation-by-controller": f"/allocation?{whole}&aggregate=controller&{idle}",
        "allocation-without-asking-for-idle": f"/allocation?{whole}&aggregate=namespace&{COMMON}",
        "allocation-of-a-window-without-data": f"/allocation?{before}&aggregate=namespace&{idle}",
        "allocation-of-a-window-that-ends-without-data": f"/allocation?{ends}&aggregate=namespace&{idle}",
        "allocation-of-a-wrong-window": f"/allocation?window=fortnight&aggregate=namespace&{idle}",
        "allocation-by-a-wrong-aggregate": f"/allocation?{whole}&aggregate=galaxy&{idle}",
        "assets": f"/assets?{whole}",
        "assets-of-a-window-without-data": f"/assets?{before}",
        "assets-of-a-wrong-window": "/assets?window=fortnight",
    }


def ask(path: str) -> tuple[int, str, str]:
    """Status, content type and body; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(URL + path, timeout=ASK_S) as answer:
            return answer.status, answer.headers["Content-Type"] or "", answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"] or "", error.read().decode()
    except urllib.error.URLError as error:
        return 0, "", str(error)


def record(program: Path, folder: Path) -> None:
    """Ask a program everything, on two days of which all is there."""
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 3 * DAY
    with (
        tempfile.TemporaryDirectory() as scratch,
        control_plane("bare") as cluster,
        PrometheusServer(history(first, first + 2 * DAY)) as prometheus,
    ):
        running = subprocess.Popen([program], env=_environment(cluster, prometheus, scratch), cwd=scratch)
        try:
            until = time.monotonic() + START_S
            while ask("/healthz")[0] != 200:
                assert running.poll() is None, "it ended"
                assert time.monotonic() < until, "it does not answer"
                time.sleep(1)
            for name, path in questions(first).items():
                status, kind, body = ask(path)
                told = {"asked": path, "status": status, "content_type": kind, "body": body}
                (folder / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")
        finally:
            running.terminate()
            running.wait(20)


def _environment(cluster: Cluster, prometheus: PrometheusServer, scratch: str) -> dict[str, str]:
    quiet = ("ERROR_REPORTING", "LOG_COLLECTION", "PRODUCT_ANALYTICS", "VALUES_REPORTING")
    return {
        **os.environ,
        **{f"{name}_ENABLED": "false" for name in quiet},
        "KUBECONFIG": str(cluster.kubeconfig("admin")),
        "PROMETHEUS_SERVER_ENDPOINT": prometheus.url,
        "CLUSTER_ID": "cluster-one",
        "CONFIG_PATH": f"{scratch}/",
    }


if __name__ == "__main__":
    record(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER)
