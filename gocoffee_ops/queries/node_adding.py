"""Who adds nodes to a cluster as pods find no room, and how that is known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from gocoffee_ops.errors import NotFound, Unsupported
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.sources.kubernetes.lists import NODE_POOLS, STATUS_MAPS
from gocoffee_ops.sources.kubernetes.shapes import Node
from gocoffee_ops.sources.kubernetes.state_shapes import StatusMapMeta

STATUS_CONFIG_MAP = "cluster-autoscaler-status"  # written by cluster-autoscaler, and by what GKE and AKS run of it
WRITTEN_EVERY = timedelta(minutes=15)  # at the latest; cluster-autoscaler writes it every ten seconds or so
GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4})\b.*")
COMPUTE_TYPE = "eks.amazonaws.com/compute-type"
COMPUTE = {"auto": "EKS Auto Mode", "fargate": "EKS Fargate"}
AUTOPILOT = "gk3-"


class Adding(NamedTuple):
    """By whom nodes are added, and what looks as if they were and does not count; None for nobody, and for nothing."""

    by: str | None
    not_by: str | None = None


def added_by(lists: Lists, nodes: Iterable[Node], as_of: datetime, *, stated: bool) -> Adding:
    """Who adds nodes; `stated` is what the configuration says."""
    if stated:
        return Adding("as adds_nodes of the configuration states")
    at = f"metadata.name={STATUS_CONFIG_MAP}"
    maps = lists.each(STATUS_MAPS, lambda one: one.metadata, field_selector=at)
    kept = max(maps, key=lambda one: written_at(one) or datetime.min.replace(tzinfo=UTC), default=None)
    written = written_at(kept) if kept else None
    if kept and written and as_of - written < WRITTEN_EVERY:
        return Adding(f"by cluster-autoscaler, as ConfigMap {kept.namespace}/{STATUS_CONFIG_MAP} is written")
    if by := _karpenter(lists) or _platform(nodes):
        return Adding(by)
    if kept is None:
        return Adding(None)
    since = f"not written since {written:%Y-%m-%d %H:%M} UTC" if written else "of no known time"
    return Adding(None, f"ConfigMap {kept.namespace}/{STATUS_CONFIG_MAP} is {since}")


def written_at(meta: StatusMapMeta) -> datetime | None:
    """When the status was written last, as Go prints a time into its annotation; else, when anybody wrote to the object."""
    told = GO_TIME.fullmatch(meta.annotations.last_updated) if meta.annotations else None
    if told:
        return datetime.strptime(" ".join(told.groups()), "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    writes = [one.time for one in meta.managed_fields or () if one.time]
    return max(writes, default=meta.creation_timestamp)


def _karpenter(lists: Lists) -> str | None:
    """Node pools, in the version that is served; before 1.0 that was v1beta1 alone."""
    try:
        found = lists.all_there_may_be(NODE_POOLS)
    except (NotFound, Unsupported):
        found = lists.all_there_may_be(replace(NODE_POOLS, version="v1beta1"))
    pools = sorted(one.metadata.name for one in found)
    return f"by Karpenter, as it has node pools ({', '.join(pools)})" if pools else None


def _platform(nodes: Iterable[Node]) -> str | None:
    for node in nodes:
        name, kind = node.metadata.name, (node.metadata.labels or {}).get(COMPUTE_TYPE, "")
        if kind in COMPUTE:
            return f"by {COMPUTE[kind]}, as node {name} has label {COMPUTE_TYPE}={kind}"
        if name.startswith(AUTOPILOT):
            return f"by GKE Autopilot, as node {name} is named so"
    return None
