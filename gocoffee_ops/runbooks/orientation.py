"""Where to begin: which runbook is for which symptom, and what would be read, and whether it answers."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gocoffee_ops.errors import OpsError
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Status
from gocoffee_ops.queries import elsewhere
from gocoffee_ops.runbooks import catalog

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gocoffee_ops.runbooks.catalog import Runbook
    from gocoffee_ops.session import Session

HERE = "start-here"
CHAPTERS = ("incident", "daily", "weekly")  # as they are needed in a hurry
RUNBOOKS = Schema(
    "runbooks",
    (
        Column("runbook", "string"),
        Column("symptom", "string"),
        Column("chapter", "string"),
        Column("title", "string"),
        Column("owner", "string"),
    ),
)
ENVIRONMENTS = Schema(
    "environments",
    (
        Column("environment", "string"),
        Column("target", "string", optional=True, help="missing: its configuration could not be read"),
        Column("where", "string", help="without secrets"),
    ),
)
ANSWERS = Schema(
    "answers",
    (
        Column("target", "string"),
        Column("answers", "boolean"),
        Column("status", "string", help="UNKNOWN where it could not be asked; of an address that is down its outage's"),
        Column("where", "string"),
        Column("said", "string", optional=True, help="why it does not answer"),
        Column("unread", "string", optional=True, help="the question that it left without an answer"),
    ),
)


def runbooks() -> pd.DataFrame:
    """Which runbook is for which symptom? The most urgent comes first; the page that asks this is none of them.

    Columns: runbook, symptom, chapter, title, owner. Read from: the notebooks.
    """
    found = sorted((one for one in catalog.runbooks() if one.name != HERE), key=urgency)
    names = ("symptom", "chapter", "title", "owner")
    return RUNBOOKS.from_rows([{"runbook": one.name} | {name: getattr(one, name) for name in names} for one in found])


def urgency(book: Runbook) -> tuple[bool, int, str]:
    """Those of an incident of some severity first, as their titles tell it (P0, P1, …), then chapter by chapter."""
    severity = re.search(r"\(P(\d)\)", book.title)
    chapter = CHAPTERS.index(book.chapter) if book.chapter in CHAPTERS else len(CHAPTERS)
    return severity is None, int(severity[1]) if severity else chapter, book.name


def environments(start: Path | None = None) -> pd.DataFrame:
    """What would each environment read, and from where? Nothing is contacted.

    Columns: environment, target (missing where the configuration cannot be read), where (without secrets). Read from:
    gocoffee.toml. The demo, which is always there, comes last.
    """
    from datetime import UTC, datetime

    from gocoffee_ops import config
    from gocoffee_ops.evidence.redact import Redactor
    from gocoffee_ops.places import live

    rows: list[dict[str, str | None]] = []
    redactor, now = Redactor(), datetime.now(UTC)
    try:
        path = config.find_config(start)
        named = config.load_config(path).environments if path else {}
    except OpsError as error:
        rows.append({"environment": "gocoffee.toml", "target": None, "where": redactor.text(str(error))})
        named = {}
    for name, environment in named.items():
        for system in environment.systems:
            place = live.open_system(system, now, redactor)
            rows.append({"environment": name, "target": str(place.target), "where": redactor.text(place.detail)})
    rows.append(
        {"environment": config.DEMO, "target": "all", "where": "recorded, with a database of its own: no real system"}
    )
    return ENVIRONMENTS.from_rows(rows)


def answers(ops: Session, *, paid: bool = False) -> pd.DataFrame:
    """Does every place of this session's environment answer now? Each is asked its first question, all at once.

    What costs money to ask (Cost Explorer) is asked if `paid`, else UNKNOWN.

    Columns: target, answers, status, where, said (why it does not), unread (the question that got no answer: that is an UNKNOWN
    finding, too, of which `places_answer` says no more). An address that was asked and from which nothing came, as it refuses or
    its name is not known, does not answer either.
    """
    from gocoffee_ops.places.checked import JUDGES, PAID, PROBES, silent

    there = [kind for kind in PROBES if ops.targets(kind)]
    kinds = [kind for kind in there if paid or kind not in PAID]
    failed: dict[str, tuple[Status, str, str | None]] = {
        str(target): (Status.UNKNOWN, f"{PAID[kind]}: paid=True sends one", PROBES[kind].name)
        for kind in there
        if kind not in kinds
        for target in ops.targets(kind)
    }

    def ask(kind: str) -> None:
        try:
            unheard = silent(PROBES[kind](ops))
        except OpsError:
            return  # a finding for each of its targets, which is read below
        if len(unheard):
            failed.update(
                {one.subject: (one.status, one.reason, None) for one in JUDGES[kind](unheard, ops.thresholds)}
            )

    with ThreadPoolExecutor(max(1, len(kinds)), thread_name_prefix="answers") as pool:
        list(pool.map(ask, kinds))
    for finding in ops.unread:
        if finding.check in {PROBES[kind].name for kind in kinds}:
            failed[finding.subject] = (finding.status, finding.reason, finding.check)
    rows: list[dict[str, str | bool | None]] = []
    for place in (place for kind in there for place in ops.places(kind)):
        status, said, unread = failed.get(str(place.target), (Status.OK, None, None))
        row: dict[str, str | bool | None] = {"target": str(place.target), "where": place.detail}
        row |= {"answers": status is Status.OK, "status": status.value, "said": said, "unread": unread}
        rows.append(row)
    frame = ANSWERS.from_rows(rows)
    frame.attrs["evidence"] = []
    return frame


def answers_elsewhere(ops: Session) -> pd.DataFrame:
    """Does every system of the configuration's other environments answer now? See `queries.elsewhere`.

    Of a session that was started with `others`; no row where no other environment is configured, and none of the demo, which asks
    no real system.
    """
    frame = elsewhere.answers.if_named(ops)
    if "absent" in frame.attrs:
        demo = "the demo asks no real system; start this page for another environment"
        frame.attrs["absent"] = demo if ops.demo else "the configuration names no other environment"
    return frame
