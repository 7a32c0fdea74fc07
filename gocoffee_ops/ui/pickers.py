"""Pickers beside a query, for somebody who explores: other arguments, the same question, its table below.

They are shown where a person can click (JupyterLab); a headless run has none. Only here is ipywidgets imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.analysis import costs
from gocoffee_ops.errors import OpsError, UsageError, unknown_name
from gocoffee_ops.ui.display import show
from gocoffee_ops.ui.text import duration

if TYPE_CHECKING:
    import ipywidgets
    import pandas as pd

SPANS_S: Final = (300.0, 900.0, 3_600.0, 6 * 3_600.0, 86_400.0, 7 * 86_400.0)
# The columns in which values for an argument are found, beside its own name.
COLUMNS: Final = {"service": ("app", "deployment"), "app": ("service",)}
OFFERED: Final = {"by": costs.KEYS}  # arguments whose values stand in no table, and never empty

Ask = Callable[[Mapping[str, Any]], "pd.DataFrame"]


def pickers(
    question: Callable[..., Any], known: Sequence[pd.DataFrame], arguments: Mapping[str, Any], ask: Ask, *, demo: bool
) -> ipywidgets.Widget:
    """A row of pickers, one for each of `arguments`, a button, and what was answered.

    Texts are offered as they stand in the `known` tables, but may be typed; spans in seconds and times have their own.
    Raises UsageError for an argument that the question does not have, or whose kind has no picker.
    """
    import ipywidgets as widgets

    _checked(question, arguments)
    made = {name: _picker(name, value, known) for name, value in arguments.items()}
    button = widgets.Button(description="Ask", button_style="primary", tooltip="ask again with what is picked")
    answer = widgets.Output()

    def clicked(_: Any) -> None:
        answer.clear_output(wait=True)
        button.disabled, button.description = True, "Asking…"
        try:
            with answer:
                _answer(ask, {name: _picked(widget) for name, widget in made.items()}, demo)
        finally:
            button.disabled, button.description = False, "Ask"

    button.on_click(clicked)
    row = widgets.HBox([*made.values(), button], layout=widgets.Layout(flex_flow="row wrap"))
    return widgets.VBox([row, answer])


def _checked(question: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    valid = list(inspect.signature(question).parameters)[1:]
    for name in arguments:
        if name not in valid:
            raise unknown_name("argument", name, valid)


def _answer(ask: Ask, picked: Mapping[str, Any], demo: bool) -> None:
    try:
        show(ask(picked), demo=demo)
    except OpsError as error:  # also a finding by now; here it is told where the table would be
        print(f"{type(error).__name__}: {error}")  # noqa: T201 - into the output below the pickers


def _picker(name: str, value: Any, known: Sequence[pd.DataFrame]) -> ipywidgets.Widget:
    import ipywidgets as widgets

    words = name.removesuffix("_s").replace("_", " ")
    style = {"description_width": "initial"}
    if isinstance(value, bool):
        return widgets.Checkbox(value=value, description=words, indent=False)
    if isinstance(value, int | float) and name.endswith("_s"):
        spans = sorted({*SPANS_S, float(value)})
        options = [(duration(span), span) for span in spans]
        return widgets.Dropdown(options=options, value=float(value), description=words, style=style)
    if isinstance(value, int):
        return widgets.BoundedIntText(value=value, min=1, max=1_000_000, description=words, style=style)
    if isinstance(value, datetime):
        return widgets.DatetimePicker(value=value, description=f"{words} (UTC)", style=style)
    if isinstance(value, str):
        offered = _offered(name, known)
        hint = "one of these" if name in OFFERED else "empty for all"
        return widgets.Combobox(value=value, options=offered, description=words, placeholder=hint, style=style)
    raise UsageError(f"there is no picker for argument {name}", why=f"it is {type(value).__name__}")


def _offered(name: str, known: Sequence[pd.DataFrame]) -> list[str]:
    """The texts that stand in the known tables for an argument."""
    if name in OFFERED:
        return [*OFFERED[name], *_label_keys(known)]
    columns = (name, *COLUMNS.get(name, ()))
    found = {text for table in known for column in columns if column in table for text in table[column].dropna()}
    return sorted(map(str, found))


def _label_keys(known: Sequence[pd.DataFrame]) -> list[str]:
    """The labels that lines of costs have, as keys."""
    lists = {tuple(labels) for table in known if "labels" in table for labels in table["labels"].dropna()}
    return sorted({f"{costs.LABEL}{one.partition('=')[0]}" for labels in lists for one in labels})


def _picked(widget: ipywidgets.Widget) -> Any:
    value = widget.value
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value.strip() if isinstance(value, str) else value
