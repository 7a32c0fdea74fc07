"""What nodes report of themselves: conditions with their reasons, leases, events."""

from __future__ import annotations

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.cluster import event_row
from gocoffee_ops.queries.cluster_schemas import EVENT_TABLE
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, one_line
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import EVENTS, LEASES, NODE_STATES

LEASE_NAMESPACE = "kube-node-lease"

CONDITION_TABLE = Schema(
    "node conditions",
    (
        Column("node", "string"),
        Column("condition", "string", help="Ready, MemoryPressure, or what an operator adds: KernelDeadlock"),
        Column("status", "string", help="True, False or Unknown"),
        Column("reason", "string", optional=True),
        Column("message", "string", optional=True),
        Column("changed_at", "timestamp", optional=True),
    ),
)


@query("cluster", CONDITION_TABLE)
def conditions(ask: Ask[Cluster]) -> Rows:
    """What does each node say of itself, and why?

    API: core/v1 nodes. Permission: list nodes. Raises SourceError.
    """
    lists = Lists(ask)
    rows = [
        {
            "node": node.metadata.name,
            "condition": one.type,
            "status": one.status,
            "reason": one.reason or None,
            "message": one_line(one.message) or None,
            "changed_at": one.last_transition_time,
        }
        for node in lists.all(NODE_STATES)
        for one in node.status.conditions or ()
    ]
    return Rows(rows, notes=lists.notes())


LEASE_TABLE = Schema(
    "node leases",
    (
        Column("node", "string"),
        Column("renewed_at", "timestamp", optional=True),
        Column("renewed_s", "Float64", "s", "since then", optional=True),
        Column("duration_s", "Float64", "s", "how long a renewal holds"),
    ),
)


@query("cluster", LEASE_TABLE)
def leases(ask: Ask[Cluster]) -> Rows:
    """When did each kubelet last say that it lives?

    A node stays Ready until its lease has not been renewed for the node controller's grace period: this shows it earlier.

    API: coordination.k8s.io/v1 leases of namespace kube-node-lease. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = [
        {
            "node": one.metadata.name,
            "renewed_at": one.spec.renew_time,
            "renewed_s": ago_s(one.spec.renew_time, ask.as_of),
            "duration_s": float(one.spec.lease_duration_seconds),
        }
        for one in lists.all(LEASES, namespace=LEASE_NAMESPACE)
    ]
    return Rows(rows, notes=lists.notes())


@query("cluster", EVENT_TABLE)
def events(ask: Ask[Cluster]) -> Rows:
    """What was reported about nodes, how often, and when last? Newest first; see `cluster.event_horizon`.

    API: core/v1 events. Permission: list events in the whole cluster. Raises SourceError.
    """
    lists = Lists(ask)
    rows = [event_row(event) for event in lists.all(EVENTS, field_selector="involvedObject.kind=Node")]
    rows.sort(key=lambda row: row["last_seen_at"], reverse=True)
    return Rows(rows, notes=lists.notes())
