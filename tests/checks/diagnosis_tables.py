"""A cluster that is well, as rows of each table that the diagnosis reads, and what is found where some are otherwise."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from gocoffee_ops import checks
from gocoffee_ops.frames import Tables
from gocoffee_ops.model import Finding, Status, Thresholds
from gocoffee_ops.queries import (
    access,
    autoscaling,
    cilium,
    cluster,
    control_plane,
    controllers,
    custom_resources,
    diagnosis,
    gateways,
    jobs,
    network,
    nodes,
    operators,
    pods,
    scaling,
    storage,
)
from gocoffee_ops.queries.query import Query
from tests.checks.tables import table

OK, WARN, CRIT, UNKNOWN = Status.OK, Status.WARN, Status.CRIT, Status.UNKNOWN
QUERIES = {one.name: one for one in (*diagnosis.NAMESPACED, *diagnosis.CLUSTER_WIDE)}
Rows = dict[Query[...], list[dict[str, Any]]]

NODE = {
    "node": "n1", "status": "Ready", "unschedulable": False, "kubelet_version": "v1.36.3", "server_version": "v1.36.3",
    "cpu_allocatable_millicores": 1000, "memory_allocatable_mib": 1000.0, "pods_allocatable": 100,
}  # fmt: skip
LEASE = {"node": "n1", "renewed_s": 3.0, "duration_s": 40.0}
POD = {
    "namespace": "shop", "pod": "web-1", "owner": "deployment/web", "phase": "Running", "finished": False, "node": "n1",
    "scheduled": True, "labels": ("app=web",), "age_s": 9_999.0,
}  # fmt: skip
UNREADY = POD | {"ready": False}
CONTAINER = {
    "namespace": "shop", "pod": "web-1", "owner": "deployment/web", "container": "web", "role": "main", "ready": False,
}  # fmt: skip
CRASHING = CONTAINER | {"state": "waiting", "reason": "CrashLoopBackOff", "restarts": 9, "last_reason": "Error",
                        "last_exit_code": 1, "last_ended_s": 30.0}  # fmt: skip
CONTROLLER = {
    "namespace": "shop", "controller": "deployment/web", "desired": 2, "created": 2, "ready": 2, "updated": 2, "available": 2,
    "paused": False, "labels": ("app=web",), "age_s": 9_999.0,
}  # fmt: skip
JOB = {"namespace": "shop", "job": "seed", "state": "complete", "age_s": 60.0}
SERVICE = {
    "namespace": "shop", "service": "web", "type": "ClusterIP", "selector": ("app=web",), "ready": 2, "not_ready": 0,
    "pods": 2, "owners": ("deployment/web",), "age_s": 9_999.0,
}  # fmt: skip
INGRESS = {
    "namespace": "shop", "ingress": "web", "class_name": "nginx", "class_exists": True, "host": "a.example", "path": "/",
    "service": "web", "port": "80", "service_exists": True, "port_exists": True,
}  # fmt: skip
GATEWAY_CLASS = {"gateway_class": "edge", "controller": "edge.example/edge", "accepted": True, "age_s": 9_999.0}
GATEWAY = {"namespace": "shop", "gateway": "web", "gateway_class": "edge", "accepted": True, "age_s": 9_999.0}
PARENT = {
    "namespace": "shop", "route": "web", "hosts": ("a.example",), "part": "parent", "kind": "Gateway", "target_namespace": "shop",
    "target": "web", "exists": True, "allowed": True, "takes": ("its own namespace",),
}  # fmt: skip
BACKEND = PARENT | {"part": "backend", "kind": "Service", "at": "80", "at_exists": True, "allowed": None, "takes": ()}
POLICY = {
    "namespace": "shop", "policy": "web", "part": "pods", "selector": ("app=web",), "other_namespaces": False,
    "namespaces": ("shop",), "finds_pod": True,
}  # fmt: skip
CILIUM_POLICY = {
    "namespace": "shop", "policy": "web", "rule": 1, "part": "endpoints", "selector": ("app=web",), "everywhere": False,
    "namespaces": ("shop",), "pod_selector": ("app in (web)",), "finds": True,
}  # fmt: skip
CILIUM_ENDPOINT = {
    "namespace": "shop", "endpoint": "web-1", "identity": 4242, "identity_exists": True, "pod": "web-1", "pod_exists": True,
    "pod_phase": "Running", "pod_goes": False, "node": "n1", "node_exists": True, "node_address": "192.0.2.7",
    "node_address_exists": True, "age_s": 9_999.0,
}  # fmt: skip
CILIUM_IDENTITY = {
    "identity": "4242", "namespace": "shop", "security_namespace": "shop", "namespace_exists": True, "endpoints": 1,
    "age_s": 9_999.0,
}  # fmt: skip
CLAIM = {"namespace": "shop", "claim": "data", "phase": "Bound", "storage_class": "disk", "age_s": 9_999.0}
PENDING = CLAIM | {"phase": "Pending"}
CLASS = {"storage_class": "disk", "binding_mode": "Immediate"}
HPA = {
    "namespace": "shop", "hpa": "web", "scales": "deployment/web", "able": True, "active": True, "max_replicas": 3,
    "age_s": 9_999.0,
}  # fmt: skip
ROOM = {
    "namespace": "shop", "hpa": "web", "scales": "deployment/web", "current_replicas": 2, "max_replicas": 3,
    "cpu_request_millicores": 100, "memory_request_mib": 100.0, "fits": 8, "bound_by": "cpu", "fits_once_well": 8,
    "cpu_free_millicores": 800, "memory_free_mib": 800.0, "shared_cpu_free_millicores": 800, "shared_memory_free_mib": 800.0,
}  # fmt: skip
PDB = {
    "namespace": "shop", "pdb": "web", "bound": "minAvailable 1", "disruptions_allowed": 1, "healthy": 2,
    "healthy_needed": 1, "expected_pods": 2, "owners": ("deployment/web",), "age_s": 9_999.0,
}  # fmt: skip
QUOTA = {
    "namespace": "shop",
    "quota": "small",
    "resource": "pods",
    "used": 1.0,
    "hard": 9.0,
    "used_text": "1",
    "hard_text": "9",
}
HOOK = {
    "configuration": "validatingwebhookconfiguration/v", "webhook": "v.example.com", "failure_policy": "Fail",
    "service_namespace": "shop", "service": "web", "service_exists": True, "ready_endpoints": 1, "covers": ("CREATE pods",),
}  # fmt: skip
ADMISSION = {"policy": "owned", "binding": "owned", "policy_exists": True, "actions": ("Deny",)}
API = {"api_service": "v1.x.example", "group": "x.example", "available": True}
USAGE_API = {"api_service": "v1beta1.metrics.k8s.io", "group": "metrics.k8s.io", "available": True}
BINDING = {"namespace": "shop", "binding": "rolebinding/deployers", "role": "role/deployer", "role_exists": True, "subjects": 1,
           "age_s": 9_999.0}  # fmt: skip
SPACE = {"namespace": "shop", "phase": "Active"}
STAYS = {"group": "", "version": "v1", "resource": "endpoints"}
GOES = {
    "group": "storage.k8s.io",
    "version": "v1beta1",
    "resource": "volumeattributesclasses",
    "removed_release": "1.37",
}
SERVER = {"version": "v1.36.3", "build_age_s": 9_999_999.0}
GOING = SPACE | {"phase": "Terminating", "deletion_overdue_s": 900.0, "obstacles": ("SomeFinalizersRemain: a/b in 1",)}

VERSION = {
    "namespace": "shop", "version": "etcd.v1", "phase": "Succeeded", "reason": "InstallSucceeded", "said": "InstallSucceeded",
    "since_s": 9_999.0, "deployments": ("web",),
}  # fmt: skip
SUBSCRIPTION = {
    "namespace": "shop", "subscription": "etcd", "package": "etcd", "source_namespace": "shop", "source": "hub",
    "approval": "Automatic", "state": "AtLatestKnown", "state_since_s": 9_999.0, "installed": "etcd.v1", "current": "etcd.v1",
    "plan": "install-a", "unhealthy_catalogs": False,
}  # fmt: skip
PLAN = {
    "namespace": "shop", "plan": "install-a", "versions": ("etcd.v1",), "approval": "Automatic", "approved": True,
    "phase": "Complete", "since_s": 9_999.0,
}  # fmt: skip
CATALOG_SOURCE = {"namespace": "shop", "catalog_source": "hub", "state": "READY", "state_s": 9_999.0, "age_s": 99_999.0}
OPERATOR_GROUP = {"namespace": "shop", "operator_group": "all"}
DIGEST = f"@sha256:{'0a' * 32}"
CATALOG = {
    "catalog": "hub", "wanted": True, "image": "quay.example/hub:latest", "resolved": f"quay.example/hub{DIGEST}",
    "serving": True, "serving_since_s": 9_999.0, "progress": "Succeeded", "progress_since_s": 9_999.0,
}  # fmt: skip
EXTENSION = {
    "extension": "argo", "source_type": "Catalog", "package": "argo", "upgrade_policy": "CatalogProvided", "installed": True,
    "installed_since_s": 9_999.0, "progress": "Succeeded", "progress_since_s": 9_999.0,
}  # fmt: skip
CUSTOM = {
    "resource": "widgets.example.com", "namespace": "shop", "object": "widget.example.com/w", "age_s": 9_999.0, "judged": True,
}  # fmt: skip

WELL: Rows = {
    cluster.nodes: [NODE], nodes.leases: [LEASE], pods.states: [POD], controllers.deployments: [CONTROLLER],
    jobs.runs: [JOB], network.services: [SERVICE], network.ingresses: [INGRESS],
    network.network_policies: [POLICY],
    cilium.policies: [CILIUM_POLICY], cilium.endpoints: [CILIUM_ENDPOINT], cilium.identities: [CILIUM_IDENTITY],
    gateways.classes: [GATEWAY_CLASS], gateways.gateways: [GATEWAY], gateways.routes: [PARENT, BACKEND], storage.claims: [CLAIM],
    storage.classes: [CLASS], scaling.autoscalers: [HPA], scaling.budgets: [PDB], scaling.quotas: [QUOTA],
    control_plane.webhooks: [HOOK],
    control_plane.admission_policies: [ADMISSION], control_plane.api_services: [API, USAGE_API], control_plane.namespaces: [SPACE],
    control_plane.api_servers: [SERVER], control_plane.deprecated_requests: [STAYS],
    access.bindings: [BINDING],
    autoscaling.autoscaled: [ROOM],
    operators.versions: [VERSION], operators.subscriptions: [SUBSCRIPTION], operators.install_plans: [PLAN],
    operators.catalog_sources: [CATALOG_SOURCE], operators.groups: [OPERATOR_GROUP], operators.catalogs: [CATALOG],
    operators.extensions: [EXTENSION], custom_resources.states: [CUSTOM],
}  # fmt: skip


@cache
def well(query: Query[...], where: str) -> pd.DataFrame:
    """A table in which nothing is wrong; most of a state is, so each is made once."""
    rows = WELL.get(query, [])
    return table(query, *({"cluster": where} | row for row in rows), evidence=f"{query.name}()@cluster/{where}")


def state(rows: Rows, missing: tuple[Query[...], ...] = (), clusters: tuple[str, ...] = ("cluster",)) -> Tables:
    """Everything is well but for `rows`; of `missing`, nothing was read."""
    read: dict[str, pd.DataFrame] = {}
    for name, query in QUERIES.items():
        if query in missing:
            continue
        if query not in rows and len(clusters) == 1:
            read[name] = well(query, clusters[0])
            continue
        both = [{"cluster": where} | row for where in clusters for row in rows.get(query, WELL.get(query, []))]
        read[name] = table(query, *both, evidence=f"{name}()@cluster/{clusters[0]}")
    gaps = {one.name: dict.fromkeys(clusters, "forbidden") for one in missing}
    return Tables(clusters, read, gaps)


def judged(rows: Rows, missing: tuple[Query[...], ...] = (), clusters: tuple[str, ...] = ("cluster",)) -> list[Finding]:
    return checks.cluster_diagnosis(state(rows, missing, clusters), thresholds=Thresholds())


def wrong(findings: list[Finding]) -> list[tuple[Status, str, str]]:
    return [(one.status, one.check, one.subject) for one in findings if one.status is not OK]
