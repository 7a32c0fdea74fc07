"""What right-sizing is worth: freed requests and bankable nodes are two figures, with the price that each node has."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gocoffee_ops import checks
from gocoffee_ops.analysis import costs, rightsizing
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.schemas import PRICES
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.queries import packing
from tests.analysis.test_packing import GIB, advised, node, pod
from tests.checks.tables import filled
from tests.costs.tables import MONDAY, allocated, charges, hours, nodes, objects, rows_of

NAMES = ("n1", "n2", "n3")
HOURS_A_MONTH = 730


def priced(*bill: dict[str, Any], listed: dict[str, str] | None = None) -> pd.DataFrame:
    """Prices of three nodes of 2 cores and 8 GiB: from their charges of a day, else from a list by name."""
    table = nodes({}, {}, {})
    usual = {"kind": "node", "unit": "hour", "currency": "EUR", "price_from": "list"}
    prices = rows_of(PRICES, [usual | {"name": name, "list": Decimal(price)} for name, price in (listed or {}).items()])
    seen = [row for name in NAMES for row in hours(f"a-{name}", node=name)]
    rows = [{"day": MONDAY, **row} for row in bill]
    return costs.node_prices(allocated(charges(*rows), objects(seen, node_table=table), prices=prices), table)


def charge(name: str, effective: str, **more: Any) -> dict[str, Any]:
    return {"resource_id": f"i-node{name[1:]}", "effective": Decimal(effective), **more}


def saved(
    prices: pd.DataFrame, pods: list[dict[str, Any]], advice: list[dict[str, Any]]
) -> tuple[pd.DataFrame, list[Finding]]:
    """What could be saved, by node, and what is said of it."""
    table = filled(packing.pods.schema, *pods)
    made = filled(rightsizing.ADVICE, *advice)
    removable = rightsizing.removable(filled(packing.nodes.schema, *map(node, NAMES)), table, made)
    by_node = rightsizing.worth_by_node(removable, table, made, prices)
    return by_node, checks.savings_bankable(rightsizing.worth(by_node), removable, made)


def figure(by_node: pd.DataFrame, name: str) -> dict[str, dict[str, Any]]:
    return {row["node"]: row for row in records(by_node) if row["figure"] == name}


TWO_COULD_GO = [pod("a-1", "n1"), pod("b-1", "n2"), pod("c-1", "n3")]
LOWER_C = [advised("c", 1.0, 0.5)]
KEEP_A = advised("a", 1.0, 1.0) | {"cpu_advice": "keep", "cpu_advised_cores": None}


def test_bankable_is_what_the_bill_has_of_the_nodes_and_freed_requests_are_apart() -> None:
    prices = priced(*(charge(name, "6.24") for name in NAMES))  # 0.26 an hour: a core 0.09, a GiB 0.01
    by_node, (found,) = saved(prices, TWO_COULD_GO, LOWER_C)

    gone = figure(by_node, "bankable as things are")
    assert {row["monthly_effective"] for row in gone.values()} == {Decimal("189.80")}
    assert len(gone) == 2
    (freed,) = figure(by_node, "freed requests").values()
    assert (freed["node"], freed["freed_cpu_cores"], freed["monthly_effective"]) == ("n3", 0.5, Decimal("32.85"))
    assert found.reason == (
        "bankable is 379.60 EUR a month (effective), as things are and once requests are as advised; freed requests: "
        "32.85 EUR a month (effective), as headroom until a node goes"
    )
    assert (found.status, found.cluster) == (Status.WARN, "eu")


def test_a_node_without_a_price_makes_the_sum_at_least_and_never_zero() -> None:
    by_node, (found,) = saved(priced(charge("n1", "6.24")), TWO_COULD_GO, [])

    gone = figure(by_node, "bankable as things are")
    assert (gone["n1"]["monthly_effective"], gone["n1"]["why"]) == (Decimal("189.80"), None)
    assert {gone["n2"][name] for name in ("monthly_effective", "monthly_list", "currency", "price_from")} == {None}
    assert gone["n2"]["why"].startswith("neither the bill, nor OpenCost")
    assert found.status is Status.UNKNOWN
    assert "bankable is at least 189.80 EUR a month (effective), as there is 1 node without a price" in found.reason

    _, (found,) = saved(priced(), TWO_COULD_GO, LOWER_C)
    assert (found.status, found.numbers) == (Status.UNKNOWN, {"unpriced_nodes": 5})
    assert "bankable is UNKNOWN (2 nodes without a price), as things are" in found.reason
    assert "0.00" not in found.reason


def test_list_prices_are_told_apart_from_the_bill_and_not_added_to_it() -> None:
    by_node, (found,) = saved(priced(charge("n1", "6.24"), listed={"n2": "0.50"}), TWO_COULD_GO, [KEEP_A])

    gone = figure(by_node, "bankable as things are")
    assert (gone["n2"]["monthly_effective"], gone["n2"]["monthly_list"]) == (None, Decimal(365))
    expected = "189.80 EUR a month (effective) and 365.00 EUR a month (list price of the configuration), as things are"
    assert expected in found.reason
    assert found.status is Status.WARN
    rows = {
        row["price_from"]: row
        for row in records(rightsizing.worth(by_node))
        if row["figure"] == "bankable as things are"
    }
    assert (rows["bill"]["monthly_list"], rows["list"]["monthly_effective"]) == (None, None)


def test_currencies_are_not_added() -> None:
    bill = (charge("n1", "6.24"), charge("n2", "2.40", currency="USD"))
    _, (found,) = saved(priced(*bill), TWO_COULD_GO, [KEEP_A])

    assert "189.80 EUR a month (effective) and 73.00 USD a month (effective), as things are" in found.reason


def test_what_a_commitment_pays_for_is_not_bankable() -> None:
    """Half of n1's day is covered: that half is paid whether the node is there or not."""
    bill = [charge("n1", "3.12", commitment="Used"), charge("n1", "3.12"), charge("n2", "6.24", commitment="Used")]
    by_node, (found,) = saved(priced(*bill, charge("n3", "6.24")), TWO_COULD_GO, [])

    gone = figure(by_node, "bankable as things are")
    assert (gone["n1"]["monthly_effective"], gone["n1"]["monthly_committed_effective"]) == (
        Decimal("94.90"),
        Decimal("94.90"),
    )
    assert gone["n2"]["monthly_effective"] == 0
    assert "94.90 EUR a month (effective) and 284.70 EUR more that a commitment pays for until it ends" in found.reason


def test_nothing_that_can_go_is_ok_and_what_is_freed_is_headroom() -> None:
    full = [pod(f"a-{i}", name, 3500) for i, name in enumerate(NAMES)]
    by_node, (found,) = saved(priced(*(charge(name, "6.24") for name in NAMES)), full, [advised("a", 3.5, 2.5)])

    assert set(figure(by_node, "freed requests")) == set(NAMES)
    assert (found.status, found.reason) == (
        Status.OK,
        "nothing is bankable: no node could go; freed requests: 197.10 EUR a month (effective)",
    )
    nothing = checks.savings_bankable(
        rightsizing.WORTH.empty(), rightsizing.REMOVABLE.empty(), rightsizing.ADVICE.empty()
    )
    assert [one.status for one in nothing] == [Status.UNKNOWN]


def test_advice_that_is_not_sure_frees_no_request_and_empties_no_node() -> None:
    full = [pod(f"a-{i}", name, 3500) for i, name in enumerate(NAMES)]
    unsure = advised("a", 3.5, 1.0) | {"confidence": "LOW"}
    by_node, (found,) = saved(priced(*(charge(name, "6.24") for name in NAMES)), full, [unsure])

    assert by_node.empty
    assert (found.status, "advice for 1 of 1 workload is not sure yet" in found.reason) == (Status.UNKNOWN, True)


def test_a_charge_of_a_day_that_was_not_seen_makes_no_hour_dearer() -> None:
    """The bill has the node on Tuesday, when its cluster says that it was not there."""
    table = nodes({"created_at": MONDAY})
    bill = charges(
        {"day": MONDAY, **charge("n1", "6.24")}, {"day": MONDAY - pd.Timedelta(days=1), **charge("n1", "6.24")}
    )
    (price,) = records(costs.node_prices(allocated(bill, objects(hours("a"), node_table=table)), table))

    assert price["hour_effective"] == Decimal("0.26")


AMOUNTS = st.none() | st.decimals("0.01", 100, places=2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), AMOUNTS, st.sampled_from(["", "Used"])), max_size=6),
    st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 3000)), max_size=6),
    st.lists(st.floats(0.01, 4), max_size=6),
)
def test_bankable_is_never_more_than_the_bill_has_for_the_nodes_that_could_go(
    bill: list[tuple[str, Decimal | None, str]], placed: list[tuple[str, int]], cores: list[float]
) -> None:
    pods = [pod(f"p{i}-1", name, cpu, requests=(f"cpu={cpu}", f"memory={GIB}")) for i, (name, cpu) in enumerate(placed)]
    advice = [advised(f"p{i}", cpu / 1000, one) for i, ((_, cpu), one) in enumerate(zip(placed, cores, strict=False))]
    rows = [charge(name, str(cost), commitment=paid) for name, cost, paid in bill if cost is not None]
    by_node, _ = saved(priced(*rows), pods, advice)

    for row in records(by_node):
        of_node = [one["effective"] for one in rows if one["resource_id"] == f"i-node{row['node'][1:]}"]
        cost = Fraction(total(of_node)) * HOURS_A_MONTH / 24  # the bill is of one day
        parts = [row["monthly_effective"], row["monthly_committed_effective"]]
        if not of_node:
            assert parts == [None, None]
        elif row["figure"].startswith("bankable"):
            assert Fraction(row["monthly_effective"]) <= cost + Fraction(1, 10**9)  # an hour is rounded to 10^-12
            assert float(total(parts)) == pytest.approx(float(cost), abs=1e-6)


NOT_KNOWN = {"cpu_advice": "not known", "cpu_advised_cores": None}


def test_without_usage_what_advice_would_save_is_unknown_and_what_can_go_now_is_told() -> None:
    prices, blind = priced(*(charge(name, "6.24") for name in NAMES)), advised("a", 3.5, 2.5) | NOT_KNOWN
    full = [pod(f"a-{i}", name, 3500) for i, name in enumerate(NAMES)]
    _, (found,) = saved(prices, full, [blind])
    assert found.status is Status.UNKNOWN
    assert found.reason == (
        "bankable is nothing as things are; once requests are as advised: of 1 of 1 workload it is not known what it needs; "
        "freed requests: not known"
    )
    _, (found,) = saved(prices, TWO_COULD_GO, [blind])
    assert found.status is Status.WARN
    assert found.reason.startswith(
        "bankable is 379.60 EUR a month (effective) as things are; once requests are as advised: of 1"
    )
    _, (found,) = saved(prices, full, [])
    assert (found.status, "once requests are as advised: no container was read" in found.reason) == (
        Status.UNKNOWN,
        True,
    )


def test_that_nothing_is_bankable_is_unknown_while_a_workload_is_not_sized() -> None:
    prices = priced(*(charge(name, "6.24") for name in NAMES))
    blind, sized = advised("a", 3.5, 2.5) | NOT_KNOWN, advised("b", 3.5, 3.4)
    full = [pod(f"a-{i}", name, 3500) for i, name in enumerate(NAMES)]
    _, (found,) = saved(prices, full, [blind, sized])
    assert (found.status, "; of 1 of 2 workloads it is not known what it needs" in found.reason) == (
        Status.UNKNOWN,
        True,
    )
    _, (found,) = saved(prices, TWO_COULD_GO, [blind, sized])
    assert (found.status, "; of 1 of 2 workloads it is not known what it needs" in found.reason) == (Status.WARN, True)
