"""A small shop that is well: its pods with logs in a namespace of a real API server, and a server of every other system.

Real Redis, PostgreSQL, Prometheus and Alertmanager; what is a log store, a Grafana or a provider speaks its contract.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.diagnosis.stage import deployment, service
from tests.http_server import Asked, HttpServer, says, serving
from tests.log_store import Elasticsearch
from tests.review.environment import Configured, Ran, cli
from tests.statuspage import PAGE, summary
from tests.testbed.control_plane import Cluster
from tests.testbed.incident import lines, telemetry
from tests.testbed.incident.journal import cri
from tests.testbed.incident.metrics import Metrics
from tests.testbed.incident.story import SERVICE, Story
from tests.testbed.postgres import PostgresServer
from tests.testbed.redis import READER, RedisServer

AHEAD = timedelta(minutes=20)  # before the story's release there is nothing wrong
SETTLED_S = 60.0

Systems = Mapping[str, Sequence[Mapping[str, Any]]]  # section of the configuration -> its tables


def _gateway(story: Story, which: str, until: datetime) -> Iterator[lines.Line]:
    """Access lines of requests that all go well until the story's own begin to fail."""
    return (line for line in lines.gateway(story, which, until) if story.failing(line[0]) or '" 50' not in line[1])


WRITERS: Mapping[str, lines.Lines] = {SERVICE: lines.orders, "api-gateway": _gateway, "postgres": lines.postgres}


def quiet() -> Story:
    """Two hours of it have passed, and nothing happens for a while."""
    return Story(datetime.now(UTC) + AHEAD)


def failing() -> Story:
    """The bad release is ten minutes old."""
    return Story(datetime.now(UTC) - timedelta(minutes=10))


@contextmanager
def pods(cluster: Cluster, story: Story, folder: Path, *, namespace: str = "", kubelet: str = "") -> Iterator[str]:
    """The shop's Deployments and Services in a new namespace (of that name, or of one of its own), with the logs of two hours.

    `kubelet` is how the pods of the order service fare, as the testbed's kubelets know it.
    """
    namespace = namespace or f"shop-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", namespace)
    try:
        cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", namespace, "--timeout=20s")
        objects = [deployment(name, kubelet=kubelet if name == SERVICE else "") for name in WRITERS]
        objects += [service(name) for name in WRITERS]
        cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(objects))
        _log(cluster, namespace, story, folder)
        yield namespace
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def _log(cluster: Cluster, namespace: str, story: Story, folder: Path) -> None:
    until = time.monotonic() + SETTLED_S
    while True:
        found = cluster.get("pods", "-n", namespace)["items"]
        if sum(bool(one["status"].get("containerStatuses")) for one in found) == len(WRITERS):
            break
        assert time.monotonic() < until, [one["status"] for one in found]
        time.sleep(0.1)
    objects = []
    for one in found:
        name, app = one["metadata"]["name"], one["metadata"]["labels"]["app"]
        path = folder / f"{namespace}.{name}.log"
        path.write_text("".join(map(cri, WRITERS[app](story, name, datetime.now(UTC)))))
        spec = {"logs": [{"containers": [app], "logsFile": str(path), "previousLogsFile": str(path)}]}
        objects.append(
            {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs", "metadata": {"name": name}, "spec": spec}
        )
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(objects))
    for one in objects:  # kwok sees a new Logs object a moment later
        while "no logs found" in (
            said := cluster.kubectl_run("logs", "-n", namespace, one["metadata"]["name"], "--tail=1").stderr
        ):
            assert time.monotonic() < until, said
            time.sleep(0.1)


@contextmanager
def systems(story: Story, postgres: PostgresServer, folder: Path) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """All but the clusters, started and well; as the configuration has them."""
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        web = stack.enter_context(serving(_web)).url
        alerts = stack.enter_context(telemetry.alertmanager(story)).url
        password, dsn = folder / "redis.password", folder / "database.dsn"
        password.write_text(redis.passwords[READER])
        name = stack.enter_context(postgres.fresh_database())
        with postgres.connect(database=name) as connection:
            connection.execute("CREATE TABLE orders AS SELECT generate_series(1, 100) AS id")
        dsn.write_text(postgres.tcp_dsn(READER, name))
        found: dict[str, list[dict[str, Any]]] = {
            "databases": [{"name": "sound", "dsn_file": str(dsn)}],
            "redis": [{"name": "sound", "url": redis.url, "user": READER, "password_file": str(password)}],
            "endpoints": [{"name": "sound", "url": web, "service": "web-ui"}],
            "dependencies": [{"name": "sound", "url": web, "status_page": web}],
            "alertmanagers": [{"name": "sound", "url": alerts}],
            "prometheus": [{"name": "sound", "url": stack.enter_context(telemetry.prometheus(Metrics(story))).url}],
            "elasticsearch": [{"name": "sound", "url": stack.enter_context(log_store()).url}],
            "grafana": [{"name": "sound", "url": stack.enter_context(grafana()).url}],
        }
        yield found


def _web(asked: Asked) -> Any:
    return says(summary("none") if asked.path == PAGE else {"status": "ok"})


@contextmanager
def log_store() -> Iterator[HttpServer]:
    """With one error of the order service, two minutes old."""
    at = datetime.now(UTC) - timedelta(minutes=2)
    document = {
        "@timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z", "message": "payment declined", "log.level": "error",
        "service.name": SERVICE, "kubernetes.namespace": "shop", "kubernetes.pod.name": "orders-0",
        "kubernetes.container.name": SERVICE,
    }  # fmt: skip
    with serving(Elasticsearch([document])) as server:
        yield server


@contextmanager
def grafana() -> Iterator[HttpServer]:
    """With one dashboard, and no annotation."""
    row = {"uid": "orders", "title": "Orders", "tags": [], "folderTitle": "Shop", "url": "/d/orders/orders"}

    def answer(asked: Asked) -> Any:
        return says([row] if asked.path == "/api/search" and asked.query.get("page", "1") == "1" else [])

    with serving(answer) as server:
        yield server


def configured(folder: Path, read: Systems, *, query_deadline_s: float) -> Configured:
    """A folder whose gocoffee.toml names these systems as environment `shop`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "[environments.shop]\n"
    for section, tables in read.items():
        for table in tables:
            text += f"[[environments.shop.{section}]]\n"
            text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    text += f"[environments.shop.limits]\nquery_deadline_s = {query_deadline_s}\ncell_deadline_s = 60.0\n"
    for severity in ("P0", "P1"):
        text += f'[environments.shop.contacts.escalation.{severity}]\nresponse_time = "1 hour"\nprimary = "On-Call"\n'
    (folder / "gocoffee.toml").write_text(text)
    return Configured(folder)


def run(ready: Configured, runbook: str, **parameters: str) -> Ran:
    """A whole run of a runbook, and what it left."""
    given = [part for name, value in parameters.items() for part in ("-p", name, value)]
    done = cli(ready, "run", runbook, "--env", "shop", *given, "--reports", str(ready.reports))
    (made,) = (ready.reports / runbook).glob("[0-9]*")
    return Ran(done.returncode, done.stdout + done.stderr, made, json.loads((made / "run.json").read_text()))
