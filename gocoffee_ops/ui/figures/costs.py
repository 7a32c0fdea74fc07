"""Figures of what is paid: for whom, day by day, and why a week cost more than the one before. Amounts are effective cost.

Each shows one currency, the one with most money in it, and states that there are others; what has no price is stated, never drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.errors import UsageError
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
    axis,
    nothing,
    on_colour,
    panels_of,
)
from gocoffee_ops.ui.text import label

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

Row = Mapping[str, Any]

COLOURS: Final = (BLUE, ORANGE, GREEN, SKY, PURPLE, VERMILLION, GREY)
LAYERS: Final = len(COLOURS)  # of the area; what is left is one layer, "others"
HEIGHT: Final = 440
ROOMY: Final = Decimal("0.15")  # of the whole; a smaller area has room for its name at most
NOTE: Final = 44  # characters of a line under a figure, as a phone has room for
NOBODY: Final = "(no team)"


def cost_treemap(costs_by: pd.DataFrame, *levels: str) -> go.Figure:
    """What does each part cost, as areas? `levels` are columns of a table of `costs.aggregate`, the outer one first.

    Credits and corrections have no area: they are stated below.
    """
    lacking = [name for name in levels if name not in costs_by.columns]
    if lacking or not levels:
        raise UsageError("draw a treemap of costs", why=f"the table has no column {', '.join(lacking) or 'given'}")
    currency, rows, stated = _one_currency(records(costs_by))
    drawn = [row for row in rows if row["effective"] > 0]
    if not drawn:
        return nothing("no costs")
    sums: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in drawn:
        path = _path(row, levels)
        for depth in range(len(path) + 1):
            sums[path[:depth]] += row["effective"]
    below = sum((row["effective"] for row in rows if row["effective"] < 0), Decimal(0))
    stated += [f"{below:,.2f} {currency} of credits and corrections has no area"] if below else []
    stated = [*_span(costs_by), *stated]
    figure = panels_of(1)
    paths = list(sums)
    number = {path: str(n) for n, path in enumerate(paths)}
    outer = sorted((path for path in paths if len(path) == 1), key=lambda path: -sums[path])
    colours = {path[0]: COLOURS[n % len(COLOURS)] for n, path in enumerate(outer)}
    parted = {path[:-1] for path in paths if path}
    roomy = {path for path in parted if sums[path] >= sums[()] * ROOMY}
    names = {path: label(path[-1], 40) if path else "all" for path in paths}
    figure.add_treemap(
        ids=list(number.values()),
        parents=[number[path[:-1]] if path else "" for path in paths],
        # Of an area that has parts, only the label is drawn: its amount stands in there, if the area has room for both.
        labels=[f"{name}  {sums[path]:,.2f} {currency}" if path in roomy else name for path, name in names.items()],
        customdata=list(names.values()),
        values=[float(sums[path]) for path in paths],
        text=[f"{sums[path]:,.2f} {currency}" for path in paths],
        branchvalues="total",
        textinfo="label+text",
        textfont={"color": [on_colour(colours[path[0]]) if path else INK for path in paths]},
        hovertemplate="%{customdata}<br>%{text}<br>%{percentRoot} of all<extra></extra>",
        tiling={"pad": 2},
        root={"color": "rgba(0,0,0,0)"},
        marker={
            "colors": [colours[path[0]] if path else "rgba(0,0,0,0)" for path in paths],
            "line": {"width": 1, "color": "rgba(255,255,255,0.7)"},
        },
    )
    figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"})  # what does not fit legibly is told at a touch
    within = f", without {below:,.2f} of credits and corrections" if below else ""
    within += ", with days that are estimates" if any(row["estimated"] for row in rows) else ""
    alt = f"Costs of {sums[()]:,.2f} {currency}{within}, by {', then '.join(levels)}; most is {outer[0][0]}'s."
    return _framed(figure, alt, stated)


def _path(row: Row, levels: Sequence[str]) -> tuple[str, ...]:
    """Where a row is in the tree; a level that nothing below it names ends there, but for the outermost."""
    named = [n for n, level in enumerate(levels) if row[level] is not None]
    kept = levels[: max(named, default=0) + 1]
    return tuple(str(row[name] or (NOBODY if name == "team" else f"(no {name})")) for name in kept)


def costs_by_day(costs_by: pd.DataFrame, by: str) -> go.Figure:
    """What did each day cost, in layers? Takes a table of `costs.aggregate` by a key and by day.

    Days that are younger than the billing lag are hatched: they are estimates, and no drop.
    """
    currency, rows, stated = _one_currency(records(costs_by))
    if not rows:
        return nothing("no costs")
    days = sorted({row["day"] for row in rows})
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    cells: defaultdict[tuple[str, Any], Decimal] = defaultdict(Decimal)
    for row in rows:
        name = str(row[by] or (NOBODY if by == "team" else f"(no {by})"))
        totals[name] += row["effective"]
        cells[name, row["day"]] += row["effective"]
    order = sorted(totals, key=lambda name: -abs(totals[name]))
    named = order if len(order) <= LAYERS else order[: LAYERS - 1]
    layers = {name: [cells[name, day] for day in days] for name in named}
    if len(order) > len(named):
        rest = order[len(named) :]
        layers[f"{len(rest)} others"] = [sum((cells[name, day] for name in rest), Decimal(0)) for day in days]
    figure = panels_of(1)
    for (name, amounts), colour in zip(layers.items(), COLOURS, strict=False):
        _layer(figure, label(name, 40), days, amounts, currency, colour)
    estimated = sorted({row["day"] for row in rows if row["estimated"]})
    if estimated:
        figure.add_vrect(
            x0=min(estimated), x1=max(days), line_width=0, fillcolor=GREY, opacity=0.35, layer="above",
            annotation_text="estimates", annotation_position="top right",
        )  # fmt: skip
        _hatch(figure, min(estimated), max(days), layers.values())
        stated.append(f"{len(estimated)} days are younger than the billing lag: estimates, not a drop")
    stated = [*_span(costs_by), *stated]
    figure.update_yaxes(**axis(autorange=True, showticklabels=True, showgrid=True, title=f"{currency} a day"))
    alt = f"Costs of {len(days)} days by {by} in {currency}; {len(estimated)} of them are estimates."
    return _framed(figure, alt, stated)


def _hatch(figure: go.Figure, start: Any, end: Any, layers: Iterable[Sequence[Decimal]]) -> None:
    """Hatching over some days, as high as the layers are: grey alone reads as one of them."""
    stacks = list(zip(*layers, strict=True))
    low = float(min(sum(min(one, Decimal(0)) for one in stack) for stack in stacks))
    high = float(max(sum(max(one, Decimal(0)) for one in stack) for stack in stacks))
    figure.add_scatter(
        x=[start, end, end, start],
        y=[low, low, high, high],
        fill="toself",
        fillpattern={"shape": "/", "fgcolor": INK, "bgcolor": "rgba(0,0,0,0)", "fillmode": "overlay", "size": 9},
        mode="none",
        hoverinfo="skip",
        showlegend=False,
    )


def _layer(
    figure: go.Figure, name: str, days: Sequence[Any], amounts: Sequence[Decimal], currency: str, colour: str
) -> None:
    """A layer, and below zero what credits make of it on some days: the two are never stacked on each other."""
    for sign, parts in (
        ("+", [max(one, Decimal(0)) for one in amounts]),
        ("-", [min(one, Decimal(0)) for one in amounts]),
    ):
        if sign == "-" and not any(parts):
            continue
        figure.add_scatter(
            x=days,
            y=[float(one) for one in parts],
            name=name,
            legendgroup=name,
            showlegend=sign == "+",
            mode="lines",
            line={"width": 1, "color": colour},
            fillcolor=colour,
            stackgroup=sign,
            hovertext=[f"{name}: {one:,.2f} {currency}" for one in amounts],
            hoverinfo="x+text",
        )


def cost_waterfall(weeks: pd.DataFrame, causes: pd.DataFrame) -> go.Figure:
    """Why did the week cost more, or less, than the one before? Takes the tables of `costs.weeks` and `costs.by_cause`."""
    both = [row for row in records(weeks) if row["effective"] is not None and row["currency"]]
    if not both or causes.empty:
        return nothing("no two complete weeks")
    currency, kept, stated = _one_currency(both)
    ends = {row["week"]: row["effective"] for row in kept}
    steps = [row for row in records(causes) if row["currency"] == currency]
    names = ["week before", *(row["cause"] for row in steps), "last week"]
    amounts = [ends["before"], *(row["effective_change"] for row in steps), ends["now"]]
    figure = panels_of(1)
    figure.add_waterfall(
        x=[label(name, 30) for name in names],
        y=[float(amount) for amount in amounts],
        measure=["absolute", *["relative"] * len(steps), "total"],
        text=[f"{amount:,.2f}" if n in {0, len(names) - 1} else f"{amount:+,.2f}" for n, amount in enumerate(amounts)],
        textposition="outside",
        cliponaxis=False,
        increasing={"marker": {"color": VERMILLION}},
        decreasing={"marker": {"color": GREEN}},
        totals={"marker": {"color": BLUE}},
        connector={"line": {"color": INK, "width": 1, "dash": "dot"}},
        hoverinfo="x+text",
        showlegend=False,
    )
    figure.update_yaxes(**axis(autorange=True, showticklabels=True, showgrid=True, title=currency))
    stated = [*_compared(kept), *stated]
    change = ends["now"] - ends["before"]
    alt = f"The week cost {ends['now']:,.2f} {currency}, {change:+,.2f} against the one before, by {len(steps)} causes."
    return _framed(figure, alt, stated)


def _span(costs_by: pd.DataFrame) -> list[str]:
    """Which days the amounts are of, where the table says it."""
    span = costs_by.attrs.get("span")
    return [f"of {span}"] if span else []


def _compared(weeks: Sequence[Row]) -> list[str]:
    """Which days the two weeks have."""
    spans = [f"{row['first_day']:%Y-%m-%d} to {row['last_day']:%Y-%m-%d}" for row in weeks if row.get("first_day")]
    return [f"complete days: {' against '.join(reversed(spans))}"] if spans else []


def _one_currency(rows: Sequence[Row]) -> tuple[str, list[Row], list[str]]:
    """The currency with most money in it, its rows that have a price, and what was left out."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["effective"] is not None and row["currency"]:
            sums[row["currency"]] += abs(row["effective"])
    if not sums:
        return "", [], []
    currency = max(sums, key=lambda name: sums[name])
    stated = [f"not shown: costs in {', '.join(sorted(set(sums) - {currency}))}"] if len(sums) > 1 else []
    unpriced = sum(row.get("unpriced") or 0 for row in rows)
    stated += [f"{unpriced:,} lines have no price and are not shown"] if unpriced else []
    return currency, [row for row in rows if row["currency"] == currency and row["effective"] is not None], stated


def _framed(figure: go.Figure, alt: str, stated: Sequence[str]) -> go.Figure:
    lines = [line for one in stated for line in wrap(one, NOTE)]
    bottom = 60 + 18 * len(lines)
    figure.update_layout(
        height=HEIGHT + bottom, margin={"l": 12, "r": 24, "t": 52, "b": bottom + 30}, meta={"alt": alt}
    )
    if lines:
        place = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": 0, "yanchor": "top"}
        text = "<br>".join(label(one, NOTE) for one in lines)
        figure.add_annotation(text=text, yshift=-66, align="left", showarrow=False, font={"size": 12}, **place)
    return figure
