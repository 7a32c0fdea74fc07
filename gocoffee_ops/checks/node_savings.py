"""Which nodes could go, and what they would save: as things are, and with the advice that is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gocoffee_ops.checks.cost_shares import money
from gocoffee_ops.checks.grading import COST_ANALYSIS, concluded, counted
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
PRICED_BY = {"opencost": "OpenCost", "list": "the configuration"}


def nodes_needed(removable: pd.DataFrame, advice: pd.DataFrame) -> list[Finding]:
    """Is every node needed, as things are and once the advice is applied? Freed requests alone bank nothing. (C15)

    What lacks advice that is sure is taken with the requests that it has, so what is told is "at least": nothing is assumed freed.
    That no node could go is UNKNOWN while it is not known of every workload what it needs, or while advice that is not sure yet
    would empty one; so is what would be with advice where no container was read. `advice` is what `removable` was made with.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "node": "n1", "removable_now": False, "removable": True, "pods": 7, "why": None}
    >>> about = {"cluster": "eu", "namespace": "go-coffee", "workload": "deployment/orders", "cpu_request_cores": 1.0}
    >>> about |= {"memory_request_mib": 512.0, "cpu_advice": "lower", "memory_advice": "keep", "confidence": "HIGH"}
    >>> said(nodes_needed(pd.DataFrame([row]), pd.DataFrame([about])))
    ['WARN nodes: of 1 node none could go as things are; 1 once requests are as advised: n1']
    >>> blind = pd.DataFrame([about | {"cpu_advice": "not known", "memory_advice": "not known"}])
    >>> print(said(nodes_needed(pd.DataFrame([row | {"removable": False}]), blind))[0].partition("; ")[2])
    of 1 of 1 workload it is not known what it needs; the requests of 1 container are taken as they are
    """
    rows = records(removable)
    findings, aside = [], ""
    for cluster in sorted({row["cluster"] for row in rows}):
        ours = [row for row in rows if row["cluster"] == cluster]
        now = [row["node"] for row in ours if row["removable_now"]]
        then = [row["node"] for row in ours if row["removable"]]
        unsized = _Unsized.of(advice, ours)
        if not now and not then and not unsized.matters:
            aside += unsized.aside
            continue
        reason = f"of {counted(len(ours), 'node')} "
        least = "at least " if unsized.said else ""
        if unsized.unread:
            reason += f"{_named(now, 'could go as things are')}; once requests are as advised: {unsized.said}"
        elif unsized.wholly:
            reason += _named(now, "could go with the requests as they are", least)
        elif now == then:
            reason += _named(now, "could go, as things are and once requests are as advised", least)
        else:
            reason += f"{_named(now, 'could go as things are')}; {_named(then, 'once requests are as advised', least)}"
        if unsized.said and not unsized.unread:
            reason += f"; {unsized.said}; {unsized.taken}"
        status = Status.WARN if (now or then) and not unsized.unread else Status.UNKNOWN
        figures = {"nodes": len(ours), "removable_now": len(now), "removable": len(then)}
        findings.append(Finding(status, "nodes_needed", "nodes", reason, figures, cluster, next=(COST_ANALYSIS,)))
    return concluded(
        findings,
        check="nodes_needed",
        subject="nodes",
        fine=f"none of {counted(len(rows), 'node')} could go: what advice frees is headroom, no money{aside}",
        read=len(rows),
        none="no node was read",
    )


class _Unsized(NamedTuple):
    """Of a cluster's advice what is lacking or not sure yet ("" for nothing), and what hangs on that."""

    said: str
    taken: str  # whose requests are taken as they are
    unread: bool  # no advice at all
    wholly: bool  # none that counts
    matters: bool  # whether a node more could go, for all that is known

    @property
    def aside(self) -> str:
        """What is said of advice that is not sure, where it changes nothing."""
        return f"; {self.said}, and would let none go either" if self.said else ""

    @classmethod
    def of(cls, advice: pd.DataFrame, nodes: Sequence[Row]) -> _Unsized:
        """By what is requested: what requests nothing has nothing to be lowered. What is not sure is not applied either."""
        ours = [row for row in records(advice) if row["cluster"] == nodes[0]["cluster"]]
        if not ours:
            return cls("no container was read", "", True, True, True)
        lacking: dict[str, list[str]] = {}
        containers = 0
        for row in ours:
            kinds = [
                _lacking(row, resource)
                for resource, unit in (("cpu", "cores"), ("memory", "mib"))
                if row[f"{resource}_request_{unit}"]
            ]
            containers += any(kinds)
            if kinds:
                lacking.setdefault(f"{row['namespace']}/{row['workload']}", []).extend(kinds)
        unknown = sum("unknown" in each for each in lacking.values())
        unsure = sum("unsure" in each for each in lacking.values())
        then, unsure_of = (
            {row["node"] for row in nodes if row.get(column)} for column in ("removable", "removable_unsure")
        )
        more = max(0, len(unsure_of) - len(then))
        untried = any(row.get("removable_unsure") is None for row in nodes)
        whole = counted(len(lacking), "workload")
        said = [f"of {unknown} of {whole} it is not known what {'it needs' if unknown == 1 else 'they need'}"]
        said = said if unknown else []
        would = _would(then, unsure_of, more)
        said += [f"advice for {unsure}{'' if said else f' of {whole}'} is not sure yet{would}"] if unsure else []
        taken = f"the requests of {counted(containers, 'container')} are taken as they are"
        wholly = bool(said) and all(all(each) for each in lacking.values())
        return cls(", and ".join(said), taken, False, wholly, bool(unknown or (unsure and (more or untried))))


def _lacking(row: Row, resource: str) -> str:
    if row[f"{resource}_advice"] == "not known":
        return "unknown"
    return "unsure" if row[f"{resource}_advice"] == "lower" and row["confidence"] != "HIGH" else ""


def _would(then: set[str], unsure: set[str], more: int) -> str:
    """What advice that is not sure yet would change: that is a packing of its own, and may empty other nodes.

    >>> _would({"n1"}, {"n1", "n2"}, 1), _would({"n1"}, {"n1"}, 0)
    (', and would let 1 more go: n2', '')
    >>> _would({"n1"}, {"n2", "n3"}, 1), _would({"n1"}, {"n2"}, 0)
    (', and would let 1 more go, but other nodes: n2, n3', ', and would let no more go, but other nodes: n2')
    """
    if more and then <= unsure:
        return f", and would let {more} more go: {', '.join(sorted(unsure - then))}"
    if unsure <= then:
        return ""
    return f", and would let {more or 'no'} more go, but other nodes: {', '.join(sorted(unsure))}"


def _named(nodes: Sequence[str], when: str, least: str = "") -> str:
    return f"{least}{len(nodes)} {when}: {', '.join(nodes)}" if nodes else f"none {when}"


def savings_bankable(worth: pd.DataFrame, removable: pd.DataFrame, advice: pd.DataFrame) -> list[Finding]:
    """What would the nodes that could go save in a month, and what is it worth that advice frees? Two figures, never added. (C15)

    WARN where there is money to save. UNKNOWN where a node that counts has no price: the sum is then at least what is told, as it
    is where requests are taken as they are for want of advice that is sure. What would be with advice is UNKNOWN where no container
    was read, and that nothing is bankable is UNKNOWN as that no node could go is: see `nodes_needed`.

    `worth` is of `rightsizing.worth`, `removable` and `advice` are the tables of nodes and of advice that it was made of.

    >>> import pandas as pd
    >>> from decimal import Decimal
    >>> row = {"cluster": "eu", "figure": "bankable as things are", "nodes": 1, "monthly_effective": Decimal("70.08"),
    ...     "monthly_committed_effective": None, "monthly_list": None, "currency": "EUR", "price_from": "bill"}
    >>> advice = pd.DataFrame([{"cluster": "eu", "cpu_request_cores": None, "memory_request_mib": None}])
    >>> (found,) = savings_bankable(pd.DataFrame([row]), pd.DataFrame([{"cluster": "eu", "node": "n1"}]), advice)
    >>> found.reason
    'bankable is 70.08 EUR a month (effective) as things are; nothing once requests are as advised; freed requests: none'
    """
    table = records(worth)
    clusters = sorted({row["cluster"] for row in records(removable)})
    unsized = {
        cluster: _Unsized.of(advice, [row for row in records(removable) if row["cluster"] == cluster])
        for cluster in clusters
    }
    findings = [
        _savings(cluster, [row for row in table if row["cluster"] == cluster], unsized[cluster]) for cluster in clusters
    ]
    freed = [row for row in table if row["figure"] == "freed requests"]
    return concluded(
        findings,
        check="savings_bankable",
        subject="savings",
        fine=f"nothing is bankable: no node could go; freed requests: {_sum(freed) or 'none'}"
        + "".join(one.aside for one in unsized.values()),
        read=len(clusters),
        none="no node was read",
    )


def _savings(cluster: str, rows: Sequence[Row], unsized: _Unsized) -> Finding:
    figures = {
        name: [row for row in rows if row["figure"] == name]
        for name in ("bankable as things are", "bankable once requests are as advised", "freed requests")
    }
    now, then, freed = figures.values()
    bankable = [_sum(now) or "nothing", _sum(then) or "nothing"]
    if unsized.wholly:
        reason = f"bankable is {bankable[0]} as things are; once requests are as advised: {unsized.said}; "
    elif bankable[0] == bankable[1]:
        reason = f"bankable is {bankable[0]}, as things are and once requests are as advised; "
    else:
        reason = f"bankable is {bankable[0]} as things are; {bankable[1]} once requests are as advised; "
    without = "not known" if unsized.wholly else "none"
    reason += f"freed requests: {_sum(freed)}, as headroom until a node goes" if freed else f"freed requests: {without}"
    if unsized.said and not unsized.wholly:
        reason += f"; {unsized.said}; {unsized.taken}, so it is at least that"
    unpriced = sum(row["nodes"] for row in rows if row["price_from"] is None)
    lacking = unsized.unread or (unsized.matters and not now and not then)
    status = Status.UNKNOWN if unpriced or lacking else Status.WARN if now or then else Status.OK
    found = {"unpriced_nodes": unpriced} if unpriced else {}
    return Finding(status, "savings_bankable", "savings", reason, found, cluster, next=(COST_ANALYSIS,))


def _sum(rows: Sequence[Row]) -> str:
    """Amounts of a month, each with its currency and basis; what has no price is said, and is no 0."""
    parts = []
    for row in rows:
        for basis in ("effective", "list"):
            if row[f"monthly_{basis}"] is not None:
                said_as = "effective" if basis == "effective" else f"list price of {PRICED_BY[row['price_from']]}"
                parts.append(f"{money(row[f'monthly_{basis}'], row['currency'])} a month ({said_as})")
        if row["monthly_committed_effective"]:
            committed = money(row["monthly_committed_effective"], row["currency"])
            parts.append(f"{committed} more that a commitment pays for until it ends or other nodes use it")
    unpriced = sum(row["nodes"] for row in rows if row["price_from"] is None)
    told = " and ".join(parts)
    if not unpriced:
        return told
    lacking = f"{counted(unpriced, 'node')} without a price"
    return f"at least {told}, as there is {lacking}" if told else f"UNKNOWN ({lacking})"
