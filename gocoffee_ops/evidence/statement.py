"""Statement text without its literals: strings, dollar-quoted bodies and comments are masked wholly; numbers stay."""

from __future__ import annotations

import re

LITERAL = "'…'"

# Identifiers and quoted identifiers are matched so that what is inside them opens nothing.
_TOKEN = re.compile(
    r"""
      (?P<escaped> [eE]'(?:[^'\\]|''|\\(?:.|\Z))*(?:'|\Z) )
    | (?P<string>  (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z) )
    | (?P<line>    --[^\n]* )
    | (?P<block>   /\* )
    | (?P<dollar>  \$(?P<tag>(?:[^\W\d]\w*)?)\$ )
    | (?P<name>    "(?:[^"]|"")*(?:"|\Z) | [^\W\d][\w$]* | \d[\w.]* | \$\d+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")
_SET = re.compile(
    r"((?:\A|;|\balter\s+(?:system|role|user|database)\b[^;]*?)\s*\bset\s+(?:local\s+|session\s+)?"
    r"[\w.]*(?:passw|secret|token|key|credential|pwd)[\w.]*\s*(?:=|\bto\b)\s*+)((?!\$\d)(?:\"(?:[^\"]|\"\")*+(?:\"|\Z)|[^\s;'\"])++)",
    re.IGNORECASE,
)


def without_literals(text: str) -> str:
    """The statement with every literal and comment masked; what is cut off in the middle of one is masked to its end.

    >>> without_literals("SELECT 1 FROM t WHERE a = 'x''y' AND b = $$z$$ -- note")
    "SELECT 1 FROM t WHERE a = '…' AND b = $$…$$ --…"
    """
    parts: list[str] = []
    at = 0
    while match := _TOKEN.search(text, at):
        parts.append(text[at : match.start()])
        at = match.end()
        kind = match.lastgroup if match.lastgroup != "tag" else "dollar"
        if kind == "name":
            # Cut off inside a quoted identifier: nobody knows what it was.
            cut = match[0].startswith('"') and (len(match[0]) == 1 or match[0].count('"') % 2)
            parts.append('"…' if cut else match[0])
        elif kind == "line":
            parts.append("--…")
        elif kind == "block":
            at = _block_end(text, at)
            parts.append("/*…*/")
        elif kind == "dollar":
            end = text.find(match[0], at)
            at = len(text) if end < 0 else end + len(match[0])
            parts.append("$$…$$")
        else:
            if parts[-2:] != [LITERAL, ""]:
                parts.append(LITERAL)
            # With standard_conforming_strings off, \' does not end a string: what follows may be inside it.
            if kind == "string" and re.search(r"(?<!\\)(?:\\\\)*\\'\Z", match[0]):
                at = len(text)
    parts.append(text[at:])
    return _SET.sub(rf"\1{LITERAL}", "".join(parts)).replace("'…''…'", LITERAL)


def _block_end(text: str, at: int) -> int:
    """Where the comment that opened before `at` ends; comments nest."""
    depth = 1
    while depth:
        match = _BLOCK.search(text, at)
        if match is None:
            return len(text)
        depth += 1 if match[0] == "/*" else -1
        at = match.end()
    return at
