"""Environment -> places."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Contacts, Escalation, Target
from gocoffee_ops.places.demo import demo_contacts, demo_database, demo_recorded, demo_thresholds
from gocoffee_ops.places.live import open_system
from gocoffee_ops.places.opened import Opened
from gocoffee_ops.places.recorded import replay_places
from gocoffee_ops.session import Place

if TYPE_CHECKING:
    from gocoffee_ops.config import Environment


def open_named(name: str, *, now: datetime, start: Path | None = None, replay: Path | None = None) -> Opened:
    """The places of the environment of that name; a replay needs no configuration, only the bundle."""
    if replay is not None:
        return replay_places(replay, environment=name)
    from gocoffee_ops.config import environment  # pydantic, which a replay does without

    return open_places(environment(name, start), now=now)


def open_places(environment: Environment, *, now: datetime, replay: Path | None = None) -> Opened:
    """The places of an environment; with `replay`, all of them answered by that bundle.

    Nothing is contacted but the demo's database, which is started. A place that cannot be read says so when it is asked.
    """
    if replay is not None:
        return replay_places(replay, environment=environment.name)
    redactor = Redactor()
    limit = environment.limits.query_deadline_s
    if environment.demo:
        database, held = demo_database(now, redactor)
        places = (*demo_recorded(now), database)
        contacts = demo_contacts(now)
        return Opened(environment.name, places, demo_thresholds(), True, redactor, held, limit, contacts=contacts)
    places = tuple(open_system(system, now, redactor) for system in environment.systems)
    if (costs := environment.costs) is not None:
        places += (
            Place(Target("costs", environment.name), now, connect=lambda: costs, detail="prices, budgets and teams"),
        )
    contacts = _contacts(environment, now)
    return Opened(
        environment.name,
        places,
        environment.thresholds,
        False,
        redactor,
        (),
        limit,
        contacts=contacts,
        expectations=_expectations(environment),
    )


def contacts_of(name: str, *, now: datetime, start: Path | None = None, replay: Path | None = None) -> Contacts | None:
    """Whom an environment names to call, or a bundle holds; nothing is contacted or started."""
    if replay is not None:
        return replay_places(replay, environment=name).contacts
    from gocoffee_ops.config import environment

    found = environment(name, start)
    return demo_contacts(now) if found.demo else _contacts(found, now)


def _expectations(environment: Environment) -> Expectations:
    replicas = {one.name: one.min_replicas for one in environment.redis if one.min_replicas is not None}
    elsewhere = tuple(one.name for one in environment.prometheus if not one.sends_alerts)
    return Expectations(environment.at_rest, replicas, environment.watchdog, elsewhere)


def _contacts(environment: Environment, now: datetime) -> Contacts:
    from gocoffee_ops.config import in_seconds

    steps = (
        Escalation(severity, in_seconds(step.response_time), step.primary, step.secondary)
        for severity, step in environment.contacts.escalation.items()
    )
    return Contacts(now, tuple(steps), environment.contacts.addresses, environment.links)
