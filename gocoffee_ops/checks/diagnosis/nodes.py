"""Nodes: conditions, pressure, cordons, versions, leases, and more promised than there is."""

from __future__ import annotations

from collections.abc import Iterator

from gocoffee_ops.checks.capacity import OLDEST_KUBELET, version_skew
from gocoffee_ops.checks.diagnosis.problem import NODE_PRESSURE, NODE_READY, Picture, Problem, Ref, Row, short
from gocoffee_ops.checks.grading import CLUSTER_UPDATE, COST_ANALYSIS, counted, percent, seconds
from gocoffee_ops.model import Status

TABLES = ("cluster.nodes", "nodes.conditions", "nodes.leases")
OVERCOMMITTED = (
    ("CPU", "cpu_requested_millicores", "cpu_allocatable_millicores"),
    ("memory", "memory_requested_mib", "memory_allocatable_mib"),
    ("pods", "pods", "pods_allocatable"),
)


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with nodes; a node that is down has one problem, whatever else it no longer reports."""
    said = {
        (row["node"], row["condition"]): ": ".join(part for part in (row["reason"], row["message"]) if part)
        for row in picture.rows("nodes.conditions")
    }
    leases = {row["node"]: row for row in picture.rows("nodes.leases")}
    for row in picture.rows("cluster.nodes"):
        at = Ref("", f"node/{row['node']}")
        lease = _lease(row["node"], leases, picture)
        if not row["ready"]:
            why = said.get((row["node"], "Ready"), "") or "its kubelet has said nothing yet"
            bound = counted(row["pods"], "pod")
            reason = f"{row['status']}: {short(why)}{f'; {lease}' if lease else ''}; {bound} bound to it"
            yield Problem(NODE_READY, Status.CRIT, at, reason, TABLES, numbers={"pods": row["pods"]})
        else:
            yield from _pressed(at, row, said)
            if lease:
                yield Problem("node_leases", Status.WARN, at, f"Ready still, but {lease}", TABLES)
        if row["unschedulable"]:
            reason = "cordoned: no new pod is placed on it"
            yield Problem("node_schedulable", Status.WARN, at, reason, TABLES, next=(CLUSTER_UPDATE,))
        yield from _versions(at, row)
        yield from _overcommitted(at, row)


def _lease(node: str, leases: dict[str, Row], picture: Picture) -> str:
    """That a kubelet's lease has run out, twice over: one late renewal is no news."""
    if not picture.has("nodes.leases"):
        return ""
    lease = leases.get(node)
    if lease is None or lease["renewed_s"] is None:
        return "its kubelet holds no lease"
    newest = min(one["renewed_s"] for one in leases.values() if one["renewed_s"] is not None)
    behind = lease["renewed_s"] - newest  # by each other, and not by our clock, which may be wrong
    if behind <= 2 * lease["duration_s"]:
        return ""
    return f"its lease was last renewed {seconds(behind)} before the newest one"


def _pressed(at: Ref, row: Row, said: dict[tuple[str, str], str]) -> Iterator[Problem]:
    pressures = [pressure.partition("=") for pressure in row["pressures"]]
    for name, _, value in pressures:
        if value != "Unknown":
            why = said.get((row["node"], name), "")
            reason = f"{name}{f' is {value}' if value else ''}{f': {short(why)}' if why else ''}"
            yield Problem(NODE_PRESSURE, Status.CRIT, at, reason, TABLES)
    silent = [name for name, _, value in pressures if value == "Unknown"]
    if silent:
        reason = f"its kubelet does not report {', '.join(silent)}"
        yield Problem(NODE_PRESSURE, Status.UNKNOWN, at, reason, TABLES)


def _versions(at: Ref, row: Row) -> Iterator[Problem]:
    skew = version_skew(row["kubelet_version"], row["server_version"])
    if skew is None:
        reason = "the version of the API server or of the kubelet is not known"
        yield Problem("node_versions", Status.UNKNOWN, at, reason, TABLES)
    elif not 0 <= skew <= OLDEST_KUBELET:
        reason = f"kubelet {row['kubelet_version']} is not supported by API server {row['server_version']}"
        yield Problem("node_versions", Status.CRIT, at, reason, TABLES, next=(CLUSTER_UPDATE,))


def _overcommitted(at: Ref, row: Row) -> Iterator[Problem]:
    """More is promised than there is: the scheduler does not do that, a node that shrank or static pods do."""
    shares = {name: row[part] / row[whole] for name, part, whole in OVERCOMMITTED if row[whole]}
    over = [f"{name} {percent(share)}" for name, share in shares.items() if share > 1]
    if over:
        reason = f"more is requested than it can give: {', '.join(over)} of allocatable"
        yield Problem("node_room", Status.WARN, at, reason, TABLES, next=(COST_ANALYSIS,))
