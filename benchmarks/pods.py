"""Pods -> DataFrame, against the official client's typed list of the same pods from the same server.

    python -m benchmarks.pods [--pods 10000] [--rounds 3] [--kubeconfig FILE]

Both sides read a static server on loopback, then a real API server of the testbed, where its binaries are there. The
static server's answers are made beforehand, so that what is compared is the clients; it compresses for a client that
asks, as an API server does (ours asks, the official client does not).

- ours: `cluster.pods(ops)`, the whole query: paging, decompressing, decoding, redaction, Parquet, ledger, DataFrame.
- official: `list_pod_for_all_namespaces()`, then a DataFrame of the same columns as far as the typed objects say them
  straight away; what kubectl would print, why a pod is not ready and which limits really bind are left out.

Each side runs in a fresh process, in turn, and first lists one namespace, so that imports and connections are not what is
compared. Ours is asked five times in each process, and the median counts (the first is printed, too); the official client
once, as it takes long. Ratios are of medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._static_pods import WARM, StaticServer, pod
from tests.testbed.binaries import TestbedMissing
from tests.testbed.control_plane import control_plane

if TYPE_CHECKING:
    import pandas as pd

ASKED = 5
STATIC_TARGET, TESTBED_TARGET, MEMORY_TARGET = 40, 8, 0.25


def write_kubeconfig(path: Path, server: str) -> Path:
    """A kubeconfig of the static server."""
    context = {"name": "static", "context": {"cluster": "static", "user": "static"}}
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "static", "contexts": [context],
        "clusters": [{"name": "static", "cluster": {"server": server}}],
        "users": [{"name": "static", "user": {"token": "benchmark"}}],
    }  # fmt: skip
    path.write_text(json.dumps(document))  # JSON is YAML
    return path


def timed(ask: Callable[[], int]) -> dict[str, float]:
    """One answer: its rows, and the seconds that it took, on the wall and of CPU."""
    cpu, began = time.process_time(), time.perf_counter()
    rows = ask()
    return {"rows": rows, "seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}


def ours(kubeconfig: str) -> dict[str, float]:
    """cluster.pods, several times."""
    from datetime import UTC, datetime

    from gocoffee_ops.errors import NotFound
    from gocoffee_ops.evidence.ledger import Ledger
    from gocoffee_ops.model import Target, Thresholds
    from gocoffee_ops.queries import cluster
    from gocoffee_ops.session import Place, Session
    from gocoffee_ops.sources.kubernetes import Cluster

    with tempfile.TemporaryDirectory() as folder:
        place = Place(Target("cluster", "c"), datetime.now(UTC), connect=lambda: Cluster("c", kubeconfig=kubeconfig))
        ops = Session(
            runbook="benchmark", environment="benchmark", places=[place], thresholds=Thresholds(),
            ledger=Ledger(Path(folder)), query_deadline_s=120.0,
        )  # fmt: skip
        try:
            cluster.pods(ops, namespace=WARM)
        except NotFound as error:  # a real cluster has no such namespace; it is warm all the same
            print(f"warm: {error}", file=sys.stderr)
        taken = [timed(lambda: len(cluster.pods(ops))) for _ in range(ASKED)]
    median = {key: statistics.median(one[key] for one in taken) for key in taken[0]}
    return median | {"first": taken[0]["seconds"]}


def official(kubeconfig: str) -> dict[str, float]:
    """CoreV1Api.list_pod_for_all_namespaces to a DataFrame, once."""
    from kubernetes import client, config

    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    len(official_frame(api.list_namespaced_pod(WARM).items))
    taken = timed(lambda: len(official_frame(api.list_pod_for_all_namespaces().items)))
    return taken | {"first": taken["seconds"]}


def official_frame(pods: list[Any]) -> pd.DataFrame:
    """What typed pods say straight away."""
    import pandas as pd
    from kubernetes.utils import parse_quantity

    quantity = lru_cache(lambda text: float(parse_quantity(text)))

    def total(containers: list[Any], side: str, resource: str) -> float:
        given = [getattr(one.resources, side) or {} for one in containers if one.resources]
        return sum(quantity(values[resource]) for values in given if resource in values)

    rows = []
    for one in pods:
        meta, spec, status = one.metadata, one.spec, one.status
        statuses, labels = status.container_statuses or [], meta.labels or {}
        row = {
            "namespace": meta.namespace,
            "pod": meta.name,
            "phase": status.phase,
            "ready": any(c.type == "Ready" and c.status == "True" for c in status.conditions or []),
            "finished": status.phase == "Succeeded",
            "ready_containers": sum(c.ready for c in statuses),
            "containers": len(spec.containers),
            "restarts": sum(c.restart_count for c in statuses),
            "owner": next((f"{o.kind.lower()}/{o.name}" for o in meta.owner_references or [] if o.controller), None),
            "node": spec.node_name,
            "pod_ip": status.pod_ip,
            "app": labels.get("app"),
            "qos": status.qos_class,
            "created_at": meta.creation_timestamp,
            "images": tuple(c.image for c in spec.containers),
        }
        for of, unit, scale in (("cpu", "millicores", 1000), ("memory", "mib", 1 / 2**20)):
            row[f"{of}_request_{unit}"] = total(spec.containers, "requests", of) * scale
            row[f"{of}_limit_{unit}"] = total(spec.containers, "limits", of) * scale
        rows.append(row)
    return pd.DataFrame(rows)


SIDES = {"ours": ours, "official": official}


def in_a_fresh_process(side: str, kubeconfig: str) -> dict[str, float]:
    """Run one side; its last line is its result."""
    command = [sys.executable, "-m", "benchmarks.pods", "--side", side, "--kubeconfig", kubeconfig]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(kubeconfig: str, where: str, target: float, rounds: int) -> None:
    """Both sides in turn, and how they compare."""
    taken = [{side: in_a_fresh_process(side, kubeconfig) for side in SIDES} for _ in range(rounds)]
    median = {
        side: {key: statistics.median(one[side][key] for one in taken) for key in taken[0][side]} for side in SIDES
    }
    mine, theirs = median["ours"], median["official"]
    if mine["rows"] != theirs["rows"]:
        raise SystemExit(f"{mine['rows']} rows against {theirs['rows']}")
    print(f"{mine['rows']:g} pods from {where}, medians of {rounds} rounds")
    for side, one in median.items():
        first = f" (the first {one['first']:.2f} s)" if side == "ours" else ""
        print(f"  {side:9}{one['seconds']:7.2f} s  cpu {one['cpu_s']:6.2f} s  peak {one['peak_mib']:5.0f} MiB{first}")
    faster, share = theirs["seconds"] / mine["seconds"], mine["peak_mib"] / theirs["peak_mib"]
    print(f"ratio: pods from {where}, times faster than the official client = {faster:.1f} (target >= {target:g})")
    memory = f"share of the official client's peak memory = {share:.2f} (target <= {MEMORY_TARGET:g})"
    print(f"ratio: pods from {where}, {memory}", flush=True)


def on_a_static_server(count: int, rounds: int) -> None:
    """Both sides against answers made beforehand."""
    with tempfile.TemporaryDirectory() as folder:
        server = StaticServer(count)
        compare(str(write_kubeconfig(Path(folder) / "config", server.url)), "a static server", STATIC_TARGET, rounds)


def on_the_testbed(count: int, rounds: int) -> None:
    """Both sides against a real API server with that many pods, which no scheduler takes."""
    with control_plane("benchmark") as cluster:
        api = cluster.api("admin")

        def create(i: int) -> None:
            made = pod(i)
            kept = ("name", "labels", "annotations")
            metadata = {key: made["metadata"][key] for key in kept} | {"namespace": "default"}
            spec = {key: made["spec"][key] for key in ("containers", "tolerations")} | {"schedulerName": "nobody"}
            for one in spec["containers"]:
                del one["volumeMounts"]
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
            created = api.request("POST", "/api/v1/namespaces/default/pods", body)
            status = {"status": {**made["status"], "conditions": made["status"]["conditions"][1:]}}
            path = f"/api/v1/namespaces/default/pods/{metadata['name']}/status"
            written = api.request("PATCH", path, status, content_type="application/merge-patch+json")
            if (created.status, written.status) != (201, 200):
                raise SystemExit(f"{created.text} {written.text}")

        with ThreadPoolExecutor(4) as creators:
            list(creators.map(create, range(count)))
        compare(str(cluster.kubeconfig("admin")), "a real API server", TESTBED_TARGET, rounds)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["static", "testbed"], help="one of the two servers")
    parser.add_argument("--kubeconfig", default="", help="a real cluster's, in place of both")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        taken = SIDES[given.side](given.kubeconfig)
        print(json.dumps(taken | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    if given.kubeconfig:
        compare(given.kubeconfig, "a real API server", TESTBED_TARGET, given.rounds)
        return
    print(f"load when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if given.only != "testbed":
        on_a_static_server(given.pods, given.rounds)
    if given.only != "static":
        try:
            on_the_testbed(given.pods, given.rounds)
        except TestbedMissing as missing:
            print(f"pods from a real API server: not measured: {missing}")


if __name__ == "__main__":
    main()
