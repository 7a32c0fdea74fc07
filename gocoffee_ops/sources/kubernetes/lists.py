"""What can be listed, and what a whole list is."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from gocoffee_ops.sources.kubernetes import (
    access_shapes,
    cilium_shapes,
    cost_shapes,
    gateway_shapes,
    network_policy_shapes,
    network_shapes,
    operator_shapes,
    placement_shapes,
    pod_shapes,
    policy_shapes,
    shapes,
    state_shapes,
    workload_shapes,
)

T = TypeVar("T")
PAGE = 1000  # twice kubectl's own: half the round trips, for a page of pods of some 7 MB
METADATA_LIST = "PartialObjectMetadataList"


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A resource of the API and the shape that its items are decoded to."""

    plural: str
    shape: type[T]
    list_kind: str  # "" where only the server knows it
    group: str = ""
    version: str = "v1"

    @property
    def accept(self) -> str:
        """What form of the list is asked for: of metadata alone where that is all there is to decode.

        The second form is the only one accepted: a server that cannot leave the rest out must refuse.
        """
        if self.list_kind != METADATA_LIST:
            return "application/json"
        return f"application/json;as={METADATA_LIST};g=meta.k8s.io;v=v1"

    def listed_as(self, kind: str) -> bool:
        """Whether an answer of this kind is its list."""
        return kind == self.list_kind if self.list_kind else kind.endswith("List")

    @property
    def api(self) -> str:
        """The path of its API group."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str = "") -> str:
        """The path of its list; of one namespace, or of all."""
        return f"{self.api}/namespaces/{namespace}/{self.plural}" if namespace else f"{self.api}/{self.plural}"


PODS = Kind("pods", shapes.Pod, "PodList")
PLACED_PODS = Kind("pods", placement_shapes.PlacedPod, "PodList")
QUOTAS = Kind("resourcequotas", placement_shapes.Quota, "ResourceQuotaList")
LIMIT_RANGES = Kind("limitranges", placement_shapes.LimitRange, "LimitRangeList")
NODES = Kind("nodes", shapes.Node, "NodeList")
EVENTS = Kind("events", workload_shapes.Event, "EventList")
DEPLOYMENTS = Kind("deployments", workload_shapes.Deployment, "DeploymentList", "apps")
AUTOSCALERS = Kind(
    "horizontalpodautoscalers", workload_shapes.Autoscaler, "HorizontalPodAutoscalerList", "autoscaling", "v2"
)
BUDGETS = Kind("poddisruptionbudgets", workload_shapes.Budget, "PodDisruptionBudgetList", "policy")
NODE_USAGE = Kind("nodes", shapes.NodeMetrics, "NodeMetricsList", "metrics.k8s.io", "v1beta1")
POD_USAGE = Kind("pods", shapes.PodMetrics, "PodMetricsList", "metrics.k8s.io", "v1beta1")

# The same resources, with other fields decoded.
POD_STATES = Kind("pods", pod_shapes.PodState, "PodList")
POD_ENDPOINTS = Kind("pods", pod_shapes.PodPorts, "PodList")
NODE_STATES = Kind("nodes", state_shapes.Conditioned, "NodeList")
ROLLED_DEPLOYMENTS = Kind("deployments", state_shapes.Controller, "DeploymentList", "apps")
STATEFUL_SETS = Kind("statefulsets", state_shapes.Controller, "StatefulSetList", "apps")
DAEMON_SETS = Kind("daemonsets", state_shapes.Controller, "DaemonSetList", "apps")
REPLICA_SETS = Kind("replicasets", state_shapes.Controller, "ReplicaSetList", "apps")
CONTROLLER_REVISIONS = Kind("controllerrevisions", state_shapes.ControllerRevision, "ControllerRevisionList", "apps")
JOBS = Kind("jobs", state_shapes.Job, "JobList", "batch")
CRON_JOBS = Kind("cronjobs", state_shapes.CronJob, "CronJobList", "batch")
LEASES = Kind("leases", state_shapes.Lease, "LeaseList", "coordination.k8s.io")
NAMESPACES = Kind("namespaces", state_shapes.Conditioned, "NamespaceList")
API_SERVICES = Kind("apiservices", state_shapes.ApiService, "APIServiceList", "apiregistration.k8s.io")

SERVICES = Kind("services", network_shapes.Service, "ServiceList")
ENDPOINT_SLICES = Kind("endpointslices", network_shapes.EndpointSlice, "EndpointSliceList", "discovery.k8s.io")
INGRESSES = Kind("ingresses", network_shapes.Ingress, "IngressList", "networking.k8s.io")
INGRESS_CLASSES = Kind("ingressclasses", network_shapes.Named, "IngressClassList", "networking.k8s.io")
GATEWAY_CLASSES = Kind("gatewayclasses", gateway_shapes.GatewayClass, "GatewayClassList", gateway_shapes.GROUP)
GATEWAYS = Kind("gateways", gateway_shapes.Gateway, "GatewayList", gateway_shapes.GROUP)
HTTP_ROUTES = Kind("httproutes", gateway_shapes.HttpRoute, "HTTPRouteList", gateway_shapes.GROUP)
SERVICE_VERSIONS = Kind(
    "clusterserviceversions",
    operator_shapes.ServiceVersion,
    "ClusterServiceVersionList",
    operator_shapes.GROUP,
    "v1alpha1",
)
SUBSCRIPTIONS = Kind(
    "subscriptions", operator_shapes.Subscription, "SubscriptionList", operator_shapes.GROUP, "v1alpha1"
)
INSTALL_PLANS = Kind("installplans", operator_shapes.InstallPlan, "InstallPlanList", operator_shapes.GROUP, "v1alpha1")
CATALOG_SOURCES = Kind(
    "catalogsources", operator_shapes.CatalogSource, "CatalogSourceList", operator_shapes.GROUP, "v1alpha1"
)
OPERATOR_GROUPS = Kind("operatorgroups", operator_shapes.OperatorGroup, "OperatorGroupList", operator_shapes.GROUP)
CLUSTER_CATALOGS = Kind(
    "clustercatalogs", operator_shapes.ClusterCatalog, "ClusterCatalogList", operator_shapes.GROUP_OF_EXTENSIONS
)
CLUSTER_EXTENSIONS = Kind(
    "clusterextensions", operator_shapes.ClusterExtension, "ClusterExtensionList", operator_shapes.GROUP_OF_EXTENSIONS
)
NETWORK_POLICIES = Kind(
    "networkpolicies", network_policy_shapes.NetworkPolicy, "NetworkPolicyList", "networking.k8s.io"
)
ADDRESSED_PODS = Kind("pods", network_policy_shapes.AddressedPod, "PodList")
RANGED_NODES = Kind("nodes", network_policy_shapes.RangedNode, "NodeList")
LABELLED_NAMESPACES = Kind("namespaces", network_policy_shapes.Labelled, "NamespaceList")
CILIUM_IDENTITIES = Kind(
    "ciliumidentities", cilium_shapes.Identity, "CiliumIdentityList", cilium_shapes.GROUP, cilium_shapes.VERSION
)
CILIUM_ENDPOINTS = Kind(
    "ciliumendpoints", cilium_shapes.Endpoint, "CiliumEndpointList", cilium_shapes.GROUP, cilium_shapes.VERSION
)
CILIUM_POLICIES = Kind(
    "ciliumnetworkpolicies", cilium_shapes.Policy, "CiliumNetworkPolicyList", cilium_shapes.GROUP, cilium_shapes.VERSION
)
CILIUM_CLUSTERWIDE_POLICIES = Kind(
    "ciliumclusterwidenetworkpolicies",
    cilium_shapes.Policy,
    "CiliumClusterwideNetworkPolicyList",
    cilium_shapes.GROUP,
    cilium_shapes.VERSION,
)
ADDRESSED_NODES = Kind("nodes", cilium_shapes.AddressedNode, "NodeList")
HOSTED_PODS = Kind("pods", cilium_shapes.HostedPod, "PodList")
VALIDATING = Kind(
    "validatingwebhookconfigurations",
    network_shapes.WebhookConfiguration,
    "ValidatingWebhookConfigurationList",
    "admissionregistration.k8s.io",
)
MUTATING = Kind(
    "mutatingwebhookconfigurations",
    network_shapes.WebhookConfiguration,
    "MutatingWebhookConfigurationList",
    "admissionregistration.k8s.io",
)
ADMISSION_POLICIES = Kind(
    "validatingadmissionpolicies",
    network_shapes.AdmissionPolicy,
    "ValidatingAdmissionPolicyList",
    "admissionregistration.k8s.io",
)
ADMISSION_BINDINGS = Kind(
    "validatingadmissionpolicybindings",
    network_shapes.AdmissionBinding,
    "ValidatingAdmissionPolicyBindingList",
    "admissionregistration.k8s.io",
)

CLAIMS = Kind("persistentvolumeclaims", policy_shapes.Claim, "PersistentVolumeClaimList")
VOLUMES = Kind("persistentvolumes", policy_shapes.Volume, "PersistentVolumeList")
STORAGE_CLASSES = Kind("storageclasses", policy_shapes.StorageClass, "StorageClassList", "storage.k8s.io")
SCALERS = Kind("horizontalpodautoscalers", policy_shapes.Scaler, "HorizontalPodAutoscalerList", "autoscaling", "v2")
DISRUPTION_BUDGETS = Kind("poddisruptionbudgets", policy_shapes.DisruptionBudget, "PodDisruptionBudgetList", "policy")

PRICED_NODES = Kind("nodes", cost_shapes.PricedNode, "NodeList")
PRICED_VOLUMES = Kind("persistentvolumes", cost_shapes.PricedVolume, "PersistentVolumeList")
CLAIMING_DEPLOYMENTS = Kind("deployments", cost_shapes.Claiming, "DeploymentList", "apps")
CLAIMING_SETS = Kind("statefulsets", cost_shapes.Claiming, "StatefulSetList", "apps")
CLAIMING_CRON_JOBS = Kind("cronjobs", cost_shapes.Scheduled, "CronJobList", "batch")
MOUNTING_PODS = Kind("pods", cost_shapes.Mounting, "PodList")
SIZED_PODS = Kind("pods", cost_shapes.SizedPod, "PodList")
RESOURCE_SCALERS = Kind(
    "horizontalpodautoscalers", cost_shapes.ResourceScaler, "HorizontalPodAutoscalerList", "autoscaling", "v2"
)

ROLE_BINDINGS = Kind("rolebindings", access_shapes.RoleBinding, "RoleBindingList", access_shapes.GROUP)
CLUSTER_ROLE_BINDINGS = Kind(
    "clusterrolebindings", access_shapes.RoleBinding, "ClusterRoleBindingList", access_shapes.GROUP
)
ROLE_METADATA = Kind("roles", access_shapes.RoleName, METADATA_LIST, access_shapes.GROUP)
CLUSTER_ROLE_METADATA = Kind("clusterroles", access_shapes.RoleName, METADATA_LIST, access_shapes.GROUP)
NODE_POOLS = Kind("nodepools", network_shapes.Named, METADATA_LIST, "karpenter.sh")

# Metadata alone: values of these do not leave the API server as what they are.
CONFIG_MAP_METADATA = Kind("configmaps", state_shapes.Managed, METADATA_LIST)
STATUS_MAPS = Kind("configmaps", state_shapes.StatusMap, METADATA_LIST)
SECRET_METADATA = Kind("secrets", state_shapes.Managed, METADATA_LIST)


@dataclass
class Listing(Generic[T]):
    """What was made of a whole list of `count` items, as of one resourceVersion."""

    items: list[T] = field(default_factory=list)
    count: int = 0
    resource_version: str = ""
    pages: int = 0
    restarts: int = 0


@cache
def page_decoder(shape: Hashable) -> msgspec.json.Decoder[Any]:
    """The decoder of one page of a list of `shape`."""
    return msgspec.json.Decoder(shapes.ListOf[shape])  # type: ignore[valid-type]
