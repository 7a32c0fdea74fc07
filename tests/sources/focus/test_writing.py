"""What is written as FOCUS 1.3 is read again as the same bill; parts of a charge that are not the charge are not written."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gocoffee_ops.errors import SchemaError, UsageError
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Target
from gocoffee_ops.queries import bills
from gocoffee_ops.sources.focus import Bill, Folder, write_focus
from tests.focus_files import DAY, charge, write_csv
from tests.support import live_session

ROWS = Schema(
    "rows",
    (
        Column("AllocatedMethodDetails", "string", optional=True),
        Column("AllocatedMethodId", "string", optional=True),
        Column("AllocatedResourceId", "string", optional=True),
        Column("BilledCost", "decimal"),
        Column("BillingAccountId", "string"),
        Column("BillingCurrency", "string"),
        Column("ChargeCategory", "string"),
        Column("ChargeClass", "string", optional=True),
        Column("ChargePeriodEnd", "timestamp"),
        Column("ChargePeriodStart", "timestamp"),
        Column("EffectiveCost", "decimal"),
        Column("ListCost", "decimal", optional=True),
        Column("PricingQuantity", "decimal", optional=True),
        Column("ResourceId", "string", optional=True),
        Column("ServiceName", "string"),
        Column("ServiceProviderName", "string"),
        Column("Tags", "string"),
        Column("x_Team", "string", optional=True),
        Column("x_Estimated", "boolean"),
    ),
)


def split(whole: Decimal, shares: Sequence[int]) -> list[Decimal]:
    """A whole in parts that add up to it, the last one taking what rounding left."""
    total = sum(shares)
    parts = [(whole * share / total).quantize(Decimal("1e-12")) for share in shares[:-1]]
    return [*parts, whole - sum(parts, Decimal(0))]


def row(billed: Decimal, effective: Decimal, pod: str | None, **more: Any) -> dict[str, Any]:
    details = {"Elements": [{"AllocatedRatio": 0.5}]}
    return {
        "AllocatedMethodDetails": json.dumps(details), "AllocatedMethodId": "by-hour", "AllocatedResourceId": pod,
        "BilledCost": billed, "BillingAccountId": "444455556666", "BillingCurrency": "USD", "ChargeCategory": "Usage",
        "ChargeClass": None, "ChargePeriodStart": DAY, "ChargePeriodEnd": DAY + timedelta(days=1), "EffectiveCost": effective,
        "ListCost": None, "PricingQuantity": None, "ResourceId": "i-1", "ServiceName": "EC2", "ServiceProviderName": "AWS",
        "Tags": '{"env": "prod", "team": "orders"}', "x_Team": "orders", "x_Estimated": False,
    } | more  # fmt: skip


@pytest.fixture
def charges(tmp_path: Path) -> pd.DataFrame:
    """The bill of one machine: 0.10 billed, 0.08 effective."""
    write_csv(tmp_path / "bill" / "a.csv", [charge()])
    return read(tmp_path, tmp_path / "bill")


def read(tmp_path: Path, folder: Path) -> pd.DataFrame:
    target = Target("bill", "aws")
    source = Bill(str(target), Folder(str(target), folder))
    as_of = datetime(2026, 11, 9, tzinfo=UTC)
    return bills.charges(live_session(tmp_path / folder.name, as_of=as_of, sources={target: source}), days=7)


def parts(shares: Sequence[int] = (1, 1, 1)) -> pd.DataFrame:
    pods: list[str | None] = [f"pod-{i}" for i in range(len(shares) - 1)]
    amounts = zip(split(Decimal("0.10"), shares), split(Decimal("0.08"), shares), [*pods, None], strict=True)
    return ROWS.from_rows([row(billed, effective, pod) for billed, effective, pod in amounts])


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.csv.gz"])
def test_what_is_written_is_read_again_as_the_same_money(tmp_path: Path, charges: pd.DataFrame, name: str) -> None:
    (tmp_path / "written").mkdir()
    written = write_focus(parts(), tmp_path / "written" / name, charges=charges)
    assert (written.path, written.rows) == (tmp_path / "written" / name, 3)
    assert [path.name for path in (tmp_path / "written").iterdir()] == [name]
    again = read(tmp_path, tmp_path / "written")
    assert sum(again["billed"], Decimal(0)) == Decimal("0.10")
    assert sum(again["effective"], Decimal(0)) == Decimal("0.08")
    assert again["tags"].tolist() == [("env=prod", "team=orders")]
    assert again.attrs["notes"]["aws"]["files"][0]["focus"] == "1.3"


def test_parquet_holds_exact_decimals_and_says_its_version(tmp_path: Path) -> None:
    write_focus(parts(), tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.metadata == {b"FocusVersion": b"1.3"}
    assert table.schema.field("BilledCost").type == pa.decimal128(38, 12)
    assert table.schema.field("ChargePeriodStart").type == pa.timestamp("us", tz="UTC")
    names = table.column_names
    assert names[-2:] == ["x_Team", "x_Estimated"]
    assert names[:-2] == sorted(names[:-2])


def test_csv_has_the_formats_of_the_specification(tmp_path: Path) -> None:
    frame = ROWS.from_rows([row(Decimal("1E+2"), Decimal("0.000000000001"), 'pod, "1"', ListCost=Decimal("-1.50"))])
    write_focus(frame, tmp_path / "out.csv.gz")
    with gzip.open(tmp_path / "out.csv.gz", "rt", encoding="utf-8", newline="") as text:
        (found,) = csv.DictReader(text)
    assert {name: found[name] for name in ("BilledCost", "EffectiveCost", "ListCost", "ChargePeriodStart")} == {
        "BilledCost": "100", "EffectiveCost": "0.000000000001", "ListCost": "-1.5", "ChargePeriodStart": "2026-11-02T00:00:00Z",
    }  # fmt: skip
    assert (found["AllocatedResourceId"], found["ChargeClass"], found["x_Estimated"]) == ('pod, "1"', "", "false")


def test_mandatory_columns_that_nobody_knows_are_there_empty_and_named(tmp_path: Path) -> None:
    written = write_focus(parts(), tmp_path / "out.parquet")
    assert {"BillingPeriodStart", "ContractedCost", "HostProviderName", "InvoiceIssuerName", "ListCost"} <= set(
        written.unknown
    )
    assert not {"BilledCost", "ChargeClass", "ServiceName"} & set(written.unknown)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column("ContractedCost").null_count == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"BilledCost": Decimal("0.033333333334")}, "add up to BilledCost 0.100000000001 and EffectiveCost 0.08"),
        ({"EffectiveCost": Decimal(0)}, "the charge is BilledCost 0.1 and EffectiveCost 0.08"),
        ({"ServiceName": "S3"}, "add up to BilledCost 0.066666666667"),
        ({"BillingCurrency": "EUR"}, "add up to BilledCost 0.066666666667"),
    ],
)
def test_rows_that_do_not_add_up_to_the_bill_are_not_written(
    tmp_path: Path, charges: pd.DataFrame, change: dict[str, Any], said: str
) -> None:
    frame = parts()
    for name, value in change.items():
        frame[name] = [value, *frame[name][1:]]
    with pytest.raises(SchemaError, match=said):
        write_focus(frame, tmp_path / "out.parquet", charges=charges)
    assert not list(tmp_path.glob("*out*"))


def test_a_charge_that_no_row_is_of_is_not_forgotten(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill" / "a.csv", [charge(), charge(ResourceId="i-2")])
    charges = read(tmp_path, tmp_path / "bill")
    with pytest.raises(SchemaError, match=r"i-2.* add up to nothing, and the charge is BilledCost 0.1"):
        write_focus(parts(), tmp_path / "out.csv", charges=charges)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=9))
def test_any_split_adds_up_when_it_is_read_again(tmp_path_factory: pytest.TempPathFactory, shares: list[int]) -> None:
    folder = tmp_path_factory.mktemp("split")
    write_focus(parts([*shares, 1]), folder / "out.csv")
    assert sum(read(folder, folder)["billed"], Decimal(0)) == Decimal("0.10")


def test_another_end_of_the_name_or_a_column_that_lacks_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.parquet, \.csv, \.csv\.gz"):
        write_focus(parts(), tmp_path / "out.xlsx")
    with pytest.raises(SchemaError, match="no column BilledCost, ServiceName"):
        write_focus(parts().drop(columns=["BilledCost", "ServiceName"]), tmp_path / "out.csv")
    frame = parts()
    frame["BilledCost"] = 0.1
    with pytest.raises(SchemaError, match="not exact"):
        write_focus(frame, tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []
