"""What can go wrong around workloads, done to a real cluster: load balancers, access, room. See `tests.diagnosis.scenarios`."""

from __future__ import annotations

from tests.diagnosis.scenario import WARN, Scenario, collected
from tests.diagnosis.stage import Json, Stage, autoscaler, deployment, ingress, meta, service

ACCESS = "rbac.authorization.k8s.io"
SCENARIOS: list[Scenario] = []
scenario = collected(SCENARIOS)


@scenario(
    (WARN, "services_answered", "service/edge"),
    (WARN, "ingresses_lead", "ingress/edge"),
    says=("does not serve port 80/TCP: example.com/AddressTaken", "443/TCP: CertificateRefused"),
)
def load_balancer_does_not_serve_a_port(stage: Stage) -> None:
    edge = service("edge")
    edge["spec"]["type"] = "LoadBalancer"
    stage.create(deployment("edge"), edge, ingress("edge", "edge"))
    stage.condition("deployment", "edge", "Available", "True")
    of = f"namespaces/{stage.namespace}"
    _unserved(stage, f"/api/v1/{of}/services/edge", 80, "example.com/AddressTaken")
    _unserved(stage, f"/apis/networking.k8s.io/v1/{of}/ingresses/edge", 443, "CertificateRefused")


def _unserved(stage: Stage, path: str, port: int, error: str) -> None:
    served = {"ip": "192.0.2.1", "ports": [{"port": port, "protocol": "TCP", "error": error}]}
    stage.status(path, {"loadBalancer": {"ingress": [served]}})


@scenario(
    (WARN, "autoscalers_fit", "hpa/wide"),
    (WARN, "autoscalers_able", "hpa/wide"),  # nobody serves its metric
    says=(
        "its maximum of 90 is 89 more pods and needs 89.0 cores and 89.0 GiB",
        "of 89 fit, then cpu ends, and no node is added",
    ),
)
def autoscaler_that_cannot_have_its_maximum(stage: Stage) -> None:
    requests = {"cpu": "1", "memory": "1Gi"}
    wide = {"name": "wide", "image": "registry.example/wide:1.0", "resources": {"requests": requests}}
    scaler = autoscaler("wide", "wide")
    scaler["spec"]["maxReplicas"] = 90
    stage.create(deployment("wide", containers=[wide]), scaler)
    stage.condition("deployment", "wide", "Available", "True")
    stage.until("its count", lambda: stage.get("hpa", "wide").get("status", {}).get("currentReplicas") == 1)
    stage.condition("hpa", "wide", "ScalingActive", "False")


@scenario(
    (WARN, "bindings_lead", "rolebinding/lost"),
    (WARN, "bindings_lead", "clusterrolebinding/binding-without-its-role"),
    says=(
        "role/gone does not exist: no permission by it for serviceaccount/binding-without-its-role/deployer and 1 more",
        "clusterrole/gone does not exist: no permission by it for 1 subject",
    ),
)
def binding_without_its_role(stage: Stage) -> None:
    """Beside those that have theirs, of an account that is not there, and of nobody; one labelled as the API server's own."""
    account = {"kind": "ServiceAccount", "name": "deployer", "namespace": stage.namespace}
    user = {"kind": "User", "name": "somebody", "apiGroup": ACCESS}
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    stage.create(
        {"apiVersion": f"{ACCESS}/v1", "kind": "Role", "metadata": meta("there"), "rules": [rule]},
        _bound("RoleBinding", "kept", "Role", "there", account), _bound("RoleBinding", "viewers", "ClusterRole", "view", account),
        _bound("RoleBinding", "nobody", "Role", "gone"), _bound("RoleBinding", "lost", "Role", "gone", account, user),
        _bound("ClusterRoleBinding", stage.namespace, "ClusterRole", "gone", user)
        | {"metadata": meta(stage.namespace, labels={"kubernetes.io/bootstrapping": "rbac-defaults"})},
    )  # fmt: skip


def _bound(kind: str, name: str, role_kind: str, role: str, *subjects: Json) -> Json:
    role_ref = {"apiGroup": ACCESS, "kind": role_kind, "name": role}
    return {
        "apiVersion": f"{ACCESS}/v1",
        "kind": kind,
        "metadata": meta(name),
        "roleRef": role_ref,
        "subjects": [*subjects],
    }
