"""Requests and limits of a pod, as the scheduler and `kubectl describe node` count them.

Follows `PodRequests` and `PodLimits` of k8s.io/component-helpers/resource: sidecars stay, an init container counts
where starting needs more than running, what the kubelet has already given counts during a resize, pod-level values
replace the sum, and overhead is added.
"""

from __future__ import annotations

from collections.abc import Callable

from gocoffee_ops.analysis.quantities import millicores, whole
from gocoffee_ops.analysis.scheduling import Init, effective
from gocoffee_ops.queries.printed import condition
from gocoffee_ops.sources.kubernetes.shapes import Container, ContainerStatus, Pod, PodSpec, Quantities

POD_LEVEL = ("cpu", "memory")  # the scheduler knows these (and huge pages) at pod level
ENDED = frozenset({"Succeeded", "Failed"})


def measure(resource: str) -> Callable[[str], int]:
    """How a resource is counted: CPU in millicores, everything else in whole units."""
    return millicores if resource == "cpu" else whole


def requested(pod: Pod, resource: str) -> int:
    """How much of a resource the scheduler counts for a pod."""
    spec = pod.spec
    if spec.init_containers or spec.overhead or spec.resources:
        return _requested(pod, resource)
    return sum(_container_request(container, _actual(pod), _infeasible(pod), resource) for container in spec.containers)


def _requested(pod: Pod, resource: str) -> int:
    spec = pod.spec
    count = measure(resource)
    actual, infeasible = _actual(pod), _infeasible(pod)
    inits = [
        Init(
            _container_request(init, actual if init.sidecar else {}, infeasible, resource),
            init.sidecar,
        )
        for init in spec.init_containers or ()
    ]
    total = effective((_container_request(one, actual, infeasible, resource) for one in spec.containers), inits)
    own = (spec.resources.requests or {}).get(resource) if spec.resources else None
    if own is not None and (resource in POD_LEVEL or resource.startswith("hugepages-")):
        total = count(own)
        if pod.status.resources is not None:
            given = [
                (pod.status.resources.requests or {}).get(resource),
                (pod.status.allocated_resources or {}).get(resource),
            ]
            amounts = [count(value) for value in given if value is not None]
            total = max(amounts if infeasible else [total, *amounts], default=total)
    overhead = (spec.overhead or {}).get(resource)
    return total + (count(overhead) if overhead else 0)


def template_requests(spec: PodSpec) -> dict[str, int]:
    """What one more pod of a template would take, by resource."""
    names = {"cpu", "memory", *(spec.overhead or {})}
    for container in [*spec.containers, *(spec.init_containers or ())]:
        names |= set((container.resources.requests if container.resources else None) or {})
    names |= set((spec.resources.requests if spec.resources else None) or {})
    wants = {}
    for name in sorted(names):
        inits = [Init(_spec_request(init, name), init.sidecar) for init in spec.init_containers or ()]
        total = effective((_spec_request(one, name) for one in spec.containers), inits)
        own = (spec.resources.requests or {}).get(name) if spec.resources else None
        overhead = (spec.overhead or {}).get(name)
        total = measure(name)(own) if own is not None else total
        wants[name] = total + (measure(name)(overhead) if overhead else 0)
    return wants


def limits_total(pod: Pod, resource: str) -> int:
    """The sum of the limits that are set, as `kubectl describe node` adds them up."""
    spec = pod.spec
    count = measure(resource)
    actual, infeasible = _actual(pod), _infeasible(pod)
    inits = [
        Init(_container_limit(init, actual if init.sidecar else {}, infeasible, resource), init.sidecar)
        for init in spec.init_containers or ()
    ]
    total = effective((_container_limit(one, actual, infeasible, resource) for one in spec.containers), inits)
    own = (spec.resources.limits or {}).get(resource) if spec.resources else None
    if own is not None:
        total = count(own)
    overhead = (spec.overhead or {}).get(resource)
    return total + count(overhead) if total and overhead else total


def pod_limit(pod: Pod, resource: str) -> int | None:
    """The bound on a pod's usage; None when a container has no limit, for then there is no bound."""
    spec = pod.spec
    if spec.resources and resource in (spec.resources.limits or {}):
        return limits_total(pod, resource)
    for container in spec.containers:
        if container.resources is None or resource not in (container.resources.limits or ()):
            return None
    for container in spec.init_containers or ():
        if container.sidecar and (container.resources is None or resource not in (container.resources.limits or ())):
            return None
    return limits_total(pod, resource)


def lacking(pod: Pod, bound: str) -> int:
    """How many containers and sidecars lack a CPU or a memory `requests` or `limits`, where the pod has none itself."""
    spec = pod.spec
    own = _values(spec.resources, bound)
    needed = [name for name in POD_LEVEL if name not in own]
    if not needed:
        return 0
    count = 0
    for container in spec.containers:
        values = _values(container.resources, bound)
        count += any(name not in values for name in needed)
    for container in spec.init_containers or ():
        if container.sidecar:
            values = _values(container.resources, bound)
            count += any(name not in values for name in needed)
    return count


def _values(resources: object, bound: str) -> Quantities:
    return getattr(resources, bound, None) or {}


def _actual(pod: Pod) -> dict[str, ContainerStatus]:
    """The containers whose statuses say what the kubelet has given them."""
    status = pod.status
    found = {one.name: one for one in status.container_statuses or () if one.resources is not None}
    for one in status.init_container_statuses or ():
        if one.resources is not None:
            found[one.name] = one
    return found


def _infeasible(pod: Pod) -> bool:
    """Whether a resize was refused for good: then what was asked does not count."""
    pending = condition(pod.status.conditions, "PodResizePending")
    return pending is not None and pending.reason == "Infeasible"


def _spec_request(container: Container, resource: str) -> int:
    resources = container.resources
    value = resources.requests.get(resource) if resources is not None and resources.requests else None
    return measure(resource)(value) if value is not None else 0


def _container_request(
    container: Container, actual: dict[str, ContainerStatus], infeasible: bool, resource: str
) -> int:
    asked = _spec_request(container, resource)
    status = actual.get(container.name)
    if status is None or status.resources is None:
        return asked
    given = [(status.resources.requests or {}).get(resource), (status.allocated_resources or {}).get(resource)]
    amounts = [measure(resource)(value) for value in given if value is not None]
    return max(amounts if infeasible else [asked, *amounts], default=0)


def _container_limit(container: Container, actual: dict[str, ContainerStatus], infeasible: bool, resource: str) -> int:
    value = _values(container.resources, "limits").get(resource)
    asked = measure(resource)(value) if value is not None else 0
    status = actual.get(container.name)
    if status is None or status.resources is None:
        return asked
    given = _values(status.resources, "limits").get(resource)
    amount = measure(resource)(given) if given is not None else 0
    return amount if infeasible else max(asked, amount)
