"""A bill without clusters, or with one that did not answer: what the bill itself says stays, and nothing is guessed."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from gocoffee_ops import checks, costs
from gocoffee_ops.analysis.costs.allocation import Objects
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from tests.costs.tables import (
    DAY,
    MONDAY,
    allocated,
    by_line,
    charges,
    hours,
    load_balancers,
    nodes,
    objects,
    of_team,
    volumes,
)

LIMITS = Thresholds()
AS_OF = MONDAY + 9 * DAY
ELB = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/shop/0a1b2c"
BILL = charges(
    {"day": MONDAY, "resource_id": "i-node1", "effective": Decimal(4), "team": "shop"},
    {"day": MONDAY, "resource_id": "i-node7", "effective": Decimal(3), "team": "shop"},
    {"day": MONDAY, "resource_id": "vol-1", "effective": Decimal(2)},
    {"day": MONDAY, "resource_id": ELB, "effective": Decimal(1)},
    {"day": MONDAY, "resource_id": "db-1", "effective": Decimal(6), "team": "payments", "service": "RDS"},
    {"day": MONDAY, "service": "Tax", "charge_category": "Tax", "effective": Decimal(5)},
)


def unread(table: pd.DataFrame) -> pd.DataFrame:
    """A table of clusters of which one did not answer."""
    table.attrs["gaps"] = ["cluster/us: it did not answer"]
    return table


def test_a_bill_without_clusters_is_told_by_team_and_adds_up() -> None:
    """No cluster is named: whatever the bill has is outside of one."""
    lines = allocated(BILL, objects(node_table=nodes()))

    assert by_line(lines) == {"outside the cluster": Decimal(16), "tax": Decimal(5)}
    assert (of_team(lines, "shop"), of_team(lines, "payments"), of_team(lines, None)) == (7, 6, 8)


def test_what_may_be_of_a_cluster_that_did_not_answer_is_unknown_and_keeps_its_team() -> None:
    """n1 is of the cluster that answered; i-node7, the disk and the load balancer may be of the other; a database is of none."""
    lines = allocated(BILL, objects(hours("a"), node_table=unread(nodes({}))))
    found = {row["resource_id"]: row for row in records(lines) if row["resource_id"] != "i-node1"}

    assert {name: row["line"] for name, row in found.items()} == {
        "i-node7": "unknown", "vol-1": "unknown", ELB: "unknown", "db-1": "outside the cluster", None: "tax"
    }  # fmt: skip
    assert (found["i-node7"]["team"], found["i-node7"]["why"]) == (
        "shop",
        "a cluster was not read, and it may be of that one",
    )
    assert by_line(lines)["used"] > 0
    assert sum(by_line(lines).values()) == 21


def test_a_disk_made_for_a_claim_is_hardly_an_orphan_while_a_cluster_is_not_read() -> None:
    disk = {"resource_id": "vol-9", "tags": ("kubernetes.io/created-for/pvc/name=data",), "effective": Decimal("0.24")}
    bill = charges(*({**disk, "day": MONDAY + n * DAY} for n in range(7)))

    def sure(things: Objects) -> str:
        (found,) = records(costs.orphans(bill, things, allocated(bill, things), as_of=AS_OF))
        return str(found["sure"])

    assert sure(objects()) == "high"
    assert sure(objects(volume_table=unread(volumes()))) == "low"


@pytest.mark.parametrize("attrs", [{"absent": "the environment names no cluster"}, {"gaps": ["it did not answer"]}])
def test_that_nothing_is_an_orphan_is_not_said_of_what_was_not_read(attrs: dict[str, str]) -> None:
    things = objects(node_table=nodes())
    none = costs.orphans(BILL, things, allocated(BILL, things), as_of=AS_OF)
    table = load_balancers()
    assert {f.status for f in checks.nothing_orphaned(none, volumes(), table, thresholds=LIMITS)} == {Status.OK}

    table.attrs.update(attrs)
    (found,) = checks.nothing_orphaned(none, volumes(), table, thresholds=LIMITS)
    assert (found.status, found.reason.startswith("not looked for: ")) == (Status.UNKNOWN, True)


def test_a_daemonset_is_the_systems_in_whatever_namespace_it_runs() -> None:
    agent = hours("agent-1", workload="daemonset/agent", namespace="monitoring", cpu_request_cores=1.0)
    lines = allocated(charges({"day": MONDAY, "resource_id": "i-node1", "effective": Decimal(4)}), objects(agent))

    assert set(by_line(lines)) == {"system", "idle"}


@pytest.mark.parametrize(("others", "status"), [("300", Status.OK), ("100", Status.UNKNOWN)])
def test_a_bill_is_not_explained_by_what_may_be_of_a_cluster_that_did_not_answer(others: str, status: Status) -> None:
    bill = charges(
        {"day": MONDAY, "resource_id": "i-node7", "effective": Decimal(6)},
        {"day": MONDAY, "resource_id": "db-1", "effective": Decimal(others)},
    )
    lines = allocated(bill, objects(node_table=unread(nodes())))
    (found,) = checks.bill_reconciled(costs.reconciliation(lines), costs.coverage(lines), thresholds=LIMITS)

    assert found.status is status
    assert ("but of 6 % it is not known what for" in found.reason) is (status is Status.UNKNOWN)


@pytest.mark.parametrize(("loose", "status"), [("0", Status.UNKNOWN), ("60", Status.CRIT)])
def test_while_a_bill_is_not_read_nothing_is_said_of_the_whole_but_what_is_bad_already(
    loose: str, status: Status
) -> None:
    of_a_team = {"day": MONDAY, "resource_id": "db-1", "effective": Decimal(40), "team": "shop", "service": "RDS"}
    bill = charges(of_a_team, {**of_a_team, "resource_id": "db-2", "team": None, "effective": Decimal(loose)})
    residual = charges(of_a_team, {"day": MONDAY, "effective": Decimal(loose), "service": "Odd"})
    for table in (bill, residual):
        table.attrs["gaps"] = ["bill/gcp: 403 Forbidden", "cluster/us: it did not answer"]
    lines, odd = (allocated(table, objects(node_table=nodes())) for table in (bill, residual))

    (tagged,) = checks.costs_tagged(costs.aggregate(lines, ["team", "line"]), thresholds=LIMITS)
    (explained,) = checks.bill_reconciled(costs.reconciliation(odd), costs.coverage(odd), thresholds=LIMITS)
    for found in (tagged, explained):
        assert found.status is status, found
        assert found.reason.endswith("; but not every bill was read: bill/gcp: 403 Forbidden")
