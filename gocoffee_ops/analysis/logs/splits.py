"""Where between two minutes a rate changed: by the records' own times, as fine as these are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Seconds = npt.NDArray[np.float64]

SUPPORT = 1.92  # log-likelihood below the best split: half of chi-squared's 95 % point with one degree of freedom
RARE = 1e-3  # a rate of nothing seen: an event is this much less likely than at the other rate, and not impossible


@dataclass(frozen=True)
class Split:
    """When a rate changed, and between which moments that lies, in seconds of the same clock as what it was found in."""

    at: float
    low: float
    high: float


def of_events(events: Seconds, known: Seconds, span: tuple[float, float], before: float, after: float) -> Split | None:
    """When within a span did events begin to come at another rate (per second)? None for a span without any.

    Tried is each event as the first at a higher rate, or the last at one that falls. The change lies after the last of the
    `known` moments (other records of the same service) before it: until then it could have been seen.

    >>> import numpy as np
    >>> of_events(np.array([42.5, 43.0, 43.5, 44.0]), np.array([40.0, 42.0]), (0.0, 120.0), 0.0, 2.0)
    Split(at=42.5, low=42.0, high=42.5)
    """
    import numpy as np

    inside = events[(events >= span[0]) & (events < span[1])]
    if not len(inside):
        return None
    low, high = max(before, after * RARE), max(after, before * RARE)
    rises = after > before
    old = np.arange(len(inside)) + (0 if rises else 1)
    likelihood = old * np.log(low) + (len(inside) - old) * np.log(high)
    likelihood = likelihood - low * (inside - span[0]) - high * (span[1] - inside)
    at, first, last = (float(inside[i]) for i in _supported(likelihood))
    if rises:
        return Split(at, _last_before(known, first, span[0]), last)
    later = known[known > last]
    return Split(at, first, float(later[0]) if len(later) else span[1])


def of_requests(
    times: Seconds, failed: npt.NDArray[Any], span: tuple[float, float], before: float, after: float
) -> Split | None:
    """Which request within a span was the first at another error rate? The change lies after the request before it.

    >>> import numpy as np
    >>> of_requests(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, True]), (0.0, 60.0), 0.01, 0.9)
    Split(at=3.0, low=2.0, high=3.0)
    """
    import numpy as np

    there = (times >= span[0]) & (times < span[1])
    inside, errors = times[there], failed[there].astype(float)
    if not len(inside):
        return None
    old, new = (min(max(rate, RARE), 1 - RARE) for rate in (before, after))
    was = errors * np.log(old) + (1 - errors) * np.log(1 - old)
    now = errors * np.log(new) + (1 - errors) * np.log(1 - new)
    likelihood = np.concatenate([[0.0], np.cumsum(was)[:-1]]) + np.cumsum(now[::-1])[::-1]
    at, first, last = (float(inside[i]) for i in _supported(likelihood))
    return Split(at, _last_before(times, first, span[0]), last)


def _supported(likelihood: Any) -> tuple[int, int, int]:
    """The best place, and the first and the last of those that are nearly as good."""
    import numpy as np

    best = int(np.argmax(likelihood))
    near = np.flatnonzero(likelihood >= likelihood[best] - SUPPORT)
    return best, int(near[0]), int(near[-1])


def _last_before(known: Seconds, moment: float, otherwise: float) -> float:
    earlier = known[known < moment]
    return max(float(earlier[-1]), otherwise) if len(earlier) else otherwise
