"""The synthetic bill through a real file and the real reader: still right to the cent; and back into a file, still adding up."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gocoffee_ops import costs
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.demo.bill import CURRENCY, SECOND_CURRENCY, focus_rows
from gocoffee_ops.demo.bill_truth import Key, truth
from gocoffee_ops.frames import records
from gocoffee_ops.model import Target
from gocoffee_ops.queries import bills
from gocoffee_ops.sources.focus import Bill, Folder
from gocoffee_ops.sources.focus.writing import write_focus
from tests.costs.synthetic import AS_OF, Scene, scene
from tests.costs.tables import MONEY, allocated
from tests.support import live_session

BILL = Target("bill", "demo")


def written(one: Scene, folder: Path) -> None:
    """The synthetic rows as Parquet files of FOCUS 1.2, one for each currency."""
    folder.mkdir()
    for currency in (CURRENCY, SECOND_CURRENCY):
        rows = [row for row in focus_rows(one.items) if row["BillingCurrency"] == currency]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        table = pa.table({name: pa.array(values, type=kind(values)) for name, values in columns.items()})
        pq.write_table(table, folder / f"{currency}.parquet")


def kind(values: list[Any]) -> pa.DataType:
    first = next((value for value in values if value is not None), "")
    if isinstance(first, Decimal):
        return pa.decimal128(30, 12)
    return pa.timestamp("us", tz="UTC") if isinstance(first, datetime) else pa.string()


def test_a_bill_read_from_its_file_is_right_to_the_cent_and_written_again_adds_up(tmp_path: Path) -> None:
    one = scene()
    written(one, tmp_path / "bill")
    source = Bill(str(BILL), Folder(str(BILL), tmp_path / "bill"), team_tag="team", lag_h=48)
    ops = live_session(tmp_path / "run", as_of=AS_OF, sources={BILL: source})
    charges, periods = bills.charges(ops, days=16), bills.periods(ops, days=16)
    lines = allocated(charges, one.objects, AS_OF, teams=one.teams)

    found: dict[Key, dict[str, list[Decimal | None]]] = {}
    for row in records(lines):
        sums = found.setdefault((row["line"], row["team"], row["currency"]), {basis: [] for basis in MONEY})
        for basis in MONEY:
            sums[basis].append(row[basis])
    cents = {key: {basis: round(total(parts), 2) for basis, parts in sums.items()} for key, sums in found.items()}
    assert {key: money for key, money in cents.items() if any(money.values())} == truth(one.stage, one.items, one.hours)

    # The reader's own totals by day leave nothing over, and what it calls an estimate is what the lines do.
    reconciled = records(costs.reconciliation(lines, periods))
    table = {(row["line"], row["estimated"]): row for row in reconciled if row["currency"] == CURRENCY}
    residual = [row["effective"] for row in records(lines) if row["line"] == "residual"]
    assert table["residual", False]["effective"] == total(residual)
    estimated = {row["day"] for row in records(periods) if row["estimated"]}
    assert {row["day"] for row in records(lines) if row["estimated"]} == estimated

    for name in ("allocation.parquet", "allocation.csv.gz"):
        done = write_focus(costs.focus_rows(lines, charges), tmp_path / name, charges=charges)
        assert done.rows > len(charges)
        assert set(done.unknown) <= {"BillingAccountName", "ChargeDescription", "HostProviderName"}  # these may be null
