"""A postmortem's draft: facts with their evidence, no cause, and what is UNKNOWN stays UNKNOWN."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mistune
import pytest

from gocoffee_ops.analysis import timeline
from gocoffee_ops.analysis.postmortem import draft
from gocoffee_ops.evidence.bundle import problems
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.model import Finding, Status, Thresholds
from gocoffee_ops.session import Session
from gocoffee_ops.ui.documents import Document

START = datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
ONSET, END = START + timedelta(minutes=30), START + timedelta(hours=1)
PLACE: dict[str, Any] = {
    "cluster": "eu",
    "namespace": "go-coffee",
    "service": "orders",
    "node": None,
    "source": "q",
} | {"resolution_s": None}
ROLLOUT = PLACE | {
    "kind": "rollout",
    "subject": "deployment/orders",
    "what": "revision 4",
    "evidence": "changes.rollouts()@cluster/eu",
}
RATE = Finding(
    Status.CRIT,
    "error_rate_below",
    "service/orders",
    "12 % of requests failed",
    cluster="eu",
    evidence=("logs.lines()@cluster/eu",),
)
UNREAD = Finding(Status.UNKNOWN, "alerts.alerts", "alertmanager/main", "not read: refused")


def drafted(
    *findings: Finding, onset: datetime | None = ONSET, rows: tuple[dict[str, Any], ...] = (), gap: str = ""
) -> str:
    moments = timeline.MOMENTS.from_rows(rows)
    moments.attrs["gaps"] = [gap] if gap else []
    before = timeline.candidates(moments, onset=onset, otherwise=END, service="orders")
    options: dict[str, Any] = {
        "service": "orders",
        "start": START,
        "end": END,
        "onset": onset,
        "answered": 3,
        "asked": 4,
    }
    return Document(draft(timeline=moments, candidates=before, findings=findings, **options)).markdown


def test_it_has_the_parts_that_a_postmortem_needs_and_quotes_with_evidence() -> None:
    text = drafted(RATE, UNREAD, rows=(ROLLOUT | {"time": ONSET - timedelta(minutes=3)},))
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "## Postmortem (draft): orders, 2026-11-25 02:30 to 2026-11-25 03:30 UTC",
        "### Summary",
        "### Impact",
        "### Timeline (UTC)",
        "### Contributing factors",
        "### What was wrong when this was read",
        "### Open questions",
    ]
    assert "CRIT service/orders (eu): 12 % of requests failed \\[logs.lines()@cluster/eu\\]" in text
    assert "| 3.0 | rollout | deployment/orders | revision 4 | 0.81 |" in text
    assert "3 of 4 questions were answered" in text
    assert "To have come first is not to be the cause" in text


def summary(text: str) -> str:
    return text.partition("### Summary")[2].partition("###")[0]


def test_the_summary_names_what_to_look_at_first_with_its_score_and_claims_no_cause() -> None:
    later, sooner = (ROLLOUT | {"time": ONSET - timedelta(minutes=n)} for n in (3, 9))
    said = summary(drafted(rows=(sooner | {"subject": "deployment/menu", "service": "menu"}, later)))
    assert (
        "What to look at first of what changed around it: deployment/orders of eu, 3 min before the onset "
        "(rollout: revision 4); score 0.81 = proximity 0.81 x overlap 1.00 x rarity 1.00. "
        "To have come first is not to be the cause."
    ) in said
    assert "deployment/menu" not in said
    assert "Not all" not in said


def test_a_summary_without_a_change_or_an_onset_or_all_that_was_to_be_read_says_so() -> None:
    assert "Nothing that was read changed in the hours before the onset." in summary(drafted())
    gap = summary(drafted(gap="cluster/us: changes.rollouts"))
    assert "before the onset. Not all that may have changed was read." in gap
    without = summary(drafted(onset=None, rows=(ROLLOUT | {"time": END - timedelta(seconds=50)},)))
    assert "50 s before the window's end (rollout: revision 4)" in without


def test_what_is_unknown_stands_among_the_open_questions() -> None:
    text = drafted(UNREAD, onset=None)
    open_questions = text.partition("### Open questions")[2]
    assert "UNKNOWN alertmanager/main: not read: refused" in open_questions
    assert "no symptom's beginning was found" in open_questions
    assert "UNKNOWN: neither error rates nor endpoints were judged" in text
    assert "When it began is UNKNOWN" in text


def test_what_is_wrong_now_is_not_listed_as_what_changed_before() -> None:
    wrong = Finding(Status.WARN, "pods_ready", "deployment/menu", "1 of 2 pods is not ready")
    text = drafted(wrong, rows=(ROLLOUT | {"time": ONSET - timedelta(minutes=3)},))
    before, _, now = text.partition("### What was wrong when this was read")
    assert "deployment/menu" not in before
    assert "WARN deployment/menu: 1 of 2 pods is not ready" in now
    assert "revision 4" in before
    assert "Nothing that was read." in drafted()


def test_a_cap_is_stated() -> None:
    rows = tuple(ROLLOUT | {"time": START + timedelta(seconds=i)} for i in range(150))
    text = drafted(rows=rows)
    assert "the first 100 of 150 moments" in text
    assert "the first 10 of 150 changes" in text


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "![x](http://evil.example/a.png)",
        "a | b",
        "[click](javascript:alert(1))",
        "# big\n\n- item",
        "`code`",
        "&lt;b&gt;",
    ],
)
def test_nothing_that_was_read_is_markup(hostile: str) -> None:
    moment = ROLLOUT | {"time": ONSET - timedelta(minutes=1), "what": hostile}
    wrong = Finding(Status.WARN, "pods_ready", "deployment/orders", hostile)
    html = str(mistune.create_markdown(escape=False, plugins=["table"])(drafted(wrong, rows=(moment,))))
    shown = " ".join(hostile.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html.count(shown) == 4
    for tag in ("<script", "<img", "<a ", "<code", "<h1"):
        assert tag not in html


def test_it_is_kept_on_record_and_as_a_file_without_secrets(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "evidence", Redactor(["hunter22"]))
    ops = Session(runbook="forensics", environment="e", places=[], thresholds=Thresholds(), ledger=ledger)
    ops.mark(timeline.MOMENTS.from_rows([ROLLOUT | {"time": ONSET, "what": "password hunter22"}]))
    before = timeline.candidates(ops.timeline(), onset=ONSET, service="orders")
    ops.draft_postmortem(before, service="orders", start=START, end=END, onset=ONSET)
    text = (tmp_path / "postmortem.md").read_text()
    (entry,) = (entry for entry in ledger.entries() if entry.kind == "document")
    assert entry.body == {"name": "postmortem.md", "text": text}
    assert "hunter22" not in text
    assert "deployment/orders" in text
    assert problems(ledger.folder) == []


def test_what_a_failed_cell_did_not_get_to_ask_was_not_answered(tmp_path: Path) -> None:
    ops = Session(
        runbook="forensics", environment="e", places=[], thresholds=Thresholds(), ledger=Ledger(tmp_path / "evidence")
    )
    ops.cell_started("a", 1)
    ops.cell_ended("a", 1, "ValueError: of our own")
    ops.cell_questions("a", [{"query": "alerts.alerts", "kind": "alertmanager"}])
    before = timeline.candidates(ops.timeline(), onset=ONSET, service="orders")
    ops.draft_postmortem(before, service="orders", start=START, end=END, onset=None)
    text = (tmp_path / "postmortem.md").read_text()
    assert "0 of 1 questions were answered" in text
    assert "questions were answered." not in text
