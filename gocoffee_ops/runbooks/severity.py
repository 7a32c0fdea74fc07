"""Is a severity one that the environment's contacts name?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gocoffee_ops.errors import ParameterError, unknown_name


def check(severity: object, environment: str, *, start: Path | None = None, replay: Path | None = None) -> None:
    """Raises ParameterError for one that they do not name, before anything is contacted; "" stands for all.

    Who names nobody hears of that in the run, whatever the severity.
    """
    if severity == "" or severity is None:
        return
    from gocoffee_ops import places

    contacts = places.contacts_of(environment, now=datetime.now(UTC), start=start, replay=replay)
    named = [step.severity for step in contacts.escalation] if contacts else []
    if named and severity not in named:
        raise unknown_name("severity", str(severity), named, ParameterError)
