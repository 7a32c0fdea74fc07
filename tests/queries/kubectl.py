"""Reading what kubectl prints, to compare our tables with it."""

from __future__ import annotations

import re

from tests.testbed.control_plane import Cluster

_UNITS = {"y": 31_536_000, "d": 86_400, "h": 3600, "m": 60, "s": 1}


def table(cluster: Cluster, *arguments: str) -> list[dict[str, str]]:
    """The rows of a kubectl table, by its headings."""
    heading, *lines = cluster.kubectl(*arguments).splitlines()
    headings = list(re.finditer(r"\S+(?: \S+)*", heading))
    names, starts = [one[0] for one in headings], [one.start() for one in headings]
    rows = []
    for line in lines:
        ends = [*starts[1:], len(line) + 1]
        cells = [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        rows.append(dict(zip(names, cells, strict=True)))
    return rows


def seconds(printed: str) -> float:
    """An age as kubectl prints it (`2d3h`, `5m12s`)."""
    parts = re.findall(r"(\d+)([ydhms])", printed)
    assert "".join(number + unit for number, unit in parts) == printed, printed
    return float(sum(int(number) * _UNITS[unit] for number, unit in parts))


def allocated(cluster: Cluster, node: str) -> dict[str, tuple[str, str]]:
    """The `Allocated resources` of `kubectl describe node`: resource -> requests, limits."""
    text = cluster.kubectl("describe", "node", node).partition("Allocated resources:")[2]
    found = re.findall(r"^  (cpu|memory) +(\S+) \(\d+%\) +(\S+) \(\d+%\)", text, re.MULTILINE)
    return {name: (requests, limits) for name, requests, limits in found}


def pods_on(cluster: Cluster, node: str) -> dict[str, dict[str, str]]:
    """The `Non-terminated Pods` of `kubectl describe node`: pod -> its requests and limits.

    These lines count a resize as the scheduler does; the totals below them do not.
    """
    text = cluster.kubectl("describe", "node", node).partition("Non-terminated Pods:")[2]
    lines = re.findall(
        r"^  \S+ +(\S+) +(\S+) \(\d+%\) +(\S+) \(\d+%\) +(\S+) \(\d+%\) +(\S+) \(\d+%\)", text, re.MULTILINE
    )
    names = ("cpu_requests", "cpu_limits", "memory_requests", "memory_limits")
    return {name: dict(zip(names, values, strict=True)) for name, *values in lines}
