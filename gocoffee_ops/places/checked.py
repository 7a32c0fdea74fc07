"""Does every place of an environment answer? One question each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.database import reader_role
from gocoffee_ops.checks.endpoints import dependencies_reachable, endpoints_healthy
from gocoffee_ops.errors import OpsError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Finding, Status, Thresholds
from gocoffee_ops.places.opening import open_places
from gocoffee_ops.queries import (
    alerts,
    bills,
    cluster,
    cost_explorer,
    cost_settings,
    dashboards,
    database,
    endpoints,
    kubecost,
    log_store,
    metrics,
    opencost,
    redis,
)
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Session

if TYPE_CHECKING:
    from gocoffee_ops.config import Environment

# The first question to each kind of system.
PROBES: Mapping[str, Query[...]] = {
    "cluster": cluster.nodes,
    "database": database.server,
    "endpoint": endpoints.health,
    "dependency": endpoints.dependencies,
    "redis": redis.server,
    "alertmanager": alerts.status,
    "prometheus": metrics.server,
    "elasticsearch": log_store.reach,
    "grafana": dashboards.search,
    "costs": cost_settings.prices,
    "opencost": opencost.reach,
    "kubecost": kubecost.reach,
    "bill": bills.periods,
    "cost_explorer": cost_explorer.totals,
}
# What else than OK an answer may be: a role that sees too little or could do too much, an address that is down.
JUDGES: Mapping[str, Callable[[Any, Thresholds], Sequence[Finding]]] = {
    "database": lambda table, _: reader_role(table),
    "endpoint": lambda table, thresholds: endpoints_healthy(table, thresholds=thresholds),
    "dependency": lambda table, thresholds: dependencies_reachable(table, thresholds=thresholds),
}


@dataclass(frozen=True)
class Checked:
    """One line of `gocoffee-ops config check`: what would be read, from where, and whether it answers."""

    target: str
    where: str
    status: Status
    result: str


def check_environment(environment: Environment) -> list[Checked]:
    """Ask every place of an environment its first question, within its deadline; secrets are hidden.

    What it answered is judged too: a role that sees too little or could do more than read, and an address that is down, are not
    OK. The exit status of it all is that of the worst: see `Status.exit_code`.
    """
    opened = open_places(environment, now=datetime.now(UTC))
    checked: list[Checked] = []
    with tempfile.TemporaryDirectory(prefix="gocoffee-ops-check-") as folder:
        ledger = Ledger(Path(folder), opened.redactor)
        session = Session(
            runbook="config check",
            environment=opened.environment,
            places=opened.places,
            thresholds=opened.thresholds,
            ledger=ledger,
            query_deadline_s=opened.query_deadline_s,
            demo=opened.demo,
            held=opened.held,
        )
        judged: dict[str, Finding] = {}
        kinds = list(dict.fromkeys(place.target.kind for place in opened.places))
        session.ahead(*(PROBES[kind] for kind in kinds))  # all at once: one that hangs costs the others no time
        for kind in kinds:
            try:
                table = PROBES[kind](session)
            except OpsError:
                continue  # every target's own error stands in the ledger, read below
            if kind in JUDGES:
                found = JUDGES[kind](table, opened.thresholds)
                judged |= {finding.subject: finding for finding in found if finding.status is not Status.OK}
        answers = {entry.body["target"]: entry.body for entry in ledger.entries() if entry.kind == "query"}
    for place in opened.places:
        body = answers[str(place.target)]
        error = body["error"]
        result = (
            f"answered in {body['seconds']:.1f} s"
            if error is None
            else ": ".join(filter(None, (error["what"], error["why"])))
        )
        if error is not None and error["hint"]:
            result += f". Try: {error['hint']}"
        status = Status.UNKNOWN if error else Status.OK
        if finding := judged.get(str(place.target)):
            status, result = finding.status, f"{result}; {finding.reason}"
        checked.append(Checked(str(place.target), place.detail, status, result))
    return checked
