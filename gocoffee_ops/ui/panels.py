"""What a cell shows of findings and of a verdict; all text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    from gocoffee_ops.evidence.record import Coverage

DEMO_BANNER = "Demo data: nothing here is production."


class FindingsPanel:
    """The findings of one check, worst first."""

    def __init__(self, findings: Sequence[Finding], *, demo: bool = False) -> None:
        self.findings = sorted(findings, key=lambda f: -f.status.severity)
        self.demo = demo

    def _repr_html_(self) -> str:
        banner = f"<p class='gc-demo'>{DEMO_BANNER}</p>" if self.demo else ""
        rows = "".join(
            f"<tr><td><b class='gc-{f.status.value.lower()}'>{f.status.value}</b></td>"
            f"<td>{escape(f.subject)}</td><td>{escape(f.reason)}</td></tr>"
            for f in self.findings
        )
        return f"{banner}<table class='gc-findings'>{rows}</table>"

    def __repr__(self) -> str:
        lines = [f"{f.status.value:8}{f.subject}: {f.reason}" for f in self.findings]
        return "\n".join(([DEMO_BANNER] if self.demo else []) + lines)


class VerdictPanel(FindingsPanel):
    """The verdict of a run, with its coverage beside it."""

    def __init__(
        self,
        status: Status,
        findings: Sequence[Finding],
        coverage: Coverage,
        failed: Mapping[str, str],
        *,
        demo: bool = False,
    ) -> None:
        super().__init__(findings, demo=demo)
        self.status = status
        self.coverage = coverage
        self.failed = failed

    @property
    def headline(self) -> str:
        """Verdict and coverage in one line."""
        c = self.coverage
        line = f"{self.status.value} · {c.answered} of {c.asked} questions answered ({c.percent:.0f} %)"
        return f"{line} · {len(self.failed)} cells raised" if self.failed else line

    def _repr_html_(self) -> str:
        return f"<p class='gc-verdict'>{escape(self.headline)}</p>{super()._repr_html_()}"

    def __repr__(self) -> str:
        return f"{self.headline}\n{super().__repr__()}"
