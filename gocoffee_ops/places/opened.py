"""What a session is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Contacts, Thresholds
from gocoffee_ops.session import Place


@dataclass(frozen=True)
class Opened:
    """What a session is made of. Give its ledger `redactor`: it knows the secrets of every place."""

    environment: str
    places: tuple[Place, ...]
    thresholds: Thresholds
    demo: bool
    redactor: Redactor
    held: tuple[object, ...] = ()  # leases that must last as long as the session
    query_deadline_s: float = 30.0
    replay_of: str = ""
    contacts: Contacts | None = None  # None: a bundle from before they were recorded
    expectations: Expectations = field(default_factory=Expectations)
