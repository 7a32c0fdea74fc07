"""What changed, and when? Moments of many tables on one timeline, and which of them came before an onset.

`merge` makes one timeline of the moments of `moments`. `candidates` ranks what came before an onset. It orders what to look at,
and claims no cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.moments import (
    KINDS,
    MOMENTS,
    alerts,
    configuration,
    controller_revisions,
    dashboard_notes,
    error_onsets,
    events,
    fired_alerts,
    log_novelties,
    log_onsets,
    owned_by,
    restarts,
    rollouts,
    server_starts,
    workload,
)
from gocoffee_ops.errors import UsageError
from gocoffee_ops.frames import Column, Schema, Tables, records
from gocoffee_ops.model import read_time

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CHANGES", "KINDS", "MOMENTS", "ONSETS", "SYMPTOMS", "alerts", "candidates", "configuration", "controller_revisions",
    "dashboard_notes", "error_onsets", "events", "fired_alerts", "first_onset", "log_novelties", "log_onsets", "merge",
    "nodes_of", "onset_of", "placements", "remembered", "restarts", "rollouts", "server_starts", "within",
]  # fmt: skip

Row = Mapping[str, Any]
# A node's cluster ("" where it is not known) and its name: nodes of one name in two clusters are two.
Node = tuple[str, str]
QUIET = "quiet log onset"
# When trouble began to show.
ONSETS = frozenset({"error onset", "log onset", "statement onset", QUIET})
# What a kind tells of is seen, not done: it comes after whatever changed, and is no candidate for having come first.
SYMPTOMS = frozenset({"alert", "log novelty", *ONSETS})
# What a kind tells of is done, by somebody or by a program that somebody set up.
CHANGES = frozenset({"rollout", "scaling", "config change", "secret change"})
# What events tell of that mostly comes of an outage.
AFTERMATH = frozenset({"BackOff", "CrashLoopBackOff", "Failed", "Killing", "ProbeError", "Unhealthy"})
# What events tell of a node that is well: on the timeline, and no candidate.
SOUND = frozenset(
    {
        "NodeHasNoDiskPressure",
        "NodeHasSufficientMemory",
        "NodeHasSufficientPID",
        "NodeReady",
        "RegisteredNode",
        "Starting",
    }
)
HALF_LIFE_S = 600.0  # a change this long before the onset counts half of one at the onset
REACH_S = 6 * 3600.0  # what is older is no candidate
SLACK_S = (
    60.0  # for an onset that somebody named, or that is known to the minute: a change within it may have come before
)
CLOCKS_S = 2.0  # the API server's times are whole seconds, and clocks differ

CANDIDATES = Schema(
    "candidates",
    (
        Column("score", "Float64", "ratio", "product of proximity, overlap and rarity, each 0 to 1"),
        Column("role", "string", help="change, event, or aftermath: what mostly comes of an outage, and stands last"),
        Column("time", "timestamp"),
        Column("before_onset_s", "Float64", "s"),
        Column("kind", "string"),
        Column("subject", "string"),
        Column("what", "string"),
        Column("proximity", "Float64", "ratio", f"halves every {HALF_LIFE_S / 60:g} minutes before the onset"),
        Column("overlap", "Float64", "ratio", "1 same service, 0.6 its node, 0.4 its namespace, 0.2 its cluster, 0.1 none; in "
               "another cluster than the onset's 0.3 same service, 0.1 all else"),
        Column("rarity", "Float64", "ratio", "one over how many moments of its kind, subject and cluster the timeline holds"),
        Column("cluster", "string", optional=True),
        Column("namespace", "string", optional=True),
        Column("evidence", "string"),
    ),
)  # fmt: skip


def merge(*timelines: pd.DataFrame) -> pd.DataFrame:
    """One timeline of several, oldest first. Columns: see `MOMENTS`."""
    rows = [row for one in timelines for row in records(one)]
    rows.sort(key=lambda row: (row["time"], row["kind"], row["subject"], row["what"]))
    return _finished(rows, timelines)


def within(timeline: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    """The moments from `start` until `end`; what could not be read of the whole was not read of them either."""
    return _finished([row for row in records(timeline) if start <= row["time"] < end], [timeline])


def candidates(
    timeline: pd.DataFrame,
    *,
    onset: datetime | None,
    service: str | Sequence[str],
    otherwise: datetime | None = None,
    felt_by: Sequence[str] = (),
    namespace: str = "",
    cluster: str = "",
    nodes: Iterable[Node] = (),
) -> pd.DataFrame:
    """Which changes came before the onset, and how near, how related and how rare is each? Highest score first.

    score = proximity x overlap x rarity. It says where to look first; that one thing came before another does not make it
    the cause. Symptoms (alerts, error and log onsets) are left out, as are nodes that say that they are well, and what is older
    than six hours. What mostly comes of
    an outage (restarts, BackOff, Killing, Unhealthy) stands behind all else, whatever its score: it is the nearest to the
    onset of what it comes from.

    What was changed within what the onset is known to may have come before it, and is a candidate with a `before_onset_s`
    below 0. Events and restarts from then are as likely what came of it, and are none. `service` is one, or several that an
    incident touches. `nodes` are those that they run on (see `nodes_of`); of which service
    there is none, is stated.

    A name is the same thing in one cluster only. So what stands in another cluster than the onset overlaps by 0.3 where it is
    the same service (they share their releases, and perhaps a database), and by 0.1 in all else, its nodes included. The onset's
    cluster is `cluster`, else that of the onsets of these services that stand at its very moment, of several all of them; and of
    those whose onset it may be too, as a gateway's (`felt_by`). What others had at the same moment says nothing of it. Where
    that is not known (somebody named the time, an alert names no cluster, no sign was seen), and of a moment without a cluster,
    nothing is claimed: a name counts as much in each. `attrs["clusters"]` holds the onset's, and where the candidates are of
    several clusters and it is not known, that is stated.

    Without an onset it is counted back from `otherwise`, and `attrs["unseen"]` says so; `attrs["unread"]` whose events of
    that time may be forgotten (see `remembered`). Raises UsageError where there is neither.
    """
    counted_from = onset or otherwise
    if counted_from is None:
        raise UsageError("rank what changed", why="there is neither an onset nor a time to count back from otherwise")
    own, own_nodes = _services(service), frozenset(nodes)
    rows = records(timeline)
    often = Counter((row["kind"], row["subject"], row["cluster"]) for row in rows)
    slack_s = _slack(rows, counted_from)
    clusters = frozenset({cluster} if cluster else _clusters(rows, onset, {*own, *felt_by}))
    found = []
    for row in rows:
        before = (counted_from - row["time"]).total_seconds()
        late = -before >= slack_s if row["kind"] in CHANGES else before < 0.0
        if row["kind"] in SYMPTOMS or late or before > REACH_S or _sound(row):
            continue
        proximity = 0.5 ** (max(before, 0.0) / HALF_LIFE_S)
        overlap = _overlap(row, own, namespace, clusters, own_nodes)
        rarity = 1 / often[row["kind"], row["subject"], row["cluster"]]
        shown = ("time", "kind", "subject", "what", "cluster", "namespace", "evidence")
        found.append(
            {name: row[name] for name in shown}
            | {"before_onset_s": before, "proximity": proximity, "overlap": overlap, "rarity": rarity}
            | {"score": proximity * overlap * rarity, "role": _role(row)}
        )
    found.sort(key=lambda row: (row["role"] == "aftermath", -row["score"], row["before_onset_s"], row["subject"]))
    frame = CANDIDATES.from_rows(found)
    frame.attrs["evidence"] = list(dict.fromkeys(row["evidence"] for row in found if row["evidence"]))
    frame.attrs |= {"unseen": onset is None, "counted_from": counted_from, "clusters": sorted(clusters)}
    frame.attrs["unread"] = _forgotten(timeline, counted_from)
    stated = _stated(timeline, own, {node for node in own_nodes if not clusters or node[0] in {"", *clusters}})
    if not clusters and len({row["cluster"] for row in found if row["cluster"]}) > 1:
        stated.append("in which cluster it began is not known, so that a name counts as much in each")
    if stated:
        frame.attrs["truncated"] = stated
    return frame


def _stated(timeline: pd.DataFrame, services: Sequence[str], nodes: Iterable[Node]) -> list[str]:
    """Of which services no node is among those that count as theirs."""
    there = frozenset(nodes)
    unplaced = [
        name for name in services if not there or (len(services) > 1 and not there & {*nodes_of(timeline, name)})
    ]
    runs = "runs" if len(unplaced) == 1 else "run"
    return [f"on which nodes {' and '.join(unplaced)} {runs} was not read, so that none counts as its own"] * bool(
        unplaced
    )


def placements(pods: pd.DataFrame | Tables) -> pd.DataFrame:
    """Where the pods run, for `nodes_of`, and whose they are where their names do not tell: no moment, but what a timeline
    carries beside them.

    Takes a table of pods with owner and node, or the tables of a diagnosis; where they were not read nothing is known.
    """
    table = pods.read.get("pods.states") if isinstance(pods, Tables) else pods
    frame = MOMENTS.empty()
    rows = [] if table is None else records(table)
    named = ((row, owned_by(row["owner"])) for row in rows)
    frame.attrs["owners"] = sorted(
        (row["cluster"], row["namespace"], row["pod"], owner)
        for row, owner in named
        if owner and owner != workload("pod", row["pod"])
    )
    frame.attrs["placed"] = sorted(
        {
            ((row["owner"] or "").partition("/")[2], row["cluster"], row["node"])
            for row in rows
            if row["node"] is not None
        }
    )
    return frame


def remembered(horizon: pd.DataFrame) -> pd.DataFrame:
    """Since when each cluster's events are known, for `candidates`: no moment, but what a timeline carries beside them."""
    frame = MOMENTS.empty()
    frame.attrs["remembered"] = [(row["cluster"], row["known_since"]) for row in records(horizon) if row["known_since"]]
    return frame


def _forgotten(timeline: pd.DataFrame, at: datetime) -> list[str]:
    return [
        f"cluster/{name}: cluster.events before {since:%Y-%m-%d %H:%M:%S} UTC, which may be forgotten"
        for name, since in timeline.attrs.get("remembered", ())
        if since > at
    ]


def nodes_of(timeline: pd.DataFrame, service: str | Sequence[str]) -> tuple[Node, ...]:
    """The nodes, each with its cluster, that the pods of a service, or of several, run on, as `placements` and the moments
    themselves tell."""
    own = _services(service)
    placed = {(cluster, node) for owner, cluster, node in timeline.attrs.get("placed", ()) if owner in own}
    moments = [row for row in records(timeline) if row["service"] in own and row["node"] is not None]
    return tuple(sorted(placed | {(row["cluster"] or "", row["node"]) for row in moments}))


def _services(named: str | Sequence[str]) -> tuple[str, ...]:
    return (named,) if isinstance(named, str) else tuple(named)


def _sound(row: Row) -> bool:
    return row["kind"] == "node event" and row["what"].partition(":")[0] in SOUND


def _role(row: Row) -> str:
    """What a moment is, seen from an onset after it.

    >>> _role({"kind": "event", "what": "BackOff: back-off restarting failed container"}), _role({"kind": "rollout"})
    ('aftermath', 'change')
    """
    if row["kind"] in CHANGES:
        return "change"
    after = row["kind"] == "restart" or (row["kind"] == "event" and row["what"].partition(":")[0] in AFTERMATH)
    return "aftermath" if after else "event"


def _slack(rows: Sequence[Row], onset: datetime) -> float:
    """For how long after an onset a change may still have come before it: as well as the onset is known."""
    known = [
        row["resolution_s"]
        for row in rows
        if row["kind"] in ONSETS and row["time"] == onset and row["resolution_s"] is not None
    ]
    return min(known) + CLOCKS_S if known else SLACK_S


def _clusters(rows: Sequence[Row], onset: datetime | None, services: Container[str]) -> set[str]:
    """The clusters in which these services' onsets of that very moment stand; none where it is nobody's, or theirs is not
    known."""
    at_once = [row for row in rows if row["kind"] in ONSETS and row["time"] == onset and row["service"] in services]
    return {row["cluster"] for row in at_once if row["cluster"]}


def first_onset(timeline: pd.DataFrame, *, service: Sequence[str] = ()) -> datetime | None:
    """When did the first symptom show, of these services if any are named? None when the timeline holds none.

    That messages which only inform began to come more often (`quiet log onset`, see `moments.log_onsets`) is a symptom only where
    there is no other: neither another onset, nor an alert of these services, which would be late but tells of trouble.
    """
    rows = [row for row in records(timeline) if not service or row["service"] in service]
    plain = [row["time"] for row in rows if row["kind"] in ONSETS and row["kind"] != QUIET]
    fired = bool(service) and any(row["kind"] == "alert" for row in rows)
    quiet = [row["time"] for row in rows if row["kind"] == QUIET and not fired]
    return min(plain or quiet, default=None)


def onset_of(timeline: pd.DataFrame, *, service: Sequence[str] = (), started: str = "") -> datetime | None:
    """The moment before which changes are looked for: when somebody says that it `started`, else the first onset of these
    services (see `first_onset`), else when the first alert of theirs began to fire. None where no sign of it was seen.

    An alert is late, and says no more than that it began before; without services it may be anybody's, and is passed over.
    Raises UsageError for a `started` that is no time.
    """
    if started:
        return read_time(started)
    fired = [row["time"] for row in records(timeline) if row["kind"] == "alert" and row["service"] in service]
    return first_onset(timeline, service=service) or min(fired, default=None)


def _overlap(
    row: Row, services: Sequence[str], namespace: str, clusters: frozenset[str], nodes: frozenset[Node]
) -> float:
    """How much of what the services are the moment touches; `clusters` are the onset's, none where they are not known.

    >>> row = {"service": "orders", "node": "n1", "namespace": "shop", "cluster": "eu"}
    >>> [_overlap(row, (name,), "shop", frozenset({"eu"}), frozenset()) for name in ("orders", "payments")]
    [1.0, 0.4]
    >>> [_overlap(row, (name,), "shop", frozenset({"us"}), frozenset()) for name in ("orders", "payments")]
    [0.3, 0.1]
    >>> node = row | {"service": None}
    >>> [_overlap(node, ("payments",), "other", frozenset(), frozenset({(name, "n1")})) for name in ("eu", "us")]
    [0.6, 0.1]
    """
    elsewhere = bool(clusters) and row["cluster"] is not None and row["cluster"] not in clusters
    if row["service"] in services:
        return 0.3 if elsewhere else 1.0
    if elsewhere:
        return 0.1
    if any(row["node"] == name and (not cluster or row["cluster"] in {cluster, None}) for cluster, name in nodes):
        return 0.6
    if namespace and row["namespace"] == namespace:
        return 0.4
    return 0.2 if row["cluster"] in clusters else 0.1


def _owned(row: dict[str, Any], owners: Mapping[tuple[str, ...], str]) -> dict[str, Any]:
    """A moment of a pod, with the workload that made it where that is known."""
    kind, _, name = row["subject"].partition("/")
    owner = owners.get((row["cluster"], row["namespace"], name)) if kind == "pod" else None
    return row | {"service": owner} if owner else row


def _finished(rows: list[dict[str, Any]], parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    tables = list(parts)
    owners = {tuple(one[:3]): one[3] for table in tables for one in table.attrs.get("owners", ())}
    frame = MOMENTS.from_rows([_owned(row, owners) for row in rows] if owners else rows)
    frame.attrs["owners"] = sorted((*pod, owner) for pod, owner in owners.items())
    frame.attrs["evidence"] = list(dict.fromkeys(key for one in tables for key in one.attrs.get("evidence", ())))
    frame.attrs["placed"] = sorted({tuple(one) for table in tables for one in table.attrs.get("placed", ())})
    frame.attrs["remembered"] = sorted({tuple(pair) for one in tables for pair in one.attrs.get("remembered", ())})
    frame.attrs["untimed"] = sum(one.attrs.get("untimed", 0) for one in tables)
    frame.attrs["gaps"] = list(dict.fromkeys(gap for one in tables for gap in one.attrs.get("gaps", ())))
    frame.attrs["absent"] = list(dict.fromkeys(said for one in tables for said in one.attrs.get("absent", ())))
    return frame
