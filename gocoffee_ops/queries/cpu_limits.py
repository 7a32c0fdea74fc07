"""Which containers have a CPU limit, as metrics tell: one without any is never held back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from gocoffee_ops.queries.promql import equals

if TYPE_CHECKING:
    from gocoffee_ops.config import MetricNames

STATED_S = 1800.0  # who has a limit changes seldom, and is told by scrapes that may be far apart

Key = tuple[str, ...]
Values = Mapping[Key, float | None]
Vector = Callable[..., Values]  # of a metric: how it is wrapped, and more conditions


def lately(metric: str) -> str:
    """A metric as it was last scraped.

    >>> lately("up")
    'last_over_time(up[1800s])'
    """
    return f"last_over_time({metric}[{STATED_S:g}s])"


def cpu_limited(
    known: Iterable[Key],
    ran: Iterable[Key],
    names: MetricNames,
    vector: Vector,
    anybody: Callable[[str], bool],
    max_: str,
) -> Mapping[Key, bool]:
    """Whether each container has a CPU limit; those of which nothing tells are not in it.

    `ran` are those with CFS periods, which only a limit brings. kube-state-metrics knows of the limits of what runs; of whom it
    does not, cAdvisor does, which writes a container's CFS period always, and its quota where there is a limit. That a series is
    missing says nothing where it is missing of everybody; `anybody` tells whether a metric has any.
    """
    limited = dict.fromkeys(ran, True)
    if anybody(names.container_limits):
        stated = max_.format(lately("{}"))
        limits = vector(names.container_limits, stated, equals("resource", "cpu"))
        limited |= {key: True for key, limit in limits.items() if limit}
        limited = dict.fromkeys(vector(names.container_running, stated), False) | limited
    if not set(known) <= limited.keys():
        limited = _by_cadvisor(names, vector, anybody, max_) | limited
    return limited


def _by_cadvisor(names: MetricNames, vector: Vector, anybody: Callable[[str], bool], max_: str) -> dict[Key, bool]:
    quotas, periods = vector(names.cpu_quota, max_), vector(names.cpu_period, max_)
    limited = {key: quota > 0 for key, quota in quotas.items() if quota is not None}  # -1 or 0 for none
    # Where nobody has a quota, nobody tells whether it is for want of limits or as quotas are kept from this Prometheus.
    if anybody(names.cpu_quota):
        limited = dict.fromkeys(periods.keys() - quotas.keys(), False) | limited
    return limited
