"""Whatever is done to a bundle is found and named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gocoffee_ops.errors import Tampered, UsageError
from gocoffee_ops.evidence.bundle import problems, require_intact, verify
from gocoffee_ops.evidence.ledger import GENESIS, LEDGER, TABLES, Ledger, digest, parse_entry, serialized
from tests.evidence import scene


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "made"
    scene.ask_everything(scene.session(folder, scene.sources()))
    return folder


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the property tests, emptied for each example."""
    return tmp_path_factory.mktemp("scratch") / "copy"


def _copy(bundle: Path, scratch: Path) -> Path:
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(bundle, scratch)
    return scratch


def _lines(folder: Path) -> list[bytes]:
    return (folder / LEDGER).read_bytes().splitlines(keepends=True)


def _head(folder: Path) -> str:
    return Ledger(folder).head


def _rechained(folder: Path, change: Callable[[list[dict[str, object]]], None]) -> None:
    """The ledger written anew as a whole, with hashes that fit."""
    raw = [json.loads(line) for line in _lines(folder)]
    change(raw)
    lines, prev = [], GENESIS
    for n, entry in enumerate(raw):
        entry.update(n=n, prev=prev, hash=digest(n, entry["at"], entry["kind"], entry["body"], prev))
        prev = entry["hash"]
        lines.append(serialized(parse_entry(json.dumps(entry), folder)))
    (folder / LEDGER).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_bundle_as_it_was_written_has_no_problem(bundle: Path) -> None:
    assert problems(bundle) == []
    assert problems(bundle, _head(bundle)) == []
    assert verify(bundle, _head(bundle)) == len(_lines(bundle)) > 30


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_changed_byte_of_the_ledger_is_found(bundle: Path, scratch: Path, data: st.DataObject) -> None:
    folder = _copy(bundle, scratch)
    content = bytearray((folder / LEDGER).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != content[at]))
    number = content[:at].count(b"\n")
    content[at] = byte
    (folder / LEDGER).write_bytes(bytes(content))
    found = problems(folder)
    assert found
    # Named: the entry itself, or what follows where a line's end was lost.
    assert {number, number + 1} & {problem.entry for problem in found}


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_removed_entry_is_named(bundle: Path, scratch: Path, data: st.DataObject) -> None:
    folder = _copy(bundle, scratch)
    lines = _lines(folder)
    head = _head(folder)
    n = data.draw(st.integers(0, len(lines) - 1))
    (folder / LEDGER).write_bytes(b"".join(lines[:n] + lines[n + 1 :]))
    last = n == len(lines) - 1
    found = problems(folder, head if last else None)
    assert any(problem.entry == (n - 1 if last else n) for problem in found)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_reordered_entries_are_named(bundle: Path, scratch: Path, data: st.DataObject) -> None:
    folder = _copy(bundle, scratch)
    lines = _lines(folder)
    order = data.draw(st.permutations(range(len(lines))).filter(lambda p: list(p) != sorted(p)))
    (folder / LEDGER).write_bytes(b"".join(lines[n] for n in order))
    named = {problem.entry for problem in problems(folder) if "reordered" in problem.what}
    assert named == {after for before, after in pairwise(order) if after < before}


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_repeated_entry_is_named(bundle: Path, scratch: Path, data: st.DataObject) -> None:
    folder = _copy(bundle, scratch)
    lines = _lines(folder)
    n = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines)))
    lines.insert(at, lines[n])
    (folder / LEDGER).write_bytes(b"".join(lines))
    assert any(problem.entry == n and "2 times" in problem.what for problem in problems(folder))


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_ledger_cut_at_its_end_is_found_with_the_head(bundle: Path, scratch: Path, data: st.DataObject) -> None:
    folder = _copy(bundle, scratch)
    head = _head(folder)
    content = (folder / LEDGER).read_bytes()
    (folder / LEDGER).write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert problems(folder, head)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_ledger_cut_inside_an_entry_names_it_without_the_head(
    bundle: Path, scratch: Path, data: st.DataObject
) -> None:
    folder = _copy(bundle, scratch)
    lines = _lines(folder)
    n = data.draw(st.integers(0, len(lines) - 1))
    cut = data.draw(st.integers(1, len(lines[n]) - 1))
    (folder / LEDGER).write_bytes(b"".join(lines[:n]) + lines[n][:cut])
    assert any(problem.entry == n and "cut while it was written" in problem.what for problem in problems(folder))


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_ledger_written_anew_as_a_whole_is_found_with_the_head(
    bundle: Path, scratch: Path, data: st.DataObject
) -> None:
    folder = _copy(bundle, scratch)
    head = _head(folder)
    n = data.draw(st.integers(0, len(_lines(folder)) - 1))
    _rechained(folder, lambda entries: entries[n].update(kind="forged"))
    assert [problem for problem in problems(folder) if problem.file == LEDGER] == []  # the chain alone cannot show it
    assert any("written anew" in problem.what for problem in problems(folder, head))


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_an_entry_hashed_anew_by_itself_is_named(bundle: Path, scratch: Path, data: st.DataObject) -> None:
    folder = _copy(bundle, scratch)
    head = _head(folder)
    lines = _lines(folder)
    n = data.draw(st.integers(0, len(lines) - 1))
    raw = json.loads(lines[n])
    raw["body"] = {**raw["body"], "forged": True}
    raw["hash"] = digest(raw["n"], raw["at"], raw["kind"], raw["body"], raw["prev"])
    lines[n] = serialized(parse_entry(json.dumps(raw), folder)).encode() + b"\n"
    (folder / LEDGER).write_bytes(b"".join(lines))
    assert any(problem.entry == n for problem in problems(folder, head))


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_changed_or_missing_table_is_named_with_its_entry(bundle: Path, scratch: Path, data: st.DataObject) -> None:
    folder = _copy(bundle, scratch)
    entries = [entry for entry in Ledger(folder).entries() if entry.kind == "query" and entry.body["table"]]
    entry = data.draw(st.sampled_from(entries))
    path = folder / TABLES / f"{entry.body['table']}.parquet"
    if data.draw(st.booleans()):
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(bytes(content))
    found = problems(folder)
    assert any(problem.entry == entry.n and path.name in problem.what for problem in found)
    assert any(f"entry {entry.n} (query)" in str(problem) for problem in found)


def test_a_table_that_no_entry_cites_is_named_and_harms_no_replay(bundle: Path, scratch: Path) -> None:
    folder = _copy(bundle, scratch)
    (folder / TABLES / "stray.parquet").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    assert [problem.file for problem in problems(folder)] == ["notes.txt", f"{TABLES}/stray.parquet"]
    require_intact(folder)


@pytest.mark.parametrize(
    "disguise",
    [
        lambda line: line.replace(b'{"n":', b'{"extra":1,"n":'),
        lambda line: line.replace(b'"n":', b'"n": '),
        lambda line: line.replace(b'"kind":"session"', b'"kind":"x","kind":"session"'),
        lambda line: line + b"\n",
    ],
)
def test_a_line_that_means_the_same_and_is_written_otherwise_is_found(
    bundle: Path, scratch: Path, disguise: Callable[[bytes], bytes]
) -> None:
    folder = _copy(bundle, scratch)
    lines = _lines(folder)
    lines[0] = disguise(lines[0])
    (folder / LEDGER).write_bytes(b"".join(lines))
    assert {problem.entry for problem in problems(folder)} <= {0, 1}
    assert problems(folder)


def test_the_run_json_beside_the_bundle_gives_the_head(bundle: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    shutil.copytree(bundle, evidence)
    run_json = tmp_path / "run.json"
    run_json.write_text(json.dumps({"head": _head(evidence)}))
    assert problems(evidence) == []
    lines = _lines(evidence)
    (evidence / LEDGER).write_bytes(b"".join(lines[:-3]))
    found = problems(evidence)
    assert [problem.entry for problem in found] == [len(lines) - 4]
    assert "cut after it" in str(found[0])
    (evidence / LEDGER).write_bytes(b"".join(lines))
    Ledger(evidence).append("note", {})
    assert [(p.entry, p.what) for p in problems(evidence)] == [(len(lines), "was added after the head in run.json")]
    run_json.write_text("{}")
    assert [problem.file for problem in problems(evidence)] == ["run.json"]


def test_the_status_in_run_json_and_the_report_are_held_against_the_run(bundle: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    shutil.copytree(bundle, evidence)
    Ledger(evidence).append("run", {"status": "CRIT", "exit_code": 2, "interrupted": False, "fault": ""})
    report, run_json = tmp_path / "report.html", tmp_path / "run.json"
    report.write_text("13 CRIT")
    files = {"report.html": hashlib.sha256(report.read_bytes()).hexdigest()}
    said = {"head": _head(evidence), "status": "CRIT", "files": files}
    run_json.write_text(json.dumps(said))
    assert problems(evidence) == problems(evidence, _head(evidence)) == []
    report.write_text("0 CRIT")
    assert [str(problem) for problem in problems(evidence)] == ["report.html was changed since the run"]
    require_intact(evidence)  # what is replayed is the evidence, not the report
    report.unlink()
    run_json.write_text(json.dumps(said | {"status": "OK"}))
    assert [str(problem) for problem in problems(evidence, _head(evidence))] == [
        "run.json was changed: it says OK, and the evidence CRIT",
        "report.html is missing",
    ]
    run_json.write_text(json.dumps(said | {"files": None}))
    assert [str(problem) for problem in problems(evidence)] == ["run.json is no record of a run"]
    run_json.write_text("[1]")
    assert [problem.file for problem in problems(evidence, _head(evidence))] == ["run.json"]


@pytest.mark.parametrize("files", [{}, {"files": {}}, {"files": {"other.html": "0" * 64}}])
def test_a_report_whose_hash_was_taken_out_of_run_json_is_not_covered(
    bundle: Path, tmp_path: Path, files: dict[str, Any]
) -> None:
    evidence = tmp_path / "evidence"
    shutil.copytree(bundle, evidence)
    Ledger(evidence).append("run", {"status": "CRIT", "exit_code": 2, "interrupted": False, "fault": ""})
    (tmp_path / "other.html").write_bytes(b"")
    said = {"head": _head(evidence), "status": "CRIT", "fault": "", "partial": False} | files
    (tmp_path / "run.json").write_text(json.dumps(said))
    (tmp_path / "report.html").write_text("0 CRIT")
    uncovered = "report.html is not covered: run.json lists no hash of it"
    assert uncovered in [str(problem) for problem in problems(evidence)]
    assert uncovered in [str(problem) for problem in problems(evidence, _head(evidence))]
    (tmp_path / "run.json").write_text(json.dumps(said | {"partial": True, "fault": "of our own"}))
    assert uncovered in [str(problem) for problem in problems(evidence)]
    (tmp_path / "run.json").unlink()
    assert [str(problem) for problem in problems(evidence, _head(evidence))] == [
        "report.html is not covered: there is no run.json beside it"
    ]
    (tmp_path / "run.json").write_text(json.dumps(said))
    (tmp_path / "report.html").unlink()
    lacking = "run.json lists no hash of report.html, and a run that ended well has made one"
    assert lacking in [str(problem) for problem in problems(evidence)]


def test_a_run_that_made_no_report_lists_none(bundle: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    shutil.copytree(bundle, evidence)
    said = {"head": _head(evidence), "status": "UNKNOWN"}
    for ended in ({"partial": True}, {"fault": "no room to write it"}, {}):
        (tmp_path / "run.json").write_text(json.dumps(said | ended))
        assert problems(evidence) == []
    Ledger(evidence).append("run", {"status": "UNKNOWN", "exit_code": 130, "interrupted": True, "fault": ""})
    (tmp_path / "run.json").write_text(json.dumps(said | {"head": _head(evidence)}))
    assert problems(evidence) == []


def test_an_empty_or_missing_ledger_is_a_problem(tmp_path: Path) -> None:
    assert "is missing" in str(problems(tmp_path)[0])
    (tmp_path / LEDGER).write_bytes(b"")
    assert "is empty" in str(problems(tmp_path)[0])


def test_verify_raises_with_every_problem_named(bundle: Path, scratch: Path) -> None:
    folder = _copy(bundle, scratch)
    lines = _lines(folder)
    (folder / LEDGER).write_bytes(b"".join(lines[:2] + lines[4:]))
    with pytest.raises(Tampered, match=r"entry 2 of ledger.jsonl is missing.*entry 3 of ledger.jsonl is missing"):
        verify(folder)


def test_a_head_that_is_none_is_wrong_usage(bundle: Path) -> None:
    with pytest.raises(UsageError, match="no head hash"):
        problems(bundle, "abc")
