"""A name alone makes nothing a node, a volume or a load balancer: what a row is for must be of that kind, too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gocoffee_ops.analysis.costs.node_prices import node_prices
from gocoffee_ops.analysis.costs.reconciliation import coverage, reconciliation
from gocoffee_ops.checks.costs import bill_reconciled, costs_covered
from gocoffee_ops.frames import records
from gocoffee_ops.model import Thresholds
from tests.costs.tables import allocated, by_line, charges, hours, load_balancers, nodes, objects, volumes

GOOGLE = "//compute.googleapis.com/projects/shop/zones/europe-west3-a"
AZURE = "/subscriptions/S/resourceGroups/MC_rg/providers/Microsoft.Compute"
GOOGLE_NODES = nodes({"node": "gke-pool-ab12", "provider_id": "gce://shop/europe-west3-a/gke-pool-ab12"})
AZURE_NODES = nodes(
    {
        "node": "aks-np-vmss000001",
        "provider_id": f"azure://{AZURE}/virtualMachineScaleSets/aks-np-vmss/virtualMachines/1",
    },
    {"node": "plain", "provider_id": f"azure://{AZURE}/virtualMachines/worker-1"},
)
ADDRESS = "shop-1a2b3c4d.elb.eu-central-1.amazonaws.com"
LISTED = {"effective": Decimal(10)}


def lines_of(row: dict[str, Any], **tables: Any) -> list[dict[str, Any]]:
    return [one for one in records(allocated(charges(LISTED | row), objects(**tables))) if one["charge"] is not None]


@pytest.mark.parametrize(
    ("row", "table"),
    [
        ({"resource_id": f"{GOOGLE}/disks/gke-pool-ab12"}, GOOGLE_NODES),
        ({"resource_id": f"{GOOGLE}/disks/991", "resource_name": "gke-pool-ab12"}, GOOGLE_NODES),
        ({"resource_id": f"{AZURE}/disks/aks-np-vmss_aks-np-vmss_1_OsDisk_1_0a1b", "service": "Storage"}, AZURE_NODES),
        ({"resource_id": f"{AZURE}/disks/aks-np-vmss000001_OsDisk_1_0a1b", "service": "Storage"}, AZURE_NODES),
        ({"resource_id": f"{AZURE}/disks/worker-1_OsDisk_1_0a1b", "service": "Storage"}, AZURE_NODES),
        (
            {
                "resource_id": f"{AZURE}/disks/worker-1_OsDisk_1_0a1b",
                "service": "Storage",
                "tags": ("aks-managed-cluster-name=eu",),
            },
            AZURE_NODES,
        ),
    ],
)
def test_a_nodes_disk_is_the_systems_whoever_the_provider_is(row: dict[str, Any], table: Any) -> None:
    (line,) = lines_of(row, hour_rows=hours("web"), node_table=table)

    assert (line["line"], line["why"], line["cluster"], line["node"]) == ("system", "a disk of a node", "eu", None)


@pytest.mark.parametrize(
    "identity",
    [
        "/subscriptions/T/resourceGroups/MC_rg/providers/Microsoft.Compute/disks/worker-1_OsDisk_1_0a1b",
        f"{AZURE}/disks/worker-10_OsDisk_1_0a1b",
        f"{AZURE}/disks/other",
        f"{AZURE}/snapshots/worker-1_OsDisk_1_0a1b",
    ],
)
def test_a_disk_of_another_subscription_or_name_is_no_nodes(identity: str) -> None:
    (line,) = lines_of({"resource_id": identity, "service": "Storage"}, node_table=AZURE_NODES)

    assert line["line"] == "outside the cluster"


def test_c09_a_node_is_not_priced_by_its_disk() -> None:
    disk = {
        "resource_id": f"{GOOGLE}/disks/gke-pool-ab12",
        "effective": Decimal("0.10"),
        "usage_unit": "gibibyte month",
    }
    lines = allocated(charges(disk), objects(hours("web", node="gke-pool-ab12"), node_table=GOOGLE_NODES))

    assert [(row["hour_effective"], row["price_from"]) for row in records(node_prices(lines, GOOGLE_NODES))] == [
        (None, None)
    ]
    assert {one.status.value for one in costs_covered(coverage(lines), thresholds=Thresholds())} == {"CRIT"}
    (reconciled,) = bill_reconciled(reconciliation(lines), coverage(lines), thresholds=Thresholds())
    assert reconciled.status.value == "UNKNOWN"


@pytest.mark.parametrize("service", ["Microsoft Defender for Cloud", "Virtual Machines Licenses", "AmazonCloudWatch"])
def test_c09_what_is_paid_beside_a_node_is_its_pods_and_not_its_price(service: str) -> None:
    beside = {"resource_id": "i-node1", "service": service, "effective": Decimal(1)}
    things, table = objects(hours("web")), nodes({})
    alone, both = (
        allocated(charges(*rows), things) for rows in ([beside], [beside, {"resource_id": "i-node1", **LISTED}])
    )

    assert [row["price_from"] for row in records(node_prices(alone, table))] == [None]
    assert sum(by_line(both).values()) == Decimal(11)
    assert sum(row["core_hours"] or 0 for row in records(both)) == 48.0
    assert all(row["line"] in ("used", "idle") for row in records(both))


@pytest.mark.parametrize(
    "row",
    [
        {"resource_id": "shop", "service": "Amazon Simple Storage Service"},
        {"resource_id": "arn:aws:rds:eu-central-1:1:db:shop", "service": "Amazon Relational Database Service"},
        {"resource_id": None, "resource_name": "shop", "service": "Amazon Simple Queue Service", "team": "till"},
        {"resource_id": "arn:aws:ec2:eu-central-1:1:volume/shop"},
    ],
)
def test_what_is_called_as_a_load_balancer_is_none_by_that(row: dict[str, Any]) -> None:
    balancers = load_balancers({"service": "web", "addresses": (ADDRESS,)})
    lines = records(allocated(charges(LISTED | row), objects(node_table=nodes(), balancer_table=balancers)))

    assert [(one["line"], one["workload"]) for one in lines] == [
        ("outside the cluster", None),
        ("unknown", "service/web"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"resource_id": "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/shop/1a2b3c4d", "service": "ELB"},
        {"resource_id": "shop", "service": "Elastic Load Balancing"},
        {"resource_id": ADDRESS, "service": "Elastic Load Balancing"},
    ],
)
def test_a_load_balancer_is_found_by_the_name_in_its_address(row: dict[str, Any]) -> None:
    (line,) = lines_of(row, balancer_table=load_balancers({"service": "web", "addresses": (ADDRESS,)}))

    assert (line["line"], line["workload"]) == ("load balancer", "service/web")


@pytest.mark.parametrize(
    "row",
    [
        {"resource_id": "//sqladmin.googleapis.com/projects/shop/instances/gke-pool-ab12", "service": "Cloud SQL"},
        {"resource_id": "gke-pool-ab12", "service": "Cloud Storage"},
        {"resource_id": None, "resource_name": "gke-pool-ab12", "service": "Cloud SQL", "team": "till"},
    ],
)
def test_a_database_or_a_bucket_called_as_a_node_is_outside(row: dict[str, Any]) -> None:
    (line,) = lines_of(row, hour_rows=hours("web", node="gke-pool-ab12"), node_table=GOOGLE_NODES)

    assert line["line"] == "outside the cluster"


def test_a_bucket_whose_name_is_a_volumes_handle_is_no_volume() -> None:
    table = volumes({"volume": "pv", "volume_handle": "shop-data"})
    found = [
        lines_of({"resource_id": "shop-data", "service": each}, volume_table=table)
        for each in ("Amazon S3", "Block Storage")
    ]

    assert [line["line"] for (line,) in found] == ["outside the cluster", "unmounted storage"]


def test_a_node_of_a_short_name_is_found_by_it() -> None:
    table = nodes({"node": "n1", "provider_id": "gce://shop/europe-west3-a/n1"})
    row = {"resource_id": f"{GOOGLE}/instances/77", "resource_name": "n1", "service": "Compute Engine"}

    assert {line["line"] for line in lines_of(row, hour_rows=hours("web"), node_table=table)} == {"used", "idle"}


@pytest.mark.parametrize("account", ["S", "/subscriptions/S", "/SUBSCRIPTIONS/s/"])
def test_nodes_of_one_name_are_told_apart_by_the_subscription_however_it_is_written(account: str) -> None:
    place = "azure:///subscriptions/{}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/worker-1"
    table = nodes({"provider_id": place.format("S")}, {"cluster": "us", "provider_id": place.format("T")})
    row = {"resource_id": None, "resource_name": "worker-1", "service": "Virtual Machines", "account": account}

    assert {line["cluster"] for line in lines_of(row, node_table=table)} == {"eu"}


def test_c09_a_public_ip_of_azure_is_its_services_and_no_list_price_stands_beside_it() -> None:
    address = {
        "resource_id": f"{AZURE.replace('Compute', 'Network')}/publicIPAddresses/kubernetes-a1",
        "service": "Virtual Network",
    }
    tables = {"node_table": nodes(), "balancer_table": load_balancers({"service": "web"}, {"service": "api"})}
    found = records(
        allocated(charges(LISTED | address | {"tags": ("k8s-azure-service=go-coffee/web",)}), objects(**tables))
    )
    shared = lines_of(address | {"tags": ("k8s-azure-service=go-coffee/web,go-coffee/api",)}, **tables)

    assert [(line["line"], line["workload"]) for line in found] == [
        ("load balancer", "service/web"),
        ("unknown", "service/api"),
    ]
    assert [(line["line"], line["why"]) for line in shared] == [
        ("unknown", "two objects have this id: load balancer eu/go-coffee/web and load balancer eu/go-coffee/api")
    ]


def test_c09_a_forwarding_rule_of_google_is_its_services_by_the_uid_and_no_list_price_stands_beside_it() -> None:
    rule = (
        "//compute.googleapis.com/projects/shop/regions/europe-west3/forwardingRules/a0f1e2d3c4b5a69788796a5b4c3d2e1f"
    )
    row = {"resource_id": rule, "service": "Networking", "usage_unit": "hour"}
    table = load_balancers({"service": "web", "service_uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"})
    found = records(allocated(charges(LISTED | row), objects(node_table=nodes(), balancer_table=table)))

    assert [(line["line"], line["workload"], line["effective"]) for line in found] == [
        ("load balancer", "service/web", Decimal(10))
    ]
