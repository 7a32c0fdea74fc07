"""Who answers for Services: endpoints counted once each, and the pods that a selector finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gocoffee_ops.analysis.scheduling import Requirement, selects
from gocoffee_ops.queries.cluster import NOT_ENDED
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import owner, pairs
from gocoffee_ops.sources.kubernetes.lists import ENDPOINT_SLICES, POD_ENDPOINTS
from gocoffee_ops.sources.kubernetes.network_shapes import Endpoint, EndpointSlice, Service, ServicePort
from gocoffee_ops.sources.kubernetes.placement_shapes import LabelSelector
from gocoffee_ops.sources.kubernetes.pod_shapes import ContainerPort, PodPorts

SERVICE_NAME = "kubernetes.io/service-name"


@dataclass
class Counts:
    """A Service's endpoints. One that has two address families, or stands in two slices, is one."""

    ready: set[str] = field(default_factory=set)
    all: set[str] = field(default_factory=set)

    @property
    def not_ready(self) -> int:
        """How many endpoints take no traffic."""
        return len(self.all - self.ready)


def counts(lists: Lists, namespace: str = "") -> dict[tuple[str, str], Counts]:
    """The endpoints of each Service, by namespace and name."""
    found: dict[tuple[str, str], Counts] = {}
    for piece in lists.all(ENDPOINT_SLICES, namespace=namespace):
        of = found.setdefault((piece.metadata.namespace, service_of(piece)), Counts())
        for one in piece.endpoints or ():
            name = one.target_ref.name if one.target_ref else one.addresses[0]
            of.all.add(name)
            if is_ready(one):
                of.ready.add(name)
    return found


def service_of(piece: EndpointSlice) -> str:
    """The Service that a slice belongs to; empty when it does not say."""
    return (piece.metadata.labels or {}).get(SERVICE_NAME, "")


def is_ready(one: Endpoint) -> bool:
    """Whether an endpoint takes traffic; what it does not say counts as true, as the API has it."""
    return one.conditions.ready is not False


class Selected:
    """The pods that have not ended, found by the labels of a selector."""

    def __init__(self, lists: Lists, namespace: str = "") -> None:
        self._by_label: dict[tuple[str, str], dict[str, PodPorts]] = {}
        self._by_namespace: dict[str, list[PodPorts]] = {}
        for pod in lists.all(POD_ENDPOINTS, namespace=namespace, field_selector=NOT_ENDED):
            self._by_namespace.setdefault(pod.metadata.namespace, []).append(pod)
            for label in pairs(pod.metadata.labels):
                self._by_label.setdefault((pod.metadata.namespace, label), {})[pod.metadata.name] = pod

    def of(self, service: Service) -> list[PodPorts]:
        """The pods that a Service selects."""
        labels = pairs(service.spec.selector)
        found = [self._by_label.get((service.metadata.namespace, label), {}) for label in labels]
        if not found:
            return []
        return [pod for name, pod in found[0].items() if all(name in each for each in found[1:])]

    def matching(self, namespace: str, selector: LabelSelector | None) -> list[PodPorts]:
        """The pods of a namespace that a selector with sets finds; without one, none."""
        if selector is None:
            return []
        wanted = [Requirement(one.key, one.operator, one.values or ()) for one in selector.match_expressions or ()]
        pods = self._by_namespace.get(namespace, [])
        return [pod for pod in pods if selects(selector.match_labels or {}, wanted, pod.metadata.labels or {})]


def owners(pods: Iterable[PodPorts]) -> list[str]:
    """The workloads that pods belong to; a pod without one stands for itself."""
    return sorted({owner(pod.metadata) or f"pod/{pod.metadata.name}" for pod in pods})


def declared(pod: PodPorts) -> list[ContainerPort]:
    """The ports that a pod's containers declare."""
    containers = [*pod.spec.containers, *(pod.spec.init_containers or ())]
    return [port for container in containers for port in container.ports or ()]


def leads_nowhere(port: ServicePort, pods: Sequence[PodPorts]) -> bool:
    """Whether a named target is a port of none of the pods: such a port of the Service has no endpoint."""
    target = port.target_port
    if not isinstance(target, str) or not pods:
        return False
    return not any(one.name == target and one.protocol == port.protocol for pod in pods for one in declared(pod))


def undeclared(port: ServicePort, pods: Sequence[PodPorts]) -> bool:
    """Whether a numbered target is declared by none of the pods, though all of them declare ports of that protocol.

    A declaration binds nothing, so this is a strong hint and no proof.
    """
    target = port.target_port if isinstance(port.target_port, int) and port.target_port else port.port
    if isinstance(port.target_port, str) or not pods:
        return False
    numbers = [{one.container_port for one in declared(pod) if one.protocol == port.protocol} for pod in pods]
    return all(numbers) and not any(target in each for each in numbers)


def port_text(port: ServicePort) -> str:
    """A port of a Service for people: `http 80/TCP -> 8080`."""
    target = port.target_port or port.port
    return f"{port.name} {port.port}/{port.protocol} -> {target}".strip()
