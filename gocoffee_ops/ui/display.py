"""How things are shown in a running notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

PLOTLY: Final = "application/vnd.plotly.v1+json"


def show(value: Any) -> None:
    """Display `value` in the running notebook; without one, IPython prints its text."""
    from IPython.display import display

    display(value)  # type: ignore[no-untyped-call]  # IPython ships no annotation for it


def install(shell: Any, *, demo: bool = False) -> None:
    """Teach an IPython shell to show DataFrames as our tables and plotly figures without plotly's script inside.

    Registered by name, so that neither pandas nor plotly is imported before a notebook uses it.
    """

    def table(frame: pd.DataFrame) -> str:
        from gocoffee_ops.ui.tables import html

        return html(frame, demo=demo)

    def figure(shown: Any) -> None:
        from IPython.display import display

        display(bundle(shown, demo=demo), raw=True)  # type: ignore[no-untyped-call]  # IPython ships no annotation for it

    formatter = shell.display_formatter
    for module in ("pandas", "pandas.core.frame"):  # pandas 3 and before
        formatter.formatters["text/html"].for_type_by_name(module, "DataFrame", table)
    for module in ("plotly.graph_objs._figure", "plotly.graph_objs"):
        formatter.ipython_display_formatter.for_type_by_name(module, "Figure", figure)


def bundle(figure: Any, *, demo: bool = False) -> dict[str, Any]:
    """A plotly figure as a notebook keeps it: its JSON, and the same in words."""
    import json

    from gocoffee_ops.ui.tables import DEMO_BANNER

    data: dict[str, Any] = json.loads(figure.to_json())
    meta = data["layout"].get("meta")
    words = str(meta.get("alt", "")) if isinstance(meta, dict) else ""
    if demo:
        note = {"text": DEMO_BANNER, "xref": "paper", "yref": "paper", "x": 1, "y": 1, "xanchor": "right"}
        note |= {"yanchor": "bottom", "yshift": 6, "showarrow": False, "font": {"size": 11}}
        data["layout"].setdefault("annotations", []).append(note)
        words = f"{DEMO_BANNER} {words}"
    data["config"] = {"responsive": True, "displaylogo": False}
    return {PLOTLY: data, "text/plain": words.strip() or "figure"}
