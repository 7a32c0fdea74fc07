"""What the pickers of the incident runbooks offer, on the demo's record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Thresholds
from gocoffee_ops.places.demo import demo_recorded
from gocoffee_ops.queries import cluster, control_plane, inside, logs
from gocoffee_ops.runbooks import catalog
from gocoffee_ops.session import Session

INCIDENTS = ("service-down", "high-error-rate", "database-slowdown", "forensics")


class Shown(Session):
    """Keeps what it shows."""

    def show(self, value: object, *columns: str) -> None:
        self.shown: list[Any] = [*getattr(self, "shown", []), value]


def exploring(name: str, folder: Path, question: str) -> Shown:
    """The session in which a runbook's line has shown what it shows that offers pickers for a question, on the demo."""
    ops = Shown(
        runbook=name,
        environment="demo",
        places=demo_recorded(datetime.now(UTC)),
        thresholds=Thresholds(),
        ledger=Ledger(folder),
        interactive=True,
    )
    names = {"ops": ops, "logs": logs, "cluster": cluster, "control_plane": control_plane, "namespace": "go-coffee"}
    names |= {"service": "order-service", "gateway": "api-gateway", "pods": "app=postgres", "window": ops.window()}
    names |= {"inside": inside, "checks": checks}
    code = ["".join(cell["source"]) for cell in catalog.load(catalog.find(name).path)["cells"]]
    (line,) = [line for cell in code for line in cell.splitlines() if line.startswith(f"ops.explore({question}")]
    exec(line, names)
    return ops


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_logs_of_another_namespace_are_offered_when_it_is_picked(name: str, tmp_path: Path) -> None:
    namespace, of, *_ = exploring(name, tmp_path, "logs.lines").shown[0].children[0].children
    assert "deployment/api-gateway" in of.options
    namespace.value = "kube-system"
    assert of.options == ("daemonset/node-agent", "deployment/coredns")


@pytest.mark.parametrize("name", ["service-down", "database-slowdown"])
def test_the_pods_of_another_namespace_are_offered_to_be_asked_from_inside(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ops = exploring(name, tmp_path, "inside.probe")
    row, _ = ops.shown[0].children
    run, namespace, of, button = row.children
    assert [one.description for one in row.children] == ["ask", "namespace", "in", "Ask"]
    assert run.options == ("pg_isready", "redis-cli ping")
    assert any(one.startswith("pod/postgres") for one in of.options)
    assert not any(one.startswith("deployment/") for one in of.options)
    button.click()
    assert "pg_isready answers in 1 of 1 pod" in repr(ops.shown[1])
    namespace.value = "kube-system"
    assert of.options
    assert all(one.startswith(("pod/coredns-", "pod/node-agent-")) for one in of.options)
    button.click()
    assert "is not in the record: nobody is asked" in capsys.readouterr().out
