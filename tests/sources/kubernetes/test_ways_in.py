"""Through a proxy, and from inside a cluster: the ways to an API server that no kubeconfig on loopback shows."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from gocoffee_ops.errors import ConfigError, Unauthenticated, Unreachable
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import PODS
from tests.http_server import Answer, Asked, HttpServer, serving, unused_port
from tests.sources.kubernetes.connect_proxy import proxying
from tests.sources.kubernetes.static_server import pod_list, refusal, write_kubeconfig

FAR = "api.cluster.example"  # no resolver knows it: only the proxy leads there
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[HttpServer]:
    """An API server that is called like the far one, and like its address on loopback."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(FAR, "127.0.0.1").configure_cert(context)
    with serving(lambda _: pod_list("a"), context) as started:
        yield started


def port_of(server: HttpServer) -> int:
    return urlsplit(server.url).port or 0


def trusted(path: Path, authority: trustme.CA, server: str, **cluster: str) -> Path:
    data = base64.b64encode(authority.cert_pem.bytes()).decode()
    return write_kubeconfig(path / "config", server, cluster={"certificate-authority-data": data, **cluster})


def names(cluster: Cluster) -> list[str]:
    try:
        return [pod.metadata.name for pod in cluster.list(PODS, Deadline.after(20.0)).items]
    finally:
        cluster.close()


# A proxy


def test_the_proxy_of_the_kubeconfig_leads_to_the_server(
    tmp_path: Path, authority: trustme.CA, server: HttpServer
) -> None:
    with proxying({f"{FAR}:6443": port_of(server)}) as proxy:
        way = {"proxy-url": f"http://127.0.0.1:{proxy.port}"}
        assert names(Cluster("c", kubeconfig=trusted(tmp_path, authority, f"https://{FAR}:6443", **way))) == ["a"]
    assert proxy.asked == [f"{FAR}:6443"]


def test_a_proxy_that_asks_who_we_are_is_told_and_the_password_is_secret(
    tmp_path: Path, authority: trustme.CA, server: HttpServer
) -> None:
    told: list[str] = []
    with proxying({f"{FAR}:6443": port_of(server)}, user="ada:s3cr@t") as proxy:
        way = {"proxy-url": f"http://ada:s3cr%40t@127.0.0.1:{proxy.port}"}
        kubeconfig = trusted(tmp_path, authority, f"https://{FAR}:6443", **way)
        assert names(Cluster("c", kubeconfig=kubeconfig, on_secret=told.append)) == ["a"]
    assert {"s3cr@t", "s3cr%40t"} <= set(told)


def test_a_proxy_that_refuses_us_is_named_without_the_password(tmp_path: Path, authority: trustme.CA) -> None:
    with proxying({}, user="ada:right") as proxy:
        way = {"proxy-url": f"http://ada:wr0ng-word@127.0.0.1:{proxy.port}"}
        kubeconfig = trusted(tmp_path, authority, f"https://{FAR}:6443", **way)
        with pytest.raises(Unreachable, match=f"127.0.0.1:{proxy.port}.*407") as refused:
            names(Cluster("c", kubeconfig=kubeconfig))
    assert "wr0ng" not in str(refused.value)


def test_a_proxy_that_is_not_there_is_named(tmp_path: Path, authority: trustme.CA) -> None:
    dead = unused_port()
    kubeconfig = trusted(tmp_path, authority, f"https://{FAR}:6443", **{"proxy-url": f"http://127.0.0.1:{dead}"})
    with pytest.raises(Unreachable, match=f"proxy.*127.0.0.1:{dead}"):
        names(Cluster("c", kubeconfig=kubeconfig))


def test_the_proxy_of_the_environment_is_used_but_for_what_it_excludes(
    tmp_path: Path, authority: trustme.CA, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, near = trusted(tmp_path, authority, f"https://{FAR}:6443"), tmp_path / "near"
    near.mkdir()
    with proxying({f"{FAR}:6443": port_of(server)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.0/8")
        assert names(Cluster("c", kubeconfig=far)) == ["a"]
        assert names(Cluster("c", kubeconfig=trusted(near, authority, server.url))) == ["a"]
        assert proxy.asked == [f"{FAR}:6443"]
        monkeypatch.setenv("NO_PROXY", ".cluster.example")
        with pytest.raises(Unreachable, match=FAR):
            names(Cluster("c", kubeconfig=far))
    assert proxy.asked == [f"{FAR}:6443"]


def test_the_proxy_of_the_kubeconfig_stands_above_what_the_environment_excludes(
    tmp_path: Path, authority: trustme.CA, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kubectl does it."""
    with proxying({f"{FAR}:6443": port_of(server)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused_port()}")
        monkeypatch.setenv("NO_PROXY", "*")
        way = {"proxy-url": f"http://127.0.0.1:{proxy.port}"}
        assert names(Cluster("c", kubeconfig=trusted(tmp_path, authority, f"https://{FAR}:6443", **way))) == ["a"]


def test_an_expired_certificate_is_dated_also_beside_a_proxy_that_is_not_used(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = datetime.now(UTC) - timedelta(days=3)
    leaf = authority.issue_cert("127.0.0.1", not_before=ended - timedelta(days=9), not_after=ended)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    leaf.configure_cert(context)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(lambda _: pod_list("a"), context) as old, pytest.raises(Unreachable, match="it ended on"):
        names(Cluster("c", kubeconfig=trusted(tmp_path, authority, old.url)))


# Inside a cluster


@pytest.fixture
def account(tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a pod's service account."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("first-token")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.delenv("KUBERNETES_SERVICE_PORT", raising=False)
    return folder


class Gate:
    """An API server's script that lets one token in, and remembers which came."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.came: list[str] = []

    def __call__(self, asked: Asked) -> Answer:
        self.came.append(asked.headers.get("authorization", "").partition(" ")[2])
        return pod_list("a") if self.came[-1] == self.token else refusal(401, "Unauthorized", "Unauthorized")


@pytest.fixture
def gate(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, account: Path) -> Iterator[Gate]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    found = Gate("first-token")
    with serving(found, context) as started:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port_of(started)))
        yield found


def listed(cluster: Cluster) -> list[str]:
    return [pod.metadata.name for pod in cluster.list(PODS, Deadline.after(20.0)).items]


def test_the_service_account_of_the_pod_is_used_and_its_token_is_secret(account: Path, gate: Gate) -> None:
    told: list[str] = []
    cluster = Cluster("c", in_cluster=True, service_account=account, on_secret=told.append)
    assert listed(cluster) == ["a"]
    assert told == ["first-token"]


def test_without_a_kubeconfig_the_pods_own_account_is_used(
    account: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(account / "no-such-file"))
    assert listed(Cluster("c", service_account=account)) == ["a"]


def test_a_rotated_token_is_read_when_the_old_one_is_refused(account: Path, gate: Gate) -> None:
    told: list[str] = []
    cluster = Cluster("c", in_cluster=True, service_account=account, on_secret=told.append)
    assert listed(cluster) == ["a"]
    (account / "token").write_text("second-token\n")
    gate.token = "second-token"
    assert listed(cluster) == ["a"]
    assert gate.came == ["first-token", "first-token", "second-token"]
    assert set(told) == {"first-token", "second-token"}


def test_a_token_that_was_revoked_is_unauthenticated(account: Path, gate: Gate) -> None:
    gate.token = "another"
    with pytest.raises(Unauthenticated) as refused:
        listed(Cluster("c", in_cluster=True, service_account=account))
    assert "first-token" not in str(refused.value)


def test_a_server_of_another_authority_is_not_trusted(account: Path, gate: Gate) -> None:
    trustme.CA().cert_pem.write_to_path(account / "ca.crt")
    with pytest.raises(Unreachable, match="TLS"):
        listed(Cluster("c", in_cluster=True, service_account=account))
    assert gate.came == []


@pytest.mark.parametrize(("name", "why"), [("token", "token"), ("ca.crt", "certification|CA")])
def test_a_file_of_the_account_that_is_missing_or_empty_is_a_config_error(
    account: Path, gate: Gate, name: str, why: str
) -> None:
    (account / name).write_text("")
    with pytest.raises(ConfigError, match="empty"):
        listed(Cluster("c", in_cluster=True, service_account=account))
    (account / name).unlink()
    with pytest.raises(ConfigError, match=why) as missing:
        listed(Cluster("c", in_cluster=True, service_account=account))
    assert "kubeconfig" not in str(missing.value)


def test_outside_a_cluster_there_is_no_account(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(ConfigError, match="read the service account"):
        listed(Cluster("c", in_cluster=True, service_account=account))
