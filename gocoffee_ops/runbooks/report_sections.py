"""An executed notebook as the sections of a report, in its order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markupsafe import Markup

from gocoffee_ops.model import Status
from gocoffee_ops.runbooks.report_html import clean, markdown, printed, without_colours
from gocoffee_ops.runbooks.report_record import Found, Run
from gocoffee_ops.ui.display import PLOTLY
from gocoffee_ops.ui.text import visible

ENDINGS: Final = {
    "failed": "This section failed",
    "blocked": "This section did not run: it needs what an earlier section should have made",
    "not_run": "This section did not run",
    "timed_out": "This section ran out of time",
    "killed": "This section's kernel was killed",
    "interrupted": "This section was interrupted",
    "exited": "This section ended the program",
}
ABOUT: Final = "About this runbook"
UNRECORDED: Final = "No record says that this section ran"


@dataclass
class Figure:
    """A plotly figure, drawn by the page's script; `alt` is it in words."""

    number: int
    alt: str
    height: int
    data: Mapping[str, Any]


@dataclass
class Box:
    """Why a section has nothing, or not everything, to show."""

    said: str
    reason: str
    detail: str = ""


@dataclass
class Block:
    """A cell: prose, or code with its outputs in order."""

    anchor: str
    prose: Markup | None = None
    code: str = ""
    state: str = ""
    seconds: float | None = None
    box: Box | None = None
    outputs: list[Markup | Figure] = field(default_factory=list)


@dataclass
class Section:
    """A heading and what stands under it."""

    anchor: str
    level: int
    heading: str  # plain text
    blocks: list[Block] = field(default_factory=list)
    status: Status | None = None  # the worst of its findings
    broken: bool = False


@dataclass
class Document:
    """The notebook's sections, its title, its figures, and where each cell stands."""

    title: str
    sections: list[Section]
    figures: list[Figure]
    anchors: dict[str, tuple[str, str]]  # cell, as the ledger names it -> anchor, heading


def document(notebook: Mapping[str, Any], run: Run) -> Document:
    """Read an executed notebook beside its run's record."""
    made = Document("", [], [], {})
    records = {str(c.get("id")): c for c in run.raw.get("cells", ())}
    by_index = {c.get("index"): c for c in run.raw.get("cells", ())}
    for index, cell in enumerate(notebook["cells"]):
        source = _source(cell)
        if cell["cell_type"] == "markdown":
            _prose(made, index, source)
        elif cell["cell_type"] == "code" and source.strip():
            record = records.get(str(cell.get("id"))) or by_index.get(index)
            section = _section(made)
            block = _code(made, index, cell, source, record)
            section.blocks.append(block)
            section.broken |= block.box is not None
            for key in (str(cell.get("id", "")), f"src:{hashlib.sha256(source.encode()).hexdigest()[:12]}"):
                made.anchors.setdefault(key, (section.anchor, section.heading))
    _judge(made, run.found)
    return made


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _section(made: Document) -> Section:
    if not made.sections:
        made.sections.append(Section("section-0", 2, "Set-up"))
    return made.sections[-1]


def _prose(made: Document, index: int, source: str) -> None:
    """Prose; its first heading opens a section, and the notebook's title becomes the page's."""
    opened: list[Section] = []

    def heading(level: int, inner: str) -> str:
        plain = Markup(inner).striptags()  # noqa: S704 - made by mistune, which escapes
        if level == 1 and not made.title:
            made.title = plain
            opened.append(Section(f"section-{index}", 2, ABOUT))
            return ""
        depth = min(max(level, 2), (made.sections + opened)[-1].level + 1 if made.sections or opened else 2)
        section = Section(f"section-{index}-{len(opened)}", depth, plain)
        opened.append(section)
        return f"\0{len(opened) - 1}\0"

    text = str(markdown(source, heading))
    first = "0" if opened and opened[0].heading == ABOUT else ""
    parts = [first, *re.split(r"\0(\d+)\0", text)]
    for number, body in zip(parts[::2], parts[1::2], strict=True):
        if number:
            made.sections.append(opened[int(number)])
        if body.strip():
            prose = Markup(body)  # noqa: S704 - made by markdown(), which escapes
            _section(made).blocks.append(Block(f"cell-{index}", prose=prose))


def _code(made: Document, index: int, cell: Mapping[str, Any], source: str, record: Mapping[str, Any] | None) -> Block:
    state = str(record["state"]) if record else ""
    seconds = record.get("seconds") if record else None
    block = Block(f"cell-{index}", code=visible(source), state=state or "not recorded", seconds=seconds)
    error = None
    for output in cell.get("outputs", ()):
        if output["output_type"] == "error":
            error = output
            continue
        shown = _output(made, output)
        if shown is not None:
            block.outputs.append(shown)
    if state != "ok":
        block.box = _box(state, record, error)
    elif error is not None:
        block.box = Box("This section raised an error", _reason(error), _traceback(error))
    return block


def _box(state: str, record: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> Box:
    said = ENDINGS.get(state, UNRECORDED if not state else f"This section ended as {state}")
    told = str(record.get("error") or "") if record else ""
    reason = visible(without_colours(told)) or (_reason(error) if error else "no reason was recorded")
    return Box(said, reason, _traceback(error) if error else "")


def _reason(error: Mapping[str, Any]) -> str:
    return visible(without_colours(f"{error.get('ename', 'error')}: {error.get('evalue', '')}"))


def _traceback(error: Mapping[str, Any]) -> str:
    return visible(without_colours("\n".join(error.get("traceback", ()))))


def _output(made: Document, output: Mapping[str, Any]) -> Markup | Figure | None:
    """An output in the richest form that a report may hold; scripts and pictures from elsewhere are not."""
    if output["output_type"] == "stream":
        return printed(_joined(output.get("text", "")))
    data = output.get("data", {})
    if PLOTLY in data:
        return _figure(made, data)
    if "text/html" in data:
        return clean(_joined(data["text/html"]))
    for kind in ("image/png", "image/jpeg"):
        picture = re.sub(r"\s+", "", _joined(data.get(kind, "")))
        if picture and re.fullmatch(r"[A-Za-z0-9+/=]+", picture):
            alt = _joined(data.get("text/plain", "picture"))
            return Markup("<img class='gc-picture' alt='{}' src='data:{};base64,{}'>").format(alt, kind, picture)
    if "text/markdown" in data:
        return clean(markdown(_joined(data["text/markdown"])))
    return printed(_joined(data["text/plain"])) if "text/plain" in data else None


def _figure(made: Document, data: Mapping[str, Any]) -> Figure:
    value = data[PLOTLY]
    height = value.get("layout", {}).get("height") or 450
    figure = Figure(len(made.figures) + 1, visible(_joined(data.get("text/plain", "figure"))), int(height), value)
    made.figures.append(figure)
    return figure


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(map(str, text))


def _judge(made: Document, found: Sequence[Found]) -> None:
    """Each section carries the worst of its findings."""
    sections = {section.anchor: section for section in made.sections}
    for one in (part for each in found for part in each.made):
        anchor = made.anchors.get(one.cell, ("", ""))[0]
        section = sections.get(anchor)
        if section and (section.status is None or one.finding.status.severity > section.status.severity):
            section.status = one.finding.status
