"""What can be listed, and what a whole list is."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from gocoffee_ops.sources.kubernetes import placement_shapes, shapes, workload_shapes

T = TypeVar("T")
PAGE = 500  # kubectl's own


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A resource of the API and the shape that its items are decoded to."""

    plural: str
    shape: type[T]
    list_kind: str
    group: str = ""
    version: str = "v1"

    @property
    def api(self) -> str:
        """The path of its API group."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str = "") -> str:
        """The path of its list; of one namespace, or of all."""
        return f"{self.api}/namespaces/{namespace}/{self.plural}" if namespace else f"{self.api}/{self.plural}"


PODS = Kind("pods", shapes.Pod, "PodList")
PLACED_PODS = Kind("pods", placement_shapes.PlacedPod, "PodList")
QUOTAS = Kind("resourcequotas", placement_shapes.Quota, "ResourceQuotaList")
LIMIT_RANGES = Kind("limitranges", placement_shapes.LimitRange, "LimitRangeList")
NODES = Kind("nodes", shapes.Node, "NodeList")
EVENTS = Kind("events", workload_shapes.Event, "EventList")
DEPLOYMENTS = Kind("deployments", workload_shapes.Deployment, "DeploymentList", "apps")
AUTOSCALERS = Kind(
    "horizontalpodautoscalers", workload_shapes.Autoscaler, "HorizontalPodAutoscalerList", "autoscaling", "v2"
)
BUDGETS = Kind("poddisruptionbudgets", workload_shapes.Budget, "PodDisruptionBudgetList", "policy")
NODE_USAGE = Kind("nodes", shapes.NodeMetrics, "NodeMetricsList", "metrics.k8s.io", "v1beta1")
POD_USAGE = Kind("pods", shapes.PodMetrics, "PodMetricsList", "metrics.k8s.io", "v1beta1")


@dataclass
class Listing(Generic[T]):
    """What was made of a whole list of `count` items, as of one resourceVersion."""

    items: list[T] = field(default_factory=list)
    count: int = 0
    resource_version: str = ""
    pages: int = 0
    restarts: int = 0


@cache
def page_decoder(shape: Hashable) -> msgspec.json.Decoder[Any]:
    """The decoder of one page of a list of `shape`."""
    return msgspec.json.Decoder(shapes.ListOf[shape])  # type: ignore[valid-type]
