"""Do claims get their volumes, and what is there to give?"""

from __future__ import annotations

from gocoffee_ops.analysis.quantities import mib, whole
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, one_line
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import CLAIMS, STORAGE_CLASSES, VOLUMES
from gocoffee_ops.sources.kubernetes.shapes import Quantities

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"

CLAIM_TABLE = Schema(
    "claims",
    (
        Column("namespace", "string"),
        Column("claim", "string"),
        Column("phase", "string", help="Bound, Pending or Lost"),
        Column("storage_class", "string", optional=True, help="missing when none is named, and none is the default"),
        Column("volume", "string", optional=True),
        Column("access_modes", "list[string]"),
        Column("requested_mib", "Float64", "MiB"),
        Column("capacity_mib", "Float64", "MiB", optional=True),
        Column("deletion_overdue_s", "Float64", "s", "since its deletion was asked for", optional=True),
        Column("finalizers", "list[string]"),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", CLAIM_TABLE)
def claims(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which persistent volume claims are there, and are they bound?

    API: core/v1 persistentvolumeclaims. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all(CLAIMS, namespace=namespace):
        meta, spec, status = one.metadata, one.spec, one.status
        rows.append(
            {
                "namespace": meta.namespace,
                "claim": meta.name,
                "phase": status.phase,
                "storage_class": spec.storage_class_name or None,
                "volume": spec.volume_name or None,
                "access_modes": spec.access_modes or [],
                "requested_mib": _mib(spec.resources.requests) or 0.0,
                "capacity_mib": _mib(status.capacity),
                "deletion_overdue_s": ago_s(meta.deletion_timestamp, ask.as_of),
                "finalizers": meta.finalizers or [],
                "age_s": ago_s(meta.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


VOLUME_TABLE = Schema(
    "volumes",
    (
        Column("volume", "string"),
        Column("phase", "string", help="Available, Bound, Released or Failed"),
        Column("reason", "string", optional=True, help="why it is in that phase"),
        Column("storage_class", "string", optional=True),
        Column("reclaim_policy", "string"),
        Column("claim_namespace", "string", optional=True),
        Column("claim", "string", optional=True),
        Column("capacity_mib", "Float64", "MiB", optional=True),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", VOLUME_TABLE)
def volumes(ask: Ask[Cluster]) -> Rows:
    """Which persistent volumes are there, and who holds them?

    API: core/v1 persistentvolumes. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all(VOLUMES):
        spec, status = one.spec, one.status
        said = ": ".join(part for part in (status.reason, status.message) if part)
        rows.append(
            {
                "volume": one.metadata.name,
                "phase": status.phase,
                "reason": one_line(said) or None,
                "storage_class": spec.storage_class_name or None,
                "reclaim_policy": spec.reclaim_policy,
                "claim_namespace": spec.claim_ref.namespace if spec.claim_ref else None,
                "claim": spec.claim_ref.name if spec.claim_ref else None,
                "capacity_mib": _mib(spec.capacity),
                "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


CLASS_TABLE = Schema(
    "storage classes",
    (
        Column("storage_class", "string"),
        Column("provisioner", "string"),
        Column("binding_mode", "string", help="Immediate, or WaitForFirstConsumer: bound when a pod needs it"),
        Column("reclaim_policy", "string"),
        Column("is_default", "boolean"),
    ),
)


@query("cluster", CLASS_TABLE)
def classes(ask: Ask[Cluster]) -> Rows:
    """Which storage classes are there, and which is the default?

    API: storage.k8s.io/v1 storageclasses. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = [
        {
            "storage_class": one.metadata.name,
            "provisioner": one.provisioner,
            "binding_mode": one.volume_binding_mode,
            "reclaim_policy": one.reclaim_policy,
            "is_default": (one.metadata.annotations or {}).get(DEFAULT_CLASS) == "true",
        }
        for one in lists.all(STORAGE_CLASSES)
    ]
    return Rows(rows, notes=lists.notes())


def _mib(quantities: Quantities | None) -> float | None:
    size = (quantities or {}).get("storage")
    return mib(whole(size)) if size else None
