"""A bill for a recorded cluster, made from a seed, with what misleads in bills planted, as rows of FOCUS 1.2.

SYNTHETIC: every row says so, with the date that its prices are of. They are invented, and resemble no price list.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

DAY = timedelta(days=1)
CURRENCY, SECOND_CURRENCY = "EUR", "USD"
PRICED_ON = "2026-11-01"
MARK = f"synthetic: made up for the demo, with prices of {PRICED_ON}"

CORE, GIB = Decimal("0.0240"), Decimal("0.0030")  # an hour, on demand
COMMITTED, SPOT = Decimal("0.60"), Decimal("0.35")  # of that
COMMITTED_NODES, SENDERS = 4, 5  # of the nodes, the first so many are committed, and send what leaves the cluster
DISK_GIB_MONTH, BALANCER_HOUR, PLANE_HOUR = Decimal("0.073"), Decimal("0.025"), Decimal("0.10")
DOLLARS_A_WEEK = Decimal("3.15")
UPFRONT = Decimal("9542.00")  # three years of what is committed, used or not, on one day
ESTIMATE = (Decimal("0.85"), Decimal("0.30"))  # how much of the last two days has arrived
SETTLED_DAYS, WEEKS_END = 14, (6, 13)


@dataclass(frozen=True)
class Stage:
    """What the bill is for: rows of `queries.cost_objects`, the teams of namespaces, and the first of its sixteen days."""

    cluster: str
    nodes: Sequence[Mapping[str, Any]]
    volumes: Sequence[Mapping[str, Any]]
    load_balancers: Sequence[Mapping[str, Any]]
    teams: Mapping[str, str]
    first_day: datetime
    seed: int = 0
    provider: str = "Google Cloud"
    project: str = "gocoffee"

    @property
    def days(self) -> list[datetime]:
        """Fourteen complete days, and two of which only a part has been billed."""
        return [self.first_day + DAY * n for n in range(SETTLED_DAYS + len(ESTIMATE))]


@dataclass(frozen=True)
class Item:
    """One row: FOCUS's columns, and what it is in truth. `line` is empty for a node, which is many things to many."""

    focus: Mapping[str, Any]
    line: str
    team: str | None = None
    node: str | None = None


@dataclass
class _Maker:
    stage: Stage
    chance: random.Random
    items: list[Item] = field(default_factory=list)

    def add(self, day: datetime, line: str, service: str, cost: Decimal, **more: Any) -> None:
        """One row; `more` are its other columns, and `team`, `node`, `billed`, `listed` and `labels`."""
        labels, team, node = dict(more.pop("labels", {})), more.pop("team", None), more.pop("node", None)
        if team:
            labels["team"] = team
        arrived = ESTIMATE[n] if (n := (day - self.stage.first_day).days - SETTLED_DAYS) >= 0 else Decimal(1)
        effective = (cost * arrived).quantize(Decimal("1e-10"))
        billed = more.pop("billed", None)
        listed = more.pop("listed", None)
        quantity = more.pop("quantity", None)
        first = day.replace(day=1)
        focus = {
            "BilledCost": effective if billed is None else billed,
            "BillingAccountId": "000000-DEMO00-000000",
            "BillingAccountName": "synthetic demo",
            "BillingCurrency": CURRENCY,
            "BillingPeriodStart": first,
            "BillingPeriodEnd": (first + 31 * DAY).replace(day=1),
            "ChargeCategory": "Usage",
            "ChargeClass": None,
            "ChargeDescription": f"{service} ({MARK})",
            "ChargePeriodStart": day,
            "ChargePeriodEnd": day + DAY,
            "CommitmentDiscountStatus": None,
            "ContractedCost": effective if billed is None else billed,
            "EffectiveCost": effective,
            "InvoiceIssuerName": self.stage.provider,
            "ListCost": effective if listed is None else (listed * arrived).quantize(Decimal("1e-10")),
            "PricingQuantity": None if quantity is None else quantity * arrived,
            "PricingUnit": None,
            "ProviderName": self.stage.provider,
            "PublisherName": self.stage.provider,
            "RegionId": "europe-west3",
            "ResourceId": None,
            "ResourceName": None,
            "ResourceType": None,
            "ServiceCategory": "Compute",
            "ServiceName": service,
            "SkuId": None,
            "SubAccountId": self.stage.project,
            "Tags": json.dumps(labels, sort_keys=True),
            "ConsumedQuantity": None if quantity is None else quantity * arrived,
            "ConsumedUnit": more.get("PricingUnit"),
            "x_Synthetic": MARK,
        } | more
        self.items.append(Item(focus, line, team, node))

    def path(self, kind: str, name: str, where: str = "zones/europe-west3-a") -> str:
        """A resource's id as Google's bill has it."""
        return f"//compute.googleapis.com/projects/{self.stage.project}/{where}/{kind}/{name}"


def synthetic_bill(stage: Stage) -> list[Item]:
    """The bill's rows, the same for the same seed. What is planted stands in the names of the functions that plant it."""
    maker = _Maker(stage, random.Random(stage.seed))  # noqa: S311  not for secrets
    for n, day in enumerate(stage.days):
        for plant in (
            _nodes,
            _storage,
            _balancers,
            _control_plane,
            _network,
            _outside,
            _unused_commitment,
            _tax,
            _in_dollars,
        ):
            plant(maker, n, day)
    for once in (_purchase, _credit, _correction, _one_off, _unexplained, _leftovers):
        once(maker)
    return maker.items


def hourly(node: Mapping[str, Any]) -> Decimal:
    """A node's list price an hour."""
    return CORE * Decimal(str(node["cpu_cores"])) + GIB * Decimal(str(node["memory_gib"]))


def _name(node: Mapping[str, Any]) -> str:
    return str(node["provider_id"]).rpartition("/")[2]


def _nodes(maker: _Maker, n: int, day: datetime) -> None:
    """The first nodes are paid for by a commitment, and some are spot nodes; the list price stands beside."""
    for at, node in enumerate(maker.stage.nodes):
        listed = hourly(node) * 24
        status, rate, billed = (None, Decimal(1), None)
        if at < COMMITTED_NODES:
            status, rate, billed = ("Used", COMMITTED, Decimal(0))
        elif str(node["capacity_type"]) == "spot":
            rate = SPOT
        more = {"CommitmentDiscountStatus": status, "PricingUnit": "Hours", "quantity": Decimal(24), "listed": listed}
        identity = {
            "ResourceId": maker.path("instances", _name(node)),
            "ResourceType": "Instance",
            "ResourceName": _name(node),
        }
        sku = {"SkuId": f"CPU-{node['instance_type']}"}
        maker.add(day, "", "Compute Engine", listed * rate, billed=billed, node=node["node"], **more, **identity, **sku)


def _storage(maker: _Maker, n: int, day: datetime) -> None:
    """The last volume stands in no bill: it has no price, and is not free."""
    for volume in [one for one in maker.stage.volumes[:-1] if one["volume_handle"]]:
        size = Decimal(str(volume["capacity_gib"] or 0))
        line = "storage" if volume["mounted_by"] else "unmounted storage"
        maker.add(
            day,
            line,
            "Compute Engine",
            DISK_GIB_MONTH * size * 24 / 730,
            ResourceId=maker.path("disks", str(volume["volume_handle"]).rpartition("/")[2]),
            ResourceType="Disk",
            ServiceCategory="Storage",
            SkuId="PD-BALANCED",
            PricingUnit="GiB-Months",
            quantity=(size * 24 / 730).quantize(Decimal("1e-6")),
            team=None,
        )
        maker.items[-1] = Item(maker.items[-1].focus, line, maker.stage.teams.get(volume["claim_namespace"] or ""))


def _balancers(maker: _Maker, n: int, day: datetime) -> None:
    """One row a day for each, whether a pod stands behind it or not."""
    for balancer in [one for one in maker.stage.load_balancers if one["addresses"]]:
        maker.add(
            day,
            "load balancer",
            "Cloud Load Balancing",
            BALANCER_HOUR * 24,
            ResourceId=maker.path("forwardingRules", next(iter(balancer["addresses"])), "regions/europe-west3"),
            ResourceType="ForwardingRule",
            ServiceCategory="Networking",
            SkuId="LB-RULE",
            PricingUnit="Hours",
            quantity=Decimal(24),
        )
        maker.items[-1] = Item(maker.items[-1].focus, "load balancer", maker.stage.teams.get(balancer["namespace"]))


def _control_plane(maker: _Maker, n: int, day: datetime) -> None:
    identity = f"//container.googleapis.com/projects/{maker.stage.project}/locations/europe-west3/clusters/{maker.stage.cluster}"
    more = {"ResourceId": identity, "ResourceType": "Cluster", "PricingUnit": "Hours", "quantity": Decimal(24)}
    maker.add(day, "control plane", "Kubernetes Engine", PLANE_HOUR * 24, SkuId="GKE-FEE", **more)


def _network(maker: _Maker, n: int, day: datetime) -> None:
    """Traffic, billed by the instance that sent it."""
    gib = Decimal(str(round(20 + 5 * maker.chance.random(), 3)))
    node = maker.stage.nodes[n % SENDERS]
    identity = {"ResourceId": maker.path("instances", _name(node)), "ResourceType": "Instance"}
    more = {"PricingUnit": "GiB", "quantity": gib, "SkuId": "EGRESS", "ServiceCategory": "Networking"}
    maker.add(day, "network", "Networking", gib * Decimal("0.085"), **identity, **more)


def _outside(maker: _Maker, n: int, day: datetime) -> None:
    """Tagged buckets, one with a bad day; a database that is new in the second week, another that is gone; something untagged."""
    gib = Decimal(400 + 2 * n)
    spike = 60 if n == 10 else 0
    rate = Decimal("0.0009") if n < 7 else Decimal("0.0010")  # the price went up
    more = {"ServiceCategory": "Storage", "PricingUnit": "GiB-Days"}
    maker.add(
        day, "outside the cluster", "Cloud Storage", gib * rate + spike, team="shop", SkuId="GCS", quantity=gib + spike * 1000,
        ResourceId="//storage.googleapis.com/receipts", **more,
    )  # fmt: skip
    database = {
        "ResourceType": "Database",
        "ServiceCategory": "Databases",
        "PricingUnit": "Hours",
        "quantity": Decimal(24),
    }
    which = "reports-old" if n < 7 else "reports-new"
    maker.add(
        day, "outside the cluster", "Cloud SQL", Decimal("1.20"), team="analytics", SkuId=f"SQL-{which}",
        ResourceId=f"//sqladmin.googleapis.com/projects/{maker.stage.project}/instances/{which}-db", **database,
    )  # fmt: skip
    maker.add(
        day, "outside the cluster", "Cloud Run functions", Decimal("0.35"), SkuId="FUNCTIONS", PricingUnit="Requests",
        quantity=Decimal(9000), ResourceId="//run.googleapis.com/nobody-knows",
    )  # fmt: skip


def _unused_commitment(maker: _Maker, n: int, day: datetime) -> None:
    """What was committed and not used."""
    more = {"CommitmentDiscountStatus": "Unused", "SkuId": "CUD", "ResourceId": "commitments/three-years"}
    maker.add(day, "unused commitment", "Compute Engine", Decimal("0.42"), billed=Decimal(0), **more)


def _tax(maker: _Maker, n: int, day: datetime) -> None:
    if n == SETTLED_DAYS - 1:
        maker.add(day, "tax", "Tax", Decimal("19.99"), ChargeCategory="Tax", ServiceCategory="Other")


def _in_dollars(maker: _Maker, n: int, day: datetime) -> None:
    """A marketplace sells a service in dollars, by the week, an hour before midnight of UTC: in Berlin the next has begun."""
    if n not in WEEKS_END:
        return
    late = {"ChargePeriodStart": day + timedelta(hours=23), "BillingCurrency": SECOND_CURRENCY}
    more = {"PublisherName": "Beanwatch", "PricingUnit": "Weeks", "quantity": Decimal(1), "SkuId": "BEANWATCH"}
    more |= {"ResourceId": "marketplace/beanwatch", "ServiceCategory": "Management and Governance"}
    maker.add(day, "purchase", "Beanwatch", DOLLARS_A_WEEK, team="shop", ChargeCategory="Purchase", **late, **more)


def _purchase(maker: _Maker) -> None:
    """Three years paid on one day: billed then, effective over the years by what uses it."""
    more = {"ChargeCategory": "Purchase", "ResourceId": "commitments/three-years", "billed": UPFRONT}
    maker.add(maker.stage.days[9], "purchase", "Compute Engine", Decimal(0), **more)


def _credit(maker: _Maker) -> None:
    maker.add(
        maker.stage.days[8], "credit", "Credits", Decimal("-25.00"), ChargeCategory="Credit", ServiceCategory="Other"
    )


def _correction(maker: _Maker) -> None:
    """A node on demand was billed too much; that this is put right on another day is no change of usage."""
    node = maker.stage.nodes[COMMITTED_NODES]
    more = {"ChargeClass": "Correction", "ResourceId": maker.path("instances", _name(node))}
    maker.add(maker.stage.days[11], "correction", "Compute Engine", Decimal("-3.33"), **more)


def _one_off(maker: _Maker) -> None:
    more = {"ChargeCategory": "Purchase", "team": "shop", "ResourceId": "marketplace/load-test"}
    maker.add(maker.stage.days[12], "purchase", "Marketplace", Decimal("80.00"), **more)


def _unexplained(maker: _Maker) -> None:
    """What nobody can name: no resource, no team."""
    for day in maker.stage.days[:SETTLED_DAYS]:
        maker.add(day, "residual", "Support", Decimal("0.11"), ServiceCategory="Other")


def _leftovers(maker: _Maker) -> None:
    """A volume whose claim and PersistentVolume are gone, and a snapshot: orphans that only the bill knows."""
    for day in maker.stage.days[:SETTLED_DAYS]:
        left = {
            "ResourceId": maker.path("disks", "pvc-left-behind"),
            "ServiceCategory": "Storage",
            "ResourceType": "Disk",
        }
        labels = {"kubernetes.io/created-for/pvc/name": "uploads", "goog-k8s-cluster-name": maker.stage.cluster}
        maker.add(day, "unmounted storage", "Compute Engine", Decimal("0.24"), labels=labels, **left)
        snapshot = {"ResourceId": maker.path("snapshots", "before-upgrade", "global"), "ServiceCategory": "Storage"}
        maker.add(day, "outside the cluster", "Compute Engine", Decimal("0.05"), ResourceType="Snapshot", **snapshot)


def focus_rows(items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    """The rows as a file of FOCUS 1.2 has them."""
    for item in items:
        yield dict(item.focus)
