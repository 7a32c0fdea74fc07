"""PostgreSQL and Redis asked by a command in their own container: over a real API server, and over every way in which it fails."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
import yaml

from gocoffee_ops import checks
from gocoffee_ops.errors import DeadlineExceeded, Forbidden, NotFound, OpsError, Unreachable, UsageError
from gocoffee_ops.model import Status
from gocoffee_ops.queries import inside
from gocoffee_ops.session import Session
from tests.http_server import Answer, Asked, serving, unused_port
from tests.sources.kubernetes.exec_server import Messages, ended, exec_server
from tests.sources.kubernetes.static_server import pod_list, refusal, write_kubeconfig
from tests.support import live_session
from tests.testbed.control_plane import Cluster
from tests.testbed.postgres import PostgresServer
from tests.testbed.redis import RedisServer

EXEC_PROBE = Path(__file__).parents[2] / "deploy" / "exec-probe.yaml"
STARTED_S = 30.0


def create(cluster: Cluster, namespace: str, name: str, environment: dict[str, str] | None) -> None:
    """A pod, and what its kubelet runs commands with: on this host."""
    app = name.partition("-")[0]
    spec = {"containers": [{"name": app, "image": f"{app}:1"}, {"name": "exporter", "image": "exporter:1"}]}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}}, "spec": spec}
    ]
    if environment is not None:
        envs = [{"name": key, "value": value} for key, value in environment.items()]
        execs = {"execs": [{"containers": [app], "local": {"envs": envs}}]}
        objects.append(
            {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Exec", "metadata": {"name": name}, "spec": execs}
        )
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(objects))
    cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, f"--timeout={STARTED_S:.0f}s")


def permit(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", str(EXEC_PROBE))


@pytest.fixture
def pg_isready() -> None:
    if shutil.which("pg_isready") is None:
        pytest.skip("pg_isready is not on the PATH (Debian: postgresql-client)")


@pytest.fixture
def redis_cli() -> str:
    found = shutil.which("redis-cli")
    if found is None:
        pytest.skip("redis-cli is not on the PATH (Debian: redis-tools)")
    return found


def asked(ops: Session, namespace: str, run: str = "pg_isready", of: str = "app=postgres") -> pd.DataFrame:
    """The answer, once kwok has seen the Exec object."""
    until = time.monotonic() + STARTED_S
    while True:
        try:
            frame = inside.probe(ops, run=run, namespace=namespace, of=of)
        except OpsError as error:
            if "no exec found" not in str(error) or time.monotonic() > until:
                raise
        else:
            if not any("no exec found" in gap for gap in frame.attrs["gaps"]) or time.monotonic() > until:
                return frame
        time.sleep(0.1)


@pytest.mark.usefixtures("pg_isready")
def test_a_real_server_is_asked_by_a_real_command(
    cluster: Cluster, namespace: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    """The testbed's kubelet runs it on this host; of one that fails it hands on the words, and no exit code."""
    create(cluster, namespace, "postgres-0", {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port)})
    create(cluster, namespace, "postgres-1", {"PGHOST": "127.0.0.1", "PGPORT": "1"})
    permit(cluster, namespace)
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})

    frame = asked(ops, namespace)

    rows = frame.set_index("pod").to_dict("index")
    assert (rows["postgres-0"]["answers"], rows["postgres-0"]["exit_code"]) == (True, 0)
    assert "accepting connections" in rows["postgres-0"]["said"]
    assert rows["postgres-1"]["answers"] is None
    assert "no response" in rows["postgres-1"]["said"]
    assert [(f.status, f.subject) for f in checks.answers_inside(frame)] == [(Status.UNKNOWN, "pod/postgres-1")]
    one = inside.probe(ops, run="pg_isready", namespace=namespace, of="pod/postgres-0")
    assert [f.status for f in checks.answers_inside(one)] == [Status.OK]


def test_a_real_redis_is_asked_by_its_own_client(
    cluster: Cluster, namespace: str, redis_master: RedisServer, redis_cli: str, tmp_path: Path
) -> None:
    """What answers is a server that says PONG, or who says that we may not ask; a client that ended well is no answer."""

    def told(port: int, **more: str) -> dict[str, str]:
        return {"REDIS_CLI": redis_cli, "REDIS_PORT": str(port), **more}

    password = {"REDISCLI_AUTH": redis_master.passwords["default"]}
    stale = {"replica-serve-stale-data": "no", "replicaof": f"127.0.0.1 {unused_port()}"}
    with RedisServer(stale) as orphan, RedisServer() as strict:
        with strict.admin() as admin:
            admin.execute_command("ACL", "SETUSER", "default", "-ping")
        pods = {
            "redis-answers": told(redis_master.port, **password),
            "redis-asks-for-a-password": told(redis_master.port),
            "redis-forbids-it": told(strict.port, REDISCLI_AUTH=strict.passwords["default"]),
            "redis-orphan": told(orphan.port, REDISCLI_AUTH=orphan.passwords["default"]),
            "redis-gone": told(unused_port()),
        }
        for name, environment in pods.items():
            create(cluster, namespace, name, environment)
        permit(cluster, namespace)
        ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})
        frame = asked(ops, namespace, run="redis-cli ping", of="app=redis")

    rows = frame.set_index("pod").to_dict("index")
    seen = {name: (row["answers"], row["exit_code"], str(row["said"]).split()[0]) for name, row in rows.items()}
    assert seen == {
        "redis-answers": (True, 0, "PONG"),
        "redis-asks-for-a-password": (True, 0, "NOAUTH"),
        "redis-forbids-it": (True, 0, "NOPERM"),
        "redis-orphan": (False, 0, "MASTERDOWN"),
        "redis-gone": (None, None, "Could"),
    }
    assert "Connection refused" in rows["redis-gone"]["said"]
    assert {f.subject: f.status for f in checks.answers_inside(frame)} == {
        "pod/redis-orphan": Status.CRIT,
        "pod/redis-gone": Status.UNKNOWN,
    }
    kept = b"".join(path.read_bytes() for path in (tmp_path / "evidence").rglob("*") if path.is_file())
    assert redis_master.passwords["default"].encode() not in kept


def test_a_redis_that_hangs_costs_one_pod_and_the_others_stand(
    cluster: Cluster, namespace: str, redis_master: RedisServer, redis_cli: str, tmp_path: Path
) -> None:
    told = {"REDIS_CLI": redis_cli, "REDISCLI_AUTH": redis_master.passwords["default"]}
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})
    with RedisServer() as hung:
        create(cluster, namespace, "redis-0", {**told, "REDIS_PORT": str(hung.port)})
        create(cluster, namespace, "redis-1", {**told, "REDIS_PORT": str(redis_master.port)})
        permit(cluster, namespace)
        warm = live_session(tmp_path / "warm", clusters={"planted": cluster.kubeconfig("reader")})
        asked(warm, namespace, run="redis-cli ping", of="app=redis")
        hung.pause()
        frame = inside.probe(ops, run="redis-cli ping", namespace=namespace, of="app=redis")

    assert frame.set_index("pod")["answers"].to_dict() == {"redis-0": None, "redis-1": True}
    assert "not ended after 5 s; it wrote: nothing" in frame["said"][0]
    (finding,) = ops.findings
    assert (finding.status, "pod/redis-0: not ended" in finding.reason) == (Status.UNKNOWN, True)


@pytest.mark.usefixtures("pg_isready")
def test_what_could_not_be_asked_is_unknown_and_the_others_stand(
    cluster: Cluster, namespace: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    create(cluster, namespace, "postgres-0", {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port)})
    permit(cluster, namespace)
    asked(live_session(tmp_path / "warm", clusters={"planted": cluster.kubeconfig("reader")}), namespace)
    create(cluster, namespace, "postgres-1", None)
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})

    frame = inside.probe(ops, run="pg_isready", namespace=namespace, of="app=postgres")

    assert frame.set_index("pod")["answers"].to_dict() == {"postgres-0": True, "postgres-1": None}
    (finding,) = ops.findings
    assert (finding.status, "pod/postgres-1: " in finding.reason) == (Status.UNKNOWN, True)
    assert [(f.status, f.subject) for f in checks.answers_inside(frame)] == [(Status.UNKNOWN, "pod/postgres-1")]


def test_the_shipped_reader_may_not_and_is_told_what_would_allow_it(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    create(cluster, namespace, "postgres-0", {})
    ops = live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})
    with pytest.raises(Forbidden, match=r"lacks create on pods/exec.*deploy/exec-probe\.yaml"):
        inside.probe(ops, run="pg_isready", namespace=namespace, of="app=postgres")
    assert [(f.status, "exec-probe" in f.reason) for f in ops.findings] == [(Status.UNKNOWN, True)]


def test_the_addition_allows_commands_in_its_namespace_alone(cluster: Cluster, namespace: str) -> None:
    permit(cluster, namespace)

    def may(*what: str) -> str:
        return cluster.kubectl_run("auth", "can-i", *what, user="reader").stdout.strip()

    assert [may("create", "pods", "--subresource=exec", "-n", one) for one in (namespace, "go-coffee")] == ["yes", "no"]
    assert may("delete", "pods", "-n", namespace) == "no"


def test_no_other_command_can_be_run(tmp_path: Path) -> None:
    with exec_server(pod_list("a"), [ended(0)]) as server:
        ops = session(tmp_path, server.url)
        for run in ("sh", "pg_isready; rm -rf /", "redis-cli flushall", ""):
            with pytest.raises(UsageError, match="not one of the commands"):
                inside.probe(ops, run=run, namespace="go-coffee", of="pod/a")
        assert server.commands == []


def session(tmp_path: Path, url: str, seconds: float = 3.0) -> Session:
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", url)
    return live_session(tmp_path, clusters={"c": kubeconfig}, query_deadline_s=seconds)


def ping(ops: Session) -> dict[str, Any]:
    return inside.probe(ops, run="redis-cli ping", namespace="go-coffee", of="app=redis").iloc[0].to_dict()


@pytest.mark.parametrize(
    ("messages", "answers", "code", "said"),
    [
        ([(1, b"PO"), (1, b"NG\n"), ended(0)], True, 0, "PONG"),
        ([(1, b"NOAUTH Authentication required.\n"), ended(0)], True, 0, "NOAUTH"),
        ([(2, b"Could not connect to Redis at 127.0.0.1:6379\n"), ended(1)], False, 1, "Could not connect"),
        ([(2, b"sh: redis-cli: not found\n"), ended(127)], pd.NA, 127, "not found"),
        (
            [(3, b'{"status": "Failure", "message": "executable file not found in $PATH"}')],
            pd.NA,
            pd.NA,
            "executable file",
        ),
    ],
)
def test_how_a_command_ended_is_told(tmp_path: Path, messages: Messages, answers: Any, code: Any, said: str) -> None:
    with exec_server(pod_list("a"), messages) as server:
        row = ping(session(tmp_path, server.url))
    assert (row["answers"], row["exit_code"]) == (answers, code) or (pd.isna(row["answers"]) and pd.isna(answers))
    assert said in row["said"]
    asked_for = urlsplit(server.commands[0])
    assert asked_for.path == "/api/v1/namespaces/go-coffee/pods/a/exec"
    assert parse_qs(asked_for.query) == {
        "container": ["app"], "command": ["redis-cli", "ping"], "stdout": ["true"], "stderr": ["true"],
    }  # fmt: skip
    assert server.authorized == ["Bearer a-bearer-token"]


@pytest.mark.parametrize(
    ("messages", "then", "error", "said"),
    [
        ([(1, b"PONG")], "hang", DeadlineExceeded, "it wrote: PONG|not complete"),
        ([], "hang", DeadlineExceeded, "it wrote: nothing|not complete"),
        ([(1, b"PONG")], "close", Unreachable, "closed before the command's end"),
        ([], "flood", DeadlineExceeded, "not ended|not complete"),
        ([(3, b"no JSON")], "close", OpsError, "how the command ended"),
    ],
)
def test_a_command_whose_end_is_not_told_is_unknown(
    tmp_path: Path, messages: Messages, then: str, error: type[OpsError], said: str
) -> None:
    with exec_server(pod_list("a"), messages, then=then) as server:
        ops = session(tmp_path, server.url, 3.0)
        with pytest.raises(error, match=said):
            ping(ops)
    assert [f.status for f in ops.findings] == [Status.UNKNOWN]


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (refusal(403, "Forbidden", "no"), "exec-probe"),
        (refusal(404, "NotFound", 'pods "a" not found'), 'pods "a" not found'),
        (refusal(500, "InternalError", "unable to upgrade connection"), "unable to upgrade"),
        (refusal(401, "Unauthorized", "Unauthorized"), "Unauthorized"),
    ],
)
def test_a_refusal_is_told_as_the_server_says_it(tmp_path: Path, refused: Any, said: str) -> None:
    with exec_server(pod_list("a"), [], refused=refused) as server, pytest.raises(OpsError, match=said):
        ping(session(tmp_path, server.url))


def test_a_server_that_takes_the_connection_and_says_nothing_costs_its_deadline(tmp_path: Path) -> None:
    def script(asked: Asked) -> Answer:
        return Answer(stall=True) if asked.path.endswith("/exec") else pod_list("a")

    with serving(script) as server, pytest.raises(DeadlineExceeded, match="not complete after"):
        ping(session(tmp_path, server.url, 2.0))


def test_pods_that_are_not_there_are_not_found(tmp_path: Path) -> None:
    with exec_server(pod_list(), []) as server, pytest.raises(NotFound, match="has no pod of app=redis"):
        ping(session(tmp_path, server.url))
