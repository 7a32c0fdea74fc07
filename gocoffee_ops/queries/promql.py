"""Expressions of PromQL, and what their answers hold: values that are there, and reasons for those that are not."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from gocoffee_ops.errors import Malformed, ParameterError
from gocoffee_ops.queries.query import Ask

if TYPE_CHECKING:
    from gocoffee_ops.sources.prometheus import Answered, Prometheus, Series

SCRAPES = 4  # a rate's window holds at least so many, or one lost scrape leaves nothing to compute it from
LOOK_BACK_S = 900  # for the scrape interval: some scrapes even where they are minutes apart
NO_SAMPLE = "no sample: not scraped then, or gone stale"


@dataclass(frozen=True)
class Asked:
    """What one question asked so far, and what the server said about it."""

    promql: list[str]
    warnings: list[str]
    infos: list[str]

    @classmethod
    def nothing(cls) -> Asked:
        """Nothing yet."""
        return cls([], [], [])

    def heard(self, promql: str, answered: Answered) -> list[Series]:
        """The answer's series; its warnings are kept."""
        self.promql.append(promql)
        self.warnings.extend(w for w in answered.warnings if w not in self.warnings)
        self.infos.extend(i for i in answered.infos if i not in self.infos)
        return answered.series

    def stated(self, *more: str) -> str:
        """What makes the answer not whole, for `Rows.truncated`."""
        return "; ".join([*more, *(f"the server warns: {warning}" for warning in self.warnings)])

    def notes(self) -> Mapping[str, Sequence[str]]:
        """For the record: the expressions, and what the server remarked."""
        return {"promql": self.promql, "infos": self.infos}


def selector(metric: str, *conditions: str) -> str:
    """A metric with its conditions.

    >>> selector("up", equals("job", 'or"ders'), one_of("code", ["200", "2.x"]))
    'up{job="or\\\\"ders",code=~"200|2\\\\\\\\.x"}'
    """
    return f"{metric}{{{','.join(filter(None, conditions))}}}"


def equals(label: str, value: str) -> str:
    """The label has that value."""
    return f"{label}={_quoted(value)}"


def one_of(label: str, values: Iterable[str]) -> str:
    """The label has one of the values."""
    return matches(label, "|".join(re.escape(value) for value in values))


def matches(label: str, pattern: str) -> str:
    """The label matches the whole of the pattern."""
    return f"{label}=~{_quoted(pattern)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def read_number(text: str) -> tuple[float | None, str | None]:
    """A value as the server writes it, or why it is none.

    >>> read_number("0.5"), read_number("NaN"), read_number("+Inf")
    ((0.5, None), (None, 'NaN: there is nothing to compute it from'), (None, '+Inf'))
    """
    if text == "NaN":
        return None, "NaN: there is nothing to compute it from"
    if text in {"+Inf", "-Inf"}:
        return None, text
    try:
        return float(text), None
    except ValueError:
        raise Malformed("read a value", why=f"{text[:40]!r} is not a number") from None


def number(text: str) -> float | None:
    """A value, or None."""
    return read_number(text)[0]


def by_label(series: Iterable[Series], *labels: str) -> dict[tuple[str, ...], float | None]:
    """The value of each series of a vector, by some of its labels."""
    return {tuple(s.labels.get(label, "") for label in labels): number(s.points[-1][1]) for s in series if s.points}


def until(ask: Ask[Prometheus], end: datetime | None) -> Ask[Prometheus]:
    """The same question as of an earlier moment. Raises ParameterError for a later one, of which nothing is known."""
    if end is None:
        return ask
    if end > ask.as_of:
        why = f"{end.astimezone(UTC):%Y-%m-%d %H:%M} UTC is after this run, which reads as of {ask.as_of:%H:%M:%S}"
        raise ParameterError(
            "ask of a window", why=why, hint="an earlier end; to read as of now, run the notebook again"
        )
    return replace(ask, as_of=end)


def scrape_interval(ask: Ask[Prometheus], asked: Asked, services: Sequence[str], metric: str) -> float | None:
    """How far apart the samples of some services are, in seconds: configured, else measured; None where there are none.

    Measured on `up`, which every scraped target has, or else on the metric itself.
    """
    names = ask.source.metrics
    if names.scrape_interval_s is not None:
        return names.scrape_interval_s
    for candidate in ("up", metric):
        promql = f"{selector(candidate, one_of(names.service_label, services))}[{LOOK_BACK_S}s]"
        found = gaps(asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline)))
        if found is not None:
            return found
    return None


def gaps(series: Iterable[Series]) -> float | None:
    """The usual time between samples, of the series where it is longest."""
    usual = []
    for one in series:
        times = [at for at, _ in one.points]
        if len(times) > 1:
            usual.append(statistics.median(b - a for a, b in pairwise(times)))
    return max(usual, default=None)


def window_of(wanted_s: float, interval_s: float | None) -> float:
    """The window of a rate: what is wanted, or more where the scrapes are too far apart for it.

    >>> window_of(75.0, 60.0), window_of(300.0, 15.0), window_of(300.0, None)
    (240.0, 300.0, 300.0)
    """
    return max(wanted_s, SCRAPES * (interval_s or 0.0))


def grid(start: datetime, end: datetime, step_s: float) -> list[float]:
    """The moments of a range query, as Unix times."""
    first, steps = start.timestamp(), int((end - start).total_seconds() / step_s + 1e-9)
    return [first + i * step_s for i in range(steps + 1)]
