"""What costs, on a real API server: whose volumes, which load balancers, and what sizes a container already."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from gocoffee_ops.errors import Forbidden
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status
from gocoffee_ops.queries import cost_objects
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Session
from tests.support import live_session
from tests.testbed.control_plane import Cluster

NAMESPACE = "go-coffee"
QUESTIONS: list[Query[...]] = [
    cost_objects.cost_nodes,
    cost_objects.volumes,
    cost_objects.load_balancers,
    cost_objects.containers,
]


def create(cluster: Cluster, namespace: str, *manifests: dict[str, Any]) -> None:
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(manifests))


def meta(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


def volume(name: str, namespace: str, claim: str, **where: Any) -> dict[str, Any]:
    """A volume that a claim has."""
    spec = {
        "capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "standard",
        "claimRef": {"namespace": namespace, "name": claim}, "persistentVolumeReclaimPolicy": "Delete", **where,
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta(name), "spec": spec}


def claim(name: str, volume: str) -> dict[str, Any]:
    spec = {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "standard", "volumeName": volume,
        "resources": {"requests": {"storage": "10Gi"}},
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta(name, labels={"team": "bar"}), "spec": spec,
    }  # fmt: skip


def template(spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "it"}}, "spec": {"containers": [{"name": "app", "image": "app:1"}], **spec}}


def workload(kind: str, name: str, replicas: int, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1", "kind": kind, "metadata": meta(name),
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "it"}}, "template": template(spec), **more},
    }  # fmt: skip


def mounts(name: str) -> dict[str, Any]:
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: query.name)
def test_the_reader_role_reads_it(query: Query[...], ops: Session) -> None:
    frame = query(ops)
    assert ops.findings == []
    assert list(frame.columns) == list(query.schema.names)
    assert len(frame) or query is cost_objects.load_balancers


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: query.name)
def test_without_rights_it_is_forbidden_and_unknown(query: Query[...], cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("nobody")})
    with pytest.raises(Forbidden, match="the role lacks list on"):
        query(ops)
    assert [(f.status, f.check) for f in ops.findings] == [(Status.UNKNOWN, query.name)]


def test_nodes_have_what_the_bill_calls_them(ops: Session, cluster: Cluster) -> None:
    ours = {row["node"]: row for row in records(cost_objects.cost_nodes(ops))}
    theirs = {one["metadata"]["name"]: one for one in cluster.get("nodes")["items"]}
    assert {name: row["provider_id"] for name, row in ours.items()} == {
        name: one["spec"].get("providerID") for name, one in theirs.items()
    }
    row = ours["general-1"]
    assert (row["instance_type"], row["region"], row["zone"]) == ("e2-standard-4", "europe-west3", "europe-west3-c")
    assert (row["cpu_cores"], row["memory_gib"], row["allocatable_cpu_cores"]) == (4.0, 16.0, 3.92)
    assert (row["pool"], row["capacity_type"], row["control_plane"]) == ("general", "on-demand", False)
    assert ours["general-5"]["capacity_type"] == "spot"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"karpenter.sh/capacity-type": "spot", "karpenter.sh/nodepool": "batch"}, ("spot", "batch")),
        ({"eks.amazonaws.com/capacityType": "ON_DEMAND", "eks.amazonaws.com/nodegroup": "web"}, ("on-demand", "web")),
        ({"cloud.google.com/gke-spot": "true", "cloud.google.com/gke-nodepool": "p"}, ("spot", "p")),
        ({"kubernetes.azure.com/scalesetpriority": "spot", "agentpool": "a"}, ("spot", "a")),
        ({"karpenter.sh/capacity-type": "leased"}, (None, None)),
    ],
)
def test_how_a_node_is_paid_for_is_told_by_its_providers_labels(
    ops: Session, cluster: Cluster, namespace: str, labels: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    name = f"{namespace}-n"
    size = {"cpu": "2", "memory": "4Gi", "pods": "10", "nvidia.com/gpu": "2"}
    node = {
        "apiVersion": "v1", "kind": "Node", "metadata": meta(name, labels=labels), "spec": {"unschedulable": True},
        "status": {"capacity": size, "allocatable": size},
    }  # fmt: skip
    create(cluster, namespace, node)
    try:
        row = next(row for row in records(cost_objects.cost_nodes(ops)) if row["node"] == name)
    finally:
        cluster.kubectl("delete", "node", name, "--wait=false")
    assert (row["capacity_type"], row["pool"]) == expected
    assert (row["gpus"], row["schedulable"], row["provider_id"]) == (2, False, None)


def test_c17_a_volume_that_no_pod_has_is_told_with_its_claim_and_owner(
    ops: Session, cluster: Cluster, namespace: str
) -> None:
    csi = {"csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": f"projects/p/disks/{namespace}"}}
    made = {
        "of-a-set-at-0": "data-db-0", "of-a-deployment-at-0": "cache", "of-a-cronjob": "backup", "of-nobody": "lost",
        "claim-gone": "gone", "mounted": "used",
    }  # fmt: skip
    names = {f"{namespace}-{name}": of for name, of in made.items()}
    volumes = [volume(name, namespace, of, **csi) for name, of in names.items()]
    claims = [claim(of, name) for name, of in names.items() if of != "gone"]
    templates = [{"metadata": {"name": "data"}, "spec": claims[0]["spec"]}]
    owners = [
        workload("StatefulSet", "db", 0, {}, serviceName="db", volumeClaimTemplates=templates),
        workload("Deployment", "cache", 0, mounts("cache")),
        {
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta("backup"),
            "spec": {"schedule": "0 3 * * 0", "jobTemplate": {"spec": {"template": template(
                {**mounts("backup"), "restartPolicy": "Never"})}}},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta("alone"), "spec": template(mounts("used"))["spec"]},
    ]  # fmt: skip
    create(cluster, namespace, *volumes, *claims, *owners)
    try:
        table = {row["volume"].removeprefix(f"{namespace}-"): row for row in records(cost_objects.volumes(ops))}
    finally:
        cluster.kubectl("delete", "pv", *names, "--wait=false")
    found = {name: (table[name]["claim_owner"], table[name]["owner_replicas"]) for name in made}
    assert found == {
        "of-a-set-at-0": ("statefulset/db", 0),
        "of-a-deployment-at-0": ("deployment/cache", 0),
        "of-a-cronjob": ("cronjob/backup", None),
        "of-nobody": (None, None),
        "claim-gone": (None, None),
        "mounted": ("pod/alone", None),
    }
    assert {name: table[name]["claim_exists"] for name in made} == {name: name != "claim-gone" for name in made}
    assert [name for name in made if table[name]["mounted_by"]] == ["mounted"]
    row = table["of-a-set-at-0"]
    assert (row["driver"], row["volume_handle"]) == ("pd.csi.storage.gke.io", f"projects/p/disks/{namespace}")
    assert (row["capacity_gib"], row["reclaim_policy"], row["labels"]) == (10.0, "Delete", ("team=bar",))


def test_load_balancers_tell_what_stands_behind_them(ops: Session, cluster: Cluster, namespace: str) -> None:
    services = [
        {"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": {"type": kind, "ports": [{"port": 80}]}}
        for name, kind in (("balanced", "LoadBalancer"), ("inside", "ClusterIP"))
    ]
    create(cluster, namespace, *services)
    (row,) = [row for row in records(cost_objects.load_balancers(ops)) if row["namespace"] == namespace]
    assert (row["service"], row["ready"], row["pods"], row["addresses"], row["ports"]) == (
        "balanced", 0, 0, (), ("80/TCP",),
    )  # fmt: skip
    assert str(uuid.UUID(row["service_uid"])) == row["service_uid"]


def test_containers_tell_what_sizes_them_by_names_alone(ops: Session, cluster: Cluster, namespace: str) -> None:
    def one(name: str, *env: str, image: str = "app:1", **more: Any) -> dict[str, Any]:
        return {"name": name, "image": image, "env": [{"name": each, "value": "s3cr3t-value"} for each in env], **more}

    resources = {"resources": {"requests": {"cpu": "250m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}}
    spec = {
        "containers": [
            one("plain", "PATH", "DATABASE_PASSWORD", **resources), one("jvm", "JAVA_TOOL_OPTIONS"), one("go", "GOMEMLIMIT"),
            one("by-image", image="registry.example/eclipse-temurin:21-jre"), one("no-java", image="app/javascript:1"),
        ],
        "initContainers": [one("mesh", restartPolicy="Always"), one("first")],
    }  # fmt: skip
    scaler = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta("it"),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "it"}, "maxReplicas": 3,
            "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
                {"type": "ContainerResource", "containerResource": {
                    "name": "memory", "container": "go", "target": {"type": "Utilization", "averageUtilization": 70}}},
            ],
        },
    }  # fmt: skip
    create(cluster, namespace, workload("Deployment", "it", 1, spec), scaler)
    cluster.kubectl("wait", "--for=create", "pod", "-l", "app=it", "-n", namespace, "--timeout=30s")
    table = records(cost_objects.containers(ops, namespace=namespace))
    found = {row["container"]: row for row in table}
    assert sorted(found) == ["by-image", "go", "jvm", "mesh", "no-java", "plain"]
    assert {row["workload"] for row in table} == {"deployment/it"}
    plain = found["plain"]
    assert (plain["cpu_request_cores"], plain["cpu_limit_cores"]) == (0.25, None)
    assert (plain["memory_request_mib"], plain["memory_limit_mib"]) == (128.0, 1024.0)
    runtimes = {name: (row["runtime"], row["runtime_env"]) for name, row in found.items() if row["runtime"]}
    assert runtimes == {
        "jvm": ("JVM", ("JAVA_TOOL_OPTIONS",)), "go": ("GOMEMLIMIT", ("GOMEMLIMIT",)), "by-image": ("JVM", ()),
    }  # fmt: skip
    assert all(row["hpa_on_cpu"] and row["hpa"] == "it" for row in table)
    assert [name for name, row in found.items() if row["hpa_on_memory"]] == ["go"]
    assert found["mesh"]["sidecar"] is True
    assert plain["spec_changed_at"] is not None
    assert "s3cr3t-value" not in str(table)
    assert "DATABASE_PASSWORD" not in str(table)
