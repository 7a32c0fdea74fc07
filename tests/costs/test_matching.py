"""A row of a bill finds the object that it is for, by whatever a provider calls it; what could be two things is neither."""

from __future__ import annotations

from typing import Any

import pytest

from gocoffee_ops.analysis.costs.matching import Things, claim
from gocoffee_ops.analysis.costs.schemas import LOAD_BALANCERS, NODES, VOLUMES, rows
from gocoffee_ops.frames import records
from tests.costs.tables import charges, load_balancers, nodes, volumes

SCALE_SET = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/pool"
ELB = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer"
NODE_TABLE = nodes(
    {"provider_id": "aws:///eu-central-1a/i-0abc123"},
    {"provider_id": "gce://shop/europe-west3-a/general-1"},
    {"provider_id": f"azure://{SCALE_SET}/virtualMachines/0"},
    {"provider_id": f"azure://{SCALE_SET}/virtualMachines/1"},
)
VOLUME_TABLE = volumes(
    {"volume": "ebs", "volume_handle": "vol-0abc123", "mounted_by": ("a",)},
    {"volume": "pd", "volume_handle": "projects/shop/zones/europe-west3-a/disks/pvc-1"},
    {
        "volume": "azure",
        "volume_handle": "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-azure",
    },
    {"volume": "eu-1", "volume_handle": "projects/shop/zones/europe-west3-a/disks/twice-1"},
    {"volume": "eu-2", "volume_handle": "projects/shop/zones/europe-west3-b/disks/twice-1"},
)
UID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
RULES = "//compute.googleapis.com/projects/shop/regions/europe-west3/forwardingRules"
BALANCER_TABLE = load_balancers(
    {"service": "net", "addresses": ("k8s-shop-net-0a1b2c-00ff00ff00ff00ff.elb.eu-central-1.amazonaws.com",)},
    {"service": "classic", "addresses": ("a0b1c2d3e4f5-1234567.eu-central-1.elb.amazonaws.com",)},
    {"service": "ip", "addresses": ("34.107.1.10",)},
    {"service": "tagged", "addresses": ()},
    {"service": "rule", "addresses": ("34.107.1.11",), "service_uid": UID},
    {
        "service": "classic-too",
        "addresses": ("a1f1e2d3c4b5a69788796a5b4c3d2e1f-99.eu-central-1.elb.amazonaws.com",),
        "service_uid": UID.replace("0f1e", "1f1e"),
    },
)
THINGS = Things(rows(NODE_TABLE, NODES), rows(VOLUME_TABLE, VOLUMES), rows(BALANCER_TABLE, LOAD_BALANCERS))


def charge(**row: Any) -> dict[str, Any]:
    (found,) = records(charges(row))
    return found


@pytest.mark.parametrize(
    ("identity", "names"),
    [
        ("i-0abc123", ["n1"]),
        ("arn:aws:ec2:eu-central-1:1:instance/i-0abc123", ["n1"]),
        ("//compute.googleapis.com/projects/shop/zones/europe-west3-a/instances/general-1", ["n2"]),
        (f"{SCALE_SET}/virtualMachines/0".upper(), ["n3"]),
        (SCALE_SET.lower(), ["n3", "n4"]),
        (SCALE_SET[:-1], []),
        (SCALE_SET.rpartition("/")[0], []),
        ("/subscriptions/S/resourceGroups/rg", []),
        ("/subscriptions/S", []),
        (SCALE_SET.replace("/S/", "/T/"), []),
        ("/subscriptions/T/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-azure", []),
        ("vol-0abc123", ["ebs"]),
        ("arn:aws:ec2:eu-central-1:1:volume/vol-0abc123", ["ebs"]),
        ("//compute.googleapis.com/projects/shop/zones/europe-west3-a/disks/pvc-1", ["pd"]),
        ("/SUBSCRIPTIONS/S/resourcegroups/RG/providers/microsoft.compute/disks/PVC-AZURE", ["azure"]),
        ("//compute.googleapis.com/projects/shop/zones/europe-west3-b/disks/twice-1", ["eu-2"]),
        ("twice-1", []),
        (f"{ELB}/net/k8s-shop-net-0a1b2c/00ff00ff00ff00ff", ["net"]),
        (f"{ELB}/a0b1c2d3e4f5", ["classic"]),
        ("projects/shop/regions/europe-west3/forwardingRules/34.107.1.10", ["ip"]),
        (f"{RULES}/a0f1e2d3c4b5a69788796a5b4c3d2e1f", ["rule"]),
        (f"{RULES}/a0f1e2d3c4b5a69788796a5b4c3d2e1f0", []),
        (f"{ELB}/a1f1e2d3c4b5a69788796a5b4c3d2e1f", ["classic-too"]),
        ("//storage.googleapis.com/projects/_/buckets/a0f1e2d3c4b5a69788796a5b4c3d2e1f", []),
        (f"{RULES}/a", []),
        ("i-0abc1234", []),
        ("0", []),
        (None, []),
    ],
)
def test_an_id_finds_what_has_it(identity: str | None, names: list[str]) -> None:
    found = THINGS.find(charge(resource_id=identity))

    assert [thing.row.get("node") or thing.row.get("volume") or thing.row["service"] for thing in found] == names


def test_a_forwarding_rule_of_a_number_is_found_by_its_name() -> None:
    found = THINGS.find(charge(resource_id=f"{RULES}/4711", resource_name="a0f1e2d3c4b5a69788796a5b4c3d2e1f"))

    assert [thing.row["service"] for thing in found] == ["rule"]


def test_a_tag_finds_the_service_that_a_load_balancer_was_made_for() -> None:
    found = THINGS.find(charge(resource_id="lb-9", tags=("kubernetes.io/service-name=go-coffee/tagged",)))

    assert [thing.row["service"] for thing in found] == ["tagged"]


TAGGED = {"tags": ("kubernetes.io/cluster/eu=owned",)}


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"resource_id": "i-0abc123"}, "used"),
        ({"resource_id": "i-0abc123", "usage_unit": "GB"}, "network"),
        ({"resource_id": "i-0abc123", "commitment": "Used"}, "used"),
        ({"resource_id": "i-0abc123", "commitment": "Unused"}, "unused commitment"),
        ({"resource_id": "i-0abc123", "charge_class": "Correction"}, "correction"),
        ({"charge_category": "Adjustment"}, "correction"),
        ({"charge_category": "Purchase", "commitment": "Used"}, "purchase"),
        ({"charge_category": "Rebate"}, "residual"),
        ({"resource_id": "vol-0abc123"}, "storage"),
        ({"resource_id": "pvc-1"}, "unmounted storage"),
        ({"resource_id": "pvc-1", "service": "S3"}, "outside the cluster"),
        ({"resource_id": "0"}, "outside the cluster"),
        (
            {"resource_id": "//compute.googleapis.com/projects/shop/zones/europe-west3-a/disks/pvc-1"},
            "unmounted storage",
        ),
        ({"resource_id": "x", "service": "Amazon EKS"}, "control plane"),
        ({"resource_id": None, "service": "Kubernetes Engine"}, "control plane"),
        ({"resource_id": "pod/1", "service": "Amazon EKS", "usage_unit": "vCPU-Hours"}, "residual"),
        ({"resource_id": "vol-2", "tags": ("user:kubernetes.io/created-for/pvc/name=data",)}, "unmounted storage"),
        ({"resource_id": "nat-1", "service": "Amazon VPC"}, "network"),
        ({"resource_id": "logs", "service": "S3", "usage_unit": "GB"}, "outside the cluster"),
        ({"resource_id": "logs", "service": "S3", "usage_unit": "GB-Month"}, "outside the cluster"),
        ({"resource_id": None, "team": "shop"}, "outside the cluster"),
        ({"resource_id": None}, "residual"),
        ({"resource_id": "i-0gone0", **TAGGED}, "residual"),
        ({"resource_id": "vol-0root0", **TAGGED}, "system"),
        ({"resource_id": "vol-1", "tags": ("kubernetes.io/created-for/pvc/name=data",)}, "unmounted storage"),
    ],
)
def test_a_charge_has_its_line(row: dict[str, Any], line: str) -> None:
    found = claim(charge(**row), THINGS)

    assert found.line == line
    assert found.why or line not in ("residual", "unknown")


def test_what_could_be_two_things_is_unknown_and_names_them() -> None:
    for row in ({"resource_id": "twice-1"}, {"resource_id": "r-9", "resource_name": "Twice-1"}):
        found = claim(charge(**row), THINGS)

        assert (found.line, found.why, found.things) == (
            "unknown",
            "two objects have this id: volume eu/eu-1 and volume eu/eu-2",
            (),
        )
    assert THINGS.rivals(charge(resource_id=SCALE_SET)) == ()


def test_a_scale_sets_charge_is_split_over_its_nodes() -> None:
    found = claim(charge(resource_id=SCALE_SET), THINGS)

    assert (found.line, [thing.row["node"] for thing in found.things]) == ("used", ["n3", "n4"])
