"""Controllers and their pods: what is missing, and the deepest reason for it, said once for the owner."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gocoffee_ops.checks.diagnosis.causes import OOM_KILLED, Why, exit_text, why_not_well
from gocoffee_ops.checks.diagnosis.problem import (
    CONTROLLERS,
    QUOTAS,
    SERVICES,
    WEBHOOKS,
    WORKLOADS,
    Cause,
    Picture,
    Problem,
    Ref,
    Row,
    short,
)
from gocoffee_ops.checks.grading import MEMORY_OPTIMIZATION, SERVICE_DOWN, counted, seconds
from gocoffee_ops.model import Status

POD_TABLES = ("pods.states", "pods.containers", "cluster.events")
TABLES = (*CONTROLLERS, *POD_TABLES)
QUOTA = re.compile(r"exceeded quota: ([^,\s]+)")
WEBHOOK = re.compile(r'(?:failed calling|admission) webhook \\?"([^"\\]+)\\?"')


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with controllers and pods; those of Jobs are the Jobs' matter."""
    owners = [*picture.controllers, *(at for at in picture.pods if at not in picture.controllers)]
    for at in owners:
        if at.subject.partition("/")[0] != "job":
            found = _owner(at, picture)
            if found is not None:
                yield found
    yield from _without_service(picture)


def _owner(at: Ref, picture: Picture) -> Problem | None:
    controller = picture.controllers.get(at)
    pods = picture.pods.get(at, [])
    alive = [pod for pod in pods if pod["phase"] != "Failed"]
    desired = controller["desired"] if controller else len(alive or pods)
    ready = controller["ready"] if controller else sum(pod["ready"] for pod in alive)
    whys = [(pod, why) for pod in pods if (why := why_not_well(pod, picture)) is not None]
    if controller is not None and (refused := refusal(at, controller, picture)) is not None:
        return _refusal(at, picture, refused, controller)
    if whys:
        return _unwell(at, picture, whys, desired, ready)
    if controller is not None:
        return _short_of_pods(at, picture, controller) or _restarted(at, picture, pods)
    return _restarted(at, picture, pods)


def _status(ready: int, desired: int) -> Status:
    return Status.CRIT if not ready and desired else Status.WARN


def _unwell(at: Ref, picture: Picture, whys: Sequence[tuple[Row, Why]], desired: int, ready: int) -> Problem:
    heaviest = max((why for _, why in whys), key=lambda why: why.weight)
    texts = list(dict.fromkeys(why.text for _, why in sorted(whys, key=lambda item: -item[1].weight)))
    others = [text for text in texts if text != heaviest.text][:1]
    living = [pod for pod, _ in whys if pod["phase"] != "Failed" and pod["deletion_overdue_s"] is None]
    bare = at.subject.startswith("pod/")
    if bare:
        said = heaviest.text
    elif living:
        said = f"{len(living)} of {counted(max(desired, len(living)), 'pod')} not ready: {heaviest.text}"
    else:
        said = f"{counted(len(whys), 'pod')} {heaviest.text}"
    more = len(texts) - 1 - len(others)
    also = f" (also: {others[0]}{f', and {more} more' if more else ''})" if others else ""
    out_of_memory = any(why.out_of_memory for _, why in whys)
    return Problem(
        WORKLOADS,
        _status(ready, desired) if living or bare else Status.WARN,
        at,
        said + also,
        TABLES,
        because=tuple(why.because for _, why in whys) if all(why.because for _, why in whys) else (),
        effect=f"{at.subject} ({ready} of {desired} ready)",
        numbers={"unready": len(living), "pods": desired, "ready": ready},
        next=(MEMORY_OPTIMIZATION,) if out_of_memory else (SERVICE_DOWN,),
    )


def refusal(at: Ref, controller: Row, picture: Picture) -> str | None:
    """Why pods that are missing, or missing of the newest revision, are not created, as it or its events say."""
    if min(controller["created"], controller["updated"]) >= controller["desired"]:
        return None
    said: str | None = controller["refused"] or picture.warned(at, "FailedCreate")
    return said


def refusing(text: str, namespace: str, picture: Picture) -> tuple[tuple[Cause, ...], ...]:
    """What refused an object, by the API server's words: a quota, or a webhook that did not answer."""
    if found := QUOTA.search(text):
        return ((Cause(QUOTAS, Ref(namespace, f"resourcequota/{found[1]}")),),)
    if found := WEBHOOK.search(text):
        rows = [row for row in picture.rows("control_plane.webhooks") if row["webhook"] == found[1]]
        return (tuple(Cause(WEBHOOKS, Ref("", row["configuration"])) for row in rows),)
    return ()


def _refusal(at: Ref, picture: Picture, refused: str, controller: Row) -> Problem:
    desired, ready = controller["desired"], controller["ready"]
    old = controller["created"] >= desired
    missing = desired - controller["updated" if old else "created"]
    pods = f"{missing} of {counted(desired, 'pod')}{' of its newest revision' if old else ''}"
    return Problem(
        WORKLOADS,
        _status(ready, desired),
        at,
        f"{pods} could not be created: {short(refused)}",
        TABLES,
        because=refusing(refused, at.namespace, picture),
        effect=f"{at.subject} ({pods} not created)",
        numbers={"missing": missing, "pods": desired, "ready": ready},
    )


def _short_of_pods(at: Ref, picture: Picture, controller: Row) -> Problem | None:
    """Nothing is wrong with the pods that are there; are there enough of them, and are they of the newest revision?"""
    desired, ready = controller["desired"], controller["ready"]
    late = controller["age_s"] >= picture.thresholds.pod_starting_s
    missing = desired - controller["created"]
    if controller["stalled"] and min(ready, controller["updated"], controller["available"]) < desired:
        reason = f"its rollout makes no progress: {short(controller['stalled'])}"
    elif missing > 0 and late:
        seen = "" if controller["observed"] else ": no controller has acted on its newest spec"
        reason = f"{missing} of {counted(desired, 'pod')} are missing{seen}"
    elif ready < desired and late and not picture.has("pods.states"):
        reason = f"{ready} of {counted(desired, 'pod')} are ready; why the others are not could not be read"
    else:
        return None
    effect = f"{at.subject} ({ready} of {desired} ready)"
    return Problem(WORKLOADS, _status(ready, desired), at, reason, TABLES, effect=effect, numbers={"ready": ready})


def _restarted(at: Ref, picture: Picture, pods: Sequence[Row]) -> Problem | None:
    """Ready now, but containers ended within the window: killed for want of memory, or for another reason."""
    window = picture.thresholds.restart_window_s
    rows = [
        row
        for pod in pods
        for row in picture.containers.get(Ref(pod["namespace"], f"pod/{pod['pod']}"), ())
        if row["last_ended_s"] is not None and row["last_ended_s"] <= window and row["last_exit_code"]
        if row["restarts"] >= picture.thresholds.restarts_warn
    ]
    if not rows:
        return None
    last = min(rows, key=lambda row: (row["last_reason"] != OOM_KILLED, row["last_ended_s"]))
    killed = last["last_reason"] == OOM_KILLED
    times = counted(max(row["restarts"] for row in rows), "restart")
    ended = exit_text(last["last_exit_code"], last["last_reason"], last["last_message"])
    many = f"{len({row['pod'] for row in rows})} of {counted(len(pods), 'pod')}"
    reason = f"{many} restarted: {last['container']} ended {seconds(last['last_ended_s'])} ago with {ended}, {times}"
    following = (MEMORY_OPTIMIZATION,) if killed else (SERVICE_DOWN,)
    numbers = {"restarts": sum(row["restarts"] for row in rows)}
    return Problem(WORKLOADS, Status.WARN, at, reason, POD_TABLES, numbers=numbers, next=following)


def _without_service(picture: Picture) -> Iterator[Problem]:
    """StatefulSets whose Service is not there: their pods have no names."""
    if not picture.has("network.services"):
        return
    services = {(row["namespace"], row["service"]) for row in picture.rows("network.services")}
    for at, row in picture.controllers.items():
        named = row["service"]
        if named and row["desired"] and (at.namespace, named) not in services:
            reason = f"its Service {named} does not exist: its pods have no names of their own"
            yield Problem(SERVICES, Status.WARN, at, reason, ("controllers.statefulsets", "network.services"))
