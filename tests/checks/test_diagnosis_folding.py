"""What folds into what: a chain of causes is one finding at its deepest cause, and no problem vanishes."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from gocoffee_ops.checks.diagnosis.folding import folded
from gocoffee_ops.checks.diagnosis.problem import Cause, Picture, Problem, Ref
from gocoffee_ops.model import Thresholds
from gocoffee_ops.queries import cluster, control_plane, controllers, network, nodes, pods, scaling, storage
from tests.checks.diagnosis_tables import (
    API,
    CLASS,
    CONTAINER,
    CONTROLLER,
    CRASHING,
    CRIT,
    GOING,
    HOOK,
    HPA,
    LEASE,
    NODE,
    PENDING,
    SERVICE,
    SPACE,
    UNKNOWN,
    UNREADY,
    WARN,
    Rows,
    judged,
    wrong,
)


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
    assert found[0].numbers["consequences"] == 5


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


USAGE = {"active": False, "active_reason": "FailedGetResourceMetric: the server could not find the requested resource"}


def test_usage_that_nothing_measures_is_the_cause_of_all_autoscalers_that_go_by_it() -> None:
    other = {"active": False, "active_reason": "FailedGetPodsMetric: no custom metrics"}
    rows = [HPA | {"hpa": "a"} | USAGE, HPA | {"hpa": "b", "namespace": "infra"} | USAGE, HPA | {"hpa": "c"} | other]
    found = judged({control_plane.api_services: [API], scaling.autoscalers: rows})
    usage = "apiservice/v1beta1.metrics.k8s.io"
    assert wrong(found) == [(WARN, "autoscalers_able", "hpa/c"), (WARN, "autoscalers_able", usage)]
    (told,) = [one for one in found if one.subject == usage]
    assert told.reason == (
        "metrics.k8s.io is not installed: nothing measures what pods use; "
        "hit by it: hpa/a (cannot scale), hpa/b (cannot scale)"
    )
    assert told.numbers == {"consequences": 2}


@pytest.mark.parametrize("rows", [
    {scaling.autoscalers: [HPA]},
    {scaling.autoscalers: [HPA | {"active": False, "active_reason": "ScalingDisabled: scaled to 0"}]},
    {scaling.autoscalers: [HPA | USAGE], control_plane.namespaces: [SPACE | {"phase": "Terminating"}]},
])  # fmt: skip
def test_a_metrics_server_that_nobody_needs_is_not_missed(rows: Rows) -> None:
    assert wrong(judged({control_plane.api_services: [API], **rows})) == []


def test_where_api_services_were_not_read_the_autoscaler_speaks_for_itself() -> None:
    found = judged({scaling.autoscalers: [HPA | USAGE]}, missing=(control_plane.api_services,))
    assert wrong(found) == [(WARN, "autoscalers_able", "hpa/web"), (UNKNOWN, "apis_available", "apis")]


def test_an_autoscaler_without_its_target_does_not_miss_the_metrics_server() -> None:
    gone = HPA | USAGE | {"scales": "deployment/gone", "able": False, "able_reason": "FailedGetScale: not found"}
    found = judged({control_plane.api_services: [API], scaling.autoscalers: [gone]})
    assert wrong(found) == [(WARN, "autoscalers_able", "hpa/web")]


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
