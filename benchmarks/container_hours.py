"""Fifteen days of containers by the hour from a real Prometheus: our aggregates against raw samples that pandas adds up.

    python -m benchmarks.container_hours [--containers 400] [--rounds 3]

The history (a sample each 5 minutes) is synthetic, and backfilled with promtool before the clock starts. The other side asks
for the counters and working sets at each sample, a day at a time from six threads, and makes hours of them with pandas: a frame
of samples, differences by series, sums by hour. It counts no samples that should be there, tells no pods of one name apart, and
knows nothing of requests. Ours is the whole query with its table: usage and requests by
the hour, with the samples expected and found. Both have to find the same usage.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd

from gocoffee_ops.config import MetricNames
from gocoffee_ops.model import Target
from gocoffee_ops.queries import usage
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.prometheus import Prometheus
from tests.support import live_session
from tests.testbed.prometheus import PrometheusServer

DAYS, STEP_S, HOUR_S = 15, 300, 3600
END = int(datetime(2026, 1, 16, tzinfo=UTC).timestamp())
AS_OF = datetime.fromtimestamp(END + 5, UTC)
TARGET_TIMES = 2
THREADS = 6
CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
GIB = 2.0**30


def lines(containers: int) -> Iterator[str]:
    """The history, family by family: what each uses rises and falls with the hour."""
    stamps = range(END - DAYS * 86_400 - HOUR_S, END + 1, STEP_S)
    for metric in (CPU, MEMORY):
        yield f"# TYPE {metric} unknown"
        for n in range(containers):
            cgroup = f"pod{n:08x}_0000_4000_8000_{n:012x}"
            labels = f'namespace="ns-{n % 20}",pod="app-{n}",container="app",job="kubelet",id="/kubepods.slice/{cgroup}.slice/c"'
            total, rows = 0.0, []
            for at in stamps:
                busy = 1 + 0.5 * ((at // HOUR_S + n) % 24 < 8)
                total += 0.05 * STEP_S * (1 + n % 7) * busy
                value = f"{total:.3f}" if metric == CPU else str(int((64 + n % 900) * busy) << 20)
                rows.append(f"{metric}{{{labels}}} {value} {at}")
            yield "\n".join(rows)


def theirs(url: str) -> tuple[float, int, pd.DataFrame]:
    """Seconds, requests, and core-hours and GiB-hours by pod and hour, as pandas makes them of samples."""
    source, deadline = Prometheus("prometheus/main", url, metrics=MetricNames()), Deadline.after(1500)

    def day_of(metric: str, day: int) -> list[tuple[str, float, float]]:
        first = datetime.fromtimestamp(END - (DAYS - day) * 86_400, UTC)
        promql = f"max by (namespace, pod, container) ({metric})"
        answer = source.over(promql, first, first + timedelta(days=1), float(STEP_S), deadline)
        return [(one.labels["pod"], at, float(value)) for one in answer.series for at, value in one.points]

    began = time.perf_counter()
    found = {}
    for metric in (CPU, MEMORY):
        with ThreadPoolExecutor(THREADS) as pool:
            samples = [one for day in pool.map(partial(day_of, metric), range(DAYS)) for one in day]
        frame = (
            pd.DataFrame(samples, columns=["pod", "at", "value"])
            .drop_duplicates(["pod", "at"])
            .sort_values(["pod", "at"])
        )
        hour = pd.to_datetime(frame["at"] // HOUR_S * HOUR_S, unit="s", utc=True)
        if metric == CPU:
            grown = frame.groupby("pod")["value"].diff().clip(lower=0).fillna(0) / HOUR_S
            ends_with = frame["at"] - 1  # of what a difference is of
            before = pd.to_datetime(ends_with // HOUR_S * HOUR_S, unit="s", utc=True)
            found[metric] = grown.groupby([frame["pod"], before]).sum()
        else:
            found[metric] = frame.groupby([frame["pod"], hour])["value"].sum() * STEP_S / HOUR_S / GIB
    table = pd.DataFrame(found)
    took = time.perf_counter() - began
    source.close()
    return took, 2 * DAYS, table


def ours(url: str, folder: Path) -> tuple[float, int, pd.DataFrame]:
    """Seconds, requests and the table of the question."""
    source = Prometheus("prometheus/main", url, metrics=MetricNames())
    ops = live_session(folder, sources={Target("prometheus", "main"): source}, as_of=AS_OF, query_deadline_s=600.0)
    began = time.perf_counter()
    table = usage.container_hours(ops, days=DAYS)
    took = time.perf_counter() - began
    source.close()
    (entry,) = [entry for entry in ops.ledger.entries() if entry.kind == "query"]
    return took, len(entry.body["notes"]["promql"]), table


def alike(mine: pd.DataFrame, others: pd.DataFrame) -> tuple[float, float]:
    """Core-hours and GiB-hours of both sides, as a ratio."""
    return (
        float(mine["cpu_core_hours"].sum() / others[CPU].sum()),
        float(mine["memory_gib_hours"].sum() / others[MEMORY].sum()),
    )


def main() -> None:
    """Print seconds, requests and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--containers", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"load when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="gco-bench-") as name, PrometheusServer(lines(given.containers)) as server:
        print(f"{given.containers:,} containers x {DAYS} days, backfilled in {time.perf_counter() - began:.0f} s")
        mine = [ours(server.url, Path(name) / str(i)) for i in range(given.rounds)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        others = [theirs(server.url) for _ in range(given.rounds)]
    took, took_theirs = (statistics.median(one[0] for one in each) for each in (mine, others))
    cpu, memory = alike(mine[0][2], others[0][2])
    assert len(mine[0][2]) == given.containers * DAYS * 24, len(mine[0][2])
    assert abs(cpu - 1) < 0.01, cpu
    assert abs(memory - 1) < 0.01, memory
    print(f"ours   {took:6.1f} s  {mine[0][1]:4} requests, peak {peak:,.0f} MiB")
    print(f"pandas {took_theirs:6.1f} s  {others[0][1]:4} requests (medians of {given.rounds} each)")
    print(f"core-hours and GiB-hours, ours of theirs: {cpu:.4f} and {memory:.4f}")
    print(
        f"ratio: containers by the hour, times faster than samples and pandas = {took_theirs / took:.2f} (target >= {TARGET_TIMES})"
    )


if __name__ == "__main__":
    main()
