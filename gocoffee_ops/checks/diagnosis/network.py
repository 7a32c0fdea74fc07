"""Services that nobody answers, and Ingresses that lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from gocoffee_ops.checks.diagnosis.problem import (
    CONTROLLERS,
    INGRESSES,
    SERVICES,
    WORKLOADS,
    Cause,
    Picture,
    Problem,
    Ref,
    Row,
    short,
)
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import Status

TABLES = ("network.services",)
EXTERNAL = "ExternalName"
# Not "NotAllocated": a Service that is new looks so to the repair loop, which sets it right in the same breath.
ALLOCATION = re.compile(r"(ClusterIP|Port)(AlreadyAllocated|OutOfRange|NotValid)|(ServiceCIDR|PortRange)Full")
# Events that are told again and again: how often, for how long, and how lately and steadily that goes on.
OFTEN, A_WHILE, LATELY, A_MINUTE = 5, timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=1)
CONFLICT = re.compile("object has been modified|out of date|stale", re.IGNORECASE)
BALANCED = ("EnsuredLoadBalancer", "UpdatedLoadBalancer")
UNBALANCED = (
    "SyncLoadBalancerFailed",
    "UpdateLoadBalancerFailed",
    "UnAvailableLoadBalancer",
    "EnsureLoadBalancerFailed",
)


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with Services and Ingresses."""
    for row in picture.rows("network.services"):
        if row["type"] != EXTERNAL and not _at_rest(row, picture):
            yield from _service(row, picture)
    yield from _ingresses(picture)


def service_at(namespace: str, name: str) -> Ref:
    """A Service as the subject of a finding."""
    return Ref(namespace, f"service/{name}")


def _service(row: Row, picture: Picture) -> Iterator[Problem]:
    """What is wrong with a Service, and what is said of it again and again beside that; or by itself, if it is all there is."""
    at = service_at(row["namespace"], row["service"])
    found, again = next(_found(at, row, picture), None), _said_again(at, picture)
    if found is None and again:
        found = Problem(SERVICES, Status.WARN, at, again, (*TABLES, "cluster.events"))
    elif found is not None and again:
        rests_on = tuple(dict.fromkeys((*found.rests_on, "cluster.events")))
        found = replace(found, reason=f"{found.reason}; {again}", rests_on=rests_on)
    if found is not None:
        yield found


def _found(at: Ref, row: Row, picture: Picture) -> Iterator[Problem]:
    if not row["ready"]:
        reason, because = _nobody(row, picture)
        yield Problem(
            SERVICES,
            Status.CRIT,
            at,
            f"no ready endpoint: {reason}",
            (*TABLES, *CONTROLLERS),
            because,
            effect=f"{at.subject} (no ready endpoint)",
            numbers={"ready": 0, "not_ready": row["not_ready"]},
        )
    elif row["unresolved_ports"]:
        ports = ", ".join(row["unresolved_ports"])
        reason = (
            f"port {ports} leads nowhere: no container of its {counted(row['pods'], 'pod')} has a port of that name"
        )
        yield Problem(SERVICES, Status.CRIT, at, reason, TABLES)
    elif row["undeclared_ports"]:
        ports = ", ".join(row["undeclared_ports"])
        reason = f"port {ports}: its {counted(row['pods'], 'pod')} declare ports, but not that one"
        yield Problem(SERVICES, Status.WARN, at, reason, TABLES)
    elif said := _said_of_it(at, row, picture):
        yield Problem(SERVICES, Status.WARN, at, said, (*TABLES, "cluster.events"))


def _said_of_it(at: Ref, row: Row, picture: Picture) -> str:
    """What those say who give a Service its addresses and ports; of a load balancer the last word counts."""
    if given := next((one for one in picture.warnings.get(at, ()) if ALLOCATION.fullmatch(one["reason"])), None):
        return f"its address or port is not its own: {short(given['message'])}"
    if row["port_errors"]:
        return _unserved(row)
    if row["type"] != "LoadBalancer":
        return ""
    words = [one for one in picture.events.get(at, ()) if one["reason"] in {*BALANCED, *UNBALANCED}]
    failed = words[0]["message"] if words and words[0]["reason"] in UNBALANCED else None
    if not row["addresses"] and _late(row, picture):
        return f"its load balancer has no address yet{f': {short(failed)}' if failed else ''}"
    return f"its load balancer is not as it should be: {short(failed)}" if failed else ""


def _said_again(at: Ref, picture: Picture) -> str:
    """A warning that goes on: seen a few times, steadily, and lately.

    Conflicts of writes come with every change and are made good at the next attempt: they go on only where attempt after
    attempt fails.
    """
    for one in picture.warnings.get(at, ()):
        first, last, count = one["first_seen_at"] or one["last_seen_at"], one["last_seen_at"], one["count"]
        told_apart = ALLOCATION.fullmatch(one["reason"]) or one["reason"] in UNBALANCED
        if told_apart or count < OFTEN or picture.moment is None or picture.moment - last > LATELY:
            continue
        apart = A_MINUTE if CONFLICT.search(one["message"]) else LATELY
        if last - first >= A_WHILE and (last - first) / (count - 1) <= apart:
            return f"{one['reason']} goes on, {count} times since {first:%Y-%m-%d %H:%M} UTC: {short(one['message'])}"
    return ""


def _unserved(row: Row) -> str:
    return f"its load balancer does not serve port {short('; '.join(row['port_errors']))}"


def _late(row: Row, picture: Picture) -> bool:
    return bool(row["age_s"] >= picture.thresholds.stuck_s)


def _behind(row: Row, picture: Picture) -> list[Ref]:
    """The controllers whose pods a Service selects."""
    selector = set(row["selector"])
    return [
        at
        for at, one in picture.controllers.items()
        if selector and at.namespace == row["namespace"] and selector <= set(one["labels"])
    ]


def _at_rest(row: Row, picture: Picture) -> bool:
    """Whether nobody answers for a Service as all that would is at rest, and that is stated."""
    behind = _behind(row, picture)
    return not row["ready"] and bool(behind) and all(picture.rests(at) for at in behind)


def _nobody(row: Row, picture: Picture) -> tuple[str, tuple[tuple[Cause, ...], ...]]:
    """Why nobody answers for a Service, and what would explain it."""
    namespace, selector = row["namespace"], set(row["selector"])
    if not selector:
        return "it selects no pods, and nobody has written endpoints for it", ()
    made = _behind(row, picture)
    owners = [*(Ref(namespace, name) for name in row["owners"]), *made]
    because = (tuple(dict.fromkeys(Cause(WORKLOADS, at) for at in owners)),)
    if row["pods"]:
        behind = (
            "its one pod is not ready" if row["pods"] == 1 else f"none of its {counted(row['pods'], 'pod')} is ready"
        )
        return f"{behind} ({', '.join(row['owners'])})", because
    resting = [at.subject for at in made if not picture.controllers[at]["desired"]]
    if made and len(resting) == len(made):
        stated = ", ".join(f'"{namespace}/{subject}"' for subject in resting)
        return f"{', '.join(resting)} is scaled to 0; if that is on purpose, state it: at_rest = [{stated}]", because
    if made:
        return f"{', '.join(at.subject for at in made)} has no pods", because
    return f"no pod has the labels that it selects ({', '.join(sorted(selector))})", ()


def dead_services(picture: Picture) -> set[tuple[str, str]]:
    """The Services that nobody answers though somebody should, by namespace and name."""
    return {
        (row["namespace"], row["service"])
        for row in picture.rows("network.services")
        if row["type"] != EXTERNAL and not row["ready"] and not _at_rest(row, picture)
    }


def _ingresses(picture: Picture) -> Iterator[Problem]:
    dead = dead_services(picture)
    paths: dict[Ref, list[Row]] = {}
    for row in picture.rows("network.ingresses"):
        paths.setdefault(Ref(row["namespace"], f"ingress/{row['ingress']}"), []).append(row)
    for at, rows in paths.items():
        yield from _ingress(at, rows)
        hit = [row for row in rows if (row["namespace"], row["service"]) in dead]
        for row in hit:
            cause = Cause(SERVICES, service_at(row["namespace"], row["service"]))
            lost = ", ".join(sorted({_place(each) for each in hit if each["service"] == row["service"]}))
            reason = f"{lost} leads to service {row['service']}, which has no ready endpoint"
            tables = ("network.ingresses", *TABLES)
            yield Problem(INGRESSES, Status.CRIT, at, reason, tables, ((cause,),), f"{at.subject} ({lost})", False)


def _place(row: Row) -> str:
    return f"{row['host'] or '*'}{row['path'] or ''}"


def _ingress(at: Ref, rows: list[Row]) -> Iterator[Problem]:
    said = []
    for row in rows:
        if row["service_exists"] is False:
            said.append(f"{_place(row)} leads to service {row['service']}, which does not exist")
        elif row["port_exists"] is False:
            said.append(
                f"{_place(row)} leads to port {row['port']} of service {row['service']}, which it does not have"
            )
    if said:
        yield Problem(INGRESSES, Status.CRIT, at, "; ".join(said), ("network.ingresses",))
        return
    first = rows[0]
    if first["port_errors"]:
        yield Problem(INGRESSES, Status.WARN, at, _unserved(first), ("network.ingresses",))
    if first["class_exists"] is False and not first["addresses"]:
        named = f"its class {first['class_name']} does not exist" if first["class_name"] else "it names no class"
        reason = f"{named}, so that no controller serves it"
        yield Problem(
            INGRESSES, Status.CRIT if first["class_name"] else Status.WARN, at, reason, ("network.ingresses",)
        )
