"""One run: checked before it begins, its folder whole or partial, its record there whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import jsonschema
import nbformat
import pytest

from gocoffee_ops.errors import ConfigError, EvidenceError, ParameterError, UsageError
from gocoffee_ops.evidence.bundle import problems
from gocoffee_ops.model import Status
from gocoffee_ops.runbooks import catalog, run_folder, runner
from gocoffee_ops.runbooks.progress import Plain
from gocoffee_ops.runbooks.run_folder import RunFolder
from tests.runbooks.written import BIN, OK, environment, run_json, runbook, states

SCHEMA = json.loads((Path(runner.__file__).parent / "run.schema.json").read_text(encoding="utf-8"))
ASK = "from gocoffee_ops import database\nserver = database.server(ops)"


def until(met: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something, with an end."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_run_fills_its_folder_and_its_record_fits_the_shipped_schema(tmp_path: Path) -> None:
    path = runbook(tmp_path / "book.ipynb", "ops.judge(says, status='WARN')\nprint(repr(text), number)", ASK)
    said = StringIO()
    result = runner.run(runner.prepare(str(path), {"text": ["007"], "number": ["4"]}), Plain(said))
    assert (result.status, result.exit_code, result.fault) == (Status.UNKNOWN, 3, "")
    assert {p.name for p in result.folder.iterdir()} == {"report.html", "notebook.ipynb", "run.json", "evidence"}
    assert result.folder.parent == tmp_path / "reports" / "book"
    record = run_json(tmp_path / "reports", "book")
    jsonschema.validate(record, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert record["parameters"] == {"env": "test", "number": 4, "text": "007"}
    assert record["coverage"]["by_target"] == {"database/coffee": {"answered": 0, "asked": 1, "not_asked": 0}}
    assert {f["status"] for f in record["findings"]} == {"WARN", "UNKNOWN"}
    assert "'007' 4" in json.dumps(nbformat.read(result.folder / "notebook.ipynb", as_version=4))
    assert (tmp_path / "reports" / "index.html").is_file()
    assert "Section 1" in said.getvalue()
    assert "GOCOFFEE_TEST_DSN_THAT_NOBODY_SETS is not set" in said.getvalue()
    assert problems(result.folder / "evidence") == []
    report = result.folder / "report.html"
    report.write_text(report.read_text().replace("UNKNOWN", "OK"))
    assert [problem.file for problem in problems(result.folder / "evidence")] == ["report.html"]


@pytest.mark.parametrize(("status", "code"), [("OK", 0), ("WARN", 1), ("CRIT", 2), ("UNKNOWN", 3)])
def test_the_worst_finding_gives_status_and_exit_status(tmp_path: Path, status: str, code: int) -> None:
    path = runbook(tmp_path / "book.ipynb", OK, f"ops.judge(says, status={status!r})")
    result = runner.run(runner.prepare(str(path)))
    assert (result.status.value, result.exit_code) == (status, code)


def test_a_run_without_a_finding_is_unknown(tmp_path: Path) -> None:
    result = runner.run(runner.prepare(str(runbook(tmp_path / "book.ipynb", "1"))))
    assert (result.status, result.exit_code, len(result.findings)) == (Status.UNKNOWN, 3, 0)


def test_a_set_up_that_fails_stops_all_that_rests_on_it(tmp_path: Path) -> None:
    path = runbook(tmp_path / "book.ipynb", OK, setup="ops = open('/no/such/file')")
    result = runner.run(runner.prepare(str(path)))
    assert [cell.state.value for cell in result.cells] == ["ok", "failed", "not_run", "blocked"]
    assert [cell.error for cell in result.cells[2:]] == [
        "A test (2/4) is failed, and all that follows rests on it",
        "needs `ops`, which A test (2/4) should have assigned",
    ]
    assert (result.status, result.exit_code) == (Status.UNKNOWN, 3)


def test_the_runs_deadline_ends_its_cell_and_what_follows_but_for_the_verdict(tmp_path: Path) -> None:
    path = runbook(tmp_path / "book.ipynb", "import time\ntime.sleep(300)", OK)
    result = runner.run(runner.prepare(str(path), run_s=15))
    assert [cell.state.value for cell in result.cells] == ["ok", "ok", "timed_out", "not_run", "failed"]
    assert "deadline of 15 s" in result.cells[2].error
    assert "deadline of 15 s" in result.cells[3].error


@pytest.mark.parametrize(
    ("given", "env", "error"),
    [
        ({"numer": ["1"]}, "", ParameterError),
        ({"number": ["11"]}, "", ParameterError),
        ({"number": ["x"]}, "", ParameterError),
        ({"env": ["other"]}, "test", ParameterError),
        ({}, "nowhere", ConfigError),
    ],
)
def test_wrong_usage_is_told_before_anything_is_made(
    tmp_path: Path, given: dict[str, list[str]], env: str, error: type[UsageError]
) -> None:
    path = runbook(tmp_path / "book.ipynb", OK)
    with pytest.raises(error):
        runner.prepare(str(path), given, env=env)
    assert not (tmp_path / "reports").exists()


def test_a_report_that_fails_costs_the_report_alone(tmp_path: Path) -> None:
    spoil = (
        "import os, pathlib\n"
        "pathlib.Path(os.environ['GOCOFFEE_RUN_FOLDER'], 'report.html').mkdir()\n"  # nothing can be written there
        "ops.judge(says, status='WARN')"
    )
    result = runner.run(runner.prepare(str(runbook(tmp_path / "book.ipynb", spoil))))
    assert (result.exit_code, result.status, result.report) == (70, Status.WARN, None)
    record = run_json(tmp_path / "reports", "book")
    assert (record["status"], record["exit_code"], record["partial"]) == ("WARN", 70, False)
    assert "report could not be rendered" in record["fault"]


def test_a_stopped_run_keeps_its_record_in_its_partial_folder(tmp_path: Path) -> None:
    path = runbook(tmp_path / "book.ipynb", OK, "open('here', 'w').close()\nimport time\ntime.sleep(300)", OK)
    command = [str(BIN / "gocoffee-ops"), "run", str(path), "--exit-zero"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True)
    until((tmp_path / "here").exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    (folder,) = (tmp_path / "reports" / "book").iterdir()
    assert folder.name.startswith(".partial-")
    assert "not complete" in (folder / "INCOMPLETE.txt").read_text(encoding="utf-8")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(record, SCHEMA)
    assert (record["partial"], record["exit_code"]) == (True, 130)
    assert states(record) == ["ok", "ok", "ok", "interrupted", "not_run", "not_run"]


def test_a_runner_that_is_killed_leaves_a_partial_folder_and_no_kernel(tmp_path: Path) -> None:
    tell = "import os, time\nopen('new', 'w').write(str(os.getpid()))\nos.rename('new', 'pid')\ntime.sleep(300)"
    path = runbook(tmp_path / "book.ipynb", OK, tell)
    process = subprocess.Popen([str(BIN / "gocoffee-ops"), "run", "-q", str(path)], cwd=tmp_path, env=environment())
    until((tmp_path / "pid").exists)
    kernel = int((tmp_path / "pid").read_text(encoding="ascii"))
    process.kill()
    process.wait(10)
    (folder,) = (tmp_path / "reports" / "book").iterdir()
    assert folder.name.startswith(".partial-")
    assert (folder / "INCOMPLETE.txt").is_file()
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["partial"]
    assert (folder / "evidence" / "ledger.jsonl").is_file()
    until(lambda: not Path(f"/proc/{kernel}").exists() or _zombie(kernel), 20)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_replay_takes_parameters_from_the_run_and_reaches_the_same_findings(tmp_path: Path) -> None:
    path = runbook(tmp_path / "book.ipynb", "ops.judge(says, status='WARN')\nprint(number)", ASK)
    first = runner.run(runner.prepare(str(path), {"number": ["7"]}))
    (tmp_path / "gocoffee.toml").unlink()  # weeks later nobody has it
    order = runner.prepare(str(path), replay=first.folder)
    again = runner.run(order)
    assert order.values["number"] == 7
    assert [f.to_record() for f in again.findings] == [f.to_record() for f in first.findings]
    assert again.exit_code == first.exit_code == 3
    record = json.loads((again.folder / "run.json").read_text(encoding="utf-8"))
    assert record["replay_of"] == str(first.folder)


def test_a_bundle_of_another_runbook_environment_or_of_none_is_refused(tmp_path: Path) -> None:
    first = runner.run(runner.prepare(str(runbook(tmp_path / "book.ipynb", OK))))
    other = runbook(tmp_path / "other.ipynb", OK)
    with pytest.raises(UsageError, match="recorded by 'book'"):
        runner.prepare(str(other), replay=first.folder)
    with pytest.raises(UsageError, match="recorded in 'test'"):
        runner.prepare(str(tmp_path / "book.ipynb"), env="demo", replay=first.folder)
    with pytest.raises((UsageError, EvidenceError)):
        runner.prepare(str(tmp_path / "book.ipynb"), replay=tmp_path)


@pytest.mark.parametrize("given", ["", "gocoffee.toml"])
def test_the_notebook_reads_the_configuration_that_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    path = runbook(tmp_path / "package" / "book.ipynb", "ops.judge(says, status='WARN')", ASK)
    (tmp_path / "work").mkdir()
    (tmp_path / "package" / "gocoffee.toml").rename(tmp_path / "work" / "gocoffee.toml")
    monkeypatch.chdir(tmp_path / "work")
    if given:
        monkeypatch.setenv("GOCOFFEE_CONFIG", given)
    result = runner.run(runner.prepare(str(path), reports=tmp_path / "reports"))
    assert {finding.status for finding in result.findings} == {Status.WARN, Status.UNKNOWN}
    assert result.cells[1].state.value == "ok"


def test_a_kubeconfig_named_from_the_working_folder_is_found_by_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = runbook(
        tmp_path / "package" / "book.ipynb", "import os\nassert os.path.isfile(os.environ['KUBECONFIG'])", OK
    )
    (tmp_path / "kube.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", "kube.yaml")
    assert runner.run(runner.prepare(str(path))).status is Status.OK


def test_a_set_runs_side_by_side_and_ends_with_the_worst(tmp_path: Path) -> None:
    books = [runbook(tmp_path / f"{s.lower()}.ipynb", f"ops.judge(says, status={s!r})") for s in ("OK", "WARN", "CRIT")]
    results = runner.run_all([runner.prepare(str(book)) for book in books])
    assert [result.exit_code for result in results] == [0, 1, 2]
    assert runner.exit_code(results) == 2
    assert [catalog.find(str(book)).name for book in books] == [result.runbook for result in results]


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    now = datetime(2026, 5, 1, 9, 30, 12, tzinfo=UTC)
    first, second = (RunFolder.make(tmp_path, "book", now) for _ in range(2))
    assert (first.name, second.name) == ("20260501T093012Z", "20260501T093012Z-2")
    done = second.complete(), first.complete()
    third = RunFolder.make(tmp_path, "book", now)
    assert third.name == "20260501T093012Z-3"
    assert [p.name for p in done] == ["20260501T093012Z-2", "20260501T093012Z"]


def test_a_name_that_was_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    folder = RunFolder.make(tmp_path, "book", datetime(2026, 5, 1, tzinfo=UTC))
    (folder.home / folder.name).mkdir()
    (folder.home / folder.name / "report.html").touch()
    assert folder.complete().name == "20260501T000000Z-2"


def test_a_reports_folder_that_cannot_be_made_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--reports"):
        RunFolder.make(tmp_path / "file", "book", datetime.now(UTC))


def test_reports_go_beside_the_project_and_never_into_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOCOFFEE_REPORTS", raising=False)
    (tmp_path / "project" / "notebooks" / "weekly").mkdir(parents=True)
    assert run_folder.reports_folder(tmp_path / "project" / "notebooks" / "weekly") == tmp_path / "project" / "reports"
    installed = tmp_path / "project" / "venv" / "lib" / "site-packages" / "gocoffee_ops" / "notebooks"
    installed.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert run_folder.reports_folder(installed) == elsewhere / "reports"
    monkeypatch.setenv("GOCOFFEE_REPORTS", str(tmp_path / "given"))
    assert run_folder.reports_folder(installed) == tmp_path / "given"


def test_memory_and_cores_bound_the_kernels() -> None:
    assert 1 <= runner.kernels_at_once() <= (os.cpu_count() or 1)
    assert runner.kernels_at_once(kernel_mib=1 << 40) == 1
