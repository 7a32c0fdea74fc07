"""The report as an nbconvert exporter with a template of our own: no CDN, no require.js, no MathJax, everything escaped."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nbconvert.exporters.templateexporter import TemplateExporter
from nbformat import NotebookNode

from gocoffee_ops.model import Status
from gocoffee_ops.ui.panels import procedure
from gocoffee_ops.ui.style import CSS, MARKS
from gocoffee_ops.ui.text import duration

TEMPLATES: Final = Path(__file__).parent / "templates" / "report"


class ReportExporter(TemplateExporter):
    """Renders what `resources["report"]` holds; the template escapes every text that is not marked as HTML of ours."""

    export_from_notebook = "Go-coffee report"

    def __init__(self, **more: Any) -> None:
        super().__init__(template_paths=[str(TEMPLATES)], template_file="index.html.j2", **more)  # type: ignore[no-untyped-call]

    def _file_extension_default(self) -> str:
        return ".html"

    def _create_environment(self) -> Environment:
        return environment()

    def from_view(self, view: dict[str, Any]) -> str:
        """The page of a report's view."""
        notebook = NotebookNode(cells=[], metadata={}, nbformat=4, nbformat_minor=5)  # type: ignore[no-untyped-call]
        page, _ = self.from_notebook_node(notebook, resources={"report": view})
        return str(page)


def environment() -> Environment:
    """Jinja as both pages use it: escaping on, a name that does not exist is an error."""
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters["duration"] = lambda seconds: duration(float(seconds))
    made.filters["procedure"] = procedure
    made.globals["marks"] = {status.value: mark for status, mark in MARKS.items()}
    made.globals["orders"] = [status.value for status in sorted(Status, key=lambda s: -s.severity)]
    return made


def style() -> str:
    """The page's style: that of panels and tables, and the report's own."""
    return CSS + (TEMPLATES / "report.css").read_text(encoding="utf-8")


def script() -> tuple[str, str]:
    """The page's script, and its hash: the only script that the page's own policy lets run."""
    text = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
