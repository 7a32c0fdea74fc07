"""What the cluster's own containers used for two and a half weeks, as cAdvisor and kube-state-metrics expose it.

SYNTHETIC: around what the scenario's kubelets tell of each container now, by hour and weekday. Planted are a node that was not
scraped for an evening, a container that is held back, one that was killed for its memory, and a pod whose name ran twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from gocoffee_ops.analysis.quantities import exact
from tests.testbed.control_plane import Cluster
from tests.testbed.incident.story import MEMORY_BASELINE, NAMESPACE, SERVICE, Story

Json = dict[str, Any]
Value = Callable[[datetime], float]
PAST = timedelta(days=18)
HOUR, STEP, STATE_STEP, SCRAPED = timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=10), timedelta(seconds=15)
MIB = 1 << 20
PEAK = (1.0, 1.0, 1.0, 1.1, 1.0, 0.7, 0.6)  # of a weekday's usage, Monday first
OPEN, CLOSED = (0.9, 1.0, 1.0, 1.2), (0.5, 0.5, 0.6)  # of an hour's, while shops are open or not
HELD_BACK, RARELY = {"postgres": 0.06}, 0.002  # of scheduler periods
HELD_IN_STORY = 0.02  # well off 0.01, the limit of advice
STORY = {"api-gateway": (170.0, 512.0), SERVICE: (170.0, 256.0), "payment-service": (495.0, 512.0)}  # memory, its limit
KILLED, KILLED_AGO = "payment-service", timedelta(minutes=40)
GAP_NODE, GAP_DAYS, GAP_HOURS = "memory-1", 6, (18, 22)
TWIN, TWIN_NODE, TWIN_DAYS, TWIN_HOURS = "menu-import", "general-1", 5, (8, 19)
TWIN_RUNS = timedelta(minutes=30)


@dataclass(frozen=True)
class Container:
    """A container of one pod: what it requests, may use and uses on average, and from when to when it was there."""

    namespace: str
    pod: str
    uid: str
    name: str
    node: str
    made_by: str  # ReplicaSet/orders-5c
    cores: float
    memory_mib: float
    requests: tuple[float, float]  # cores, MiB; 0: none
    limits: tuple[float, float]
    since: datetime | None = None
    until: datetime | None = None

    @property
    def told(self) -> bool:
        """Whether the incident's story is about it."""
        return self.namespace == NAMESPACE and self.name in STORY

    def ran(self, at: datetime) -> bool:
        """Whether it was there at a moment."""
        return (self.since is None or self.since <= at) and (self.until is None or at <= self.until)


@dataclass
class Usage:
    """Every series of some containers, at any moment."""

    now: datetime  # as of when the past was made; what goes on is reckoned from it
    containers: Sequence[Container]
    owners: dict[tuple[str, str], str] = field(default_factory=dict)  # namespace, ReplicaSet -> Deployment
    _counters: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begins = (self.now - PAST).replace(minute=0, second=0, microsecond=0)
        self._midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    def samples(self, at: datetime) -> Iterator[tuple[str, str, float]]:
        """What the kubelets expose at a moment: family, labels, value."""
        for one in self.containers:
            if one.ran(at):
                for family, value in self._cadvisor(one):
                    yield family, cadvisor_labels(one), value(at)

    def past(self) -> Iterator[str]:
        """All until now, as lines of OpenMetrics. Something else was scraped all the time, as often as anything is now."""
        yield "# TYPE up unknown"
        for at in _moments(self.begins, self.now, SCRAPED):
            yield f'up{{job="prometheus",instance="localhost:9090"}} 1 {at.timestamp():.0f}'
        yield from self.ups(self.begins, self.now)
        yield from self.history(self.begins, self.now)

    def since(self) -> datetime:
        """The first moment that `past` has not."""
        return self.begins + -((self.begins - self.now) // STEP) * STEP

    def ups(self, since: datetime, until: datetime) -> Iterator[str]:
        """Whether the kubelets were scraped."""
        for node in sorted({one.node for one in self.containers}):
            for at in _moments(since, until, STEP):
                yield f'up{{job="kubelet",instance="{node}:10250"}} {int(not self._lost(node, at))} {at.timestamp():.0f}'

    def history(self, since: datetime, until: datetime) -> Iterator[str]:
        """Lines of OpenMetrics, but for `up`; a family's samples stand together.

        The last minutes of an hour that is not over are as dense as what goes on: a pod that the release replaces is not scraped
        any more, and has a rate all the same.
        """
        late = max(since, (until - STEP).replace(microsecond=0), until.replace(minute=0, second=0, microsecond=0))
        dense = {STEP: sorted({*_moments(since, until, STEP), *_moments(late, until, SCRAPED)})}
        series: dict[str, dict[str, tuple[Container, Value, timedelta]]] = {}
        for one in self.containers:
            for name, value in self._cadvisor(one):
                series.setdefault(name, {})[cadvisor_labels(one)] = one, value, STEP
            for name, labels, value in self._state(one):
                series.setdefault(name, {})[labels] = one, value, STATE_STEP
        for name, each in series.items():
            yield f"# TYPE {name} unknown"
            for labels, (one, value, step) in each.items():
                for at in dense.get(step) or _moments(since, until, step):
                    if one.ran(at) and not (step == STEP and self._lost(one.node, at)):
                        yield f"{name}{{{labels}}} {value(at):.15g} {at.timestamp():.0f}"
        yield "# TYPE kube_replicaset_owner unknown"
        for (namespace, made), deployment in self.owners.items():
            owner = f'replicaset="{made}",owner_kind="Deployment",owner_name="{deployment}"'
            for at in _moments(since, until, STATE_STEP):
                yield f'kube_replicaset_owner{{namespace="{namespace}",{owner}}} 1 {at.timestamp():.0f}'

    def _lost(self, node: str, at: datetime) -> bool:
        first, last = (self._midnight - timedelta(days=GAP_DAYS) + HOUR * hour for hour in GAP_HOURS)
        return node == GAP_NODE and first <= at < last

    def _cadvisor(self, one: Container) -> Iterator[tuple[str, Value]]:
        held = HELD_IN_STORY if one.told else HELD_BACK.get(one.name, RARELY)
        yield "container_cpu_usage_seconds_total", lambda at: self._cpu_s(one, at)
        yield "container_memory_working_set_bytes", lambda at: self._memory_mib(one, at) * MIB
        limit = STORY[one.name][1] if one.told else one.limits[1]
        yield "container_spec_memory_limit_bytes", _always(round(limit * MIB))
        if one.limits[0]:
            yield "container_cpu_cfs_periods_total", lambda at: round(10 * self._elapsed_s(at))
            yield "container_cpu_cfs_throttled_periods_total", lambda at: round(10 * self._elapsed_s(at) * held)

    def _elapsed_s(self, at: datetime) -> float:
        return (at - self.begins).total_seconds()

    def _cpu_s(self, one: Container, at: datetime) -> float:
        """A counter. It grows by whole eighths of a second in five minutes, so that an hour's rates are all the same."""
        counter = self._counters.get(one.uid + one.name)
        if counter is None:
            hours = int(PAST / HOUR) + 48
            turn = random.Random(f"{one.namespace}/{one.name}").randrange(len(OPEN) * len(CLOSED))
            factors = (self._factor(self.begins + HOUR * n, turn) for n in range(hours))
            counter = [0.0, *accumulate(round(one.cores * factor * 300 * 8) / 8 * 12 for factor in factors)]
            self._counters[one.uid + one.name] = counter
        hour, second = divmod(self._elapsed_s(at), 3600)
        before, after = counter[int(hour)], counter[int(hour) + 1]
        return before + (after - before) * second / 3600

    @staticmethod
    def _factor(hour: datetime, turn: int) -> float:
        """By turns: with chance in it, what advice makes of a week would be another each time."""
        busy = OPEN if 6 <= hour.hour < 20 else CLOSED
        return PEAK[hour.weekday()] * busy[(hour.hour + turn) % len(busy)]

    def _memory_mib(self, one: Container, at: datetime) -> int:
        """That of the story's containers has grown by a quarter within a day."""
        if not one.told:
            return round(one.memory_mib * (1.0 if 6 <= at.hour < 20 else 0.95))
        elapsed = at - (self.now - MEMORY_BASELINE)
        grown = max(0.0, elapsed / MEMORY_BASELINE)
        return round(STORY[one.name][0] * (0.75 + 0.25 * grown))

    def _state(self, one: Container) -> Iterator[tuple[str, str, Value]]:
        pod = f'namespace="{one.namespace}",pod="{one.pod}",uid="{one.uid}"'
        container = f'{pod},container="{one.name}"'
        kind, _, name = one.made_by.partition("/")
        made = f'created_by_kind="{kind or "<none>"}",created_by_name="{name or "<none>"}"'
        started = (one.since or self.begins).timestamp()
        yield "kube_pod_info", f'{pod},node="{one.node}",{made}', _always(1)
        yield "kube_pod_start_time", pod, _always(started)
        yield "kube_pod_container_status_running", container, _always(1)
        for what, amounts in (("requests", one.requests), ("limits", one.limits)):
            for resource, amount in (("cpu", amounts[0]), ("memory", amounts[1] * MIB)):
                if amount:
                    labels = f'{container},resource="{resource}"'
                    yield f"kube_pod_container_resource_{what}", labels, _always(amount)
        if one.name == KILLED:
            killed = self.now - KILLED_AGO
            reason = "kube_pod_container_status_last_terminated_reason"
            yield reason, f'{container},reason="OOMKilled"', lambda at: float(at >= killed)


def _moments(since: datetime, until: datetime, step: timedelta) -> Iterator[datetime]:
    while since < until:
        yield since
        since += step


def _always(value: float) -> Value:
    return lambda _: value


def cadvisor_labels(one: Container) -> str:
    """Those of cAdvisor's metrics."""
    cgroup = f"/kubepods.slice/pod{one.uid.replace('-', '_')}.slice/c1"
    where = f'id="{cgroup}",job="cadvisor",instance="{one.node}:10250"'
    return f'namespace="{one.namespace}",pod="{one.pod}",container="{one.name}",{where}'


def usage_of(cluster: Cluster, now: datetime, story: Story | None = None, crashing: Sequence[str] = ()) -> Usage:
    """The usage of a cluster's containers that run, and of the pods that crash since the story's release.

    Usage of the same `now` is of one piece, whenever it is made.
    """
    found = [
        one
        for pod in cluster.get("pods", "--all-namespaces")["items"]
        if pod["spec"].get("nodeName") and not pod["metadata"].get("deletionTimestamp")
        for one in _containers(pod, story if pod["metadata"]["name"] in crashing else None)
    ]
    sets = cluster.get("replicasets", "--all-namespaces")["items"]
    owners = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["metadata"]["ownerReferences"][0]["name"]
        for one in sets
        if one["metadata"].get("ownerReferences")
    }
    return Usage(now, [*found, *_twins(now)], owners)


def _containers(pod: Json, crashes: Story | None) -> Iterator[Container]:
    metadata, notes = pod["metadata"], pod["metadata"].get("annotations", {})
    running = {one["name"] for one in pod["status"].get("containerStatuses", ()) if "running" in one["state"]}
    made = metadata.get("ownerReferences", [{"kind": "", "name": ""}])[0]
    for one in pod["spec"]["containers"]:
        name = one["name"]
        if name not in running and crashes is None:
            continue
        resources = one.get("resources", {})
        yield Container(
            metadata["namespace"],
            metadata["name"],
            metadata["uid"],
            name,
            pod["spec"]["nodeName"],
            f"{made['kind']}/{made['name']}",
            float(exact(notes.get(f"testbed.gocoffee/cpu.{name}", "50m"))),
            float(exact(notes.get(f"testbed.gocoffee/memory.{name}", "64Mi"))) / MIB,
            _amounts(resources.get("requests", {})),
            _amounts(resources.get("limits", {})),
            since=crashes.at(0) if crashes else None,
        )


def _amounts(listed: Json) -> tuple[float, float]:
    return float(exact(listed.get("cpu", "0"))), float(exact(listed.get("memory", "0"))) / MIB


def _twins(now: datetime) -> Iterator[Container]:
    """A pod of one name that ran twice on a day, for half an hour each time."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=TWIN_DAYS)
    for n, hour in enumerate(TWIN_HOURS):
        begins = day + HOUR * hour + timedelta(minutes=1)
        yield Container(
            NAMESPACE, TWIN, f"0000000{n}-0000-4000-8000-00000000000{n}", "import", TWIN_NODE, f"Job/{TWIN}", 0.4, 300.0,
            (0.5, 512.0), (1.0, 512.0), since=begins, until=begins + TWIN_RUNS,
        )  # fmt: skip
