"""How sure a rate is: exact intervals for counts, and the chance of a count."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
_TINY = 1e-300
_EXACT = 1e-12


def rate_ratio(
    count: int, span: float, other: int, other_span: float, *, confidence: float = CONFIDENCE
) -> tuple[float, float | None]:
    """Bounds of the ratio of two rates: `count` events in `span` against `other` in `other_span`; None is no bound.

    Exact for Poisson counts: given their sum, the first is binomial, and its share has the interval of Clopper and Pearson.
    Events that come in bursts are not independent, and their interval is wider than this one.

    >>> [round(bound, 3) for bound in rate_ratio(30, 10.0, 20, 10.0)]
    [0.824, 2.787]
    >>> rate_ratio(5, 10.0, 0, 10.0)[1] is None, rate_ratio(0, 10.0, 0, 10.0)
    (True, (0.0, None))
    """
    tail = (1.0 - confidence) / 2.0
    low = beta_quantile(tail, count, other + 1) if count else 0.0
    high = beta_quantile(1.0 - tail, count + 1, other) if other else 1.0
    scale = other_span / span
    return low / (1.0 - low) * scale, high / (1.0 - high) * scale if high < 1.0 else None


def beta_quantile(chance: float, a: float, b: float) -> float:
    """The value below which a beta(a, b) variable falls with this chance.

    >>> round(beta_quantile(0.5, 2, 2), 9), round(beta_quantile(0.025, 1, 10), 6)
    (0.5, 0.002529)
    """
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(200):
        below = beta_cdf(x, a, b)
        if below < chance:
            low = x
        else:
            high = x
        slope = math.exp(_log_density(x, a, b)) if 0.0 < x < 1.0 else 0.0
        step = x - (below - chance) / slope if slope > _TINY else math.nan
        following = step if low < step < high else (low + high) / 2.0
        if abs(following - x) <= _EXACT * following:
            return following
        x = following
    return x


def beta_cdf(x: float, a: float, b: float) -> float:
    """The chance that a beta(a, b) variable is at most x, by its continued fraction.

    >>> round(beta_cdf(0.3, 2, 3), 10)
    0.3483
    """
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    front = math.exp(_log_density(x, a, b)) * x * (1.0 - x) / a
    return front * _fraction(x, a, b)


def _log_density(x: float, a: float, b: float) -> float:
    norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return norm + (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x)


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's way through the continued fraction of the incomplete beta function."""
    value, c = 1.0, 1.0
    d = 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= d * c
        if abs(d * c - 1.0) < 1e-14:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def poisson_tail(count: int, mean: float) -> float:
    """The chance of `count` events or more where `mean` are expected.

    >>> round(poisson_tail(3, 1.0), 6), poisson_tail(0, 5.0)
    (0.080301, 1.0)
    """
    if count <= 0:
        return 1.0
    if mean <= 0.0:
        return 0.0
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    if count <= mean:  # the tail is the larger part: add up the other one
        below, term = 0.0, term * count / mean
        for k in range(count - 1, -1, -1):
            below += term
            if term < _EXACT * below:
                break
            term *= k / mean
        return max(0.0, 1.0 - below)
    tail, k = 0.0, count
    while term > 1e-17 * tail and term > 0.0:
        tail += term
        k += 1
        term *= mean / k
    return min(1.0, tail)
