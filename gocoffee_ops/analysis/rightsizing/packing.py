"""Which nodes would be left without pods that must run: what freed requests are worth in nodes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.rightsizing.advice import HIGH, LOWER, RAISE
from gocoffee_ops.analysis.scheduling import Requirement, selects
from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

MIB = 1 << 20
Row = Mapping[str, Any]
Amounts = Mapping[str, int]
Changes = dict[tuple[str, str, str], dict[str, dict[str, int]]]

REMOVABLE = Schema(
    "nodes that could go",
    (
        Column("cluster", "string"),
        Column("node", "string"),
        Column("removable_now", "boolean", help="its pods fit elsewhere as they are: idle, whatever is advised"),
        Column("removable", "boolean", help="its pods fit elsewhere once the advice is applied"),
        Column(
            "removable_unsure",
            "boolean",
            optional=True,
            help="its pods would fit elsewhere were advice applied that is not sure yet, too; missing without advice",
        ),
        Column("pods", "Int64", help="that would have to move"),
        Column("why", "string", optional=True, help="why it would not be removable"),
    ),
)


@dataclass(frozen=True)
class Term:
    """Pods that a pod must be apart from, and the label of nodes that says what apart means."""

    key: str
    namespaces: frozenset[str] | None  # None: all
    labels: Mapping[str, str]
    expressions: Sequence[Requirement]

    def speaks_of(self, pod: Pod) -> bool:
        """Whether it selects a pod."""
        if self.namespaces is not None and pod.namespace not in self.namespaces:
            return False
        return selects(self.labels, self.expressions, pod.labels)


@dataclass(frozen=True, eq=False)
class Pod:
    """A pod, as what it takes and where it may go."""

    namespace: str
    name: str
    takes: Amounts
    leaves: bool
    may_run_on: frozenset[str]
    labels: Mapping[str, str]
    apart: Sequence[Term]
    stays: str | None


class _Board:
    """Nodes with what is on them, as pods move."""

    def __init__(self, nodes: Sequence[Row], placed: Iterable[tuple[str, Pod]]) -> None:
        self.have = {row["node"]: _amounts(row["allocatable"]) for row in nodes}
        self.labels = {row["node"]: _pairs(row["labels"]) for row in nodes}
        self.on: dict[str, list[Pod]] = {name: [] for name in self.have}
        self.gone: set[str] = set()
        self._free = {name: dict(have) for name, have in self.have.items()}
        self._domains: dict[
            str, dict[str | None, list[str]]
        ] = {}  # nodes, by the keys that pods are apart by and their values
        for node, pod in placed:
            if node in self.on:
                self.put(pod, node)
            for term in pod.apart:
                self._domains.setdefault(term.key, {})
        for key, nodes_of in self._domains.items():
            for name, labels in self.labels.items():
                if key in labels:
                    nodes_of.setdefault(labels[key], []).append(name)

    def put(self, pod: Pod, node: str, sign: int = 1) -> None:
        """Put a pod on a node; or take it away, with the sign -1."""
        if sign > 0:
            self.on[node].append(pod)
        else:
            self.on[node].remove(pod)
        free = self._free[node]
        free["pods"] = free.get("pods", 0) - sign
        for name, amount in pod.takes.items():
            free[name] = free.get(name, 0) - sign * amount

    def used(self, node: str) -> float:
        """The larger share of CPU and memory that is requested of a node."""
        have, free = self.have[node], self._free[node]
        return max(1 - free[name] / have[name] if have.get(name) else 0.0 for name in ("cpu", "memory"))

    def takes(self, pod: Pod, node: str) -> bool:
        """Whether a pod may go to a node, and fits there."""
        if node in self.gone or node not in pod.may_run_on:
            return False
        free = self._free[node]
        if free["pods"] < 1 or any(amount > free.get(name, 0) for name, amount in pod.takes.items() if amount):
            return False
        return not self._clashes(pod, node)

    def _clashes(self, pod: Pod, node: str) -> bool:
        """Whether one of the pods that share a domain with the node must be apart from it, or it from them."""
        for key, nodes_of in self._domains.items():
            mine = [term for term in pod.apart if term.key == key]
            for near in nodes_of.get(self.labels[node].get(key), ()):
                for other in self.on[near]:
                    if any(term.speaks_of(other) for term in mine):
                        return True
                    if any(term.key == key and term.speaks_of(pod) for term in other.apart):
                        return True
        return False


def removable(nodes: pd.DataFrame, pods: pd.DataFrame, advice: pd.DataFrame | None = None) -> pd.DataFrame:
    """Which nodes would be left without pods that must run, as things are and once the advice is applied? (C15)

    Emptiest first, each node's pods are put on the others, the largest pod first; a node of which one pod finds no place
    stays. That may not find the largest number, so it is at least that many. Nodes that providers or autoscalers keep (a
    pool's smallest size) are not known here. Of the advice, what lowers a request counts only with HIGH confidence, and until then
    the request is taken as it is; what raises one counts always. So advice that becomes sure later only adds room. What it could
    add is `removable_unsure`. Each column is a packing of its own: nodes of two of them need not all be able to go together. What
    they cost: `worth`.

    `nodes` and `pods` are of `queries.packing`. Columns: those of `REMOVABLE`.
    """
    rows = []
    kept = {(row["cluster"], row["node"]): row["kept"] for row in records(nodes)}
    changes, hoped = _changes(advice), _changes(advice, unsure=True)
    for cluster in sorted({name for name, _ in kept}):
        here = [row for row in records(nodes) if row["cluster"] == cluster]
        there = [row for row in records(pods) if row["cluster"] == cluster]
        now = _emptied(_Board(here, _sized(there, {})), kept, cluster)
        then = _emptied(_Board(here, _sized(there, changes)), kept, cluster) if advice is not None else now
        differ = any(hoped[key] != changes[key] for key in hoped if key[0] == cluster)
        unsure = _emptied(_Board(here, _sized(there, hoped)), kept, cluster) if differ else then
        moving = {node["node"]: 0 for node in here}
        for row in there:
            moving[row["node"]] = moving.get(row["node"], 0) + (not row["leaves"])
        rows += [
            {
                "cluster": cluster,
                "node": name,
                "removable_now": now[name] is None,
                "removable": then[name] is None,
                "removable_unsure": None if advice is None else unsure[name] is None,
                "pods": moving[name],
                "why": then[name],
            }
            for name in sorted(moving)
            if name in now
        ]
    frame = REMOVABLE.from_rows(rows)
    tables = [nodes, pods] + ([advice] if advice is not None else [])
    frame.attrs["evidence"] = [one for each in tables for one in each.attrs.get("evidence", ())]
    return frame


def _emptied(board: _Board, kept: Mapping[tuple[str, str], str | None], cluster: str) -> dict[str, str | None]:
    """Why each node stays; None for one that could go."""
    found: dict[str, str | None] = {}
    for node in sorted(board.have, key=lambda name: (board.used(name), name)):
        found[node] = kept[cluster, node] or _drained(board, node)
    return found


def _drained(board: _Board, node: str) -> str | None:
    """Move all pods of a node to others and take it away; or leave everything, and say why."""
    pods = [pod for pod in board.on[node] if not pod.leaves]
    for pod in pods:
        if pod.stays is not None:
            return f"{pod.namespace}/{pod.name}: {pod.stays}"
    moved: list[tuple[Pod, str]] = []
    board.gone.add(node)
    for pod in sorted(pods, key=lambda one: (-one.takes.get("cpu", 0), -one.takes.get("memory", 0), one.name)):
        board.put(pod, node, -1)
        others = sorted(
            (name for name in board.on if name not in board.gone), key=lambda name: (-board.used(name), name)
        )
        place = next((name for name in others if board.takes(pod, name)), None)
        if place is None:
            board.put(pod, node)
            for one, other in moved:
                board.put(one, other, -1)
                board.put(one, node)
            board.gone.discard(node)
            return f"{pod.namespace}/{pod.name} fits nowhere else"
        board.put(pod, place)
        moved.append((pod, place))
    return None


def applied(row: Row, resource: str, *, unsure: bool = False) -> bool:
    """Whether advice counts here: one that lowers a request has to be sure, unless `unsure` ones are to count too.

    >>> [applied({"cpu_advice": what, "confidence": "LOW"}, "cpu") for what in ("lower", "raise", "keep")]
    [False, True, False]
    """
    advised: str = row[f"{resource}_advice"]
    return advised == RAISE or (advised == LOWER and (unsure or row["confidence"] == HIGH))


def _sized(pods: Iterable[Row], changes: Changes) -> list[tuple[str, Pod]]:
    """Pods with the requests that they would have, and their nodes."""
    of = ((row, (row["cluster"], row["namespace"], row["workload"])) for row in pods)
    return [(row["node"], _pod(row, changes.get(workload, {}))) for row, workload in of]


def _changes(advice: pd.DataFrame | None, *, unsure: bool = False) -> Changes:
    """What the advice adds to each container's requests, by workload and container: millicores and bytes."""
    found: Changes = {}
    for row in records(advice) if advice is not None else ():
        of = found.setdefault((row["cluster"], row["namespace"], row["workload"]), {}).setdefault(row["container"], {})
        for resource, column, unit in (("cpu", "cores", 1000), ("memory", "mib", MIB)):
            advised = row[f"{resource}_advised_{column}"]
            if applied(row, resource, unsure=unsure) and advised is not None:
                of[resource] = round((advised - (row[f"{resource}_request_{column}"] or 0.0)) * unit)
    return found


def _pod(row: Row, changes: Mapping[str, Mapping[str, int]]) -> Pod:
    takes, least = dict(_amounts(row["requests"])), _amounts(row["least"])
    pod = Pod(
        row["namespace"],
        row["pod"],
        takes,
        row["leaves"],
        frozenset(row["may_run_on"]),
        _pairs(row["labels"]),
        [term for term in map(_term, row["apart"]) if term is not None],
        row["stays"],
    )
    for resource in ("cpu", "memory"):
        added = sum(changes.get(container, {}).get(resource, 0) for container in row["containers"])
        takes[resource] = max(takes.get(resource, 0) + added, least.get(resource, 0), 0)
    return replace(pod, takes=takes)


def _term(text: str) -> Term | None:
    found = json.loads(text)
    if found["nothing"]:
        return None
    names = found["namespaces"]
    expressions = [Requirement(key, operator, tuple(values)) for key, operator, values in found["expressions"]]
    return Term(found["key"], None if names is None else frozenset(names), found["labels"], expressions)


def _amounts(listed: Iterable[str]) -> dict[str, int]:
    return {name: int(amount) for name, _, amount in (one.rpartition("=") for one in listed)}


def _pairs(listed: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (one.partition("=") for one in listed)}
