"""Samples over time: labels as columns, and how fast something grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 6  # samples, below which a slope says nothing
FELL = 0.5  # a container whose memory fell to this share of what it was has begun anew
GROWS = 0.75  # of all pairs of samples, the later is the larger: else it goes up and down

MEMORY_TREND = Schema(
    "memory trend",
    (
        Column("prometheus", "string"),
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("container", "string"),
        Column("since", "timestamp", help="of the samples that were used: after the last restart", optional=True),
        Column("samples", "Int64", help="used"),
        Column("steps", "Int64", help="of the whole window"),
        Column("memory_mib", "Float64", "MiB", help="the last sample", optional=True),
        Column("memory_limit_mib", "Float64", "MiB", optional=True),
        Column("slope_mib_per_h", "Float64", "MiB/h", help="the median of all pairs' slopes", optional=True),
        Column("rising", "Float64", "ratio", help="of all pairs of samples, the later is the larger", optional=True),
        Column("time_to_limit_s", "Float64", "s", help="at this slope", optional=True),
        Column("missing", "string", help="why there is no time to the limit", optional=True),
    ),
)


def memory_trend(samples: pd.DataFrame) -> pd.DataFrame:
    """How fast does each container's memory grow, and when would it reach its limit? (H28)

    A slope from all pairs of samples since the container last began anew, so that single peaks do not bend it.

    Columns: prometheus, namespace, pod, container (string), since (timestamp), samples, steps (Int64), memory_mib,
    memory_limit_mib (Float64, MiB), slope_mib_per_h (Float64, MiB/h), rising (Float64, ratio), time_to_limit_s (Float64, s),
    missing (string). The soonest at its limit first.
    """
    groups: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] = {}
    for row in records(samples):
        groups.setdefault((row["prometheus"], row["namespace"], row["pod"], row["container"]), []).append(row)
    rows = [_trend(key, group) for key, group in groups.items()]
    rows.sort(key=lambda row: (row["time_to_limit_s"] is None, row["time_to_limit_s"] or 0.0, row["pod"]))
    frame = MEMORY_TREND.from_rows(rows)
    frame.attrs["evidence"] = list(samples.attrs.get("evidence", ()))
    return frame


def _trend(key: tuple[str, str, str, str], group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    there = [(row["at"], row["memory_mib"]) for row in group if row["memory_mib"] is not None]
    ended = group[-1]["memory_mib"] is None
    used = since_restart(there)
    limit, limited = group[-1]["memory_limit_mib"], group[-1]["memory_limited"]
    slope, rising = slope_of(used) if len(used) >= FEWEST else (None, None)
    last = used[-1][1] if used else None
    missing, time_left = None, None
    if ended:
        missing = "no sample at the end: the container is gone"
    elif slope is None or rising is None or last is None:
        missing = f"{len(used)} samples since it began: a slope needs {FEWEST}"
    elif limit is None:
        missing = "no memory limit" if limited is False else "its memory limit is not told"
    elif slope <= 0 or rising < GROWS:
        missing = "it does not grow"
    else:
        time_left = max(0.0, limit - last) / slope * 3600
    return {
        **dict(zip(("prometheus", "namespace", "pod", "container"), key, strict=True)),
        "since": used[0][0] if used else None,
        "samples": len(used),
        "steps": len(group),
        "memory_mib": last,
        "memory_limit_mib": limit,
        "slope_mib_per_h": slope,
        "rising": rising,
        "time_to_limit_s": time_left,
        "missing": missing,
    }


def since_restart(samples: Sequence[tuple[datetime, float]]) -> Sequence[tuple[datetime, float]]:
    """The samples since the value last fell to half or less of what it had been; back from a single peak is no fall.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> [v for _, v in since_restart([(noon + timedelta(hours=h), v) for h, v in enumerate([60.0, 90.0, 20.0, 30.0])])]
    [20.0, 30.0]
    """
    values = [value for _, value in samples]
    fell = (
        i
        for i in range(1, len(values))
        if values[i] < values[i - 1] and values[i] <= FELL * median(values[max(0, i - 3) : i])
    )
    return samples[max(fell, default=0) :]


def slope_of(samples: Sequence[tuple[datetime, float]]) -> tuple[float, float]:
    """The median slope an hour of all pairs of samples (Theil and Sen), and the share of pairs that rise.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> slope_of([(noon + timedelta(hours=h), v) for h, v in enumerate([10.0, 12.0, 99.0, 16.0])])
    (2.0, 0.8333333333333334)
    """
    pairs = list(combinations(samples, 2))
    slopes = [(b - a) / ((end - start).total_seconds() / 3600) for (start, a), (end, b) in pairs]
    return median(slopes), sum(slope > 0 for slope in slopes) / len(slopes)


def labelled(samples: pd.DataFrame, *labels: str) -> pd.DataFrame:
    """The samples with a column for each of some labels, in front; a series without the label has none there.

    >>> import pandas as pd
    >>> samples = pd.DataFrame([{"labels": ("code=200", "path=/a=b"), "value": 1.0}])
    >>> labelled(samples, "path", "code").to_dict("records")
    [{'path': '/a=b', 'code': '200', 'labels': ('code=200', 'path=/a=b'), 'value': 1.0}]
    """
    found = samples.copy()
    found.attrs = dict(samples.attrs)
    for place, label in enumerate(labels):
        values = [dict(pair.partition("=")[::2] for pair in pairs).get(label) for pairs in samples["labels"]]
        found.insert(place, label, values)
        found[label] = found[label].astype("string")
    return found
