"""Bills and Cost Explorers in gocoffee.toml: what it takes, what it refuses, and what is said when the extra is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gocoffee_ops.config import BillConfig, CostExplorerConfig, Environment, load_config
from gocoffee_ops.errors import ConfigError

BILL = '[[environments.prod.bills]]\nname = "aws"\n'
EXPLORER = '[[environments.prod.cost_explorers]]\nname = "payer"\n'


def loaded(folder: Path, text: str) -> Environment:
    (folder / "gocoffee.toml").write_text(text)
    return load_config(folder / "gocoffee.toml").environments["prod"]


def test_a_folder_is_relative_to_the_configuration_and_s3_is_not(tmp_path: Path) -> None:
    text = (
        BILL + 'path = "bills/aws"\n' + BILL.replace('"aws"', '"s3"') + 'path = "s3://coffee-bills/focus/"\n' + EXPLORER
    )
    environment = loaded(tmp_path, text)
    folder, s3 = environment.bills
    assert folder == BillConfig(name="aws", path=tmp_path / "bills/aws", team_tag="team", lag_h=48.0, max_mib=2048.0)
    assert s3.path == "s3://coffee-bills/focus/"
    assert environment.cost_explorers == (
        CostExplorerConfig(name="payer", region="us-east-1", team_tag="team", max_requests=20),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BILL, "path is missing"),
        (BILL + 'path = "gs://bucket/x"', "a folder, or s3://BUCKET/PREFIX"),
        (BILL + 'path = "s3://No_Bucket"', "a folder, or s3://BUCKET/PREFIX"),
        (BILL + 'path = "s3://user:secret@bucket/x"', "a folder, or s3://BUCKET/PREFIX"),
        (BILL + 'path = "bills"\nregion = "eu-west-1"', "region is for S3, and path is a folder"),
        (BILL + 'path = "bills"\nlag_h = -1', "0 or more"),
        (BILL + 'path = "bills"\nteam_tag = ""', "a text that is not empty"),
        (BILL + 'path = "s3://bucket"\naws_secret_access_key = "hunter22"', "is not a key here"),
        (EXPLORER + "max_requests = 0", "1 or more"),
        (EXPLORER + 'endpoint_url = "s3://x"', "is not a link"),
        (EXPLORER + 'endpoint_url = "https://minio:99999"', "is not a link, as its host or its port is none"),
        (EXPLORER + 'endpoint_url = "https://[minio"', "is not a link, as its host or its port is none"),
        (EXPLORER + EXPLORER, "names 'payer' twice"),
    ],
)
def test_a_mistake_is_named_and_no_secret_repeated(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, text)
    assert said in str(raised.value)
    assert "hunter22" not in str(raised.value)


S3 = '"s3://coffee-bills/focus"\n'


def at(endpoint: str) -> str:
    return f'endpoint_url = "{endpoint}"'


def two(first: str, second: str) -> str:
    return BILL + f"path = {first}\n" + BILL.replace('"aws"', '"again"') + f"path = {second}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (two('"bills"', '"bills"'), "are the same place"),
        (two('"bills"', '"./x/../bills/"'), "are the same place"),
        (two('"bills"', '"linked"'), "are the same place"),
        (two('"bills"', '"bills/aws"'), "are places of which one holds the other"),
        (two('"s3://coffee-bills/focus"', '"s3://coffee-bills/focus/"'), "are the same place"),
        (two('"s3://coffee-bills/focus/aws/"', '"s3://coffee-bills"'), "are places of which one holds the other"),
        (two(S3, S3 + at("https://s3.amazonaws.com")), "are the same place"),
        (two(S3, S3 + at("https://s3.eu-central-1.amazonaws.com/")), "are the same place"),
        (two(S3 + 'region = "eu-central-1"', S3 + at("https://s3-eu-west-1.amazonaws.com")), "are the same place"),
        (two(S3 + at("https://Minio:443/"), S3 + at("https://minio")), "are the same place"),
        (two(S3 + 'region = "cn-north-1"', S3 + at("https://s3.cn-north-1.amazonaws.com.cn")), "are the same place"),
    ],
)
def test_a_place_of_two_bills_is_refused_as_every_charge_would_count_twice(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "bills").mkdir()
    (tmp_path / "linked").symlink_to("bills")
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, text)
    assert f"bills: 'aws' and 'again' {said}" in str(raised.value)
    assert "a place of its own for each" in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        two('"bills/aws"', '"bills/aws-2"'),
        two('"s3://coffee-bills/aws"', '"s3://coffee-bills/gcp"'),
        two(S3 + at("https://one"), S3 + at("https://two")),
        two(S3 + at("https://one"), S3 + at("https://one:9000")),
        two(S3, S3 + at("https://amazonaws.com.example")),
        two(S3, S3 + 'region = "us-gov-west-1"'),
        two(S3 + at("https://s3.amazonaws.com"), S3 + at("https://s3-us-gov-west-1.amazonaws.com")),
    ],
)
def test_places_of_their_own_are_taken(tmp_path: Path, text: str) -> None:
    assert [bill.name for bill in loaded(tmp_path, text).bills] == ["aws", "again"]


WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"duckdb", "_duckdb", "boto3", "botocore"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
CHECK = WITHOUT + "from gocoffee_ops.cli import main; main()"
WRITE = """
from decimal import Decimal
from pathlib import Path
import pandas as pd
from gocoffee_ops.sources.focus import write_focus
from tests.focus_files import CHARGE, COSTS, QUANTITIES
numbers = {name: Decimal(CHARGE[name]) for name in (*COSTS, *QUANTITIES)}
rows = pd.DataFrame([CHARGE | numbers | {"ServiceProviderName": "AWS"}])
print(write_focus(rows, Path(sys.argv[1])).rows)
"""


def test_without_the_extra_only_the_costs_are_unknown_and_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "gocoffee.toml").write_text(
        BILL + 'path = "s3://bucket/x"\n' + BILL.replace('"aws"', '"folder"') + 'path = "bills"\n' + EXPLORER
    )
    environment = os.environ | {"GOCOFFEE_CONFIG": str(tmp_path / "gocoffee.toml")}
    command = [sys.executable, "-c", CHECK, "config", "check", "--env", "prod", "--paid"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    said = " ".join(done.stdout.split())
    assert done.returncode == 3, done.stdout + done.stderr
    assert said.count("pip install 'gocoffee-ops[costs]'") == 3
    assert "Traceback" not in done.stdout + done.stderr


def test_without_the_extra_focus_is_written_all_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT + WRITE, str(tmp_path / "out.parquet")]
    project = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
    assert (tmp_path / "out.parquet").exists()
