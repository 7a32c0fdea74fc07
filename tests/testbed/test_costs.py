"""What the incident's environment tells of money: every question is answered, and the analysis of the answers adds up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.analysis import rightsizing
from gocoffee_ops.analysis.costs.allocation import Objects, allocate
from gocoffee_ops.analysis.costs.money import total
from gocoffee_ops.analysis.costs.orphans import orphans
from gocoffee_ops.analysis.costs.reconciliation import reconciliation
from gocoffee_ops.analysis.costs.schemas import ALL_LINES, UNKNOWN
from gocoffee_ops.analysis.costs.shares import Rules
from gocoffee_ops.config import load_config
from gocoffee_ops.demo.bill import CURRENCY, MARK
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from gocoffee_ops.places import open_places
from gocoffee_ops.places.recorded import replay_places
from gocoffee_ops.queries import bills, cost_objects, cost_settings, opencost, usage
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Place, Session
from tests.testbed.incident import Incident
from tests.testbed.incident.bill import DAYS, TEAMS
from tests.testbed.incident.environment import NAME
from tests.testbed.incident.estate import AGE, UNUSED_POOL
from tests.testbed.incident.opencost import EMPTY_DAY, UNPRICED_DAY
from tests.testbed.incident.usage import GAP_DAYS, GAP_HOURS, GAP_NODE, HELD_BACK, TWIN, TWIN_HOURS
from tests.testbed.record import DETAILS

HOUR = timedelta(hours=1)
WINDOW: dict[str, Any] = {"days": DAYS + 1}  # of whole hours until now; the bill's days are whole ones before today
QUESTIONS: list[tuple[Query[...], dict[str, Any]]] = [
    *((query, {}) for query in (bills.charges, bills.periods, bills.by_team, bills.by_service_and_day, bills.files)),
    (usage.container_hours, WINDOW),
    (usage.container_hours, {}),
    (usage.sizing, {}),
    (usage.samples, {"namespaces": ["go-coffee"]}),
    *(
        (query, {})
        for query in (
            cost_objects.cost_nodes,
            cost_objects.volumes,
            cost_objects.load_balancers,
            cost_objects.containers,
        )
    ),
    *((query, {}) for query in (cost_settings.prices, cost_settings.budgets, cost_settings.teams)),
    (cost_settings.conventions, {}),
    *((query, {}) for query in (opencost.reach, opencost.allocation, opencost.assets, opencost.cloud_cost)),
]


@dataclass(frozen=True)
class Costs:
    """The answers, and what was made of them."""

    folder: Path  # of the record
    ops: Session
    charges: pd.DataFrame
    objects: Objects
    containers: pd.DataFrame
    lines: pd.DataFrame

    def advice(self, container: str) -> dict[str, Any]:
        """What right-sizing says of a container."""
        made = rightsizing.advice(usage.sizing(self.ops), self.containers)
        (row,) = (row for row in records(made) if row["container"] == container)
        return row


def session(places: tuple[Place, ...], folder: Path) -> Session:
    return Session(
        runbook="costs", environment=NAME, places=places, thresholds=Thresholds(), ledger=Ledger(folder / "evidence")
    )


@pytest.fixture(scope="module")
def costs(it: Incident, tmp_path_factory: pytest.TempPathFactory) -> Costs:
    folder = tmp_path_factory.mktemp("costs")
    opened = open_places(load_config(it.config).environments[NAME], now=it.as_of)
    ops = session(opened.places, folder)
    charges, hours = bills.charges(ops), usage.container_hours(ops, **WINDOW)
    hours = hours[hours["hour"] >= charges["day"].min()]
    nodes, volumes, balancers = (
        cost_objects.cost_nodes(ops),
        cost_objects.volumes(ops),
        cost_objects.load_balancers(ops),
    )
    containers = cost_objects.containers(ops)
    objects = Objects(nodes, volumes, balancers, hours, containers)
    prices, teams = cost_settings.prices(ops), cost_settings.teams(ops)
    lines = allocate(charges, objects, Rules(it.as_of), prices=prices, teams=teams)
    return Costs(folder, ops, charges, objects, containers, lines)


@pytest.mark.parametrize(("query", "arguments"), QUESTIONS, ids=lambda value: getattr(value, "name", None))
def test_every_question_of_costs_is_answered(query: Query[...], arguments: dict[str, Any], costs: Costs) -> None:
    assert len(query(costs.ops, **arguments))
    assert {one.check for one in costs.ops.findings} <= {opencost.allocation.name}


def test_of_two_days_opencost_has_nothing_to_trust(costs: Costs) -> None:
    """One without data, and one on which the prices of most nodes are missing."""
    table = opencost.allocation(costs.ops)
    days = [costs.charges["day"].min() + timedelta(days=n) for n in (EMPTY_DAY, UNPRICED_DAY)]
    assert days[0] not in set(table["day"])
    (found,) = [one for one in costs.ops.findings if one.check == opencost.allocation.name]
    assert found.status is Status.UNKNOWN
    assert all(f"{day:%F}" in found.reason for day in days)


def test_the_record_of_the_answers_is_replayed_without_any_system(costs: Costs, tmp_path: Path) -> None:
    live = [query(costs.ops, **arguments) for query, arguments in QUESTIONS]
    replayed = session(replay_places(costs.folder).places, tmp_path)
    for (query, arguments), frame in zip(QUESTIONS, live, strict=True):
        pd.testing.assert_frame_equal(query(replayed, **arguments), frame)


def test_what_is_synthetic_says_so_with_its_date(costs: Costs) -> None:
    assert all(MARK in DETAILS[kind] for kind in ("bill", "opencost", "costs"))
    assert set(cost_settings.prices(costs.ops)["priced_on"].astype(str).str[:10]) == {MARK[-10:]}


@pytest.mark.parametrize("basis", ["billed", "effective"])
def test_the_lines_add_up_to_the_bill_exactly(basis: str, costs: Costs) -> None:
    own = [row for row in records(costs.lines) if row["charge"] is not None]
    assert total(row[basis] for row in own) == total(row[basis] for row in records(costs.charges))
    assert {row["line"] for row in own} == set(ALL_LINES)
    assert {row["team"] for row in own} == {*TEAMS, None}


def test_the_bill_is_explained_but_for_what_is_planted(costs: Costs) -> None:
    reconciled = records(reconciliation(costs.lines, bills.periods(costs.ops)))
    table = {(row["estimated"], row["line"]): row for row in reconciled if row["currency"] == CURRENCY}
    assert table[False, "bill"]["days"] == 14
    assert table[False, "residual"]["effective"] == 14 * Decimal("0.11")
    assert abs(table[False, "residual"]["of_effective"]) < 0.02
    assert table[True, "residual"]["effective"] == 0
    assert table[False, "unknown"]["of_effective"] < 0.005
    assert {row["node"] for row in records(costs.lines) if row["line"] == UNKNOWN and row["effective"]} == {GAP_NODE}


def test_an_evening_of_one_node_was_not_measured(it: Incident, costs: Costs) -> None:
    day = it.as_of.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=GAP_DAYS)
    table = records(usage.container_hours(costs.ops, **WINDOW))
    lost = {(row["node"], row["hour"]) for row in table if row["samples_found"] < row["samples_expected"] - 1}
    assert lost == {(GAP_NODE, day + HOUR * hour) for hour in range(*GAP_HOURS)}


def test_a_pod_whose_name_ran_twice_is_two(costs: Costs) -> None:
    rows = [row for row in records(costs.objects.container_hours) if row["pod"] == TWIN]
    assert [(row["hour"].hour, row["minutes"]) for row in rows] == [(hour, 30.0) for hour in TWIN_HOURS]
    assert len({row["pod_uid"] for row in rows}) == 2


@pytest.mark.parametrize(
    ("container", "cpu", "memory", "confidence"),
    [
        ("kitchen-service", "raise", "raise", "HIGH"),
        ("redis", "lower", "lower", "HIGH"),
        ("web-ui", "lower", "lower", "HIGH"),
        ("postgres", "no change", "lower", "HIGH"),
        ("payment-service", "no change", "raise", "LOW"),
        ("coffee-service", "no change", "lower", "LOW"),
        ("demand-forecast", "not known", "not known", "LOW"),
        ("recommendation-service", "not known", "not known", "LOW"),
    ],
    ids=["under-sized", "over-sized", "small", "held back", "out of memory", "autoscaled", "never ran", "GOMEMLIMIT"],
)
def test_each_container_gets_the_advice_that_is_planted(
    container: str, cpu: str, memory: str, confidence: str, costs: Costs
) -> None:
    row = costs.advice(container)
    assert (row["cpu_advice"], row["memory_advice"], row["confidence"]) == (cpu, memory, confidence)


def test_advice_says_what_it_rests_on(costs: Costs) -> None:
    assert costs.advice("postgres")["cpu_throttled"] == pytest.approx(HELD_BACK["postgres"], rel=0.01)
    killed = costs.advice("payment-service")
    assert (killed["oom_killed"], killed["oom_limit_mib"], killed["memory_advised_mib"]) == (True, 512.0, 615.0)


def test_what_may_be_nobodys_is_found_and_what_only_looks_so_is_not(it: Incident, costs: Costs) -> None:
    found = {row["subject"]: row for row in records(orphans(costs.charges, costs.objects, costs.lines, as_of=it.as_of))}
    ours = {name: row for name, row in found.items() if row["cluster"] is not None}
    assert {name: row["sure"] for name, row in ours.items()} == {
        "volume/menu-uploads": "high",
        "volume/till-archive": "medium",
        "service/menu-preview": "medium",
        f"node-pool/{UNUSED_POOL}": "medium",
    }
    assert ours[f"node-pool/{UNUSED_POOL}"]["age_s"] >= AGE.total_seconds()
    assert ours["volume/till-archive"]["monthly_effective"] is None  # no bill has it
    assert {row["kind"] for name, row in found.items() if name not in ours} == {"volume", "snapshot"}
