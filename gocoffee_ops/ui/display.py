"""How things are shown in a running notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from gocoffee_ops.errors import unknown_name

PLOTLY: Final = "application/vnd.plotly.v1+json"
LEGEND_ROW: Final = 3  # names of a legend that stand beside each other on a phone, or nearly


def show(value: Any, *, demo: bool = False) -> None:
    """Display `value` in the running notebook, marked where it is demo data; without a notebook its text is printed."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    data = bundle(value, demo=demo)
    if data is None:
        display(value)  # type: ignore[no-untyped-call]  # IPython ships no annotation for it
    elif InteractiveShell.initialized():
        display(data, raw=True)  # type: ignore[no-untyped-call]
    else:
        display(data["text/plain"])  # type: ignore[no-untyped-call]


def selected(frame: Any, columns: Sequence[str]) -> Any:
    """Some of a table's columns; the table then says how many it has. Raises UsageError for one that it has not."""
    for column in columns:
        if column not in frame.columns:
            raise unknown_name("column", column, frame.columns)
    chosen = frame[list(columns)]
    chosen.attrs["columns"] = f"{len(columns)} of {len(frame.columns)} columns"
    return chosen


def install(shell: Any, *, demo: bool = False) -> None:
    """Teach an IPython shell to show DataFrames as our tables, and plotly figures without plotly's script inside.

    Registered by name, so that neither pandas nor plotly is imported before a notebook uses it.
    """

    def shown(value: Any) -> None:
        show(value, demo=demo)

    formatter = shell.display_formatter.ipython_display_formatter
    for module, name in _TABLES | _FIGURES:
        formatter.for_type_by_name(module, name, shown)


def bundle(value: Any, *, demo: bool = False) -> dict[str, Any] | None:
    """A DataFrame or a plotly figure as a notebook keeps it, and the same in words; None for anything else."""
    names = {(cls.__module__, cls.__name__) for cls in type(value).__mro__}
    if names & _TABLES:
        from gocoffee_ops.ui.tables import DEMO_BANNER, html

        banner = f"{DEMO_BANNER}\n" if demo else ""
        return {"text/html": html(value, demo=demo), "text/plain": f"{banner}{value!r}"}
    return _figure(value, demo=demo) if names & _FIGURES else None


# By name, as pandas and plotly are imported only where they are used; pandas 3 says "pandas", those before its core.
_TABLES: Final = {("pandas", "DataFrame"), ("pandas.core.frame", "DataFrame")}
_FIGURES: Final = {("plotly.graph_objs._figure", "Figure"), ("plotly.graph_objs", "Figure")}


def _figure(figure: Any, *, demo: bool) -> dict[str, Any]:
    from gocoffee_ops.ui.tables import DEMO_BANNER

    data: dict[str, Any] = json.loads(figure.to_json())
    meta = data["layout"].get("meta")
    words = str(meta.get("alt", "")) if isinstance(meta, dict) else ""
    if demo:
        note = {"text": DEMO_BANNER, "xref": "paper", "yref": "paper", "x": 1, "y": 1, "xanchor": "right"}
        note |= {"yanchor": "bottom", "yshift": 22, "showarrow": False, "font": {"size": 11}}
        if sum(bool(one.get("name")) and one.get("showlegend") is not False for one in data["data"]) > LEGEND_ROW:
            note |= {"y": 0, "yanchor": "top", "yshift": -42}  # on a phone the legend has several rows there
        data["layout"].setdefault("annotations", []).append(note)
        words = f"{DEMO_BANNER} {words}"
    data["config"] = {"responsive": True, "displaylogo": False}
    return {PLOTLY: data, "text/plain": words.strip() or "figure"}
