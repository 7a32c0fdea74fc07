"""What is paid for and seems to be nobody's, C17: owner and claim are looked up first, and what is young is no candidate."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gocoffee_ops.analysis.costs.orphans import orphans
from gocoffee_ops.frames import records
from tests.costs.synthetic import AS_OF as LATER
from tests.costs.synthetic import scene
from tests.costs.tables import AS_OF, DAY, allocated, charges, objects, volumes


def test_c17_the_volume_of_a_scaled_down_statefulset_is_no_orphan() -> None:
    one = scene()
    lines = allocated(one.bill, one.objects, LATER, teams=one.teams)
    table = records(orphans(one.bill, one.objects, lines, as_of=LATER))
    found = {row["subject"]: row for row in table}

    assert "volume/ledger-1" not in found
    assert "volume/postgres-0" not in found
    assert {(row["subject"], row["sure"]) for row in table} == {
        ("volume/old-uploads", "high"),
        ("volume/pvc-left-behind", "high"),
        ("service/canary", "medium"),
        ("snapshot/before-upgrade", "low"),
    }
    old = found["volume/old-uploads"]
    assert old["monthly_effective"] == Decimal("1.46")  # 20 GiB at 0.073
    assert (old["owner"], old["age_s"]) == ("claim/uploads", 90 * 86_400)
    assert found["service/canary"]["monthly_effective"] == Decimal("18.25")
    (left,) = [row for name, row in found.items() if name.endswith("pvc-left-behind")]
    assert left["owner"] == "claim/uploads"
    (kept,) = [row for row in table if row["kind"] == "snapshot"]
    assert (kept["age_s"] or 0) >= 14 * 86_400
    assert "at least" in kept["why"]
    assert not [row for row in table if row["monthly_effective"] is None]


def test_c17_a_volume_that_was_made_a_minute_ago_still_waits_for_its_claim() -> None:
    young, old = {"volume": "young", "age_s": 60.0}, {"volume": "old"}
    things = objects(volume_table=volumes(*({"phase": "Available", **row} for row in (young, old))))
    bill = charges()
    table = records(orphans(bill, things, allocated(bill, things), as_of=AS_OF))

    assert [(row["subject"], row["sure"]) for row in table] == [("volume/old", "high")]


@pytest.mark.parametrize(
    ("read_days", "billed_days", "why"),
    [(45, 20, None), (45, 33, "of 33 days"), (20, 20, "of at least 20 days"), (5, 5, None)],
    ids=["young", "old", "as old as can be seen", "too little was read"],
)
def test_c17_a_snapshot_is_a_candidate_once_it_is_old(read_days: int, billed_days: int, why: str | None) -> None:
    days = [AS_OF - n * DAY for n in range(1, read_days + 1)]
    kept = [
        {"day": day, "resource_id": "snap-0a", "service": "EBS", "effective": Decimal("0.05")}
        for day in days[:billed_days]
    ]
    bill = charges(*({"day": day, "resource_id": "db", "effective": Decimal(1)} for day in days), *kept)
    table = records(orphans(bill, objects(), allocated(bill, objects()), as_of=AS_OF))

    assert [(row["subject"], row["sure"]) for row in table] == ([("snapshot/snap-0a", "low")] if why else [])
    assert all(str(why) in row["why"] for row in table)
