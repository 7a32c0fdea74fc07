"""An incident that touches several clusters: in one of them the service is broken, in another it is well, a third is dead.

Each runbook is run once over all three: both that answer are shown, and the dead one costs its own rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from gocoffee_ops.evidence.ledger import read_entries
from tests.faults import http_proxy, shop, tcp_proxy
from tests.review.environment import Configured, Ran
from tests.testbed.control_plane import Cluster
from tests.testbed.incident.story import SERVICE
from tests.testbed.postgres import PostgresServer

BROKEN, WELL, DEAD = "broken", "well", "dead"
RUNBOOKS = {  # and whose tables show the clusters side by side
    "service-down": ("cluster.pods", "network.services", "changes.rollouts", "cluster.events", "logs.lines"),
    "high-error-rate": ("changes.rollouts", "changes.configmaps", "logs.lines"),
    "forensics": ("changes.rollouts", "changes.configmaps", "cluster.events", "logs.lines"),
    "morning-health-check": ("cluster.nodes", "cluster.pods", "network.services"),
}
SEVERAL = {"high-error-rate": {"services": f"{SERVICE},postgres"}}  # an incident may touch more services than one
NEEDS_A_ROLE = {"From inside the cluster", "Verdict"}  # the shipped reader may not run commands in pods


@pytest.fixture(scope="module")
def ready(
    cluster: Cluster,
    healthy_cluster: Cluster,
    postgres: PostgresServer,
    redis_program: str,
    prometheus_programs: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Configured, str]]:
    """The configuration, and the namespace of the shop, which has one name in both clusters."""
    folder, story = tmp_path_factory.mktemp("clusters"), shop.quiet()
    with ExitStack() as stack:
        namespace = stack.enter_context(shop.pods(cluster, shop.failing(), folder, kubelet="crash-loop"))
        stack.enter_context(shop.pods(healthy_cluster, story, folder, namespace=namespace))
        read: dict[str, Any] = dict(stack.enter_context(shop.systems(story, postgres, folder)))
        proxy = stack.enter_context(http_proxy.proxy(cluster.server, http_proxy.through))  # only for its certificate
        nowhere = f"https://127.0.0.1:{tcp_proxy.closed_port()}"
        reader = cluster.kubeconfig("reader")
        gone = http_proxy.kubeconfig_through(reader, nowhere, proxy.ca_file, folder / "gone.yaml")
        well = healthy_cluster.kubeconfig("reader")
        read["clusters"] = [
            {"name": BROKEN, "kubeconfig": str(reader), "context": cluster.name},
            {"name": WELL, "kubeconfig": str(well), "context": healthy_cluster.name},
            {"name": DEAD, "kubeconfig": str(gone), "context": cluster.name},
        ]
        yield shop.configured(folder / "read", read, query_deadline_s=20.0), namespace


@pytest.fixture(scope="module")
def run_of(ready: tuple[Configured, str]) -> Callable[[str], Ran]:
    """The run of a runbook; made once."""
    configured, namespace = ready
    runs: dict[str, Ran] = {}

    def run(name: str) -> Ran:
        if name not in runs:
            runs[name] = shop.run(configured, name, namespace=namespace, **SEVERAL.get(name, {}))
        return runs[name]

    return run


def _of(ran: Ran, cluster: str, *statuses: str) -> set[tuple[str, str]]:
    """Checks and subjects of what stands against a cluster."""
    return {
        (one["check"], one["subject"])
        for one in ran.run["findings"]
        if one["status"] in statuses and (one["cluster"] == cluster or one["subject"] == f"cluster/{cluster}")
    }


@pytest.mark.parametrize("name", RUNBOOKS)
def test_what_is_wrong_in_one_cluster_is_said_of_it_alone(run_of: Callable[[str], Ran], name: str) -> None:
    ran = run_of(name)
    down = {("workloads_run", f"deployment/{SERVICE}")}
    logged = {("nothing_new_in_logs", f"service/{SERVICE}"), ("error_rate_below", "service/api-gateway")}
    expected = {"high-error-rate": logged, "forensics": logged | down}.get(name, down)
    assert expected <= _of(ran, BROKEN, "WARN", "CRIT"), ran.run["findings"]
    unseen = {
        ("inside.probe", f"cluster/{WELL}"),
        ("ingress_certificates", "ingress/go-coffee-ingress"),
    }  # no endpoint asks it
    assert _of(ran, WELL, "WARN", "CRIT") == set()
    assert _of(ran, WELL, "UNKNOWN") <= unseen
    assert (ran.run["status"], ran.exit_code) == ("CRIT", 2)


@pytest.mark.parametrize(("name", "query"), [(name, query) for name, queries in RUNBOOKS.items() for query in queries])
def test_both_clusters_that_answer_are_shown(run_of: Callable[[str], Ran], name: str, query: str) -> None:
    ran = run_of(name)
    assert ran.folder is not None
    read = [one.body for one in read_entries(ran.folder / "evidence") if one.kind == "query"]
    with_rows = {one["target"] for one in read if one["query"] == query and one["rows"]}
    assert with_rows == {f"cluster/{BROKEN}", f"cluster/{WELL}"}
    assert {BROKEN, WELL} <= set(re.findall(r"<td><span class=\"gc-name\">(\w+)</span></td>", ran.report))


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_dead_cluster_costs_its_own_rows(run_of: Callable[[str], Ran], name: str) -> None:
    ran = run_of(name)
    answered, asked = ran.covered(f"cluster/{DEAD}")
    assert answered == 0 < asked
    gaps = [one for one in ran.run["findings"] if one["subject"] == f"cluster/{DEAD}"]
    assert {one["status"] for one in gaps} == {"UNKNOWN"}
    assert any("refused" in one["reason"] for one in gaps)
    of_the_role = 1 if name == "service-down" else 0
    for target, counts in ran.run["coverage"]["by_target"].items():
        lost = of_the_role if target in {f"cluster/{BROKEN}", f"cluster/{WELL}"} else 0
        if target != f"cluster/{DEAD}":
            assert counts["asked"] - counts["answered"] == lost, target
    bad = {heading for heading, state in ran.states().items() if state != "ok"}
    assert bad == (NEEDS_A_ROLE if name == "service-down" else set()), ran.printed


def test_the_morning_check_tells_that_the_night_was_quiet_and_watched(run_of: Callable[[str], Ran]) -> None:
    told = {one["check"]: one for one in run_of("morning-health-check").run["findings"]}
    assert [told[check]["status"] for check in ("alerts_fired", "alerts_sent")] == ["OK", "OK"]
    assert told["alerts_fired"]["reason"].startswith(
        "no critical alert fired and resolved within 1 d (looked at every 1 min)"
    )
