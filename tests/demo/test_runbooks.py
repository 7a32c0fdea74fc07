"""Every runbook runs on the demo from nothing, to the verdict that its planted faults and its recorded incident deserve."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.config import environment
from gocoffee_ops.evidence.history import RunHistory
from gocoffee_ops.evidence.ledger import Ledger, read_entries
from gocoffee_ops.model import Status, Target
from gocoffee_ops.places import open_places
from gocoffee_ops.queries.query import Begun
from gocoffee_ops.runbooks import catalog, runner
from gocoffee_ops.runbooks.run_folder import EVIDENCE
from gocoffee_ops.session import Place, Session
from tests.demo.whole_run import assert_whole, ran
from tests.testbed.notebook_cells import run_cells

BOOKS = [book.name for book in catalog.runbooks()]
SUBJECT = "deployment/order-service"


class Watched(Session):
    """Keeps in which cells questions were begun, which ones nobody asked for, which ones nothing had begun, and which tables
    were shown without the cluster that their rows are of."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.begun_in: set[str] = set()
        self.waiting: list[str] = []
        self.not_begun: list[str] = []
        self.clusters_hidden: list[tuple[str, ...]] = []

    def show(self, value: object, *columns: str) -> None:
        if isinstance(value, pd.DataFrame) and columns and "cluster" in value and "cluster" not in columns:
            self.clusters_hidden.append(columns)
        super().show(value, *columns)

    def begin(self, query: str, args: str, begun: Begun) -> None:
        self.begun_in.add(self._cell.key)
        self.waiting.append(f"{query}({args})")
        super().begin(query, args, begun)

    def begun(self, query: str, args: str) -> Begun | None:
        found = super().begun(query, args)
        if found is not None:
            self.waiting.remove(f"{query}({args})")
        elif not query.startswith("history."):  # files of our own
            self.not_begun.append(f"{query}({args})")
        return found


@pytest.mark.parametrize("name", sorted({*BOOKS} - {"start-here"}))
def test_a_runbook_begins_all_its_questions_before_its_first_section(name: str, tmp_path: Path) -> None:
    """So that what hangs costs its deadline once, and not as often as it is asked."""
    now = datetime.now(UTC)
    opened = open_places(environment("demo"), now=now)
    history = RunHistory(tmp_path / "reports", name, "demo", {}, now)
    earlier = Place(Target("history", "reports"), now, connect=lambda: history)
    ops = Watched(
        runbook=name,
        environment="demo",
        places=[*opened.places, earlier],
        thresholds=opened.thresholds,
        ledger=Ledger(tmp_path / "evidence", opened.redactor),
        demo=True,
        held=opened.held,
        contacts=opened.contacts,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        run_cells(catalog.find(name), ops)
    assert ops.not_begun == []
    assert ops.begun_in <= {f"{name} 1", f"{name} 2"}  # the set-up, and a cell that only begins
    assert len([one for one in ops.ledger.entries() if one.kind == "query"]) > 10
    assert ops.waiting == []  # all that was begun is asked for
    if catalog.find(name).path.parent.name == "incident":  # it may touch several clusters
        assert ops.clusters_hidden == []


@pytest.mark.parametrize("name", sorted({*BOOKS} - {"cost-analysis"}))  # whose run is in test_cost_hazards.py
def test_a_runbook_runs_whole_on_the_demo(name: str, tmp_path: Path) -> None:
    assert_whole(name, ran(name, tmp_path))


def test_forensics_reach_the_same_findings_from_their_own_record_alone(tmp_path: Path) -> None:
    first = ran("forensics", tmp_path / "first")
    again = runner.run(runner.prepare("forensics", replay=first.folder, reports=tmp_path / "again"))

    def told(result: runner.RunResult) -> list[str]:
        return sorted(json.dumps(finding.to_record(), sort_keys=True) for finding in result.findings)

    assert told(again) == told(first)
    assert again.coverage == first.coverage
    assert (again.folder / "postmortem.md").read_text() == (first.folder / "postmortem.md").read_text()


def test_service_down_counts_back_from_the_services_first_sign_where_nobody_says_when_it_began(tmp_path: Path) -> None:
    result = ran("service-down", tmp_path)
    (said,) = [finding for finding in result.findings if finding.check == "changed_before_onset"]
    as_of = next(entry.body for entry in read_entries(result.folder / EVIDENCE) if entry.kind == "session")["targets"][
        0
    ]["as_of"]
    onset = datetime.fromisoformat(f"{said.reason.partition(' before ')[2].partition(' UTC')[0]}+00:00")
    assert onset < datetime.fromisoformat(as_of) - timedelta(minutes=1)
    assert "look first at deployment/order-service" in said.reason


def test_the_forensics_report_tells_the_story_with_its_evidence(tmp_path: Path) -> None:
    result = ran("forensics", tmp_path)
    found = {(part.check, part.subject): part for finding in result.findings for part in finding.made}

    for check, subject, said, target in (
        ("error_rate", "service/api-gateway", "% of 24.0 requests/s fail", "prometheus/main"),
        ("error_rate_below", "service/api-gateway", "within 1 min", "cluster/demo"),
        ("endpoints_healthy", "endpoint/api", "answered 503 instead of 200", "endpoint/api"),
        ("nothing_new_in_logs", "service/order-service", "new: ", "cluster/demo"),
        ("nothing_new_in_logs", "service/postgres-primary", "new: ", "cluster/demo"),
        ("workloads_run", SUBJECT, "keeps crashing (3 restarts): ended with exit code 2", "cluster/demo"),
        ("tables_indexed", "table/public.orders", "scans read", "database/coffee"),
    ):
        finding = found[check, subject]
        assert finding.status in {Status.WARN, Status.CRIT}
        assert said in finding.reason
        assert any(target in evidence for evidence in finding.evidence)

    draft = (result.folder / "postmortem.md").read_text()
    moments = [line for line in draft.splitlines() if line.startswith("| 2")]
    told = [
        "configmap/order-service-config",
        "DROP INDEX orders",
        "release 4.1.1: loyalty points",
        "error onset",
        "new: query failed",
        "alert/HighErrorRate",
        "alert/PodCrashLooping",
    ]
    assert [next(i for i, line in enumerate(moments) if part.replace("_", "\\_") in line) for part in told]
    _, _, candidates = draft.partition("| min before |")
    assert "release 4.1.1" in candidates.splitlines()[2], "the release is looked at first"
    assert "look first at deployment/order-service" in found["changed_before_onset", "timeline"].reason


def test_high_error_rate_of_a_window_that_ended_asks_prometheus_of_that_window_too(tmp_path: Path) -> None:
    opened = open_places(environment("demo"), now=datetime.now(UTC))
    (as_of,) = {place.as_of for place in opened.places if place.target.kind == "prometheus"}
    result = ran("high-error-rate", tmp_path, end=as_of.isoformat())
    asked = [entry.body for entry in read_entries(result.folder / EVIDENCE) if entry.kind == "query"]
    measured = [
        body for body in asked if body["query"] in {"metrics.requests", "metrics.latency", "metrics.saturation"}
    ]
    assert len(measured) == 3
    assert all(as_of.strftime("%Y-%m-%dT%H:%M:%S") in json.dumps(body["args"]) for body in measured)

    found = {(finding.check, finding.subject): finding for finding in result.findings}
    assert found["error_rate", "service/api-gateway"].status is Status.CRIT
    assert found["nothing_new_in_logs", "service/order-service"].next == ("forensics",)
    assert found["nothing_new_in_logs", "service/postgres-primary"].next == ("database-slowdown",)
