"""Claims that stay pending or lost their volume, and volumes that failed."""

from __future__ import annotations

from collections.abc import Iterator

from gocoffee_ops.checks.diagnosis.problem import CLAIMS, WORKLOADS, Cause, Picture, Problem, Ref, Row, owner_of, short
from gocoffee_ops.checks.grading import seconds
from gocoffee_ops.model import Status

TABLES = ("storage.claims", "storage.volumes", "storage.classes")
WAITING = "WaitForFirstConsumer"
NAMESPACE_OF_OTHERS = "default"  # where events about what lies in no namespace are kept


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with claims and volumes."""
    users: dict[Ref, list[Row]] = {}
    for pod in picture.rows("pods.states"):
        for claim in pod["claims"]:
            users.setdefault(_at(pod["namespace"], claim), []).append(pod)
    for row in picture.rows("storage.claims"):
        found = _claim(row, users.get(_at(row["namespace"], row["claim"]), []), picture)
        if found is not None:
            yield found
    for row in picture.rows("storage.volumes"):
        reason = _volume(row, picture)
        if reason:
            at = Ref("", f"persistentvolume/{row['volume']}")
            yield Problem(CLAIMS, Status.WARN, at, reason, (*TABLES, "cluster.events"))


def _volume(row: Row, picture: Picture) -> str:
    """What is wrong with a volume. One that is kept when its claim has gone (Retain) is kept on purpose."""
    if row["phase"] == "Failed":
        return f"failed: {short(row['reason'] or 'nothing says why')}"
    if row["phase"] == "Pending" and row["age_s"] >= picture.thresholds.stuck_s:
        return f"is not there yet after {seconds(row['age_s'])}: {short(row['reason'] or 'nothing says why')}"
    if row["phase"] == "Released" and row["reclaim_policy"] == "Delete":
        at = Ref(NAMESPACE_OF_OTHERS, f"persistentvolume/{row['volume']}")
        if said := picture.warned(at, "VolumeFailedDelete"):
            return f"its claim has gone, and it cannot be deleted: {short(said)}"
    return ""


def _at(namespace: str, claim: str) -> Ref:
    return Ref(namespace, f"persistentvolumeclaim/{claim}")


def _claim(row: Row, users: list[Row], picture: Picture) -> Problem | None:
    at = _at(row["namespace"], row["claim"])
    overdue = row["deletion_overdue_s"]
    if row["phase"] == "Lost":
        return Problem(CLAIMS, Status.CRIT, at, f"its volume {row['volume'] or ''} is gone", TABLES)
    if overdue is not None:
        if overdue < picture.thresholds.stuck_s or any(not user["finished"] for user in users):
            return None  # a pod that still uses it keeps it, as it should
        held = ", ".join(row["finalizers"]) or "nothing that it says"
        reason = f"stuck in deletion for {seconds(overdue)}, held by {held}"
        if not picture.has("pods.states"):
            return Problem(CLAIMS, Status.UNKNOWN, at, f"{reason}; whether a pod still uses it was not read", TABLES)
        return Problem(CLAIMS, Status.WARN, at, reason, TABLES)
    if row["phase"] != "Pending":
        return None
    return _pending(at, row, users, picture)


def _pending(at: Ref, row: Row, users: list[Row], picture: Picture) -> Problem | None:
    """A claim that waits for its first pod waits as it should; one whose pod cannot be placed waits with it."""
    classes = {one["storage_class"]: one for one in picture.rows("storage.classes")}
    said = picture.warned(at, "ProvisioningFailed", "FailedBinding", "VolumeMismatch")
    named = classes.get(row["storage_class"])
    late = row["age_s"] >= picture.thresholds.stuck_s
    effect = f"{at.subject} (pending)"
    because = (tuple(dict.fromkeys(Cause(WORKLOADS, owner_of(user)) for user in users)),)
    if row["storage_class"] and picture.has("storage.classes") and named is None:
        volume = f", and no volume of that class fits: {short(said)}" if said and "not found" not in said else ""
        why = f"storage class {row['storage_class']} does not exist{volume}"
    elif said is not None:
        why = short(said)
    elif named is not None and named["binding_mode"] == WAITING:
        if not users:
            return None
        return Problem(CLAIMS, Status.WARN, at, "waits for its pod", TABLES, because, effect, standalone=False)
    elif not late:
        return None
    elif not row["storage_class"] and picture.has("storage.classes"):
        why = "it names no storage class, there is no default, and no volume fits"
    else:
        why = "no volume fits it, and none was made"
    reason = f"pending for {seconds(row['age_s'])}: {why}"
    return Problem(CLAIMS, Status.WARN, at, reason, (*TABLES, "cluster.events"), effect=effect)
