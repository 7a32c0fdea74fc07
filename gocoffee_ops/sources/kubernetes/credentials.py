"""Who we are and where the API server is: the official client's configuration loading, with bounded credential plugins.

The official client runs a plugin without a time limit, and when the plugin fails it logs that and goes on without
credentials. Here the plugin runs inside the deadline, and its failure is Unauthenticated with what it wrote to stderr.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from gocoffee_ops.errors import ConfigError, unknown_name
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes.plugin import PluginAnswer, run_plugin

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

CONNECTIONS = 10  # that a cluster keeps, and as many are used at once
EARLY = timedelta(seconds=30)  # a credential is renewed before it ends under a request
ROTATED = timedelta(
    seconds=90
)  # a pod's token file is read again after a minute: the kubelet changes it long before it ends
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL")
_LOADING = threading.Lock()  # the interpreter's import is one for all threads, and so is this


@dataclass(frozen=True)
class Where:
    """Which kubeconfig and context, or the cluster that we run in."""

    context: str = ""
    kubeconfig: str = ""
    in_cluster: bool = False
    service_account: str = SERVICE_ACCOUNT

    def files(self) -> list[Path]:
        """The kubeconfig files, as kubectl would find them."""
        given = self.kubeconfig or os.environ.get("KUBECONFIG", "") or "~/.kube/config"
        return [Path(part).expanduser() for part in given.split(os.pathsep) if part]

    @property
    def inside(self) -> bool:
        """Whether the service account of the pod that we run in is used."""
        if self.in_cluster or self.context or self.kubeconfig:
            return self.in_cluster
        return not any(path.exists() for path in self.files()) and "KUBERNETES_SERVICE_HOST" in os.environ


@dataclass
class Access:
    """A configured client of the official library, and when its credential ends."""

    api: ApiClient
    host: str
    server_name: str
    proxy: str  # without what it is told of us; empty where none is used
    expires_at: datetime | None
    secrets: frozenset[str] = field(repr=False)

    def stale(self) -> bool:
        """Whether the credential is about to end."""
        return self.expires_at is not None and datetime.now(UTC) >= self.expires_at - EARLY


def load_library() -> None:
    """Import the official client, which takes a second; from several threads at once it would break for good.

    Its modules import each other in circles and on first use: two threads that begin at different ends deadlock, Python
    breaks the deadlock, and `ApiClient` is missing for as long as the process lives.
    """
    with _LOADING:
        from kubernetes.client import ApiClient, Configuration  # noqa: F401  (names that are imported on first use)
        from kubernetes.config import kube_config  # noqa: F401


def load(where: Where, deadline: Deadline, target: str) -> Access:
    """Read the configuration and get a credential; raises ConfigError, Unauthenticated or DeadlineExceeded."""
    load_library()
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config.config_exception import ConfigException

    configuration = Configuration()
    configuration.retries = False  # ours are the only retries
    expires_at: datetime | None
    what, hint = "read the kubeconfig", "kubectl config view"
    configuration.connection_pool_maxsize = CONNECTIONS
    try:
        if where.inside:
            what, hint = "read the service account", "is it mounted (automountServiceAccountToken), and is this a pod?"
            expires_at, secrets = _in_cluster(where, configuration), set[str]()
        else:
            expires_at, secrets = _from_kubeconfig(where, configuration, deadline, target)
        proxy, words = _proxy(configuration)
        api = ApiClient(configuration)
    except (ConfigException, OSError, ValueError) as error:
        raise ConfigError(what, target=target, why=str(error), hint=hint) from error
    api.user_agent = "gocoffee-ops"
    return Access(
        api,
        configuration.host,
        configuration.tls_server_name or "",
        proxy,
        expires_at,
        frozenset(secrets | words | bearer_secrets(configuration.api_key.get("BearerToken", ""))),
    )


def _proxy(configuration: Configuration) -> tuple[str, set[str]]:
    """The address of the proxy that will be used, if any, and the secrets in what it is told of us.

    The official client passes a proxy's user and password on to nobody.
    """
    from kubernetes.client.rest import is_socks_proxy_url, should_bypass_proxies
    from urllib3.util import make_headers

    if not configuration.proxy or should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
        return "", set()
    parts = urlsplit(configuration.proxy)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    if parts.username is None:
        return bare, set()
    user, password = unquote(parts.username), unquote(parts.password or "")
    words = {parts.password or "", password} - {""}
    if not is_socks_proxy_url(configuration.proxy):
        configuration.proxy = bare
        configuration.proxy_headers = make_headers(proxy_basic_auth=f"{user}:{password}")
        words |= {value.removeprefix("Basic ") for value in configuration.proxy_headers.values()}
    return bare, words


def bearer_secrets(authorization: str) -> set[str]:
    """The secret parts of an Authorization header."""
    kind, _, value = authorization.partition(" ")
    value = value.strip()
    if kind.lower() != "basic" or not value:
        return {value} - {""}
    _, _, password = base64.b64decode(value).decode(errors="replace").partition(":")
    return {value, password} - {""}


def server_of(where: Where) -> tuple[str, str]:
    """Context and server address, without asking for a credential; raises ConfigError."""
    if where.inside:
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST", "?"), os.environ.get("KUBERNETES_SERVICE_PORT", "?")
        return "in-cluster", f"https://{host}:{port}"
    import yaml

    contexts: dict[str, str] = {}
    clusters: dict[str, str] = {}
    current = where.context
    try:
        for path in _existing(where):
            document = yaml.safe_load(path.read_text()) or {}
            current = current or document.get("current-context", "")
            for one in document.get("contexts") or ():
                contexts.setdefault(one["name"], one["context"].get("cluster", ""))
            for one in document.get("clusters") or ():
                clusters.setdefault(one["name"], one["cluster"].get("server", ""))
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError("read the kubeconfig", why=f"{type(error).__name__}: {error}") from error
    if current not in contexts:
        raise unknown_name("context", current, contexts, ConfigError)
    return current, clusters.get(contexts[current], "")


def _existing(where: Where) -> list[Path]:
    files = where.files()
    found = [path for path in files if path.exists()]
    if not found:
        raise ConfigError(
            "no kubeconfig",
            why=f"not there: {', '.join(map(str, files))}",
            hint="set KUBECONFIG, or name the file in gocoffee.toml",
        )
    return found


def _in_cluster(where: Where, configuration: Configuration) -> datetime:
    from kubernetes.config.incluster_config import InClusterConfigLoader

    folder = Path(where.service_account)
    files = {"token_filename": str(folder / "token"), "cert_filename": str(folder / "ca.crt")}
    InClusterConfigLoader(**files, try_refresh_token=False).load_and_set(configuration)  # renewed by us
    configuration.api_key["BearerToken"] = configuration.api_key["BearerToken"].strip()
    return datetime.now(UTC) + ROTATED


def _from_kubeconfig(
    where: Where, configuration: Configuration, deadline: Deadline, target: str
) -> tuple[datetime | None, set[str]]:
    from kubernetes.config.kube_config import KubeConfigMerger

    context, _ = server_of(where)  # says which contexts there are, when this one is not
    merged = KubeConfigMerger(os.pathsep.join(map(str, _existing(where)))).config

    def plugin(section: Mapping[str, Any], folder: str, cluster: Mapping[str, Any]) -> PluginAnswer:
        return run_plugin(section, folder, cluster, deadline, target)

    loader = _loader(plugin)(config_dict=merged, active_context=context, config_base_path=None)
    loader.load_and_set(configuration)
    if loader.proxy:
        configuration.no_proxy = None  # as kubectl: what a kubeconfig says stands above the environment
    configuration.refresh_api_key_hook = None  # renewed by us, inside the deadline of the question that needs it
    return loader.expires_at, _user_secrets(loader.user()) | loader.plugin_secrets


def _loader(plugin: Callable[[Mapping[str, Any], str, Mapping[str, Any]], PluginAnswer]) -> Any:
    from kubernetes.config.kube_config import FileOrData, KubeConfigLoader

    class BoundedLoader(KubeConfigLoader):
        """The official loader, but for how it runs credential plugins."""

        expires_at: datetime | None = None
        plugin_secrets: frozenset[str] = frozenset()
        proxy: str | None = None
        _user: Any
        _cluster: Any

        def user(self) -> Mapping[str, Any]:
            """The user's section."""
            return self._user.value if self._user else {}

        def _load_from_exec_plugin(self) -> bool | None:
            if "exec" not in self._user:
                return None
            path = self._user.path or self._cluster.path
            folder = str(Path(path).parent.resolve()) if path else ""
            answer = plugin(self._user["exec"].value, folder, self._cluster.value)
            self.expires_at = answer.expires_at
            self.plugin_secrets = frozenset({answer.token, answer.key} - {""})
            if answer.token:
                self.token = f"Bearer {answer.token}"
            if answer.certificate:
                status = {"certificate": answer.certificate, "key": answer.key}
                self.cert_file = FileOrData(status, None, "certificate", base64_file_content=False).as_file()
                self.key_file = FileOrData(status, None, "key", base64_file_content=False).as_file()
            return True

    return BoundedLoader


def _user_secrets(user: Mapping[str, Any]) -> set[str]:
    values: Iterable[Any] = [user.get("token"), user.get("password"), user.get("client-key-data")]
    provider = (user.get("auth-provider") or {}).get("config") or {}
    values = [*values, *(provider.get(key) for key in ("id-token", "refresh-token", "access-token", "client-secret"))]
    for one in (user.get("exec") or {}).get("env") or ():
        if any(word in one["name"].upper() for word in SECRET_WORDS):
            values.append(one["value"])
    return {value for value in values if isinstance(value, str) and value}
