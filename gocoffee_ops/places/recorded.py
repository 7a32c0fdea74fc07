"""The places of a bundle: every target is answered by what was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import EvidenceError, UsageError
from gocoffee_ops.evidence.ledger import LEDGER
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Contacts, Target, Thresholds
from gocoffee_ops.places.opened import Opened
from gocoffee_ops.session import Place


def replay_places(bundle: Path, *, environment: str = "") -> Opened:
    """The places of a bundle (a run's folder or its evidence folder), every one recorded; nothing live is read.

    Raises UsageError when the bundle is of another environment than the one named, Tampered when its chain is broken.
    """
    folder = evidence_folder(bundle)
    recording = Recording(folder)
    session = recording.session
    if environment and environment != session["environment"]:
        raise UsageError(
            f"replay {bundle} as environment {environment!r}",
            why=f"it was recorded in {session['environment']!r}",
            hint=f"name environment {session['environment']!r}",
        )
    places = tuple(
        Place(
            Target(target["kind"], target["name"]),
            datetime.fromisoformat(target["as_of"]),
            recording=recording,
            detail=target["detail"],
            grants=frozenset(target.get("grants", ())),
        )
        for target in session["targets"]
    )
    return Opened(
        environment=session["environment"],
        places=places,
        thresholds=_recorded_thresholds(session["thresholds"], folder),
        demo=session["demo"],
        redactor=Redactor(),
        query_deadline_s=session["query_deadline_s"],
        replay_of=str(bundle),
        contacts=Contacts.from_record(session["contacts"]) if session.get("contacts") else None,
        expectations=Expectations.from_record(session["expectations"]) if "expectations" in session else Expectations(),
    )


def evidence_folder(bundle: Path) -> Path:
    """The folder with the ledger: `bundle` itself, or its `evidence/`."""
    for folder in (bundle, bundle / "evidence"):
        if (folder / LEDGER).is_file():
            return folder
    raise UsageError(
        "open a bundle", target=str(bundle), why="no ledger is there", hint="a run's folder, or its evidence/"
    )


def _recorded_thresholds(body: Mapping[str, Any], folder: Path) -> Thresholds:
    unknown = sorted(set(body) - {f.name for f in fields(Thresholds)})
    if unknown:
        raise EvidenceError(
            "the bundle has thresholds that this version does not know", target=str(folder), why=", ".join(unknown)
        )
    return Thresholds(**body)
