"""One problem, one finding: what several checks or questions saw of it is folded into one.

Findings that name the same `problem` are of one problem, and a finding goes to the first of those in its `because` that there is a
finding of; a name stands for those within it too, as `log/orders` does for `log/orders/eu`. What is UNKNOWN is folded with what
is UNKNOWN alone, so that nothing known hides it, and what is OK is not folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gocoffee_ops.frames import unread
from gocoffee_ops.model import Finding, Status, worst

NAMED = 6  # parts that a sentence quotes; more are counted
QUOTED = 160  # characters of each
UNREAD = "not read: "


def for_want_of(target: str, why: str) -> str:
    """The problem that a target gave no answers for one reason; numbers in it (seconds, ports) do not make it another."""
    return f"unread/{target}: {re.sub(r'[0-9]+(?:[.][0-9]+)?', '#', why)}"


def unanswered(finding: Finding) -> bool:
    """Whether a finding is that of a question without an answer, and not a check's that says what this means."""
    return unread(finding.subject, finding.check) in finding.problem


def folded(findings: Sequence[Finding]) -> list[Finding]:
    """One finding for each problem, in the place of its first part. It has the worst status, and names its other parts."""
    roots = _roots(findings)
    groups: dict[tuple[int, bool], list[Finding]] = {}
    for i, finding in enumerate(findings):
        groups.setdefault((roots[i], finding.status is Status.UNKNOWN), []).append(finding)
    return [_one(group, findings[root]) for (root, _), group in groups.items()]


def _roots(findings: Sequence[Finding]) -> list[int]:
    """For each finding the place of the one that stands for its problem."""
    first: dict[str, int] = {}  # of each problem, where it was named first
    roots = list(range(len(findings)))

    def root(i: int) -> int:
        while roots[i] != i:
            i = roots[i]
        return i

    told = [i for i, finding in enumerate(findings) if finding.status is not Status.OK]
    for i in told:
        for name in findings[i].problem:
            roots[root(i)] = root(first.setdefault(name, i))
    for i in told:
        explained = next((at for name in findings[i].because if (at := _at(name, first)) is not None), i)
        if root(explained) != root(i):
            roots[root(i)] = root(explained)
    return [root(i) for i in range(len(findings))]


def _at(name: str, first: Mapping[str, int]) -> int | None:
    """The place of the finding that names a problem, else of the first one within it."""
    within = (at for problem, at in first.items() if problem.startswith(f"{name}/"))
    return first.get(name, next(within, None))


def told(finding: Finding) -> tuple[str, tuple[str, ...]]:
    """What is shown of a finding: its own sentence, and those of what was folded into it."""
    if not finding.parts:
        return finding.reason, ()
    head, *others = finding.parts
    if _questions(finding.parts):
        return _questions(finding.parts), tuple(_sentences(head, _answers(others)))
    return head.reason, tuple(_sentences(head, others))


def _one(group: Sequence[Finding], root: Finding) -> Finding:
    """The group as one finding. Of those that name the root's problem the worst speaks, but for one that defers to others, as it
    has its own problem in its `because` too: what it sees is the surface."""
    if len(group) == 1:
        return group[0]
    own = [finding for finding in group if set(finding.problem) & set(root.problem)] or list(group)
    head = max(own, key=lambda one: (not set(one.because) & set(one.problem), one.status.severity))
    parts = (head, *(finding for finding in group if finding is not head))
    return replace(
        head,
        status=worst(finding.status for finding in group),
        reason=_reason(parts),
        next=tuple(dict.fromkeys(name for finding in parts for name in finding.next)),
        parts=parts,
    )


def _reason(parts: Sequence[Finding]) -> str:
    """One sentence: the first part's own, and the beginning of the others'."""
    said = _questions(parts)
    others = _sentences(parts[0], _answers(parts[1:]) if said else parts[1:])
    short = [one if len(one) <= QUOTED else f"{one[: QUOTED - 1]}…" for one in others[:NAMED]]
    more = [f"{len(others) - NAMED} more"] if len(others) > NAMED else []
    return "; also ".join([said or parts[0].reason, *short, *more])


def _questions(parts: Sequence[Finding]) -> str:
    """What is said of questions that one target left without an answer: the reason once, and each of them by name."""
    asked = [finding for finding in parts if unanswered(finding)]
    names = list(dict.fromkeys(finding.check for finding in asked))
    if len(names) < 2:
        return ""
    return f"{asked[0].reason.rstrip('.')}. So {len(names)} questions have no answer: {', '.join(names)}"


def _answers(parts: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in parts if not unanswered(finding)]


def _sentences(head: Finding, others: Iterable[Finding]) -> list[str]:
    """What the others say, each once, and not what the head says already."""
    return list(dict.fromkeys(_named(one, head) for one in others if one.reason != head.reason))


def _named(one: Finding, head: Finding) -> str:
    """A part's sentence, with what it is about where the head does not say that: its subject, or only its cluster."""
    if one.subject != head.subject:
        return f"{one.subject}: {one.reason}"
    return f"{one.cluster}: {one.reason}" if one.cluster not in {"", head.cluster} else one.reason
