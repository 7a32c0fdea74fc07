"""What answers over HTTP: the shop's addresses over TLS, a provider with its status page, the log store, the dashboards."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

from tests.http_server import Answer, Asked, HttpServer, says, serving
from tests.statuspage import PAGE, summary
from tests.testbed.incident.journal import Journal
from tests.testbed.incident.story import BAD_CAUSE, SERVICE, Story

HOST = "localhost"
CERTIFICATE = timedelta(days=80)  # it lasts so long


@dataclass(frozen=True)
class Web:
    """The servers, and the authority that the addresses over TLS are trusted by."""

    ca_file: Path
    shop: HttpServer
    api: HttpServer
    stripe: HttpServer
    grafana: HttpServer

    def url(self, server: HttpServer) -> str:
        """Its address by name, as the certificate has it."""
        return server.url.replace("127.0.0.1", HOST)


@contextmanager
def web(story: Story, folder: Path) -> Iterator[Web]:
    """All of them."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, not_after=datetime.now(UTC) + CERTIFICATE).configure_cert(context)
    with ExitStack() as stack:
        yield Web(
            ca_file,
            shop=stack.enter_context(serving(lambda _: says({"status": "ok"}), context)),
            api=stack.enter_context(serving(lambda _: _api(story), context)),
            stripe=stack.enter_context(serving(_stripe)),
            grafana=stack.enter_context(serving(lambda asked: _grafana(story, asked))),
        )


def _api(story: Story) -> Answer:
    if story.failing(datetime.now(UTC)):
        return says({"status": "unavailable", "failed": [SERVICE]}, 503)
    return says({"status": "ok", "failed": []})


def _stripe(asked: Asked) -> Answer:
    """It wants a key, as it does of everyone; its status page says that all is well."""
    if asked.path == PAGE:
        return says(summary("none"))
    return says({"error": {"message": "You did not provide an API key.", "type": "invalid_request_error"}}, 401)


def _grafana(story: Story, asked: Asked) -> Answer:
    """Dashboards of the shop, and the annotation that the release pipeline left."""
    if asked.path == "/api/annotations":
        notes = [
            {"time": _ms(story.at(0)), "timeEnd": _ms(story.at(0)), "text": f"{SERVICE}: {BAD_CAUSE}", "tags": ["deploy", SERVICE],
             "dashboardUID": "orders"},
        ]  # fmt: skip
        first, last = int(asked.query["from"]), int(asked.query["to"])
        return says([one for one in notes if first <= int(str(one["time"])) <= last])
    titles = {"orders": "Orders", "gateway": "API gateway", "postgres": "PostgreSQL"}
    wanted = asked.query.get("query", "").lower()
    rows: list[dict[str, Any]] = [
        {"uid": uid, "title": title, "tags": ["go-coffee"], "folderTitle": "Shop", "url": f"/d/{uid}/{uid}"}
        for uid, title in titles.items()
        if wanted in title.lower()
    ]
    return says(rows if int(asked.query.get("page", 1)) == 1 else [])


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def documents(journal: Journal) -> list[dict[str, Any]]:
    """What the log store holds by now: the lines of the gateway and of the order service, of deleted pods too."""
    services = {"api-gateway", SERVICE}
    return [
        {
            "@timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z", "message": text, "log.level": _level(text),
            "service.name": container, "kubernetes.namespace": "go-coffee",
            "kubernetes.pod.name": pod, "kubernetes.container.name": container,
        }
        for at, pod, container, text in journal.written()
        if container in services
    ]  # fmt: skip


def _level(text: str) -> str:
    """As a shipper of logs tells it: a JSON record's own; of an access line by its status; what else comes is a stack trace."""
    if text.startswith("{"):
        return str(json.loads(text)["level"])
    status = re.search(r'" ([1-5])[0-9]{2} ', text)
    return "info" if status and status[1] != "5" else "error"
