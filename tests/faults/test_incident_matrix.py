"""Pod logs, one kind of a cluster's objects, log store and Grafana x each fault, in whole runs of the forensics runbook.

All four have the same fault at once: on the API server it strikes what is asked for logs and for one kind, while all else
answers; beside the faulty log store and Grafana there is a sound one. What is told of a run stands in `test_the_sound_run_…`: a run
with a fault has all of it but what the fault costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults import http_proxy, shop, tcp_proxy
from tests.http_server import Answer, serving
from tests.review.environment import Ran
from tests.testbed.control_plane import Cluster
from tests.testbed.postgres import PostgresServer

DEADLINE_S = 8.0  # short, so that the matrix is; long enough for what is sound on a busy machine
LATE = f"after {DEADLINE_S:g} s"
SOURCES = ("pod logs", "kind", "elasticsearch", "grafana")
LOG_SECTIONS = ("Logs of the service", "Logs of the gateway")
NEEDS_LOGS = {"Requests that failed", "Of the service", "Of the database"}
KUBELET = 'Get "https://10.0.0.1:10250/containerLogs": dial tcp 10.0.0.1:10250: connect: connection refused'


@dataclass(frozen=True)
class Kind:
    """A kind of objects: the end of its list's path, the query that lists it, and what is concluded of it by which check."""

    path: str
    query: str
    check: str


@dataclass(frozen=True)
class Fault:
    """How each source has it, and the words that tell it apart: of pod logs, of the kind's list, of what speaks HTTP."""

    logs: http_proxy.Fault
    list: http_proxy.Fault
    http: Answer | None  # None: nobody listens
    kind: Kind
    said: tuple[str, str, str]


def _kubelet_refuses(handler: http_proxy.Handler) -> bool:
    handler.status(500, "InternalError", KUBELET)
    return True


def _unavailable(handler: http_proxy.Handler) -> bool:
    handler.status(503, "ServiceUnavailable", "the server is currently unable to handle the request")
    return True


def _resets(handler: http_proxy.Handler) -> bool:
    """A connection that is closed before a byte is answered: what a refusal is once TLS has begun."""
    handler.close_connection = True
    handler.connection.close()
    return True


def _garbles(handler: http_proxy.Handler) -> bool:
    handler.answer(200, b"<html><body>Please sign in</body></html>", "text/plain")
    return True


FAULTS = {
    "refused": Fault(
        _kubelet_refuses,
        _resets,
        None,
        Kind("/ingresses", "network.ingresses", "ingresses_lead"),
        ("connection refused", "connection", "refused"),
    ),
    "hangs": Fault(
        http_proxy.hangs,
        http_proxy.hangs,
        Answer(stall=True),
        Kind("/validatingadmissionpolicies", "control_plane.admission_policies", "admission_policies_apply"),
        ("no answer after", LATE, "no answer after"),
    ),
    "401": Fault(
        http_proxy.unauthenticated,
        http_proxy.unauthenticated,
        Answer(401, b"who?"),
        Kind("/poddisruptionbudgets", "scaling.budgets", "budgets_allow"),
        ("Unauthorized", "Unauthorized", "401: who?"),
    ),
    "403": Fault(
        http_proxy.forbidden,
        http_proxy.forbidden,
        Answer(403, b"no"),
        Kind("/resourcequotas", "scaling.quotas", "quotas_leave_room"),
        ("forbidden", "forbidden", "403: no"),
    ),
    "5xx": Fault(
        _unavailable,
        http_proxy.server_error,
        Answer(500, b"it broke"),
        Kind("/cronjobs", "jobs.cronjobs", "jobs_done"),
        ("503", "500", "500: it broke"),
    ),
    "malformed": Fault(
        _garbles,
        http_proxy.html,
        Answer(200, b"<html>", content_type="text/html"),
        Kind("/validatingwebhookconfigurations", "control_plane.webhooks", "webhooks_answered"),
        ("lines without their times", "instead of JSON", "instead of JSON"),
    ),
    "truncated": Fault(
        http_proxy.resets_mid_body,
        http_proxy.truncated_json,
        Answer(200, b'{"status": "success"' * 9, cut_at=30),
        Kind("/apiservices", "control_plane.api_services", "apis_available"),
        ("connection broke", "truncated", "broke"),
    ),
}


def _striking(fault: Fault) -> http_proxy.Fault:
    """The API server's faults, each where it belongs; all other requests get their answers."""

    def strike(handler: http_proxy.Handler) -> bool:
        path = handler.path.partition("?")[0]
        if path.endswith("/log"):
            return fault.logs(handler)
        return path.endswith(fault.kind.path) and fault.list(handler)

    return strike


@dataclass(frozen=True)
class Sound:
    """What the runs read where no fault is: a namespace of a cluster, and the other systems."""

    cluster: Cluster
    namespace: str
    systems: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def sound(
    healthy_cluster: Cluster,
    postgres: PostgresServer,
    redis_program: str,
    prometheus_programs: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sound]:
    folder, story = tmp_path_factory.mktemp("sound"), shop.quiet()
    with shop.pods(healthy_cluster, story, folder) as namespace, shop.systems(story, postgres, folder) as systems:
        yield Sound(healthy_cluster, namespace, systems)


def _run(sound: Sound, fault: Fault | None, folder: Path) -> Ran:
    strike = _striking(fault) if fault else http_proxy.through
    with ExitStack() as stack:
        proxy = stack.enter_context(http_proxy.proxy(sound.cluster.server, strike))
        kubeconfig = http_proxy.kubeconfig_through(
            sound.cluster.kubeconfig("reader"), proxy.url, proxy.ca_file, folder / "kubeconfig"
        )
        read = dict(sound.systems)
        read["clusters"] = [{"name": "eu", "kubeconfig": str(kubeconfig), "context": sound.cluster.name}]
        if fault:
            url = f"http://127.0.0.1:{tcp_proxy.closed_port()}"
            if (answer := fault.http) is not None:
                url = stack.enter_context(serving(lambda _: answer)).url
            for section in ("elasticsearch", "grafana"):
                read[section] = [*read[section], {"name": "faulty", "url": url}]
        ready = shop.configured(folder, read, query_deadline_s=DEADLINE_S)
        return shop.run(ready, "forensics", namespace=sound.namespace)


@pytest.fixture(scope="module")
def run_of(sound: Sound, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """The run with a fault, or the sound one; each is made once."""
    runs: dict[str, Ran] = {}

    def run(name: str) -> Ran:
        if name not in runs:
            runs[name] = _run(sound, FAULTS.get(name), tmp_path_factory.mktemp("fault"))
        return runs[name]

    return run


def _made(ran: Ran) -> list[dict[str, Any]]:
    """Every finding as it was made: a server that fails for one reason is one line, with all that it cost as its parts."""
    return [part for one in ran.run["findings"] for part in one["parts"] or [one]]


def _gaps(ran: Ran, check: str, subject: str) -> list[str]:
    return [
        one["reason"]
        for one in _made(ran)
        if (one["check"], one["subject"], one["status"]) == (check, subject, "UNKNOWN")
    ]


def _ok(ran: Ran) -> set[str]:
    return {one["check"] for one in ran.run["findings"] if one["status"] == "OK"}


MATRIX = [(fault, source) for fault in FAULTS for source in SOURCES]


def test_the_matrix_prints_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(MATRIX)} of {', '.join(SOURCES)} x {', '.join(FAULTS)}")
    assert len(MATRIX) == 28
    assert len({fault.kind.query for fault in FAULTS.values()}) == len(FAULTS)


def test_the_sound_run_is_whole_and_nothing_of_it_is_unknown(run_of: Callable[[str], Ran]) -> None:
    ran = run_of("none")
    coverage = ran.run["coverage"]  # when Secrets changed the shipped reader may not know, and that is counted
    assert (coverage["asked"] - coverage["answered"], coverage["not_asked"]) == (0, 1)
    assert coverage["by_target"]["cluster/eu"]["not_asked"] == 1
    assert ran.run["status"] in {"OK", "WARN"}, ran.of("WARN") | ran.of("UNKNOWN") | ran.of("CRIT")
    assert set(ran.states().values()) == {"ok"}
    assert _ok(ran) >= {"logs_covered", "error_rate_below", "nothing_new_in_logs", "endpoints_healthy", "error_rate"}
    assert _ok(ran) >= {fault.kind.check for fault in FAULTS.values()}


@pytest.mark.parametrize(("fault", "source"), MATRIX, ids=[f"{source}-{fault}" for fault, source in MATRIX])
def test_a_fault_is_unknown_with_its_reason(run_of: Callable[[str], Ran], fault: str, source: str) -> None:
    ran, it = run_of(fault), FAULTS[fault]
    queries = {
        "pod logs": ["logs.lines"],
        "kind": [it.kind.query],
        "elasticsearch": ["log_store.lines", "log_store.reach"],
        "grafana": ["dashboards.search", "dashboards.noted"],
    }[source]
    subject = "cluster/eu" if source in {"pod logs", "kind"} else f"{source}/faulty"
    said = it.said[{"pod logs": 0, "kind": 1}.get(source, 2)]
    for query in queries:
        reasons = _gaps(ran, query, subject)
        assert len(reasons) == (
            3 if source == "pod logs" else 1
        )  # the logs of service, gateway and database, each asked for
        assert all(said in reason for reason in reasons), reasons
        assert query in ran.report
    assert said in ran.report or said.replace('"', "&quot;") in ran.report
    assert (ran.run["status"], ran.exit_code) == ("UNKNOWN", 3)
    if subject.endswith("/faulty"):
        assert ran.covered(subject) == (0, len(queries))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_kind_that_was_not_listed_is_unknown_and_the_others_are_judged(
    run_of: Callable[[str], Ran], fault: str
) -> None:
    ran, whole, kind = run_of(fault), run_of("none"), FAULTS[fault].kind
    concluded = [one for one in _made(ran) if one["check"] == kind.check]
    assert [one["status"] for one in concluded] == ["UNKNOWN"]
    others = {it.kind.check for it in FAULTS.values()} - {kind.check}
    others |= {"node_ready", "workloads_run", "services_answered", "claims_bound", "namespaces_go"}
    assert others <= _ok(whole)
    assert others <= _ok(ran)


@pytest.mark.parametrize("fault", FAULTS)
def test_all_that_no_fault_strikes_is_whole(run_of: Callable[[str], Ran], fault: str) -> None:
    ran, whole = run_of(fault), run_of("none")
    for target, counts in whole.run["coverage"]["by_target"].items():
        lost = 4 if target == "cluster/eu" else 0  # three reads of logs, and the kind
        assert ran.covered(target)[0] == counts["answered"] - lost, ran.run["coverage"]
    bad = {heading for heading, state in ran.states().items() if state != "ok"}
    assert all(heading in NEEDS_LOGS or heading.startswith((*LOG_SECTIONS, "Verdict")) for heading in bad), bad
    assert {one["state"] for one in ran.run["cells"]} <= {"ok", "failed", "blocked"}  # none was cut off by a deadline
    unsaid = {one["check"] for one in whole.run["findings"] if one["status"] == "OK"} - _ok(ran)
    of_logs = {"logs_covered", "error_rate_below", "nothing_new_in_logs", "changed_before_onset"}
    assert unsaid <= of_logs | {FAULTS[fault].kind.check}
