"""When did a rate change, and in which minutes did it burst?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.logs import splits
from gocoffee_ops.analysis.logs.columns import cited
from gocoffee_ops.analysis.logs.intervals import poisson_tail
from gocoffee_ops.analysis.logs.levels import HARMLESS, worst_first
from gocoffee_ops.analysis.logs.mining import KEY
from gocoffee_ops.analysis.logs.missing import missing_of
from gocoffee_ops.analysis.logs.rates import requests_of
from gocoffee_ops.analysis.logs.schemas import BURSTS, ERROR_ONSETS, ONSETS
from gocoffee_ops.missing import Missing, bounds, of_service, touches

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from gocoffee_ops.model import Window

SURE = 0.01  # a change or a burst that chance alone gives more often than this is none
MINUTE = timedelta(minutes=1)
_SERVICE = ["cluster", "namespace", "service"]
_CONTAINER = [*_SERVICE, "container"]


@dataclass(frozen=True)
class Change:
    """Where a series changes its rate: the first place of the new one, the places between which it lies, and how sure."""

    at: int
    low: int
    high: int
    before: float
    after: float
    p_value: float


def change_point(counts: Sequence[float], exposure: Sequence[float]) -> Change | None:
    """The one place at which splitting a series in two rates explains it best; None for one that has no two rates to tell.

    Counts are taken as Poisson with a rate for each unit of `exposure` (minutes, or requests). The gain in log-likelihood
    is divided by the counts' dispersion around both rates, so that a series that jumps all the time shows no change, and
    its chi-squared probability is multiplied by the number of places tried (Bonferroni): `p_value` is an upper bound.

    >>> change = change_point([2, 1, 3, 2, 9, 11, 8, 10], [1] * 8)
    >>> change.at, change.before, change.after, change.p_value < 0.001
    (4, 2.0, 9.5, True)
    """
    import numpy as np

    n, k, e = len(counts), np.cumsum(counts), np.cumsum(exposure)
    if n < 2 or not k[-1] or not e[-1]:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = _likelihood(k[:-1], e[:-1]) + _likelihood(k[-1] - k[:-1], e[-1] - e[:-1]) - _likelihood(k[-1], e[-1])
    gain[(e[:-1] <= 0) | (e[-1] - e[:-1] <= 0)] = -np.inf
    best = int(np.argmax(gain))
    if not math.isfinite(gain[best]):
        return None
    before, after = k[best] / e[best], (k[-1] - k[best]) / (e[-1] - e[best])
    gain = gain / _dispersion(np.asarray(counts), np.asarray(exposure), best + 1, before, after)
    near = np.flatnonzero(gain >= gain[best] - splits.SUPPORT)
    p_value = min(1.0, (n - 1) * math.erfc(math.sqrt(max(0.0, gain[best]))))
    return Change(best + 1, int(near[0]) + 1, int(near[-1]) + 1, float(before), float(after), p_value)


def _likelihood(count: Any, exposure: Any) -> Any:
    """The Poisson log-likelihood at its best rate, but for what all splits share."""
    import numpy as np

    return np.where(count > 0, count * np.log(np.maximum(count, 1e-300) / exposure), 0.0)


def _dispersion(counts: npt.NDArray[Any], exposure: npt.NDArray[Any], at: int, before: float, after: float) -> float:
    """Variance over mean around both rates; at least the 1 of independent events."""
    import numpy as np

    expected = exposure * np.where(np.arange(len(counts)) < at, before, after)
    there = expected > 0
    if there.sum() <= 2:
        return 1.0
    return max(1.0, float(((counts - expected)[there] ** 2 / expected[there]).sum() / (there.sum() - 2)))


def onset(templated: pd.DataFrame, window: Window) -> pd.DataFrame:
    """When did a template begin to come more or less often? Surest first; templates without a sure change are left out.

    Method: one Poisson change point on the counts of the window's minutes, see `change_point`; sure is p ≤ 0.01. Around that
    minute, the record at which the rate changes best, see `splits`: the onset is as fine as the records' times.

    A template is quiet when all its records in the window only inform: each has a level, none is worse than info, and none
    carries an exception, a stack trace or a status of 5xx. A record without a level may be anything, and is not quiet.

    Minutes of which a service's lines were not all read and kept are left out: fewer lines than there were are no change.

    Columns: those of `ONSETS`.
    """
    rows = []
    for key, minutes, counts in _by_minute(templated, window):
        change = change_point(counts.tolist(), [1.0] * len(counts))
        if change is None or change.p_value > SURE:
            continue
        named = dict(zip(KEY, key, strict=True))
        own = templated[(templated[_SERVICE] == [named[name] for name in _SERVICE]).all(axis=1)]
        alike = own[own["template_id"] == named["template_id"]]
        events, known = (_seconds(one) for one in (alike, own))
        rates = {"before_per_min": change.before, "after_per_min": change.after}
        rates |= _loudness(alike[(alike["time"] >= window.start) & (alike["time"] < window.end)])
        split = splits.of_events(events, known, _around(change, minutes, 60.0), change.before / 60, change.after / 60)
        rows.append(named | _told(change, minutes, 60.0, split) | rates)
    rows.sort(key=lambda row: (row["p_value"], row["onset"], row["template_id"]))
    return cited(ONSETS.from_rows(rows), templated, window=window)


def _loudness(alike: pd.DataFrame) -> dict[str, Any]:
    levels = worst_first({*alike["level"].dropna()})
    stacks = alike["trace"].notna() & alike["format"].isin(["json", "logfmt"])  # of text, it may be more of the message
    errors = alike["exception"].notna() | stacks | (alike["format"] == "trace") | (alike["status"] >= 500).fillna(False)
    told = alike["level"].notna().all() and not errors.any()
    return {"levels": levels, "quiet": bool(told and HARMLESS.issuperset(levels))}


def error_onset(rates: pd.DataFrame, requests: pd.DataFrame | None = None) -> pd.DataFrame:
    """When did a service's error rate change? Surest first; services without a sure change are left out.

    Method: one change point on the errors of the buckets of `error_rate`, with the requests as exposure, so that more
    traffic with as large a share of errors is no change; sure is p ≤ 0.01. Buckets without requests are left out. With the
    records that the rates were counted from (`requests`), the onset is the first request at the new rate, see `splits`;
    without them it is known to the bucket.

    Columns: those of `ERROR_ONSETS`.
    """
    rows = []
    counted = rates[rates["requests"].notna() & rates["start"].notna()].sort_values("start")
    for key, group in counted.groupby(_CONTAINER, observed=True):
        change = change_point(group["errors"].tolist(), group["requests"].tolist())
        if change is None or change.p_value > SURE:
            continue
        shares = {"before_error_rate": change.before, "after_error_rate": change.after}
        starts, bucket_s = group["start"].tolist(), float(group["bucket_s"].iloc[0])
        split = None
        if requests is not None:
            own = requests_of(requests[(requests[_CONTAINER] == list(key)).all(axis=1)]).sort_values("time")
            failed = (own["status"] >= 500).to_numpy(dtype=bool)
            span = _around(change, starts, bucket_s)
            split = splits.of_requests(_seconds(own), failed, span, change.before, change.after)
        rows.append(dict(zip(_CONTAINER, key, strict=True)) | _told(change, starts, bucket_s, split) | shares)
    rows.sort(key=lambda row: (row["p_value"], row["onset"], row["service"]))
    return cited(ERROR_ONSETS.from_rows(rows), rates, *([] if requests is None else [requests]))


def bursts(templated: pd.DataFrame, window: Window) -> pd.DataFrame:
    """In which minutes did a template come far more often than in the others? Largest excess first.

    Method: what is usual is the median of the window's minutes, or the mean of the quieter nine tenths if that is more. A
    minute bursts when so many records or more come by chance in at most 1 % of windows (Poisson, counts divided by the
    quieter minutes' dispersion, Bonferroni over the minutes). Bursting minutes that follow one another are one row, with the
    p_value of the strongest. Minutes that were not all read are left out, as by `onset`.

    Columns: those of `BURSTS`.
    """
    rows = []
    for key, minutes, counts in _by_minute(templated, window):
        usual, spread = _usual(counts)
        tails = [poisson_tail(int(c / spread), usual / spread) if c > usual else 1.0 for c in counts.tolist()]
        chances = [min(1.0, len(counts) * tail) for tail in tails]
        for first, last in _runs([chance <= SURE for chance in chances]):
            rows.append(
                dict(zip(KEY, key, strict=True))
                | {
                    "start": minutes[first],
                    "end": minutes[last] + MINUTE,
                    "count": int(counts[first : last + 1].sum()),
                    "expected": usual * (last + 1 - first),
                    "p_value": min(chances[first : last + 1]),
                }
            )
    rows.sort(key=lambda row: (row["expected"] - row["count"], row["start"], row["template_id"]))
    return cited(BURSTS.from_rows(rows), templated, window=window)


def _usual(counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    """The rate of the minutes that are not the busiest ones, and their variance over their mean.

    >>> import numpy as np
    >>> _usual(np.array([2, 3, 2, 40])), _usual(np.array([0, 0, 0, 8]))
    ((2.5, 1.0), (0.25, 1.0))
    """
    import numpy as np

    quiet = counts[counts <= np.quantile(counts, 0.9)]
    mean = float(quiet.mean())
    # Of nothing seen in n minutes, a rate of 1/n is still likely.
    usual = max(float(np.median(counts)), mean, 1.0 / len(counts))
    return usual, max(1.0, float(quiet.var()) / mean) if mean else 1.0


def _runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last place of each run of true ones.

    >>> _runs([False, True, True, False, True])
    [(1, 2), (4, 4)]
    """
    starts = [i for i, flag in enumerate(flags) if flag and (i == 0 or not flags[i - 1])]
    ends = [i for i, flag in enumerate(flags) if flag and (i + 1 == len(flags) or not flags[i + 1])]
    return list(zip(starts, ends, strict=True))


def _by_minute(
    templated: pd.DataFrame, window: Window
) -> Iterator[tuple[tuple[Any, ...], list[Any], npt.NDArray[np.int64]]]:
    """Each template, the window's whole minutes that were read of its service, and its counts in them, zeros too."""
    import numpy as np
    import pandas as pd

    number = int(window.seconds // 60)
    start = pd.Timestamp(window.start)
    minutes = [start + i * MINUTE for i in range(number)]
    inside = templated[(templated["time"] >= start) & (templated["time"] < start + number * MINUTE)]
    minute = (inside["time"] - start) // pd.Timedelta(minutes=1)
    lacking = missing_of(templated, window=window)
    read: dict[tuple[Any, ...], list[int]] = {}
    for key, places in inside.assign(minute=minute).groupby(KEY, sort=True, observed=True)["minute"]:
        there = read.setdefault(tuple(key[:3]), _read(minutes, of_service(lacking, key[:3]), window))
        if len(there) > 1:
            counts = np.bincount(places.astype("int64"), minlength=number)
            yield tuple(key), [minutes[i] for i in there], counts[there]


def _read(minutes: Sequence[Any], lacking: Sequence[Missing], window: Window) -> list[int]:
    """The places of the minutes in which as much was read as in the others: a log that is missing throughout changes nothing."""
    partly = [one for one in lacking if one["why"] == "thinned" or bounds(one) != (window.start, window.end)]
    return [i for i, minute in enumerate(minutes) if not touches(partly, minute, minute + MINUTE)]


def _seconds(records: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The records' times in order, in seconds since 1970."""
    import numpy as np

    times = records["time"].dropna().astype("datetime64[us, UTC]").astype("int64").to_numpy()
    seconds: npt.NDArray[np.float64] = np.sort(times) / 1e6
    return seconds


def _around(change: Change, starts: Sequence[Any], bucket_s: float) -> tuple[float, float]:
    """Where a change may lie: its buckets, and the one before, at whose end it may have begun."""
    return starts[change.low].timestamp() - bucket_s, starts[change.high].timestamp() + bucket_s


def _told(change: Change, starts: Sequence[Any], bucket_s: float, split: splits.Split | None) -> dict[str, Any]:
    import pandas as pd

    at, low, high = starts[change.at], starts[change.low], starts[change.high]
    resolution_s = (high - low).total_seconds() + bucket_s
    if split is not None:
        at, low, high = (pd.Timestamp(round(s * 1e6), unit="us", tz="UTC") for s in (split.at, split.low, split.high))
        resolution_s = split.high - split.low
    return {
        "onset": at,
        "onset_low": low,
        "onset_high": high,
        "resolution_s": resolution_s,
        "ratio": change.after / change.before if change.before else None,
        "p_value": change.p_value,
    }
