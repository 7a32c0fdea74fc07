"""How far back the lines reach that were read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.logs.columns import cited
from gocoffee_ops.analysis.logs.schemas import HORIZON
from gocoffee_ops.analysis.logs.services import service_of
from gocoffee_ops.frames import records

if TYPE_CHECKING:
    import pandas as pd

    from gocoffee_ops.model import Window

_KEY = ["cluster", "namespace", "pod", "container"]


def horizon(
    lines: pd.DataFrame, window: Window, *, pods: pd.DataFrame | None = None, slack_s: float = 60.0
) -> pd.DataFrame:
    """How far back do each container's lines reach, and is that the whole window?

    It is covered when a line was read from before its start or from the first `slack_s` seconds of it. Where the oldest
    line is later, the container may have been silent, or lines are gone: it is not covered when the gap is longer than
    every silence between the lines that are left; otherwise nobody knows (`covered` is missing). With `pods` (columns cluster,
    namespace, pod, created_at), a pod that was made within the window is held to its own life only, and pods of which no
    line was read have a row too.

    Columns: those of `HORIZON`. A container's previous and present lines are taken together.
    """
    import pandas as pd

    start = pd.Timestamp(window.start)
    created = _created(pods)
    rows: list[dict[str, Any]] = []
    ordered = lines[[*_KEY, "time"]].sort_values("time", kind="stable")
    for key, group in ordered.groupby(_KEY, sort=True):
        names = tuple(map(str, key))
        asked = max(start, created.get(names[:3], start))
        rows.append(_row(names, asked, window) | _reach(group["time"], asked, slack_s))
    seen = {(row["cluster"], row["namespace"], row["pod"]) for row in rows}
    for names, at in created.items():
        if names not in seen:
            none = _reach(ordered["time"].iloc[:0], start, slack_s)
            rows.append(_row((*names, ""), max(start, at), window) | none)
    inputs = [lines] if pods is None else [lines, pods]
    return cited(HORIZON.from_rows(rows), *inputs)


def _row(key: tuple[str, ...], asked: Any, window: Window) -> dict[str, Any]:
    cluster, namespace, pod, container = key
    return {
        "cluster": cluster,
        "namespace": namespace,
        "service": service_of(pod),
        "pod": pod,
        "container": container,
        "window_start": asked,
        "window_s": max(0.0, (window.end - asked).total_seconds()),
    }


def _created(pods: pd.DataFrame | None) -> dict[tuple[str, ...], Any]:
    if pods is None:
        return {}
    return {(row["cluster"], row["namespace"], row["pod"]): row["created_at"] for row in records(pods)}


def _reach(times: pd.Series[Any], asked: Any, slack_s: float) -> dict[str, Any]:
    """What one container's times, in order, say of the start that was asked for."""
    timed = times.dropna()
    told: dict[str, Any] = {
        "oldest": None,
        "newest": None,
        "lines": len(times),
        "untimed_lines": len(times) - len(timed),
    }
    if not len(timed):
        return told | {"missing_s": None, "longest_silence_s": None, "covered": None}
    oldest = timed.iloc[0]
    missing = max(0.0, (oldest - asked).total_seconds())
    silence = timed.diff().max().total_seconds() if len(timed) > 1 else None
    gone = silence is not None and missing > silence
    covered = True if missing <= slack_s else False if gone else None
    return told | {
        "oldest": oldest,
        "newest": timed.iloc[-1],
        "missing_s": missing,
        "longest_silence_s": silence,
        "covered": covered,
    }
