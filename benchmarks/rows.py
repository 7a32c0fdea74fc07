"""One million rows of PostgreSQL as a DataFrame: `Database.read_frame` against ADBC and `pandas.read_sql`.

    python -m benchmarks.rows [--rows 1000000] [--rounds 5]

Each reading is a fresh process on the same server; rounds are interleaved, so that a busy machine slows all alike, and
the median counts. Before its clock starts each has answered a question of one row, so that libraries are loaded.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.testbed.pg_fixtures import require_major
from tests.testbed.postgres import SUPERUSER, WHEEL_MAJOR, PostgresServer

Reader = Callable[[str], int]

FIRST = "SELECT * FROM orders LIMIT 1"
QUERY = "SELECT * FROM orders"
TABLE = """
CREATE TABLE orders AS
SELECT
    i::bigint AS id,
    (random() * 20000)::int AS customer_id,
    (ARRAY['paid', 'delivered', 'cancelled', 'refunded'])[1 + i % 4] AS status,
    (random() * 100)::float8 AS total,
    timestamptz '2025-06-01' + i * interval '45.5 seconds' AS created_at,
    i % 3 = 0 AS paid,
    CASE WHEN i % 10 <> 0 THEN 'note ' || i END AS note
FROM generate_series(1, {rows}) AS i
"""


def ours(conninfo: str) -> Reader:
    from gocoffee_ops.sources.deadline import Deadline
    from gocoffee_ops.sources.postgres import Database

    database = Database(conninfo)
    return lambda query: len(database.read_frame(query, Deadline.after(600)))


def adbc(conninfo: str) -> Reader:
    import adbc_driver_postgresql.dbapi

    connection = adbc_driver_postgresql.dbapi.connect(conninfo)

    def read(query: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return len(cursor.fetch_df())

    return read


def read_sql(conninfo: str) -> Reader:
    import warnings

    import pandas as pd
    import psycopg

    warnings.simplefilter("ignore")  # that pandas would rather have SQLAlchemy
    connection = psycopg.connect(conninfo)
    return lambda query: len(pd.read_sql(query, connection))  # type: ignore[call-overload, unused-ignore]  # it knows SQLAlchemy's alone


READERS = {"ours": ours, "adbc": adbc, "read_sql": read_sql}


def child(reader: str, conninfo: str) -> None:
    read = READERS[reader](conninfo)
    read(FIRST)
    used = time.process_time()
    started = time.perf_counter()
    rows = read(QUERY)
    taken = {
        "rows": rows,
        "seconds": time.perf_counter() - started,
        "cpu_s": time.process_time() - used,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(taken), flush=True)


def measured(reader: str, conninfo: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.rows", "--child", reader, conninfo]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, cwd=Path(__file__).parents[1], check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{reader}: {done.stderr}")
    taken: dict[str, float] = json.loads(done.stdout)
    return taken


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--child", nargs=2, metavar=("READER", "CONNINFO"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        child(*given.child)
        return
    with PostgresServer(require_major(WHEEL_MAJOR), {"shared_buffers": "256MB"}) as server:
        with server.connect() as owner:
            owner.execute(TABLE.format(rows=given.rows))
            owner.execute("VACUUM (ANALYZE) orders")
        conninfo = f"postgresql://{SUPERUSER}:{server.passwords[SUPERUSER]}@127.0.0.1:{server.port}/{SUPERUSER}"
        rounds = [{reader: measured(reader, conninfo) for reader in READERS} for _ in range(given.rounds)]
    median = {
        reader: {key: statistics.median(r[reader][key] for r in rounds) for key in rounds[0][reader]}
        for reader in READERS
    }
    print(f"{given.rows} rows, {given.rounds} rounds, medians")
    for reader, figures in median.items():
        assert figures["rows"] == given.rows, reader
        print(
            f"{reader:10} {figures['seconds']:6.2f} s  cpu {figures['cpu_s']:6.2f} s  peak {figures['peak_mib']:6.0f} MiB"
            f"  {figures['seconds'] / median['adbc']['seconds']:5.2f} x adbc"
        )
    ratios = statistics.median(r["ours"]["seconds"] / r["adbc"]["seconds"] for r in rounds)
    slower = statistics.median(r["read_sql"]["seconds"] / r["ours"]["seconds"] for r in rounds)
    print(f"ratio: rows of PostgreSQL, our time over ADBC's = {ratios:.2f} (target <= 1.2)")
    print(f"pandas.read_sql takes {slower:.1f} times as long as ours; medians of each round's ratio")


if __name__ == "__main__":
    main()
