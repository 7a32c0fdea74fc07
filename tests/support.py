"""A session over live places, for tests that ask real questions; its ledger is the test's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.model import Target, Thresholds
from gocoffee_ops.session import Place, Session


def live_session(
    tmp_path: Path,
    *,
    clusters: Mapping[str, Path | str] | None = None,
    databases: Mapping[str, str] | None = None,
    as_of: datetime | None = None,
    query_deadline_s: float = 20.0,
    sources: Mapping[Target, Any] | None = None,
) -> Session:
    """A session that reads clusters (name -> kubeconfig), databases (name -> DSN), or sources that are already there."""
    now = as_of or datetime.now(UTC)
    redactor = Redactor()
    places = [_cluster(name, str(kubeconfig), now, redactor) for name, kubeconfig in (clusters or {}).items()]
    places += [_database(name, dsn, now) for name, dsn in (databases or {}).items()]
    places += [Place(target, now, connect=lambda source=source: source) for target, source in (sources or {}).items()]
    return Session(
        runbook="test",
        environment="test",
        places=places,
        thresholds=Thresholds(),
        ledger=Ledger(tmp_path / "evidence", redactor),
        query_deadline_s=query_deadline_s,
    )


def leave_record(folder: Path, ops: Session, runbook: str, started: datetime, parameters: Mapping[str, Any]) -> None:
    """Leave a finished run's `run.json` beside its evidence, for a later run to be compared with."""
    body = {
        "runbook": runbook,
        "environment": ops.environment,
        "parameters": dict(parameters),
        "started": started.isoformat(),
        "finished": started.isoformat(),
        "partial": False,
        "replay_of": "",
        "head": ops.ledger.head,
    }
    (folder / "run.json").write_text(json.dumps(body))


def _cluster(name: str, kubeconfig: str, now: datetime, redactor: Redactor) -> Place:
    def connect() -> Any:
        from gocoffee_ops.sources.kubernetes import Cluster

        return Cluster(name, kubeconfig=kubeconfig, on_secret=redactor.add)

    grants = frozenset({"list_secrets"})  # that a role really has it, it shows when it is asked
    return Place(Target("cluster", name), now, connect=connect, detail=kubeconfig, grants=grants)


def _database(name: str, dsn: str, now: datetime) -> Place:
    def connect() -> Any:
        from gocoffee_ops.sources.postgres import Database

        return Database(dsn)

    return Place(Target("database", name), now, connect=connect)
