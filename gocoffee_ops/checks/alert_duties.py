"""Which Prometheus of an environment are to evaluate alerting rules and to send what fires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gocoffee_ops.frames import records

if TYPE_CHECKING:
    import pandas as pd

    from gocoffee_ops.expectations import Expectations

STATE = "where its alerts are evaluated or sent elsewhere, state sends_alerts = false of it"


@dataclass(frozen=True)
class Duties:
    """Who has rules, of those that answered (`alerts.fired`); of whom nothing tells is in none of these.

    `elsewhere` holds those of which it is stated that others send their alerts, `without` those that have no alerting rule and
    in which nothing fired; `unread` says who did not answer.
    """

    answered: frozenset[str]
    elsewhere: frozenset[str]
    without: frozenset[str]
    evaluate: frozenset[str]
    unread: tuple[str, ...]

    @property
    def done_by_another(self) -> bool:
        """Whether somebody evaluates rules, as far as was read or is stated."""
        return bool(self.evaluate | self.elsewhere)

    @property
    def unknown(self) -> list[str]:
        """Who may have rules, for all that was read."""
        known = self.elsewhere | self.without | self.evaluate
        return [*sorted(self.answered - known), *(f"not read: {gap}" for gap in self.unread)]


def duties(fired: pd.DataFrame, expectations: Expectations) -> Duties:
    """Who has what to send, by what fired and by the rules that each has."""
    notes = fired.attrs.get("notes", {})
    firing = {row["prometheus"] for row in records(fired)}
    answered = firing | set(notes)
    elsewhere = answered & set(expectations.alerts_elsewhere)
    rules = {where: notes.get(where, {}).get("alerting_rules") for where in answered - elsewhere}
    without = {where for where, count in rules.items() if count == 0} - firing
    evaluate = {where for where, count in rules.items() if count or where in firing}
    unread = tuple(fired.attrs.get("gaps", ()))
    return Duties(frozenset(answered), frozenset(elsewhere), frozenset(without), frozenset(evaluate), unread)
