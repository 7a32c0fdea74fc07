"""Endpoints and status pages x each fault, all in one run: every one has its own words, and the sound ones are whole.

An endpoint that is down is CRIT, one that refuses us UNKNOWN; a service of somebody else that wants a key can be reached; a status
page that was not read is UNKNOWN.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.http_server import Answer, says, serving, unused_port
from tests.runbooks.written import call, run_json, runbook
from tests.statuspage import summary

DEADLINE_S = 12.0  # long enough for the sound one on a busy machine
HEALTHY, OPERATIONAL = says({"status": "ok"}), says(summary("none"))


@dataclass(frozen=True)
class Fault:
    """A fault (None: nobody listens), and what becomes of an endpoint, of a dependency, and of a status page that has it."""

    name: str
    answer: Answer | None
    endpoint: tuple[str, str]
    dependency: tuple[str, str]
    page: str


DOWN, REACHED = "CRIT", ("", "")
FAULTS = [
    Fault("refused", None, (DOWN, "refused"), (DOWN, "refused"), "refused"),
    Fault("hangs", Answer(stall=True), (DOWN, "no answer after"), (DOWN, "no answer after"), "no answer after"),
    Fault("reset", Answer(reset=True), (DOWN, "connection broke"), (DOWN, "connection broke"), "connection broke"),
    Fault("401", Answer(401), ("UNKNOWN", "answered 401"), REACHED, "answered 401"),
    Fault("403", Answer(403), ("UNKNOWN", "answered 403"), REACHED, "answered 403"),
    Fault("404", Answer(404), (DOWN, "answered 404"), REACHED, "answered 404"),
    Fault("429", Answer(429), ("UNKNOWN", "answered 429"), REACHED, "answered 429"),
    Fault("500", Answer(500), (DOWN, "answered 500"), (DOWN, "answered 500"), "answered 500"),
    Fault("503", Answer(503), (DOWN, "answered 503"), (DOWN, "answered 503"), "answered 503"),
    Fault("malformed", Answer(body=b"<p>ok</p>"), (DOWN, "is not JSON"), REACHED, "malformed"),
    Fault(
        "truncated",
        says({"status": "ok", **summary("none")}, cut_at=20),
        (DOWN, "connection broke"),
        (DOWN, "connection broke"),
        "connection broke",
    ),
    Fault("slow drip", says(summary("none"), drip_s=0.05), (DOWN, "answer after"), (DOWN, "answer after"), "complete"),
]
SECTIONS = (
    "from gocoffee_ops import checks, endpoints\nops.judge(checks.endpoints_healthy, endpoints.health(ops))",
    "ops.judge(checks.dependencies_reachable, endpoints.dependencies(ops))",
    "ops.judge(checks.providers_operational, endpoints.provider_status(ops))",
    "ops.contacts(started='2026-01-01T00:00Z')",
)
LIMITS = "samples = 2\ntimeout_s = 2.0\n"


def _name(fault: Fault) -> str:
    return fault.name.replace(" ", "-")


def _config(urls: dict[str, tuple[str, str]]) -> str:
    """An endpoint and a dependency for each address; what answers as a status page too."""
    text = f"[environments.test.limits]\nquery_deadline_s = {DEADLINE_S}\n"
    for name, (url, page) in urls.items():
        text += f'[[environments.test.endpoints]]\nname = "{name}"\nurl = "{url}"\n{LIMITS}'
        text += 'expected_body = { status = "ok" }\n'
        text += f'[[environments.test.dependencies]]\nname = "{name}"\nurl = "{url}"\n{LIMITS}status_page = "{page}"\n'
    return text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of one run over everything that is broken, and one that is not."""
    folder = tmp_path_factory.mktemp("faults")
    book = runbook(folder / "addresses.ipynb", *SECTIONS)
    with ExitStack() as stack:
        urls = {}
        for fault in FAULTS:
            if fault.answer is None:
                url = f"http://127.0.0.1:{unused_port()}"
            else:
                url = stack.enter_context(serving(lambda _, answer=fault.answer: answer)).url
            urls[_name(fault)] = (url, url)
        sound = stack.enter_context(serving(lambda asked: OPERATIONAL if "summary" in asked.path else HEALTHY))
        urls["sound"] = (sound.url, sound.url)
        (folder / "gocoffee.toml").write_text(_config(urls), encoding="utf-8")
        ended = call("gocoffee-ops", "run", book, "--env", "test", cwd=folder)
    found = run_json(folder / "reports", "addresses")
    found["exit"], found["printed"] = ended.returncode, ended.stdout + ended.stderr
    return found


def _said(run: dict[str, Any], check: str, subject: str) -> tuple[str, str]:
    """Status and reason of what stands against a subject; nothing where nothing does."""
    found = [f for f in run["findings"] if f["check"] == check and f["subject"] == subject]
    assert len(found) <= 1
    return (found[0]["status"], found[0]["reason"]) if found else REACHED


def test_the_matrix_prints_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(FAULTS)} each of endpoints, dependencies and status pages")
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 10


def test_the_run_ends_with_its_worst_and_every_section_was_run(run: dict[str, Any]) -> None:
    assert (run["status"], run["exit"]) == ("CRIT", 2), run["printed"]
    assert {cell["state"] for cell in run["cells"]} == {"ok"}
    counts = run["coverage"]["by_target"]
    assert (counts["dependency/sound"]["answered"], counts["dependency/sound"]["asked"]) == (2, 2)
    assert {n["answered"] for target, n in counts.items() if target.startswith("endpoint/")} == {1}
    json.dumps(run)


@pytest.mark.parametrize("fault", FAULTS, ids=_name)
def test_a_faulty_endpoint_is_down_or_not_seen(run: dict[str, Any], fault: Fault) -> None:
    status, reason = _said(run, "endpoints_healthy", f"endpoint/{_name(fault)}")
    assert status == fault.endpoint[0]
    assert fault.endpoint[1] in reason


@pytest.mark.parametrize("fault", FAULTS, ids=_name)
def test_a_faulty_dependency_is_reached_or_not(run: dict[str, Any], fault: Fault) -> None:
    status, reason = _said(run, "dependencies_reachable", f"dependency/{_name(fault)}")
    assert status == fault.dependency[0]
    assert fault.dependency[1] in reason


@pytest.mark.parametrize("fault", FAULTS, ids=_name)
def test_a_faulty_status_page_is_unknown(run: dict[str, Any], fault: Fault) -> None:
    status, reason = _said(run, "endpoints.provider_status", f"dependency/{_name(fault)}")
    assert status == "UNKNOWN"
    assert fault.page in reason.lower()


def test_what_is_sound_has_nothing_against_it(run: dict[str, Any]) -> None:
    against = [f for f in run["findings"] if f["subject"].endswith("/sound")]
    assert against == []
    assert _said(run, "providers_operational", "providers")[0] == "OK"
