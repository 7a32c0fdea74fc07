"""Autoscalers whose maximum the nodes have no room for, where nobody adds nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gocoffee_ops.checks.diagnosis.problem import (
    AUTOSCALERS_FIT,
    NODE_READY,
    NODE_SCHEDULABLE,
    Cause,
    Picture,
    Problem,
    Ref,
    Row,
    short,
)
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import Status

TABLES = ("autoscaling.autoscaled",)
ROOM_TABLES = (*TABLES, "cluster.nodes")


def problems(picture: Picture) -> Iterator[Problem]:
    """Each autoscaler that could not have its maximum were it alone; where each could, whether all could at once."""
    rows = [row for row in picture.rows(*TABLES) if row["nodes_added"] is None and row["fits"] is not None]
    alone = [row for row in rows if row["fits"] < _more(row)]
    for row in alone:
        yield _alone(row, picture)
    if rows and not alone:
        yield from _together(rows, picture)
    if not rows and (lost := [_lost(row) for row in picture.rows(*TABLES) if row["nodes_added"] is None]):
        reason = f"whether what autoscalers may add fits cannot be told of any: {short(', '.join(lost))}"
        at, numbers = Ref("", f"cluster/{picture.cluster}"), {"not_looked_at": len(lost)}
        yield Problem(AUTOSCALERS_FIT, Status.UNKNOWN, at, reason, TABLES, numbers=numbers)


def not_judged(picture: Picture) -> Iterator[str]:
    """What nobody is told of: autoscalers where nodes are added; where others are judged, those whose pods were not found."""
    rows = picture.rows(*TABLES)
    judged = any(row["fits"] is not None for row in rows)
    for row in rows:
        if row["nodes_added"] is not None:
            yield f"those of cluster {row['cluster']}, where nodes are added {row['nodes_added']}"
        elif row["fits"] is None and judged:
            yield _lost(row)


def _lost(row: Row) -> str:
    return f"hpa/{row['hpa']} of {row['namespace']} (none of its pods was found)"


def _more(row: Row) -> int:
    return int(row["max_replicas"] - row["current_replicas"])


def _alone(row: Row, picture: Picture) -> Problem:
    at, more, fits = Ref(row["namespace"], f"hpa/{row['hpa']}"), _more(row), row["fits"]
    cpu, memory = more * row["cpu_request_millicores"], more * row["memory_request_mib"]
    have = f"{_cores(row['cpu_free_millicores'])} and {_gib(row['memory_free_mib'])} are free"
    ends = f", then {row['bound_by']} ends" if row["bound_by"] else ""
    reason = (
        f"its maximum of {row['max_replicas']} is {counted(more, 'more pod')} and needs {_cores(cpu)} and {_gib(memory)}; on the "
        f"nodes that take them {have}: {fits} of {more} fit{ends}, and {_nobody(row)}"
    )
    because = (tuple(_out_of_service(picture)),) if more <= row["fits_once_well"] else ()
    effect = f"{at.subject} ({fits} of {more} more pods up to its maximum fit)"
    numbers = {"needed_cpu_millicores": cpu, "needed_memory_mib": memory, "more": more, "fits": fits}
    return Problem(AUTOSCALERS_FIT, Status.WARN, at, reason, ROOM_TABLES, because, effect, numbers=numbers)


def _out_of_service(picture: Picture) -> Iterator[Cause]:
    for row in picture.rows("cluster.nodes"):
        at = Ref("", f"node/{row['node']}")
        if not row["ready"]:
            yield Cause(NODE_READY, at)
        if row["unschedulable"]:
            yield Cause(NODE_SCHEDULABLE, at)


def _together(rows: Sequence[Row], picture: Picture) -> Iterator[Problem]:
    cpu = sum(_more(row) * row["cpu_request_millicores"] for row in rows)
    memory = sum(_more(row) * row["memory_request_mib"] for row in rows)
    cpu_free, memory_free = rows[0]["shared_cpu_free_millicores"], rows[0]["shared_memory_free_mib"]
    if cpu <= cpu_free and memory <= memory_free:
        return
    lacking = " and ".join(["cpu"] * (cpu > cpu_free) + ["memory"] * (memory > memory_free))
    ends = f"{lacking} end" if " " in lacking else f"{lacking} ends"
    reason = (
        f"each autoscaler could have its maximum, but not all {len(rows)} at once: they need {_cores(cpu)} and {_gib(memory)} "
        f"more; on the nodes that take their pods {_cores(cpu_free)} and {_gib(memory_free)} are free, so that {ends}, "
        f"and {_nobody(rows[0])}"
    )
    numbers = {"needed_cpu_millicores": cpu, "needed_memory_mib": memory, "autoscalers": len(rows)}
    yield Problem(AUTOSCALERS_FIT, Status.WARN, Ref("", f"cluster/{picture.cluster}"), reason, TABLES, numbers=numbers)


def _nobody(row: Row) -> str:
    why = f" ({row['nodes_not_added']})" if row["nodes_not_added"] is not None else ""
    return (
        f"no node is added{why}; where somebody does that is not recognised, adds_nodes = true of the cluster states it"
    )


def _cores(millicores: float) -> str:
    return f"{millicores / 1000:,.1f} cores"


def _gib(mib: float) -> str:
    return f"{mib / 1024:,.1f} GiB"
