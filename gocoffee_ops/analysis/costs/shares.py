"""What a node's hours were for: used, requested and unused, system, idle, or not known. Weights, no money yet.

A weight is exact: billionths of a core-hour times the weight of a core, plus billionths of a GiB-hour, times a thousand. Those of
a node's hour add up to the node, whatever was measured on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from gocoffee_ops.analysis.costs.money import WEIGHT, weight
from gocoffee_ops.analysis.costs.owners import Owner
from gocoffee_ops.analysis.costs.prices import CPU_WEIGHT
from gocoffee_ops.analysis.costs.schemas import IDLE, SYSTEM, UNKNOWN, UNUSED, USED

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 50  # rates are estimates: a fiftieth more than a node has may be measured on it
SYSTEM_NAMESPACES = ("kube-system",)
HOUR, TICK = timedelta(hours=1), timedelta(milliseconds=1)
TICKS, MINUTE = HOUR // TICK, timedelta(minutes=1) // TICK
Name = tuple[str, str]  # of a node: its cluster, and its own

GAP = "no samples of this time"
NO_SIZE = "the node's size is not known"
NO_USAGE = "a container ran there whose usage was not seen"
NO_REQUESTS = "requests were not read"
NOWHERE = "on which node a container ran is not known"
TOO_MUCH = "more was measured or requested than the node has"


@dataclass(frozen=True)
class Rules:
    """How hours and rows are judged: what a core weighs, whose pods are the system's, until when there are hours.

    `billed_as` has clusters with what the bill calls them, by name or by id.
    """

    as_of: datetime
    cpu_weight: float = CPU_WEIGHT
    system_namespaces: tuple[str, ...] = SYSTEM_NAMESPACES
    billed_as: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, conventions: pd.DataFrame, *, as_of: datetime) -> Rules:
        """The environment's (`queries.cost_settings.conventions`); the usual ones where it states none."""
        given = [float(weight) for weight in conventions["cpu_weight"]]
        named = [one.partition("=") for names in conventions["billed_as"] for one in names]
        billed_as = tuple((cluster, name) for cluster, _, name in named)
        return cls(as_of, given[0] if given else CPU_WEIGHT, billed_as=billed_as)


class Kind(NamedTuple):
    """What a part of a node is for; `why` says of one that is not known why it is not."""

    line: str
    owner: Owner | None = None
    why: str | None = None


@dataclass
class Amounts:
    """Billionths of core-hours and of GiB-hours."""

    cpu: int = 0
    memory: int = 0

    def weigh(self, cpu_weight: float) -> int:
        """Both as one weight."""
        return self.cpu * round(cpu_weight * 1000) + self.memory * 1000


@dataclass
class NodeDay:
    """One node's day: how many hours it was there, and what for."""

    ticks: int = 0
    parts: defaultdict[Kind, Amounts] = field(default_factory=lambda: defaultdict(Amounts))

    @property
    def hours(self) -> Fraction:
        """For how many hours it was there."""
        return Fraction(self.ticks, TICKS)

    def add(self, kind: Kind, cpu: int, memory: int) -> None:
        """Put an hour's part to it."""
        if cpu or memory:
            part = self.parts[kind]
            part.cpu += cpu
            part.memory += memory


def between(rows: Iterable[Mapping[str, Any]]) -> int:
    """The time from sample to sample, in ticks; a minute where none says.

    >>> between([{"minutes": 0.0, "samples_found": 0}, {"minutes": 60.0, "samples_found": 120}])
    30000
    """
    seen = [round(row["minutes"] * MINUTE / row["samples_found"]) for row in rows if row["samples_found"]]
    return max(seen, default=MINUTE)


def lived(row: Mapping[str, Any], step: int) -> tuple[int, int]:
    """For how many ticks of its hour a container was seen to run, and ran; a sample lost at an edge is not missed.

    >>> lived({"minutes": 59.0, "samples_expected": 60, "samples_found": 59}, MINUTE) == (TICKS, TICKS)
    True
    >>> lived({"minutes": 10.0, "samples_expected": 10, "samples_found": 10}, MINUTE)
    (600000, 600000)
    >>> lived({"minutes": 30.0, "samples_expected": 45, "samples_found": 30}, MINUTE)
    (1800000, 2700000)
    """
    seen = min(TICKS, round(row["minutes"] * MINUTE))
    lost = max(0, (row["samples_expected"] or 0) - (row["samples_found"] or 0))
    ran = min(TICKS, seen + lost * step) if lost > 1 else seen
    edge = TICKS - _edge(step)
    return (TICKS if seen >= edge else seen), (TICKS if ran >= edge else ran)


def _edge(step: int) -> int:
    """As much as one and a half samples may fall out at the ends of an hour."""
    return step * 3 // 2


def existed(created_at: datetime | None, hour: datetime, as_of: datetime) -> int:
    """For how many ticks of an hour a node was there.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> existed(noon + timedelta(minutes=15), noon, noon + timedelta(days=1)) * 4 == TICKS * 3
    True
    """
    start = max(hour, created_at or hour)
    return max(0, (min(hour + HOUR, as_of) - start) // TICK)


def shared_out(
    capacity: int, reserved: int, used: Sequence[int], requested: Sequence[int]
) -> tuple[list[int], int, int] | None:
    """One resource of one node's hour: of each container what it requested and did not use, the system's part, and what is idle.

    A container that uses more than it requested uses what others requested: what these did not use is then less. None when
    more was used, or requested, than there is: then something that was read is not so, and idle would be negative.

    >>> shared_out(1000, 100, [300, 50], [200, 250]), shared_out(1000, 0, [900, 0], [100, 500]), shared_out(10, 0, [20], [0])
    (([0, 200], 100, 350), ([0, 100], 0, 0), None)
    """
    most = capacity + capacity // TOLERANCE
    if sum(used) > most or sum(requested) > most:
        return None
    unused = [max(0, request - use) for use, request in zip(used, requested, strict=True)]
    left = max(0, capacity - sum(used))
    reserved = min(reserved, left)
    left -= reserved
    if (wanted := sum(unused)) > left:
        unused = [one * left // wanted for one in unused]
    return unused, reserved, left - sum(unused)


class Run:
    """A container's hour on its node: what it used, and what it requested while it ran."""

    def __init__(self, row: Mapping[str, Any], time: tuple[int, int], known: int) -> None:
        self.row = row
        seen, ran = min(known, time[0]), min(known, time[1])
        usage = [row["cpu_core_hours"], row["memory_gib_hours"]]
        self.used = [0 if one is None else weight(one) for one in usage]
        self.requested = [
            weight(row[name] or 0.0) * ran // TICKS for name in ("cpu_request_cores", "memory_request_gib")
        ]
        self.unseen = ran if None in usage else ran - seen  # ticks in which nobody saw what it used


class Shares:
    """Every node's days, made from hours of containers."""

    def __init__(
        self,
        nodes: Iterable[Mapping[str, Any]],
        hours: Iterable[Mapping[str, Any]],
        days: Iterable[datetime],
        rules: Rules,
    ) -> None:
        self.rules = rules
        self.nodes = {(node["cluster"], node["node"]): node for node in nodes}
        self._by_name: defaultdict[str, list[Name]] = defaultdict(list)
        for name in self.nodes:
            self._by_name[name[1]].append(name)
        self.days: dict[tuple[Name, datetime], NodeDay] = {}
        self.homeless: defaultdict[tuple[datetime, Kind], Amounts] = defaultdict(Amounts)
        by_node: defaultdict[tuple[Name, datetime], list[Mapping[str, Any]]] = defaultdict(list)
        self._known_kinds: dict[tuple[Any, ...], tuple[Kind, Kind, Kind]] = {}
        self._requests_read: set[tuple[str, datetime]] = set()
        self._anywhere: set[datetime] = set()  # hours with a container of which no one knows on which node
        for row in hours:
            home = self._named(row)
            if home is None:
                self._homeless(row)
                continue
            by_node[home, row["hour"]].append(row)
            if row["cpu_request_cores"] is not None or row["memory_request_gib"] is not None:
                self._requests_read.add((home[0], row["hour"]))
        for day in sorted({*days, *(hour.replace(hour=0) for _, hour in by_node)}):
            for name in self.nodes:
                found = self.days[name, day] = NodeDay()
                hours_of_day = [day + HOUR * h for h in range(24)]
                born = self.nodes[name]["created_at"]
                if born is not None and any(hour + HOUR <= born and (name, hour) in by_node for hour in hours_of_day):
                    born = None  # another node had this name before it
                for hour in hours_of_day:
                    there = existed(born, hour, rules.as_of)
                    if there:
                        self._hour(found, name, hour, there, by_node.get((name, hour), []))

    def _named(self, row: Mapping[str, Any]) -> Name | None:
        """The node that a container ran on; none where its name is not known, or two clusters have one of that name."""
        if row["cluster"]:
            name = (row["cluster"], row["node"])
            return name if name in self.nodes else None
        found = self._by_name.get(row["node"] or "", [])
        return found[0] if len(found) == 1 else None

    def _homeless(self, row: Mapping[str, Any]) -> None:
        time = lived(row, between([row]))
        if not row["node"] and time[1]:
            self._anywhere.add(row["hour"])
        run = Run(row, time, TICKS)
        kind = Kind(UNKNOWN, _owner(row), "its node was not read" if row["node"] else NOWHERE)
        part = self.homeless[row["hour"].replace(hour=0), kind]
        part.cpu += max(run.used[0], run.requested[0])
        part.memory += max(run.used[1], run.requested[1])

    def _hour(self, day: NodeDay, name: Name, hour: datetime, there: int, rows: list[Mapping[str, Any]]) -> None:
        day.ticks += there
        size, reserved = _size(self.nodes[name])
        if size is None:
            day.add(Kind(UNKNOWN, None, NO_SIZE), 0, there * WEIGHT // TICKS)
            return
        step = between(rows)
        times = [lived(row, step) for row in rows]
        seen = max((time[0] for time in times), default=0)
        known = there if rows and seen >= there - _edge(step) else min(seen, there)
        whole = [one * there // TICKS for one in size]
        capacity = [one * known // TICKS for one in size]
        day.add(Kind(UNKNOWN, None, GAP), whole[0] - capacity[0], whole[1] - capacity[1])
        if known:
            runs = [Run(row, time, known) for row, time in zip(rows, times, strict=True)]
            kept = [one * known // TICKS for one in reserved]
            rest = self._containers(day, runs, capacity, kept)
            self._idle(day, (name[0], hour), rest, Fraction(max(run.unseen for run in runs), known))

    def _containers(self, day: NodeDay, runs: list[Run], capacity: list[int], reserved: list[int]) -> tuple[int, int]:
        """What containers and the system have of an hour; what is left of it is given back."""
        splits = [
            shared_out(capacity[r], reserved[r], [run.used[r] for run in runs], [run.requested[r] for run in runs])
            for r in (0, 1)
        ]
        cpu, memory = splits
        if cpu is None or memory is None:
            day.add(Kind(UNKNOWN, None, TOO_MUCH), capacity[0], capacity[1])
            return 0, 0
        for i, run in enumerate(runs):
            used, unused, unread = self._kinds(run.row)
            day.add(used, *run.used)
            day.add(unread if run.unseen else unused, cpu[0][i], memory[0][i])
        day.add(Kind(SYSTEM), cpu[1], memory[1])
        return cpu[2], memory[2]

    def _kinds(self, row: Mapping[str, Any]) -> tuple[Kind, Kind, Kind]:
        """A container's parts: what it used, what it requested and did not use, and what of that was not seen."""
        identity = (row["namespace"], row["workload"], row["pod"], row["pod_uid"], row["container"], row["labels"])
        if identity not in self._known_kinds:
            owner = _owner(row)
            system = owner.namespace in self.rules.system_namespaces or str(owner.workload).startswith("daemonset/")
            used, unused = (SYSTEM, SYSTEM) if system else (USED, UNUSED)
            self._known_kinds[identity] = Kind(used, owner), Kind(unused, owner), Kind(UNKNOWN, owner, NO_USAGE)
        return self._known_kinds[identity]

    def _idle(self, day: NodeDay, hour: tuple[str, datetime], rest: tuple[int, int], unseen: Fraction) -> None:
        """The rest is idle, but for the time in which something may have run on it that was not seen."""
        why = None
        if hour[1] in self._anywhere:
            why = NOWHERE
        elif hour not in self._requests_read:
            why = NO_REQUESTS
        if why is not None:
            day.add(Kind(UNKNOWN, None, why), *rest)
            return
        blind = [int(one * unseen) for one in rest]
        day.add(Kind(UNKNOWN, None, NO_USAGE), *blind)
        day.add(Kind(IDLE), rest[0] - blind[0], rest[1] - blind[1])


def _owner(row: Mapping[str, Any]) -> Owner:
    labels = tuple(row["labels"] or ())
    return Owner(row["namespace"], row["workload"], row["pod"], row["pod_uid"], row["container"], labels)


def _size(node: Mapping[str, Any]) -> tuple[tuple[int, int] | None, tuple[int, int]]:
    """A node's capacity, and how much of it is kept for the node itself."""
    cpu = node["cpu_cores"] or node["allocatable_cpu_cores"]
    memory = node["memory_gib"] or node["allocatable_memory_gib"]
    if not cpu or not memory:
        return None, (0, 0)
    size = weight(cpu), weight(memory)
    free = weight(node["allocatable_cpu_cores"] or cpu), weight(node["allocatable_memory_gib"] or memory)
    return size, (max(0, size[0] - free[0]), max(0, size[1] - free[1]))
