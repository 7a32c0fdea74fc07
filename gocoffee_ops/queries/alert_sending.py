"""Whether a Prometheus sends its alerts, by what it scraped of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.promql import by_label

if TYPE_CHECKING:
    from datetime import datetime

    from gocoffee_ops.sources.prometheus import Series

STARTED = "process_start_time_seconds and on (job, instance) prometheus_notifications_alertmanagers_discovered"
SENT, ERRORS = "prometheus_notifications_sent_total", "prometheus_notifications_errors_total"
ITSELF_S = 60.0  # between when a server says that it started and when its process did, by the boot time of its host

SENDING = Schema(
    "alerts that were sent",
    (
        Column("instance", "string", help="the server itself, as it is called where it is scraped"),
        Column("sent_to", "string", optional=True, help="an Alertmanager's address; missing where it sends to none"),
        Column("sent", "Float64", "alerts", optional=True, help="in the window, those with errors too"),
        Column("errors", "Float64", "alerts", optional=True, help="older versions count requests"),
        Column("window_s", "Float64", "s"),
    ),
)


def counted(metric: str, window_s: float) -> str:
    """By how much a counter grew, of each server and Alertmanager.

    >>> counted("errors_total", 900)
    'sum by (job, instance, alertmanager) (increase(errors_total[900s]))'
    """
    return f"sum by (job, instance, alertmanager) (increase({metric}[{window_s:g}s]))"


def sending_rows(
    started: datetime | None,
    starts: Iterable[Series],
    sent: Iterable[Series],
    errors: Iterable[Series],
    window_s: float,
) -> list[Mapping[str, Any]]:
    """The server's own rows: of all that it scraped, what started when it did itself. None where it did not scrape itself."""
    if started is None:
        return []
    of_all, wrong = (by_label(one, "job", "instance", "alertmanager") for one in (sent, errors))
    rows: list[Mapping[str, Any]] = []
    for (job, instance), at in by_label(starts, "job", "instance").items():
        if at is None or abs(at - started.timestamp()) > ITSELF_S:
            continue
        to = sorted(key for key in of_all if key[:2] == (job, instance))
        base = {"instance": instance, "window_s": window_s}
        rows += [base | {"sent_to": key[2], "sent": of_all[key], "errors": wrong.get(key)} for key in to]
        rows += [] if to else [base | {"sent_to": None, "sent": None, "errors": None}]
    return rows
