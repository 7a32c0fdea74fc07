"""How far back service-down looks when somebody says when the outage began."""

from __future__ import annotations

import ast
import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.analysis import timeline
from gocoffee_ops.errors import OpsError, ParameterError, UsageError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Finding, Status, Target, Thresholds, Window
from gocoffee_ops.places.demo import demo_recorded
from gocoffee_ops.queries.query import Begun
from gocoffee_ops.runbooks import catalog, parameters, runner
from gocoffee_ops.session import Place, Session, latest

END = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
SETUP, AHEAD, LOGS, STEP = "5923e7e5", "4c1d0a7e", "00a1d343", "acc93448"
SERVICE = "order-service"


def ago(**of: float) -> str:
    return f"{END - timedelta(**of):%Y-%m-%dT%H:%M:%SZ}"


class Asking(Session):
    """Keeps since when each question about logs asks; nobody is there to answer."""

    since: str = ""

    def begin(self, query: str, args: str, begun: Begun) -> None:
        if query == "logs.lines":
            self.since = args.partition("start=")[2]
        super().begin(query, args, begun)


class Told:
    """The cells of the runbook, run one by one with a session and a time at which the outage began."""

    def __init__(self, folder: Path, started: str) -> None:
        places = [Place(Target("cluster", "eu"), END, connect=lambda: None)]
        ledger = Ledger(folder / "evidence")
        self.ops = Asking(runbook="x", environment="e", places=places, thresholds=Thresholds(), ledger=ledger)
        self.names: dict[str, Any] = {"ops": self.ops, "service": SERVICE, "namespace": "shop", "started": started}
        cells = catalog.load(catalog.find("service-down").path)["cells"]
        self.cells = {cell["id"]: "".join(cell["source"]) for cell in cells}
        tree = ast.parse(self.cells[SETUP])
        for imported in tree.body[0].names if isinstance(tree.body[0], ast.ImportFrom) else ():
            self.names[imported.name] = getattr(importlib.import_module("gocoffee_ops"), imported.name)
        exec(ast.unparse(tree.body[-1]), self.names)

    @property
    def window(self) -> Window:
        window: Window = self.names["window"]
        return window

    def run(self, cell: str) -> None:
        exec(self.cells[cell], self.names)

    def ranked(self, *moments: dict[str, Any]) -> Finding:
        """What the last step says of moments, where all else was read."""
        plain = dict.fromkeys(("cluster", "namespace", "service", "node", "resolution_s"))
        plain |= {"what": "it changed", "source": "", "evidence": "", "service": SERVICE, "cluster": "eu"}
        self.ops.mark(timeline.MOMENTS.from_rows([plain | one for one in moments]))
        self.run(STEP)
        (said,) = [finding for finding in self.ops.findings if finding.check == "changed_before_onset"]
        return said


RELEASED = {"kind": "rollout", "subject": f"deployment/{SERVICE}", "time": END - timedelta(hours=5, minutes=4)}
LOGGED = {"kind": "log onset", "subject": f"service/{SERVICE}", "time": END - timedelta(hours=4, minutes=58)}


BEGINS = [("", 1.0), (ago(minutes=10), 1.0), (ago(minutes=30), 1.0), (ago(minutes=31), 91 / 60), (ago(hours=5), 6.0)]


@pytest.mark.parametrize(("started", "begins"), [*BEGINS, (ago(days=21), 48.0)])
def test_logs_are_read_from_before_the_outage_began(started: str, begins: float, tmp_path: Path) -> None:
    told = Told(tmp_path, started)
    assert told.window == Window(END - timedelta(hours=begins), END)
    told.run(AHEAD)
    assert datetime.fromisoformat(told.ops.since) == told.window.start
    with pytest.raises(OpsError):  # nobody answers; it is the question that was begun
        told.run(LOGS)
    asked = [entry.body["query"] for entry in told.ops.ledger.entries() if entry.kind == "query"]
    assert asked.count("logs.lines") == 1


def test_what_the_parameter_says_of_how_far_back_logs_are_read_is_what_is_done() -> None:
    (cell,) = [
        "".join(cell["source"])
        for cell in catalog.load(catalog.find("service-down").path)["cells"]
        if "parameters" in cell["metadata"].get("tags", ())
    ]
    (started,) = [one for one in parameters.parse(cell) if one.name == "started"]
    said = "logs are read of the last hour; from an hour before it, of 48 hours at most, if that was more than half an hour ago"
    assert said in started.help


def test_signs_and_changes_of_an_outage_of_hours_ago_are_seen(tmp_path: Path) -> None:
    said = Told(tmp_path, ago(hours=5)).ranked(RELEASED, LOGGED)
    assert said.status is Status.OK
    assert "before 2026-11-25 03:00:00 UTC; look first at deployment/order-service, 4 min before" in said.reason


def test_an_outage_that_began_before_what_is_read_is_unknown_and_says_what_is_not_known(tmp_path: Path) -> None:
    said = Told(tmp_path, ago(days=21)).ranked(RELEASED)
    assert said.status is Status.UNKNOWN
    assert "not read: what was logged, and fired, from 2026-11-04 08:00 to 2026-11-23 08:00 UTC" in said.reason


def test_an_outage_that_is_to_come_is_wrong_usage_before_anybody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"later than what is read: 2026-11-25T08:00Z"):
        Told(tmp_path, "2026-11-25T08:01Z")
    recorded = latest(demo_recorded(datetime.now(UTC)))
    after = f"{recorded + timedelta(minutes=1):%Y-%m-%dT%H:%MZ}"
    with pytest.raises(ParameterError, match=r"'started' is wrong.* later than what is read"):
        runner.prepare("service-down", {"started": [after]}, env="demo", reports=tmp_path)
    ended = runner.prepare("service-down", {"started": [f"{recorded:%Y-%m-%dT%H:%MZ}"]}, env="demo", reports=tmp_path)
    assert ended.values["started"]
