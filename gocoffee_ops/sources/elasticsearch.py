"""Elasticsearch (what stands behind Kibana): log lines of a window, page by page, of one moment.

Two things look like an empty answer and are none: an index pattern that matches nothing, and a field that the index does not have.
Both are asked about first, and raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from typing import Any
from urllib.parse import quote

import msgspec

from gocoffee_ops.errors import NotFound, OpsError, Unsupported
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import HttpApi, Identity

PAGE = 2000
KEPT_S = 60  # how long the server keeps the moment that we page through, after each page
NANOS = "strict_date_optional_time_nanos"
NOBODY = Identity()


@dataclass(frozen=True)
class Fields:
    """What the fields of a document are called; the defaults are those of the Elastic Common Schema."""

    time: str = "@timestamp"
    message: str = "message"
    level: str = "log.level"
    service: str = "service.name"
    namespace: str = "kubernetes.namespace"
    pod: str = "kubernetes.pod.name"
    container: str = "kubernetes.container.name"

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.time, self.message, self.level, self.service, self.namespace, self.pod, self.container)


class _Reason(msgspec.Struct):
    reason: str | None = ""
    type: str = ""


class _ShardFailure(msgspec.Struct):
    reason: _Reason = msgspec.field(default_factory=_Reason)


class _Shards(msgspec.Struct):
    total: int
    failed: int = 0
    failures: list[_ShardFailure] = msgspec.field(default_factory=list)


class _Total(msgspec.Struct):
    value: int


class _Hit(msgspec.Struct):
    sort: list[Any] = msgspec.field(default_factory=list)
    fields: dict[str, list[Any]] = msgspec.field(default_factory=dict)


class _Hits(msgspec.Struct):
    hits: list[_Hit]
    total: _Total | None = None


class _Aggregate(msgspec.Struct):
    value_as_string: str | None = None


class _Answer(msgspec.Struct):
    timed_out: bool
    hits: _Hits
    shards: _Shards = msgspec.field(name="_shards")
    pit_id: str = ""
    aggregations: dict[str, _Aggregate] = msgspec.field(default_factory=dict)


class _Pit(msgspec.Struct):
    id: str


class _Capabilities(msgspec.Struct):
    indices: list[str] | str
    fields: dict[str, Any]


class _Problem(msgspec.Struct):
    error: _Reason | str


@dataclass(frozen=True)
class Reach:
    """What a log store holds: documents, the time of the oldest and the newest, and which of the fields it lacks."""

    count: int
    oldest: datetime | None
    newest: datetime | None
    lacks: tuple[str, ...]
    unread: str


@dataclass(frozen=True)
class Page:
    """Some lines, in the order of time; how many there are in all (on the first page); and what part shards did not give."""

    rows: Sequence[Mapping[str, Any]]
    total: int
    unread: str


class LogStore:
    """The log lines of one Elasticsearch. Making it contacts nothing. Safe to share between threads."""

    def __init__(
        self,
        target: str,
        url: str,
        *,
        index: str,
        fields: Fields,
        identity: Identity = NOBODY,
        ca_file: str | PathLike[str] | None = None,
    ) -> None:
        self.target = target
        self.index = index
        self.fields = fields
        self._api = HttpApi(target, url, identity=identity, scheme="ApiKey", ca_file=ca_file, said=_said)

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._api.secrets()

    def close(self) -> None:
        """Close the pooled connections."""
        self._api.close()

    def lacking(self, deadline: Deadline, *, needed: Sequence[str] = ()) -> tuple[str, ...]:
        """Which of the fields no index has. Raises NotFound when no index matches, Unsupported when it lacks one that is needed."""
        names = self.fields.names
        what = f"read the fields of {self.index}"
        params: Mapping[str, str | list[str]] = {"fields": ",".join(names), "ignore_unavailable": "true"}
        found = self._api.get(what, f"/{self._path}/_field_caps", _Capabilities, deadline, params=params)
        if not found.indices:
            why, hint = (
                f"no index matches {self.index}, or we may not see it",
                "index in gocoffee.toml; GET _cat/indices",
            )
            raise NotFound(what, target=self.target, why=why, hint=hint)
        lacks = tuple(name for name in names if name not in found.fields)
        if missing := [name for name in needed if name in lacks]:
            why = f"{self.index} has no field {', '.join(missing)}: every search would come back empty"
            hint = "the names of its fields belong into gocoffee.toml"
            raise Unsupported(what, target=self.target, why=why, hint=hint)
        return lacks

    def reach(self, deadline: Deadline) -> Reach:
        """How many documents there are, and how far back they reach."""
        lacks = self.lacking(deadline, needed=(self.fields.time,))
        ends = {name: {name: {"field": self.fields.time, "format": NANOS}} for name in ("min", "max")}
        body = {"size": 0, "track_total_hits": True, "aggs": ends}
        answer = self._api.ask(f"count {self.index}", f"/{self._path}/_search", body, _Answer, deadline)
        oldest, newest = (_time(answer.aggregations[name].value_as_string) for name in ("min", "max"))
        return Reach(_total(answer), oldest, newest, lacks, _unread(answer))

    def pages(
        self, start: datetime, end: datetime, filters: Sequence[Mapping[str, Any]], deadline: Deadline
    ) -> Iterator[Page]:
        """The lines of a window that match, oldest first, as of one moment. Permission: read on the index."""
        what = f"search {self.index}"
        moment = self._api.ask(f"open {self.index}", f"/{self._path}/_pit?keep_alive={KEPT_S}s", {}, _Pit, deadline).id
        window = {"range": {self.fields.time: {"gte": _stamp(start), "lt": _stamp(end), "format": NANOS}}}
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {"bool": {"filter": [window, *filters]}},
            "sort": [{self.fields.time: {"order": "asc", "format": NANOS}}, {"_shard_doc": "asc"}],
            "_source": False,
            "fields": [{"field": self.fields.time, "format": NANOS}, *self.fields.names[1:]],
            "track_total_hits": True,
        }
        total = 0
        try:
            while True:
                body["pit"] = {"id": moment, "keep_alive": f"{KEPT_S}s"}
                answer = self._api.ask(what, "/_search", body, _Answer, deadline)
                moment = answer.pit_id or moment
                total = total or _total(answer)
                yield Page([self._row(hit) for hit in answer.hits.hits], total, _unread(answer))
                if len(answer.hits.hits) < PAGE:
                    return
                body["search_after"] = answer.hits.hits[-1].sort
                body["track_total_hits"] = False
        finally:
            self._forget(moment, deadline)

    def _forget(self, moment: str, deadline: Deadline) -> None:
        """Let the moment go; the server would by itself a minute later."""
        try:
            self._api.fetch("close the search", "DELETE", "/_pit", deadline, body={"id": moment})
        except OpsError:
            return

    def _row(self, hit: _Hit) -> dict[str, Any]:
        names = self.fields
        found = {name: hit.fields[name][0] for name in names.names if hit.fields.get(name)}
        return {
            "namespace": _text(found.get(names.namespace)) or "",
            "pod": _text(found.get(names.pod)) or "",
            "container": _text(found.get(names.container)) or "",
            "previous": False,
            "time": _time(_text(found.get(names.time))),
            "line": _text(found.get(names.message)) or "",
            "level": _text(found.get(names.level)),
            "service": _text(found.get(names.service)),
        }

    @property
    def _path(self) -> str:
        return quote(self.index, safe="*,-_.")


def _said(body: bytes) -> str:
    try:
        error = msgspec.json.decode(body, type=_Problem).error
    except msgspec.MsgspecError:
        return ""
    return error if isinstance(error, str) else f"{error.type}: {error.reason}"


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _total(answer: _Answer) -> int:
    return answer.hits.total.value if answer.hits.total else 0


def _unread(answer: _Answer) -> str:
    """What the shards did not give."""
    said = []
    if answer.timed_out:
        said.append("the search was timed out by the server, and gives what it had by then")
    if answer.shards.failed:
        why = next((failure.reason.reason for failure in answer.shards.failures if failure.reason.reason), "")
        said.append(f"{answer.shards.failed} of {answer.shards.total} shards failed{f': {why}' if why else ''}")
    return "; ".join(said)
