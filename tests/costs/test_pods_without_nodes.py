"""Pods that a provider bills by themselves: each is its owner's where the bill names it, and residual where nothing does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gocoffee_ops.analysis.costs.reconciliation import coverage
from gocoffee_ops.analysis.costs.schemas import TEAMS
from gocoffee_ops.frames import records
from tests.costs.tables import MONDAY, allocated, by_line, charges, hours, nodes, objects, of_team, rows_of

EKS = {"service": "Amazon Elastic Container Service for Kubernetes", "usage_unit": "vCPU-Hours", "day": MONDAY}
GKE = {"service": "Kubernetes Engine", "resource_type": "Autopilot Pod mCPU Requests", "day": MONDAY}
POD = "arn:aws:eks:eu-central-1:1:pod/prod-eks/go-coffee/web-1"
TEAM_TABLE = rows_of(TEAMS, [{"team": "shop", "namespace": "go-coffee", "workload": "*"}])
FARGATE = {"node": "fargate-ip-10-0-0-1", "provider_id": "aws:///eu-central-1a/0a1b/fargate-ip-10-0-0-1"}


def charged(**row: Any) -> dict[str, Any]:
    return {**EKS, "effective": Decimal("2.60"), **row}


def web(**row: Any) -> list[dict[str, Any]]:
    usual = {"node": FARGATE["node"], "pod_uid": "u1", "cpu_request_cores": 1.0, "memory_request_gib": 4.0}
    return hours("web-1", **{**usual, **row})


@pytest.mark.parametrize("uid", ["", "/u1"], ids=["by name", "by uid"])
def test_a_pod_with_a_node_of_its_own_is_split_as_a_node_is(uid: str) -> None:
    """2.60 for 2 cores and 8 GiB, at 9 GiB a core: half is requested, of which half a core and 1 GiB are used."""
    lines = allocated(
        charges(charged(resource_id=POD + uid)), objects(web(), node_table=nodes(FARGATE)), teams=TEAM_TABLE
    )

    assert by_line(lines) == {"used": Decimal("0.55"), "requested and unused": Decimal("0.75"), "idle": Decimal("1.30")}
    assert round(of_team(lines, "shop"), 2) == Decimal("1.30")
    assert records(coverage(lines))[0]["priced_share"] == 1.0


def test_a_gap_of_its_metrics_is_unknown() -> None:
    seen = [row for row in web() if row["hour"].hour < 18]
    lines = allocated(charges(charged(resource_id=POD)), objects(seen, node_table=nodes(FARGATE)))

    assert by_line(lines)["unknown"] == Decimal("0.65")


@pytest.mark.parametrize(
    ("seen", "identity"),
    [
        ([], POD),
        (web(pod_uid="u2"), f"{POD}/u1"),
        (web() + hours("other", node=FARGATE["node"]), POD),
        (web(node="gone"), POD),
    ],
    ids=["nothing was measured", "another life of its name", "a node that others share", "a node that is gone"],
)
def test_where_it_has_no_node_of_its_own_it_is_its_owners_and_how_much_was_used_is_unknown(
    seen: list[dict[str, Any]], identity: str
) -> None:
    things = objects(seen, node_table=nodes(FARGATE))
    lines = allocated(charges(charged(resource_id=identity)), things, teams=TEAM_TABLE)
    (found,) = [line for line in records(lines) if line["charge"] == 0]

    assert (found["line"], found["namespace"], found["pod"]) == ("unknown", "go-coffee", "web-1")
    assert (found["team"], found["effective"]) == ("shop", Decimal("2.60"))
    assert "billed without a node" in found["why"]


def test_tags_tell_the_workload_where_the_id_does_not() -> None:
    tags = ("k8s-namespace=go-coffee", "k8s-workload-name=web", "k8s-workload-type=apps/v1/Deployment")
    lines = allocated(charges({**GKE, "effective": Decimal(3), "tags": tags}), objects(), teams=TEAM_TABLE)
    (found,) = [line for line in records(lines) if line["charge"] == 0]

    assert (found["line"], found["team"], found["workload"]) == ("unknown", "shop", "deployment/web")
    things = records(coverage(lines))[2]
    assert things["total"] == 0  # it is no volume


def test_what_neither_id_nor_tag_names_is_residual_and_says_so() -> None:
    bill = charges({**GKE, "effective": Decimal(3)}, charged(resource_id="arn:aws:eks:eu-central-1:1:cluster/prod"))
    lines = [line for line in records(allocated(bill, objects())) if line["charge"] is not None]

    assert {line["line"] for line in lines} == {"residual"}
    assert {line["why"] for line in lines} == {
        "pods that are billed without a node, and neither an id nor a tag says whose"
    }


def test_the_fee_of_the_control_plane_is_still_one_and_a_tagged_bucket_is_no_pod() -> None:
    fee = {"service": EKS["service"], "usage_unit": "Hours", "day": MONDAY, "effective": Decimal("2.40")}
    bucket = {"service": "S3", "resource_id": "b", "day": MONDAY, "effective": Decimal(1)}
    bill = charges(fee, bucket | {"tags": ("k8s-namespace=go-coffee",)})

    assert by_line(allocated(bill, objects())) == {
        "control plane": Decimal("2.40"),
        "outside the cluster": Decimal(1),
    } | {"unknown": Decimal(0)}
