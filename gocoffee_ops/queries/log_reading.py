"""What came of reading logs: how much of each was read, and from when to when something is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gocoffee_ops.model import Window
from gocoffee_ops.queries.log_spool import Taken
from gocoffee_ops.sources.kubernetes.logs import Log, Span

NAMED = 5  # logs that a sentence names
_WORST_FIRST = ("refused", "broken", "cut", "read", "none")
_TOLD = {"cut": "cut", "broken": "unread", "refused": "unread"}


def spans(window: Window, first_from: datetime | None) -> list[Span]:
    """What is read of each log, by its worth: the window from `first_from` on, and then what is before it."""
    seam = first_from.astimezone(UTC).replace(microsecond=0) if first_from else window.start
    if not window.start < seam < window.end:
        return [Span(window.start, window.end)]
    return [Span(seam, window.end), Span(window.start, seam)]


def coverage_row(
    logs: Sequence[Log], taken: Taken, window: Window, owner: str | None, created_at: datetime | None
) -> dict[str, Any]:
    """A log's row of `LOG_COVERAGE` for the record, with `missing`: the spans of which not all is in the table of lines."""
    stream, first = logs[0].stream, logs[0]
    state = _state(logs)
    covered = None
    if state in {"cut", "broken", "refused"}:
        covered = False
    elif first.oldest_there is not None and first.oldest_there <= window.start:
        covered = True
    times = {
        "window_start_at": window.start,
        "window_end_at": window.end,
        "oldest_at": next((log.oldest for log in reversed(logs) if log.oldest), None),
        "newest_at": next((log.newest for log in logs if log.newest), None),
        "oldest_there_at": first.oldest_there,
        "started_at": stream.started_at,
        "created_at": created_at,
    }
    missing = list(_missing(logs, taken, window))
    return {
        "namespace": stream.namespace,
        "pod": stream.pod,
        "container": stream.container,
        "owner": owner,
        "role": stream.role,
        "previous": stream.previous,
        "state": state,
        "reason": _reason(logs, missing) or None,
        "lines": sum(log.lines for log in logs),
        "kept_lines": taken.lines.num_rows,
        "untimed_lines": sum(log.untimed for log in logs),
        "bytes": sum(log.size for log in logs),
        "sha256": first.digest or None,
        "sha256_before": logs[1].digest or None if len(logs) > 1 else None,
        **{name: None if time is None else time.isoformat() for name, time in times.items()},
        "covered": covered,
        "missing": missing,
    }


def unread(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the cluster did not give, in a sentence; empty when it gave all."""
    lost = [row for row in rows if row["state"] in {"refused", "broken"}]
    return _sentence(lost, len(rows), "not read to the end") if lost else ""


def cut(rows: Sequence[Mapping[str, Any]], keep_mib: float) -> str:
    """What our own limits cut, in a sentence; empty when they cut nothing."""
    lost = [row for row in rows if row["state"] == "cut"]
    said = [_sentence(lost, len(rows), "cut")] if lost else []
    read, kept = sum(row["lines"] for row in rows), sum(row["kept_lines"] for row in rows)
    if kept < read:
        said.append(
            f"of {read} lines that were read {kept} are kept (keep_mib={keep_mib:g}): the newest of each log, and the "
            "first and last of each shape; hashes and counts of all of them stand in the record"
        )
    return "; ".join(said)


def _state(logs: Sequence[Log]) -> str:
    """The worst of its spans' states; of one refused, where another was read, it is broken off."""
    states = [log.state for log in logs]
    worst = min(states, key=_WORST_FIRST.index)
    return "broken" if worst == "refused" and set(states) != {"refused"} else worst


def _reason(logs: Sequence[Log], missing: Sequence[Mapping[str, Any]]) -> str:
    said = "; ".join(dict.fromkeys(log.reason for log in logs if log.reason))
    lost = [one for one in missing if one["why"] in {"cut", "unread"}]
    whole = len(logs) == len(lost) and all(log.state == "refused" for log in logs)
    times = " and ".join(f"from {_time(one['from'])} to {_time(one['to'])}" for one in reversed(lost))
    return f"{said}; not read {times}" if lost and not whole else said


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _missing(logs: Sequence[Log], taken: Taken, window: Window) -> Iterator[dict[str, str]]:
    """Spans: from, to, and why (cut, unread, thinned, or rotated: away, or its writer was silent until then)."""
    oldest, started = logs[0].oldest_there, logs[0].stream.started_at
    began, ended = _ran(logs)
    for log in logs:
        since = max(log.newest or log.span.since, began or log.span.since)
        until = min(log.span.until, ended or log.span.until)
        if log.state in _TOLD and since < until:
            yield _span(since, until, _TOLD[log.state])
    if taken.thinned:
        yield _span(*taken.thinned, "thinned")
    if oldest is not None and oldest > window.start and (started is None or started < window.start):
        yield _span(window.start, min(oldest, window.end), "rotated")


def _ran(logs: Sequence[Log]) -> tuple[datetime | None, datetime | None]:
    """When the container began and ended; its lines prove a clock wrong that says otherwise."""
    stream = logs[0].stream
    times = [time for log in logs for time in (log.oldest_there, log.oldest, log.newest) if time is not None]
    began, ended = stream.started_at, stream.ended_at
    if began is not None and any(time < began for time in times):
        began = None
    return began, None if ended is not None and any(time > ended for time in times) else ended


def _span(since: datetime, until: datetime, why: str) -> dict[str, str]:
    return {"from": since.isoformat(), "to": until.isoformat(), "why": why}


def _sentence(rows: Iterable[Mapping[str, Any]], of: int, what: str) -> str:
    every = list(rows)
    named = [
        f"{row['pod']}/{row['container']}{' (previous)' if row['previous'] else ''}: {row['reason']}"
        for row in every[:NAMED]
    ]
    more = [f"and {len(every) - NAMED} more"] if len(every) > NAMED else []
    return f"{len(every)} of {of} {'log' if of == 1 else 'logs'} {what}: {'; '.join(named + more)}"
