"""The demo, recorded afresh: the same questions, tables and findings as in the bundle that the package ships."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gocoffee_ops.analysis.logs.services import service_of
from gocoffee_ops.config import environment
from gocoffee_ops.errors import NotRecorded
from gocoffee_ops.evidence.bundle import verify
from gocoffee_ops.evidence.history import RunHistory
from gocoffee_ops.evidence.ledger import Ledger, read_entries
from gocoffee_ops.model import Target, Thresholds
from gocoffee_ops.places import DEMO_BUNDLE, open_places
from gocoffee_ops.places.demo import demo_recorded
from gocoffee_ops.queries import cluster as cluster_queries
from gocoffee_ops.runbooks import catalog
from gocoffee_ops.session import Place, Session
from tests.demo.whole_run import IN_PART
from tests.review.environment import Configured, cli
from tests.testbed.incident import Incident
from tests.testbed.incident.environment import NAME
from tests.testbed.notebook_cells import run_cells
from tests.testbed.record import MANIFEST, record
from tests.testbed.scenario.load import NAMESPACE

LIMIT_BYTES = 2_000_000
NOW = datetime.now(UTC)
BUSY = "events_heard"  # controllers remark what they have to try again, which depends on how busy the machine is
ORDERS = "deployment/order-service"
VERDICTS = {"start-here": ("OK", 0), "database-slowdown": ("WARN", 1)}  # the rest: CRIT
TOLD = {  # of the incident, in WARN or CRIT
    "morning-health-check": {
        ("workloads_run", ORDERS),
        ("alerts_quiet", "alert/HighErrorRate"),
        ("alerts_fired", "alert/PaymentsFailing"),
    },
    "service-down": {("workloads_run", ORDERS), ("endpoints_healthy", "endpoint/api")},
    "high-error-rate": {("error_rate", "service/api-gateway"), ("nothing_new_in_logs", "service/order-service")},
    "database-slowdown": {("tables_indexed", "table/public.orders")},
    "forensics": {("workloads_run", ORDERS), ("nothing_new_in_logs", "service/order-service")},
    "performance-review": {("pods_ready", ORDERS), ("tables_indexed", "table/public.orders")},
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")


def as_of(folder: Path) -> datetime:
    (moment,) = {place.as_of for place in demo_recorded(NOW, folder)}
    return moment


def asked(folder: Path) -> set[tuple[str, str, str]]:
    """Query, target and arguments; moments in them as they lie before the recording's own."""
    now = as_of(folder)

    def before(match: re.Match[str]) -> str:
        return f"{(now - datetime.fromisoformat(match[0])).total_seconds():g} s before"

    queries = [entry.body for entry in read_entries(folder) if entry.kind == "query"]
    return {(body["query"], body["target"], MOMENT.sub(before, body["args"])) for body in queries}


def columns(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Every query's columns with their types."""
    return {
        entry.body["query"]: [
            (field.name, str(field.type))
            for field in pq.read_schema(folder / "tables" / f"{entry.body['table']}.parquet")
        ]
        for entry in read_entries(folder)
        if entry.kind == "query"
    }


def findings(folder: Path, ledger: Path) -> set[tuple[str, str, str, str]]:
    """What all runbooks find in a bundle: runbook, check, subject and status, but for what they find in the live database."""
    opened = open_places(environment("demo"), now=NOW)
    database = [place for place in opened.places if place.target.kind == "database"]
    history = RunHistory(ledger / "reports", "demo", "demo", {}, NOW)
    earlier = Place(Target("history", "reports"), NOW, connect=lambda: history)
    found = set()
    for book in catalog.runbooks():
        ops = Session(
            runbook=book.name,
            environment="demo",
            places=[*demo_recorded(NOW, folder), *database, earlier],
            # Of two recordings, one may be of pods that are minutes old.
            thresholds=replace(opened.thresholds, pod_starting_s=0.0),
            ledger=Ledger(ledger / book.name, opened.redactor),
            demo=True,
            held=opened.held,
            contacts=opened.contacts,
        )
        with contextlib.redirect_stdout(io.StringIO()):
            run_cells(book, ops)
        for one in ops.findings:
            live = any("@database/" in evidence or "@history/" in evidence for evidence in one.evidence)
            if not live and one.check != BUSY:
                # What a pod is called differs between two recordings; whose it is does not.
                found.add((book.name, one.check, service_of(one.subject), one.status.value))
    return found


def test_the_shipped_bundle_is_intact_small_and_says_how_it_came_about() -> None:
    manifest = json.loads((DEMO_BUNDLE / MANIFEST).read_text())
    verify(DEMO_BUNDLE, manifest["head"])
    assert sum(file.stat().st_size for file in DEMO_BUNDLE.rglob("*")) < LIMIT_BYTES
    assert manifest["server_version"].startswith("v1.")
    assert set(manifest["versions"]) == {
        "kubernetes", "postgresql", "redis", "prometheus", "alertmanager", "elasticsearch", "grafana", "opencost",
    }  # fmt: skip
    assert manifest["command"] == "make demo-bundle"
    assert manifest["released_at"] < manifest["recorded_at"]
    assert all(manifest["resource_versions"].values())


def test_the_shipped_bundle_answers_every_question_once_and_failed_at_none() -> None:
    bodies = [entry.body for entry in read_entries(DEMO_BUNDLE) if entry.kind == "query"]
    assert [body for body in bodies if body["error"]] == []
    keys = [(body["query"], body["target"], body["args"], body["call"]) for body in bodies]
    assert len(set(keys)) == len(keys) >= 40


@pytest.mark.timeout(900)
def test_recorded_afresh_it_holds_the_same_questions_tables_and_findings(it: Incident, tmp_path: Path) -> None:
    fresh = tmp_path / "bundle"
    record(it, fresh)
    assert asked(fresh) == asked(DEMO_BUNDLE)
    assert columns(fresh) == columns(DEMO_BUNDLE)
    assert findings(fresh, tmp_path / "a") == findings(DEMO_BUNDLE, tmp_path / "b")


@pytest.fixture(scope="module")
def runs(it: Incident, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, Path]]:
    """Every runbook, run on the incident's environment as a user does: exit status, what was said, the run's folder."""
    folder = tmp_path_factory.mktemp("user")
    found = {}
    for book in catalog.runbooks():
        done = cli(Configured(it.config.parent), "run", book.name, "--env", NAME, "--reports", str(folder))
        (made,) = (folder / book.name).glob("[0-9]*")
        found[book.name] = (done.returncode, done.stdout + done.stderr, made)
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [book.name for book in catalog.runbooks()])
def test_a_user_who_runs_it_on_the_environment_itself_has_it_whole(
    name: str, runs: dict[str, tuple[int, str, Path]]
) -> None:
    """Not on its record: over TLS, as the reader roles, from the configuration."""
    status, said, folder = runs[name]
    run = json.loads((folder / "run.json").read_text())
    assert {cell["state"] for cell in run["cells"]} == {"ok"}, said
    assert run["coverage"]["asked"] - run["coverage"]["answered"] == IN_PART.get(name, 0), run["coverage"]
    assert run["demo"] is False
    verdict, code = VERDICTS.get(name, ("CRIT", 2))
    assert (run["status"], run["exit_code"], status) == (verdict, code, code), said
    wrong = {(one["check"], one["subject"]) for one in run["findings"] if one["status"] in {"WARN", "CRIT"}}
    assert wrong >= TOLD.get(name, set())
    report = (folder / "report.html").read_text()
    assert "This section failed" not in report
    assert "platform-lead@example.com" in report or "ops.contacts(" not in report


@pytest.mark.timeout(900)
def test_h19_what_is_lost_soonest_stands_first_in_the_evidence(runs: dict[str, tuple[int, str, Path]]) -> None:
    """Logs, of the run before the last restart too, events, how containers last ended, and sessions; all of it hashed, none of it
    changed since."""
    folder = runs["forensics"][2]
    verify(folder / "evidence", json.loads((folder / "run.json").read_text())["head"])
    bodies = [entry.body for entry in read_entries(folder / "evidence") if entry.kind == "query"]
    lost = {
        "logs.lines",
        "cluster.events",
        "nodes.events",
        "workloads.restarts",
        "database.activity",
        "database.blocking",
    }
    about = {"log_store.reach", "log_store.lines", "cluster.event_horizon"}
    first = list(dict.fromkeys(body["query"] for body in bodies))[: len(lost | about)]
    assert (first[0], set(first)) == ("logs.lines", lost | about)
    previous = [log for log in bodies[0]["notes"]["logs"] if log["previous"] and log["state"] == "read"]
    assert previous
    assert all(log["lines"] and len(log["sha256"]) == 64 for log in previous)


def test_a_question_that_was_not_recorded_is_never_read_live(tmp_path: Path) -> None:
    places = demo_recorded(NOW)
    ops = Session(runbook="demo", environment="demo", places=places, thresholds=Thresholds(), ledger=Ledger(tmp_path))
    with pytest.raises(NotRecorded) as raised:
        cluster_queries.pods(ops, namespace="elsewhere")
    assert NAMESPACE in raised.value.hint
