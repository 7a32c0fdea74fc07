"""Run every benchmark and write docs/benchmarks.md: `make bench`.

Each module in this folder is one benchmark, run in a process of its own. What it prints goes into the page; a line

    ratio: pods, times faster than the official client = 41.2 (target >= 40)

becomes a row of the page's table. Ratios are of two sides measured in the same run, so they can be compared between machines;
seconds cannot. A benchmark that fails keeps its place in the page and makes the whole end with 1; a missed target does not.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
DEADLINE_S = 1800.0
RATIO = re.compile(
    r"^ratio: (?P<name>.+) = (?P<value>[\d.]+) \(target (?P<op>>=|<=) (?P<target>[\d.]+)\)$", re.MULTILINE
)
LIBRARIES = ("duckdb", "kubernetes", "pandas", "papermill", "plotly", "psycopg", "pyarrow")


@dataclass(frozen=True)
class Benchmark:
    """What one benchmark printed; `failed` says why it did not end well."""

    name: str
    printed: str
    failed: str

    def rows(self) -> list[str]:
        """Its rows of the table."""
        if self.failed:
            return [f"| {self.name} | - | - | failed: {self.failed} |"]
        rows = []
        for found in RATIO.finditer(self.printed):
            value, target = float(found["value"]), float(found["target"])
            met = value >= target if found["op"] == ">=" else value <= target
            sign = {">=": "≥", "<=": "≤"}[found["op"]]
            rows.append(f"| {found['name']} | {value:g} | {sign} {target:g} | {'met' if met else 'missed'} |")
        return rows or [f"| {self.name} | - | - | printed no ratio |"]


def run(name: str) -> Benchmark:
    """One benchmark in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    try:
        done = subprocess.run(
            command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False, timeout=DEADLINE_S
        )
    except subprocess.TimeoutExpired as error:
        return Benchmark(name, str(error.stdout or ""), f"not complete after {DEADLINE_S:g} s")
    return Benchmark(name, done.stdout, f"exit status {done.returncode}" if done.returncode else "")


def page(benchmarks: list[Benchmark], at: datetime) -> str:
    """docs/benchmarks.md."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    lines = [
        "# Benchmarks",
        "",
        f"The last run of `make bench`, {at:%Y-%m-%d %H:%M} UTC, on {machine}; {libraries}.",
        "",
        "Both sides of a ratio are measured in one run; only ratios can be compared between machines.",
        "",
        "| what | ratio | target | |",
        "|---|---|---|---|",
        *[row for benchmark in benchmarks for row in benchmark.rows()],
    ]
    for benchmark in benchmarks:
        printed = [line for line in benchmark.printed.rstrip().splitlines() if not RATIO.match(line)]
        lines += ["", f"## {benchmark.name}", "", "```text", *printed, "```"]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run all of them, or those that are named."""
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    unknown = set(sys.argv[1:]) - set(names)
    if unknown or not names:
        print(
            f"benchmarks: there is no {', '.join(sorted(unknown)) or 'benchmark'}; valid: {', '.join(names)}",
            file=sys.stderr,
        )
        return 64
    benchmarks = []
    for name in names:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        print(f"== {name}", flush=True)
        benchmarks.append(run(name))
        print(benchmarks[-1].printed, benchmarks[-1].failed, flush=True)
    text = page(benchmarks, datetime.now(UTC))
    if len(benchmarks) == len(names):
        PAGE.write_text(text)
        print(f"{PAGE.relative_to(HERE.parent)} is written")
    return 1 if any(benchmark.failed for benchmark in benchmarks) else 0


if __name__ == "__main__":
    sys.exit(main())
