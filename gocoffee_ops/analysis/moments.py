"""Moments: what happened, to what, and when. Each function takes a table of one kind and gives the moments in it.

A row without a time is on no timeline: it is counted, and the count is kept (`attrs["untimed"]`), so that nothing goes missing in
silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops import missing
from gocoffee_ops.frames import Column, Schema, records

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
    "quiet log onset",
    "log novelty",
    "statement onset",
)
SLOW_STATEMENT = "duration: "  # how PostgreSQL logs a statement that took long
NEAR_S = 60.0  # between a rule's evaluation, its sample and what was sent of it
FINE_S = 1.0  # a moment that is known better than this needs no word on how well

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
        Column("resolution_s", "Float64", "s", optional=True, help="how fine the time of an onset is known"),
        Column("source", "string", help="the question that it was read by"),
        Column("evidence", "string", help="the record that it rests on; empty for a table that was read by nothing"),
    ),
)

# What a Deployment appends to a ReplicaSet's name (a number, in the letters that Kubernetes writes one by), and a CronJob to a
# Job's (minutes since 1970).
MADE_BY_A_MADE = re.compile(r"[4-9bcdf]{6,10}|\d{8}")
SERVICE_LABELS = ("service", "app", "deployment", "statefulset", "job")
Row = Mapping[str, Any]
Moment = Callable[[Row], dict[str, Any] | None]


def rollouts(table: pd.DataFrame) -> pd.DataFrame:
    """Each revision of a Deployment, when it was written (or its ReplicaSet was made)."""

    def moment(row: Row) -> dict[str, Any] | None:
        if row["replicaset"] is None:
            return None  # wanted, and not rolled out
        said = f"revision {row['revision']}: {', '.join(row['images'])}"
        more = [f"by {row['changed_by']}" if row["changed_by"] else "", f"({row['cause']})" if row["cause"] else ""]
        return {
            "time": row["written_at"] or row["created_at"],
            "subject": f"deployment/{row['deployment']}",
            "what": " ".join(filter(None, [said, *more])),
            "service": row["deployment"],
        }

    return _moments(table, "rollout", moment)


def controller_revisions(table: pd.DataFrame) -> pd.DataFrame:
    """Each revision of a StatefulSet or DaemonSet, when it was written (or its ControllerRevision was made)."""

    def moment(row: Row) -> dict[str, Any]:
        revision = "not rolled out yet" if row["revision"] is None else f"revision {row['revision']}"
        said = f"{revision}: {', '.join(row['images'])}"
        more = [f"by {row['changed_by']}" if row["changed_by"] else "", f"({row['cause']})" if row["cause"] else ""]
        return {
            "time": row["written_at"] or row["created_at"],
            "subject": row["controller"],
            "what": " ".join(filter(None, [said, *more])),
            "service": row["controller"].partition("/")[2],
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
        often = f" ({_times(row['count'])}, last {row['last_seen_at']:%H:%M:%S})" if row["count"] > 1 else ""
        return {
            "time": row["first_seen_at"] or row["last_seen_at"],
            "kind": named,
            "subject": row["object"],
            "what": f"{row['reason']}: {row['message']}{often}",
            "service": workload(kind, name),
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
            "service": owned_by(row["owner"]) or workload("pod", row["pod"]),
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


def fired_alerts(table: pd.DataFrame, besides: pd.DataFrame | None = None) -> pd.DataFrame:
    """Each alert that Prometheus knows to have fired, when it was first seen to; of one that resolved, when that was.

    One that fired before the window began has no such moment: it is counted as a row without a time. What Alertmanager has too
    (`besides`, its table, whose moments are `alerts`) is no second moment: the same alert with its labels, from the same time.
    """
    known = [] if besides is None else records(besides)

    def moment(row: Row) -> dict[str, Any] | None:
        if any(_is_same(row, one) for one in known):
            return None
        labels = dict(label.partition("=")[::2] for label in row["labels"])
        times = "" if row["times"] == 1 else f", {_times(row['times'])}"
        ended = f"{'fired still at' if row['firing'] else 'fired until'} {row['last_seen_at']:%Y-%m-%d %H:%M:%S}"
        return {
            "time": None if row["from_before"] else row["first_seen_at"],
            "subject": f"alert/{row['alert']}",
            "what": f"{row['severity'] or 'no severity'}: {ended}{times}",
            "service": next((labels[name] for name in SERVICE_LABELS if name in labels), None),
            "resolution_s": row["step_s"],
        }

    return _moments(table, "alert", moment)


def _is_same(fired: Row, known: Row) -> bool:
    """Whether Alertmanager's alert is what Prometheus says that fired; it has more labels, of the Prometheus that sent it."""
    if fired["alert"] != known["alert"] or not {*fired["labels"]} <= {*known["labels"]}:
        return False
    later_s = (fired["first_seen_at"] - known["starts_at"]).total_seconds()
    near_s = fired["step_s"] + NEAR_S
    return bool(-near_s <= later_s and (fired["from_before"] or later_s <= near_s))


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
        said = f"error rate from {before:.1%} to {after:.1%}{_known(row)}".replace("%", " %")
        return {"time": row["onset"], "subject": f"service/{row['service']}", "what": said, "service": row["service"]}

    return _moments(table, "error onset", moment)


def log_onsets(table: pd.DataFrame) -> pd.DataFrame:
    """When a log template's rate rose; of a statement that PostgreSQL logs for taking long, that is its onset.

    Of messages that only inform (`quiet` of the table) it is a `quiet log onset`: more of them may be more traffic.
    """

    def moment(row: Row) -> dict[str, Any] | None:
        if row["after_per_min"] <= row["before_per_min"]:
            return None
        rates = f"from {row['before_per_min']:.1f} to {row['after_per_min']:.1f} a minute"
        said = f"{row['template']}: {rates}{_known(row)}, {' or '.join(row['levels']) or 'no level'}"
        slow = row["template"].startswith(SLOW_STATEMENT)
        return {
            "kind": "statement onset" if slow else "quiet log onset" if row["quiet"] else "log onset",
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
        said = f"new: {row['template']} ({_times(row['count'])})"
        named = {"kind": "statement onset"} if row["template"].startswith(SLOW_STATEMENT) else {}
        return named | {
            "time": row["first_seen"],
            "subject": f"service/{row['service']}",
            "what": said,
            "service": row["service"],
        }

    return _moments(table, "log novelty", moment)


def server_starts(table: pd.DataFrame) -> pd.DataFrame:
    """When each database server started: whatever was connected before was cut off."""

    def moment(row: Row) -> dict[str, Any]:
        subject = f"database/{row['database']}"
        return {"time": row["started_at"], "subject": subject, "what": "the server started", "service": row["database"]}

    return _moments(table, "event", moment)


def _times(n: int) -> str:
    return "1 time" if n == 1 else f"{n:,} times"


def _known(row: Row) -> str:
    """How well an onset is known, where that is coarse."""
    within = row["resolution_s"]
    return f" (known to {within:,.0f} s)" if within is not None and within >= FINE_S else ""


def owned_by(owner: str | None) -> str | None:
    """The workload that an owner's name tells; a node, which owns its static pods, is none.

    >>> owned_by("deployment/orders"), owned_by("node/n1"), owned_by(None)
    ('orders', None, None)
    """
    kind, _, name = (owner or "").partition("/")
    return name or None if kind != "node" else None


def workload(kind: str, name: str) -> str | None:
    """The workload that an object belongs to, by what controllers append to its name; see `timeline.placements` for what is
    better known.

    >>> [workload("pod", "orders-7d9f8b6c5-x2x4z"), workload("pod", "postgres-0"), workload("node", "n1")]
    ['orders', 'postgres', None]
    >>> [workload("pod", "csi-s3-x2x4z"), workload("pod", "nightly-29384720-x2x4z")]
    ['csi-s3', 'nightly']
    """
    if kind in {"deployment", "statefulset", "daemonset", "horizontalpodautoscaler", "service"}:
        return name
    parts = name.split("-")
    if kind == "replicaset":
        return "-".join(parts[:-1]) or name
    if kind != "pod":
        return None
    if len(parts) > 2 and len(parts[-1]) == 5 and MADE_BY_A_MADE.fullmatch(parts[-2]):
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
            "resolution_s": row.get("resolution_s"),
            "source": source or (evidence[0].partition("(")[0] if evidence else kind),
            "evidence": _cited(evidence, cluster),
        }
        rows.append(base | found)
    rows.sort(key=lambda row: (row["time"], row["subject"], row["what"]))
    frame = MOMENTS.from_rows(rows)
    frame.attrs["evidence"] = list(evidence)
    frame.attrs["untimed"] = untimed
    frame.attrs["absent"] = [table.attrs["absent"]] if table.attrs.get("absent") else []
    lost = [one for one in table.attrs.get("missing", ()) if one["why"] != "unread"]  # of that, its question says so
    frame.attrs["gaps"] = [missing.sentence(lost)] if lost else []
    return frame


def _cited(evidence: list[str], cluster: str | None) -> str:
    """The record of the row's own cluster, where a table rests on several."""
    own = [key for key in evidence if key.rpartition("@")[2].partition("#")[0] == f"cluster/{cluster}"]
    return (own or evidence or [""])[0]
