"""A document as Markdown; nothing that was read from a system is markup in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gocoffee_ops.ui.tables import DEMO_BANNER
from gocoffee_ops.ui.text import visible

if TYPE_CHECKING:
    from gocoffee_ops.analysis.postmortem import Part, Postmortem

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def plain(text: str) -> str:
    r"""Text for one line of Markdown, with all that Markdown or HTML could read as markup taken literally.

    >>> print(plain("<b>*a* | b</b>\n[x](y)"))
    \<b\>\*a\* \| b\</b\> \[x\](y)
    """
    return _MARKUP.sub(r"\\\1", " ".join(visible(text).split()))


class Document:
    """A draft, to be shown in a notebook and kept as a file."""

    def __init__(self, draft: Postmortem, *, demo: bool = False) -> None:
        self.markdown = _document(draft, demo=demo)

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return self.markdown


def _document(draft: Postmortem, *, demo: bool) -> str:
    banner = [f"**{DEMO_BANNER}**", ""] if demo else []
    lines = [f"## {plain(draft.title)}", "", *banner]
    for part in draft.parts:
        lines += _part(part)
    return "\n".join(lines).rstrip() + "\n"


def _part(part: Part) -> list[str]:
    lines = [f"### {plain(part.heading)}", ""]
    for sentence in part.sentences:
        lines += [plain(sentence), ""]
    if part.points:
        lines += [*(f"- {plain(point)}" for point in part.points), ""]
    if part.rows:
        lines += [_row(part.columns), "|" + "---|" * len(part.columns), *map(_row, part.rows), ""]
    if part.note:
        lines += [plain(part.note), ""]
    return lines


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(map(plain, cells)) + " |"
