"""The tables that a diagnosis rests on say what the API server's own objects say, read as the shipped role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from gocoffee_ops.errors import Forbidden, NotFound, SourceError
from gocoffee_ops.model import Status
from gocoffee_ops.queries import changes, control_plane, controllers, jobs, network, nodes, pods, scaling, storage
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Session
from tests.http_server import Answer, Asked, says, serving
from tests.queries.pod_states import create_states, remove_states
from tests.sources.kubernetes.static_server import write_kubeconfig
from tests.support import live_session
from tests.testbed.control_plane import Cluster

NAMESPACE = "go-coffee"
READABLE: list[Query[...]] = [
    pods.states, pods.containers, nodes.conditions, nodes.leases, nodes.events, controllers.deployments,
    controllers.statefulsets, controllers.daemonsets, controllers.replicasets, jobs.runs, jobs.cronjobs, network.services,
    network.endpoints, network.ingresses, network.network_policies,
    storage.claims, storage.volumes, storage.classes, scaling.autoscalers,
    scaling.budgets, scaling.quotas, control_plane.webhooks,
    control_plane.admission_policies, control_plane.api_services, control_plane.namespaces,
    changes.rollouts, changes.configmaps,
]  # fmt: skip
NONE_HERE = {
    "controllers.replicasets",
    "network.network_policies",
    "control_plane.webhooks",
    "control_plane.admission_policies",
}


def by(frame: pd.DataFrame, name: str) -> dict[Any, dict[str, Any]]:
    return {row[name]: row for row in frame.to_dict("records")}


@pytest.mark.parametrize("query", READABLE, ids=lambda query: query.name)
def test_the_reader_role_reads_it(query: Query[...], ops: Session) -> None:
    frame = query(ops)
    assert ops.findings == []
    assert list(frame.columns) == list(query.schema.names)
    assert len(frame) or query.name in NONE_HERE


@pytest.mark.parametrize("query", [*READABLE, changes.secrets], ids=lambda query: query.name)
def test_without_rights_it_is_forbidden_and_unknown(query: Query[...], cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("nobody")})
    with pytest.raises(Forbidden, match="the role lacks list on"):
        query(ops)
    assert [(f.status, f.check) for f in ops.findings] == [(Status.UNKNOWN, query.name)]


def test_a_misspelt_namespace_is_not_found(ops: Session) -> None:
    with pytest.raises(NotFound, match="go-cofee"):
        network.services(ops, namespace="go-cofee")


def test_endpoints_of_services_are_counted_as_the_slices_have_them(ops: Session, cluster: Cluster) -> None:
    services = by(network.services(ops, namespace=NAMESPACE), "service")
    theirs: dict[str, list[bool]] = {name: [] for name in services}
    for piece in cluster.get("endpointslices", "-n", NAMESPACE)["items"]:
        for one in piece.get("endpoints") or ():
            theirs[piece["metadata"]["labels"]["kubernetes.io/service-name"]].append(one["conditions"]["ready"])
    ours = {name: (row["ready"], row["not_ready"]) for name, row in services.items()}
    assert ours == {name: (sum(ready), len(ready) - sum(ready)) for name, ready in theirs.items()}
    assert ours["notification-service"] == (0, 1)
    assert services["order-service"]["owners"] == ("deployment/order-service",)
    assert services["web-ui"]["unresolved_ports"] == services["web-ui"]["undeclared_ports"] == ()


def test_ports_are_matched_against_the_containers(ops: Session, cluster: Cluster, namespace: str) -> None:
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"app": "p"}},
        "spec": {"containers": [{"name": "c", "image": "a:1", "ports": [{"name": "web", "containerPort": 8080}]}]},
    }  # fmt: skip
    ports: dict[str, int | str] = {"fits": 8080, "by-name": "web", "undeclared": 8081, "unresolved": "http"}
    services = [
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": "p"}, "ports": [{"port": 80, "targetPort": target}]},
        }
        for name, target in ports.items()
    ]  # fmt: skip
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all([pod, *services]))
    rows = by(network.services(ops, namespace=namespace), "service")
    assert {name: bool(row["unresolved_ports"]) for name, row in rows.items()} == {n: n == "unresolved" for n in ports}
    assert {name: bool(row["undeclared_ports"]) for name, row in rows.items()} == {n: n == "undeclared" for n in ports}
    assert rows["undeclared"]["undeclared_ports"] == ("80/TCP -> 8081",)


def test_ingresses_name_what_they_lead_to_and_whether_it_is_there(
    ops: Session, cluster: Cluster, namespace: str
) -> None:
    def backend(name: str, port: int) -> dict[str, Any]:
        return {
            "path": f"/{name}",
            "pathType": "Prefix",
            "backend": {"service": {"name": name, "port": {"number": port}}},
        }

    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"},
        "spec": {
            "ingressClassName": "traefik",
            "tls": [{"hosts": ["*.shop.example"], "secretName": "cert"}],
            "rules": [{"host": "a.shop.example", "http": {"paths": [backend("web", 81), backend("gone", 80)]}}],
        },
    }  # fmt: skip
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all([service, ingress]))
    rows = by(network.ingresses(ops, namespace=namespace), "path")
    assert (rows["/web"]["service_exists"], rows["/web"]["port_exists"]) == (True, False)
    assert rows["/gone"]["service_exists"] is False
    assert pd.isna(rows["/gone"]["port_exists"])
    assert (rows["/web"]["class_name"], rows["/web"]["class_exists"]) == ("traefik", False)
    assert rows["/web"]["tls"] is True
    assert rows["/web"]["tls_secrets"] == ("cert",)
    planted = by(network.ingresses(ops, namespace=NAMESPACE), "host")["api.gocoffee.example"]
    assert (planted["service"], planted["port_exists"], planted["class_exists"]) == ("api-gateway", True, True)


def test_network_policies_tell_whether_each_part_finds_a_pod(ops: Session, cluster: Cluster, namespace: str) -> None:
    planted = {"kubernetes.io/metadata.name": NAMESPACE}

    def policy(name: str, pods: Any, *peers: Any) -> dict[str, Any]:
        spec = {"podSelector": pods, "policyTypes": ["Ingress"], "ingress": [{"from": list(peers)}] if peers else []}
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}

    address = next(
        one["status"]["podIP"] for one in cluster.get("pods", "-n", NAMESPACE)["items"] if one["status"].get("podIP")
    )
    orders = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["order-service"]}]}
    documents = [
        policy("whom", {}), policy("own", {"matchLabels": {"app": "p"}}, {"podSelector": orders}),
        policy("theirs", {}, {"podSelector": orders, "namespaceSelector": {"matchLabels": planted}}),
        policy("all", {}, {"namespaceSelector": {}}), policy("none", {}, {"namespaceSelector": {"matchLabels": {"no": "one"}}}),
        policy("block", {}, {"ipBlock": {"cidr": f"{address}/32"}}),
        policy("apart", {}, {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.8/29"]}}),
    ]  # fmt: skip
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(documents))
    rows = network.network_policies(ops, namespace="").query("namespace == @namespace").to_dict("records")
    peers = {row["policy"]: row for row in rows if row["part"] == "ingress" and row["excepted_from"] is None}
    assert {name: row["finds_pod"] for name, row in peers.items()} == {
        "own": False, "theirs": True, "all": True, "none": False, "block": True, "apart": False,
    }  # fmt: skip
    assert {row["finds_pod"] for row in rows if row["part"] == "pods"} == {False}  # it has none
    assert peers["own"]["selector"] == ("app in (order-service)",)
    assert (peers["own"]["namespaces"], peers["theirs"]["namespaces"]) == ((namespace,), (NAMESPACE,))
    assert set(peers["all"]["namespaces"]) == {one["metadata"]["name"] for one in cluster.get("namespaces")["items"]}
    assert peers["none"]["namespaces"] == ()
    excepted = next(row for row in rows if row["excepted_from"] is not None)
    assert (excepted["block"], excepted["excepted_from"], excepted["in_pod_range"]) == (
        "192.0.2.8/29",
        "192.0.2.0/24",
        False,
    )
    alone = network.network_policies(ops, namespace=namespace)
    elsewhere = alone[alone["other_namespaces"] | alone["block"].notna()]
    assert elsewhere["finds_pod"].isna().all()
    assert set(elsewhere["policy"]) == {"theirs", "all", "none", "block", "apart"}
    assert ops.findings == []


def test_rollouts_tell_revision_images_cause_and_who(ops: Session, cluster: Cluster) -> None:
    frame = changes.rollouts(ops, namespace=NAMESPACE)
    coffee = frame[frame["deployment"] == "coffee-service"]
    printed = cluster.kubectl("rollout", "history", "deployment/coffee-service", "-n", NAMESPACE)
    for revision, cause in zip(coffee["revision"], coffee["cause"], strict=True):
        assert f"{revision}         {cause}" in printed
    assert [tag for (image,) in coffee["images"] for tag in [image.rpartition(":")[2]]] == ["2.4.1", "2.4.0", "2.3.1"]
    assert coffee["newest"].tolist() == [True, False, False]
    # kubectl patch wrote the second revision too, and the API forgot that when it wrote the third: nobody is accused.
    assert coffee["changed_by"].fillna("").tolist() == ["kubectl-patch", "", "kubectl-create"]
    assert coffee["created_at"].is_monotonic_decreasing


def test_containers_are_told_with_how_they_ended(ops: Session) -> None:
    frame = pods.containers(ops, namespace=NAMESPACE)
    rows = {row["owner"].partition("/")[2]: row for row in frame.to_dict("records") if row["role"] == "main"}
    crash = rows["notification-service"]
    assert (crash["reason"], crash["restarts"], crash["last_exit_code"]) == ("CrashLoopBackOff", 14, 1)
    assert (rows["payment-service"]["last_reason"], rows["payment-service"]["last_exit_code"]) == ("OOMKilled", 137)
    assert rows["loyalty-service"]["reason"] == "ImagePullBackOff"
    assert "coffee-service" not in rows
    inits = frame[frame["role"] == "init"]
    assert inits["container"].tolist() == ["wait-for-postgres"]


def test_every_container_that_is_not_well_has_a_row(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    create_states(cluster, namespace, random_states=60)
    try:
        frame = pods.containers(live_session(tmp_path, clusters={"c": cluster.kubeconfig()}), namespace=namespace)
        ours = set(zip(frame["pod"], frame["container"], strict=True))
        theirs = set()
        for pod in cluster.get("pods", "-n", namespace)["items"]:
            statuses = pod["status"].get("containerStatuses", []) + pod["status"].get("initContainerStatuses", [])
            sidecars = {c["name"] for c in pod["spec"].get("initContainers", []) if c.get("restartPolicy") == "Always"}
            for one in statuses:
                done = one["state"].get("terminated", {}).get("exitCode") == 0
                runs = "running" in one["state"] and one["ready"]
                lasting = not one["name"].startswith("i") or one["name"] in sidecars
                if one["restartCount"] or not (done or (runs and lasting)):
                    theirs.add((pod["metadata"]["name"], one["name"]))
        assert len(theirs) > 40
        assert ours == theirs
    finally:
        remove_states(cluster, namespace)


def test_the_api_server_is_asked_for_the_metadata_of_secrets_alone(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def script(one: Asked) -> Answer:
        asked.append(one)
        return says({"kind": "SecretList", "metadata": {}, "items": []})

    with serving(script) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "config", server.url)})
        with pytest.raises(Exception, match="a SecretList instead of a PartialObjectMetadataList"):
            changes.secrets(ops)
    accepted = {value for one in asked for name, value in one.headers.items() if name.lower() == "accept"}
    assert accepted == {"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}


GROUP = "admissionregistration.k8s.io"
WEBHOOKS_ALONE = {"kind": "APIResourceList", "resources": [{"name": "validatingwebhookconfigurations"}]}


@pytest.mark.parametrize("refused", [404, 403])
@pytest.mark.parametrize(
    "served", [{"groups": []}, {"groups": [{"name": GROUP}]}], ids=["no group", "another version's"]
)
def test_of_what_a_cluster_does_not_serve_there_is_none(served: dict[str, Any], refused: int, tmp_path: Path) -> None:
    """A role that grants it not, too: what is not served can be in nobody's way."""

    def script(one: Asked) -> Answer:
        known = {"/apis": {"kind": "APIGroupList", **served}, f"/apis/{GROUP}/v1": WEBHOOKS_ALONE}
        return says(known[one.path]) if one.path in known else Answer(refused, b"no")

    with serving(script) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "config", server.url)})
        assert len(control_plane.admission_policies(ops)) == 0
    assert ops.findings == []


@pytest.mark.parametrize(
    "answer", [Answer(404, b"404 page not found"), says({"kind": "Status"})], ids=["404", "no list"]
)
def test_a_server_that_does_not_say_what_it_serves_leaves_it_unknown(answer: Answer, tmp_path: Path) -> None:
    with serving(lambda _: Answer(404, b"404") if "admission" in _.path else answer) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "config", server.url)})
        with pytest.raises(SourceError):
            control_plane.admission_policies(ops)
    assert [(one.status, one.check) for one in ops.findings] == [(Status.UNKNOWN, "control_plane.admission_policies")]


def test_values_of_secrets_and_configmaps_stay_where_they_are(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """Also one that kubectl apply has put into an annotation, whole."""
    value = "c2hhbGwgbm90IGxlYXZl"
    documents = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"key": value}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"key": value}},
    ]
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(documents))
    assert value in cluster.kubectl("get", "secret", "s", "-n", namespace, "-o", "jsonpath={.metadata.annotations}")
    ops = live_session(tmp_path, clusters={"c": cluster.kubeconfig("admin")})
    secrets, configmaps = changes.secrets(ops, namespace=namespace), changes.configmaps(ops, namespace=namespace)
    assert secrets["name"].tolist() == ["s"]
    assert secrets["changed_by"].tolist() == ["kubectl-client-side-apply"]
    assert "m" in configmaps["name"].tolist()
    seen = secrets.to_csv() + configmaps.to_csv() + (tmp_path / "evidence" / "ledger.jsonl").read_text()
    assert value not in seen
