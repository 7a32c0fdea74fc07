"""Figures of an incident: what happened when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.frames import records
from gocoffee_ops.ui.figures.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    add_marks,
    capped,
    finished,
    label_rows,
    nothing,
    panels_of,
)
from gocoffee_ops.ui.text import label, lines

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOMENTS: Final = 300
LINES: Final = (VERMILLION, BLUE, ORANGE, GREEN, SKY, PURPLE, GREY)
COLOURS: Final = {
    "rollout": ORANGE,
    "scaling": ORANGE,
    "config change": ORANGE,
    "secret change": ORANGE,
    "node event": PURPLE,
    "event": SKY,
    "restart": SKY,
    "annotation": GREY,
    "alert": VERMILLION,
    "error onset": VERMILLION,
    "log onset": BLUE,
    "quiet log onset": GREY,
    "log novelty": BLUE,
    "statement onset": BLUE,
}


def error_rate(rates: pd.DataFrame) -> go.Figure:
    """What share of each service's requests failed, span by span? A span without requests has no point, which is not 0.

    Takes a table of `analysis.logs.error_rate`.
    """
    rows = [row for row in records(rates) if row["start"] is not None and row["requests"]]
    if not rows:
        return nothing("no requests were counted")
    services = sorted({(row["cluster"], row["service"], row["container"]) for row in rows})
    shown = services[: len(LINES)]
    several = len({cluster for cluster, _, _ in services}) > 1
    figure = panels_of(1)
    for of, colour in zip(shown, LINES, strict=False):
        own = sorted((row for row in rows if (row["cluster"], row["service"], row["container"]) == of), key=_start)
        name = f"{of[0]} · {of[1]}" if several else of[1]
        figure.add_scatter(
            mode="lines+markers",
            x=[row["start"] for row in own],
            y=[100 * row["error_rate"] for row in own],
            name=label(name, 40),
            marker={"color": colour, "size": 6},
            line={"color": colour, "width": 2},
            hovertext=[
                f"{row['start']:%H:%M:%S} UTC<br>{row['errors']:,.0f} of {row['requests']:,.0f} requests" for row in own
            ],
            hoverinfo="text",
            connectgaps=False,
        )
    figure.update_xaxes(title="time, UTC", type="date")
    figure.update_yaxes(
        title="requests that failed, %", autorange=True, rangemode="tozero", showticklabels=True, showgrid=True
    )
    worst = max(rows, key=lambda row: row["error_rate"])
    alt = f"Error rate of {len(services)} services; the highest is {100 * worst['error_rate']:.1f} % of {worst['service']}."
    return finished(figure, 6, 1, alt, capped(len(shown), len(services), "services", "by name"))


def _start(row: Mapping[str, Any]) -> datetime:
    start: datetime = row["start"]
    return start


def timeline(moments: pd.DataFrame, onset: datetime | None = None) -> go.Figure:
    """What happened when? A row for each kind of moment, in UTC, with the onset as a line.

    Takes a table of `analysis.timeline`. Of more moments than fit, the nearest to the onset (or the newest) are drawn.
    """
    rows = records(moments)
    if not rows:
        return nothing("no moment on the timeline")
    near = onset or max(row["time"] for row in rows)
    shown = sorted(rows, key=lambda row: abs((row["time"] - near).total_seconds()))[:MOMENTS]
    kinds = [kind for kind in COLOURS if any(row["kind"] == kind for row in shown)]
    figure = panels_of(1)
    for lane, kind in enumerate(kinds):
        own = [row for row in shown if row["kind"] == kind]
        hover = [
            f"{row['time']:%Y-%m-%d %H:%M:%S} UTC<br>{label(row['subject'], 60)}<br>{lines(row['what'], 70, 400)}"
            for row in own
        ]
        add_marks(
            figure,
            1,
            kind,
            COLOURS[kind],
            "circle",
            [row["time"] for row in own],
            hover,
            legend=False,
            rows=[lane] * len(own),
        )
    label_rows(
        figure, 1, [f"{kind} ({sum(row['kind'] == kind for row in shown)})" for kind in kinds], [None] * len(kinds)
    )
    figure.update_xaxes(title="time, UTC", type="date")
    if onset is not None:
        figure.add_shape(
            type="line", xref="x", x0=onset, x1=onset, yref="paper", y0=0, y1=1, line={"color": INK, "dash": "dot"}
        )
        place = {"xref": "x", "x": onset, "yref": "paper", "y": 1, "yanchor": "bottom"}
        figure.add_annotation(text=f"onset {onset:%H:%M:%S}", showarrow=False, font={"size": 12}, **place)
    first, last = min(row["time"] for row in shown), max(row["time"] for row in shown)
    alt = f"{len(rows)} moments of {len(kinds)} kinds between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC."
    return finished(figure, len(kinds), 1, alt, capped(len(shown), len(rows), "moments", "nearest to the onset"))
