"""What OpenCost and KubeCost say against the bill: like with like, and what they leave out has its money."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.analysis.costs.schemas import LINES
from gocoffee_ops.checks import allocators_agree
from gocoffee_ops.model import Finding, Status, Thresholds
from gocoffee_ops.queries import opencost
from tests.checks.tables import filled, table
from tests.costs.tables import DAY, MONDAY

WHOLE = {"used": 83, "control plane": 8, "system": 2, "unmounted storage": 1, "network": 6}  # a day of 100
NOT_OF_A_CLUSTER = ("control plane", "system", "unmounted storage")


def lines(day: datetime = MONDAY, **amounts: int) -> pd.DataFrame:
    about = {"currency": "EUR", "estimated": False, "day": day}
    rows = [
        about | {"line": line, "cluster": None if line in NOT_OF_A_CLUSTER else "eu", "effective": Decimal(n)}
        for line, n in amounts.items()
    ]
    return filled(LINES, *rows, about | {"line": "tax", "effective": Decimal(19)})


def judged(theirs: int, **row: Any) -> Finding:
    about = {"opencost": "main", "currency": "EUR", "total_list": Decimal(theirs), "minutes": 1440.0, "day": MONDAY}
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


def entry(part: str, total: int, day: datetime = MONDAY, **row: Any) -> dict[str, Any]:
    about = {"opencost": "main", "currency": "EUR", "part": part, "total_list": Decimal(total), "minutes": 1440.0}
    return about | {"day": day, "their_cluster": "one"} | row


def compared(*entries: dict[str, Any]) -> Finding:
    """Against two days of 100 each."""
    bill = pd.concat([lines(MONDAY + n * DAY, used=100) for n in range(2)])
    (found,) = allocators_agree(bill, table(opencost.allocation, *entries), thresholds=Thresholds())
    return found


WRONG_IDLE = {
    "half a day at twice the price": [entry("allocated", 60), entry("idle", 40, minutes=720.0)],
    "half of one of two clusters": [
        entry("allocated", 60),
        entry("idle", 20),
        entry("idle", 20, minutes=600.0, their_cluster="two"),
    ],
    "idle below zero": [entry("allocated", 150), entry("idle", -50)],
    "idle CPU below zero": [entry("allocated", 60), entry("idle", 40, cpu_list=Decimal(-10), memory_list=Decimal(50))],
    "idle memory below zero": [
        entry("allocated", 60),
        entry("idle", 40, cpu_list=Decimal(50), memory_list=Decimal(-10)),
    ],
    "half a day without idle": [entry("allocated", 100, minutes=720.0)],
}


@pytest.mark.parametrize("wrong", WRONG_IDLE.values(), ids=list(WRONG_IDLE))
def test_c10_a_day_seen_in_part_or_with_idle_below_zero_is_not_compared(wrong: list[dict[str, Any]]) -> None:
    found = compared(*wrong)
    aside = "1 day not compared: seen in part, or with idle below zero"
    assert (found.status, found.reason) == (
        Status.UNKNOWN,
        f"no complete day is in its answer and in the bill; {aside}",
    )
    whole = [entry("allocated", 60, MONDAY + DAY), entry("idle", 40, MONDAY + DAY)]
    found = compared(*wrong, *whole)
    assert (found.status, found.numbers["days"]) == (Status.OK, 1)
    assert found.reason.endswith(f"the same; {aside}")


def test_days_with_sound_idle_are_compared() -> None:
    rows = [entry(part, n, MONDAY + k * DAY) for k in range(2) for part, n in (("allocated", 60), ("idle", 40))]
    short = [entry("unmounted", 0, minutes=2.5), entry("allocated", 0, minutes=30.0, their_cluster=None)]
    found = compared(*rows, *short)
    assert (found.status, found.numbers) == (Status.OK, {"days": 2, "ratio": 1.0, "left_out": 0.0})
    assert "not compared" not in found.reason


def of_clusters(*entries: dict[str, Any], **amounts: int) -> list[Finding]:
    """Against a day of several clusters, each with its cost."""
    about = {"currency": "EUR", "estimated": False, "day": MONDAY, "line": "used"}
    bill = filled(LINES, *(about | {"cluster": name, "effective": Decimal(n)} for name, n in amounts.items()))
    return allocators_agree(bill, table(opencost.allocation, *entries), thresholds=Thresholds())


def each(name: str, total: int, their_cluster: str | None = None, **row: Any) -> dict[str, Any]:
    return entry("allocated", total, opencost=name, their_cluster=their_cluster, **row)


def test_several_that_do_not_say_which_cluster_they_allocate_are_compared_together() -> None:
    (found,) = of_clusters(each("a", 60), each("b", 40), eu=40, us=60)
    assert (found.status, found.subject) == (Status.OK, "opencost/a, b")
    assert found.reason == "1 day is 100.00 EUR at its list prices, and 100.00 EUR in the bill: the same"
    (found,) = of_clusters(each("a", 90), each("b", 40), eu=40, us=60)
    assert (found.status, found.numbers["ratio"]) == (Status.WARN, 1.3)


def test_one_that_says_which_cluster_it_allocates_is_compared_with_that() -> None:
    by_id = of_clusters(each("a", 40, "EU"), each("b", 90, "us"), eu=40, us=60)
    assert [(one.status, one.subject, one.numbers["ratio"]) for one in by_id] == [
        (Status.OK, "opencost/a", 1.0),
        (Status.WARN, "opencost/b", 1.5),
    ]
    assert by_id[0].reason.startswith("of eu 1 day is 40.00 EUR at its list prices, and 40.00 EUR in the bill")
    by_name = of_clusters(each("eu", 40), each("main", 60, None), eu=40, us=60)  # and the other is of what is left
    assert [one.status for one in by_name] == [Status.OK, Status.OK]
    (whole,) = of_clusters(each("all", 40, "one"), each("all", 60, "two"), eu=40, us=60)
    assert (whole.status, whole.numbers["ratio"]) == (Status.OK, 1.0)


def test_two_that_call_their_cluster_alike_may_be_of_one() -> None:
    """That is what OpenCost calls it unless it is told another name."""
    twice = [each("a", 50, "cluster-one"), each("b", 50, "cluster-one")]
    (found,) = of_clusters(*twice, eu=40, us=60)
    assert (found.status, found.subject) == (Status.UNKNOWN, "opencost/a, b")
    assert found.reason == (
        "several of them call a cluster cluster-one: that may be one cluster twice; of the bill's are left 2: eu, us"
    )
    named = of_clusters(each("us", 60, "cluster-one"), each("b", 40, "cluster-one"), eu=40, us=60)
    assert [(one.status, one.subject) for one in named] == [(Status.OK, "opencost/us"), (Status.OK, "opencost/b")]


def test_a_cluster_that_one_calls_by_its_name_is_none_that_none_has() -> None:
    both = [each("main", 40, "eu"), each("main", 60, "x")]
    (found,) = of_clusters(*both, eu=40, us=30, ap=30)
    assert (found.status, found.reason) == (
        Status.UNKNOWN,
        "it allocates eu, and 1 cluster by a name that none has; of the bill's are left 2: ap, us",
    )
    found, rest = of_clusters(*both, each("ap", 30), eu=40, us=60, ap=30)  # and us is the one that is left
    assert [(one.status, one.subject) for one in (found, rest)] == [
        (Status.OK, "opencost/ap"),
        (Status.OK, "opencost/main"),
    ]
    again = of_clusters(*both, each("eu", 40), eu=40, us=30, ap=30)  # eu twice is no two of the others
    assert [one.status for one in again] == [Status.OK, Status.UNKNOWN]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([each("eu", 40)], "none of them allocates us: there is nothing to compare"),
        (
            [each("main", 40)],
            "it allocates 1 cluster by a name that none has, and of the bill's are left 2: eu, us",
        ),
        (
            [each("eu", 40), each("us", 60), each("lab", 9)],
            "it allocates 1 cluster by a name that none has, and of the bill's are left none",
        ),
    ],
    ids=["one has none", "which of them is not said", "one is of no cluster of the bill"],
)
def test_a_cluster_that_none_allocates_is_unknown(entries: list[dict[str, Any]], said: str) -> None:
    found = of_clusters(*entries, eu=40, us=60)
    assert [one.reason for one in found if one.status is Status.UNKNOWN] == [said]
    assert {one.status for one in found if one.subject in ("opencost/eu", "opencost/us")} <= {Status.OK}


def test_a_day_that_one_of_those_compared_together_lacks_or_saw_in_part_is_not_compared() -> None:
    bill = [
        {"currency": "EUR", "estimated": False, "day": MONDAY + n * DAY, "line": "used", "cluster": name}
        | {"effective": Decimal(50)}
        for n in range(3)
        for name in ("eu", "us")
    ]
    entries = [each("a", 50, day=MONDAY + n * DAY) for n in range(3)]
    entries += [each("b", 50), each("b", 25, day=MONDAY + DAY, minutes=700.0)]
    (found,) = allocators_agree(filled(LINES, *bill), table(opencost.allocation, *entries), thresholds=Thresholds())
    assert (found.status, found.numbers["days"]) == (Status.OK, 1)
    assert found.reason.endswith("1 day not compared: seen in part, or with idle below zero")


def test_several_in_different_currencies_are_not_added_up() -> None:
    (found,) = of_clusters(each("a", 60), each("b", 40, currency="USD"), eu=40, us=60)
    assert (found.status, found.reason) == (Status.UNKNOWN, "they count in EUR, USD, which are not added up")


@pytest.mark.parametrize(("theirs", "status"), [("100.01", Status.OK), ("104.99", Status.OK), ("105", Status.WARN)])
def test_what_differs_by_less_than_the_threshold_is_no_warning(theirs: str, status: Status) -> None:
    """`cost_allocator_warn`, 5 % unless configured."""

    def judged_by(limits: Thresholds) -> Status:
        allocation = table(opencost.allocation, entry("allocated", 0, total_list=Decimal(theirs)))
        (found,) = allocators_agree(lines(used=100), allocation, thresholds=limits)
        return found.status

    assert judged_by(Thresholds()) is status
    assert judged_by(Thresholds(cost_allocator_warn=0.2)) is Status.OK
