"""What an environment states of itself, so that no check guesses: what rests on purpose, how many replicas, what always fires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gocoffee_ops.model import WATCHDOG


@dataclass(frozen=True)
class Expectations:
    """What `gocoffee.toml` states beside thresholds; nothing is expected of what it does not name.

    `at_rest` holds workloads that are scaled to 0 on purpose, as `namespace/deployment/name`, or with their cluster before it.
    `redis_replicas` tells how many replicas a Redis master should at least have. `watchdog` is the alert that always fires, by
    which silence is told from alerts that do not arrive; "" where there is none. `alerts_elsewhere` names each Prometheus whose
    alerts are evaluated, or sent, by others.
    """

    at_rest: tuple[str, ...] = ()
    redis_replicas: Mapping[str, int] = field(default_factory=dict)
    watchdog: str = WATCHDOG
    alerts_elsewhere: tuple[str, ...] = ()

    def rests(self, cluster: str, namespace: str, subject: str) -> bool:
        """Whether it is stated that a workload is at rest on purpose.

        >>> Expectations(("shop/deployment/promo",)).rests("eu", "shop", "deployment/promo")
        True
        """
        name = f"{namespace}/{subject}"
        return name in self.at_rest or f"{cluster}/{name}" in self.at_rest

    def to_record(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {
            "at_rest": list(self.at_rest),
            "redis_replicas": dict(self.redis_replicas),
            "watchdog": self.watchdog,
            "alerts_elsewhere": list(self.alerts_elsewhere),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Expectations:
        """Read what `to_record` wrote."""
        return cls(
            tuple(record["at_rest"]),
            dict(record["redis_replicas"]),
            record.get("watchdog", WATCHDOG),
            tuple(record.get("alerts_elsewhere", ())),
        )
