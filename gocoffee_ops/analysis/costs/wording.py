"""What OpenCost and KubeCost call what is nobody's, in words. Records and exports keep the names as they came."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

MARK = re.compile(r"(?<![^/])__([a-z]+(?:_[a-z]+)*)__(?![^/])")  # a whole part of a name
WORDS: Final = {
    "idle": "idle",
    "unallocated": "none named",
    "unmounted": "unmounted volumes",
    "mount": "unmounted volumes",
    "unmount": "unmounted volumes",
}
NAMES = ("name", "their_cluster", "namespace", "workload", "pod", "container", "node")


def in_words(allocation: pd.DataFrame) -> pd.DataFrame:
    """The same table for people: `__idle__` and the like read as words, in brackets, as no namespace or pod can be called so.

    `allocation` is `opencost.allocation` or `kubecost.allocation`. Columns: its own.
    """
    told = allocation.copy()
    told.attrs = allocation.attrs
    for name in NAMES:
        if name in told.columns:
            told[name] = told[name].map(_words, na_action="ignore").astype(allocation[name].dtype)
    return told


def _words(text: Any) -> Any:
    """A name with its marks in words.

    >>> _words("__unmounted__"), _words("one/__idle__"), _words("__shared_cost__"), _words("go-coffee")
    ('(unmounted volumes)', 'one/(idle)', '(shared cost)', 'go-coffee')
    """
    return MARK.sub(lambda mark: f"({WORDS.get(mark[1], mark[1].replace('_', ' '))})", str(text))
