"""Each source x each fault: the run ends in time, states the gap, is not OK, and the other source's sections are whole."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import http_proxy, tcp_proxy
from tests.review.environment import Ran, configure, review
from tests.testbed.control_plane import Cluster
from tests.testbed.postgres import PostgresServer

DEADLINE_S = 8.0  # of a query: short, so that the matrix is, and long enough for the sound source of a busy machine
PATIENCE_S = 30.0  # where the source recovers
LATE = f"{DEADLINE_S:g} s"
RUN_DEADLINE_S = 120.0

Way = Callable[[Cluster, Path], AbstractContextManager[Path]]


@dataclass(frozen=True)
class ClusterFault:
    """A fault of the API server: how to reach the cluster through it, and the words (a pattern) that must tell it apart."""

    name: str
    reach: Way
    said: str
    recovers: bool = False


def _through(fault: http_proxy.Fault, *, expired: bool = False) -> Way:
    @contextmanager
    def reach(cluster: Cluster, folder: Path) -> Iterator[Path]:
        with http_proxy.proxy(cluster.server, fault, expired=expired) as proxy:
            yield http_proxy.kubeconfig_through(
                cluster.kubeconfig("reader"), proxy.url, proxy.ca_file, folder / "kubeconfig"
            )
            assert proxy.struck or proxy.seen or expired, "nobody asked"

    return reach


@contextmanager
def _refused(cluster: Cluster, folder: Path) -> Iterator[Path]:
    port = tcp_proxy.closed_port()
    with http_proxy.proxy(cluster.server, http_proxy.through) as proxy:  # only for its certificate
        url = f"https://127.0.0.1:{port}"
        yield http_proxy.kubeconfig_through(cluster.kubeconfig("reader"), url, proxy.ca_file, folder / "kubeconfig")


def _plugin(*command: str) -> Way:
    @contextmanager
    def reach(cluster: Cluster, folder: Path) -> Iterator[Path]:
        yield http_proxy.kubeconfig_with_plugin(cluster.kubeconfig("reader"), list(command), folder / "kubeconfig")

    return reach


FAILING = "import sys; print('the single sign-on session has ended', file=sys.stderr); sys.exit(1)"
CLUSTER_FAULTS = [
    ClusterFault("refused", _refused, "refused"),
    ClusterFault("hangs", _through(http_proxy.hangs), LATE),
    ClusterFault("resets mid-body", _through(http_proxy.resets_mid_body), "connection broke"),
    ClusterFault("truncated JSON", _through(http_proxy.truncated_json), "truncated"),
    ClusterFault("HTML instead of JSON", _through(http_proxy.html), "HTML"),
    ClusterFault("401", _through(http_proxy.unauthenticated), "Unauthorized"),
    ClusterFault("403", _through(http_proxy.forbidden), "deploy/rbac.yaml"),
    ClusterFault("429 then fine", _through(http_proxy.throttles_then_answers), "", recovers=True),
    ClusterFault("500", _through(http_proxy.server_error), "500"),
    ClusterFault("410 in mid-list", _through(http_proxy.expires_in_mid_list), "", recovers=True),
    ClusterFault("TLS expired", _through(http_proxy.through, expired=True), "expired"),
    ClusterFault("slow drip", _through(http_proxy.drips), LATE),
    ClusterFault("plugin hangs", _plugin("sleep", "60"), LATE),
    ClusterFault("plugin fails", _plugin(sys.executable, "-c", FAILING), "the single sign-on session has ended"),
]


@dataclass(frozen=True)
class DatabaseFault:
    """A fault of the database: the DSN to read it by while it strikes, and the words (a pattern) that must tell it apart."""

    name: str
    reach: Callable[[PostgresServer], AbstractContextManager[str]]
    said: str
    all_of_it: bool = True  # no question is answered; else some are, and the rest stated


@contextmanager
def _closed(server: PostgresServer) -> Iterator[str]:
    yield server.tcp_dsn("gocoffee_reader", port=tcp_proxy.closed_port())


def _tcp(pump: tcp_proxy.Pump | None) -> Callable[[PostgresServer], AbstractContextManager[str]]:
    @contextmanager
    def reach(server: PostgresServer) -> Iterator[str]:
        def connect() -> socket.socket:
            return socket.create_connection(("127.0.0.1", server.port), 5)

        with tcp_proxy.proxy(connect if pump else None, pump or tcp_proxy.passes) as listening:
            yield server.tcp_dsn("gocoffee_reader", port=listening.port)

    return reach


@contextmanager
def _killed(server: PostgresServer) -> Iterator[str]:
    """Every backend of ours is terminated again and again, in the middle of whatever it does."""
    stop = threading.Event()

    def kill() -> None:
        with server.connect(application_name="the fault") as connection:
            connection.autocommit = True
            while not stop.wait(0.002):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gocoffee-ops%'"
                )

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield server.tcp_dsn("gocoffee_reader")
    finally:
        stop.set()
        thread.join(10)


@contextmanager
def _locked(server: PostgresServer) -> Iterator[str]:
    """A table is being altered: whoever asks for its size waits behind the lock."""
    with server.fresh_database() as name, server.connect(database=name, application_name="the fault") as connection:
        connection.execute("CREATE TABLE being_altered (id int)")
        with connection.transaction():
            connection.execute("LOCK TABLE being_altered IN ACCESS EXCLUSIVE MODE")
            yield server.tcp_dsn("gocoffee_reader", name)


@contextmanager
def _overloaded(server: PostgresServer) -> Iterator[str]:
    """Statements that take for ever: what lists them sleeps before it answers."""
    with server.fresh_database() as name, server.connect(database=name) as connection:
        connection.execute(
            "CREATE OR REPLACE VIEW pg_stat_statements AS SELECT s.* FROM pg_stat_statements(true) AS s, pg_sleep(3600)"
        )
        connection.commit()
        yield server.tcp_dsn("gocoffee_reader", name)


@contextmanager
def _without_extension(server: PostgresServer) -> Iterator[str]:
    with server.fresh_database() as name, server.connect(database=name) as connection:
        connection.execute("DROP EXTENSION IF EXISTS pg_stat_statements CASCADE")
        connection.commit()
        yield server.tcp_dsn("gocoffee_reader", name)


@contextmanager
def _without_privilege(server: PostgresServer) -> Iterator[str]:
    with server.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS sees_nothing")
        connection.execute("CREATE ROLE sees_nothing LOGIN PASSWORD 'sees-nothing'")
    yield f"host=127.0.0.1 port={server.port} dbname=postgres user=sees_nothing password=sees-nothing"
    with server.connect() as connection:
        connection.execute("DROP ROLE sees_nothing")


@contextmanager
def _wrong_password(server: PostgresServer) -> Iterator[str]:
    yield f"host=127.0.0.1 port={server.port} dbname=postgres user=nobody_of_that_name password=not-of-anybody"


# What a session that is killed gets to read depends on the moment: the server's own word, or only the end of the connection.
KILLED = "terminat|connection broke|ended by an administrator|server closed the connection"
DATABASE_FAULTS = [
    DatabaseFault("refused", _closed, "refused"),
    DatabaseFault("accepts and hangs", _tcp(None), f"no session after {DEADLINE_S} s"),
    DatabaseFault("resets mid-answer", _tcp(tcp_proxy.resets_after(900)), "closed"),
    DatabaseFault("answers in another protocol", _tcp(tcp_proxy.garbles), ""),
    DatabaseFault("slow drip", _tcp(tcp_proxy.drips), f"no session after {DEADLINE_S} s"),
    DatabaseFault("backend killed mid-query", _killed, KILLED, all_of_it=False),
    DatabaseFault("statement time-out", _overloaded, "statement time-out", all_of_it=False),
    DatabaseFault("lock time-out", _locked, "lock", all_of_it=False),
    DatabaseFault("missing extension", _without_extension, "pg_stat_statements", all_of_it=False),
    DatabaseFault("missing privilege", _without_privilege, "pg_monitor", all_of_it=False),
    DatabaseFault("no such role", _wrong_password, "authentication"),
]


def test_the_matrix_prints_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(CLUSTER_FAULTS)} of Kubernetes, {len(DATABASE_FAULTS)} of PostgreSQL")
    assert len({fault.name for fault in CLUSTER_FAULTS}) == len(CLUSTER_FAULTS) == 14
    assert len({fault.name for fault in DATABASE_FAULTS}) == len(DATABASE_FAULTS) == 11


def gaps(ran: Ran, target: str) -> list[str]:
    """The reasons of what was not read of a target."""
    return [
        finding["reason"]
        for finding in ran.run["findings"]
        if finding["status"] == "UNKNOWN" and finding["subject"] == target
    ]


def assert_whole(ran: Ran, target: str) -> None:
    answered, asked = ran.covered(target)
    assert answered == asked > 0
    assert gaps(ran, target) == []


def assert_gap(ran: Ran, target: str, said: str) -> None:
    stated = gaps(ran, target)
    assert stated
    assert any(re.search(said, reason, re.IGNORECASE) for reason in stated), stated
    assert ran.run["status"] in {"UNKNOWN", "CRIT"}
    assert ran.exit_code == {"UNKNOWN": 3, "CRIT": 2}[ran.run["status"]]
    assert target in ran.report


@pytest.mark.parametrize("fault", CLUSTER_FAULTS, ids=lambda fault: fault.name)
def test_a_faulty_api_server_costs_its_own_sections(
    fault: ClusterFault, cluster: Cluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    with fault.reach(cluster, tmp_path) as kubeconfig:
        configured = configure(
            tmp_path,
            clusters={"faulty": (kubeconfig, cluster.name)},
            databases={"whole": postgres.reader_dsn},
            query_deadline_s=PATIENCE_S if fault.recovers else DEADLINE_S,
            run_deadline_s=RUN_DEADLINE_S,
        )
        started = time.monotonic()
        ran = review(configured)
        assert time.monotonic() - started < RUN_DEADLINE_S, ran.printed
    assert_whole(ran, "database/whole")
    if fault.recovers:
        assert_whole(ran, "cluster/faulty")
        return
    answered, asked = ran.covered("cluster/faulty")
    assert (answered, asked > 0) == (0, True)
    assert_gap(ran, "cluster/faulty", fault.said)


@pytest.mark.parametrize("fault", DATABASE_FAULTS, ids=lambda fault: fault.name)
def test_a_faulty_database_costs_its_own_sections(
    fault: DatabaseFault, cluster: Cluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    with fault.reach(postgres) as dsn:
        configured = configure(
            tmp_path,
            clusters={"whole": (cluster.kubeconfig(), cluster.name)},
            databases={"faulty": dsn},
            query_deadline_s=DEADLINE_S,
            run_deadline_s=RUN_DEADLINE_S,
        )
        started = time.monotonic()
        ran = review(configured)
        assert time.monotonic() - started < RUN_DEADLINE_S, ran.printed
    assert_whole(ran, "cluster/whole")
    answered, asked = ran.covered("database/faulty")
    assert answered == 0 if fault.all_of_it else answered < asked
    assert_gap(ran, "database/faulty", fault.said)


def test_with_every_source_down_a_run_exits_3_and_covers_nothing(cluster: Cluster, tmp_path: Path) -> None:
    with _refused(cluster, tmp_path) as kubeconfig:
        dsn = f"postgresql://reader:secret-of-nobody@127.0.0.1:{tcp_proxy.closed_port()}/coffee"
        configured = configure(
            tmp_path,
            clusters={"down": (kubeconfig, cluster.name)},
            databases={"down": dsn},
            query_deadline_s=DEADLINE_S,
        )
        ran = review(configured)
    assert ran.exit_code == 3
    assert ran.run["coverage"]["percent"] == 0
    assert ran.covered("cluster/down")[0] == ran.covered("database/down")[0] == 0
    assert ran.of("OK") == {"runs"}  # that there is no earlier run to compare with was read from disk
    assert "secret-of-nobody" not in ran.report + ran.printed
