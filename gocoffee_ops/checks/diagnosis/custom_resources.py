"""Custom resources that say that they failed, or that do not go away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gocoffee_ops.checks.diagnosis.folding import the_same_with
from gocoffee_ops.checks.diagnosis.problem import CUSTOM_RESOURCES, Picture, Problem, Ref, Row, short
from gocoffee_ops.checks.grading import counted, seconds
from gocoffee_ops.model import Status

TABLES = ("custom_resources.states",)
KNOWN = "a status that says anything that is known"


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with the custom resources that the environment names, and those of which nothing can be told."""
    for row in picture.rows(*TABLES):
        if row["unread"] is not None:
            reason = f"cannot be told: {short(row['unread'])}"
            yield Problem(CUSTOM_RESOURCES, Status.UNKNOWN, _kind(row["resource"]), reason, TABLES)
    yield from _wrong(picture)
    for resource, silent in _silent(picture).items():
        if _untold(resource, silent, picture):
            reason = f"cannot be told: of {counted(len(silent), 'object')} none has {KNOWN}"
            numbers = {"not_looked_at": len(silent)}
            yield Problem(CUSTOM_RESOURCES, Status.UNKNOWN, _kind(resource), reason, TABLES, numbers=numbers)


def _wrong(picture: Picture) -> Iterator[Problem]:
    """What is wrong with objects: once for all of a resource with whom the same is wrong."""
    found: dict[tuple[str, Wrong], list[tuple[Ref, str]]] = {}
    for row in picture.rows(*TABLES):
        at = Ref(row["namespace"] or "", row["object"] or "")
        if row["unread"] is not None or at.namespace in picture.going:
            continue  # what goes with its namespace stands for none that stays
        if (wrong := _found(row, picture.thresholds.stuck_s)) is not None:
            found.setdefault((row["resource"], wrong), []).append((at, wrong.reason))
    for (_, wrong), several in found.items():
        (at, reason), *others = sorted(several)
        same = the_same_with([other.seen_from(at.namespace) for other, _ in others])
        numbers, hit = {"affected": len(several)}, tuple(other for other, _ in others)
        yield Problem(CUSTOM_RESOURCES, wrong.status, at, f"{reason}{same}", TABLES, numbers=numbers, hit=hit)


def not_judged(picture: Picture) -> Iterator[str]:
    """Of each object whose status says nothing that is known its resource, but where a finding says that of all."""
    for resource, silent in _silent(picture).items():
        if not _untold(resource, silent, picture):
            yield from [f"{resource} (whose status says nothing that is known)"] * len(silent)


def _silent(picture: Picture) -> dict[str, list[Row]]:
    """Objects that are there to stay and could not be judged, by resource."""
    found: dict[str, list[Row]] = {}
    for row in picture.rows(*TABLES):
        known = row["unread"] is not None or row["judged"] or row["deletion_overdue_s"] is not None
        if not known and row["namespace"] not in picture.going:
            found.setdefault(row["resource"], []).append(row)
    return found


def _untold(resource: str, silent: Sequence[Row], picture: Picture) -> bool:
    """Whether nothing is known of any object of a resource, though one had the time to say something."""
    if any(row["judged"] for row in picture.rows(*TABLES) if row["resource"] == resource):
        return False
    return any(_old(row, picture.thresholds.stuck_s) for row in silent)


def _kind(resource: str) -> Ref:
    return Ref("", f"crd/{resource.partition('/')[0]}")


def _old(row: Row, stuck_s: float) -> bool:
    return row["age_s"] is None or bool(row["age_s"] >= stuck_s)


@dataclass(frozen=True)
class Wrong:
    """What is wrong with one object; equal where others have the same, whatever names and numbers their messages hold."""

    status: Status
    causes: tuple[str, ...]
    reason: str = field(compare=False)


def _found(row: Row, stuck_s: float) -> Wrong | None:
    """What is wrong with one object; what is on its way, or was just made, is not."""
    overdue = row["deletion_overdue_s"]
    if overdue is not None:
        if overdue < stuck_s:
            return None
        keep = ", ".join(row["finalizers"]) or "no finalizer, and it is there still"
        return Wrong(Status.WARN, (keep,), f"is stuck in deletion for {seconds(overdue)}: {short(keep)}")
    words = row["words"] if _old(row, stuck_s) else ()
    failed = [*words, *(row["failed"] if (row["failed_s"] or 0.0) >= stuck_s else ())]
    if failed:
        return Wrong(Status.WARN, tuple(map(_cause, failed)), "; ".join(map(short, failed)))
    unsure = row["unsure"]
    if unsure and (row["unsure_s"] is None or row["unsure_s"] >= stuck_s):
        reason = f"how it is cannot be told: {'; '.join(map(short, unsure))}"
        return Wrong(Status.UNKNOWN, tuple(map(_cause, unsure)), reason)
    return None


def _cause(said: str) -> str:
    """A condition and its reason, without its message, which names what it is of.

    >>> _cause("Ready is False: NoDisk: disk 7 is full"), _cause("its controller looked last at generation 1 of 9")
    ('Ready is False: NoDisk', 'its controller looked last at generation # of #')
    """
    return re.sub(r"\d+", "#", ": ".join(said.split(": ")[:2]))
