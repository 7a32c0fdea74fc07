"""What can go wrong with what Cilium keeps, in a cluster that has its kinds: see `tests.diagnosis.scenarios`.

There is no Cilium: what its agents and its operator would write is written by the scenario.
"""

from __future__ import annotations

from datetime import timedelta

from tests.diagnosis.scenario import CRIT, WARN, Scenario, collected
from tests.diagnosis.stage import Json, Stage, deployment, meta, stamp

SCENARIOS: list[Scenario] = []
scenario = collected(SCENARIOS)

API = "cilium.io/v2"
NAMESPACE = "io.kubernetes.pod.namespace"
NODE = "10.128.0.99"  # the address of every node here
DAY = timedelta(days=1)


def identity(number: int, shown: str, meant: str, *, app: str = "web", marked: timedelta | None = None) -> Json:
    """By its label of one namespace, by its security labels of another; of none where that is empty."""
    security = {"k8s:app": app} | ({f"k8s:{NAMESPACE}": meant} if meant else {})
    annotations = {"io.cilium.heartbeat": stamp(marked)} if marked else {}
    labels = {NAMESPACE: shown} if shown else {}
    return {
        "apiVersion": API, "kind": "CiliumIdentity", "metadata": meta(str(number), labels=labels, annotations=annotations),
        "security-labels": security,
    }  # fmt: skip


def endpoint(pod: Json, number: int, node: str = NODE, **more: str) -> Json:
    """Of a pod, as the agent of its node writes it."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod["metadata"]["uid"]}
    labels = pod["metadata"]["labels"] | {NAMESPACE: namespace, "io.cilium.k8s.policy.serviceaccount": "default"} | more
    return {
        "apiVersion": API, "kind": "CiliumEndpoint", "metadata": meta(name, ownerReferences=[owner]),
        "status": {
            "id": number, "state": "ready", "networking": {"node": node, "addressing": [{"ipv4": "10.0.0.1"}]},
            "identity": {"id": number, "labels": [f"k8s:{key}={value}" for key, value in labels.items()]},
        },
    }  # fmt: skip


def policy(name: str, *rules: Json, clusterwide: bool = False) -> Json:
    """With one rule as its spec, with several as its specs."""
    kind = "CiliumClusterwideNetworkPolicy" if clusterwide else "CiliumNetworkPolicy"
    spec = {"spec": rules[0]} if len(rules) == 1 else {"specs": list(rules)}
    return {"apiVersion": API, "kind": kind, "metadata": meta(name), **spec}


def rule(*, ingress: list[Json] | None = None, egress: list[Json] | None = None, **match: str) -> Json:
    """For endpoints of these labels, and peers each way."""
    ways = {"egress": [{"toEndpoints": egress}]} if egress else {}
    return {"endpointSelector": {"matchLabels": match}, "ingress": [{"fromEndpoints": ingress or [{}]}], **ways}


def labelled(**match: str) -> Json:
    return {"matchLabels": match}


@scenario(
    (WARN, "cilium_policies_match", "ciliumnetworkpolicy/typo"), (WARN, "cilium_policies_match", "ciliumnetworkpolicy/peers"),
    (WARN, "cilium_policies_match", "ciliumclusterwidenetworkpolicy/edge"),
    (WARN, "cilium_policies_match", "ciliumclusterwidenetworkpolicy/everywhere"),
    says=(
        "is for nobody: no endpoint has the labels that it selects (k8s:app=tpyo)",
        "ingress from nobody: no endpoint has the labels that it selects (any:app=gateway)",
        "ingress from nobody: no namespace is as it selects (app=web, k8s:io.kubernetes.pod.namespace=nowhere)",
        "egress to nobody: no endpoint has the labels that it selects (app in (db,cache))",
        "rule 2 is for nobody: no endpoint has the labels that it selects (app=web, tier=none)",
        "is for nobody: no node has the labels that it selects (role=edge)",
        "is for nobody: no endpoint has the labels that it selects (app=not-in-any-namespace)",
    ),
)  # fmt: skip
def cilium_policies_for_nobody(stage: Stage) -> None:
    stage.create(deployment("web"))
    pod = stage.started("web", 1)[0]
    sets = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["db", "cache"]}]}
    elsewhere = labelled(**{"app": "web", f"k8s:{NAMESPACE}": "nowhere"})
    stage.create(
        identity(4001, stage.namespace, stage.namespace), endpoint(pod, 4001),
        policy("typo", rule(**{"k8s:app": "tpyo"})),
        policy("peers", rule(app="web", ingress=[labelled(**{"any:app": "gateway"}), elsewhere, labelled(app="web")],
                             egress=[sets]), rule(app="web", tier="none")),
        policy("edge", {"nodeSelector": labelled(role="edge"), "ingress": [{"fromEntities": ["cluster"]}]}, clusterwide=True),
        policy("everywhere", rule(app="not-in-any-namespace"), clusterwide=True),
    )  # fmt: skip


@scenario(
    (WARN, "cilium_endpoints_true", "ciliumendpoint/gone"), (WARN, "cilium_endpoints_true", "ciliumendpoint/ended"),
    (CRIT, "cilium_endpoints_true", "ciliumendpoint/astray"), (CRIT, "cilium_endpoints_true", "ciliumendpoint/unknown"),
    (WARN, "cilium_endpoints_true", "ciliumidentity/5001"), (WARN, "cilium_endpoints_true", "ciliumidentity/5003"),
    (WARN, "cilium_endpoints_true", "ciliumidentity/5004"), (CRIT, "cilium_endpoints_true", "ciliumidentity/5005"),
    (WARN, "cilium_endpoints_true", "ciliumidentity/5006"),
    says=(
        "its pod gone is gone: who is given its address next is taken for it; the same with 1 other: gone-too",
        "its pod ended has ended (Failed)", "no node has the address 10.128.9.9",
        "its identity 5999 does not exist", "no endpoint has it, and Cilium's operator, which marked it for deletion 24.0 h ago",
        "the same with 1 other: 5002", "says elsewhere, its security labels, which policies go by, cilium-of-what-is-not-there",
        "no policy of a namespace is for the 1 endpoint that it is of", "its namespace nowhere does not exist, though it is of",
        "it has no label io.kubernetes.pod.namespace to tell by",
    ),
)  # fmt: skip
def cilium_of_what_is_not_there(stage: Stage) -> None:
    """What is of a pod that is gone would be collected as the pod's, were it not for its finalizer."""
    here = stage.namespace
    names = ("ended", "astray", "unknown", "unshown", "missing", "unlabelled", "differing")
    stage.create(*(_pod(name) for name in names))
    pods = {pod["metadata"]["name"]: pod for pod in stage.started("lone", len(names))}
    ended = pods["ended"]
    long_ago = [
        one | {"status": "False", "lastTransitionTime": stamp(DAY * 31)} for one in ended["status"]["conditions"]
    ]
    stage.pod_status(ended, phase="Failed", reason="Evicted", conditions=long_ago)
    of_nobody = []
    for name in ("gone", "gone-too"):
        left = endpoint({"metadata": ended["metadata"] | {"name": name, "uid": f"0-{name}"}}, 5000)
        left["metadata"]["finalizers"] = ["example.com/held"]
        of_nobody.append(left)
    stage.create(
        identity(5000, here, here), identity(5001, here, here, marked=DAY), identity(5002, here, here, marked=DAY),
        identity(5003, "", here), identity(5004, "nowhere", "nowhere"), identity(5005, here, ""),
        identity(5006, "elsewhere", here),
        *of_nobody, endpoint(ended, 5000), endpoint(pods["astray"], 5000, "10.128.9.9"), endpoint(pods["unknown"], 5999),
        endpoint(pods["unshown"], 5003), endpoint(pods["missing"], 5004), endpoint(pods["unlabelled"], 5005),
        endpoint(pods["differing"], 5006),
    )  # fmt: skip


def _pod(name: str) -> Json:
    container = {"name": "main", "image": "registry.example/lone:1.0"}
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": meta(name, labels={"app": "lone"}),
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }  # fmt: skip


@scenario()
def cilium_that_is_well(stage: Stage) -> None:
    """All that a policy may say; what rests, what starts, and what goes in its own time."""
    here = stage.namespace
    stage.create(deployment("web", replicas=2), deployment("off", replicas=0))
    first, second = stage.started("web", 2)
    host, team = (
        labelled(**{"reserved:host": ""}),
        {"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": here},
    )
    sets = [{"key": "k8s:app", "operator": "In", "values": ["web", "api"]}, {"key": "any:old", "operator": "DoesNotExist"},
            {"key": "$health", "operator": "DoesNotExist"}]  # fmt: skip
    other = {"matchExpressions": [{"key": NAMESPACE, "operator": "NotIn", "values": [here]}]}
    stage.create(
        identity(6000, here, here), identity(6001, here, here), identity(6002, here, here),
        identity(6003, here, here, marked=timedelta(minutes=20)),
        endpoint(first, 6000), endpoint(second, 6001),
        policy("all", rule(ingress=[host, labelled(**team), other, labelled(**{"io.cilium.k8s.policy.cluster": "far"})])),
        policy("sets", {"endpointSelector": {"matchExpressions": sets}, "ingressDeny": [{"fromEndpoints": [host]}]}),
        policy("both", rule(**{"k8s:app": "web"}), rule(app="off"), rule(**{f"k8s:{NAMESPACE}": "is-put-over"})),
        policy("account", rule(**{"io.cilium.k8s.policy.serviceaccount": "default"})),
        policy("here", rule(**{"app": "web", f"k8s:{NAMESPACE}": here}), clusterwide=True),
        policy("off", rule(app="off"), clusterwide=True), policy("wide", rule(), clusterwide=True),
        policy("hosts", {"nodeSelector": labelled(**{"kubernetes.io/hostname": "n1"}), "ingress": [{"fromEntities": ["cluster"]}]},
               clusterwide=True),
    )  # fmt: skip
