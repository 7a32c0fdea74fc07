"""What containers wrote, and how much of it could be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import NotFound, ParameterError, UsageError
from gocoffee_ops.frames import Schema
from gocoffee_ops.queries.cluster import owner as owner_of
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.log_owners import Beginning, beginnings
from gocoffee_ops.queries.log_reading import coverage_row, cut, spans, unread
from gocoffee_ops.queries.log_schemas import LOG_COVERAGE, LOG_LINES, SHAPES
from gocoffee_ops.queries.log_spool import Spool, Taken
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.windows import window_of
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.log_shapes import LOG_PODS, LogPod, Stream, streams
from gocoffee_ops.sources.kubernetes.logs import Limits, Log, read_logs

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

READING_SHARE = (
    0.75  # of the deadline; the rest is for what is made of it, so that late lines do not cost the early ones
)
MIB = 1 << 20
LOG_MIB, READ_MIB = 64.0, 512.0  # kubelets keep 10 MiB of a log by default, and a busy service has a few pods


@query("cluster", LOG_LINES, in_turn=True)
def lines(  # noqa: PLR0913 - which logs, of what time, and three budgets
    ask: Ask[Cluster],
    *,
    namespace: str,
    of: str | Sequence[str] = "",
    container: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    window_s: float = 3600.0,
    first_from: datetime | None = None,
    log_mib: float = LOG_MIB,
    read_mib: float = READ_MIB,
    keep_mib: float = 32.0,
) -> Rows:
    """Which lines did the containers of these pods write in the window?

    `of` is a label selector (`app=orders`), an owner (`deployment/orders`), a pod (`pod/orders-0`), or empty for all pods of the
    namespace; a list names several owners, each with its kind or by its name alone (`["orders", "payments"]`), and one that
    has no pod, or none with the container that is named, is an UNKNOWN finding beside the others' lines. Of the pods it is every
    container, or the one that is named: init, sidecar and ephemeral ones too, and the run before the last restart. The window
    ends at `end` (else when the run began) and begins at `start` (else `window_s` before its end).

    At most `log_mib` are read of one log and `read_mib` of all: the lines from `first_from` on before those that are older (an
    incident before the time that it is compared with), and of either the oldest first. The table says when that cut something,
    and `coverage` from when to when lines are missing. It keeps at most `keep_mib`: of a log that has more, the newest lines and
    the first and last line of each shape, while hashes and counts of all of them are kept beside it (`coverage`, `shapes`).
    A log that could not be read is an UNKNOWN finding, and the others' lines stand; when none could be read, that is raised.
    Lines that the kubelet rotated away are nowhere: `coverage` says how far back it all reaches.

    What is read is put aside on disk as it comes; in memory are the lines that are kept, and one log at a time while its part is
    chosen. So `keep_mib` and `log_mib` bound the memory, and not `read_mib` nor the number of logs. Of these 64 MiB are six times
    what a kubelet keeps of a log by default (10 MiB), and two hours of a pod that writes 9 KiB/s.

    Columns: those of `LOG_LINES`, each log's lines in the order in which they were written.
    API: core/v1 pods, pods/log. Permission: list pods and get pods/log in the namespace; where all pods of an owner are younger
    than the window, list its kind too (apps/v1), to tell whether there were others before: else that is not known. Raises
    SourceError; NotFound when no pod is selected; ParameterError for an empty list.
    """
    window = window_of(ask.as_of, start, end, window_s)
    lists = Lists(ask)
    pods, without = _pods(lists, namespace, of)
    wanted = _streams(lists, pods, container)
    owners = {pod.metadata.name: owner_of(pod) for pod in pods}
    lacking = "" if isinstance(of, str) else _lacking(owners, wanted, container)
    reading = Deadline(ask.deadline.at - (1 - READING_SHARE) * ask.deadline.left(), ask.deadline.seconds)
    spool = Spool(ask.redactor)
    try:
        limits = Limits(int(log_mib * MIB), int(read_mib * MIB))
        parts = spans(window, first_from)
        logs = read_logs(ask.source, wanted, spool.put, reading, spans=parts, limits=limits)
        _raise_if_all_refused([one[0] for one in logs])
        taken = dict(spool.taken(range(len(logs)), int(keep_mib * MIB)))
    finally:
        spool.close()
    made = {pod.metadata.name: _time(pod.metadata.creation_timestamp) for pod in pods}
    began = beginnings(lists, namespace, [(owners[name], at) for name, at in made.items()], window.start)
    rows = [
        coverage_row(one, taken[i], window, owners[wanted[i].pod], made[wanted[i].pod])
        | _beginning(began.get(owners[wanted[i].pod] or ""))
        for i, one in enumerate(logs)
    ]
    shapes = [_shapes_row(wanted[i], taken[i]) for i in range(len(logs)) if taken[i].shapes]
    return Rows(
        _table(wanted, taken),
        truncated=cut(rows, keep_mib),
        unread="; ".join(filter(None, [without, lacking, unread(rows)])),
        notes=lists.notes(logs=rows, **({"shapes": shapes} if shapes else {})),
    )


def coverage(lines: pd.DataFrame) -> pd.DataFrame:
    """How much of these logs was read, and how far back do they reach? A row for each log; both come from one read.

    `lines` is the table that the query returned. Columns: those of `LOG_COVERAGE`. Raises UsageError when `lines` is no such
    table, for example a part of it.
    """
    rows = [
        {"cluster": cluster}
        | {name: row.get(name) for name in LOG_COVERAGE.names if name != "cluster"}
        | {name: _time(row.get(name)) for name in _TIMES}
        for cluster, notes in _notes(lines)
        for row in notes["logs"]
    ]
    return _citing(LOG_COVERAGE, rows, lines)


def shapes(lines: pd.DataFrame) -> pd.DataFrame:
    """Of which shapes were the lines of the logs that are not kept whole, and how many of each? The most frequent of each log.

    `lines` is the table that the query returned. Columns: those of `SHAPES`. Raises UsageError as `coverage` does.
    """
    rows = [
        {"cluster": cluster, **{key: one[key] for key in ("namespace", "pod", "container", "previous")}, **shape}
        for cluster, notes in _notes(lines)
        for one in notes.get("shapes", ())
        for shape in one["shapes"]
    ]
    return _citing(SHAPES, rows, lines)


_TIMES = tuple(column.name for column in LOG_COVERAGE.columns if column.dtype == "timestamp")


def _notes(lines: pd.DataFrame) -> Iterable[tuple[str, Mapping[str, Any]]]:
    notes = lines.attrs.get("notes") if lines.attrs.get("query") == "logs.lines" else None
    if notes is None:
        raise UsageError("this table is not what logs.lines returned", hint="lines = logs.lines(ops, …)")
    return list(notes.items())


def _citing(schema: Schema, rows: list[dict[str, Any]], lines: pd.DataFrame) -> pd.DataFrame:
    frame = schema.from_rows(rows)
    frame.attrs.update({name: lines.attrs[name] for name in ("evidence", "truncated", "gaps")})
    return frame


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


# Which logs.


def _pods(lists: Lists, namespace: str, of: str | Sequence[str]) -> tuple[list[LogPod], str]:
    """The pods, and which of several owners have none, in a sentence."""
    owners, pod, selector = _selected(of)
    field_selector = f"metadata.name={pod}" if pod else ""
    found: list[LogPod] = lists.each(
        LOG_PODS, _itself, namespace=namespace, field_selector=field_selector, label_selector=selector
    )
    pods = [one for one in found if not owners or not _names(owner_of(one)).isdisjoint(owners)]
    there = {name for one in pods for name in _names(owner_of(one))}
    missing = ", ".join(name for name in owners if name not in there)
    without = f"namespace {namespace} has no pod of {missing}" if missing else ""
    if not pods:
        others = sorted({owner_of(one) or f"pod/{one.metadata.name}" for one in found})
        hint = f"those that are there belong to: {', '.join(others)}" if others else "kubectl get pods --show-labels"
        why = without or f"namespace {namespace} has no pod" + (f" of {of}" if of else "")
        raise NotFound("read logs", target=lists.target, why=why, hint=hint)
    return pods, without


def _names(owner: str | None) -> set[str]:
    """What an owner may be called: with its kind, or by its name alone."""
    return {owner, owner.partition("/")[2]} if owner else set()


def _streams(lists: Lists, pods: Sequence[LogPod], container: str) -> list[Stream]:
    there = [stream for one in pods for stream in streams(one)]
    wanted = [stream for stream in there if not container or stream.container == container]
    if not wanted:
        hint = f"they have: {', '.join(sorted({stream.container for stream in there}))}"
        why = f"of {len(pods)} pods none has a container {container}"
        raise NotFound("read logs", target=lists.target, why=why, hint=hint)
    return sorted(wanted, key=lambda stream: not stream.previous)  # what is lost soonest is read first


def _lacking(owners: Mapping[str, str | None], wanted: Sequence[Stream], container: str) -> str:
    """Which owners have no container of the name that others' pods have, in a sentence."""
    named = {name: owner or f"pod/{name}" for name, owner in owners.items()}
    without = sorted(set(named.values()) - {named[stream.pod] for stream in wanted})
    return f"no pod of {', '.join(without)} has a container {container}" if without else ""


def _selected(of: str | Sequence[str]) -> tuple[tuple[str, ...], str, str]:
    """Owners, pod, label selector: one of them, or none."""
    if not isinstance(of, str):
        if not of:
            raise ParameterError("read logs", why="of is an empty list", hint='"" for all pods of the namespace')
        return tuple(of), "", ""
    named = re.fullmatch(r"([a-z]+)/([a-z0-9.-]+)", of)
    if named is None:
        return (), "", of
    return ((), named[2], "") if named[1] == "pod" else ((of,), "", "")


def _itself(pod: LogPod) -> LogPod:
    return pod


def _beginning(of: Beginning | None) -> dict[str, Any]:
    if of is None:
        return {}
    return {"owner_made_at": of.made_at.isoformat() if of.made_at else None, "owner_first": of.first}


# What came of them.


def _raise_if_all_refused(logs: Sequence[Log]) -> None:
    asked = [log for log in logs if log.state != "none"]
    errors = [log.error for log in asked if log.state == "refused" and log.error is not None]
    if errors and len(errors) == len(asked):
        raise errors[0]


def _table(wanted: Sequence[Stream], taken: Mapping[int, Taken]) -> pa.Table:
    import pyarrow as pa

    parts = []
    for i, stream in enumerate(wanted):
        kept = taken[i].lines
        names = (stream.namespace, stream.pod, stream.container, stream.previous)
        columns = [pa.repeat(pa.scalar(name), kept.num_rows) for name in names]
        parts.append(
            pa.Table.from_arrays([*columns, kept.column("time"), kept.column("line")], schema=LOG_LINES.arrow())
        )
    return pa.concat_tables(parts)


def _shapes_row(stream: Stream, taken: Taken) -> dict[str, Any]:
    named = {name: getattr(stream, name) for name in ("namespace", "pod", "container", "previous")}
    return named | {"shapes": taken.shapes, "other_shapes": taken.other_shapes}
