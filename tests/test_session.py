"""A session's timeline (what cells mark, and what could not be read beside it), and what it shows of findings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import timeline
from gocoffee_ops.config import MetricNames
from gocoffee_ops.errors import Unreachable, UsageError
from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Key
from gocoffee_ops.model import Finding, Status, Target, Thresholds, Window
from gocoffee_ops.places.demo import demo_recorded
from gocoffee_ops.queries import changes, cluster, control_plane, metrics
from gocoffee_ops.session import Check, Place, Session
from gocoffee_ops.sources.prometheus import Prometheus
from tests.faults.tcp_proxy import closed_port

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def moment(subject: str) -> pd.DataFrame:
    row = {"time": AT, "kind": "rollout", "subject": subject, "what": "changed", "source": "", "evidence": ""}
    return timeline.MOMENTS.from_rows(
        [row | dict.fromkeys(("cluster", "namespace", "service", "node", "resolution_s"))]
    )


@pytest.fixture
def ops(tmp_path: Path) -> Session:
    return Session(runbook="r", environment="e", places=[], thresholds=Thresholds(), ledger=Ledger(tmp_path))


def test_a_cell_that_runs_again_puts_its_moments_on_the_timeline_anew(ops: Session) -> None:
    ops.cell_started("one", 1)
    ops.mark(moment("deployment/a"), moment("deployment/b"))
    ops.cell_started("two", 2)
    ops.mark(moment("deployment/c"))
    ops.cell_started("one", 3)
    ops.mark(moment("deployment/d"))
    assert list(ops.timeline()["subject"]) == ["deployment/c", "deployment/d"]


def test_a_timeline_names_what_could_not_be_read(ops: Session) -> None:
    ops.cell_started("one", 1)
    ops.gap(Key("changes.rollouts", "cluster/us", "", 0), Unreachable("list deployments", target="cluster/us"))
    ops.mark(moment("deployment/a"))
    assert ops.timeline().attrs["gaps"] == ["cluster/us: changes.rollouts"]


def test_a_timeline_names_the_cells_that_raised_before_they_could_mark_anything(ops: Session) -> None:
    ops.cell_started("one", 1)
    ops.cell_ended("one", 1, "KeyError: 'images'")
    assert ops.timeline().attrs["gaps"] == ["what a cell that raised would have marked: KeyError: 'images'"]
    ops.cell_started("one", 2)
    ops.mark(moment("deployment/a"))
    ops.cell_ended("one", 2, "")
    assert ops.timeline().attrs["gaps"] == []


def placed(tmp_path: Path, **as_of: datetime) -> Session:
    places = [Place(Target(kind, "one"), moment, connect=lambda: None) for kind, moment in as_of.items()]
    return Session(runbook="r", environment="e", places=places, thresholds=Thresholds(), ledger=Ledger(tmp_path))


def test_a_window_ends_when_the_clusters_are_read_as_of(tmp_path: Path) -> None:
    ops = placed(tmp_path, cluster=AT, database=AT + timedelta(days=3))
    assert ops.window(hours=2.0) == Window(AT - timedelta(hours=2), AT)
    assert ops.window("2026-11-25T02:00+01:00", "2026-11-25T02:30Z") == Window(
        AT - timedelta(hours=2), AT - timedelta(minutes=30)
    )
    assert ops.window(hours=1.0).before(0.5) == Window(AT - timedelta(hours=1.5), AT - timedelta(hours=1))
    assert placed(tmp_path / "b", database=AT, redis=AT + timedelta(hours=1)).window().end == AT + timedelta(hours=1)


@pytest.mark.parametrize(
    ("started_h", "hours", "begins_h"),
    [
        (5.0, 1.0, 6.0),
        (0.0, 1.0, 1.0),
        (0.5, 1.0, 1.0),  # seen well enough
        (0.75, 1.0, 1.75),
        (0.75, 2.0, 2.0),
        (47.0, 1.0, 48.0),
        (47.5, 1.0, 48.0),
        (24.0 * 21, 1.0, 48.0),  # weeks ago: no longer than that
        (24.0 * 21, 72.0, 72.0),
    ],
)
def test_a_window_reaches_back_to_before_something_started(
    tmp_path: Path, started_h: float, hours: float, begins_h: float
) -> None:
    started = f"{AT - timedelta(hours=started_h):%Y-%m-%dT%H:%M:%SZ}"
    window = placed(tmp_path, cluster=AT).window(hours=hours, started=started)
    assert window == Window(AT - timedelta(hours=begins_h), AT)


def test_what_started_after_the_window_ends_is_wrong_usage(tmp_path: Path) -> None:
    late = f"{AT + timedelta(minutes=1):%Y-%m-%dT%H:%MZ}"
    for start in ("", "2026-11-25T02:00Z"):
        with pytest.raises(UsageError, match=r"started at .* later than what is read: 2026-11-25T03:00Z"):
            placed(tmp_path / start, cluster=AT).window(start, started=late)
    with pytest.raises(UsageError, match="given 'lately'"):
        placed(tmp_path / "c", cluster=AT).window(started="lately")


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [("yesterday", "", "given 'yesterday'"), ("2026-11-25T02:00", "", "names no zone"), ("", "03:00", "given '03:00'")],
)
def test_a_window_of_what_is_no_time_is_wrong_usage(tmp_path: Path, start: str, end: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        placed(tmp_path, cluster=AT).window(start, end)
    with pytest.raises(UsageError, match="start before it ends"):
        placed(tmp_path / "b", cluster=AT).window("2026-11-25T04:00Z")


def says(name: str, status: Status, *sentences: str) -> Check:
    """A check that says these."""

    def check() -> list[Finding]:
        return [Finding(status, name, "endpoint/api", sentence) for sentence in sentences]

    check.__name__ = name
    return check


def test_a_sentence_is_shown_once_in_a_cell_and_recorded_of_each_check(
    ops: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy, fast = says("healthy", Status.CRIT, "answered 503"), says("fast", Status.CRIT, "answered 503", "slow")

    def shown(*judged: Check) -> str:
        for check in judged:
            ops.judge(check)
        return capsys.readouterr().out

    ops.cell_started("one", 1)
    both = shown(healthy, fast)
    assert (both.count("answered 503"), both.count("slow")) == (1, 1)
    assert "answered 503" in shown(healthy)  # whoever asks again is told again
    ops.cell_started("two", 2)
    assert "answered 503" in shown(says("fast", Status.CRIT, "answered 503"))
    assert "answered 503" in shown(says("other", Status.WARN, "answered 503"))
    made = [(entry.body["check"], entry.body["reason"]) for entry in ops.ledger.entries() if entry.kind == "finding"]
    assert made[:3] == [("healthy", "answered 503"), ("fast", "answered 503"), ("fast", "slow")]


def test_pickers_ask_what_they_offer_only_where_somebody_can_click(tmp_path: Path) -> None:
    for interactive in (False, True):
        ops = Session(
            runbook="r",
            environment="demo",
            places=demo_recorded(AT),
            thresholds=Thresholds(),
            ledger=Ledger(tmp_path / str(interactive)),
            interactive=interactive,
        )
        ops.explore(cluster.pods, control_plane.namespaces, cluster.nodes.given(), namespace="go-coffee")
        asked = [entry.body["query"] for entry in ops.ledger.entries() if entry.kind == "query"]
        assert asked == (["control_plane.namespaces", "cluster.nodes"] if interactive else [])


class Shown(Session):
    """Keeps what it shows."""

    def show(self, value: object, *columns: str) -> None:
        self.shown: list[Any] = [*getattr(self, "shown", []), value]


def clicked(folder: Path, places: Sequence[Place]) -> Shown:
    """A session in which somebody can click."""
    return Shown(
        runbook="r",
        environment="e",
        places=places,
        thresholds=Thresholds(),
        ledger=Ledger(folder),
        interactive=True,
    )


def test_pickers_whose_offer_cannot_be_read_cost_no_section(tmp_path: Path) -> None:
    place = Place(Target("cluster", "one"), AT, connect=lambda: None)
    ops = clicked(tmp_path, [place])
    ops.explore(cluster.pods, control_plane.namespaces, namespace="go-coffee")
    assert "not all is offered" in str(ops.shown[0].children[1].outputs)
    assert ops.findings == []  # as where nobody can click
    found = [entry.body for entry in ops.ledger.entries() if entry.kind == "finding"]
    assert [(one["check"], one["status"], one["cell"]) for one in found] == [
        ("control_plane.namespaces", "UNKNOWN", record.PICKED)
    ]


def test_a_pick_is_on_record_and_no_part_of_what_the_run_is_judged_by(tmp_path: Path) -> None:
    ops = clicked(tmp_path, demo_recorded(AT))
    ops.cell_started("pods", 1)
    cluster.pods(ops, namespace="go-coffee")
    ops.explore(changes.configmaps, namespace="kube-system")
    row, _ = ops.shown[0].children
    ops.cell_ended("pods", 1, "")
    ops.cell_started("verdict", 2)
    row.children[-1].click()
    asked = [entry.body for entry in ops.ledger.entries() if entry.kind == "query"]
    assert [(one["query"], one["error"] is None) for one in asked] == [
        ("cluster.pods", True),
        ("changes.configmaps", False),
    ]
    assert (ops.findings, ops.timeline().attrs["gaps"]) == ([], [])
    counted = record.coverage(ops.ledger.entries())
    assert (counted.answered, counted.due) == (1, 1)
    ops.judge(says("healthy", Status.WARN, "slow"))
    assert [one.check for one in ops.findings] == ["healthy"]  # the cell's own findings are its own again


def test_what_a_check_says_of_a_pick_is_shown_and_judges_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ops = clicked(tmp_path, demo_recorded(AT))
    ops.explore(changes.rollouts, check=checks.rollouts_done, namespace="go-coffee")
    row, _ = ops.shown[0].children
    row.children[-1].click()
    assert "deployment/order-service" in str(ops.shown[1])
    assert (ops.findings, [entry.body["cell"] for entry in ops.ledger.entries() if entry.kind == "finding"][:1]) == (
        [],
        [record.PICKED],
    )


def test_services_of_which_nothing_can_be_read_are_unknown_and_no_empty_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Prometheus("prometheus/main", f"http://127.0.0.1:{closed_port()}", metrics=MetricNames())
    ops = clicked(tmp_path, [Place(Target("prometheus", "main"), AT, connect=lambda: source)])
    ops.explore(metrics.requests, metrics.services, check=checks.error_rate, services=["orders"], window_s=300.0)
    box = ops.shown[0]
    assert "not all is offered" in str(box.children[1].outputs)
    box.children[0].children[-1].click()
    asked, said = capsys.readouterr().out.splitlines()[-2:]
    assert "services: orders · window: 5 min" in asked
    assert said.startswith("UNKNOWN prometheus/main: not read: Unreachable: ")
    assert (ops.shown[1:], ops.findings) == ([], [])
    source.close()
