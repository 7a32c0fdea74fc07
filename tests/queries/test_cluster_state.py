"""The tables that a diagnosis rests on say what the API server's own objects say, read as the shipped role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from gocoffee_ops import checks
from gocoffee_ops.analysis import timeline
from gocoffee_ops.errors import Forbidden, NotFound, SourceError
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status
from gocoffee_ops.queries import (
    access,
    autoscaling,
    changes,
    control_plane,
    controllers,
    jobs,
    network,
    nodes,
    pods,
    scaling,
    storage,
)
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Session
from tests.http_server import Answer, Asked, says, serving
from tests.queries.pod_states import create_states, remove_states
from tests.sources.kubernetes.static_server import write_kubeconfig
from tests.support import live_session
from tests.testbed.control_plane import Cluster
from tests.testbed.kube_fixtures import fresh_namespace

NAMESPACE = "go-coffee"
READABLE: list[Query[...]] = [
    pods.states, pods.containers, nodes.conditions, nodes.leases, nodes.events, controllers.deployments,
    controllers.statefulsets, controllers.daemonsets, controllers.replicasets, jobs.runs, jobs.cronjobs, network.services,
    network.endpoints, network.ingresses, network.network_policies,
    storage.claims, storage.volumes, storage.classes, scaling.autoscalers,
    scaling.budgets, scaling.quotas, control_plane.webhooks,
    control_plane.admission_policies, control_plane.api_services, control_plane.namespaces,
    access.bindings, autoscaling.autoscaled,
    changes.rollouts, changes.controller_revisions, changes.configmaps,
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
    numbered = {(row["part"], None if pd.isna(row["rule"]) else row["rule"]) for row in rows}
    assert numbered == {("pods", None), ("ingress", 1)}
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


REVISED = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}}}
spec:
  {more}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      nodeSelector: {{pool: nowhere}}
      containers: [{{name: {name}, image: "{image}"}}]
---
"""


@pytest.fixture(scope="module")
def revised(cluster: Cluster) -> Iterator[str]:
    """A namespace with a StatefulSet and a DaemonSet whose images were changed."""
    with fresh_namespace(cluster) as namespace:
        sets = [("StatefulSet", "db", "serviceName: db", "db:1"), ("DaemonSet", "agent", "", "agent:1")]
        documents = "".join(
            REVISED.format(kind=kind, name=name, more=more, image=image) for kind, name, more, image in sets
        )
        cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=documents)
        for made, (kind, name, _, _) in enumerate(sets, 1):
            _until_revisions(cluster, namespace, made=made + 1)
            time.sleep(1.1)  # the API's times are whole seconds
            cluster.kubectl("set", "image", f"{kind}/{name}", f"{name}={name}:2", "-n", namespace)
            _until_revisions(cluster, namespace, made=made + 2)
        yield namespace


def _until_revisions(cluster: Cluster, namespace: str, *, made: int) -> None:
    """Waits until the controllers have made so many revisions, and say what they have seen."""
    deadline = time.monotonic() + 30
    while True:
        revisions = cluster.get("controllerrevisions", "-n", namespace)["items"]
        sets = cluster.get("statefulsets,daemonsets", "-n", namespace)["items"]
        seen = [one["status"].get("observedGeneration") == one["metadata"]["generation"] for one in sets]
        if len(revisions) >= made and all(seen):
            return
        assert time.monotonic() < deadline, f"{len(revisions)} of {made} revisions; seen: {seen}"
        time.sleep(0.1)


def test_revisions_of_statefulsets_and_daemonsets_tell_images_and_who(ops: Session, revised: str) -> None:
    frame = changes.controller_revisions(ops, namespace=revised)
    columns = ["controller", "revision", "newest", "images", "changed_by", "desired"]
    assert [tuple(row) for row in frame[columns].astype(object).to_numpy()] == [
        ("daemonset/agent", 2, True, ("agent:2",), "kubectl-set", 0),
        ("daemonset/agent", 1, False, ("agent:1",), "kubectl-create", 0),
        ("statefulset/db", 2, True, ("db:2",), "kubectl-set", 1),
        ("statefulset/db", 1, False, ("db:1",), "kubectl-create", 1),
    ]
    assert frame["created_at"].notna().all()
    assert frame["written_at"].notna().all()
    assert (frame["pods"].fillna(-1)).tolist() == [0, -1, 0, 1]


def test_a_rollout_of_a_statefulset_that_is_not_done_is_found_and_one_of_a_daemonset_without_nodes_is_done(
    ops: Session, revised: str
) -> None:
    (found,) = checks.revisions_done(changes.controller_revisions(ops, namespace=revised))
    assert (found.status, found.subject) == (Status.CRIT, "statefulset/db")
    assert found.reason.startswith("revision 2 (db:2), written ")
    assert found.reason.endswith("by kubectl-set: 0 of 1 pod of it, 0 of 1 pod ready")


def test_pods_that_keep_their_revision_until_somebody_decides_are_counted(
    ops: Session, cluster: Cluster, namespace: str
) -> None:
    strategies = {
        "by-hand": "updateStrategy: {type: OnDelete}", "staged": "updateStrategy: {rollingUpdate: {partition: 2}}", "all": "",
    }  # fmt: skip
    documents = "".join(
        REVISED.format(kind="StatefulSet", name=name, more=f"serviceName: db\n  replicas: 3\n  {more}", image="db:1")
        for name, more in strategies.items()
    )
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=documents)
    _until_revisions(cluster, namespace, made=3)
    kept = by(changes.controller_revisions(ops, namespace=namespace), "controller")
    assert {name: row["kept_back"] for name, row in kept.items()} == {
        "statefulset/by-hand": 3, "statefulset/staged": 2, "statefulset/all": 0,
    }  # fmt: skip


def test_a_changed_image_of_a_statefulset_or_daemonset_is_a_candidate(ops: Session, revised: str) -> None:
    frame = changes.controller_revisions(ops, namespace=revised)
    line = timeline.controller_revisions(frame)
    assert line.attrs["evidence"]
    onset = frame["written_at"].max() + timedelta(seconds=30)
    found = timeline.candidates(line, onset=onset, service="db", namespace=revised)
    first = records(found)[0]
    assert (first["kind"], first["role"], first["subject"], first["overlap"]) == (
        "rollout",
        "change",
        "statefulset/db",
        1,
    )
    assert first["what"] == "revision 2: db:2 by kubectl-set"
    assert {row["subject"] for row in records(found)} == {"statefulset/db", "daemonset/agent"}
    (said,) = checks.changed_before_onset(line, found)
    assert "look first at statefulset/db" in said.reason


def test_a_revision_that_is_rolled_back_to_is_the_newest_again(ops: Session, cluster: Cluster, namespace: str) -> None:
    """Its ControllerRevision keeps its first time, so that when it was written is what tells."""
    document = REVISED.format(kind="DaemonSet", name="agent", more="", image="agent:1")
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=document)
    _until_revisions(cluster, namespace, made=1)
    cluster.kubectl("set", "image", "daemonset/agent", "agent=agent:2", "-n", namespace)
    _until_revisions(cluster, namespace, made=2)
    cluster.kubectl("rollout", "undo", "daemonset/agent", "-n", namespace)
    _until_revisions(cluster, namespace, made=2)
    rows = records(changes.controller_revisions(ops, namespace=namespace))
    assert [(row["revision"], row["newest"], row["images"]) for row in rows] == [
        (3, True, ("agent:1",)),
        (2, False, ("agent:2",)),
    ]
    assert rows[0]["written_at"] >= rows[1]["created_at"] >= rows[0]["created_at"]


def test_a_template_that_no_revision_was_made_of_is_told(tmp_path: Path) -> None:
    """As when the controller manager is down: the change is there, and what carries it out is not."""
    at = [f"2026-11-25T0{hour}:00:00Z" for hour in range(4)]
    fields: dict[str, Any] = {"f:spec": {"f:template": {}}}
    meta = {"namespace": "shop", "creationTimestamp": at[0]}
    written = {"managedFields": [{"manager": "helm", "time": at[2], "fieldsV1": fields}]}
    template = [{"spec": {"containers": [{"name": "db", "image": image}]}} for image in ("db:1", "db:2")]
    owner = [{"kind": "StatefulSet", "name": "db"}]
    lists: dict[str, list[dict[str, Any]]] = {
        "StatefulSet": [
            {
                "metadata": {**meta, **written, "name": "db", "generation": 2},
                "spec": {"template": template[1]},
                "status": {"observedGeneration": 1, "updateRevision": "db-1", "currentRevision": "db-1"},
            },
            {"metadata": {**meta, "name": "new", "generation": 1}, "spec": {"template": template[0]}},
        ],
        "DaemonSet": [],
        "ControllerRevision": [
            {"metadata": {**meta, "name": "db-1", "ownerReferences": owner}, "revision": 1,
             "data": {"spec": {"template": template[0]}}},
            {"metadata": {**meta, "name": "x", "ownerReferences": [{"kind": "Machine", "name": "x"}]}, "data": {"cpu": 2}},
        ],
    }  # fmt: skip

    def script(one: Asked) -> Answer:
        plural = one.path.partition("?")[0].rpartition("/")[2]
        kind = next(kind for kind in lists if plural == f"{kind.lower()}s")
        return says({"kind": f"{kind}List", "metadata": {}, "items": lists[kind]})

    with serving(script) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "config", server.url)})
        frame = changes.controller_revisions(ops)
    rows = [
        (row["controller"], row["revision"], row["newest"], row["images"], row["changed_by"]) for row in records(frame)
    ]
    assert rows == [
        ("statefulset/db", None, True, ("db:2",), "helm"),
        ("statefulset/db", 1, False, ("db:1",), None),
        ("statefulset/new", None, True, ("db:1",), None),
    ]
    told = {row["what"]: f"{row['time']:%H}" for row in records(timeline.controller_revisions(frame))}
    assert told["not rolled out yet: db:2 by helm"] == "02"


def test_a_deployment_that_nobody_rolled_out_is_a_row_and_unknown(
    ops: Session, cluster: Cluster, namespace: str
) -> None:
    paused = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "waits"},
        "spec": {
            "paused": True, "replicas": 2, "selector": {"matchLabels": {"app": "waits"}},
            "template": {
                "metadata": {"labels": {"app": "waits"}}, "spec": {"containers": [{"name": "c", "image": "waits:1"}]},
            },
        },
    }  # fmt: skip
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump(paused))
    frame = changes.rollouts(ops, namespace=namespace)
    (row,) = frame.to_dict("records")
    assert (row["deployment"], row["images"], row["desired"], row["ready"]) == ("waits", ("waits:1",), 2, 0)
    assert pd.isna(row["replicaset"])
    assert timeline.rollouts(frame).empty
    (found,) = checks.rollouts_done(frame)
    assert (found.status, found.subject) == (Status.UNKNOWN, "deployment/waits")
    assert "has no ReplicaSet" in found.reason
    cluster.kubectl("scale", "deployment/waits", "--replicas=0", "-n", namespace)
    assert [one.status for one in checks.rollouts_done(changes.rollouts(ops, namespace=namespace))] == [Status.OK]


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


@pytest.mark.parametrize(
    ("observed", "computed"), [({}, False), ({"observedGeneration": 1}, False), ({"observedGeneration": 2}, True)]
)
def test_a_budget_that_its_controller_has_not_seen_as_it_is_set_is_not_computed(
    observed: dict[str, Any], computed: bool, tmp_path: Path
) -> None:
    """What an API server without a disruption controller has of it; on a whole cluster all are computed."""
    meta = {"name": "web", "namespace": "shop", "generation": 2, "creationTimestamp": "2026-01-05T03:00:00Z"}
    budget = {"metadata": meta, "spec": {"minAvailable": 1}, "status": observed}

    def script(one: Asked) -> Answer:
        items = [budget] if "poddisruptionbudgets" in one.path else []
        return says({"kind": "PodDisruptionBudgetList" if items else "PodList", "metadata": {}, "items": items})

    with serving(script) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "config", server.url)})
        assert scaling.budgets(ops)["computed"].tolist() == [computed]


def test_budgets_of_a_whole_cluster_are_computed(ops: Session) -> None:
    assert scaling.budgets(ops)["computed"].all()


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
