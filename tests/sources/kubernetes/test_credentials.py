"""Who we are: kubeconfigs, credential plugins that work, hang and fail, and certificates."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from gocoffee_ops.errors import ConfigError, DeadlineExceeded, Unauthenticated, Unreachable
from gocoffee_ops.sources.certificates import validity
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import PODS
from tests.http_server import Answer, Asked, serving
from tests.sources.kubernetes.static_server import pod_list, refusal, write_kubeconfig

API = "client.authentication.k8s.io/v1"


def plugin(path: Path, body: str, **section: Any) -> dict[str, Any]:
    """The user section of a kubeconfig that runs a Python script as its credential plugin."""
    path.write_text(f"import json, os, sys, time\n{body}\n")
    return {"exec": {"apiVersion": API, "command": sys.executable, "args": [str(path)], **section}}


def credential(**status: Any) -> str:
    return f"print({json.dumps({'apiVersion': API, 'kind': 'ExecCredential', 'status': status})!r})"


def names(cluster: Cluster, seconds: float = 10.0) -> list[str]:
    return [pod.metadata.name for pod in cluster.list(PODS, Deadline.after(seconds)).items]


def bearer(wanted: str) -> Any:
    """A server that lets one token in."""

    def script(asked: Asked) -> Answer:
        if asked.headers.get("authorization") == f"Bearer {wanted}":
            return pod_list("a")
        return refusal(401, "Unauthorized", "Unauthorized")

    return script


def test_a_plugin_gives_the_token_and_it_becomes_known_as_secret(tmp_path: Path) -> None:
    user = plugin(tmp_path / "plugin.py", credential(token="from-the-plugin"))
    told: list[str] = []
    with serving(bearer("from-the-plugin")) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, user=user)
        assert names(Cluster("c", kubeconfig=kubeconfig, on_secret=told.append)) == ["a"]
    assert told == ["from-the-plugin"]


def test_a_plugin_is_given_its_environment_and_the_cluster(tmp_path: Path) -> None:
    body = """
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert info["spec"]["interactive"] is False and os.environ["PROFILE"] == "prod", info
token = info["spec"]["cluster"]["config"]["audience"] + "-" + os.path.basename(os.getcwd())
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": {"token": token}}))
"""
    user = plugin(tmp_path / "plugin.py", body, env=[{"name": "PROFILE", "value": "prod"}], provideClusterInfo=True)
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "coffee"}}
    with serving(bearer(f"coffee-{tmp_path.name}")) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, user=user, cluster={"extensions": [extension]})
        assert names(Cluster("c", kubeconfig=kubeconfig)) == ["a"]


def test_a_plugin_that_hangs_is_ended_with_its_children_at_the_deadline(tmp_path: Path) -> None:
    mark = tmp_path / "child.pid"
    body = f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(mark)!r}, "w").write(str(child.pid))
print("waiting for your browser", file=sys.stderr, flush=True)
time.sleep(60)
"""
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:9", user=plugin(tmp_path / "p.py", body))
    cluster = Cluster("c", kubeconfig=kubeconfig)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="waiting for your browser"):
        names(cluster, 5.0)
    assert time.monotonic() - began < 10.0
    with pytest.raises(ProcessLookupError):
        _until_gone(int(mark.read_text()))


def _until_gone(pid: int) -> None:
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        os.kill(pid, 0)
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError  # dead, and nobody's to collect but init's
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print('SSO session has expired', file=sys.stderr); sys.exit(7)", "ended with 7: SSO session has expired"),
        ("print('not json'); print('oh', file=sys.stderr)", "no ExecCredential.*stderr: oh"),
        (credential(), "neither a token nor a certificate"),
        (credential(clientCertificateData="x"), "neither a token nor a certificate"),
        (credential(token="t").replace("/v1", "/v1beta1"), "answered client.authentication.k8s.io/v1beta1"),
    ],
    ids=["exit", "not-json", "empty", "no-key", "version"],
)
def test_a_plugin_that_fails_is_unauthenticated_with_what_it_said(tmp_path: Path, body: str, said: str) -> None:
    with serving(lambda _: pod_list("let-in-without-credentials")) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, user=plugin(tmp_path / "p.py", body))
        with pytest.raises(Unauthenticated, match=said):
            names(Cluster("c", kubeconfig=kubeconfig))
        assert server.asked == []


def test_a_plugin_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": API, "command": "no-such-plugin", "installHint": "brew install it"}}
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:9", user=user)
    with pytest.raises(Unauthenticated, match=r"no-such-plugin.*brew install it"):
        names(Cluster("c", kubeconfig=kubeconfig))


def test_a_plugins_answer_that_is_not_understood_is_not_repeated(tmp_path: Path) -> None:
    user = plugin(tmp_path / "p.py", """print('{"kind": "ExecCredential", "token": "s3cret-in-the-wrong-place"}')""")
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:9", user=user)
    with pytest.raises(Unauthenticated) as caught:
        names(Cluster("c", kubeconfig=kubeconfig))
    assert "s3cret" not in str(caught.value)


def test_a_token_that_was_revoked_is_renewed_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    body = f"""
n = int(open({str(count)!r}).read()) + 1 if os.path.exists({str(count)!r}) else 1
open({str(count)!r}, "w").write(str(n))
print(json.dumps({{"apiVersion": "{API}", "kind": "ExecCredential", "status": {{"token": f"token-{{n}}"}}}}))
"""
    with serving(bearer("token-2")) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, user=plugin(tmp_path / "p.py", body))
        assert names(Cluster("c", kubeconfig=kubeconfig)) == ["a"]
        assert len(server.asked) == 2


def test_a_token_that_has_ended_is_renewed_before_it_is_used(tmp_path: Path) -> None:
    count = tmp_path / "count"
    body = f"""
open({str(count)!r}, "a").write("x")
print(json.dumps({{"apiVersion": "{API}", "kind": "ExecCredential",
                   "status": {{"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"}}}}))
"""
    with serving(bearer("t")) as server:
        cluster = Cluster(
            "c", kubeconfig=write_kubeconfig(tmp_path / "config", server.url, user=plugin(tmp_path / "p.py", body))
        )
        assert names(cluster) == names(cluster) == ["a"]
    assert count.read_text() == "xx"


def test_a_token_file_is_read_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file")
    with serving(bearer("from-a-file")) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, user={"tokenFile": "token"})
        assert names(Cluster("c", kubeconfig=kubeconfig)) == ["a"]


def test_a_password_is_sent_and_known_as_secret(tmp_path: Path) -> None:
    wanted = "Basic " + base64.b64encode(b"ann:hunter22").decode()
    with serving(
        lambda asked: pod_list("a") if asked.headers.get("authorization") == wanted else Answer(401)
    ) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, user={"username": "ann", "password": "hunter22"})
        cluster = Cluster("c", kubeconfig=kubeconfig)
        assert names(cluster) == ["a"]
    assert "hunter22" in cluster.secrets()


def test_an_unknown_context_names_those_that_there_are(tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"unknown context 'statik'.*did you mean 'static'"):
        names(Cluster("c", kubeconfig=kubeconfig, context="statik"))


def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no kubeconfig.*nowhere\.yaml"):
        names(Cluster("c", kubeconfig=tmp_path / "nowhere.yaml"))


def test_a_kubeconfig_that_is_no_yaml_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a: [")
    with pytest.raises(ConfigError, match="read the kubeconfig"):
        names(Cluster("c", kubeconfig=tmp_path / "config"))


def test_several_kubeconfigs_are_merged(tmp_path: Path) -> None:
    with serving(lambda _: pod_list("a")) as server:
        write_kubeconfig(tmp_path / "one", "http://127.0.0.1:9")
        two = write_kubeconfig(tmp_path / "two", server.url)
        two.write_text(two.read_text().replace("static", "other"))
        both = f"{tmp_path / 'one'}{os.pathsep}{two}"
        assert names(Cluster("c", kubeconfig=both, context="other")) == ["a"]
        assert Cluster("c", kubeconfig=both, context="other").describe() == f"other at {server.url}"


def test_the_service_account_of_the_pod_is_asked_for_when_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    cluster = Cluster("c", in_cluster=True)
    assert cluster.describe() == "in-cluster at https://10.96.0.1:443"
    with pytest.raises(ConfigError, match="Service token file does not exist"):
        names(cluster)


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving_tls(authority: trustme.CA, leaf: trustme.LeafCert, *, client: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    leaf.configure_cert(context)
    if client:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def trusting(authority: trustme.CA) -> dict[str, str]:
    return {"certificate-authority-data": base64.b64encode(authority.cert_pem.bytes()).decode()}


def test_a_trusted_server_is_read(tmp_path: Path, authority: trustme.CA) -> None:
    with serving(lambda _: pod_list("a"), serving_tls(authority, authority.issue_cert("127.0.0.1"))) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, cluster=trusting(authority))
        assert names(Cluster("c", kubeconfig=kubeconfig)) == ["a"]


def test_an_expired_certificate_is_unreachable_and_says_since_when(tmp_path: Path, authority: trustme.CA) -> None:
    ended = datetime.now(UTC) - timedelta(days=3)
    leaf = authority.issue_cert("127.0.0.1", not_before=ended - timedelta(days=365), not_after=ended)
    with serving(lambda _: pod_list("a"), serving_tls(authority, leaf)) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, cluster=trusting(authority))
        with pytest.raises(Unreachable) as caught:
            names(Cluster("c", kubeconfig=kubeconfig))
        assert server.asked == []
    assert f"certificate has expired (it ended on {ended:%Y-%m-%d %H:%M} UTC)" in caught.value.why


def test_an_untrusted_or_misnamed_server_is_unreachable(tmp_path: Path, authority: trustme.CA) -> None:
    with serving(lambda _: pod_list("a"), serving_tls(authority, authority.issue_cert("127.0.0.1"))) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, cluster=trusting(trustme.CA()))
        with pytest.raises(Unreachable, match=r"TLS: .*(local issuer|self.signed|signature)"):
            names(Cluster("c", kubeconfig=kubeconfig))
    with serving(lambda _: pod_list("a"), serving_tls(authority, authority.issue_cert("elsewhere.example"))) as server:
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, cluster=trusting(authority))
        with pytest.raises(Unreachable, match="TLS: "):
            names(Cluster("c", kubeconfig=kubeconfig))
        named = {**trusting(authority), "tls-server-name": "elsewhere.example"}
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, cluster=named)
        assert names(Cluster("c", kubeconfig=kubeconfig)) == ["a"]


def test_a_client_certificate_from_a_plugin_is_shown_and_its_key_is_secret(
    tmp_path: Path, authority: trustme.CA
) -> None:
    mine = authority.issue_cert("client.example")
    certificate = "".join(blob.bytes().decode() for blob in mine.cert_chain_pems)
    key = mine.private_key_pem.bytes().decode()
    body = credential(clientCertificateData=certificate, clientKeyData=key)
    context = serving_tls(authority, authority.issue_cert("127.0.0.1"), client=True)
    with serving(lambda _: pod_list("a"), context) as server:
        user = plugin(tmp_path / "p.py", body)
        kubeconfig = write_kubeconfig(tmp_path / "config", server.url, user=user, cluster=trusting(authority))
        cluster = Cluster("c", kubeconfig=kubeconfig)
        assert names(cluster) == ["a"]
    assert key in cluster.secrets()


def test_a_server_that_never_ends_its_handshake_is_bounded(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubeconfig = write_kubeconfig(tmp_path / "config", f"https://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises((DeadlineExceeded, Unreachable)):
            names(Cluster("c", kubeconfig=kubeconfig), 3.0)
        assert time.monotonic() - began < 10.0


def test_what_is_no_certificate_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not a certificate"):
        validity(b"\x30\x03\x02\x01\x01")


AT_ONCE = """
import sys, threading
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes.credentials import Where, load
begin = threading.Barrier(4)
def read(path):
    begin.wait()
    host = load(Where(kubeconfig=path), Deadline.after(60), "cluster/c").host
    sys.stdout.write(host + "\\n")
threads = [threading.Thread(target=read, args=(sys.argv[1],)) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_several_clusters_may_be_the_first_at_once(tmp_path: Path) -> None:
    """Threads that import the official client at once deadlock, and leave it broken for the life of the process."""
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, kubeconfig], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["http://127.0.0.1:9"] * 4, "")
