"""What keeps pods on their nodes, on a real API server with the real scheduler; and nodes that are emptied as was said."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gocoffee_ops.analysis import rightsizing
from gocoffee_ops.errors import Forbidden
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status
from gocoffee_ops.queries import cost_objects, packing
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Session
from tests.checks.tables import filled
from tests.queries.scheduling_stage import create_nodes, node, settled
from tests.support import live_session
from tests.testbed.control_plane import Cluster

HOST = "kubernetes.io/hostname"
QUESTIONS: list[Query[...]] = [packing.nodes, packing.pods]


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: query.name)
def test_the_reader_role_reads_it(query: Query[...], ops: Session) -> None:
    frame = query(ops)
    assert ops.findings == []
    assert list(frame.columns) == list(query.schema.names)
    assert len(frame)


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: query.name)
def test_without_rights_it_is_forbidden_and_unknown(query: Query[...], cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("nobody")})
    with pytest.raises(Forbidden, match="the role lacks list on"):
        query(ops)
    assert [(f.status, f.check) for f in ops.findings] == [(Status.UNKNOWN, query.name)]


def test_the_planted_clusters_pods_are_all_there_with_what_keeps_them(ops: Session, cluster: Cluster) -> None:
    rows = {row["pod"]: row for row in records(packing.pods(ops))}
    placed = [
        one for one in cluster.get("pods", "-A")["items"]
        if one["spec"].get("nodeName") and one["status"]["phase"] not in ("Succeeded", "Failed")
    ]  # fmt: skip
    assert set(rows) == {one["metadata"]["name"] for one in placed}
    daemons = [row for row in rows.values() if row["workload"].startswith("daemonset/")]
    assert daemons
    assert all(row["leaves"] for row in daemons)
    assert rows["postgres-primary-0"]["stays"] is None  # its disk follows it to another node
    assert any(row["stays"] for row in rows.values())


@pytest.fixture
def pool(empty_cluster: Cluster, tmp_path: Path) -> Iterator[tuple[Cluster, str, Session]]:
    """Three nodes of 4 CPUs that only the pods of a namespace of ours may use."""
    name = f"pack-{uuid.uuid4().hex[:8]}"
    empty_cluster.kubectl("create", "namespace", name)
    empty_cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=20s")
    create_nodes(empty_cluster, [node(f"{name}-{i}", labels={"pool": name}) for i in range(3)])
    yield empty_cluster, name, live_session(tmp_path, clusters={"it": empty_cluster.kubeconfig("reader")})
    empty_cluster.kubectl("delete", "namespace", name, "--wait=false")
    empty_cluster.kubectl("delete", "nodes", "-l", f"pool={name}", "--wait=false")


def deployment(name: str, pool: str, cpu: str, replicas: int, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}}}]
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"nodeSelector": {"pool": pool}, "containers": containers, **spec},
            },
        },
    }  # fmt: skip


def create(cluster: Cluster, namespace: str, *manifests: dict[str, Any]) -> None:
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(manifests))


def apart(name: str) -> dict[str, Any]:
    term = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": name}}}
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def test_c15_nodes_that_are_called_removable_are_really_emptied_by_the_scheduler(
    pool: tuple[Cluster, str, Session],
) -> None:
    cluster, name, ops = pool
    create(cluster, name, deployment("spread", name, "3", 3, **apart("spread")))
    assert settled(cluster, name, 3, 0) == (3, 0)
    before = rightsizing.removable(packing.nodes(ops), packing.pods(ops))
    ours = [row for row in records(before) if row["node"].startswith(name)]
    assert [row["removable_now"] for row in ours] == [False] * 3  # apart from each other, and no room for two
    lower = {
        "cluster": "it", "namespace": name, "workload": "deployment/spread", "container": "app", "cpu_advice": "lower",
        "confidence": "HIGH", "cpu_request_cores": 3.0, "cpu_advised_cores": 1.0, "memory_advice": "keep",
    }  # fmt: skip
    advised = rightsizing.removable(packing.nodes(ops), packing.pods(ops), filled(rightsizing.ADVICE, lower))
    assert [row["removable"] for row in records(advised) if row["node"].startswith(name)] == [False] * 3  # still apart

    cluster.kubectl("delete", "deployment", "spread", "-n", name, "--wait=true", "--timeout=60s")
    cluster.kubectl("wait", "--for=delete", "pod", "-l", "app=spread", "-n", name, "--timeout=60s")
    create(cluster, name, deployment("big", name, "2500m", 3))
    assert settled(cluster, name, 3, 0) == (3, 0)
    lower |= {"workload": "deployment/big", "cpu_request_cores": 2.5}
    table = rightsizing.removable(packing.nodes(ops), packing.pods(ops), filled(rightsizing.ADVICE, lower))
    found = {row["node"]: row for row in records(table) if row["node"].startswith(name)}
    assert not any(row["removable_now"] for row in found.values())
    going = [node for node, row in found.items() if row["removable"]]
    assert len(going) == 2
    # As said: requests as advised, and these nodes cordoned, and the scheduler finds a place for all.
    cluster.kubectl("cordon", *going)
    cluster.kubectl("scale", "deployment/big", "--replicas=0", "-n", name)
    cluster.kubectl("wait", "--for=delete", "pod", "-l", "app=big", "-n", name, "--timeout=60s")
    made = yaml.safe_load(rightsizing.patch(filled(rightsizing.ADVICE, lower | {"sidecar": False})))
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-n", name, "-f", "-", stdin=yaml.safe_dump(made))
    cluster.kubectl("scale", "deployment/big", "--replicas=3", "-n", name)
    assert settled(cluster, name, 3, 0) == (3, 0)
    places = {one["spec"]["nodeName"] for one in cluster.get("pods", "-n", name)["items"]}
    assert not places & set(going)
    requested = cluster.get("pods", "-n", name)["items"][0]["spec"]["containers"][0]["resources"]["requests"]
    assert requested == {"cpu": "1", "memory": "64Mi"}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule",
             "labelSelector": {"matchLabels": {"app": "it"}}}]}, "topology spread"),
        ({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "it"}}}]}}}, "beside other pods"),
        ({"volumes": [{"name": "host", "hostPath": {"path": "/var/lib/it"}}]}, "files of its node"),
        ({"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 80, "hostPort": 80}]}]}, "port of its node"),
        ({"volumes": [{"name": "tmp", "emptyDir": {}}]}, None),
        ({}, None),
    ],
    ids=["spread", "beside", "hostPath", "host port", "emptyDir", "nothing"],
)  # fmt: skip
def test_a_rule_that_is_not_followed_keeps_its_pod(
    pool: tuple[Cluster, str, Session], spec: dict[str, Any], why: str | None
) -> None:
    cluster, name, ops = pool
    create(cluster, name, deployment("it", name, "100m", 1, **spec))
    assert settled(cluster, name, 1, 0) == (1, 0)
    (row,) = [row for row in records(packing.pods(ops)) if row["namespace"] == name]
    assert (row["stays"] is None, why is None or why in row["stays"]) == (why is None, True)
    assert len(row["may_run_on"]) == (3 if why is None else 0)


def test_a_budget_without_room_and_a_pod_that_nobody_made_keep_their_nodes(pool: tuple[Cluster, str, Session]) -> None:
    cluster, name, ops = pool
    budget = {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "tight"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "it"}}},
    }  # fmt: skip
    alone = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"},
        "spec": deployment("alone", name, "100m", 1)["spec"]["template"]["spec"],
    }  # fmt: skip
    create(cluster, name, budget, deployment("it", name, "100m", 1), alone)
    assert settled(cluster, name, 2, 0) == (2, 0)
    rows = {row["workload"]: row["stays"] for row in records(packing.pods(ops)) if row["namespace"] == name}
    assert rows == {
        "deployment/it": "disruption budget tight allows no disruption", "pod/alone": "nobody would make it anew",
    }  # fmt: skip


def test_the_patch_is_taken_by_the_api_server_field_by_field(cluster: Cluster, ops: Session) -> None:
    (now,) = [row for row in records(cost_objects.containers(ops)) if row["workload"] == "statefulset/redis"][:1]
    row = {
        "cluster": "planted", "namespace": now["namespace"], "workload": "statefulset/redis", "container": now["container"],
        "sidecar": False, "confidence": "HIGH", "cpu_advice": "lower", "cpu_advised_cores": 0.123, "memory_advice": "raise",
        "memory_advised_mib": 12345.0, "memory_limit_advised_mib": 12345.0,
    }  # fmt: skip
    text = rightsizing.patch(filled(rightsizing.ADVICE, row))
    options = ("--server-side", "--dry-run=server", "--force-conflicts", "-o", "yaml", "-f", "-")
    taken = yaml.safe_load(cluster.kubectl("apply", *options, stdin=text))
    (container,) = [one for one in taken["spec"]["template"]["spec"]["containers"] if one["name"] == now["container"]]
    assert container["image"]
    assert container["resources"]["requests"] == {"cpu": "123m", "memory": "12345Mi"}
    assert container["resources"]["limits"]["memory"] == "12345Mi"
