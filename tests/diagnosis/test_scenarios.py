"""Every scenario gives the findings that it must, and no others, all of them together in one real cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from gocoffee_ops import checks
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import Tables
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.queries import diagnosis
from gocoffee_ops.sources.kubernetes import Cluster as KubernetesCluster
from tests.diagnosis.custom_scenarios import NAMED
from tests.diagnosis.scenario import Scenario
from tests.diagnosis.scenarios import SCENARIOS
from tests.diagnosis.stage import Stage, gateway_class, node
from tests.support import live_session
from tests.testbed.control_plane import Cluster
from tests.testbed.kube_fixtures import obtain

AT_ONCE = Thresholds(pod_starting_s=0.0, stuck_s=0.0)  # an object cannot be created in the past
TESTBED = Path(__file__).parent.parent / "testbed"
CRDS = (
    TESTBED / "gateway_crds.yaml",
    TESTBED / "operator_crds.yaml",
    TESTBED / "widget_crd.yaml",
    TESTBED / "cilium_crds.yaml",
)
CLUSTER_WIDE = (
    "node/",
    "namespace/",
    "validating",
    "gatewayclass/",
    "clusterrole",
    "clustercatalog/",
    "clusterextension/",
    "crd/",
    "ciliumclusterwide",
    "ciliumidentity/",
)
CLASSES = [
    {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx"},
     "spec": {"controller": "k8s.io/ingress-nginx"}},
    {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "on-demand"},
     "provisioner": "example.com/disks", "volumeBindingMode": "WaitForFirstConsumer"},
]  # fmt: skip


# What the environment states: two workloads at rest, of which one is not.
STATED = Expectations(
    at_rest=("at-rest-as-is-stated/deployment/off", "c/stated-to-be-at-rest-and-is-not/deployment/off")
)


@dataclass(frozen=True)
class Diagnosed:
    """What was read after all scenarios were played, and what was found."""

    cluster: Cluster
    state: Tables
    findings: list[Finding]

    def of(self, scenario: Scenario) -> list[Finding]:
        """The findings in a scenario's namespace, or of what lies in none and is named by it."""
        named = {subject.format(namespace=scenario.name) for _, _, subject in scenario.expected}
        return [
            one
            for one in self.findings
            if one.namespace == scenario.name or (not one.namespace and one.subject in named)
        ]


def _all_established(cluster: Cluster) -> bool:
    """Whether every kind is served; `kubectl wait` ends with an error where one has no condition yet."""
    conditions = [one.get("status", {}).get("conditions") or () for one in cluster.get("crd")["items"]]
    return all(any(one["type"] == "Established" and one["status"] == "True" for one in each) for each in conditions)


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diagnosed]:
    """A control plane of this module's own; all scenarios are played in it at once, then it is read once."""
    with ExitStack() as stack:
        cluster = obtain(stack, "scenarios", None, tmp_path_factory)
        everywhere = Stage(cluster, "default")
        cluster.kubectl("create", *(f"--filename={one}" for one in CRDS))
        everywhere.until("kinds of extensions", lambda: _all_established(cluster))
        everywhere.create(node("n1"), node("n2"), *CLASSES, gateway_class("edge"))
        everywhere.accepted("gatewayclasses/edge")
        for one in SCENARIOS:
            cluster.kubectl("create", "namespace", one.name)
        for name in ("n1", "n2"):
            everywhere.condition("node", name, "Ready", "True")
        for one in SCENARIOS:
            cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", one.name, "--timeout=30s")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: one.play(Stage(cluster, one.name)), SCENARIOS))
        cluster.kubectl("create", "clusterrole", "widgets", "--verb=list", "--resource=widgets.example.com")
        cluster.kubectl(
            "create",
            "clusterrolebinding",
            "widgets",
            "--clusterrole=widgets",
            "--serviceaccount=gocoffee-ops:gocoffee-ops-reader",
        )
        source = KubernetesCluster("c", kubeconfig=cluster.kubeconfig("reader"), custom_resources=NAMED)
        ops = live_session(tmp_path_factory.mktemp("scenarios"), sources={Target("cluster", "c"): source})
        state = diagnosis.state(ops)
        assert ops.findings == []
        yield Diagnosed(cluster, state, checks.cluster_diagnosis(state, thresholds=AT_ONCE, expectations=STATED))


@pytest.mark.testbed
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_the_scenario_gives_its_findings_and_no_others(scenario: Scenario, diagnosed: Diagnosed) -> None:
    found = diagnosed.of(scenario)
    expected = {(status, check, name.format(namespace=scenario.name)) for status, check, name in scenario.expected}
    assert {(one.status, one.check, one.subject) for one in found} == expected, [one.reason for one in found]
    assert len(found) == len(expected)
    reasons = " | ".join(one.reason for one in found)
    assert [words for words in scenario.says if words not in reasons] == [], reasons


@pytest.mark.testbed
def test_precision_and_recall_are_whole(diagnosed: Diagnosed, capsys: pytest.CaptureFixture[str]) -> None:
    expected = {
        (
            one.name if not subject.startswith(CLUSTER_WIDE) else "",
            check,
            subject,
        )
        for one in SCENARIOS
        for _, check, name in one.expected
        for subject in [name.format(namespace=one.name)]
    }
    found = {(one.namespace, one.check, one.subject) for one in diagnosed.findings if one.status is not Status.OK}
    right = len(expected & found)
    with capsys.disabled():
        print(
            f"\n{len(SCENARIOS)} scenarios: {len(found)} findings, precision {right / len(found):.3f}, "
            f"recall {right / len(expected):.3f}"
        )
    assert found - expected == set()
    assert expected - found == set()


@pytest.mark.testbed
def test_every_finding_cites_records_of_its_own_cluster(diagnosed: Diagnosed) -> None:
    for one in diagnosed.findings:
        assert one.evidence, one
        assert all(record.endswith("@cluster/c") for record in one.evidence)
    longest = max(len(one.evidence) for one in diagnosed.findings)
    assert longest < len(diagnosed.state.read)  # each cites what it rests on, and not simply all
