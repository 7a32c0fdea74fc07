"""A shop's history as OpenMetrics, scraped once a minute until `AS_OF`: what the questions must find in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

AS_OF = datetime(2026, 1, 5, 12, 0, 5, tzinfo=UTC)
END = int(datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp())
MINUTES = 125
MIB = 1 << 20
ORDERS = 'namespace="go-coffee",pod="orders-7d9fbcd5f6-x2x4z",container="orders"'
FREE = 'namespace="go-coffee",pod="orders-7d9fbcd5f6-zzzzz",container="orders"'
RESTARTED = 'namespace="go-coffee",pod="orders-7d9fbcd5f6-bbbbb",container="orders"'
ENDED = 'namespace="go-coffee",pod="orders-7d9fbcd5f6-ccccc",container="orders"'
OTHER = 'namespace="go-coffee",pod="orders-worker-7d9fbcd5f6-x2x4z",container="orders"'
UNCAPPED = 'namespace="go-coffee",pod="tables-{}",container="table"'
GRINDER = 'namespace="go-coffee",pod="grinders-{}",container="grinder"'
QUOTAS = {0: None, 1: -1, 2: 50_000}  # of grinders; of one more not even the period is there
SEAT = 'namespace="go-coffee",pod="seats-{}",container="seat"'


def history() -> list[str]:
    """The lines; a family's samples stand together, as OpenMetrics wants them."""
    families: dict[str, list[str]] = {}
    for minute in range(MINUTES + 1):
        at = END - (MINUTES - minute) * 60
        for name, labels, value in _samples(minute):
            families.setdefault(name, []).append(f"{name}{{{labels}}} {value} {at}")
    return [line for name, lines in families.items() for line in (f"# TYPE {name} unknown", *lines)]


def _samples(minute: int) -> Iterator[tuple[str, str, float]]:
    for job in ("orders", "kitchen", "idle", "unlabelled", "sparse"):
        yield "up", f'job="{job}",instance="{job}:8080"', 1
    yield "up", 'job="down",instance="down:8080"', 0
    requests = "http_requests_total"
    yield requests, 'job="orders",code="200"', 54 * minute
    yield requests, 'job="orders",code="500"', 6 * minute
    yield requests, 'job="kitchen",code="200"', 60 * minute
    yield requests, 'job="idle",code="200"', 5
    yield requests, 'job="unlabelled",status="500"', 60 * minute
    if minute % 4 == 0:
        yield requests, 'job="sparse",code="200"', 60 * minute
    for le, a_minute in (("0.1", 30), ("0.5", 57), ("1", 57), ("+Inf", 60)):
        yield "http_request_duration_seconds_bucket", f'job="orders",le="{le}"', a_minute * minute
        yield "http_request_duration_seconds_bucket", f'job="idle",le="{le}"', 5
    memory, limit = "container_memory_working_set_bytes", "container_spec_memory_limit_bytes"
    yield memory, ORDERS, (100 + minute) * MIB
    yield limit, ORDERS, 256 * MIB
    yield memory, FREE, (100 + minute) * MIB
    yield limit, FREE, 0
    yield memory, RESTARTED, (40 + 2 * (minute % 100)) * MIB
    yield limit, RESTARTED, 256 * MIB
    if minute < 60:
        yield memory, ENDED, 50 * MIB
        yield limit, ENDED, 256 * MIB
    yield memory, OTHER, 250 * MIB
    yield limit, OTHER, 256 * MIB
    yield memory, SEAT.format(0), 9 * MIB
    yield limit, SEAT.format(0), 256 * MIB
    for number in range(3 if minute == MINUTES else 2):
        yield "kube_pod_container_status_running", SEAT.format(number), 1
    for number in range(2):
        yield "kube_pod_container_status_running", UNCAPPED.format(number), 1
        yield memory, UNCAPPED.format(number), 9 * MIB
        yield limit, UNCAPPED.format(number), 256 * MIB
    yield "kube_pod_container_resource_limits", UNCAPPED.format(1) + ',resource="cpu"', 0.5
    yield "kube_pod_container_resource_limits", UNCAPPED.format(0) + ',resource="memory"', 256 * MIB
    yield "container_cpu_cfs_periods_total", ORDERS, 600 * minute
    yield "container_cpu_cfs_throttled_periods_total", ORDERS, 180 * minute
    for number in range(4):
        yield memory, GRINDER.format(number), 9 * MIB
        yield limit, GRINDER.format(number), 256 * MIB
    for number, quota in QUOTAS.items():
        yield "container_spec_cpu_period", GRINDER.format(number), 100_000
        if quota is not None:
            yield "container_spec_cpu_quota", GRINDER.format(number), quota
