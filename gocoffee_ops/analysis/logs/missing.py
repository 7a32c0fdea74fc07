"""What the tables of log forensics lack: see `gocoffee_ops.missing`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.logs.services import service_of
from gocoffee_ops.missing import NAME, Missing, within

if TYPE_CHECKING:
    import pandas as pd

    from gocoffee_ops.model import Window

_OF_LOG = ("namespace", "pod", "container")


def missing_of(*tables: pd.DataFrame, window: Window | None = None) -> list[Missing]:
    """What the tables lack, of the window alone where one is given. A table of lines has it in the notes of its query."""
    found = [one for table in tables for one in (table.attrs.get(NAME) or _noted(table))]
    different = list({tuple(one.items()): one for one in found}.values())
    return different if window is None else within(different, window)


def _noted(lines: pd.DataFrame) -> list[Missing]:
    notes: Mapping[str, Mapping[str, Any]] = lines.attrs.get("notes") or {}
    return [
        {"cluster": cluster, "service": service_of(log["pod"]), **{name: log[name] for name in _OF_LOG}, **span}
        for cluster, noted in notes.items()
        for log in noted.get("logs", ())
        for span in log.get(NAME, ())
    ]
