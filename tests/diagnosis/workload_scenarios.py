"""What can go wrong with workloads, done to a real cluster: see `tests.diagnosis.scenarios`."""

from __future__ import annotations

from tests.diagnosis.scenario import CRIT, WARN, Scenario, collected, waiting
from tests.diagnosis.stage import Stage, budget, deployment, ingress, meta, service, stamp

SCENARIOS: list[Scenario] = []
scenario = collected(SCENARIOS)


@scenario(
    (WARN, "workloads_run", "deployment/web"),
    says=("1 of 2 pods not ready", "statuscode: 503"),
)
def bad_rollout(stage: Stage) -> None:
    stage.create(deployment("web", replicas=2), service("web"), ingress("web", "web"))
    stage.condition("deployment", "web", "Available", "True")
    template = {"metadata": {"annotations": {"testbed.gocoffee/kubelet": "never-ready"}}}
    path = f"/apis/apps/v1/namespaces/{stage.namespace}/deployments/web"
    patch = {"spec": {"template": template, "strategy": {"rollingUpdate": {"maxUnavailable": 0}}}}
    stage.api.request("PATCH", path, patch, content_type="application/merge-patch+json")
    unready = next(pod for pod in stage.started("web", 3) if not pod["status"]["containerStatuses"][0]["ready"])
    stage.event(unready, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")


@scenario(
    (CRIT, "workloads_run", "deployment/shop"),
    says=("3 of 3 pods not ready", "exit code 1 (Error)", "service/shop (no ready endpoint)", "ingress/shop (shop.example/)",
          "pdb/shop (lets no pod go)"),
)  # fmt: skip
def crash_loop(stage: Stage) -> None:
    stage.create(
        deployment("shop", replicas=3, kubelet="crash-loop"),
        service("shop"),
        ingress("shop", "shop"),
        budget("shop", 2),
    )
    stage.started("shop", 3)
    stage.until("budget", lambda: stage.get("pdb", "shop")["status"].get("expectedPods") == 3)


@scenario((CRIT, "workloads_run", "deployment/cache"), says=("for want of memory", "OOMKilled", "9 restarts"))
def out_of_memory(stage: Stage) -> None:
    stage.create(deployment("cache", kubelet="never-ready"))
    stage.container("cache", 1, **waiting("CrashLoopBackOff", exitCode=137, reason="OOMKilled"))


@scenario((WARN, "workloads_run", "deployment/pay"), says=("2 of 2 pods restarted", "OOMKilled", "2 restarts"))
def out_of_memory_a_while_ago(stage: Stage) -> None:
    stage.create(deployment("pay", replicas=2, kubelet="oom-killed-once"), service("pay"))
    stage.started("pay", 2)


@scenario(
    (CRIT, "workloads_run", "deployment/loyalty"),
    says=("12 of 12 pods not ready", "image not found: registry.example/loyalty:1.0"),
)
def image_not_found(stage: Stage) -> None:
    stage.create(deployment("loyalty", replicas=12, kubelet="image-pull-back-off"), service("loyalty"))
    stage.started("loyalty", 12)


@scenario((CRIT, "workloads_run", "deployment/closed"), says=("the registry does not let it be pulled",))
def image_not_allowed(stage: Stage) -> None:
    said = 'failed to pull image "registry.example/closed:1.0": pull access denied, authorization failed'
    stage.create(deployment("closed", kubelet="image-pull-back-off"))
    stage.container("closed", 1, **waiting("ErrImagePull", said))


@scenario(
    (CRIT, "workloads_run", "statefulset/big"),
    says=("never scheduled", "Insufficient cpu", "service/big (no ready endpoint)"),
)
def unschedulable(stage: Stage) -> None:
    big = {"name": "big", "image": "registry.example/big:1.0", "resources": {"requests": {"cpu": "64"}}}
    stage.create(deployment("big", kind="StatefulSet", containers=[big], spec={"serviceName": "big"}), service("big"))
    stage.until(
        "verdict of the scheduler",
        lambda: [
            one for pod in stage.pods("big") for one in pod["status"].get("conditions", ()) if one["status"] != "True"
        ],
    )


@scenario(
    (CRIT, "workloads_run", "deployment/config"), says=('cannot start (CreateContainerConfigError): secret "db" not',)
)
def secret_missing(stage: Stage) -> None:
    stage.create(deployment("config", kubelet="never-ready"))
    stage.container("config", 1, **waiting("CreateContainerConfigError", 'secret "db" not found'))


@scenario(
    (CRIT, "workloads_run", "deployment/probed"), says=("restarted by its liveness probe", "context deadline exceeded")
)
def liveness_probe_fails(stage: Stage) -> None:
    stage.create(deployment("probed", kubelet="never-ready"))
    stage.container("probed", 1, **waiting("CrashLoopBackOff", exitCode=137, reason="Error"))
    stage.event(stage.pods("probed")[0], "Unhealthy", "Liveness probe failed: Get /health: context deadline exceeded")


@scenario((CRIT, "workloads_run", "deployment/blocked"), says=("init container migrate keeps crashing", "exit code 2"))
def init_container_crashes(stage: Stage) -> None:
    migrate = {"name": "migrate", "image": "registry.example/migrate:1.0"}
    stage.create(deployment("blocked", kubelet="init-blocked", initContainers=[migrate]))
    pod = stage.started("blocked", 1)[0]
    crashed = waiting("CrashLoopBackOff", exitCode=2, reason="Error")
    stage.pod_status(pod, initContainerStatuses=[{**pod["status"]["initContainerStatuses"][0], **crashed}])


@scenario(
    (CRIT, "workloads_run", "deployment/meshed"), says=("sidecar proxy keeps crashing", "its command was not found")
)
def sidecar_crashes(stage: Stage) -> None:
    proxy = {"name": "proxy", "image": "registry.example/proxy:1.0", "restartPolicy": "Always"}
    stage.create(deployment("meshed", kubelet="never-ready", initContainers=[proxy]))
    pod = stage.started("meshed", 1)[0]
    crashed = waiting("CrashLoopBackOff", exitCode=127, reason="StartError", message="exec: no such file")
    stage.pod_status(pod, initContainerStatuses=[{**pod["status"]["initContainerStatuses"][0], **crashed}])


@scenario((WARN, "workloads_run", "deployment/pushed"), says=("1 pod evicted: The node was low on resource: memory.",))
def evicted(stage: Stage) -> None:
    stage.create(deployment("pushed", replicas=2), service("pushed"))
    pod = stage.started("pushed", 2)[0]
    said = "The node was low on resource: memory."
    stage.pod_status(pod, phase="Failed", reason="Evicted", message=said, containerStatuses=None, conditions=None)
    stage.until("replacement", lambda: stage.get("deployment", "pushed")["status"].get("readyReplicas") == 2)


@scenario((WARN, "workloads_run", "deployment/held"), says=("stuck in deletion", "example.com/hold"))
def stuck_in_deletion(stage: Stage) -> None:
    held = deployment("held", replicas=2)
    held["spec"]["template"]["metadata"]["finalizers"] = ["example.com/hold"]
    stage.create(held)
    name = stage.started("held", 2)[0]["metadata"]["name"]
    stage.cluster.kubectl("delete", "pod", name, "-n", stage.namespace, "--wait=false")
    stage.started("held", 3)


@scenario((CRIT, "workloads_run", "pod/alone"), says=("main ended with exit code 3 (Error)",))
def bare_pod_failed(stage: Stage) -> None:
    container = {"name": "main", "image": "registry.example/alone:1.0"}
    stage.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta("alone"),
                  "spec": {"schedulerName": "nobody", "restartPolicy": "Never", "containers": [container]}})  # fmt: skip
    ended = {"exitCode": 3, "reason": "Error", "startedAt": stamp(), "finishedAt": stamp()}
    one = {
        "name": "main",
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": ended},
    }
    stage.pod_status({"metadata": {"name": "alone"}}, phase="Failed", containerStatuses=[one])


@scenario((CRIT, "workloads_run", "deployment/unseen"), says=("scheduler nobody has not looked at it",))
def no_scheduler(stage: Stage) -> None:
    stage.create(deployment("unseen", schedulerName="nobody"))
    stage.until("pod", lambda: stage.pods("unseen"))
