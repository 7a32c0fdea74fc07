"""Pods in every state that kubectl's printer tells apart, and in random ones, made on a real API server.

No scheduler takes them, so no kubelet touches them: what is written to their status stays.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from tests.testbed.control_plane import Cluster

Json = dict[str, Any]
SIDECAR = {"restartPolicy": "Always"}


def _at(minutes_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def running(**more: Any) -> Json:
    return {"state": {"running": {"startedAt": _at(9)}}, "ready": True, "started": True, "restartCount": 0, **more}


def waiting(reason: str, **more: Any) -> Json:
    return {"state": {"waiting": {"reason": reason}}, "ready": False, "started": False, "restartCount": 0, **more}


def ended(code: int, reason: str = "", signal: int = 0, **more: Any) -> Json:
    terminated: Json = {"exitCode": code, "startedAt": _at(9), "finishedAt": _at(8)}
    terminated |= {"reason": reason} if reason else {}
    terminated |= {"signal": signal} if signal else {}
    return {"state": {"terminated": terminated}, "ready": False, "started": False, "restartCount": 0, **more}


def before(minutes_ago: float, code: int = 1, reason: str = "Error") -> Json:
    finished = {"exitCode": code, "reason": reason, "startedAt": _at(minutes_ago + 1), "finishedAt": _at(minutes_ago)}
    return {"lastState": {"terminated": finished}}


READY = {"type": "Ready", "status": "True"}
INITIALIZED = {"type": "Initialized", "status": "True"}
STARTING = waiting("PodInitializing")
LATER: Json = {"main": [STARTING], "phase": "Pending"}  # the main containers, while an init container runs

# name: main containers, init containers (spec and status), the rest of the status
STATES: dict[str, Json] = {
    "running": {"main": [running(), running()], "conditions": [READY]},
    "half": {"main": [running(), running(ready=False)]},
    "crash": {"main": [waiting("CrashLoopBackOff", restartCount=7, **before(3))]},
    "pull": {"main": [waiting("ImagePullBackOff")]},
    "creating": {"main": [waiting("ContainerCreating")], "phase": "Pending"},
    "completed": {"main": [ended(0, "Completed")], "phase": "Succeeded"},
    "failed": {"main": [ended(1, "Error")], "phase": "Failed"},
    "oom": {"main": [ended(137, "OOMKilled")], "phase": "Failed"},
    "signal": {"main": [ended(137, signal=9)], "phase": "Failed"},
    "exit-code": {"main": [ended(3)], "phase": "Failed"},
    "one-completed": {"main": [ended(0, "Completed"), running()], "conditions": [READY]},
    "one-completed-not-ready": {"main": [ended(0, "Completed"), running()]},
    "completed-and-failed": {"main": [ended(0, "Completed"), ended(2, "Error")]},
    "evicted": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
    "lost": {"main": [running()], "reason": "NodeLost", "deleted": True},
    "terminating": {"main": [running()], "conditions": [READY], "deleted": True},
    "deleted-completed": {"main": [ended(0, "Completed")], "phase": "Succeeded", "deleted": True},
    "gated": {"gates": True, "phase": "Pending"},
    "pending": {"phase": "Pending"},
    "init-0": {"init": [({}, running(ready=False)), ({}, STARTING)], **LATER},
    "init-1": {"init": [({}, ended(0, "Completed")), ({}, running(ready=False))], **LATER},
    "init-crash": {"init": [({}, waiting("CrashLoopBackOff", restartCount=4, **before(2)))], **LATER},
    "init-error": {"init": [({}, ended(1, "Error", restartCount=2, **before(5)))], **LATER},
    "init-signal": {"init": [({}, ended(139, signal=11))], **LATER},
    "init-exit": {"init": [({}, ended(4))], **LATER},
    "init-done": {
        "init": [({}, ended(0, "Completed", restartCount=3, **before(9)))],
        "main": [running(restartCount=1, **before(4))],
        "conditions": [INITIALIZED, READY],
    },
    "sidecar": {
        "init": [(SIDECAR, running(restartCount=2, **before(6)))],
        "main": [running()],
        "conditions": [INITIALIZED, READY],
    },
    "sidecar-not-ready": {
        "init": [(SIDECAR, running(ready=False))],
        "main": [running()],
        "conditions": [INITIALIZED],
    },
    "sidecar-starting": {"init": [(SIDECAR, running(ready=False, started=False)), ({}, STARTING)], **LATER},
    "sidecar-crash-later": {
        "init": [(SIDECAR, waiting("CrashLoopBackOff", restartCount=5, **before(1)))],
        "main": [running()],
        "conditions": [INITIALIZED],
    },
    "readiness-gate": {"main": [running()], "readiness": ["example.com/lb"], "conditions": [INITIALIZED]},
    "no-status": {},
}  # fmt: skip


def _random_state(dice: random.Random) -> Json:
    def container() -> Json:
        restarts = dice.choice([0, 0, 1, 6])
        more: Json = {"restartCount": restarts, **(before(dice.randint(1, 50)) if restarts else {})}
        return dice.choice(
            [
                running(**more),
                running(**{**more, "ready": False}),
                running(**{**more, "started": False, "ready": False}),
                waiting(
                    dice.choice(["CrashLoopBackOff", "PodInitializing", "ErrImagePull", "ContainerCreating"]), **more
                ),
                ended(
                    dice.choice([0, 0, 1, 137]), dice.choice(["", "Completed", "Error"]), dice.choice([0, 9]), **more
                ),
            ]
        )

    return {
        "main": [container() for _ in range(dice.randint(0, 3))],
        "init": [(dice.choice([{}, SIDECAR]), container()) for _ in range(dice.randint(0, 3))],
        "phase": dice.choice(["Running", "Running", "Pending", "Succeeded", "Failed", "Unknown"]),
        "conditions": dice.sample([READY, INITIALIZED], dice.randint(0, 2)),
        "reason": dice.choice(["", "", "", "NodeLost", "Evicted"]),
        "deleted": dice.random() < 0.2,
    }


def create_states(cluster: Cluster, namespace: str, *, random_states: int, seed: int = 36) -> int:
    """Create the pods and write their statuses; returns how many there are."""
    dice = random.Random(seed)
    states = {**STATES, **{f"random-{i}": _random_state(dice) for i in range(random_states)}}
    documents = [_manifest(name, state) for name, state in states.items()]
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(documents))
    api = cluster.api("admin")
    for name, state in states.items():
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        answer = api.request(
            "PATCH", f"{path}/status", {"status": _status(state)}, content_type="application/merge-patch+json"
        )
        assert answer.status == 200, f"{name}: {answer.text}"
        if state.get("deleted"):
            assert api.request("DELETE", path).status == 200
    return len(states)


def remove_states(cluster: Cluster, namespace: str) -> None:
    """Let the pods go that a finalizer holds."""
    api = cluster.api("admin")
    for pod in cluster.get("pods", "-n", namespace)["items"]:
        path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
        api.request("PATCH", path, {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")


def _manifest(name: str, state: Json) -> Json:
    main = state.get("main") or [{}]
    spec: Json = {
        "schedulerName": "nobody",
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": f"c{i}", "image": "app:1"} for i in range(len(main))],
        "initContainers": [
            {"name": f"i{i}", "image": "init:1", **options} for i, (options, _) in enumerate(state.get("init", ()))
        ],
        "readinessGates": [{"conditionType": kind} for kind in state.get("readiness", ())],
    }
    if state.get("gates"):
        spec["schedulingGates"] = [{"name": "example.com/wait"}]
    metadata: Json = {"name": name}
    if state.get("deleted"):
        metadata["finalizers"] = ["example.com/hold"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _status(state: Json) -> Json:
    status: Json = {"phase": state.get("phase", "Running" if state.get("main") else "Pending")}
    for key in ("reason", "message", "conditions"):
        if state.get(key):
            status[key] = state[key]
    if state.get("gates"):
        status["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]
    image = {"image": "app:1", "imageID": ""}
    status["containerStatuses"] = [{"name": f"c{i}", **image, **one} for i, one in enumerate(state.get("main", ()))]
    status["initContainerStatuses"] = [
        {"name": f"i{i}", **image, **one} for i, (_, one) in enumerate(state.get("init", ()))
    ]
    return json.loads(json.dumps(status))  # type: ignore[no-any-return]
