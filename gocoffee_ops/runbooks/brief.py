"""Errors as a terminal's lines have room for them; the record and the report hold them whole."""

from __future__ import annotations

from gocoffee_ops.errors import IncompleteRun
from gocoffee_ops.ui.text import clip

HINT = ". Try: "
NEAREST = 2  # of what a hint lists
LONGEST = 240  # characters of an error, and half of it of its hint


def brief(error: str) -> str:
    """An error in a line: of a long hint its first items, of the verdict's that cells raised only how many.

    >>> brief("NotRecorded: it is not there. Try: the record holds: " + "; ".join(f"pods({i}) of cluster/demo" for i in range(9)))
    'NotRecorded: it is not there. Try: the record holds: pods(0) of cluster/demo; pods(1) of cluster/demo; …'
    """
    if verdicts(error):
        return error.partition(" [")[0]
    said, mark, hint = error.partition(HINT)
    if len(hint) > LONGEST // 2:
        items = hint.split("; ")
        hint = "; ".join([clip(one, LONGEST // 4) for one in items[:NEAREST]] + ["…"] * (len(items) > NEAREST))
    return clip(said, LONGEST) + mark + hint


def verdicts(error: str) -> bool:
    """Whether it is what the last cell raises because others did."""
    return error.startswith(f"{IncompleteRun.__name__}: ")
