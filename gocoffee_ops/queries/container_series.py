"""Containers in Prometheus: which series are theirs, how well they are covered, and who their pods are.

Asked are few large aggregates. What the server would have to hold at once is bounded by chunks of namespaces; where its own
limit is lower all the same, the chunk is halved.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from gocoffee_ops.errors import NotFound, ServerFault
from gocoffee_ops.queries.promql import Asked, equals, matches, number, one_of, selector
from gocoffee_ops.queries.query import Ask

if TYPE_CHECKING:
    from gocoffee_ops.sources.prometheus import Answered, Prometheus, Series

LAST = timedelta(milliseconds=1)  # before a window's end: its samples are then those of [start, end), in every version
POINTS_AT_ONCE = (
    3_000_000  # of a subquery: a server takes 50 million by default, and works on one question with one core
)
NAMESPACES_AT_ONCE = 100  # in one expression: addresses have a largest length
KEY = ("namespace", "pod", "container")
OURS = ('container!=""', 'container!="POD"')
IN_CGROUP = re.compile(r"pod([0-9a-f]{8}([-_])[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12})")
TOO_MUCH = "too many samples"

Key = tuple[str, str, str]
Question = Callable[[], list[tuple[str, "Answered"]]]
AT_ONCE = 4


class Chunk(NamedTuple):
    """Series that are asked for together: some namespaces (all: none named), and of their pods those that end so."""

    namespaces: tuple[str, ...] = ()
    ends: str = ""

    def conditions(self) -> list[str]:
        """What selects them."""
        found = [one_of("namespace", self.namespaces)] if self.namespaces else []
        return [*found, matches("pod", f".*[{self.ends}]")] if self.ends else found

    def halves(self) -> tuple[Chunk, Chunk] | None:
        """The same in two parts; None when there is nothing left to divide."""
        if len(self.namespaces) > 1:
            middle = len(self.namespaces) // 2
            return Chunk(self.namespaces[:middle]), Chunk(self.namespaces[middle:])
        ends = self.ends or "0123456789abcdefghijklmnopqrstuvwxyz"  # what a pod's name may end with
        middle = len(ends) // 2
        return (Chunk(self.namespaces, ends[:middle]), Chunk(self.namespaces, ends[middle:])) if middle else None


def chunks(sizes: Mapping[str, int], points: int, at_once: int = POINTS_AT_ONCE) -> list[Chunk]:
    """Namespaces (with how many series each has) in chunks of at most so many points `at_once`, at so many `points` a series.

    >>> chunks({"a": 600, "b": 800, "c": 4000}, 2016)
    [Chunk(namespaces=('c',), ends=''), Chunk(namespaces=('b', 'a'), ends='')]
    """
    most = max(1, at_once // points)
    filled: list[tuple[int, list[str]]] = []
    for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        place = next(
            (i for i, (sum_, names) in enumerate(filled) if sum_ + size <= most and len(names) < NAMESPACES_AT_ONCE),
            None,
        )
        if place is None:
            filled.append((size, [name]))
        else:
            total, names = filled[place]
            filled[place] = (total + size, [*names, name])
    return [Chunk(tuple(names)) for _, names in filled]


@dataclass
class Reading:
    """What one question reads of a window that ends at `end`."""

    ask: Ask[Prometheus]
    end: datetime
    window_s: float
    namespaces: Sequence[str] = ()
    asked: Asked = field(default_factory=Asked.nothing)

    @property
    def start(self) -> datetime:
        """Where the window begins."""
        return self.end - timedelta(seconds=self.window_s)

    def where(self, metric: str, *conditions: str) -> str:
        """A metric of containers, in the namespaces that are asked about."""
        return selector(metric, *([one_of("namespace", self.namespaces)] if self.namespaces else []), *conditions)

    def at_end(self, promql: str) -> Question:
        """An expression at the window's end."""
        return lambda: [(promql, self.ask.source.instant(promql, self.end - LAST, self.ask.deadline))]

    def at_steps(self, promql: str, step_s: float) -> Question:
        """An expression at the end of each step of the window; `steps` gives the values by the step's number."""
        ask, first = self.ask, self.start + timedelta(seconds=step_s)
        return lambda: [(promql, ask.source.over(promql, first - LAST, self.end - LAST, step_s, ask.deadline))]

    def in_parts(self, chunk: Chunk, make: Callable[[Chunk], str], step_s: float = 0.0) -> Question:
        """The expression of a chunk, at the window's end or at each step; of its halves, where the server cannot hold it."""

        def asked() -> list[tuple[str, Answered]]:
            promql = make(chunk)
            try:
                return (self.at_steps(promql, step_s) if step_s else self.at_end(promql))()
            except ServerFault as error:
                halves = chunk.halves()
                if TOO_MUCH not in error.why or halves is None:
                    raise
                return [part for half in halves for part in self.in_parts(half, make, step_s)()]

        return asked

    def answers(self, *questions: Question) -> list[list[Series]]:
        """What comes of some questions, a few of them at once; on record they stand in their order."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda question: question(), questions))
        return [
            [series for promql, answered in each for series in self.asked.heard(promql, answered)] for each in found
        ]

    def vector(self, promql: str) -> list[Series]:
        """An expression at the window's end, by itself."""
        return self.answers(self.at_end(promql))[0]

    def steps(self, series: Series, step_s: float) -> dict[int, float]:
        """The values of a series by the number of the step; what is no number is left out."""
        start = self.start.timestamp() + step_s
        found = {round((at - start) / step_s): float(text) for at, text in series.points}
        return {step: value for step, value in found.items() if isfinite(value)}

    def require(self, found: Sequence[object], metric: str) -> None:
        """Without a single sample in the window nothing is known: that is no empty answer."""
        if not found:
            where = f" in {', '.join(self.namespaces)}" if self.namespaces else ""
            why = (
                f"it has no sample of {metric}{where} from {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"
            )
            hint = "is cAdvisor scraped, and are the names in the configuration right?"
            raise NotFound("read containers' usage", target=str(self.ask.target), why=why, hint=hint)


def key_of(series: Series) -> Key:
    """Namespace, pod and container."""
    labels = series.labels
    return labels.get("namespace", ""), labels.get("pod", ""), labels.get("container", "")


def uid_of(series: Series) -> str:
    """The pod's uid: as kube-state-metrics says it, or from the name of the cgroup; empty where neither tells."""
    if "uid" in series.labels:
        return series.labels["uid"]
    found = IN_CGROUP.search(series.labels.get("id", ""))
    return found[1].replace("_", "-") if found else ""


def values(series: Iterable[Series]) -> dict[Key, float]:
    """The values of a vector by container; what is no number is left out."""
    found = {}
    for one in series:
        value = number(one.points[-1][1]) if one.points else None
        if value is not None:
            found[key_of(one)] = value
    return found


def scrape_interval_s(reading: Reading, counted: Sequence[Series], step_s: float, metric: str) -> float:
    """How far apart samples are: configured, else measured on the container and step of which there are most."""
    configured = reading.ask.source.metrics.scrape_interval_s
    if configured is not None:
        return configured
    best = max(((float(value), at, one) for one in counted for at, value in one.points), key=lambda found: found[:2])
    _, at, series = best
    chosen = selector(metric, *(equals(name, series.labels.get(name, "")) for name in KEY))
    promql = f"{chosen}[{step_s:.0f}s]"
    moment = datetime.fromtimestamp(at, UTC)
    raw = reading.asked.heard(promql, reading.ask.source.instant(promql, moment, reading.ask.deadline))
    gaps = [b - a for one in raw for (a, _), (b, _) in pairwise(one.points)]
    return statistics.median(gaps) if gaps else step_s / max(best[0], 1.0)


@dataclass(frozen=True)
class Pods:
    """Who pods are, by namespace and name: uid -> node and what made them."""

    known: Mapping[tuple[str, str], Mapping[str, tuple[str, str]]]
    owners: Mapping[tuple[str, str], str]  # of ReplicaSets

    def node(self, namespace: str, pod: str, uid: str) -> str | None:
        """Where the pod ran; None where that is not known or not one."""
        return self._one(namespace, pod, uid, 0)

    def revision(self, namespace: str, pod: str, uid: str = "") -> str | None:
        """What made the pod: `replicaset/orders-5c`."""
        return self._one(namespace, pod, uid, 1)

    def workload(self, namespace: str, pod: str, uid: str = "") -> str | None:
        """The workload that the pod belongs to; one that nobody made is its own."""
        made_by = self.revision(namespace, pod, uid)
        return self.owners.get((namespace, made_by), made_by) if made_by else None

    def uid(self, namespace: str, pod: str) -> str:
        """The pod's uid where there was one of that name alone."""
        found = self.known.get((namespace, pod), {})
        return next(iter(found)) if len(found) == 1 else ""

    def _one(self, namespace: str, pod: str, uid: str, place: int) -> str | None:
        found = self.known.get((namespace, pod), {})
        told = {found[uid][place]} if uid in found else {each[place] for each in found.values()}
        return (told.pop() or None) if len(told) == 1 else None


def who_questions(reading: Reading) -> tuple[Question, Question]:
    """The questions to whose answers `pods` puts names."""
    names, window = reading.ask.source.metrics, f"[{reading.window_s:.0f}s]"
    info, owned = (
        reading.where(names.pod_info),
        reading.where(names.replicaset_owner, equals("owner_kind", "Deployment")),
    )
    by = "namespace, pod, uid, node, created_by_kind, created_by_name"
    return (
        reading.at_end(f"max by ({by}) (last_over_time({info}{window}))"),
        reading.at_end(f"max by (namespace, replicaset, owner_name) (last_over_time({owned}{window}))"),
    )


def pods(info: Sequence[Series], owned: Sequence[Series]) -> Pods:
    """Who the pods of the window are, as kube-state-metrics told; empty where it did not."""
    known: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    for one in info:
        labels = one.labels
        kind, name = labels.get("created_by_kind", ""), labels.get("created_by_name", "")
        made = f"{kind.lower()}/{name}" if kind not in ("", "<none>") else f"pod/{labels.get('pod', '')}"
        of = known.setdefault((labels.get("namespace", ""), labels.get("pod", "")), {})
        before = of.get(uid_of(one), ("", ""))
        of[uid_of(one)] = (labels.get("node") or before[0], made)
    owners = {}
    for one in owned:
        made = f"replicaset/{one.labels.get('replicaset', '')}"
        owners[one.labels.get("namespace", ""), made] = f"deployment/{one.labels.get('owner_name', '')}"
    return Pods(known, owners)
