"""What can go wrong in a cluster, done to a real one: each scenario in a namespace of its own, with the findings that it must
give, and no others.

There is no kubelet: what one would write to a status is written by the scenario, in a kubelet's words.
"""

from __future__ import annotations

from datetime import timedelta

from tests.diagnosis import (
    cilium_scenarios,
    custom_scenarios,
    operator_scenarios,
    surroundings_scenarios,
    workload_scenarios,
)
from tests.diagnosis.scenario import CRIT, WARN, Scenario, collected
from tests.diagnosis.stage import (
    Stage,
    admission_policy,
    autoscaler,
    binding,
    budget,
    claim,
    cronjob,
    deployment,
    gateway,
    gateway_class,
    ingress,
    job,
    meta,
    mounting,
    network_policy,
    node,
    quota,
    route,
    service,
    stamp,
    webhook,
)

SCENARIOS: list[Scenario] = [
    *workload_scenarios.SCENARIOS,
    *surroundings_scenarios.SCENARIOS,
    *operator_scenarios.SCENARIOS,
    *custom_scenarios.SCENARIOS,
    *cilium_scenarios.SCENARIOS,
]
scenario = collected(SCENARIOS)

# Nodes


@scenario(
    (CRIT, "node_ready", "node/dead"),
    says=(
        "Kubelet stopped posting node status",
        "deployment/there (0 of 2 ready)",
        "service/there (no ready endpoint)",
    ),
)
def node_not_ready(stage: Stage) -> None:
    dead = node("dead")
    dead["spec"] = {
        "taints": [{"key": "scenario", "value": "dead", "effect": "NoSchedule"}]
    }  # for no other scenario's pods
    stage.create(dead)
    stage.condition("node", "dead", "Ready", "True")
    stage.create(deployment("there", replicas=2, nodeName="dead"), service("there"))
    pods = stage.started("there", 2)
    gone = {
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
        "lastTransitionTime": stamp(),
    }
    kinds = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    conditions = [{"type": kind, "status": "Unknown", **gone} for kind in kinds]
    stage.status("/api/v1/nodes/dead", {"conditions": conditions})
    for pod in pods:  # as the node controller does
        unready = [{**one, "status": "False"} if one["type"] == "Ready" else one for one in pod["status"]["conditions"]]
        stage.pod_status(pod, conditions=unready)


@scenario((WARN, "node_schedulable", "node/cordoned"), (CRIT, "node_versions", "node/cordoned"), says=("v1.31.0",))
def node_cordoned_for_an_upgrade_that_is_late(stage: Stage) -> None:
    old = node("cordoned")
    old["status"]["nodeInfo"]["kubeletVersion"] = "v1.31.0"
    old["spec"] = {"unschedulable": True}
    stage.create(old)
    stage.condition("node", "cordoned", "Ready", "True")


# Services and Ingresses


@scenario(
    (CRIT, "services_answered", "service/typo"),
    says=("no pod has the labels that it selects (app=tpyo)", "ingress/typo (typo.example/)"),
)
def no_endpoints(stage: Stage) -> None:
    stage.create(deployment("typo"), service("typo", app="tpyo"), ingress("typo", "typo"))
    stage.started("typo", 1)


@scenario(
    (CRIT, "services_answered", "service/off"),
    says=(
        "deployment/off is scaled to 0; if that is on purpose, state it: at_rest = ",
        '["scaled-to-zero-though-a-service-needs-it/deployment/off"]',
        "ingress/off (off.example/)",
    ),
)
def scaled_to_zero_though_a_service_needs_it(stage: Stage) -> None:
    stage.create(deployment("off", replicas=0), service("off"), ingress("off", "off"))


@scenario()
def at_rest_as_is_stated(stage: Stage) -> None:
    """A workload that the environment states to be scaled to 0 on purpose, with the Service and the Ingress before it."""
    stage.create(deployment("off", replicas=0), service("off"), ingress("off", "off"))


@scenario(
    (CRIT, "workloads_run", "deployment/off"),
    says=("exit code 1 (Error)", "service/off (no ready endpoint)"),
)
def stated_to_be_at_rest_and_is_not(stage: Stage) -> None:
    """What is stated excuses a workload that is at 0, and none that should run."""
    stage.create(deployment("off", kubelet="crash-loop"), service("off"))
    stage.started("off", 1)


@scenario((CRIT, "services_answered", "service/ported"), says=("http 80/TCP -> web leads nowhere",))
def port_that_leads_nowhere(stage: Stage) -> None:
    stage.create(deployment("ported"), service("ported", target="web"))
    stage.started("ported", 1)


@scenario((WARN, "services_answered", "service/other"), says=("http 80/TCP -> 8081", "declare ports, but not that one"))
def port_that_nobody_declares(stage: Stage) -> None:
    stage.create(deployment("other"), service("other", target=8081))
    stage.condition("deployment", "other", "Available", "True")


@scenario(
    (CRIT, "ingresses_lead", "ingress/lost"), says=("lost.example/ leads to service nowhere, which does not exist",)
)
def ingress_without_its_service(stage: Stage) -> None:
    stage.create(ingress("lost", "nowhere"))


@scenario(
    (CRIT, "ingresses_lead", "ingress/ports"), says=("leads to port 8443 of service ports, which it does not have",)
)
def ingress_to_a_wrong_port(stage: Stage) -> None:
    stage.create(deployment("ports"), service("ports"), ingress("ports", "ports", 8443))
    stage.condition("deployment", "ports", "Available", "True")


@scenario(
    (CRIT, "gateways_serve", "gatewayclass/odd"),
    says=(
        "not accepted: InvalidParameters: no such parameters",
        "gateway-of-a-class-that-is-not-accepted/gateway/of-it (not accepted)",
    ),
)
def gateway_of_a_class_that_is_not_accepted(stage: Stage) -> None:
    stage.create(gateway_class("odd"), gateway("of-it", "odd"))
    stage.accepted("gatewayclasses/odd", status="False", reason="InvalidParameters", message="no such parameters")


@scenario((CRIT, "gateways_serve", "gateway/lost"), says=("its class nowhere does not exist",))
def gateway_of_no_class(stage: Stage) -> None:
    stage.create(gateway("lost", "nowhere"))


@scenario((CRIT, "gateways_serve", "gateway/clash"), says=("not accepted: UnsupportedAddress: 192.0.2.1",))
def gateway_that_is_not_accepted(stage: Stage) -> None:
    stage.create(gateway("clash", "edge"))
    where = f"namespaces/{stage.namespace}/gateways/clash"
    stage.accepted(where, status="False", reason="UnsupportedAddress", message="192.0.2.1")


@scenario(
    (CRIT, "routes_lead", "httproute/lost"), (CRIT, "routes_lead", "httproute/alien"), (CRIT, "routes_lead", "httproute/labelled"),
    (CRIT, "routes_lead", "httproute/unnamed"), (CRIT, "routes_lead", "httproute/ports"),
    (CRIT, "routes_lead", "httproute/section"), (WARN, "routes_lead", "httproute/canary"),
    says=(
        "its gateway/nowhere does not exist", "none-at-all/gateway/own takes no routes of its namespace: it takes those of its own",
        "gateway/team takes no routes of its namespace: it takes those of namespaces with team=a",
        "leads to service/gone, which does not exist", "leads to port 8443 of service/web, which it does not have",
        "gateway/all has no listener https", "leads to service/next, which does not exist: its weight is 0",
    ),
)  # fmt: skip
def routes_that_lead_nowhere(stage: Stage) -> None:
    canary = route("canary", "web", {"name": "all"})
    canary["spec"]["rules"][0]["backendRefs"].append({"name": "next", "port": 80, "weight": 0})
    every, team = {"from": "All"}, {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}
    stage.create(
        gateway("all", "edge", every), gateway("team", "edge", team), deployment("web"), service("web"),
        route("lost", "web", {"name": "nowhere"}), route("alien", "web", {"name": "own", "namespace": "none-at-all"}),
        route("labelled", "web", {"name": "team"}), route("unnamed", "gone", {"name": "all"}),
        route("ports", "web", {"name": "all"}, port=8443), canary, route("section", "web", {"name": "all", "sectionName": "https"}),
    )  # fmt: skip
    for name in ("all", "team"):
        stage.accepted(f"namespaces/{stage.namespace}/gateways/{name}")
    stage.condition("deployment", "web", "Available", "True")
    stage.started("web", 1)


@scenario(
    (WARN, "network_policies_match", "networkpolicy/typo"),
    says=("is for nobody: no pod has the labels that it selects (app=tpyo)",),
)
def network_policy_for_nobody(stage: Stage) -> None:
    stage.create(deployment("typo"), network_policy("typo", "tpyo"))
    stage.started("typo", 1)


@scenario(
    (WARN, "network_policies_match", "networkpolicy/web"),
    says=(
        "ingress from nobody: no pod has the labels that it selects (app=gateway)",
        "ingress from nobody: no namespace has the labels that it selects (team in (a,b))",
        "egress to nobody: no pod in namespaces with kubernetes.io/metadata.name=network-policy-for-nobody has the labels that "
        "it selects (app=db)",
        "egress to nobody: no pod has an address in 10.77.0.8/29",
        "egress to 10.0.0.0/8 except 10.77.0.64/28: no pod",
    ),
)
def network_policy_of_peers_that_are_nobody(stage: Stage) -> None:
    """The block outside of what pods are given, and all that is in it, may be somebody's; one peer of several may be optional."""
    ranged = node("ranged")
    taint = {"key": "scenario", "value": "ranged", "effect": "NoSchedule"}
    ranged["spec"] = {"podCIDR": "10.77.0.0/24", "podCIDRs": ["10.77.0.0/24"], "taints": [taint]}
    stage.create(ranged)
    stage.condition("node", "ranged", "Ready", "True")
    teams = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]}
    near = {"matchLabels": {"kubernetes.io/metadata.name": "network-policy-for-nobody"}}
    policy, gateway = network_policy("web", "web"), {"podSelector": {"matchLabels": {"app": "gateway"}}}
    policy["spec"]["ingress"] = [
        {"from": [gateway, {"namespaceSelector": teams}]},
        {
            "from": [
                {"podSelector": {"matchLabels": {"app": "optional"}}},
                {"podSelector": {"matchLabels": {"app": "web"}}},
            ]
        },
    ]
    policy["spec"]["egress"] = [
        {"to": [{"namespaceSelector": near, "podSelector": {"matchLabels": {"app": "db"}}}]},
        {"to": [{"ipBlock": {"cidr": "10.77.0.8/29"}}]}, {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.77.0.64/28", "10.99.0.0/16"]}}]},
    ]  # fmt: skip
    stage.create(deployment("web"), policy)
    stage.started("web", 1)


# Storage, quotas, scaling


@scenario(
    (CRIT, "claims_bound", "persistentvolumeclaim/data"),
    says=(
        "storage class fast does not exist",
        "deployment/stores (0 of 1 ready)",
        "service/stores (no ready endpoint)",
    ),
)
def claim_pending(stage: Stage) -> None:
    stage.create(claim("data", "fast"), deployment("stores", **mounting("data")), service("stores"))
    stage.until(
        "verdict of the scheduler",
        lambda: [pod for pod in stage.pods("stores") if "unbound immediate" in str(pod["status"].get("conditions"))],
    )


@scenario(
    (WARN, "quotas_leave_room", "resourcequota/small"),
    says=(
        "used up: 2 of 2 pods",
        "deployment/many (3 of 5 pods not created)",
        "statefulset/more (2 of 2 pods not created)",
    )[:2],
)
def quota_reached(stage: Stage) -> None:
    stage.create(quota("small", 2))
    stage.until("quota", lambda: "used" in stage.get("resourcequota", "small")["status"])
    stage.create(deployment("many", replicas=5))
    stage.condition("deployment", "many", "ReplicaFailure", "True")
    stage.started("many", 2)
    stage.until("used", lambda: stage.get("resourcequota", "small")["status"]["used"]["pods"] == "2")


@scenario(
    (WARN, "autoscalers_able", "hpa/busy"), says=("cannot read its metric: FailedGetResourceMetric", "resource cpu")
)
def autoscaler_without_metric(stage: Stage) -> None:
    stage.create(deployment("busy", replicas=2), autoscaler("busy", "busy"))
    stage.condition("hpa", "busy", "ScalingActive", "False")


@scenario((WARN, "autoscalers_able", "hpa/orphan"), says=("scales deployment/gone, which does not exist",))
def autoscaler_without_target(stage: Stage) -> None:
    stage.create(autoscaler("orphan", "gone"))
    stage.condition("hpa", "orphan", "AbleToScale", "False")


@scenario((WARN, "budgets_allow", "pdb/strict"), says=("lets no pod go though all are healthy (minAvailable 2 of 2)",))
def budget_that_blocks_drains(stage: Stage) -> None:
    stage.create(deployment("strict", replicas=2), budget("strict", 2))
    stage.until("budget", lambda: stage.get("pdb", "strict")["status"].get("currentHealthy") == 2)


@scenario((WARN, "budgets_allow", "pdb/greedy"), says=("lets no pod go: 5 must be healthy, and there are only 2",))
def budget_that_wants_more_than_there_are(stage: Stage) -> None:
    stage.create(deployment("greedy", replicas=2), budget("greedy", 5))
    stage.until("budget", lambda: stage.get("pdb", "greedy")["status"].get("currentHealthy") == 2)


@scenario(
    (WARN, "budgets_allow", "pdb/tpyo"), says=("protects nothing: no pod has the labels that it selects (app=tpyo)",)
)
def budget_that_protects_nothing(stage: Stage) -> None:
    stage.create(deployment("typo", replicas=2), budget("tpyo", 1))
    stage.started("typo", 2)


@scenario((WARN, "budgets_allow", "pdb/all"), says=("selects pods that pdb/twice selects too", "can be evicted"))
def two_budgets_for_the_same_pods(stage: Stage) -> None:
    every = budget("all", 1)
    every["spec"]["selector"] = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["twice", "other"]}]}
    stage.create(deployment("twice", replicas=3))
    stage.until("three", lambda: stage.get("deployment", "twice")["status"].get("readyReplicas") == 3)
    stage.create(budget("twice", 1), every)  # of pods that come later, the controller would tell one of the two
    stage.until("budget", lambda: stage.get("pdb", "all")["status"].get("currentHealthy") == 3)


# Jobs


@scenario((WARN, "jobs_done", "job/import"), says=("does not get on: image not found: registry.example/import:1.0",))
def job_that_cannot_start(stage: Stage) -> None:
    stage.create(job("import", kubelet="image-pull-back-off"))
    stage.until("pod", lambda: [pod for pod in stage.pods() if "startTime" in pod["status"]])


@scenario((WARN, "jobs_done", "cronjob/report"), says=("job/report-2 failed: DeadlineExceeded",))
def cronjob_whose_last_run_failed(stage: Stage) -> None:
    stage.create(cronjob("report"))
    uid = stage.get("cronjob", "report")["metadata"]["uid"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": uid, "controller": True}
    stage.create(job("report-1", owner=owner))
    stage.condition("job", "report-1", "Complete", "True")
    stage.create(job("report-2", owner=owner, kubelet="image-pull-back-off", activeDeadlineSeconds=1))
    stage.condition("job", "report-2", "Failed", "True")


# The control plane


@scenario(
    (CRIT, "workloads_run", "deployment/policy"),
    says=("image not found: registry.example/policy:1.0", "service/policy (no ready endpoint)",
          "validatingwebhookconfiguration/policy (requests are refused (CREATE pods))",
          "deployment/orders (2 of 2 pods not created)"),
)  # fmt: skip
def webhook_down(stage: Stage) -> None:
    stage.create(deployment("policy", kubelet="image-pull-back-off"), service("policy", target="http"))
    stage.started("policy", 1)
    stage.create(webhook("policy", stage.namespace, "policy", "pods"))

    def refused() -> bool:  # the API server takes a moment to know of its webhooks
        stage.create(deployment("orders", replicas=2))
        stage.until("its ReplicaSet's answer", lambda: stage.get("deployment", "orders")["status"].get("conditions"))
        if stage.pods("orders"):
            stage.cluster.kubectl("delete", "deployment", "orders", "-n", stage.namespace)
            return False
        return True

    stage.until("refusal", refused)
    stage.condition("deployment", "orders", "ReplicaFailure", "True")


@scenario(
    (CRIT, "webhooks_answered", "validatingwebhookconfiguration/gone"), says=("does not exist", "CREATE nothings")
)
def webhook_without_its_service(stage: Stage) -> None:
    stage.create(webhook("gone", stage.namespace, "nowhere", "nothings"))


@scenario(
    (WARN, "admission_policies_apply", "validatingadmissionpolicybinding/lost"),
    says=("its policy nowhere does not exist", "nothing is checked by it"),
)
def binding_without_its_admission_policy(stage: Stage) -> None:
    stage.create(binding("lost", "nowhere", stage.namespace))


@scenario(
    (WARN, "admission_policies_apply", "validatingadmissionpolicy/unfit"),
    says=("spec.validations[0].expression: apps/v1, Kind=Deployment", "undefined field 'replica'"),
)
def admission_policy_that_does_not_fit(stage: Stage) -> None:
    policy = admission_policy("unfit", "object.spec.replica <= 9")
    stage.create(policy, binding("unfit", "unfit", stage.namespace))
    stage.until(
        "type check", lambda: "typeChecking" in stage.get("validatingadmissionpolicy", "unfit").get("status", {})
    )


@scenario((WARN, "namespaces_go", "namespace/{namespace}"), says=("has not gone for", "example.com/hold in 1 resource"))
def stuck_namespace(stage: Stage) -> None:
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("held", finalizers=["example.com/hold"])}
    stage.create(held, service("unanswered"))
    stage.cluster.kubectl("delete", "namespace", stage.namespace, "--wait=false")
    stage.condition("namespace", stage.namespace, "NamespaceFinalizersRemaining", "True")


# Nothing


@scenario()
def none_at_all(stage: Stage) -> None:
    """What looks like trouble, and is none."""
    stage.create(
        deployment("web", replicas=3), service("web"), service("by-name", app="web", target="http"), ingress("web", "web"),
        budget("web", 2), deployment("retired", replicas=0), budget("retired", 1), autoscaler("retired", "retired"),
        deployment("agent", kind="DaemonSet"), deployment("old", kubelet="oom-killed-once"), quota("roomy", 50),
        job("seed"), job("paused", suspend=True), cronjob("yearly"), cronjob("parked", suspend=True),
        cronjob("resumed", suspend=True, schedule="0 4 1 * *", startingDeadlineSeconds=60),
        claim("later", "on-demand"),
    )  # fmt: skip
    every = network_policy("all", "web", ingress=[{"namespaceSelector": {}}], egress=[{"podSelector": {}}])
    every["spec"]["podSelector"] = {}
    from_old = [{"podSelector": {"matchLabels": {"app": "retired"}}}]
    if_there = [{"podSelector": {"matchLabels": {"app": "scraper"}}}, {"podSelector": {"matchLabels": {"app": "web"}}}]
    mine = {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": stage.namespace}}}
    stage.create(
        gateway_class("offered"), gateway("own", "edge"), gateway("mine", "edge", mine),
        route("web", "web", {"name": "own"}, {"name": "mine", "sectionName": "http"},
              {"name": "web", "group": "", "kind": "Service"}),
    )  # fmt: skip
    for name in ("own", "mine"):
        stage.accepted(f"namespaces/{stage.namespace}/gateways/{name}")
    stage.create(
        admission_policy("fits", "object.spec.replicas <= 9"), binding("fits", "fits", stage.namespace),
        admission_policy("unbound", "object.spec.replicas <= 9"),
    )  # fmt: skip
    stage.until(
        "type check", lambda: "typeChecking" in stage.get("validatingadmissionpolicy", "fits").get("status", {})
    )
    yearly = cronjob("marked")
    yearly["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"] = {"app": "marked"}
    stage.create(
        yearly, every, network_policy("web", "web", ingress=from_old), network_policy("retired", "retired"),
        network_policy("between-runs", "marked"), network_policy("seed", "web", ingress=[]),
        network_policy("optional", "web", ingress=if_there, egress=[*if_there[:1], {"ipBlock": {"cidr": "0.0.0.0/0"}}]),
    )  # fmt: skip
    stage.create({"apiVersion": "v1", "kind": "Service", "metadata": meta("outside"),
                  "spec": {"type": "ExternalName", "externalName": "db.example"}})  # fmt: skip
    stage.condition("job", "seed", "Complete", "True")
    month = timedelta(days=31)
    stage.status(f"/apis/batch/v1/namespaces/{stage.namespace}/cronjobs/resumed",
                 {"lastScheduleTime": stamp(2 * month), "lastSuccessfulTime": stamp(month)})  # fmt: skip
    stage.cluster.kubectl("patch", "cronjob", "resumed", "-n", stage.namespace, "-p", '{"spec":{"suspend":false}}')
    ended = {"exitCode": 1, "reason": "Error", "startedAt": stamp(month), "finishedAt": stamp(month)}
    stage.container("old", 1, lastState={"terminated": ended}, restartCount=9)
    corpse = stage.started("web", 3)[0]
    long_ago = [
        {"type": one["type"], "status": "False", "lastTransitionTime": stamp(month)}
        for one in corpse["status"]["conditions"]
    ]
    stage.pod_status(corpse, phase="Failed", reason="Evicted", message="low on memory", conditions=long_ago)
    stage.until("three again", lambda: stage.get("deployment", "web")["status"].get("readyReplicas") == 3)
    stage.until("budget", lambda: stage.get("pdb", "web")["status"].get("currentHealthy") == 3)
    stage.condition("hpa", "retired", "ScalingActive", "False")
    stage.condition("deployment", "old", "Available", "True")
