"""The diagnosis of a cluster from tables: every check in every status, what folds into what, and what was not read."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.checks.diagnosis import AREAS
from gocoffee_ops.checks.diagnosis.control_plane import PATCHED_S
from gocoffee_ops.frames import Tables
from gocoffee_ops.model import Status, Thresholds
from gocoffee_ops.queries import (
    cluster,
    control_plane,
    controllers,
    gateways,
    jobs,
    network,
    nodes,
    pods,
    scaling,
    storage,
)
from gocoffee_ops.queries.query import Query
from tests.checks.diagnosis_tables import (
    ADMISSION,
    API,
    BACKEND,
    CLAIM,
    CONTAINER,
    CONTROLLER,
    CRASHING,
    CRIT,
    GATEWAY,
    GATEWAY_CLASS,
    GOES,
    GOING,
    HOOK,
    HPA,
    INGRESS,
    JOB,
    LEASE,
    NODE,
    OK,
    PARENT,
    PDB,
    PENDING,
    POD,
    POLICY,
    QUERIES,
    QUOTA,
    SERVER,
    SERVICE,
    STAYS,
    UNKNOWN,
    UNREADY,
    WARN,
    Rows,
    judged,
    state,
    wrong,
)
from tests.checks.tables import MOMENT

HOUR = timedelta(hours=1)
NOBODY = POLICY | {"selector": ("app=wbe",), "finds_pod": False}
EXCLUDED = POLICY | {"part": "ingress", "selector": (), "namespaces": (), "block": "192.0.2.0/29", "finds_pod": False}
NOT_FOUND = {"refused": "BackendNotFound: service web-next does not exist"}
CANARY = BACKEND | {"target": "web-next", "exists": False, "at_exists": None, "weight": 0}
RULE = [NOBODY | {"part": "ingress", "rule": 1}, POLICY | {"part": "ingress", "rule": 1}]
REFUSED = {"accepted": False, "accepted_reason": "InvalidParameters: no such parameters"}
FITS_NOT = {"type_warnings": ("spec.validations[0].expression: apps/v1, Kind=Deployment: undefined field 'x'",)}
UNCOUNTED = {"expected_pods": 0, "healthy": 0, "healthy_needed": 0, "disruptions_allowed": 0}
CRON = {
    "namespace": "shop", "cronjob": "nightly", "suspended": False, "active": 0, "last_scheduled_at": MOMENT + HOUR,
    "last_succeeded_at": MOMENT + HOUR, "last_scheduled_s": 9_999.0, "schedule": "0 3 * * *",
}  # fmt: skip
BALANCED = SERVICE | {"type": "LoadBalancer", "addresses": ("192.0.2.1",)}
NOTHING_LEFT = PDB | {
    "selector": ("app=web",),
    "expected_pods": 0,
    "disruptions_allowed": 0,
    "healthy": 0,
    "owners": (),
}


def said_of(what: str, reason: str, kind: str = "Warning", *, at: timedelta = timedelta()) -> dict[str, Any]:
    return {"namespace": "shop", "object": what, "type": kind, "reason": reason, "last_seen_at": MOMENT + at}


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
    (WARN, "gateways_serve", "gatewayclass/edge", {gateways.classes: [GATEWAY_CLASS | REFUSED], gateways.gateways: []}),
    (CRIT, "gateways_serve", "gatewayclass/edge",
     {gateways.classes: [GATEWAY_CLASS | REFUSED], gateways.gateways: [GATEWAY | {"accepted": None}]}),
    (CRIT, "gateways_serve", "gateway/web", {gateways.gateways: [GATEWAY | REFUSED]}),
    (CRIT, "gateways_serve", "gateway/web", {gateways.gateways: [GATEWAY | {"gateway_class": "egde"}]}),
    (CRIT, "routes_lead", "httproute/web", {gateways.routes: [PARENT | {"exists": False, "allowed": None}]}),
    (CRIT, "routes_lead", "httproute/web", {gateways.routes: [PARENT | {"at": "https", "at_exists": False}]}),
    (CRIT, "routes_lead", "httproute/web", {gateways.routes: [PARENT | {"refused": "RefNotPermitted: no grant"}, BACKEND]}),
    (CRIT, "routes_lead", "httproute/web",
     {gateways.routes: [PARENT | {"allowed": False}, BACKEND | {"exists": False, "at_exists": None}]}),
    (WARN, "routes_lead", "httproute/web", {gateways.routes: [PARENT | NOT_FOUND, BACKEND, CANARY]}),
    (WARN, "gateways_serve", "gatewayclass/edge",
     {gateways.classes: [GATEWAY_CLASS | {"accepted": None}]}),
    (WARN, "network_policies_match", "networkpolicy/web",
     {network.network_policies: [NOBODY, POLICY | {"part": "egress", "selector": ("app=db",), "finds_pod": False}]}),
    (WARN, "claims_bound", "persistentvolumeclaim/data", {storage.claims: [PENDING]}),
    (CRIT, "claims_bound", "persistentvolumeclaim/data", {storage.claims: [CLAIM | {"phase": "Lost"}]}),
    (WARN, "claims_bound", "persistentvolumeclaim/data", {storage.claims: [CLAIM | {"deletion_overdue_s": 900.0}]}),
    (WARN, "claims_bound", "persistentvolume/v", {storage.volumes: [{"volume": "v", "phase": "Failed"}]}),
    (WARN, "autoscalers_able", "hpa/web", {scaling.autoscalers: [HPA | {"active": False, "active_reason": "FailedGet"}]}),
    (WARN, "autoscalers_able", "hpa/web", {scaling.autoscalers: [HPA | {"limited_reason": "TooManyReplicas: more"}]}),
    (UNKNOWN, "autoscalers_able", "hpa/web", {scaling.autoscalers: [HPA | {"able": None, "active": None}]}),
    (WARN, "budgets_allow", "pdb/web", {scaling.budgets: [PDB | {"disruptions_allowed": 0}]}),
    (UNKNOWN, "budgets_allow", "pdb/web", {scaling.budgets: [PDB | {"computed": False}]}),
    (UNKNOWN, "budgets_allow", "pdb/web", {scaling.budgets: [PDB | UNCOUNTED]}),
    (WARN, "budgets_allow", "pdb/web", {scaling.budgets: [PDB | {"failure": "SyncFailed: no controller"}]}),
    (WARN, "quotas_leave_room", "resourcequota/small", {scaling.quotas: [QUOTA | {"used": 9.0}]}),
    (CRIT, "webhooks_answered", "validatingwebhookconfiguration/v", {control_plane.webhooks: [HOOK | {"ready_endpoints": 0}]}),
    (WARN, "webhooks_answered", "validatingwebhookconfiguration/v",
     {control_plane.webhooks: [HOOK | {"service_exists": False, "failure_policy": "Ignore"}]}),
    (WARN, "admission_policies_apply", "validatingadmissionpolicybinding/owned",
     {control_plane.admission_policies: [ADMISSION | {"policy_exists": False}]}),
    (WARN, "admission_policies_apply", "validatingadmissionpolicy/owned",
     {control_plane.admission_policies: [ADMISSION | FITS_NOT, ADMISSION | {"binding": "again"} | FITS_NOT]}),
    (CRIT, "apis_available", "apiservice/v1.x.example", {control_plane.api_services: [API | {"available": False}]}),
    (UNKNOWN, "apis_available", "apiservice/v1.x.example", {control_plane.api_services: [API | {"available": None}]}),
    (WARN, "namespaces_go", "namespace/shop", {control_plane.namespaces: [GOING]}),
    (WARN, "apis_kept", "apiservice/v1beta1.storage.k8s.io",
     {control_plane.deprecated_requests: [GOES, STAYS, GOES | {"resource": "csinodes", "subresource": "status"}]}),
    (WARN, "api_server_patched", "cluster/cluster", {control_plane.api_servers: [SERVER | {"build_age_s": PATCHED_S + 1}]}),
    (UNKNOWN, "api_server_patched", "cluster/cluster", {control_plane.api_servers: [SERVER | {"build_age_s": None}]}),
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
    assert areas


SEEN_IN_EVENTS: dict[str, Rows] = {
    "jobs_done": {
        jobs.cronjobs: [CRON],
        cluster.events: [said_of("cronjob/nightly", "TooManyMissedTimes", at=2 * HOUR)],
    },
    "services_answered": {
        network.services: [BALANCED],
        cluster.events: [said_of("service/web", "SyncLoadBalancerFailed")],
    },
    "claims_bound": {
        storage.volumes: [{"volume": "v", "phase": "Released", "reclaim_policy": "Delete"}],
        cluster.events: [said_of("persistentvolume/v", "VolumeFailedDelete") | {"namespace": "default"}],
    },
}


@pytest.mark.parametrize("check", SEEN_IN_EVENTS)
def test_what_shows_in_events_alone_is_unknown_without_them(check: str) -> None:
    rows = SEEN_IN_EVENTS[check]
    assert [(one.status, one.check) for one in judged(rows) if one.status is not OK] == [(WARN, check)]
    without = judged(
        {query: of for query, of in rows.items() if query is not cluster.events}, missing=(cluster.events,)
    )
    assert {one.check for one in without if one.status is UNKNOWN} == set(SEEN_IN_EVENTS)
    assert not [one for one in without if one.check == check and one.status is OK]


def test_events_only_deepen_the_causes_of_workloads() -> None:
    """One that is short of pods shows it in its own counts, whatever refused them."""
    short: Rows = {controllers.statefulsets: [CONTROLLER | {"controller": "statefulset/db", "created": 1, "ready": 1}]}
    found = judged(short | {network.services: [SERVICE]}, missing=(cluster.events,))
    assert [(one.check, one.subject) for one in found if one.status is WARN] == [("workloads_run", "statefulset/db")]


def test_an_active_job_whose_pods_were_not_read_is_unknown() -> None:
    active: Rows = {
        jobs.runs: [JOB | {"state": "active", "active": 1}],
        cluster.events: [said_of("job/seed", "FailedCreate")],
    }
    found = judged(active, missing=(pods.states,))
    assert [one.status for one in found if one.check == "jobs_done"] == [UNKNOWN]


def test_a_claim_that_goes_is_not_called_stuck_where_pods_were_not_read() -> None:
    found = judged({storage.claims: [CLAIM | {"deletion_overdue_s": 900.0}]}, missing=(pods.states,))
    assert {one.status for one in found if one.check == "claims_bound"} == {UNKNOWN}


@pytest.mark.parametrize("query", [pods.states, controllers.deployments, jobs.cronjobs])
def test_whether_a_budget_protects_nothing_is_unknown_where_what_it_may_protect_was_not_read(query: Query[...]) -> None:
    found = judged({scaling.budgets: [NOTHING_LEFT | {"selector": ("app=wbe",)}]}, missing=(query,))
    (one,) = [one for one in found if one.subject == "pdb/web"]
    assert (one.status, one.reason) == (
        UNKNOWN, f"expects no pod; whether it protects nothing cannot be told: {query.name} not read",
    )  # fmt: skip


@pytest.mark.parametrize("query", QUERIES.values(), ids=lambda one: one.name)
def test_what_does_not_rest_on_the_missing_table_is_judged_still(query: Query[...]) -> None:
    quota: Rows = {scaling.quotas: [QUOTA | {"used": 9.0}]}
    hook: Rows = {control_plane.webhooks: [HOOK | {"ready_endpoints": 0}]}
    found = judged({**quota, **hook}, missing=(query,))
    expected = {"quotas_leave_room": scaling.quotas, "webhooks_answered": control_plane.webhooks}
    assert {one.check for one in found if one.status in {WARN, CRIT}} == {
        c for c, of in expected.items() if of is not query
    }


def test_webhooks_that_nobody_in_the_cluster_answers_are_named_as_not_looked_at() -> None:
    by_url = HOOK | {"webhook": "u.example.com", "service": None, "service_namespace": None, "service_exists": None}
    outside = HOOK | {"webhook": "o.example.com", "ready_endpoints": None}
    found = judged({control_plane.webhooks: [HOOK, by_url | {"ready_endpoints": None}, outside]})
    (said,) = [one for one in found if one.check == "webhooks_answered"]
    assert said.status is OK
    assert said.reason.endswith(
        "(1 looked at); 2 not looked at: o.example.com (its Service points outside), u.example.com (called by URL)"
    )
    assert said.numbers == {"read": 1, "not_looked_at": 2}


def test_versions_that_go_are_named_with_who_goes_when_and_those_that_stay_are_counted() -> None:
    later = GOES | {"resource": "csinodes", "subresource": "status", "removed_release": "1.39"}
    (warned,) = wrong(found := judged({control_plane.deprecated_requests: [STAYS, GOES, later]}))
    assert warned == (WARN, "apis_kept", "apiservice/v1beta1.storage.k8s.io")
    assert (
        "Kubernetes 1.37 removes it for volumeattributesclasses; Kubernetes 1.39 removes it for csinodes/status"
        in found[0].reason
    )
    assert "audit log" in found[0].reason
    past = judged({control_plane.deprecated_requests: [GOES | {"removed_release": "1.20"}]})
    assert (
        "it was to go with Kubernetes 1.20, and v1.36.3 still serves it, for volumeattributesclasses" in past[0].reason
    )
    (said,) = [one for one in judged({}) if one.check == "apis_kept"]
    assert (said.status, said.numbers) == (OK, {"read": 1})


def test_a_build_that_is_young_enough_proves_no_more_than_its_age() -> None:
    for age in (PATCHED_S, 86_400.0):
        found = judged({control_plane.api_servers: [SERVER | {"build_age_s": age}]})
        (said,) = [one for one in found if one.check == "api_server_patched"]
        assert said.status is OK
        assert said.reason.endswith(f"(1 looked at): v1.36.3 is {'428 days' if age == PATCHED_S else '1 day'} old")


def test_a_table_of_one_cluster_says_nothing_of_another() -> None:
    """The Services of `us` were not read: they are unknown there, and no pod of its own is the worse for it."""
    both = state({network.services: [SERVICE]}, clusters=("eu", "us"))
    eu = both.read["network.services"].query("cluster == 'eu'")
    partly = Tables(both.targets, {**both.read, "network.services": eu}, {"network.services": {"us": "forbidden"}})
    found = checks.cluster_diagnosis(partly, thresholds=Thresholds())
    assert {one.check for one in found if one.status is UNKNOWN} >= {"services_answered", "ingresses_lead"}
    assert {one.cluster for one in found if one.status is not OK} == {"us"}
    assert {one.status for one in found} == {OK, UNKNOWN}


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


ONE_DOWN = PDB | {
    "bound": "minAvailable 2",
    "disruptions_allowed": 0,
    "healthy": 2,
    "healthy_needed": 2,
    "expected_pods": 3,
}


def test_a_budget_that_waits_for_the_one_pod_that_crashes_is_no_finding_beside_its_owner() -> None:
    """As many are healthy as must be, and not all: to say that drains wait for ever would be false."""
    found = judged({
        pods.states: [POD, POD | {"pod": "web-2"}, UNREADY | {"pod": "web-3"}],
        pods.containers: [CRASHING | {"pod": "web-3"}],
        controllers.deployments: [CONTROLLER | {"desired": 3, "created": 3, "updated": 3}], scaling.budgets: [ONE_DOWN],
    })  # fmt: skip
    assert wrong(found) == [(WARN, "workloads_run", "deployment/web")]
    assert "pdb/web (lets no pod go)" in found[0].reason


def test_a_budget_that_waits_for_pods_that_were_not_read_says_how_many() -> None:
    found = judged({scaling.budgets: [ONE_DOWN]}, missing=(pods.states,))
    (said,) = [one.reason for one in found if one.check == "budgets_allow" and one.status is WARN]
    assert said == "2 of 3 pods healthy, 2 must be: lets no pod go"


DAY = timedelta(days=1)
HOURLY = CRON | {"schedule": "0 * * * *", "created_at": MOMENT - 30 * DAY, "age_s": (30 * DAY).total_seconds()}


def hourly(ago: timedelta | None, **more: Any) -> Rows:
    """Of a CronJob whose last run was so long ago and ended well; now is 03:00."""
    last = None if ago is None else MOMENT - ago
    run = {
        "last_scheduled_at": last,
        "last_succeeded_at": last,
        "last_scheduled_s": None if ago is None else ago.total_seconds(),
    }
    return {jobs.cronjobs: [HOURLY | run | more]}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (hourly(None), "schedule 0 * * * *; none ever was"),
        (hourly(5 * DAY), "its run of 2025-12-31 04:00 UTC was not started (schedule 0 * * * *; the last is of 2025-12-31 03:00"),
        (hourly(HOUR + timedelta(minutes=10), time_zone="Etc/UTC"), "its run of 2026-01-05 02:00 UTC was not started"),
        (hourly(DAY, schedule="0 4 * * *", time_zone="Europe/Berlin", age_s=HOURLY["age_s"] + 600), "its run of 2026-01-05 03:00"),
        (hourly(5 * HOUR, schedule="@every 2h"), "its run of 2026-01-05 00:00 UTC was not started"),
        (hourly(5 * DAY, concurrency="Forbid", active=1), "04:00 UTC was not started while the one before it still runs"),
        (hourly(9 * DAY, schedule="@weekly", time_zone="UTC"), "its run of 2025-12-28 00:00"),
    ],
    ids=["never", "days ago", "an hour and ten minutes", "in its zone", "every two hours", "behind another", "weekly"],
)  # fmt: skip
def test_a_cronjob_that_does_not_run_is_found_without_any_event(rows: Rows, said: str) -> None:
    found = judged(rows)
    assert wrong(found) == [(WARN, "jobs_done", "cronjob/nightly")]
    assert said in found[0].reason
    assert found[0].numbers["overdue_s"] >= Thresholds().stuck_s


@pytest.mark.parametrize("more", [{"schedule": "0 0 L * *"}, {"schedule": "60 * * * *"}, {"time_zone": "Mars/Olympus"}])
def test_a_schedule_that_is_not_understood_is_unknown(more: dict[str, str]) -> None:
    found = judged(hourly(HOUR, **more))
    assert wrong(found) == [(UNKNOWN, "jobs_done", "cronjob/nightly")]
    assert "cannot be told" in found[0].reason


def test_a_clock_that_is_wrong_makes_no_lease_late() -> None:
    late = [LEASE | {"renewed_s": 9_999.0}, LEASE | {"node": "n2", "renewed_s": 9_990.0}]
    assert wrong(judged({cluster.nodes: [NODE, NODE | {"node": "n2"}], nodes.leases: late})) == []


@pytest.mark.parametrize(
    "rows",
    [
        {jobs.cronjobs: [CRON], cluster.events: [said_of("cronjob/nightly", "MissSchedule")]},
        {jobs.cronjobs: [CRON | {"suspended": True}], cluster.events: [said_of("cronjob/nightly", "InvalidSchedule")]},
        hourly(timedelta(0)),
        hourly(None, age_s=60.0, created_at=MOMENT - timedelta(seconds=60)),
        hourly(None, age_s=DAY.total_seconds(), created_at=MOMENT - DAY, schedule="@weekly", time_zone="UTC"),
        hourly(5 * DAY, suspended=True),
        hourly(5 * HOUR, concurrency="Forbid", active=1),
        hourly(timedelta(hours=23), schedule="0 6 * * *"),
        {jobs.runs: [], jobs.cronjobs: [CRON]},
        {jobs.runs: [], jobs.cronjobs: [CRON | {"last_scheduled_at": None, "last_succeeded_at": None}]},
        {jobs.runs: [], jobs.cronjobs: [CRON | {"last_succeeded_at": None, "active": 1}]},
        {jobs.runs: [], jobs.cronjobs: [CRON | {"last_succeeded_at": None, "last_scheduled_s": 60.0}]},
        {
            network.services: [BALANCED],
            cluster.events: [
                said_of("service/web", "EnsuredLoadBalancer", "Normal"),
                said_of("service/web", "SyncLoadBalancerFailed"),
            ],
        },
        {network.services: [SERVICE], cluster.events: [said_of("service/web", "FailedToUpdateEndpointSlices")]},
        {storage.volumes: [{"volume": "v", "phase": "Released", "reclaim_policy": "Retain"}]},
        {storage.volumes: [{"volume": "v", "phase": "Released", "reclaim_policy": "Delete"}]},
        {storage.volumes: [{"volume": "v", "phase": "Pending", "age_s": 5.0}]},
        {scaling.budgets: [NOTHING_LEFT], pods.states: []},
        {scaling.budgets: [NOTHING_LEFT], controllers.deployments: [], pods.states: [POD | {"finished": True}]},
        {scaling.budgets: [NOTHING_LEFT | {"selector": ()}], controllers.deployments: []},
        {scaling.budgets: [PDB | {"selector": ("app=web",)}, PDB | {"namespace": "other", "selector": ("app=web",)}]},
        {scaling.budgets: [PDB | {"selector": ("app=web",)}, PDB | {"pdb": "old", "selector": ("app=web", "!track")}],
         pods.states: [POD | {"labels": ("app=web", "track=new")}]},
        {scaling.budgets: [PDB | {"selector": ("app=web",)}, PDB | {"pdb": "none", "selector": (), "owners": ()}]},
        {scaling.budgets: [NOTHING_LEFT | {"selector": ("app=night",)}], jobs.cronjobs: [CRON | {"labels": ("app=night",)}]},
        {scaling.budgets: [PDB | {"computed": False, "age_s": 5.0}]},
        {scaling.budgets: [ONE_DOWN], pods.states: [POD, POD, UNREADY | {"age_s": 5.0, "phase": "Pending"}]},
        {scaling.budgets: [PDB | UNCOUNTED | {"owners": ("pod/alone",)}]},
        {scaling.budgets: [PDB | UNCOUNTED], controllers.deployments: [CONTROLLER | {"desired": 0}]},
        {network.network_policies: [POLICY | {"finds_pod": False}], pods.states: []},
        {network.network_policies: [NOBODY | {"selector": ("app=night",)}],
         jobs.cronjobs: [CRON | {"labels": ("app=night",)}]},
        {network.network_policies: [NOBODY | {"namespace": "empty", "namespaces": ("empty",)}]},
        {network.network_policies: [POLICY | {"namespace": "empty", "selector": (), "namespaces": ("empty",), "finds_pod": False}]},
        {network.network_policies: [POLICY, NOBODY | {"part": "egress", "other_namespaces": True, "finds_pod": None}]},
        {gateways.gateways: [GATEWAY | {"accepted": None, "age_s": 5.0}]},
        {gateways.routes: [PARENT | {"kind": "Service", "exists": None, "allowed": None}, BACKEND | {"exists": None}]},
        {gateways.classes: [], gateways.gateways: [], gateways.routes: []},
        {control_plane.admission_policies: [ADMISSION | {"binding": None, "actions": ()}]},
        {network.network_policies: [POLICY, EXCLUDED | {"in_pod_range": False}, EXCLUDED | {"in_pod_range": None}]},
        {network.network_policies: [POLICY, *RULE]},
        {gateways.classes: [GATEWAY_CLASS | {"accepted": None}], gateways.gateways: []},
        {gateways.classes: [GATEWAY_CLASS, GATEWAY_CLASS | {"gateway_class": "offered", "accepted": None}]},
    ],
    ids=[
        "a missed run and one since", "a suspended CronJob", "a run that has just been due",
        "a CronJob younger than its period", "a weekly one since Sunday", "a suspended one that is late",
        "a run that waits for the one before", "a controller whose clock is not in UTC",
        "a success that is not kept", "a CronJob that has not run yet",
        "a run that is under way", "a run that has just ended", "a load balancer that came to be", "a conflict of writes",
        "a volume that is kept", "a volume that is being deleted", "a volume that is being made", "a budget of what is at 0",
        "a budget of what has ended", "a budget of an empty namespace", "budgets of two namespaces",
        "budgets that part the pods", "a budget without a selector", "a budget of what runs at night",
        "a budget that was just made", "a budget while a pod starts", "a budget of pods that nobody makes anew",
        "a budget of what is being scaled to 0",
        "a policy of what is at 0", "a policy of what runs at night", "a policy of an empty namespace",
        "a policy of all pods where there are none", "a peer where none was read",
        "a gateway that was just made", "a route of a mesh",
        "no Gateway API", "an admission policy that nothing binds",
        "a block that is not of pods", "a client that is not there beside one that is",
        "the only class is not used", "a class that is offered only",
    ],
)  # fmt: skip
def test_what_has_passed_or_is_meant_so_is_no_finding(rows: Rows) -> None:
    assert wrong(judged(rows)) == []


def test_a_route_to_a_service_that_nobody_answers_is_named_by_the_service() -> None:
    found = judged({network.services: [SERVICE | {"ready": 0, "pods": 0, "owners": (), "selector": ("app=other",)}],
                    network.ingresses: [], control_plane.webhooks: []})  # fmt: skip
    found = [one for one in found if one.status is not OK]
    assert wrong(found) == [(CRIT, "services_answered", "service/web")]
    assert "httproute/web (a.example)" in found[0].reason


def test_a_route_that_sends_no_request_to_a_service_that_nobody_answers_is_not_brought_down_by_it() -> None:
    lonely = SERVICE | {"service": "next", "ready": 0, "pods": 0, "owners": (), "selector": ("app=next",)}
    found = judged({network.services: [SERVICE, lonely],
                    gateways.routes: [PARENT, BACKEND, BACKEND | {"target": "next", "weight": 0}]})  # fmt: skip
    assert wrong(found) == [(CRIT, "services_answered", "service/next")]
    assert "httproute" not in found[0].reason


def test_a_class_that_was_not_read_is_not_missing() -> None:
    found = judged({}, missing=(gateways.classes,))
    assert wrong(found) == [(UNKNOWN, "gateways_serve", "gateways")]


def test_whether_a_policy_is_for_what_rests_is_unknown_where_that_was_not_read() -> None:
    found = judged({network.network_policies: [NOBODY]}, missing=(jobs.cronjobs,))
    assert wrong(found) == [(UNKNOWN, "network_policies_match", "networkpolicy/web"), (UNKNOWN, "jobs_done", "jobs")]
    assert "cannot be told: jobs.cronjobs not read" in found[0].reason


@pytest.mark.parametrize(
    ("parent", "backends"),
    [
        (NOT_FOUND, [CANARY | {"weight": 1}]),
        (NOT_FOUND, [BACKEND | {"kind": "Bucket", "exists": None, "at_exists": None}, CANARY]),
        ({"refused": "RefNotPermitted: no grant"}, [BACKEND, CANARY]),
        (NOT_FOUND, [BACKEND]),
    ],
    ids=[
        "it gets requests",
        "another may be what was not found",
        "refused for something else",
        "none is known to be missing",
    ],
)
def test_a_route_whose_backend_may_fail_requests_is_critical(
    parent: dict[str, Any], backends: list[dict[str, Any]]
) -> None:
    found = judged({gateways.routes: [PARENT | parent, *backends]})
    assert wrong(found) == [(CRIT, "routes_lead", "httproute/web")]


def test_a_rule_by_which_nobody_gets_in_is_found_beside_one_by_which_somebody_does() -> None:
    alone, unread = NOBODY | {"part": "ingress", "rule": 2}, NOBODY | {"part": "ingress", "rule": 2, "finds_pod": None}
    found = judged({network.network_policies: [POLICY, *RULE, alone, alone | {"selector": ("app=b",)}]})
    assert wrong(found) == [(WARN, "network_policies_match", "networkpolicy/web")]
    assert found[0].reason.count("ingress from nobody") == 2
    assert wrong(judged({network.network_policies: [POLICY, *RULE, alone, unread]})) == []


def test_a_budget_that_waits_for_pods_that_are_refused_is_named_by_their_owner() -> None:
    short = CONTROLLER | {"desired": 5, "created": 2, "refused": "FailedCreate: no service account"}
    found = judged({
        controllers.deployments: [short],
        scaling.budgets: [PDB | {"disruptions_allowed": 0, "healthy": 2, "expected_pods": 2, "healthy_needed": 5}],
    })  # fmt: skip
    assert wrong(found) == [(WARN, "workloads_run", "deployment/web")]
    assert "pdb/web (lets no pod go)" in found[0].reason
