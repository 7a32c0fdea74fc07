"""Is the bill explained, has all of it a price and a team, and is what nodes cost used?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.cost_shares import (
    KINDS,
    NEXT,
    RAN,
    above,
    bills_lacking,
    charged,
    money,
    priced_of_money,
    unseen_share,
)
from gocoffee_ops.checks.grading import concluded, counted, grade, percent
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

OF_CLUSTERS = tuple(line for _, lines in KINDS for line in lines)
UNUSED = ("idle", "requested and unused")
OWNED = ("used", "requested and unused", "storage", "unmounted storage", "load balancer", "outside the cluster")


def _of_what_was_read(found: Finding, unread: str) -> Finding:
    """A statement about the whole is UNKNOWN while a bill was not read, unless what was read is bad enough."""
    if not unread:
        return found
    status = found.status if found.status is Status.CRIT else Status.UNKNOWN
    return replace(found, status=status, reason=f"{found.reason}; but not every bill was read: {unread}")


def bill_reconciled(reconciliation: pd.DataFrame, coverage: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Do the lines explain the bill? (C02, C12)

    Of complete days alone. UNKNOWN while all days are within the billing lag; when less than `cost_priced_min` of what the
    clusters cost has a price, as then the bill, or what was matched with it, lacks more than a residual could show, and when that
    cannot be told, as of a volume's class nobody has a price; when it is not known of more than the rest what for; and while a
    bill was not read. How much has a price is told in money: `priced_of_money`. Of billed and effective cost the one of which
    more is residual is judged: an invoice must be explained too. Each is a share of what was charged, before any credit.

    >>> import pandas as pd
    >>> row = {"currency": "EUR", "estimated": False, "line": "bill", "days": 7, "effective": Decimal(100)}
    >>> row["effective_unsigned"] = Decimal(100)
    >>> rest = row | {"line": "residual", "effective": Decimal(4), "effective_unsigned": Decimal(4)}
    >>> priced = pd.DataFrame([{"what": "core-hours", "total": 9.0, "from_bill": 9.0, "priced_share": 1.0}])
    >>> said(bill_reconciled(pd.DataFrame([row, rest]), priced, thresholds=Thresholds()))
    ['WARN bill/EUR: 4.0 % of 7 days is residual: 4.00 EUR of 100.00 EUR']
    """
    table = records(reconciliation)
    by_currency: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in table:
        by_currency[row["currency"]].append(row)
    covered = [row for row in records(coverage) if row["priced_share"] is not None]
    of_clusters = {row["currency"] for row in table if row["line"] in OF_CLUSTERS and row["effective"]}
    judged = (
        _reconciled(currency, rows, covered if currency in of_clusters or not of_clusters else [], thresholds)
        for currency, rows in by_currency.items()
    )
    unread = bills_lacking(reconciliation)
    findings = [_of_what_was_read(finding, unread) for finding in judged]
    fine = [finding.reason for finding in findings]
    return concluded(
        findings,
        check="bill_reconciled",
        subject="bill",
        fine="; ".join(fine),
        read=len(findings),
        none=f"no row of a bill was read{f': {unread}' if unread else ''}",
    )


def _reconciled(
    currency: str, rows: Sequence[Mapping[str, Any]], covered: Sequence[Mapping[str, Any]], thresholds: Thresholds
) -> Finding:
    def found(status: Status, reason: str, **numbers: float) -> Finding:
        return Finding(status, "bill_reconciled", f"bill/{currency}", reason, numbers, next=NEXT)

    settled = {row["line"]: row for row in rows if not row["estimated"]}
    if "bill" not in settled:
        return found(Status.UNKNOWN, "every day is younger than the billing lag: these are estimates")
    priced = priced_of_money(settled, covered)
    lacking = ", ".join(
        f"{percent(row['priced_share'])} of the {row['what']}" for row in covered if row["priced_share"] < 1
    )
    if priced is None and lacking:
        return found(Status.UNKNOWN, f"only {lacking} has a price, and nothing says what the rest costs")
    unlike = sorted({one for row in covered for one in row.get("unlike") or ()})
    about = _about(priced, lacking, unlike)
    whole, residual = settled["bill"], settled["residual"]
    wholes = {basis: charged(whole, basis) for basis in ("effective", "billed") if f"{basis}_unsigned" in whole}
    if not any(wholes.values()):
        return found(Status.UNKNOWN, "the bill has no cost")
    shares = {basis: float(residual[f"{basis}_unsigned"] / amount) for basis, amount in wholes.items() if amount}
    basis = max(shares, key=lambda one: round(shares[one], 6))  # effective, where both are alike
    share, rest = shares[basis], residual[f"{basis}_unsigned"]
    reason = f"{share * 100:.1f} % of {counted(whole['days'], 'day')} is residual: "
    reason += f"{money(rest, currency)} of {money(wholes[basis], currency)}"
    signed = f" charged ({money(whole[basis], currency)} with credits)"
    reason += "" if abs(whole[basis]) == wholes[basis] else signed
    reason += " as billed" if basis == "billed" else ""
    status = above(share, thresholds.cost_residual_warn, thresholds.cost_residual_crit)
    unseen = unseen_share(settled)
    if unseen > 1 - thresholds.cost_priced_min and status is not Status.CRIT:
        status, reason = Status.UNKNOWN, f"{reason}; but of {percent(unseen)} it is not known what for"
    numbers = {} if priced is None else {"priced_at_most" if unlike else "priced": round(priced, 4)}
    if priced is not None and priced < thresholds.cost_priced_min:
        return found(Status.UNKNOWN, f"{reason}; but {'' if unlike else 'only '}{about}", **numbers)
    if unlike and status is not Status.CRIT:
        return found(Status.UNKNOWN, f"{reason}; but {about}", residual=round(share, 4), **numbers)
    if lacking:
        reason += f"; {about}"
    return found(status, reason, residual=round(share, 4), **numbers)


def _about(priced: float | None, lacking: str, unlike: Sequence[str]) -> str:
    """How much of what clusters cost has a price; of what no bill has the like of, nothing says how much more there is."""
    share = percent(priced or 0.0)
    if not unlike:
        return f"about {share} of what clusters cost has a price, if the rest costs what its like does: {lacking}"
    lone = f"what {' and '.join(unlike)} cost, nothing says: no bill has their like, nor the configuration a price"
    return f"{lone}; without them about {share} of what clusters cost has a price"


def costs_covered(coverage: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Has all that ran a price, and was it seen? (C04, C08)

    >>> import pandas as pd
    >>> row = {"what": "core-hours", "total": 100.0, "unpriced": 0.0, "unseen": 20.0, "priced_share": 1.0, "unseen_share": 0.2}
    >>> said(costs_covered(pd.DataFrame([row]), thresholds=Thresholds()))
    ['UNKNOWN core-hours: 100 of 100 have a price (100 %); what 20 % of them were for was not seen']

    What has volumes has nodes too: where none of their hours was read, that is UNKNOWN. That fees which name no cluster are those
    of the clusters is assumed, and said, and no fault.
    """
    found = records(coverage)
    table = [row for row in found if row["total"]]
    findings = [_covered(row, thresholds) for row in table]
    unread = [row["what"] for row in found if row["what"] in RAN and not row["total"]] if table else []
    findings += [Finding(Status.UNKNOWN, "costs_covered", what, "none was read", next=NEXT) for what in unread]
    fine = f"all {' and '.join(row['what'] for row in table)} have a price and were seen"
    if any(row["unpriced"] or row["unseen_share"] for row in table):  # less than is a warning, and no "all"
        fine = "; ".join(f"{finding.subject}: {finding.reason}" for finding in findings)
    assumed = [one for one in findings if one.status is Status.OK and "assumed" in one.numbers]
    told = concluded(
        findings,
        check="costs_covered",
        subject="costs",
        fine=fine,
        read=len(table),
        none="nothing that ran was read",
    )
    return [*told, *assumed]


def _covered(row: Mapping[str, Any], thresholds: Thresholds) -> Finding:
    priced, unseen = row["priced_share"], row["unseen_share"]
    reason = f"{row['total'] - row['unpriced']:,.0f} of {row['total']:,.0f} have a price ({_share(priced)})"
    if unlike := row.get("unlike"):
        reason += f"; what {' and '.join(unlike)} cost, nothing says"
    reason += f"; what {_share(unseen)} of them were for was not seen" if unseen else ""
    if priced < thresholds.cost_priced_crit:
        status = Status.CRIT
    elif min(priced, 1 - unseen) < thresholds.cost_priced_min:
        status = Status.UNKNOWN
    else:
        status = grade(max(1 - priced, unseen), thresholds.cost_uncovered_warn)
    numbers = {"priced": round(priced, 4), "unseen": round(unseen, 4)}
    if assumed := row.get("assumed"):
        reason += f"; that the bill's {assumed:,.0f} which name no cluster are these is assumed"
        numbers["assumed"] = assumed
    return Finding(status, "costs_covered", row["what"], reason, numbers, next=NEXT)


def _share(ratio: float) -> str:
    """A share that is neither all nor nothing, and is not shown as if it were.

    >>> _share(0.94), _share(0.9996), _share(0.0004), _share(1.0)
    ('94 %', '99.96 %', '0.04 %', '100 %')
    """
    return percent(ratio) if min(ratio, 1 - ratio) >= 0.005 or ratio in (0, 1) else f"{ratio * 100:.2f} %"


def costs_tagged(by_team_and_line: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Has what somebody owns a team? Idle, taxes, the control plane and the like are nobody's, and not looked at.

    Of complete days. What it is not known of what it was for may be somebody's without a team, and what has list prices only is in
    no sum: UNKNOWN where the verdict hangs on either, and while a bill was not read.

    >>> import pandas as pd
    >>> row = {"line": "used", "currency": "EUR", "team": "shop", "effective_settled": Decimal(80), "unpriced": 0}
    >>> table = pd.DataFrame([row, row | {"team": None, "effective_settled": Decimal(20)}]).assign(list_settled=None)
    >>> print(costs_tagged(table, thresholds=Thresholds())[0].reason)
    20 % of what somebody owns (no idle, system, tax, …) on settled days has no team: 20.00 EUR of 100.00 EUR
    """
    sums: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    unpriced = 0
    for row in records(by_team_and_line):
        if row["line"] not in (*OWNED, "unknown"):
            continue
        kind = "tagged" if row["team"] is not None else "unseen" if row["line"] == "unknown" else "untagged"
        for basis, at in (("effective", ""), ("list", " at list prices")):
            if row[f"{basis}_settled"] is not None:
                sums[row["currency"]][f"{kind}{at}"] += row[f"{basis}_settled"]
        unpriced += row["unpriced"]
    unread = bills_lacking(by_team_and_line)
    findings = [_of_what_was_read(_tagged(currency, parts, thresholds), unread) for currency, parts in sums.items()]
    shares = "; ".join(finding.reason for finding in findings)
    return concluded(
        findings,
        check="costs_tagged",
        subject="costs",
        fine=shares,
        read=len(findings),
        none=f"{counted(unpriced, 'line')} without a price"
        if unpriced
        else "no cost of a complete day that somebody owns was read",
    )


def _tagged(currency: str, parts: Mapping[str, Decimal], thresholds: Thresholds) -> Finding:
    nothing = Decimal(0)
    tagged, untagged, unseen = (parts.get(kind, nothing) for kind in ("tagged", "untagged", "unseen"))
    listed = {kind: parts.get(f"{kind} at list prices", nothing) for kind in ("tagged", "untagged", "unseen")}
    whole = untagged + tagged
    low = float(untagged / whole) if whole else None
    high = float((untagged + unseen) / (whole + unseen)) if whole + unseen else None
    dearer = [part + listed[kind] for kind, part in (("tagged", tagged), ("untagged", untagged + unseen))]
    dearer[1] += listed["unseen"]
    dearest = float(dearer[1] / sum(dearer)) if sum(dearer) else None
    warn, crit = thresholds.cost_untagged_warn, thresholds.cost_untagged_crit
    least, most, with_list = (grade(share, warn, crit) for share in (low, high, dearest))
    reason = (
        f"{percent(low)} of what somebody owns (no idle, system, tax, …) on settled days has no team: "
        f"{money(untagged, currency)} of {money(whole, currency)}"
        if low is not None
        else "nothing that somebody owns has an effective cost"
    )
    status = least if least is most or least is Status.CRIT else Status.UNKNOWN
    if status is not least:
        reason = f"{reason}; of {money(unseen, currency)} more it is not known what for"
    if any(listed.values()):
        reason += f"; {money(sum(listed.values(), nothing), currency)} more has list prices only, and is not in this"
        status = Status.UNKNOWN if with_list.severity > status.severity else status
    return Finding(status, "costs_tagged", f"costs/{currency}", reason, next=NEXT)


def nodes_used(lines: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """How much of what nodes cost stood idle, or was requested and not used? (C01, C07)

    Of complete days and effective cost. What was not seen may have been either, and nodes that have list prices only are in no sum:
    UNKNOWN where the verdict hangs on either.

    >>> import pandas as pd
    >>> row = {"node": "n1", "line": "used", "day": 1, "estimated": False, "currency": "EUR", "effective": Decimal(80)}
    >>> table = pd.DataFrame([row, row | {"line": "idle", "effective": Decimal(120)}]).assign(list=None)
    >>> print(nodes_used(table, thresholds=Thresholds())[0].reason)
    60 % of what nodes cost in 1 settled day was not used: 120.00 idle and 0.00 requested and unused, of 200.00 EUR
    """
    found: defaultdict[str, _Nodes] = defaultdict(_Nodes)
    for row in records(lines):
        if row["node"] is None or row["line"] == "network" or row["estimated"]:
            continue
        if row["effective"] is not None:
            found[row["currency"]].billed[row["line"]] += row["effective"]
            found[row["currency"]].days.add(row["day"])
        elif row["list"] is not None:
            found[row["currency"]].listed[row["line"]] += row["list"]
            found[row["currency"]].unbilled.add(row["node"])
    findings = [_used(currency, of, thresholds) for currency, of in sorted(found.items())]
    return concluded(
        findings,
        check="nodes_used",
        subject="nodes",
        fine="; ".join(finding.reason for finding in findings),
        read=len(findings),
        none="no complete day of a node has an effective cost",
    )


@dataclass
class _Nodes:
    """What nodes cost in one currency, by line: in a bill, and at list prices where no bill has it."""

    billed: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    listed: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    days: set[object] = field(default_factory=set)
    unbilled: set[str] = field(default_factory=set)


def _used(currency: str, nodes: _Nodes, thresholds: Thresholds) -> Finding:
    def found(status: Status, reason: str, **numbers: float) -> Finding:
        return Finding(status, "nodes_used", f"nodes/{currency}", reason, numbers, next=NEXT)

    whole, unseen = sum(nodes.billed.values(), Decimal(0)), nodes.billed["unknown"]
    at_list = sum(nodes.listed.values(), Decimal(0))
    idle, requested = (nodes.billed[line] for line in UNUSED)
    have = "has list prices only, and is" if len(nodes.unbilled) == 1 else "have list prices only, and are"
    listed = f"; {counted(len(nodes.unbilled), 'node')} {have} not in this: {money(at_list, currency)}"
    listed = listed if nodes.unbilled else ""
    if whole <= 0:
        said = "no complete day of a node has an effective cost" if listed else "nodes cost nothing"
        return found(Status.UNKNOWN, f"{said}{listed}")
    low, high = (float(part / whole) for part in (idle + requested, idle + requested + unseen))
    unused = idle + requested + sum(nodes.listed[line] for line in (*UNUSED, "unknown"))
    with_list = float(unused / (whole + at_list))
    warn, crit = thresholds.cost_unused_warn, thresholds.cost_unused_crit
    least, most, dearest = (grade(share, warn, crit) for share in (low, high, with_list))
    reason = f"{percent(low)} of what nodes cost in {counted(len(nodes.days), 'settled day')} was not used: "
    reason += f"{idle:,.2f} idle and {requested:,.2f} requested and unused, of {money(whole, currency)}"
    if least is not most:
        reason += f"; of {money(unseen, currency)} it is not known"
    status = least if least is most or least is Status.CRIT else Status.UNKNOWN
    if dearest.severity > status.severity:
        status = Status.UNKNOWN
    return found(status, f"{reason}{listed}", unused=round(low, 4), unseen=round(high - low, 4))
