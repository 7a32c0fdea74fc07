"""The whole state of the clusters, for the check that finds what is wrong in it and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gocoffee_ops.errors import OpsError
from gocoffee_ops.frames import Tables
from gocoffee_ops.queries import (
    access,
    autoscaling,
    cilium,
    cluster,
    control_plane,
    controllers,
    custom_resources,
    gateways,
    jobs,
    network,
    nodes,
    operators,
    pods,
    scaling,
    storage,
)
from gocoffee_ops.queries.query import Query, Question, Reader

if TYPE_CHECKING:
    import pandas as pd

NAMESPACED: tuple[Query[...], ...] = (
    pods.states,
    pods.containers,
    controllers.deployments,
    controllers.statefulsets,
    controllers.daemonsets,
    controllers.replicasets,
    jobs.runs,
    jobs.cronjobs,
    network.services,
    network.ingresses,
    network.network_policies,
    gateways.gateways,
    gateways.routes,
    cilium.policies,
    cilium.clusterwide_policies,
    cilium.endpoints,
    storage.claims,
    scaling.autoscalers,
    autoscaling.autoscaled,
    scaling.budgets,
    scaling.quotas,
    access.bindings,
    operators.versions,
    operators.subscriptions,
    operators.install_plans,
    operators.catalog_sources,
    operators.groups,
    custom_resources.states,
    cluster.events,
)
CLUSTER_WIDE: tuple[Query[...], ...] = (
    cluster.nodes,
    nodes.conditions,
    nodes.leases,
    storage.volumes,
    storage.classes,
    gateways.classes,
    cilium.identities,
    control_plane.webhooks,
    control_plane.admission_policies,
    control_plane.api_services,
    control_plane.namespaces,
    control_plane.api_servers,
    control_plane.deprecated_requests,
    operators.catalogs,
    operators.extensions,
)


def questions(namespace: str = "") -> tuple[Question, ...]:
    """All that `state` asks, for `ops.ahead`."""
    return (*(one.given() for one in CLUSTER_WIDE), *(one.given(namespace=namespace) for one in NAMESPACED))


def state(ops: Reader, *, namespace: str = "") -> Tables:
    """What is there in every cluster, of all kinds that `checks.cluster_diagnosis` looks at, read at once?

    Each table is a query of its own: what one role may not list, or one cluster does not answer, is an UNKNOWN finding,
    and all else is still read. With `namespace`, what lies in namespaces is read of that one alone. What
    `ops.ahead(*diagnosis.questions(namespace))` has begun is not asked again.

    API and permission: those of the queries in `NAMESPACED` and `CLUSTER_WIDE`. Raises an error only when nothing at all
    could be read.
    """
    asked = questions(namespace)
    for one in asked:
        if not one.under_way(ops):
            one.begin(ops)
    targets = [str(target) for target in ops.targets("cluster")]
    read: dict[str, pd.DataFrame] = {}
    gaps: dict[str, dict[str, str]] = {}
    error: OpsError | None = None
    for one in asked:
        name = one.query.name
        try:
            read[name] = one.query(ops, *one.args, **one.kwargs)
        except OpsError as failed:
            error = failed
            gaps[name] = {target.partition("/")[2]: str(failed) for target in targets}
        else:
            gaps[name] = _gaps(read[name], targets)
    if error is not None and not read:
        raise error
    return Tables(tuple(target.partition("/")[2] for target in targets), read, gaps)


def _gaps(frame: pd.DataFrame, targets: list[str]) -> dict[str, str]:
    """Which targets a table lacks, and why, by name."""
    found = {}
    for target in targets:
        for gap in frame.attrs["gaps"]:
            if gap.startswith(f"{target}: "):
                found[target.partition("/")[2]] = gap.removeprefix(f"{target}: ")
    return found
