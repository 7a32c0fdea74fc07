"""The page of benchmarks tells what was met, what was missed and what did not run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.__main__ import Benchmark, measured, page

PROJECT = Path(__file__).parent.parent
AT = "2026-01-05 03:00 UTC on a machine"


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


def test_the_page_keeps_what_was_printed_and_when() -> None:
    text = page([Benchmark("pods", "10 pods\nratio: a = 1 (target >= 0)\n", at=AT)])

    assert "| a | 1 | ≥ 0 | met |" in text
    assert f"## pods\n\nMeasured {AT}.\n\n```text\n10 pods\n" in text


def test_the_page_is_its_own_record_so_that_one_can_be_measured_again_and_the_others_stay() -> None:
    benchmarks = [
        Benchmark("imports", "0.1 s\nratio: a = 1 (target >= 0)", at=AT),
        Benchmark("pods", "half of it", "exit status 1", AT),
    ]
    text = page(benchmarks)

    assert page(list(measured(text).values())) == text
    assert "| pods | - | - | failed: exit status 1 |" in text


def test_an_unknown_benchmark_is_wrong_usage() -> None:
    command = [sys.executable, "-m", "benchmarks", "no-such"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 64
    assert "there is no no-such; valid: " in done.stderr
