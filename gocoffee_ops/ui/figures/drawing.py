"""What every figure is drawn with: colours, axes, bars and marks, rows with their names, and what was capped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.ui.text import label

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Okabe and Ito's palette: told apart with every kind of colour vision, on white and on black.
BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, GREY = (
    *("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7"),
    "#8a8f98",
)
INK: Final = "#767b83"  # 4.2:1 on white and 4.5:1 on JupyterLab's dark; the report sets its own
GRID: Final = "rgba(128,134,142,0.3)"
ROW_PX: Final = 50  # a label and two bars
THIN_ROW_PX: Final = 36  # a label and a bar, or marks


def on_colour(colour: str) -> str:
    """Black or white, whichever is told from a colour more easily (WCAG's contrast).

    >>> on_colour(BLUE), on_colour(ORANGE)
    ('#ffffff', '#000000')
    """
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"


def row_names(groups: Sequence[str], rows: Sequence[tuple[str, str]]) -> list[str]:
    """Each row's name; with its cluster's or database's in front only where there are several."""
    several = len(set(groups)) > 1
    return [f"{group} · {name}" if several else name for group, name in rows]


def capped(shown: int, total: int, noun: str, order: str) -> str:
    """What was left out, in words; nothing when nothing was."""
    return f"{shown} of {total:,} {noun}, {order}" if shown < total else ""


def axis(**more: Any) -> dict[str, Any]:
    """An axis of ours."""
    return {"gridcolor": GRID, "zeroline": False, "automargin": True, "fixedrange": True, **more}


def panels_of(panels: int) -> go.Figure:
    """An empty figure with that many panels, one above the other."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=panels, cols=1, vertical_spacing=0.14) if panels > 1 else make_subplots()
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        hoverlabel={"align": "left"},
        bargap=0.5,
        bargroupgap=0.1,
        dragmode=False,
    )
    figure.update_xaxes(**axis())
    figure.update_yaxes(**axis(autorange="reversed", showticklabels=False, showgrid=False))
    return figure


def add_bars(
    figure: go.Figure,
    row: int,
    name: str,
    colour: str | list[str],
    values: Sequence[float | None],
    *,
    hover: Sequence[str],
    text: Sequence[str] | None = None,
    legend: bool = True,
    pattern: str = "",
) -> None:
    """A series of horizontal bars, a row each."""
    figure.add_bar(
        orientation="h",
        x=list(values),
        y=list(range(len(values))),
        name=name,
        legendgroup=name,
        showlegend=legend,
        marker={"color": colour, "line": {"width": 0}, "pattern": {"shape": pattern}},
        hovertext=list(hover),
        hoverinfo="text",
        text=text,
        textposition="outside" if text else None,
        cliponaxis=False,
        row=row,
        col=1,
    )


def add_marks(
    figure: go.Figure,
    row: int,
    name: str,
    colour: str,
    symbol: str,
    values: Sequence[float | datetime | None],
    hover: Sequence[str],
    *,
    legend: bool,
    rows: Sequence[int] | None = None,
) -> None:
    """A series of marks, a row each unless `rows` says which."""
    thin = symbol != "circle"
    figure.add_scatter(
        mode="markers",
        x=list(values),
        y=list(range(len(values)) if rows is None else rows),
        name=name,
        legendgroup=name,
        showlegend=legend,
        marker={"color": colour, "symbol": symbol, "size": 11, "line": {"color": colour, "width": 3 if thin else 0}},
        hovertext=list(hover),
        hoverinfo="text",
        cliponaxis=False,
        row=row,
        col=1,
    )


def add_spans(figure: go.Figure, row: int, spans: Sequence[tuple[float | None, float | None]]) -> None:
    """A line from each request to its usage, where both are known."""
    x: list[float | None] = []
    y: list[float | None] = []
    for i, (start, end) in enumerate(spans):
        if start is not None and end is not None:
            x += [start, end, None]
            y += [i, i, None]
    line = {"color": GREY, "width": 2}
    figure.add_scatter(mode="lines", x=x, y=y, line=line, hoverinfo="skip", showlegend=False, row=row, col=1)


def label_rows(
    figure: go.Figure, row: int, names: Sequence[str], notes: Sequence[str | None], *, above: int = 6
) -> None:
    """Each row's name above its bars, so that a long one costs no width, on a phone neither."""
    axis = "" if row == 1 else str(row)
    for i, (name, note) in enumerate(zip(names, notes, strict=True)):
        text = label(name, 52) + (f"  <i>{note}</i>" if note else "")
        place = {"xref": f"x{axis} domain", "x": 0, "xanchor": "left", "yref": f"y{axis}", "y": i, "yanchor": "bottom"}
        figure.add_annotation(text=text, yshift=above, showarrow=False, font={"size": 12}, **place)
    figure.update_yaxes(row=row, col=1, range=[len(names) - 0.5, -0.8], autorange=False)


def finished(
    figure: go.Figure, rows: int, panels: int, alt: str, stated: str, *, row_px: int = THIN_ROW_PX
) -> go.Figure:
    """Height that fits the rows, and what was capped written under the figure."""
    notes = stated.count("<br>") + 1 if stated else 0
    top, bottom = 52, (66 if notes else 52) + 18 * notes
    wanted = rows * row_px + 20
    panel = max(110, wanted)
    if panel > wanted:  # few rows have much room: their bars stay as thick as those of many, or they run into the names
        figure.update_layout(bargap=1 - 0.5 * row_px * (rows + 0.3) / panel)
    height = top + bottom + panel * panels + (70 * (panels - 1))
    if panels > 1:
        inner = height - top - bottom
        share = panel / inner
        figure.update_layout(yaxis={"domain": [1 - share, 1]}, yaxis2={"domain": [0, share]})
    figure.update_layout(height=height, margin={"l": 12, "r": 24, "t": top, "b": bottom}, meta={"alt": alt})
    if stated:
        place = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": 0, "yanchor": "top"}
        figure.add_annotation(text=stated, yshift=-60, align="left", showarrow=False, font={"size": 12}, **place)
    return figure


def nothing(what: str) -> go.Figure:
    """A figure that says that there is nothing to show."""
    figure = panels_of(1)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    said = f"nothing to show: {what}"
    figure.add_annotation(text=said, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5, font={"size": 15})
    figure.update_layout(height=110, margin={"l": 12, "r": 12, "t": 12, "b": 12}, meta={"alt": said})
    return figure
