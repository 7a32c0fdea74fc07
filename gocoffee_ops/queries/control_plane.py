"""What the API server asks of others, and what it cannot finish: webhooks, admission policies, API services, namespaces."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gocoffee_ops.errors import Malformed
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.network import EXTERNAL
from gocoffee_ops.queries.objects import ago_s, by_type, one_line, told
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.service_endpoints import Counts, counts
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import (
    ADMISSION_BINDINGS,
    ADMISSION_POLICIES,
    API_SERVICES,
    MUTATING,
    NAMESPACES,
    SERVICES,
    VALIDATING,
)
from gocoffee_ops.sources.kubernetes.metrics import DEPRECATED, samples
from gocoffee_ops.sources.kubernetes.network_shapes import AdmissionPolicy, Webhook

UNSTATED_YEAR = 1970

WEBHOOK_TABLE = Schema(
    "webhooks",
    (
        Column("configuration", "string", help="validatingwebhookconfiguration/policies"),
        Column("webhook", "string"),
        Column("failure_policy", "string", help="Fail: what it is asked about is refused while it does not answer"),
        Column("timeout_s", "Float64", "s"),
        Column("covers", "list[string]", help="operations and resources"),
        Column("service_namespace", "string", optional=True),
        Column("service", "string", optional=True, help="missing when it is called by URL: that is not judged here"),
        Column("service_exists", "boolean", optional=True),
        Column("ready_endpoints", "Int64", optional=True, help="missing for a Service that points outside"),
    ),
)


@query("cluster", WEBHOOK_TABLE)
def webhooks(ask: Ask[Cluster]) -> Rows:
    """Which admission webhooks are there, and is anybody there to answer them?

    API: admissionregistration.k8s.io/v1 validatingwebhookconfigurations and mutatingwebhookconfigurations, core/v1
    services, discovery.k8s.io/v1 endpointslices. Permission: list them in the whole cluster. Raises SourceError.
    """
    lists = Lists(ask)
    found = [("validatingwebhookconfiguration", one) for one in lists.all(VALIDATING)]
    found += [("mutatingwebhookconfiguration", one) for one in lists.all(MUTATING)]
    types = {(one.metadata.namespace, one.metadata.name): one.spec.type for one in lists.all(SERVICES)}
    endpoints = counts(lists)
    rows = [
        {"configuration": f"{kind}/{one.metadata.name}", **_webhook(each, types, endpoints)}
        for kind, one in found
        for each in one.webhooks or ()
    ]
    return Rows(rows, notes=lists.notes())


def _webhook(
    one: Webhook, types: dict[tuple[str, str], str], endpoints: dict[tuple[str, str], Counts]
) -> dict[str, Any]:
    service = one.client_config.service
    key = (service.namespace, service.name) if service else ("", "")
    within = key in types and types[key] != EXTERNAL
    covers = [
        f"{'/'.join(rule.operations or ())} {', '.join(rule.resources or ())}".strip() for rule in one.rules or ()
    ]
    return {
        "webhook": one.name,
        "failure_policy": one.failure_policy,
        "timeout_s": float(one.timeout_seconds),
        "covers": covers,
        "service_namespace": service.namespace if service else None,
        "service": service.name if service else None,
        "service_exists": key in types if service else None,
        "ready_endpoints": len(endpoints.get(key, Counts()).ready) if within else None,
    }


ADMISSION_POLICY_TABLE = Schema(
    "admission policies",
    (
        Column("policy", "string"),
        Column("binding", "string", optional=True, help="what puts it in force; missing when nothing does"),
        Column("policy_exists", "boolean"),
        Column("actions", "list[string]", help="of the binding: Deny, Warn, Audit"),
        Column(
            "type_warnings", "list[string]", help="of the policy: expressions that do not fit what they are asked about"
        ),
    ),
)


@query("cluster", ADMISSION_POLICY_TABLE)
def admission_policies(ask: Ask[Cluster]) -> Rows:
    """Which validating admission policies are in force, by which bindings, and what does the API server say of their types?

    A cluster too old for such policies has none.

    API: admissionregistration.k8s.io/v1 validatingadmissionpolicies and validatingadmissionpolicybindings. Permission: list
    them. Raises SourceError.
    """
    lists = Lists(ask)
    policies = {one.metadata.name: _type_warnings(one) for one in lists.all_there_may_be(ADMISSION_POLICIES)}
    rows: list[dict[str, Any]] = []
    for one in lists.all_there_may_be(ADMISSION_BINDINGS):
        rows.append(
            {"policy": one.spec.policy_name, "binding": one.metadata.name, "actions": one.spec.validation_actions or []}
        )
    bound = {row["policy"] for row in rows}
    rows += [{"policy": name, "binding": None, "actions": []} for name in policies if name not in bound]
    for row in rows:
        row["policy_exists"], row["type_warnings"] = row["policy"] in policies, policies.get(row["policy"], [])
    return Rows(rows, notes=lists.notes())


def _type_warnings(one: AdmissionPolicy) -> list[str]:
    checked = one.status.type_checking
    return [
        one_line(f"{each.field_ref}: {each.warning}")
        for each in (checked.expression_warnings if checked else None) or ()
    ]


API_SERVICE_TABLE = Schema(
    "api services",
    (
        Column("api_service", "string", help="v1beta1.metrics.k8s.io"),
        Column("group", "string"),
        Column("service_namespace", "string", optional=True),
        Column("service", "string", optional=True, help="missing when the API server serves it itself"),
        Column("available", "boolean", optional=True, help="missing: it does not say"),
        Column("reason", "string", optional=True),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", API_SERVICE_TABLE)
def api_services(ask: Ask[Cluster]) -> Rows:
    """Which APIs does the cluster serve, and are those that others serve for it available?

    API: apiregistration.k8s.io/v1 apiservices. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all(API_SERVICES):
        available = by_type(one.status.conditions).get("Available")
        service = one.spec.service
        rows.append(
            {
                "api_service": one.metadata.name,
                "group": one.spec.group,
                "service_namespace": service.namespace if service else None,
                "service": service.name if service else None,
                "available": available.status == "True" if available else None,
                "reason": told(available),
                "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


NAMESPACE_TABLE = Schema(
    "namespaces",
    (
        Column("namespace", "string"),
        Column("phase", "string", help="Active or Terminating"),
        Column("deletion_overdue_s", "Float64", "s", "since its deletion was asked for", optional=True),
        Column("finalizers", "list[string]"),
        Column("obstacles", "list[string]", help="what keeps it, as its conditions say"),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", NAMESPACE_TABLE)
def namespaces(ask: Ask[Cluster]) -> Rows:
    """Which namespaces are there, and what keeps those that should be gone?

    API: core/v1 namespaces. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all(NAMESPACES):
        true = [each for each in one.status.conditions or () if each.status == "True"]
        rows.append(
            {
                "namespace": one.metadata.name,
                "phase": one.status.phase,
                "deletion_overdue_s": ago_s(one.metadata.deletion_timestamp, ask.as_of),
                "finalizers": one.metadata.finalizers or [],
                "obstacles": [text for each in true if (text := told(each))],
                "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


API_SERVER_TABLE = Schema(
    "API servers",
    (
        Column("version", "string", help="v1.36.3"),
        Column("built_at", "timestamp", optional=True, help="missing: the build states no date"),
        Column("build_age_s", "Float64", "s", "since then", optional=True),
    ),
)


@query("cluster", API_SERVER_TABLE)
def api_servers(ask: Ask[Cluster]) -> Rows:
    """Which version is the API server that answers, and when was it built?

    API: /version. Permission: every authenticated user has it. Raises SourceError.
    """
    said = ask.source.server_version(ask.deadline)
    built = _moment(said.build_date)
    return Rows([{"version": said.git_version, "built_at": built, "build_age_s": ago_s(built, ask.as_of)}])


def _moment(text: str) -> datetime | None:
    """A build's date; Go's own stand-in for one that was not given, 1970, is none.

    >>> _moment("2026-07-14T08:31:00Z"), _moment("1970-01-01T00:00:00Z"), _moment("$Format:%cI$")
    (datetime.datetime(2026, 7, 14, 8, 31, tzinfo=datetime.timezone.utc), None, None)
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None and found.year > UNSTATED_YEAR else None


DEPRECATED_TABLE = Schema(
    "deprecated requests",
    (
        Column("group", "string", help="empty for the core group"),
        Column("version", "string"),
        Column("resource", "string"),
        Column("subresource", "string", optional=True),
        Column("removed_release", "string", optional=True, help="1.37; missing: it stays, as far as is known"),
    ),
)


@query("cluster", DEPRECATED_TABLE)
def deprecated_requests(ask: Ask[Cluster]) -> Rows:
    """Which deprecated API versions has anybody asked for, and which release of Kubernetes removes them?

    What counts is a request and not an object: the API server gives each object in every version that it serves. One API
    server tells, the one that answers, of what it was asked since its start; who asked is in its audit log alone.

    API: the path /metrics, of which the one family apiserver_requested_deprecated_apis is kept. Permission: get on
    nonResourceURLs /metrics. Raises SourceError; Malformed where what was read is not the whole of it.
    """
    rows: list[dict[str, str | None]] = []
    for one in samples(ask.source, DEPRECATED, ask.deadline):
        if not one.value:
            continue
        labels = one.labels
        if not {"group", "version", "resource"} <= labels.keys():
            why = f"a series of {DEPRECATED} has the labels {', '.join(labels) or 'none'}"
            raise Malformed("get /metrics", target=str(ask.target), why=why)
        row: dict[str, str | None] = {name: labels[name] for name in ("group", "version", "resource")}
        rows.append(row | {name: labels.get(name) or None for name in ("subresource", "removed_release")})
    return Rows(sorted(rows, key=lambda row: [row[name] or "" for name in DEPRECATED_TABLE.names]))
