"""The diagnosis of a cluster from tables: every check in every status, what folds into what, and what was not read."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.checks.diagnosis import AREAS
from gocoffee_ops.checks.diagnosis.folding import folded
from gocoffee_ops.checks.diagnosis.problem import Cause, Picture, Problem, Ref
from gocoffee_ops.frames import Tables
from gocoffee_ops.model import Finding, Status, Thresholds
from gocoffee_ops.queries import (
    cluster,
    control_plane,
    controllers,
    diagnosis,
    jobs,
    network,
    nodes,
    pods,
    scaling,
    storage,
)
from gocoffee_ops.queries.query import Query
from tests.checks.tables import table

OK, WARN, CRIT, UNKNOWN = Status.OK, Status.WARN, Status.CRIT, Status.UNKNOWN
QUERIES = {one.name: one for one in (*diagnosis.NAMESPACED, *diagnosis.CLUSTER_WIDE)}
Rows = dict[Query[...], list[dict[str, Any]]]

NODE = {
    "node": "n1", "status": "Ready", "unschedulable": False, "kubelet_version": "v1.36.3", "server_version": "v1.36.3",
    "cpu_allocatable_millicores": 1000, "memory_allocatable_mib": 1000.0, "pods_allocatable": 100,
}  # fmt: skip
LEASE = {"node": "n1", "renewed_s": 3.0, "duration_s": 40.0}
POD = {
    "namespace": "shop", "pod": "web-1", "owner": "deployment/web", "phase": "Running", "finished": False, "node": "n1",
    "scheduled": True, "labels": ("app=web",), "age_s": 9_999.0,
}  # fmt: skip
UNREADY = POD | {"ready": False}
CONTAINER = {
    "namespace": "shop", "pod": "web-1", "owner": "deployment/web", "container": "web", "role": "main", "ready": False,
}  # fmt: skip
CRASHING = CONTAINER | {"state": "waiting", "reason": "CrashLoopBackOff", "restarts": 9, "last_reason": "Error",
                        "last_exit_code": 1, "last_ended_s": 30.0}  # fmt: skip
CONTROLLER = {
    "namespace": "shop", "controller": "deployment/web", "desired": 2, "created": 2, "ready": 2, "updated": 2, "available": 2,
    "paused": False, "labels": ("app=web",), "age_s": 9_999.0,
}  # fmt: skip
JOB = {"namespace": "shop", "job": "seed", "state": "complete", "age_s": 60.0}
SERVICE = {
    "namespace": "shop", "service": "web", "type": "ClusterIP", "selector": ("app=web",), "ready": 2, "not_ready": 0,
    "pods": 2, "owners": ("deployment/web",), "age_s": 9_999.0,
}  # fmt: skip
INGRESS = {
    "namespace": "shop", "ingress": "web", "class_name": "nginx", "class_exists": True, "host": "a.example", "path": "/",
    "service": "web", "port": "80", "service_exists": True, "port_exists": True,
}  # fmt: skip
CLAIM = {"namespace": "shop", "claim": "data", "phase": "Bound", "storage_class": "disk", "age_s": 9_999.0}
PENDING = CLAIM | {"phase": "Pending"}
CLASS = {"storage_class": "disk", "binding_mode": "Immediate"}
HPA = {
    "namespace": "shop", "hpa": "web", "scales": "deployment/web", "able": True, "active": True, "max_replicas": 3,
    "age_s": 9_999.0,
}  # fmt: skip
PDB = {
    "namespace": "shop", "pdb": "web", "bound": "minAvailable 1", "disruptions_allowed": 1, "healthy": 2,
    "healthy_needed": 1, "expected_pods": 2, "owners": ("deployment/web",),
}  # fmt: skip
QUOTA = {
    "namespace": "shop",
    "quota": "small",
    "resource": "pods",
    "used": 1.0,
    "hard": 9.0,
    "used_text": "1",
    "hard_text": "9",
}
HOOK = {
    "configuration": "validatingwebhookconfiguration/v", "webhook": "v.example.com", "failure_policy": "Fail",
    "service_namespace": "shop", "service": "web", "service_exists": True, "ready_endpoints": 1, "covers": ("CREATE pods",),
}  # fmt: skip
API = {"api_service": "v1.x.example", "group": "x.example", "available": True}
SPACE = {"namespace": "shop", "phase": "Active"}
GOING = SPACE | {"phase": "Terminating", "deletion_overdue_s": 900.0, "obstacles": ("SomeFinalizersRemain: a/b in 1",)}

WELL: Rows = {
    cluster.nodes: [NODE], nodes.leases: [LEASE], pods.states: [POD], controllers.deployments: [CONTROLLER],
    jobs.runs: [JOB], network.services: [SERVICE], network.ingresses: [INGRESS], storage.claims: [CLAIM],
    storage.classes: [CLASS], scaling.autoscalers: [HPA], scaling.budgets: [PDB], scaling.quotas: [QUOTA],
    control_plane.webhooks: [HOOK], control_plane.api_services: [API], control_plane.namespaces: [SPACE],
}  # fmt: skip


@cache
def well(query: Query[...], where: str) -> pd.DataFrame:
    """A table in which nothing is wrong; most of a state is, so each is made once."""
    rows = WELL.get(query, [])
    return table(query, *({"cluster": where} | row for row in rows), evidence=f"{query.name}()@cluster/{where}")


def state(rows: Rows, missing: tuple[Query[...], ...] = (), clusters: tuple[str, ...] = ("cluster",)) -> Tables:
    """Everything is well but for `rows`; of `missing`, nothing was read."""
    read: dict[str, pd.DataFrame] = {}
    for name, query in QUERIES.items():
        if query in missing:
            continue
        if query not in rows and len(clusters) == 1:
            read[name] = well(query, clusters[0])
            continue
        both = [{"cluster": where} | row for where in clusters for row in rows.get(query, WELL.get(query, []))]
        read[name] = table(query, *both, evidence=f"{name}()@cluster/{clusters[0]}")
    gaps = {one.name: dict.fromkeys(clusters, "forbidden") for one in missing}
    return Tables(clusters, read, gaps)


def judged(rows: Rows, missing: tuple[Query[...], ...] = (), clusters: tuple[str, ...] = ("cluster",)) -> list[Finding]:
    return checks.cluster_diagnosis(state(rows, missing, clusters), thresholds=Thresholds())


def wrong(findings: list[Finding]) -> list[tuple[Status, str, str]]:
    return [(one.status, one.check, one.subject) for one in findings if one.status is not OK]


CASES: list[tuple[Status, str, str, Rows]] = [
    (CRIT, "node_ready", "node/n1", {cluster.nodes: [NODE | {"ready": False, "status": "NotReady"}]}),
    (CRIT, "node_pressure", "node/n1", {cluster.nodes: [NODE | {"pressures": ("DiskPressure",)}]}),
    (UNKNOWN, "node_pressure", "node/n1", {cluster.nodes: [NODE | {"pressures": ("DiskPressure=Unknown",)}]}),
    (WARN, "node_schedulable", "node/n1", {cluster.nodes: [NODE | {"unschedulable": True}]}),
    (CRIT, "node_versions", "node/n1", {cluster.nodes: [NODE | {"kubelet_version": "v1.32.0"}]}),
    (UNKNOWN, "node_versions", "node/n1", {cluster.nodes: [NODE | {"server_version": None}]}),
    (WARN, "node_room", "node/n1", {cluster.nodes: [NODE | {"memory_requested_mib": 1100.0}]}),
    (WARN, "node_leases", "node/n1", {nodes.leases: [LEASE | {"renewed_s": 99.0}, LEASE | {"node": "n2"}]}),
    (WARN, "node_leases", "node/n1", {nodes.leases: [LEASE | {"node": "n2"}]}),
    (CRIT, "workloads_run", "deployment/web",
     {pods.states: [UNREADY], pods.containers: [CRASHING], controllers.deployments: [CONTROLLER | {"ready": 0}]}),
    (WARN, "workloads_run", "deployment/web",
     {pods.states: [POD, UNREADY], pods.containers: [CRASHING], controllers.deployments: [CONTROLLER | {"ready": 1}]}),
    (WARN, "workloads_run", "deployment/web",
     {controllers.deployments: [CONTROLLER | {"updated": 1, "stalled": "ProgressDeadlineExceeded: timed out"}]}),
    (WARN, "workloads_run", "deployment/web",
     {controllers.deployments: [CONTROLLER | {"updated": 0, "refused": "FailedCreate: no service account"}]}),
    (WARN, "workloads_run", "deployment/web", {controllers.deployments: [CONTROLLER | {"created": 1, "ready": 1}]}),
    (WARN, "workloads_run", "deployment/web",
     {pods.containers: [CONTAINER | {"state": "running", "ready": True, "restarts": 1, "last_reason": "Error",
                                     "last_exit_code": 1, "last_ended_s": 3_600.0}]}),
    (CRIT, "workloads_run", "pod/alone", {pods.states: [UNREADY | {"owner": None, "pod": "alone"}]}),
    (WARN, "services_answered", "statefulset/db",
     {controllers.statefulsets: [CONTROLLER | {"controller": "statefulset/db", "service": "db", "labels": ()}]}),
    (WARN, "jobs_done", "job/seed", {jobs.runs: [JOB | {"state": "failed", "failure": "BackoffLimitExceeded"}]}),
    (WARN, "jobs_done", "job/seed", {jobs.runs: [JOB | {"state": "active", "failed": 2}]}),
    (WARN, "jobs_done", "cronjob/nightly",
     {jobs.cronjobs: [{"namespace": "shop", "cronjob": "nightly", "suspended": False}],
      cluster.events: [{"namespace": "shop", "object": "cronjob/nightly", "type": "Warning",
                        "reason": "TooManyMissedTimes", "message": "too many missed start times"}]}),
    (CRIT, "services_answered", "service/web",
     {network.services: [SERVICE | {"ready": 0, "pods": 0, "owners": (), "selector": ("app=other",)}],
      network.ingresses: [], control_plane.webhooks: []}),
    (CRIT, "services_answered", "service/web", {network.services: [SERVICE | {"unresolved_ports": ("80/TCP -> web",)}]}),
    (WARN, "services_answered", "service/web", {network.services: [SERVICE | {"undeclared_ports": ("80/TCP -> 81",)}]}),
    (WARN, "services_answered", "service/web", {network.services: [SERVICE | {"type": "LoadBalancer"}]}),
    (CRIT, "ingresses_lead", "ingress/web", {network.ingresses: [INGRESS | {"service_exists": False}]}),
    (CRIT, "ingresses_lead", "ingress/web", {network.ingresses: [INGRESS | {"class_exists": False}]}),
    (WARN, "ingresses_lead", "ingress/web", {network.ingresses: [INGRESS | {"class_exists": False, "class_name": None}]}),
    (WARN, "claims_bound", "persistentvolumeclaim/data", {storage.claims: [PENDING]}),
    (CRIT, "claims_bound", "persistentvolumeclaim/data", {storage.claims: [CLAIM | {"phase": "Lost"}]}),
    (WARN, "claims_bound", "persistentvolumeclaim/data", {storage.claims: [CLAIM | {"deletion_overdue_s": 900.0}]}),
    (WARN, "claims_bound", "persistentvolume/v", {storage.volumes: [{"volume": "v", "phase": "Failed"}]}),
    (WARN, "autoscalers_able", "hpa/web", {scaling.autoscalers: [HPA | {"active": False, "active_reason": "FailedGet"}]}),
    (WARN, "autoscalers_able", "hpa/web", {scaling.autoscalers: [HPA | {"limited_reason": "TooManyReplicas: more"}]}),
    (UNKNOWN, "autoscalers_able", "hpa/web", {scaling.autoscalers: [HPA | {"able": None, "active": None}]}),
    (WARN, "budgets_allow", "pdb/web", {scaling.budgets: [PDB | {"disruptions_allowed": 0}]}),
    (WARN, "budgets_allow", "pdb/web", {scaling.budgets: [PDB | {"failure": "SyncFailed: no controller"}]}),
    (WARN, "quotas_leave_room", "resourcequota/small", {scaling.quotas: [QUOTA | {"used": 9.0}]}),
    (CRIT, "webhooks_answered", "validatingwebhookconfiguration/v", {control_plane.webhooks: [HOOK | {"ready_endpoints": 0}]}),
    (WARN, "webhooks_answered", "validatingwebhookconfiguration/v",
     {control_plane.webhooks: [HOOK | {"service_exists": False, "failure_policy": "Ignore"}]}),
    (CRIT, "apis_available", "apiservice/v1.x.example", {control_plane.api_services: [API | {"available": False}]}),
    (UNKNOWN, "apis_available", "apiservice/v1.x.example", {control_plane.api_services: [API | {"available": None}]}),
    (WARN, "namespaces_go", "namespace/shop", {control_plane.namespaces: [GOING]}),
]  # fmt: skip


def test_a_cluster_that_is_well_has_one_ok_an_area() -> None:
    found = judged({})
    assert {one.status for one in found} == {OK}
    assert [one.check for one in found] == [area.check for area in AREAS]
    assert all("looked at" in one.reason for one in found)


@pytest.mark.parametrize(("status", "check", "subject", "rows"), CASES, ids=[f"{c}-{s.value}" for s, c, _, _ in CASES])
def test_each_fault_is_its_one_finding(status: Status, check: str, subject: str, rows: Rows) -> None:
    found = judged(rows)
    assert wrong(found) == [(status, check, subject)], [one.reason for one in found]
    assert "None" not in found[0].reason
    assert "\n" not in found[0].reason
    assert not re.search(r"\b1 [a-z]+s\b", found[0].reason), found[0].reason
    assert found[0].evidence


@pytest.mark.parametrize(("pods", "words"), [(1, "its one pod is not ready"), (2, "none of its 2 pods is ready")])
def test_a_service_of_one_pod_has_that_one_not_ready(pods: int, words: str) -> None:
    found = judged({network.services: [SERVICE | {"ready": 0, "not_ready": pods, "pods": pods}]})
    (reason,) = [one.reason for one in found if one.status is not OK]
    assert reason.startswith(f"no ready endpoint: {words} (deployment/web)")


@pytest.mark.parametrize("query", QUERIES.values(), ids=lambda one: one.name)
def test_a_table_that_was_not_read_is_unknown_and_never_taken_for_empty(query: Query[...]) -> None:
    found = judged({}, missing=(query,))
    areas = [area for area in AREAS if query.name in area.tables]
    assert wrong(found) == [(UNKNOWN, area.check, area.subject) for area in areas]
    for one in found:
        if one.status is UNKNOWN:
            assert query.name in one.reason
    assert bool(areas) is (query is not cluster.events)  # without events, causes are only less deep


@pytest.mark.parametrize("query", QUERIES.values(), ids=lambda one: one.name)
def test_what_does_not_rest_on_the_missing_table_is_judged_still(query: Query[...]) -> None:
    quota: Rows = {scaling.quotas: [QUOTA | {"used": 9.0}]}
    hook: Rows = {control_plane.webhooks: [HOOK | {"ready_endpoints": 0}]}
    found = judged({**quota, **hook}, missing=(query,))
    expected = {"quotas_leave_room": scaling.quotas, "webhooks_answered": control_plane.webhooks}
    assert {one.check for one in found if one.status in {WARN, CRIT}} == {
        c for c, of in expected.items() if of is not query
    }


def test_a_table_of_one_cluster_says_nothing_of_another() -> None:
    """The Services of `us` were not read: they are unknown there, and no pod of its own is the worse for it."""
    both = state({network.services: [SERVICE]}, clusters=("eu", "us"))
    eu = both.read["network.services"].query("cluster == 'eu'")
    partly = Tables(both.targets, {**both.read, "network.services": eu}, {"network.services": {"us": "forbidden"}})
    found = checks.cluster_diagnosis(partly, thresholds=Thresholds())
    assert wrong(found) == [(UNKNOWN, "services_answered", "services")]
    assert [one.cluster for one in found if one.status is UNKNOWN] == ["us"]


def test_a_cluster_of_which_nothing_was_read_is_one_unknown() -> None:
    found = judged({}, missing=tuple(QUERIES.values()))
    assert wrong(found) == [(UNKNOWN, "cluster_diagnosis", "cluster/cluster")]
    assert len(found) == 1


def test_without_clusters_everything_is_unknown() -> None:
    found = checks.cluster_diagnosis(Tables((), {}, {}), thresholds=Thresholds())
    assert {one.status for one in found} == {UNKNOWN}


def test_a_cluster_without_nodes_is_unknown() -> None:
    assert wrong(judged({cluster.nodes: []})) == [(UNKNOWN, "node_ready", "nodes")]


def test_each_cluster_has_its_own_findings() -> None:
    found = judged({scaling.quotas: [QUOTA | {"used": 9.0}]}, clusters=("eu", "us"))
    assert [(one.cluster, one.check) for one in found if one.status is WARN] == [
        ("eu", "quotas_leave_room"), ("us", "quotas_leave_room"),
    ]  # fmt: skip


# Folding


def down(name: str) -> dict[str, Any]:
    return NODE | {"node": name, "ready": False, "status": "NotReady"}


def on(node: str, pod: str) -> dict[str, Any]:
    return UNREADY | {"node": node, "pod": pod}


def test_pods_on_dead_nodes_alone_are_the_nodes_matter() -> None:
    found = judged({
        cluster.nodes: [down("n1"), down("n2")], nodes.leases: [LEASE, LEASE | {"node": "n2"}],
        pods.states: [on("n1", "a"), on("n2", "b")], controllers.deployments: [CONTROLLER | {"ready": 0}],
    })  # fmt: skip
    assert [(check, subject) for _, check, subject in wrong(found)] == [
        ("node_ready", "node/n1"),
        ("node_ready", "node/n2"),
    ]
    assert "deployment/web (0 of 2 ready)" in found[0].reason


def test_a_pod_that_fails_elsewhere_too_keeps_its_owner_a_finding() -> None:
    found = judged({
        cluster.nodes: [down("n1"), NODE | {"node": "n2"}], nodes.leases: [LEASE, LEASE | {"node": "n2"}],
        pods.states: [on("n1", "a"), on("n2", "b")], controllers.deployments: [CONTROLLER | {"ready": 0}],
    })  # fmt: skip
    assert {(check, subject) for _, check, subject in wrong(found)} == {
        ("node_ready", "node/n1"), ("workloads_run", "deployment/web"),
    }  # fmt: skip


def test_a_crash_on_a_node_that_is_down_is_not_blamed_on_the_node() -> None:
    found = judged({
        cluster.nodes: [down("n1")], pods.states: [UNREADY], pods.containers: [CRASHING],
        controllers.deployments: [CONTROLLER | {"ready": 0}],
    })  # fmt: skip
    assert {check for _, check, _ in wrong(found)} == {"node_ready", "workloads_run"}


def test_a_chain_ends_at_its_deepest_cause_which_is_as_bad_as_its_worst_consequence() -> None:
    """Image not found, so the webhook's Service has nobody, so pods are refused, so another Deployment is short of them."""
    refused = 'FailedCreate: Internal error: failed calling webhook "v.example.com": no endpoints available'
    found = judged({
        pods.states: [UNREADY], pods.containers: [CONTAINER | {"state": "waiting", "reason": "ErrImagePull", "restarts": 0}],
        controllers.deployments: [
            CONTROLLER | {"ready": 1},
            CONTROLLER | {"controller": "deployment/api", "labels": ("app=api",), "created": 0, "ready": 0, "refused": refused},
        ],
        network.services: [SERVICE | {"ready": 0, "not_ready": 1}], control_plane.webhooks: [HOOK | {"ready_endpoints": 0}],
    })  # fmt: skip
    assert wrong(found) == [(CRIT, "workloads_run", "deployment/web")]
    for named in (
        "service/web",
        "ingress/web",
        "validatingwebhookconfiguration/v",
        "deployment/api (2 of 2 pods not created)",
    ):
        assert named in found[0].reason
    assert found[0].numbers["consequences"] == 4


def test_a_webhook_that_refuses_the_pods_that_would_answer_it_is_one_finding() -> None:
    """Deployment, webhook and Service explain each other in a circle: none of them may vanish behind the others."""
    refused = 'FailedCreate: Internal error: failed calling webhook "v.example.com": no endpoints available'
    found = judged({
        pods.states: [], controllers.deployments: [CONTROLLER | {"created": 0, "ready": 0, "refused": refused}],
        network.services: [SERVICE | {"ready": 0, "pods": 0, "owners": ()}], network.ingresses: [],
        control_plane.webhooks: [HOOK | {"ready_endpoints": 0}],
    })  # fmt: skip
    assert wrong(found) == [(CRIT, "workloads_run", "deployment/web")]
    assert "validatingwebhookconfiguration/v" in found[0].reason
    assert "service/web" in found[0].reason


@pytest.mark.parametrize("seed", range(200))
def test_no_problem_vanishes_whatever_explains_what(seed: int) -> None:
    """Every problem that stands for itself is a finding, or is named by exactly one."""
    dice = random.Random(seed)
    names = [f"service/s{i}x" for i in range(dice.randint(1, 12))]
    causes = [Cause("c", Ref("shop", name)) for name in names]

    def parts() -> tuple[tuple[Cause, ...], ...]:
        return tuple(
            tuple(dice.sample(causes, dice.randint(0, min(2, len(causes))))) for _ in range(dice.randint(0, 2))
        )

    problems = [Problem("c", dice.choice([WARN, CRIT]), one.at, "bad", (), parts(), one.at.subject) for one in causes]
    roots = folded(problems, Picture("eu", {}, Thresholds()))
    named = [text for one in roots for text in (one.at.subject, *re.findall(r"service/s\d+x", one.reason))]
    more = sum(int(count) for one in roots for count in re.findall(r"(\d+) more", one.reason))
    assert len(named) == len(set(named))
    assert len(named) + more == len(names)
    assert max(one.status.severity for one in roots) == max(one.status.severity for one in problems)


def test_an_api_that_is_not_available_explains_the_autoscaler_and_the_namespace() -> None:
    metrics = API | {"api_service": "v1beta1.metrics.k8s.io", "group": "metrics.k8s.io", "available": False}
    going = SPACE | {"namespace": "old", "phase": "Terminating", "deletion_overdue_s": 900.0}
    found = judged({
        control_plane.api_services: [metrics],
        scaling.autoscalers: [HPA | {"active": False, "active_reason": "FailedGetResourceMetric"}],
        control_plane.namespaces: [SPACE, going | {"obstacles": ("DiscoveryFailed: metrics.k8s.io/v1beta1: stale",)}],
    })  # fmt: skip
    assert wrong(found) == [(CRIT, "apis_available", "apiservice/v1beta1.metrics.k8s.io")]
    assert "hpa/web" in found[0].reason
    assert "namespace/old" in found[0].reason


def test_a_quota_that_refused_two_workloads_is_one_finding_though_a_little_is_left() -> None:
    refused = "FailedCreate: exceeded quota: small, requested: pods=4, used: pods=1, limited: pods=3"
    short = [
        CONTROLLER | {"controller": f"deployment/{name}", "labels": (), "created": 1, "ready": 1, "refused": refused}
        for name in ("a", "b")
    ]
    found = judged({controllers.deployments: short})
    assert wrong(found) == [(WARN, "quotas_leave_room", "resourcequota/small")]
    assert "deployment/a" in found[0].reason
    assert "deployment/b" in found[0].reason


@pytest.mark.parametrize("said", ["1 Insufficient cpu.", "1 node(s) didn't find available PersistentVolumeClaims."])
def test_a_claim_and_the_pod_that_wait_for_each_other_are_one_finding_at_the_owner(said: str) -> None:
    waiting = UNREADY | {"scheduled": False, "phase": "Pending", "node": None, "claims": ("data",),
                         "unscheduled_message": f"0/1 nodes are available: {said}"}  # fmt: skip
    found = judged({
        storage.claims: [PENDING], storage.classes: [CLASS | {"binding_mode": "WaitForFirstConsumer"}],
        pods.states: [waiting], controllers.deployments: [CONTROLLER | {"ready": 0}],
    })  # fmt: skip
    assert wrong(found) == [(CRIT, "workloads_run", "deployment/web")]
    assert "persistentvolumeclaim/data (pending)" in found[0].reason


def test_what_lies_in_a_namespace_that_goes_is_no_finding_until_it_is_stuck() -> None:
    sick: Rows = {network.services: [SERVICE | {"ready": 0, "pods": 0, "owners": ()}], control_plane.webhooks: []}
    going = {**sick, control_plane.namespaces: [GOING | {"deletion_overdue_s": 5.0}]}
    assert wrong(judged(going)) == []
    assert wrong(judged({**sick, control_plane.namespaces: [GOING]})) == [(WARN, "namespaces_go", "namespace/shop")]


def test_many_consequences_are_named_in_part_and_counted() -> None:
    services = [SERVICE | {"service": f"s{i}", "ready": 0, "not_ready": 1} for i in range(9)]
    found = judged({
        pods.states: [UNREADY], pods.containers: [CRASHING], controllers.deployments: [CONTROLLER | {"ready": 0}],
        network.services: services, network.ingresses: [],
    })  # fmt: skip
    assert len(wrong(found)) == 1
    assert found[0].reason.endswith(", 3 more")


# No noise


def test_a_pod_that_just_starts_is_no_finding() -> None:
    starting = UNREADY | {"age_s": 5.0, "phase": "Pending"}
    creating = CONTAINER | {"state": "waiting", "reason": "ContainerCreating"}
    rows: Rows = {
        pods.states: [POD, starting],
        pods.containers: [creating],
        controllers.deployments: [CONTROLLER | {"ready": 1}],
    }
    assert wrong(judged(rows)) == []


def test_a_rollout_that_came_through_after_its_deadline_is_no_finding() -> None:
    late = CONTROLLER | {"stalled": "ProgressDeadlineExceeded: timed out"}
    assert wrong(judged({controllers.deployments: [late]})) == []


def test_old_restarts_old_corpses_and_a_run_that_made_good_are_no_findings() -> None:
    month = 2_678_400.0
    old = CONTAINER | {"state": "running", "ready": True, "restarts": 40, "last_exit_code": 137, "last_ended_s": month}
    corpse = UNREADY | {"pod": "web-0", "phase": "Failed", "reason": "Evicted", "ended_s": month}
    night = {"namespace": "shop", "owner": "cronjob/night"}
    runs = [
        night | {"job": "n1", "state": "failed", "age_s": 99.0},
        night | {"job": "n2", "state": "complete", "age_s": 9.0},
    ]
    assert wrong(judged({pods.states: [POD, corpse], pods.containers: [old], jobs.runs: runs})) == []


def test_a_budget_of_pods_that_are_not_well_is_no_finding_beside_theirs() -> None:
    found = judged({
        pods.states: [UNREADY], pods.containers: [CRASHING], controllers.deployments: [CONTROLLER | {"ready": 0}],
        scaling.budgets: [PDB | {"disruptions_allowed": 0, "healthy": 0}],
    })  # fmt: skip
    assert wrong(found) == [(CRIT, "workloads_run", "deployment/web")]
    assert "pdb/web (lets no pod go)" in found[0].reason


def test_a_clock_that_is_wrong_makes_no_lease_late() -> None:
    late = [LEASE | {"renewed_s": 9_999.0}, LEASE | {"node": "n2", "renewed_s": 9_990.0}]
    assert wrong(judged({cluster.nodes: [NODE, NODE | {"node": "n2"}], nodes.leases: late})) == []
