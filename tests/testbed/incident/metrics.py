"""What Prometheus scrapes: counters that are a function of time, so that backfilled and scraped samples are of one piece."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.testbed.incident.story import (
    ALERTS_BASELINE,
    BASELINE,
    ERRORS_S,
    FAILED_AFTER,
    FAILED_BEFORE,
    SERVICE,
    Story,
)
from tests.testbed.incident.usage import Usage

SCRAPED_S = 15.0
RATES = {"api-gateway": 24.0, SERVICE: 11.0, "payment-service": 4.0, "web-ui": 18.0}  # requests a second
SUFFERING = {"api-gateway", SERVICE}
BUCKETS = (
    ("0.05", 0.62),
    ("0.1", 0.9),
    ("0.25", 0.97),
    ("0.5", 0.99),
    ("1", 0.997),
    ("2.5", 1.0),
    ("5", 1.0),
    ("+Inf", 1.0),
)
SLOW_BUCKETS = (
    ("0.05", 0.2),
    ("0.1", 0.38),
    ("0.25", 0.5),
    ("0.5", 0.55),
    ("1", 0.66),
    ("2.5", 0.9),
    ("5", 0.99),
    ("+Inf", 1.0),
)
CADVISOR = "cadvisor"
JOBS = (*RATES, CADVISOR)

Sample = tuple[str, str, float]  # family, labels, value


class Metrics:
    """Every series of the story, at any moment."""

    def __init__(self, story: Story, usage: Usage | None = None) -> None:
        self._story = story
        self._usage = usage
        self._zero = story.begins - timedelta(minutes=5)

    def samples(self, job: str, at: datetime) -> Iterator[Sample]:
        """What one job exposes at a moment."""
        if job == CADVISOR:
            yield from self._usage.samples(at) if self._usage else ()
            return
        before, after = self._seconds(at)
        rate = RATES[job]
        failed_after = FAILED_AFTER if job in SUFFERING else FAILED_BEFORE
        failed = rate * (FAILED_BEFORE * before + failed_after * after)
        requests = "http_requests_total"
        yield requests, 'code="200"', round(rate * (before + after) - failed)
        yield requests, 'code="503"', round(failed)
        slow = SLOW_BUCKETS if job in SUFFERING else BUCKETS
        for (le, share), (_, slow_share) in zip(BUCKETS, slow, strict=True):
            value = round(rate * (share * before + slow_share * after))
            yield "http_request_duration_seconds_bucket", f'le="{le}"', value

    def text(self, job: str) -> str:
        """What one job's exporter answers now."""
        now = datetime.now(UTC)
        return "".join(f"{name}{{{labels}}} {value:.15g}\n" for name, labels, value in self.samples(job, now))

    def history(self, instances: dict[str, str]) -> Iterator[str]:
        """Lines of OpenMetrics until now; of containers, what their past has not."""
        now = datetime.now(UTC)
        families: dict[str, list[str]] = {"up": [] if self._usage else [*_itself(now)]}
        for job, instance in instances.items():
            own = f'job="{job}",instance="{instance}"'
            at = now - BASELINE
            while at < now:
                families.setdefault("up", []).append(f"up{{{own}}} 1 {at.timestamp():.3f}")
                for name, labels, value in self.samples(job, at) if job != CADVISOR else ():
                    line = f"{name}{{{labels},{own}}} {value:.0f} {at.timestamp():.3f}"
                    families.setdefault(name, []).append(line)
                at += timedelta(seconds=SCRAPED_S)
        if self._usage:
            families["up"] += self._usage.ups(self._usage.since(), now)
        for name, found in families.items():
            yield f"# TYPE {name} unknown"
            yield from found
        if self._usage:
            yield from self._usage.history(self._usage.since(), now)

    def _seconds(self, at: datetime) -> tuple[float, float]:
        """How long it went well, and how long it has been failing."""
        since = self._story.at(ERRORS_S)
        before = (min(at, since) - self._zero).total_seconds()
        return max(0.0, before), max(0.0, (at - since).total_seconds())


def _itself(now: datetime) -> Iterator[str]:
    """A Prometheus that scraped itself for as long as its alerts reach back; with containers' usage, that has it."""
    own, minutes = 'job="prometheus",instance="localhost:9090"', int(ALERTS_BASELINE / timedelta(minutes=1))
    for ago in range(minutes, 0, -1):
        yield f"up{{{own}}} 1 {(now - timedelta(minutes=ago)).timestamp():.3f}"
