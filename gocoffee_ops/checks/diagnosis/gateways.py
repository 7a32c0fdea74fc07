"""Gateways that nobody serves, and routes that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gocoffee_ops.checks.diagnosis.network import dead_services, service_at
from gocoffee_ops.checks.diagnosis.problem import GATEWAYS, ROUTES, SERVICES, Cause, Picture, Problem, Ref, Row, short
from gocoffee_ops.model import Status

CLASS_TABLES = ("gateways.classes",)
GATEWAY_TABLES = ("gateways.gateways", *CLASS_TABLES)
ROUTE_TABLES = ("gateways.routes",)
NO_BACKEND = "BackendNotFound"


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with classes of gateways, gateways and routes. A class that waits for its controller may be offered only."""
    used = {row["gateway_class"] for row in picture.rows("gateways.gateways")}
    for row in picture.rows(*CLASS_TABLES):
        at = _class(row["gateway_class"])
        offered = row["accepted"] is None and row["gateway_class"] not in used and picture.has("gateways.gateways")
        if not offered and (said := _not_accepted(row, picture)):
            yield Problem(GATEWAYS, Status.WARN, at, said, CLASS_TABLES)
    known = {row["gateway_class"] for row in picture.rows(*CLASS_TABLES)}
    for row in picture.rows("gateways.gateways"):
        at, named = Ref(row["namespace"], f"gateway/{row['gateway']}"), row["gateway_class"]
        if picture.has(*CLASS_TABLES) and named not in known:
            reason = f"its class {named} does not exist, so that no controller serves it"
            yield Problem(GATEWAYS, Status.CRIT, at, reason, GATEWAY_TABLES)
        elif said := _not_accepted(row, picture):
            because = ((Cause(GATEWAYS, _class(named)),),)
            yield Problem(
                GATEWAYS, Status.CRIT, at, said, GATEWAY_TABLES, because, f"{at.seen_from('')} (not accepted)"
            )
    yield from _routes(picture)


def _class(name: str) -> Ref:
    return Ref("", f"gatewayclass/{name}")


def _not_accepted(row: Row, picture: Picture) -> str:
    if row["accepted"] is False:
        return f"not accepted: {short(row['accepted_reason'] or 'nothing says why')}"
    late = row["accepted"] is None and row["age_s"] >= picture.thresholds.stuck_s
    return "no controller has accepted it or refused it" if late else ""


def _routes(picture: Picture) -> Iterator[Problem]:
    found: dict[Ref, list[Row]] = {}
    for row in picture.rows(*ROUTE_TABLES):
        found.setdefault(Ref(row["namespace"], f"httproute/{row['route']}"), []).append(row)
    dead = dead_services(picture)
    for at, rows in found.items():
        idle = [row for row in rows if row["weight"] == 0]
        said = _all_lost(row for row in rows if row["weight"] != 0)
        if said := said or [f"not served: {text}" for text in _refused(rows, idle)]:
            yield Problem(ROUTES, Status.CRIT, at, "; ".join(said), ROUTE_TABLES)
        elif said := _all_lost(idle):
            reason = f"{'; '.join(said)}: its weight is 0, so that requests fail once it is given more"
            yield Problem(ROUTES, Status.WARN, at, reason, ROUTE_TABLES)
        place = ", ".join(rows[0]["hosts"]) or "any host"
        for row in rows:
            if row["part"] == "backend" and row["weight"] != 0 and (row["target_namespace"], row["target"]) in dead:
                cause = Cause(SERVICES, service_at(row["target_namespace"], row["target"]))
                reason = f"{place} leads to service {row['target']}, which has no ready endpoint"
                tables = (*ROUTE_TABLES, "network.services")
                yield Problem(ROUTES, Status.CRIT, at, reason, tables, ((cause,),), f"{at.subject} ({place})", False)


def _all_lost(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(text for row in rows if (text := _lost(row))))


def _refused(rows: Sequence[Row], idle: Sequence[Row]) -> list[str]:
    """Why a parent's controller does not serve a route. That it finds no backend is of no consequence where that is one
    to which no request goes."""
    refused = list(dict.fromkeys(short(row["refused"]) for row in rows if row["refused"]))
    known = all(row["exists"] is not None for row in rows if row["part"] == "backend" and row["weight"] != 0)
    if known and _all_lost(idle):
        return [text for text in refused if not text.startswith(NO_BACKEND)]
    return refused


def _lost(row: Row) -> str:
    """What is wrong with a parent or a backend of a route."""
    target = Ref(row["target_namespace"], f"{row['kind'].lower()}/{row['target']}").seen_from(row["namespace"])
    parent = row["part"] == "parent"
    if row["exists"] is False:
        return f"its {target} does not exist" if parent else f"leads to {target}, which does not exist"
    if row["at_exists"] is False:
        return (
            f"{target} has no listener {row['at']}"
            if parent
            else f"leads to port {row['at']} of {target}, which it does not have"
        )
    if row["allowed"] is False:
        return f"{target} takes no routes of its namespace: it takes those of {', '.join(row['takes'])}"
    return ""
