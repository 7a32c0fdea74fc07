"""Advice tried on the past: made of the first days of a window, replayed on the days after them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.rightsizing.advice import HEADROOM, HIGH_SAMPLES, STEP_MIN
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

FIT_DAYS, REPLAY_DAYS = 5, 2
BY = ["namespace", "workload", "container"]

BACKTEST = Schema(
    "advice on the past",
    (
        Column("prometheus", "string"),
        Column("namespace", "string"),
        Column("workload", "string"),
        Column("container", "string"),
        Column("cpu_advised_cores", "Float64", "cores", optional=True, help="of the first days"),
        Column("cpu_exceeded_min", "Float64", "min", optional=True, help="of the days after, in which a pod used more"),
        Column("cpu_worst", "Float64", "times", optional=True, help="the highest usage over the advice"),
        Column("memory_advised_mib", "Float64", "MiB", optional=True),
        Column("memory_exceeded_min", "Float64", "min", optional=True),
        Column("memory_worst", "Float64", "times", optional=True),
        Column("fitted_min", "Float64", "min", help="with a sample, of the first days"),
        Column("replayed_min", "Float64", "min", help="with a sample, of the days after"),
        Column("missing", "string", optional=True, help="why it was not tried, or not for long enough"),
    ),
)


def backtest(
    samples: pd.DataFrame, *, as_of: datetime, fit_days: int = FIT_DAYS, replay_days: int = REPLAY_DAYS
) -> pd.DataFrame:
    """For how many minutes would advice of the first days have been exceeded in the days after them?

    Tried is what usage alone would advise: p95 and peak x 1.15, of the pod where they are highest. A minute counts once,
    however many pods exceed it. `samples` is of `usage.samples`, over `fit_days` + `replay_days` before `as_of`. Days are counted
    from that moment and not from the last sample: where samples end early, the last days lack them.

    What has less than 90 % of the minutes of either part, as HIGH advice wants of samples, is told with its figures and with what
    it lacks: a pod that lived for an hour has shown nothing of a week.

    Columns: those of `BACKTEST`.
    """
    frame = samples.assign(workload=samples["workload"].fillna("pod/" + samples["pod"]))
    if frame.empty:
        return BACKTEST.empty()
    split = as_of - timedelta(days=replay_days)
    fit = frame[(frame["at"] <= split) & (frame["at"] > split - timedelta(days=fit_days))]
    replay = frame[frame["at"] > split]
    keys = ["prometheus", *BY]
    fitted, replayed = dict(iter(fit.groupby(keys))), dict(iter(replay.groupby(keys)))
    rows = [
        _row(key, fitted.get(key), replayed.get(key)) | _seen(fitted.get(key), fit_days, replayed.get(key), replay_days)
        for key in sorted(fitted.keys() | replayed.keys())
    ]
    made = BACKTEST.from_rows(rows)
    made.attrs["evidence"] = list(samples.attrs.get("evidence", ()))
    return made


def _row(key: Any, fit: pd.DataFrame | None, replay: pd.DataFrame | None) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(("prometheus", *BY), key, strict=True))
    for name, column, unit, quantile in (("cpu", "cpu_cores", "cores", 0.95), ("memory", "memory_mib", "mib", 1.0)):
        advised = None if fit is None else _advised(fit, column, quantile)
        used = [] if replay is None else [float(value) for value in replay.groupby("at")[column].max().dropna()]
        tried = advised is not None and bool(used)
        row[f"{name}_advised_{unit}"] = advised
        row[f"{name}_exceeded_min"] = sum(STEP_MIN for one in used if one > (advised or 0.0)) if tried else None
        row[f"{name}_worst"] = max(used) / advised if tried and advised else None
    return row


def _seen(fit: pd.DataFrame | None, fit_days: int, replay: pd.DataFrame | None, replay_days: int) -> dict[str, Any]:
    """For how long it was seen, and what that lacks."""
    lacking = []
    for part, days, what in ((fit, fit_days, "to learn from"), (replay, replay_days, "to try it on")):
        each = {name: _minutes(part, column) for name, column in (("CPU", "cpu_cores"), ("memory", "memory_mib"))}
        due = days * 1440
        if not any(each.values()):
            lacking.append(f"no sample in the days {what}")
        elif min(each.values()) < HIGH_SAMPLES * due:
            name = min(each, key=lambda one: each[one])
            lacking.append(f"{each[name]:,.0f} of {due:,} minutes {what} have samples of its {name}")
    return {
        "fitted_min": _minutes(fit, "at"),
        "replayed_min": _minutes(replay, "at"),
        "missing": "; ".join(lacking) or None,
    }


def _minutes(part: pd.DataFrame | None, column: str) -> float:
    return 0.0 if part is None else STEP_MIN * int(part.dropna(subset=[column])["at"].nunique())


def _advised(fit: pd.DataFrame, column: str, quantile: float) -> float | None:
    there = fit.dropna(subset=[column])
    return float(there.groupby("pod")[column].quantile(quantile).max()) * HEADROOM if len(there) else None
