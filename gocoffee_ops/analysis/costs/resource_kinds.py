"""What kind of thing a row of the bill is for: as its id says, else its type, else its service.

A name alone is no sign: a bucket, a database and a load balancer may well have the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

ObjectKind = Literal["node", "volume", "load balancer", "pod"]
Row = Mapping[str, Any]

COMPUTE = re.compile(r"(^|[/:])i-|/instances/|virtualmachine", re.IGNORECASE)
BALANCER = re.compile(r"loadbalancer|forwardingrule", re.IGNORECASE)
DISK = re.compile(r"(^|[/:])vol-|/disks/|:volume/", re.IGNORECASE)
BY_ID: tuple[tuple[ObjectKind, re.Pattern[str]], ...] = (
    ("load balancer", re.compile(r"loadbalancers?/|forwardingrules/|/publicipaddresses/", re.IGNORECASE)),
    ("volume", re.compile(r"^(aws://.*/)?(vol|fs)-|:volume/|:file-system/", re.IGNORECASE)),
    ("volume", re.compile(r"/(zones|regions)/[^/]+/disks/|compute/disks/", re.IGNORECASE)),
    ("node", re.compile(r"^((aws|gce)://.*/)?i-|:instance/i-|^gce://", re.IGNORECASE)),
    ("node", re.compile(r"zones/[^/]+/instances/|virtualmachine(scaleset)?s/", re.IGNORECASE)),
)
PATH = re.compile(r"[/:]")
BY_TYPE: tuple[tuple[ObjectKind, re.Pattern[str]], ...] = (
    ("load balancer", re.compile(r"load ?balanc|forwarding ?rule|public ?ip", re.IGNORECASE)),
    ("volume", re.compile(r"disk|volume", re.IGNORECASE)),
    ("node", re.compile(r"^(compute |ec2 |compute\.googleapis\.com/)?instance$|virtual ?machine", re.IGNORECASE)),
)
BY_SERVICE: tuple[tuple[ObjectKind, re.Pattern[str]], ...] = (
    ("load balancer", re.compile(r"load ?balanc|\belb\b", re.IGNORECASE)),
    ("volume", re.compile(r"\bec2\b|elastic compute|compute engine|\bebs\b|block stor", re.IGNORECASE)),
    ("volume", re.compile(r"disk|volume|file|^(azure )?storage$", re.IGNORECASE)),
    ("node", re.compile(r"\bec2\b|comput|virtual (machine|server)|\bserver\b|droplet|linode", re.IGNORECASE)),
)
# Memory is priced by the hour, a disk by the month.
KEPT = re.compile(r"\b(gb|gib|gigabyte|gibibyte)s?[ /-]*mo", re.IGNORECASE)


def resource_kinds(charge: Row) -> frozenset[ObjectKind]:
    """What a row may be for, of what a cluster has; nothing where it is for something else, or does not say.

    >>> path, row = "//compute.googleapis.com/projects/p/zones/z", {"resource_type": None, "pricing_unit": None, "usage_unit": None}
    >>> def kinds(identity, service="Compute Engine", **more):
    ...     return sorted(resource_kinds(row | {"resource_id": identity, "service": service} | more))
    >>> kinds(f"{path}/instances/n1"), kinds(f"{path}/disks/n1"), kinds("i-0abc"), kinds("lb", "Elastic Load Balancing")
    (['node'], ['volume'], ['node'], ['load balancer'])
    >>> kinds("//sqladmin.googleapis.com/projects/p/instances/n1"), kinds("arn:aws:rds:eu:1:db:n1"), kinds("n1", "Amazon S3")
    ([], [], [])
    >>> kinds("n1"), kinds("n1", resource_type="Virtual machine"), kinds("n1", pricing_unit="gibibyte month")
    (['node', 'volume'], ['node'], ['volume'])
    """
    identity = charge["resource_id"] or ""
    if PATH.search(identity) or _kinds(BY_ID, identity):
        return frozenset(_kinds(BY_ID, identity)[:1])
    found = _kinds(BY_TYPE, charge["resource_type"] or "") or _kinds(BY_SERVICE, charge["service"] or "")
    kept = KEPT.search(charge["pricing_unit"] or charge["usage_unit"] or "")
    return frozenset(kind for kind in found if not kept or kind == "volume")


def _kinds(signs: tuple[tuple[ObjectKind, re.Pattern[str]], ...], said: str) -> list[ObjectKind]:
    return [kind for kind, sign in signs if sign.search(said)]
