"""The page of benchmarks tells what was met, what was missed and what did not run."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.__main__ import Benchmark, page

PROJECT = Path(__file__).parent.parent
AT = datetime(2026, 1, 5, tzinfo=UTC)


def test_a_ratio_becomes_a_row_that_says_whether_its_target_is_met() -> None:
    printed = "3 pods\nratio: a = 41.5 (target >= 40)\nratio: b = 0.3 (target <= 0.25)\nratio: c = 2 (target <= 2)\n"

    assert Benchmark("pods", printed, "").rows() == [
        "| a | 41.5 | ≥ 40 | met |",
        "| b | 0.3 | ≤ 0.25 | missed |",
        "| c | 2 | ≤ 2 | met |",
    ]


def test_a_benchmark_that_failed_or_printed_no_ratio_is_in_the_table() -> None:
    assert Benchmark("pods", "ratio: a = 1 (target >= 0)", "exit status 1").rows() == [
        "| pods | - | - | failed: exit status 1 |"
    ]
    assert Benchmark("pods", "ratio: a = much (target >= 0)", "").rows() == ["| pods | - | - | printed no ratio |"]


def test_the_page_keeps_what_was_printed_beside_the_ratios() -> None:
    text = page([Benchmark("pods", "10 pods\nratio: a = 1 (target >= 0)\n", "")], AT)

    assert "| a | 1 | ≥ 0 | met |" in text
    assert "## pods\n\n```text\n10 pods\n```\n" in text


def test_an_unknown_benchmark_is_wrong_usage() -> None:
    command = [sys.executable, "-m", "benchmarks", "no-such"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 64
    assert "there is no no-such; valid: " in done.stderr
