"""A bill of five million rows by team and by service: `bills` of ours against pandas on the same Parquet file.

    python -m benchmarks.bills [--rows 5000000] [--rounds 3]

The file has 27 columns as an export of FOCUS 1.3 has them: an hour, one of 20,000 resources, its tags as JSON (each resource has its
own, as its name is one of them), and money as floating point, which is the worst case for us (each amount is read as the decimal
that was written, and summed exactly) and the best for pandas. pandas reads only the columns that the answer needs, as pyarrow gives
them, and sums floats. Both get the team from the JSON. Ours tells categories and currencies apart too, and looks at every row's
currency, category and amount first.

Each reading is a fresh process; rounds are interleaved, and the median counts. Time is from imported libraries to the sums. polars is
measured where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

TIME_TARGET_S, MEMORY_TARGET_MIB, PANDAS_TARGET = 0.5, 500, 15
COST = "round(({weight} * (h % 1000003)) * 1e-6, 6)"
FILE = """
SET enable_progress_bar = false;
COPY (
    SELECT
        '111122223333' AS BillingAccountId, 'Coffee' AS BillingAccountName, 'USD' AS BillingCurrency,
        TIMESTAMP '2026-11-01' AS BillingPeriodStart, TIMESTAMP '2026-12-01' AS BillingPeriodEnd,
        TIMESTAMP '2026-11-01' + (i % 672) * INTERVAL 1 HOUR AS ChargePeriodStart,
        TIMESTAMP '2026-11-01' + (i % 672 + 1) * INTERVAL 1 HOUR AS ChargePeriodEnd,
        CASE h % 50 WHEN 0 THEN 'Tax' WHEN 1 THEN 'Credit' ELSE 'Usage' END AS ChargeCategory,
        CAST(NULL AS VARCHAR) AS ChargeClass,
        'a charge of kind ' || h % 300 AS ChargeDescription,
        {billed} AS BilledCost, {effective} AS EffectiveCost, {list} AS ListCost, {billed} AS ContractedCost,
        'AWS' AS ServiceProviderName, 'AWS' AS HostProviderName, 'AWS' AS InvoiceIssuerName,
        'Compute' AS ServiceCategory, 'service ' || h % 40 AS ServiceName,
        'account ' || h % 12 AS SubAccountId, 'eu-west-' || h % 3 AS RegionId,
        'i-' || h % 20000 AS ResourceId, 'sku-' || h % 500 AS SkuId,
        (h % 997) / 10.0 AS PricingQuantity, 'Hours' AS PricingUnit,
        CASE WHEN h % 20 <> 0 THEN 'Used' END AS CommitmentDiscountStatus,
        '{{"Name": "i-' || h % 20000 || '", "env": "prod", "team": "team-' || (h % 20000) % 25 || '"}}' AS Tags
    FROM (SELECT i, hash(i) AS h FROM range({rows}) AS r(i))
) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 250000)
"""
NAMES = {"by_team": "by team", "by_service_and_day": "by service and day"}


def make(path: Path, rows: int) -> None:
    """The bill."""
    import duckdb

    costs = {"billed": COST.format(weight=1), "effective": COST.format(weight=0.9), "list": COST.format(weight=2)}
    duckdb.connect(config={"memory_limit": "2GB"}).execute(FILE.format(rows=rows, path=path, **costs))


def ours(path: Path, question: str) -> Callable[[], float]:
    import pyarrow  # noqa: F401  imported before the clock starts, as for the others

    from gocoffee_ops.sources.deadline import Deadline
    from gocoffee_ops.sources.focus import Bill, Folder

    first, last = datetime(2026, 11, 1), datetime(2026, 12, 1)  # noqa: DTZ001 - as the view has its times
    values: dict[str, Any] = {"start": first, "end": last} | ({"team": "/team"} if question == "by_team" else {})

    def read() -> float:
        bill = Bill("bill/bench", Folder("bill/bench", path.parent))
        table = bill.ask(question, first.date(), Deadline.after(600), **values).table
        return float(sum(table.column("effective").to_pylist()))

    return read


def pandas(path: Path, question: str) -> Callable[[], float]:
    import pandas as pd
    import pyarrow.parquet  # noqa: F401  imported before the clock starts

    costs = ["BilledCost", "EffectiveCost"]

    def by_team() -> float:
        rows = pd.read_parquet(path, columns=["Tags", *costs])
        rows["team"] = rows["Tags"].map(lambda tags: json.loads(tags).get("team"))
        return float(rows.groupby("team", dropna=False)[costs].sum()["EffectiveCost"].sum())

    def by_service_and_day() -> float:
        rows = pd.read_parquet(path, columns=["ServiceName", "ChargePeriodStart", *costs])
        rows["day"] = rows["ChargePeriodStart"].dt.floor("D")
        return float(rows.groupby(["ServiceName", "day"])[costs].sum()["EffectiveCost"].sum())

    return by_team if question == "by_team" else by_service_and_day


def polars(path: Path, question: str) -> Callable[[], float]:
    import polars as pl

    costs = [pl.col("BilledCost").sum(), pl.col("EffectiveCost").sum()]
    keys = {
        "by_team": [pl.col("Tags").str.json_path_match("$.team").alias("team")],
        "by_service_and_day": [pl.col("ServiceName"), pl.col("ChargePeriodStart").dt.truncate("1d").alias("day")],
    }
    return lambda: float(pl.scan_parquet(path).group_by(keys[question]).agg(costs).collect()["EffectiveCost"].sum())


READERS = {"ours": ours, "pandas": pandas, "polars": polars}


def child(reader: str, question: str, path: Path) -> None:
    read = READERS[reader](path, question)
    used, started = time.process_time(), time.perf_counter()
    total = read()
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"total": total, "seconds": seconds, "cpu_s": cpu_s, "peak_mib": peak}), flush=True)


def measured(reader: str, question: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bills", "--child", reader, question, str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, cwd=Path(__file__).parents[1], check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{reader}: {done.stderr}")
    taken: dict[str, float] = json.loads(done.stdout)
    return taken


def compared(question: str, path: Path, readers: list[str], rounds: int) -> None:
    """Print the medians of one question, and their ratios."""
    found = [{reader: measured(reader, question, path) for reader in readers} for _ in range(rounds)]
    median = {r: {k: statistics.median(one[r][k] for one in found) for k in found[0][r]} for r in readers}
    for reader, figures in median.items():
        assert abs(figures["total"] / median["ours"]["total"] - 1) < 1e-9, f"{reader} gives another sum"
        print(
            f"{NAMES[question]:20} {reader:7} {figures['seconds']:6.2f} s  cpu {figures['cpu_s']:6.2f} s  peak {figures['peak_mib']:6.0f} MiB"
        )
    faster = statistics.median(one["pandas"]["seconds"] / one["ours"]["seconds"] for one in found)
    less = median["pandas"]["peak_mib"] / median["ours"]["peak_mib"]
    if question == "by_team":
        seconds, peak = median["ours"]["seconds"], median["ours"]["peak_mib"]
        print(f"ratio: a bill by team, seconds = {seconds:.2f} (target <= {TIME_TARGET_S})")
        print(f"ratio: a bill by team, peak in MiB = {peak:.0f} (target <= {MEMORY_TARGET_MIB})")
        print(f"ratio: a bill by team, times faster than pandas = {faster:.1f} (target >= {PANDAS_TARGET})")
    else:
        print(f"{NAMES[question]}: {faster:.1f} times faster than pandas; medians of each round's ratio")
    print(f"{NAMES[question]}: pandas takes {less:.1f} times the memory")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=5_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--make", nargs=2, metavar=("PATH", "ROWS"), help=argparse.SUPPRESS)
    arguments.add_argument("--child", nargs=3, metavar=("READER", "QUESTION", "PATH"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        child(given.child[0], given.child[1], Path(given.child[2]))
        return
    if given.make:
        make(Path(given.make[0]), int(given.make[1]))
        return
    readers = [reader for reader in READERS if reader != "polars" or importlib.util.find_spec("polars")]
    with tempfile.TemporaryDirectory(prefix="gocoffee-bench-") as folder:
        path = Path(folder, "bill.parquet")
        # In a process of its own: a child's peak is at least what its parent had.
        command = [sys.executable, "-m", "benchmarks.bills", "--make", str(path), str(given.rows)]
        subprocess.run(command, cwd=Path(__file__).parents[1], check=True)
        print(
            f"{given.rows:,} rows x 27 columns, {path.stat().st_size / 2**20:.0f} MiB; {given.rounds} rounds, medians"
        )
        for question in NAMES:
            compared(question, path, readers, given.rounds)


if __name__ == "__main__":
    main()
