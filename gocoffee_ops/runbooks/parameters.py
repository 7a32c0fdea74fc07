"""The typed `parameters` cell: read, checked and filled by us.

A runbook's first code cell, tagged `parameters`, declares what it takes, one a line:

    namespace: str = ""  # only this namespace; "" for all
    limit: int = 20  # statements to show [1..100]
    by: str = "total"  # order of the statements {total|mean|calls}
    start: str = ""  # when it began [time]
    end: str = ""  # when it was over; empty: now [time after start]

The comment is the help text; it may end in a range, in choices, or in `[time]`: ISO 8601 with a zone, or empty. A time may be
the end of the window that another one starts, or lie within what is read (`[time within]`). What is given is checked against
this before anything is contacted: papermill alone accepts a misspelt name, and makes 7 of `-p namespace 007`.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import math
import re
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from gocoffee_ops.errors import ParameterError, UsageError, unknown_name
from gocoffee_ops.model import TIME_FORM, read_time

Type = Literal["str", "int", "float", "bool", "list[str]"]
Value = str | int | float | bool | list[str]

TYPES: tuple[str, ...] = get_args(Type)
TRUE, FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
INJECTED = "# Parameters"  # the first line of the cell that papermill adds
_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"\s*\[(?P<low>{_NUMBER})?\.\.(?P<high>{_NUMBER})?\]\s*$")
_TIME = re.compile(r"\s*\[time(?: after (?P<after>\w+)|(?P<within> within))?\]\s*$")
_CHOICES = re.compile(r"\s*\{(?P<choices>[^{}]*\|[^{}]*)\}\s*$")


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: its type, default and help, and the range or choices that it keeps to."""

    name: str
    type: Type
    default: Value
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    time: bool = False
    after: str = ""  # the time that starts the window of which this one is the end
    within: bool = False  # a time that is not later than what is read

    @property
    def allowed(self) -> str:
        """What may be given, in words.

        >>> Parameter("limit", "int", 20, low=1, high=100).allowed
        'a whole number from 1 to 100'
        """
        if self.time:
            later = f" after {self.after}" if self.after else ""
            return f'a time{later}, as {TIME_FORM}, or ""'
        if self.choices:
            text = f"one of {', '.join(self.choices)}"
            return f"any of {', '.join(self.choices)}" if self.type == "list[str]" else text
        text = {
            "str": "a text",
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "list[str]": "texts, separated by commas",
        }[self.type]
        if self.low is not None and self.high is not None:
            return f"{text} from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{text}, {self.low:g} or more"
        return f"{text}, {self.high:g} or less" if self.high is not None else text

    def read(self, given: Sequence[str]) -> Value:
        """The value of what was given as text; a list takes several, separated by commas or given one by one."""
        if self.type == "list[str]":
            return self.check([part.strip() for text in given for part in text.split(",") if part.strip()])
        if len(given) > 1:
            raise self.wrong(" and ".join(map(repr, given)), "given more than once")
        text = given[0]
        if self.type == "str":
            return self.check(text)
        bare = text.strip()
        try:
            if self.type == "int":
                return self.check(int(bare, 10))
            if self.type == "float":
                return self.check(float(bare))
        except ValueError:
            raise self.wrong(repr(text)) from None
        if bare.lower() in TRUE | FALSE:
            return bare.lower() in TRUE
        raise self.wrong(repr(text))

    def check(self, value: object) -> Value:
        """The value when it has the type and keeps to the range (of a list: its length) or choices; else raises ParameterError."""
        if self.type == "list[str]":
            return self._check_list(value)
        if self.type == "bool":
            if not isinstance(value, bool):
                raise self.wrong(repr(value))
            return value
        if self.type == "str":
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                raise self.wrong(repr(value))
            if self.time and value:
                try:
                    read_time(value)
                except UsageError as error:
                    raise self.wrong(error.why.removeprefix("given ")) from None
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(repr(value))
        if self.type == "int" and not isinstance(value, int):
            raise self.wrong(repr(value))
        number = float(value) if self.type == "float" else value
        below = self.low is not None and number < self.low
        above = self.high is not None and number > self.high
        if below or above or not math.isfinite(number):
            raise self.wrong(f"{value:g}")
        return number

    def _check_list(self, value: object) -> list[str]:
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self.wrong(repr(value))
        items = [str(item) for item in value]
        if not (self.low or 0) <= len(items) <= (self.high or math.inf):
            raise self.wrong(repr(items))
        if self.choices and not set(items) <= set(self.choices):
            raise self.wrong(repr(sorted(set(items) - set(self.choices))))
        return items

    def wrong(self, given: str, why: str = "") -> ParameterError:
        """The error that says what was given and what may be."""
        why = f"given {given}" if not why else f"{why}: {given}"
        return ParameterError(f"parameter {self.name!r} is wrong", why=why, hint=self.allowed)


def parse(source: str, runbook: str = "") -> tuple[Parameter, ...]:
    """The parameters that a `parameters` cell declares; a cell that is not of that form raises ParameterError.

    >>> parse('n: int = 20  # rows [1..100]')
    (Parameter(name='n', type='int', default=20, help='rows', low=1.0, high=100.0, choices=(), time=False, after='', within=False),)
    """
    try:
        body = ast.parse(source).body
        comments = _comments(source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise _unreadable(runbook, f"it is not Python: {error}") from error
    found: list[Parameter] = []
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            raise _unreadable(runbook, f"line {statement.lineno} is not `name: type = default  # help`")
        found.append(_parameter(statement, comments.get(statement.end_lineno or statement.lineno, ""), runbook))
    names = [parameter.name for parameter in found]
    if len(set(names)) != len(names):
        raise _unreadable(runbook, "it names a parameter twice")
    times = {parameter.name for parameter in found if parameter.time}
    for parameter in found:
        if parameter.after and (parameter.after not in times or parameter.after == parameter.name):
            raise _unreadable(runbook, f"{parameter.name} is a time after {parameter.after}, which is no other time")
    return tuple(found)


def values(parameters: Sequence[Parameter], given: Mapping[str, Sequence[str]]) -> dict[str, Value]:
    """Every parameter's value: what was given, typed and checked, else the default. An unknown name raises."""
    valid = [parameter.name for parameter in parameters]
    for name in given:
        if name not in valid:
            raise unknown_name("parameter", name, valid, ParameterError)
    return {p.name: p.read(given[p.name]) if p.name in given else p.default for p in parameters}


def typed(parameters: Sequence[Parameter], given: Mapping[str, object]) -> dict[str, Value]:
    """The same for values that have a type already (of a file, or of an earlier run)."""
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            raise unknown_name("parameter", name, known, ParameterError)
    return {name: known[name].check(value) for name, value in given.items()}


def check_times(
    parameters: Sequence[Parameter],
    values: Mapping[str, Value],
    *,
    now: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """Check that a window starts before its end and lies before `until`, where what is read ends, as does a time within it, and
    that no other time is later than `now`. An end that was not given is `until`. Raises ParameterError.

    >>> both = parse('start: str = ""  # its start [time]\\nend: str = ""  # its end [time after start]')
    >>> check_times(both, {"start": "2026-11-23T04:00Z", "end": "2026-11-23T03:00Z"})
    Traceback (most recent call last):
        ...
    gocoffee_ops.errors.ParameterError: parameter 'end' is wrong: given '2026-11-23T03:00Z', and for start '2026-11-23T04:00Z'. \
Try: a time after start, as 2026-11-23T03:00Z, or ""
    """
    given = {p.name: p for p in parameters if p.time and values.get(p.name)}
    starts, ends = {p.after for p in parameters if p.after}, {p.name for p in parameters if p.after}
    for name, p in given.items():
        moment, latest = read_time(str(values[name])), until if p.within or name in starts | ends else now
        if latest is not None and (moment > latest or (moment == latest and name in starts)):
            raise p.wrong(f"{values[name]!r}, which is later than what is read: {latest:%Y-%m-%dT%H:%MZ}")
        if p.after in given and read_time(str(values[p.after])) >= moment:
            raise p.wrong(f"{values[name]!r}, and for {p.after} {values[p.after]!r}")


def assignments(given: Mapping[str, Value]) -> str:
    """The source of the cell that sets what was given, as papermill writes it.

    >>> print(assignments({"namespace": "007", "limit": 5}))
    # Parameters
    namespace = '007'
    limit = 5
    """
    return "\n".join([INJECTED, *(f"{name} = {value!r}" for name, value in given.items())])


def check_injected(cells: Sequence[str], variables: Mapping[str, object]) -> None:
    """Check what papermill put into the cell after the parameters cell; it does not check names or types itself.

    `cells` are the sources that ran so far. A parameters cell that is not of our form is none of ours to judge.

    >>> check_injected(['limit: int = 20  # rows [1..100]', '# Parameters\\nlimt = 5'], {})
    Traceback (most recent call last):
        ...
    gocoffee_ops.errors.ParameterError: unknown parameter 'limt'. Try: did you mean 'limit'? valid: limit
    """
    for declared, given in itertools.pairwise(cells):
        if given.startswith(INJECTED):
            with contextlib.suppress(ParameterError):
                parameters = parse(declared)
                break
    else:
        return
    assigned = [node for node in ast.parse(given).body if isinstance(node, ast.Assign)]
    names = [target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)]
    check_times(parameters, typed(parameters, {name: variables.get(name) for name in names}))


def _parameter(statement: ast.AnnAssign, comment: str, runbook: str) -> Parameter:
    name, type_ = ast.unparse(statement.target), ast.unparse(statement.annotation)
    if type_ not in TYPES:
        raise _unreadable(runbook, f"{name} is {type_!r}; valid: {', '.join(TYPES)}")
    if statement.value is None:
        raise _unreadable(runbook, f'{name} has no default; "" stands for none')
    try:
        default = ast.literal_eval(statement.value)
    except ValueError as error:
        raise _unreadable(runbook, f"the default of {name} is not a literal") from error
    help_, low, high = comment, None, None
    choices: tuple[str, ...] = ()
    if match := _RANGE.search(comment):
        if type_ not in {"int", "float", "list[str]"} or match["low"] is match["high"] is None:
            raise _unreadable(runbook, f"{name} has a range that does not fit {type_}")
        low, high = (float(bound) if bound else None for bound in (match["low"], match["high"]))
        help_ = comment[: match.start()]
    elif match := _TIME.search(comment):
        if type_ != "str":
            raise _unreadable(runbook, f"{name} is a time, and is {type_}; it is written as str")
        help_ = comment[: match.start()]
    elif match := _CHOICES.search(comment):
        if type_ not in {"str", "list[str]"}:
            raise _unreadable(runbook, f"{name} has choices, and is {type_}")
        choices = tuple(choice.strip() for choice in match["choices"].split("|"))
        help_ = comment[: match.start()]
    time = _TIME.search(comment)
    after, within = (time["after"] or "", bool(time["within"])) if time else ("", False)
    parameter = Parameter(name, type_, "", help_, low, high, choices, bool(time), after, within)  # type: ignore[arg-type]  # one of TYPES
    try:
        checked = parameter.check(default)
    except ParameterError as error:
        raise _unreadable(runbook, f"its own default is refused: {error}") from error
    return replace(parameter, default=checked)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}


def _unreadable(runbook: str, why: str) -> ParameterError:
    return ParameterError("read the parameters cell", target=runbook, why=why)
