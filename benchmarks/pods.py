"""Pods -> DataFrame, against the official client's typed list of the same pods from the same server.

    python -m benchmarks.pods [--pods 10000] [--testbed | --kubeconfig FILE]

Without a kubeconfig both sides read a static server on loopback with pods as an API server gives them (managedFields
included). Each side runs in a fresh process, which first lists one namespace of one pod so that imports and connections
are not what is compared. Ours is the whole query: paging, decoding, redaction, recording, DataFrame. Ours is asked three
times and the median counts; the official client once, as it takes long.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

WARM = "warm"


def managed(manager: str) -> dict[str, Any]:
    """An entry of managedFields, of the size that controllers leave."""
    both = {".": {}, "f:cpu": {}, "f:memory": {}}
    container = {
        ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
        "f:env": {".": {}, 'k:{"name":"MODE"}': {".": {}, "f:name": {}, "f:value": {}}},
        "f:resources": {".": {}, "f:limits": both, "f:requests": both},
        "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
    }  # fmt: skip
    spec = {
        "f:containers": {'k:{"name":"app"}': container}, "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {},
    }  # fmt: skip
    labels = {
        "f:generateName": {},
        "f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}},
        "f:ownerReferences": {},
    }
    return {
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-11-23T08:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": labels, "f:spec": spec},
    }  # fmt: skip


def container(name: str) -> dict[str, Any]:
    """A container with what charts usually set."""
    probe = {"httpGet": {"path": "/health", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10}
    own_name = {"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}
    token = {
        "name": "kube-api-access-x",
        "readOnly": True,
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    }
    return {
        "name": name, "image": f"registry.example/{name}:1.2.3", "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "MODE", "value": "prod"}, own_name],
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [token], "livenessProbe": probe, "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
    }  # fmt: skip


def status(name: str) -> dict[str, Any]:
    """A container that runs."""
    return {
        "name": name, "state": {"running": {"startedAt": "2026-11-23T08:00:10Z"}}, "lastState": {}, "ready": True,
        "restartCount": 0, "image": f"registry.example/{name}:1.2.3", "imageID": f"registry.example/{name}@sha256:{'a' * 64}",
        "containerID": f"containerd://{'b' * 64}", "started": True,
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "allocatedResources": {"cpu": "100m", "memory": "128Mi"},
    }  # fmt: skip


def pod(i: int) -> dict[str, Any]:
    """A pod of two containers of one of 100 deployments on one of 200 nodes."""
    app = f"service-{i % 100}"
    owner = {
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-7d9f8b6c5",
        "uid": f"{i % 100:08d}-0000-0000-0000-000000000000", "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": "2026-11-23T08:00:10Z"}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    tolerations = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("not-ready", "unreachable")
    ]
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    return {
        "metadata": {
            "name": f"{app}-7d9f8b6c5-{i:05d}", "generateName": f"{app}-7d9f8b6c5-", "namespace": "go-coffee",
            "uid": f"{i:08d}-0000-0000-0000-000000000000", "resourceVersion": str(i), "creationTimestamp": "2026-11-23T08:00:00Z",
            "labels": {"app": app, "pod-template-hash": "7d9f8b6c5"}, "annotations": {"prometheus.io/scrape": "true"},
            "ownerReferences": [owner], "managedFields": [managed("kube-controller-manager"), managed("kubelet")],
        },
        "spec": {
            "volumes": [{"name": "kube-api-access-x", "projected": {"sources": [token], "defaultMode": 420}}],
            "containers": [container("app"), container("proxy")], "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "serviceAccountName": "default",
            "serviceAccount": "default", "nodeName": f"node-{i % 200}", "securityContext": {},
            "schedulerName": "default-scheduler", "tolerations": tolerations, "priority": 0,
            "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {
            "phase": "Running", "conditions": conditions, "hostIP": "10.0.0.1", "podIP": "10.244.0.1",
            "podIPs": [{"ip": "10.244.0.1"}], "startTime": "2026-11-23T08:00:01Z",
            "containerStatuses": [status("app"), status("proxy")], "qosClass": "Burstable",
        },
    }  # fmt: skip


class StaticServer:
    """Lists of pods, paged as asked, from bytes made beforehand."""

    def __init__(self, count: int) -> None:
        self._pods = [json.dumps(pod(i), separators=(",", ":")).encode() for i in range(count)]
        self._pages: dict[tuple[int, int], bytes] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                count = 1 if WARM in parts.path else len(outer._pods)
                start = int(query.get("continue", "0"))
                body = outer.page(start, min(count, start + int(query.get("limit", count))), count)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def page(self, start: int, end: int, count: int) -> bytes:
        """The list from `start` to `end`, kept for the next one who asks."""
        if (start, end) not in self._pages:
            more = f',"continue":"{end}","remainingItemCount":{count - end}' if end < count else ""
            head = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"1"{more}}},"items":['
            self._pages[start, end] = head.encode() + b",".join(self._pods[start:end]) + b"]}"
        return self._pages[start, end]


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


def ours(kubeconfig: str) -> dict[str, float]:
    """cluster.pods, three times."""
    from datetime import UTC, datetime

    from gocoffee_ops.evidence.ledger import Ledger
    from gocoffee_ops.model import Target, Thresholds
    from gocoffee_ops.queries import cluster
    from gocoffee_ops.session import Place, Session
    from gocoffee_ops.sources.kubernetes import Cluster

    with tempfile.TemporaryDirectory() as folder:
        ops = Session(
            runbook="benchmark",
            environment="benchmark",
            places=[
                Place(Target("cluster", "c"), datetime.now(UTC), connect=lambda: Cluster("c", kubeconfig=kubeconfig))
            ],
            thresholds=Thresholds(),
            ledger=Ledger(Path(folder)),
            query_deadline_s=120.0,
        )
        try:
            cluster.pods(ops, namespace=WARM)
        except Exception as error:  # noqa: BLE001 - a real cluster has no such namespace; it is warm all the same
            print(f"warm: {error}", file=sys.stderr)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            rows = len(cluster.pods(ops))
            times.append(time.perf_counter() - began)
    return {"rows": rows, "seconds": statistics.median(times), "peak_mib": peak_mib()}


def official(kubeconfig: str) -> dict[str, float]:
    """CoreV1Api.list_pod_for_all_namespaces, once."""
    from kubernetes import client, config

    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    api.list_namespaced_pod(WARM)
    began = time.perf_counter()
    rows = len(api.list_pod_for_all_namespaces().items)
    return {"rows": rows, "seconds": time.perf_counter() - began, "peak_mib": peak_mib()}


def on_the_testbed(count: int) -> None:
    """Both sides against a real API server with that many pods, which no scheduler takes."""
    from tests.testbed.control_plane import control_plane

    with control_plane("benchmark") as cluster:
        api = cluster.api("admin")
        for i in range(count):
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
        compare(str(cluster.kubeconfig("admin")), "a real API server", 8)


def peak_mib() -> float:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_a_fresh_process(side: str, kubeconfig: str) -> dict[str, float]:
    """Run one side; its last line is its result."""
    command = [sys.executable, "-m", "benchmarks.pods", "--side", side, "--kubeconfig", kubeconfig]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(kubeconfig: str, where: str, target: float) -> None:
    """Both sides, and how they compare."""
    mine, theirs = in_a_fresh_process("ours", kubeconfig), in_a_fresh_process("official", kubeconfig)
    if mine["rows"] != theirs["rows"]:
        raise SystemExit(f"{mine['rows']} rows against {theirs['rows']}")
    faster, share = theirs["seconds"] / mine["seconds"], mine["peak_mib"] / theirs["peak_mib"]
    print(f"{int(mine['rows'])} pods from {where}")
    print(f"  ours      {mine['seconds']:8.2f} s  {mine['peak_mib']:7.0f} MiB peak")
    print(f"  official  {theirs['seconds']:8.2f} s  {theirs['peak_mib']:7.0f} MiB peak")
    print(f"ratio: pods from {where}, times faster than the official client = {faster:.1f} (target >= {target:g})")
    print(f"ratio: pods from {where}, share of the official client's peak memory = {share:.2f} (target <= 0.25)")


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--kubeconfig", default="", help="a real cluster's, in place of the static server")
    parser.add_argument("--testbed", action="store_true", help="a control plane of the testbed's, in place of it")
    parser.add_argument("--side", choices=["ours", "official"], help="run one side in this process")
    arguments = parser.parse_args()
    if arguments.side:
        side = ours if arguments.side == "ours" else official
        print(json.dumps(side(arguments.kubeconfig)))
    elif arguments.testbed:
        on_the_testbed(arguments.pods)
    elif arguments.kubeconfig:
        compare(arguments.kubeconfig, "a real API server", 8)
    else:
        with tempfile.TemporaryDirectory() as folder:
            server = StaticServer(arguments.pods)
            compare(str(write_kubeconfig(Path(folder) / "config", server.url)), "a static server", 40)


if __name__ == "__main__":
    main()
