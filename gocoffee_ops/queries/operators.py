"""The Operator Lifecycle Manager: are operators installed, and are their catalogs there? A cluster without it has none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, by_type, one_line, told
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import (
    CATALOG_SOURCES,
    CLUSTER_CATALOGS,
    CLUSTER_EXTENSIONS,
    INSTALL_PLANS,
    OPERATOR_GROUPS,
    SERVICE_VERSIONS,
    SUBSCRIPTIONS,
)
from gocoffee_ops.sources.kubernetes.operator_shapes import Phase, ServiceVersion
from gocoffee_ops.sources.kubernetes.pod_shapes import DatedCondition

ORIGINALS = "!olm.copiedFrom"  # a copy in each namespace that an operator is for says nothing of its own
FAULTS = (
    "ResolutionFailed",
    "InstallPlanFailed",
    "InstallPlanMissing",
    "BundleUnpackFailed",
    "CatalogSourcesUnhealthy",
)

VERSION_TABLE = Schema(
    "cluster service versions",
    (
        Column("namespace", "string"),
        Column("version", "string", help="etcdoperator.v0.9.4"),
        Column("phase", "string", optional=True, help="missing: nobody has looked at it"),
        Column("reason", "string", optional=True),
        Column("said", "string", optional=True, help="reason and message"),
        Column(
            "since_s", "Float64", "s", help="since it last succeeded, or was made; of one that is well: since it is"
        ),
        Column("failure", "string", optional=True, help="reason and message of its last failure in that time"),
        Column("deployments", "list[string]"),
    ),
)


@query("cluster", VERSION_TABLE)
def versions(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which operators are installed, in which version, and did that succeed? Copies for other namespaces are not asked for.

    API: operators.coreos.com/v1alpha1 clusterserviceversions. Permission: list them, in `namespace` or in the whole
    cluster. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all_there_may_be(SERVICE_VERSIONS, namespace=namespace, label_selector=ORIGINALS):
        since, failure = _since_well(one)
        rows.append(
            {
                "namespace": one.metadata.namespace,
                "version": one.metadata.name,
                "phase": one.status.phase or None,
                "reason": one.status.reason or None,
                "said": _said(one.status),
                "since_s": ago_s(since, ask.as_of),
                "failure": failure,
                "deployments": [each.name for each in one.spec.install.spec.deployments or ()],
            }
        )
    return Rows(rows, notes=lists.notes())


def _since_well(one: ServiceVersion) -> tuple[datetime | None, str | None]:
    """Since when it is not well, and its last failure since: each attempt goes through all the phases, which says nothing.

    The first phase that is not Succeeded ended the last that was; where the history knows none, it was never well.
    """
    now, born = one.status, one.metadata.creation_timestamp
    history = now.conditions or []
    if now.phase == "Succeeded":
        return now.last_transition_time or born, None
    well = max((i for i, each in enumerate(history) if each.phase == "Succeeded"), default=-1)
    unwell = history[well + 1 :] or [now]
    failures = [each for each in unwell if each.phase == "Failed"]
    since = born if well < 0 else unwell[0].last_transition_time or history[well].last_transition_time
    return since or now.last_transition_time or born, _said(failures[-1]) if failures else None


def _said(phase: Phase) -> str | None:
    return told(DatedCondition("", "", phase.reason, phase.message))


SUBSCRIPTION_TABLE = Schema(
    "subscriptions",
    (
        Column("namespace", "string"),
        Column("subscription", "string"),
        Column("package", "string"),
        Column("source_namespace", "string"),
        Column("source", "string", help="its CatalogSource"),
        Column("approval", "string", help="Automatic or Manual"),
        Column("state", "string", optional=True, help="missing: nobody has looked at it"),
        Column("state_since_s", "Float64", "s", help="since it last changed, or was made"),
        Column("installed", "string", optional=True),
        Column("current", "string", optional=True, help="the version that is to be installed"),
        Column("plan", "string", optional=True, help="the install plan that does it"),
        Column("faults", "list[string]", help="what its conditions say is wrong"),
        Column("faulty_s", "Float64", "s", "since the first of these", optional=True),
        Column("unhealthy_catalogs", "boolean", help="a fault is that of catalogs"),
    ),
)


@query("cluster", SUBSCRIPTION_TABLE)
def subscriptions(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which operators are to be kept up to date, and are they?

    API: operators.coreos.com/v1alpha1 subscriptions. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all_there_may_be(SUBSCRIPTIONS, namespace=namespace):
        said, born = by_type(one.status.conditions), one.metadata.creation_timestamp
        bad = [said[kind] for kind in FAULTS if kind in said and said[kind].status == "True"]
        since = [ago_s(each.last_transition_time or born, ask.as_of) for each in bad]
        rows.append(
            {
                "namespace": one.metadata.namespace,
                "subscription": one.metadata.name,
                "package": one.spec.package,
                "source_namespace": one.spec.source_namespace,
                "source": one.spec.source,
                "approval": one.spec.install_plan_approval,
                "state": one.status.state or None,
                "state_since_s": ago_s((one.status.last_updated if one.status.state else None) or born, ask.as_of),
                "installed": one.status.installed_version or None,
                "current": one.status.current_version or None,
                "plan": one.status.install_plan_ref.name or None,
                "faults": [f"{each.type}: {told(each) or 'nothing says why'}" for each in bad],
                "faulty_s": max((each for each in since if each is not None), default=None),
                "unhealthy_catalogs": any(each.type == "CatalogSourcesUnhealthy" for each in bad),
            }
        )
    return Rows(rows, notes=lists.notes())


PLAN_TABLE = Schema(
    "install plans",
    (
        Column("namespace", "string"),
        Column("plan", "string"),
        Column("versions", "list[string]", help="what it installs"),
        Column("approval", "string", help="Automatic or Manual"),
        Column("approved", "boolean"),
        Column("phase", "string", optional=True, help="missing: nobody has looked at it"),
        Column("said", "string", optional=True),
        Column("since_s", "Float64", "s", help="since a condition changed, it began, or it was made"),
    ),
)


@query("cluster", PLAN_TABLE)
def install_plans(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """What is to be installed for operators, and was it?

    API: operators.coreos.com/v1alpha1 installplans. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all_there_may_be(INSTALL_PLANS, namespace=namespace):
        failed = [each for each in one.status.conditions or () if each.status == "False"]
        times = [each.last_transition_time for each in one.status.conditions or () if each.last_transition_time]
        since = max(times, default=None) or one.status.start_time or one.metadata.creation_timestamp
        texts = [text for each in failed if (text := told(each))]
        rows.append(
            {
                "namespace": one.metadata.namespace,
                "plan": one.metadata.name,
                "versions": one.spec.versions or [],
                "approval": one.spec.approval,
                "approved": one.spec.approved,
                "phase": one.status.phase or None,
                "said": "; ".join(texts) or one_line(one.status.message) or None,
                "since_s": ago_s(since, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


SOURCE_TABLE = Schema(
    "catalog sources",
    (
        Column("namespace", "string"),
        Column("catalog_source", "string"),
        Column("state", "string", optional=True, help="of the connection; missing: none was made"),
        Column("said", "string", optional=True, help="what is wrong with the source itself"),
        Column("state_s", "Float64", "s", "since that last changed, which it does at each attempt", optional=True),
        Column("age_s", "Float64", "s", help="since it was made"),
    ),
)


@query("cluster", SOURCE_TABLE)
def catalog_sources(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which catalogs of operators are there, and are they reached?

    API: operators.coreos.com/v1alpha1 catalogsources. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    rows = [
        {
            "namespace": one.metadata.namespace,
            "catalog_source": one.metadata.name,
            "state": one.status.connection_state.last_observed_state or None,
            "said": told(DatedCondition("", "", one.status.reason, one.status.message)),
            "state_s": ago_s(one.status.connection_state.last_connect, ask.as_of),
            "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
        }
        for one in lists.all_there_may_be(CATALOG_SOURCES, namespace=namespace)
    ]
    return Rows(rows, notes=lists.notes())


GROUP_TABLE = Schema("operator groups", (Column("namespace", "string"), Column("operator_group", "string")))


@query("cluster", GROUP_TABLE)
def groups(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which operator groups are there? A namespace may have one.

    API: operators.coreos.com/v1 operatorgroups. Permission: list them, in `namespace` or in the whole cluster. Raises
    SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    found = lists.all_there_may_be(OPERATOR_GROUPS, namespace=namespace)
    rows = [{"namespace": one.metadata.namespace, "operator_group": one.metadata.name} for one in found]
    return Rows(rows, notes=lists.notes())


CATALOG_TABLE = Schema(
    "cluster catalogs",
    (
        Column("catalog", "string"),
        Column("wanted", "boolean", help="false: it is switched off"),
        Column("image", "string", optional=True),
        Column("resolved", "string", optional=True, help="the image that was read, by its digest"),
        Column("serving", "boolean", optional=True, help="missing: it does not say"),
        Column("serving_reason", "string", optional=True),
        Column("serving_since_s", "Float64", "s", help="since that changed, or it was made"),
        Column("progress", "string", optional=True, help="Succeeded, Retrying or Blocked; missing: it does not say"),
        Column("progress_reason", "string", optional=True),
        Column("progress_since_s", "Float64", "s", help="since that changed, or it was made"),
    ),
)


@query("cluster", CATALOG_TABLE)
def catalogs(ask: Ask[Cluster]) -> Rows:
    """Which catalogs are there for the whole cluster, and are they served?

    API: olm.operatorframework.io/v1 clustercatalogs. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all_there_may_be(CLUSTER_CATALOGS):
        resolved = one.status.resolved_source
        rows.append(
            {
                "catalog": one.metadata.name,
                "wanted": one.spec.availability_mode != "Unavailable",
                "image": one.spec.source.image.ref if one.spec.source.image else None,
                "resolved": (resolved.image.ref if resolved.image else "") if resolved else None,
                **_judged("serving", "Serving", one.status.conditions, one.metadata.creation_timestamp, ask),
                **_progress(one.status.conditions, one.metadata.creation_timestamp, ask),
            }
        )
    return Rows(rows, notes=lists.notes())


EXTENSION_TABLE = Schema(
    "cluster extensions",
    (
        Column("extension", "string"),
        Column("source_type", "string", optional=True),
        Column("package", "string", optional=True),
        Column("upgrade_policy", "string", optional=True, help="missing: the catalog's own"),
        Column("installed", "boolean", optional=True, help="missing: it does not say"),
        Column("installed_reason", "string", optional=True),
        Column("installed_since_s", "Float64", "s", help="since that changed, or it was made"),
        Column("progress", "string", optional=True, help="Succeeded, Retrying or Blocked; missing: it does not say"),
        Column("progress_reason", "string", optional=True),
        Column("progress_since_s", "Float64", "s", help="since that changed, or it was made"),
    ),
)


@query("cluster", EXTENSION_TABLE)
def extensions(ask: Ask[Cluster]) -> Rows:
    """Which extensions are there for the whole cluster, and are they installed?

    API: olm.operatorframework.io/v1 clusterextensions. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all_there_may_be(CLUSTER_EXTENSIONS):
        package = one.spec.source.catalog
        rows.append(
            {
                "extension": one.metadata.name,
                "source_type": one.spec.source.source_type or None,
                "package": package.package_name if package else None,
                "upgrade_policy": (package.upgrade_constraint_policy if package else "") or None,
                **_judged("installed", "Installed", one.status.conditions, one.metadata.creation_timestamp, ask),
                **_progress(one.status.conditions, one.metadata.creation_timestamp, ask),
            }
        )
    return Rows(rows, notes=lists.notes())


def _judged(
    column: str, kind: str, conditions: list[DatedCondition] | None, born: Any, ask: Ask[Cluster]
) -> dict[str, Any]:
    said = by_type(conditions).get(kind)
    known = said is not None and said.status in {"True", "False"}
    return {
        column: said.status == "True" if said and known else None,
        f"{column}_reason": told(said),
        f"{column}_since_s": ago_s((said.last_transition_time if said else None) or born, ask.as_of),
    }


def _progress(conditions: list[DatedCondition] | None, born: Any, ask: Ask[Cluster]) -> dict[str, Any]:
    said = by_type(conditions).get("Progressing")
    return {
        "progress": (said.reason if said else "") or None,
        "progress_reason": told(said),
        "progress_since_s": ago_s((said.last_transition_time if said else None) or born, ask.as_of),
    }
