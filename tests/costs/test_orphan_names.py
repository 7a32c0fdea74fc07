"""What is paid for nobody is named so that it can be found: by its object, by the provider's id, and by whom to ask."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis.costs.orphans import orphans
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Thresholds
from tests.costs.tables import AS_OF, DAY, allocated, charges, load_balancers, objects

ARN = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/a1b2/0c3d"
WEEK = [AS_OF - n * DAY for n in range(1, 15)]


def found(balancer: dict[str, Any] | None, **row: Any) -> tuple[dict[str, Any], Finding]:
    """The one candidate of a bill with one load balancer, and what is said of it."""
    usual = {"resource_id": ARN, "service": "ELB", "effective": Decimal("0.60")}
    bill = charges(*({"day": day} | usual | row for day in WEEK))
    things = objects(balancer_table=load_balancers(*([balancer] if balancer else [])))
    table = orphans(bill, things, allocated(bill, things), as_of=AS_OF)
    (candidate,), (finding,) = records(table), checks.nothing_orphaned(table, thresholds=Thresholds())
    return candidate, finding


@pytest.mark.parametrize(
    ("team", "owner"), [("shop", "service/go-coffee/old, team/shop"), (None, "service/go-coffee/old")]
)
def test_a_load_balancer_that_only_the_bill_knows_has_its_id_and_the_service_that_it_was_made_for(
    team: str | None, owner: str
) -> None:
    candidate, finding = found(None, tags=("kubernetes.io/service-name=go-coffee/old",), team=team)
    assert (candidate["resource_id"], candidate["owner"]) == (ARN, owner)
    assert finding.subject == f"load-balancer/{ARN}"
    assert finding.reason.endswith(f"sureness: medium, ask {owner}")


def test_a_load_balancer_without_backends_is_told_by_its_service_and_its_id() -> None:
    address = "a1b2-0c3d.elb.eu-central-1.amazonaws.com"
    balancer = {"service": "old", "addresses": (address,), "ready": 0, "pods": 0}
    candidate, finding = found(balancer, team="shop")
    assert (candidate["subject"], candidate["owner"]) == ("service/old", "team/shop")
    assert finding.reason.endswith(f"ask team/shop; its id is {address}")
