"""The places of live systems: one function a kind, which says where it is and how to connect, and contacts nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import OpsError, Unsupported
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.model import Target
from gocoffee_ops.places.secrets import dsn_place, learn_dsn, learn_secrets, read_dsn, read_identity, read_password
from gocoffee_ops.session import Place

if TYPE_CHECKING:
    from gocoffee_ops.config import (
        AlertmanagerConfig,
        BillConfig,
        ClusterConfig,
        CostExplorerConfig,
        DatabaseConfig,
        DependencyConfig,
        ElasticsearchConfig,
        EndpointConfig,
        GrafanaConfig,
        KubeCostConfig,
        OpenCostConfig,
        PrometheusConfig,
        RedisConfig,
        System,
    )

Open = Callable[[Any, datetime, Redactor], Place]


def open_system(system: System, now: datetime, redactor: Redactor) -> Place:
    """The place of one system of an environment."""
    from gocoffee_ops.config import DependencyConfig, HttpSystem
    from gocoffee_ops.sources import http

    if isinstance(system, HttpSystem | DependencyConfig):
        http.load_library()  # here, so that no question's deadline pays for it
    learn_secrets(system, redactor)
    return OPEN[system.kind](system, now, redactor)


def _cluster(cluster: ClusterConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.kubernetes import Cluster, load_library

    load_library()  # here, so that no question's deadline pays for it

    def connect() -> Any:
        return Cluster(
            cluster.name,
            context=cluster.context,
            kubeconfig=cluster.kubeconfig,
            in_cluster=cluster.in_cluster,
            on_secret=redactor.add,
            custom_resources=cluster.custom_resources,
            adds_nodes=cluster.adds_nodes,
        )

    if cluster.in_cluster:
        where = "the cluster that this runs in"
    else:
        where = f"context {cluster.context} of {cluster.kubeconfig or '$KUBECONFIG or ~/.kube/config'}"
    grants = frozenset({"list_secrets"} if cluster.list_secrets else ())
    return Place(Target(cluster.kind, cluster.name), now, connect=connect, detail=where, grants=grants)


def _database(database: DatabaseConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.postgres import Database  # here, so that no question's deadline pays for loading it

    target = Target(database.kind, database.name)
    source = f"${database.dsn_env}" if database.dsn_env else str(database.dsn_file)

    def connect() -> Any:
        dsn = read_dsn(database)
        learn_dsn(redactor, dsn)
        return Database(dsn)

    try:
        where = f"{dsn_place(read_dsn(database))} (from {source})"
    except OpsError as error:
        where = f"{source}: {error.why}"
    return Place(target, now, connect=connect, detail=where)


def _endpoint(endpoint: EndpointConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.http import Endpoint, HttpProbe

    target = Target(endpoint.kind, endpoint.name)

    def connect() -> Any:
        probe = HttpProbe(
            str(target),
            endpoint.url,
            identity=read_identity(endpoint),
            ca_file=endpoint.ca_file,
            timeout_s=endpoint.timeout_s,
        )
        return Endpoint(probe, endpoint.service, endpoint.samples, endpoint.expected_status, endpoint.expected_body)

    return Place(target, now, connect=connect, detail=_without_query(endpoint.url))


def _dependency(dependency: DependencyConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.http import Dependency, HttpApi, HttpProbe

    target, page = Target(dependency.kind, dependency.name), dependency.status_page

    def connect() -> Any:
        probe = HttpProbe(str(target), dependency.url, ca_file=dependency.ca_file, timeout_s=dependency.timeout_s)
        api = HttpApi(str(target), page, ca_file=dependency.ca_file) if page else None
        return Dependency(probe, dependency.severity, dependency.samples, page or "", api)

    where = _without_query(dependency.url)
    return Place(target, now, connect=connect, detail=f"{where}, status page {page}" if page else where)


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _redis(system: RedisConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.redis import Redis  # here, so that no question's deadline pays for loading it

    target = Target(system.kind, system.name)

    def connect() -> Any:
        password = read_password(system)
        return Redis(str(target), system.url, user=system.user or "", password=password, ca_file=system.ca_file)

    return Place(target, now, connect=connect, detail=f"{system.url} as {system.user or 'default'}")


def _alertmanager(system: AlertmanagerConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.alertmanager import Alertmanager

    target = Target(system.kind, system.name)

    def connect() -> Any:
        return Alertmanager(str(target), system.url, identity=read_identity(system), ca_file=system.ca_file)

    return Place(target, now, connect=connect, detail=system.url)


def _prometheus(system: PrometheusConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.prometheus import Prometheus

    target = Target(system.kind, system.name)

    def connect() -> Any:
        identity = read_identity(system)
        return Prometheus(
            str(target),
            system.url,
            metrics=system.metrics,
            stated_labels=system.external_labels,
            identity=identity,
            ca_file=system.ca_file,
        )

    return Place(target, now, connect=connect, detail=system.url)


def _elasticsearch(system: ElasticsearchConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.elasticsearch import Fields, LogStore

    target = Target(system.kind, system.name)
    names = ("time", "message", "level", "service", "namespace", "pod", "container")
    fields = Fields(**{name: getattr(system, f"{name}_field") for name in names})

    def connect() -> Any:
        identity = read_identity(system)
        return LogStore(
            str(target), system.url, index=system.index, fields=fields, identity=identity, ca_file=system.ca_file
        )

    return Place(target, now, connect=connect, detail=f"{system.index} at {system.url}")


def _grafana(system: GrafanaConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.grafana import Grafana

    target = Target(system.kind, system.name)

    def connect() -> Any:
        return Grafana(str(target), system.url, identity=read_identity(system), ca_file=system.ca_file)

    return Place(target, now, connect=connect, detail=system.url)


def _opencost(system: OpenCostConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.opencost import OpenCost

    target = Target(system.kind, system.name)

    def connect() -> Any:
        identity = read_identity(system)
        return OpenCost(str(target), system.url, currency=system.currency, identity=identity, ca_file=system.ca_file)

    return Place(target, now, connect=connect, detail=system.url)


def _kubecost(system: KubeCostConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.kubecost import KubeCost

    target = Target(system.kind, system.name)

    def connect() -> Any:
        identity = read_identity(system)
        return KubeCost(str(target), system.url, currency=system.currency, identity=identity, ca_file=system.ca_file)

    return Place(target, now, connect=connect, detail=system.url)


def _bill(system: BillConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.focus import Folder

    target, where = Target(system.kind, system.name), system.path
    focus, aws = _optional("focus.bill"), _optional("aws") if isinstance(where, str) else None

    def connect() -> Any:
        name = str(target)
        if isinstance(where, str):
            bucket, _, prefix = where.removeprefix("s3://").partition("/")
            if prefix and not prefix.endswith("/"):
                prefix += "/"  # a folder: `focus` does not hold what is in `focus-old/`
            options = {"region": system.region, "profile": system.profile, "endpoint_url": system.endpoint_url}
            shelf = _there(aws, name).Bucket(name, bucket, prefix, max_mib=system.max_mib, **options)
        else:
            shelf = Folder(name, where)
        return _there(focus, name).Bill(name, shelf, team_tag=system.team_tag, lag_h=system.lag_h)

    return Place(target, now, connect=connect, detail=f"{where}, team from tag {system.team_tag}")


def _cost_explorer(system: CostExplorerConfig, now: datetime, redactor: Redactor) -> Place:
    target, aws = Target(system.kind, system.name), _optional("aws")

    def connect() -> Any:
        return _there(aws, str(target)).CostExplorer(
            str(target),
            region=system.region,
            profile=system.profile,
            endpoint_url=system.endpoint_url,
            team_tag=system.team_tag,
            max_requests=system.max_requests,
        )

    where = f"Cost Explorer in {system.region} as {system.profile or 'whom boto3 finds'}"
    return Place(target, now, connect=connect, detail=f"{where}, at most {system.max_requests} requests a question")


def _optional(source: str) -> ModuleType | ModuleNotFoundError:
    """A source that needs an extra, loaded before any deadline runs; what it lacks is told when it is asked."""
    try:
        return import_module(f"gocoffee_ops.sources.{source}")
    except ModuleNotFoundError as error:
        return error


def _there(source: ModuleType | ModuleNotFoundError | None, target: str) -> Any:
    if isinstance(source, ModuleNotFoundError):
        why, hint = f"{source.name} is not installed here", "pip install 'gocoffee-ops[costs]'"
        raise Unsupported("read costs", target=target, why=why, hint=hint)
    return source


# How each kind of system is opened. A new kind is a line here, and its first question in `checked.PROBES`.
OPEN: Mapping[str, Open] = {
    "cluster": _cluster,
    "database": _database,
    "endpoint": _endpoint,
    "dependency": _dependency,
    "redis": _redis,
    "alertmanager": _alertmanager,
    "prometheus": _prometheus,
    "elasticsearch": _elasticsearch,
    "grafana": _grafana,
    "opencost": _opencost,
    "kubecost": _kubecost,
    "bill": _bill,
    "cost_explorer": _cost_explorer,
}
