"""Run every benchmark and write docs/benchmarks.md: `make bench`; or those that are named, and keep the others as they were.

Each module in this folder is one benchmark, run in a process of its own. What it prints goes into its section of the page, with
the time; a line

    ratio: pods, times faster than the official client = 41.2 (target >= 40)

becomes a row of the page's table, too. Ratios are of two sides measured in the same run, so they can be compared between machines;
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
SECTION = re.compile(
    r"^## (?P<name>\w+)\n\nMeasured (?P<at>[^\n]+)\.\n\n```text\n(?P<printed>.*?)```$", re.MULTILINE | re.DOTALL
)
FAILED = "failed: "
LIBRARIES = ("duckdb", "kubernetes", "pandas", "papermill", "plotly", "psycopg", "pyarrow")


@dataclass(frozen=True)
class Benchmark:
    """What one benchmark printed, and when and on what; `failed` says why it did not end well."""

    name: str
    printed: str
    failed: str = ""
    at: str = ""

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
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {machine}; {libraries}"
    try:
        done = subprocess.run(
            command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False, timeout=DEADLINE_S
        )
    except subprocess.TimeoutExpired as error:
        return Benchmark(name, str(error.stdout or ""), f"not complete after {DEADLINE_S:g} s", at)
    return Benchmark(name, done.stdout, f"exit status {done.returncode}" if done.returncode else "", at)


def measured(text: str) -> dict[str, Benchmark]:
    """What a page says of the last run of each benchmark."""
    kept = {}
    for found in SECTION.finditer(text):
        printed, _, failed = found["printed"].rstrip().partition(f"\n{FAILED}")
        kept[found["name"]] = Benchmark(found["name"], printed, failed, found["at"])
    return kept


def page(benchmarks: list[Benchmark]) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "The last run of each, by `make bench`. Both sides of a ratio are measured in one run; only ratios can be compared between machines.",
        "",
        "| what | ratio | target | |",
        "|---|---|---|---|",
        *[row for benchmark in benchmarks for row in benchmark.rows()],
    ]
    for one in benchmarks:
        printed = [*one.printed.rstrip().splitlines(), *([f"{FAILED}{one.failed}"] if one.failed else [])]
        lines += ["", f"## {one.name}", "", f"Measured {one.at}.", "", "```text", *printed, "```"]
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
    kept = measured(PAGE.read_text()) if PAGE.exists() else {}
    benchmarks = []
    for name in names:
        if sys.argv[1:] and name not in sys.argv[1:]:
            benchmarks += [kept[name]] if name in kept else []
            continue
        print(f"== {name}", flush=True)
        benchmarks.append(run(name))
        print(benchmarks[-1].printed, benchmarks[-1].failed, flush=True)
    PAGE.write_text(page(benchmarks))
    print(f"{PAGE.relative_to(HERE.parent)} is written")
    return 1 if any(benchmark.failed for benchmark in benchmarks) else 0


if __name__ == "__main__":
    sys.exit(main())
