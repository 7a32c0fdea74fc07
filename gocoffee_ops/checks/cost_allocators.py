"""Do the tools that allocate costs agree with the bill?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.cost_shares import NEXT, money
from gocoffee_ops.checks.grading import counted, grade, percent
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

CHECK = "allocators_agree"
# Lines that are clusters' though their rows may not say of which: such rows, no allocation has.
OVERHEAD = ("control plane", "system", "unmounted storage")
UNPRICED_NETWORK = "no price of network"
SEEN_MIN = 0.98 * 1440  # of a day; what saw less of it knows a part of its cost

Row = Mapping[str, Any]
Days = Mapping[datetime, Mapping[str, Decimal]]  # and lines
Instances = Mapping[str, Sequence[Row]]  # what each allocates, by its name


def allocators_agree(lines: pd.DataFrame, *allocations: pd.DataFrame, thresholds: Thresholds) -> list[Finding]:
    """Is what OpenCost or KubeCost says of the clusters what the bill has for them, on the same complete days? (C01, C02, C09)

    One finding for each that was read. Like is compared with like: what it does not price stands apart, with its money and its
    share of what the clusters cost. That is the control plane with what else no workload has (unless it shares costs out, as
    KubeCost does if told to), and traffic where it has no price of that. A WARN says that it differs in what it prices, mostly as
    it knows list prices alone, or that it leaves out as much: who reads its total is off by that. A day that it saw in part, or
    with idle below zero (prices are missing, and the rest hides it), is in no comparison. `lines` are of `costs.allocate`.

    Of several clusters, one that bears a cluster's name (or calls it so) is compared with that cluster; those that do not are taken
    together, if they are as many as the other clusters and no two call theirs alike: that may be one cluster twice. A cluster that
    none of them allocates is UNKNOWN.

    >>> import pandas as pd
    >>> ours = {"day": pd.Timestamp("2026-01-05", tz="UTC"), "cluster": "eu", "line": "used", "estimated": False}
    >>> ours |= {"currency": "EUR", "effective": Decimal(100)}
    >>> fee = ours | {"line": "control plane", "cluster": None, "effective": Decimal(25)}
    >>> theirs = {"opencost": "main", "day": ours["day"], "currency": "EUR", "total_list": Decimal(150), "total_effective": None}
    >>> [found.reason for found in allocators_agree(pd.DataFrame([ours]), pd.DataFrame([theirs]), thresholds=Thresholds())]
    ['1 day is 150.00 EUR at its list prices, and 100.00 EUR in the bill: 50 % more']
    >>> same = pd.DataFrame([theirs | {"total_list": Decimal(100)}])
    >>> [found.reason for found in allocators_agree(pd.DataFrame([ours, fee]), same, thresholds=Thresholds())]
    ['1 day is 100.00 EUR at its list prices, and 100.00 EUR in the bill: the same; it leaves out 25.00 EUR (20 %): control plane']
    """
    bill = _Bill.of(lines)
    read = [table for table in allocations if not table.attrs.get("absent")]
    if not read:
        return [
            Finding(Status.OK, CHECK, "costs", "neither OpenCost nor KubeCost is named: there is nothing to compare")
        ]
    found = []
    for table in read:
        kind = str(table.columns[0])
        by_name: defaultdict[str, list[Row]] = defaultdict(list)
        for row in records(table):
            by_name[row[kind]].append(row)
        found += _by_cluster(kind, dict(sorted(by_name.items())), bill, thresholds)
        found += (
            [] if by_name else [Finding(Status.UNKNOWN, CHECK, kind, "it has no allocation of these days", next=NEXT)]
        )
    return found


@dataclass(frozen=True)
class _Bill:
    """What the settled days of a bill have for clusters."""

    rows: Sequence[Row]
    clusters: frozenset[str]

    @classmethod
    def of(cls, lines: pd.DataFrame) -> _Bill:
        of_clusters = [
            row
            for row in records(lines)
            if (row["cluster"] is not None or row["line"] in OVERHEAD) and not row["estimated"]
        ]
        return cls(of_clusters, frozenset(row["cluster"] for row in of_clusters) - {None})

    def days(self, clusters: frozenset[str], currency: str) -> Days:
        """What some clusters cost by day and line; what names none is of all of them together alone."""
        found: defaultdict[datetime, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for row in self.rows:
            there = row["cluster"] in clusters if row["cluster"] is not None else clusters == self.clusters
            if there and row["currency"] == currency and row["effective"] is not None:
                found[row["day"]][_apart(row)] += row["effective"]
        return found


def _by_cluster(kind: str, instances: Instances, bill: _Bill, thresholds: Thresholds) -> list[Finding]:
    """Each against the clusters that it allocates; those that do not say which, together against the others."""
    every = bill.clusters
    theirs = {name: {row.get("their_cluster") for row in rows} - {None} for name, rows in instances.items()}
    if len(every) < 2:
        return [_agrees(kind, {name: rows}, bill, every, thresholds) for name, rows in instances.items()]
    named = {name: _named(name, called, every) for name, called in theirs.items()}
    found = [_agrees(kind, {name: instances[name]}, bill, ours, thresholds) for name, ours in named.items() if ours]
    others = {name: rows for name, rows in instances.items() if not named[name]}
    left = every - frozenset().union(*named.values())
    if not others:
        return found + [_lacking(kind, left)] * bool(left)
    if why := _incomparable({name: theirs[name] for name in others}, every, left):
        return [*found, Finding(Status.UNKNOWN, CHECK, _subject(kind, others), why, next=NEXT)]
    return [*found, _agrees(kind, others, bill, left, thresholds)]


def _incomparable(theirs: Mapping[str, set[Any]], clusters: frozenset[str], left: frozenset[str]) -> str:
    """Why those that do not say of all clusters which they allocate are not the clusters that are left; "" if they are.

    >>> every = frozenset({"eu", "us", "ap"})
    >>> _incomparable({"main": {"eu", "x"}}, every, every)
    "it allocates eu, and 1 cluster by a name that none has; of the bill's are left 2: ap, us"
    >>> _incomparable({"a": {"cluster-one"}, "b": {"cluster-one"}}, every, frozenset({"eu", "us"}))
    "several of them call a cluster cluster-one: that may be one cluster twice; of the bill's are left 2: eu, us"
    >>> _incomparable({"a": {"one"}, "b": set()}, every, frozenset({"eu", "us"}))
    ''
    """
    by_name = {cluster.casefold(): cluster for cluster in clusters}
    calls = [{str(one).casefold() for one in called} for called in theirs.values()]
    every = set().union(*calls)
    ours = frozenset(by_name[one] for one in every if one in by_name)
    without = sum(len(called - by_name.keys()) or not called for called in calls)
    twice = sorted(one for one in every if sum(one in called for called in calls) > 1)
    rest = left - ours
    if not twice and ours <= left and without == len(rest):
        return ""
    are_left = (
        f"of the bill's are left {len(rest)}: {', '.join(sorted(rest))}" if rest else "of the bill's are left none"
    )
    if twice:
        return f"several of them call a cluster {', '.join(twice)}: that may be one cluster twice; {are_left}"
    named = f"{', '.join(sorted(ours))}, and " if ours else ""
    return f"it allocates {named}{counted(without, 'cluster')} by a name that none has{';' if ours else ', and'} {are_left}"


def _named(name: str, called: set[Any], clusters: frozenset[str]) -> frozenset[str]:
    """The clusters that one allocates, if it says so of all: as it calls them, or by its own name; empty where it does not.

    >>> sorted(_named("main", {"EU"}, frozenset({"eu", "us"}))), sorted(_named("us", {"cluster-one"}, frozenset({"eu", "us"})))
    (['eu'], ['us'])
    >>> sorted(_named("main", {"cluster-one"}, frozenset({"eu", "us"}))), sorted(_named("all", {"a", "b"}, frozenset({"eu", "us"})))
    ([], ['eu', 'us'])
    """
    by_name = {cluster.casefold(): cluster for cluster in clusters}
    found = {by_name.get(str(one).casefold()) for one in called}
    if found and None not in found:
        return frozenset(cluster for cluster in found if cluster is not None)
    if len(called) < 2 and name.casefold() in by_name:
        return frozenset({by_name[name.casefold()]})
    return clusters if len(called) == len(clusters) else frozenset()


def _lacking(kind: str, clusters: frozenset[str]) -> Finding:
    named = ", ".join(sorted(clusters))
    return Finding(
        Status.UNKNOWN, CHECK, kind, f"none of them allocates {named}: there is nothing to compare", next=NEXT
    )


def _subject(kind: str, instances: Instances) -> str:
    return f"{kind}/{', '.join(instances)}"


def _apart(row: Row) -> str:
    """The line, where it may have to stand apart: a control plane's, traffic's, and what no cluster that was read has."""
    return str(row["line"]) if row["cluster"] is None or row["line"] in ("control plane", "network") else ""


def _agrees(kind: str, instances: Instances, bill: _Bill, clusters: frozenset[str], thresholds: Thresholds) -> Finding:
    """What some of them allocate together, against what these clusters cost."""
    subject = _subject(kind, instances)

    def unknown(why: str) -> Finding:
        return Finding(Status.UNKNOWN, CHECK, subject, why, next=NEXT)

    rows = [row for members in instances.values() for row in members]
    currency, distrusted = rows[0]["currency"], set().union(*map(_distrusted, instances.values()))
    rows = [row for row in rows if row["day"] not in distrusted]
    aside = (
        f"{counted(len(distrusted), 'day')} not compared: seen in part, or with idle below zero" if distrusted else ""
    )
    ours_by_day = bill.days(clusters, currency)
    if currencies := {row["currency"] for row in rows} - {currency}:
        return unknown(f"they count in {', '.join(sorted({currency, *currencies}))}, which are not added up")
    if not ours_by_day:
        return unknown(f"it counts in {currency}, and the bill has nothing of a cluster in that")
    own = all(row["total_effective"] is not None for row in rows)
    theirs: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    for row in rows:
        amount = row["total_effective"] if own else row["total_list"]
        if amount is None or row.get("missing") not in (None, UNPRICED_NETWORK):
            return unknown(f"it has no price for a part of what it allocated: {row.get('missing') or 'no total'}")
        theirs[row["day"]] += amount
    told = [{row["day"] for row in members} for members in instances.values()]
    days = sorted(set(theirs).intersection(ours_by_day, *told))
    left_out = _left_out(instances, ours_by_day, days)
    whole = sum((amount for day in days for amount in ours_by_day[day].values()), Decimal(0))
    ours, others = whole - sum(left_out.values(), Decimal(0)), sum((theirs[day] for day in days), Decimal(0))
    if not ours:
        return unknown("no complete day is in its answer and in the bill" + (f"; {aside}" if aside else ""))
    off, without = float(others / ours) - 1, float(1 - ours / whole)
    basis = "with its adjustments" if own else "at its list prices"
    are = f"{counted(len(days), 'day')} {'is' if len(days) == 1 else 'are'}"
    said = f"{are} {money(others, currency)} {basis}, and {money(ours, currency)} in the bill: {_difference(off)}"
    if left_out:
        said += f"; it leaves out {money(whole - ours, currency)} ({percent(without)}): {', '.join(sorted(left_out))}"
    if clusters != bill.clusters:
        said = f"of {', '.join(sorted(clusters))} {said}; what names no cluster is in no comparison"
    said += f"; {aside}" if aside else ""
    status = grade(max(abs(off), abs(without)), thresholds.cost_allocator_warn)
    figures = {"days": len(days), "ratio": round(off + 1, 3), "left_out": round(without, 4)}
    return Finding(status, CHECK, subject, said, figures, next=NEXT)


def _distrusted(rows: Iterable[Row]) -> set[datetime]:
    """The days that were seen in part, by each cluster's idle (without idle, by what was seen longest), or with idle below zero."""
    days: defaultdict[datetime, list[Row]] = defaultdict(list)
    for row in rows:
        days[row["day"]].append(row)
    return {day for day, members in days.items() if _in_part(members) or _below_zero(members)}


def _in_part(rows: Sequence[Row]) -> bool:
    idle = [row for row in rows if row.get("part") == "idle"]
    longest: defaultdict[str | None, float] = defaultdict(float)
    for row in idle or rows:
        if row.get("minutes") is not None:
            cluster = row.get("their_cluster") if idle else None
            longest[cluster] = max(longest[cluster], row["minutes"])
    return any(minutes < SEEN_MIN for minutes in longest.values())


def _below_zero(rows: Iterable[Row]) -> bool:
    names = ("cpu_list", "memory_list", "total_list", "total_effective")
    amounts = [row.get(name) for row in rows if row.get("part") == "idle" for name in names]
    return any(amount is not None and amount < 0 for amount in amounts)


def _left_out(instances: Instances, bill: Days, days: Sequence[datetime]) -> dict[str, Decimal]:
    """What they do not price, each of them, of the bill's days, by line."""
    of_days = [[row for row in rows if row["day"] in days] for rows in instances.values()]
    priced = {""}
    priced |= set(OVERHEAD) if all(any(row.get("shared_list") for row in rows) for rows in of_days) else set()
    priced |= {"network"} if all(any(row.get("network_list") for row in rows) for rows in of_days) else set()
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for day in days:
        for line, amount in bill[day].items():
            if line not in priced:
                found[line] += amount
    return {line: amount for line, amount in found.items() if amount}


def _difference(off: float) -> str:
    shown = f"{abs(off):.0%}".replace("%", " %")
    return "the same" if shown == "0 %" else f"{shown} {'more' if off > 0 else 'less'}"
