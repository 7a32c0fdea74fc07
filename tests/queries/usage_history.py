"""Containers' history as OpenMetrics, as cAdvisor and kube-state-metrics expose it: what the questions must find in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

MIDNIGHT = datetime(2026, 1, 6, tzinfo=UTC)
AS_OF = datetime(2026, 1, 6, 0, 0, 5, tzinfo=UTC)
END = int(MIDNIGHT.timestamp())
MIB = 1 << 20
Value = float | Callable[[int], float]  # of the seconds before the end, at each sample


def uid(n: int) -> str:
    """A pod's uid."""
    return f"{n:08x}-0000-4000-8000-{n:012x}"


@dataclass(frozen=True)
class Container:
    """One container of a pod: when it ran (seconds before the end), and what it used."""

    pod: str
    began: int = 86_400
    ended: int = 0
    uid: str = ""
    container: str = "app"
    namespace: str = "go-coffee"
    node: str = "n1"
    made_by: str = ""  # ReplicaSet/orders-5c
    cores: Value = 0.5
    memory_mib: Value = 1024.0
    throttled: float | None = None  # of its periods; None: it has no CPU limit
    requests: tuple[Value, Value] | None = None  # cores, MiB
    limits: tuple[Value, Value] | None = None
    oom_killed: bool = False
    oom_events: float = 0.0
    in_cgroup: bool = True  # whether cAdvisor's id tells the pod's uid
    lost: Callable[[int], bool] = field(default=lambda _: False)  # whether cAdvisor's sample is lost

    def labels(self) -> str:
        """Those of every metric."""
        return f'namespace="{self.namespace}",pod="{self.pod}",container="{self.container}"'

    def cadvisor(self) -> str:
        """Those of cAdvisor's."""
        cgroup = f"pod{self.uid.replace('-', '_')}.slice/c1" if self.in_cgroup else "c1"
        return f'{self.labels()},id="/kubepods.slice/{cgroup}",instance="{self.node}:10250"'


@dataclass(frozen=True)
class History:
    """What is exposed each `step_s`, for `days`."""

    containers: tuple[Container, ...]
    owners: dict[str, str] = field(default_factory=dict)  # ReplicaSet -> Deployment
    step_s: int = 60
    days: float = 1.0
    state_metrics: bool = True
    nodes: tuple[str, ...] = ("n1", "n2")
    unscraped: Callable[[str, int], bool] = field(default=lambda _node, _before: False)
    silent: Callable[[int], bool] = field(default=lambda _: False)  # nothing is scraped at all
    also_up_s: int = 0  # how often something else is scraped

    def lines(self) -> Iterator[str]:
        """A family's samples stand together, as OpenMetrics wants them."""
        families: dict[str, list[str]] = {}
        counters: dict[tuple[int, str], float] = {}
        for before in range(round(self.days * 86_400), -1, -self.step_s):
            silent = self.silent(before)
            for name, labels, value in self._samples(before, counters):
                if not silent:
                    families.setdefault(name, []).append(f"{name}{{{labels}}} {value} {END - before}")
        for before in range(round(self.days * 86_400), -1, -self.also_up_s) if self.also_up_s else ():
            if not self.silent(before):
                families["up"].append(f'up{{job="other",instance="other:80"}} 1 {END - before}')
        for name, lines in families.items():
            yield f"# TYPE {name} unknown"
            yield from lines

    def _samples(self, before: int, counters: dict[tuple[int, str], float]) -> Iterator[tuple[str, str, float]]:
        for node in self.nodes:
            yield "up", f'job="kubelet",instance="{node}:10250"', 0 if self.unscraped(node, before) else 1
        for i, one in enumerate(self.containers):
            if not one.ended < before <= one.began and (before or one.ended):
                continue
            for name, value in self._counted(i, one, before, counters):
                if not (one.lost(before) or self.unscraped(one.node, before)):
                    yield name, one.cadvisor(), value
            if self.state_metrics:
                yield from self._state(one, before)

    def _counted(
        self, i: int, one: Container, before: int, counters: dict[tuple[int, str], float]
    ) -> Iterable[tuple[str, float]]:
        def grown(name: str, by: float) -> float:
            counters[i, name] = counters.get((i, name), 0.0) + by
            return counters[i, name]

        yield "container_cpu_usage_seconds_total", grown("cpu", _at(one.cores, before) * self.step_s)
        yield "container_memory_working_set_bytes", _at(one.memory_mib, before) * MIB
        if one.throttled is not None:
            yield "container_cpu_cfs_periods_total", grown("periods", 10.0 * self.step_s)
            yield "container_cpu_cfs_throttled_periods_total", grown("held", 10.0 * self.step_s * one.throttled)
        yield "container_oom_events_total", one.oom_events if before < one.began / 2 else 0.0

    def _state(self, one: Container, before: int) -> Iterator[tuple[str, str, float]]:
        pod = f'{one.labels()},uid="{one.uid}"'
        kind, _, name = one.made_by.partition("/")
        info = f'namespace="{one.namespace}",pod="{one.pod}",uid="{one.uid}",node="{one.node}"'
        yield "kube_pod_info", f'{info},created_by_kind="{kind or "<none>"}",created_by_name="{name or "<none>"}"', 1
        yield "kube_pod_start_time", f'namespace="{one.namespace}",pod="{one.pod}",uid="{one.uid}"', END - one.began
        yield "kube_pod_container_status_running", pod, 1
        for metric, each in (("requests", one.requests), ("limits", one.limits)):
            for resource, value in zip(("cpu", "memory"), each or (), strict=False):
                amount = _at(value, before) * (MIB if resource == "memory" else 1)
                yield f"kube_pod_container_resource_{metric}", f'{pod},resource="{resource}"', amount
        if one.oom_killed:
            yield "kube_pod_container_status_last_terminated_reason", f'{pod},reason="OOMKilled"', 1
        if kind == "ReplicaSet" and name in self.owners:
            owned = f'replicaset="{name}",owner_kind="Deployment",owner_name="{self.owners[name]}"'
            yield "kube_replicaset_owner", f'namespace="{one.namespace}",{owned}', 1


def _at(value: Value, before: int) -> float:
    return value(before) if callable(value) else value


def hours(n: float) -> int:
    """So many hours, in seconds."""
    return round(n * 3600)
