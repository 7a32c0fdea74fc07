"""Load the scenario into a control plane, and wait until it has settled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import yaml

from tests.testbed.control_plane import Cluster
from tests.testbed.scenario.manifests import Manifest, Variant, faults, manifests, revisions

NAMESPACE = "go-coffee"
DEADLINE_S = 180.0


class NotSettled(AssertionError):
    """The scenario did not reach its state; the message says what was last seen."""


def load(cluster: Cluster, variant: Variant = "planted") -> None:
    """Create the scenario as the admin; returns when every object is in the state that the tests count on."""
    Loader(cluster, variant).run()


class Loader:
    def __init__(self, cluster: Cluster, variant: Variant) -> None:
        self.cluster = cluster
        self.api = cluster.api("admin")
        self.groups = manifests(variant)
        self.revisions = revisions(variant)
        self.faults = faults(variant)
        self.deadline = time.monotonic() + DEADLINE_S

    def run(self) -> None:
        late = self.faults["late"]
        nodes, workloads = self.groups["nodes"], self.groups["workloads"]
        budgets = [one for one in self.groups["policies"] if one["kind"] == "PodDisruptionBudget"]
        autoscalers = [one for one in self.groups["policies"] if one["kind"] == "HorizontalPodAutoscaler"]
        self.create([*self.groups["platform"], *[one for one in nodes if _name(one) not in late]])
        self.wait("service accounts", self.service_accounts)
        # Before the pods that need them, or the scheduler complains in the events:
        self.wait("volumes", self.volumes)
        self.wait("nodes", self.nodes)
        self.create([*[one for one in workloads if _name(one) not in late], *self.groups["network"], *budgets])
        self.roll_out()
        self.ingress()
        self.create([one for one in nodes if _name(one) in late])
        self.create([one for one in workloads if _name(one) in late])
        self.wait("pods on nodes", self.placed)
        self.befall()
        self.wait("workloads", self.workloads)
        self.events()
        self.wait("usage", self.usage)
        self.create(autoscalers)  # only now: without usage they would complain in the events
        self.wait("autoscalers", self.autoscalers)
        self.wait("budgets", self.budgets)

    def create(self, documents: list[Manifest]) -> None:
        if documents:
            self.cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def roll_out(self) -> None:
        for revision in self.revisions:
            name = revision["deployment"]
            self.wait(f"{name} before {revision['cause']}", partial(self.rolled_out, name))
            patch = {**revision.get("patch", {})}
            patch["metadata"] = {"annotations": {"kubernetes.io/change-cause": revision["cause"]}}
            self.cluster.kubectl("patch", "deployment", name, "-n", NAMESPACE, "-p", json.dumps(patch))
            self.wait(f"{name} observed", partial(self.observed, name))

    def ingress(self) -> None:
        status = {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}}
        self.status("ingress", "go-coffee-ingress", status)

    def befall(self) -> None:
        for name in self.faults["cordoned"]:
            self.cluster.kubectl("cordon", name)
        now = _stamp(datetime.now(UTC))
        for node in sorted({fault["node"] for fault in self.faults["conditions"]}):
            conditions = [
                {**{key: fault[key] for key in ("type", "status", "reason", "message")}, "lastTransitionTime": now}
                for fault in self.faults["conditions"]
                if fault["node"] == node
            ]
            self.status("node", node, {"status": {"conditions": conditions}})
        for node in self.faults["silent"]:
            path = "metrics.k8s.io/resource-metrics-path=/metrics/nodes/none"
            self.cluster.kubectl("annotate", "node", node, "--overwrite", path)
            for pod in self.pods():
                if pod["spec"].get("nodeName") == node:  # as the node controller does when it gives up on a kubelet
                    unready = {"type": "Ready", "status": "False", "lastTransitionTime": now}
                    patch = {"status": {"conditions": [unready]}}
                    self.status("pod", _name(pod), patch, pod["metadata"]["namespace"])

    def status(self, kind: str, name: str, patch: Manifest, namespace: str = NAMESPACE) -> None:
        self.cluster.kubectl(
            "patch", kind, name, "-n", namespace, "--subresource=status", "--type=strategic", "-p", json.dumps(patch)
        )

    def events(self) -> None:
        pods = self.pods()
        now = datetime.now(UTC)
        for number, event in enumerate(self.faults["events"]):
            subject, host = self.subject(event, pods)
            namespace = subject.get("namespace", "default")
            message = event["message"].format(pod=subject["name"], uid=subject["uid"])
            component = event.get("component", "kubelet")
            body = {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{subject['name']}.{number:016x}", "namespace": namespace},
                "involvedObject": subject,
                "type": event["type"],
                "reason": event["reason"],
                "message": message,
                "count": event["count"],
                "firstTimestamp": _stamp(now - timedelta(minutes=event["first"])),
                "lastTimestamp": _stamp(now - timedelta(minutes=event["last"])),
                "source": {"component": component, "host": host},
                "reportingComponent": component,
                "reportingInstance": host,
            }
            answer = self.api.request("POST", f"/api/v1/namespaces/{namespace}/events", body)
            if answer.status != 201:
                raise NotSettled(f"an event was refused: {answer.text}")

    def subject(self, event: Manifest, pods: list[Manifest]) -> tuple[Manifest, str]:
        if "node" in event:  # a kubelet names its node by name, in place of the uid
            name = event["node"]
            return {"apiVersion": "v1", "kind": "Node", "name": name, "uid": name}, name
        mine = [one for one in pods if one["metadata"]["labels"].get("app") == event["app"]]
        if event.get("unready"):
            mine = [one for one in mine if not _ready(one)]
        pod = min(mine, key=lambda one: str(_name(one)))
        metadata = pod["metadata"]
        subject = {
            "apiVersion": "v1", "kind": "Pod", "namespace": metadata["namespace"],
            "name": metadata["name"], "uid": metadata["uid"],
        }  # fmt: skip
        return subject, pod["spec"]["nodeName"]

    # What settled means: each of these returns "" when it holds, else what is missing.

    def service_accounts(self) -> str:
        for namespace in (NAMESPACE, "kube-system"):
            if self.api.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default").status != 200:
                return f"{namespace} has no default service account"
        return ""

    def volumes(self) -> str:
        claims = self.list(f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims")
        return ", ".join(_name(one) for one in claims if one["status"]["phase"] != "Bound")

    def nodes(self) -> str:
        fresh = [name for name, taints in self.taints().items() if "node.kubernetes.io/not-ready" in taints]
        return f"not ready: {fresh}" if fresh else ""

    def taints(self) -> dict[str, set[str]]:
        nodes = self.list("/api/v1/nodes")
        return {_name(one): {taint["key"] for taint in one["spec"].get("taints", [])} for one in nodes}

    def rolled_out(self, name: str) -> str:
        deployment = self.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}")
        status, wanted = deployment["status"], deployment["spec"]["replicas"]
        done = all(status.get(key, 0) == wanted for key in ("replicas", "updatedReplicas", "availableReplicas"))
        return self.observed(name) or ("" if done else str(status))

    def observed(self, name: str) -> str:
        deployment = self.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}")
        current = deployment["metadata"]["generation"]
        seen = deployment["status"].get("observedGeneration", 0)
        return "" if seen == current else f"generation {current}, observed {seen}"

    def placed(self) -> str:
        waiting = [
            _name(one)
            for one in self.pods()
            if "startTime" not in one["status"] and not _name(one).startswith("demand-forecast-")
        ]
        return f"no kubelet has taken {', '.join(waiting)}" if waiting else ""

    def workloads(self) -> str:
        ready = self.faults["ready"]
        for one in self.list("/apis/apps/v1/deployments"):
            wanted = ready["deployments"].get(_name(one), one["spec"]["replicas"])
            if one["status"].get("readyReplicas", 0) != wanted or _stale(one):
                return f"deployment/{one['metadata']['name']}: want {wanted} ready, {one['status']}"
        for one in self.list("/apis/apps/v1/statefulsets"):
            if one["status"].get("readyReplicas", 0) != one["spec"]["replicas"] or _stale(one):
                return f"statefulset/{one['metadata']['name']}: {one['status']}"
        for one in self.list("/apis/apps/v1/daemonsets"):
            wanted = ready["daemonsets"].get(_name(one), len(self.groups["nodes"]))
            if one["status"].get("numberReady") != wanted or _stale(one):
                return f"daemonset/{one['metadata']['name']}: want {wanted} ready, {one['status']}"
        for one in self.list("/apis/batch/v1/jobs"):
            if one["status"].get("succeeded") != 1:
                return f"job/{one['metadata']['name']}: {one['status']}"
        return self.tainted()

    def tainted(self) -> str:
        """The node lifecycle controller has turned conditions into taints."""
        taints = self.taints()
        expected = {
            ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
            ("Ready", "Unknown"): "node.kubernetes.io/unreachable",
        }
        for fault in self.faults["conditions"]:
            key = expected.get((fault["type"], fault["status"]))
            if key is not None and key not in taints[fault["node"]]:
                return f"{fault['node']} has the taints {taints[fault['node']]}"
        return self.nodes()

    def usage(self) -> str:
        """metrics-server has scraped every kubelet that answers twice."""
        silent = set(self.faults["silent"])
        seen = {_name(one) for one in self.list("/apis/metrics.k8s.io/v1beta1/nodes")}
        nodes = {_name(one) for one in self.list("/api/v1/nodes")}
        if seen != nodes - silent:
            return f"usage of nodes {sorted(seen)}"
        pods = {_name(one) for one in self.list("/apis/metrics.k8s.io/v1beta1/pods")}
        wanted = {
            _name(one)
            for one in self.pods()
            if one["status"]["phase"] == "Running" and one["spec"]["nodeName"] not in silent and not _crashing(one)
        }
        return "" if pods == wanted else f"usage of pods differs by {sorted(pods ^ wanted)}"

    def autoscalers(self) -> str:
        for one in self.list("/apis/autoscaling/v2/horizontalpodautoscalers"):
            conditions = {each["type"]: each["status"] for each in one["status"].get("conditions", [])}
            if conditions.get("ScalingActive") != "True" or not one["status"].get("currentMetrics"):
                return f"hpa/{one['metadata']['name']}: {one['status']}"
        return self.workloads()

    def budgets(self) -> str:
        for one in self.list("/apis/policy/v1/poddisruptionbudgets"):
            if one["status"].get("currentHealthy", 0) < one["status"].get("desiredHealthy", 0) or _stale(one):
                return f"pdb/{one['metadata']['name']}: {one['status']}"
        return ""

    def pods(self) -> list[Manifest]:
        return self.list("/api/v1/pods")

    def list(self, path: str) -> list[Manifest]:
        items: list[Manifest] = self.api.get(path)["items"]
        return items

    def wait(self, what: str, missing: Callable[[], str]) -> None:
        while seen := missing():
            if time.monotonic() > self.deadline:
                raise NotSettled(f"{what}: not within {DEADLINE_S:.0f} s; last seen: {seen}{self.cluster.fate()}")
            time.sleep(0.1)


def _stale(one: Manifest) -> bool:
    return bool(one["status"].get("observedGeneration") != one["metadata"]["generation"])


def _ready(pod: Manifest) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


def _crashing(pod: Manifest) -> bool:
    return any("waiting" in one["state"] for one in pod["status"]["containerStatuses"])


def _name(one: Manifest) -> str:
    return str(one["metadata"]["name"])


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
