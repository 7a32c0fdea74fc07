"""Grafana's dashboards: which there are, what was noted on them, and a link to one at the time that matters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Window
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.windows import window_of
from gocoffee_ops.sources.grafana import Grafana

if TYPE_CHECKING:
    import pandas as pd

DASHBOARDS = Schema(
    "dashboards",
    (
        Column("uid", "string"),
        Column("title", "string"),
        Column("folder", "string", optional=True),
        Column("tags", "list[string]"),
        Column("url", "string", help="without a time range: see `link`"),
    ),
)

ANNOTATIONS = Schema(
    "annotations",
    (
        Column("at", "timestamp"),
        Column("until", "timestamp", optional=True, help="of a span"),
        Column("text", "string"),
        Column("tags", "list[string]"),
        Column("dashboard_uid", "string", optional=True),
        Column("alert", "string", optional=True, help="the alert that changed its state"),
        Column("state", "string", optional=True, help="the alert's new state"),
    ),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@query("grafana", DASHBOARDS)
def search(ask: Ask[Grafana], *, text: str = "", tag: str = "") -> Rows:
    """Which dashboards have `text` in their title, and the tag?

    Columns: those of `DASHBOARDS`. API: /api/search. Permission: dashboards:read, as the viewer role has it. Raises SourceError.
    """
    found = ask.source.dashboards(text, tag, ask.deadline)
    return Rows(
        [
            {
                "uid": one.uid,
                "title": one.title,
                "folder": one.folder_title or None,
                "tags": one.tags or [],
                "url": f"{ask.source.url}/d/{one.uid}",
            }
            for one in found
        ]
    )


@query("grafana", ANNOTATIONS)
def noted(
    ask: Ask[Grafana],
    *,
    tags: list[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    window_s: float = 86_400.0,
    limit: int = 1000,
) -> Rows:
    """What was noted on dashboards in the window: deployments, alerts that fired, remarks?

    The window ends at `end` (else when the run began) and begins at `start` (else `window_s` before its end).

    Columns: those of `ANNOTATIONS`. API: /api/annotations. Permission: annotations:read, as the viewer role has it. Raises
    SourceError.
    """
    window = window_of(ask.as_of, start, end, window_s)
    found = ask.source.annotations(_ms(window.start), _ms(window.end), tags or [], limit, ask.deadline)
    rows = [
        {
            "at": _at(one.time),
            "until": _at(one.time_end) if one.time_end and one.time_end != one.time else None,
            "text": one.text,
            "tags": one.tags or [],
            "dashboard_uid": one.dashboard_uid or None,
            "alert": one.alert_name or None,
            "state": one.new_state or None,
        }
        for one in sorted(found, key=lambda one: one.time)
    ]
    return Rows(rows, truncated=f"the newest {limit} annotations" if len(found) >= limit else "")


def link(url: str, window: Window, variables: Mapping[str, str] | None = None) -> str:
    """The address of a dashboard, with the window as its time range and values for its variables.

    >>> day = Window(datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 23, 13, tzinfo=UTC))
    >>> link("https://grafana.example.com/d/orders", day, {"service": "order service"})
    'https://grafana.example.com/d/orders?from=1795435200000&to=1795438800000&var-service=order+service'
    """
    parts = {"from": str(_ms(window.start)), "to": str(_ms(window.end))}
    parts |= {f"var-{name}": value for name, value in (variables or {}).items()}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parts)}"


def linked(dashboards: pd.DataFrame, window: Window, variables: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The dashboards with addresses that open them at the window's time; see `link`. Takes the table of `search`."""
    frame = dashboards.copy()
    frame["url"] = [link(url, window, variables) for url in dashboards["url"]]
    frame["url"] = frame["url"].astype("string")
    frame.attrs = dict(dashboards.attrs)
    return frame


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _at(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
