"""Whose control plane a row of the bill is for: providers call a cluster by a name that need not be ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from gocoffee_ops.analysis.costs.matching import CLUSTER_TAGS, OF_USERS, Claim, tail
from gocoffee_ops.analysis.costs.schemas import CONTROL_PLANE

NO_FEE = "a control plane that stands in no bill, and has no price"
WHOSE = "the bill has fees of fewer control planes than there are, and does not say whose"
ASSUMED = "assumed to be of a cluster that the bill does not call by a name that is known"

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


class Planes:
    """The control planes of a bill: whose each fee is, and on which days a cluster has none.

    A cluster is known by our name of it, and by what the tags of its nodes' rows call it.
    """

    def __init__(self, clusters: Iterable[str], bill: Iterable[tuple[Row, Claim]]) -> None:
        self._clusters = tuple(clusters)
        self._paid: set[tuple[str, datetime]] = set()
        self._strange: defaultdict[datetime, set[str]] = defaultdict(set)  # fees that may be anybody's, by their ids
        bill = list(bill)
        self._names = self._learnt(bill)
        self._told = set(self._names.values())  # whose name the bill itself uses
        self._names = {cluster.lower(): cluster for cluster in self._clusters} | self._names
        for charge, claim in bill:
            if claim.line == CONTROL_PLANE:
                whose = self.whose(charge)
                if whose is None:
                    self._strange[charge["day"]].add(charge["resource_id"] or "")
                else:
                    self._paid.add((whose, charge["day"]))

    def _learnt(self, bill: Iterable[tuple[Row, Claim]]) -> dict[str, str]:
        """Clusters by what the rows of their nodes call them; what two of them are called is no name."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for charge, claim in bill:
            for cluster in {thing.row["cluster"] for thing in claim.things if thing.kind == "node"}:
                for name in cluster_names(charge):
                    found[name].add(cluster)
        return {name: min(clusters) for name, clusters in found.items() if len(clusters) == 1}

    def whose(self, charge: Row) -> str | None:
        """The cluster whose control plane a row is for, where the row says it."""
        called = [*cluster_names(charge), tail(charge["resource_id"] or ""), (charge["resource_name"] or "").lower()]
        return next((self._names[name] for name in called if name in self._names), None)

    def assumed(self, charge: Row) -> bool:
        """Whether a fee bears a name that is none of the clusters', and pays for one of them as there are enough of such fees."""
        named = bool(charge["resource_id"] or charge["resource_name"] or next(cluster_names(charge), None))
        without = [one for one in self._clusters if (one, charge["day"]) not in self._paid and one not in self._told]
        return named and self.whose(charge) is None and 0 < len(without) <= len(self._strange[charge["day"]])

    def unpaid(self, day: datetime) -> Iterator[tuple[str, bool]]:
        """The clusters that have no fee on a day, and whether that is sure: a fee that names nobody may be one's.

        Where there are as many of such fees as of such clusters, they are taken to be theirs.
        """
        without = [cluster for cluster in self._clusters if (cluster, day) not in self._paid]
        open_to_doubt = [cluster for cluster in without if cluster not in self._told]
        strange = len(self._strange[day]) if day in self._strange else 0
        for cluster in without:
            if cluster not in open_to_doubt or not strange:
                yield cluster, True
            elif strange < len(open_to_doubt):
                yield cluster, False
