"""The command line of each component of the control plane."""

from __future__ import annotations

from pathlib import Path

from tests.testbed.binaries import Binaries
from tests.testbed.layout import Layout

KWOK_CONFIGURATION = Path(__file__).parent / "kwok.yaml"
KWOK_CRDS = Path(__file__).parent / "kwok_crds.yaml"


def etcd(binaries: Binaries, layout: Layout) -> list[str]:
    peer = f"http://127.0.0.1:{layout.ports['etcd-peer']}"
    return [
        binaries.path("etcd"),
        f"--data-dir={layout.root / 'etcd'}",
        f"--listen-client-urls={layout.etcd}",
        f"--advertise-client-urls={layout.etcd}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # nothing here outlives the tests
        "--log-level=warn",
    ]


def apiserver(binaries: Binaries, layout: Layout) -> list[str]:
    return [
        binaries.path("kube-apiserver"),
        f"--etcd-servers={layout.etcd}",
        "--bind-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # a loopback address may not stand in an Endpoints object
        f"--secure-port={layout.ports['apiserver']}",
        f"--cert-dir={layout.root / 'pki'}",
        f"--tls-cert-file={layout.pki('serving.crt')}",
        f"--tls-private-key-file={layout.pki('serving.key')}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={layout.pki('tokens.csv')}",
        f"--client-ca-file={layout.pki('ca.crt')}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={layout.pki('service-accounts.key')}",
        f"--service-account-signing-key-file={layout.pki('service-accounts.key')}",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--requestheader-client-ca-file={layout.pki('ca.crt')}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={layout.pki('front-proxy.crt')}",
        f"--proxy-client-key-file={layout.pki('front-proxy.key')}",
        "--kubelet-preferred-address-types=ExternalDNS",  # where kwok says that its kubelets are reached
    ]


def controller_manager(binaries: Binaries, layout: Layout) -> list[str]:
    return [
        binaries.path("kube-controller-manager"),
        *_secured(layout, "controller-manager"),
        "--leader-elect=false",
        f"--service-account-private-key-file={layout.pki('service-accounts.key')}",
        f"--root-ca-file={layout.pki('ca.crt')}",
        # The scenario's NotReady node stays as it is: after five minutes its pods would be evicted otherwise.
        "--controllers=*,-taint-eviction-controller",
        "--node-monitor-period=1s",
        "--node-monitor-grace-period=300s",  # a starved machine must not fail nodes that the scenario wants healthy
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=1s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
    ]


def scheduler(binaries: Binaries, layout: Layout) -> list[str]:
    return [binaries.path("kube-scheduler"), *_secured(layout, "scheduler"), "--leader-elect=false"]


def kwok(binaries: Binaries, layout: Layout) -> list[str]:
    port = layout.ports["kwok"]
    return [
        binaries.path("kwok"),
        f"--config={KWOK_CONFIGURATION}",
        f"--kubeconfig={layout.kubeconfig('admin')}",
        "--manage-all-nodes=true",
        "--enable-crds=Logs,Exec",
        "--node-ip=127.0.0.1",
        f"--node-port={port}",
        f"--server-address=127.0.0.1:{port}",
        "--cidr=10.244.0.0/16",
        "--node-lease-duration-seconds=40",
        f"--tls-cert-file={layout.pki('serving.crt')}",
        f"--tls-private-key-file={layout.pki('serving.key')}",
    ]


def metrics_server(binaries: Binaries, layout: Layout) -> list[str]:
    return [
        binaries.path("metrics-server"),
        *_secured(layout, "metrics-server"),
        "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=ExternalDNS",
        f"--kubelet-certificate-authority={layout.pki('ca.crt')}",
        "--kubelet-request-timeout=5s",
        "--metric-resolution=10s",  # the shortest that it accepts
    ]


def _secured(layout: Layout, component: str) -> list[str]:
    kubeconfig = layout.kubeconfig("admin")
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.ports[component]}",
        f"--tls-cert-file={layout.pki('serving.crt')}",
        f"--tls-private-key-file={layout.pki('serving.key')}",
    ]


def metrics_registration(layout: Layout) -> list[dict[str, object]]:
    """The Service and APIService through which the API server reaches metrics-server on loopback."""
    port = layout.ports["metrics-server"]
    metadata = {"name": "metrics-server", "namespace": "kube-system"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"name": "https", "port": port}]},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "service": {**metadata, "port": port},
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": False,
            },
        },
    ]


def api_server_endpoint() -> dict[str, object]:
    """What an API server writes for the Service `kubernetes`; ours is on loopback, which may not stand there."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
    }
