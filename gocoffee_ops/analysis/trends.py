"""Two weeks side by side: what is new, gone, slower, faster, more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema, records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

NOTABLE = 1.2  # below this ratio two means are called the same

STATEMENT_CHANGES = Schema(
    "statement changes",
    (
        Column("change", "string", help="slower, new, not known, not called, faster, same or not compared"),
        Column("mean_ratio", "Float64", help="the interval's mean over the previous run's", optional=True),
        Column("interval_calls", "Int64", help="since the previous run, or since a reset after it", optional=True),
        Column("interval_mean_exec_ms", "Float64", "ms", "of these calls", optional=True),
        Column("previous_mean_exec_ms", "Float64", "ms", "of all calls the previous run saw counted", optional=True),
        Column("share", "Float64", "ratio", "of what its database's statements took in the interval", optional=True),
        Column("calls", "Int64", help="since the reset of the statistics", optional=True),
        Column("mean_exec_ms", "Float64", "ms", "since the reset of the statistics", optional=True),
        Column("statement", "string", content="sql"),
        Column("database", "string"),
        Column("queryid", "string"),
    ),
)

USAGE_CHANGES = Schema(
    "usage changes",
    (
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("owner", "string", optional=True),
        Column("change", "string", help="compared, not measured, new or gone"),
        Column("cpu_millicores", "Float64", "millicores", optional=True),
        Column("previous_cpu_millicores", "Float64", "millicores", optional=True),
        Column("cpu_ratio", "Float64", optional=True),
        Column("memory_mib", "Float64", "MiB", optional=True),
        Column("previous_memory_mib", "Float64", "MiB", optional=True),
        Column("memory_ratio", "Float64", optional=True),
    ),
)

FINDING_CHANGES = Schema(
    "finding changes",
    (
        Column("change", "string", help="new, gone, not read, worse, better or same"),
        Column("status", "string", optional=True),
        Column("previous_status", "string", optional=True),
        Column("check", "string"),
        Column("subject", "string"),
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("reason", "string"),
    ),
)


def statement_changes(totals: pd.DataFrame, previous: pd.DataFrame, top: int = 20) -> pd.DataFrame:
    """Which statements became slower or faster since the previous run, are new, or were not called? Slowed most first.

    The server's counters only grow, so what a week did is their growth between two runs: its mean is held against the
    previous run's mean, which is of all calls up to that run (what its own week had been cannot be told from it alone).
    Counters that were reset in between, all or one by one, have counted a part of the interval, and that is compared.

    `totals` and `previous` hold every statement; of each database the `top` that took most time in the interval are
    shown, and the `top` that had taken most by the previous run. One that was not called, or is new to the statistics,
    has no ratio. `not known`: its counters are no longer there, evicted or reset alone, so nobody can say what it did.
    `not compared`: no earlier run read its database's statements.

    Columns: change, mean_ratio, interval_calls, interval_mean_exec_ms, previous_mean_exec_ms (ms), share (of the
    interval), calls, mean_exec_ms (ms, since the reset), statement, database, queryid. All roles' calls are one
    statement's, by database and queryid.
    """
    now = {(row["database"], row["queryid"]): row for row in records(totals)}
    before = {(row["database"], row["queryid"]): row for row in records(previous)}
    grown = {key: _grown(row, before.get(key)) for key, row in now.items()}
    whole: defaultdict[str, float] = defaultdict(float)
    for (database, _), (_, grown_ms) in grown.items():
        whole[database] += grown_ms
    compared = {database for database, _ in before}
    # Of a database whose statistics began anew, and have forgotten nothing since, what is not there was not called.
    resets = {database: row["stats_reset_at"] for (database, _), row in before.items()}
    anew = {d for (d, _), row in now.items() if row["stats_reset_at"] != resets.get(d) and not row["evictions"]}
    grown |= {key: (0, 0.0) for key in before if key not in now and key[0] in anew}
    had = {key: row["total_exec_ms"] for key, row in before.items()}
    kept = {*_heaviest({key: ms for key, (_, ms) in grown.items()}, top), *_heaviest(had, top)}
    spent = {key: (-grown.get(key, (0, 0.0))[1], -had.get(key, 0.0), key) for key in kept}
    rows = [
        _statement_change(key, now.get(key), before.get(key), grown.get(key), whole[key[0]], key[0] in compared)
        for key in sorted(kept, key=spent.__getitem__)
    ]
    order = ("slower", "new", "not known", "not called", "faster", "same", "not compared")
    rows.sort(key=lambda row: (order.index(row["change"]), -(row["mean_ratio"] or 0.0)))
    return _frame(STATEMENT_CHANGES, rows, totals, previous)


def usage_changes(usage: pd.DataFrame, previous: pd.DataFrame) -> pd.DataFrame:
    """How much more or less does each workload use than in the previous run? Most grown first.

    Columns: cluster, namespace, owner; change (`compared`, `new`, `gone`, or `not measured` in one of the runs);
    cpu_millicores, previous_cpu_millicores (millicores), cpu_ratio; memory_mib, previous_memory_mib (MiB), memory_ratio.
    Summed over an owner's pods; missing where a run did not see or measure it.
    """
    now, before = _by_owner(records(usage)), _by_owner(records(previous))
    rows: list[dict[str, Any]] = []
    for key in now | before:
        cpu, memory = now.get(key, (None, None))
        previous_cpu, previous_memory = before.get(key, (None, None))
        rows.append(
            {
                "cluster": key[0],
                "namespace": key[1],
                "owner": key[2],
                "change": _usage_change(now.get(key), before.get(key)),
                "cpu_millicores": cpu,
                "previous_cpu_millicores": previous_cpu,
                "cpu_ratio": _ratio(cpu, previous_cpu),
                "memory_mib": memory,
                "previous_memory_mib": previous_memory,
                "memory_ratio": _ratio(memory, previous_memory),
            }
        )
    rows.sort(key=_most_grown)
    return _frame(USAGE_CHANGES, rows, usage, previous)


def finding_changes(findings: Sequence[Finding], previous: pd.DataFrame) -> pd.DataFrame:
    """Which findings are new, gone, worse or better than in the previous run? OK in both is left out.

    What this run could not have found, because its source gave no answer or its check never ran, is `not read`, not gone.

    Columns: change, status, previous_status, check, subject, cluster, namespace, reason.
    """
    made = [part for finding in findings for part in finding.made]
    now = _worst((f.key, f.status, f.reason) for f in made)
    before = _worst(
        ((row["check"], row["cluster"], row["namespace"], row["subject"]), Status(row["status"]), row["reason"])
        for row in records(previous)
    )
    judged = Judged(made)
    rows = []
    for key in now | before:
        this, that = now.get(key), before.get(key)
        unread = this is None and that is not None and not judged.covers(key, that[1])
        fine = {status for status, _ in filter(None, (this, that))} == {Status.OK}
        if fine:
            continue
        check, cluster, namespace, subject = key
        rows.append(
            {
                "change": "not read" if unread else _finding_change(this and this[0], that and that[0]),
                "status": this[0].value if this else None,
                "previous_status": that[0].value if that else None,
                "check": check,
                "subject": subject,
                "cluster": cluster,
                "namespace": namespace,
                "reason": (this or that or (None, ""))[1],
            }
        )
    order = ("new", "worse", "not read", "gone", "better", "same")
    rows.sort(key=lambda row: (order.index(str(row["change"])), str(row["check"]), str(row["subject"])))
    return _frame(FINDING_CHANGES, rows, previous)


Key = tuple[str, str, str, str]


class Judged:
    """Which checks a run applied, and to what: a finding that is not there again may be gone, or may not have been read."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._targets: dict[str, set[str]] = {}
        self._unread: set[str] = set()
        for finding in findings:
            if _is_query(finding.check):
                if finding.status is Status.UNKNOWN:
                    self._unread.add(finding.subject)
                continue
            cited = (key.rpartition("@")[2].partition("#")[0] for key in finding.evidence)
            self._targets.setdefault(finding.check, set()).update(cited)

    def covers(self, key: Key, reason: str) -> bool:
        """Whether the run would have found this again, had it still been so.

        >>> read = Finding(Status.OK, "cache_hits", "cache", "", evidence=("database.cache_hit()@database/a",))
        >>> gap = Finding(Status.UNKNOWN, "database.cache_hit", "database/b", "not read: refused")
        >>> judged = Judged([read, gap])
        >>> [judged.covers(("cache_hits", "", "", subject), "") for subject in ("database/a", "database/b")]
        [True, False]
        """
        check, cluster, _, subject = key
        database = subject if subject.startswith("database/") else f"database/{reason.partition(': ')[0]}"
        target = f"cluster/{cluster}" if cluster else database
        if _is_query(check):
            return target not in self._unread
        if check not in self._targets:
            return False
        return target not in self._unread or target in self._targets[check]


def _is_query(check: str) -> bool:
    """A question that got no answer is a finding under the question's name."""
    return "." in check


def _worst(found: Iterable[tuple[Key, Status, str]]) -> dict[Key, tuple[Status, str]]:
    worst: dict[Key, tuple[Status, str]] = {}
    for key, status, reason in found:
        if key not in worst or status.severity > worst[key][0].severity:
            worst[key] = (status, reason)
    return worst


def _finding_change(this: Status | None, that: Status | None) -> str:
    """What is OK in one run and not seen in the other came or went.

    >>> [_finding_change(*pair) for pair in ((Status.CRIT, None), (None, Status.WARN), (Status.CRIT, Status.WARN))]
    ['new', 'gone', 'worse']
    """
    if that is None or that is Status.OK:
        return "new"
    if this is None or this is Status.OK:
        return "gone"
    if this.severity == that.severity:
        return "same"
    return "worse" if this.severity > that.severity else "better"


def _statement_change(
    key: tuple[str, str],
    this: Mapping[str, Any] | None,
    that: Mapping[str, Any] | None,
    grown: tuple[int, float] | None,
    whole_ms: float,
    compared: bool,
) -> dict[str, Any]:
    calls, exec_ms = grown or (None, None)
    mean = _mean(calls, exec_ms)
    previous_mean = _mean(that["calls"], that["total_exec_ms"]) if that else None
    ratio = _ratio(mean, previous_mean)
    return {
        "change": _change(calls, ratio) if that else "new" if compared else "not compared",
        "mean_ratio": ratio,
        "interval_calls": calls if compared else None,
        "interval_mean_exec_ms": mean if compared else None,
        "previous_mean_exec_ms": previous_mean,
        "share": _ratio(exec_ms, whole_ms),
        "calls": this["calls"] if this else None,
        "mean_exec_ms": _mean(this["calls"], this["total_exec_ms"]) if this else None,
        "statement": (this or that or {})["statement"],
        "database": key[0],
        "queryid": key[1],
    }


def _grown(this: Mapping[str, Any], that: Mapping[str, Any] | None) -> tuple[int, float]:
    """Calls and milliseconds since the previous run; since the reset, where the counters began anew in between.

    >>> then, later = {"calls": 100, "total_exec_ms": 200.0}, {"calls": 110, "total_exec_ms": 300.0}
    >>> _grown(later | {"stats_reset_at": 1}, then | {"stats_reset_at": 1})
    (10, 100.0)
    >>> _grown(later | {"stats_reset_at": 2}, then | {"stats_reset_at": 1})
    (110, 300.0)
    """
    calls, exec_ms = this["calls"], this["total_exec_ms"]
    if that is None or this["stats_reset_at"] != that["stats_reset_at"] or calls < that["calls"]:
        return calls, exec_ms
    # Sums over roles, taken in another order, differ in their last digits.
    if exec_ms < that["total_exec_ms"] * (1 - 1e-9):
        return calls, exec_ms
    return calls - that["calls"], max(0.0, exec_ms - that["total_exec_ms"])


def _heaviest(exec_ms: Mapping[tuple[str, str], float], top: int) -> list[tuple[str, str]]:
    """Of each database the `top` with most time."""
    ranked = sorted(exec_ms, key=lambda key: (-exec_ms[key], key))
    taken: Counter[str] = Counter()
    kept = []
    for key in ranked:
        taken[key[0]] += 1
        if taken[key[0]] <= top:
            kept.append(key)
    return kept


def _mean(calls: int | None, exec_ms: float | None) -> float | None:
    return exec_ms / calls if calls and exec_ms is not None else None


def _change(calls: int | None, ratio: float | None) -> str:
    """What became of a statement that the previous run had counted.

    >>> [_change(*pair) for pair in ((None, None), (0, None), (5, 3.0), (5, 1.1), (5, 0.5), (5, None))]
    ['not known', 'not called', 'slower', 'same', 'faster', 'not compared']
    """
    if calls is None:
        return "not known"
    if calls == 0:
        return "not called"
    if ratio is None:
        return "not compared"
    if 1 / NOTABLE < ratio < NOTABLE:
        return "same"
    return "slower" if ratio > 1 else "faster"


def _ratio(this: float | None, that: float | None) -> float | None:
    return this / that if this is not None and that else None


Usage = tuple[float | None, float | None]  # CPU and memory


def _by_owner(table: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str | None], Usage]:
    """CPU and memory by owner; one pod that was not measured leaves its owner's sum unknown."""
    sums: dict[tuple[str, str, str | None], Usage] = {}
    for row in table:
        key = (row["cluster"], row["namespace"], row["owner"] or f"pod/{row['pod']}")
        cpu, memory = sums.get(key, (0.0, 0.0))
        sums[key] = (_sum(cpu, row["cpu_millicores"]), _sum(memory, row["memory_mib"]))
    return sums


def _usage_change(now: Usage | None, before: Usage | None) -> str:
    if before is None:
        return "new"
    if now is None:
        return "gone"
    return "not measured" if None in (*now, *before) else "compared"


def _most_grown(row: Mapping[str, Any]) -> float:
    return -max(row["cpu_ratio"] or 0.0, row["memory_ratio"] or 0.0)


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _frame(schema: Schema, rows: list[dict[str, Any]], *inputs: pd.DataFrame) -> pd.DataFrame:
    frame = schema.from_rows(rows)
    frame.attrs["evidence"] = list(dict.fromkeys(e for table in inputs for e in table.attrs.get("evidence", ())))
    return frame
