"""Grafana: which dashboards there are, and what was noted on them."""

from __future__ import annotations

from os import PathLike

import msgspec

from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import HttpApi, Identity

PAGE = 1000
NOBODY = Identity()


class Dashboard(msgspec.Struct, rename="camel"):
    """What the search says of a dashboard."""

    uid: str
    title: str
    tags: list[str] | None = None
    folder_title: str = ""


class Annotation(msgspec.Struct, rename="camel"):
    """A note at a time, or over a span of it, in milliseconds since 1970."""

    time: int
    text: str = ""
    time_end: int = 0
    tags: list[str] | None = None
    dashboard_uid: str | None = msgspec.field(name="dashboardUID", default=None)
    alert_name: str | None = None
    new_state: str | None = None


class _Problem(msgspec.Struct):
    message: str


class Grafana:
    """One Grafana. Making it contacts nothing. Safe to share between threads."""

    def __init__(
        self, target: str, url: str, *, identity: Identity = NOBODY, ca_file: str | PathLike[str] | None = None
    ) -> None:
        self.target = target
        self.url = url.rstrip("/")
        self._api = HttpApi(target, url, identity=identity, ca_file=ca_file, said=_said)

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._api.secrets()

    def close(self) -> None:
        """Close the pooled connections."""
        self._api.close()

    def dashboards(self, text: str, tag: str, deadline: Deadline) -> list[Dashboard]:
        """Dashboards whose title holds `text` and that carry the tag. Permission: dashboards:read (the viewer role)."""
        found: list[Dashboard] = []
        while True:
            params: dict[str, str | list[str]] = {
                "type": "dash-db", "limit": str(PAGE), "page": str(len(found) // PAGE + 1),
            }  # fmt: skip
            params |= {"query": text} if text else {}
            params |= {"tag": tag} if tag else {}
            page = self._api.get("search dashboards", "/api/search", list[Dashboard], deadline, params=params)
            found += page
            if len(page) < PAGE:
                return found

    def annotations(
        self, start_ms: int, end_ms: int, tags: list[str], limit: int, deadline: Deadline
    ) -> list[Annotation]:
        """What was noted in a span of time, the newest first. Permission: annotations:read (the viewer role)."""
        params: dict[str, str | list[str]] = {"from": str(start_ms), "to": str(end_ms), "limit": str(limit)}
        params |= {"tags": tags} if tags else {}
        return self._api.get("list annotations", "/api/annotations", list[Annotation], deadline, params=params)


def _said(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Problem).message
    except msgspec.MsgspecError:
        return ""
