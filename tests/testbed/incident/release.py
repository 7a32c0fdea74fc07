"""What is done to the cluster: the order service, whose last rollout is stuck, gets a release that crashes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.control_plane import Cluster
from tests.testbed.incident.story import BAD, BAD_CAUSE, CONFIG, MIGRATION, NAMESPACE, SERVICE

Json = dict[str, Any]
DEADLINE_S = 60.0
EXEC_PROBE = Path(__file__).parents[3] / "deploy" / "exec-probe.yaml"
PIPELINE = "--field-manager=release-pipeline"


class Release:
    """The order service on one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def prepare(self) -> None:
        """Its configuration as it was, and the permission to ask databases from inside the cluster."""
        self._create(_config({"LOG_LEVEL": "info"}))
        self._kubectl("apply", "-f", str(EXEC_PROBE))

    def configure(self) -> None:
        """The change of configuration that comes with the release, and misses a setting."""
        patch = json.dumps({"data": {"LOYALTY_ENABLED": "true", "LOYALTY_URL": ""}})
        self._kubectl("patch", "configmap", CONFIG, "-p", patch, PIPELINE)

    def migrate(self) -> None:
        """The release's migration."""
        container = {"name": MIGRATION, "image": BAD, "args": ["migrate", "up"], "resources": _resources()}
        pod = {"restartPolicy": "Never", "containers": [container]}
        job = {"metadata": {"labels": {"app": MIGRATION}}, "spec": pod}
        self._create({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"{MIGRATION}-0042"},
            "spec": {"template": job},
        })  # fmt: skip
        self._until("the migration", lambda: self.pods(MIGRATION))

    def roll_out(self) -> None:
        """The bad release."""
        annotations = {"kubernetes.io/change-cause": BAD_CAUSE}
        container = {"name": SERVICE, "image": BAD}
        template = {
            "metadata": {"annotations": {"testbed.gocoffee/kubelet": "crash-loop"}},
            "spec": {"containers": [container]},
        }
        # To get past the rollout that is stuck, an old pod may go before a new one is ready.
        strategy = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
        patch = {"metadata": {"annotations": annotations}, "spec": {"strategy": strategy, "template": template}}
        self._kubectl("patch", "deployment", SERVICE, "-p", json.dumps(patch), PIPELINE)
        self._until("the bad release", lambda: len(self.crashing()) == 1 and len(self.pods(SERVICE)) == 2)
        for name in self._empty():  # of the rollout that was stuck: the pipeline cleans up
            self._kubectl("delete", "replicaset", name)

    def _empty(self) -> list[str]:
        found = self._cluster.get("replicasets", "-n", NAMESPACE, "-l", f"app={SERVICE}")["items"]
        return [one["metadata"]["name"] for one in found if not one["spec"]["replicas"]]

    def crashed(self, ends: list[datetime]) -> None:
        """What the kubelets report after the last of these ends."""
        for pod in self.crashing():
            name, status = pod["metadata"]["name"], pod["status"]["containerStatuses"][0]
            why = f"back-off 40s restarting failed container={SERVICE} pod={name}_{NAMESPACE}({pod['metadata']['uid']})"
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
            self._event(pod, "BackOff", f"Back-off restarting failed container {SERVICE} in pod {name}", ends)

    def _event(self, pod: Json, reason: str, message: str, ends: list[datetime]) -> None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        self._create({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{name}.{reason.lower()}"},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "namespace": NAMESPACE, "name": name, "uid": uid,
                "fieldPath": "spec.containers{order-service}",
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

    def crashing(self) -> list[Json]:
        """Pods of the bad release."""
        return [one for one in self.pods(SERVICE) if one["spec"]["containers"][0]["image"] == BAD]

    def answers_inside(self, app: str, variables: Mapping[str, str]) -> None:
        """Let commands run in the pods of an app; they run on this host, where these variables lead them to its server."""
        told = [{"name": name, "value": value} for name, value in variables.items()]
        for pod in self.pods(app):
            self._create({
                "apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Exec", "metadata": {"name": pod["metadata"]["name"]},
                "spec": {"execs": [{"containers": [app], "local": {"envs": told}}]},
            })  # fmt: skip

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
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG}, "data": data}


def _resources() -> Json:
    return {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "200m", "memory": "256Mi"}}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
