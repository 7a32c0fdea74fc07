"""A bill that cannot be believed says which file, and which row where it can be; what is odd is counted and said."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from gocoffee_ops import checks
from gocoffee_ops.errors import DeadlineExceeded, Malformed, NotFound
from gocoffee_ops.model import Finding, Status, Target
from gocoffee_ops.queries import bills
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.focus import Answer, Bill, Folder
from tests.focus_files import CHARGE, charge, without, write_csv, write_parquet
from tests.support import live_session

START, END = datetime(2026, 11, 1), datetime(2026, 12, 1)  # noqa: DTZ001 - as the view has its times


def read(folder: Path, seconds: float = 20.0) -> Answer:
    """The bill's charges."""
    bill = Bill("bill/aws", Folder("bill/aws", folder))
    values = {"start": START, "end": END, "team": "/team", "most": 1000}
    return bill.ask("charges", date(2026, 11, 1), Deadline.after(seconds), **values)


CSV_ROWS = {
    "a decimal comma": ({"BilledCost": "12,34"}, "BilledCost '12,34' is no amount"),
    "a thousands separator": ({"EffectiveCost": "1,234.50"}, "EffectiveCost '1,234.50' is no amount"),
    "an amount that is too long": ({"BilledCost": "9" * 27}, f"BilledCost '{'9' * 27}' is no amount"),
    "no amount": ({"BilledCost": None}, "BilledCost is missing"),
    "no number": ({"BilledCost": "NaN"}, "BilledCost 'NaN' is no amount"),
    "no quantity": ({"PricingQuantity": "many"}, "PricingQuantity 'many' is no number"),
    "no day": ({"ChargePeriodStart": None}, "ChargePeriodStart is missing"),
    "a day that is none": ({"ChargePeriodStart": "02/30/2026"}, "ChargePeriodStart '02/30/2026' is no time"),
    "no service": ({"ServiceName": None}, "ServiceName is missing"),
    "no provider": ({"ProviderName": None}, "ProviderName is missing"),
    "an unknown category": ({"ChargeCategory": "On-Demand"}, "ChargeCategory 'On-Demand' is none of Usage, Purchase, Tax"),
    "no category": ({"ChargeCategory": None}, "ChargeCategory is missing"),
    "an unknown class": ({"ChargeClass": "Refund"}, "ChargeClass 'Refund' is none of Correction"),
    "an unknown status": ({"CommitmentDiscountStatus": "Half"}, "CommitmentDiscountStatus 'Half' is none of Used, Unused"),
    "no currency": ({"BillingCurrency": None}, "BillingCurrency is missing"),
    "a currency that is none": ({"BillingCurrency": "dollars"}, "BillingCurrency 'dollars' is no code of a currency"),
    "another currency": ({"BillingCurrency": "EUR"}, "BillingCurrency 'EUR' is another currency than USD"),
    "tags that are no JSON": ({"Tags": "team=orders"}, "Tags 'team=orders' is no JSON"),
    "tags that are a text": ({"Tags": '"orders"'}, "Tags '\"orders\"' is no JSON object, nor a list of objects with key and value"),
    "tags that are a number": ({"Tags": "7"}, "Tags '7' is no JSON object"),
    "tags that are a list of texts": ({"Tags": '["team=orders"]'}, "Tags '[\"team=orders\"]' is no JSON object"),
    "tags with a key alone": ({"Tags": '[{"key": "team"}]'}, "Tags '[{\"key\": \"team\"}]' is no JSON object"),
    "tags with one that is none": ({"Tags": "[{}, 1]"}, "Tags '[{}, 1]' is no JSON object"),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), CSV_ROWS.values(), ids=CSV_ROWS)
def test_a_row_that_cannot_be_believed_is_named(tmp_path: Path, wrong: dict[str, str | None], said: str) -> None:
    write_csv(tmp_path / "sound.csv", [charge()])
    write_csv(tmp_path / "wrong.csv.gz", [charge(), charge(hour=1), charge(hour=2, **wrong), charge(hour=3, **wrong)])
    with pytest.raises(Malformed) as raised:
        read(tmp_path)
    assert f"wrong.csv.gz, row 3: {said}" in raised.value.why
    assert "(and 1 more rows)" in raised.value.why


def test_the_first_of_many_rows_is_named_also_in_a_large_file(tmp_path: Path) -> None:
    """duckdb reads in parallel: rows are counted in the file's order all the same."""
    rows = [charge(hour=i % 24, ResourceId=f"i-{i}") for i in range(150_000)]
    for i in (140_000, 99_998, 120_000):
        rows[i] = charge(BilledCost="1,0")
    write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(Malformed, match=r"a.csv, row 99,999: BilledCost '1,0' is no amount .*\(and 2 more rows\)"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"BilledCost": None}, "a.parquet, row 2: BilledCost is missing"),
        ({"BilledCost": "nan"}, "a.parquet, row 2: BilledCost 'nan' is no amount"),
        ({"BilledCost": "inf"}, "a.parquet, row 2: BilledCost 'inf' is no amount"),
        ({"BillingCurrency": "EUR"}, "a.parquet, row 2: BillingCurrency 'EUR' is another currency"),
        ({"ChargeCategory": "usage"}, "a.parquet, row 2: ChargeCategory 'usage' is none of"),
    ],
)
def test_a_row_of_parquet_is_named_too(tmp_path: Path, wrong: dict[str, str | None], said: str) -> None:
    write_parquet(tmp_path / "a.parquet", [charge(), charge(**wrong)], money=pa.float64())
    with pytest.raises(Malformed, match=said):
        read(tmp_path)


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        (("BilledCost",), "has no column BilledCost;"),
        (("ChargePeriodStart", "BillingCurrency"), "has no column ChargePeriodStart, BillingCurrency;"),
        (("ProviderName",), "has no column ServiceProviderName or ProviderName;"),
    ],
)
@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_a_missing_mandatory_column_is_named(
    tmp_path: Path, write: Callable[..., Path], lacks: tuple[str, ...], said: str
) -> None:
    write(tmp_path / ("a.csv" if write is write_csv else "a.parquet"), [without(CHARGE, *lacks)])
    with pytest.raises(Malformed, match=said):
        read(tmp_path)


def _cut_parquet(path: Path) -> None:
    data = write_parquet(path.with_suffix(".parquet"), [charge(hour=i) for i in range(200)]).read_bytes()
    path.with_suffix(".parquet").write_bytes(data[: len(data) // 2])


def _cut_gzip(path: Path) -> None:
    data = write_csv(path.with_suffix(".csv.gz"), [charge(hour=i) for i in range(2000)]).read_bytes()
    path.with_suffix(".csv.gz").write_bytes(data[: len(data) // 2])


def _cut_line(path: Path) -> None:
    data = write_csv(path.with_suffix(".csv"), [charge(hour=i) for i in range(20)]).read_bytes()
    path.with_suffix(".csv").write_bytes(data[: len(data) - 60])


def _semicolons(path: Path) -> None:
    path.with_suffix(".csv").write_text(";".join(CHARGE) + "\n" + ";".join(map(str, CHARGE.values())) + "\n")


def _text(path: Path) -> None:
    path.with_suffix(".parquet").write_text("<html>please sign in</html>")


def _empty(path: Path) -> None:
    path.with_suffix(".csv").touch()


def _not_gzip(path: Path) -> None:
    write_csv(path.with_suffix(".csv"), [charge()]).rename(path.with_suffix(".csv.gz"))


def _latin(path: Path) -> None:
    write_csv(path.with_suffix(".csv"), [charge(ResourceName="Kaffeemühle")], encoding="latin-1")


BROKEN = {
    "cut Parquet": (_cut_parquet, r"broken.parquet: .*was it cut"),
    "cut gzip": (_cut_gzip, r"broken.csv.gz: .*GZIP"),
    "cut line": (_cut_line, r"broken.csv"),
    "semicolons": (_semicolons, r"broken.csv: .*separated by commas"),
    "a page instead": (_text, r"broken.parquet"),
    "an empty file": (_empty, r"broken.csv is empty"),
    "not compressed": (_not_gzip, r"broken.csv.gz"),
    "another encoding": (_latin, r"broken.csv"),
}


@pytest.mark.parametrize(("make", "said"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_is_named_and_the_bill_is_not_less(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    write_csv(tmp_path / "a.csv", [charge()])
    make(tmp_path / "broken")
    with pytest.raises(Malformed, match=said) as raised:
        read(tmp_path)
    assert str(tmp_path) not in raised.value.why


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv.gz", [charge()], encoding="utf-8-sig")
    assert gzip.decompress(path.read_bytes()).startswith(b"\xef\xbb\xbf")
    assert read(tmp_path).table.column("billed").to_pylist() == [Decimal("0.10")]


def test_a_folder_that_is_none_empty_or_closed_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no folder"):
        read(tmp_path / "gone")
    with pytest.raises(NotFound, match="no Parquet or csv file in"):
        read(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(NotFound, match=r"what is there is no bill: notes.txt"):
        read(tmp_path)


def test_the_same_file_twice_is_refused_as_every_charge_would_count_twice(tmp_path: Path) -> None:
    write_csv(tmp_path / "run-1" / "a.csv", [charge()])
    write_csv(tmp_path / "run-2" / "a.csv", [charge()])
    with pytest.raises(Malformed, match=r"run-1/a.csv and run-2/a.csv hold the same"):
        read(tmp_path)


def _files(tmp_path: Path) -> tuple[Status, str]:
    (found,) = _all_files(tmp_path)
    return found.status, found.reason


def _all_files(tmp_path: Path) -> list[Finding]:
    source = Bill("bill/aws", Folder("bill/aws", tmp_path / "bill"))
    as_of = datetime(2026, 11, 9, tzinfo=UTC)
    ops = live_session(tmp_path, as_of=as_of, sources={Target("bill", "aws"): source})
    return checks.bill_files_sound(bills.files(ops))


def test_rows_that_repeat_are_counted_and_warned_of(tmp_path: Path) -> None:
    other = {"hour": 1, "ResourceId": "i-2"}
    write_csv(tmp_path / "bill" / "a.csv", [charge(), charge(), charge(**other), charge(), charge(**other)])
    assert read(tmp_path / "bill").table.column("rows").to_pylist() == [3, 2]
    assert _files(tmp_path) == (
        Status.WARN, "a.csv: 3 of 5 rows the same as another one, and may be charged twice; "
        "row 2 repeats row 1 (i-1); row 4 repeats row 1 (i-1); row 5 repeats row 3 (i-2)",
    )  # fmt: skip


def test_snapshots_of_one_month_are_warned_of_as_the_rows_of_one_are_in_the_other(tmp_path: Path) -> None:
    day, next_day = charge(), charge(hour=24)
    write_csv(tmp_path / "bill" / "bill-11.csv", [day, day])
    write_csv(tmp_path / "bill" / "bill-12.csv", [next_day, day])
    found = _all_files(tmp_path)
    assert [one.reason for one in found] == [
        "bill-11.csv: 1 of 2 rows the same as another one, and may be charged twice; row 2 repeats row 1 (i-1)",
        "bill-12.csv: 1 of 2 rows the same as another one, and may be charged twice; 1 of them in bill-11.csv too",
    ]
    assert {one.status for one in found} == {Status.WARN}


@pytest.mark.parametrize("money", [pa.decimal128(18, 6), pa.float64()])
def test_a_parquet_file_beside_the_same_as_csv_is_warned_of(tmp_path: Path, money: pa.DataType) -> None:
    rows = [charge(), charge(), charge(hour=1, SkuId=None), charge(hour=2, BilledCost="0", EffectiveCost="0")]
    write_csv(tmp_path / "bill" / "a.csv.gz", [*rows[:1], *rows[2:]])
    write_parquet(tmp_path / "bill" / "b.parquet", [rows[0], *rows[2:], charge(hour=3)], money=money)
    assert _files(tmp_path) == (
        Status.WARN, "b.parquet: 2 of 4 rows the same as another one, and may be charged twice; "
        "2 of them in a.csv.gz too, by account, service, resource, SKU, period and costs",
    )  # fmt: skip


def test_parts_of_a_bill_that_share_no_row_are_sound(tmp_path: Path) -> None:
    free = {"BilledCost": "0", "EffectiveCost": "0"}
    write_csv(tmp_path / "bill" / "a.csv", [charge(), charge(Tags=None), charge(hour=1)])
    write_csv(tmp_path / "bill" / "b.csv", [charge(Tags="{}"), charge(hour=2)])
    write_csv(
        tmp_path / "bill" / "later.csv", [without(charge(hour=9), "Tags"), without(charge(hour=8, **free), "Tags")]
    )
    assert _files(tmp_path) == (Status.OK, "3 files with 7 rows: none repeated, nothing lacking")


def test_of_many_odd_rows_the_first_of_each_kind_are_named(tmp_path: Path) -> None:
    rows = [charge(hour=n // 2, ResourceId=f"i-{n // 2}") for n in range(5_000)]
    late = [charge(hour=n, PricingQuantity="-1.5", ResourceId=None) for n in range(9)]
    write_parquet(tmp_path / "bill" / "a.parquet", [*rows, *late])
    _, said = _files(tmp_path)
    assert said == (
        "a.parquet: 2,500 of 5,009 rows the same as another one, and may be charged twice; "
        "9 rows with a negative quantity, and no correction; "
        "row 2 repeats row 1 (i-0); row 4 repeats row 3 (i-1); row 6 repeats row 5 (i-2); "
        "row 5,001 has a quantity of -1.5; row 5,002 has a quantity of -1.5; row 5,003 has a quantity of -1.5"
    )


def test_negative_quantities_are_counted_and_warned_of_unless_they_correct(tmp_path: Path) -> None:
    rows = [charge(PricingQuantity="-1", BilledCost="-0.1"), charge(PricingQuantity="-2", ChargeClass="Correction")]
    write_csv(tmp_path / "bill" / "a.csv", rows)
    assert sum(read(tmp_path / "bill").table.column("billed").to_pylist()) == Decimal("0.0")
    status, said = _files(tmp_path)
    assert (status, said) == (
        Status.WARN, "a.csv: 1 row with a negative quantity, and no correction; row 1 has a quantity of -1 (i-1)",
    )  # fmt: skip


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_a_file_without_rows_is_warned_of(tmp_path: Path, write: Callable[..., Path]) -> None:
    name = "a.csv" if write is write_csv else "a.parquet"
    path = write(tmp_path / "bill" / name, [charge()])
    if write is write_csv:
        path.write_text(path.read_text().splitlines()[0] + "\n")
    else:
        import pyarrow.parquet as pq

        pq.write_table(pq.read_table(path).slice(0, 0), path)
    assert read(tmp_path / "bill").table.num_rows == 0
    assert _files(tmp_path) == (Status.WARN, f"{name}: it has no row")


def test_a_sound_bill_is_ok(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill" / "a.csv", [charge(), charge(hour=1)])
    assert _files(tmp_path) == (Status.OK, "1 file with 2 rows: none repeated, nothing lacking")


def test_a_bill_that_takes_too_long_ends_at_the_deadline(tmp_path: Path) -> None:
    rows = [charge(hour=i % 500, ResourceId=f"i-{i}") for i in range(200_000)]
    write_csv(tmp_path / "a.csv.gz", rows)
    with pytest.raises(DeadlineExceeded, match=r"not complete after 0.2 s"):
        read(tmp_path, seconds=0.2)
    assert sum(read(tmp_path).table.column("rows").to_pylist()) == 200_000
