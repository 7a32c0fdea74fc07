"""Requests and limits of a pod, as the scheduler and `kubectl describe node` count them.

Follows `PodRequests` and `PodLimits` of k8s.io/component-helpers/resource: sidecars stay, an init container counts
where starting needs more than running, what the kubelet has already given counts during a resize, pod-level values
replace the sum, and overhead is added. Pods of one workload say the same thing in the same bytes: it is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from gocoffee_ops.analysis.quantities import mib, millicores, whole
from gocoffee_ops.analysis.scheduling import Init, effective
from gocoffee_ops.queries.printed import Conditions, conditions_of
from gocoffee_ops.sources.kubernetes.cost_shapes import SizedPod
from gocoffee_ops.sources.kubernetes.placement_shapes import PlacedPod
from gocoffee_ops.sources.kubernetes.shapes import (
    NONE,
    ContainerStatus,
    Pod,
    PodSpec,
    Quantities,
    Raw,
    quantities_of,
    resources_of,
)

POD_LEVEL = ("cpu", "memory")  # the scheduler knows these (and huge pages) at pod level
ENDED = frozenset({"Succeeded", "Failed"})
COUNTED = ("cpu", "memory")
SEPARATOR, RAW_SEPARATOR = "\0", b"\0"  # stand in no name, and in no JSON


class _Spec(NamedTuple):
    """What a container asks for, in the bytes that it came in."""

    name: str
    resources: bytes
    sidecar: bool = False


class _Given(NamedTuple):
    """What the kubelet has given a container, in the bytes that it came in."""

    resources: bytes
    allocated: bytes


@dataclass(frozen=True)
class Amounts:
    """What a pod takes. By resource: CPU in millicores, everything else in whole units."""

    requests: Mapping[str, int]  # as the scheduler counts
    limits: Mapping[str, int]  # the sum of those that are set, as kubectl adds them up
    bounds: Mapping[str, int]  # the limits that really bound it: every container has one
    without_requests: int  # containers and sidecars that lack a CPU or a memory request, where the pod has none itself
    without_limits: int

    def request(self, resource: str) -> int:
        """What the scheduler counts of a resource."""
        return self.requests.get(resource, 0)

    @cached_property
    def cells(self) -> tuple[int, float, int | None, float | None, int, int]:
        """CPU and memory requested, CPU and memory limit in millicores and MiB, and how many containers lack either."""
        memory = self.bounds.get("memory")
        return (
            self.requests["cpu"],
            mib(self.requests["memory"]),
            self.bounds.get("cpu"),
            None if memory is None else mib(memory),
            self.without_requests,
            self.without_limits,
        )


def amounts(pod: Pod | PlacedPod | SizedPod, conditions: Conditions | None = None) -> Amounts:
    """What a pod takes."""
    spec, status = pod.spec, pod.status
    found = conditions_of(status.conditions) if conditions is None else conditions
    pending = found.get("PodResizePending")
    told = status.container_statuses or ()
    if status.init_container_statuses:
        told = (*told, *status.init_container_statuses)
    own = (spec.resources, status.resources, status.allocated_resources)
    infeasible = pending is not None and pending.reason == "Infeasible"  # then what was asked does not count
    return _counted(spec, told, own, infeasible)


def template_amounts(spec: PodSpec) -> Amounts:
    """What one more pod of a template would take."""
    return _counted(spec, (), (spec.resources, NONE, NONE), False)


def _counted(spec: PodSpec, told: Sequence[ContainerStatus], own: tuple[Raw, Raw, Raw], infeasible: bool) -> Amounts:
    """The amounts of a pod, found by its bytes: put together as plainly as can be, as there are many pods."""
    names, raws = [], [*own]
    for one in spec.containers:
        names.append(one.name)
        raws.append(one.resources)
    sidecars: tuple[bool, ...] = ()
    if spec.init_containers:
        sidecars = tuple([one.sidecar for one in spec.init_containers])
        names += [one.name for one in spec.init_containers]
        raws += [one.resources for one in spec.init_containers]
    for given in told:
        names.append(given.name)
        raws.append(given.resources)
        raws.append(given.allocated_resources)
    overhead = tuple(sorted(spec.overhead.items())) if spec.overhead else ()
    return _amounts(
        SEPARATOR.join(names), RAW_SEPARATOR.join(raws), len(spec.containers), sidecars, overhead, infeasible
    )


def measure(resource: str) -> Callable[[str], int]:
    """How a resource is counted: CPU in millicores, everything else in whole units."""
    return millicores if resource == "cpu" else whole


def limit_of(resources: Raw, resource: str) -> str | None:
    """The limit that a container or a pod sets for a resource."""
    return (resources_of(bytes(resources)).limits or {}).get(resource)


@lru_cache(maxsize=8192)
def _amounts(
    names: str,
    raws: bytes,
    mains: int,
    sidecars: tuple[bool, ...],
    overhead: tuple[tuple[str, str], ...],
    infeasible: bool,
) -> Amounts:
    """What `_counted` has put together, taken apart."""
    words = names.split(SEPARATOR)
    asked, given, allocated, *parts = raws.split(RAW_SEPARATOR)
    count = mains + len(sidecars)
    containers = [_Spec(*one) for one in zip(words[:mains], parts[:mains], strict=True)]
    inits = [_Spec(*one) for one in zip(words[mains:count], parts[mains:count], sidecars, strict=True)]
    told = zip(words[count:], parts[count::2], parts[count + 1 :: 2], strict=True)
    actual = {name: _Given(*one) for name, *one in told if one[0]}
    staying = [*containers, *(one for one in inits if one.sidecar)]  # an init container is never resized
    pod, added = _Pod(asked, given, allocated, infeasible), dict(overhead)

    def requested(one: _Spec, resource: str) -> int:
        return _request(one, actual.get(one.name) if one in staying else None, infeasible, resource)

    def limited(one: _Spec, resource: str) -> int:
        return _limit(one, actual.get(one.name) if one in staying else None, infeasible, resource)

    requests, limits, bounds = {}, {}, {}
    for resource in _resources([*containers, *inits], pod, added):
        more = measure(resource)(added[resource]) if resource in added else 0
        total = effective(
            (requested(one, resource) for one in containers),
            [Init(requested(one, resource), one.sidecar) for one in inits],
        )
        requests[resource] = pod.request(resource, total) + more
        total = effective(
            (limited(one, resource) for one in containers), [Init(limited(one, resource), one.sidecar) for one in inits]
        )
        total = pod.limit(resource, total)
        limits[resource] = total + more if total else 0
        bounded = all(resource in (resources_of(one.resources).limits or ()) for one in staying)
        if bounded or resource in pod.limits:
            bounds[resource] = limits[resource]
    return Amounts(
        requests,
        limits,
        bounds,
        _lacking([resources_of(one.resources).requests or {} for one in staying], pod.requests),
        _lacking([resources_of(one.resources).limits or {} for one in staying], pod.limits),
    )


class _Pod:
    """What a pod asks for itself, beside its containers."""

    def __init__(self, spec: bytes, status: bytes, allocated: bytes, infeasible: bool) -> None:
        self.requests = resources_of(spec).requests or {}
        self.limits = resources_of(spec).limits or {}
        self._given = [resources_of(status).requests or {}, quantities_of(allocated)] if status else []
        self._given_limits = (resources_of(status).limits or {}) if status else None
        self._infeasible = infeasible

    def request(self, resource: str, total: int) -> int:
        """The pod's own request, where it has one, in place of its containers' sum."""
        if resource not in self.requests or not (resource in POD_LEVEL or resource.startswith("hugepages-")):
            return total
        count = measure(resource)
        asked = count(self.requests[resource])
        given = [count(one[resource]) for one in self._given if resource in one]
        return max(given if self._infeasible else [asked, *given], default=asked)

    def limit(self, resource: str, total: int) -> int:
        """The pod's own limit, where it has one, in place of its containers' sum."""
        if resource not in self.limits:
            return total
        count = measure(resource)
        asked = count(self.limits[resource])
        if self._given_limits is None or resource not in self._given_limits:
            return asked
        given = count(self._given_limits[resource])
        return given if self._infeasible else max(asked, given)


def _resources(containers: Iterable[_Spec], pod: _Pod, overhead: Quantities) -> list[str]:
    names = {*COUNTED, *overhead, *pod.requests, *pod.limits}
    for one in containers:
        resources = resources_of(one.resources)
        names |= {*(resources.requests or ()), *(resources.limits or ())}
    return sorted(names)


def _request(spec: _Spec, given: _Given | None, infeasible: bool, resource: str) -> int:
    count = measure(resource)
    value = (resources_of(spec.resources).requests or {}).get(resource)
    asked = count(value) if value is not None else 0
    if given is None:
        return asked
    values = [
        (resources_of(given.resources).requests or {}).get(resource),
        quantities_of(given.allocated).get(resource),
    ]
    found = [count(value) for value in values if value is not None]
    return max(found if infeasible else [asked, *found], default=0)


def _limit(spec: _Spec, given: _Given | None, infeasible: bool, resource: str) -> int:
    count = measure(resource)
    value = (resources_of(spec.resources).limits or {}).get(resource)
    asked = count(value) if value is not None else 0
    if given is None:
        return asked
    actual = (resources_of(given.resources).limits or {}).get(resource)
    found = count(actual) if actual is not None else 0
    return found if infeasible else max(asked, found)


def _lacking(of_containers: Iterable[Quantities], of_pod: Quantities) -> int:
    """How many of the containers lack one for CPU or for memory that the pod does not have itself."""
    needed = [resource for resource in COUNTED if resource not in of_pod]
    return sum(any(resource not in values for resource in needed) for values in of_containers)
