"""A postmortem's draft from what a run found: who writes the postmortem starts with the facts, and with what is not known.

It quotes findings and the timeline, each with the record that it rests on. It never names a cause: what came before the onset
is listed in the order in which to look at it, and what could not be read stands among the open questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, worst

if TYPE_CHECKING:
    import pandas as pd

# Checks that tell what users felt.
IMPACT = ("error_rate", "error_rate_below", "latency", "endpoints_healthy", "endpoints_fast", "dependencies_reachable")
MOMENTS_SHOWN = 100
CANDIDATES_SHOWN = 10
PARTS = ("proximity", "overlap", "rarity")  # of a candidate's score
QUESTIONS = (
    "Who noticed first, and how? Which alert should have told us earlier?",
    "What did users see that none of these figures shows?",
    "Which of the changes above explain the symptoms, and what speaks against each of them?",
    "What ended it?",
)


@dataclass(frozen=True)
class Part:
    """One part of the draft: sentences, then points, then a table."""

    heading: str
    sentences: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Postmortem:
    """The draft."""

    title: str
    parts: tuple[Part, ...] = field(default_factory=tuple)


def draft(
    *,
    service: str,
    start: datetime,
    end: datetime,
    onset: datetime | None,
    timeline: pd.DataFrame,
    candidates: pd.DataFrame,
    findings: Sequence[Finding],
    answered: int,
    asked: int,
) -> Postmortem:
    """The draft of a service's incident between `start` and `end`; `onset` is None where no symptom's beginning was found."""
    title = f"Postmortem (draft): {service}, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    parts = (
        _summary(timeline, onset, candidates, findings, answered, asked),
        _impact(findings),
        _timeline(timeline),
        _factors(candidates, onset),
        _wrong(findings),
        _open(timeline, findings, onset),
    )
    return Postmortem(title, parts)


def _summary(
    timeline: pd.DataFrame,
    onset: datetime | None,
    candidates: pd.DataFrame,
    findings: Sequence[Finding],
    answered: int,
    asked: int,
) -> Part:
    counts = Counter(finding.status for finding in findings)
    told = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status]) or "no finding"
    began = (
        f"The first symptom on the timeline began at {onset:%H:%M:%S} UTC." if onset else "When it began is UNKNOWN."
    )
    verdict = worst(finding.status for finding in findings).value
    read = f"{answered} of {asked} questions were answered; what was not read may be anything."
    read = read if answered < asked else f"All {asked} questions were answered."
    return Part("Summary", (began, _first(timeline, candidates, onset), f"Verdict {verdict}: {told}.", read))


def _first(timeline: pd.DataFrame, candidates: pd.DataFrame, onset: datetime | None) -> str:
    """The change to look at first, with the parts of its score; that it stands first is all that is said of it."""
    rows = records(candidates)
    unread = timeline.attrs.get("gaps") or candidates.attrs.get("unread")
    gap = " Not all that may have changed was read." if unread else ""
    origin = "the onset" if onset else _origin(candidates)
    if not rows:
        return f"Nothing that was read changed in the hours before {origin}.{gap}"
    first = rows[0]
    where = f" of {first['cluster']}" if first["cluster"] else ""
    before = first["before_onset_s"]
    when = (
        f"{_span(before)} before {origin}" if before >= 0 else f"{_span(-before)} after {origin}, as far as it is known"
    )
    score = " x ".join(f"{name} {first[name]:.2f}" for name in PARTS)
    return (
        f"What to look at first of what changed around it: {first['subject']}{where}, {when} ({first['kind']}: {first['what']}); "
        f"score {first['score']:.2f} = {score}. To have come first is not to be the cause.{gap}"
    )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _origin(candidates: pd.DataFrame) -> str:
    """What the minutes are counted back from where no onset was found."""
    return "the window's end" if candidates.attrs.get("unseen") else "the first alert"


def _impact(findings: Sequence[Finding]) -> Part:
    felt = [finding for finding in findings if finding.check in IMPACT]
    if not felt:
        return Part("Impact", ("UNKNOWN: neither error rates nor endpoints were judged.",))
    return Part("Impact", points=tuple(_quoted(felt)))


def _timeline(timeline: pd.DataFrame) -> Part:
    rows = records(timeline)
    shown = tuple(
        (f"{row['time']:%Y-%m-%d %H:%M:%S}", row["kind"], row["subject"], row["what"], row["evidence"])
        for row in rows[:MOMENTS_SHOWN]
    )
    note = f"the first {MOMENTS_SHOWN} of {len(rows)} moments" if len(rows) > MOMENTS_SHOWN else ""
    sentence = () if shown else ("Nothing that was read has a moment in this window.",)
    return Part(
        "Timeline (UTC)", sentence, columns=("time", "kind", "subject", "what", "evidence"), rows=shown, note=note
    )


def _factors(candidates: pd.DataFrame, onset: datetime | None) -> Part:
    rows = records(candidates)
    sentence = (
        "What changed before the onset, in the order in which to look at it. To have come first is not to be the cause."
    )
    if onset is None:
        counted = f" The minutes are counted back from {_origin(candidates)}." if rows else ""
        sentence = f"Without an onset, no change can be said to have come before it.{counted}"
    shown = tuple(
        (f"{row['before_onset_s'] / 60:.1f}", row["kind"], row["subject"], row["what"], f"{row['score']:.2f}")
        for row in rows[:CANDIDATES_SHOWN]
    )
    note = f"the first {CANDIDATES_SHOWN} of {len(rows)} changes" if len(rows) > CANDIDATES_SHOWN else ""
    columns = ("min before", "kind", "subject", "what", "score")
    return Part("Contributing factors", (sentence,), columns=columns, rows=shown, note=note)


def _wrong(findings: Sequence[Finding]) -> Part:
    """What is wrong besides: whether it has to do with the incident is for people to say."""
    wrong = [f for f in findings if f.status in {Status.CRIT, Status.WARN} and f.check not in IMPACT]
    sentence = "Read when this was run, which may be long after; it need not have to do with the incident."
    if not wrong:
        return Part("What was wrong when this was read", ("Nothing that was read.",))
    return Part("What was wrong when this was read", (sentence,), tuple(_quoted(wrong)))


def _open(timeline: pd.DataFrame, findings: Sequence[Finding], onset: datetime | None) -> Part:
    unknown = list(_quoted(finding for finding in findings if finding.status is Status.UNKNOWN))
    if onset is None:
        unknown.append(
            "UNKNOWN: no symptom's beginning was found; name a start and an end around it, or a longer baseline"
        )
    if untimed := timeline.attrs.get("untimed", 0):
        unknown.append(f"rows without a time, which are missing on the timeline: {untimed}")
    return Part("Open questions", points=(*unknown, *QUESTIONS))


def _quoted(findings: Iterable[Finding]) -> Iterable[str]:
    """Findings as points, worst first, each with its evidence."""
    for finding in sorted(findings, key=lambda f: (-f.status.severity, f.check, f.subject)):
        where = " ".join(part for part in (finding.cluster, finding.namespace) if part)
        place = f"{finding.subject} ({where})" if where else finding.subject
        evidence = dict.fromkeys(key for part in finding.made for key in part.evidence)
        cited = f" [{', '.join(evidence)}]" if evidence else ""
        yield f"{finding.status.value} {place}: {finding.reason}{cited}"
