"""Disruption budgets: those that let no pod go, that nothing falls under, and pods that fall under two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gocoffee_ops.checks.diagnosis.problem import (
    BUDGETS,
    TEMPLATES,
    WORKLOADS,
    Cause,
    Picture,
    Problem,
    Ref,
    Row,
    short,
)
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import Status

TABLES = ("scaling.budgets",)
SET = re.compile(r"(\S+) (in|notin) \((.*)\)")


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with disruption budgets."""
    rows = picture.rows("scaling.budgets")
    for row in rows:
        found = _budget(row, picture)
        if found is not None:
            yield found
    yield from _overlapping(rows, picture)


def selects(selector: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether labels (`key=value`) meet every requirement of a selector, as kubectl prints them.

    >>> selects(["app=web", "tier in (a,b)", "!old"], ["app=web", "tier=a"])
    True
    >>> selects(["app=web", "tier notin (a,b)"], ["app=web", "tier=a"])
    False
    """
    values = dict(label.partition("=")[::2] for label in labels)
    return all(_holds(one, values) for one in selector)


def _holds(requirement: str, values: dict[str, str]) -> bool:
    if found := SET.fullmatch(requirement):
        key, operator, among = found.groups()
        return (values.get(key) in among.split(",")) is (operator == "in")
    if requirement.startswith("!"):
        return requirement[1:] not in values
    key, equal, value = requirement.partition("=")
    return values.get(key) == value if equal else key in values


def _budget(row: Row, picture: Picture) -> Problem | None:
    at = Ref(row["namespace"], f"pdb/{row['pdb']}")
    if row["failure"]:
        return Problem(BUDGETS, Status.WARN, at, f"is not computed: {short(row['failure'])}", TABLES)
    if not row["computed"] or _counts_none_of_its_pods(at, row, picture):
        reason = "has not been computed as it is set now, so that what it allows is not known: does its controller run?"
        late = row["age_s"] >= picture.thresholds.stuck_s
        return Problem(BUDGETS, Status.UNKNOWN, at, reason, TABLES) if late else None
    if not row["expected_pods"]:
        return _protects_nothing(at, row, picture)
    return None if row["disruptions_allowed"] else _lets_none_go(at, row, picture)


def _lets_none_go(at: Ref, row: Row, picture: Picture) -> Problem:
    """For good where all pods are healthy; else for as long as they are not, which is their owners' matter."""
    effect = f"{at.subject} (lets no pod go)"
    because = (tuple(Cause(WORKLOADS, Ref(at.namespace, owner)) for owner in row["owners"]),)
    if row["healthy"] >= row["expected_pods"]:
        if row["healthy"] >= row["healthy_needed"]:
            all_of_them = f"{row['bound']} of {row['expected_pods']}"
            reason = f"lets no pod go though all are healthy ({all_of_them}): drains wait for ever"
            return Problem(BUDGETS, Status.WARN, at, reason, TABLES)
        reason = f"lets no pod go: {row['healthy_needed']} must be healthy, and there are only {row['expected_pods']}"
        return Problem(BUDGETS, Status.WARN, at, reason, TABLES, because, effect)
    reason = f"{row['healthy']} of {counted(row['expected_pods'], 'pod')} healthy, {row['healthy_needed']} must be: lets no pod go"
    return Problem(BUDGETS, Status.WARN, at, reason, TABLES, because, effect, standalone=not picture.has("pods.states"))


def _counts_none_of_its_pods(at: Ref, row: Row, picture: Picture) -> bool:
    """Whether no pod is expected though a workload that is not scaled to 0 has pods that it selects."""
    wanted = [
        picture.controllers[one] for owner in row["owners"] if (one := Ref(at.namespace, owner)) in picture.controllers
    ]
    return not row["expected_pods"] and any(one["desired"] for one in wanted)


def _protects_nothing(at: Ref, row: Row, picture: Picture) -> Problem | None:
    """A selector that no pod meets, and none would: what is scaled to 0, or run by a Job, has its labels still."""
    if row["owners"] or not row["selector"]:
        return None
    if any(selects(row["selector"], labels) for labels in picture.labelled.get(at.namespace, ())):
        return None
    if missing := [name for name in ("pods.states", *TEMPLATES) if not picture.has(name)]:
        reason = f"expects no pod; whether it protects nothing cannot be told: {', '.join(missing)} not read"
        return Problem(BUDGETS, Status.UNKNOWN, at, reason, TABLES)
    reason = f"protects nothing: no pod has the labels that it selects ({', '.join(row['selector'])})"
    return Problem(BUDGETS, Status.WARN, at, reason, (*TABLES, "pods.states", *TEMPLATES))


def _overlapping(rows: Sequence[Row], picture: Picture) -> Iterator[Problem]:
    """Of a pod under two budgets no eviction is granted, whatever each allows."""
    budgets: dict[str, list[Row]] = {}
    for row in rows:
        if row["selector"] or row["owners"]:  # else it has no selector at all, and finds nothing
            budgets.setdefault(row["namespace"], []).append(row)
    alike = {(pod["namespace"], pod["labels"]): pod for pod in picture.rows("pods.states") if not pod["finished"]}
    said = set()
    for (namespace, labels), pod in alike.items():
        near = budgets.get(namespace, [])
        names = tuple(row["pdb"] for row in near if selects(row["selector"], labels)) if len(near) > 1 else ()
        if len(names) < 2 or (namespace, names) in said:
            continue
        said.add((namespace, names))
        others = ", ".join(f"pdb/{name}" for name in names[1:])
        reason = f"selects pods that {others} selects too (pod/{pod['pod']}): none of them can be evicted"
        yield Problem(BUDGETS, Status.WARN, Ref(namespace, f"pdb/{names[0]}"), reason, (*TABLES, "pods.states"))
