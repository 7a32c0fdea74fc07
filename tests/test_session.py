"""A session's timeline: what cells mark, and what could not be read beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from gocoffee_ops.analysis import timeline
from gocoffee_ops.errors import Unreachable
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Key
from gocoffee_ops.model import Thresholds
from gocoffee_ops.session import Session

AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def moment(subject: str) -> pd.DataFrame:
    row = {"time": AT, "kind": "rollout", "subject": subject, "what": "changed", "source": "", "evidence": ""}
    return timeline.MOMENTS.from_rows([row | dict.fromkeys(("cluster", "namespace", "service", "node"))])


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
