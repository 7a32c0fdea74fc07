"""Symptoms folded into what they come from: one problem, one finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gocoffee_ops.checks.diagnosis.problem import Cause, Picture, Problem
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import worst

NAMED = 6  # consequences that a finding names; more are counted


def the_same_with(others: Sequence[str]) -> str:
    """What a finding adds where others have what it tells of one: the first few by name, and how many.

    >>> the_same_with([]), the_same_with(["b", "c"])
    ('', '; the same with 2 others: b, c')
    """
    if not others:
        return ""
    more = f", and {len(others) - NAMED:,} more" if len(others) > NAMED else ""
    return f"; the same with {counted(len(others), 'other')}: {', '.join(others[:NAMED])}{more}"


def folded(problems: Iterable[Problem], picture: Picture) -> list[Problem]:
    """The problems that nothing else explains, each with its consequences named and as bad as the worst of them."""
    found = _without_those_that_go(problems, picture)
    by_cause: dict[Cause, Problem] = {}
    for one in found:
        by_cause.setdefault(one.cause, one)
    effects: dict[Cause, list[Problem]] = {}
    roots = []
    for one in found:
        root = _root(one, by_cause)
        if root is not one:
            effects.setdefault(root.cause, []).append(one)
        elif one.standalone:
            roots.append(one)
    return [_with_effects(root, _once(effects.pop(root.cause, []))) for root in roots]


def _root(problem: Problem, by_cause: dict[Cause, Problem]) -> Problem:
    """The deepest problem that explains this one; itself when none does.

    Where explanations lead in a circle (a webhook refuses the pods that would answer it), its first member stands for it,
    whoever asks: else each would be another's consequence, and none would be told.
    """
    path = [problem]
    while True:
        parts = [
            [by_cause[cause] for cause in part if cause in by_cause and by_cause[cause].standalone]
            for part in path[-1].because
        ]
        if not parts or not all(parts):
            return path[-1]
        deeper = parts[0][0]
        if deeper in path:
            return min(path[path.index(deeper) :], key=list(by_cause.values()).index)
        path.append(deeper)


def _with_effects(root: Problem, effects: Sequence[Problem]) -> Problem:
    if not effects:
        return root
    said = [one.effect or f"{one.at.seen_from(root.at.namespace)}: {one.reason}" for one in effects]
    more = [f"{len(said) - NAMED} more"] if len(said) > NAMED else []
    return replace(
        root,
        status=worst([root.status, *(one.status for one in effects)]),
        reason=f"{root.reason}; hit by it: {', '.join([*said[:NAMED], *more])}",
        rests_on=tuple(dict.fromkeys(name for one in (root, *effects) for name in one.rests_on)),
        numbers={**root.numbers, "consequences": len(said)},
        next=tuple(dict.fromkeys(name for one in (root, *effects) for name in one.next)),
        hit=tuple(one.at for one in effects),
    )


def _once(effects: Iterable[Problem]) -> list[Problem]:
    """Each consequence once, the worst first."""
    found = {one.cause: one for one in effects}
    return sorted(found.values(), key=lambda one: -one.status.severity)


def _without_those_that_go(problems: Iterable[Problem], picture: Picture) -> list[Problem]:
    """What lies in a namespace that is being deleted goes with it; whether that is stuck is the namespace's own problem."""
    return [one for one in problems if one.at.namespace not in picture.going]
