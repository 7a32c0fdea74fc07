"""`config check` judges the role that it reads a database with, not only whether the server answers."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gocoffee_ops.config import BillConfig, CostExplorerConfig, DatabaseConfig, Environment
from gocoffee_ops.model import Status
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import BILL_DAYS, check_environment
from gocoffee_ops.runbooks import catalog
from tests.focus_files import charge, write_csv
from tests.http_server import Answer, Asked, serving
from tests.testbed.postgres import PostgresServer

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def _checked(dsn: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Status, str]:
    monkeypatch.setenv("CHECKED_DSN", dsn)
    databases = (DatabaseConfig(name="coffee", dsn_env="CHECKED_DSN"),)
    (line,) = check_environment(Environment(name="prod", databases=databases))
    assert line.target == "database/coffee"
    return line.status, line.result


def test_the_reader_role_is_ok_and_a_superuser_is_not(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _checked(postgres.reader_dsn, monkeypatch)[0] is Status.OK
    status, said = _checked(postgres.superuser_dsn, monkeypatch)
    assert (status, "a superuser" in said) == (Status.WARN, True)


def test_a_role_that_sees_too_little_is_unknown(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres.connect() as owner:
        owner.execute("REVOKE pg_monitor FROM gocoffee_reader")
        try:
            status, said = _checked(postgres.reader_dsn, monkeypatch)
        finally:
            owner.execute("GRANT pg_monitor TO gocoffee_reader")
    assert (status, "lacks pg_monitor" in said) == (Status.UNKNOWN, True)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://reader:halfpart#otherpart@127.0.0.1:1/coffee",
        "postgresql://reader:halfpart?otherpart@127.0.0.1:1/coffee",
        "postgresql://reader:halfpart/otherpart@127.0.0.1:1/coffee",
        "postgresql://reader:halfpart@otherpart@127.0.0.1:1/coffee",
        "postgresql://reader:halfpart%zzotherpart@[::1:1/coffee",
    ],
)
def test_a_dsn_that_is_badly_written_shows_no_part_of_its_password(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = _checked(dsn, monkeypatch)
    assert status is Status.UNKNOWN
    assert "halfpart" not in said
    assert "otherpart" not in said
    opened = open_places(
        Environment(name="prod", databases=(DatabaseConfig(name="coffee", dsn_env="CHECKED_DSN"),)), now=NOW
    )
    assert [place.detail for place in opened.places] == [
        "a DSN that is not written as a URL should be (from $CHECKED_DSN)"
    ]


def test_all_kinds_of_systems_are_asked_at_once() -> None:
    both = threading.Barrier(2)  # neither server answers before the other is asked

    def answer(_: Asked) -> Answer:
        both.wait(timeout=20)
        return Answer(body=b"[]")

    with serving(answer) as grafana, serving(answer) as alertmanager:
        environment = Environment.model_validate(
            {
                "name": "prod",
                "grafana": [{"name": "main", "url": grafana.url}],
                "alertmanagers": [{"name": "main", "url": alertmanager.url}],
            }
        )
        checked = {line.target: line for line in check_environment(environment)}
    assert checked["grafana/main"].status is Status.OK
    assert not both.broken


def _bills(folder: Path, **accounts: str) -> Environment:
    """Bills of one charge on each day that is looked at, each of an account."""
    days = [NOW - timedelta(days=n) for n in range(1, BILL_DAYS + 1)]
    for name, account in accounts.items():
        rows = [
            charge(ChargePeriodStart=day, ChargePeriodEnd=day + timedelta(days=1), SubAccountId=account) for day in days
        ]
        write_csv(folder / name / f"{name}.csv", rows)
    return Environment(name="prod", bills=tuple(BillConfig(name=name, path=folder / name) for name in accounts))


@pytest.mark.parametrize(
    ("account", "status"), [("1", Status.UNKNOWN), ("2", Status.OK)], ids=["a copy", "another bill"]
)
def test_a_bill_that_is_another_ones_copy_is_seen_before_any_run(tmp_path: Path, account: str, status: Status) -> None:
    first, second = check_environment(_bills(tmp_path, aws="1", copy=account), now=NOW)

    assert (first.status, "16 charges" in first.result and "bill/copy look the same" in first.result) == (
        status,
        status is Status.UNKNOWN,
    )
    assert second.result.startswith("answered in")


def test_a_bill_that_cannot_be_compared_is_told_and_the_other_is_not_called_its_copy(tmp_path: Path) -> None:
    environment = _bills(tmp_path, aws="1", copy="1")
    (tmp_path / "copy" / "copy.csv").write_text("BilledCost\n1\n")
    first, second = check_environment(environment, now=NOW)

    assert (first.status, second.status) == (Status.OK, Status.UNKNOWN)
    assert "copy.csv" in second.result


def test_as_many_days_of_a_bill_are_looked_at_as_the_cost_analysis_reads() -> None:
    days = next(one for one in catalog.find("cost-analysis").parameters if one.name == "days")
    assert days.default == BILL_DAYS


LACKING: dict[str, tuple[list[int], int, Status, str]] = {
    "no row at all": ([], 1, Status.UNKNOWN, "14 of 14 settled days without a row"),
    "none of late": ([-40], 1, Status.UNKNOWN, "14 of 14 settled days without a row"),
    "future ones alone": ([4], 1, Status.UNKNOWN, "14 of 14 settled days without a row"),
    "one day": ([-4], 1, Status.UNKNOWN, "13 of 14 settled days without a row"),
    "each row twice": ([*range(-BILL_DAYS, 0)], 2, Status.WARN, "the same as another one, and may be charged twice"),
    "all that is looked at": ([*range(-BILL_DAYS, 0)], 1, Status.OK, "answered in"),
}


@pytest.mark.parametrize(("days", "times", "status", "said"), LACKING.values(), ids=LACKING)
def test_a_bill_that_holds_nothing_usable_is_not_ok(
    tmp_path: Path, days: list[int], times: int, status: Status, said: str
) -> None:
    begin = [NOW + timedelta(days=day) for day in days]
    rows = [charge(ChargePeriodStart=day, ChargePeriodEnd=day + timedelta(days=1)) for day in begin] * times
    file = write_csv(tmp_path / "aws.csv", rows or [charge()])
    if not rows:
        file.write_text(file.read_text().splitlines()[0] + "\n")
    (line,) = check_environment(Environment(name="prod", bills=(BillConfig(name="aws", path=tmp_path),)), now=NOW)

    assert (line.status, line.answered) == (status, True)
    assert said in line.result


@pytest.mark.parametrize("paid", [False, True])
def test_a_question_that_costs_money_is_sent_only_to_whom_says_so(aws_identity: None, paid: bool) -> None:
    asked: list[Asked] = []
    costs = {name: {"Amount": "1", "Unit": "USD"} for name in ("UnblendedCost", "AmortizedCost")}
    day = {"TimePeriod": {"Start": "2026-11-22", "End": "2026-11-23"}, "Total": costs, "Groups": [], "Estimated": True}

    def answer(one: Asked) -> Answer:
        asked.append(one)
        return Answer(body=json.dumps({"ResultsByTime": [day]}).encode())

    with serving(answer) as explorer:
        systems = (CostExplorerConfig(name="payer", endpoint_url=explorer.url),)
        (line,) = check_environment(Environment(name="prod", cost_explorers=systems), now=NOW, paid=paid)

    assert (line.status, len(asked)) == (Status.OK if paid else Status.UNKNOWN, int(paid))
    said = "not asked, as each request to Cost Explorer costs 0.01 USD by AWS's price list. Try: gocoffee-ops config check --paid"
    assert (said in line.result, line.answered) == (not paid, paid)


def test_a_day_that_cost_explorer_did_not_give_back_is_unknown(aws_identity: None) -> None:
    with serving(lambda _: Answer(body=b'{"ResultsByTime": []}')) as explorer:
        systems = (CostExplorerConfig(name="payer", endpoint_url=explorer.url),)
        (line,) = check_environment(Environment(name="prod", cost_explorers=systems), now=NOW, paid=True)

    assert (line.status, line.answered) == (Status.UNKNOWN, True)
    assert "a part of the answer is lacking: " in line.result
    assert "2026-11-22" in line.result
