"""What pickers offer for a query's arguments, and what of it can be asked: tables that were read in, texts out."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.analysis import costs
from gocoffee_ops.errors import UsageError, unknown_name
from gocoffee_ops.model import Window
from gocoffee_ops.queries.database import ORDERS
from gocoffee_ops.queries.inside import COMMANDS
from gocoffee_ops.ui.text import duration

if TYPE_CHECKING:
    import pandas as pd

NAMESPACE: Final = "namespace"
NAMED: Final = 6  # offered texts that a sentence names
WORDS: Final = MappingProxyType({"of": "logs of"})  # arguments whose name says little beside a field
OWN_WORDS: Final = MappingProxyType({("probe", "of"): "in", ("probe", "run"): "ask"})  # of one question

# A label selector, or one pod: whether there is one, what was read does not tell.
UNTOLD: Final = re.compile(r"[=!(]|pod/")
# Workloads whose pods are called after them, and then by letters of Kubernetes' own.
NAMES_PODS: Final = re.compile(r"(?:deployment|statefulset|daemonset)/(.+)")


def _named_after(owner: str) -> str:
    """The service that a pod of this owner is of; "" where its name does not tell.

    >>> _named_after("deployment/orders"), _named_after("job/mail")
    ('orders', '')
    """
    found = NAMES_PODS.fullmatch(owner)
    return found[1] if found else ""


# The columns in which values for an argument are found, beside that of its own name, and what is made of a value there.
COLUMNS: Final[Mapping[str, Mapping[str, Callable[[str], str]]]] = MappingProxyType(
    {
        "service": {"app": str, "deployment": str},
        "services": {"service": str, "owner": _named_after},
        "app": {"service": str},
        "of": {"owner": str, "deployment": "deployment/{}".format},
    }
)
# Arguments whose values stand in no table, and never empty, by question and argument: where there are others, and where not.
KEYS: Final = MappingProxyType({("aggregate", "by"): costs.KEYS})
CHOICES: Final = MappingProxyType({("statements", "by"): ORDERS, ("probe", "run"): COMMANDS})
# Questions whose argument is a pod, and no workload as elsewhere.
OF_PODS: Final = MappingProxyType({("probe", "of"): {"pod": "pod/{}".format}})


def checked(question: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raises UsageError for an argument that the question does not have."""
    valid = list(inspect.signature(question).parameters)[1:]
    for name in arguments:
        if name not in valid:
            raise unknown_name("argument", name, valid)


def words(question: Callable[..., Any], name: str) -> str:
    """An argument as it is called beside its field."""
    usual = WORDS.get(name, name.removesuffix("_s").replace("_", " "))
    return OWN_WORDS.get((question.__name__, name), usual)


def choices(question: Callable[..., Any], name: str) -> Sequence[str]:
    """All values that an argument may have; none where that is not known."""
    return CHOICES.get((question.__name__, name), ())


def has_keys(question: Callable[..., Any], name: str) -> bool:
    """Whether an argument's values are known beforehand, but for labels, which may be any."""
    return (question.__name__, name) in KEYS


def offered(
    question: Callable[..., Any], name: str, known: Sequence[pd.DataFrame], namespace: str | None, first: Any = ()
) -> list[str]:
    """The texts that stand in the known tables for an argument, in one namespace if one is named; with names picked first."""
    if has_keys(question, name):
        return [*KEYS[question.__name__, name], *_label_keys(known)]
    usual: dict[str, Callable[[str], str]] = {name: str, **COLUMNS.get(name, {})}
    forms = OF_PODS.get((question.__name__, name), usual)
    found = set(first) if isinstance(first, list | tuple) else set()
    for table in known:
        within = bool(namespace) and name != NAMESPACE and NAMESPACE in table
        rows = table[table[NAMESPACE] == namespace] if within else table
        found |= {form(text) for column, form in forms.items() if column in rows for text in rows[column].dropna()}
    return sorted(found - {""})


def askable(
    question: Callable[..., Any], picked: Mapping[str, Any], known: Sequence[pd.DataFrame], first: Mapping[str, Any]
) -> None:
    """Raises UsageError for what is picked and cannot be asked; contacts nothing."""
    if isinstance(picked.get("start"), datetime) and isinstance(picked.get("end"), datetime):
        Window(picked["start"], picked["end"])
    for name, value in picked.items():
        default = inspect.signature(question).parameters[name].default
        if value is None and default is not None:
            raise UsageError(f"{words(question, name)} is empty", hint="a date and a time, UTC")
        if has_keys(question, name) or choices(question, name):
            continue
        if isinstance(value, str):
            there = offered(question, name, known, picked.get(NAMESPACE))
            _named(words(question, name), value, there, optional=default == "")
        if isinstance(value, list):
            there = offered(question, name, known, picked.get(NAMESPACE), first[name])
            for text in value or [""]:
                _named(words(question, name).removesuffix("s"), text, there, optional=False)


def sentence(question: Callable[..., Any], picked: Mapping[str, Any]) -> str:
    """What is asked, in one line.

    >>> sentence(offered, {"services": ["orders", "web"], "window_s": 300.0, "end": datetime(2026, 11, 25, 3, tzinfo=UTC)})
    'services: orders, web · window: 5 min · end: 2026-11-25 03:00 UTC'
    """
    told = ((words(question, name), _said(name, value)) for name, value in picked.items() if value is not None)
    return " · ".join(f"{name}: {value}" for name, value in told)


def _said(name: str, value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and name.endswith("_s"):
        return duration(value)
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else "all" if value == "" else str(value)


def _named(what: str, text: str, there: Sequence[str], *, optional: bool) -> None:
    """Raises UsageError for a text that nothing of what was read has. Where one alone was read, others may be there."""
    if not text and not optional:
        raise UsageError(f"{what} is empty", hint=f"offered are {', '.join(there[:NAMED]) or 'none'}")
    if not text or text in there or len(there) < 2 or UNTOLD.search(text):
        return
    near = difflib.get_close_matches(text, there, n=3, cutoff=0.4) or there[:NAMED]
    hint = f"{' or '.join(near)}; what was made since is known when the cell is run again"
    raise UsageError(f"nothing that was read has the {what} {text!r}", hint=hint)


def _label_keys(known: Sequence[pd.DataFrame]) -> list[str]:
    """The labels that lines of costs have, as keys."""
    lists = {tuple(labels) for table in known if "labels" in table for labels in table["labels"].dropna()}
    return sorted({f"{costs.LABEL}{one.partition('=')[0]}" for labels in lists for one in labels})
