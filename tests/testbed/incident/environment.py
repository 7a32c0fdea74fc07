"""Everything that an environment reads, started for the time of a block, with the incident under way in it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gocoffee_ops.demo.bill import CURRENCY
from gocoffee_ops.places.demo import demo_contacts
from tests.http_server import Asked, HttpServer, serving
from tests.log_store import Elasticsearch
from tests.testbed.control_plane import Cluster
from tests.testbed.incident import telemetry
from tests.testbed.incident.bill import Bill, bill, settings
from tests.testbed.incident.database import Shop, shop
from tests.testbed.incident.estate import Estate
from tests.testbed.incident.journal import Journal
from tests.testbed.incident.metrics import Metrics
from tests.testbed.incident.opencost import opencost
from tests.testbed.incident.release import Release
from tests.testbed.incident.story import CONFIG_S, MIGRATION, MIGRATION_S, PANIC_S, TOLD_S, Story
from tests.testbed.incident.usage import usage_of
from tests.testbed.incident.web import Web, documents, web
from tests.testbed.prometheus import AlertmanagerServer, PrometheusServer, create_blocks, program
from tests.testbed.redis import READER, RedisServer

NAME = "incident"
CONTRACT = "none: a server that speaks its documented contract"
LEAD_S = 22.0  # at least, from when its release is known
RUNS_END_S = (PANIC_S, PANIC_S + 14, PANIC_S + 38, PANIC_S + 82)  # of the containers that panic


@dataclass(frozen=True)
class Incident:
    """An environment of real services, which `gocoffee-ops run RUNBOOK --env incident` reads with this configuration."""

    config: Path
    story: Story
    cluster: Cluster
    versions: Mapping[str, str]

    @property
    def as_of(self) -> datetime:
        """When it has happened."""
        return self.story.at(TOLD_S)


@contextmanager
def incident(cluster: Cluster, folder: Path) -> Iterator[Incident]:
    """The incident on a control plane that is loaded with the planted scenario; it has happened when the block begins."""
    release = Release(cluster)
    release.prepare()
    Estate(cluster).prepare()
    began = datetime.now(UTC)
    create_blocks(usage_of(cluster, began).past(), folder / "blocks")  # before the release: it takes a while
    with ExitStack() as stack:
        database = stack.enter_context(shop())
        master, replica = stack.enter_context(telemetry.redis_pair())
        story = Story.after(datetime.now(UTC) + timedelta(seconds=LEAD_S))
        journal = stack.enter_context(Journal(cluster, folder / "logs", story))
        journal.follow(release.pods())
        release.answers_inside("postgres", {"PGHOST": "127.0.0.1", "PGPORT": str(database.server.port)})
        told = {
            "REDIS_CLI": program("redis-cli", "redis-tools"),
            "REDIS_PORT": str(master.port),
            "REDISCLI_AUTH": master.passwords["default"],
        }
        release.answers_inside("redis", told)
        servers = stack.enter_context(web(story, folder))
        store = stack.enter_context(_log_store(journal))
        alerts = stack.enter_context(telemetry.alertmanager(story))
        stack.enter_context(_telling(story, release, journal, database))
        usage = usage_of(cluster, began, story, [pod["metadata"]["name"] for pod in release.crashing()])
        prometheus = stack.enter_context(telemetry.prometheus(Metrics(story, usage), folder / "blocks", night=True))
        telemetry.fire(alerts, story)
        paid = bill(cluster, folder / "bill", story.at(TOLD_S))
        costs = stack.enter_context(serving(opencost(paid.stage, usage.containers)))
        systems = _systems(cluster, folder, database, servers, (master, replica), alerts, prometheus, store)
        systems |= _paid(paid, costs)
        config = folder / "gocoffee.toml"
        config.write_text(_toml(systems, settings(NAME, paid.stage)))
        _sleep_until(story.at(RUNS_END_S[-1] + 1))
        release.crashed([story.at(end) for end in RUNS_END_S])
        for pod in release.crashing():
            journal.panicked(pod["metadata"]["name"], [story.at(end) for end in RUNS_END_S])
        _sleep_until(story.at(TOLD_S))
        yield Incident(config, story, cluster, _versions(cluster, database, master, prometheus, alerts))


@contextmanager
def _telling(story: Story, release: Release, journal: Journal, database: Shop) -> Iterator[None]:
    """Each thing at its moment."""
    _sleep_until(story.at(CONFIG_S))
    release.configure()
    _sleep_until(story.at(MIGRATION_S))
    release.migrate()
    database.drop_index()
    journal.follow(release.pods(MIGRATION))
    _sleep_until(story.at(0))
    release.roll_out()
    database.look_up(200)
    yield


def _sleep_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


@contextmanager
def _log_store(journal: Journal) -> Iterator[HttpServer]:
    store = Elasticsearch(())

    def answer(asked: Asked) -> Any:
        store.documents = documents(journal)
        return store(asked)

    with serving(answer) as server:
        yield server


def _systems(
    cluster: Cluster,
    folder: Path,
    database: Shop,
    servers: Web,
    redis: tuple[RedisServer, RedisServer],
    alerts: AlertmanagerServer,
    prometheus: PrometheusServer,
    store: HttpServer,
) -> dict[str, list[dict[str, Any]]]:
    """The sections of the configuration; secrets go into files of their own."""
    tls = {"ca_file": str(servers.ca_file)}
    return {
        "clusters": [{"name": "demo", "kubeconfig": str(cluster.kubeconfig("reader")), "context": cluster.name}],
        "databases": [{"name": "coffee", "dsn_file": _secret(folder, "coffee.dsn", database.reader_dsn)}],
        "endpoints": [
            {"name": "web", "service": "web-ui", "url": f"{servers.url(servers.shop)}/api/health", **tls},
            {"name": "api", "service": "api-gateway", "url": f"{servers.url(servers.api)}/health", **tls},
        ],
        "dependencies": [
            {"name": "stripe", "url": f"{servers.stripe.url}/v1/charges", "status_page": servers.stripe.url},
        ],
        "redis": [
            {
                "name": name,
                "url": one.url,
                "user": READER,
                "password_file": _secret(folder, name, one.passwords[READER]),
            }
            for name, one in zip(("sessions", "sessions-replica"), redis, strict=True)
        ],
        "alertmanagers": [{"name": "main", "url": alerts.url}],
        "prometheus": [{"name": "main", "url": prometheus.url}],
        "elasticsearch": [{"name": "logs", "url": store.url}],
        "grafana": [{"name": "main", "url": servers.grafana.url}],
    }


def _paid(paid: Bill, costs: HttpServer) -> dict[str, list[dict[str, Any]]]:
    """The sections of what tells of money."""
    return {
        "bills": [{"name": "synthetic", "path": str(paid.folder)}],
        "opencosts": [{"name": "main", "url": costs.url, "currency": CURRENCY}],
    }


def _secret(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def _toml(systems: Mapping[str, list[dict[str, Any]]], more: Sequence[str]) -> str:
    """The configuration; whom to call and where to look are the demo's."""
    lines = [f"[environments.{NAME}]"]
    for section, tables in systems.items():
        for table in tables:
            lines += [
                f"[[environments.{NAME}.{section}]]",
                *(f"{key} = {json.dumps(value)}" for key, value in table.items()),
            ]
    lines += more
    people = demo_contacts(datetime.now(UTC))
    for step in people.escalation:
        lines += [f"[environments.{NAME}.contacts.escalation.{step.severity}]"]
        lines += [f'response_time = "{step.response_time_s / 60:.0f} minutes"', f'primary = "{step.primary}"']
        lines += [f'secondary = "{step.secondary}"'] if step.secondary else []
    lines += [f"[environments.{NAME}.contacts.addresses]"]
    lines += [f'"{name}" = "{address}"' for name, address in people.addresses.items()]
    lines += [f"[environments.{NAME}.links]", *(f'"{name}" = "{url}"' for name, url in people.links.items())]
    return "\n".join(lines) + "\n"


def _versions(
    cluster: Cluster, database: Shop, master: RedisServer, prometheus: PrometheusServer, alerts: AlertmanagerServer
) -> dict[str, str]:
    with master.admin() as admin:
        redis = str(admin.info("server")["redis_version"])
    return {
        "kubernetes": cluster.version,
        "postgresql": database.server.binaries.release,
        "redis": redis,
        "prometheus": prometheus.get("/api/v1/status/buildinfo")["data"]["version"],
        "alertmanager": alerts.get("/api/v2/status")["versionInfo"]["version"],
        "elasticsearch": CONTRACT,
        "grafana": CONTRACT,
        "opencost": CONTRACT,
    }
