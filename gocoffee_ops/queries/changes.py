"""What was changed, when, and by which program: rollouts, ConfigMaps, Secrets.

A manager is the name that a program gives itself when it writes (`kubectl-edit`, `helm`, `argocd-controller`), not a person:
that is in the API server's audit log.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.workloads import REVISION
from gocoffee_ops.sources.kubernetes import Cluster, Kind
from gocoffee_ops.sources.kubernetes.lists import (
    CONFIG_MAP_METADATA,
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    REPLICA_SETS,
    ROLLED_DEPLOYMENTS,
    SECRET_METADATA,
    STATEFUL_SETS,
)
from gocoffee_ops.sources.kubernetes.state_shapes import Controller, ControllerRevision, Managed, UpdateStrategy, Write

CAUSE = "kubernetes.io/change-cause"
TEMPLATE = "f:template"
SOON = timedelta(seconds=10)  # after a template was written, its ReplicaSet is there

ROLLOUT_TABLE = Schema(
    "rollouts",
    (
        Column("namespace", "string"),
        Column("deployment", "string"),
        Column("revision", "Int64", optional=True),
        Column("newest", "boolean", help="the revision that the Deployment wants now"),
        Column(
            "replicaset", "string", optional=True, help="missing: the Deployment has none at all, and so no revision"
        ),
        Column("images", "list[string]"),
        Column("cause", "string", optional=True, help="kubernetes.io/change-cause, where somebody noted one"),
        Column("changed_by", "string", optional=True, help="the program that wrote the template; missing: not kept"),
        Column(
            "created_at",
            "timestamp",
            help="when the ReplicaSet was made; a revision rolled back to keeps its first time; without one, the Deployment",
        ),
        Column("written_at", "timestamp", optional=True, help="when the template was written"),
        Column("wanted", "Int64", help="replicas that the Deployment wants"),
        Column("desired", "Int64", help="of this revision"),
        Column("ready", "Int64", help="of this revision"),
    ),
)


@query("cluster", ROLLOUT_TABLE)
def rollouts(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which revisions had each Deployment, with which images, why, since when, and who wrote them? Newest first.

    The API keeps the last write of each program alone, so that who wrote an older revision is mostly gone; and as many
    revisions as the Deployment's history limit says (10 by default). A Deployment without any ReplicaSet is a row without one.

    API: apps/v1 deployments and replicasets. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    deployments = {
        (one.metadata.namespace, one.metadata.name): one for one in lists.all(ROLLED_DEPLOYMENTS, namespace=namespace)
    }
    made: dict[tuple[str, str], list[Controller]] = {}
    for one in lists.all(REPLICA_SETS, namespace=namespace):
        owner = next((each.name for each in one.metadata.owner_references or () if each.kind == "Deployment"), "")
        made.setdefault((one.metadata.namespace, owner), []).append(one)
    rows = []
    for key, deployment in deployments.items():
        before: datetime | None = None
        for one in sorted(made.get(key, ()), key=_created):
            rows.append(_rollout(one, deployment, before))
            before = one.metadata.creation_timestamp
        if key not in made:
            rows.append(_never_rolled_out(deployment))
    rows.sort(key=lambda row: (row["namespace"], row["deployment"], -(row["revision"] or 0)))
    return Rows(rows, notes=lists.notes())


def _created(one: Controller | ControllerRevision) -> str:
    created = one.metadata.creation_timestamp
    return created.isoformat() if created else ""


def _rollout(one: Controller, deployment: Controller, before: datetime | None) -> dict[str, Any]:
    annotations, created = one.metadata.annotations or {}, one.metadata.creation_timestamp
    revision = annotations.get(REVISION, "")
    newest = bool(revision) and revision == (deployment.metadata.annotations or {}).get(REVISION)
    write = _template_write(deployment.metadata.managed_fields or (), before, created, newest)
    containers = one.spec.template.spec.containers
    return {
        "namespace": one.metadata.namespace,
        "deployment": deployment.metadata.name,
        "revision": int(revision) if revision.isdigit() else None,
        "newest": newest,
        "replicaset": one.metadata.name,
        "images": [container.image for container in containers],
        "cause": annotations.get(CAUSE) or None,
        "changed_by": write.manager or None if write else None,
        "created_at": created,
        "written_at": write.time if write else None,
        "wanted": deployment.spec.replicas,
        "desired": one.spec.replicas,
        "ready": one.status.ready_replicas,
    }


def _never_rolled_out(deployment: Controller) -> dict[str, Any]:
    """A Deployment without any ReplicaSet, as one that was made paused: what it wants, and that nothing of it is there."""
    write = _last(_template_writes(deployment.metadata.managed_fields or ()))
    return {
        "namespace": deployment.metadata.namespace,
        "deployment": deployment.metadata.name,
        "revision": None,
        "newest": False,
        "replicaset": None,
        "images": [container.image for container in deployment.spec.template.spec.containers],
        "cause": None,
        "changed_by": write.manager or None if write else None,
        "created_at": deployment.metadata.creation_timestamp,
        "written_at": write.time if write else None,
        "wanted": deployment.spec.replicas,
        "desired": deployment.spec.replicas,
        "ready": 0,
    }


def _template_write(
    writes: Iterable[Write], before: datetime | None, created: datetime | None, newest: bool
) -> Write | None:
    """The write that made a revision: the last one of the newest; of an older one, that between the ReplicaSet `before`
    and its own, if it is still remembered."""
    templates = _template_writes(writes)
    if newest:
        return _last(templates)
    if created is None:
        return None
    own = [one for one in templates if one.time and created - SOON <= one.time <= created]
    return _last(one for one in own if before is None or (one.time and one.time > before))


def template_written_at(writes: Iterable[Write]) -> datetime | None:
    """When a controller's template was last written, as far as the API remembers."""
    write = _last(_template_writes(writes))
    return write.time if write else None


def _template_writes(writes: Iterable[Write]) -> list[Write]:
    return [one for one in writes if one.fields and TEMPLATE in (one.fields.spec or {}) and not one.subresource]


def _last(writes: Iterable[Write]) -> Write | None:
    dated = [(write.time, i, write) for i, write in enumerate(writes) if write.time is not None]
    return max(dated)[2] if dated else None


REVISION_TABLE = Schema(
    "controller revisions",
    (
        Column("namespace", "string"),
        Column("controller", "string", help="statefulset/postgres"),
        Column("revision", "Int64", optional=True, help="missing: its controller has made none of the template yet"),
        Column("newest", "boolean", help="what the controller wants now"),
        Column("images", "list[string]"),
        Column("cause", "string", optional=True, help="kubernetes.io/change-cause, where somebody noted one"),
        Column("changed_by", "string", optional=True, help="the program that wrote the template; missing: not kept"),
        Column(
            "created_at",
            "timestamp",
            optional=True,
            help="when the ControllerRevision was made; one rolled back to keeps its first time",
        ),
        Column("written_at", "timestamp", optional=True, help="when the template was written"),
        Column("desired", "Int64", help="pods that the controller wants, of whatever revision"),
        Column("pods", "Int64", optional=True, help="pods of this revision; missing where the API does not count them"),
        Column("ready", "Int64", help="pods that are ready, of whatever revision"),
        Column(
            "kept_back", "Int64", help="pods that keep their revision until somebody decides: OnDelete, or a partition"
        ),
    ),
)


@query("cluster", REVISION_TABLE)
def controller_revisions(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which revisions had each StatefulSet and DaemonSet, with which images, why, since when, and who wrote them?
    Newest first.

    As with `rollouts`, who wrote an older revision is mostly gone, and as many are kept as the history limit says. A template
    that its controller has made no revision of yet is a row of its own. Revisions of other owners are not told.

    API: apps/v1 statefulsets, daemonsets and controllerrevisions. Permission: list them, in `namespace` or in the whole
    cluster. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    controllers = {
        (one.metadata.namespace, f"{kind}/{one.metadata.name}"): one
        for kind, plural in (("statefulset", STATEFUL_SETS), ("daemonset", DAEMON_SETS))
        for one in lists.all(plural, namespace=namespace)
    }
    made: dict[tuple[str, str], list[ControllerRevision]] = {}
    for one in lists.all(CONTROLLER_REVISIONS, namespace=namespace):
        for owner in one.metadata.owner_references or ():
            made.setdefault((one.metadata.namespace, f"{owner.kind.lower()}/{owner.name}"), []).append(one)
    rows = [row for key, one in controllers.items() for row in _revisions(key[1], one, made.get(key, []))]
    rows.sort(key=lambda row: (row["namespace"], row["controller"], -(row["revision"] or sys.maxsize)))
    return Rows(rows, notes=lists.notes())


def _revisions(name: str, controller: Controller, made: Sequence[ControllerRevision]) -> list[dict[str, Any]]:
    meta, status = controller.metadata, controller.status
    writes = _template_writes(meta.managed_fields or ())
    last = _last(writes)
    earlier = [one for one in writes if one is not last]
    # Only a StatefulSet says which it wants. It is the highest: one that is rolled back to gets a new number.
    wanted = max(made, key=lambda one: (one.metadata.name == status.update_revision, one.revision), default=None)
    unmade = wanted is None or (meta.generation > status.observed_generation and _is_older(wanted, writes))
    of_sets = name.startswith("statefulset/")
    common: dict[str, Any] = {
        "namespace": meta.namespace,
        "controller": name,
        "desired": controller.spec.replicas if of_sets else status.desired_number_scheduled,
        "ready": status.ready_replicas if of_sets else status.number_ready,
    }
    common["kept_back"] = _kept_back(controller.spec.update_strategy, common["desired"])
    rows = [common | _template(controller, last, wanted)] if unmade else []
    before: datetime | None = None
    for one in sorted(made, key=lambda one: (_created(one), one.revision)):
        created, newest = one.metadata.creation_timestamp, one is wanted and not unmade
        write = last if newest else _template_write(earlier, before, created, newest)
        if newest:
            pods: int | None = status.updated_replicas if of_sets else status.updated_number_scheduled
        else:
            pods = status.current_replicas if one.metadata.name == status.current_revision else None
        row = {
            "revision": one.revision,
            "newest": newest,
            "images": [container.image for container in one.template().spec.containers],
            "cause": (one.metadata.annotations or {}).get(CAUSE) or None,
            "changed_by": write.manager or None if write else None,
            "created_at": created,
            "written_at": write.time if write else None,
            "pods": pods,
        }
        rows.append(common | row)
        before = created
    return rows


def _kept_back(strategy: UpdateStrategy, desired: int) -> int:
    if strategy.type == "OnDelete":
        return desired
    return min(strategy.rolling_update.partition, desired) if strategy.rolling_update else 0


def _is_older(revision: ControllerRevision, writes: Iterable[Write]) -> bool:
    """Whether a template was written since a revision was made."""
    written, created = template_written_at(writes), revision.metadata.creation_timestamp
    return written is None or created is None or written > created


def _template(controller: Controller, write: Write | None, wanted: ControllerRevision | None) -> dict[str, Any]:
    """What a controller wants and has made no revision of yet, with the write that says so; `wanted` is the newest it made."""
    first = controller.metadata.creation_timestamp if wanted is None else None
    return {
        "revision": None,
        "newest": True,
        "images": [container.image for container in controller.spec.template.spec.containers],
        "cause": (controller.metadata.annotations or {}).get(CAUSE) or None,
        "changed_by": write.manager or None if write else None,
        "created_at": None,
        "written_at": write.time if write else first,
        "pods": 0,
    }


CONFIGURATION_TABLE = Schema(
    "configuration",
    (
        Column("namespace", "string"),
        Column("name", "string"),
        Column("created_at", "timestamp"),
        Column("changed_at", "timestamp", help="the last write that the API remembers"),
        Column("changed_by", "string", optional=True, help="the program that wrote"),
        Column("operation", "string", optional=True, help="Apply or Update"),
    ),
)


@query("cluster", CONFIGURATION_TABLE)
def configmaps(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which ConfigMaps were changed, when last, and by which program? Names and times, never values. Newest first.

    Only metadata is asked for, and annotations, in which kubectl keeps whole manifests, are not decoded.

    API: core/v1 configmaps as PartialObjectMetadata. Permission: list configmaps, in `namespace` or in the whole cluster
    (RBAC knows no smaller one). Raises SourceError; NotFound when there is no such namespace.
    """
    return _configuration(ask, CONFIG_MAP_METADATA, namespace)


@query("cluster", CONFIGURATION_TABLE, grant="list_secrets")
def secrets(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which Secrets were changed, when last, and by which program? Names and times, never values. Newest first.

    Only metadata is asked for, and annotations, in which kubectl keeps whole manifests, are not decoded. The permission
    that this needs would let its holder read every value, so the shipped reader role lacks it: deploy/rbac-secrets.yaml
    grants it to whoever wants that, and says so for the cluster (`list_secrets = true`). Others are not asked, and the table
    states it.

    API: core/v1 secrets as PartialObjectMetadata. Permission: list secrets, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace; Unsupported when no cluster is said to allow it.
    """
    return _configuration(ask, SECRET_METADATA, namespace)


def _configuration(ask: Ask[Cluster], kind: Kind[Managed], namespace: str) -> Rows:
    lists = Lists(ask)
    rows: list[dict[str, Any]] = []
    for one in lists.all(kind, namespace=namespace):
        meta = one.metadata
        last = _last(meta.managed_fields or ())
        rows.append(
            {
                "namespace": meta.namespace,
                "name": meta.name,
                "created_at": meta.creation_timestamp,
                "changed_at": last.time if last else meta.creation_timestamp,
                "changed_by": last.manager or None if last else None,
                "operation": last.operation or None if last else None,
            }
        )
    rows.sort(key=lambda row: row["changed_at"], reverse=True)
    return Rows(rows, notes=lists.notes())
