"""Figures of an incident: what happened when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from gocoffee_ops.frames import records
from gocoffee_ops.ui.figures.drawing import (
    BLUE,
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
    "log novelty": BLUE,
    "statement onset": BLUE,
}


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
