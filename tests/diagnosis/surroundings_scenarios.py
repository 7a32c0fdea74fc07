"""What can go wrong around workloads, done to a real cluster: load balancers, access, room. See `tests.diagnosis.scenarios`."""

from __future__ import annotations

from tests.diagnosis.scenario import WARN, Scenario, collected
from tests.diagnosis.stage import Stage, deployment, ingress, service

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
