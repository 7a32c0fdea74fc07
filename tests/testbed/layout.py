"""Where one control plane keeps its files, which ports it uses, and the certificates and tokens of its users."""

from __future__ import annotations

import json
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

import trustme
import yaml

USERS = ("admin", "reader", "nobody")
COMPONENTS = ("etcd", "etcd-peer", "apiserver", "controller-manager", "scheduler", "kwok", "metrics-server")


@dataclass(frozen=True)
class Layout:
    """The files and ports of one control plane; nothing is shared with another one on the same machine."""

    root: Path
    name: str
    ports: dict[str, int] = field(default_factory=lambda: free_ports(COMPONENTS))

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.ports['apiserver']}"

    @property
    def etcd(self) -> str:
        return f"http://127.0.0.1:{self.ports['etcd']}"

    def pki(self, name: str) -> Path:
        return self.root / "pki" / name

    def kubeconfig(self, user: str) -> Path:
        return self.root / "kubeconfig" / f"{user}.yaml"

    def log(self, component: str) -> Path:
        return self.root / "logs" / f"{component}.log"

    @property
    def lease(self) -> Path:
        return self.root / "lease.sock"

    @property
    def ready(self) -> Path:
        return self.root / "ready.json"

    @property
    def failed(self) -> Path:
        return self.root / "failed.txt"


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """A free loopback port for each name; they are held together, so that no two are the same."""
    held: list[socket.socket] = []
    try:
        held += [_bound() for _ in names]
        return {name: one.getsockname()[1] for name, one in zip(names, held, strict=True)}
    finally:
        for one in held:
            one.close()


def _bound() -> socket.socket:
    """Below the ports of outgoing connections: one of those could take it before its server does."""
    for _ in range(100):
        one = socket.socket()
        try:
            one.bind(("127.0.0.1", 20000 + secrets.randbelow(12000)))
        except OSError:
            one.close()
        else:
            return one
    raise OSError("no free loopback port in a hundred attempts")


def prepare(layout: Layout) -> str:
    """Write certificates, static tokens and the admin's kubeconfig; return the admin's token."""
    for folder in ("pki", "kubeconfig", "logs", "etcd"):
        (layout.root / folder).mkdir(mode=0o700)
    authority = trustme.CA(organization_name="gocoffee-ops testbed")
    authority.cert_pem.write_to_path(layout.pki("ca.crt"))
    issued = {
        "serving": authority.issue_cert("127.0.0.1", "localhost", "kubernetes", "metrics-server.kube-system.svc"),
        "front-proxy": authority.issue_cert("front-proxy-client", common_name="front-proxy-client"),
        "service-accounts": authority.issue_cert("service-accounts"),
    }
    for name, pair in issued.items():
        pair.private_key_pem.write_to_path(layout.pki(f"{name}.key"))
        layout.pki(f"{name}.crt").write_bytes(b"".join(blob.bytes() for blob in pair.cert_chain_pems))
    tokens = {user: secrets.token_hex(16) for user in ("admin", "nobody")}
    layout.pki("tokens.csv").write_text(
        f'{tokens["admin"]},admin,admin,"system:masters"\n{tokens["nobody"]},nobody,nobody\n'
    )
    for user, token in tokens.items():
        write_kubeconfig(layout, user, token)
    return tokens["admin"]


def write_kubeconfig(layout: Layout, user: str, token: str) -> None:
    """One context, called like the control plane, so that several kubeconfigs can stand side by side."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": layout.name,
        "clusters": [
            {
                "name": layout.name,
                "cluster": {"server": layout.server, "certificate-authority": str(layout.pki("ca.crt"))},
            }
        ],
        "users": [{"name": f"{user}@{layout.name}", "user": {"token": token}}],
        "contexts": [{"name": layout.name, "context": {"cluster": layout.name, "user": f"{user}@{layout.name}"}}],
    }
    path = layout.kubeconfig(user)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    path.chmod(0o600)


def write_json(path: Path, value: object) -> None:
    """Whole or not at all: a reader that sees the file can read it."""
    aside = path.with_suffix(".aside")
    aside.write_text(json.dumps(value, indent=2))
    aside.rename(path)
