"""Does every place of an environment answer? One question each."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.bills import bill_days_present, bill_files_sound
from gocoffee_ops.checks.database import reader_role
from gocoffee_ops.checks.endpoints import dependencies_reachable, endpoints_healthy
from gocoffee_ops.errors import OpsError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Finding, Status, Target, Thresholds, worst
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
from gocoffee_ops.queries.query import Query, Question
from gocoffee_ops.session import Place, Session

if TYPE_CHECKING:
    import pandas as pd

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

# The kinds of which each question costs money: asked where somebody says so, and UNKNOWN otherwise. That credentials are good would
# be no proof that they may ask.
PAID: Mapping[str, str] = {"cost_explorer": cost_explorer.NOT_ASKED}

BILL_DAYS = 16  # of a bill's days, those that the weekly cost analysis reads

ANSWER_SHARE = 0.8  # of the time that there is, so that what hangs is told beside what answered


@dataclass(frozen=True)
class Checked:
    """One line of `gocoffee-ops config check`: what would be read, from where, and whether it answers."""

    target: str
    where: str
    status: Status
    result: str
    answered: bool = True


@dataclass(frozen=True)
class Elsewhere:
    """An environment beside the session's own, which is asked by `queries.elsewhere`."""

    environment: Environment

    def answers(self, as_of: datetime, seconds: float) -> list[dict[str, Any]]:
        """Its systems, and whether they answer within so many seconds; windows end at `as_of`."""
        return [
            {
                "target": one.target,
                "answers": one.answered,
                "status": one.status.value,
                "where": one.where,
                "said": None if one.status is Status.OK else one.result,
            }
            for one in check_environment(self.environment, now=as_of, within_s=seconds * ANSWER_SHARE)
        ]


def elsewhere(own: str, *, now: datetime, start: Path | None = None) -> tuple[Place, ...]:
    """A place for each environment of the configuration but the session's own; nothing is contacted."""
    from gocoffee_ops import config

    path = config.find_config(start)
    named = config.load_config(path).environments if path else {}
    return tuple(
        Place(
            Target("environment", name),
            now,
            connect=partial(Elsewhere, one),
            detail=f"{len(one.systems)} systems",
        )
        for name, one in named.items()
        if name != own
    )


def check_environment(
    environment: Environment, *, now: datetime | None = None, within_s: float | None = None, paid: bool = False
) -> list[Checked]:
    """Ask every place of an environment its first question, within its deadline (or a shorter one); secrets are hidden.

    Windows end at `now`; left out, that is when it is called. What costs money to ask is asked if `paid`, else it is UNKNOWN.

    What it answered is judged too: a role that sees too little or could do more than read, an address that is down, an answer of
    which a part did not come back, and a bill that lacks days, has a file without rows, holds rows twice or has charges of another
    one are not OK. The exit status of it all is that of the worst: see `Status.exit_code`.
    """
    opened = open_places(environment, now=now or datetime.now(UTC))
    sources: dict[Target, Any] = {}
    checked, found = list[Checked](), list[tuple[str, Finding]]()
    with tempfile.TemporaryDirectory(prefix="gocoffee-ops-check-") as folder:
        ledger = Ledger(Path(folder), opened.redactor)
        session = Session(
            runbook="config check",
            environment=opened.environment,
            places=[_kept(place, sources) for place in opened.places],
            thresholds=opened.thresholds,
            ledger=ledger,
            query_deadline_s=min(opened.query_deadline_s, within_s or opened.query_deadline_s),
            demo=opened.demo,
            held=opened.held,
        )
        unheard: set[str] = set()
        kinds = [one for one in dict.fromkeys(place.target.kind for place in opened.places) if paid or one not in PAID]
        probed = [kind for kind in kinds if kind != "bill"]
        session.ahead(
            *(PROBES[kind] for kind in probed), *_of_bills(session)
        )  # one that hangs costs the others no time
        for kind in probed:
            try:
                table = PROBES[kind](session)
            except OpsError:
                continue  # every target's own error stands in the ledger, read below
            unheard |= {f"{kind}/{name}" for name in silent(table)[kind]}
            if kind in JUDGES:
                found += ((kind, finding) for finding in JUDGES[kind](table, opened.thresholds))
        found += (("bill", finding) for finding in _bills(session))
        answers: dict[str, Any] = {}
        for body in (entry.body for entry in ledger.entries() if entry.kind == "query"):
            answers[body["target"]] = max(answers.get(body["target"], body), body, key=_lack)
    judged = _by_place(found, [str(place.target) for place in opened.places])
    for place in opened.places:
        where = opened.redactor.text(place.detail)
        if place.target.kind not in kinds:
            result = f"{PAID[place.target.kind]}. Try: gocoffee-ops config check --paid, which sends one"
            checked.append(Checked(str(place.target), where, Status.UNKNOWN, result, answered=False))
            continue
        body = answers[str(place.target)]
        if body["error"] is None and (close := getattr(sources.get(place.target), "close", None)):
            close()  # what has not answered may be waited for still
        heard = str(place.target) not in unheard
        status, result = _told(body, judged[str(place.target)], heard=heard)
        checked.append(Checked(str(place.target), where, status, result, heard and body["error"] is None))
    return checked


def _by_place(found: Sequence[tuple[str, Finding]], targets: Sequence[str]) -> Mapping[str, list[Finding]]:
    """What is not OK, by place; what is told of a kind as a whole, as that nothing of it was seen, is told at each of its places.

    >>> none = Finding(Status.UNKNOWN, "bill_days_present", "bills", "no day of a bill was seen")
    >>> [(target, len(findings)) for target, findings in _by_place([("bill", none)], ["bill/aws", "redis/main"]).items()]
    [('bill/aws', 1)]
    """
    judged: defaultdict[str, list[Finding]] = defaultdict(list)
    for kind, finding in found:
        whole = [target for target in targets if target.startswith(f"{kind}/")]
        for target in [finding.subject] if finding.subject in targets else whole:
            if finding.status is not Status.OK:
                judged[target].append(finding)
    return judged


def _lack(body: Mapping[str, Any]) -> tuple[bool, bool]:
    """Of two answers the worse one: an error, else one of which a part did not come back."""
    return body["error"] is not None, bool(body["unread"])


def _told(body: Mapping[str, Any], findings: Sequence[Finding], *, heard: bool) -> tuple[Status, str]:
    """What a place's line says: the error, or that it answered, and what of the answer is not OK."""
    if error := body["error"]:
        hint = f". Try: {error['hint']}" if error["hint"] else ""
        return Status.UNKNOWN, ": ".join(filter(None, (error["what"], error["why"]))) + hint
    said = [f"answered in {body['seconds']:.1f} s"] if heard else []
    said += [f"a part of the answer is lacking: {body['unread']}"] if body["unread"] else []
    statuses = [Status.UNKNOWN if body["unread"] else Status.OK, *(finding.status for finding in findings)]
    return worst(statuses), "; ".join([*said, *(finding.reason for finding in findings)])


def _of_bills(session: Session) -> list[Question]:
    """What bills are judged by: their days, their files and, of several, what they have in common."""
    count = len(session.targets("bill"))
    asked = [bills.periods.given(days=BILL_DAYS), bills.files.given(days=BILL_DAYS)] if count else []
    return asked + ([bills.charges.given(days=BILL_DAYS)] if count > 1 else [])


def _bills(session: Session) -> list[Finding]:
    """Are a bill's days there and its files sound, and is it no other one's copy? What was not read stands in the ledger."""
    tables: list[pd.DataFrame] = []
    for question in _of_bills(session):
        try:
            tables.append(question.query(session, *question.args, **question.kwargs))
        except OpsError:
            return []  # nothing of any bill, then: each one's error is its line
    return [*bill_days_present(tables[0]), *bill_files_sound(*tables[1:])] if tables else []


def silent(table: pd.DataFrame) -> pd.DataFrame:
    """Of a table of addresses those that were asked and from which nothing came; of another kind's none."""
    if "failed_of_samples" not in table.columns:
        return table.head(0)
    return table[table["status"].isna() & (table["failed"] == table["samples"])]


def _kept(place: Place, sources: dict[Target, Any]) -> Place:
    """The place, whose source is kept when it was made."""
    if (connect := place.connect) is None:
        return place

    def made() -> Any:
        sources[place.target] = connect()
        return sources[place.target]

    return replace(place, connect=made)
