"""What the checks of costs have in common: amounts as people read them, and shares of a bill's money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.grading import COST_ANALYSIS
from gocoffee_ops.model import Status

if TYPE_CHECKING:
    import pandas as pd

NEXT = (COST_ANALYSIS,)
RAN = ("core-hours", "GiB-hours")
# What of the clusters has prices of one kind, as coverage tells it, and the lines of a bill that are of that kind.
KINDS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (RAN, ("used", "requested and unused", "idle", "system")),
    (("GiB-days of volumes",), ("storage", "unmounted storage")),
    (("days of load balancers",), ("load balancer",)),
    (("days of control planes",), ("control plane",)),
)


def money(amount: Decimal, currency: str | None) -> str:
    """An amount for people.

    >>> money(Decimal("1234.5678"), "EUR")
    '1,234.57 EUR'
    """
    return f"{amount:,.2f} {currency or '(no currency)'}"


def bills_lacking(table: pd.DataFrame) -> str:
    """The bills that what a table was made of lacks, and why; "" for none.

    >>> import pandas as pd
    >>> table = pd.DataFrame()
    >>> table.attrs["unread"] = ["bill/gcp: 403 Forbidden", "cluster/us: no answer"]
    >>> bills_lacking(table)
    'bill/gcp: 403 Forbidden'
    """
    return ", ".join(gap for gap in table.attrs.get("unread", ()) if gap.startswith("bill/"))


def priced_of_money(lines: Mapping[str, Mapping[str, Any]], coverage: Sequence[Mapping[str, Any]]) -> float | None:
    """Of what the clusters cost, the share that has a price; None where some of it has a price nowhere to judge the rest by.

    `lines` are a bill's, by line. What has no price is taken to cost as much as its like in the bill: a GiB of a volume as the
    others' of its class in the cluster, a day of a load balancer as the others', a core-hour as the others. So a small disk without
    a price counts as one. Volumes of a class that no bill has are in neither (`unlike` of `coverage`): it is at most that, with
    them. None, too, where volumes cannot be weighed, as bills are in several currencies, and there are such; and where nothing of a
    cluster costs anything.

    >>> nodes = {"what": "core-hours", "total": 100.0, "from_bill": 100.0, "priced_share": 1.0}
    >>> disks = {"what": "GiB-days of volumes", "total": 10.0, "from_bill": 5.0, "priced_share": 0.5}
    >>> lines = {"used": {"effective": Decimal(180)}, "storage": {"effective": Decimal(10)}}
    >>> priced_of_money(lines, [nodes, disks]), priced_of_money(lines, [nodes, disks | {"from_bill": 0.0, "priced_share": 0.0}])
    (0.95, None)
    """
    whole = priced = 0.0
    for names, of_kind in KINDS:
        there = [row for row in coverage if row["what"] in names]
        if not there:
            continue
        least = min(there, key=lambda row: row["priced_share"])
        total = least.get("weighed_total") or least["total"]
        share = 1 - least["weighed_unpriced"] / total if least.get("weighed_total") else least["priced_share"]
        billed = least["from_bill"] / total
        if least["priced_share"] < 1 and (not billed or (least.get("unlike") and not least.get("weighed_total"))):
            return None
        money_ = sum(float(lines[line]["effective"]) for line in of_kind if line in lines) / billed if billed else 0.0
        whole, priced = whole + money_, priced + money_ * share
    return priced / whole if whole else None


def charged(line: Mapping[str, Any], basis: str) -> Decimal:
    """What was charged, before any credit; of what is mostly credits, these.

    >>> charged({"billed": Decimal(50), "billed_unsigned": Decimal(150)}, "billed")
    Decimal('100')
    """
    return Decimal(line[f"{basis}_unsigned"] + abs(line[basis])) / 2


def unseen_share(lines: Mapping[str, Mapping[str, Any]]) -> float:
    """Of a bill, by its reconciliation's lines, the share, without signs, of which it is not known what for."""
    if "unknown" not in lines:
        return 0.0
    whole = charged(lines["bill"], "effective")
    return float(lines["unknown"]["effective_unsigned"] / whole) if whole else 0.0


def above(value: float, warn: float, crit: float) -> Status:
    """OK up to and with `warn`, CRIT above `crit`.

    >>> [above(value, 0.02, 0.05).value for value in (0.02, 0.05, 0.051)]
    ['OK', 'WARN', 'CRIT']
    """
    if value > crit:
        return Status.CRIT
    return Status.WARN if value > warn else Status.OK
