"""What OpenCost and KubeCost say against the bill: like with like, and what they leave out has its money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.analysis.costs.schemas import LINES
from gocoffee_ops.checks import allocators_agree
from gocoffee_ops.model import Finding, Status, Thresholds
from gocoffee_ops.queries import opencost
from tests.checks.tables import filled, table

WHOLE = {"used": 83, "control plane": 8, "system": 2, "unmounted storage": 1, "network": 6}  # a day of 100
NOT_OF_A_CLUSTER = ("control plane", "system", "unmounted storage")


def lines(**amounts: int) -> pd.DataFrame:
    about = {"currency": "EUR", "estimated": False}
    rows = [
        about | {"line": line, "cluster": None if line in NOT_OF_A_CLUSTER else "eu", "effective": Decimal(n)}
        for line, n in amounts.items()
    ]
    return filled(LINES, *rows, about | {"line": "tax", "effective": Decimal(19)})


def judged(theirs: int, **row: Any) -> Finding:
    about = {"opencost": "main", "currency": "EUR", "total_list": Decimal(theirs), "minutes": 1440.0}
    allocation = table(opencost.allocation, about | row)
    (found,) = allocators_agree(lines(**WHOLE), allocation, thresholds=Thresholds())
    return found


def test_c02_what_it_does_not_price_stands_apart_with_its_money() -> None:
    found = judged(83)
    assert found.status is Status.WARN
    assert found.reason == (
        "1 day is 83.00 EUR at its list prices, and 83.00 EUR in the bill: the same; "
        "it leaves out 17.00 EUR (17 %): control plane, network, system, unmounted storage"
    )
    assert found.numbers == {"days": 1, "ratio": 1.0, "left_out": 0.17}


@pytest.mark.parametrize(
    ("theirs", "row", "left_out"),
    [
        (89, {"network_list": Decimal(6)}, 0.11),
        (94, {"shared_list": Decimal(11)}, 0.06),
        (100, {"network_list": Decimal(6), "shared_list": Decimal(11)}, 0.0),
    ],
    ids=["it prices traffic", "it shares costs out", "both"],
)
def test_what_it_prices_is_compared(theirs: int, row: dict[str, Any], left_out: float) -> None:
    found = judged(theirs, **row)
    assert found.numbers == {"days": 1, "ratio": 1.0, "left_out": left_out}
    assert found.status is (Status.WARN if left_out else Status.OK)


def test_what_is_left_out_never_hides_that_the_rest_costs_more_there() -> None:
    found = judged(100)
    assert (found.status, found.numbers["ratio"]) == (Status.WARN, 1.205)


def test_what_it_has_no_price_of_is_named() -> None:
    found = judged(83, missing="no price of memory, storage")
    assert (found.status, found.reason) == (
        Status.UNKNOWN,
        "it has no price for a part of what it allocated: no price of memory, storage",
    )
