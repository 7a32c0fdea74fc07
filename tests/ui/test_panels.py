"""Panels of findings and of the verdict."""

from __future__ import annotations

from gocoffee_ops.evidence.record import Coverage
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.ui.panels import FindingsPanel, VerdictPanel
from gocoffee_ops.ui.ranking import about

SCRIPT = "<script>alert(1)</script>"
BAD = Finding(Status.CRIT, "check", f"node/{SCRIPT}", f"not ready {SCRIPT}\x1b[31m", cluster=f"c{SCRIPT}")
FINE = [Finding(Status.OK, "check", f"node/n{i}", "ready") for i in range(5)]


def test_the_worst_finding_comes_first_and_ok_ones_fold_away() -> None:
    shown = FindingsPanel([*FINE, BAD])._repr_html_()
    assert shown.index("CRIT") < shown.index("<details>") < shown.index("node/n0")
    assert "5 findings are OK" in shown


def test_three_ok_findings_are_shown_unfolded() -> None:
    assert "<details>" not in FindingsPanel(FINE[:3])._repr_html_()


def test_hostile_findings_are_text() -> None:
    panel = VerdictPanel(Status.CRIT, [BAD], Coverage({f"cluster/{SCRIPT}": (1, 2)}), {"cell": SCRIPT}, demo=True)
    assert "<script" not in panel._repr_html_()
    assert "\x1b" not in repr(panel)


def test_a_verdict_shows_its_coverage_the_targets_that_lack_and_the_cells_that_raised() -> None:
    panel = VerdictPanel(
        Status.UNKNOWN, FINE, Coverage({"cluster/a": (2, 3), "database/b": (4, 4)}), {"c": "Forbidden: no"}
    )
    shown = panel._repr_html_()
    assert "? UNKNOWN" in shown
    assert "85 % coverage" in shown
    assert "cluster/a: 2 of 3" in shown
    assert "database/b" not in shown
    assert "1 cell raised" in shown
    assert panel.headline == "UNKNOWN · 6 of 7 questions answered (85 %) · 1 cell raised"


def test_what_was_never_asked_lowers_the_coverage_and_is_said() -> None:
    panel = VerdictPanel(
        Status.UNKNOWN, FINE, Coverage({"cluster/a": (3, 3)}, {"": 1, "cluster/a": 1, "database/b": 1}), {}
    )
    assert panel.headline == "UNKNOWN · 3 of 6 questions answered (3 never asked) (50 %)"
    assert "cluster/a: 3 of 4; database/b: 0 of 1" in panel._repr_html_()


def test_coverage_is_never_rounded_up_to_all() -> None:
    assert "(99 %)" in VerdictPanel(Status.OK, FINE, Coverage({"cluster/a": (999, 1000)}), {}).headline


def test_demo_data_is_marked_in_html_and_text() -> None:
    panel = FindingsPanel(FINE, demo=True)
    assert "Demo data" in panel._repr_html_()
    assert repr(panel).startswith("Demo data")


def test_a_finding_names_the_runbooks_that_go_on_from_it_but_not_the_one_that_shows_it() -> None:
    waits = Finding(Status.WARN, "check", "service/orders", "slow", next=("service-down", f"database-{SCRIPT}"))
    panel = FindingsPanel([waits, FINE[0]], runbook="service-down")
    assert panel._repr_html_().count("next: ") == repr(panel).count("next: ") == 1
    assert "next: database-&lt;script&gt;" in panel._repr_html_()
    assert "slow · next: database-" in repr(panel)
    verdict = VerdictPanel(Status.WARN, [waits], Coverage({}), {}, runbook="high-error-rate")
    assert "next: service-down, database-" in verdict._repr_html_()
    assert "next" not in repr(FindingsPanel([FINE[0]]))


def test_a_verdict_says_what_to_look_at_first_though_that_finding_is_ok() -> None:
    first = Finding(
        Status.OK, "changed", "timeline", "2 moments", {"look_first": f"deployment/a, 14.3 s before {SCRIPT}"}
    )
    panel = VerdictPanel(Status.CRIT, [*FINE, first, BAD], Coverage({}), {})
    shown = panel._repr_html_()
    assert shown.index("Look first at:</b> deployment/a, 14.3 s before &lt;script") < shown.index("<details")
    assert repr(panel).splitlines()[1].startswith("Look first at: deployment/a")
    assert "Look first" not in VerdictPanel(Status.OK, FINE, Coverage({}), {})._repr_html_()


def test_a_procedure_that_is_no_notebook_is_named_as_one() -> None:
    old = Finding(Status.WARN, "check", "node/n1", "old", next=("service-down", "cluster-update"))
    assert "next: service-down, cluster-update (written procedure)" in FindingsPanel([old])._repr_html_()


def test_within_a_status_what_the_run_is_about_leads_and_then_its_gateway() -> None:
    def crit(subject: str, *parts: Finding) -> Finding:
        return Finding(Status.CRIT, "check", subject, "down", parts=parts)

    own = [
        crit("service/orders"),
        crit("pod/orders-677c48fd69-8spgp"),
        crit("node/n4", crit("node/n4"), crit("pod/orders")),
    ]
    others = [crit("node/n1"), crit("deployment/orders-preview"), crit("table/public.orders")]
    gateway, warned = crit("service/api"), Finding(Status.WARN, "check", "deployment/orders", "old")
    leading = about({"services": ["orders"], "gateway": "api"})
    for panel in (
        FindingsPanel([*others, gateway, warned, *own], about=leading),
        VerdictPanel(Status.CRIT, [*others, gateway, warned, *own], Coverage({}), {}, about=leading),
    ):
        assert panel.findings == [*own, gateway, *others, warned]
    assert about({"service": "orders", "services": "text", "gateway": 3}) == (
        frozenset({"orders", "text"}),
        frozenset(),
    )
