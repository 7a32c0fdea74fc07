"""A small API server: its contract in a few objects, and a kubeconfig that leads to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.http_server import Answer, says


def refusal(code: int, reason: str, message: str, **details: Any) -> Answer:
    """The API's Status object."""
    status = {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    }  # fmt: skip
    return says(status, code)


def pod(name: str, namespace: str = "go-coffee") -> dict[str, Any]:
    """A pod that runs."""
    return {
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-11-20T08:00:00Z"},
        "spec": {"containers": [{"name": "app", "image": "app:1"}], "nodeName": "n1"},
        "status": {
            "phase": "Running",
            "qosClass": "BestEffort",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {
                    "name": "app",
                    "ready": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": "2026-11-20T08:00:05Z"}},
                }
            ],
        },
    }


def pod_list(*names: str, token: str = "", version: str = "100") -> Answer:
    """One page of pods; `token` is where the next one starts."""
    metadata = {"resourceVersion": version} | ({"continue": token} if token else {})
    return says({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": [pod(name) for name in names]})


def write_kubeconfig(
    path: Path, server: str, *, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None
) -> Path:
    """A kubeconfig with one context, `static`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "static",
        "clusters": [{"name": "static", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "someone", "user": {"token": "a-bearer-token"} if user is None else user}],
        "contexts": [{"name": "static", "context": {"cluster": "static", "user": "someone"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path
