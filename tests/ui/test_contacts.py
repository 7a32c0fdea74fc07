"""The panel of contacts: who, how soon, and what is left of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gocoffee_ops.errors import UsageError
from gocoffee_ops.model import Contacts, Escalation
from gocoffee_ops.ui.contacts import ContactsPanel

SCRIPT = "<script>alert(1)</script>"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CONTACTS = Contacts(
    NOON,
    (Escalation("P0", 900, "Platform Lead", "CTO"), Escalation("P1", 3600, "DevOps Engineer")),
    {"Platform Lead": "lead@example.com", "On-Call": "+1-555-0100"},
    {"wiki": "https://wiki.example.com/?a=1&b=2"},
)


def test_the_time_that_is_left_is_counted_from_the_start_to_the_run() -> None:
    panel = ContactsPanel(CONTACTS, started="2026-11-23T12:50:00+01:00")
    assert [panel.left_s(step) for step in panel.steps] == [300, 3000]
    assert repr(panel).splitlines()[:3] == [
        "The incident began at 2026-11-23 11:50 UTC; what is left is as of 2026-11-23 12:00 UTC.",
        "P0  Platform Lead (lead@example.com)  else CTO  within 15 min  5 min left",
        "P1  DevOps Engineer  within 1 h  50 min left",
    ]


def test_a_response_that_is_due_says_by_how_much_it_is_late() -> None:
    panel = ContactsPanel(CONTACTS, severity="P0", started="2026-11-23T11:00Z")
    assert "within 15 min  late by 45 min" in repr(panel)
    assert "late by 45 min" in panel._repr_html_()
    assert "P1" not in panel._repr_html_()


def test_without_a_start_nothing_is_said_to_be_left() -> None:
    panel = ContactsPanel(CONTACTS)
    assert repr(panel).splitlines()[1].endswith("else CTO  within 15 min")
    assert "left</td>" not in panel._repr_html_()
    assert "<td>15 min</td>" in panel._repr_html_()


def test_whom_to_call_stands_first_in_a_row_of_few_columns() -> None:
    shown = ContactsPanel(CONTACTS, severity="P0", started="2026-11-23T11:50Z")._repr_html_()
    call = "<b>Platform Lead</b><br>lead@example.com<br>else CTO"
    assert f"<tr><td>P0</td><td>{call}</td><td>15 min<br>5 min left</td></tr>" in shown


def test_everybody_and_every_link_is_shown() -> None:
    shown = ContactsPanel(CONTACTS, severity="P1", demo=True)._repr_html_()
    assert "On-Call: +1-555-0100" in shown
    assert "Platform Lead: lead@example.com" in shown
    assert "<a href='https://wiki.example.com/?a=1&amp;b=2'" in shown
    assert "Demo data" in shown


@pytest.mark.parametrize(
    ("started", "said"),
    [
        ("soon", "which is not a time.*2026-11-23T03:00Z"),
        ("2026-11-23T11:00", "a time without a zone"),
        ("2026-11-23T12:01Z", "which is after this run: it reads as of 2026-11-23 12:00 UTC"),
    ],
)
def test_a_start_that_is_none_is_wrong_usage(started: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ContactsPanel(CONTACTS, started=started)


def test_an_unknown_severity_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"unknown severity 'P9'.*valid: P0, P1"):
        ContactsPanel(CONTACTS, severity="P9")


@pytest.mark.parametrize("severity", ["", "P0"])
def test_an_environment_that_names_nobody_says_so(severity: str) -> None:
    panel = ContactsPanel(Contacts(NOON), severity=severity)
    assert "names nobody to call" in repr(panel)
    assert "names nobody to call" in panel._repr_html_()


def test_hostile_contacts_are_text() -> None:
    hostile = Contacts(
        NOON,
        (Escalation(f"P0{SCRIPT}", 900, SCRIPT, SCRIPT),),
        {SCRIPT: SCRIPT},
        {SCRIPT: "javascript:alert(1)", "x": f"https://x/'{SCRIPT}"},
    )
    shown = ContactsPanel(hostile)._repr_html_()
    assert "<script" not in shown
    assert "href='javascript" not in shown
    assert "\x1b" not in repr(ContactsPanel(Contacts(NOON, links={"a": "\x1b[31m"})))


def test_contacts_survive_their_record() -> None:
    assert Contacts.from_record(CONTACTS.to_record()) == CONTACTS
