"""The diagnosis of whole clusters: the planted one, the healthy one, one that may be read in part, one replayed, one dead."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from gocoffee_ops import checks
from gocoffee_ops.checks.diagnosis import AREAS
from gocoffee_ops.errors import Unreachable
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.queries import diagnosis
from gocoffee_ops.session import Place, Session
from tests.diagnosis.stage import Stage, autoscaler, claim, deployment, service, webhook
from tests.http_server import unused_port
from tests.sources.kubernetes.static_server import write_kubeconfig
from tests.support import live_session
from tests.testbed.control_plane import Cluster

AT_ONCE = Thresholds(pod_starting_s=0.0)
PLANTED = {
    ("CRIT", "node_pressure", "node/general-2"),
    ("CRIT", "node_ready", "node/general-4"),
    ("CRIT", "node_versions", "node/general-5"),
    ("WARN", "node_schedulable", "node/general-3"),
    ("CRIT", "workloads_run", "deployment/demand-forecast"),
    ("CRIT", "workloads_run", "deployment/inventory-service"),
    ("CRIT", "workloads_run", "deployment/loyalty-service"),
    ("CRIT", "workloads_run", "deployment/notification-service"),
    ("WARN", "workloads_run", "deployment/order-service"),
    ("WARN", "workloads_run", "deployment/payment-service"),
    ("WARN", "autoscalers_able", "hpa/api-gateway"),
    ("WARN", "budgets_allow", "pdb/web-ui"),
}


def wrong(findings: list[Finding]) -> set[tuple[str, str, str]]:
    return {(one.status.value, one.check, one.subject) for one in findings if one.status is not Status.OK}


def test_every_planted_fault_is_one_finding_at_its_owner(cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})
    found = checks.cluster_diagnosis(diagnosis.state(ops, namespace="go-coffee"), thresholds=AT_ONCE)
    assert wrong(found) == PLANTED
    reasons = {one.subject: one.reason for one in found}
    assert "image not found: ghcr.io/gocoffee/loyalty-service:0.3.l" in reasons["deployment/loyalty-service"]
    assert "deployment/recommendation-service (0 of 1 ready)" in reasons["node/general-4"]
    assert "init container wait-for-postgres has not ended yet" in reasons["deployment/inventory-service"]


def test_the_healthy_cluster_has_no_finding(healthy_cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"healthy": healthy_cluster.kubeconfig("reader")})
    found = checks.cluster_diagnosis(diagnosis.state(ops), thresholds=AT_ONCE)
    assert wrong(found) == set()
    assert len(found) == len(AREAS)
    assert ops.findings == []


def test_three_lines_of_a_notebook_judge_everything_and_cite_it(cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})
    ops.ahead(*diagnosis.questions("go-coffee"))
    ops.judge(checks.cluster_diagnosis, diagnosis.state(ops, namespace="go-coffee"))
    assert len(ops.findings) > len(PLANTED)
    recorded = {
        f"{one.body['query']}({one.body['args']})@{one.body['target']}"
        for one in ops.ledger.entries()
        if one.kind == "query"
    }
    assert len(recorded) == len(diagnosis.questions())  # each was asked once
    for one in ops.findings:
        assert one.evidence
        assert set(one.evidence) <= recorded


def test_a_replay_reaches_the_same_findings(cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})
    live = checks.cluster_diagnosis(diagnosis.state(ops), thresholds=AT_ONCE)
    target = Target("cluster", "planted")
    place = Place(target, ops.as_of(target), recording=Recording(tmp_path / "evidence"))
    again = Session(
        runbook="test", environment="test", places=[place], thresholds=Thresholds(), ledger=Ledger(tmp_path / "again")
    )
    assert checks.cluster_diagnosis(diagnosis.state(again), thresholds=AT_ONCE) == live


def test_kinds_that_the_role_may_not_list_are_unknown_and_the_rest_is_judged(
    bare_cluster: Cluster, tmp_path: Path
) -> None:
    """A webhook without its Service and a claim without its class are seen, by a role that may not see quotas and slices."""
    role = next(one for one in yaml.safe_load_all(Path("deploy/rbac.yaml").read_text()) if one["kind"] == "ClusterRole")
    less = {"resourcequotas", "endpointslices", "statefulsets"}
    for rule in role["rules"]:
        if "resources" in rule:
            rule["resources"] = [one for one in rule["resources"] if one not in less] or ["nothing"]
    role["metadata"]["name"] = "less"
    bare_cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(role))
    bare_cluster.kubectl("create", "clusterrolebinding", "less", "--clusterrole=less", "--user=nobody")
    stage = Stage(bare_cluster, "default")
    stage.create(claim("data", "fast"), webhook("gone", "default", "nowhere", "nothings"))
    ops = live_session(tmp_path, clusters={"bare": bare_cluster.kubeconfig("nobody")})
    ops.thresholds = Thresholds(stuck_s=0.0)
    ops.judge(checks.cluster_diagnosis, diagnosis.state(ops))
    unknown = [one for one in ops.findings if one.status is Status.UNKNOWN]
    folded = {frozenset((part.check, part.subject) for part in one.made) for one in unknown}
    # Webhooks and Services both need slices: one reason, one finding. What cannot be told without a kind goes with it.
    slices = {("network.services", "cluster/bare"), ("control_plane.webhooks", "cluster/bare")}
    resting = {("services_answered", "services"), ("ingresses_lead", "ingresses"), ("webhooks_answered", "webhooks")}
    assert folded == {
        frozenset({*slices, *resting}),
        frozenset({("scaling.quotas", "cluster/bare"), ("quotas_leave_room", "quotas")}),
        frozenset({("controllers.statefulsets", "cluster/bare"), ("workloads_run", "workloads")}),
        frozenset({("node_ready", "nodes")}),  # there are none
    }
    assert {one.subject for one in ops.findings if one.status is Status.WARN} == {"persistentvolumeclaim/data"}
    assert {one.check for one in ops.findings if one.status is Status.OK} >= {"apis_available", "jobs_done"}


def test_an_api_that_nobody_serves_keeps_a_namespace_and_both_are_one_finding(
    bare_cluster: Cluster, tmp_path: Path
) -> None:
    stage = Stage(bare_cluster, "default")
    api = {
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.broken.example"},
        "spec": {
            "group": "broken.example", "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 10,
            "insecureSkipTLSVerify": True, "service": {"name": "behind", "namespace": "default"},
        },
    }  # fmt: skip
    stage.create(service("behind"), api)
    stage.condition("apiservice", "v1.broken.example", "Available", "False")
    bare_cluster.kubectl("create", "namespace", "old")
    bare_cluster.kubectl("delete", "namespace", "old", "--wait=false")
    stage.condition("namespace", "old", "NamespaceDeletionDiscoveryFailure", "True")
    ops = live_session(tmp_path, clusters={"bare": bare_cluster.kubeconfig("reader")})
    found = checks.cluster_diagnosis(diagnosis.state(ops), thresholds=Thresholds(stuck_s=0.0))
    bad = [one for one in found if one.status in {Status.WARN, Status.CRIT}]
    assert [(one.status, one.check, one.subject) for one in bad] == [
        (Status.CRIT, "services_answered", "service/behind")
    ]
    assert "apiservice/v1.broken.example (not available)" in bad[0].reason
    assert "namespace/old (does not go away)" in bad[0].reason


def test_autoscalers_without_a_metrics_server_are_one_finding(bare_cluster: Cluster, tmp_path: Path) -> None:
    bare_cluster.kubectl("delete", "apiservice", "v1beta1.metrics.k8s.io")
    stage = Stage(bare_cluster, "default")
    stage.create(*(deployment(name) for name in ("a", "b")), *(autoscaler(name, name) for name in ("a", "b")))
    for name in ("a", "b"):
        stage.condition("hpa", name, "ScalingActive", "False")
    ops = live_session(tmp_path, clusters={"bare": bare_cluster.kubeconfig("reader")})
    found = checks.cluster_diagnosis(diagnosis.state(ops), thresholds=Thresholds())
    (one,) = [one for one in found if one.check == "autoscalers_able"]
    assert (one.status, one.subject) == (Status.WARN, "apiservice/v1beta1.metrics.k8s.io")
    assert one.reason.startswith("metrics.k8s.io is not installed: nothing measures what pods use; hit by it: hpa/")
    assert one.numbers == {"consequences": 2}


def test_a_cluster_that_is_dead_costs_its_own_part_alone(healthy_cluster: Cluster, tmp_path: Path) -> None:
    dead = write_kubeconfig(tmp_path / "dead", f"http://127.0.0.1:{unused_port()}")
    ops = live_session(tmp_path, clusters={"healthy": healthy_cluster.kubeconfig("reader"), "dead": dead})
    state = diagnosis.state(ops)
    found = checks.cluster_diagnosis(state, thresholds=AT_ONCE)
    assert wrong(found) == {("UNKNOWN", "cluster_diagnosis", "cluster/dead")}
    ops.judge(checks.cluster_diagnosis, state)
    (dead_alone,) = (one for one in ops.findings if one.status is Status.UNKNOWN)
    assert {one.check for one in dead_alone.parts} == {*state.read, "cluster_diagnosis"}
    assert f"So {len(state.read)} questions have no answer: " in dead_alone.reason


def test_when_nothing_at_all_is_read_it_raises(tmp_path: Path) -> None:
    dead = write_kubeconfig(tmp_path / "dead", f"http://127.0.0.1:{unused_port()}")
    ops = live_session(tmp_path, clusters={"dead": dead}, as_of=datetime.now(UTC))
    with pytest.raises(Unreachable):
        diagnosis.state(ops)
    assert {one.status for one in ops.findings} == {Status.UNKNOWN}
