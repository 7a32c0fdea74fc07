"""The bill by line and owner: every row of it is split among what it was for, and the lines add up to it to the last place.

    bill = used + requested and unused + idle + system + storage + unmounted storage + load balancer + control plane + network
         + outside the cluster + unused commitment + purchase + correction + tax + credit + unknown + residual

A container's part of its node is max(request, usage), hour by hour, of CPU and memory. Each basis (billed, effective) has such an
identity of its own; the two are never added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.identity import identified
from gocoffee_ops.analysis.costs.matching import Claim, Thing, Things, claim, pays_for
from gocoffee_ops.analysis.costs.money import WEIGHT, rounded, split
from gocoffee_ops.analysis.costs.owners import Owner, Teams
from gocoffee_ops.analysis.costs.planes import NO_FEE, WHOSE, Planes
from gocoffee_ops.analysis.costs.prices import BILL, HOURS_A_MONTH, Price, PriceBook
from gocoffee_ops.analysis.costs.schemas import (
    CHARGES,
    CONTAINER_HOURS,
    CONTAINERS,
    CONTROL_PLANE,
    LINES,
    LOAD_BALANCER,
    LOAD_BALANCERS,
    NODES,
    STORAGE,
    SYSTEM,
    UNKNOWN,
    UNMOUNTED,
    USED,
    VOLUMES,
    framed,
    rows,
)
from gocoffee_ops.analysis.costs.shares import Amounts, Kind, Name, NodeDay, Rules, Shares

if TYPE_CHECKING:
    import pandas as pd

DAY = timedelta(days=1)
LAG_H = 48.0
ON_A_NODE = ("kubernetes.io/host-path", "kubernetes.io/local-volume")  # such volumes are paid for with their node
NO_METRICS = "the node was not there on this day, says its cluster"
NO_SPLIT = "a pod that is billed without a node: how much of it was used is not told apart"
NO_PRICE = "it stands in no bill, and has no price"
DOUBTFUL = "a charge of the bill is for it, or for another object with the same id: a price beside it may count twice"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Objects:
    """What the clusters have, and what ran there: tables of `queries.cost_objects` and `queries.usage`.

    `containers` is only for what the hours do not say: labels, and workload and node where kube-state-metrics is not there.
    """

    nodes: pd.DataFrame
    volumes: pd.DataFrame
    load_balancers: pd.DataFrame
    container_hours: pd.DataFrame
    containers: pd.DataFrame | None = None

    @property
    def tables(self) -> tuple[pd.DataFrame, ...]:
        """All of them."""
        tables = (self.nodes, self.volumes, self.load_balancers, self.container_hours, self.containers)
        return tuple(table for table in tables if table is not None)

    @property
    def unread(self) -> bool:
        """Whether some cluster that there is did not tell its objects."""
        return any(table.attrs.get("gaps") for table in (self.nodes, self.volumes, self.load_balancers))


def allocate(
    charges: pd.DataFrame,
    objects: Objects,
    rules: Rules,
    *,
    prices: pd.DataFrame | None = None,
    teams: pd.DataFrame | None = None,
    lag_h: float = LAG_H,
) -> pd.DataFrame:
    """Who was each unit of money for?

    A row for each day, line, owner and row of the bill. `billed` and `effective` of a charge's rows add up to it exactly. What a
    cluster has and no bill names gets `list` at OpenCost's or the configuration's price, and is `unknown` without one. `estimated`
    days are younger than the billing lag. Nothing is bridged: time without samples is `unknown`, and so is what may belong to a
    cluster that was not read.

    Columns: those of `schemas.LINES`; billed, effective, list (decimal, in currency), core_hours, gib_hours (Float64), share
    (Float64, ratio of the charge). Raises ValueError for a table that lacks a column.
    """
    bill = rows(charges, CHARGES)
    nodes, volumes = rows(objects.nodes, NODES), rows(objects.volumes, VOLUMES)
    balancers, hours = rows(objects.load_balancers, LOAD_BALANCERS), rows(objects.container_hours, CONTAINER_HOURS)
    if objects.containers is not None:
        hours = identified(hours, rows(objects.containers, CONTAINERS))
    days = sorted({charge["day"] for charge in bill} | {row["hour"].replace(hour=0) for row in hours})
    shares = Shares(nodes, hours, days, rules)
    things = Things(nodes, volumes, balancers, unread=objects.unread)
    claims = [claim(charge, things) for charge in bill]
    clusters = sorted({node["cluster"] for node in nodes})
    planes = Planes(clusters, zip(bill, claims, strict=True), unread=objects.unread, billed_as=rules.billed_as)
    settled = rules.as_of - timedelta(hours=lag_h)
    allocation = _Allocation(shares, Teams.of(teams), PriceBook.of(prices), planes, settled)
    for at, (charge, found) in enumerate(zip(bill, claims, strict=True)):
        allocation.charge(at, charge, found)
    allocation.unbilled(days, volumes, balancers)
    return framed(LINES, allocation.lines, charges, *objects.tables)


def by_cpu_weight(
    charges: pd.DataFrame, objects: Objects, rules: Rules, weights: tuple[float, ...], **tables: Any
) -> dict[float, pd.DataFrame]:
    """The same allocation with other weights of a core, to see how much hangs on that convention."""
    return {w: allocate(charges, objects, replace(rules, cpu_weight=w), **tables) for w in weights}


class _Allocation:
    def __init__(self, shares: Shares, teams: Teams, prices: PriceBook, planes: Planes, settled: datetime) -> None:
        self.lines: list[dict[str, Any]] = []
        self._shares, self._teams, self._prices = shares, teams, prices
        self._planes, self._settled = planes, settled
        self._billed: set[tuple[str, str, datetime]] = set()  # cluster, object, day
        self._doubtful: set[tuple[str, str, datetime]] = set()  # of which a charge may be, or of another
        self._alone = _alone(shares)

    def charge(self, at: int, charge: Row, claim: Claim) -> None:
        """The lines of one row of the bill."""
        origin = {
            name: charge[name]
            for name in ("day", "provider", "account", "region", "service", "resource_id", "commitment", "currency")
        }
        origin |= {
            "charge": at,
            "price_from": BILL,
            "team": charge["team"],
            "labels": charge["tags"] or (),
            "why": claim.why,
        }
        money = {basis: charge[basis] for basis in ("billed", "effective")}
        if claim.line == USED:
            things = self._nodes_of(claim.things, charge["day"])
            if things[0].kind == "pod":
                self._pod(origin, money, things[0].row)
            else:
                self._split(origin, money, things, pays=pays_for(charge, claim))
            return
        size: dict[str, Any] = {}
        self._doubtful |= {(thing.row["cluster"], _name(thing), charge["day"]) for thing in claim.rivals}
        if pays_for(charge, claim):
            size = _size_of(claim)
            self._billed |= {(thing.row["cluster"], _name(thing), charge["day"]) for thing in claim.things}
        home = self._home(claim)
        if claim.line == CONTROL_PLANE:
            home = self._planes.home(charge)
        self._line(claim.line, origin | money | home | size, share=1.0)

    def _split(
        self, origin: Row, money: Mapping[str, Decimal | None], things: tuple[Thing, ...], *, pays: bool
    ) -> None:
        """A node's charge among all that it was for; with its hours, if it `pays` for them."""
        parts: list[tuple[Row, Kind, Amounts, bool]] = []
        for thing in things:
            name = (thing.row["cluster"], _name(thing), origin["day"])
            first = (
                pays and name not in self._billed
            )  # an instance has several charges a day, and its hours are told once
            self._billed |= {name} if pays else set()
            day = self._day(thing.row, origin["day"])
            parts += [(thing.row, kind, part, first) for kind, part in day.parts.items()]
        weights = [part.weigh(self._shares.rules.cpu_weight) for *_, part, _ in parts]
        if not sum(weights):
            node = things[0].row if len(things) == 1 else {"cluster": things[0].row["cluster"]}
            self._line(UNKNOWN, {**origin, **money, **_of_node(node), "why": NO_METRICS}, share=1.0)
            return
        shared = {basis: split(whole, weights) for basis, whole in money.items() if whole is not None}
        for i, (node, kind, part, first) in enumerate(parts):
            amounts = {basis: found[i] for basis, found in shared.items()}
            share = weights[i] / sum(weights)
            line = {**origin, **amounts, **_of_node(node), **self._owned(kind)}
            self._line(kind.line, line, part=part if first else None, share=share)

    def _nodes_of(self, things: tuple[Thing, ...], day: datetime) -> tuple[Thing, ...]:
        """Instead of a billed pod the node that it had for itself on a day, which tells what it used from what it did not."""
        pod = things[0].row
        if things[0].kind != "pod":
            return things
        alone = self._alone.get((day, pod["namespace"], pod["pod"]), [])
        found = [node for node, uids in alone if pod["pod_uid"] is None or uids <= {None, pod["pod_uid"]}]
        return (Thing("node", self._shares.nodes[found[0]]),) if len(found) == 1 else things

    def _pod(self, origin: Row, money: Mapping[str, Decimal | None], pod: Row) -> None:
        """A pod that is billed by itself, and has no node of its own: whose it is, is known."""
        team = self._teams.team(pod["namespace"], pod["workload"], origin["labels"])
        home = dict(pod) | ({"team": team} if team else {})
        self._line(UNKNOWN, {**origin, **money, **home, "why": NO_SPLIT}, share=1.0)

    def _day(self, node: Row, day: datetime) -> NodeDay:
        return self._shares.days.get(((node["cluster"], node["node"]), day), NodeDay())

    def unbilled(self, days: list[datetime], volumes: list[dict[str, Any]], balancers: list[dict[str, Any]]) -> None:
        """What the clusters have and no bill names, at another price, or without one."""
        for (name, day), node_day in self._shares.days.items():
            if (*name, day) not in self._billed and node_day.hours:
                self._priced_node(self._shares.nodes[name], day, node_day)
        for (day, kind), part in self._shares.homeless.items():
            self._line(UNKNOWN, {"day": day, **self._owned(kind)}, part=part)
        disks = [one for one in volumes if one["driver"] not in ON_A_NODE]
        for thing in [Thing("volume", one) for one in disks] + [Thing("load balancer", one) for one in balancers]:
            for day in days:
                hours = self._hours(thing.row, day)
                if hours and (thing.row["cluster"], _name(thing), day) not in self._billed:
                    self._priced_thing(thing, day, hours)
        for day in days:
            for cluster, sure in self._planes.unpaid(day):
                self._priced_plane(cluster, day, sure=sure)

    def _priced_plane(self, cluster: str, day: datetime, *, sure: bool) -> None:
        """A control plane without a fee: at the price given for it, which is 0 where one says that there is none to pay."""
        price, hours = self._prices.control_plane(cluster), self._hours({"age_s": None}, day)
        found = {"day": day, "cluster": cluster}
        if not hours or (price is not None and not price.amount):
            return
        if price is None or not sure:
            self._line(UNKNOWN, found | {"why": NO_FEE if sure else WHOSE}, share=1.0)
        else:
            self._line(CONTROL_PLANE, found | _listed(price, price.exact * hours), share=1.0)

    def _priced_node(self, node: Row, day: datetime, found: NodeDay) -> None:
        price, lacking = self._prices.node(node), NO_PRICE
        if (node["cluster"], node["node"], day) in self._doubtful:
            price, lacking = None, DOUBTFUL
        weights = [part.weigh(self._shares.rules.cpu_weight) for part in found.parts.values()]
        if not sum(weights):
            return
        shared = split(rounded(price.exact * found.hours), weights) if price else None
        for i, (kind, part) in enumerate(found.parts.items()):
            line = {"day": day, **_of_node(node), **self._owned(kind)}
            share = weights[i] / sum(weights)
            if price is None or shared is None:
                self._line(UNKNOWN, line | {"why": kind.why or lacking}, part=part, share=share)
            else:
                self._line(kind.line, line | _listed(price, shared[i]), part=part, share=share)

    def _priced_thing(self, thing: Thing, day: datetime, hours: Fraction) -> None:
        if thing.kind == "volume":
            line = STORAGE if thing.row["mounted_by"] else UNMOUNTED
            price, size = self._prices.storage(thing.row), thing.row["capacity_gib"]
            amount = None if size is None or price is None else Fraction(size) * price.exact * hours / HOURS_A_MONTH
        else:
            line, price = LOAD_BALANCER, self._prices.load_balancer(thing.row)
            amount = None if price is None else price.exact * hours
        identity = thing.row["volume_handle"] or thing.row["volume"] if thing.kind == "volume" else _name(thing)
        claim = Claim(line, (thing,))
        found = {"day": day, "resource_id": identity, **self._home(claim), **_size_of(claim)}
        doubtful = (thing.row["cluster"], _name(thing), day) in self._doubtful
        if price is None or amount is None or doubtful:
            self._line(UNKNOWN, found | {"why": DOUBTFUL if doubtful else NO_PRICE}, share=1.0)
        else:
            self._line(line, found | _listed(price, amount), share=1.0)

    def _hours(self, row: Row, day: datetime) -> Fraction:
        """For how many hours of a day something was there; from when on is known by its age."""
        as_of = self._shares.rules.as_of
        start = day if row["age_s"] is None else max(day, as_of - timedelta(seconds=row["age_s"]))
        return max(Fraction(0), Fraction(int((min(day + DAY, as_of) - start) / timedelta(seconds=1)), 3600))

    def _home(self, claim: Claim) -> dict[str, Any]:
        """Where a volume, a load balancer or a node's traffic belongs."""
        if not claim.things:
            return {}
        thing = claim.things[0]
        row = thing.row
        if claim.line == SYSTEM:  # of a node, and no part of its price
            clusters = {one.row["cluster"] for one in claim.things}
            return {"cluster": row["cluster"]} if len(clusters) == 1 else {}
        if thing.kind == "node":
            return _of_node(row) if len(claim.things) == 1 else {"cluster": row["cluster"]}
        namespace, workload = _owner_of(thing)
        team = self._teams.team(namespace, workload)
        home = {"cluster": row["cluster"], "namespace": namespace, "workload": workload}
        return home | ({"team": team} if team else {})

    def _owned(self, kind: Kind) -> dict[str, Any]:
        """Whose a part of a node is. What is nobody's has no team, whatever the instance is tagged with."""
        owner: Owner | None = kind.owner
        if owner is None:
            return {"why": kind.why, "team": None}
        team = self._teams.team(owner.namespace, owner.workload, owner.labels)
        return {**owner._asdict(), "why": kind.why, "team": team}

    def _line(self, line: str, found: Row, *, part: Amounts | None = None, share: float | None = None) -> None:
        row: dict[str, Any] = dict.fromkeys(LINES.names)
        row |= {"line": line, "labels": (), "share": share, **found}
        row["estimated"] = row["day"] + DAY > self._settled
        if part is not None:
            row |= {"core_hours": part.cpu / WEIGHT, "gib_hours": part.memory / WEIGHT}
        self.lines.append(row)


def _listed(price: Price, amount: Fraction | Decimal) -> dict[str, Any]:
    return {"list": rounded(Fraction(amount)), "currency": price.currency, "price_from": price.price_from}


def _alone(shares: Shares) -> dict[tuple[datetime, str, str], list[tuple[Name, set[str | None]]]]:
    """The nodes on which a single pod ran on a day, by that pod, with the uids that it had."""
    found: defaultdict[tuple[datetime, str, str], list[tuple[Name, set[str | None]]]] = defaultdict(list)
    for (name, day), node_day in shares.days.items():
        owners = [kind.owner for kind in node_day.parts if kind.owner is not None]
        pods = {(owner.namespace, owner.pod) for owner in owners}
        if len(pods) == 1:
            found[(day, *pods.pop())].append((name, {owner.pod_uid for owner in owners}))
    return dict(found)


def _of_node(node: Row) -> dict[str, Any]:
    return {name: node.get(name) for name in ("cluster", "node", "pool")}


def _size_of(claim: Claim) -> dict[str, Any]:
    """How large the volume of a claim is, and of which class; nothing for what has none."""
    disks = [thing.row for thing in claim.things if thing.kind == "volume"]
    return (
        {"volume_gib": disks[0]["capacity_gib"], "storage_class": disks[0]["storage_class"]} if len(disks) == 1 else {}
    )


def _name(thing: Thing) -> str:
    row = thing.row
    if thing.kind == "load balancer":
        return f"service/{row['namespace']}/{row['service']}"
    return str(row[thing.kind])


def _owner_of(thing: Thing) -> tuple[str | None, str | None]:
    row = thing.row
    if thing.kind == "load balancer":
        owners: tuple[str, ...] = row["owners"] or ()
        return row["namespace"], owners[0] if len(owners) == 1 else f"service/{row['service']}"
    return row["claim_namespace"], row["claim_owner"] or (f"claim/{row['claim']}" if row["claim"] else None)
