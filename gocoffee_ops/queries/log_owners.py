"""Whether pods that are younger than a window are the first of their owner: then no log of an earlier one is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from gocoffee_ops.errors import SourceError
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.workloads import REVISION
from gocoffee_ops.sources.kubernetes import Kind
from gocoffee_ops.sources.kubernetes.lists import DAEMON_SETS, ROLLED_DEPLOYMENTS, STATEFUL_SETS
from gocoffee_ops.sources.kubernetes.state_shapes import Controller

KINDS: Mapping[str, Kind[Controller]] = {
    "deployment": ROLLED_DEPLOYMENTS,
    "statefulset": STATEFUL_SETS,
    "daemonset": DAEMON_SETS,
}


class Beginning(NamedTuple):
    """When an owner was made, and whether its pods are of its first template still."""

    made_at: datetime | None
    first: bool


def beginnings(
    lists: Lists, namespace: str, made: Sequence[tuple[str | None, datetime | None]], start: datetime
) -> dict[str, Beginning]:
    """Of each owner none of whose pods was made before `start`: what its object says. Where that may not be read, nothing."""
    oldest: dict[str, datetime | None] = {}
    for owner, at in made:
        if owner is not None:
            before = oldest.get(owner, at)
            oldest[owner] = min(before, at) if before and at else None
    young = {owner for owner, at in oldest.items() if at is not None and at > start}
    found: dict[str, Beginning] = {}
    for kind in sorted({owner.partition("/")[0] for owner in young} & set(KINDS)):
        try:
            controllers = lists.all(KINDS[kind], namespace=namespace)
        except SourceError:
            continue
        there = {f"{kind}/{one.metadata.name}": one for one in controllers}
        found |= {name: _beginning(there[name]) for name in young & set(there)}
    return found


def _beginning(one: Controller) -> Beginning:
    revision = (one.metadata.annotations or {}).get(REVISION)
    return Beginning(one.metadata.creation_timestamp, revision == "1" if revision else one.metadata.generation == 1)
