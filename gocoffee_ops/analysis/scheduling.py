"""What the scheduler counts, and where it would put a pod: arithmetic on requests, labels and taints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gocoffee_ops.errors import Malformed


class Init(NamedTuple):
    """An init container's amount; a sidecar restarts always and stays beside the containers."""

    amount: int
    sidecar: bool


def effective(containers: Iterable[int], inits: Iterable[Init]) -> int:
    """How much of a resource a pod takes: the sum of its containers and sidecars, or what starting needs if that is more.

    An init container runs beside the sidecars that were started before it.

    >>> effective([100, 50], [])
    150
    >>> effective([100], [Init(300, sidecar=False)])
    300
    >>> effective([100], [Init(50, sidecar=True), Init(300, sidecar=False), Init(10, sidecar=True)])
    350
    """
    running, sidecars, starting = sum(containers), 0, 0
    for init in inits:
        if init.sidecar:
            running += init.amount
            sidecars += init.amount
            starting = max(starting, sidecars)
        else:
            starting = max(starting, sidecars + init.amount)
    return max(running, starting)


class Requirement(NamedTuple):
    """One requirement of a selector."""

    key: str
    operator: str
    values: Sequence[str] = ()


def holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether labels meet a requirement; an operator that is not known raises Malformed, it never just holds.

    >>> holds(Requirement("zone", "In", ["a", "b"]), {"zone": "a"}), holds(Requirement("gpu", "NotIn", ["no"]), {})
    (True, True)
    >>> holds(Requirement("cores", "Gt", ["8"]), {"cores": "16"})
    True
    """
    key, operator, values = requirement
    value = labels.get(key)
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator in {"Gt", "Lt"}:
        try:
            have, bound = int(value or ""), int(values[0])
        except (ValueError, IndexError):
            return False
        return have > bound if operator == "Gt" else have < bound
    raise Malformed("read a selector", why=f"operator {operator!r} of {key} is not known")


def selects(match: Mapping[str, str], requirements: Iterable[Requirement], labels: Mapping[str, str]) -> bool:
    """Whether a selector matches labels; an empty one matches everything.

    >>> selects({"app": "x"}, [], {"app": "x", "tier": "web"}), selects({"app": "x"}, [], {"app": "y"})
    (True, False)
    """
    return all(labels.get(key) == value for key, value in match.items()) and all(
        holds(requirement, labels) for requirement in requirements
    )


class Taint(NamedTuple):
    """What keeps pods off a node."""

    key: str
    value: str
    effect: str


class Toleration(NamedTuple):
    """What taint a pod tolerates; empty key or effect: any."""

    key: str
    operator: str
    value: str
    effect: str


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a toleration covers a taint; an operator that is not known covers nothing.

    >>> tolerates(Toleration("gpu", "Exists", "", ""), Taint("gpu", "yes", "NoSchedule"))
    True
    >>> tolerates(Toleration("gpu", "Equal", "no", ""), Taint("gpu", "yes", "NoSchedule"))
    False
    """
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.operator in {"", "Equal"} and toleration.value == taint.value


def repelling(taints: Iterable[Taint], tolerations: Sequence[Toleration]) -> list[Taint]:
    """The taints that keep a new pod off; PreferNoSchedule only discourages.

    >>> repelling([Taint("a", "", "NoSchedule"), Taint("b", "", "PreferNoSchedule")], [])
    [Taint(key='a', value='', effect='NoSchedule')]
    """
    hard = [taint for taint in taints if taint.effect in {"NoSchedule", "NoExecute"}]
    return [taint for taint in hard if not any(tolerates(one, taint) for one in tolerations)]


@dataclass(frozen=True)
class Room:
    """What a node offers: free amounts by resource (`cpu` in millicores), pods included."""

    free: Mapping[str, int]


def fits(room: Room, wants: Mapping[str, int]) -> tuple[int, str]:
    """How many more pods that want this fit, and the resource that ends first; what a node lacks is none.

    >>> fits(Room({"cpu": 1000, "memory": 4096, "pods": 10}), {"cpu": 300, "memory": 1024})
    (3, 'cpu')
    >>> fits(Room({"cpu": 1000, "memory": 4096, "pods": 2}), {"cpu": 100, "memory": 0})
    (2, 'pods')
    >>> fits(Room({"cpu": -100, "memory": 4096, "pods": 2}), {"cpu": 100, "nvidia.com/gpu": 1})
    (0, 'cpu')
    """
    counts = {name: max(0, room.free.get(name, 0)) // want for name, want in wants.items() if want > 0}
    counts["pods"] = max(0, room.free.get("pods", 0))
    first = min(counts, key=lambda name: counts[name])
    return counts[first], first


@dataclass(frozen=True)
class Spot:
    """A node as a place for replicas: how many it takes where nothing else counts, and what ends that."""

    node: str
    labels: Mapping[str, str]
    takes: int
    bound_by: str
