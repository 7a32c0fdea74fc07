"""In which order findings are told: worst first, and of the worst what the run is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gocoffee_ops.model import Finding

About = tuple[frozenset[str], ...]  # names of services, those that lead first
_OF_A_POD = re.compile(r"-[a-z0-9]{4,10}-[a-z0-9]{5}")  # what a Deployment's pods have after its name


def about(parameters: Mapping[str, object]) -> About:
    """The services that a run's parameters name, then their gateway.

    >>> about({"services": ["orders"], "gateway": "api", "top": 5}) == (frozenset({"orders"}), frozenset({"api"}))
    True
    """
    services, gateway = parameters.get("services"), parameters.get("gateway")
    several = services if isinstance(services, Sequence) and not isinstance(services, str) else [services]
    groups = ([parameters.get("service"), *several], [gateway])
    return tuple(frozenset(name for name in group if isinstance(name, str) and name) for group in groups)


def rank(finding: Finding, leading: About) -> tuple[int, int]:
    """The order of findings: by status, and within one those of the services that the run is about, then of their gateway.

    >>> from gocoffee_ops.model import Status
    >>> rank(Finding(Status.CRIT, "c", "pod/orders-677c48fd69-8spgp", "down"), (frozenset({"orders"}),))
    (-3, 0)
    """
    at = next((i for i, names in enumerate(leading) if _concerns(finding, names)), len(leading))
    return -finding.status.severity, at


def _concerns(finding: Finding, names: frozenset[str]) -> bool:
    return any(_is_of(part, name) for one in finding.made for part in one.subject.split("/") for name in names)


def _is_of(part: str, name: str) -> bool:
    return part == name or (part.startswith(name) and _OF_A_POD.fullmatch(part[len(name) :]) is not None)
