"""What a session does with costs: files for whoever charges teams, and another key by a click."""

from __future__ import annotations

import gzip
import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd
import pyarrow.parquet as pq
import pytest

from gocoffee_ops import costs
from gocoffee_ops.errors import SchemaError
from gocoffee_ops.evidence.bundle import problems
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.frames import records
from gocoffee_ops.model import Thresholds
from gocoffee_ops.queries.exports import ALLOCATION_FILES
from gocoffee_ops.session import Session
from gocoffee_ops.ui.pickers import pickers
from tests.costs.synthetic import AS_OF, Scene, scene


@pytest.fixture(scope="module")
def one() -> Scene:
    return scene()


@pytest.fixture(scope="module")
def lines(one: Scene) -> pd.DataFrame:
    return costs.allocate(one.bill, one.objects, costs.Rules(AS_OF), teams=one.teams)


@pytest.fixture
def ops(tmp_path: Path) -> Session:
    folder = tmp_path / "run" / "evidence"
    return Session(runbook="x", environment="test", places=[], thresholds=Thresholds(), ledger=Ledger(folder))


def test_an_allocation_is_kept_beside_the_evidence_and_its_hash_on_record(
    ops: Session, one: Scene, lines: pd.DataFrame
) -> None:
    ops.export_allocation(lines, one.bill)
    folder = ops.ledger.folder.parent
    parquet, csv = (folder / name for name in ALLOCATION_FILES)
    sums = [sum(row["EffectiveCost"] or 0 for row in pq.read_table(parquet).to_pylist())]
    assert sums == [sum((row["effective"] for row in records(one.bill)), Decimal(0))]
    assert gzip.decompress(csv.read_bytes()).count(b"\r\n") == pq.read_table(parquet).num_rows + 1
    kept = {entry.body["name"]: entry.body["sha256"] for entry in ops.ledger.entries() if entry.kind == "export"}
    assert kept == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (parquet, csv)}
    assert problems(ops.ledger.folder) == []


def test_lines_that_do_not_add_up_to_their_charges_are_not_kept(ops: Session, one: Scene, lines: pd.DataFrame) -> None:
    lacking = lines[lines["line"] != "idle"].reset_index(drop=True)
    with pytest.raises(SchemaError):
        ops.export_allocation(lacking, one.bill)
    assert [name for name in ALLOCATION_FILES if (ops.ledger.folder.parent / name).exists()] == []


def test_another_key_by_a_click_never_changes_the_total(lines: pd.DataFrame) -> None:
    shown: list[pd.DataFrame] = []

    def ask(picked: Any) -> pd.DataFrame:
        shown.append(costs.aggregate(lines, **picked))
        return shown[-1]

    box = pickers(costs.aggregate, [lines], {"by": "team"}, ask, demo=False)
    row = box.children[0]
    by = next(one for one in row.children if isinstance(one, ipywidgets.Combobox))
    assert {"team", "namespace", "workload", "label:team"} <= set(by.options)
    assert {one for one in by.options if one.startswith("label:")} == {
        f"label:{label.partition('=')[0]}" for row in records(lines) for label in row["labels"] or ()
    }
    assert "empty" not in by.placeholder
    button = next(one for one in row.children if isinstance(one, ipywidgets.Button))
    for key in ("team", "namespace", "workload", "label:team", "label:app"):
        by.value = key
        button.click()
    assert [table.columns[0] for table in shown] == ["team", "namespace", "workload", "label:team", "label:app"]
    totals = {sum((row["effective"] or Decimal(0) for row in records(table)), Decimal(0)) for table in shown}
    assert len(totals) == 1
