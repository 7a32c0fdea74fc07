"""The cluster's tables say what kubectl prints for the same objects, and what it hides."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from gocoffee_ops import checks
from gocoffee_ops.analysis.quantities import mib, millicores, whole
from gocoffee_ops.errors import Forbidden, NotFound, Unreachable, Unsupported
from gocoffee_ops.model import Status, Window
from gocoffee_ops.queries import cluster as queries
from gocoffee_ops.session import Session
from tests.http_server import Answer, Asked, says, serving, unused_port
from tests.queries.kubectl import allocated, pods_on, seconds, table
from tests.queries.pod_states import create_states, remove_states
from tests.sources.kubernetes.static_server import pod_list, write_kubeconfig
from tests.support import live_session
from tests.testbed.control_plane import Cluster

AGE_S = 30.0  # kubectl prints later than we read
NAMESPACE = "go-coffee"


def by(frame: pd.DataFrame, *names: str) -> dict[Any, dict[str, Any]]:
    """Rows by the value of a column, or of several."""
    rows = frame.to_dict("records")
    return {row[names[0]] if len(names) == 1 else tuple(row[name] for name in names): row for row in rows}


def same_pods(frame: pd.DataFrame, printed: list[dict[str, str]]) -> None:
    """Every row of ours is a row of kubectl's, in what both show."""
    ours = {
        (row["namespace"], row["pod"]): (
            f"{row['ready_containers']}/{row['containers']}",
            row["status"],
            row["restarts"],
            "<none>" if pd.isna(row["node"]) else row["node"],
            "<none>" if pd.isna(row["pod_ip"]) else row["pod_ip"],
        )
        for row in frame.to_dict("records")
    }
    theirs = {
        (row["NAMESPACE"], row["NAME"]): (
            row["READY"], row["STATUS"], int(row["RESTARTS"].split()[0]), row["NODE"], row["IP"]
        )
        for row in printed
    }  # fmt: skip
    assert ours == theirs


def test_every_pod_is_as_kubectl_prints_it(ops: Session, cluster: Cluster) -> None:
    frame = queries.pods(ops)
    printed = table(cluster, "get", "pods", "-A", "-o", "wide")
    assert len(printed) > 30
    same_pods(frame, printed)
    rows = by(frame, "namespace", "pod")
    for row in printed:
        ours = rows[row["NAMESPACE"], row["NAME"]]
        rounded = 0.0 if "s" in row["AGE"] else 60.0  # from ten minutes on kubectl prints whole minutes
        assert ours["age_s"] == pytest.approx(seconds(row["AGE"]) + rounded / 2, abs=AGE_S + rounded / 2)
        if "ago" in row["RESTARTS"]:
            ago = (pd.Timestamp.now(tz="UTC") - ours["last_restart_at"]).total_seconds()
            assert ago == pytest.approx(seconds(row["RESTARTS"].split("(")[1].split()[0]), abs=3600)


def test_pods_in_every_state_are_as_kubectl_prints_them(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    made = create_states(cluster, namespace, random_states=60)
    try:
        ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})
        printed = [row for row in table(cluster, "get", "pods", "-A", "-o", "wide") if row["NAMESPACE"] == namespace]
        assert len(printed) == made
        assert {"SchedulingGated", "Terminating", "Completed", "CrashLoopBackOff", "Unknown"} < {
            row["STATUS"] for row in printed
        }
        same_pods(queries.pods(ops, namespace=namespace), printed)
    finally:
        remove_states(cluster, namespace)


def test_every_node_is_as_kubectl_prints_it(ops: Session, cluster: Cluster) -> None:
    printed = table(cluster, "get", "nodes")
    ours = {
        row["node"]: (row["status"], row["roles"], row["kubelet_version"])
        for row in queries.nodes(ops).to_dict("records")
    }
    assert ours == {row["NAME"]: (row["STATUS"], row["ROLES"], row["VERSION"]) for row in printed}
    assert {status for status, _, _ in ours.values()} == {"Ready", "NotReady", "Ready,SchedulingDisabled"}


def test_usage_of_nodes_and_pods_is_as_kubectl_top_prints_it(ops: Session, cluster: Cluster) -> None:
    nodes, pods = queries.node_usage(ops), queries.pod_usage(ops)
    measured = nodes.dropna(subset="cpu_millicores")
    top = {row["NAME"]: row for row in table(cluster, "top", "nodes") if row["CPU(cores)"] != "<unknown>"}
    assert set(measured["node"]) == set(top)
    for row in measured.to_dict("records"):
        assert row["cpu_millicores"] == pytest.approx(millicores(top[row["node"]]["CPU(cores)"]), rel=0.05, abs=5)
        assert row["memory_mib"] == pytest.approx(mib(whole(top[row["node"]]["MEMORY(bytes)"])), rel=0.01, abs=1)
        assert round(row["memory_of_allocatable"] * 100) == pytest.approx(
            int(top[row["node"]]["MEMORY(%)"].rstrip("%")), abs=1
        )
    lines = {(row["NAMESPACE"], row["NAME"]): row for row in table(cluster, "top", "pods", "-A")}
    used = pods.dropna(subset="cpu_millicores")
    assert set(zip(used["namespace"], used["pod"], strict=True)) == set(lines)
    for row in used.to_dict("records"):
        printed = lines[row["namespace"], row["pod"]]
        assert row["cpu_millicores"] == pytest.approx(millicores(printed["CPU(cores)"]), rel=0.05, abs=5)
        assert row["memory_mib"] == pytest.approx(mib(whole(printed["MEMORY(bytes)"])), rel=0.01, abs=1)


# The hazards


def test_h01_running_hides_pods_that_are_not_ready_and_flags_completed_jobs(ops: Session, cluster: Cluster) -> None:
    pods = by(queries.pods(ops, namespace=NAMESPACE), "pod")
    printed = {row["NAME"]: row["STATUS"] for row in table(cluster, "get", "pods", "-n", NAMESPACE)}
    kept = {name for name, status in printed.items() if "Running" not in status}  # what `grep -v Running` shows
    sick = {name for name, row in pods.items() if not row["ready"] and not row["finished"]}
    hidden, falsely_shown = sick - kept, kept - sick
    assert {name.rsplit("-", 2)[0] for name in hidden} == {"order-service", "recommendation-service"}
    assert {name.split("-")[0] for name in falsely_shown} == {"db"}  # the completed migration
    assert not [name for name in sick if pd.isna(pods[name]["reason"])]
    reasons = {name.rsplit("-", 2)[0]: str(pods[name]["reason"]) for name in sick}
    assert "Unschedulable: 0/7 nodes are available" in reasons["demand-forecast"]
    assert "ImagePullBackOff" in reasons["loyalty-service"]
    assert "CrashLoopBackOff" in reasons["notification-service"]
    assert "running, not ready" in reasons["order-service"]
    assert "is its node?" in reasons["recommendation-service"]
    restarted = {name for name, row in pods.items() if row["restarts"] and row["status"] == "Running"}
    assert {name.rsplit("-", 2)[0] for name in restarted} == {"payment-service"}


def test_h02_ready_nodes_show_pressure_cordons_and_version_skew(ops: Session, cluster: Cluster) -> None:
    nodes = by(queries.nodes(ops), "node")
    printed = {row["NAME"]: row["STATUS"] for row in table(cluster, "get", "nodes")}
    assert printed["general-2"] == "Ready"
    assert nodes["general-2"]["pressures"] == ("MemoryPressure",)
    assert "node.kubernetes.io/memory-pressure:NoSchedule" in nodes["general-2"]["taints"]
    assert nodes["general-3"]["unschedulable"]
    assert nodes["general-4"]["pressures"] == ("MemoryPressure=Unknown", "DiskPressure=Unknown", "PIDPressure=Unknown")
    assert not nodes["general-4"]["ready"]
    assert (nodes["general-5"]["kubelet_version"], nodes["general-5"]["server_version"]) == ("v1.32.9", cluster.version)
    assert nodes["general-1"]["pressures"] == ()
    assert nodes["memory-1"]["taints"] == ("dedicated=database:NoSchedule",)
    assert {row["pool"] for row in nodes.values()} == {"general", "memory"}


def test_h26_requests_and_limits_are_what_describe_node_adds_up(ops: Session, cluster: Cluster) -> None:
    for row in queries.nodes(ops).to_dict("records"):
        theirs = allocated(cluster, row["node"])
        assert (row["cpu_requested_millicores"], row["cpu_limits_millicores"]) == tuple(
            millicores(value) for value in theirs["cpu"]
        )
        assert (row["memory_requested_mib"], row["memory_limits_mib"]) == tuple(
            mib(whole(value)) for value in theirs["memory"]
        )
        assert row["cpu_requested_millicores"] > 0


def test_h26_sidecars_overhead_pod_level_resources_and_resizes_count_as_kubectl_counts_them(
    bare_cluster: Cluster, tmp_path: Path
) -> None:
    node = {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"},
        "status": {key: {"cpu": "64", "memory": "256Gi", "pods": "110"} for key in ("capacity", "allocatable")},
    }  # fmt: skip
    bare_cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(node))
    bare_cluster.kubectl("wait", "--for=condition=Ready", "node/n1", "--timeout=30s")
    bare_cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=20s")
    bare_cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(ODD_PODS))
    ready = [
        "wait",
        "--for=condition=Ready",
        "--timeout=30s",
        *(f"pod/{one['metadata']['name']}" for one in ODD_PODS[1:]),
    ]
    bare_cluster.kubectl(*ready)
    resize(bare_cluster, "growing", {"cpu": "100m", "memory": "64Mi"}, "")
    resize(bare_cluster, "too-big", {"cpu": "150m", "memory": "64Mi"}, "Infeasible")
    row = queries.nodes(live_session(tmp_path, clusters={"bare": bare_cluster.kubeconfig("reader")})).iloc[0]
    theirs = pods_on(bare_cluster, "n1").values()
    assert row["cpu_requested_millicores"] == sum(millicores(one["cpu_requests"]) for one in theirs)
    assert row["cpu_limits_millicores"] == sum(millicores(one["cpu_limits"]) for one in theirs)
    assert row["memory_requested_mib"] == sum(mib(whole(one["memory_requests"])) for one in theirs)
    assert row["memory_limits_mib"] == sum(mib(whole(one["memory_limits"])) for one in theirs)
    assert row["pods"] == len(ODD_PODS) - 1


def resize(cluster: Cluster, name: str, given: dict[str, str], refused: str) -> None:
    """Write what a kubelet says that it has given the pod's container, and that it refuses to give what was asked."""
    one = cluster.get("pod", name)
    status = one["status"]["containerStatuses"][0]
    status |= {"resources": {"requests": given, "limits": given}, "allocatedResources": given}
    patch: dict[str, Any] = {"status": {"containerStatuses": [status]}}
    if refused:
        pending = {"type": "PodResizePending", "status": "True", "reason": refused}
        patch["status"]["conditions"] = [*one["status"]["conditions"], pending]
    path = f"/api/v1/namespaces/default/pods/{name}/status"
    answer = cluster.api("admin").request("PATCH", path, patch, content_type="application/merge-patch+json")
    assert answer.status == 200, answer.text


def odd_pod(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod on node n1."""
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": "n1", "containers": list(containers), **spec},
    }  # fmt: skip


def takes(name: str, requests: str, limits: str = "", **more: Any) -> dict[str, Any]:
    """A container that takes "cpu memory", either of which may be "-"."""
    both = [
        {key: value for key, value in zip(("cpu", "memory"), text.split(), strict=False) if value != "-"}
        for text in (requests, limits)
    ]
    return {"name": name, "image": "app:1", "resources": dict(zip(("requests", "limits"), both, strict=True)), **more}


SIDECAR = {"restartPolicy": "Always"}
ODD_PODS: list[dict[str, Any]] = [
    {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "vm"}, "handler": "vm",
     "overhead": {"podFixed": {"cpu": "130m", "memory": "70Mi"}}},
    odd_pod("plain", takes("a", "100m 128Mi", "500m 256Mi"), takes("b", "0.25 1Gi", "- 2Gi")),
    odd_pod("unbound", takes("a", "")),
    odd_pod("starting", takes("a", "100m 64Mi", "1 64Mi"), initContainers=[takes("i", "900m 16Mi", "2 1Gi")]),
    odd_pod(
        "sidecars", takes("a", "100m 64Mi", "200m 64Mi"),
        initContainers=[
            takes("s", "50m 32Mi", "60m 32Mi", **SIDECAR), takes("i", "300m 10Mi", "400m 10Mi"),
            takes("t", "70m 8Mi", "80m 8Mi", **SIDECAR),
        ],
    ),
    odd_pod("overhead", takes("a", "100m 64Mi", "200m -"), runtimeClassName="vm"),
    odd_pod(
        "pod-level", takes("a", "100m 64Mi"), takes("b", ""),
        resources={"requests": {"cpu": "700m"}, "limits": {"cpu": "1", "memory": "3Gi"}},
    ),
    odd_pod("growing", takes("a", "400m 64Mi", "400m 64Mi")),
    odd_pod("too-big", takes("a", "400m 64Mi", "400m 64Mi")),
]  # fmt: skip


def test_h27_events_are_by_last_sighting_with_their_count_and_the_horizon_is_stated(
    ops: Session, cluster: Cluster
) -> None:
    events = queries.events(ops, namespace=NAMESPACE)
    listed = cluster.get("events", "-n", NAMESPACE)["items"]
    assert len(events) == len(listed)
    assert events["last_seen_at"].is_monotonic_decreasing
    repeated = events[(events["reason"] == "BackOff") & events["object"].str.startswith("pod/notification-service")]
    assert list(repeated["count"]) == [214]
    row = repeated.iloc[0]
    assert (row["last_seen_at"] - row["first_seen_at"]).total_seconds() == pytest.approx(47 * 60, abs=60)
    horizon = queries.event_horizon(ops).iloc[0]
    assert horizon["events"] == len(cluster.get("events", "-A")["items"])
    assert horizon["oldest_at"] <= events["last_seen_at"].min()
    assert horizon["newest_at"] >= events["last_seen_at"].max()
    assert pd.isna(horizon["retention_s"])


def test_h27_no_event_is_no_evidence_and_of_a_window_that_is_forgotten_nothing_is_known(ops: Session) -> None:
    quiet, horizon = queries.events(ops, namespace="kube-public"), queries.event_horizon(ops)
    assert quiet.empty
    oldest, known = horizon["oldest_at"].iloc[0], horizon["known_since"].iloc[0]
    as_of = datetime.fromisoformat(horizon.attrs["as_of"]["planted"])
    assert known == min(oldest, as_of - timedelta(hours=1))
    (fine,) = checks.events_heard(quiet, horizon, window=Window(known, known + timedelta(hours=1)))
    assert (fine.status, fine.reason) == (Status.OK, f"no warning among 0 events since {known:%Y-%m-%d %H:%M:%S} UTC")
    ago = Window(known - timedelta(hours=2), known - timedelta(hours=1))
    (forgotten,) = checks.events_heard(quiet, horizon, window=ago)
    assert (forgotten.status, forgotten.subject) == (Status.UNKNOWN, "cluster/planted")
    assert f"since {known:%Y-%m-%d %H:%M:%S} UTC only, and none of the window" in forgotten.reason


def test_an_event_that_a_clock_dates_days_ago_does_not_make_the_horizon_older_than_the_api_server_has_it(
    ops: Session, cluster: Cluster
) -> None:
    known, then = queries.event_horizon(ops)["known_since"].iloc[0], pd.Timestamp("2020-01-01T00:00:00Z")
    event = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "behind", "namespace": "default"}, "type": "Normal",
        "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": "old-clock"}, "reason": "Started", "message": "by its clock",
        "firstTimestamp": f"{then:%Y-%m-%dT%H:%M:%SZ}", "lastTimestamp": f"{then:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(event))
    try:
        horizon = queries.event_horizon(ops).iloc[0]
    finally:
        cluster.kubectl("delete", "event", "behind", "-n", "default")
    assert (horizon["oldest_at"], horizon["known_since"]) == (then, known)


def test_h28_usage_stands_beside_requests_and_limits_and_what_is_not_measured_is_missing(ops: Session) -> None:
    nodes = by(queries.node_usage(ops), "node")
    assert len(nodes) == 7
    assert pd.isna(nodes["general-4"]["cpu_millicores"])
    assert pd.isna(nodes["general-4"]["measured_at"])
    assert nodes["general-2"]["memory_of_allocatable"] > 0.9
    assert nodes["general-1"]["window_s"] > 0
    pods = by(queries.pod_usage(ops, namespace=NAMESPACE), "pod")
    usage = {name.rsplit("-", 2)[0]: row for name, row in pods.items()}
    assert usage["kitchen-service"]["cpu_of_request"] == pytest.approx(12, rel=0.1)
    assert usage["payment-service"]["memory_of_limit"] > 0.9
    assert pd.isna(usage["analytics-worker"]["memory_of_limit"])
    assert usage["analytics-worker"]["memory_mib"] > 12_000
    assert pd.isna(usage["recommendation-service"]["cpu_millicores"])  # it runs, and nobody measured it
    assert "db-migrate" not in usage


# What could not be read


def test_a_user_without_rights_is_forbidden_with_what_the_role_lacks(cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("nobody")})
    with pytest.raises(Forbidden, match="lacks list on pods of the core API group in namespace go-coffee"):
        queries.pods(ops, namespace=NAMESPACE)
    assert [finding.status for finding in ops.findings] == [Status.UNKNOWN]


def test_a_role_of_one_namespace_reads_that_namespace(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.kubectl("create", "rolebinding", "nobody", "--clusterrole=view", "--user=nobody", "-n", namespace)
    create_states(cluster, namespace, random_states=0)
    try:
        ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("nobody")})
        assert len(queries.pods(ops, namespace=namespace)) > 0
        with pytest.raises(Forbidden, match="in the whole cluster"):
            queries.pods(ops)
    finally:
        remove_states(cluster, namespace)


def test_an_empty_namespace_is_empty_and_a_misspelt_one_is_not_found(ops: Session, namespace: str) -> None:
    empty = queries.pods(ops, namespace=namespace)
    assert len(empty) == 0
    assert list(empty.columns) == list(queries.pods.schema.names)
    with pytest.raises(NotFound, match="go-cofee"):
        queries.pods(ops, namespace="go-cofee")


def test_a_dead_cluster_costs_its_own_rows_alone(cluster: Cluster, healthy_cluster: Cluster, tmp_path: Path) -> None:
    dead = write_kubeconfig(tmp_path / "dead", f"http://127.0.0.1:{unused_port()}")
    clusters = {
        "planted": cluster.kubeconfig("reader"), "dead": dead, "healthy": healthy_cluster.kubeconfig("reader"),
    }  # fmt: skip
    ops = live_session(tmp_path, clusters=clusters)
    nodes = queries.nodes(ops)
    assert set(nodes["cluster"]) == {"planted", "healthy"}
    assert [(finding.status, finding.cluster) for finding in ops.findings] == [(Status.UNKNOWN, "dead")]
    assert not by(nodes, "cluster", "node")["planted", "general-4"]["ready"]
    assert by(nodes, "cluster", "node")["healthy", "general-4"]["ready"]


def test_with_every_cluster_dead_the_query_raises(tmp_path: Path) -> None:
    dead = write_kubeconfig(tmp_path / "dead", f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(Unreachable, match="refused"):
        queries.pods(live_session(tmp_path, clusters={"dead": dead}))


def test_usage_without_metrics_server_is_unsupported_not_zero(tmp_path: Path) -> None:
    def script(asked: Asked) -> Answer:
        if asked.path.startswith("/apis/metrics.k8s.io"):
            return Answer(404, b"404 page not found\n", content_type="text/plain")
        return pod_list("a")

    with serving(script) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "config", server.url)})
        with pytest.raises(Unsupported, match="metrics-server is missing"):
            queries.pod_usage(ops)


@pytest.mark.parametrize(
    "conditions", [[], [{"type": "EtcdIsVoter", "status": "True"}]], ids=["none", "good-when-true"]
)
def test_a_node_that_reports_no_pressure_conditions_is_not_taken_for_well(
    conditions: list[dict[str, str]], tmp_path: Path
) -> None:
    made = {"name": "n1", "creationTimestamp": "2026-11-20T08:00:00Z"}
    node = {"metadata": made, "status": {"conditions": conditions}}

    def script(asked: Asked) -> Answer:
        if asked.path == "/version":
            return says({"gitVersion": "v1.36.3"})
        kind = "NodeList" if asked.path.endswith("nodes") else "PodList"
        return says({"kind": kind, "metadata": {}, "items": [node] if kind == "NodeList" else []})

    with serving(script) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "config", server.url)})
        row = queries.nodes(ops).iloc[0]
    assert (row["status"], row["ready"]) == ("Unknown", False)
    assert row["pressures"] == ("MemoryPressure=Unknown", "DiskPressure=Unknown", "PIDPressure=Unknown")


def test_the_record_names_the_lists_resource_versions(ops: Session) -> None:
    queries.nodes(ops)
    entries = [entry for entry in ops.ledger.entries() if entry.kind == "query"]
    versions = entries[0].body["notes"]["resource_versions"]
    assert set(versions) == {"nodes", "pods"}
    assert all(int(version) > 0 for version in versions.values())
