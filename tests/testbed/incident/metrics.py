"""What Prometheus scrapes: counters that are a function of time, so that backfilled and scraped samples are of one piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.testbed.incident.story import (
    BASELINE,
    ERRORS_S,
    FAILED_AFTER,
    FAILED_BEFORE,
    MEMORY_BASELINE,
    NAMESPACE,
    SERVICE,
    Story,
)

SCRAPED_S = 15.0
MIB = 1 << 20
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


@dataclass(frozen=True)
class Container:
    """One that cAdvisor's series are of; its memory grows by a quarter in a day. It is there `since` then, or always."""

    pod: str
    name: str
    memory_mib: float
    limit_mib: float
    since: datetime | None = None


class Metrics:
    """Every series of the story, at any moment."""

    def __init__(self, story: Story, containers: Sequence[Container]) -> None:
        self._story = story
        self._containers = containers
        self._zero = story.begins - timedelta(minutes=5)

    def samples(self, job: str, at: datetime) -> Iterator[Sample]:
        """What one job exposes at a moment."""
        if job == CADVISOR:
            yield from self._of_containers(at)
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
        return "".join(f"{name}{{{labels}}} {value:g}\n" if value < 1e6 else f"{name}{{{labels}}} {value:.0f}\n"
                       for name, labels, value in self.samples(job, datetime.now(UTC)))  # fmt: skip

    def history(self, instances: dict[str, str]) -> list[str]:
        """Lines of OpenMetrics until now; of containers for longer, as their growth is slow."""
        now = datetime.now(UTC)
        families: dict[str, list[str]] = {}
        for job, instance in instances.items():
            past, step_s = (MEMORY_BASELINE, 60.0) if job == CADVISOR else (BASELINE, SCRAPED_S)
            own = f'job="{job}",instance="{instance}"'
            at = now - past
            while at < now:
                if now - at <= BASELINE:
                    families.setdefault("up", []).append(f"up{{{own}}} 1 {at.timestamp():.3f}")
                for name, labels, value in self.samples(job, at):
                    line = f"{name}{{{labels},{own}}} {value:.0f} {at.timestamp():.3f}"
                    families.setdefault(name, []).append(line)
                at += timedelta(seconds=SCRAPED_S if now - at <= BASELINE else step_s)
        return [line for name, found in families.items() for line in (f"# TYPE {name} unknown", *found)]

    def _of_containers(self, at: datetime) -> Iterator[Sample]:
        elapsed = at - (self._story.release - MEMORY_BASELINE - timedelta(minutes=5))
        periods = elapsed.total_seconds() * 10
        for one in self._containers:
            if one.since is not None and at < one.since:
                continue
            labels = f'namespace="{NAMESPACE}",pod="{one.pod}",container="{one.name}"'
            grown = one.memory_mib * (0.75 + 0.25 * elapsed / MEMORY_BASELINE)
            yield "container_memory_working_set_bytes", labels, round(grown * MIB)
            yield "container_spec_memory_limit_bytes", labels, round(one.limit_mib * MIB)
            yield "container_cpu_cfs_periods_total", labels, round(periods)
            yield "container_cpu_cfs_throttled_periods_total", labels, round(periods * 0.01)

    def _seconds(self, at: datetime) -> tuple[float, float]:
        """How long it went well, and how long it has been failing."""
        since = self._story.at(ERRORS_S)
        before = (min(at, since) - self._zero).total_seconds()
        return max(0.0, before), max(0.0, (at - since).total_seconds())
