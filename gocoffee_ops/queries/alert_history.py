"""When alerts fired, and when anything was recorded at all: moments of samples, as a Prometheus holds them.

`timestamp()` gives the moment of the sample that a step sees, so that what is looked at once a minute tells each sample's own
time, and a sample that is seen again for want of a newer one is not counted twice.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    from gocoffee_ops.sources.prometheus import Series

NEW_SPELL = 1.5  # usual distances without a sample: it had resolved, and fires again
LOOK_BACK_S = 300.0  # what Prometheus itself takes for no gap
LOST = 3.0  # usual distances without a sample: something was not recorded
NOT_THE_RULES = frozenset({"alertname", "alertstate", "__name__"})

FIRED = Schema(
    "alerts that fired",
    (
        Column("alert", "string", help="the label alertname"),
        Column("severity", "string", optional=True),
        Column("namespace", "string", optional=True),
        Column("first_seen_at", "timestamp", help="its first sample in the window"),
        Column("last_seen_at", "timestamp"),
        Column("firing", "boolean", help="still, when the window ends"),
        Column("from_before", "boolean", help="it fired already when the window began"),
        Column("times", "Int64", help="how often it began to fire, as far as the steps tell"),
        Column("fired_s", "Float64", "s", help="in all"),
        Column("step_s", "Float64", "s", help="how often it was looked at: what is shorter may be missing"),
        Column("points_found", "Int64", help="samples at which it fired"),
        Column("points_expected", "Int64", help="from its first to its last, had it not resolved between them"),
        Column("window_s", "Float64", "s"),
        Column("labels", "list[string]", help="name=value"),
    ),
)

WATCHED = Schema(
    "time that was watched",
    (
        Column("window_start_at", "timestamp"),
        Column("window_end_at", "timestamp"),
        Column("step_s", "Float64", "s"),
        Column("points_found", "Int64", help="steps at which something new had been scraped"),
        Column("points_expected", "Int64"),
        Column("gaps", "list[string]", help=f"spans without any sample: over {LOOK_BACK_S:g} s, and over 3 scrapes"),
        Column("unseen_s", "Float64", "s", help="in all of them"),
    ),
)


def fired_row(series: Series, window: tuple[float, float], step_s: float) -> Mapping[str, Any] | None:
    """One alert; None where the one sample that was seen is older than the window."""
    (start, end), labels = window, series.labels
    every = moments(series)
    usual = distance(every, step_s)
    stamps = [at for at in every if at > start - usual]
    if not stamps:
        return None
    seen_last = max(at for at, _ in series.points)
    return {
        "alert": labels.get("alertname", "(no alertname)"),
        "severity": labels.get("severity") or None,
        "namespace": labels.get("namespace") or None,
        "first_seen_at": datetime.fromtimestamp(stamps[0], UTC),
        "last_seen_at": datetime.fromtimestamp(stamps[-1], UTC),
        "firing": seen_last > end - 0.99 * step_s and end - stamps[-1] <= 2 * usual,
        "from_before": stamps[0] <= start + usual,
        "times": 1 + sum(b - a > NEW_SPELL * usual for a, b in pairwise(stamps)),
        "fired_s": min(len(stamps) * usual, end - start),
        "step_s": step_s,
        "points_found": len(stamps),
        "points_expected": round((stamps[-1] - stamps[0]) / usual) + 1,
        "window_s": end - start,
        "labels": [f"{name}={text}" for name, text in sorted(labels.items()) if name not in NOT_THE_RULES],
    }


def watched_row(found: Sequence[Series], window: tuple[float, float], step_s: float) -> Mapping[str, Any]:
    """How much of the window has samples of anything."""
    start, end = window
    stamps = sorted({at for series in found for at in moments(series) if at >= start})
    usual = distance(stamps, step_s)
    limit = max(LOOK_BACK_S, LOST * usual)
    gaps = [(a, b) for a, b in pairwise([start, *stamps, end]) if b - a > limit]
    return {
        "window_start_at": datetime.fromtimestamp(start, UTC),
        "window_end_at": datetime.fromtimestamp(end, UTC),
        "step_s": step_s,
        "points_found": len(stamps),
        "points_expected": round((end - start) / usual),
        "gaps": [_span(*gap) for gap in gaps],
        "unseen_s": sum(b - a for a, b in gaps),
    }


def moments(series: Series) -> list[float]:
    """The moments of the samples that the steps saw, each once."""
    return sorted({at for _, text in series.points if isfinite(at := float(text))})


def distance(stamps: Sequence[float], step_s: float) -> float:
    """How far apart samples usually are, as far as the steps tell: never less than a step."""
    return max(step_s, statistics.median(b - a for a, b in pairwise(stamps))) if len(stamps) > 1 else step_s


def _span(start: float, end: float) -> str:
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    day = "" if first.date() == last.date() else f"{last:%Y-%m-%d} "
    return f"{first:%Y-%m-%d %H:%M} to {day}{last:%H:%M} UTC"
