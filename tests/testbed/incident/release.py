"""What is done to the cluster: the orders service as it was, and its bad release."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from tests.testbed.control_plane import Cluster
from tests.testbed.incident.story import BAD, BAD_CAUSE, GOOD, GOOD_CAUSE, NAMESPACE, REPLICAS

Json = dict[str, Any]
DEADLINE_S = 60.0
PIPELINE = "--field-manager=release-pipeline"


class Release:
    """The orders service on one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def prepare(self) -> None:
        """The service as it was before: configuration, Service, and a release that works."""
        self._create(_config({"LOG_LEVEL": "info"}), _service(), _deployment())
        self._until("the good release", lambda: len(self.ready()) == REPLICAS)

    def configure(self) -> None:
        """The change of configuration that comes with the release, and misses a setting."""
        patch = json.dumps({"data": {"LOYALTY_ENABLED": "true", "LOYALTY_URL": ""}})
        self._kubectl("patch", "configmap", "orders-config", "-p", patch, PIPELINE)

    def migrate(self) -> None:
        """The release's migration."""
        container = {"name": "orders-migrate", "image": BAD, "args": ["migrate", "up"], "resources": _resources()}
        pod = {"restartPolicy": "Never", "containers": [container]}
        job = {"metadata": {"labels": {"app": "orders-migrate"}}, "spec": pod}
        self._create({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "orders-migrate-0042"},
            "spec": {"template": job},
        })  # fmt: skip
        self._until("the migration", lambda: self.pods("orders-migrate"))

    def roll_out(self) -> None:
        """The bad release."""
        annotations = {"kubernetes.io/change-cause": BAD_CAUSE}
        container = {"name": "orders", "image": BAD}
        template = {
            "metadata": {"annotations": {"testbed.gocoffee/kubelet": "crash-loop"}},
            "spec": {"containers": [container]},
        }
        patch = {"metadata": {"annotations": annotations}, "spec": {"template": template}}
        self._kubectl("patch", "deployment", "orders", "-p", json.dumps(patch), PIPELINE)
        self._until("pods that crash", lambda: len(self.crashing()) == REPLICAS - 1)

    def crashed(self, ends: list[datetime]) -> None:
        """What the kubelets report after the last of these ends."""
        for pod in self.crashing():
            name, status = pod["metadata"]["name"], pod["status"]["containerStatuses"][0]
            why = f"back-off 40s restarting failed container=orders pod={name}_{NAMESPACE}({pod['metadata']['uid']})"
            last = {
                "exitCode": 2,
                "reason": "Error",
                "startedAt": _stamp(ends[-1] - timedelta(seconds=3)),
                "finishedAt": _stamp(ends[-1]),
            }
            told = {
                "restartCount": len(ends) - 1,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": why}},
                "lastState": {"terminated": last},
            }
            patch = {"status": {"containerStatuses": [{**status, **told}]}}
            self._kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", json.dumps(patch))
            self._event(pod, "BackOff", f"Back-off restarting failed container orders in pod {name}", ends)

    def _event(self, pod: Json, reason: str, message: str, ends: list[datetime]) -> None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        self._create({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{name}.{reason.lower()}"},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "namespace": NAMESPACE, "name": name, "uid": uid,
                "fieldPath": "spec.containers{orders}",
            },
            "type": "Warning", "reason": reason, "message": message, "count": len(ends),
            "firstTimestamp": _stamp(ends[0]), "lastTimestamp": _stamp(ends[-1]),
            "source": {"component": "kubelet", "host": pod["spec"]["nodeName"]},
        })  # fmt: skip

    def pods(self, app: str = "") -> list[Json]:
        """The namespace's pods that a kubelet has taken, of an app or all."""
        selector = ["-l", f"app={app}"] if app else []
        found: list[Json] = self._cluster.get("pods", "-n", NAMESPACE, *selector)["items"]
        return [one for one in found if one["status"].get("startTime") and not one["metadata"].get("deletionTimestamp")]

    def ready(self) -> list[Json]:
        """Pods of orders that serve."""
        return [one for one in self.pods("orders") if one["status"]["containerStatuses"][0]["ready"]]

    def crashing(self) -> list[Json]:
        """Pods of orders that do not."""
        return [one for one in self.pods("orders") if not one["status"]["containerStatuses"][0]["ready"]]

    def _kubectl(self, *arguments: str) -> None:
        self._cluster.kubectl(*arguments, "-n", NAMESPACE)

    def _create(self, *documents: Json) -> None:
        self._cluster.kubectl("create", "-n", NAMESPACE, PIPELINE, "-f", "-", stdin=yaml.safe_dump_all(documents))

    def _until(self, what: str, there: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not there():
            assert time.monotonic() < deadline, f"no {what} within {DEADLINE_S:g} s"
            time.sleep(0.2)


def _config(data: Json) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orders-config"}, "data": data}


def _service() -> Json:
    port = {"name": "http", "port": 80, "targetPort": 8080}
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "orders", "labels": {"app": "orders"}},
        "spec": {"selector": {"app": "orders"}, "ports": [port]},
    }  # fmt: skip


def _deployment() -> Json:
    labels = {"app": "orders"}
    container = {
        "name": "orders",
        "image": GOOD,
        "ports": [{"name": "http", "containerPort": 8080}],
        "envFrom": [{"configMapRef": {"name": "orders-config"}}],
        "resources": _resources(),
    }
    used = {"testbed.gocoffee/cpu.orders": "60m", "testbed.gocoffee/memory.orders": "90Mi"}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "orders", "labels": labels, "annotations": {"kubernetes.io/change-cause": GOOD_CAUSE}},
        "spec": {
            "replicas": REPLICAS, "selector": {"matchLabels": labels},
            # Whoever set this wanted releases to be quick: all old pods but one go before a new one is ready.
            "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": REPLICAS - 1}},
            "template": {
                "metadata": {"labels": labels, "annotations": used},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
        },
    }  # fmt: skip


def _resources() -> Json:
    return {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "200m", "memory": "256Mi"}}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
