"""OpenCost's HTTP API: what it allocates to whom, the assets that it prices, and what it read of the provider's bill.

It answers 200 to much that is no answer: a window without data is an empty set, an aggregate that it does not know is one
entry without a name, a fault may be a sentence. None of these is let through as a table. KubeCost speaks the same shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gocoffee_ops.errors import Malformed, NotFound, ServerFault, Unsupported
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import HttpApi

Sets = Sequence[Mapping[str, Any]]
Money = Decimal | None  # what is NaN there is null here


class Properties(msgspec.Struct, rename="camel"):
    """What an allocation is of; which are there follows from the aggregate."""

    cluster: str = ""
    node: str = ""
    namespace: str = ""
    controller: str = ""
    controller_kind: str = ""
    pod: str = ""
    container: str = ""


class Allocation(msgspec.Struct, rename="camel"):
    """What one aggregate (a namespace, a pod, or what nobody had: `__idle__`) is given of the cost in a span of time."""

    name: str
    start: datetime
    end: datetime
    properties: Properties | None = None
    minutes: float | None = None
    cpu_core_hours: float | None = None
    cpu_core_request_average: float | None = None
    cpu_core_usage_average: float | None = None
    ram_byte_hours: float | None = None
    ram_byte_request_average: float | None = None
    ram_byte_usage_average: float | None = None
    pv_byte_hours: float | None = None
    gpu_hours: float | None = None
    network_transfer_bytes: float | None = None
    network_receive_bytes: float | None = None
    lb_allocations: dict[str, Any] | None = None
    cpu_cost: Money = None
    gpu_cost: Money = None
    ram_cost: Money = None
    pv_cost: Money = None
    network_cost: Money = None
    load_balancer_cost: Money = None
    shared_cost: Money = None
    external_cost: Money = None
    cpu_cost_adjustment: Money = None
    gpu_cost_adjustment: Money = None
    ram_cost_adjustment: Money = None
    pv_cost_adjustment: Money = None
    network_cost_adjustment: Money = None
    load_balancer_cost_adjustment: Money = None
    total_cost: Money = None


class AssetProperties(msgspec.Struct, rename="camel"):
    """Where an asset is, and what its provider calls it."""

    name: str = ""
    cluster: str = ""
    provider: str = ""
    provider_id: str = msgspec.field(name="providerID", default="")


class Asset(msgspec.Struct, rename="camel"):
    """A node, disk, load balancer or management fee, with its price."""

    type: str
    properties: AssetProperties | None = None
    minutes: float | None = None
    node_type: str = ""
    pool: str = ""
    preemptible: float | None = None
    cpu_cores: float | None = None
    ram_bytes: float | None = None
    bytes: float | None = None
    cpu_cost: Money = None
    ram_cost: Money = None
    gpu_cost: Money = None
    adjustment: Money = None
    total_cost: Money = None
    claim_name: str = ""
    claim_namespace: str = ""
    volume_name: str = ""


class Metric(msgspec.Struct, rename="camel"):
    """One basis of a cloud cost."""

    cost: Money = None
    kubernetes_percent: float | None = None


class CloudProperties(msgspec.Struct, rename="camel"):
    """What a cloud cost is of."""

    provider: str = ""
    provider_id: str = msgspec.field(name="providerID", default="")
    account_id: str = msgspec.field(name="accountID", default="")
    region_id: str = msgspec.field(name="regionID", default="")
    service: str = ""
    category: str = ""


class Span(msgspec.Struct):
    """A span of time."""

    start: datetime | None = None
    end: datetime | None = None


class CloudCost(msgspec.Struct, rename="camel"):
    """What the provider's bill says of one resource, as far as it was read."""

    properties: CloudProperties | None = None
    window: Span = msgspec.field(default_factory=Span)
    list_cost: Metric = msgspec.field(default_factory=Metric)
    invoiced_cost: Metric = msgspec.field(default_factory=Metric)
    amortized_net_cost: Metric = msgspec.field(default_factory=Metric)


class CloudSet(msgspec.Struct, rename="camel"):
    """The cloud costs of one span."""

    cloud_costs: dict[str, CloudCost] | None = None
    window: Span = msgspec.field(default_factory=Span)


class CloudSets(msgspec.Struct):
    """The cloud costs of several spans."""

    sets: list[CloudSet | None] | None = None


class Envelope(msgspec.Struct):
    """Around every answer. A fault may come in one that says 200 outside."""

    code: int = 200
    data: msgspec.Raw = msgspec.Raw(b"null")
    message: str = ""
    warning: str = ""


class CostApi:
    """What OpenCost and KubeCost have in common. Options are those of `HttpApi`. Making it contacts nothing."""

    def __init__(self, target: str, url: str, *, currency: str, **options: Any) -> None:
        self.currency = currency
        self.target = target
        self._api = HttpApi(target, url, said=_said, **options)

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._api.secrets()

    def close(self) -> None:
        """Close the pooled connections."""
        self._api.close()

    def read(self, what: str, path: str, shape: Any, params: Mapping[str, str], deadline: Deadline) -> tuple[Any, str]:
        """The `data` of an answer, decoded to `shape`, and what the server warns of."""
        envelope = self._api.get(what, path, Envelope, deadline, params=params)
        if envelope.code != 200:
            why = f"{envelope.code}: {envelope.message or 'no reason given'}"
            raise ServerFault(what, target=self.target, why=why)
        return self.decoded(what, bytes(envelope.data), shape), envelope.warning

    def decoded(self, what: str, data: bytes, shape: Any) -> Any:
        """A part of an answer. Raises Malformed."""
        try:
            return msgspec.json.decode(data, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            why = f"{error} ({len(data)} bytes)"
            raise Malformed(what, target=self.target, why=why, hint="is this the address of its API?") from None

    def allocations(
        self, path: str, params: Mapping[str, str], deadline: Deadline
    ) -> tuple[list[dict[str, Allocation]], str]:
        """The sets of an allocation, one for each step, and what is warned of. Raises NotFound where all of them are empty."""
        what = "read allocations"
        found, warning = self.read(what, path, list[dict[str, Allocation] | None] | None, params, deadline)
        sets = [one or {} for one in found or ()]
        if not any(sets):
            raise self.empty(what, params)
        if any(not one.name for each in sets for one in each.values()):
            why = f"it gives no name to what it aggregates by {params['aggregate']}: it does not know that"
            raise Unsupported(what, target=self.target, why=why, hint="another aggregate")
        return sets, warning

    def empty(self, what: str, params: Mapping[str, str]) -> NotFound:
        """The error for an answer without an entry: it was read, and says nothing of what things cost."""
        why = f"its answer for {params['window']} has no entry: it has no data of that time, and does not say so"
        return NotFound(what, target=self.target, why=why, hint="does its Prometheus answer, and reach back so far?")


class OpenCost(CostApi):
    """One OpenCost. Permission: to reach its port; it knows no users."""

    def allocation(self, window: str, aggregate: str, deadline: Deadline) -> tuple[list[dict[str, Allocation]], str]:
        """Costs by day and aggregate; idle is asked for, as it is left out by default."""
        params = {"window": window, "aggregate": aggregate, "step": "1d", "includeIdle": "true", "shareIdle": "false"}
        return self.allocations("/allocation", params | {"accumulate": "false"}, deadline)

    def assets(self, window: str, deadline: Deadline) -> tuple[list[Asset], str]:
        """The assets of a window: one set, or a list of sets of them."""
        what, params = "read assets", {"window": window}
        shape = dict[str, Asset] | list[dict[str, Asset] | None] | None
        found, warning = self.read(what, "/assets", shape, params, deadline)
        sets = found if isinstance(found, list) else [found]
        assets = [asset for one in sets for asset in (one or {}).values()]
        if not assets:
            raise self.empty(what, params)
        return assets, warning

    def cloud_costs(self, window: str, aggregate: str, deadline: Deadline) -> tuple[list[CloudSet], str]:
        """What it read of the provider's bill, by day."""
        what, params = "read cloud costs", {"window": window, "aggregate": aggregate, "accumulate": "day"}
        found, warning = self.read(what, "/cloudCost", CloudSets | None, params, deadline)
        sets = [one for one in (found.sets if found else None) or () if one is not None]
        if not any(one.cloud_costs for one in sets):
            raise self.empty(what, params)
        return sets, warning


def _said(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=Envelope).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
