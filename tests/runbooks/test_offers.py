"""What the pickers of the incident runbooks offer, on the demo's record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Thresholds
from gocoffee_ops.places.demo import demo_recorded
from gocoffee_ops.queries import cluster, control_plane, logs
from gocoffee_ops.runbooks import catalog
from gocoffee_ops.session import Session

INCIDENTS = ("service-down", "high-error-rate", "database-slowdown", "forensics")


class Shown(Session):
    """Keeps what it shows."""

    def show(self, value: object, *columns: str) -> None:
        self.shown: list[Any] = [*getattr(self, "shown", []), value]


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_logs_of_another_namespace_are_offered_when_it_is_picked(name: str, tmp_path: Path) -> None:
    ops = Shown(
        runbook=name,
        environment="demo",
        places=demo_recorded(datetime.now(UTC)),
        thresholds=Thresholds(),
        ledger=Ledger(tmp_path),
        interactive=True,
    )
    names = {"ops": ops, "logs": logs, "cluster": cluster, "control_plane": control_plane, "namespace": "go-coffee"}
    names |= {"service": "order-service", "gateway": "api-gateway", "pods": "app=postgres", "window": ops.window()}
    code = ["".join(cell["source"]) for cell in catalog.load(catalog.find(name).path)["cells"]]
    (line,) = [line for cell in code for line in cell.splitlines() if line.startswith("ops.explore(logs.lines")]
    exec(line, names)
    namespace, of, *_ = ops.shown[0].children[0].children
    assert "deployment/api-gateway" in of.options
    namespace.value = "kube-system"
    assert of.options == ("daemonset/node-agent", "deployment/coredns")
