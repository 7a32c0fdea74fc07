"""A name that nothing has is told in a sentence of its own, with the nearest that something has."""

from __future__ import annotations

import pandas as pd
import pytest

from gocoffee_ops.checks import services_found
from gocoffee_ops.checks.grading import said
from gocoffee_ops.frames import Tables
from gocoffee_ops.model import LOOK_FIRST, Status
from gocoffee_ops.queries import changes, controllers, network
from tests.checks.tables import table

SHOP = {"cluster": "eu", "namespace": "shop"}
ORDERS = SHOP | {"deployment": "order-service"}


def rollouts(*rows: dict[str, object], clusters: tuple[str, ...] = ("eu", "us"), gap: str = "") -> pd.DataFrame:
    frame = table(changes.rollouts, *rows)
    frame.attrs |= {"as_of": dict.fromkeys(clusters, ""), "gaps": [gap] if gap else []}
    return frame


def test_a_service_that_is_there_is_ok_and_said_where() -> None:
    read = rollouts(ORDERS, ORDERS | {"cluster": "us"})
    assert said(services_found(read, services=["order-service"], namespace="shop")) == [
        "OK services: there: order-service in eu, us"
    ]


def test_a_misspelt_service_is_unknown_with_the_nearest_and_stands_at_the_top() -> None:
    (found,) = services_found(rollouts(ORDERS), services="ordr-service", namespace="shop")
    reason = "no Deployment named 'ordr-service' in namespace shop of clusters eu, us; did you mean 'order-service'?"
    assert (found.status, found.subject, found.reason) == (Status.UNKNOWN, "service/ordr-service", reason)
    assert found.numbers[LOOK_FIRST] == f"the service's name: {reason}"


def test_of_several_services_each_that_is_missing_is_told() -> None:
    found = services_found(rollouts(ORDERS), services=["order-service", "web", "gate"], namespace="shop")
    assert [one.subject for one in found] == ["service/web", "service/gate"]
    assert all("; there: order-service" in one.reason for one in found)


@pytest.mark.parametrize("namespace", ["shop", ""])
def test_where_nothing_is_there_or_read_it_is_unknown(namespace: str) -> None:
    (empty,) = services_found(rollouts(), services="orders", namespace=namespace)
    assert (empty.status, empty.reason.endswith("; it has none at all")) == (Status.UNKNOWN, True)
    (unread,) = services_found(rollouts(clusters=()), services="orders", namespace=namespace)
    assert unread.reason.startswith("no Deployment named 'orders' in what was read")


def test_what_was_not_read_is_said_beside_a_name_that_was_not_found() -> None:
    read = rollouts(ORDERS, gap="cluster/us: list deployments: refused")
    (found,) = services_found(read, services="web", namespace="shop")
    assert found.reason.endswith("; not read: cluster/us: list deployments: refused")
    assert [one.status for one in services_found(read, services="order-service", namespace="shop")] == [Status.OK]


def test_the_state_of_a_cluster_names_services_and_every_kind_of_workload() -> None:
    stateful = table(controllers.statefulsets, SHOP | {"controller": "statefulset/postgres"})
    services = table(network.services, SHOP | {"service": "web"})
    read = {"controllers.statefulsets": stateful, "network.services": services}
    state = Tables(("eu",), read, {"controllers.deployments": {"eu": "Forbidden: list deployments"}})
    for name in ("postgres", "web"):
        assert [one.status for one in services_found(state, services=name, namespace="shop")] == [Status.OK]
    (found,) = services_found(state, services="orders", namespace="shop")
    assert found.reason.startswith("no service or workload named 'orders' in namespace shop of cluster eu")
    assert found.reason.endswith("; not read: Forbidden: list deployments")
