"""Whom to call, how soon, and where to look."""

from __future__ import annotations

from datetime import UTC, datetime

from gocoffee_ops.errors import UsageError, unknown_name
from gocoffee_ops.model import Contacts, Escalation
from gocoffee_ops.ui.style import wrap
from gocoffee_ops.ui.tables import DEMO_BANNER
from gocoffee_ops.ui.text import duration, escaped, visible

NOBODY = "The environment names nobody to call: contacts.escalation in gocoffee.toml."
HEADS = ("severity", "call", "respond within")  # few, so that a phone shows whom to call


class ContactsPanel:
    """The escalation matrix, with the time that is left to respond when the incident's start is known; addresses and links.

    Raises UsageError for a severity that is none of those named, and for a start that is not a time or lies after the run.
    """

    def __init__(self, contacts: Contacts, *, severity: str = "", started: str = "", demo: bool = False) -> None:
        named = [step.severity for step in contacts.escalation]
        if severity and named and severity not in named:  # who names nobody hears of that, whatever the severity
            raise unknown_name("severity", severity, named)
        self.contacts = contacts
        self.steps = [step for step in contacts.escalation if not severity or step.severity == severity]
        self.started = _moment(started, contacts.as_of) if started else None
        self.demo = demo

    def left_s(self, step: Escalation) -> float | None:
        """Seconds left to respond, as of the run; negative when it is late, None without a start."""
        if self.started is None:
            return None
        return step.response_time_s - (self.contacts.as_of - self.started).total_seconds()

    def _repr_html_(self) -> str:
        banner = f"<p class='gc-demo'>{DEMO_BANNER}</p>" if self.demo else ""
        rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in self._cells(step))}</tr>" for step in self.steps)
        heads = "".join(f"<th scope='col'>{head}</th>" for head in HEADS)
        table = f"<table><caption>{escaped(self._said)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        body = (
            f"<div class='gc-box'>{table}</div>" if self.steps else f"<p class='gc-note gc-gap'>{escaped(NOBODY)}</p>"
        )
        others = "".join(f"<li>{escaped(name)}: {escaped(address)}</li>" for name, address in self._others())
        links = "".join(f"<li>{escaped(name)}: {_link(url)}</li>" for name, url in self.contacts.links.items())
        return wrap(f"{banner}{body}{f'<ul>{others}{links}</ul>' if others or links else ''}")

    def __repr__(self) -> str:
        lines = [DEMO_BANNER] if self.demo else []
        lines += [self._said, *("  ".join(filter(None, row)) for row in self._rows())] if self.steps else [NOBODY]
        lines += [f"{name}: {where}" for name, where in [*self._others(), *self.contacts.links.items()]]
        return "\n".join(visible(line) for line in lines)

    @property
    def _said(self) -> str:
        if self.started is None:
            return "Whom to call; what is left is shown when the start of the incident is given."
        return f"The incident began at {_utc(self.started)}; what is left is as of {_utc(self.contacts.as_of)}."

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                step.severity,
                self._person(step.primary),
                f"else {self._person(step.secondary)}" if step.secondary else "",
                f"within {duration(step.response_time_s)}",
                _left(self.left_s(step)),
            )
            for step in self.steps
        ]

    def _cells(self, step: Escalation) -> tuple[str, str, str]:
        """A row's cells as HTML."""
        call = f"<b>{escaped(step.primary)}</b>{self._address(step.primary)}"
        if step.secondary:
            call += f"<br>else {escaped(step.secondary)}{self._address(step.secondary)}"
        within, left = duration(step.response_time_s), _left(self.left_s(step))
        return escaped(step.severity), call, escaped(within) + (f"<br>{escaped(left)}" if left else "")

    def _person(self, name: str) -> str:
        address = self.contacts.addresses.get(name, "")
        return f"{name} ({address})" if address else name

    def _address(self, name: str) -> str:
        address = self.contacts.addresses.get(name, "")
        return f"<br>{escaped(address)}" if address else ""

    def _others(self) -> list[tuple[str, str]]:
        """Who can be reached without standing in the rows."""
        shown = {name for step in self.steps for name in (step.primary, step.secondary)}
        return [(name, address) for name, address in self.contacts.addresses.items() if name not in shown]


def _moment(text: str, as_of: datetime) -> datetime:
    form = "ISO 8601 with its zone, as 2026-11-23T03:00Z"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"started is {text!r}, which is not a time", hint=form) from None
    if moment.tzinfo is None:
        raise UsageError(f"started is {text!r}, a time without a zone", hint=form)
    if moment > as_of:
        raise UsageError(
            f"started is {text!r}, which is after this run", why=f"it reads as of {_utc(as_of)}", hint=form
        )
    return moment.astimezone(UTC)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{duration(seconds)} left" if seconds >= 0 else f"late by {duration(-seconds)}"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _link(url: str) -> str:
    """A link to follow; anything else than a web address (a bundle may be anybody's) is text."""
    if not url.startswith(("http://", "https://")):
        return escaped(url)
    return f"<a href='{escaped(url)}' rel='noopener noreferrer'>{escaped(url)}</a>"
