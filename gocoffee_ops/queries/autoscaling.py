"""What autoscalers may add: would their pods fit onto the nodes, and are nodes added where they do not?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from gocoffee_ops.analysis.quantities import mib
from gocoffee_ops.analysis.scheduling import Room, fits
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.cluster import NOT_ENDED
from gocoffee_ops.queries.cost_objects import workload_of
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.node_adding import added_by
from gocoffee_ops.queries.node_fit import keeping_off, room, selected
from gocoffee_ops.queries.pod_resources import ENDED, Amounts, amounts
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.cost_shapes import SizedPod
from gocoffee_ops.sources.kubernetes.lists import NODES, SCALERS, SIZED_PODS
from gocoffee_ops.sources.kubernetes.placement_shapes import TemplateSpec
from gocoffee_ops.sources.kubernetes.policy_shapes import Scaler
from gocoffee_ops.sources.kubernetes.shapes import Node

OWN_KINDS = ("deployment", "statefulset", "replicaset")
FOR_NOW = frozenset({"not ready", "unschedulable"})

ROOM_TABLE = Schema(
    "autoscalers' room",
    (
        Column("namespace", "string"),
        Column("hpa", "string"),
        Column("scales", "string", help="deployment/orders"),
        Column("current_replicas", "Int64"),
        Column("max_replicas", "Int64"),
        Column("cpu_request_millicores", "Int64", "millicores", "of one pod; missing: none was found", optional=True),
        Column("memory_request_mib", "Float64", "MiB", "of one pod", optional=True),
        Column("fits", "Int64", help="how many more nodes take, were it alone; more than that never", optional=True),
        Column("bound_by", "string", help="what ends first on most of these nodes", optional=True),
        Column("fits_once_well", "Int64", help="with nodes that are not ready, or cordoned", optional=True),
        Column("cpu_free_millicores", "Int64", "millicores", "on the nodes that take its pods", optional=True),
        Column("memory_free_mib", "Float64", "MiB", "on the nodes that take its pods", optional=True),
        Column("shared_cpu_free_millicores", "Int64", "millicores", "on the nodes that take pods of any of them"),
        Column("shared_memory_free_mib", "Float64", "MiB", "on the nodes that take pods of any of them"),
        Column("nodes_added", "string", help="by whom, and how that is known; missing: by nobody", optional=True),
        Column("nodes_not_added", "string", help="what looks as if they were, and does not count", optional=True),
    ),
)


@query("cluster", ROOM_TABLE)
def autoscaled(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which autoscalers may add pods, do these fit onto the nodes that there are, and are nodes added?

    Those at rest (no replica) and those at their maximum are left out. A pod of the target tells what one more would
    take, and where it may go. What pods of a lower priority take counts as free: they make way. Rules between pods, volumes and
    ports are not followed, so that in truth fewer may fit and never more.

    API: autoscaling/v2 horizontalpodautoscalers; core/v1 nodes, pods and configmaps (metadata of one name); karpenter.sh
    nodepools (v1, or v1beta1), where they are served. Permission: list the first in `namespace` or in the whole cluster,
    the others in the whole cluster. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    growing = [
        one
        for one in lists.all(SCALERS, namespace=namespace)
        if 0 < one.status.current_replicas < one.spec.max_replicas
    ]
    if not growing:
        return Rows([], notes=lists.notes())
    nodes = lists.all(NODES)
    world = _World(nodes, set(map(_target, growing)))
    for seen in lists.each(SIZED_PODS, world.seen, field_selector=NOT_ENDED):
        world.add(seen)
    adding = added_by(lists, nodes, ask.as_of, stated=ask.source.adds_nodes)
    found = [(one, world.offer(_target(one))) for one in growing]
    takers = {name for _, offer in found if offer for name in offer.takers}
    highest = max((offer.priority for _, offer in found if offer), default=0)
    cpu, memory = _left(left for name, left in world.rooms(highest).items() if name in takers)
    shared = {
        "shared_cpu_free_millicores": cpu,
        "shared_memory_free_mib": mib(memory),
        "nodes_added": adding.by,
        "nodes_not_added": adding.not_by,
    }
    return Rows([_row(one, offer) | shared for one, offer in found], notes=lists.notes())


class _Seen(NamedTuple):
    """A pod, as what it takes; and where it is one of an autoscaler's, as what one more of it would be."""

    of: tuple[str, str]
    node: str
    takes: Amounts
    priority: int
    created: datetime | None
    spec: TemplateSpec | None


@dataclass(frozen=True)
class _Offer:
    """What the nodes have for pods like one."""

    takes: Amounts
    priority: int
    takers: Sequence[str]  # nodes
    cpu_free: int
    memory_free: int
    fits: int
    fits_once_well: int
    bound_by: str | None


@dataclass
class _World:
    """The nodes, what their pods take, and the newest pod of each target."""

    nodes: Sequence[Node]
    targets: set[tuple[str, str]]
    taken: dict[str, list[_Seen]] = field(default_factory=dict)
    newest: dict[tuple[str, str], _Seen] = field(default_factory=dict)
    _rooms: dict[int, dict[str, Room]] = field(default_factory=dict)

    def seen(self, pod: SizedPod) -> _Seen | None:
        """A pod that stays; what is being deleted makes room."""
        if pod.status.phase in ENDED or pod.metadata.deletion_timestamp is not None:
            return None
        of = (pod.metadata.namespace, workload_of(pod.metadata))
        spec = pod.spec if of in self.targets else None
        return _Seen(of, pod.spec.node_name, amounts(pod), pod.spec.priority, pod.metadata.creation_timestamp, spec)

    def add(self, seen: _Seen | None) -> None:
        """Count a pod on its node, and keep it where it is the newest of a target."""
        if seen is None:
            return
        if seen.node:
            self.taken.setdefault(seen.node, []).append(seen)
        if seen.spec is None:
            return
        before = self.newest.get(seen.of)
        if before is None or (seen.created and before.created and seen.created > before.created):
            self.newest[seen.of] = seen

    def rooms(self, priority: int) -> dict[str, Room]:
        """What is left of each node for pods of a priority."""
        if priority not in self._rooms:
            self._rooms[priority] = {
                node.metadata.name: room(
                    node, [one.takes for one in self.taken.get(node.metadata.name, ()) if one.priority >= priority]
                )
                for node in self.nodes
            }
        return self._rooms[priority]

    def offer(self, target: tuple[str, str]) -> _Offer | None:
        """What the nodes have for one more pod of a target; None where none of its pods was found."""
        like = self.newest.get(target)
        if like is None or like.spec is None:
            return None
        takers: list[str] = []
        ends, now, later = Counter[str](), 0, 0
        rooms = self.rooms(like.priority)
        for node in self.nodes:
            keeping = keeping_off(node, like.spec)
            count, end = fits(rooms[node.metadata.name], like.takes.requests)
            if not keeping:
                takers.append(node.metadata.name)
                ends[end] += 1
                now += count
            elif keeping in FOR_NOW and selected(node, like.spec):
                later += count
        bound_by = next((name for name, _ in ends.most_common(1)), None)
        cpu, memory = _left(rooms[name] for name in takers)
        return _Offer(like.takes, like.priority, takers, cpu, memory, now, now + later, bound_by)


def _left(rooms: Iterable[Room]) -> tuple[int, int]:
    """How much CPU (in millicores) and memory (in bytes) are free; of what is overcommitted, nothing."""
    free = [(max(0, one.free.get("cpu", 0)), max(0, one.free.get("memory", 0))) for one in rooms]
    return sum(cpu for cpu, _ in free), sum(memory for _, memory in free)


def _target(one: Scaler) -> tuple[str, str]:
    """The workload whose pods an autoscaler adds; of kinds that make ReplicaSets of their own, as their pods name it."""
    kind, name = one.spec.scale_target_ref.kind.lower(), one.spec.scale_target_ref.name
    return one.metadata.namespace, f"{kind if kind in OWN_KINDS else 'deployment'}/{name}"


def _row(one: Scaler, offer: _Offer | None) -> dict[str, Any]:
    ref = one.spec.scale_target_ref
    row: dict[str, Any] = {
        "namespace": one.metadata.namespace,
        "hpa": one.metadata.name,
        "scales": f"{ref.kind.lower()}/{ref.name}",
        "current_replicas": one.status.current_replicas,
        "max_replicas": one.spec.max_replicas,
    }
    told = ("cpu_request_millicores", "memory_request_mib", "fits", "bound_by", "fits_once_well", "cpu_free_millicores",
            "memory_free_mib")  # fmt: skip
    if offer is None:
        return row | dict.fromkeys(told)
    values = (
        offer.takes.request("cpu"),
        mib(offer.takes.request("memory")),
        offer.fits,
        offer.bound_by,
        offer.fits_once_well,
        offer.cpu_free,
        mib(offer.memory_free),
    )
    return row | dict(zip(told, values, strict=True))
