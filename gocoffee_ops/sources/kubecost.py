"""KubeCost's HTTP API: what it allocates to whom, and the requests that it recommends."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gocoffee_ops.errors import ServerFault
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.opencost import Allocation, CostApi, Money


class Amounts(msgspec.Struct):
    """CPU and memory as quantities."""

    cpu: str = ""
    memory: str = ""


class Savings(msgspec.Struct):
    """Money a month."""

    cpu: Money = None
    memory: Money = None


class Recommendation(msgspec.Struct, rename="camel"):
    """What it would request for a container of a controller."""

    namespace: str
    container_name: str
    cluster_id: str = msgspec.field(name="clusterID", default="")
    controller_kind: str = ""
    controller_name: str = ""
    recommended_request: Amounts = msgspec.field(default_factory=Amounts)
    latest_known_request: Amounts = msgspec.field(default_factory=Amounts)
    monthly_savings: Savings = msgspec.field(default_factory=Savings)


class _Counted(msgspec.Struct):
    """Recommendations with their number, as newer versions give them; in an envelope, or without."""

    recommendations: list[Recommendation] | None = msgspec.field(name="Recommendations", default=None)
    code: int = 200
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


class KubeCost(CostApi):
    """One KubeCost. Permission: to reach its port, and a token where it is protected."""

    def allocation(self, window: str, aggregate: str, deadline: Deadline) -> tuple[list[dict[str, Allocation]], str]:
        """Costs by day and aggregate, idle among them."""
        params = {"window": window, "aggregate": aggregate, "idle": "true", "shareIdle": "false", "accumulate": "false"}
        return self.allocations("/model/allocation", params, deadline)

    def request_sizing(self, window: str, options: Mapping[str, str], deadline: Deadline) -> list[Recommendation]:
        """What it recommends. The list comes bare, in an envelope, or with its number, depending on the version."""
        what, params = "read request sizing", {"window": window, **options}
        raw = self._api.get(what, "/model/savings/requestSizingV2", msgspec.Raw, deadline, params=params)
        found = self._recommended(what, bytes(raw))
        if not found:
            raise self.empty(what, params)
        return found

    def _recommended(self, what: str, data: bytes) -> list[Recommendation]:
        answer = self.decoded(what, data, _Counted | list[Recommendation] | None)
        if answer is None:
            return []
        if isinstance(answer, list):
            return answer
        if answer.code != 200:
            why = f"{answer.code}: {answer.message or 'no reason given'}"
            raise ServerFault(what, target=self.target, why=why)
        if bytes(answer.data):
            return self._recommended(what, bytes(answer.data))
        return answer.recommendations or []
