"""Pickers beside a query, for somebody who explores: other arguments, the same question, its table below.

They are shown where a person can click (JupyterLab); a headless run has none. Only here is ipywidgets imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.errors import NotRecorded, OpsError, UsageError
from gocoffee_ops.evidence.folding import UNREAD
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.ui import offers
from gocoffee_ops.ui.display import show
from gocoffee_ops.ui.offers import NAMESPACE
from gocoffee_ops.ui.panels import FindingsPanel
from gocoffee_ops.ui.tables import newest_last
from gocoffee_ops.ui.text import duration, visible

if TYPE_CHECKING:
    import ipywidgets
    import pandas as pd

SPANS_S: Final = (300.0, 900.0, 3_600.0, 6 * 3_600.0, 86_400.0, 7 * 86_400.0)
STYLE: Final = {"description_width": "initial"}
APART: Final = "2px 14px 2px 2px"
TIP: Final = "clear it to see all that is offered; anything may be typed"

Ask = Callable[[Mapping[str, Any]], "pd.DataFrame"]
Judge = Callable[["pd.DataFrame"], None]


@dataclass(frozen=True)
class _Picker:
    """What is shown for one argument, how to learn what is picked, and how to offer other texts."""

    widget: ipywidgets.Widget
    picked: Callable[[], Any]
    offer: Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class _Offered:
    """The question, and what is known and picked at first."""

    question: Callable[..., Any]
    known: Sequence[pd.DataFrame]
    first: Mapping[str, Any]

    def texts(self, name: str, namespace: str | None) -> list[str]:
        """The texts that are offered for an argument. Names that were picked first stand for the namespace picked first."""
        first = self.first[name] if namespace == self.first.get(NAMESPACE) else ()
        return offers.offered(self.question, name, self.known, namespace, first)


def pickers(
    question: Callable[..., Any],
    known: Sequence[pd.DataFrame],
    arguments: Mapping[str, Any],
    ask: Ask,
    *,
    demo: bool,
    judge: Judge | None = None,
) -> ipywidgets.Widget:
    """A row of pickers, one for each of `arguments`, a button, and what was answered, with what `judge` shows of it.

    Texts are offered as they stand in the `known` tables, of the namespace that is picked; they may be typed too. Of a list of
    names several are picked. Spans in seconds and times (in UTC, whatever the browser's zone) have pickers of their own. Of rows
    with a `time`, as log lines are, the newest are shown. What cannot be asked, as a span that ends before it starts or a text that
    nothing of what was read has, is told in the answer's place, and nobody is asked; what was asked and not read is UNKNOWN, with
    the reason.
    Raises UsageError for an argument that the question does not have, or whose kind has no picker.
    """
    import ipywidgets as widgets

    offers.checked(question, arguments)
    offering = _Offered(question, known, arguments)
    made = {name: _picker(name, value, offering) for name, value in arguments.items()}
    button = widgets.Button(description="Ask", button_style="primary", tooltip="ask again with what is picked")
    answer = widgets.Output()
    lacking = [gap for table in known for kind in ("gaps", "truncated") for gap in table.attrs.get(kind, ())]
    for gap in dict.fromkeys(lacking):
        answer.append_stdout(f"not all is offered: {gap}\n")

    def clicked(_: Any) -> None:
        answer.clear_output(wait=True)
        button.disabled, button.description = True, "Asking…"
        try:
            with answer:
                _answer(ask, offering, {name: picker.picked() for name, picker in made.items()}, judge, demo)
        finally:
            button.disabled, button.description = False, "Ask"

    def moved(change: Any) -> None:
        for name, picker in made.items():
            named = isinstance(arguments[name], str | list | tuple) and not offers.choices(question, name)
            if named and name != NAMESPACE:
                picker.offer(offering.texts(name, change["new"].strip()))

    if NAMESPACE in made:
        made[NAMESPACE].widget.observe(moved, "value")
    button.on_click(clicked)
    row = widgets.HBox(
        [*(picker.widget for picker in made.values()), button], layout=widgets.Layout(flex_flow="row wrap")
    )
    return widgets.VBox([row, answer])


def _answer(ask: Ask, offering: _Offered, picked: Mapping[str, Any], judge: Judge | None, demo: bool) -> None:
    try:
        offers.askable(offering.question, picked, offering.known, offering.first)
        print(visible(offers.sentence(offering.question, picked)))  # noqa: T201 - into the output below the pickers
        table = ask(picked)
        show(newest_last(table) if "time" in table else table, demo=demo)
        if gaps := table.attrs.get("gaps", ()):
            _unknown(offering.question, [gap.partition(": ")[::2] for gap in gaps], demo)
        if judge:
            judge(table)
    except (UsageError, NotRecorded) as error:  # told where the table would be; nobody was asked
        print(_refusal(error))  # noqa: T201
    except OpsError as error:  # it is on record by now
        _unknown(offering.question, [(error.target, f"{type(error).__name__}: {error}")], demo)


def _unknown(question: Callable[..., Any], reasons: Sequence[Sequence[str]], demo: bool) -> None:
    """Show what was not read, as what it is; these findings are nobody's but of whoever picks."""
    name = getattr(question, "name", question.__name__)
    found = [Finding(Status.UNKNOWN, name, of or name, f"{UNREAD}{why}") for of, why in reasons]
    show(FindingsPanel(found, demo=demo), demo=demo)


def _refusal(error: OpsError) -> str:
    if isinstance(error, NotRecorded):  # what could be asked instead, one below the other
        return "\n  ".join([f"{error.what}: nobody is asked. Try:", *error.hint.split("; ")])
    return str(error)


def _picker(name: str, value: Any, offering: _Offered) -> _Picker:
    if isinstance(value, list | tuple):
        return _names(offers.words(offering.question, name), value, offering.texts(name, offering.first.get(NAMESPACE)))
    return _simple(_widget(name, value, offering))


def _widget(name: str, value: Any, offering: _Offered) -> ipywidgets.Widget:  # noqa: PLR0911 - one for each kind
    import ipywidgets as widgets

    words = offers.words(offering.question, name)
    field = {"description": words, "style": STYLE, "layout": widgets.Layout(margin=APART)}
    if isinstance(value, bool):
        return widgets.Checkbox(value=value, indent=False, **field)
    if few := offers.choices(offering.question, name):
        return widgets.Dropdown(options=list(dict.fromkeys([*few, value])), value=value, **field)
    if isinstance(value, int | float) and name.endswith("_s"):
        spans = sorted({*SPANS_S, float(value)})
        options = [(duration(span), span) for span in spans]
        return widgets.Dropdown(options=options, value=float(value), **field)
    if isinstance(value, int):
        return widgets.BoundedIntText(value=value, min=1, max=1_000_000, **field)
    if isinstance(value, float):
        return widgets.FloatText(value=value, **field)
    if isinstance(value, datetime):
        utc = value.astimezone(UTC).replace(tzinfo=None)  # with a zone, a browser would show it in its own
        return widgets.NaiveDatetimePicker(value=utc, **field | {"description": f"{words} (UTC)"})
    if isinstance(value, str):
        there = offering.texts(name, offering.first.get(NAMESPACE))
        hint = "one of these" if offers.has_keys(offering.question, name) else "empty for all"
        return widgets.Combobox(value=value, options=there, placeholder=hint, tooltip=TIP, **field)
    raise UsageError(f"there is no picker for argument {name}", why=f"it is {type(value).__name__}")


def _simple(widget: ipywidgets.Widget) -> _Picker:
    """A picker that is one widget."""

    def picked() -> Any:
        value = widget.value
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC)
        return value.strip() if isinstance(value, str) else value

    def offer(texts: Sequence[str]) -> None:
        widget.options = texts

    return _Picker(widget, picked, offer)


def _names(words: str, value: Sequence[str], there: Sequence[str]) -> _Picker:
    """A box to tick for each name that is offered, and a field for those that are not."""
    import ipywidgets as widgets

    fit = widgets.Layout(width="auto", margin="0 1em 0 0")
    boxes = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap", max_height="9em", overflow="hidden auto"))
    others = widgets.Text(description=f"other {words}", placeholder="comma between them", style=STYLE)

    def offer(texts: Sequence[str]) -> None:
        ticked = {box.description for box in boxes.children if box.value} if boxes.children else set(value)
        boxes.children = [
            widgets.Checkbox(value=text in ticked, description=text, indent=False, layout=fit) for text in texts
        ]

    def picked() -> list[str]:
        typed = {text.strip() for text in others.value.split(",")} - {""}
        return sorted(typed | {box.description for box in boxes.children if box.value})

    offer(there)
    whole = widgets.VBox([widgets.Label(f"{words}:"), boxes, others], layout=widgets.Layout(width="100%"))
    return _Picker(whole, picked, offer)
