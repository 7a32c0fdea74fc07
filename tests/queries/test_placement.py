"""As many replicas are promised as the real scheduler places: each rule between pods, ports and a namespace's limits."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from gocoffee_ops import checks
from gocoffee_ops.model import Status
from gocoffee_ops.queries import workloads
from tests.queries.scheduling_stage import Manifest, create_nodes, node, settled, until
from tests.support import live_session
from tests.testbed.control_plane import Cluster

APP = {"app": "it"}
ME = {"labelSelector": {"matchLabels": APP}}
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


@dataclass(frozen=True)
class Case:
    """A workload with so many replicas beside others, on nodes of three zones (two in a, one in b, one in c)."""

    spec: Manifest
    placed: int  # replicas that are there before
    promised: int
    bound_by: set[str]
    others: list[Manifest] = field(default_factory=list)  # what is in the namespace before
    zones: str = "aabc"
    created: int = 3  # how many pods beyond the promise are really made, and refused by the scheduler


def required(*terms: Manifest) -> Manifest:
    return {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}


def apart(key: str, **term: Any) -> Manifest:
    return {"affinity": {"podAntiAffinity": required({"topologyKey": key, **ME, **term})}}


def beside(key: str, **term: Any) -> Manifest:
    return {"affinity": {"podAffinity": required({"topologyKey": key, **ME, **term})}}


def spread(key: str, skew: int = 1, **more: Any) -> Manifest:
    return {"topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": "DoNotSchedule", **ME, **more}


def spreads(*constraints: Manifest) -> Manifest:
    return {"topologySpreadConstraints": list(constraints)}


def quota(hard: dict[str, str], **spec: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard, **spec}}


def limit_range(**limit: Any) -> Manifest:
    limits = [{"type": "Container", **limit}]
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": limits}}


def other(zone: str, labels: dict[str, str], spec: Manifest | None = None) -> Manifest:
    """A pod of somebody else in a zone."""
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "other-", "labels": labels},
        "spec": {"containers": [container("0")], "nodeSelector": {ZONE: zone}, **(spec or {})},
    }  # fmt: skip


def container(cpu: str = "1", **more: Any) -> Manifest:
    return {"name": "app", "image": "app:1", "resources": {"requests": {"cpu": cpu}}, **more}


def only(limits: dict[str, str] | None = None, requests: dict[str, str] | None = None) -> Manifest:
    resources = {key: value for key, value in (("limits", limits), ("requests", requests)) if value}
    return {"containers": [container() | {"resources": resources}]}


PORT = {"containers": [container(ports=[{"containerPort": 80, "hostPort": 8080}])]}
OTHER_PORT = {"containers": [container("0", ports=[{"containerPort": 1, "hostPort": 8080, "hostIP": "10.0.0.1"}])]}
# Nodes have 4 CPUs, a replica takes one.
CASES = {
    "apart on each node": Case(apart(HOST), 1, 3, {"anti-affinity"}),
    "apart in each zone": Case(apart(ZONE), 1, 2, {"anti-affinity"}),
    "apart from others": Case(
        apart(ZONE, labelSelector={"matchExpressions": [{"key": "noisy", "operator": "Exists"}]}), 1, 7,
        {"anti-affinity", "cpu"}, [other("a", {"noisy": "yes"})],
    ),
    "others want to be apart from it": Case({}, 1, 11, {"anti-affinity", "cpu"}, [other("b", {}, apart(HOST))]),
    "others elsewhere do not care": Case(
        {}, 1, 15, {"cpu"}, [other("b", {}, apart(HOST, namespaces=["elsewhere"]))],
    ),
    "others of all namespaces": Case({}, 1, 11, {"anti-affinity", "cpu"}, [other("b", {}, apart(HOST, namespaceSelector={}))]),
    "beside its like": Case(beside(ZONE) | {"nodeSelector": {ZONE: "a"}}, 1, 7, {"cpu", "selector"}),
    "beside others": Case(beside(ZONE, labelSelector={"matchLabels": {"cache": "it"}}), 1, 3, {"affinity", "cpu"},
                          [other("b", {"cache": "it"})]),
    "beside nobody": Case(beside(ZONE, labelSelector={"matchLabels": {"cache": "it"}}), 0, 0, {"affinity"}),
    "spread over zones": Case(spreads(spread(ZONE)), 1, 12, {"topology spread", "cpu"}),
    "spread over zones, two apart": Case(spreads(spread(ZONE, 3)), 0, 15, {"topology spread", "cpu"}),
    "spread over nodes, one small": Case(spreads(spread(HOST)), 1, 8, {"topology spread", "pods"}, zones="aabcS"),
    "spread over zones and nodes": Case(spreads(spread(ZONE), spread(HOST)), 1, 6, {"topology spread"}),
    "more domains wanted than there are": Case(spreads(spread(ZONE, minDomains=4)), 1, 2, {"topology spread"}),
    "a cordoned zone counts": Case(spreads(spread(ZONE)), 1, 1, {"topology spread", "unschedulable"}, zones="abbD"),
    "a tainted zone counts": Case(spreads(spread(ZONE)), 1, 1, {"topology spread", "taint"}, zones="abbT"),
    "a tainted zone does not count": Case(
        spreads(spread(ZONE, nodeTaintsPolicy="Honor")), 1, 8, {"topology spread", "cpu", "taint"}, zones="abbT",
    ),
    "a zone that is not selected does not count": Case(
        spreads(spread(ZONE)) | {"nodeSelector": {"size": "large"}}, 1, 8, {"topology spread", "cpu", "selector"},
        zones="abbL",
    ),
    "spread by a label of its own": Case(
        spreads(spread(ZONE, matchLabelKeys=["part"])), 1, 12, {"topology spread", "cpu"},
        [other("c", APP | {"part": "back"}), other("c", APP | {"part": "back"})],
    ),
    "spread and apart": Case(spreads(spread(ZONE)) | apart(HOST), 1, 3, {"anti-affinity"}),
    "a node without the key": Case(spreads(spread(ZONE)), 1, 8, {"topology spread", "cpu"}, zones="abb-"),
    "a port of the node": Case(PORT, 1, 2, {"host port"}, [other("b", {}, OTHER_PORT)]),
    "the network of the node": Case(
        {"hostNetwork": True, "containers": [container(ports=[{"containerPort": 9000}])]}, 1, 3, {"host port"}
    ),
    "a quota on pods": Case({}, 1, 4, {"quota"}, [quota({"pods": "5"})], created=0),
    "a quota on objects": Case({}, 1, 4, {"quota"}, [quota({"count/pods": "5"})], created=0),
    "a quota on CPU": Case({}, 1, 6, {"quota"}, [quota({"requests.cpu": "7500m"})], created=0),
    "a quota on limits": Case(
        only({"cpu": "2", "memory": "1Gi"}, {"cpu": "1"}), 1, 2, {"quota"}, [quota({"limits.memory": "3Gi"})], created=0
    ),
    "a quota that is not bound to it": Case({}, 1, 15, {"cpu"}, [quota({"pods": "5"}, scopes=["Terminating"])]),
    "a quota on best effort": Case(only(), 1, 4, {"quota"}, [quota({"pods": "5"}, scopes=["BestEffort"])], created=0),
    "a quota on all but best effort": Case({}, 1, 4, {"quota"}, [quota({"pods": "5"}, scopes=["NotBestEffort"])], created=0),
    "a quota on what it does not say": Case({}, 0, 0, {"quota"}, [quota({"limits.cpu": "100"})], created=0),
    "a limit is a request": Case(only({"cpu": "2"}), 1, 7, {"cpu"}),
    "a limit of the whole pod is its request": Case(only() | {"resources": {"limits": {"cpu": "2"}}}, 1, 7, {"cpu"}),
    "a limit of the whole pod beside requests": Case({"resources": {"limits": {"cpu": "2"}}}, 1, 15, {"cpu"}),
    "the default of a namespace": Case(only(), 1, 7, {"cpu"}, [limit_range(defaultRequest={"cpu": "2"})]),
    "the default limit of a namespace": Case(only(), 1, 3, {"cpu"}, [limit_range(default={"cpu": "3"})]),
    "more than a namespace allows": Case(only({"cpu": "3"}), 0, 0, {"limit range"}, [limit_range(max={"cpu": "2"})], created=0),
    "less than a namespace allows": Case({}, 0, 0, {"limit range"}, [limit_range(min={"cpu": "2"})], created=0),
}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """A namespace of a test and nodes that only its pods may use."""

    cluster: Cluster
    namespace: str
    folder: Path

    def prepare(self, case: Case) -> None:
        create_nodes(self.cluster, [self._node(i, zone) for i, zone in enumerate(case.zones)])
        for one in case.others:
            self.create(one)
        if quotas := [one for one in case.others if one["kind"] == "ResourceQuota"]:
            got = ("get", "resourcequota", "q", "-n", self.namespace, "-o", "jsonpath={.status.used}")
            until("the quota is not counted", lambda: bool(self.cluster.kubectl(*got)), lambda: quotas)
        if "Pod" in [one["kind"] for one in case.others]:
            self.cluster.kubectl("wait", "--for=condition=PodScheduled", "pod", "--all", "-n", self.namespace)
        self.deploy(case.spec, case.placed)
        others = sum(one["kind"] == "Pod" for one in case.others)
        assert settled(self.cluster, self.namespace, others + case.placed, 0) == (others + case.placed, 0)

    def _node(self, i: int, zone: str) -> Manifest:
        """Zone D is cordoned, T tainted, L not large, S small; - has none."""
        taint = {"key": "for", "value": "others", "effect": "NoSchedule"}
        labels = {"pool": self.namespace, "size": "small" if zone == "L" else "large"}
        labels |= {} if zone == "-" else {ZONE: zone}
        options: Manifest = {"unschedulable": True} if zone == "D" else {"taints": [taint]} if zone == "T" else {}
        return node(f"{self.namespace}-{i}", labels=labels, **options, **({"pods": "1"} if zone == "S" else {}))

    def deploy(self, spec: Manifest, replicas: int) -> None:
        template = {"containers": [container()], "priorityClassName": "", **spec}
        self.create({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "it"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": APP},
                     "template": {"metadata": {"labels": APP | {"part": "front"}}, "spec": self._here(template)}},
        })  # fmt: skip

    def create(self, manifest: Manifest) -> None:
        if manifest["kind"] == "Pod":
            manifest = manifest | {"spec": self._here(manifest["spec"])}
        self.cluster.kubectl("create", "-n", self.namespace, "-f", "-", stdin=yaml.safe_dump(manifest))

    def _here(self, spec: Manifest) -> Manifest:
        return spec | {"nodeSelector": {"pool": self.namespace} | spec.get("nodeSelector", {})}

    def fit(self) -> pd.DataFrame:
        """What is promised on the nodes of this stage, asked as the shipped reader role."""
        ops = live_session(self.folder, clusters={"empty": self.cluster.kubeconfig("reader")})
        frame = workloads.replicas_that_fit(ops, namespace=self.namespace, deployment="it")
        return frame[frame["node"].str.startswith(self.namespace)]


@pytest.fixture
def stage(empty_cluster: Cluster, tmp_path: Path) -> Iterator[Stage]:
    name = f"t-{uuid.uuid4().hex[:8]}"
    empty_cluster.kubectl("create", "namespace", name)
    empty_cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=30s")
    yield Stage(empty_cluster, name, tmp_path)
    empty_cluster.kubectl("delete", "namespace", name, "--wait=false")
    empty_cluster.kubectl("delete", "nodes", "-l", f"pool={name}", "--wait=false")


@pytest.mark.parametrize("name", CASES)
def test_h26_exactly_the_promised_replicas_are_bound(stage: Stage, name: str) -> None:
    case = CASES[name]
    stage.prepare(case)
    fit = stage.fit()
    assert fit["not_known"].isna().all()
    assert (int(fit["fits"].sum()), set(fit["bound_by"])) == (case.promised, case.bound_by)
    others = sum(one["kind"] == "Pod" for one in case.others)
    wanted = case.placed + case.promised
    stage.cluster.kubectl("scale", "deployment", "it", "-n", stage.namespace, f"--replicas={wanted + 3}")
    if not case.created:  # the API server refuses them: there are no pods
        failing = ("--for=condition=ReplicaFailure", "deployment/it", "-n", stage.namespace, "--timeout=30s")
        stage.cluster.kubectl("wait", *failing)
    assert settled(stage.cluster, stage.namespace, others + wanted, case.created) == (others + wanted, case.created)


CLAIM = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
LABELLED = {"matchLabels": {"team": "blue"}}
CRITICAL = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["critical"]}]}


def alone(spec: Manifest, *others: Manifest, zones: str = "aabc") -> Case:
    """A workload without a replica yet."""
    return Case(spec, 0, 0, set(), list(others), zones)


DOUBTS = {
    "a claim": (alone(CLAIM), "volumes may be attached"),
    "namespaces by their labels": (alone(apart(ZONE, namespaceSelector=LABELLED)), "chooses namespaces by their labels"),
    "others' namespaces by their labels": (alone({}, other("b", {}, apart(HOST, namespaceSelector=LABELLED))), "by their labels"),
    "beside pods of labelled namespaces": (alone(beside(ZONE, namespaceSelector=LABELLED)), "chooses namespaces by their"),
    "the hash of the template": (alone(spreads(spread(ZONE, matchLabelKeys=["pod-template-hash"]))), "pod-template-hash"),
    "the first of its kind": (alone(beside(ZONE)), "where the first replica goes decides"),
    "the order": (alone(spreads(spread(ZONE, 2), spread(HOST, 2)), zones="abbb"), "it depends on the order"),
    "another scheduler": (alone({"schedulerName": "batch"}), "a scheduler of its own, batch"),
    "a quota of a priority": (alone({}, quota({"pods": "9"}, scopeSelector=CRITICAL)), "the scope of quota q is not read"),
    "a bounded ratio": (alone({}, limit_range(maxLimitRequestRatio={"cpu": "2"})), "bounds limits against requests"),
    "some of it, with a quota": (alone(CLAIM, quota({"pods": "2"})), "volumes may be attached"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTS)
def test_a_rule_that_is_not_followed_makes_the_number_not_known(stage: Stage, name: str) -> None:
    case, why = DOUBTS[name]
    stage.prepare(case)
    fit = stage.fit()
    assert fit["fits"].isna().all()
    assert set(fit["bound_by"]) == {"not known"}
    assert fit["not_known"].str.contains(why).all()
    (finding,) = checks.replicas_fit(fit)
    assert (finding.status, finding.subject) == (Status.UNKNOWN, "deployment/it")
    assert why in finding.reason


def test_no_room_is_known_whatever_else_is_not(stage: Stage) -> None:
    stage.prepare(alone(CLAIM | {"containers": [container("64")]}))
    fit = stage.fit()
    assert (set(fit["fits"]), set(fit["bound_by"]), fit["not_known"].isna().all()) == ({0}, {"cpu"}, True)
    assert [finding.status for finding in checks.replicas_fit(fit)] == [Status.WARN]
