"""Logs of containers: many at once, each handed over as it comes, within a budget of bytes and one deadline.

What a log's end looks like is kept beside it: complete, cut by a limit, broken off, refused, or nothing there. The kubelet has
a way of answering 200 with a sentence of its own in place of lines, and a proxy that wants a sign-in with a page; as every line is
asked for with its time, both are told apart.
"""

from __future__ import annotations

import hashlib
import queue
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from gocoffee_ops.errors import DeadlineExceeded, Malformed, NotFound, OpsError
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes.client import Cluster
from gocoffee_ops.sources.kubernetes.credentials import CONNECTIONS
from gocoffee_ops.sources.kubernetes.failures import SHOWN, Request
from gocoffee_ops.sources.kubernetes.log_lines import Lines
from gocoffee_ops.sources.kubernetes.log_shapes import Stream

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_LINE = 64  # bytes that hold the time of a line
PART = 1 << 19  # bytes that are cut into lines at once; kubelets send a line at a time
# What the API server says where a container has no log, rather than one that it does not get.
NOTHING = re.compile(
    r"waiting to start|not have a host assigned|previous terminated container|is terminated|not available|initializing"
)
KUBELETS_OWN = "(?i)^(unable to retrieve|failed to|rpc error|error )"  # in a line without a time

# The number of a log, that of a span, and lines of it: columns time and line.
Keep = Callable[[int, int, "pa.Table"], None]


@dataclass(frozen=True)
class Limits:
    """What is read at most: of one log, and in all."""

    log_bytes: int
    all_bytes: int


@dataclass(frozen=True)
class Span:
    """From when to when is read; the API takes whole seconds, and so does what adjoins another span."""

    since: datetime
    until: datetime


@dataclass
class Log:
    """How the reading of one span of a log went.

    `state` is "read" (to its end, or to the end of the window), "cut" (by a limit of ours), "broken" (off, in the middle), "none"
    (there is none) or "refused"; `reason` says why, `error` what was met. `oldest_there` is the time of the oldest line
    that the node still has.
    """

    stream: Stream
    span: Span
    state: str = "refused"
    reason: str = "not asked for: the time was up"
    lines: int = 0
    untimed: int = 0
    size: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    oldest_there: datetime | None = None
    digest: str = ""
    error: OpsError | None = field(default=None, repr=False)


class _Purse:
    """The bytes that all logs together may still have."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        with self._lock:
            self._left -= size
            return self._left >= 0

    @property
    def empty(self) -> bool:
        return self._left <= 0


def read_logs(
    cluster: Cluster,
    streams: Sequence[Stream],
    keep: Keep,
    deadline: Deadline,
    *,
    spans: Sequence[Span],
    limits: Limits,
) -> list[list[Log]]:
    """Read these spans of all of them, handing their lines to `keep` (from several threads); never raises for one.

    Spans stand by their worth: the first one of all logs is read before the second of any, and within a span the earlier logs
    first. Returns for each stream a log of each span. What is not complete when the time is up has what came by then.
    Permission: get pods/log.
    """
    of = [[Log(stream, span) for span in spans] for stream in streams]
    waiting: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    purse = _Purse(limits.all_bytes)
    asked = [i for i, stream in enumerate(streams) if not stream.nothing]
    for log in (log for logs in of for log in logs if log.stream.nothing):
        log.state, log.reason = "none", log.stream.nothing
    for i in asked:
        waiting.put((0, i))

    def work() -> None:
        while True:
            try:
                n, i = waiting.get_nowait()
            except queue.Empty:
                return
            log = of[i][n]
            room = limits.log_bytes - sum(other.size for other in of[i])
            reading = _Reading(cluster, log, partial(keep, i, n), deadline, purse, room)
            try:
                if not n or _worth_asking(log, of[i][0]):
                    reading.read(look_back=not n)
            except BaseException as error:  # noqa: BLE001 - its log says so, and the thread goes on to the next one
                reading.failed(error if isinstance(error, OpsError) else _fault(cluster, log.stream, error))
            if n + 1 < len(spans):
                waiting.put((n + 1, i))
            done.put((n, i))

    for n in range(min(CONNECTIONS, len(asked))):
        threading.Thread(target=work, name=f"logs {n} ({cluster.target})", daemon=True).start()
    came: set[tuple[int, int]] = set()
    due = {(n, i) for n in range(len(spans)) for i in asked}
    for _ in due:
        try:
            came.add(done.get(timeout=deadline.left() + 0.2))
        except queue.Empty:
            break
    for n, i in due - came:  # a thread that hangs may still write to its own
        why = f"not complete after {deadline.seconds:g} s"
        error = DeadlineExceeded(_what(streams[i]), target=cluster.target, why=why)
        state = "broken" if of[i][n].lines else "refused"
        of[i][n] = replace(of[i][n], state=state, reason=why, error=error)
    return of


def _worth_asking(log: Log, first: Log) -> bool:
    """Whether another span of a log is read, after what came of its first one; else what is known is said of it."""
    if first.state in {"none", "refused"}:
        log.state, log.reason, log.error = first.state, first.reason, first.error
        return False
    if first.state == "read" and first.oldest_there is not None and first.oldest_there >= log.span.until:
        log.state, log.reason = "read", ""
        return False
    return True


class _Reading:
    """One log while it is read."""

    def __init__(
        self,
        cluster: Cluster,
        log: Log,
        keep: Callable[[pa.Table], None],
        deadline: Deadline,
        purse: _Purse,
        largest: int,
    ) -> None:
        self._cluster = cluster
        self._log = log
        self._keep = keep
        self._deadline = deadline
        self._purse = purse
        self._largest = largest
        self._lines = Lines()
        self._part = bytearray()
        self._hash = hashlib.sha256()
        self._cut = ""
        self._over = False
        self._said = ""
        self._foreign = ""

    def read(self, *, look_back: bool) -> None:
        log = self._log
        if self._purse.empty or self._largest <= 0:
            of = "all logs" if self._purse.empty else "this log"
            self._cut = f"the budget of {of} was used up before it"
            self._end()
            return
        since_time = log.span.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        parameters = {"sinceTime": since_time, "limitBytes": str(self._largest)}
        self._cluster.pour(self._request(), self._parameters(parameters), self._deadline, self._take)
        self._cut_into_lines()
        if not self._cut and not self._over:
            if log.size >= self._largest:
                self._cut = f"its budget of {self._largest / 2**20:.3g} MiB was used up"
            else:
                self._hand_on(self._lines.rest())
        self._end()
        if look_back and log.state in {"read", "cut"}:
            self._look_back()

    def failed(self, error: OpsError) -> None:
        """It was refused, or broke off."""
        log = self._log
        self._cut_into_lines()
        if log.size == 0 and isinstance(error, Malformed | NotFound) and NOTHING.search(error.why):
            log.state, log.reason = "none", error.why.removeprefix("answered 400: ")
            return
        if log.size == 0:
            log.state = "refused"
        else:
            self._end()
            log.state = "broken"
        log.error, log.reason = error, error.why

    def _take(self, chunk: bytes) -> bool:
        log = self._log
        room = self._largest - log.size
        chunk = chunk[:room]
        if not self._purse.take(len(chunk)):
            self._cut = "the budget of all logs was used up"
            return False
        log.size += len(chunk)
        self._part += chunk
        if len(self._part) >= PART:
            self._cut_into_lines()
        return not self._over and log.size < self._largest

    def _cut_into_lines(self) -> None:
        part, self._part = bytes(self._part), bytearray()
        self._hand_on(self._lines.feed(part))

    def _hand_on(self, table: pa.Table | None) -> None:
        """Keep the lines of the window; lines come in order, so one after the window is the end of it."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if table is None or self._over:
            return
        limit = pa.scalar(self._log.span.until, type=table.column("time").type)
        late = pc.fill_null(pc.greater_equal(table.column("time"), limit), False)
        first = pc.index(late, True).as_py()
        raw = self._lines.raw
        if first >= 0:
            self._over = True
            table = table.slice(0, first)
            raw = b"".join(line + b"\n" for line in raw.split(b"\n")[:first])
        self._hash.update(raw)
        if table.column("time").null_count:
            table = self._without_the_kubelets_own(table)
        if table.num_rows and self._log.oldest is None and table.column("time").null_count == table.num_rows:
            self._foreign = self._foreign or str(table.column("line")[0].as_py())
            return  # no line has a time: they are not a log's
        if table.num_rows == 0:
            return
        span = pc.min_max(table.column("time"))
        self._log.lines += table.num_rows
        self._log.untimed += table.column("time").null_count
        self._log.oldest = self._log.oldest or span["min"].as_py()
        self._log.newest = span["max"].as_py() or self._log.newest
        self._keep(table)

    def _without_the_kubelets_own(self, table: pa.Table) -> pa.Table:
        import pyarrow.compute as pc

        own = pc.match_substring_regex(table.column("line"), KUBELETS_OWN)
        own = pc.and_(own, pc.is_null(table.column("time")))
        for said in table.filter(own).column("line").to_pylist():
            self._said = said
        return table.filter(pc.invert(own))

    def _end(self) -> None:
        """What the log's own end says."""
        log = self._log
        log.state, log.reason = ("cut", self._cut) if self._cut else ("read", "")
        log.digest = self._hash.hexdigest() if log.lines else ""
        if self._said:
            log.state = "broken" if log.lines else "refused"
            log.reason = f"the kubelet says: {self._said[:SHOWN]}"
            log.error = NotFound(_what(log.stream), target=self._cluster.target, why=log.reason)
        elif self._foreign:
            log.state = "broken" if log.lines else "refused"
            log.reason = f"lines without their times, which are not a log's: {self._foreign[:SHOWN]}"
            log.error = Malformed(_what(log.stream), target=self._cluster.target, why=log.reason)

    def _look_back(self) -> None:
        """The oldest line that the node still has: is it older than the window's start, then nothing was rotated away."""
        found = Lines()
        parameters = self._parameters({"limitBytes": str(FIRST_LINE)})
        head = bytearray()

        def take(chunk: bytes) -> bool:
            head.extend(chunk)
            return len(head) < FIRST_LINE

        try:
            self._cluster.pour(self._request(), parameters, self._deadline, take)
        except OpsError as error:  # how far back it reaches stays unknown, and the table says so
            self._log.reason = self._log.reason or error.why
            return
        table = found.feed(bytes(head.partition(b"\n")[0]) + b"\n")
        if table is not None:
            self._log.oldest_there = table.column("time")[0].as_py()

    def _request(self) -> Request:
        stream = self._log.stream
        namespace, pod = quote(stream.namespace, safe=""), quote(stream.pod, safe="")
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        return Request("get", "pods/log", path, namespace=stream.namespace, name=stream.pod)

    def _parameters(self, more: dict[str, str]) -> dict[str, str]:
        stream = self._log.stream
        previous = {"previous": "true"} if stream.previous else {}
        return {"container": stream.container, "timestamps": "true"} | previous | more


def _what(stream: Stream) -> str:
    previous = "the previous " if stream.previous else ""
    return f"get pods/log {stream.pod} ({previous}{stream.container}) in namespace {stream.namespace}"


def _fault(cluster: Cluster, stream: Stream, error: BaseException) -> OpsError:
    return OpsError(_what(stream), target=cluster.target, why=f"{type(error).__name__}: {error}")
