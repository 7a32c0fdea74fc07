"""What is probed: an endpoint of ours with what it should answer, and somebody else's service with its status page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http.api import HttpApi
from gocoffee_ops.sources.http.probe import HttpProbe

SUMMARY = "/api/v2/summary.json"


@dataclass(frozen=True)
class Endpoint:
    """An address of ours: the service that it speaks for, and the statuses and members of a JSON body that mean healthy."""

    probe: HttpProbe
    service: str = ""
    samples: int = 5
    expected_status: tuple[int, ...] = (200,)
    expected_body: Mapping[str, Any] = field(default_factory=dict)

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self.probe.secrets()


@dataclass(frozen=True)
class Dependency:
    """A service of somebody else: its address, what its outage means to us, and where its provider says how it is."""

    probe: HttpProbe
    severity: str = "CRIT"
    samples: int = 3
    status_page: str = ""
    page: HttpApi | None = None

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self.probe.secrets()

    def provider(self, deadline: Deadline) -> StatusPage | None:
        """What the status page says; None where there is no page to ask. Raises the errors of `errors.SourceError`."""
        if self.page is None:
            return None
        path = "" if self.page.url.endswith(".json") else SUMMARY
        return self.page.get("read its provider's status page", path, StatusPage, deadline)


# Statuspage's own words: `/api/v2/status.json` has page and status, `/api/v2/summary.json` all of it.


class Page(msgspec.Struct):
    """Which page it is, and when its provider last changed it."""

    name: str
    updated_at: datetime | None = None


class Overall(msgspec.Struct):
    """The page in one word: none, minor, major, critical or maintenance."""

    indicator: str
    description: str = ""


class Component(msgspec.Struct):
    """A part of the service: operational, degraded_performance, partial_outage, major_outage, under_maintenance."""

    name: str
    status: str
    group: bool = False


class Notice(msgspec.Struct):
    """An incident that is not resolved, or a maintenance."""

    name: str
    status: str
    impact: str | None = None


class StatusPage(msgspec.Struct):
    """A status page."""

    page: Page
    status: Overall
    components: list[Component] | None = None
    incidents: list[Notice] | None = None
    scheduled_maintenances: list[Notice] | None = None
