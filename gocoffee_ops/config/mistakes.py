"""Mistakes in gocoffee.toml in our own words: the key, what was given (never what could be a secret) and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gocoffee_ops.config.environment import Config, Environment
from gocoffee_ops.config.fields import Section

SECRET_KEY = re.compile(r"dsn|passw|pwd|token|secret|key|credential|auth", re.IGNORECASE)


def mistakes(error: ValidationError) -> Iterator[str]:
    """Each mistake that pydantic found, as a sentence."""
    for detail in error.errors(include_url=False):
        key = _key(detail["loc"])
        yield f"{key} {_said(detail)}" if key else _said(detail)


def _key(loc: Sequence[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _said(detail: ErrorDetails) -> str:
    """One mistake in our words: what was given, and what is allowed."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "gocoffee":
        hint = context["hint"]
        return str(context["message"]) + (f" (allowed: {hint})" if hint else "")
    if kind == "extra_forbidden":
        return f"is not a key here (allowed: {_allowed(detail['loc'])})"
    if kind == "missing":
        return "is missing"
    given = _shown(detail["loc"], detail["input"])
    return f"was given {given} (allowed: {_rule(kind, context)})"


def _allowed(loc: Sequence[int | str]) -> str:
    """The keys of the table that `loc` points into, the nearest one first."""
    model = _model_at(loc[:-1])
    names = [name for name in model.model_fields if not (model is Environment and name == "name")]
    near = difflib.get_close_matches(str(loc[-1]), names, n=1)
    return ", ".join(near + [name for name in names if name not in near])


def _model_at(loc: Sequence[int | str]) -> type[Section]:
    """The model of the table that `loc` points to, or of the nearest one around it."""
    model: type[Section] = Config
    for part in loc:
        field = model.model_fields.get(str(part))
        model = next(_sections(field.annotation), model) if field else model
    return model


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """The models that a field's annotation names: alone, in a tuple or in a dict."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)


def _rule(kind: str, context: Mapping[str, Any]) -> str:
    rules = {
        "string_type": "a text in quotes",
        "string_too_short": "a text that is not empty",
        "bool_type": "true or false",
        "float_type": "a number",
        "int_type": "a whole number",
        "dict_type": "a table",
        "model_type": "a table",
        "tuple_type": "a list of tables",
        "greater_than": f"more than {context.get('gt', 0):g}",
        "greater_than_equal": f"{context.get('ge', 0):g} or more",
        "literal_error": str(context.get("expected")),
        "too_short": "a list that is not empty",
        "less_than_equal": f"at most {context.get('le', 0):g}",
    }
    return rules.get(kind, kind.replace("_", " "))


def _shown(loc: Sequence[int | str], value: Any) -> str:
    """What was given, unless it could be a secret."""
    text = repr(value)
    secret = any(SECRET_KEY.search(str(part)) for part in loc) or re.search(r"://|@|=|\bpassw", text)
    if secret or len(text) > 60 or isinstance(value, dict | list):
        return f"[hidden {type(value).__name__}]"
    return text
