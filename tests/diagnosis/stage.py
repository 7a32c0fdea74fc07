"""Building blocks of scenarios, and what is done to objects as a kubelet or a controller would."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from tests.testbed.control_plane import Cluster

Json = dict[str, Any]
DEADLINE_S = 60.0
ENDED = "Error"


def meta(name: str, **more: Any) -> Json:
    return {"name": name, **more}


def deployment(
    name: str, *, kubelet: str = "", replicas: int = 1, kind: str = "Deployment", spec: Json | None = None, **pod: Any
) -> Json:
    """A Deployment; `kubelet` is how the simulated one treats its pods, `pod` goes into their spec."""
    labels = {"app": name}
    container = {
        "name": name,
        "image": f"registry.example/{name}:1.0",
        "ports": [{"name": "http", "containerPort": 8080}],
    }
    annotations = {"testbed.gocoffee/kubelet": kubelet} if kubelet else {}
    return {
        "apiVersion": "apps/v1", "kind": kind, "metadata": meta(name),
        "spec": {
            **({} if kind == "DaemonSet" else {"replicas": replicas}), "selector": {"matchLabels": labels}, **(spec or {}),
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **pod},
            },
        },
    }  # fmt: skip


def service(name: str, app: str = "", target: int | str = 8080) -> Json:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": meta(name),
        "spec": {"selector": {"app": app or name}, "ports": [{"name": "http", "port": 80, "targetPort": target}]},
    }  # fmt: skip


def ingress(name: str, to: str, port: int = 80) -> Json:
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": to, "port": {"number": port}}}}
    rule = {"host": f"{name}.example", "http": {"paths": [path]}}
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta(name),
        "spec": {"ingressClassName": "nginx", "rules": [rule]},
    }  # fmt: skip


def network_policy(name: str, app: str, *, ingress: list[Json] | None = None, egress: list[Json] | None = None) -> Json:
    """Of the pods of an app, with one rule each way for these peers."""
    ways = {"ingress": [{"from": ingress}] if ingress else [], "egress": [{"to": egress}] if egress else []}
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta(name),
        "spec": {"podSelector": {"matchLabels": {"app": app}}, **ways, "policyTypes": ["Ingress"]},
    }  # fmt: skip


GATEWAY_API = "gateway.networking.k8s.io/v1"


def gateway_class(name: str) -> Json:
    spec = {"controllerName": "gateways.example/edge"}
    return {"apiVersion": GATEWAY_API, "kind": "GatewayClass", "metadata": meta(name), "spec": spec}


def gateway(name: str, gateway_class: str, takes: Json | None = None) -> Json:
    """With one listener, which takes the routes of these namespaces."""
    listener = {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": takes or {"from": "Same"}},
    }
    return {
        "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": meta(name),
        "spec": {"gatewayClassName": gateway_class, "listeners": [listener]},
    }  # fmt: skip


def route(name: str, to: str, *parents: Json, port: int = 80) -> Json:
    rule = {"backendRefs": [{"name": to, "port": port}]}
    return {
        "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": meta(name),
        "spec": {"parentRefs": list(parents), "hostnames": [f"{name}.example"], "rules": [rule]},
    }  # fmt: skip


def claim(name: str, storage_class: str) -> Json:
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta(name),
        "spec": {
            "storageClassName": storage_class, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }  # fmt: skip


def mounting(name: str) -> Json:
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}


def quota(name: str, pods: int) -> Json:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta(name), "spec": {"hard": {"pods": str(pods)}}}


def budget(name: str, least: int) -> Json:
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta(name),
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": name}}},
    }  # fmt: skip


def autoscaler(name: str, target: str) -> Json:
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }
    return {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta(name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": 1, "maxReplicas": 3, "metrics": [metric],
        },
    }  # fmt: skip


def job(name: str, *, kubelet: str = "", owner: Json | None = None, **spec: Any) -> Json:
    annotations = {"testbed.gocoffee/kubelet": kubelet} if kubelet else {}
    container = {"name": "main", "image": f"registry.example/{name}:1.0"}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    more = {"ownerReferences": [owner]} if owner else {}
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": meta(name, **more),
        "spec": {"template": {"metadata": {"annotations": annotations}, "spec": pod}, **spec},
    }  # fmt: skip


def cronjob(name: str, **spec: Any) -> Json:
    template = {"spec": job(name)["spec"]}
    return {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta(name),
        "spec": {"schedule": "0 4 1 1 *", "jobTemplate": template, **spec},
    }  # fmt: skip


def webhook(name: str, namespace: str, to: str, resource: str) -> Json:
    """Asked about `resource` of that namespace alone."""
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [resource]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": meta(name),
        "webhooks": [{
            "name": f"{name}.example.com", "clientConfig": {"service": {"name": to, "namespace": namespace}},
            "rules": [rule], "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 2, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        }],
    }  # fmt: skip


def admission_policy(name: str, expression: str) -> Json:
    """Of Deployments; in force only where something binds it."""
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": meta(name),
        "spec": {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": expression}]},
    }  # fmt: skip


def binding(name: str, policy: str, namespace: str) -> Json:
    """Puts a policy in force in that namespace alone."""
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": meta(name),
        "spec": {"policyName": policy, "validationActions": ["Deny"], "matchResources": where},
    }  # fmt: skip


def node(name: str) -> Json:
    size = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": meta(name, labels={"kubernetes.io/hostname": name}),
        "status": {"capacity": size, "allocatable": size, "nodeInfo": {"kubeletVersion": "v1.36.1"}},
    }  # fmt: skip


def stamp(ago: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")


class Stage:
    """One namespace of a control plane, and what can be done in it."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.api = cluster.api("admin")

    def create(self, *documents: Json) -> None:
        self.cluster.kubectl("create", "-n", self.namespace, "-f", "-", stdin=yaml.safe_dump_all(documents))

    def pods(self, app: str = "") -> list[Json]:
        selector = ["-l", f"app={app}"] if app else []
        found: list[Json] = self.cluster.get("pods", "-n", self.namespace, *selector)["items"]
        return found

    def started(self, app: str, count: int) -> list[Json]:
        """The pods of an app, once their kubelet has taken them."""
        return self.until(
            f"{count} pods of {app}",
            lambda: found if len(found := [p for p in self.pods(app) if "startTime" in p["status"]]) == count else None,
        )

    def get(self, kind: str, name: str) -> Json:
        found: Json = self.cluster.get(kind, name, "-n", self.namespace)
        return found

    def status(self, path: str, status: Json) -> None:
        """Write a status as the component does that owns it."""
        answer = self.api.request(
            "PATCH", f"{path}/status", {"status": status}, content_type="application/merge-patch+json"
        )
        assert answer.status == 200, answer.text

    def pod_status(self, pod: Json, **status: Any) -> None:
        self.status(f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}", status)

    def accepted(self, path: str, *, status: str = "True", reason: str = "Accepted", message: str = "") -> None:
        """What a gateway's controller says of a class or a gateway."""
        said = {
            "type": "Accepted",
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": stamp(),
        }
        self.status(f"/apis/{GATEWAY_API}/{path}", {"conditions": [said]})

    def container(self, app: str, count: int, **status: Any) -> None:
        """Write the first container's status in every pod of an app."""
        for pod in self.started(app, count):
            first = {**pod["status"]["containerStatuses"][0], **status}
            self.pod_status(pod, containerStatuses=[first, *pod["status"]["containerStatuses"][1:]])

    def event(self, about: Json, reason: str, message: str) -> None:
        subject = {"apiVersion": about.get("apiVersion", "v1"), "kind": about["kind"], **{
            key: about["metadata"][key] for key in ("name", "namespace", "uid")
        }}  # fmt: skip
        self.create({
            "apiVersion": "v1", "kind": "Event", "metadata": meta(f"{subject['name']}.{reason.lower()}"),
            "involvedObject": subject, "type": "Warning", "reason": reason, "message": message, "count": 3,
            "firstTimestamp": stamp(), "lastTimestamp": stamp(), "source": {"component": "kubelet"},
        })  # fmt: skip

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        """What `found` gives, as soon as it gives something."""
        deadline = time.monotonic() + DEADLINE_S
        while not (value := found()):
            assert time.monotonic() < deadline, f"{self.namespace}: no {what} within {DEADLINE_S:g} s"
            time.sleep(0.2)
        return value

    def condition(self, kind: str, name: str, condition: str, status: str) -> None:
        """Wait until an object says so of itself."""
        self.until(
            f"{condition}={status} of {kind} {name}",
            lambda: any(
                one["type"] == condition and one["status"] == status
                for one in self.get(kind, name)["status"].get("conditions", ())
            ),
        )
