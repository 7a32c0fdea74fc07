"""Each planted fault is there for kubectl to see, and nothing is wrong in the healthy variant."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.testbed.control_plane import Cluster

NAMESPACE = ("-n", "go-coffee")


def pod_of(cluster: Cluster, app: str) -> dict[str, Any]:
    items: list[dict[str, Any]] = cluster.get("pods", *NAMESPACE, "-l", f"app={app}")["items"]
    return max(items, key=lambda one: str(one["metadata"]["creationTimestamp"]))


def printed(cluster: Cluster, app: str) -> list[list[str]]:
    """NAME READY STATUS RESTARTS … of the pods of `app`."""
    out = cluster.kubectl("get", "pods", *NAMESPACE, "-l", f"app={app}", "--no-headers")
    return [line.split() for line in out.splitlines()]


def conditions(node: dict[str, Any]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in node["status"]["conditions"]}


def test_the_server_is_the_locked_version(cluster: Cluster) -> None:
    assert cluster.version == "v1.36.3"
    assert "Server Version: v1.36.3" in cluster.kubectl("version")


@pytest.mark.parametrize(
    ("app", "ready", "status"),
    [
        ("notification-service", "0/1", "CrashLoopBackOff"),
        ("loyalty-service", "0/1", "ImagePullBackOff"),
        ("inventory-service", "0/1", "Init:0/1"),
        ("demand-forecast", "0/1", "Pending"),
        ("db-migrate", "0/1", "Completed"),
        ("recommendation-service", "1/1", "Running"),
    ],
)
def test_kubectl_prints_the_status_of_a_planted_pod(cluster: Cluster, app: str, ready: str, status: str) -> None:
    (row,) = printed(cluster, app)
    assert row[1:3] == [ready, status]


def test_the_crash_looping_pod_says_why_and_how_often(cluster: Cluster) -> None:
    status = pod_of(cluster, "notification-service")["status"]["containerStatuses"][0]
    assert status["restartCount"] == 14
    assert status["lastState"]["terminated"]["reason"] == "Error"
    assert status["state"]["waiting"]["message"].startswith("back-off 5m0s restarting failed container")


def test_the_payment_pods_were_killed_for_their_memory_and_are_near_the_limit(cluster: Cluster) -> None:
    status = pod_of(cluster, "payment-service")["status"]["containerStatuses"][0]
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    usage = cluster.kubectl("top", "pods", *NAMESPACE, "-l", "app=payment-service", "--no-headers")
    assert [line.split()[2] for line in usage.splitlines()] == ["495Mi", "495Mi"]


def test_the_unschedulable_pod_has_the_schedulers_reason(cluster: Cluster) -> None:
    pod = pod_of(cluster, "demand-forecast")
    (condition,) = [one for one in pod["status"]["conditions"] if one["type"] == "PodScheduled"]
    assert condition["reason"] == "Unschedulable"
    assert "Insufficient cpu" in condition["message"]


def test_a_running_pod_is_not_ready_in_a_rollout_that_is_stuck(cluster: Cluster) -> None:
    rows = printed(cluster, "order-service")
    assert sorted(row[1] for row in rows) == ["0/1", "1/1", "1/1"]
    assert {row[2] for row in rows} == {"Running"}
    deployment = cluster.get("deployment", "order-service", *NAMESPACE)["status"]
    assert (deployment["updatedReplicas"], deployment["unavailableReplicas"]) == (1, 1)


def test_containers_are_ready_in_an_unready_pod_on_the_silent_node(cluster: Cluster) -> None:
    """READY says 1/1 and STATUS says Running; only the pod's condition tells."""
    pod = pod_of(cluster, "recommendation-service")
    assert pod["spec"]["nodeName"] == "general-4"
    assert conditions(pod)["Ready"] == "False"
    assert pod["status"]["containerStatuses"][0]["ready"] is True


def test_nodes_are_pressured_cordoned_silent_tainted_and_old(cluster: Cluster) -> None:
    nodes = {one["metadata"]["name"]: one for one in cluster.get("nodes")["items"]}
    assert len(nodes) == 7
    assert conditions(nodes["general-2"])["MemoryPressure"] == "True"
    assert conditions(nodes["general-2"])["Ready"] == "True"
    assert nodes["general-3"]["spec"]["unschedulable"] is True
    assert set(conditions(nodes["general-4"]).values()) == {"Unknown"}
    assert nodes["general-5"]["status"]["nodeInfo"]["kubeletVersion"] == "v1.32.9"
    assert {taint["key"] for taint in nodes["memory-1"]["spec"]["taints"]} == {"dedicated"}
    assert {node["metadata"]["labels"]["pool"] for node in nodes.values()} == {"general", "memory"}


def test_kubectl_top_shows_usage_and_its_gap(cluster: Cluster) -> None:
    rows = {row[0]: row[1:] for row in map(str.split, cluster.kubectl("top", "nodes", "--no-headers").splitlines())}
    assert rows["general-4"] == ["<unknown>"] * 4
    assert int(rows["general-2"][3].rstrip("%")) >= 90
    kitchen = cluster.kubectl("top", "pods", *NAMESPACE, "-l", "app=kitchen-service", "--no-headers").splitlines()
    for line in kitchen:
        _, cpu, memory = line.split()
        assert 480 <= int(cpu.removesuffix("m")) <= 720  # 600m, but for the jitter of scrapes
        assert memory == "900Mi"


def test_the_worker_has_neither_requests_nor_limits(cluster: Cluster) -> None:
    pod = pod_of(cluster, "analytics-worker")
    assert pod["status"]["qosClass"] == "BestEffort"


def test_a_service_fits_itself_to_its_memory(cluster: Cluster) -> None:
    (container,) = pod_of(cluster, "recommendation-service")["spec"]["containers"]
    assert [one["name"] for one in container["env"]] == ["GOMEMLIMIT"]


def test_an_autoscaler_wants_more_than_it_may_have(cluster: Cluster) -> None:
    autoscaler = cluster.get("hpa", "api-gateway", *NAMESPACE)
    assert conditions(autoscaler)["ScalingLimited"] == "True"
    assert autoscaler["status"]["currentReplicas"] == autoscaler["spec"]["maxReplicas"]


def test_a_budget_allows_no_disruption(cluster: Cluster) -> None:
    assert cluster.get("pdb", "web-ui", *NAMESPACE)["status"]["disruptionsAllowed"] == 0


@pytest.mark.parametrize("fixture", ["cluster", "healthy_cluster"])
def test_the_rollout_history_has_three_revisions_with_causes(request: pytest.FixtureRequest, fixture: str) -> None:
    cluster: Cluster = request.getfixturevalue(fixture)
    history = cluster.kubectl("rollout", "history", "deployment/coffee-service", *NAMESPACE)
    assert re.findall(r"^(\d+) +(release [\d.]+)", history, re.MULTILINE) == [
        ("1", "release 2.3.1"),
        ("2", "release 2.4.0"),
        ("3", "release 2.4.1"),
    ]


def test_events_repeat_with_counts_and_two_times(cluster: Cluster) -> None:
    events = cluster.get("events", *NAMESPACE)["items"]
    (back_off,) = [one for one in events if one["reason"] == "BackOff" and one["count"] == 214]
    assert back_off["firstTimestamp"] < back_off["lastTimestamp"]
    (unhealthy,) = [one for one in events if one["reason"] == "Unhealthy"]
    assert unhealthy["involvedObject"]["name"] == pod_of(cluster, "order-service")["metadata"]["name"]
    by_scheduler = [one for one in events if one["reason"] == "FailedScheduling"]
    assert by_scheduler
    assert all(one["eventTime"] for one in by_scheduler)


def test_volumes_are_bound_and_the_ingress_has_an_address(cluster: Cluster) -> None:
    claims = cluster.get("pvc", *NAMESPACE)["items"]
    assert [one["status"]["phase"] for one in claims] == ["Bound", "Bound"]
    assert "203.0.113.10" in cluster.kubectl("get", "ingress", "go-coffee-ingress", *NAMESPACE)


def test_nothing_can_be_run_on_this_host_through_a_pod(cluster: Cluster) -> None:
    done = cluster.kubectl_run("exec", "redis-0", *NAMESPACE, "--", "id")
    assert done.returncode != 0
    assert "no exec found" in done.stderr


REPAIRS = (
    "ipallocator-repair-controller"  # of the API server: it may meet a Service whose address is just being allocated
)


def test_nothing_is_wrong_in_the_healthy_variant(healthy_cluster: Cluster) -> None:
    for node in healthy_cluster.get("nodes")["items"]:
        assert conditions(node) == {
            "Ready": "True",
            "MemoryPressure": "False",
            "DiskPressure": "False",
            "PIDPressure": "False",
        }
        assert "unschedulable" not in node["spec"]
    for pod in healthy_cluster.get("pods", "-A")["items"]:
        finished = pod["status"]["phase"] == "Succeeded"
        assert finished or conditions(pod)["Ready"] == "True"
        assert all(one["restartCount"] == 0 for one in pod["status"]["containerStatuses"])
        assert all({"requests", "limits"} <= set(one["resources"]) for one in pod["spec"]["containers"])
    warnings = healthy_cluster.get("events", "-A", "--field-selector=type=Warning")["items"]
    assert [one for one in warnings if one["reportingComponent"] != REPAIRS] == []
    for budget in healthy_cluster.get("pdb", "-A")["items"]:
        assert budget["status"]["disruptionsAllowed"] > 0
    for autoscaler in healthy_cluster.get("hpa", "-A")["items"]:
        assert conditions(autoscaler)["ScalingLimited"] == "False"
    assert "<unknown>" not in healthy_cluster.kubectl("top", "nodes")


def test_the_healthy_variant_has_what_a_naive_check_would_flag(healthy_cluster: Cluster) -> None:
    (row,) = printed(healthy_cluster, "db-migrate")
    assert row[2] == "Completed"
    assert healthy_cluster.get("deployment", "legacy-menu", *NAMESPACE)["spec"]["replicas"] == 0


def test_two_clusters_run_side_by_side(cluster: Cluster, second_cluster: Cluster) -> None:
    assert cluster.server != second_cluster.server
    assert "loyalty-service" in cluster.kubectl("get", "deployments", *NAMESPACE, user="reader")
    assert (
        second_cluster.get("namespaces", "kube-system")["metadata"]["uid"]
        != (cluster.get("namespaces", "kube-system")["metadata"]["uid"])
    )


def test_a_namespace_of_ones_own_takes_pods(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "deployment", "web", "--image=example/web:1", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=30s")
    assert "1/1" in cluster.kubectl("get", "pods", "-n", namespace)
