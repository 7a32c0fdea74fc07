"""The places of the demo: an embedded PostgreSQL, and all else recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import NotFound, OpsError
from gocoffee_ops.evidence.ledger import LEDGER
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.model import Contacts, Escalation, Target, Thresholds
from gocoffee_ops.places.secrets import learn_dsn
from gocoffee_ops.session import Place

DEMO_BUNDLE = Path(__file__).parent.parent / "demo" / "bundle"
DEMO_DATABASE = "coffee"


def demo_thresholds() -> Thresholds:
    """The defaults, with a second for ten minutes where something is timed on the demo's database.

    Its sessions are just over a second old when it is ready, so that they are past every limit, whenever they are read.
    Its statements have run for seconds in all, on a quick machine for less: of that, a share is told all the same. The server
    starts when somebody asks for it, so that a start a moment ago says nothing.
    """
    timed = ("active_", "idle_in_transaction_", "blocked_")
    infos = [info for info in Thresholds.info() if info.unit == "s" and info.name.startswith(timed)]
    seconds: dict[str, Any] = {info.name: info.default / 600 for info in infos}
    return replace(Thresholds(), statement_share_ms=100.0, restarted_warn_s=0.0, **seconds)


def demo_contacts(now: datetime) -> Contacts:
    """The written runbook's escalation matrix and links, with addresses that reach nobody."""
    escalation = (
        Escalation("P0", 900, "Platform Lead", "CTO"),
        Escalation("P1", 3_600, "DevOps Engineer", "Platform Lead"),
        Escalation("P2", 14_400, "Developer", "DevOps Engineer"),
        Escalation("P3", 86_400, "Team Lead", "Developer"),
    )
    people = {
        "Platform Lead": "platform-lead@example.com",
        "CTO": "cto@example.com",
        "DevOps Engineer": "devops@example.com",
        "Developer": "developers@example.com",
        "Team Lead": "team-lead@example.com",
        "Platform Team": "platform@example.com",
        "Security Team": "security@example.com",
        "On-Call Engineer": "+1-555-0100",
        "Emergency Hotline": "+1-555-0199",
    }
    links = {
        "Monitoring Dashboards": "https://grafana.example.com",
        "Log Analysis": "https://kibana.example.com",
        "Argo CD": "https://argocd.example.com",
        "Internal Wiki": "https://wiki.example.com",
        "Incident Management": "https://incidents.example.com",
    }
    return Contacts(now, escalation, people, links)


def demo_recorded(now: datetime, folder: Path = DEMO_BUNDLE) -> list[Place]:
    """Everything of the demo but its database: recorded together, from real services, during an incident."""
    if not (folder / LEDGER).is_file():

        def missing() -> Any:
            raise NotFound(
                "open the demo's recording",
                target=str(folder),
                why="it is not there",
                hint="make demo-bundle",
            )

        return [Place(Target("cluster", "demo"), now, connect=missing, detail="recorded")]
    recording = Recording(folder)
    return [
        Place(
            Target(target["kind"], target["name"]),
            datetime.fromisoformat(target["as_of"]),
            recording=recording,
            detail=target["detail"],
            grants=frozenset(target.get("grants", ())),
        )
        for target in recording.session["targets"]
    ]


def demo_database(now: datetime, redactor: Redactor) -> tuple[Place, tuple[object, ...]]:
    """The demo's own PostgreSQL, started; one that does not start costs its own sections."""
    from gocoffee_ops import demo

    target = Target("database", DEMO_DATABASE)
    try:
        lease = demo.start()
    except OpsError as error:
        failure = error

        def failed() -> Any:
            raise failure

        return Place(target, now, connect=failed, detail="embedded, did not start"), ()

    def connect() -> Any:
        from gocoffee_ops.sources.postgres import Database

        return Database(lease.dsn)

    learn_dsn(redactor, lease.dsn)
    return Place(target, now, connect=connect, detail="embedded PostgreSQL"), (lease,)
