"""Redis, Alertmanager, Prometheus, OpenCost and KubeCost x each fault: the gap is stated, and what is sound is read whole.

A run reads a sound and a faulty server of each kind; the faulty ones have the same fault at once.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import cost_apis
from tests.faults import tcp_proxy
from tests.http_server import Answer, HttpServer, serving
from tests.review.environment import Configured, Ran, cli
from tests.runbooks.written import runbook
from tests.testbed.incident.telemetry import WATCHDOG
from tests.testbed.prometheus import AlertmanagerServer, Exporter, PrometheusServer
from tests.testbed.redis import READER, RedisServer

DEADLINE_S = 8.0  # short, so that the matrix is; long enough for what is sound on a busy machine
KINDS = ("redis", "alertmanager", "prometheus", "opencost", "kubecost")
SETUP = """
from gocoffee_ops import alerts, checks, kubecost, metrics, opencost, redis, runbook
ops = runbook.start("{name}", env=env)
"""
SECTIONS = (
    "server = redis.server(ops)\nops.judge(checks.redis_healthy, server)",
    "ops.judge(checks.redis_memory, redis.memory(ops))",
    "known = alerts.alerts(ops)\nops.judge(checks.alerts_quiet, known, alerts.status(ops))",
    "ops.show(metrics.server(ops))",
    'ops.show(metrics.instant(ops, "up"))',
    "fired = alerts.fired(ops, hours=0.02, step_s=1.0)\nops.judge(checks.alerts_sent, fired, known)",
    "watched = alerts.watched(ops, hours=0.02, step_s=1.0)\nops.judge(checks.alerts_fired, fired, watched)",
    "ops.show(opencost.allocation(ops))",
    "ops.show(opencost.assets(ops))",
    "ops.show(kubecost.allocation(ops))",
    "ops.show(kubecost.request_sizing(ops))",
)


@dataclass(frozen=True)
class Sound:
    """A sound server of each kind."""

    redis: RedisServer
    alertmanager: AlertmanagerServer
    prometheus: PrometheusServer
    costs: HttpServer  # speaks for OpenCost and for KubeCost


@pytest.fixture(scope="module")
def sound(redis_program: str, prometheus_programs: None) -> Iterator[Sound]:
    with (
        RedisServer() as redis,
        AlertmanagerServer() as alertmanager,
        Exporter("cups_total 1\n") as exporter,
        PrometheusServer(
            jobs={"cups": exporter.port},
            rules=[WATCHDOG],
            flags=["--rules.alert.resend-delay=1s"],
            alertmanager=alertmanager.port,
        ) as prometheus,
        serving(cost_apis.sound) as costs,
    ):
        with redis.admin() as admin:
            admin.execute_command("ACL", "SETUSER", "sees_nothing", "on", ">sees-nothing", "-@all")
        _until_fired(prometheus, alertmanager)
        yield Sound(redis, alertmanager, prometheus, costs)


def _until_fired(prometheus: PrometheusServer, alertmanager: AlertmanagerServer) -> None:
    """Its watchdog fires for a while, and Alertmanager has it."""
    stop, samples = time.monotonic() + 60, "/api/v1/query?query=count_over_time(ALERTS%5B1m%5D)%3E3"
    while not (prometheus.get(samples)["data"]["result"] and alertmanager.get("/api/v2/alerts")):
        assert time.monotonic() < stop, "the alert that always fires does not arrive"
        time.sleep(0.2)


@dataclass(frozen=True)
class Fault:
    """How a Redis and an HTTP server have it, and the words that tell it apart in each."""

    redis: Callable[[ExitStack, Sound], tuple[str, str, str]]  # url, user, password
    http: Answer | None  # None: nothing listens
    said: tuple[str, str]
    headers: dict[str, str] = field(default_factory=dict)


def _at(port: int, sound: Sound) -> tuple[str, str, str]:
    return f"redis://127.0.0.1:{port}", READER, sound.redis.passwords[READER]


def _through(pump: tcp_proxy.Pump | None) -> Callable[[ExitStack, Sound], tuple[str, str, str]]:
    def reach(stack: ExitStack, sound: Sound) -> tuple[str, str, str]:
        def connect() -> socket.socket:
            return socket.create_connection(("127.0.0.1", sound.redis.port), 5)

        proxy = tcp_proxy.proxy(connect if pump else None, pump or tcp_proxy.passes)
        return _at(stack.enter_context(proxy).port, sound)

    return reach


def _full(stack: ExitStack, sound: Sound) -> tuple[str, str, str]:
    """Its one connection is held."""
    server = stack.enter_context(RedisServer({"maxclients": "1"}))
    assert stack.enter_context(server.admin()).ping()
    return server.url, READER, server.passwords[READER]


FAULTS = {
    "refused": Fault(lambda _, sound: _at(tcp_proxy.closed_port(), sound), None, ("refused", "refused")),
    "hangs": Fault(_through(None), Answer(stall=True), ("no answer after",) * 2),
    "401": Fault(
        lambda _, sound: (sound.redis.url, READER, "not-the-password"), Answer(401, b"who?"), ("WRONGPASS", "401: who?")
    ),
    "403": Fault(
        lambda _, sound: (sound.redis.url, "sees_nothing", "sees-nothing"), Answer(403, b"no"), ("NOPERM", "403: no")
    ),
    "5xx": Fault(_full, Answer(500, b"it broke"), ("max number of clients", "500: it broke")),
    "malformed": Fault(
        _through(tcp_proxy.garbles), Answer(200, b"<html>", content_type="text/html"), ("not Redis", "instead of JSON")
    ),
    "truncated": Fault(
        _through(tcp_proxy.resets_after(900)),
        Answer(200, b'{"status": "success"' * 9, cut_at=30),
        ("Connection", "broke"),
    ),
}


@contextmanager
def configured(fault: Fault, sound: Sound, folder: Path) -> Iterator[Configured]:
    """A configuration with a sound and a faulty server of each kind."""
    with ExitStack() as stack:
        url, user, password = fault.redis(stack, sound)
        answer = fault.http
        if answer is None:
            faulty = f"http://127.0.0.1:{tcp_proxy.closed_port()}"
        else:
            faulty = stack.enter_context(serving(lambda _: answer)).url
        servers = [
            ("redis", "sound", sound.redis.url, READER, sound.redis.passwords[READER]),
            ("redis", "faulty", url, user, password),
            ("alertmanagers", "sound", sound.alertmanager.url, "", ""),
            ("alertmanagers", "faulty", faulty, "", ""),
            ("prometheus", "sound", sound.prometheus.url, "", ""),
            ("prometheus", "faulty", faulty, "", ""),
            ("opencosts", "sound", sound.costs.url, "", ""),
            ("opencosts", "faulty", faulty, "", ""),
            ("kubecosts", "sound", sound.costs.url, "", ""),
            ("kubecosts", "faulty", faulty, "", ""),
        ]
        lines = []
        for section, name, address, reader, secret in servers:
            lines += [f"[[environments.test.{section}]]", f'name = "{name}"', f'url = "{address}"']
            if secret:
                (folder / f"{name}.password").write_text(secret)
                lines += [f'user = "{reader}"', f'password_file = "{name}.password"']
        lines += ["[environments.test.limits]", f"query_deadline_s = {DEADLINE_S}", "cell_deadline_s = 60.0"]
        (folder / "gocoffee.toml").write_text("\n".join(lines) + "\n")
        yield Configured(folder)


@pytest.fixture(scope="module")
def run_of(sound: Sound, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """The run with a fault; made once."""
    runs: dict[str, Ran] = {}

    def run(name: str) -> Ran:
        if name not in runs:
            folder = tmp_path_factory.mktemp("fault")
            path = runbook(folder / "telemetry.ipynb", *SECTIONS, setup=SETUP)
            with configured(FAULTS[name], sound, folder) as ready:
                done = cli(ready, "run", str(path), "--env", "test", "--reports", str(ready.reports))
            (made,) = (ready.reports / "telemetry").glob("[0-9]*")
            found = json.loads((made / "run.json").read_text())
            runs[name] = Ran(done.returncode, done.stdout + done.stderr, made, found)
        return runs[name]

    return run


MATRIX = [(fault, kind) for fault in FAULTS for kind in KINDS]


def test_the_matrix_prints_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(MATRIX)} of {', '.join(KINDS)} x {', '.join(FAULTS)}")
    assert len(MATRIX) == 35


@pytest.mark.parametrize(("fault", "kind"), MATRIX, ids=[f"{kind}-{fault}" for fault, kind in MATRIX])
def test_a_fault_costs_its_own_server_and_says_why(run_of: Callable[[str], Ran], fault: str, kind: str) -> None:
    ran = run_of(fault)
    told = [f for f in ran.run["findings"] if f["subject"] == f"{kind}/faulty" and f["status"] == "UNKNOWN"]
    gaps = [part for f in told for part in f["parts"] or [f]]
    said = FAULTS[fault].said[kind != "redis"]
    assert len(told) == 1, told  # one server, one reason: one line, that names every question
    assert all(said in gap["reason"] and gap["check"] in told[0]["reason"] for gap in gaps), gaps
    answered, asked = ran.covered(f"{kind}/faulty")
    assert (answered, asked) == (0, len(gaps))
    assert ran.run["status"] == "UNKNOWN"
    assert ran.exit_code == 3
    assert f"{kind}/faulty" in ran.report


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_sound_beside_it_is_read_whole(run_of: Callable[[str], Ran], sound: Sound, fault: str) -> None:
    ran = run_of(fault)
    for kind in KINDS:
        answered, asked = ran.covered(f"{kind}/sound")
        assert answered == asked > 0, ran.run["findings"]
    assert not [f for f in ran.run["findings"] if f["subject"].endswith("/sound") and f["status"] != "OK"]
    told = {f["check"]: f["status"] for f in ran.run["findings"] if f["subject"] == "alerts"}
    assert told == dict.fromkeys(("alerts_quiet", "alerts_fired", "alerts_sent"), "OK")
    assert sound.redis.passwords[READER] not in ran.report + ran.printed
