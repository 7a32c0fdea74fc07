"""Deployments as kubectl prints them, room as the real scheduler sees it, and restarts without false precision."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from gocoffee_ops.errors import NotFound, UsageError
from gocoffee_ops.queries import workloads
from gocoffee_ops.session import Session
from tests.http_server import says, serving
from tests.queries.kubectl import table
from tests.queries.scheduling_stage import create_nodes, node, settled
from tests.sources.kubernetes.static_server import pod, write_kubeconfig
from tests.support import live_session
from tests.testbed.control_plane import Cluster

NAMESPACE = "go-coffee"


def test_every_deployment_is_as_kubectl_prints_it(ops: Session, cluster: Cluster) -> None:
    frame = workloads.deployments(ops)
    ours = {
        (row["namespace"], row["deployment"]): (
            f"{row['ready']}/{row['desired']}", str(row["updated"]), str(row["available"])
        )
        for row in frame.to_dict("records")
    }  # fmt: skip
    printed = table(cluster, "get", "deployments", "-A")
    assert ours == {
        (row["NAMESPACE"], row["NAME"]): (row["READY"], row["UP-TO-DATE"], row["AVAILABLE"]) for row in printed
    }
    objects = {one["metadata"]["name"]: one for one in cluster.get("deployments", "-A")["items"]}
    for row in frame.to_dict("records"):
        annotations = objects[row["deployment"]]["metadata"]["annotations"]
        assert row["revision"] == annotations["deployment.kubernetes.io/revision"]
        assert row["unavailable"] == objects[row["deployment"]]["status"].get("unavailableReplicas", 0)


def test_autoscalers_and_budgets_stand_beside_the_deployment_they_belong_to(ops: Session, cluster: Cluster) -> None:
    frame = workloads.deployments(ops, namespace=NAMESPACE).set_index("deployment")
    scaled = frame.dropna(subset="hpa")
    printed = {
        row["REFERENCE"].removeprefix("Deployment/"): row for row in table(cluster, "get", "hpa", "-n", NAMESPACE)
    }
    assert set(scaled.index) == set(printed)
    for name, row in scaled.iterrows():
        theirs = printed[str(name)]
        assert [row["hpa_min"], row["hpa_max"], row["hpa_current"]] == [
            int(theirs[key]) for key in ("MINPODS", "MAXPODS", "REPLICAS")
        ]
        assert row["hpa_able"]
    budgets = {row["NAME"]: int(row["ALLOWED DISRUPTIONS"]) for row in table(cluster, "get", "pdb", "-n", NAMESPACE)}
    protected = frame.dropna(subset="pdb")
    assert dict(zip(protected["pdb"], protected["pdb_disruptions_allowed"], strict=True)) == budgets
    assert pd.isna(frame.loc["kitchen-service", "hpa_able"])


def test_h26_as_many_replicas_fit_as_the_scheduler_places(bare_cluster: Cluster, tmp_path: Path) -> None:
    nodes = [
        node("n1", cpu="2", memory="2Gi", pods="30"),
        node("n2", cpu="8", memory="1Gi", pods="30"),
        node("n3", cpu="8", memory="8Gi", pods="3"),
        node(
            "tainted", cpu="8", memory="8Gi", pods="30", taints=[{"key": "for", "value": "gpu", "effect": "NoSchedule"}]
        ),
        node("cordoned", cpu="8", memory="8Gi", pods="30", unschedulable=True),
        node("other", cpu="8", memory="8Gi", pods="30", labels={"pool": "other"}),
    ]
    create_nodes(bare_cluster, nodes)
    bare_cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(_deployment()))
    bare_cluster.kubectl("wait", "--for=create", "pod", "-l", "app=roomy", "--timeout=20s")
    bare_cluster.kubectl("wait", "--for=condition=PodScheduled", "pod", "-l", "app=roomy", "--timeout=20s")
    ops = live_session(tmp_path, clusters={"bare": bare_cluster.kubeconfig("reader")})
    fit = workloads.replicas_that_fit(ops, namespace="default", deployment="roomy").set_index("node")
    assert dict(fit["bound_by"]) == {
        "n1": "cpu", "n2": "memory", "n3": "pods", "tainted": "taint", "cordoned": "unschedulable", "other": "selector",
    }  # fmt: skip
    promised = int(fit["fits"].sum())
    assert promised > 5
    bare_cluster.kubectl("scale", "deployment", "roomy", f"--replicas={1 + promised + 4}")
    assert settled(bare_cluster, "default", 1 + promised, 4) == (1 + promised, 4)
    later = workloads.replicas_that_fit(ops, namespace="default")
    assert set(later["fits"]) == {0}


def _deployment() -> dict[str, Any]:
    """Its init container needs more memory than it does; a sidecar stays."""

    def container(name: str, cpu: str, memory: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "image": "app:1", "resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}

    terms = [{"matchExpressions": [{"key": "pool", "operator": "In", "values": ["general"]}]}]
    spec = {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}},
        "initContainers": [
            container("proxy", "50m", "16Mi", restartPolicy="Always"),
            container("migrate", "100m", "200Mi"),
        ],
        "containers": [container("app", "250m", "64Mi")],
    }
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "roomy", "namespace": "default"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "roomy"}},
            "template": {"metadata": {"labels": {"app": "roomy"}}, "spec": spec},
        },
    }  # fmt: skip


def test_a_deployment_that_is_not_there_is_not_found_with_those_that_are(ops: Session) -> None:
    with pytest.raises(NotFound, match=r"deployment orders.*order-service"):
        workloads.replicas_that_fit(ops, namespace=NAMESPACE, deployment="orders")
    with pytest.raises(UsageError, match="namespace"):
        workloads.replicas_that_fit(ops)  # type: ignore[call-arg]


def test_no_replica_is_promised_on_nodes_that_take_none(ops: Session) -> None:
    fit = workloads.replicas_that_fit(ops, namespace=NAMESPACE, deployment="web-ui").set_index("node")
    refused = {"general-2": "taint", "general-3": "unschedulable", "general-4": "not ready", "memory-1": "taint"}
    for name, why in refused.items():
        assert (fit.loc[name, "fits"], fit.loc[name, "bound_by"]) == (0, why)
    assert fit.loc["general-1", "fits"] > 0
    forecast = workloads.replicas_that_fit(ops, namespace=NAMESPACE, deployment="demand-forecast")
    assert set(forecast["fits"]) == {0}


def test_restarts_and_oom_kills_are_those_that_kubectl_shows(ops: Session, cluster: Cluster) -> None:
    frame = workloads.restarts(ops)
    printed = {
        row["NAME"]: int(row["RESTARTS"].split()[0])
        for row in table(cluster, "get", "pods", "-A")
        if not row["RESTARTS"].startswith("0")
    }
    assert dict(zip(frame["pod"], frame["restarts"], strict=True)) == printed
    killed = frame[frame["oom_killed"]]
    assert set(killed["owner"]) == {"deployment/payment-service"}
    assert set(killed["last_exit_code"]) == {137}
    crashing = frame[frame["owner"] == "deployment/notification-service"].iloc[0]
    assert (crashing["last_reason"], crashing["last_exit_code"], crashing["restarts"]) == ("Error", 1, 14)


@pytest.mark.parametrize(
    ("created", "count", "ended", "at_least", "exact"),
    [
        ("2026-11-20T06:00:00Z", 5, "2026-11-20T11:00:00Z", 5, True),  # younger than the window
        ("2026-10-01T00:00:00Z", 5, "2026-11-20T11:00:00Z", 1, False),  # the API keeps the last one alone
        ("2026-10-01T00:00:00Z", 1, "2026-11-20T11:00:00Z", 1, True),
        ("2026-10-01T00:00:00Z", 5, "2026-11-01T00:00:00Z", 0, True),  # the last one was before the window
        ("2026-10-01T00:00:00Z", 5, None, 0, False),  # nothing says when
    ],
)
def test_restarts_in_the_window_are_a_lower_bound_unless_they_are_known(
    tmp_path: Path, created: str, count: int, ended: str | None, at_least: int, exact: bool
) -> None:
    one = pod("a")
    one["metadata"]["creationTimestamp"] = created
    status = one["status"]["containerStatuses"][0]
    status["restartCount"] = count
    if ended:
        status["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": ended}}
    listed = says({"kind": "PodList", "metadata": {}, "items": [one, pod("never-restarted")]})
    with serving(lambda _: listed) as server:
        clusters = {"c": write_kubeconfig(tmp_path / "config", server.url)}
        ops = live_session(tmp_path, clusters=clusters, as_of=datetime(2026, 11, 20, 12, tzinfo=UTC))
        frame = workloads.restarts(ops, window_s=86_400.0)
    assert list(frame["pod"]) == ["a"]
    assert (frame.loc[0, "in_window_at_least"], frame.loc[0, "exact"]) == (at_least, exact)
