"""Pickers beside a query, for somebody who explores: other arguments, the same question, its table below.

They are shown where a person can click (JupyterLab); a headless run has none. Only here is ipywidgets imported.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.analysis import costs
from gocoffee_ops.errors import NotRecorded, OpsError, UsageError, unknown_name
from gocoffee_ops.model import Window
from gocoffee_ops.ui.display import show
from gocoffee_ops.ui.text import duration

if TYPE_CHECKING:
    import ipywidgets
    import pandas as pd

SPANS_S: Final = (300.0, 900.0, 3_600.0, 6 * 3_600.0, 86_400.0, 7 * 86_400.0)
# The columns in which values for an argument are found, beside that of its own name, and what is made of a value there.
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "service": {"app": "{}", "deployment": "{}"},
    "app": {"service": "{}"},
    "of": {"owner": "{}", "deployment": "deployment/{}"},
}
NAMESPACE: Final = "namespace"
NAMED: Final = 6  # offered texts that a sentence names
WORDS: Final = {"of": "logs of"}  # arguments whose name says little beside a field
OFFERED: Final = {"by": costs.KEYS}  # arguments whose values stand in no table, and never empty

# A label selector, or one pod: whether there is one, what was read does not tell.
UNTOLD: Final = re.compile(r"[=!(]|pod/")

Ask = Callable[[Mapping[str, Any]], "pd.DataFrame"]


def pickers(
    question: Callable[..., Any], known: Sequence[pd.DataFrame], arguments: Mapping[str, Any], ask: Ask, *, demo: bool
) -> ipywidgets.Widget:
    """A row of pickers, one for each of `arguments`, a button, and what was answered.

    Texts are offered as they stand in the `known` tables, of the namespace that is picked; they may be typed too. Spans in
    seconds and times (in UTC, whatever the browser's zone) have pickers of their own. What cannot be asked, as a span that
    ends before it starts or a text that nothing of what was read has, is told in the answer's place, and nobody is asked.
    Raises UsageError for an argument that the question does not have, or whose kind has no picker.
    """
    import ipywidgets as widgets

    _checked(question, arguments)
    made = {name: _picker(name, value, known, arguments.get(NAMESPACE)) for name, value in arguments.items()}
    button = widgets.Button(description="Ask", button_style="primary", tooltip="ask again with what is picked")
    answer = widgets.Output()
    for gap in dict.fromkeys(gap for table in known for gap in table.attrs.get("gaps", ())):
        answer.append_stdout(f"not all is offered: {gap}\n")

    def clicked(_: Any) -> None:
        answer.clear_output(wait=True)
        button.disabled, button.description = True, "Asking…"
        try:
            with answer:
                _answer(ask, question, {name: _picked(widget) for name, widget in made.items()}, known, demo)
        finally:
            button.disabled, button.description = False, "Ask"

    def moved(change: Any) -> None:
        for name in texts:
            made[name].options = _offered(name, known, change["new"].strip())

    texts = [name for name, value in arguments.items() if isinstance(value, str) and name != NAMESPACE]
    if NAMESPACE in made:
        made[NAMESPACE].observe(moved, "value")
    button.on_click(clicked)
    row = widgets.HBox([*made.values(), button], layout=widgets.Layout(flex_flow="row wrap"))
    return widgets.VBox([row, answer])


def _checked(question: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    valid = list(inspect.signature(question).parameters)[1:]
    for name in arguments:
        if name not in valid:
            raise unknown_name("argument", name, valid)


def _answer(
    ask: Ask, question: Callable[..., Any], picked: Mapping[str, Any], known: Sequence[pd.DataFrame], demo: bool
) -> None:
    try:
        _askable(question, picked, known)
        show(ask(picked), demo=demo)
    except OpsError as error:  # it is on record by now; here it is told where the table would be
        print(_sentence(error))  # noqa: T201 - into the output below the pickers


def _sentence(error: OpsError) -> str:
    if isinstance(error, NotRecorded):  # what could be asked instead, one below the other
        return "\n  ".join([f"{error.what}: nobody is asked. Try:", *error.hint.split("; ")])
    return str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"


def _askable(question: Callable[..., Any], picked: Mapping[str, Any], known: Sequence[pd.DataFrame]) -> None:
    """Raises UsageError for what is picked and cannot be asked; contacts nothing."""
    if isinstance(picked.get("start"), datetime) and isinstance(picked.get("end"), datetime):
        Window(picked["start"], picked["end"])
    for name, value in picked.items():
        default = inspect.signature(question).parameters[name].default
        if value is None and default is not None:
            raise UsageError(f"{_words(name)} is empty", hint="a date and a time, UTC")
        if isinstance(value, str) and name not in OFFERED:
            _named(name, value, _offered(name, known, picked.get(NAMESPACE)), optional=default == "")


def _named(name: str, text: str, offered: Sequence[str], *, optional: bool) -> None:
    """Raises UsageError for a text that nothing of what was read has. Where one alone was read, others may be there."""
    if not text and not optional:
        raise UsageError(f"{_words(name)} is empty", hint=f"offered are {', '.join(offered[:NAMED]) or 'none'}")
    if not text or text in offered or len(offered) < 2 or UNTOLD.search(text):
        return
    near = difflib.get_close_matches(text, offered, n=3, cutoff=0.4) or offered[:NAMED]
    hint = f"{' or '.join(near)}; what was made since is known when the cell is run again"
    raise UsageError(f"nothing that was read has the {_words(name)} {text!r}", hint=hint)


def _words(name: str) -> str:
    return WORDS.get(name, name.removesuffix("_s").replace("_", " "))


def _picker(name: str, value: Any, known: Sequence[pd.DataFrame], namespace: str | None) -> ipywidgets.Widget:
    import ipywidgets as widgets

    words = _words(name)
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
        utc = value.astimezone(UTC).replace(tzinfo=None)  # with a zone, a browser would show it in its own
        return widgets.NaiveDatetimePicker(value=utc, description=f"{words} (UTC)", style=style)
    if isinstance(value, str):
        offered = _offered(name, known, namespace)
        hint = "one of these" if name in OFFERED else "empty for all"
        return widgets.Combobox(value=value, options=offered, description=words, placeholder=hint, style=style)
    raise UsageError(f"there is no picker for argument {name}", why=f"it is {type(value).__name__}")


def _offered(name: str, known: Sequence[pd.DataFrame], namespace: str | None) -> list[str]:
    """The texts that stand in the known tables for an argument, in one namespace if one is named."""
    if name in OFFERED:
        return [*OFFERED[name], *_label_keys(known)]
    forms = {name: "{}", **COLUMNS.get(name, {})}
    found = set()
    for table in known:
        within = bool(namespace) and name != NAMESPACE and NAMESPACE in table
        rows = table[table[NAMESPACE] == namespace] if within else table
        found |= {
            form.format(text) for column, form in forms.items() if column in rows for text in rows[column].dropna()
        }
    return sorted(found - {""})


def _label_keys(known: Sequence[pd.DataFrame]) -> list[str]:
    """The labels that lines of costs have, as keys."""
    lists = {tuple(labels) for table in known if "labels" in table for labels in table["labels"].dropna()}
    return sorted({f"{costs.LABEL}{one.partition('=')[0]}" for labels in lists for one in labels})


def _picked(widget: ipywidgets.Widget) -> Any:
    value = widget.value
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value.strip() if isinstance(value, str) else value
