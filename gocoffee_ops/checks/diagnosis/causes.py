"""Why a pod is not what it should be: the deepest cause that was read, in words."""

from __future__ import annotations

import re
from typing import NamedTuple

from gocoffee_ops.checks.diagnosis.problem import NODE_PRESSURE, NODE_READY, Cause, Picture, Ref, Row, short
from gocoffee_ops.checks.grading import counted, seconds

OOM_KILLED = "OOMKilled"
PULLING = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
STARTING = {"", "ContainerCreating", "PodInitializing"}
NOT_STARTED = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NetworkNotReady")
NOT_HELPFUL = re.compile(r"\.? (?:no new claims to deallocate|preemption: ).*")  # of the scheduler's message
OF_ITS_OWN = 70  # what weighs as much is the container's fault, and not that of the node below it
BACK_OFF = "CrashLoopBackOff"
EXITS = {
    126: "its command may not be executed",
    127: "its command was not found",
    134: "aborted",
    137: "killed",
    139: "segmentation fault",
    143: "told to end",
}
# What registries and runtimes say, most telling first.
REGISTRY = (
    (r"toomanyrequests|rate limit", "the registry refuses more pulls for now"),
    (r"unauthorized|denied|authentication required|no basic auth|40[13]\b", "the registry does not let it be pulled"),
    (r"not found|manifest unknown|does not exist", "image not found"),
    (r"no such host|timeout|timed out|refused|unreachable|x509|EOF", "the registry is not reached"),
    (r"invalid reference|couldn't parse|InvalidImageName", "the image's name is not valid"),
)


class Why(NamedTuple):
    """Why a pod is not well. `because` explains it where that has a problem itself."""

    text: str
    weight: int  # the heavier says more about what is wrong
    because: tuple[Cause, ...] = ()
    out_of_memory: bool = False


def why_not_well(pod: Row, picture: Picture) -> Why | None:
    """Why a pod is not ready, or None where it is, or may still be starting, or goes as it should."""
    late = pod["age_s"] >= picture.thresholds.pod_starting_s
    if pod["deletion_overdue_s"] is not None:
        return _stuck(pod, picture)
    if pod["phase"] == "Failed":
        return _failed(pod, picture)
    if pod["ready"]:
        return None
    return _unready(pod, picture, late=late) if pod["scheduled"] else _unplaced(pod, late)


def _unready(pod: Row, picture: Picture, *, late: bool) -> Why | None:
    at = Ref(pod["namespace"], f"pod/{pod['pod']}")
    found = [why for row in picture.containers.get(at, ()) if (why := _container(row, at, picture, late=late))]
    down = _on_a_dead_node(pod)
    if found:
        heaviest = max(found, key=lambda why: why.weight)
        return heaviest if heaviest.weight >= OF_ITS_OWN else heaviest._replace(because=down)
    if pod["unmet_gates"] and late:
        return Why(f"readiness gate {', '.join(pod['unmet_gates'])} is not met", 20, down)
    if mounted := picture.warned(at, *NOT_STARTED):
        return Why(short(mounted), 60, down)
    if not late and pod["phase"] == "Pending":
        return None
    said = pod["unready_reason"] or pod["message"] or pod["reason"]
    where = f" on node {pod['node']}" if pod["node"] else ""
    return Why(f"not ready{where}: {short(said)}" if said else f"not ready{where}", 10, down)


def _on_a_dead_node(pod: Row) -> tuple[Cause, ...]:
    return (Cause(NODE_READY, Ref("", f"node/{pod['node']}")),) if pod["node"] else ()


def _stuck(pod: Row, picture: Picture) -> Why | None:
    overdue = pod["deletion_overdue_s"]
    if overdue < picture.thresholds.stuck_s:
        return None
    held = f", held by {', '.join(pod['finalizers'])}" if pod["finalizers"] else ""
    return Why(f"stuck in deletion for {seconds(overdue)}{held}", 50, _on_a_dead_node(pod))


def _failed(pod: Row, picture: Picture) -> Why | None:
    """A failed pod that lies about is the trace of something; what is older than the window is history."""
    if pod["ended_s"] is not None and pod["ended_s"] > picture.thresholds.restart_window_s:
        return None
    node = Ref("", f"node/{pod['node']}")
    because = (Cause(NODE_PRESSURE, node), Cause(NODE_READY, node)) if pod["node"] else ()
    rows = picture.containers.get(Ref(pod["namespace"], f"pod/{pod['pod']}"), ())
    ended = next((row for row in rows if row["state"] == "terminated" and row["exit_code"]), None)
    if pod["reason"]:
        said = f": {short(pod['message'])}" if pod["message"] else ""
        return Why(f"{pod['reason'].lower()}{said}", 40, because)
    if ended is not None:
        how = f"{ended['container']} ended with {exit_text(ended['exit_code'], ended['reason'], ended['message'])}"
        return Why(how, 40, (), ended["reason"] == OOM_KILLED)
    return Why("failed, and nothing says why", 30, because)


def _unplaced(pod: Row, late: bool) -> Why | None:
    if pod["unscheduled_reason"] == "SchedulingGated":
        return Why("held back by its scheduling gates", 25) if late else None
    claims = tuple(
        Cause("claims_bound", Ref(pod["namespace"], f"persistentvolumeclaim/{name}")) for name in pod["claims"]
    )
    if pod["scheduled"] is None:
        text = f"never scheduled: scheduler {pod['scheduler'] or 'of no name'} has not looked at it"
        return Why(text, 60) if late else None
    said = pod["unscheduled_message"] or pod["unscheduled_reason"] or "the scheduler does not say why"
    unbound = claims if "PersistentVolumeClaim" in said or "persistentvolumeclaim" in said else ()
    return Why(f"never scheduled: {short(NOT_HELPFUL.sub('', said))}", 65, unbound)


def _container(row: Row, pod: Ref, picture: Picture, *, late: bool) -> Why | None:
    name = f"{'init ' if row['role'] == 'init' else ''}container {row['container']}"
    if row["role"] == "sidecar":
        name = f"sidecar {row['container']}"
    if row["state"] == "waiting":
        return _waiting(row, name, pod, picture, late=late)
    if row["state"] == "terminated" and row["exit_code"]:
        text = f"{name} ended with {exit_text(row['exit_code'], row['reason'], row['message'])}"
        return Why(text, 70, (), row["reason"] == OOM_KILLED)
    if row["state"] == "running" and not row["ready"] and late:
        if row["role"] == "init":
            return Why(f"{name} has not ended yet", 55)
        probe = picture.warned(pod, "Unhealthy")
        return Why(f"{name} runs, but is not ready{f': {short(probe)}' if probe else ''}", 45)
    return None


def _waiting(row: Row, name: str, pod: Ref, picture: Picture, *, late: bool) -> Why | None:
    reason, message = row["reason"] or "", row["message"] or ""
    if reason in PULLING:
        return Why(_pull(reason, message, name, pod, picture), 90)
    if reason == BACK_OFF:
        return _crashes(row, name, pod, picture)
    if reason not in STARTING:
        return Why(f"{name} cannot start ({reason}){f': {short(message)}' if message else ''}", 85)
    if stuck := picture.warned(pod, *NOT_STARTED):
        return Why(f"{name} waits: {short(stuck)}", 60)
    return Why(f"{name} still waits ({reason or 'no reason given'})", 15) if late else None


def _pull(reason: str, message: str, name: str, pod: Ref, picture: Picture) -> str:
    said = [message, *(row["message"] for row in picture.warnings.get(pod, ()) if row["reason"] == "Failed"), reason]
    everything = " ".join(said)
    image = re.search(r'image \\?"([^"\\]+)', everything)
    what = next((text for pattern, text in REGISTRY if re.search(pattern, everything, re.IGNORECASE)), "")
    which = f" {image[1]}" if image else ""
    unread = picture.warned(pod, "FailedToRetrieveImagePullSecret")
    secret = f"; {short(unread)}" if unread else ""
    if what:
        return f"{what}:{which or f' of {name}'} ({reason}){secret}"
    return f"image{which} of {name} cannot be pulled ({reason}){secret}"


def _crashes(row: Row, name: str, pod: Ref, picture: Picture) -> Why:
    times = counted(row["restarts"], "restart")
    if row["last_reason"] == OOM_KILLED:
        return Why(f"{name} is killed for want of memory again and again (OOMKilled, {times})", 95, (), True)
    probe = next(
        (each["message"] for each in picture.warnings.get(pod, ()) if "iveness probe failed" in each["message"]), None
    )
    if probe is not None and row["last_exit_code"] in {137, 143}:
        return Why(f"{name} is restarted by its liveness probe again and again ({times}): {short(probe)}", 95)
    if row["last_exit_code"] is None:
        return Why(f"{name} keeps crashing ({times}); how it ended is not told", 80)
    how = exit_text(row["last_exit_code"], row["last_reason"], row["last_message"])
    return Why(f"{name} keeps crashing ({times}): ended with {how}", 92)


def exit_text(code: int, reason: str | None, message: str | None) -> str:
    """How a container ended.

    >>> exit_text(1, "Error", None), exit_text(127, "StartError", "exec: no such file")
    ('exit code 1 (Error)', 'exit code 127 (StartError): its command was not found: exec: no such file')
    """
    said = [EXITS[code]] if code in EXITS and reason != OOM_KILLED else []
    said += ["out of memory"] * (reason == OOM_KILLED)
    if message:
        said.append(short(message))
    return ": ".join([f"exit code {code}{f' ({reason})' if reason else ''}", *said])
