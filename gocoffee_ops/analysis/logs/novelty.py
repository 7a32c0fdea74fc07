"""What is new in the log, or much more frequent, against an earlier period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.logs.columns import cited
from gocoffee_ops.analysis.logs.intervals import rate_ratio
from gocoffee_ops.analysis.logs.levels import LEVELS
from gocoffee_ops.analysis.logs.mining import KEY, templates
from gocoffee_ops.analysis.logs.missing import missing_of
from gocoffee_ops.analysis.logs.schemas import NOVELTY
from gocoffee_ops.errors import UsageError
from gocoffee_ops.frames import records
from gocoffee_ops.missing import Missing, bounds, of_service

if TYPE_CHECKING:
    import pandas as pd

    from gocoffee_ops.model import Window

_ORDER = ("new", "more", "no baseline", "gone", "less", "same")
_SERVICE = ["cluster", "namespace", "service"]


def novelty(templated: pd.DataFrame, window: Window, baseline: Window) -> pd.DataFrame:
    """Which templates are new in `window`, or come more or less often than in `baseline`? What matters most first.

    `new` was not there in the baseline at all; `more` and `less` are those whose 95 % interval of the rate ratio lies on
    one side of 1, `gone` is less than that and not there any more. The interval is exact for independent events (Clopper
    and Pearson, given the sum of both counts); bursts make it too narrow. Minutes of the baseline before a service's
    first record, and those of which its lines were not all read and kept, count for nothing, and without any the change is
    `no baseline`: what an unread period held is not new.

    Columns: those of `NOVELTY`; the attribute `window_min` is the window's length. `templated` holds the records of both
    windows; those without a time are in neither.
    """
    import pandas as pd

    if window.start < baseline.end:
        raise UsageError("the baseline must end before the window starts", why=f"{baseline.end} to {window.start}")
    now, before = (_within(templated, w) for w in (window, baseline))
    new = {_key(row): row for row in records(templates(now))}
    old = {_key(row): row for row in records(templates(before))}
    untold = now[now["level"].isna()].groupby(KEY, observed=True).size()
    lacking = _lacking(templated, window, baseline)
    whole = before[~_lies_in(before, lacking)].groupby(KEY, observed=True).size()
    starts = templated.groupby(_SERVICE, observed=True)["time"].min()
    since: dict[Any, Any] = {key: time for key, time in starts.items() if not pd.isna(time)}
    rows = []
    for key in new | old:
        start = max(since[key[:3]], pd.Timestamp(baseline.start))
        minutes = _minutes(start, baseline.end, of_service(lacking, key[:3]))
        row = _row(key, new.get(key), old.get(key), int(whole.get(key, 0)), window.seconds / 60.0, minutes)
        rows.append(row | {"without_level": int(untold.get(key, 0))})
    rows.sort(key=_importance)
    frame = cited(NOVELTY.from_rows(rows), templated, window=window)
    frame.attrs["window_min"] = window.seconds / 60.0
    return frame


def _lacking(templated: pd.DataFrame, window: Window, baseline: Window) -> list[Missing]:
    """What is missing of the baseline; a log that is missing throughout, in the window too, is in neither rate."""
    both = [
        {_log(one) for one in missing_of(templated, window=w) if bounds(one) == (w.start, w.end)}
        for w in (window, baseline)
    ]
    found = missing_of(templated, window=baseline)
    return [one for one in found if one["why"] == "thinned" or _log(one) not in both[0] & both[1]]


def _log(missing: Missing) -> tuple[str, ...]:
    return tuple(missing[name] for name in ("cluster", "namespace", "pod", "container"))


def _lies_in(records: pd.DataFrame, missing: Sequence[Missing]) -> pd.Series[bool]:
    """Which records lie in a span of which something is missing of their service."""
    import pandas as pd

    found = pd.Series(data=False, index=records.index)
    for one in missing:
        since, until = bounds(one)
        own = (records[_SERVICE] == [one[name] for name in _SERVICE]).all(axis=1)
        found |= own & (records["time"] >= since) & (records["time"] <= until)
    return found


def _minutes(start: datetime, end: datetime, missing: Sequence[Missing]) -> float:
    """The minutes between two moments of which nothing is missing."""
    seconds, at = 0.0, start
    for since, until in sorted(map(bounds, missing)):
        seconds += max(0.0, (min(since, end) - at).total_seconds())
        at = max(at, until)
    return (seconds + max(0.0, (end - at).total_seconds())) / 60.0


def _within(templated: pd.DataFrame, window: Window) -> pd.DataFrame:
    return templated[(templated["time"] >= window.start) & (templated["time"] < window.end)]


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)


def _row(
    key: tuple[Any, ...],
    new: dict[str, Any] | None,
    old: dict[str, Any] | None,
    whole: int,
    minutes: float,
    baseline_min: float,
) -> dict[str, Any]:
    """A template's row; `whole` of its earlier records lie in the `baseline_min` minutes of which nothing is missing."""
    count, before = (row["count"] if row else 0 for row in (new, old))
    row = dict(zip(KEY, key, strict=True)) | {
        "change": "no baseline",
        "levels": (new or old or {})["levels"],
        "count": count,
        "baseline_count": before,
        "rate_per_min": count / minutes,
        "baseline_rate_per_min": None,
        "rate_ratio": None,
        "ratio_low": None,
        "ratio_high": None,
        "baseline_min": baseline_min,
        "first_seen": new["first_seen"] if new else None,
        "example": (new or old or {})["examples"][0],
    }
    if not baseline_min:
        return row
    low, high = rate_ratio(count, minutes, whole, baseline_min)
    return row | {
        "change": _change(count, before, low, high),
        "baseline_rate_per_min": whole / baseline_min,
        "rate_ratio": (count / minutes) / (whole / baseline_min) if whole else None,
        "ratio_low": low,
        "ratio_high": high,
    }


def _change(count: int, before: int, low: float, high: float | None) -> str:
    """What became of a template.

    >>> _change(3, 0, 0.5, None), _change(9, 2, 1.1, 30.0), _change(0, 40, 0.0, 0.3), _change(0, 1, 0.0, 39.0)
    ('new', 'more', 'gone', 'same')
    """
    if not before:
        return "new"
    if low > 1.0:
        return "more"
    if high is not None and high < 1.0:
        return "less" if count else "gone"
    return "same"


def _importance(row: dict[str, Any]) -> tuple[Any, ...]:
    """New before more before the rest; then the worst level, and what is surest."""
    level = min((LEVELS.index(level) for level in row["levels"]), default=LEVELS.index("info"))
    return (_ORDER.index(row["change"]), level, -(row["ratio_low"] or 0.0), -row["count"], row["template_id"])
