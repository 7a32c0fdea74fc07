"""Did the week cost much more than the one before, or much less, and what of it?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.cost_shares import NEXT, money
from gocoffee_ops.checks.grading import concluded, grade
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Number, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

PARTS = 3  # of a change, that a finding names
NAMES = 2  # services of a part, and resources of a service
NOT_COMPARED = "not compared"

Row = Mapping[str, Any]


def costs_steady(weeks: pd.DataFrame, changes: pd.DataFrame | None = None, *, thresholds: Thresholds) -> list[Finding]:
    """Did the last complete week cost much more than the week before, or much less, and what of it? (C12, C16)

    A fall of at least `cost_anomaly_floor` is a warning: things that are gone look no different from a bill that stopped. UNKNOWN
    while a bill could not be read, or lacks a day: what the others have is not the change. With `changes` (of
    `costs.cost_changes`) the largest parts of the
    change are named, with the services and resources that they are of: a purchase, a correction, a tax or a credit by that name,
    else the cause (price, volume, mix, new, gone, …).

    >>> import pandas as pd
    >>> row = {"week": "before", "currency": "EUR", "effective": Decimal(100), "days_missing": (), "bills_unread": ()}
    >>> weeks = pd.DataFrame([row, row | {"week": "now", "effective": Decimal(130)}])
    >>> said(costs_steady(weeks, thresholds=Thresholds()))
    ['WARN bill/EUR: the week cost 130.00 EUR, after 100.00 EUR: 1.30 times as much']
    >>> for then in (100, 10):
    ...     fallen = pd.DataFrame([row | {"effective": Decimal(then)}, row | {"week": "now", "effective": Decimal(4)}])
    ...     print(*said(costs_steady(fallen, thresholds=Thresholds())))
    WARN bill/EUR: the week cost 4.00 EUR, after 100.00 EUR: 0.04 times as much; a bill that stopped falls like that, too
    OK bill: the week cost 4.00 EUR, after 10.00 EUR: 0.40 times as much
    >>> part = {"currency": "EUR", "cause": "one-off and correction", "line": "purchase", "effective_change": Decimal(32)}
    >>> part |= {"service": "EC2", "resources": ("ri-1",)}
    >>> gone = part | {"cause": "gone", "line": None, "effective_change": Decimal(-2), "service": "S3", "resources": ()}
    >>> print(said(costs_steady(weeks, pd.DataFrame([part, gone]), thresholds=Thresholds()))[0].partition("; ")[2])
    purchase 32.00 EUR more (EC2: ri-1), gone 2.00 EUR less (S3)
    """
    by_currency: defaultdict[str | None, dict[str, Row]] = defaultdict(dict)
    for row in records(weeks):
        by_currency[row["currency"]][row["week"]] = row
    parts: defaultdict[str | None, list[Row]] = defaultdict(list)
    for row in records(changes) if changes is not None else ():
        if row["cause"] != NOT_COMPARED:
            parts[row["currency"]].append(row)
    findings = [_steady(currency, both, parts[currency], thresholds) for currency, both in by_currency.items()]
    fine = "; ".join(finding.reason for finding in findings)
    return concluded(
        findings, check="costs_steady", subject="bill", fine=fine, read=len(findings), none="no week of a bill was read"
    )


def _steady(currency: str | None, both: Mapping[str, Row], parts: Sequence[Row], thresholds: Thresholds) -> Finding:
    def found(status: Status, reason: str, **numbers: Number | str) -> Finding:
        return Finding(status, "costs_steady", f"bill/{currency or 'none'}", reason, numbers, next=NEXT)

    if unread := list(dict.fromkeys(bill for row in both.values() for bill in row["bills_unread"])):
        return found(
            Status.UNKNOWN, f"what the week cost is not known, as not every bill was read: {', '.join(unread)}"
        )
    if missing := [day for row in both.values() for day in row["days_missing"]]:
        return found(Status.UNKNOWN, f"the bill lacks {', '.join(missing)}")
    before, now = both["before"]["effective"], both["now"]["effective"]
    if before == now == 0:
        return found(Status.OK, f"the week cost {money(now, currency)}, and so did the one before")
    ratio = float(now / before) if before and before > 0 else None
    times = f"{ratio:.2f} times as much" if ratio is not None else "nothing to compare with"
    reason = f"the week cost {money(now, currency)}, after {money(before, currency)}: {times}"
    largest = _largest(parts)
    if largest:
        reason += f"; {', '.join(_said(name, rows, currency) for name, rows in largest)}"
    numbers: dict[str, Number | str] = {} if ratio is None else {"ratio": round(ratio, 3)}
    numbers |= {"largest": largest[0][0], "largest_change": float(round(_sum(largest[0][1]), 2))} if largest else {}
    status = grade(ratio, thresholds.cost_growth_warn, thresholds.cost_growth_crit)
    fell = before is not None and before - now >= thresholds.cost_anomaly_floor
    if ratio is not None and ratio <= thresholds.cost_fall_warn and fell:
        status, reason = Status.WARN, f"{reason}; a bill that stopped falls like that, too"
    return found(status, reason, **numbers)


def _largest(parts: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """The parts of a change that moved most, more or less, by name."""
    by_name: defaultdict[str, list[Row]] = defaultdict(list)
    for row in parts:
        by_name[row["line"] or row["cause"]].append(row)
    moved = [(name, rows) for name, rows in by_name.items() if round(_sum(rows), 2)]
    return sorted(moved, key=lambda part: (-abs(_sum(part[1])), part[0]))[:PARTS]


def _said(name: str, rows: Sequence[Row], currency: str | None) -> str:
    """One part for people, with what it is of.

    >>> _said("credit", [{"effective_change": Decimal(-5), "service": "S3", "resources": ()}], "EUR")
    'credit 5.00 EUR less (S3)'
    """
    by_service: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_service[row["service"] or "no service named"].append(row)
    services = sorted(by_service, key=lambda service: (-abs(_sum(by_service[service])), service))
    named = [_of(service, by_service[service]) for service in services[:NAMES]]
    more = f" and {len(services) - NAMES} more" if len(services) > NAMES else ""
    change = _sum(rows)
    return f"{name} {money(abs(change), currency)} {'more' if change > 0 else 'less'} ({'; '.join(named)}{more})"


def _of(service: str, rows: Sequence[Row]) -> str:
    largest = sorted(rows, key=lambda row: -abs(row["effective_change"]))
    resources = list(dict.fromkeys(name for row in largest for name in row["resources"]))[:NAMES]
    return f"{service}: {', '.join(resources)}" if resources else service


def _sum(rows: Iterable[Row]) -> Decimal:
    return sum((row["effective_change"] for row in rows), Decimal(0))
