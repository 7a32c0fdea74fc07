"""Whose control plane a row of the bill is for: providers call a cluster by a name that need not be ours."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from gocoffee_ops.analysis.costs.matching import CLUSTER_ID, CLUSTER_TAGS, NOT_READ, OF_USERS, Claim, tail
from gocoffee_ops.analysis.costs.schemas import CONTROL_PLANE, OUTSIDE, UNKNOWN

NO_FEE = "a control plane that stands in no bill, and has no price"
WHOSE = (
    "the bill does not say whose its fees of control planes are, and they need not be of the clusters that were read"
)
ASSUMED = "assumed to be of a cluster that was read, as the bill has as many fees and does not say whose they are"
NAMELESS = "the fee of a control plane that does not say whose"
SOME_OF = (
    "{} of {} fees of control planes that do not say whose are of clusters that were read: which ones is not known"
)
HOW_MANY = "fees of control planes that say neither whose they are nor of how many clusters"
OF_OTHERS = "the fee of a control plane of {}, as which no cluster is known"

HOURS = re.compile(r"(1 )?(hours?|hrs?|h)", re.IGNORECASE)
DAY_H = 24.0

Row = Mapping[str, Any]


def cluster_names(charge: Row) -> Iterator[str]:
    """What a row's tags call the cluster that it is of, in lower case.

    >>> list(cluster_names({"tags": ("user:eks:cluster-name=Prod", "kubernetes.io/cluster/prod-2=owned", "team=shop")}))
    ['prod', 'prod-2']
    """
    for tag in charge["tags"] or ():
        key, _, value = tag.removeprefix(OF_USERS).partition("=")
        if CLUSTER_TAGS.fullmatch(key):
            _, found, named = key.lower().partition("kubernetes.io/cluster/")
            yield named if found else value.lower()


def fee_names(charge: Row) -> list[str]:
    """What a control plane's fee calls its cluster, in lower case: by its tags, its id or its name; nothing if it says nothing.

    >>> arn, path = "arn:aws:eks:eu-central-1:1:cluster/Prod", "//container.googleapis.com/projects/p/locations/l/clusters/shop"
    >>> [fee_names({"tags": (), "resource_id": one, "resource_name": None}) for one in (arn, path, "0f3a-fee", None)]
    [['prod'], ['shop'], [], []]
    >>> fee_names({"tags": (), "resource_id": None, "resource_name": "projects/123/locations/l/clusters/Shop"})
    ['shop']
    """
    identity = charge["resource_id"] or ""
    by_id = [tail(identity)] if CLUSTER_ID.search(identity) else []
    return [*cluster_names(charge), *by_id, *filter(None, [tail(charge["resource_name"] or "")])]


def fees_in(charge: Row) -> int | None:
    """The fees of a day that a row without an id adds up: a cluster's is of 24 hours; None where it does not say of how many.

    A cluster that was there for a part of the day counts as one.

    >>> hours = {"rows": 48, "usage_quantity": 48.0, "usage_unit": "Hrs", "pricing_quantity": None, "pricing_unit": None}
    >>> fees_in(hours), fees_in(hours | {"usage_quantity": 30.0}), fees_in(hours | {"usage_unit": "Clusters"})
    (2, 2, None)
    >>> fees_in(hours | {"usage_quantity": None, "rows": 1})
    1
    """
    for of in ("usage", "pricing"):
        quantity: float | None = charge[f"{of}_quantity"]
        if quantity and quantity > 0 and HOURS.fullmatch(charge[f"{of}_unit"] or ""):
            return math.ceil(round(quantity / DAY_H, 6))
    return 1 if charge["rows"] == 1 else None


class _Strange:
    """The fees of one day that may be anybody's: one for each id, and what rows without an id say of theirs."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._nameless: defaultdict[tuple[Any, ...], defaultdict[str | None, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        self.counted = True  # whether it is known how many they are

    def add(self, charge: Row) -> None:
        if charge["resource_id"]:
            self._ids.add(charge["resource_id"])
            return
        fees = fees_in(charge)
        self.counted &= fees is not None
        self._nameless[charge["provider"], charge["account"], charge["region"]][charge["sku_id"]] += fees or 1

    def __len__(self) -> int:
        """How many, or how many at least. A cluster may pay for several SKUs (a fee, and longer support): they are not added."""
        return len(self._ids) + sum(max(by_sku.values()) for by_sku in self._nameless.values())


class Planes:
    """The control planes of a bill: whose each fee is, and on which days a cluster has none.

    A cluster is known by our name of it, by what it is said to be `billed_as` (a name, or a whole id), and by what the tags of
    its nodes' rows call it. A fee of another name is another cluster's; one that names none may be anybody's.
    """

    def __init__(
        self,
        clusters: Iterable[str],
        bill: Iterable[tuple[Row, Claim]],
        *,
        unread: bool = False,
        billed_as: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._clusters = tuple(clusters)
        self._unread = unread  # whether a cluster was not read: a fee of another name may be its
        self._paid: set[tuple[str, datetime]] = set()
        self._strange: defaultdict[datetime, _Strange] = defaultdict(_Strange)
        bill = list(bill)
        learnt = self._learnt(bill)
        of_tags = set(learnt)
        for cluster, name in billed_as:
            if cluster in self._clusters:
                learnt[name.lower()].add(cluster)
        self._names = {cluster.lower(): cluster for cluster in self._clusters}
        self._names |= {name: min(whose) for name, whose in learnt.items() if len(whose) == 1}
        self._shared = {name for name, whose in learnt.items() if len(whose) > 1}  # no name, as two are called by it
        self._told = {min(learnt[name]) for name in of_tags - self._shared}  # whose name the bill itself uses
        for charge, claim in bill:
            if claim.line == CONTROL_PLANE and not self._other(charge):
                whose = self.whose(charge)
                if whose is None:
                    self._strange[charge["day"]].add(charge)
                else:
                    self._paid.add((whose, charge["day"]))

    def _learnt(self, bill: Iterable[tuple[Row, Claim]]) -> defaultdict[str, set[str]]:
        """Clusters by what the rows of their nodes call them."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for charge, claim in bill:
            for cluster in {thing.row["cluster"] for thing in claim.things if thing.kind == "node"}:
                for name in cluster_names(charge):
                    found[name].add(cluster)
        return found

    def whose(self, charge: Row) -> str | None:
        """The cluster whose control plane a row is for, where the row says it."""
        whole = (charge["resource_id"] or "").lower()
        called = [whole, *fee_names(charge), tail(whole)]
        return next((self._names[name] for name in called if name in self._names), None)

    def home(self, charge: Row) -> dict[str, Any]:
        """Where the line of a fee belongs: a cluster, none that is known, or what is outside of those that were read."""
        if self._other(charge):
            why = OF_OTHERS.format(fee_names(charge)[0])
            return {"cluster": None, "why": f"{why}: {NOT_READ}"} if self._unread else {"line": OUTSIDE, "why": why}
        whose = self.whose(charge)
        if whose is not None:
            return {"cluster": whose}
        if self._unread:
            return {"line": UNKNOWN, "why": f"{NAMELESS}: {NOT_READ}"}
        without, fees = len(self._open(charge["day"])), len(self._strange[charge["day"]])
        if without and not self._strange[charge["day"]].counted:
            return {"line": UNKNOWN, "why": HOW_MANY}
        if 0 < without < fees:
            return {"line": UNKNOWN, "why": SOME_OF.format(without, fees)}
        return {"cluster": None} | ({"why": ASSUMED} if without == fees else {})

    def _other(self, charge: Row) -> bool:
        """Whether a fee names a cluster, and none that is known."""
        names = fee_names(charge)
        return bool(names) and self.whose(charge) is None and not self._shared & set(names)

    def _open(self, day: datetime) -> list[str]:
        """The clusters of which a fee that names nobody may be on a day."""
        return [one for one in self._clusters if (one, day) not in self._paid and one not in self._told]

    def unpaid(self, day: datetime) -> Iterator[tuple[str, bool]]:
        """The clusters that have no fee on a day, and whether that is sure: a fee that names nobody may be one's.

        Where such fees are known to be as many as such clusters, and every cluster was read, they are taken to be theirs.
        """
        open_to_doubt, fees = self._open(day), self._strange[day]
        strange = len(fees)
        for cluster in self._clusters:
            if (cluster, day) in self._paid:
                continue
            if cluster not in open_to_doubt or not strange:
                yield cluster, True
            elif self._unread or not fees.counted or strange != len(open_to_doubt):
                yield cluster, False
