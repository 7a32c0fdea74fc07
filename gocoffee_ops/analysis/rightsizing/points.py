"""What advice rests on: how far scrapes are apart, over how many of them a rate is made, and how many samples were found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

POINTS_FOUND = Schema(
    "points found",
    (
        Column("prometheus", "string", optional=True),
        Column("clusters", "list[string]", help="that have it; of several, the samples do not say whose they are"),
        Column("namespace", "string"),
        Column("workload", "string", help="or the pod, where it has none"),
        Column("container", "string"),
        Column("pods", "Int64", help="that ran within the window, by name"),
        Column("scrape_interval_s", "Float64", "s", optional=True),
        Column("rate_window_s", "Float64", "s", optional=True),
        Column("scrapes_in_window", "Float64", optional=True, help="fewer than 2 make no rate"),
        Column("samples_found", "Int64"),
        Column(
            "samples_expected",
            "Int64",
            help="of the life of these pods within the window; missing where no sample tells that, or not whose it is",
            optional=True,
        ),
        Column("found_of_expected", "Float64", "ratio", optional=True),
    ),
)


def points_found(sizing: pd.DataFrame, containers: pd.DataFrame) -> pd.DataFrame:
    """Of the samples that each container should have, how many were found, and over how many scrapes were its rates made? (C13)

    A rate whose window holds fewer than two scrapes loses points without a word. `sizing` is `usage.sizing`, `containers` is
    `cost_objects.containers`: what is in a cluster and has no sample at all has a row of its own, with 0 found. Metrics name no
    cluster: where several have a pod of that name (or, of one that is gone, such a workload), they share a row that names them all,
    and of which it is not known whether all of its samples are there. The container that lacks most stands first.

    Columns: prometheus (string), clusters (list), namespace, workload, container (string), pods (Int64), scrape_interval_s,
    rate_window_s (Float64, s), scrapes_in_window (Float64), samples_found, samples_expected (Int64), found_of_expected (Float64,
    ratio; missing where none was expected, or how many is not known).
    """
    groups: defaultdict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    seen, now = records(sizing), records(containers)
    homes = _Homes(now)
    for row in seen:
        groups[row.get("prometheus"), homes.of(row), row["namespace"], *_names(row)].append(row)
    scraped = {(row.get("prometheus"), row["scrape_interval_s"], row["rate_window_s"]) for row in seen}
    prometheus, interval, window = scraped.pop() if len(scraped) == 1 else (None, None, None)
    for row in _unseen(seen, now):
        at = {"scrape_interval_s": interval, "rate_window_s": window, "samples_found": 0, "samples_expected": None}
        groups[prometheus, (row["cluster"],), row["namespace"], *_names(row | at), "unseen"].append(row | at)
    found = [_row(key[:7], members) for key, members in groups.items()]
    found.sort(key=lambda row: (row["found_of_expected"] or 0.0, row["namespace"], row["workload"], row["container"]))
    frame = POINTS_FOUND.from_rows(found)
    frame.attrs["evidence"] = [one for table in (sizing, containers) for one in table.attrs.get("evidence", ())]
    return frame


class _Homes:
    """The clusters that have a container of a name."""

    def __init__(self, containers: Iterable[Mapping[str, Any]]) -> None:
        self._homes: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
        for row in containers:
            for by in ("pod", "workload"):
                self._homes[by, row["namespace"], row[by], row["container"]].add(row["cluster"])

    def of(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Those that have the pod of a row of metrics; of one that is gone, those that have its workload."""
        named = (self._homes.get((by, row["namespace"], row[by], row["container"])) for by in ("pod", "workload"))
        return tuple(sorted(next(filter(None, named), ())))


def _names(row: Mapping[str, Any]) -> tuple[Any, ...]:
    workload = row["workload"] or f"pod/{row['pod']}"
    return workload, row["container"], row["scrape_interval_s"], row["rate_window_s"]


def _unseen(seen: Iterable[Mapping[str, Any]], containers: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The containers of the clusters of whose name there is no sample."""
    there = {(row["namespace"], row["pod"], row["container"]) for row in seen}
    return (row for row in containers if (row["namespace"], row["pod"], row["container"]) not in there)


def _row(key: tuple[Any, ...], members: list[Mapping[str, Any]]) -> dict[str, Any]:
    *names, interval, window = key
    shared = len(key[1]) > 1
    expected = [row["samples_expected"] for row in members if row["samples_expected"] is not None and not shared]
    found = sum(row["samples_found"] or 0 for row in members)
    return {
        **dict(zip(("prometheus", "clusters", "namespace", "workload", "container"), names, strict=True)),
        "pods": len({(row["pod"], row.get("pod_uid")) for row in members}),
        "scrape_interval_s": interval,
        "rate_window_s": window,
        "scrapes_in_window": window / interval if interval else None,
        "samples_found": found,
        "samples_expected": sum(expected) if expected else None,
        "found_of_expected": found / sum(expected) if sum(expected) else None,
    }
