"""Pods as an API server gives them, managedFields included, and a static server of theirs on loopback."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 1000
WARM = "warm"  # a namespace of one pod


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


def at(seconds: int) -> str:
    """A time, in seconds since the first pod."""
    return (datetime(2026, 11, 23, 8, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def status(name: str, i: int) -> dict[str, Any]:
    """A container that runs."""
    return {
        "name": name, "state": {"running": {"startedAt": at(i + 9)}}, "lastState": {}, "ready": True,
        "restartCount": 0, "image": f"registry.example/{name}:1.2.3", "imageID": f"registry.example/{name}@sha256:{'a' * 64}",
        "containerID": f"containerd://{sha256(f'{name}{i}'.encode()).hexdigest()}", "started": True,
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "allocatedResources": {"cpu": "100m", "memory": "128Mi"},
    }  # fmt: skip


def pod(i: int) -> dict[str, Any]:
    """A pod of two containers of one of 100 deployments on one of 200 nodes."""
    app, ip = f"service-{i % 100}", f"10.244.{i // 250}.{i % 250}"
    owner = {
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-7d9f8b6c5",
        "uid": f"{i % 100:08d}-0000-0000-0000-000000000000", "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": at(i + 10)}
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
            "uid": f"{i:08d}-0000-0000-0000-000000000000", "resourceVersion": str(i), "creationTimestamp": at(i),
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
            "phase": "Running", "conditions": conditions, "hostIP": f"10.0.0.{i % 200}", "podIP": ip,
            "podIPs": [{"ip": ip}], "startTime": at(i + 1),
            "containerStatuses": [status("app", i), status("proxy", i)], "qosClass": "Burstable",
        },
    }  # fmt: skip


class StaticServer:
    """Lists of pods, paged and compressed as asked, from bytes made beforehand; a page is of the size that ours asks for."""

    def __init__(self, count: int) -> None:
        self._pods = [json.dumps(pod(i), separators=(",", ":")).encode() for i in range(count)]
        self._pages: dict[tuple[int, int, bool], bytes] = {}
        for start in range(0, count, PAGE):
            self.page(start, min(start + PAGE, count), count, zipped=True)
        self.page(0, count, count, zipped=False)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # as Go's servers do

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                count = 1 if WARM in parts.path else len(outer._pods)
                start = int(query.get("continue", "0"))
                zipped = count > 1 and "gzip" in self.headers.get("Accept-Encoding", "")
                body = outer.page(start, min(count, start + int(query.get("limit", count))), count, zipped=zipped)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if zipped:
                    self.send_header("Content-Encoding", "gzip")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def page(self, start: int, end: int, count: int, *, zipped: bool) -> bytes:
        """The list from `start` to `end`, kept for the next one who asks; compressed as an API server does."""
        if (start, end, zipped) not in self._pages:
            more = f',"continue":"{end}","remainingItemCount":{count - end}' if end < count else ""
            head = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"1"{more}}},"items":['
            body = head.encode() + b",".join(self._pods[start:end]) + b"]}"
            self._pages[start, end, zipped] = gzip.compress(body, 1) if zipped else body
        return self._pages[start, end, zipped]
