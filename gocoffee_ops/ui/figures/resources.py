"""Figures of what is used and requested, and of a database's time and connections."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.frames import records
from gocoffee_ops.ui.figures.drawing import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    ROW_PX,
    SKY,
    VERMILLION,
    add_bars,
    add_marks,
    add_spans,
    capped,
    finished,
    label_rows,
    nothing,
    panels_of,
    row_names,
)
from gocoffee_ops.ui.text import label, lines

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

NODES: Final = 15
PODS: Final = 15
STATEMENTS: Final = 10
APPLICATIONS: Final = 15
FEW: Final = 12  # of what is counted: an axis then has a line for each
STATES: Final = {
    "active": (BLUE, ""),
    "idle": (SKY, ""),
    "idle in transaction": (VERMILLION, "/"),
    "idle in transaction (aborted)": (PURPLE, "x"),
}


def node_utilisation(nodes: pd.DataFrame, node_usage: pd.DataFrame) -> go.Figure:
    """How full are the nodes? CPU and memory, used and requested, as shares of what each node can allocate.

    Takes the tables of `cluster.nodes` and `cluster.node_usage`. A node whose usage was not read says so.
    """
    if nodes.empty:
        return nothing("no nodes")
    usage = {(row["cluster"], row["node"]): row for row in records(node_usage)}
    rows = [_node(row, usage.get((row["cluster"], row["node"]), {})) for row in records(nodes)]
    rows.sort(key=lambda r: -max((v for v in r["shares"].values() if v is not None), default=-1.0))
    shown = rows[:NODES]
    names = row_names([r["cluster"] for r in rows], [(r["cluster"], r["node"]) for r in shown])
    panels = []
    for what, unit in (("cpu", "CPU"), ("memory", "memory")):
        bars = [(r["shares"][f"{what} used"], r["shares"][f"{what} requested"], r["said"][what]) for r in shown]
        panels.append((unit, bars))
    figure = panels_of(2)
    for n, (unit, bars) in enumerate(panels, start=1):
        for i, (kind, colour) in enumerate((("used", BLUE), ("requested", ORANGE))):
            add_bars(figure, n, kind, colour, [b[i] for b in bars], hover=[b[2] for b in bars], legend=n == 1)
        label_rows(figure, n, names, [None if b[0] is not None else "usage not read" for b in bars], above=11)
        top = max((v for b in bars for v in b[:2] if v is not None), default=0.0)
        figure.update_xaxes(row=n, col=1, title=f"{unit}, % of allocatable", range=[0, max(105.0, top * 1.05)])
        figure.add_vline(100, row=n, col=1, line={"color": INK, "dash": "dot", "width": 1.5})
    worst = max((v for v in rows[0]["shares"].values() if v is not None), default=None)
    most = f"; highest {rows[0]['node']} with {worst:.0f} %" if worst is not None else ""
    alt = f"CPU and memory of {len(rows)} nodes, used and requested, in % of allocatable{most}."
    return finished(figure, len(shown), 2, alt, capped(len(shown), len(rows), "nodes", "fullest first"), row_px=ROW_PX)


def requests_against_usage(pod_usage: pd.DataFrame) -> go.Figure:
    """Do pods use what they reserve? CPU and memory of each pod: requested, used, and its limit.

    Takes the table of `cluster.pod_usage`. The pods with the widest gap between request and usage come first.
    """
    if pod_usage.empty:
        return nothing("no pod usage")
    rows = records(pod_usage)
    for row in rows:
        gaps = [_gap(row, "cpu_millicores", "cpu_request_millicores"), _gap(row, "memory_mib", "memory_request_mib")]
        row["gap"] = max(gaps)
    rows.sort(key=lambda r: -r["gap"])
    shown = rows[:PODS]
    names = row_names([r["cluster"] for r in rows], [(r["cluster"], r["pod"]) for r in shown])
    figure = panels_of(2)
    for n, (what, used, requested, limit, unit) in enumerate(
        (
            ("CPU", "cpu_millicores", "cpu_request_millicores", "cpu_limit_millicores", "millicores"),
            ("memory", "memory_mib", "memory_request_mib", "memory_limit_mib", "MiB"),
        ),
        start=1,
    ):
        hover = [_pod_hover(r, what, used, requested, limit, unit) for r in shown]
        columns = (
            (requested, "requested", ORANGE, "line-ns"),
            (used, "used", BLUE, "circle"),
            (limit, "limit", GREY, "x-thin"),
        )
        add_spans(figure, n, [(_value(r[requested]), _value(r[used])) for r in shown])
        for column, kind, colour, symbol in columns:
            add_marks(figure, n, kind, colour, symbol, [_value(r[column]) for r in shown], hover, legend=n == 1)
        label_rows(figure, n, names, [_lacks(r, used, requested) for r in shown])
        figure.update_xaxes(row=n, col=1, title=f"{what}, {unit}", rangemode="tozero")
    alt = f"CPU and memory of {len(rows)} pods: requested, used and limit; the widest gap is {shown[0]['pod']}'s."
    return finished(figure, len(shown), 2, alt, capped(len(shown), len(rows), "pods", "widest gap first"))


def statement_share(statements: pd.DataFrame) -> go.Figure:
    """Which statements take the server's time? Each one's share of all statement time, and what the others take.

    Takes the table of `database.statements`.
    """
    known = [row for row in records(statements) if _value(row["share"]) is not None]
    if not known:
        return nothing("no statements")
    known.sort(key=lambda r: -r["share"])
    shown = known[:STATEMENTS]
    names = row_names(
        [r["database"] for r in known], [(r["database"], " ".join(r["statement"].split())) for r in shown]
    )
    values = [100 * r["share"] for r in shown]
    hover = [
        f"{100 * r['share']:.1f} % of the server's statement time<br>{r['calls']:,} calls, "
        f"{r['mean_exec_ms']:,.2f} ms each<br><br>{lines(r['statement'], 70, 600)}"
        for r in shown
    ]
    servers = {r["database"] for r in known}
    rest = 100.0 * len(servers) - sum(values)
    if rest > 0.05:
        values.append(rest)
        names.append(f"all other statements{' of all databases' if len(servers) > 1 else ''}")
        hover.append(f"{rest:.1f} %: all statements that are not shown")
    figure = panels_of(1)
    colours = [BLUE] * len(shown) + [GREY] * (len(values) - len(shown))
    add_bars(figure, 1, "share", colours, values, hover=hover, text=[f"{v:.1f} %" for v in values], legend=False)
    label_rows(figure, 1, names, [None] * len(values))
    figure.update_xaxes(title="share of all statement time, %", range=[0, min(100.0, max(values) * 1.25)])
    alt = f"Share of statement time of the top {len(shown)} statements; the first takes {values[0]:.0f} %."
    return finished(
        figure, len(values), 1, alt, capped(len(shown), len(known), "statements read", "largest share first")
    )


def connection_states(connections: pd.DataFrame) -> go.Figure:
    """Who holds connections, and doing what? Connections by application and state, against max_connections.

    Takes the table of `database.connections`.
    """
    if connections.empty:
        return nothing("no client connections")
    rows = records(connections)
    totals: dict[tuple[str, str], int] = {}
    for row in rows:
        row["of"] = (row["database"], row["application"] or "(no application name)")
        totals[row["of"]] = totals.get(row["of"], 0) + row["connections"]
    owners = sorted(totals, key=lambda o: -totals[o])
    shown = owners[:APPLICATIONS]
    states = sorted({_state(r) for r in rows}, key=lambda s: (list(STATES).index(s) if s in STATES else 9, s))
    figure = panels_of(1)
    for state in states:
        colour, pattern = STATES.get(state, (GREY, "."))
        counts = [sum(r["connections"] for r in rows if r["of"] == o and _state(r) == state) for o in shown]
        hover = [f"{label(o[1], 60)}<br>{c:,} {label(state, 40)}" for o, c in zip(shown, counts, strict=True)]
        add_bars(figure, 1, label(state, 40), colour, [c or None for c in counts], hover=hover, pattern=pattern)
    names = row_names([o[0] for o in owners], shown)
    label_rows(
        figure, 1, [f"{name} ({totals[o]:,})" for name, o in zip(names, shown, strict=True)], [None] * len(shown)
    )
    figure.update_layout(barmode="stack")
    whole = {"dtick": 1} if max(totals.values()) <= FEW else {}
    figure.update_xaxes(title="connections", rangemode="tozero", **whole)
    limits = {r["database"]: r for r in rows}
    used = [f"{label(n, 40)}: {_in_use(r)}" for n, r in limits.items()]
    alt = f"Connections by application and state. {'; '.join(used)}."
    cap = capped(len(shown), len(owners), "applications", "most connections first")
    return finished(figure, len(shown), 1, alt, "<br>".join([*used, cap] if cap else used))


def _in_use(row: dict[str, Any]) -> str:
    """How many connections are taken of those that ordinary roles can have."""
    said = f"{row['total']:,} of {row['max_connections'] - row['reserved']:,} connections in use"
    return f"{said} ({row['reserved']:,} more are reserved)" if row["reserved"] else said


def _value(value: Any) -> float | None:
    """A number, or None for what is missing: pandas.NA, NaN or None."""
    if value is None or type(value).__name__ == "NAType" or not math.isfinite(value):
        return None
    return float(value)


def _node(row: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    shares: dict[str, float | None] = {}
    said: dict[str, str] = {}
    for what, unit in (("cpu", "millicores"), ("memory", "mib")):
        whole = _value(row[f"{what}_allocatable_{unit}"])
        used, requested = _value(usage.get(f"{what}_{unit}")), _value(row[f"{what}_requested_{unit}"])
        shares[f"{what} used"] = 100 * used / whole if used is not None and whole else None
        shares[f"{what} requested"] = 100 * requested / whole if requested is not None and whole else None
        written = unit.replace("mib", "MiB")
        said[what] = (
            f"{label(row['node'], 60)}<br>used {_said(used, written)}<br>requested {_said(requested, written)}"
            f"<br>allocatable {_said(whole, written)}"
        )
    return {"cluster": row["cluster"], "node": row["node"], "shares": shares, "said": said}


def _said(value: float | None, unit: str) -> str:
    return "not read" if value is None else f"{value:,.0f} {unit}"


def _gap(row: dict[str, Any], used: str, requested: str) -> float:
    """How far usage is from its request, as a share of the larger; 0 when either is missing."""
    u, r = _value(row[used]), _value(row[requested])
    return abs(u - r) / max(u, r) if u is not None and r is not None and max(u, r) > 0 else 0.0


def _pod_hover(row: dict[str, Any], what: str, used: str, requested: str, limit: str, unit: str) -> str:
    bound = _value(row[limit])
    ask = _value(row[requested])
    return (
        f"{label(row['namespace'], 40)}/{label(row['pod'], 60)}<br>{what} used {_said(_value(row[used]), unit)}"
        f"<br>requested {_said(ask, unit) if ask else 'nothing'}<br>limit {_said(bound, unit) if bound else 'none'}"
    )


def _lacks(row: dict[str, Any], used: str, requested: str) -> str | None:
    if _value(row[used]) is None:
        return "usage not read"
    return None if _value(row[requested]) else "no request"


def _state(row: dict[str, Any]) -> str:
    return row["state"] if isinstance(row["state"], str) and row["state"] else "not visible to this role"
