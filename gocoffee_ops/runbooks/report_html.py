"""HTML that is safe to put in a report: what cells print, Markdown, and HTML of other hands.

A notebook's code is trusted, what it read is not. So one rule holds for every output, our own tables included: HTML is
taken apart and put together again from a short list of elements and attributes. Scripts, styles, frames, forms, pictures
from elsewhere and event handlers do not pass, and nothing in an output can close or cover what stands around it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, Final

from markupsafe import Markup

from gocoffee_ops.ui.text import escaped, visible

_VOID: Final = frozenset({"br", "hr"})
# fmt: off
_BLOCK: Final = frozenset({
    "a", "abbr", "b", "blockquote", "caption", "code", "col", "colgroup", "dd", "del", "details", "div", "dl", "dt", "em", "h2",
    "h3", "h4", "h5", "h6", "i", "ins", "kbd", "li", "mark", "ol", "p", "pre", "s", "samp", "small", "span", "strong", "sub",
    "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
})
_DROPPED: Final = frozenset({
    "audio", "embed", "head", "iframe", "math", "noembed", "noframes", "noscript", "object", "script", "select", "style", "svg",
    "template", "textarea", "title", "video", "xmp",
})
# fmt: on
_ATTRIBUTES: Final[dict[str, re.Pattern[str]]] = {
    "colspan": re.compile(r"\d{1,3}"),
    "rowspan": re.compile(r"\d{1,4}"),
    "scope": re.compile(r"row|col"),
    "tabindex": re.compile(r"0"),
    "title": re.compile(r".*", re.DOTALL),
}
_OUR_CLASS: Final = re.compile(r"gc(-[a-z]+)?")
_LINK: Final = re.compile(r"(https?://|mailto:|#)[^\s\"'<>]*", re.IGNORECASE)
_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
PRINTED: Final = 20_000


class _Cleaner(HTMLParser):
    """Rebuilds HTML from what is allowed; every element that it opens it also closes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._open: list[str] = []
        self._skipping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._skipping.append(tag)
        if self._skipping:
            return
        if tag in _VOID:
            self.parts.append(f"<{tag}>")
        elif tag in _BLOCK:
            self._open.append(tag)
            self.parts.append(f"<{tag}{''.join(_attribute(tag, n, v or '') for n, v in attrs)}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._skipping:
            while self._skipping.pop() != tag:
                pass
        elif not self._skipping and tag in self._open:
            while (last := self._open.pop()) != tag:
                self.parts.append(f"</{last}>")
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.parts.append(html.escape(visible(data), quote=False))

    def finish(self) -> Markup:
        self.close()
        self.parts += [f"</{tag}>" for tag in reversed(self._open)]
        return Markup("".join(self.parts))  # noqa: S704 - every part was made here, its text escaped


def _attribute(tag: str, name: str, value: str) -> str:
    if name == "href":
        allowed = tag == "a" and _LINK.fullmatch(value.strip())
        return f' href="{html.escape(value.strip())}" rel="noopener noreferrer"' if allowed else ""
    if name == "class":
        ours = [one for one in value.split() if _OUR_CLASS.fullmatch(one)]
        return f' class="{" ".join(ours)}"' if ours else ""
    pattern = _ATTRIBUTES.get(name)
    return f' {name}="{escaped(value)}"' if pattern and pattern.fullmatch(value) else ""


def clean(text: str) -> Markup:
    """HTML with only what a report may hold."""
    cleaner = _Cleaner()
    cleaner.feed(text)
    return cleaner.finish()


def without_colours(text: str) -> str:
    """Terminal text without its escape sequences."""
    return _ANSI.sub("", text)


def printed(text: str) -> Markup:
    """What a program printed, as preformatted text; a long one is cut, which is said."""
    plain = without_colours(text)
    note = f"\n… ({len(plain):,} characters, the first {PRINTED:,} shown)" if len(plain) > PRINTED else ""
    return Markup("<pre class='gc-pre' tabindex='0'>{}</pre>").format(visible(plain[:PRINTED]) + note)


def markdown(text: str, heading: Callable[[int, str], str] | None = None) -> Markup:
    """Markdown as HTML; HTML in it is text, a picture is its description, a link leads only to the web or within.

    `heading` turns a level and a heading's HTML into an element; without it headings are bold paragraphs, so that the
    text of an output cannot change the report's outline.
    """
    import mistune

    class Renderer(mistune.HTMLRenderer):
        def heading(self, text: str, level: int, **_: Any) -> str:
            return heading(level, text) if heading else f"<p><strong>{text}</strong></p>\n"

        def image(self, text: str, url: str, title: str | None = None) -> str:
            return f"[picture: {text}]"

        def link(self, text: str, url: str, title: str | None = None) -> str:
            return (
                f'<a href="{html.escape(url)}" rel="noopener noreferrer">{text}</a>' if _LINK.fullmatch(url) else text
            )

    render = mistune.create_markdown(escape=True, renderer=Renderer(escape=True), plugins=["table", "strikethrough"])
    return Markup(render(visible(text)))  # noqa: S704 - mistune escapes the HTML in it


def tame(data: object) -> str:
    """JSON that cannot end the script element it stands in."""
    import json

    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
