"""Text from logs and databases, made safe to show: in HTML, in a figure's labels, cut to a length that is stated."""

from __future__ import annotations

import html
import re

# Control characters and the marks that turn writing direction: they hide or reorder what a line says.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def visible(text: str) -> str:
    r"""The text with its control and direction characters spelled out.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return _HIDDEN.sub(lambda m: m.group().encode("unicode_escape").decode("ascii"), text)


def escaped(value: object) -> str:
    """Any value as HTML text: nothing in it is markup."""
    return html.escape(visible(str(value)), quote=True)


def label(text: str, limit: int = 0) -> str:
    """Text for a plotly label, which reads a subset of HTML, entities and (with MathJax) `$…$`.

    >>> label("<b>a & $b$")
    '&lt;b&gt;a &amp; &#36;b&#36;'
    """
    one_line = " ".join(visible(text).split())
    cut = clip(one_line, limit) if limit else one_line
    return html.escape(cut, quote=False).replace("$", "&#36;")


def lines(text: str, width: int, limit: int) -> str:
    """Text for a plotly hover, escaped, in lines of `width`, at most `limit` characters."""
    one_line = clip(" ".join(visible(text).split()), limit)
    parts = re.findall(rf".{{1,{width}}}(?:\s+|$)|.{{1,{width}}}", one_line)
    return "<br>".join(label(part) for part in parts)


def clip(text: str, limit: int) -> str:
    """The text, or its first characters and an ellipsis.

    >>> clip("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def duration(seconds: float) -> str:
    """A length of time as people say it, in its two largest units.

    >>> [duration(s) for s in (0.0042, 3.5, 200, 7300, 200000)]
    ['4.2 ms', '3.5 s', '3 min 20 s', '2 h 1 min', '2 d 7 h']
    """
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms" if seconds else "0 s"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    for size, name, small, part in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size:,} {name} {rest} {part}" if rest else f"{whole // size:,} {name}"
    return f"{whole} s"
