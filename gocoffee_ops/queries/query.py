"""The one seam: the query decorator.

A query is a function that asks one target of one kind one question:

    @query("cluster", PODS)
    def pods(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
        ...
        return Rows(rows)

Calling it in a notebook, `cluster.pods(ops, namespace="go-coffee")`, asks all of the environment's targets of that kind
concurrently and returns one DataFrame, decoded from its own record, with the kind's name as its first column. The decorator records
(and replays), validates the schema, times, bounds by a deadline, counts coverage, redacts, and marks truncation. A target that
could not be read costs its own rows and is an UNKNOWN finding; when none could be read, the error is raised.
"""

from __future__ import annotations

import inspect
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from gocoffee_ops.errors import DeadlineExceeded, OpsError, QueryFault, SourceError, Unsupported, UsageError
from gocoffee_ops.evidence.ledger import Ledger, storable
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.evidence.replay import Answer, Key, Recording
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Target
from gocoffee_ops.queries.recorded_form import canonical_value, decode, encode
from gocoffee_ops.sources.deadline import Deadline

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

P = ParamSpec("P")
S = TypeVar("S")

ONE_AT_A_TIME = frozenset({"database"})  # a question's time begins when the one before it has left the connection
GRACE_S = 1.0  # for a source that notices its own deadline to say what it last saw


@dataclass(frozen=True)
class Ask(Generic[S]):
    """What a query gets to work with: the source, and the run's fixed `as_of` for it (queries never ask the clock)."""

    source: S
    target: Target
    as_of: datetime
    deadline: Deadline
    redactor: Redactor  # for what is put aside on disk before it is returned; what is returned is redacted anyway


@dataclass(frozen=True)
class Rows:
    """What a query returns: rows (or columns, or a table) of its schema, and notes for the record.

    `truncated` says what limit was hit, `unread` which part of the answer the source did not give: that is UNKNOWN.
    """

    rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | pa.Table
    truncated: str = ""
    unread: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """What a query needs of the session."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def query_deadline_s(self) -> float: ...
    def targets(self, kind: str, grant: str = "") -> Sequence[Target]: ...
    def source(self, target: Target) -> Any: ...
    def recording(self, target: Target) -> Recording | None: ...
    def as_of(self, target: Target) -> datetime: ...
    def call_number(self, query: str, args: str) -> int: ...
    def begin(self, query: str, args: str, begun: Begun) -> None: ...
    def begun(self, query: str, args: str) -> Begun | None: ...
    def under_way(self, query: str, args: str) -> bool: ...
    def turn(self, target: Target, lane: str | None) -> Turn: ...
    def late(self, target: Target) -> bool: ...
    def patience(self, target: Target, usual_s: float) -> float: ...
    def answered(self, target: Target, *, late: bool) -> None: ...
    def gap(self, key: Key, error: OpsError) -> None: ...
    def truncation(self, key: Key, stated: str) -> None: ...


@dataclass(frozen=True)
class Turn:
    """A place among those who ask a source that answers one question at a time: after whom, and whether it is over."""

    after: threading.Event
    over: threading.Event


@dataclass(frozen=True)
class _Outcome:
    """What came of asking target `i`: an answer with its decoded table, or an error."""

    i: int
    got: Answer | OpsError
    table: pa.Table | None
    seconds: float


@dataclass(frozen=True)
class Begun:
    """A question under way: to which targets, under which keys, and where their outcomes arrive."""

    key: Key
    targets: tuple[Target, ...]
    keys: tuple[Key, ...]
    outcomes: queue.SimpleQueue[_Outcome] = field(default_factory=queue.SimpleQueue)


@dataclass(frozen=True)
class Question:
    """A query with its arguments."""

    query: Query[...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def begin(self, ops: Reader) -> None:
        """Start asking. See `Query.begin`."""
        self.query.begin(ops, *self.args, **self.kwargs)

    def if_named(self, ops: Reader) -> pd.DataFrame:
        """The answer, or no rows. See `Query.if_named`."""
        return self.query.if_named(ops, *self.args, **self.kwargs)

    def under_way(self, ops: Reader) -> bool:
        """Whether it was begun, and nobody has had its answer yet."""
        return self.query.under_way(ops, *self.args, **self.kwargs)


class Query(Generic[P]):
    """A declared question; call it with the session and its arguments."""

    def __init__(
        self,
        function: Callable[Concatenate[Ask[Any], P], Rows],
        kind: str,
        schema: Schema,
        deadline_s: float | None,
        in_turn: bool = False,
        grant: str = "",
    ) -> None:
        self.function = function
        self.kind = kind
        self.grant = grant
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.schema = schema.with_first(Column(kind, "string", help=f"name of the {kind} in the environment"))
        self._own = schema
        self._deadline_s = deadline_s
        self._lane = self.name if in_turn else "" if kind in ONE_AT_A_TIME else None
        signature = inspect.signature(function)
        self._signature = signature.replace(parameters=list(signature.parameters.values())[1:])
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, ops: Reader, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        canonical = self._canonical_of(ops, *args, **kwargs)
        begun = ops.begun(self.name, canonical) or self._begin(ops, canonical, args, kwargs)
        return self._combine(ops, begun)

    def if_named(self, ops: Reader, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        """The answer; or no rows: with the gap stated where nothing was read, with its absence where no such system is named.

        For what makes a report richer where it is there: its failure is UNKNOWN as any other, and costs no section that can
        do without. What a report rests on is asked by a plain call.
        """
        canonical = self._canonical_of(ops, *args, **kwargs)
        frame = self.schema.empty()
        frame.attrs["query"] = self.name
        if not self._targets(ops):
            frame.attrs["absent"] = self._absence(ops)
            self._pass_over(ops, canonical)
            return frame
        begun = ops.begun(self.name, canonical) or self._begin(ops, canonical, args, kwargs)
        try:
            return self._combine(ops, begun)
        except OpsError as error:  # by now on record, and an UNKNOWN finding for each target
            frame.attrs["gaps"] = [str(error)]
            return frame

    def given(self, *args: P.args, **kwargs: P.kwargs) -> Question:
        """The question with its arguments, for `ops.ahead`."""
        return Question(self, args, kwargs)

    def begin(self, ops: Reader, *args: P.args, **kwargs: P.kwargs) -> None:
        """Start asking; the next call with the same arguments has the answer, and is what puts it on record."""
        canonical = self._canonical_of(ops, *args, **kwargs)
        if self._targets(ops):  # where there is none, whoever asks is told so
            ops.begin(self.name, canonical, self._begin(ops, canonical, args, kwargs))

    def under_way(self, ops: Reader, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether it was begun with these arguments, and nobody has had its answer yet."""
        return ops.under_way(self.name, self._canonical_of(ops, *args, **kwargs))

    def _begin(self, ops: Reader, canonical: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Begun:
        call = ops.call_number(self.name, canonical)
        targets = self._targets(ops)
        keys = tuple(Key(self.name, str(target), canonical, call) for target in targets)
        begun = Begun(Key(self.name, self.kind, canonical, call), targets, keys)
        turns = [ops.turn(target, self._lane) for target in targets]

        def work(i: int) -> None:
            turns[i].after.wait()
            if ops.late(targets[i]):  # where one hangs, those who wait for it hang at once
                turns[i].over.set()
            started = time.monotonic()
            got: Answer | OpsError
            table = None
            try:
                got = self._ask(ops, targets[i], keys[i], args, kwargs)
                if isinstance(got, Answer):
                    table = self._own.check(decode(got.data))
            except BaseException as error:  # noqa: BLE001 - a thread that ends without an outcome leaves its caller waiting
                got = self._fault(ops, targets[i], error)
            turns[i].over.set()
            begun.outcomes.put(_Outcome(i, got, table, time.monotonic() - started))

        for i in range(len(targets)):
            threading.Thread(target=work, args=(i,), name=str(keys[i]), daemon=True).start()
        return begun

    def _targets(self, ops: Reader) -> tuple[Target, ...]:
        """Who is asked: the targets of the kind, or those of them for which the environment states what the question needs."""
        return tuple(ops.targets(self.kind, self.grant))

    def _absence(self, ops: Reader) -> str:
        """Who is not asked, and why, in a sentence."""
        there, asked = ops.targets(self.kind), self._targets(ops)
        if not there:
            return f"the environment names no {self.kind}"
        names = ", ".join(target.name for target in there if target not in asked)
        return f"{self.name} is not asked of {self.kind} {names}: the environment does not state {self.grant} for it"

    def _pass_over(self, ops: Reader, canonical: str) -> None:
        """Put on record whom the environment does not let us ask: no finding, and no part of what was answered either."""
        asked = self._targets(ops)
        for target in ops.targets(self.kind):
            if target not in asked:
                ops.ledger.append("not_asked", {"query": self.name, "target": str(target), "args": canonical})

    def _canonical_of(self, ops: Reader, *args: P.args, **kwargs: P.kwargs) -> str:
        return ops.ledger.redactor.text(self._canonical(*args, **kwargs))

    def _canonical(self, *args: P.args, **kwargs: P.kwargs) -> str:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise UsageError(f"call {self.name}", why=str(error), hint=f"{self.name}{self._signature}") from error
        defaults = {name: parameter.default for name, parameter in self._signature.parameters.items()}
        given = {name: value for name, value in bound.arguments.items() if value != defaults[name]}
        return ", ".join(f"{name}={canonical_value(name, value)}" for name, value in sorted(given.items()))

    def _ask(
        self, ops: Reader, target: Target, key: Key, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Answer | OpsError:
        """One target's answer or error; never raises, never outlives its deadline by more than the grace."""
        recording = ops.recording(target)
        if recording is not None:
            try:
                return recording.answer(key)
            except OpsError as error:
                return error
        self._own.arrow()  # loads Arrow, which is not the source's to answer for
        seconds = ops.patience(target, self._deadline_s or ops.query_deadline_s)
        deadline = Deadline.after(seconds)
        done: queue.SimpleQueue[Answer | OpsError] = queue.SimpleQueue()

        def work() -> None:
            redactor = ops.ledger.redactor
            source: Any = None
            try:
                source = ops.source(target)
                redactor.learn(source)
                rows = self.function(Ask(source, target, ops.as_of(target), deadline, redactor), *args, **kwargs)
                redactor.learn(source)  # a token that was fetched to ask
                table = redactor.table(self._own.table(rows.rows), self._own)
                notes = storable(redactor.value(rows.notes))
                stated = redactor.text(rows.truncated), notes, redactor.text(rows.unread)
                done.put(Answer(encode(table), *stated))
            except BaseException as error:  # noqa: BLE001 - put on record, and raised by the caller
                done.put(self._fault(ops, target, error, source))

        threading.Thread(target=work, name=f"{key} (source)", daemon=True).start()
        try:
            outcome = done.get(timeout=seconds + GRACE_S)
        except queue.Empty:
            outcome = DeadlineExceeded(
                f"ask {self.name}", target=str(target), why=f"no answer after {seconds:g} s", hint="is it overloaded?"
            )
        ops.answered(target, late=isinstance(outcome, DeadlineExceeded))
        return outcome

    def _fault(self, ops: Reader, target: Target, error: BaseException, source: object = None) -> OpsError:
        """What was raised, as an error of ours and redacted; the original, which may hold secrets, goes no further."""
        what = f"ask {self.name}"
        try:
            ops.ledger.redactor.learn(source)
        except BaseException as unknown:  # noqa: BLE001 - what it said cannot be told from its secrets, so it is not shown
            why = f"{type(error).__name__}; its source could not name its secrets: {type(unknown).__name__}"
            return QueryFault(what, target=str(target), why=why)
        if not isinstance(error, OpsError):
            error = QueryFault(what, target=str(target), why=f"{type(error).__name__}: {error}")
        return clean(error, ops.ledger)

    def _combine(self, ops: Reader, begun: Begun) -> pd.DataFrame:
        import pyarrow as pa

        targets, keys = begun.targets, begun.keys
        if not targets:
            error = Unsupported(f"ask {self.name}", target=self.kind, why=self._absence(ops), hint="gocoffee.toml")
            self._record(ops, begun.key, error, 0.0)
            ops.gap(begun.key, error)
            raise error
        outcomes = sorted((begun.outcomes.get() for _ in targets), key=lambda outcome: outcome.i)
        tables: list[pa.Table] = []
        evidence: list[str] = []
        truncated: list[str] = []
        gaps: list[str] = []
        notes: dict[str, Mapping[str, Any]] = {}
        failed: OpsError | None = None
        for outcome in outcomes:
            key, target, got, table = keys[outcome.i], targets[outcome.i], outcome.got, outcome.table
            if isinstance(got, OpsError) or table is None:
                assert isinstance(got, OpsError)  # noqa: S101 - an answer has its table
                failed = got
                self._record(ops, key, got, outcome.seconds)
                ops.gap(key, got)
                gaps.append(f"{target}: {got}")
                continue
            self._record(ops, key, got, outcome.seconds, table.num_rows)
            names = pa.array([target.name] * table.num_rows, type=pa.string())
            tables.append(table.add_column(0, pa.field(self.kind, pa.string(), nullable=False), names))
            evidence.append(str(key))
            if got.truncated:
                ops.truncation(key, got.truncated)
                truncated.append(f"{target}: {got.truncated}")
            if got.unread:
                ops.gap(key, SourceError(f"part of {self.name}", target=str(target), why=got.unread))
                gaps.append(f"{target}: {got.unread}")
            notes[target.name] = got.notes
        if not tables:
            assert failed is not None  # noqa: S101 - every target has an outcome, and none was an answer
            raise failed
        frame = self.schema.frame(pa.concat_tables(tables))
        frame.attrs["query"] = self.name
        frame.attrs["evidence"] = evidence
        frame.attrs["truncated"] = truncated
        frame.attrs["gaps"] = gaps
        frame.attrs["notes"] = notes
        if len(targets) < len(ops.targets(self.kind)):
            frame.attrs["absent"] = self._absence(ops)
            self._pass_over(ops, begun.key.args)
        frame.attrs["as_of"] = {target.name: ops.as_of(target).isoformat() for target in targets}
        return frame

    def _record(self, ops: Reader, key: Key, got: Answer | OpsError, seconds: float, rows: int | None = None) -> None:
        body: dict[str, Any] = {
            "query": key.query,
            "target": key.target,
            "args": key.args,
            "call": key.call,
            "seconds": round(seconds, 3),
            "table": None,
            "rows": rows,
            "truncated": "",
            "unread": "",
            "notes": {},
            "error": None,
        }
        if isinstance(got, OpsError):
            body["error"] = got.to_record()
        else:
            body["table"] = ops.ledger.put_table(got.data)
            body["truncated"] = got.truncated
            body["unread"] = got.unread
            body["notes"] = dict(got.notes)
        ops.ledger.append("query", body)


def query(
    kind: str, schema: Schema, *, deadline_s: float | None = None, in_turn: bool = False, grant: str = ""
) -> Callable[[Callable[Concatenate[Ask[Any], P], Rows]], Query[P]]:
    """Declare a function as the query of that name: its target's kind, its schema, and a deadline if not the usual one.

    With `in_turn` one target is asked it once at a time, however many were begun: it costs the target much. With a `grant` only
    those targets are asked for which the environment states it: the shipped role may not, and asking all the same would be
    refused, and noticed, in every run.
    """

    def declare(function: Callable[Concatenate[Ask[Any], P], Rows]) -> Query[P]:
        return Query(function, kind, schema, deadline_s, in_turn, grant)

    return declare


def clean(error: OpsError, ledger: Ledger) -> OpsError:
    """The same error with its words redacted, and without the chain that might hold what was redacted."""
    record = error.to_record()
    redacted: OpsError = type(error)(
        ledger.redactor.text(record["what"]),
        target=ledger.redactor.text(record["target"]),
        why=ledger.redactor.text(record["why"]),
        hint=ledger.redactor.text(record["hint"]),
    )
    return redacted
