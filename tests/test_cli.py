"""The command line: what it says, and with which status it ends."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from gocoffee_ops import __version__, cli
from gocoffee_ops.errors import Unreachable
from gocoffee_ops.runbooks import catalog, listing
from tests.runbooks.written import OK, call, runbook


def main(*arguments: str) -> int:
    """The exit status of the command line, within this process."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("rnu",),
        ("run",),
        ("run", "performance-revue"),
        ("run", "performance-review", "-p", "top"),
        ("run", "performance-review", "-p", "tpo", "5"),
        ("run", "performance-review", "-p", "top", "five"),
        ("run", "performance-review", "-p", "top", "1000"),
        ("run", "performance-review", "--env", "nowhere"),
        ("run", "forensics", "-p", "start", "2026-01-01T04:00Z", "-p", "end", "2026-01-01T03:00Z"),
        ("run", "forensics", "-p", "start", "2999-01-01T04:00Z"),
        ("run", "service-down", "-p", "started", "2999-01-01T04:00Z"),
        ("run", "start-here", "-p", "severity", "P7"),
        ("run", "performance-review", "--replay", "/no/such/bundle"),
        ("run", "performance-review", "--deadline", "0"),
        ("report", "weakly"),
        ("report", "weekly", "-p", "nope", "1"),
        ("verify",),
        ("config", "check", "--env", "nowhere"),
    ],
)
def test_wrong_usage_ends_with_64_and_a_word_on_stderr(
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(*arguments) == 64
    shown = capsys.readouterr()
    assert shown.err.strip()
    assert "Traceback" not in shown.err
    assert list(tmp_path.iterdir()) == []


def test_a_procedure_that_is_still_written_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("run", "cluster-update") == 64
    assert "cluster-update]: it is still a written procedure" in capsys.readouterr().err


@pytest.mark.parametrize("after", [(), ("--env", "demo"), ("-p", "namespace", "x")])
def test_a_parameter_joined_to_its_value_is_told_how_it_is_written(
    after: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("run", "performance-review", "-p", "namespace", "a=b", "-p", "top=20", *after) == 64
    assert "given top=20. Try: -p top 20" in capsys.readouterr().err


def test_a_time_without_a_zone_is_told_that_the_zone_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("run", "service-down", "-p", "started", "2026-11-23T03:00") == 64
    assert "given '2026-11-23T03:00', which names no zone. Try: a time, as 2026-11-23T03:00Z" in capsys.readouterr().err


def test_help_and_version_end_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("--version") == 0
    assert __version__ in capsys.readouterr().out
    assert main("run", "--help") == 0
    assert "--replay" in capsys.readouterr().out


def test_list_has_a_line_for_each_runbook_the_page_to_start_from_and_the_most_urgent_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main("list") == 0
    head, *lines = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert head.split() == ["runbook", "when", "what", "for"]
    assert len(lines) == len(catalog.runbooks())
    assert [line.split()[:2] for line in lines[:2]] == [["start-here", "first"], ["service-down", "incident"]]
    assert all(len(line) <= 140 for line in lines)


def test_a_narrow_terminal_cuts_what_a_runbook_is_for_and_no_name() -> None:
    written = io.StringIO()
    listing.lines(catalog.runbooks(), Console(width=60, file=written))
    _, *lines = written.getvalue().splitlines()
    assert {line.split()[0] for line in lines} == {book.name for book in catalog.runbooks()}
    assert all(len(line) <= 60 for line in lines)


def test_list_shows_what_a_named_runbook_takes_and_with_long_what_all_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("list", "service-down") == 0
    one = capsys.readouterr().out
    for said in ("service-down: Service down (P0)", "owner", "service-down.ipynb", "'order-service'", "a time, as 20"):
        assert said in one
    assert "forensics" not in one
    assert main("list", "--long") == 0
    every = capsys.readouterr().out
    assert every.count("\n  owner ") == len(catalog.runbooks())
    assert "baseline_hours" in every
    assert main("list", "service-dwn") == 64
    assert "did you mean 'service-down'" in capsys.readouterr().err


def test_list_is_there_for_machines_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("list", "--json") == 0
    found = {book["name"]: book for book in json.loads(capsys.readouterr().out)}
    assert len(found) == len(catalog.runbooks())
    assert found["performance-review"]["chapter"] == "weekly"
    assert all(book["symptom"] and book["owner"] for book in found.values())


def test_a_run_ends_with_its_verdict_and_says_where_its_report_is(tmp_path: Path) -> None:
    book = runbook(tmp_path / "book.ipynb", "ops.judge(says, status='WARN')", OK)
    ended = call("gocoffee-ops", "run", book, cwd=tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert "book: WARN" in ended.stdout
    assert "1 WARN, 1 OK" in ended.stdout
    report = Path(ended.stdout.partition("report ")[2].strip())
    assert report.is_file()
    assert "Section 1" in ended.stderr


def test_exit_zero_hides_a_verdict_and_never_wrong_usage(tmp_path: Path) -> None:
    book = runbook(tmp_path / "book.ipynb", "ops.judge(says, status='CRIT')")
    assert call("gocoffee-ops", "run", "-q", "--exit-zero", book, cwd=tmp_path).returncode == 0
    wrong = call("gocoffee-ops", "run", "--exit-zero", book, "-p", "numbr", "1", cwd=tmp_path)
    assert wrong.returncode == 64
    assert "did you mean 'number'" in wrong.stderr


def test_our_errors_are_told_with_their_status_and_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    error = Unreachable("read", target="database/x", why="postgresql://me:hunter2hunter2@db/x refused")
    assert cli._told(error) == 70
    assert cli._told(ValueError("postgresql://me:hunter2hunter2@db/x")) == 70
    assert cli._told(KeyboardInterrupt()) == 130
    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    assert shown.count("fault of its own") == 1


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    source = "from gocoffee_ops.cli import main; main(['list', '--json'])"
    ended = subprocess.run(
        ["sh", "-c", f'"$1" -c "{source}" | true', "sh", sys.executable],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert "Traceback" not in ended.stderr
