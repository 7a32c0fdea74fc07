"""Prometheus, Alertmanager and Redis, as they stand during the incident.

Prometheus evaluates one rule, the alert that always fires; that it did so for a day, and what fired in the night, is backfilled.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from tests.testbed.incident.metrics import JOBS, SCRAPED_S, Metrics
from tests.testbed.incident.story import ALERTS_BASELINE, ALERTS_S, NAMESPACE, SERVICE, TOLD_S, Story
from tests.testbed.prometheus import AlertmanagerServer, Exporter, PrometheusServer
from tests.testbed.redis import RedisServer

SETTLED_S = 30.0
HOURS = 12.0
WATCHDOG = {"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "none"}}
# What fired in the night and resolved: its labels, and from when to when before now, in minutes.
PAYMENTS = f'alertname="PaymentsFailing",severity="critical",service="payment-service",namespace="{NAMESPACE}"'
DISK = 'alertname="NodeDiskFilling",severity="warning",node="general-3"'
NIGHT = ((PAYMENTS, ((312, 301), (296, 281))), (DISK, ((415, 352),)))


def _alerts(*fired: tuple[str, tuple[tuple[int, int], ...]]) -> Iterator[str]:
    """Lines of OpenMetrics: a Prometheus that was there, and alerts that fired."""
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    yield "# TYPE ALERTS unknown"
    always = 'alertname="Watchdog",severity="none"', ((int(ALERTS_BASELINE / minute), 0),)
    for labels, spells in (always, *fired):
        for first, last in spells:
            for ago in range(first, last, -1):
                yield f'ALERTS{{alertstate="firing",{labels}}} 1 {(now - ago * minute).timestamp():.3f}'


@contextmanager
def prometheus(metrics: Metrics, blocks: Path | None = None, *, night: bool = False) -> Iterator[PrometheusServer]:
    """A Prometheus with the baseline as its history, which scrapes what goes on; `blocks` is what it has of weeks before.

    `night`: alerts fired hours ago, and resolved.
    """
    with ExitStack() as stack:
        exporters = {job: stack.enter_context(Exporter(partial(metrics.text, job))) for job in JOBS}
        past = metrics.history({job: f"127.0.0.1:{one.port}" for job, one in exporters.items()})
        history = chain(past, _alerts(*NIGHT if night else ()))
        ports = {job: one.port for job, one in exporters.items()}
        server = PrometheusServer(history, jobs=ports, scrape_interval_s=SCRAPED_S, blocks=blocks, rules=[WATCHDOG])
        yield stack.enter_context(server)


@contextmanager
def alertmanager(story: Story) -> Iterator[AlertmanagerServer]:
    """An Alertmanager that hears its watchdog, and a warning that was silenced."""
    with AlertmanagerServer() as server:
        server.silence("memory of general-2 is being replaced", by="platform-team", hours=HOURS, node="general-2")
        _fire(server, story, -3600.0, "Watchdog", "the way from Prometheus to here works", severity="none")
        summary = "memory of general-2 is nearly used up"
        _fire(server, story, -1500.0, "NodeMemoryPressure", summary, severity="warning", node="general-2")
        yield server


def fire(server: AlertmanagerServer, story: Story) -> None:
    """The alerts of the incident; returns when all are processed."""
    share = "more than 5 % of requests fail at api-gateway"
    _fire(
        server,
        story,
        ALERTS_S,
        "HighErrorRate",
        share,
        severity="critical",
        service="api-gateway",
        namespace=NAMESPACE,
        runbook="high-error-rate",
    )
    crash = "pods of order-service restart again and again"
    _fire(
        server,
        story,
        ALERTS_S + 10,
        "PodCrashLooping",
        crash,
        severity="warning",
        service=SERVICE,
        namespace=NAMESPACE,
    )
    slow = "look-ups of orders take more than a second"
    _fire(server, story, ALERTS_S + 20, "SlowStatements", slow, severity="warning", service="postgres-primary",
          namespace=NAMESPACE, runbook="database-slowdown")  # fmt: skip


def _fire(server: AlertmanagerServer, story: Story, at_s: float, alert: str, summary: str, **labels: str) -> None:
    times = {"startsAt": story.at(at_s).isoformat(), "endsAt": story.at(TOLD_S + HOURS * 3600).isoformat()}
    body: dict[str, Any] = {
        "labels": {"alertname": alert, **labels},
        "annotations": {"summary": summary},
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=up",
    }
    server.post("/api/v2/alerts", [body | times])


@contextmanager
def redis_pair() -> Iterator[tuple[RedisServer, RedisServer]]:
    """A master with the sessions of the shop, and a replica that follows."""
    with (
        RedisServer(
            {"repl-diskless-sync-delay": "0", "maxmemory": "64mb", "maxmemory-policy": "allkeys-lru"}
        ) as master,
        RedisServer({"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru"}, master=master) as replica,
    ):
        with master.admin() as admin:
            for number in range(2000):
                admin.set(f"session:{number}", "x" * 200, ex=36_000)
        until = time.monotonic() + SETTLED_S
        with replica.admin() as ours:
            while ours.info("replication")["master_link_status"] != "up" or ours.dbsize() < 2000:
                assert time.monotonic() < until, "the replica does not follow"
                time.sleep(0.05)
        yield master, replica
