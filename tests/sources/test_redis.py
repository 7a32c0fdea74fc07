"""Redis as a source: who may ask, and every way in which it does not answer."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import trustme

from gocoffee_ops.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    ServerFault,
    SourceError,
    Unauthenticated,
    Unreachable,
)
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.redis import Redis
from tests.faults import tcp_proxy
from tests.http_server import unused_port
from tests.testbed.redis import READER, RedisServer


def reader(server: RedisServer, url: str = "", **options: str) -> Redis:
    given = {"user": READER, "password": server.passwords[READER]} | options
    return Redis("redis/cache", url or server.url, **given)


def failing(source: Redis, seconds: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as raised:
        source.state(Deadline.after(seconds))
    return raised.value


def test_the_shipped_user_may_ask_what_the_queries_ask(redis_master: RedisServer) -> None:
    source = reader(redis_master)
    state = source.state(Deadline.after(5))
    assert state.info["role"] == "master"
    assert state.ping_s is not None
    assert source.slowlog(10, Deadline.after(5)) == []


REFUSED = [
    "SET k v",
    "GET k",
    "DEL k",
    "KEYS *",
    "SCAN 0",
    "CONFIG SET maxmemory 1",
    "CONFIG GET requirepass",
    "FLUSHALL",
    "FLUSHDB",
    "SHUTDOWN NOSAVE",
    "DEBUG SLEEP 0",
    "SLAVEOF NO ONE",
    "REPLICAOF NO ONE",
    "FAILOVER",
    "SLOWLOG RESET",
    "CLIENT KILL TYPE normal",
    "CLIENT LIST",
    "ACL SETUSER gocoffee_reader +@all",
    "ACL LIST",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
    "MONITOR",
    "SCRIPT FLUSH",
    "EVAL return 0",
    "MODULE LIST",
    "PUBLISH c m",
    "SUBSCRIBE c",
    "SWAPDB 0 1",
    "MIGRATE 127.0.0.1 1 k 0 1",
]


@pytest.mark.parametrize("command", REFUSED)
def test_the_shipped_user_is_refused_all_that_changes_or_reads_data(redis_master: RedisServer, command: str) -> None:
    with redis_master.reader() as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())
    with redis_master.admin() as admin:
        assert admin.ping()


def test_a_user_without_permission_is_told_which_command_it_may_not(redis_master: RedisServer) -> None:
    with redis_master.admin() as admin:
        admin.execute_command("ACL", "SETUSER", "sees_nothing", "on", ">sees-nothing", "-@all")
    error = failing(reader(redis_master, user="sees_nothing", password="sees-nothing"))
    assert isinstance(error, Forbidden)
    assert "'info'" in error.why
    assert "deploy/redis-reader.acl" in error.hint


@pytest.mark.parametrize("password", ["not-the-password", ""])
def test_a_wrong_or_missing_password_is_unauthenticated_and_not_shown(redis_master: RedisServer, password: str) -> None:
    user = READER if password else ""
    error = failing(reader(redis_master, user=user, password=password))
    assert isinstance(error, Unauthenticated)
    assert error.why.startswith("WRONGPASS" if password else "NOAUTH")
    assert not password or password not in str(error)


def test_a_closed_port_is_unreachable(redis_master: RedisServer) -> None:
    error = failing(reader(redis_master, f"redis://127.0.0.1:{unused_port()}"))
    assert isinstance(error, Unreachable)
    assert "refused" in error.why


def test_a_name_that_is_not_there_is_unreachable(redis_master: RedisServer) -> None:
    error = failing(reader(redis_master, "redis://nowhere.invalid:6379"))
    assert isinstance(error, Unreachable)
    assert "DNS" in error.hint


def test_a_server_that_hangs_is_late(redis_program: str) -> None:
    with RedisServer() as server:
        source = reader(server)
        server.pause()
        error = failing(source, 0.5)
    assert isinstance(error, DeadlineExceeded)
    assert "0.5 s" in error.why


def _through(server: RedisServer, pump: tcp_proxy.Pump) -> Callable[[], socket.socket]:
    return lambda: socket.create_connection(("127.0.0.1", server.port), 5)


def test_an_answer_that_drips_is_late_although_every_byte_comes_in_time(redis_master: RedisServer) -> None:
    with tcp_proxy.proxy(_through(redis_master, tcp_proxy.drips), tcp_proxy.drips) as listening:
        error = failing(reader(redis_master, f"redis://127.0.0.1:{listening.port}"), 1.5)
    assert isinstance(error, DeadlineExceeded)


def test_what_ends_in_mid_answer_is_unreachable(redis_master: RedisServer) -> None:
    pump = tcp_proxy.resets_after(900)
    with tcp_proxy.proxy(_through(redis_master, pump), pump) as listening:
        error = failing(reader(redis_master, f"redis://127.0.0.1:{listening.port}"))
    assert isinstance(error, Unreachable)


def test_what_is_not_redis_is_malformed(redis_master: RedisServer) -> None:
    with tcp_proxy.proxy(_through(redis_master, tcp_proxy.garbles), tcp_proxy.garbles) as listening:
        error = failing(reader(redis_master, f"redis://127.0.0.1:{listening.port}"))
    assert isinstance(error, Malformed)
    assert "not Redis" in error.why


def test_tls_is_checked_against_the_authority_of_the_configuration(redis_program: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    port = unused_port()
    settings = {
        "tls-port": str(port),
        "tls-cert-file": str(tmp_path / "cert.pem"),
        "tls-key-file": str(tmp_path / "key.pem"),
        "tls-ca-cert-file": str(tmp_path / "ca.pem"),
        "tls-auth-clients": "no",
    }
    url = f"rediss://127.0.0.1:{port}"
    with RedisServer(settings) as server:
        assert reader(server, url, ca_file=str(tmp_path / "ca.pem")).state(Deadline.after(5)).ping_s is not None
        stranger = failing(reader(server, url))
        plain = failing(reader(server, f"rediss://127.0.0.1:{server.port}"), 2.0)
        gone = failing(reader(server, url, ca_file=str(tmp_path / "gone.pem")))
    assert isinstance(stranger, Unreachable)
    assert "CERTIFICATE_VERIFY_FAILED" in stranger.why
    assert isinstance(plain, DeadlineExceeded | Unreachable)
    assert "ca_file" in gone.why


def test_a_server_without_a_connection_left_says_so(redis_program: str) -> None:
    with RedisServer({"maxclients": "1"}) as server, server.admin() as held:
        assert held.ping()
        error = failing(reader(server))
    assert isinstance(error, ServerFault)
    assert "max number of clients" in error.why


def test_a_replica_without_its_master_answers_info_and_refuses_the_rest(redis_program: str) -> None:
    with RedisServer() as master:
        lost = RedisServer({"replica-serve-stale-data": "no"}, master=master)
    with lost:
        state = reader(lost).state(Deadline.after(5))
    assert state.info["role"] == "slave"
    assert state.ping_s is None
    assert "MASTER" in state.refused


def test_a_server_that_loads_its_data_is_told_apart(redis_program: str, tmp_path: Path) -> None:
    with RedisServer({"dir": str(tmp_path)}) as server, server.admin() as admin:
        admin.mset({f"k{i}": "v" for i in range(60_000)})
        admin.save()
    slowly = {"key-load-delay": "1000", "loading-process-events-interval-bytes": "1024"}
    with RedisServer({"dir": str(tmp_path), **slowly}) as again:
        state = reader(again).state(Deadline.after(5))
    assert state.info["loading"] == 1
    assert "loading" in state.refused
