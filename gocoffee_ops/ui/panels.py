"""What a cell shows of findings and of a verdict; all text is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gocoffee_ops.checks.grading import WRITTEN
from gocoffee_ops.evidence.folding import told
from gocoffee_ops.model import LOOK_FIRST, Finding, Status
from gocoffee_ops.ui.ranking import About, rank
from gocoffee_ops.ui.style import MARKS, badge, wrap
from gocoffee_ops.ui.tables import DEMO_BANNER
from gocoffee_ops.ui.text import escaped, visible

if TYPE_CHECKING:
    from gocoffee_ops.evidence.record import Coverage

__all__ = ["DEMO_BANNER", "FindingsPanel", "VerdictPanel"]


class FindingsPanel:
    """The findings of one check, worst first, each with the runbooks that go on from it but `runbook`, which shows them.

    Within a status those of the services that the run is `about` lead. Those that are OK fold away beside worse ones.
    """

    def __init__(
        self, findings: Sequence[Finding], *, runbook: str = "", demo: bool = False, about: About = ()
    ) -> None:
        self.findings = sorted(findings, key=lambda f: rank(f, about))
        self.runbook = runbook
        self.demo = demo

    def _repr_html_(self) -> str:
        return wrap(f"{self._banner()}{self._tables()}")

    def __repr__(self) -> str:
        lines = [
            visible(" · ".join([f"{f.status.value:8}{_where(f)}{f.subject}: {f.reason}", *_next(f, self.runbook)]))
            for f in self.findings
        ]
        return "\n".join(([DEMO_BANNER] if self.demo else []) + lines)

    def _banner(self) -> str:
        return f"<p class='gc-demo'>{DEMO_BANNER}</p>" if self.demo else ""

    def _tables(self) -> str:
        bad = [f for f in self.findings if f.status is not Status.OK]
        fine = [f for f in self.findings if f.status is Status.OK]
        if len(fine) <= 3:
            return _table(self.findings, self.runbook)
        count = f"{len(fine)} finding is OK" if len(fine) == 1 else f"{len(fine)} findings are OK"
        folded = f"<details><summary>{badge(Status.OK)} {count}</summary>{_table(fine, self.runbook)}</details>"
        return (_table(bad, self.runbook) if bad else "") + folded


class VerdictPanel(FindingsPanel):
    """The verdict of a run, with its coverage beside it."""

    def __init__(
        self,
        status: Status,
        findings: Sequence[Finding],
        coverage: Coverage,
        failed: Mapping[str, str],
        *,
        runbook: str = "",
        demo: bool = False,
        about: About = (),
    ) -> None:
        super().__init__(findings, runbook=runbook, demo=demo, about=about)
        self.status = status
        self.coverage = coverage
        self.failed = failed

    @property
    def headline(self) -> str:
        """Verdict and coverage in one line."""
        c = self.coverage
        line = f"{self.status.value} · {_answered(c)} ({covered(c.answered, c.due)})"
        return f"{line} · {_cells(len(self.failed))} raised" if self.failed else line

    def _repr_html_(self) -> str:
        c = self.coverage
        counts = Counter(f.status for f in self.findings)
        told = " · ".join(f"{counts[s]} {s.value}" for s in MARKS if counts[s]) or "no findings"
        places = "; ".join(f"{t}: {n} of {of}" for t, (n, of) in c.lacking.items())
        head = (
            f"<div class='gc-verdict'>{badge(self.status)}<span><b>{covered(c.answered, c.due)} coverage</b>: "
            f"{_answered(c)}<br>{told}</span></div>"
        )
        gaps = f"<p class='gc-note gc-gap'><b>Not all was read</b> of {escaped(places)}</p>" if places else ""
        raised = "".join(f"<li>{escaped(error)}</li>" for error in self.failed.values())
        failed = f"<div class='gc-note gc-gap'><b>{_cells(len(self.failed))} raised</b><ul>{raised}</ul></div>"
        first = "".join(
            f"<p class='gc-note'><b>Look first at:</b> {escaped(one)}</p>" for _, one in look_first(self.findings)
        )
        return wrap(f"{self._banner()}{head}{first}{gaps}{failed if self.failed else ''}{self._folded()}")

    def _folded(self) -> str:
        """All findings once more: open in a notebook, where they close it; folded in a report, which opens with them."""
        if not self.findings:
            return ""
        return f"<details open><summary>All findings, worst first</summary>{self._tables()}</details>"

    def __repr__(self) -> str:
        first = [visible(f"Look first at: {one}") for _, one in look_first(self.findings)]
        return "\n".join([self.headline, *first, super().__repr__()])


def look_first(findings: Iterable[Finding]) -> list[tuple[Finding, str]]:
    """What the findings say to look at first, each with its finding.

    >>> look_first([Finding(Status.OK, "c", "timeline", "reason", {"look_first": "deployment/a, 14.3 s before"})])[0][1]
    'deployment/a, 14.3 s before'
    """
    made = [part for finding in findings for part in finding.made if LOOK_FIRST in part.numbers]
    return [(finding, str(finding.numbers[LOOK_FIRST])) for finding in made]


def _answered(coverage: Coverage) -> str:
    never = f" ({coverage.not_asked} never asked)" if coverage.not_asked else ""
    return f"{coverage.answered} of {coverage.due} questions answered{never}"


def covered(answered: int, asked: int) -> str:
    """Coverage in percent, rounded down: 100 % is said only of all.

    >>> covered(999, 1000), covered(0, 0)
    ('99 %', '0 %')
    """
    return f"{100 * answered // asked if asked else 0} %"


def _cells(n: int) -> str:
    return f"{n} cell" if n == 1 else f"{n} cells"


def _where(finding: Finding) -> str:
    return "".join(f"{part}/" for part in (finding.cluster, finding.namespace) if part)


def _table(findings: Sequence[Finding], runbook: str) -> str:
    rows = "".join(
        f"<tr><td>{badge(f.status)}</td><td>{_place(f)}{escaped(f.subject)}</td><td>{_said(f, runbook)}</td></tr>"
        for f in findings
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("status", "subject", "reason"))
    table = f"<table class='gc-findings'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<div class='gc-box'>{table}</div>"


def _said(finding: Finding, runbook: str) -> str:
    """Its sentence, below it those of what was folded into it, and which runbook goes on from it."""
    reason, others = told(finding)
    also = "".join(f"<li>{escaped(one)}</li>" for one in others)
    goes_on = "".join(f"<div class='gc-na'>{escaped(one)}</div>" for one in _next(finding, runbook))
    below = f"<ul class='gc-also'>{also}</ul>" if also else ""
    return f"{escaped(reason)}{below}{goes_on}"


def _next(finding: Finding, runbook: str) -> list[str]:
    """The runbooks that go on from a finding, as one text; none for the runbook that is being run."""
    others = [name for name in finding.next if name != runbook]
    return [f"next: {', '.join(map(procedure, others))}"] if others else []


def procedure(name: str) -> str:
    """A runbook's name, with a word on those that are no notebook to open.

    >>> procedure("service-down"), procedure("cluster-update")
    ('service-down', 'cluster-update (written procedure)')
    """
    return f"{name} (written procedure)" if name in WRITTEN else name


def _place(finding: Finding) -> str:
    where = " · ".join(part for part in (finding.cluster, finding.namespace) if part)
    return f"<span class='gc-na'>{escaped(where)}</span><br>" if where else ""
