"""Does Cost Explorer say what the bill says?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.bills import SHOWN
from gocoffee_ops.checks.cost_shares import NEXT, above, money
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

CHECK = "cost_explorer_agrees"
AWS = ("aws", "amazon web services")  # what the names of its companies begin with

Days = Mapping[datetime, Decimal]


def cost_explorer_agrees(
    totals: pd.DataFrame, charges: pd.DataFrame, periods: pd.DataFrame, *, thresholds: Thresholds
) -> list[Finding]:
    """Is what Cost Explorer says of the settled days what the bill has of AWS for them?

    Both are what the invoice says (UnblendedCost and BilledCost), summed over the days that the billing lag has left behind. AWS
    calls a month's days estimates until its invoice is there: how many is said, and they are compared. All Cost Explorers of the
    environment are taken together, since no row says which of them its account belongs to. UNKNOWN where one of the two was not
    read whole or lacks a day that the other has, and where they count in different currencies.

    >>> import pandas as pd
    >>> day = pd.Timestamp("2026-11-02", tz="UTC")
    >>> row = {"day": day, "provider": "AWS", "currency": "USD", "billed": Decimal(100), "estimated": False}
    >>> tables = [pd.DataFrame([row | {"billed": Decimal(98)}]), pd.DataFrame([row]), pd.DataFrame([row])]
    >>> said(cost_explorer_agrees(*tables, thresholds=Thresholds()))
    ['WARN bill/USD: Cost Explorer has 98.00 USD for 1 day, and the bill 100.00 USD of AWS: 2.0 % less']
    """
    if totals.attrs.get("absent"):
        return [Finding(Status.OK, CHECK, "bill", "no Cost Explorer is named: there is nothing to compare")]
    gaps = [*totals.attrs.get("gaps", ()), *charges.attrs.get("gaps", ()), *periods.attrs.get("gaps", ())]
    if gaps:
        return [Finding(Status.UNKNOWN, CHECK, "bill", f"one of the two was not read whole: {gaps[0]}", next=NEXT)]
    young = {row["day"] for row in records(periods) if row["estimated"]}
    theirs, ours = _by_currency(records(totals), young), _by_currency(filter(_of_aws, records(charges)), young)
    if not theirs:
        why = "Cost Explorer has no day that is older than the billing lag"
        return [Finding(Status.UNKNOWN, CHECK, "bill", why, next=NEXT)]
    estimates = sum(bool(row["estimated"]) for row in records(totals) if row["day"] not in young)
    note = f"; AWS calls {counted(estimates, 'day')} an estimate until its invoice is there" if estimates else ""
    found = []
    for currency in sorted({*theirs, *ours}):
        status, reason, numbers = _compared(currency, theirs, ours, thresholds)
        found.append(Finding(status, CHECK, f"bill/{currency}", f"{reason}{note}", numbers, next=NEXT))
    return found


def _of_aws(charge: Mapping[str, Any]) -> bool:
    """Whether AWS charges it, as provider or as who writes the invoice (of what its marketplace sells)."""
    return any(str(charge.get(name) or "").casefold().startswith(AWS) for name in ("provider", "invoice_issuer"))


def _by_currency(rows: Iterable[Mapping[str, Any]], young: set[datetime]) -> dict[str, Days]:
    sums: defaultdict[str, defaultdict[datetime, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        if row["day"] not in young:
            sums[row["currency"]][row["day"]] += row["billed"]
    return {currency: dict(days) for currency, days in sums.items()}


def _compared(
    currency: str, theirs: Mapping[str, Days], ours: Mapping[str, Days], thresholds: Thresholds
) -> tuple[Status, str, dict[str, float]]:
    for name, has, other in (("the bill", ours, theirs), ("Cost Explorer", theirs, ours)):
        if currency not in has:
            instead = f" but in {', '.join(sorted(has))}" if has else ""
            return Status.UNKNOWN, f"{name} has nothing of AWS in {currency}{instead}", {}
        lacking = sorted(day for day, amount in other.get(currency, {}).items() if amount and day not in has[currency])
        if lacking:
            named = ", ".join(f"{day:%Y-%m-%d}" for day in lacking[:SHOWN]) + (", …" if len(lacking) > SHOWN else "")
            return Status.UNKNOWN, f"{name} lacks {counted(len(lacking), 'day')} that the other has: {named}", {}
    said, billed = (sum(days[currency].values(), Decimal(0)) for days in (theirs, ours))
    days = len({*theirs[currency], *ours[currency]})
    sums = f"Cost Explorer has {money(said, currency)} for {counted(days, 'day')}, and the bill {money(billed, currency)} of AWS"
    if not billed:
        return (Status.CRIT if said else Status.OK), sums, {"days": days}
    off, off_by_day = (
        float(part / abs(billed)) for part in (said - billed, _off_by_day(theirs[currency], ours[currency]))
    )
    status = above(off_by_day, thresholds.cost_explorer_warn, thresholds.cost_explorer_crit)
    reason = f"{sums}: {abs(off) * 100:.1f} % {'more' if off > 0 else 'less'}" if off else f"{sums}: the same"
    if off_by_day - abs(off) >= 0.0005:  # as much as is shown
        reason += f", but day by day they differ by {off_by_day * 100:.1f} %"
    return status, reason, {"days": days, "off": round(off, 4), "off_by_day": round(off_by_day, 4)}


def _off_by_day(theirs: Days, ours: Days) -> Decimal:
    """By how much the days differ, without signs: what one has too much does not make up for what another lacks."""
    none = Decimal(0)
    return sum((abs(theirs.get(day, none) - ours.get(day, none)) for day in {*theirs, *ours}), none)
