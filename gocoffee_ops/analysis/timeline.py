"""What changed, and when? Moments of many tables on one timeline, and which of them came before an onset.

Each function here that takes a table of one kind gives the moments in it; `merge` makes one timeline of them. A row without a
time is on no timeline: it is counted, and the count is kept (`attrs["untimed"]`), so that nothing goes missing in silence.

`candidates` ranks what came before an onset. It orders what to look at, and claims no cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema, records
from gocoffee_ops.model import read_time

if TYPE_CHECKING:
    import pandas as pd

KINDS = (
    "rollout",
    "scaling",
    "config change",
    "secret change",
    "node event",
    "event",
    "restart",
    "alert",
    "annotation",
    "error onset",
    "log onset",
    "log novelty",
    "statement onset",
)
# What a kind tells of is seen, not done: it comes after whatever changed, and is no candidate for having come first.
SYMPTOMS = frozenset({"alert", "error onset", "log onset", "log novelty", "statement onset"})
# What a kind tells of is done, by somebody or by a program that somebody set up.
CHANGES = frozenset({"rollout", "scaling", "config change", "secret change"})
HALF_LIFE_S = 600.0  # a change this long before the onset counts half of one at the onset
REACH_S = 6 * 3600.0  # what is older is no candidate
SLACK_S = 60.0  # an onset is known to the minute: a change within it may have come before
SLOW_STATEMENT = "duration: "  # how PostgreSQL logs a statement that took long

MOMENTS = Schema(
    "timeline",
    (
        Column("time", "timestamp"),
        Column("kind", "string", help=", ".join(KINDS)),
        Column("subject", "string", help="what it happened to, as kubectl would name it"),
        Column("what", "string", help="what happened, in a few words"),
        Column("cluster", "string", optional=True),
        Column("namespace", "string", optional=True),
        Column("service", "string", optional=True, help="the workload that it belongs to"),
        Column("node", "string", optional=True),
        Column("source", "string", help="the question that it was read by"),
        Column("evidence", "string", help="the record that it rests on; empty for a table that was read by nothing"),
    ),
)

CANDIDATES = Schema(
    "candidates",
    (
        Column("score", "Float64", "ratio", "product of proximity, overlap and rarity, each 0 to 1"),
        Column("time", "timestamp"),
        Column("before_onset_s", "Float64", "s"),
        Column("kind", "string"),
        Column("subject", "string"),
        Column("what", "string"),
        Column("proximity", "Float64", "ratio", f"halves every {HALF_LIFE_S / 60:g} minutes before the onset"),
        Column("overlap", "Float64", "ratio", "1 same service, 0.6 its node, 0.4 its namespace, 0.2 its cluster, 0.1 none"),
        Column("rarity", "Float64", "ratio", "one over how many moments of its kind and subject the timeline holds"),
        Column("cluster", "string", optional=True),
        Column("namespace", "string", optional=True),
        Column("evidence", "string"),
    ),
)  # fmt: skip

SERVICE_LABELS = ("service", "app", "deployment", "statefulset", "job")
Row = Mapping[str, Any]
Moment = Callable[[Row], dict[str, Any] | None]


def rollouts(table: pd.DataFrame) -> pd.DataFrame:
    """Each revision of a Deployment, when it was written (or its ReplicaSet was made)."""

    def moment(row: Row) -> dict[str, Any]:
        said = f"revision {row['revision']}: {', '.join(row['images'])}"
        more = [f"by {row['changed_by']}" if row["changed_by"] else "", f"({row['cause']})" if row["cause"] else ""]
        return {
            "time": row["written_at"] or row["created_at"],
            "subject": f"deployment/{row['deployment']}",
            "what": " ".join(filter(None, [said, *more])),
            "service": row["deployment"],
        }

    return _moments(table, "rollout", moment)


def configuration(table: pd.DataFrame, *, kind: str = "config change") -> pd.DataFrame:
    """Each ConfigMap (or Secret: `kind="secret change"`) when it was last written; names and times, never values."""
    of = "secret" if kind == "secret change" else "configmap"

    def moment(row: Row) -> dict[str, Any]:
        by = f" by {row['changed_by']}" if row["changed_by"] else ""
        said = "created" if row["changed_at"] == row["created_at"] else "changed"
        return {"time": row["changed_at"], "subject": f"{of}/{row['name']}", "what": f"{said}{by}"}

    return _moments(table, kind, moment)


def events(table: pd.DataFrame) -> pd.DataFrame:
    """The cluster's events at their first sight: scaling, what befell nodes, and the warnings among the rest."""

    def moment(row: Row) -> dict[str, Any] | None:
        kind, _, name = row["object"].partition("/")
        if row["reason"] in {"ScalingReplicaSet", "SuccessfulRescale"}:
            named = "scaling"
        elif kind == "node":
            named = "node event"
        elif row["type"] == "Warning":
            named = "event"
        else:
            return None
        often = f" ({row['count']} times, last {row['last_seen_at']:%H:%M:%S})" if row["count"] > 1 else ""
        return {
            "time": row["first_seen_at"] or row["last_seen_at"],
            "kind": named,
            "subject": row["object"],
            "what": f"{row['reason']}: {row['message']}{often}",
            "service": _workload(kind, name),
            "node": name if kind == "node" else None,
        }

    return _moments(table, "event", moment)


def restarts(table: pd.DataFrame) -> pd.DataFrame:
    """The last end of each container that was started again."""

    def moment(row: Row) -> dict[str, Any] | None:
        if not row["restarts"] or row["last_reason"] is None:
            return None
        return {
            "time": row["last_finished_at"],
            "subject": f"pod/{row['pod']}",
            "what": f"{row['container']} ended: {row['last_reason']}",
            "service": _workload("pod", row["pod"]),
        }

    return _moments(table, "restart", moment)


def alerts(table: pd.DataFrame) -> pd.DataFrame:
    """Each alert when it began to fire; silenced ones too, and it is said."""

    def moment(row: Row) -> dict[str, Any]:
        labels = dict(label.partition("=")[::2] for label in row["labels"])
        state = "" if row["state"] == "active" else f" ({row['state']})"
        return {
            "time": row["starts_at"],
            "subject": f"alert/{row['alert']}",
            "what": f"{row['severity'] or 'no severity'}{state}: {row['summary'] or 'no summary'}",
            "service": next((labels[name] for name in SERVICE_LABELS if name in labels), None),
        }

    return _moments(table, "alert", moment)


def dashboard_notes(table: pd.DataFrame) -> pd.DataFrame:
    """What was noted on dashboards."""

    def moment(row: Row) -> dict[str, Any]:
        about = f"alert/{row['alert']}" if row["alert"] else f"dashboard/{row['dashboard_uid'] or 'all'}"
        said = f"{row['text']} ({', '.join(row['tags'])})" if row["tags"] else row["text"]
        return {"time": row["at"], "subject": about, "what": said or row["state"] or "a mark without a text"}

    return _moments(table, "annotation", moment)


def error_onsets(table: pd.DataFrame) -> pd.DataFrame:
    """When a service's error rate rose."""

    def moment(row: Row) -> dict[str, Any] | None:
        before, after = row["before_error_rate"], row["after_error_rate"]
        if after <= before:
            return None
        said = f"error rate from {before:.1%} to {after:.1%}"
        return {"time": row["onset"], "subject": f"service/{row['service']}", "what": said, "service": row["service"]}

    return _moments(table, "error onset", moment)


def log_onsets(table: pd.DataFrame) -> pd.DataFrame:
    """When a log template's rate rose; of a statement that PostgreSQL logs for taking long, that is its onset."""

    def moment(row: Row) -> dict[str, Any] | None:
        if row["after_per_min"] <= row["before_per_min"]:
            return None
        said = f"{row['template']}: from {row['before_per_min']:.1f} to {row['after_per_min']:.1f} a minute"
        named = {"kind": "statement onset"} if row["template"].startswith(SLOW_STATEMENT) else {}
        return named | {
            "time": row["onset"],
            "subject": f"service/{row['service']}",
            "what": said,
            "service": row["service"],
        }

    return _moments(table, "log onset", moment)


def log_novelties(table: pd.DataFrame) -> pd.DataFrame:
    """Log templates that the baseline did not hold, when first seen."""

    def moment(row: Row) -> dict[str, Any] | None:
        if row["change"] != "new":
            return None
        said = f"new: {row['template']} ({row['count']} times)"
        named = {"kind": "statement onset"} if row["template"].startswith(SLOW_STATEMENT) else {}
        return named | {
            "time": row["first_seen"],
            "subject": f"service/{row['service']}",
            "what": said,
            "service": row["service"],
        }

    return _moments(table, "log novelty", moment)


def merge(*timelines: pd.DataFrame) -> pd.DataFrame:
    """One timeline of several, oldest first. Columns: see `MOMENTS`."""
    rows = [row for one in timelines for row in records(one)]
    rows.sort(key=lambda row: (row["time"], row["kind"], row["subject"], row["what"]))
    return _finished(rows, timelines)


def within(timeline: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    """The moments from `start` until `end`."""
    return _finished([row for row in records(timeline) if start <= row["time"] < end], [timeline])


def candidates(
    timeline: pd.DataFrame,
    *,
    onset: datetime,
    service: str,
    namespace: str = "",
    cluster: str = "",
    nodes: Iterable[str] = (),
) -> pd.DataFrame:
    """Which changes came before the onset, and how near, how related and how rare is each? Highest score first.

    score = proximity x overlap x rarity. It says where to look first; that one thing came before another does not make it
    the cause. Symptoms (alerts, error and log onsets) are left out, as is what is older than six hours. An onset is known to
    the minute: what was changed within that minute may have come before it, and is a candidate with a `before_onset_s`
    below 0. Events and restarts of that minute are as likely what came of it, and are none.
    """
    own_nodes = frozenset(nodes)
    rows = records(timeline)
    often = Counter((row["kind"], row["subject"]) for row in rows)
    found = []
    for row in rows:
        before = (onset - row["time"]).total_seconds()
        late = -before >= SLACK_S if row["kind"] in CHANGES else before < 0.0
        if row["kind"] in SYMPTOMS or late or before > REACH_S:
            continue
        proximity = 0.5 ** (max(before, 0.0) / HALF_LIFE_S)
        overlap = _overlap(row, service, namespace, cluster, own_nodes)
        rarity = 1 / often[row["kind"], row["subject"]]
        shown = ("time", "kind", "subject", "what", "cluster", "namespace", "evidence")
        found.append(
            {name: row[name] for name in shown}
            | {"before_onset_s": before, "proximity": proximity, "overlap": overlap, "rarity": rarity}
            | {"score": proximity * overlap * rarity}
        )
    found.sort(key=lambda row: (-row["score"], row["before_onset_s"], row["subject"]))
    frame = CANDIDATES.from_rows(found)
    frame.attrs["evidence"] = list(dict.fromkeys(row["evidence"] for row in found if row["evidence"]))
    return frame


def first_onset(timeline: pd.DataFrame, *, service: Sequence[str] = ()) -> datetime | None:
    """When did the first symptom show, of these services if any are named? None when the timeline holds none."""
    times = [
        row["time"]
        for row in records(timeline)
        if row["kind"] in {"error onset", "log onset", "statement onset"} and (not service or row["service"] in service)
    ]
    return min(times, default=None)


def onset_of(
    timeline: pd.DataFrame, *, otherwise: datetime, service: Sequence[str] = (), started: str = ""
) -> datetime:
    """The moment before which changes are looked for: when somebody says that it `started`, else the first onset of these
    services (see `first_onset`), else `otherwise`. Raises UsageError for a `started` that is no time.
    """
    return read_time(started) if started else first_onset(timeline, service=service) or otherwise


def _overlap(row: Row, service: str, namespace: str, cluster: str, nodes: frozenset[str]) -> float:
    """How much of what the service is the moment touches.

    >>> row = {"service": "orders", "node": "n1", "namespace": "shop", "cluster": "eu"}
    >>> [_overlap(row, name, "shop", "eu", frozenset()) for name in ("orders", "payments")]
    [1.0, 0.4]
    >>> _overlap(row | {"service": None}, "payments", "other", "eu", frozenset({"n1"}))
    0.6
    """
    if row["service"] == service:
        return 1.0
    if row["node"] is not None and row["node"] in nodes:
        return 0.6
    if namespace and row["namespace"] == namespace:
        return 0.4
    return 0.2 if cluster and row["cluster"] == cluster else 0.1


def _workload(kind: str, name: str) -> str | None:
    """The workload that an object belongs to, by what controllers append to its name.

    >>> [_workload("pod", "orders-7d9f8b6c5-x2x4z"), _workload("pod", "postgres-0"), _workload("node", "n1")]
    ['orders', 'postgres', None]
    """
    if kind in {"deployment", "statefulset", "daemonset", "horizontalpodautoscaler", "service"}:
        return name
    parts = name.split("-")
    if kind == "replicaset":
        return "-".join(parts[:-1]) or name
    if kind != "pod":
        return None
    if len(parts) > 2 and len(parts[-1]) == 5 and not parts[-2].isalpha():
        return "-".join(parts[:-2])
    return "-".join(parts[:-1]) if len(parts) > 1 else name


def _moments(table: pd.DataFrame, kind: str, moment: Moment) -> pd.DataFrame:
    """The rows of one table as moments; a row whose moment has no time is counted."""
    evidence = table.attrs.get("evidence", [])
    source = table.attrs.get("query", "")
    rows, untimed = [], 0
    for row in records(table):
        found = moment(row)
        if found is None:
            continue
        if found["time"] is None:
            untimed += 1
            continue
        cluster = row.get("cluster")
        base = {
            "kind": kind,
            "cluster": cluster,
            "namespace": row.get("namespace"),
            "service": None,
            "node": row.get("node"),
            "source": source or (evidence[0].partition("(")[0] if evidence else kind),
            "evidence": _cited(evidence, cluster),
        }
        rows.append(base | found)
    rows.sort(key=lambda row: (row["time"], row["subject"], row["what"]))
    frame = MOMENTS.from_rows(rows)
    frame.attrs["evidence"] = list(evidence)
    frame.attrs["untimed"] = untimed
    return frame


def _cited(evidence: list[str], cluster: str | None) -> str:
    """The record of the row's own cluster, where a table rests on several."""
    own = [key for key in evidence if key.rpartition("@")[2].partition("#")[0] == f"cluster/{cluster}"]
    return (own or evidence or [""])[0]


def _finished(rows: list[dict[str, Any]], parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    frame = MOMENTS.from_rows(rows)
    tables = list(parts)
    frame.attrs["evidence"] = list(dict.fromkeys(key for one in tables for key in one.attrs.get("evidence", ())))
    frame.attrs["untimed"] = sum(one.attrs.get("untimed", 0) for one in tables)
    return frame
