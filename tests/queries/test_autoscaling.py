"""What autoscalers may add, against what the real scheduler then places, and by whom nodes are added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gocoffee_ops import checks
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from gocoffee_ops.queries import autoscaling, diagnosis
from gocoffee_ops.session import Session
from tests.diagnosis.stage import Stage, autoscaler, deployment
from tests.queries.scheduling_stage import create_nodes, node, settled
from tests.support import live_session
from tests.testbed.control_plane import Cluster

AREA = "autoscalers_fit"
CONFIG_MAP = {
    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cluster-autoscaler-status", "namespace": "kube-system"},
}  # fmt: skip
NODE_POOLS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "nodepools.karpenter.sh"},
    "spec": {
        "group": "karpenter.sh", "scope": "Cluster", "names": {"kind": "NodePool", "plural": "nodepools", "singular": "nodepool"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}],
    },
}  # fmt: skip

BETA = json.dumps([
    {"op": "replace", "path": "/spec/versions/0/served", "value": False},
    {"op": "add", "path": "/spec/versions/-", "value": {"name": "v1beta1", "served": True, "storage": False, "schema": {
        "openAPIV3Schema": {"type": "object"}}}},
])  # fmt: skip
MAP = "ConfigMap kube-system/cluster-autoscaler-status"
UPDATED, LONG_AGO = "cluster-autoscaler.kubernetes.io/last-updated", "2024-05-10 12:00:00.123456789 +0000 UTC"


def ours(ops: Session) -> dict[str, Any]:
    (row,) = records(autoscaling.autoscaled(ops))
    return row


def said(ops: Session) -> list[tuple[Status, str]]:
    found = checks.cluster_diagnosis(diagnosis.state(ops), thresholds=Thresholds())
    return [(one.status, one.reason) for one in found if one.check == AREA]


def again(cluster: Cluster, folder: Path) -> Session:
    """A session of its own: what was asked once is not asked again."""
    folder.mkdir()
    return live_session(folder, clusters={"it": cluster.kubeconfig("reader")})


@pytest.mark.testbed
def test_as_many_fit_as_the_scheduler_then_places_unless_nodes_are_added(bare_cluster: Cluster, tmp_path: Path) -> None:
    cordoned = node("cordoned", cpu="3") | {"spec": {"unschedulable": True}}
    tainted = node("tainted", taints=[{"key": "only", "value": "gpu", "effect": "NoSchedule"}])
    create_nodes(bare_cluster, [node("n1"), node("n2", memory="2Gi"), cordoned, tainted])
    stage = Stage(bare_cluster, "default")
    web = {"name": "web", "image": "web:1", "resources": {"requests": {"cpu": "900m", "memory": "768Mi"}}}
    scaler = autoscaler("web", "web")
    scaler["spec"]["maxReplicas"] = 30
    stage.create(deployment("web", containers=[web]), scaler)
    stage.until("its count", lambda: stage.get("hpa", "web").get("status", {}).get("currentReplicas") == 1)
    filler = {"name": "filler", "image": "filler:1", "resources": {"requests": {"cpu": "1500m"}}}
    stage.create(
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "filler"}, "value": -10},
        deployment("filler", containers=[filler], priorityClassName="filler"),  # makes way, so that it takes nothing
    )
    stage.condition("deployment", "filler", "Available", "True")
    row = ours(again(bare_cluster, tmp_path / "first"))
    assert (row["current_replicas"], row["max_replicas"], row["cpu_request_millicores"]) == (1, 30, 900)
    assert row["memory_request_mib"] == 768.0
    assert row["fits_once_well"] == row["fits"] + 3  # on the cordoned one
    assert row["cpu_free_millicores"] == row["shared_cpu_free_millicores"] == 2 * 4000 - 900
    ((status, reason),) = said(again(bare_cluster, tmp_path / "judged"))
    assert status is Status.WARN
    assert (
        f"needs 26.1 cores and 21.8 GiB; on the nodes that take them 7.1 cores and 9.2 GiB are free: {row['fits']} of 29"
        in reason
    )
    bare_cluster.kubectl("delete", "hpa", "web", "-n", "default")
    bare_cluster.kubectl("scale", "deployment/web", "-n", "default", "--replicas=30")
    bare_cluster.kubectl("delete", "deployment", "filler", "-n", "default")
    assert settled(bare_cluster, "default", 1 + row["fits"], 29 - row["fits"])[0] == 1 + row["fits"]

    bare_cluster.kubectl("scale", "deployment/web", "-n", "default", "--replicas=1")
    stage.until("one pod", lambda: len(stage.pods("web")) == 1)
    stage.create(scaler, NODE_POOLS)
    stage.condition("crd", "nodepools.karpenter.sh", "Established", "True")
    stage.until("its count", lambda: stage.get("hpa", "web").get("status", {}).get("currentReplicas") == 1)
    assert ours(again(bare_cluster, tmp_path / "no-pool"))["nodes_added"] is None
    stage.create({"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "general"}})
    assert ours(again(bare_cluster, tmp_path / "pool"))["nodes_added"] == "by Karpenter, as it has node pools (general)"
    bare_cluster.kubectl("patch", "crd", "nodepools.karpenter.sh", "--type=json", "-p", BETA)
    stage.until("v1beta1", lambda: "v1beta1" in bare_cluster.kubectl("api-versions"))
    stage.until("v1 to go", lambda: "karpenter.sh/v1\n" not in bare_cluster.kubectl("api-versions"))
    assert ours(again(bare_cluster, tmp_path / "beta"))["nodes_added"] == "by Karpenter, as it has node pools (general)"
    bare_cluster.kubectl("delete", "crd", "nodepools.karpenter.sh")
    bare_cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(CONFIG_MAP))
    bare_cluster.kubectl(
        "annotate", "configmap", "-n", "kube-system", "cluster-autoscaler-status", f"{UPDATED}={LONG_AGO}"
    )
    row = ours(again(bare_cluster, tmp_path / "left over"))
    assert row["nodes_added"] is None
    assert row["nodes_not_added"] == f"{MAP} is not written since 2024-05-10 12:00 UTC"
    bare_cluster.kubectl("annotate", "configmap", "-n", "kube-system", "cluster-autoscaler-status", f"{UPDATED}-")
    by = f"by cluster-autoscaler, as {MAP} is written"
    assert said(again(bare_cluster, tmp_path / "added")) == [
        (Status.OK, f"what autoscalers may add fits onto the nodes (none looked at); 1 not looked at: those of cluster it, where "
                    f"nodes are added {by}")
    ]  # fmt: skip
