"""`import gocoffee_ops`, and the time to the first DataFrame in a fresh kernel.

Import times are the best of several processes, less the bare interpreter's own: caches are warm, as they are after the first.
The first DataFrame is a whole question, asked as a notebook asks it (`runbook.start`, then `cluster.pods`) of the recorded
cluster that the package ships; beside it a kernel that makes a DataFrame with pandas alone. The two take turns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from gocoffee_ops.places import DEMO_BUNDLE
from gocoffee_ops.runbooks.execution import Execution, Limits
from gocoffee_ops.runbooks.run_folder import REPLAY_VARIABLE, REPORTS_VARIABLE

ROUNDS = 7
KERNELS = 3


def seconds(source: str) -> float:
    """The best time of a fresh Python that runs `source`."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", source], check=True)
        best = min(best, time.perf_counter() - started)
    return best


class Quiet:
    """Watches nothing."""

    def cell_started(self, number: int, total: int, heading: str) -> None:
        """A cell begins."""

    def cell_ended(self, record: object, nb: object) -> None:
        """A cell ended."""

    def tick(self) -> None:
        """Time passes."""


def first_frame(source: str) -> float:
    """From no kernel to the end of a cell that shows a DataFrame."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    with tempfile.TemporaryDirectory() as folder:
        execution = Execution(notebook, Quiet(), Path(folder), limits=Limits(run_s=120))
        started = time.perf_counter()
        execution.run()
        elapsed = time.perf_counter() - started
    if not execution.ok:
        raise SystemExit(f"the kernel's cell is not ok: {execution.records}")
    return elapsed


OURS = """
from gocoffee_ops import cluster, runbook
ops = runbook.start("performance-review", env="demo")
cluster.pods(ops)
"""
PANDAS = "import pandas\npandas.DataFrame({'n': [1]})"


def main() -> None:
    """Print seconds and ratios."""
    bare = seconds("pass")
    ours, pandas = seconds("import gocoffee_ops") - bare, seconds("import pandas") - bare
    print(f"import gocoffee_ops: {ours:.3f} s; import pandas: {pandas:.3f} s; a bare Python: {bare:.3f} s")
    print(f"ratio: seconds of import gocoffee_ops = {max(ours, 0):.3f} (target <= 0.15)")
    print(f"ratio: import gocoffee_ops against import pandas = {max(ours, 0) / pandas:.2f} (target <= 0.2)")
    with tempfile.TemporaryDirectory() as reports:
        os.environ |= {REPLAY_VARIABLE: str(DEMO_BUNDLE), REPORTS_VARIABLE: reports}  # for the kernels
        rounds = [(first_frame(OURS), first_frame(PANDAS)) for _ in range(KERNELS)]
    frame, plain = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"first DataFrame in a fresh kernel: {frame:.2f} s; with pandas alone: {plain:.2f} s")


if __name__ == "__main__":
    main()
