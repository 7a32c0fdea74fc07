"""Nodes, workloads and what the real scheduler made of them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from tests.testbed.api import Api
from tests.testbed.control_plane import Cluster

PATIENCE_S = 60.0
Manifest = dict[str, Any]


def node(name: str, *, labels: dict[str, str] | None = None, **options: Any) -> Manifest:
    """A node of a size; further options go to its spec."""
    size = {"cpu": "4", "memory": "8Gi", "pods": "30"} | {
        key: options.pop(key) for key in ("cpu", "memory", "pods") if key in options
    }
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"pool": "general", "kubernetes.io/hostname": name, **(labels or {})}},
        "spec": options, "status": {"capacity": size, "allocatable": size},
    }  # fmt: skip


def create_nodes(cluster: Cluster, nodes: Sequence[Manifest]) -> None:
    """Create them, and wait until the node controller has seen that they are ready."""
    names = [one["metadata"]["name"] for one in nodes]
    cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(nodes))
    cluster.kubectl("wait", "--for=condition=Ready", "nodes", *names, "--timeout=60s")

    def new() -> list[str]:
        found = [one for one in cluster.get("nodes")["items"] if one["metadata"]["name"] in names]
        taints = [taint["key"] for one in found for taint in one["spec"].get("taints", ())]
        return [key for key in taints if key == "node.kubernetes.io/not-ready"]

    until("the node controller did not look at every node", lambda: not new(), new)


def pods(cluster: Cluster, namespace: str) -> tuple[int, int]:
    """How many pods the scheduler placed, and how many it refused."""
    found = cluster.get("pods", "-n", namespace)["items"]
    said = [c["status"] for one in found for c in one["status"].get("conditions", ()) if c["type"] == "PodScheduled"]
    return said.count("True"), said.count("False")


def settled(cluster: Cluster, namespace: str, placed: int, refused: int) -> tuple[int, int]:
    """What became of the pods once the scheduler has nothing more to try; a placed pod may make room for another."""

    def now() -> str:
        return f"{pods(cluster, namespace)}, waiting: {waiting(cluster)}"

    until(f"never {placed} placed and {refused} refused", lambda: pods(cluster, namespace) == (placed, refused), now)
    until("the scheduler does not come to rest", lambda: not waiting(cluster), now)
    return pods(cluster, namespace)


def waiting(cluster: Cluster) -> int:
    """How many pods the scheduler still means to try."""
    port = json.loads((cluster.folder / "ready.json").read_text())["ports"]["scheduler"]
    admin = yaml.safe_load(cluster.kubeconfig("admin").read_text())["users"][0]["user"]["token"]
    answer = Api(f"https://127.0.0.1:{port}", cluster.folder / "pki" / "ca.crt", admin).request("GET", "/metrics")
    assert answer.status == 200, answer
    numbers = dict(re.findall(r'^scheduler_pending_pods\{queue="(\w+)"\} (\d+)', answer.text, re.MULTILINE))
    return int(numbers["active"]) + int(numbers["backoff"])


def until(complaint: str, done: Callable[[], bool], seen: Callable[[], object]) -> None:
    """Wait for something; a failure says what was seen last."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, f"{complaint}: {seen()}"
        time.sleep(0.2)
