"""What of a cluster costs: nodes, volumes and who claims them, load balancers, and what containers ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gocoffee_ops.analysis.quantities import exact, mib, whole
from gocoffee_ops.queries.changes import template_written_at
from gocoffee_ops.queries.cluster import NOT_ENDED
from gocoffee_ops.queries.cost_schemas import BALANCER_TABLE, CONTAINER_TABLE, NODE_TABLE, VOLUME_TABLE
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, owner, pairs
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.service_endpoints import Selected, counts, owners
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.cost_shapes import (
    Claiming,
    Mounting,
    PricedNode,
    PricedVolumeSpec,
    ResourceScaler,
    SizedContainer,
    SizedMeta,
    SizedPod,
)
from gocoffee_ops.sources.kubernetes.lists import (
    CLAIMING_CRON_JOBS,
    CLAIMING_DEPLOYMENTS,
    CLAIMING_SETS,
    CLAIMS,
    DAEMON_SETS,
    MOUNTING_PODS,
    PRICED_NODES,
    PRICED_VOLUMES,
    RESOURCE_SCALERS,
    ROLLED_DEPLOYMENTS,
    SERVICES,
    SIZED_PODS,
    STATEFUL_SETS,
)
from gocoffee_ops.sources.kubernetes.pod_shapes import PodVolume
from gocoffee_ops.sources.kubernetes.shapes import NONE, Quantities, resources_of

GIB = 1 << 30
ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
POOLS = (  # the labels by which providers name a group of nodes
    "karpenter.sh/nodepool", "eks.amazonaws.com/nodegroup", "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool", "kubernetes.azure.com/agentpool", "agentpool", "doks.digitalocean.com/node-pool",
    "node.kubernetes.io/pool", "pool",
)  # fmt: skip
CAPACITY_TYPES = {  # a label, and what its values mean
    "karpenter.sh/capacity-type": {"spot": "spot", "on-demand": "on-demand", "reserved": "reserved"},
    "eks.amazonaws.com/capacityType": {"SPOT": "spot", "ON_DEMAND": "on-demand", "CAPACITY_BLOCK": "reserved"},
    "cloud.google.com/gke-spot": {"true": "spot"},
    "cloud.google.com/gke-preemptible": {"true": "spot"},
    "cloud.google.com/gke-provisioning": {"spot": "spot", "preemptible": "spot", "standard": "on-demand"},
    "kubernetes.azure.com/scalesetpriority": {"spot": "spot", "regular": "on-demand"},
}
IN_TREE = {
    "aws_elastic_block_store": "kubernetes.io/aws-ebs", "gce_persistent_disk": "kubernetes.io/gce-pd",
    "azure_disk": "kubernetes.io/azure-disk", "nfs": "kubernetes.io/nfs", "host_path": "kubernetes.io/host-path",
    "local": "kubernetes.io/local-volume",
}  # fmt: skip
JVM = frozenset(
    {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JAVA_OPTS", "JAVA_HOME", "JVM_OPTS", "CATALINA_OPTS"}
)
GO_LIMIT = "GOMEMLIMIT"
JVM_IMAGE = re.compile(r"(^|[/:_.-])(openjdk|jdk|jre|jvm|java|temurin|corretto|zulu|graalvm)([/:_.0-9-]|$)")


@query("cluster", NODE_TABLE)
def cost_nodes(ask: Ask[Cluster]) -> Rows:
    """Which nodes are paid for: what the provider calls them, of which type and where, and how large?

    API: core/v1 nodes. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    return Rows([_node_row(one, ask.as_of) for one in lists.all(PRICED_NODES)], notes=lists.notes())


def _node_row(node: PricedNode, as_of: datetime) -> dict[str, Any]:
    labels = node.metadata.labels or {}
    capacity = node.status.capacity or {}
    allocatable = node.status.allocatable or capacity
    kinds = (known.get(labels.get(label, "")) for label, known in CAPACITY_TYPES.items())
    return {
        "node": node.metadata.name,
        "provider_id": node.spec.provider_id or None,
        "instance_type": labels.get(INSTANCE_TYPE),
        "region": labels.get(REGION),
        "zone": labels.get(ZONE),
        "pool": next((labels[name] for name in POOLS if name in labels), None),
        "capacity_type": next((kind for kind in kinds if kind), None),
        "cpu_cores": _cores(capacity) or 0.0,
        "memory_gib": _gib(capacity.get("memory")) or 0.0,
        "allocatable_cpu_cores": _cores(allocatable) or 0.0,
        "allocatable_memory_gib": _gib(allocatable.get("memory")) or 0.0,
        "gpus": sum(whole(value) for name, value in capacity.items() if name.endswith("/gpu")),
        "control_plane": any(role in labels for role in CONTROL_PLANE),
        "schedulable": not node.spec.unschedulable,
        "created_at": node.metadata.creation_timestamp,
        "age_s": ago_s(node.metadata.creation_timestamp, as_of),
    }


@query("cluster", VOLUME_TABLE)
def volumes(ask: Ask[Cluster]) -> Rows:
    """Which volumes are paid for, and whose are they, though no pod may have them now? (C17)

    A claim's owner is the StatefulSet that made it, also one that is scaled to 0; a Deployment or a CronJob whose template names
    it; who its own metadata names; or else the workload of the pods that have it.

    API: core/v1 persistentvolumes, persistentvolumeclaims and pods, apps/v1 statefulsets and deployments, batch/v1 cronjobs.
    Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    claims = {(one.metadata.namespace, one.metadata.name): one.metadata for one in lists.all(CLAIMS)}
    mounted: dict[tuple[str, str], list[Mounting]] = {}
    for pod in lists.all(MOUNTING_PODS, field_selector=NOT_ENDED):
        for name in _claim_names(pod.spec.volumes, pod.metadata.name):
            mounted.setdefault((pod.metadata.namespace, name), []).append(pod)
    templates = _templates(lists)
    rows = []
    for one in lists.all(PRICED_VOLUMES):
        spec, ref = one.spec, one.spec.claim_ref
        key = (ref.namespace, ref.name) if ref else ("", "")
        claim, pods = claims.get(key), mounted.get(key, [])
        whose, replicas = templates.owner(*key)
        if whose is None and claim is not None:
            made_by = next((f"{each.kind.lower()}/{each.name}" for each in claim.owner_references or ()), None)
            whose = made_by or next((owner(pod.metadata) or f"pod/{pod.metadata.name}" for pod in pods), None)
        driver, handle = _where(spec)
        rows.append(
            {
                "volume": one.metadata.name,
                "driver": driver,
                "volume_handle": handle,
                "storage_class": spec.storage_class_name or None,
                "phase": one.status.phase,
                "reclaim_policy": spec.reclaim_policy,
                "capacity_gib": _gib((spec.capacity or {}).get("storage")),
                "claim_namespace": ref.namespace if ref else None,
                "claim": ref.name if ref else None,
                "claim_exists": claim is not None if ref else None,
                "claim_owner": whose,
                "owner_replicas": replicas,
                "mounted_by": sorted(pod.metadata.name for pod in pods),
                "labels": pairs(claim.labels if claim else one.metadata.labels),
                "created_at": one.metadata.creation_timestamp,
                "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


@dataclass(frozen=True)
class _Templates:
    """Which workloads name which claims, whether they have pods now or not."""

    named: Mapping[tuple[str, str], tuple[str, int | None]]
    sets: Mapping[str, Sequence[Claiming]]  # StatefulSets by namespace

    def owner(self, namespace: str, claim: str) -> tuple[str | None, int | None]:
        """Whose claim it is, and how many replicas that wants."""
        for one in self.sets.get(namespace, ()):
            for template in one.spec.volume_claim_templates or ():
                prefix = f"{template.metadata.name}-{one.metadata.name}-"
                if claim.startswith(prefix) and claim.removeprefix(prefix).isdigit():
                    return f"statefulset/{one.metadata.name}", one.spec.replicas
        return self.named.get((namespace, claim), (None, None))


def _templates(lists: Lists) -> _Templates:
    named: dict[tuple[str, str], tuple[str, int | None]] = {}
    sets: dict[str, list[Claiming]] = {}
    for kind, found in (("deployment", lists.all(CLAIMING_DEPLOYMENTS)), ("statefulset", lists.all(CLAIMING_SETS))):
        for one in found:
            meta = one.metadata
            if kind == "statefulset":
                sets.setdefault(meta.namespace, []).append(one)
            for name in _claim_names(one.spec.template.spec.volumes):
                named[meta.namespace, name] = (f"{kind}/{meta.name}", one.spec.replicas)
    for job in lists.all(CLAIMING_CRON_JOBS):
        for name in _claim_names(job.spec.job_template.spec.template.spec.volumes):
            named[job.metadata.namespace, name] = (f"cronjob/{job.metadata.name}", None)
    return _Templates(named, sets)


def _claim_names(volumes: Iterable[PodVolume] | None, pod: str = "") -> Iterator[str]:
    """The claims that volumes are of; an ephemeral one is named after its pod."""
    for one in volumes or ():
        if one.persistent_volume_claim is not None:
            yield one.persistent_volume_claim.claim_name
        elif one.ephemeral is not None and pod:
            yield f"{pod}-{one.name}"


def _where(spec: PricedVolumeSpec) -> tuple[str | None, str | None]:
    if spec.csi is not None:
        return spec.csi.driver or None, spec.csi.volume_handle or None
    for name, driver in IN_TREE.items():
        found = getattr(spec, name)
        if found is not None:
            return driver, found.handle or None
    return None, None


@query("cluster", BALANCER_TABLE)
def load_balancers(ask: Ask[Cluster]) -> Rows:
    """Which Services have a load balancer, at which addresses, and does anything stand behind it?

    Those that an Ingress' or a Gateway's controller made are not Services: the bill has them.

    API: core/v1 services and pods, discovery.k8s.io/v1 endpointslices. Permission: list them. Raises SourceError.
    """
    lists = Lists(ask)
    found = [one for one in lists.all(SERVICES) if one.spec.type == "LoadBalancer"]
    endpoints, selected = counts(lists), Selected(lists)
    rows = []
    for one in found:
        meta, pods = one.metadata, selected.of(one)
        here = endpoints.get((meta.namespace, meta.name))
        rows.append(
            {
                "namespace": meta.namespace,
                "service": meta.name,
                "service_uid": meta.uid,
                "addresses": [each.ip or each.hostname for each in one.status.load_balancer.ingress or ()],
                "ports": [f"{port.port}/{port.protocol}" for port in one.spec.ports or ()],
                "ready": len(here.ready) if here else 0,
                "not_ready": here.not_ready if here else 0,
                "pods": len(pods),
                "owners": owners(pods),
                "labels": pairs(meta.labels),
                "created_at": meta.creation_timestamp,
                "age_s": ago_s(meta.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


@query("cluster", CONTAINER_TABLE)
def containers(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """What does each container ask for, whose is it, and what sizes it already: an autoscaler, or its own runtime?

    Only names of variables are decoded. What an image sets itself, or a ConfigMap (`envFrom`), is not seen; a JVM is told by its
    image's name too.

    API: core/v1 pods, apps/v1 deployments, statefulsets and daemonsets, autoscaling/v2 horizontalpodautoscalers. Permission:
    list them, in `namespace` or in the whole cluster. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    pods = lists.all(SIZED_PODS, namespace=namespace, field_selector=NOT_ENDED)
    scalers: dict[tuple[str, str], ResourceScaler] = {}
    for one in lists.all(RESOURCE_SCALERS, namespace=namespace):
        target = one.spec.scale_target_ref
        scalers[one.metadata.namespace, f"{target.kind.lower()}/{target.name}"] = one
    written = {}
    kinds = (("deployment", ROLLED_DEPLOYMENTS), ("statefulset", STATEFUL_SETS), ("daemonset", DAEMON_SETS))
    for name, kind in kinds:
        for each in lists.all(kind, namespace=namespace):
            at = template_written_at(each.metadata.managed_fields or ())
            written[each.metadata.namespace, f"{name}/{each.metadata.name}"] = at
    rows = [row for pod in pods for row in _container_rows(pod, scalers, written)]
    return Rows(rows, notes=lists.notes())


def _container_rows(
    pod: SizedPod, scalers: Mapping[tuple[str, str], ResourceScaler], written: Mapping[tuple[str, str], datetime | None]
) -> Iterator[dict[str, Any]]:
    meta = pod.metadata
    workload = workload_of(meta)
    scaler = scalers.get((meta.namespace, workload))
    about = {
        "namespace": meta.namespace,
        "workload": workload,
        "pod": meta.name,
        "pod_uid": meta.uid,
        "node": pod.spec.node_name or None,
        "daemonset": workload.startswith("daemonset/"),
        "hpa": scaler.metadata.name if scaler else None,
        "spec_changed_at": written.get((meta.namespace, workload)),
        "labels": pairs(meta.labels),
        "created_at": meta.creation_timestamp,
    }
    sidecars = [one for one in pod.spec.init_containers or () if one.sidecar]
    for one in (*pod.spec.containers, *sidecars):
        resources = resources_of(bytes(one.resources)) if one.resources is not NONE else None
        requests, limits = ((resources.requests or {}), (resources.limits or {})) if resources else ({}, {})
        runtime, names = _runtime(one)
        yield {
            **about,
            "container": one.name,
            "sidecar": one.sidecar,
            "cpu_request_cores": _cores(requests),
            "cpu_limit_cores": _cores(limits),
            "memory_request_mib": _mib(requests.get("memory")),
            "memory_limit_mib": _mib(limits.get("memory")),
            "hpa_on_cpu": scales_by(scaler, "cpu", one.name),
            "hpa_on_memory": scales_by(scaler, "memory", one.name),
            "runtime": runtime,
            "runtime_env": names,
        }


def workload_of(meta: SizedMeta) -> str:
    """The workload of a pod; without a maker, itself."""
    return owner(meta) or f"pod/{meta.name}"


def scales_by(scaler: ResourceScaler | None, resource: str, container: str) -> bool:
    """Whether an autoscaler looks at a resource of a container; one that names no metric looks at CPU."""
    if scaler is None:
        return False
    if not scaler.spec.metrics:
        return resource == "cpu"
    for one in scaler.spec.metrics:
        if one.resource is not None and one.resource.name == resource:
            return True
        of = one.container_resource
        if of is not None and of.name == resource and of.container == container:
            return True
    return False


def _runtime(container: SizedContainer) -> tuple[str | None, list[str]]:
    names = sorted({one.name for one in container.env or ()} & (JVM | {GO_LIMIT}))
    if GO_LIMIT in names:
        return GO_LIMIT, names
    return ("JVM" if names or JVM_IMAGE.search(container.image.lower()) else None), names


def _cores(quantities: Quantities) -> float | None:
    return float(exact(quantities["cpu"])) if "cpu" in quantities else None


def _gib(text: str | None) -> float | None:
    return whole(text) / GIB if text else None


def _mib(text: str | None) -> float | None:
    return mib(whole(text)) if text else None
