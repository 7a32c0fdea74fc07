"""What goes wrong in each condition that other tools look for, as tables, and what our checks find in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any

from gocoffee_ops import checks
from gocoffee_ops.analysis.costs.orphans import ORPHANS
from gocoffee_ops.analysis.logs.schemas import TEMPLATES
from gocoffee_ops.frames import Tables
from gocoffee_ops.model import Finding, Thresholds
from gocoffee_ops.queries import (
    access,
    autoscaling,
    cilium,
    cluster,
    control_plane,
    controllers,
    custom_resources,
    endpoints,
    gateways,
    jobs,
    metrics,
    network,
    operators,
    pods,
    scaling,
    storage,
)
from tests.checks.cost_cases import ORPHAN
from tests.checks.diagnosis_tables import (
    ADMISSION,
    API,
    BACKEND,
    BINDING,
    CATALOG,
    CATALOG_SOURCE,
    CILIUM_ENDPOINT,
    CILIUM_IDENTITY,
    CILIUM_POLICY,
    CLAIM,
    CLASS,
    CONTAINER,
    CONTROLLER,
    CRASHING,
    CUSTOM,
    EXTENSION,
    GATEWAY,
    GATEWAY_CLASS,
    GOES,
    GOING,
    HOOK,
    HPA,
    INGRESS,
    JOB,
    NODE,
    OPERATOR_GROUP,
    PARENT,
    PDB,
    PENDING,
    PLAN,
    POD,
    POLICY,
    QUERIES,
    ROOM,
    SERVER,
    SERVICE,
    STAYS,
    SUBSCRIPTION,
    UNREADY,
    VERSION,
    WELL,
    Rows,
    judged,
)  # fmt: skip
from tests.checks.tables import MOMENT, filled, table
from tests.checks.test_log_coverage import coverage

LIMITS = Thresholds()
HOUR = timedelta(hours=1)
NONE_READY = {controllers.deployments: [CONTROLLER | {"ready": 0}]}
SET = CONTROLLER | {"controller": "statefulset/db", "labels": ("app=db",)}
GONE = {"ready": 0, "pods": 0, "owners": (), "selector": ("app=other",)}
ALONE: Rows = {network.ingresses: [], control_plane.webhooks: []}
CRON = {
    "namespace": "shop", "cronjob": "nightly", "suspended": False, "active": 0, "last_scheduled_at": MOMENT,
    "last_succeeded_at": MOMENT, "last_scheduled_s": 9_999.0, "schedule": "0 3 * * *",
}  # fmt: skip
REFUSED = {"accepted": False, "accepted_reason": "Unsupported: said by its controller"}
UNFOUND = {"selector": ("app=wbe",), "finds_pod": False}
PEER = POLICY | {"part": "ingress"}
ACROSS = {"other_namespaces": True, **UNFOUND}
BLOCK = {"selector": (), "namespaces": (), "block": "10.1.2.8/29", "in_pod_range": True, "finds_pod": False}
HOURLY = {"schedule": "0 * * * *", "concurrency": "Forbid", "active": 1, "created_at": MOMENT, "age_s": 4 * 3600.0}
OVERRUN = JOB | {"job": "nightly-2", "owner": "cronjob/nightly", "state": "active", "age_s": 4 * 3600.0 - 2}
SMALL = {"cpu_request_millicores": 10}
PORT_ERROR = {"port_errors": ("443/TCP: Conflict",)}
NOBODYS = {"selector": ("app=wbe",), "pod_selector": ("app in (wbe)",), "finds": False}
PODLESS = {"pod_exists": False, "pod_phase": None, "pod_goes": None, "node": None, "node_exists": None}
BALANCED = SERVICE | {"type": "LoadBalancer", "addresses": ("192.0.2.1",)}


def event(
    of: str, reason: str, message: str = "said by an event", namespace: str = "shop", **more: Any
) -> dict[str, Any]:
    return {"namespace": namespace, "object": of, "type": "Warning", "reason": reason, "message": message,
            "last_seen_at": MOMENT + HOUR} | more  # fmt: skip


AGAIN = event("service/web", "FailedToUpdateEndpointSlices", "node n9 not found", count=9, first_seen_at=MOMENT)


def pod(*containers: dict[str, Any], **of_pod: Any) -> Rows:
    """A Deployment of which no pod is ready."""
    return {pods.states: [UNREADY | of_pod], pods.containers: [*containers], **NONE_READY}


def waits(reason: str, **more: Any) -> Rows:
    """A container that waits; the kubelet says why."""
    return pod(CONTAINER | {"state": "waiting", "reason": reason, "message": "said by the kubelet"} | more)


def unplaced(message: str) -> Rows:
    """A pod for which the scheduler finds no node."""
    return pod(
        phase="Pending", node=None, scheduled=False, unscheduled_reason="Unschedulable", unscheduled_message=message
    )


def not_created(kind: str, why: str) -> Rows:
    """A controller whose pods the API server refuses."""
    short = {"created": 0, "ready": 0, "refused": f"FailedCreate: {why}"}
    of = {
        "deployment": controllers.deployments,
        "replicaset": controllers.replicasets,
        "daemonset": controllers.daemonsets,
    }
    return {controllers.deployments: [], of[kind]: [CONTROLLER | {"controller": f"{kind}/web"} | short]}


def hook(kind: str, **more: Any) -> Rows:
    return {control_plane.webhooks: [HOOK | {"configuration": f"{kind}/v"} | more]}


def class_missing() -> Rows:
    """Its claim waits, its pod waits for the claim, and the set for its pod."""
    said = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    waiting = UNREADY | {"owner": "statefulset/db", "phase": "Pending", "node": None, "scheduled": False, "claims": ("data",),
                         "unscheduled_message": said}  # fmt: skip
    return {storage.claims: [PENDING | {"storage_class": "fast"}], pods.states: [waiting],
            controllers.statefulsets: [SET | {"ready": 0, "created": 1}]}  # fmt: skip


IMAGE = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
CANNOT_START = (
    "CreateContainerConfigError",
    "CreateContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "RunContainerError",
)

DIAGNOSED: dict[str, Rows] = {
    # pods
    **{f"waits: {reason}": waits(reason) for reason in (*IMAGE, *CANNOT_START)},
    "crashing": pod(CRASHING),
    "crashing init container": pod(CRASHING | {"role": "init", "container": "migrate"}),
    "crashing beside ready ones": {pods.states: [POD, UNREADY], pods.containers: [CRASHING],
                                   controllers.deployments: [CONTROLLER | {"ready": 1}]},
    "ended": pod(CONTAINER | {"state": "terminated", "reason": "Error", "exit_code": 3}),
    "probe fails": pod(CONTAINER | {"state": "running"}) | {
        cluster.events: [event("pod/web-1", "Unhealthy", "Readiness probe failed: statuscode: 503")]},
    "sandbox": waits("ContainerCreating", message=None) | {
        cluster.events: [event("pod/web-1", "FailedCreatePodSandBox", "network plugin is not ready")]},
    "mount": waits("ContainerCreating", message=None) | {
        cluster.events: [event("pod/web-1", "FailedMount", 'secret "keys" not found')]},
    "pull secret": waits("ImagePullBackOff", message="pull access denied") | {
        cluster.events: [event("pod/web-1", "FailedToRetrieveImagePullSecret", "Unable to retrieve some pull secrets (regcred)")]},
    "pull secret of some registry": waits("ImagePullBackOff") | {
        cluster.events: [event("pod/web-1", "FailedToRetrieveImagePullSecret", "Unable to retrieve some pull secrets (regcred)")]},
    "unplaced": unplaced("0/3 nodes are available: 3 Insufficient cpu."),
    "unplaced for a device": unplaced('0/3 nodes are available: 3 request gpu: device class "gpu" does not exist.'),
    "not ready": pod(),
    "phase unknown": pod(phase="Unknown"),
    "failed": pod(CONTAINER | {"state": "terminated", "reason": "Error", "exit_code": 1}, phase="Failed", ended_s=60.0),
    "does not go": {pods.states: [POD, UNREADY | {"pod": "web-2", "deletion_overdue_s": 900.0}]},
    "restarted": {pods.containers: [CONTAINER | {
        "state": "running", "ready": True, "restarts": 3, "last_reason": "Error", "last_exit_code": 1, "last_ended_s": 60.0}]},
    # controllers
    "pods missing": {controllers.deployments: [CONTROLLER | {"created": 1, "ready": 1}]},
    "rollout stalled": {controllers.deployments: [
        CONTROLLER | {"updated": 1, "stalled": "ProgressDeadlineExceeded: timed out"}]},
    "no service account": not_created("deployment", "pods forbidden: error looking up service account shop/web: not found"),
    "replicas refused": not_created("replicaset", "exceeded nothing, but forbidden"),
    "daemon not ready": {pods.states: [UNREADY | {"owner": "daemonset/web"}], pods.containers: [CRASHING],
                         controllers.deployments: [],
                         controllers.daemonsets: [CONTROLLER | {"controller": "daemonset/web", "ready": 0}]},
    "set refused": {controllers.statefulsets: [SET | {"created": 0, "ready": 0}],
                    cluster.events: [event("statefulset/db", "FailedCreate", "create Pod db-0 failed: forbidden")]},
    "set not running": {pods.states: [POD, UNREADY | {"pod": "db-0", "owner": "statefulset/db", "phase": "Pending"}],
                        pods.containers: [CRASHING | {"pod": "db-0"}], controllers.statefulsets: [SET | {"ready": 0}]},
    "set without service": {controllers.statefulsets: [SET | {"service": "db"}]},
    "set without class": class_missing(),
    "scaled to 0 behind a service": ALONE | {
        pods.states: [], controllers.deployments: [CONTROLLER | dict.fromkeys(("desired", "created", "ready", "updated"), 0)],
        network.services: [SERVICE | {"ready": 0, "pods": 0, "owners": ()}]},
    # jobs
    "job failed": {jobs.runs: [JOB | {"state": "failed", "failure": "BackoffLimitExceeded"}]},
    "job retries": {jobs.runs: [JOB | {"state": "active", "failed": 2}]},
    **{f"cronjob: {reason}": {jobs.cronjobs: [CRON], cluster.events: [event("cronjob/nightly", reason)]}
       for reason in ("InvalidSchedule", "UnparseableSchedule", "UnknownTimeZone", "TooManyMissedTimes", "MissSchedule",
                      "FailedCreate")},
    "cronjob never succeeded": {jobs.runs: [], jobs.cronjobs: [CRON | {"last_succeeded_at": None}]},
    "cronjob failed and kept nothing": {jobs.runs: [], jobs.cronjobs: [CRON | {"last_succeeded_at": MOMENT - HOUR}]},
    "cronjob failed and kept its successes": {
        jobs.runs: [JOB | {"owner": "cronjob/nightly", "age_s": 99_999.0}],
        jobs.cronjobs: [CRON | {"last_succeeded_at": MOMENT - HOUR}]},
    "cronjob: its run goes on": {
        jobs.runs: [OVERRUN, OVERRUN | {"job": "nightly-1", "state": "complete", "age_s": 9_000.0, "ended_s": 8_400.0}],
        jobs.cronjobs: [CRON | HOURLY]},
    # services and ingresses
    "selects nothing": ALONE | {network.services: [SERVICE | GONE]},
    "nobody answers": ALONE | {network.services: [SERVICE | {"ready": 0, "not_ready": 2}]},
    "named port missing": {network.services: [SERVICE | {"unresolved_ports": ("80/TCP -> web",)}]},
    "port not declared": {network.services: [SERVICE | {"undeclared_ports": ("80/TCP -> 81",)}]},
    "balancer has no address": {network.services: [SERVICE | {"type": "LoadBalancer"}]},
    "balancer fails": {network.services: [BALANCED], cluster.events: [event("service/web", "UpdateLoadBalancerFailed")]},
    "address taken": {network.services: [SERVICE], cluster.events: [event("service/web", "ClusterIPAlreadyAllocated")]},
    "balancer does not serve a port": {network.services: [BALANCED | PORT_ERROR]},
    "ingress whose balancer does not serve a port": {network.ingresses: [INGRESS | PORT_ERROR]},
    "service warned of again and again": {network.services: [SERVICE], cluster.events: [AGAIN]},
    "ingress without service": {network.ingresses: [INGRESS | {"service_exists": False}]},
    "ingress without port": {network.ingresses: [INGRESS | {"port_exists": False}]},
    "ingress of no class": {network.ingresses: [INGRESS | {"class_exists": False, "class_name": None}]},
    "ingress of a class that is not there": {network.ingresses: [INGRESS | {"class_exists": False}]},
    # gateways
    "class of gateways not accepted": {gateways.classes: [GATEWAY_CLASS | REFUSED]},
    "gateway of no class": {gateways.gateways: [GATEWAY | {"gateway_class": "egde"}]},
    "gateway not accepted": {gateways.gateways: [GATEWAY | REFUSED]},
    "route without its gateway": {gateways.routes: [PARENT | {"exists": False, "allowed": None}]},
    "route of another namespace": {gateways.routes: [PARENT | {"target_namespace": "edge", "allowed": False}]},
    "route of other labels": {gateways.routes: [
        PARENT | {"target_namespace": "edge", "allowed": False, "takes": ("namespaces with team=a",)}]},
    "route without its service": {gateways.routes: [PARENT, BACKEND | {"exists": False, "at_exists": None}]},
    "route to a port that is not there": {gateways.routes: [PARENT, BACKEND | {"at_exists": False}]},
    # network policies
    "policy for nobody": {network.network_policies: [POLICY | UNFOUND]},
    "policy of a peer that is nobody": {network.network_policies: [POLICY, PEER | UNFOUND]},
    "policy of namespaces that are none": {network.network_policies: [
        POLICY, PEER | ACROSS | {"namespace_selector": ("team=b",), "namespaces": ()}]},
    "policy of a peer elsewhere that is nobody": {
        pods.states: [POD, POD | {"namespace": "infra", "pod": "dns", "owner": None, "labels": ("app=dns",), "ready": True}],
        network.network_policies: [POLICY, PEER | ACROSS | {"namespace_selector": ("team=a",), "namespaces": ("infra",)}]},
    "policy of a block without pods": {network.network_policies: [POLICY, PEER | BLOCK]},
    "policy of an exception without pods": {network.network_policies: [
        POLICY, PEER | BLOCK | {"block": "10.0.0.0/8", "in_pod_range": False, "finds_pod": True},
        PEER | BLOCK | {"excepted_from": "10.0.0.0/8"}]},
    # Cilium
    "cilium: policy for nobody": {cilium.policies: [CILIUM_POLICY | NOBODYS]},
    "cilium: policy of no node": {cilium.clusterwide_policies: [
        CILIUM_POLICY | {"namespace": "", "part": "nodes", "selector": ("role=edge",), "pod_selector": (), "finds": False}]},
    "cilium: address of no node": {cilium.endpoints: [CILIUM_ENDPOINT | {"node_address_exists": False}]},
    "cilium: pod ended": {cilium.endpoints: [CILIUM_ENDPOINT | {"pod_phase": "Failed", "pod_ended_s": 9_999.0}]},
    "cilium: pod gone": {cilium.endpoints: [CILIUM_ENDPOINT | PODLESS]},
    "cilium: identity of nobody": {cilium.identities: [CILIUM_IDENTITY | {"endpoints": 0, "marked_s": 9_999.0}]},
    "cilium: identity without label": {cilium.identities: [CILIUM_IDENTITY | {"namespace": None}]},
    "cilium: identity without namespace": {cilium.identities: [CILIUM_IDENTITY | {"namespace_exists": False}]},
    "cilium: identity without security label": {cilium.identities: [CILIUM_IDENTITY | {"security_namespace": None}]},
    "cilium: labels differ": {cilium.identities: [CILIUM_IDENTITY | {"namespace": "shop-old"}]},
    # storage
    "claim pending": {storage.claims: [PENDING]},
    "claim not provisioned": {storage.claims: [PENDING | {"age_s": 5.0}], cluster.events: [
        event("persistentvolumeclaim/data", "ProvisioningFailed", "out of disks")]},
    "claim of no class": {storage.claims: [PENDING | {"storage_class": None}], storage.classes: [CLASS]},
    "claim lost": {storage.claims: [CLAIM | {"phase": "Lost"}]},
    "volume pending": {storage.volumes: [{"volume": "v", "phase": "Pending", "age_s": 9_999.0}]},
    "volume failed": {storage.volumes: [{"volume": "v", "phase": "Failed"}]},
    "volume cannot be deleted": {
        storage.volumes: [{"volume": "v", "phase": "Released", "reclaim_policy": "Delete"}],
        cluster.events: [event("persistentvolume/v", "VolumeFailedDelete", "still attached", namespace="default")]},
    # autoscalers and budgets
    "target missing": {scaling.autoscalers: [HPA | {
        "scales": "deployment/gone", "able": False, "able_reason": "FailedGetScale: not found"}]},
    "target set missing": {scaling.autoscalers: [HPA | {
        "scales": "statefulset/gone", "able": False, "able_reason": "FailedGetScale: not found"}]},
    "target of another kind": {scaling.autoscalers: [HPA | {
        "scales": "daemonset/web", "able": False, "able_reason": "FailedGetScale: the server could not find it"}]},
    "metric not read": {scaling.autoscalers: [HPA | {"active": False, "active_reason": "FailedGetResourceMetric: no metrics"}]},
    "nothing requested": {scaling.autoscalers: [HPA | {
        "active": False, "active_reason": "FailedGetResourceMetric: missing request for cpu in container web"}]},
    "no metrics server": {control_plane.api_services: [API], scaling.autoscalers: [
        HPA | {"hpa": name, "active": False, "active_reason": "FailedGetResourceMetric: unable to fetch metrics"}
        for name in ("web", "api")]},
    "at its maximum": {scaling.autoscalers: [HPA | {"limited_reason": "TooManyReplicas: more"}]},
    "no CPU for its maximum": {autoscaling.autoscaled: [ROOM | {"max_replicas": 22}]},
    "no memory for its maximum": {autoscaling.autoscaled: [ROOM | {
        "max_replicas": 22, "bound_by": "memory", "memory_request_mib": 1024.0, "memory_free_mib": 8192.0}]},
    "no CPU for all at their maximum": {autoscaling.autoscaled: [ROOM | {"max_replicas": 10}, ROOM | {"hpa": "api"}]},
    "no memory for all at their maximum": {autoscaling.autoscaled: [
        ROOM | SMALL | {"max_replicas": 10}, ROOM | SMALL | {"hpa": "api"}]},
    "budget lets none go": {scaling.budgets: [PDB | {"disruptions_allowed": 0}]},
    "budget is not computed": {scaling.budgets: [PDB | {"failure": "SyncFailed: no controller"}]},
    "budget needs more than there are": {scaling.budgets: [
        PDB | {"disruptions_allowed": 0, "healthy": 2, "expected_pods": 2, "healthy_needed": 5}]},
    "budget selects nothing": {scaling.budgets: [
        PDB | {"selector": ("app=wbe",), "expected_pods": 0, "disruptions_allowed": 0, "healthy": 0, "owners": ()}]},
    "two budgets": {scaling.budgets: [PDB | {"selector": ("app=web",)}, PDB | {"pdb": "all", "selector": ("app in (api,web)",)}]},
    # nodes and the control plane
    "node down": {cluster.nodes: [NODE | {"ready": False, "status": "NotReady"}]},
    "node unknown": {cluster.nodes: [NODE | {"ready": False, "status": "Unknown"}]},
    **{f"node: {kind}": {cluster.nodes: [NODE | {"pressures": (kind,)}]}
       for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "OutOfDisk", "KernelDeadlock",
                    "KernelReady=False")},
    "node silent": {cluster.nodes: [NODE | {"pressures": ("DiskPressure=Unknown",)}]},
    "node cordoned": {cluster.nodes: [NODE | {"unschedulable": True}]},
    "binding without its role": {access.bindings: [BINDING | {"role_exists": False, "accounts": ("shop/deployer",)}]},
    "namespace does not go": {control_plane.namespaces: [GOING]},
    "version that a release removes is asked for": {control_plane.deprecated_requests: [STAYS, GOES]},
    "API server built long ago": {control_plane.api_servers: [SERVER | {"build_age_s": 40_000_000.0}]},
    "policy's expression does not fit": {control_plane.admission_policies: [ADMISSION | {
        "type_warnings": ("spec.validations[0].expression: undefined field 'replica'",)}]},
    "binding without its policy": {control_plane.admission_policies: [ADMISSION | {"policy_exists": False}]},
    **{f"{kind}: {case}": hook(f"{kind}webhookconfiguration", **more)
       for kind in ("validating", "mutating")
       for case, more in (("no service", {"service_exists": False, "ready_endpoints": None}), ("no pods", {"ready_endpoints": 0}))},
    # the Operator Lifecycle Manager
    "catalog of no image": {operators.catalogs: [CATALOG | {"image": "https://quay.example/hub"}]},
    "catalog without a digest": {operators.catalogs: [CATALOG | {"resolved": "quay.example/hub:latest"}]},
    "catalog not served": {operators.catalogs: [CATALOG | {"serving": False, "serving_reason": "Unavailable: no contents"}]},
    "catalog stuck": {operators.catalogs: [CATALOG | {"progress": "Retrying", "progress_reason": "Retrying: manifest unknown"}]},
    "extension of no policy": {operators.extensions: [EXTENSION | {"upgrade_policy": "Never"}]},
    "extension of no source": {operators.extensions: [EXTENSION | {"source_type": "Bundle"}]},
    "extension not installed": {operators.extensions: [
        EXTENSION | {"installed": False, "installed_reason": "Failed: no bundle installed"}]},
    "extension stuck": {operators.extensions: [EXTENSION | {"progress": "Blocked", "progress_reason": "Blocked: not permitted"}]},
    "version failed": {operators.versions: [VERSION | {
        "phase": "Failed", "reason": "UnsupportedOperatorGroup", "said": "UnsupportedOperatorGroup: no such mode"}]},
    "subscription not up to date": {operators.subscriptions: [
        SUBSCRIPTION | {"state": "UpgradePending", "current": "etcd.v2"}]},
    "plan not complete": {operators.install_plans: [
        PLAN | {"phase": "Failed", "said": "InstallComponentFailed: forbidden"}]},
    "catalog source not reached": {operators.catalog_sources: [CATALOG_SOURCE | {"state": "TRANSIENT_FAILURE"}]},
    "custom resource stuck": {custom_resources.states: [
        CUSTOM | {"deletion_overdue_s": 900.0, "finalizers": ("example.com/hold",)}]},
    "custom resource failed": {custom_resources.states: [
        CUSTOM | {"words": ("its phase is Failed",), "failed": ("Ready is False: NoDisk: full",), "failed_s": 9_999.0}]},
    "two operator groups": {operators.groups: [OPERATOR_GROUP, OPERATOR_GROUP | {"operator_group": "mine"}]},
}  # fmt: skip


@cache
def _every_case() -> dict[str, list[Finding]]:
    """All of them judged at once: each is a cluster of its own, in which all else is well."""
    read = {
        name: table(
            query,
            *(
                {"cluster": case} | row
                for case, rows in DIAGNOSED.items()
                for row in rows.get(query, WELL.get(query, []))
            ),
        )
        for name, query in QUERIES.items()
    }
    found = checks.cluster_diagnosis(Tables(tuple(DIAGNOSED), read, {}), thresholds=LIMITS)
    return {case: [one for one in found if one.cluster == case] for case in DIAGNOSED}


def diagnosed(case: str) -> list[Finding]:
    """What the diagnosis finds in a case."""
    return _every_case()[case]


USED = {"pod": "p", "namespace": "shop", "owner": "deployment/web", "cpu_millicores": 50.0, "memory_mib": 50.0,
        "cpu_request_millicores": 100, "memory_request_mib": 100.0, "cpu_of_request": 0.5, "memory_of_request": 0.5,
        "cpu_of_limit": 0.1, "memory_of_limit": 0.1}  # fmt: skip
PROBED = {"url": "https://a.example.com/", "samples": 5, "failed": 0, "failed_of_samples": 0.0, "refused": False}


def used(**row: Any) -> list[Finding]:
    return checks.usage_within_bounds(table(cluster.pod_usage, USED | row), thresholds=LIMITS)


def reserved(**row: Any) -> list[Finding]:
    return checks.requested_against_used(table(cluster.pod_usage, USED | row), thresholds=LIMITS)


def node_use(*rows: dict[str, Any]) -> list[Finding]:
    return checks.node_usage(table(cluster.node_usage, *rows), thresholds=LIMITS)


def orphan(why: str) -> list[Finding]:
    return checks.nothing_orphaned(
        filled(ORPHANS, ORPHAN | {"why": why, "monthly_effective": Decimal(9)}), thresholds=LIMITS
    )


def default_certificate() -> list[Finding]:
    """What an ingress controller shows where the Secret of a host is missing."""
    row = PROBED | {
        "certificate_left_days": 60.0,
        "certificate_ends_at": MOMENT,
        "certificate_error": "self-signed certificate",
    }
    return checks.certificates_valid(table(endpoints.health, row), thresholds=LIMITS)


def held_back() -> list[Finding]:
    row = {"cpu_throttled": 0.3, "memory_mib": 10.0, "memory_limited": True, "memory_of_limit": 0.1}
    return checks.saturation(table(metrics.saturation, row), thresholds=LIMITS)


def logged() -> list[Finding]:
    template = {"service": "web", "template": "could not reserve <num>", "levels": ("error",), "count": 3}
    return checks.errors_logged(filled(TEMPLATES, template), thresholds=LIMITS)


def log_refused() -> list[Finding]:
    return checks.logs_covered(coverage({"state": "refused", "reason": "connection refused"}))


CASES: dict[str, Callable[[], list[Finding]]] = {
    **{name: partial(diagnosed, name) for name in DIAGNOSED},
    "nothing is read": partial(judged, {}, tuple(QUERIES.values())),
    "requests are not told": partial(judged, {}, (control_plane.deprecated_requests,)),
    "cpu over request": partial(used, cpu_of_request=1.6),
    "memory over request": partial(used, memory_of_request=1.6),
    "memory near limit": partial(used, memory_of_limit=0.96),
    "cpu at limit": held_back,
    "memory idle": partial(reserved, memory_mib=10.0),
    "cpu idle": partial(reserved, cpu_millicores=5.0),
    "node cpu full": partial(node_use, {"cpu_of_allocatable": 0.95, "memory_of_allocatable": 0.1}),
    "node memory full": partial(node_use, {"cpu_of_allocatable": 0.1, "memory_of_allocatable": 0.95}),
    "node without figures": partial(node_use, {"cpu_of_allocatable": None}),
    "volume available": partial(orphan, "no claim has it"),
    "volume released": partial(orphan, "its claim is gone, and it is kept"),
    "default certificate": default_certificate,
    "errors in logs": logged,
    "log not read": log_refused,
}  # fmt: skip
