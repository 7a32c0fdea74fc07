"""A bill, in every form that FOCUS and its exporters give it: the same money, exactly, whoever wrote it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gocoffee_ops import checks
from gocoffee_ops.config import BillConfig, Environment
from gocoffee_ops.errors import NotFound, UsageError
from gocoffee_ops.model import Status, Target
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import BILL_DAYS, check_environment
from gocoffee_ops.queries import bills
from gocoffee_ops.session import Session
from gocoffee_ops.sources.focus import Bill, Folder
from tests.focus_files import CHARGE, DAY, charge, without, write_csv, write_parquet
from tests.support import live_session

AS_OF = datetime(2026, 11, 9, 5, tzinfo=UTC)
WEEK: dict[str, Any] = {"days": 7}
BILL = Target("bill", "aws")


def session(
    tmp_path: Path, folder: Path, *, as_of: datetime = AS_OF, tag: str = "team", seconds: float = 20.0
) -> Session:
    """A session that reads one folder."""
    source = Bill(str(BILL), Folder(str(BILL), folder), team_tag=tag)
    return live_session(tmp_path, as_of=as_of, sources={BILL: source}, query_deadline_s=seconds)


def sums(frame: pd.DataFrame) -> tuple[Decimal, Decimal]:
    return sum(frame["billed"].dropna(), Decimal(0)), sum(frame["effective"].dropna(), Decimal(0))


def test_a_charge_has_the_columns_of_the_bill_under_our_names(tmp_path: Path) -> None:
    write_parquet(tmp_path / "bill" / "a.parquet", [charge(), charge(hour=1)])
    (row,) = bills.charges(session(tmp_path, tmp_path / "bill"), **WEEK).to_dict("records")
    assert pd.isna(row.pop("host_provider"))
    assert row == {
        "bill": "aws", "day": DAY, "provider": "AWS", "account": "444455556666", "region": "eu-west-1", "service": "EC2",
        "resource_id": "i-1", "resource_name": "node-1", "resource_type": "Instance", "charge_category": "Usage",
        "charge_class": "", "commitment": "", "currency": "USD", "team": "orders", "tags": ("env=prod", "team=orders"),
        "sku_id": "sku-1", "pricing_quantity": 2.0, "pricing_unit": "Hours", "usage_quantity": 2.0, "usage_unit": "Hours",
        "billed": Decimal("0.20"), "effective": Decimal("0.16"), "list": Decimal("0.40"), "contracted": Decimal("0.20"), "rows": 2,
        "billing_account": "111122223333",
        "billing_period_start": datetime(2026, 11, 1, tzinfo=UTC), "billing_period_end": datetime(2026, 12, 1, tzinfo=UTC),
        "invoice_issuer": "AWS", "publisher": "AWS", "service_category": "Compute",
    }  # fmt: skip


V1_2 = CHARGE | {"InvoiceId": "inv-1", "PricingCurrency": "USD"}
V1_3 = without(V1_2, "ProviderName", "PublisherName") | {"ServiceProviderName": "AWS", "HostProviderName": "AWS"}
DEPRECATED = V1_3 | {"ProviderName": "the old name", "PublisherName": "AWS"}


@pytest.mark.parametrize(
    ("row", "version"),
    [(CHARGE, "1.0"), (CHARGE | {"SkuMeter": "hours"}, "1.1"), (V1_2, "1.2"), (V1_3, "1.3"), (DEPRECATED, "1.3")],
)
@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz"])
def test_every_version_in_every_format_is_read_alike(
    tmp_path: Path, row: dict[str, Any], version: str, name: str
) -> None:
    (write_parquet if name.endswith(".parquet") else write_csv)(tmp_path / "bill" / name, [row])
    ops = session(tmp_path, tmp_path / "bill")
    (found,) = bills.charges(ops, **WEEK).to_dict("records")
    assert (found["provider"], found["billed"], found["effective"], found["day"]) == (
        "AWS", Decimal("0.10"), Decimal("0.08"), DAY,
    )  # fmt: skip
    assert bills.files(ops, **WEEK)["focus"].tolist() == [version]


def test_files_of_several_versions_and_formats_are_one_bill(tmp_path: Path) -> None:
    folder = tmp_path / "bill"
    write_parquet(folder / "2025" / "a.snappy.parquet", [charge(BilledCost="1.000001")])
    write_parquet(folder / "b.parquet", [V1_3 | {"BilledCost": "2.5"}], money=pa.float64())
    write_csv(folder / "c.csv.gz", [V1_2 | {"BilledCost": "4e-7"}, V1_2 | {"BilledCost": "-1"}])
    write_csv(folder / "d.csv", [V1_2 | {"BilledCost": "0.1"}], encoding="utf-8-sig")
    (folder / "manifest.json").write_text("{}")
    (folder / "_tmp").mkdir()
    write_csv(folder / "_tmp" / "half.csv", [V1_2])
    ops = session(tmp_path, folder)
    frame = bills.charges(ops, **WEEK)
    assert sums(frame)[0] == Decimal("2.6000014")
    assert frame["rows"].sum() == 5
    notes = frame.attrs["notes"]["aws"]
    assert [file["name"] for file in notes["files"]] == ["2025/a.snappy.parquet", "b.parquet", "c.csv.gz", "d.csv"]
    assert notes["no_bill"] == ["_tmp/half.csv", "manifest.json"]
    assert notes["money_in_floating_point"] == ["BilledCost", "ContractedCost", "EffectiveCost", "ListCost"]
    assert ops.findings == []


@pytest.mark.parametrize(
    "money", [pa.decimal128(18, 6), pa.decimal128(38, 12), pa.decimal128(38, 18), pa.float64()], ids=str
)
def test_money_of_every_type_is_the_decimal_that_was_written(tmp_path: Path, money: pa.DataType) -> None:
    amounts = ["0.1", "0.2", "12345.67", "-0.000001", "99999999.999999"]
    write_parquet(tmp_path / "bill" / "a.parquet", [charge(BilledCost=amount) for amount in amounts], money=money)
    frame = bills.charges(session(tmp_path, tmp_path / "bill"), **WEEK)
    assert sums(frame)[0] == sum(map(Decimal, amounts))


@pytest.mark.parametrize(
    "time", [pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.timestamp("ms"), pa.string()], ids=str
)
def test_times_of_every_type_are_utc(tmp_path: Path, time: pa.DataType) -> None:
    write_parquet(tmp_path / "bill" / "a.parquet", [charge(hour=23), charge(hour=24)], time=time)
    frame = bills.periods(session(tmp_path, tmp_path / "bill"), **WEEK)
    assert frame["rows"].tolist() == [1, 1, 0, 0, 0, 0, 0]
    assert frame.iloc[0]["last_charge_at"] == DAY + timedelta(days=1)


AMOUNTS = st.lists(st.decimals(-(10**6), 10**6, places=9), min_size=1, max_size=6)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(AMOUNTS, st.sampled_from(["a.parquet", "double.parquet", "a.csv"]))
def test_any_amount_is_read_exactly(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[Decimal], name: str
) -> None:
    """Also of floating point: 15 digits are fewer than a double holds."""
    folder = tmp_path_factory.mktemp("amounts")
    rows = [charge(BilledCost=f"{amount:f}", ResourceId=f"i-{i}") for i, amount in enumerate(amounts)]
    if name.endswith("csv"):
        write_csv(folder / "bill" / name, rows)
    else:
        kind = pa.float64() if name.startswith("double") else pa.decimal128(38, 12)
        write_parquet(folder / "bill" / name, rows, money=kind)
    frame = bills.charges(session(folder, folder / "bill"), **WEEK)
    assert frame.sort_values("resource_id")["billed"].tolist() == amounts


def test_tags_come_as_json_or_as_a_map_and_the_team_is_one_of_them(tmp_path: Path) -> None:
    tagged = {"user/team~x": "orders", "empty": "", "on": "true"}
    write_parquet(tmp_path / "bill" / "map.parquet", [charge(Tags=tagged), charge(Tags=None, ResourceId="i-2")])
    write_csv(
        tmp_path / "bill" / "json.csv",
        [
            charge(Tags=json.dumps(tagged | {"on": True}), ResourceId="i-3"),
            charge(Tags='{"user/team~x": null}', ResourceId="i-4"),
            charge(Tags='{"user/team~x": ""}', ResourceId="i-5"),
        ],
    )
    ops = session(tmp_path, tmp_path / "bill", tag="user/team~x")
    frame = bills.charges(ops, **WEEK).set_index("resource_id")
    assert frame["team"].fillna("-").to_dict() == {"i-1": "orders", "i-2": "-", "i-3": "orders", "i-4": "-", "i-5": "-"}
    assert set(frame.loc[["i-1", "i-3"], "tags"]) == {("empty=", "on=true", "user/team~x=orders")}
    assert frame.loc["i-2", "tags"] == ()
    teams = bills.by_team(ops, **WEEK)
    assert teams[["team", "rows"]].fillna("-").to_numpy().tolist() == [["orders", 2], ["-", 3]]


def test_billed_and_effective_stand_apart_and_a_purchase_is_in_one_of_them(tmp_path: Path) -> None:
    """A purchase of three years is billed on its day; effective, it is spread over the hours that it pays for."""
    rows = [
        charge(hour=hour, BilledCost="0", EffectiveCost="0.04", CommitmentDiscountStatus="Used") for hour in range(20)
    ]
    rows += [
        charge(hour=hour, BilledCost="0", EffectiveCost="0.04", CommitmentDiscountStatus="Unused") for hour in (20, 21)
    ]
    rows.append(charge(ChargeCategory="Purchase", BilledCost="1051.20", EffectiveCost="0", ResourceId="sp-1"))
    write_csv(tmp_path / "bill" / "a.csv", rows)
    frame = bills.charges(session(tmp_path, tmp_path / "bill"), **WEEK)
    assert sums(frame) == (Decimal("1051.20"), Decimal("0.88"))
    assert frame.groupby("commitment")["rows"].sum().to_dict() == {"": 1, "Unused": 2, "Used": 20}
    assert "cost" not in " ".join(frame.columns)


def test_days_are_utc_and_the_window_is_whole_days_before_the_run(tmp_path: Path) -> None:
    rows = [
        charge(ChargePeriodStart="2026-11-08T23:30:00-01:00", ResourceId="next day"),  # 00:30 UTC of the 9th
        charge(ChargePeriodStart="2026-11-09T00:30:00+01:00", ResourceId="last"),  # 23:30 UTC of the 8th
        charge(ChargePeriodStart="2026-11-02T00:00:00", ResourceId="first"),
        charge(ChargePeriodStart="2026-11-01T23:59:59Z", ResourceId="before"),
    ]
    write_csv(tmp_path / "bill" / "a.csv", rows)
    frame = bills.charges(session(tmp_path, tmp_path / "bill"), **WEEK)
    assert dict(zip(frame["resource_id"], frame["day"].dt.day, strict=True)) == {"first": 2, "last": 8}


def test_days_younger_than_the_lag_are_estimates_and_a_day_without_rows_has_no_money(tmp_path: Path) -> None:
    rows = [charge(hour=24 * day) for day in (0, 1, 3, 4, 5, 6)]
    write_parquet(tmp_path / "bill" / "a.parquet", rows)
    ops = session(tmp_path, tmp_path / "bill")
    frame = bills.periods(ops, **WEEK)
    assert frame["rows"].tolist() == [1, 1, 0, 1, 1, 1, 1]
    assert frame["estimated"].tolist() == [False] * 5 + [True] * 2
    hole = frame.iloc[2]
    assert (hole["billed"], hole["effective"], hole["currency"] is pd.NA) == (None, None, True)
    assert frame.iloc[0]["last_charge_at"] == DAY + timedelta(hours=1)
    (found,) = checks.bill_days_present(frame)
    assert (found.status, found.reason) == (Status.UNKNOWN, "1 of 5 settled days without a row: 2026-11-04")


def test_services_by_day_and_teams_add_up_to_the_charges(tmp_path: Path) -> None:
    rows = [
        charge(
            hour=i, ServiceName=f"s{i % 3}", Tags=f'{{"team": "t{i % 4}"}}', BilledCost=f"0.{i:03}", ResourceId=f"i-{i}"
        )
        for i in range(100)
    ]
    write_parquet(tmp_path / "bill" / "a.parquet", rows)
    ops = session(tmp_path, tmp_path / "bill")
    whole = sums(bills.charges(ops, **WEEK))
    assert whole == (sum(Decimal(row["BilledCost"]) for row in rows), Decimal("8.00"))
    assert sums(bills.by_service_and_day(ops, **WEEK)) == whole
    assert sums(bills.by_team(ops, **WEEK)) == whole
    assert sums(bills.periods(ops, **WEEK)) == whole


def test_more_groups_than_are_told_apart_lose_their_resources_and_no_money(tmp_path: Path) -> None:
    rows = [charge(ResourceId=f"i-{i}", BilledCost=f"{i}", EffectiveCost=f"{i}") for i in range(20)]
    write_parquet(tmp_path / "bill" / "a.parquet", rows)
    ops = session(tmp_path, tmp_path / "bill")
    frame = bills.charges(ops, most=5, **WEEK)
    assert sums(frame) == (Decimal(190), Decimal(190))
    assert sorted(frame["resource_id"].dropna()) == ["i-15", "i-16", "i-17", "i-18", "i-19"]
    (together,) = frame[frame["resource_id"].isna()].to_dict("records")
    assert (together["rows"], together["team"], together["billed"]) == (15, "orders", Decimal(105))
    assert frame.attrs["truncated"] == [
        "bill/aws: the smallest 15 groups of charges stand without their resources (most=5)"
    ]
    assert [finding.status for finding in ops.findings] == [Status.WARN]


def test_a_list_price_that_one_row_lacks_is_missing_and_not_less(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill" / "a.csv", [charge(), charge(hour=1, ListCost=None)])
    assert bills.charges(session(tmp_path, tmp_path / "bill"), **WEEK)["list"].tolist() == [None]


def test_optional_columns_may_lack_and_mandatory_ones_that_do_are_named(tmp_path: Path) -> None:
    row = without(
        CHARGE, "ListCost", "Tags", "ResourceId", "SubAccountId", "CommitmentDiscountStatus", "ContractedCost"
    )
    write_csv(tmp_path / "bill" / "a.csv", [row])
    ops = session(tmp_path, tmp_path / "bill")
    frame = bills.charges(ops, **WEEK)
    (found,) = frame.to_dict("records")
    assert (found["account"], found["tags"], found["list"], found["contracted"]) == ("111122223333", (), None, None)
    assert frame.attrs["notes"]["aws"]["mandatory_columns_missing"] == {"a.csv": ["ContractedCost", "ListCost"]}
    (said,) = checks.bill_files_sound(bills.files(ops, **WEEK))
    assert (said.status, "lacks ContractedCost, ListCost" in said.reason) == (Status.WARN, True)


@pytest.mark.parametrize(
    "month", ["BILLING_PERIOD={m:%Y-%m}/a.parquet", "export/{m:%Y%m}01-{m:%Y%m}30/run-1/part_0.snappy.parquet"]
)
def test_months_before_the_window_are_left_alone_and_named(tmp_path: Path, month: str) -> None:
    folder = tmp_path / "bill"
    for m, cost in ((9, "1"), (10, "2"), (11, "4"), (12, "8")):
        name = month.format(m=datetime(2026, m, 1, tzinfo=UTC))
        write_parquet(folder / name, [charge(BilledCost=cost)])
    frame = bills.charges(session(tmp_path, folder), **WEEK)
    assert sums(frame)[0] == Decimal(12), "a later month may correct this one"
    assert len(frame.attrs["notes"]["aws"]["months_before_not_read"]) == 2
    with pytest.raises(NotFound, match=r"none of the 4 files in .* is of 2027-03 or later"):
        bills.charges(session(tmp_path / "later", folder, as_of=datetime(2027, 3, 20, tzinfo=UTC)), **WEEK)


RUNS = [f"2026110{day}0300/0b1c2d3e-0000-4000-8000-00000000000{day}" for day in (7, 8, 9)]


def test_of_the_runs_of_an_export_the_last_complete_one_counts(tmp_path: Path) -> None:
    """Each run writes the month so far: to read them all would count the same charges again and again."""
    month = tmp_path / "bill" / "export" / "20261101-20261130"
    for i, run in enumerate(RUNS):
        path = write_csv(month / run / "part_0.csv", [charge(hour=hour) for hour in range(i + 1)])
        os.utime(path, (1_800_000_000 + i, 1_800_000_000 + i))
    ops = session(tmp_path, tmp_path / "bill")
    frame = bills.charges(ops, **WEEK)
    assert frame["rows"].sum() == 3
    assert len(frame.attrs["notes"]["aws"]["replaced_by_a_later_run"]) == 2
    for run in RUNS[:2]:
        (month / run / "manifest.json").write_text("{}")
    assert bills.charges(ops, **WEEK)["rows"].sum() == 2, "the last one is still being written"
    (fine,) = checks.bill_files_sound(bills.files(ops, **WEEK))
    assert fine.status is Status.OK


def test_a_run_that_is_smaller_than_one_that_it_replaces_may_be_half_written(tmp_path: Path) -> None:
    month = tmp_path / "bill" / "export" / "20261101-20261130"
    for i, rows in enumerate((3, 5, 4)):
        path = write_csv(month / RUNS[i] / "part_0.csv", [charge(hour=hour) for hour in range(rows)])
        os.utime(path, (1_800_000_000 + i, 1_800_000_000 + i))
    (found,) = checks.bill_files_sound(bills.files(session(tmp_path, tmp_path / "bill"), **WEEK))
    assert found.status is Status.WARN
    assert "an earlier run of the month is larger (" in found.reason
    assert RUNS[1] in found.reason
    assert "this one may be half written" in found.reason
    (month / RUNS[2] / "manifest.json").write_text("{}")
    (fine,) = checks.bill_files_sound(bills.files(session(tmp_path / "complete", tmp_path / "bill"), **WEEK))
    assert fine.status is Status.OK


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "bill" / "a.csv", [charge()])
    ops = session(tmp_path, tmp_path / "bill")
    assert sums(bills.charges(ops, **WEEK))[0] == Decimal("0.10")
    write_csv(path, [charge(BilledCost="7.25"), charge(hour=1)])
    assert sums(bills.charges(ops, **WEEK))[0] == Decimal("7.35")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"days": 0}, "days is 0"),
        ({"start": DAY, "end": DAY}, "there is no day"),
        ({"start": DAY + timedelta(hours=1)}, "00:00 UTC"),
        ({"end": datetime(2026, 11, 9, tzinfo=UTC) - timedelta(minutes=1)}, "00:00 UTC"),
        ({"most": 0}, "most is 0"),
    ],
)
def test_a_window_that_is_none_is_wrong_usage(tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bills.charges(session(tmp_path, tmp_path / "nothing is read"), **arguments)


def test_it_is_configured_and_checked_like_any_system(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    days = (now - timedelta(days=back) for back in range(BILL_DAYS + 1))
    write_csv(tmp_path / "bill" / "a.csv", [charge(ChargePeriodStart=day) for day in days])
    system = BillConfig.model_validate(
        {"name": "aws", "path": str(tmp_path / "bill"), "team_tag": "user:team", "lag_h": 24}
    )
    environment = Environment(name="prod", bills=(system,))
    (place,) = open_places(environment, now=now).places
    assert place.detail == f"{tmp_path / 'bill'}, team from tag user:team"
    assert place.connect is not None
    source = place.connect()
    assert (source.team_tag, source.lag_h) == ("user:team", 24.0)
    (line,) = check_environment(environment)
    assert (line.target, line.status) == ("bill/aws", Status.OK)
    (tmp_path / "bill" / "a.csv").unlink()
    (line,) = check_environment(environment)
    assert (line.status, "no Parquet or csv file" in line.result) == (Status.UNKNOWN, True)
