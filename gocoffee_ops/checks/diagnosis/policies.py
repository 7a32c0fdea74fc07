"""Autoscalers, disruption budgets and quotas."""

from __future__ import annotations

from collections.abc import Iterator

from gocoffee_ops.checks.diagnosis import budgets
from gocoffee_ops.checks.diagnosis.problem import (
    APIS,
    AUTOSCALERS,
    CONTROLLERS,
    QUOTAS,
    WORKLOADS,
    Cause,
    Picture,
    Problem,
    Ref,
    Row,
    short,
)
from gocoffee_ops.checks.diagnosis.workloads import QUOTA, refusal
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import Status

USAGE_API = "metrics.k8s.io"
METRICS_APIS = (USAGE_API, "custom.metrics.k8s.io", "external.metrics.k8s.io")
NO_USAGE = Ref("", f"apiservice/v1beta1.{USAGE_API}")
OF_USAGE = ("FailedGetResourceMetric", "FailedGetContainerResourceMetric")  # what only that API answers
KINDS = {"deployment": 0, "statefulset": 1, "replicaset": 3}


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with what scales, protects and bounds."""
    for row in picture.rows("scaling.autoscalers"):
        found = _autoscaler(row, picture)
        if found is not None:
            yield found
    yield from _no_usage(picture)
    yield from budgets.problems(picture)
    yield from _quotas(picture)


def _autoscaler(row: Row, picture: Picture) -> Problem | None:
    at, target = Ref(row["namespace"], f"hpa/{row['hpa']}"), Ref(row["namespace"], row["scales"])
    tables = ("scaling.autoscalers", *CONTROLLERS)
    because: tuple[tuple[Cause, ...], ...] = ()
    status, following = Status.WARN, at.subject
    if row["able"] is False:
        kind = target.subject.partition("/")[0]
        gone = kind in KINDS and picture.has(CONTROLLERS[KINDS[kind]]) and target not in picture.controllers
        reason = (
            f"scales {row['scales']}, which does not exist" if gone else short(row["able_reason"] or "cannot scale")
        )
    elif row["active"] is False and not (row["active_reason"] or "").startswith("ScalingDisabled"):
        reason = f"cannot read its metric: {short(row['active_reason'] or 'nothing says why')}"
        because = ((*_usage(row), *_metrics_apis(picture), *_lying_down(target, picture)),)
    elif row["able"] is None or (row["active"] is None and row["able"] is not False):
        if row["age_s"] < picture.thresholds.pod_starting_s:
            return None
        status, reason = Status.UNKNOWN, "does not say whether it can scale: does its controller run?"
    elif (row["limited_reason"] or "").startswith("TooManyReplicas"):
        reason = f"wants more than its maximum of {counted(row['max_replicas'], 'replica')}"
    else:
        return None
    return Problem(AUTOSCALERS, status, at, reason, tables, because, effect=f"{following} (cannot scale)")


def _no_usage(picture: Picture) -> Iterator[Problem]:
    """That nothing measures what pods use, where an autoscaler needs it. Nobody else does but those who ask for usage, and
    their question is UNKNOWN."""
    tables = ("scaling.autoscalers", "control_plane.api_services")
    if not picture.has(*tables) or any(row["group"] == USAGE_API for row in picture.rows(tables[1])):
        return
    rows = [row for row in picture.rows(tables[0]) if row["namespace"] not in picture.going]
    if any(row["able"] is not False and _usage(row) for row in rows):
        reason = f"{USAGE_API} is not installed: nothing measures what pods use"
        yield Problem(AUTOSCALERS, Status.WARN, NO_USAGE, reason, tables)


def _usage(row: Row) -> list[Cause]:
    """That nothing measures usage, if that is what an autoscaler asked for in vain."""
    failed = row["active"] is False and (row["active_reason"] or "").startswith(OF_USAGE)
    return [Cause(AUTOSCALERS, NO_USAGE)] if failed else []


def _metrics_apis(picture: Picture) -> list[Cause]:
    rows = picture.rows("control_plane.api_services")
    return [Cause(APIS, Ref("", f"apiservice/{row['api_service']}")) for row in rows if row["group"] in METRICS_APIS]


def _lying_down(target: Ref, picture: Picture) -> list[Cause]:
    """What it scales, where none of that is ready: then there is nothing to measure."""
    row = picture.controllers.get(target)
    return [Cause(WORKLOADS, target)] if row is not None and not row["ready"] else []


def _quotas(picture: Picture) -> Iterator[Problem]:
    """Quotas that are used up, and those that refused something though a little is left."""
    full: dict[Ref, list[str]] = {}
    for row in picture.rows("scaling.quotas"):
        if row["hard"] and row["used"] >= row["hard"]:
            at = Ref(row["namespace"], f"resourcequota/{row['quota']}")
            full.setdefault(at, []).append(f"{row['used_text']} of {row['hard_text']} {row['resource']}")
    refused = {at: text for at, text in _refusals(picture).items() if at not in full}
    for at, used in full.items():
        yield Problem(QUOTAS, Status.WARN, at, f"used up: {', '.join(used)}", ("scaling.quotas",))
    for at, text in refused.items():
        yield Problem(QUOTAS, Status.WARN, at, f"leaves too little room: {text}", (*CONTROLLERS, "cluster.events"))


def _refusals(picture: Picture) -> dict[Ref, str]:
    """What quotas refused of what is still missing, by quota."""
    found = {}
    for at, row in picture.controllers.items():
        text = refusal(at, row, picture) or ""
        if quota := QUOTA.search(text):
            found[Ref(at.namespace, f"resourcequota/{quota[1]}")] = short(text[quota.start() :])
    return found
