"""Alertmanager's API v2: alerts, silences, status.

Version 1 is never asked: it answers 410 since Alertmanager 0.27. Answers of 0.25 have been read; newer ones add `mutedBy` to
an alert's status (by time intervals), which is decoded where it is there. The configuration in /status is left undecoded.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import HttpApi


class Named(msgspec.Struct):
    """What has a name: a receiver, a peer of the cluster."""

    name: str


class AlertStatus(msgspec.Struct, rename="camel"):
    """What becomes of an alert."""

    state: str
    silenced_by: list[str]
    inhibited_by: list[str]
    muted_by: list[str] = []


class Alert(
    msgspec.Struct, rename={"starts_at": "startsAt", "updated_at": "updatedAt", "generator_url": "generatorURL"}
):
    """One alert."""

    labels: dict[str, str]
    annotations: dict[str, str]
    receivers: list[Named]
    fingerprint: str
    starts_at: datetime
    updated_at: datetime
    status: AlertStatus
    generator_url: str = ""


class Matcher(msgspec.Struct, rename="camel"):
    """One condition of a silence."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool = True

    def __str__(self) -> str:
        sign = {(True, False): "=", (True, True): "=~", (False, False): "!=", (False, True): "!~"}
        return f'{self.name}{sign[self.is_equal, self.is_regex]}"{self.value}"'


class SilenceStatus(msgspec.Struct):
    """Whether a silence is active, pending or expired."""

    state: str


class Silence(msgspec.Struct, rename="camel"):
    """One silence."""

    id: str
    status: SilenceStatus
    matchers: list[Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str


class ClusterStatus(msgspec.Struct):
    """How Alertmanager's own cluster is."""

    status: str
    peers: list[Named] = []


class Version(msgspec.Struct):
    """Which Alertmanager."""

    version: str


class Status(msgspec.Struct, rename={"version": "versionInfo", "started_at": "uptime"}):
    """How Alertmanager itself is."""

    cluster: ClusterStatus
    version: Version
    started_at: datetime


class Alertmanager:
    """One Alertmanager. Options are those of `HttpApi`."""

    def __init__(self, target: str, url: str, **options: Any) -> None:
        self._api = HttpApi(target, url, said=_said, **options)

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._api.secrets()

    def close(self) -> None:
        """Close the pooled connections."""
        self._api.close()

    def alerts(self, deadline: Deadline) -> list[Alert]:
        """Every alert that has not been resolved, whatever its state. Raises the errors of `errors.SourceError`."""
        return self._api.get("list alerts", "/api/v2/alerts", list[Alert], deadline)

    def silences(self, deadline: Deadline) -> list[Silence]:
        """Every silence that is kept: active, pending and expired."""
        return self._api.get("list silences", "/api/v2/silences", list[Silence], deadline)

    def status(self, deadline: Deadline) -> Status:
        """Version, start and cluster."""
        return self._api.get("read its status", "/api/v2/status", Status, deadline)


def _said(body: bytes) -> str:
    """Its errors are a text in JSON."""
    try:
        return msgspec.json.decode(body, type=str)
    except msgspec.MsgspecError:
        return ""
