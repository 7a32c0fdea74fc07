"""Tags come in many shapes, and are the same tags in each; a shape that nobody knows is no bill without tags."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gocoffee_ops.errors import Malformed
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.focus import Bill, Folder
from tests.focus_files import CHARGE, charge, write_csv, write_parquet

START, END = datetime(2026, 11, 1), datetime(2026, 12, 1)  # noqa: DTZ001 - as the view has its times
LISTED = [
    {"key": "team", "value": "platform", "x_type": "project_label", "x_inherited": True},
    {"key": "env", "value": "prod", "x_type": "label", "x_inherited": False},
    {"key": "team", "value": "orders", "x_type": "label", "x_inherited": False},
    {"key": "team", "value": "later", "x_type": "tag", "x_inherited": False},
    {"key": "on", "value": None, "x_type": "tag", "x_inherited": None},
]
ENTRY = pa.struct([("key", pa.string()), ("value", pa.string()), ("x_type", pa.string()), ("x_inherited", pa.bool_())])
PAIR = pa.struct([("key", pa.string()), ("value", pa.string())])
KEYED = {"team": "orders", "env": "prod", "on": None}


def tagged(folder: Path, values: list[Any], kind: pa.DataType) -> Path:
    """A Parquet file with a row for each value of its column of tags."""
    path = write_parquet(folder / "bill.parquet", [charge(hour=hour) for hour in range(len(values))])
    table = pq.read_table(path)
    place = table.schema.get_field_index("Tags")
    pq.write_table(table.set_column(place, "Tags", pa.array(values, kind)), path)
    return path


def asked(folder: Path) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Team and tags of each charge; the teams that the bill is put together by."""
    bill, deadline = Bill("bill/gcp", Folder("bill/gcp", folder)), Deadline.after(20)
    values: dict[str, Any] = {"start": START, "end": END, "team": "/team"}
    charges = bill.ask("charges", START.date(), deadline, most=1000, **values).table.to_pylist()
    teams = bill.ask("by_team", START.date(), deadline, **values).table.column("team").to_pylist()
    return [(row["team"], row["tags"]) for row in charges], teams


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (LISTED, pa.list_(ENTRY)),
        ({"list": [{"element": one} for one in LISTED]}, pa.struct([("list", pa.list_(pa.struct([("element", ENTRY)])))])),
        (json.dumps(LISTED), pa.string()),
        ("  " + json.dumps(LISTED), pa.string()),
        (json.dumps(KEYED), pa.string()),
        (" " + json.dumps(KEYED), pa.string()),
        (list(KEYED.items()), pa.map_(pa.string(), pa.string())),
        (KEYED, pa.struct([(key, pa.string()) for key in KEYED])),
    ],
    ids=["a list", "a list without its annotation", "JSON of a list", "after a space", "JSON", "after one, too", "a map",
         "columns"],
)  # fmt: skip
def test_tags_of_every_shape_are_the_same_tags(tmp_path: Path, value: Any, kind: pa.DataType) -> None:
    """What the resource has itself goes before what it inherits of its project, else the first."""
    tagged(tmp_path, [value], kind)
    assert asked(tmp_path) == ([("orders", ["env=prod", "on=", "team=orders"])], ["orders"])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, pa.list_(PAIR)),
        ([], pa.list_(PAIR)),
        (None, pa.map_(pa.string(), pa.string())),
        (None, pa.string()),
        ("null", pa.string()),
        ("[]", pa.string()),
        ("{}", pa.string()),
        (None, pa.null()),
    ],
)
def test_no_tags_are_none_in_every_shape(tmp_path: Path, value: Any, kind: pa.DataType) -> None:
    tagged(tmp_path, [value], kind)
    assert asked(tmp_path) == ([(None, [])], [None])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (["team=orders"], pa.list_(pa.string())),
        ([{"name": "team", "value": "orders"}], pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))),
        ([{"key": None, "value": "orders"}], pa.list_(PAIR)),
        (7, pa.int64()),
    ],
    ids=["a list of texts", "a list without keys", "a key that is null", "a number"],
)
def test_a_column_that_holds_no_tags_is_named_with_its_row(tmp_path: Path, value: Any, kind: pa.DataType) -> None:
    tagged(tmp_path, [None, value], kind)
    with pytest.raises(
        Malformed, match=r"bill.parquet, row 2: Tags .* is no JSON object, nor a list of objects with key"
    ):
        asked(tmp_path)


def test_a_list_in_a_csv_is_read_as_one_in_parquet(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv.gz", [CHARGE | {"Tags": json.dumps(LISTED)}])
    assert asked(tmp_path) == ([("orders", ["env=prod", "on=", "team=orders"])], ["orders"])


def test_an_empty_text_in_parquet_is_none_as_it_is_in_a_csv(tmp_path: Path) -> None:
    nothing = {"SubAccountId": "", "ChargeClass": "", "CommitmentDiscountStatus": "", "Tags": "", "ResourceId": ""}
    read = []
    for name, write in (("a.parquet", write_parquet), ("a.csv", write_csv)):
        write(tmp_path / name[2:] / name, [charge(**nothing)])
        bill = Bill("bill/aws", Folder("bill/aws", tmp_path / name[2:]))
        values = {"start": START, "end": END, "team": "/team", "most": 1000}
        read += bill.ask("charges", START.date(), Deadline.after(20), **values).table.to_pylist()
    assert read[0] == read[1]
    assert (read[0]["account"], read[0]["resource_id"], read[0]["tags"]) == (CHARGE["BillingAccountId"], None, [])


@pytest.mark.parametrize(
    "name", ["ServiceName", "ProviderName", "BillingAccountId", "BillingCurrency", "ChargeCategory"]
)
def test_an_empty_text_that_must_be_there_is_missing_in_parquet_too(tmp_path: Path, name: str) -> None:
    write_parquet(tmp_path / "bill.parquet", [charge(), charge(**{name: ""})])
    with pytest.raises(Malformed, match=rf"bill.parquet, row 2: {name} '' is "):
        asked(tmp_path)
