"""Prices, budgets and teams: read from gocoffee.toml exactly as written, asked like everything else, wrong with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from gocoffee_ops.analysis.costs.owners import Teams
from gocoffee_ops.analysis.costs.prices import PriceBook
from gocoffee_ops.analysis.costs.shares import Rules
from gocoffee_ops.config import load_config
from gocoffee_ops.errors import ConfigError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import check_environment
from gocoffee_ops.queries import cost_settings
from gocoffee_ops.session import Place, Session

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CLUSTER = '[[environments.p.clusters]]\nname = "eu"\ncontext = "eu"\n'
ARN = "arn:aws:eks:us-east-1:111122223333:cluster"
TWO_AS = """[[environments.p.clusters]]
name = "eu-2"
context = "eu-2"
billed_as = "{}"
[[environments.p.clusters]]
name = "us"
context = "us"
billed_as = "{}"
"""
PRICES = """[environments.p.prices]
currency = "EUR"
priced_on = 2026-11-01
cpu_weight = 7.5
nodes = { "m6i.large" = 0.1, "m6i.large spot" = "0.0420" }
storage_gib_month = { gp3 = 0.0952 }
control_plane_hour = 0.10
[environments.p.budgets]
currency = "EUR"
monthly = { shop = 4000 }
[environments.p.teams]
shop = ["go-coffee"]
pay = ["go-coffee/deployment/payments"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "gocoffee.toml"
    path.write_text(CLUSTER + text)
    return path


def session(folder: Path, *places: Place) -> Session:
    return Session(
        runbook="cost-analysis", environment="p", places=places, thresholds=Thresholds(), ledger=Ledger(folder)
    )


def test_what_is_configured_is_asked_for_exact_and_on_record(tmp_path: Path) -> None:
    environment = load_config(written(tmp_path, PRICES)).environments["p"]
    place = open_places(environment, now=NOW).places[-1]
    assert (str(place.target), place.detail) == ("costs/p", "prices, budgets and teams")

    live = session(tmp_path / "live", place)
    prices, budgets, teams = cost_settings.prices(live), cost_settings.budgets(live), cost_settings.teams(live)
    conventions = cost_settings.conventions(live)
    book = PriceBook.of(prices)
    node = {"node": "n1", "instance_type": "m6i.large", "capacity_type": "spot"}
    spot, control_plane = book.node(node), book.control_plane("eu")
    assert spot is not None
    assert control_plane is not None
    assert (spot.amount, spot.currency, spot.price_from) == (Decimal("0.042"), "EUR", "list")
    assert control_plane.amount == Decimal("0.1")
    assert book.load_balancer({"namespace": "go-coffee", "service": "shop"}) is None
    assert prices["priced_on"].tolist() == [datetime(2026, 11, 1, tzinfo=UTC)] * 4
    assert [(row["team"], row["monthly_effective"]) for row in records(budgets)] == [("shop", Decimal(4000))]
    assert Teams.of(teams).team("go-coffee", "deployment/payments") == "pay"
    assert Teams.of(teams).team("go-coffee", "deployment/orders") == "shop"
    assert conventions["cpu_weight"].tolist() == [7.5]

    again = session(tmp_path / "again", Place(Target("costs", "p"), NOW, recording=Recording(tmp_path / "live")))
    assert cost_settings.prices(again).equals(prices)


def test_an_environment_that_says_nothing_of_money_has_no_such_place(tmp_path: Path) -> None:
    environment = load_config(written(tmp_path, "")).environments["p"]

    assert [str(place.target) for place in open_places(environment, now=NOW).places] == ["cluster/eu"]


def test_teams_alone_give_empty_tables_of_prices_and_budgets(tmp_path: Path) -> None:
    environment = load_config(written(tmp_path, '[environments.p.teams]\nshop = ["go-coffee"]\n')).environments["p"]
    live = session(tmp_path / "live", open_places(environment, now=NOW).places[-1])

    assert len(cost_settings.prices(live)) == len(cost_settings.budgets(live)) == 0
    assert cost_settings.conventions(live)["cpu_weight"].tolist() == [9.0]


def test_what_the_bill_calls_the_clusters_is_on_record(tmp_path: Path) -> None:
    """Alone too, when nothing else is said of money; an id stays whole."""
    path = written(tmp_path, TWO_AS.format("Prod", f"{ARN}/prod"))
    live = session(tmp_path / "live", open_places(load_config(path).environments["p"], now=NOW).places[-1])
    assert cost_settings.conventions(live)["billed_as"].tolist() == [("eu-2=Prod", f"us={ARN}/prod")]

    again = session(tmp_path / "again", Place(Target("costs", "p"), NOW, recording=Recording(tmp_path / "live")))
    rules = Rules.of(cost_settings.conventions(again), as_of=NOW)
    assert rules.billed_as == (("eu-2", "Prod"), ("us", f"{ARN}/prod"))


def test_a_budget_may_be_nothing(tmp_path: Path) -> None:
    budgets = load_config(written(tmp_path, PRICES.replace("4000", "0"))).environments["p"].budgets
    assert budgets is not None
    assert budgets.monthly == {"shop": Decimal(0)}


def test_config_check_asks_the_settings_too(tmp_path: Path) -> None:
    environment = load_config(written(tmp_path, PRICES)).environments["p"]

    lines = {line.target: line.status for line in check_environment(environment)}
    assert lines["costs/p"] is Status.OK


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[environments.p.prices]\n", r"prices\.currency is missing; environments\.p\.prices\.priced_on is missing"),
        (PRICES.replace('"EUR"', '"euro"'), r"prices\.currency is not a currency \(allowed: its code"),
        (PRICES.replace("2026-11-01", '"2026-11-01"'), r"prices\.priced_on is not a day .*without quotes"),
        (PRICES.replace("0.0952", "-1"), r"storage_gib_month\.gp3 is not an amount of money"),
        (PRICES.replace("0.0952", "true"), r"storage_gib_month\.gp3 is not an amount of money"),
        (PRICES.replace("0.0952", '"0,0952"'), r"storage_gib_month\.gp3 is not an amount of money"),
        (PRICES.replace("0.0952", "1e-20"), r"storage_gib_month\.gp3 is not an amount of money"),
        (PRICES.replace("0.0952", "0"), r"storage_gib_month\.gp3 is no price \(allowed: more than 0, .* leave out"),
        (PRICES.replace('"0.0420"', '"0.000"'), r"nodes\.m6i\.large spot is no price \(allowed: more than 0"),
        (PRICES.replace("0.10\n", "0\n"), r"control_plane_hour is no price \(allowed: more than 0"),
        (PRICES.replace("cpu_weight = 7.5", "cpu_weight = 0.0"), r"cpu_weight was given 0.0 \(allowed: more than 0\)"),
        (PRICES.replace("nodes", "node"), r"prices\.node is not a key here \(allowed: nodes,"),
        (PRICES.replace("{ shop = 4000 }", "{}"), r"budgets\.monthly was given"),
        (PRICES.replace('["go-coffee"]', '["Go Coffee"]'), r"'Go Coffee' is neither a namespace nor a workload"),
        (
            PRICES.replace('["go-coffee/deployment/payments"]', '["go-coffee"]'),
            r"gives 'go-coffee' to 'shop' and to 'pay'",
        ),
        (TWO_AS.format("", "x"), r"clusters\[1\]\.billed_as is no name or id of a bill \(allowed: one without spaces"),
        (TWO_AS.format("two names", "x"), r"billed_as is no name or id of a bill"),
        (TWO_AS.format("prod", "Prod"), r"the bill's 'Prod' is cluster 'eu-2' and cluster 'us' \(allowed: .* whole id"),
        (TWO_AS.format("eu", "x"), r"the bill's 'eu' is cluster 'eu' and cluster 'eu-2'"),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(written(tmp_path, text))
