"""What advice rests on: how far scrapes are apart, over how many of them a rate is made, and how many samples were found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

POINTS_FOUND = Schema(
    "points found",
    (
        Column("prometheus", "string", optional=True),
        Column("namespace", "string"),
        Column("workload", "string", help="or the pod, where it has none"),
        Column("container", "string"),
        Column("pods", "Int64", help="that ran within the window"),
        Column("scrape_interval_s", "Float64", "s"),
        Column("rate_window_s", "Float64", "s"),
        Column("scrapes_in_window", "Float64", optional=True, help="fewer than 2 make no rate"),
        Column("samples_found", "Int64"),
        Column("samples_expected", "Int64", help="of the life of these pods within the window"),
        Column("found_of_expected", "Float64", "ratio", optional=True),
    ),
)


def points_found(sizing: pd.DataFrame) -> pd.DataFrame:
    """Of the samples that each container should have, how many were found, and over how many scrapes were its rates made? (C13)

    A rate whose window holds fewer than two scrapes loses points without a word. `sizing` is `usage.sizing`; the container that
    lacks most stands first.

    Columns: prometheus, namespace, workload, container (string), pods (Int64), scrape_interval_s, rate_window_s (Float64, s),
    scrapes_in_window (Float64), samples_found, samples_expected (Int64), found_of_expected (Float64, ratio; missing where none
    was expected).
    """
    groups: defaultdict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in records(sizing):
        name = row["workload"] or f"pod/{row['pod']}"
        at = (row["scrape_interval_s"], row["rate_window_s"])
        groups[row.get("prometheus"), row["namespace"], name, row["container"], *at].append(row)
    found = [_row(key, members) for key, members in groups.items()]
    found.sort(key=lambda row: (row["found_of_expected"] or 0.0, row["namespace"], row["workload"], row["container"]))
    frame = POINTS_FOUND.from_rows(found)
    frame.attrs["evidence"] = list(sizing.attrs.get("evidence", ()))
    return frame


def _row(key: tuple[Any, ...], members: list[Mapping[str, Any]]) -> dict[str, Any]:
    *names, interval, window = key
    samples = {name: sum(row[name] or 0 for row in members) for name in ("samples_found", "samples_expected")}
    return {
        **dict(zip(("prometheus", "namespace", "workload", "container"), names, strict=True)),
        "pods": len({(row["pod"], row.get("pod_uid")) for row in members}),
        "scrape_interval_s": interval,
        "rate_window_s": window,
        "scrapes_in_window": window / interval if interval else None,
        **samples,
        "found_of_expected": samples["samples_found"] / samples["samples_expected"]
        if samples["samples_expected"]
        else None,
    }
