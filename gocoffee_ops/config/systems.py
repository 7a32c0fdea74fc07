"""The systems that an environment names: one frozen model each, with the kind of target that it becomes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gocoffee_ops.config.fields import (
    BillName,
    BillPath,
    CustomResource,
    FilePath,
    Identifier,
    Link,
    Many,
    Name,
    Pattern,
    RedisLink,
    Seconds,
    Section,
    Variable,
    wrong,
)

IDENTITIES = ("token_env", "token_file", "password_env", "password_file")


class System(Section):
    """One system that is read; `kind` and `name` make its target (`cluster/eu`)."""

    kind: ClassVar[str]

    name: Name


class ClusterConfig(System):
    """One Kubernetes cluster: a context of a kubeconfig, or the one that we run in."""

    kind = "cluster"

    context: str | None = Field(default=None, min_length=1)
    kubeconfig: FilePath | None = None
    in_cluster: bool = False
    list_secrets: bool = False
    custom_resources: Many[CustomResource] = ()
    adds_nodes: bool = False
    billed_as: BillName | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.in_cluster and (self.context or self.kubeconfig):
            raise wrong("in_cluster stands beside context or kubeconfig", "in_cluster = true alone, or context")
        if not self.in_cluster and not self.context:
            raise wrong("names no way to the cluster", 'context = "a context of the kubeconfig", or in_cluster = true')
        resources = [one.partition("/")[0] for one in self.custom_resources]
        for one in resources:
            if resources.count(one) > 1:
                raise wrong(f"custom_resources names {one!r} twice", "one version of each")
        return self


def one_name_each(clusters: Iterable[ClusterConfig]) -> None:
    """No two clusters by the name that the bill has for one; one without `billed_as` goes by its own."""
    by_name: dict[str, ClusterConfig] = {}
    for cluster in clusters:
        called = cluster.billed_as or cluster.name
        other = by_name.setdefault(called.lower(), cluster)
        if other is not cluster and (other.billed_as or cluster.billed_as):
            raise wrong(
                f"the bill's {called!r} is cluster {other.name!r} and cluster {cluster.name!r}",
                "another billed_as for each: the whole id, where the bill calls both so",
            )


class DatabaseConfig(System):
    """One PostgreSQL database; its DSN stands in an environment variable or in a file of its own."""

    kind = "database"

    dsn_env: Variable | None = None
    dsn_file: FilePath | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_inline(cls, data: Any) -> Any:
        inline = (
            sorted({"dsn", "url", "uri", "conninfo", "password", "connection_string"} & set(data))
            if isinstance(data, dict)
            else []
        )
        if inline:
            raise wrong(
                f"{inline[0]} stands inline: a configuration is shared and kept in git, a DSN must not be",
                'dsn_env = "NAME_OF_A_VARIABLE" or dsn_file = "path"',
            )
        return data

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.dsn_env is None) == (self.dsn_file is None):
            raise wrong("needs one of dsn_env and dsn_file", 'dsn_env = "NAME_OF_A_VARIABLE" or dsn_file = "path"')
        return self


def no_secret_inline(data: Any) -> Any:
    """The table as it is, unless a secret stands in it."""
    inline = sorted({"token", "password", "api_key"} & set(data)) if isinstance(data, dict) else []
    if inline:
        way = "password" if inline[0] == "password" else "token"
        raise wrong(
            f"{inline[0]} stands inline: a configuration is shared and kept in git, a secret must not be",
            f'{way}_env = "NAME_OF_A_VARIABLE" or {way}_file = "path"',
        )
    return data


class HttpSystem(System):
    """A system that is read over HTTP. Who we are to it (a token, or a user with a password) stands elsewhere, never here."""

    url: Link
    token_env: Variable | None = None
    token_file: FilePath | None = None
    user: str | None = Field(default=None, min_length=1)
    password_env: Variable | None = None
    password_file: FilePath | None = None
    ca_file: FilePath | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_secret_inline(cls, data: Any) -> Any:
        return no_secret_inline(data)

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        given = [name for name in IDENTITIES if getattr(self, name) is not None]
        if len(given) > 1:
            raise wrong(f"{given[0]} stands beside {given[1]}", "one of " + ", ".join(IDENTITIES))
        if (self.user is not None) != bool(given and given[0].startswith("password")):
            raise wrong("needs a user and a password together", "user, with password_env or password_file")
        return self


def _status(value: int) -> int:
    if not 100 <= value <= 599:
        raise wrong("is not a status of HTTP", "100 to 599")
    return value


def _body(value: dict[str, Any]) -> dict[str, Any]:
    """Members of a JSON object, in tables of their own where they are nested."""
    for name, expected in value.items():
        if isinstance(expected, dict):
            _body(expected)
        elif not isinstance(expected, str | int | float | bool):
            raise wrong(f"{name} is {type(expected).__name__}", "a text, a number, true or false, or a table of these")
    return value


HttpStatus = Annotated[int, AfterValidator(_status)]
Samples = Annotated[int, Field(ge=1, le=50)]


class EndpointConfig(HttpSystem):
    """An address of ours that tells whether a service is healthy."""

    kind = "endpoint"

    service: str = ""
    expected_status: Many[HttpStatus] = Field(default=(200,), min_length=1)
    expected_body: Annotated[dict[str, Any], AfterValidator(_body)] = Field(default_factory=dict)
    samples: Samples = 5
    timeout_s: Seconds = 5.0


class DependencyConfig(System):
    """A service of somebody else that ours need; no key is needed to see whether it can be reached."""

    kind = "dependency"

    url: Link
    status_page: Link | None = None
    severity: Literal["WARN", "CRIT"] = "CRIT"
    samples: Samples = 3
    timeout_s: Seconds = 5.0
    ca_file: FilePath | None = None


class RedisConfig(System):
    """One Redis server. The password of its user (or of `default`, without one) stands elsewhere, never here.

    `min_replicas` tells how many replicas should follow it, where it is a master; without it none are missed.
    """

    kind = "redis"

    url: RedisLink
    min_replicas: Annotated[int, Field(ge=1, le=100)] | None = None
    user: str | None = Field(default=None, min_length=1)
    password_env: Variable | None = None
    password_file: FilePath | None = None
    ca_file: FilePath | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_secret_inline(cls, data: Any) -> Any:
        return no_secret_inline(data)

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.password_env is not None and self.password_file is not None:
            raise wrong("password_env stands beside password_file", "one of the two")
        if self.user is not None and self.password_env is None and self.password_file is None:
            raise wrong("needs a user and a password together", "user, with password_env or password_file")
        if self.ca_file is not None and not self.url.startswith("rediss://"):
            raise wrong("ca_file is for TLS, and the address is without", "rediss://, or no ca_file")
        return self


class AlertmanagerConfig(HttpSystem):
    """One Alertmanager, or one member of its cluster."""

    kind = "alertmanager"


class MetricNames(Section):
    """What metrics and labels are called in one Prometheus; the defaults are the common conventions."""

    service_label: Identifier = "job"
    requests: Identifier = "http_requests_total"
    status_label: Identifier = "code"
    error_status: Pattern = "5.."
    duration_bucket: Identifier = "http_request_duration_seconds_bucket"
    cpu_throttled: Identifier = "container_cpu_cfs_throttled_periods_total"
    cpu_periods: Identifier = "container_cpu_cfs_periods_total"
    cpu_quota: Identifier = "container_spec_cpu_quota"
    cpu_period: Identifier = "container_spec_cpu_period"
    memory: Identifier = "container_memory_working_set_bytes"
    memory_limit: Identifier = "container_spec_memory_limit_bytes"
    cpu: Identifier = "container_cpu_usage_seconds_total"
    oom_events: Identifier = "container_oom_events_total"
    container_requests: Identifier = "kube_pod_container_resource_requests"
    container_limits: Identifier = "kube_pod_container_resource_limits"
    container_running: Identifier = "kube_pod_container_status_running"
    terminated_reason: Identifier = "kube_pod_container_status_last_terminated_reason"
    pod_info: Identifier = "kube_pod_info"
    pod_started: Identifier = "kube_pod_start_time"
    replicaset_owner: Identifier = "kube_replicaset_owner"
    scrape_interval_s: Seconds | None = None


class PrometheusConfig(HttpSystem):
    """One Prometheus, or what speaks its API.

    `external_labels` are those that it adds to its alerts, where it does not show them. `sends_alerts` is false where its alerts
    are evaluated, or sent, elsewhere.
    """

    kind = "prometheus"

    metrics: MetricNames = MetricNames()
    external_labels: dict[Identifier, str] = Field(default_factory=dict)
    sends_alerts: bool = True


class ElasticsearchConfig(HttpSystem):
    """An Elasticsearch that holds logs; a token is an API key. Fields are called as in the Elastic Common Schema by default."""

    kind = "elasticsearch"

    index: str = Field(default="logs-*", min_length=1)
    time_field: str = Field(default="@timestamp", min_length=1)
    message_field: str = Field(default="message", min_length=1)
    level_field: str = Field(default="log.level", min_length=1)
    service_field: str = Field(default="service.name", min_length=1)
    namespace_field: str = Field(default="kubernetes.namespace", min_length=1)
    pod_field: str = Field(default="kubernetes.pod.name", min_length=1)
    container_field: str = Field(default="kubernetes.container.name", min_length=1)


class GrafanaConfig(HttpSystem):
    """A Grafana; a token is that of a service account with the viewer role."""

    kind = "grafana"


def _currency(value: str) -> str:
    if len(value) != 3 or not (value.isascii() and value.isalpha() and value.isupper()):
        raise wrong("is no currency", "its three letters of ISO 4217: USD, EUR")
    return value


Currency = Annotated[str, AfterValidator(_currency)]


class OpenCostConfig(HttpSystem):
    """An OpenCost. What it reckons is in one currency, which its API does not say."""

    kind = "opencost"

    currency: Currency = "USD"


class KubeCostConfig(HttpSystem):
    """A KubeCost, by the address before `/model`."""

    kind = "kubecost"

    currency: Currency = "USD"


class BillConfig(System):
    """A bill: a folder of FOCUS files, or a prefix of S3 that holds them. Who we are to AWS is boto3's to find out."""

    kind = "bill"

    path: BillPath
    region: str | None = Field(default=None, min_length=1)
    profile: str | None = Field(default=None, min_length=1)
    endpoint_url: Link | None = None
    team_tag: str = Field(default="team", min_length=1)
    lag_h: Annotated[float, Field(ge=0, le=24 * 31)] = 48.0
    max_mib: Annotated[float, Field(gt=0)] = 2_048.0

    @model_validator(mode="after")
    def _of_s3(self) -> Self:
        given = [name for name in ("region", "profile", "endpoint_url") if getattr(self, name) is not None]
        if given and not isinstance(self.path, str):
            raise wrong(f"{given[0]} is for S3, and path is a folder", 'path = "s3://BUCKET/PREFIX"')
        return self


class CostExplorerConfig(System):
    """The Cost Explorer of one AWS account or organization; each request costs money. Who we are is boto3's to find out."""

    kind = "cost_explorer"

    region: str = Field(default="us-east-1", min_length=1)
    profile: str | None = Field(default=None, min_length=1)
    endpoint_url: Link | None = None
    team_tag: str = Field(default="team", min_length=1)
    max_requests: Annotated[int, Field(ge=1, le=1_000)] = 20
