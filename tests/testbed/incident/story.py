"""What happens, and when: everything else of this package reads it here. Seconds count from the bad release."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

NAMESPACE = "go-coffee"
SEED = 20_251
BASELINE = timedelta(hours=2, minutes=20)  # of logs and counters before the release
MEMORY_BASELINE = timedelta(hours=24)

SERVICE = "order-service"
MIGRATION = "order-service-migrate"
CONFIG = "order-service-config"
BAD = "ghcr.io/gocoffee/order-service:4.1.1"
BAD_CAUSE = "release 4.1.1: loyalty points, second attempt"
INDEX = "orders_customer_id_created_at_idx"
LOOK_UP = "SELECT id, status, total, created_at FROM orders WHERE customer_id = $1 ORDER BY created_at DESC LIMIT 20"

CONFIG_S = -16.0  # the configuration that the release needs
MIGRATION_S = -8.0  # its migration drops an index
PANIC_S = 4.0
ERRORS_S = 8.0
ALERTS_S = 30.0
TOLD_S = 130.0  # enough of it has happened to be read

FAILED_BEFORE, FAILED_AFTER = 0.004, 0.45


@dataclass(frozen=True)
class Story:
    """The story, once it is known when the release is."""

    release: datetime

    def at(self, seconds: float) -> datetime:
        """The moment so many seconds after the release."""
        return self.release + timedelta(seconds=seconds)

    @property
    def begins(self) -> datetime:
        """Where the baseline begins."""
        return self.release - BASELINE

    def failing(self, at: datetime) -> bool:
        """Whether requests for orders fail then."""
        return at >= self.at(ERRORS_S)

    def failed(self, at: datetime) -> float:
        """The share of the gateway's requests that fail then."""
        return FAILED_AFTER if self.failing(at) else FAILED_BEFORE

    def slow(self, at: datetime) -> bool:
        """Whether the index is gone then."""
        return at >= self.at(MIGRATION_S)

    def draw(self, *of: object) -> random.Random:
        """Chance, the same in every telling for the same thing."""
        return random.Random("/".join(map(str, (SEED, *of))))
