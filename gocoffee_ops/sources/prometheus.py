"""Prometheus's HTTP API, and what speaks it too (Thanos, Mimir, VictoriaMetrics): instant and range queries.

An answer keeps the server's warnings (a part of the stores did not answer, a limit cut it) and infos: whoever shows it states
them. What the server says is wrong with a question is an error; it is not asked again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
import msgspec.yaml

from gocoffee_ops.errors import DeadlineExceeded, Forbidden, Malformed, NotFound, ServerFault, SourceError, Unsupported
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import HttpApi

if TYPE_CHECKING:
    from gocoffee_ops.config import MetricNames

GLOBAL = re.compile(r"^global:.*\n(?:[ #].*\n|\n)*", re.MULTILINE)
NO_SUCH_PATH = "unsupported path requested"  # with status 400, from VictoriaMetrics
NOTHING: Mapping[str, str] = MappingProxyType({})
Point = tuple[float, str]  # Unix time, and the value as the server writes it: NaN and +Inf among others

# What `errorType` means: our error, and what to try.
MEANINGS: Mapping[str, tuple[type[SourceError], str]] = MappingProxyType(
    {
        "bad_data": (Unsupported, "is it PromQL that this version knows?"),
        "execution": (ServerFault, "a shorter window or a longer step, where it is about samples"),
        "timeout": (DeadlineExceeded, "a shorter window, or --query.timeout"),
        "canceled": (ServerFault, "ask again"),
    }
)


class _Envelope(msgspec.Struct, rename="camel"):
    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    error_type: str = ""
    error: str = ""
    warnings: list[str] = []
    infos: list[str] = []


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Item(msgspec.Struct):
    """A series of a vector or a matrix; a native histogram has neither value nor values."""

    metric: dict[str, str]
    value: Point | None = None
    values: list[Point] = []


class _Build(msgspec.Struct):
    version: str


class _Runtime(msgspec.Struct, rename="camel"):
    start_time: datetime
    last_config_time: datetime | None = None


class _Rule(msgspec.Struct):
    type: str


class _Group(msgspec.Struct):
    rules: list[_Rule] | None = None


class _Rules(msgspec.Struct):
    groups: list[_Group] | None


class _Shown(msgspec.Struct):
    yaml: str


class _Global(msgspec.Struct):
    external_labels: dict[str, str] = {}


class _Config(msgspec.Struct, rename={"all_": "global"}):
    all_: _Global


@dataclass(frozen=True)
class Runtime:
    """When a server started, and when it last read its configuration, to the second; None where it does not tell."""

    started: datetime
    configured: datetime | None


@dataclass(frozen=True)
class Series:
    """One time series: its labels, and its points."""

    labels: Mapping[str, str]
    points: list[Point]


@dataclass(frozen=True)
class Answered:
    """The series of an answer, and what the server says about it: `warnings` mean that it is not whole."""

    series: list[Series]
    warnings: tuple[str, ...]
    infos: tuple[str, ...]


class Prometheus:
    """One Prometheus, with the names that metrics have there, and the labels that it is stated to add to its alerts.

    Options are those of `HttpApi`.
    """

    def __init__(
        self, target: str, url: str, *, metrics: MetricNames, stated_labels: Mapping[str, str] = NOTHING, **options: Any
    ) -> None:
        self.metrics = metrics
        self.stated_labels = stated_labels
        self._target = target
        self._api = HttpApi(target, url, said=_said, answers=lambda body: _error(body) in MEANINGS, **options)

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._api.secrets()

    def close(self) -> None:
        """Close the pooled connections."""
        self._api.close()

    def version(self, deadline: Deadline) -> str | None:
        """The server's version; None where what speaks the API tells none."""
        build: _Build | None = self._part("read its version", "/api/v1/status/buildinfo", _Build, deadline)
        return build.version if build else None

    def runtime(self, deadline: Deadline) -> Runtime | None:
        """When the server started; None where what speaks the API does not tell."""
        what = "read when it started"
        told: _Runtime | None = self._part(what, "/api/v1/status/runtimeinfo", _Runtime, deadline)
        return Runtime(told.start_time, told.last_config_time) if told else None

    def alerting_rules(self, deadline: Deadline) -> int | None:
        """How many alerting rules the server has; None where what speaks the API does not tell, or not of all."""
        asked = {"type": "alert", "exclude_alerts": "true"}
        told: _Rules | None = self._part("read its alerting rules", "/api/v1/rules", _Rules, deadline, asked)
        rules = [rule for group in (told.groups or [] if told else []) for rule in group.rules or []]
        return sum(rule.type == "alerting" for rule in rules) if told else None

    def external_labels(self, deadline: Deadline) -> Mapping[str, str] | None:
        """The labels that the server adds to its alerts; None where it does not show its configuration."""
        what = "read its external labels"
        shown: _Shown | None = self._part(what, "/api/v1/status/config", _Shown, deadline)
        section = GLOBAL.search(shown.yaml) if shown else None  # the rest may be long, and is not ours to read
        if section is None:
            return None
        try:
            config = msgspec.yaml.decode(section.group(), type=_Config)
        except msgspec.MsgspecError:
            why = "its configuration's part 'global' cannot be read"
            raise Malformed(what, target=self._target, why=why, hint="is this a Prometheus?") from None
        return config.all_.external_labels

    def instant(self, promql: str, at: datetime, deadline: Deadline, *, limit: int = 0) -> Answered:
        """The value of an expression at one moment; of a range selector, its samples up to then.

        `limit` is the most series that a server new enough sends (0: all). Raises the errors of `errors.SourceError`.
        """
        return self._query("query", {"query": promql, "time": _time(at)}, deadline, limit)

    def over(
        self, promql: str, start: datetime, end: datetime, step_s: float, deadline: Deadline, *, limit: int = 0
    ) -> Answered:
        """The value of an expression at every step of a window, both ends included."""
        params = {"query": promql, "start": _time(start), "end": _time(end), "step": f"{step_s:g}"}
        return self._query("query_range", params, deadline, limit)

    def _query(self, path: str, params: dict[str, str], deadline: Deadline, limit: int) -> Answered:
        what = f"ask {path}"
        asked = {
            **params,
            "timeout": f"{max(round(deadline.left() * 1000), 1)}ms",
        }  # it need not go on when we have gone
        if limit:
            asked["limit"] = str(limit)
        envelope = self._get(what, f"/api/v1/{path}", asked, deadline)
        data = self._decoded(what, envelope.data, _Data)
        if data.result_type == "scalar":
            series = [Series({}, [self._decoded(what, data.result, Point)])]
        elif data.result_type in {"vector", "matrix"}:
            items = self._decoded(what, data.result, list[_Item])
            if any(item.value is None and not item.values for item in items):
                why = "a series holds native histograms, not numbers"
                raise Unsupported(what, target=self._target, why=why, hint="histogram_quantile, histogram_count, …")
            series = [Series(item.metric, [item.value] if item.value else item.values) for item in items]
        else:
            raise Unsupported(what, target=self._target, why=f"the result is a {data.result_type}, not a series")
        return Answered(series, tuple(envelope.warnings), tuple(envelope.infos))

    def _part(self, what: str, path: str, shape: Any, deadline: Deadline, params: Mapping[str, str] = NOTHING) -> Any:
        """What a part of the API tells that not everything that speaks it has, or shows us; None where this one does not.

        None, too, where it warns that it does not tell all.
        """
        try:
            envelope = self._get(what, path, params, deadline)
        except (NotFound, Forbidden):
            return None
        except Malformed as error:
            if NO_SUCH_PATH in error.why:
                return None
            raise
        return None if envelope.warnings else self._decoded(what, envelope.data, shape)

    def _get(self, what: str, path: str, params: Mapping[str, str], deadline: Deadline) -> _Envelope:
        envelope = self._api.get(what, path, _Envelope, deadline, params=params)
        if envelope.status == "success":
            return envelope
        kind, hint = MEANINGS.get(envelope.error_type, (ServerFault, ""))
        raise kind(what, target=self._target, why=f"{envelope.error_type}: {envelope.error}", hint=hint)

    def _decoded(self, what: str, raw: msgspec.Raw, shape: Any) -> Any:
        try:
            return msgspec.json.decode(raw, type=shape)
        except msgspec.MsgspecError as error:
            raise Malformed(what, target=self._target, why=str(error), hint="is this a Prometheus?") from None


def _envelope(body: bytes) -> _Envelope | None:
    try:
        return msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _error(body: bytes) -> str:
    envelope = _envelope(body)
    return envelope.error_type if envelope else ""


def _said(body: bytes) -> str:
    envelope = _envelope(body)
    return f"{envelope.error_type}: {envelope.error}" if envelope and envelope.error_type else ""


def _time(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"
