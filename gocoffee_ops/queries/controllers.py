"""Do controllers have the pods that they want, and if not, what do they say stops them? One table a kind."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, by_type, pairs, told
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster, Kind
from gocoffee_ops.sources.kubernetes.lists import DAEMON_SETS, REPLICA_SETS, ROLLED_DEPLOYMENTS, STATEFUL_SETS
from gocoffee_ops.sources.kubernetes.state_shapes import Controller

CONTROLLER_TABLE = Schema(
    "controllers",
    (
        Column("namespace", "string"),
        Column("controller", "string", help="deployment/orders, statefulset/redis"),
        Column("desired", "Int64", help="replicas; of a DaemonSet, nodes that should have one"),
        Column("created", "Int64", help="pods that there are"),
        Column("ready", "Int64"),
        Column("updated", "Int64", help="of the newest revision"),
        Column("available", "Int64"),
        Column("observed", "boolean", help="its controller has seen the newest spec"),
        Column("paused", "boolean"),
        Column("stalled", "string", optional=True, help="why a rollout makes no progress"),
        Column("refused", "string", optional=True, help="why pods could not be created"),
        Column("service", "string", optional=True, help="the Service that a StatefulSet names"),
        Column("labels", "list[string]", help="of its pods"),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", CONTROLLER_TABLE)
def deployments(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Does each Deployment have the pods that it wants, and what does it say if not?

    API: apps/v1 deployments. Permission: list them, in `namespace` or in the whole cluster. Raises SourceError; NotFound
    when there is no such namespace.
    """
    return _controllers(ask, ROLLED_DEPLOYMENTS, "deployment", namespace)


@query("cluster", CONTROLLER_TABLE)
def statefulsets(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Does each StatefulSet have the pods that it wants?

    API: apps/v1 statefulsets. Permission: list them, in `namespace` or in the whole cluster. Raises SourceError; NotFound
    when there is no such namespace.
    """
    return _controllers(ask, STATEFUL_SETS, "statefulset", namespace)


@query("cluster", CONTROLLER_TABLE)
def daemonsets(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Does each DaemonSet have a ready pod on each node that should have one?

    API: apps/v1 daemonsets. Permission: list them, in `namespace` or in the whole cluster. Raises SourceError; NotFound
    when there is no such namespace.
    """
    return _controllers(ask, DAEMON_SETS, "daemonset", namespace)


@query("cluster", CONTROLLER_TABLE)
def replicasets(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Does each ReplicaSet that no Deployment manages have the pods that it wants?

    API: apps/v1 replicasets. Permission: list them, in `namespace` or in the whole cluster. Raises SourceError; NotFound
    when there is no such namespace.
    """
    return _controllers(ask, REPLICA_SETS, "replicaset", namespace)


def _controllers(ask: Ask[Cluster], kind: Kind[Controller], name: str, namespace: str) -> Rows:
    lists = Lists(ask)
    row = partial(_row, kind=name, as_of=ask.as_of)
    rows = [row(one) for one in lists.all(kind, namespace=namespace) if not _managed(one)]
    return Rows(rows, notes=lists.notes())


def _managed(one: Controller) -> bool:
    return any(owner.controller for owner in one.metadata.owner_references or () if owner.kind == "Deployment")


def _row(one: Controller, kind: str, as_of: datetime) -> dict[str, Any]:
    meta, spec, status = one.metadata, one.spec, one.status
    conditions = by_type(status.conditions)
    progress, failure = conditions.get("Progressing"), conditions.get("ReplicaFailure")
    return {
        "namespace": meta.namespace,
        "controller": f"{kind}/{meta.name}",
        **(_daemons(one) if kind == "daemonset" else _replicas(one, kind)),
        "observed": status.observed_generation >= meta.generation,
        "paused": spec.paused,
        "stalled": told(progress) if progress is not None and progress.status == "False" else None,
        "refused": told(failure) if failure is not None and failure.status == "True" else None,
        "service": spec.service_name or None,
        "labels": pairs(spec.template.metadata.labels),
        "age_s": ago_s(meta.creation_timestamp, as_of),
    }


def _replicas(one: Controller, kind: str) -> dict[str, int]:
    status = one.status
    return {
        "desired": one.spec.replicas,
        "created": status.replicas,
        "ready": status.ready_replicas,
        "updated": status.ready_replicas if kind == "replicaset" else status.updated_replicas,
        "available": status.available_replicas,
    }


def _daemons(one: Controller) -> dict[str, int]:
    status = one.status
    return {
        "desired": status.desired_number_scheduled,
        "created": status.current_number_scheduled,
        "ready": status.number_ready,
        "updated": status.updated_number_scheduled,
        "available": status.number_available,
    }
