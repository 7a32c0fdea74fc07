"""What is to be run: checked as a whole before anything is contacted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import ParameterError, UsageError
from gocoffee_ops.evidence.ledger import read_entries
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.runbooks import catalog, parameters, severity
from gocoffee_ops.runbooks.catalog import Runbook
from gocoffee_ops.runbooks.execution import Limits
from gocoffee_ops.runbooks.parameters import Value
from gocoffee_ops.runbooks.run_folder import RUN_JSON, reports_folder


@dataclass(frozen=True)
class Order:
    """A run that was checked and may begin; nothing was contacted yet."""

    runbook: Runbook
    values: Mapping[str, Value]  # every parameter
    given: Mapping[str, Value]  # those that differ from the notebook's own
    environment: str
    reports: Path
    replay: Path | None
    limits: Limits
    redactor: Redactor
    config: Path | None = None  # the kernel reads the file that was checked, though it has another working folder


def prepare(
    runbook: str | Runbook,
    given: Mapping[str, Sequence[str]] | None = None,
    *,
    env: str = "",
    reports: Path | None = None,
    replay: Path | None = None,
    run_s: float | None = None,
    cell_s: float | None = None,
) -> Order:
    """Check runbook, parameters, environment and bundle; raises UsageError (exit 64) before anything is contacted."""
    book = catalog.find(runbook) if isinstance(runbook, str) else runbook
    texts = dict(given or {})
    recorded = _recorded(book, replay) if replay else {}
    if env:
        if texts.get("env", [env]) != [env]:
            raise ParameterError(f"the environment is given twice: {env!r} and {texts['env'][0]!r}")
        texts["env"] = [env]
    defaults = {p.name: p.default for p in book.parameters}
    values = {**parameters.values(book.parameters, texts)}
    values |= {name: value for name, value in recorded.items() if name not in texts}
    named = values.get("env")
    environment = named if isinstance(named, str) and named else "demo"
    limits, redactor = _checked_environment(environment, book, replay)
    severity.check(values.get("severity"), environment, start=book.path.parent, replay=replay)
    if not replay:  # the times of a run that is replayed were checked when it was run
        now = datetime.now(UTC)
        parameters.check_times(book.parameters, values, now=now, until=_latest(environment, now))
    parameters.check_times(book.parameters, values)
    return Order(
        runbook=book,
        values=values,
        given={name: value for name, value in values.items() if value != defaults[name]},
        environment=environment,
        reports=(reports or reports_folder(book.path.parent)).absolute(),
        replay=replay.absolute() if replay else None,
        limits=replace(limits, run_s=run_s or limits.run_s, cell_s=cell_s or limits.cell_s),
        redactor=redactor,
        config=_config(environment, book, replay),
    )


def _latest(environment: str, now: datetime) -> datetime:
    """The moment as of which an environment is read now; the demo's is the one at which it was recorded."""
    from gocoffee_ops import config, session
    from gocoffee_ops.places.demo import demo_recorded

    return session.latest(demo_recorded(now)) if environment == config.DEMO else now


def _config(environment: str, book: Runbook, replay: Path | None) -> Path | None:
    if replay is not None:
        return None
    from gocoffee_ops import config

    found = config.find_config(book.path.parent) if environment != config.DEMO else None
    return found.absolute() if found else None


def _checked_environment(name: str, book: Runbook, replay: Path | None) -> tuple[Limits, Redactor]:
    """The environment's deadlines and secrets; of a replay, what the bundle is."""
    from gocoffee_ops import config, places

    redactor = Redactor()
    if replay is not None:
        places.replay_places(replay, environment=name)
        defaults = config.Limits()
        return Limits(run_s=defaults.run_deadline_s, cell_s=defaults.cell_deadline_s), redactor
    environment = config.environment(name, book.path.parent)
    for system in environment.systems:
        places.learn_secrets(system, redactor)
    limits = environment.limits
    return Limits(run_s=limits.run_deadline_s, cell_s=limits.cell_deadline_s), redactor


def _recorded(book: Runbook, replay: Path) -> dict[str, Value]:
    """The parameters of the run that is replayed; a bundle without a run.json has only its environment."""
    from gocoffee_ops.places import evidence_folder

    evidence = evidence_folder(replay)
    session = [entry.body for entry in read_entries(evidence) if entry.kind == "session"][-1:]
    if session and session[0]["runbook"] not in {book.name, ""}:
        raise UsageError(
            f"replay {replay} with runbook {book.name!r}", why=f"it was recorded by {session[0]['runbook']!r}"
        )
    found: dict[str, Any] = {"env": session[0]["environment"]} if session else {}
    path = evidence.parent / RUN_JSON
    if path.is_file():
        found |= json.loads(path.read_text(encoding="utf-8")).get("parameters", {})
    names = {p.name for p in book.parameters}
    return parameters.typed(book.parameters, {name: value for name, value in found.items() if name in names})
