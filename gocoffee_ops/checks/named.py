"""Is what a run is about there at all?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gocoffee_ops.frames import Tables, records
from gocoffee_ops.model import LOOK_FIRST, Finding, Number, Status

if TYPE_CHECKING:
    import pandas as pd

# The columns that name workloads and Services, as `orders` or as `deployment/orders`.
NAMES: Final = ("deployment", "controller", "service")
# Of the whole state of a cluster, the tables of those that a service is called after.
STATE: Final = ("controllers.deployments", "controllers.statefulsets", "controllers.daemonsets", "network.services")
OFFERED: Final = 6  # names of others in a sentence


@dataclass(frozen=True)
class _Read:
    """What the tables tell: the clusters that answered, where each name is, what was not read, and what they are of."""

    clusters: tuple[str, ...]
    names: dict[str, set[str]]
    gaps: tuple[str, ...]
    kind: str


def services_found(*tables: pd.DataFrame | Tables, services: str | Sequence[str], namespace: str) -> list[Finding]:
    """Is there a workload or a Service of each of these names? Of a name that nothing has, all else tells nothing.

    The tables are those of a namespace's rollouts, controllers or Services, or its whole state. A name that is not found is
    UNKNOWN, and what to look at first: it is misspelt, or in what was not read.

    >>> import pandas as pd
    >>> there = pd.DataFrame([{"cluster": "eu", "namespace": "shop", "deployment": "order-service"}])
    >>> said(services_found(there, services="ordr-service", namespace="shop"))
    ["UNKNOWN service/ordr-service: no Deployment named 'ordr-service' in namespace shop of cluster eu; did you mean \
'order-service'?"]
    """
    read = _read(tables)
    named = dict.fromkeys([services] if isinstance(services, str) else services)
    missing = [name for name in named if name not in read.names]
    found = [_missing(name, read, namespace) for name in missing]
    if not missing:
        where = "; ".join(f"{name} in {', '.join(sorted(read.names[name]))}" for name in named)
        found = [Finding(Status.OK, "services_found", "services", f"there: {where}", {"services": len(named)})]
    return found


def _missing(name: str, read: _Read, namespace: str) -> Finding:
    clusters = f"{'cluster' if len(read.clusters) == 1 else 'clusters'} {', '.join(read.clusters)}"
    within = f"namespace {namespace} of {clusters}" if namespace else clusters
    reason = f"no {read.kind} named {name!r} in {within if read.clusters else 'what was read'}"
    if near := difflib.get_close_matches(name, sorted(read.names), n=1):
        reason += f"; did you mean {near[0]!r}?"
    elif there := sorted(read.names):
        reason += f"; there: {', '.join(there[:OFFERED])}{', …' if len(there) > OFFERED else ''}"
    else:
        reason += "; it has none at all"
    if read.gaps:
        reason += f"; not read: {'; '.join(read.gaps)}"
    figures: dict[str, Number | str] = {"there": len(read.names), LOOK_FIRST: f"the service's name: {reason}"}
    return Finding(Status.UNKNOWN, "services_found", f"service/{name}", reason, figures, namespace=namespace)


def _read(tables: Iterable[pd.DataFrame | Tables]) -> _Read:
    frames: list[pd.DataFrame] = []
    clusters: dict[str, None] = {}
    gaps: dict[str, None] = {}
    for one in tables:
        if isinstance(one, Tables):
            frames += [one.read[name] for name in STATE if name in one.read]
            nowhere = [why for name in STATE if name not in one.read for why in one.gaps.get(name, {}).values()]
            gaps |= dict.fromkeys(nowhere)
        else:
            frames.append(one)
    names: dict[str, set[str]] = {}
    for frame in frames:
        gaps |= dict.fromkeys(frame.attrs.get("gaps", ()))
        clusters |= dict.fromkeys(frame.attrs.get("as_of", ()))
        for row in records(frame):
            clusters[row["cluster"]] = None
            for column in NAMES:
                if text := row.get(column):
                    names.setdefault(str(text).rpartition("/")[2], set()).add(row["cluster"])
    several = any(column in frame for frame in frames for column in NAMES[1:])
    return _Read(tuple(clusters), names, tuple(gaps), "service or workload" if several else "Deployment")
