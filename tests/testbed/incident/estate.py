"""What the platform pays for besides the nodes of its work, and how long it has been there: longer than the control plane."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.testbed.control_plane import Cluster
from tests.testbed.incident.story import NAMESPACE

Json = dict[str, Any]
MANIFESTS = Path(__file__).with_name("estate.yaml")
DEADLINE_S = 60.0
AGE = timedelta(days=90)
ADDRESSES = {"web-ui-public": "203.0.113.20", "menu-preview": "203.0.113.21"}
PHASES = {"ledger-0": "Bound", "menu-uploads": "Released", "till-archive": "Bound"}
UNUSED_POOL, UNUSED_NODE = "reports", "reports-1"
# What is judged by its age. The controllers write to workloads: of these, only some that nothing else of the story is about.
AGED = (
    ("nodes", "", UNUSED_NODE),
    *(("persistentvolumes", "", name) for name in ("postgres-primary-0", "redis-0", *PHASES)),
    *(("services", NAMESPACE, name) for name in ADDRESSES),
    *(("deployments", NAMESPACE, name) for name in ("web-ui", "kitchen-service", "analytics-worker")),
    *(("statefulsets", NAMESPACE, name) for name in ("redis", "postgres-primary", "ledger")),
)
FOLDERS = {"services": "services/specs", "nodes": "minions"}  # of etcd, where they are not called like the resource


class Estate:
    """The disks, the load balancers and the idle node of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        ports = json.loads((cluster.folder / "ready.json").read_text())["ports"]
        self._etcd = f"http://127.0.0.1:{ports['etcd']}"

    def prepare(self) -> None:
        """Create them; returns when all are as they should be."""
        self._cluster.kubectl("create", "-f", str(MANIFESTS))
        for name, address in ADDRESSES.items():
            status = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}})
            self._cluster.kubectl("patch", "service", name, "-n", NAMESPACE, "--subresource=status", "-p", status)
        until = time.monotonic() + DEADLINE_S
        while (found := self._phases()) != PHASES or not self._node_runs():
            assert time.monotonic() < until, f"the volumes are {found}, {UNUSED_NODE} runs: {self._node_runs()}"
            time.sleep(0.2)
        for resource, namespace, name in AGED:
            self._age(resource, namespace, name)

    def _phases(self) -> dict[str, str]:
        volumes = self._cluster.get("persistentvolumes")["items"]
        phases = {one["metadata"]["name"]: one["status"]["phase"] for one in volumes}
        return {name: phases.get(name, "") for name in PHASES}

    def _node_runs(self) -> bool:
        """Whether the system's pods run on the node that has no others."""
        pods = self._cluster.get("pods", "--all-namespaces", f"--field-selector=spec.nodeName={UNUSED_NODE}")["items"]
        return bool(pods) and all(pod["status"].get("phase") == "Running" for pod in pods)

    def _age(self, resource: str, namespace: str, name: str) -> None:
        """No API server lets anybody say when something was made, so it is said where it keeps its objects."""
        where = ("-n", namespace) if namespace else ()
        key = "/".join(filter(None, ("/registry", FOLDERS.get(resource, resource), namespace, name)))
        until = time.monotonic() + DEADLINE_S
        while True:
            found = self._cluster.get(resource, name, *where, "--show-managed-fields")
            if self._put(key, _older(found), int(found["metadata"]["resourceVersion"])):
                return
            assert time.monotonic() < until, f"{key} does not come to rest"

    def _put(self, key: str, document: Json, revision: int) -> bool:
        """Whether it was still as it was read."""
        name, value = (base64.b64encode(text.encode()).decode() for text in (key, json.dumps(document)))
        body = {
            "compare": [{"key": name, "target": "MOD", "result": "EQUAL", "modRevision": revision}],
            "success": [{"requestPut": {"key": name, "value": value}}],
        }
        request = urllib.request.Request(f"{self._etcd}/v3/kv/txn", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(json.loads(answer.read()).get("succeeded"))


def _older(document: Json) -> Json:
    """As it would be, had it been made and last configured so long ago."""
    then = (datetime.now(UTC) - AGE).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {key: value for key, value in document["metadata"].items() if key != "resourceVersion"}
    fields = [
        one if one.get("subresource") else {**one, "time": then}
        for one in document["metadata"].get("managedFields", ())
    ]
    return {**document, "metadata": {**metadata, "creationTimestamp": then, "managedFields": fields}}
