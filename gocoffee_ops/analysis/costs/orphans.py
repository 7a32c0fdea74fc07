"""What is paid for and seems to be nobody's: candidates, each with its age, owner, monthly cost, and how sure that is.

Nothing here deletes anything. A volume that nothing mounts may be a scaled-down StatefulSet's data: its claim and the claim's owner
are looked up first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.allocation import LAG_H, Objects
from gocoffee_ops.analysis.costs.matching import CLAIM_TAGS, SERVICE_TAGS, Things, first_tag
from gocoffee_ops.analysis.costs.money import rounded, total
from gocoffee_ops.analysis.costs.prices import BILL, HOURS_A_MONTH
from gocoffee_ops.analysis.costs.schemas import (
    CHARGES,
    IDLE,
    LINES,
    LOAD_BALANCERS,
    NETWORK,
    NODES,
    SYSTEM,
    VOLUMES,
    framed,
    rows,
)
from gocoffee_ops.analysis.costs.weeks import Weeks
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

HIGH, MEDIUM, LOW = "high", "medium", "low"
SURENESS = (HIGH, MEDIUM, LOW)
UNCLAIMED = {  # phases of a volume that no claim has
    "Released": (HIGH, "its claim is gone, and it is kept"),
    "Available": (HIGH, "no claim has it"),
    "Failed": (MEDIUM, "its claim is gone, and it could not be reclaimed"),
}
SETTLING_S = 7 * 86_400.0  # what is younger may still be waiting for its pod
OLD_S = (
    30 * 86_400.0
)  # a snapshot that was kept for so long has outlived what it was most likely made for: a convention
SNAPSHOT = re.compile(r"(^|[/:])snap-|snapshot", re.IGNORECASE)

ORPHANS = Schema(
    "orphans",
    (
        Column("kind", "string", help="volume, load balancer, snapshot or node pool"),
        Column("subject", "string"),
        Column("cluster", "string", optional=True),
        Column("namespace", "string", optional=True),
        Column("owner", "string", help="whom to ask", optional=True),
        Column("sure", "string", help=", ".join(SURENESS)),
        Column("why", "string"),
        Column("age_s", "Float64", "s", help="at least", optional=True),
        Column("monthly_effective", "decimal", help="as the last complete week cost", optional=True),
        Column("monthly_list", "decimal", help="at list prices, of that week too, where no bill has it", optional=True),
        Column("price_from", "string", help="bill, opencost or list; missing: it has no price", optional=True),
        Column("currency", "string", optional=True),
        Column("resource_id", "string", optional=True),
    ),
)


def orphans(
    charges: pd.DataFrame, objects: Objects, lines: pd.DataFrame, *, as_of: datetime, lag_h: float = LAG_H
) -> pd.DataFrame:
    """What could perhaps be given up: unmounted volumes, load balancers without backends, snapshots, node pools without work?

    What each costs is the bill's, else at OpenCost's or the configuration's list price, as `lines` have it, else missing.

    Columns: kind, subject, cluster, namespace, owner, sure, why (string), age_s (Float64, s), monthly_effective, monthly_list
    (decimal, in currency), price_from, resource_id (string). The surest and dearest first.
    """
    bill = rows(charges, CHARGES)
    nodes, volumes = rows(objects.nodes, NODES), rows(objects.volumes, VOLUMES)
    balancers = rows(objects.load_balancers, LOAD_BALANCERS)
    things = Things(nodes, volumes, balancers)
    week = set(Weeks.settled(as_of, lag_h).now)
    paid: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    loose = []
    for charge in (row for row in bill if row["charge_category"] == "Usage" and row["charge_class"] != "Correction"):
        found = things.find(charge)
        for thing in found:
            paid[id(thing.row)].append(charge)
        if not found and not things.rivals(charge):
            loose.append(charge)
    told = rows(lines, LINES)
    unbilled: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    served: defaultdict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for line in told:
        if str(line["workload"]).startswith(
            "service/"
        ):  # a load balancer's: its team is its namespace's, or that of its tags
            served[line["cluster"], line["namespace"], line["workload"]].append(line)
        if line["charge"] is None and line["resource_id"]:
            unbilled[line["cluster"], line["resource_id"]].append(line)
    for row, name in [
        *((one, one["volume_handle"] or one["volume"]) for one in volumes),
        *((one, f"service/{one['namespace']}/{one['service']}") for one in balancers),
    ]:
        paid[id(row)] += unbilled.get((row["cluster"], name), [])
    candidates = [
        *(_volume(row, _asked(paid[id(row)]) | _monthly(paid[id(row)], week)) for row in volumes),
        *(_balancer(row, _asked(served[_service(row)]) | _monthly(paid[id(row)], week)) for row in balancers),
        *_loose(loose, week, as_of, min((row["day"] for row in bill), default=as_of), unread=objects.unread),
        *_pools(told, nodes, as_of, bill),
    ]
    found_rows = [row for row in candidates if row is not None]
    found_rows.sort(key=lambda row: (SURENESS.index(row["sure"]), -_cost(row), row["subject"]))
    return framed(ORPHANS, found_rows, charges, *objects.tables)


def _service(balancer: Mapping[str, Any]) -> tuple[str, str, str]:
    """What the lines of a load balancer are of that no workload stands behind."""
    return balancer["cluster"], balancer["namespace"], f"service/{balancer['service']}"


def _asked(charges: Iterable[Mapping[str, Any]]) -> dict[str, str | None]:
    """Whom to ask where no object says whose a thing is: the team that all of its charges, or its lines, are of.

    >>> _asked([{"team": "shop"}, {"team": "shop"}]), _asked([{"team": "shop"}, {"team": None}])
    ({'owner': 'team/shop'}, {'owner': None})
    """
    teams = {row["team"] for row in charges}
    team = teams.pop() if len(teams) == 1 else None
    return {"owner": team and f"team/{team}"}


def _cost(row: Mapping[str, Any]) -> Decimal:
    return max(row["monthly_effective"] or Decimal(0), row["monthly_list"] or Decimal(0))


def volume_sureness(volume: Mapping[str, Any]) -> tuple[str, str] | None:
    """How sure it is that a volume is nobody's, and why; None for one that has its use.

    >>> volume = {"phase": "Bound", "mounted_by": (), "claim_owner": "statefulset/db", "age_s": 9e6, "claim": "data-db-0"}
    >>> volume_sureness(volume), volume_sureness(volume | {"mounted_by": ("db-0",)})
    (None, None)
    >>> volume_sureness(volume | {"claim_owner": None})
    ('medium', 'no pod mounts it, and its claim data-db-0 has no owner')
    >>> volume_sureness(volume | {"phase": "Released"})
    ('high', 'its claim is gone, and it is kept')
    >>> volume_sureness(volume | {"phase": "Available"}), volume_sureness(volume | {"phase": "Available", "age_s": 60.0})
    (('high', 'no claim has it'), None)
    """
    if volume["phase"] == "Available" and _settling(volume):  # made, and not claimed yet
        return None
    if volume["phase"] in UNCLAIMED:
        return UNCLAIMED[volume["phase"]]
    owner = volume["claim_owner"] or ""
    # A StatefulSet's claims are the data of replicas that were scaled down: they come back to it.
    if volume["mounted_by"] or owner.startswith("statefulset/") or _settling(volume):
        return None
    if not owner:
        return MEDIUM, f"no pod mounts it, and its claim {volume['claim']} has no owner"
    return LOW, f"no pod mounts it; its claim {volume['claim']} is {owner}'s"


def balancer_sureness(balancer: Mapping[str, Any]) -> tuple[str, str] | None:
    """How sure it is that a load balancer serves nobody, and why; None for one that has backends.

    >>> balancer = {"ready": 0, "pods": 0, "owners": (), "age_s": 9e6}
    >>> balancer_sureness(balancer), balancer_sureness(balancer | {"ready": 2})
    (('medium', 'no backend: its selector finds no pod; what it selects may be scaled to 0'), None)
    >>> balancer_sureness(balancer | {"pods": 2, "owners": ("deployment/shop",)})
    ('low', 'none of the 2 pods of deployment/shop is ready: it may be down')
    """
    if balancer["ready"] or _settling(balancer):
        return None
    if not balancer["pods"]:
        return MEDIUM, "no backend: its selector finds no pod; what it selects may be scaled to 0"
    return LOW, f"none of the {balancer['pods']} pods of {', '.join(balancer['owners'])} is ready: it may be down"


def snapshot_sureness(age_s: float, *, capped: bool) -> tuple[str, str] | None:
    """How sure it is that a snapshot is nobody's, and why; None for a young one, which is most likely a backup in use.

    `capped`: it was billed on the first day that was read, and may be of any age from there.

    >>> snapshot_sureness(40 * 86_400.0, capped=False)
    ('low', 'a snapshot of 40 days; what still needs it is not in a bill')
    >>> snapshot_sureness(16 * 86_400.0, capped=True)
    ('low', 'a snapshot of at least 16 days, no more were read; what still needs it is not in a bill')
    >>> snapshot_sureness(16 * 86_400.0, capped=False), snapshot_sureness(3 * 86_400.0, capped=True)
    (None, None)
    """
    if age_s < (SETTLING_S if capped else OLD_S):
        return None
    days = f"{age_s // 86_400:.0f} days"
    aged = f"at least {days}, no more were read" if capped else days
    return LOW, f"a snapshot of {aged}; what still needs it is not in a bill"


def _settling(row: Mapping[str, Any]) -> bool:
    return row["age_s"] is not None and row["age_s"] < SETTLING_S


def _volume(row: Mapping[str, Any], cost: dict[str, Any]) -> dict[str, Any] | None:
    found = volume_sureness(row)
    owner = row["claim_owner"] or (f"claim/{row['claim']}" if row["claim"] else cost["owner"])
    return found and _candidate("volume", f"volume/{row['volume']}", row, found, cost) | {
        "namespace": row["claim_namespace"],
        "owner": owner,
        "resource_id": row["volume_handle"],
    }


def _balancer(row: Mapping[str, Any], cost: dict[str, Any]) -> dict[str, Any] | None:
    found = balancer_sureness(row)
    return found and _candidate("load balancer", f"service/{row['service']}", row, found, cost) | {
        "namespace": row["namespace"],
        "owner": ", ".join(row["owners"] or ()) or cost["owner"],
        "resource_id": next(iter(row["addresses"] or ()), None),
    }


def _candidate(
    kind: str, subject: str, row: Mapping[str, Any], found: tuple[str, str], cost: dict[str, Any]
) -> dict[str, Any]:
    known = {"kind": kind, "subject": subject, "sure": found[0], "why": found[1], "cluster": row.get("cluster")}
    return dict.fromkeys(ORPHANS.names) | known | {"age_s": row.get("age_s")} | cost


def _loose(
    charges: Iterable[Mapping[str, Any]], week: set[datetime], as_of: datetime, first: datetime, *, unread: bool
) -> Iterator[dict[str, Any]]:
    """What the bill, read from its `first` day on, has and no cluster does: volumes of claims, load balancers, old snapshots."""
    by_id: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for charge in charges:
        if charge["resource_id"]:
            by_id[charge["resource_id"]].append(charge)
    for identity, members in by_id.items():
        claim, service = first_tag(members[0], CLAIM_TAGS), first_tag(members[0], SERVICE_TAGS)
        kind = f"{identity} {members[0]['resource_type'] or ''}"
        since = min(row["day"] for row in members)
        age_s = (as_of - since) / timedelta(seconds=1)
        owner = _asked(members)
        if SNAPSHOT.search(kind):
            found, what = snapshot_sureness(age_s, capped=since == first), "snapshot"
        elif claim:
            found, what = (HIGH, f"made for the claim {claim}, and no volume of a cluster has its id"), "volume"
            owner = {"owner": f"claim/{claim}"}
        elif service:
            found, what = (
                (MEDIUM, f"made for the service {service}, and no cluster that was read has it"),
                "load balancer",
            )
            owner = {"owner": ", ".join(filter(None, (f"service/{service}", owner["owner"])))}
        else:
            continue
        if found is None:
            continue
        if unread and what != "snapshot":
            found = LOW, f"{found[1]}; but a cluster was not read, and may have it"
        cost = owner | _monthly(members, week) | {"resource_id": identity}
        yield _candidate(what, f"{what.replace(' ', '-')}/{_named(identity)}", {"age_s": age_s}, found, cost)


def _named(identity: str) -> str:
    """An id as people know it: of a path of Google or Azure its last part.

    >>> _named("//compute.googleapis.com/projects/p/zones/z/disks/pvc-1"), _named("vol-1")
    ('pvc-1', 'vol-1')
    """
    return identity.rstrip("/").rpartition("/")[2] if identity.startswith("/") else identity


def _pools(
    lines: Sequence[Mapping[str, Any]],
    nodes: Sequence[Mapping[str, Any]],
    as_of: datetime,
    bill: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Pools on which nothing but the system ran for all complete days that were read, without a gap."""
    by_pool: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    settled = [line for line in lines if not line["estimated"]]
    for line in settled:
        if line["pool"]:
            by_pool[line["cluster"], line["pool"]].append(line)
    week = set(sorted({line["day"] for line in settled})[-7:])
    for (cluster, pool), members in by_pool.items():
        ran = {row["line"] for row in members if row["line"] != NETWORK}
        if not ran <= {IDLE, SYSTEM} or not week <= {row["day"] for row in members} or len(week) < 7:
            continue
        created = [row["created_at"] for row in nodes if (row["cluster"], row["pool"]) == (cluster, pool)]
        age = None if None in created or not created else (as_of - max(created)) / timedelta(seconds=1)
        found = MEDIUM, "nothing but the system's pods ran there on any of the days that were read"
        about = {"cluster": cluster, "age_s": age}
        asked = _asked(bill[at] for at in {line["charge"] for line in members} - {None})  # idle itself is nobody's
        yield _candidate("node pool", f"node-pool/{pool}", about, found, asked | _monthly(members, week))


def _monthly(charges: Sequence[Mapping[str, Any]], week: set[datetime]) -> dict[str, Any]:
    """What the week's charges and lines come to in a month of 730 hours; missing without a price in the week, or in two currencies.

    What no bill has is at list prices, and never added to what it has.
    """
    there = [row for row in charges if row["day"] in week and row["currency"] is not None]
    billed = [row["effective"] for row in there if row.get("price_from", BILL) == BILL and row["effective"] is not None]
    listed = [row["list"] for row in there if row.get("price_from", BILL) != BILL and row["list"] is not None]
    currencies = {row["currency"] for row in there}
    if len(currencies) != 1 or not (billed or listed):
        return dict.fromkeys(("monthly_effective", "monthly_list", "currency", "price_from"))
    source = BILL if billed else next(row["price_from"] for row in there)
    money = {"monthly_effective": _a_month(billed), "monthly_list": _a_month(listed)}
    return money | {"currency": currencies.pop(), "price_from": source}


def _a_month(amounts: Sequence[Decimal]) -> Decimal | None:
    return rounded(Fraction(total(amounts)) * HOURS_A_MONTH / (7 * 24)) if amounts else None
