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

# The release is at such a second that errors begin with a minute, and the story is told whole minutes later: what is counted by
# the minute then shows no symptom before what led to it.
RELEASE_SECOND = 55
CONFIG_S = -14.0  # the configuration that the release needs
MIGRATION_S = -2.0  # its migration drops an index
PANIC_S = 8.0
ERRORS_S = 60.0 - RELEASE_SECOND
ALERTS_S = 30.0
TOLD_S = ERRORS_S + 120.0  # enough of it has happened to be read

ALERTS_BASELINE = timedelta(hours=26)  # of the alert that always fires, and of what fired in the night

FAILED_BEFORE, FAILED_AFTER = 0.004, 0.45


@dataclass(frozen=True)
class Story:
    """The story, once it is known when the release is."""

    release: datetime

    @classmethod
    def after(cls, moment: datetime) -> Story:
        """The next one that can begin."""
        release = moment.replace(second=RELEASE_SECOND, microsecond=0)
        return cls(release if release >= moment else release + timedelta(minutes=1))

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

    def draw(self, *of: object) -> random.Random:
        """Chance, the same in every telling for the same thing."""
        return random.Random("/".join(map(str, (SEED, *of))))
