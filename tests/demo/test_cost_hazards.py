"""What misleads in cost reports, C01 to C17, on the demo: each is planted there, and one run of the cost analysis shows it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import nbformat
import pyarrow.parquet as pq
import pytest

from gocoffee_ops.analysis.costs.schemas import ALL_LINES
from gocoffee_ops.demo.bill import (
    BALANCER_HOUR,
    COMMITTED,
    CORE,
    DOLLARS_A_WEEK,
    ESTIMATE,
    GIB,
    PLANE_HOUR,
    SETTLED_DAYS,
    SPOT,
    UPFRONT,
    WEEKS_END,
)
from gocoffee_ops.evidence.ledger import read_entries
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.runbooks import runner
from gocoffee_ops.runbooks.run_folder import EVIDENCE, NOTEBOOK
from tests.demo.report_tables import Row, tables
from tests.demo.whole_run import assert_whole, ran
from tests.testbed.incident.opencost import EMPTY_DAY, UNPRICED_DAY

DAYS = SETTLED_DAYS + len(ESTIMATE)
BILLED_DAYS = SETTLED_DAYS + sum(ESTIMATE)  # of the last ones a part has arrived
DAY = timedelta(days=1)
IDLE, SAVED = "Idle, and what is requested and not used", "Which nodes could go, and what it would save"
MONTH_H, NODE_HOUR = 730, 4 * CORE + 16 * GIB  # of a month; at list price, of a node of the general pool


@dataclass(frozen=True)
class Run:
    """One run of the cost analysis: its findings, the tables that its report shows, and those that it rests on."""

    result: runner.RunResult
    report: dict[str, list[list[Row]]]
    evidence: dict[str, list[dict[str, Any]]]
    allocation: list[dict[str, Any]]

    @property
    def first_day(self) -> datetime:
        """Of the bill."""
        return min(row["day"] for row in self.evidence["bills.charges"])

    def shown(self, heading: str, column: str) -> list[Row]:
        """The rows of the table below a heading that has such a column."""
        return next(rows for rows in self.report[heading] if rows and column in rows[0])

    def said(self, check: str, status: Status, subject: str = "") -> str:
        """The reasons of the findings of a check."""
        found = [one for one in self.parts() if one.check == check and one.subject.startswith(subject)]
        return "; ".join(one.reason for one in found if one.status is status)

    def cost_of_week(self, n: int, basis: str) -> Decimal:
        """What the first or second week of the settled days cost in EUR."""
        days = [self.first_day + (SETTLED_DAYS - 14 + 7 * (n - 1) + i) * DAY for i in range(7)]
        rows = [row for row in self.evidence["bills.charges"] if row["day"] in days and row["currency"] == "EUR"]
        return sum((row[basis] for row in rows), Decimal(0))

    def parts(self) -> Iterator[Finding]:
        for finding in self.result.findings:
            yield from finding.made


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    result = ran("cost-analysis", tmp_path_factory.mktemp("reports"))
    evidence: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in read_entries(result.folder / EVIDENCE):
        if entry.kind == "query" and entry.body["table"]:
            table = pq.read_table(result.folder / EVIDENCE / "tables" / f"{entry.body['table']}.parquet")
            evidence[entry.body["query"]] += table.to_pylist()
    allocation = pq.read_table(result.folder / "allocation.parquet").to_pylist()
    return Run(result, tables(result.folder), evidence, allocation)


def one(rows: list[Row], **where: str) -> Row:
    """The only row with these values."""
    (found,) = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return found


def amount(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def test_the_run_is_whole(run: Run) -> None:
    assert_whole("cost-analysis", run.result)


def test_c01_idle_is_a_line(run: Run) -> None:
    assert amount(one(run.shown("What the bill is for", "unpriced"), line="idle")["effective"]) > 200
    assert {row["part"] for row in run.shown("2. Review KubeCost dashboard", "part")} >= {"idle"}


def test_c02_the_control_planes_fee_is_a_line_and_what_nobody_can_name_is_residual(run: Run) -> None:
    lines = run.shown("What the bill is for", "unpriced")
    assert amount(one(lines, line="control plane")["effective"]) == PLANE_HOUR * 24 * BILLED_DAYS
    assert amount(one(lines, line="residual")["effective"]) == Decimal("0.11") * SETTLED_DAYS
    assert "of 14 days is residual: 1.54 EUR" in run.said("bill_reconciled", Status.UNKNOWN)  # see C08


def test_the_page_shows_every_line_and_they_add_up_to_the_bill(run: Run) -> None:
    groups: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in run.shown("What the bill is for", "days"):
        groups[row["currency"], row["estimated"]].append(row)
    assert len(groups) > 2
    for *lines, whole in groups.values():
        assert (whole["line"], "residual" in [row["line"] for row in lines]) == ("bill", True)
        for basis in ("billed", "effective"):
            lacks = amount(whole[basis]) - sum(amount(row[basis]) for row in lines)
            assert abs(lacks) <= Decimal("0.005") * (len(lines) + 1)  # each is shown to the cent


def test_c03_a_load_balancer_without_pods_counts_once(run: Run) -> None:
    (balancer,) = [row for row in run.evidence["cost_objects.load_balancers"] if row["service"] == "menu-preview"]
    (address,) = balancer["addresses"]
    rows = [row for row in run.allocation if f"/{address}" in (row["ResourceId"] or "")]
    assert balancer["pods"] == 0
    assert sum(row["EffectiveCost"] for row in rows) == BALANCER_HOUR * 24 * BILLED_DAYS
    assert f"{BALANCER_HOUR * MONTH_H:.2f} EUR a month" in run.said(
        "nothing_orphaned", Status.WARN, "service/menu-preview"
    )


def test_c04_an_evening_without_samples_is_unknown(run: Run) -> None:
    assert re.search(r"18:00 to 22:00 UTC: 0 of \d+ samples", run.said("usage_covered", Status.UNKNOWN))
    assert amount(one(run.shown("What the bill is for", "unpriced"), line="unknown", currency="EUR")["effective"]) > 0
    assert amount(one(run.shown("What the bill is for", "unseen"), what="core-hours")["unseen"]) == 4 * 4


def test_c05_a_pod_whose_name_ran_twice_costs_the_minutes_that_it_ran(run: Run) -> None:
    """Half an hour each, of half a core and half a GiB on a committed node: not the eleven hours from the first to the last."""
    hours = [row for row in run.evidence["usage.container_hours"] if row["pod"] == "menu-import"]
    assert [row["minutes"] for row in hours] == [30.0, 30.0]
    assert len({row["pod_uid"] for row in hours}) == 2
    rows = [row for row in run.allocation if "/menu-import/" in (row["AllocatedResourceId"] or "")]
    share = Decimal(9 * 0.5 + 0.5) / (9 * 4 + 16)
    assert float(sum(row["EffectiveCost"] for row in rows)) == pytest.approx(
        float(COMMITTED * NODE_HOUR * share), rel=0.02
    )


def test_c06_a_day_without_data_is_unknown(run: Run) -> None:
    day = run.first_day + EMPTY_DAY * DAY
    assert f"it has no data of {day:%F}" in run.said("opencost.allocation", Status.UNKNOWN)


def test_c07_usage_over_request_may_be_more_than_all_and_is_missing_where_nothing_is_requested(run: Run) -> None:
    used = run.shown(IDLE, "cpu_used_of_requested")
    assert amount(one(used, workload="deployment/kitchen-service")["cpu_used_of_requested"]) > 500
    assert one(used, workload="deployment/analytics-worker")["cpu_used_of_requested"] == "n/a"
    ratios = run.shown(IDLE, "cpu_requested_of_allocatable")
    assert all(amount(row["cpu_requested_of_allocatable"]) <= 100 for row in ratios)


def test_c08_a_volume_without_a_price_is_not_free(run: Run) -> None:
    assert (
        one(run.shown("What is paid for nobody", "sure"), subject="volume/till-archive")["monthly_effective"] == "n/a"
    )
    assert "its cost is not known" in run.said("nothing_orphaned", Status.UNKNOWN, "volume/till-archive")
    assert "2,660 of 5,460 have a price (49 %)" in run.said("costs_covered", Status.CRIT, "GiB-days of volumes")
    said = run.said("bill_reconciled", Status.UNKNOWN)
    assert re.search(r"what 200 GiB of archive \(\w+\) cost, nothing says", said)


def test_c09_a_node_costs_what_the_bill_says_and_not_its_list_price(run: Run) -> None:
    prices = run.shown(IDLE, "hour_effective")
    paid = {row["node"]: amount(row["hour_effective"]) for row in prices}
    assert paid["general-1"] == pytest.approx(COMMITTED * NODE_HOUR, abs=Decimal("0.0001"))
    assert paid["general-5"] == pytest.approx(SPOT * NODE_HOUR, abs=Decimal("0.0001"))
    assert re.search(r"at its list prices, and .* in the bill: \d\d % more", run.said("allocators_agree", Status.WARN))


def test_c10_idle_below_zero_is_unknown(run: Run) -> None:
    day = run.first_day + UNPRICED_DAY * DAY
    said = run.said("opencost.allocation", Status.UNKNOWN)
    assert re.search(rf"idle[a-z ]* of {day:%F} is -\d.*: prices of nodes are missing there", said)


def test_c11_three_years_paid_on_a_day_are_billed_then_and_no_jump_of_what_things_cost(run: Run) -> None:
    bought = one(run.shown("What the bill is for", "unpriced"), line="purchase", currency="EUR")
    assert amount(bought["billed"]) - amount(bought["effective"]) == UPFRONT
    (steady,) = [one for one in run.parts() if (one.check, one.subject) == ("costs_steady", "bill/EUR")]
    weeks = {basis: [run.cost_of_week(n, basis) for n in (1, 2)] for basis in ("effective", "billed")}
    assert weeks["billed"][1] > weeks["billed"][0] + UPFRONT * Decimal("0.9")
    assert steady.numbers["ratio"] == pytest.approx(float(weeks["effective"][1] / weeks["effective"][0]), abs=0.001)
    assert float(str(steady.numbers["ratio"])) < 2
    assert not [one.reason for one in run.parts() if one.check == "costs_usual" and f"{UPFRONT:,.2f}"[:4] in one.reason]


def test_c12_the_last_days_are_estimates_and_no_drop(run: Run) -> None:
    days = [row["estimated"] for row in run.shown("The bill and its days", "estimated") if row["currency"] == "EUR"]
    assert days == ["no"] * SETTLED_DAYS + ["yes"] * len(ESTIMATE)
    assert "2 of them are estimates" in json.dumps(nbformat.read(run.result.folder / NOTEBOOK, as_version=4))
    assert "less" not in run.said("costs_usual", Status.CRIT) + run.said("costs_usual", Status.WARN)


def test_c13_scrapes_that_are_minutes_apart_lose_no_rate(run: Run) -> None:
    sizing = run.evidence["usage.sizing"]
    assert {(row["scrape_interval_s"], row["rate_window_s"]) for row in sizing} == {(300.0, 1200.0)}
    there = [row for row in sizing if row["days"] > 6.9]
    assert len(there) > 10
    assert all(row["cpu_p95_cores"] and row["samples_found"] >= 0.9 * row["samples_expected"] > 1000 for row in there)


def test_c13_the_page_shows_the_window_by_the_scrape_interval_and_the_points_that_were_found(run: Run) -> None:
    shown = run.shown("Would the advice have held?", "samples_found")
    sizing = run.evidence["usage.sizing"]
    none = [row for row in shown if row["samples_expected"] == "n/a"]
    known = shown[len(none) :]
    assert all(row["samples_found"] == "0" for row in none)
    for name in ("samples_found", "samples_expected"):
        assert sum(amount(row[name]) for row in known) == sum(row[name] for row in sizing)
    there = {(row["workload"], row["container"]) for row in shown}
    assert {(row["workload"], row["container"]) for row in run.evidence["cost_objects.containers"]} <= there
    assert known[0]["workload"] == "job/menu-import"  # most of whose samples there are none of
    assert amount(known[0]["found_of_expected"]) < 50 < amount(known[-1]["found_of_expected"]) == 100
    page = (run.result.folder / "report.html").read_text()
    for said in ("scrape interval: <b>5 min", "rate window: <b>20 min", "scrapes in window: <b>4<"):
        assert said in page


def test_c14_advice_is_not_below_what_was_seen(run: Run) -> None:
    advice = run.shown("Right-sizing", "cpu_advice")
    killed, held = (one(advice, container=name) for name in ("payment-service", "postgres"))
    assert (amount(killed["memory_advised_mib"]), killed["memory_advice"]) == (615, "raise")
    assert "it ran out of memory at 512 MiB" in run.said("requests_sized", Status.WARN, "deployment/payment-service")
    assert (held["cpu_advice"], held["cpu_advised_cores"]) == ("no change", "n/a")
    hungry = run.said("requests_sized", Status.WARN, "deployment/analytics-worker")
    assert "CPU requests none, and should request" in hungry
    assert "memory requests none, and should request" in hungry
    assert "CPU requests 0.050 cores" in run.said("requests_sized", Status.WARN, "deployment/kitchen-service")
    assert "held back in 6" in held["cpu_why"]


def test_c14_a_runtime_that_fits_itself_to_its_memory_is_not_advised(run: Run) -> None:
    row = one(run.shown("Right-sizing", "cpu_advice"), container="recommendation-service")
    assert (row["cpu_advice"], row["memory_advice"]) == ("not known", "not known")
    assert "GOMEMLIMIT" in run.said("requests_sized", Status.UNKNOWN)


def test_c15_freed_requests_and_bankable_nodes_are_two_figures(run: Run) -> None:
    figures = {row["figure"]: row["monthly_effective"] for row in run.shown(SAVED, "nodes")}
    freed, bankable = amount(figures["freed requests"]), max(amount(text) for text in figures.values())
    assert 0 < freed < bankable / 10
    nodes = [row["node"] for row in run.shown(SAVED, "removable") if row["removable"] == "yes"]
    pools = {node.rpartition("-")[0] for node in nodes}
    assert {"memory", "reports"} <= pools  # of the others it depends on where pods were put


def test_memorys_share_of_the_nodes_prices_is_on_the_page(run: Run) -> None:
    shares = {row["instance_type"]: row for row in run.shown(IDLE, "memory_share")}
    nodes = {row["instance_type"]: row for row in run.evidence["cost_objects.cost_nodes"]}
    assert set(shares) == set(nodes)
    for kind, node in nodes.items():
        cores, gib = node["cpu_cores"], node["memory_gib"]
        for name, weight in (("low_weight_memory_share", 7.5), ("memory_share", 9), ("high_weight_memory_share", 20)):
            assert float(amount(shares[kind][name])) == pytest.approx(100 * gib / (weight * cores + gib), abs=0.05)
    page = (run.result.folder / "report.html").read_text()
    assert "low cpu weight: <b>7.50</b>; cpu weight: <b>9</b>; high cpu weight: <b>20</b>" in page


def test_the_share_of_the_bills_money_that_is_explained_is_on_the_page(run: Run) -> None:
    row = one(run.shown("What the bill is for", "effective_explained_share"), currency="EUR")
    charged = [run.cost_of_week(n, "effective") for n in (1, 2)]
    lost = [
        part["EffectiveCost"]
        for part in run.allocation
        if part["x_CostLine"] in {"unknown", "residual"}
        and not part["x_Estimated"]
        and part["BillingCurrency"] == "EUR"
    ]
    assert (row["bill"], row["days"]) == ("synthetic", str(SETTLED_DAYS))
    assert amount(row["effective"]) == sum(charged).quantize(Decimal("0.01"))
    assert amount(row["effective_explained"]) == (sum(charged) - sum(lost)).quantize(Decimal("0.01"))
    assert 0 < 100 - amount(row["effective_explained_share"]) < 1


def test_whoever_adds_up_two_tables_is_told_which_days_each_is_of(run: Run) -> None:
    first, last = run.first_day, run.first_day + (DAYS - 1) * DAY
    page = (run.result.folder / "report.html").read_text()
    everything = f"of {DAYS} days, {first:%F} to {last:%F}, of which the last {len(ESTIMATE)} are estimates"
    assert page.count(everything) >= 5  # by line, team, namespace, workload, and weight of a core
    assert (
        f"of {SETTLED_DAYS} complete days, {first:%F} to {first + (SETTLED_DAYS - 1) * DAY:%F}" in page
    )  # prices of nodes


def test_the_bill_is_told_by_team_namespace_and_workload_with_the_same_total(run: Run) -> None:
    tables = [rows for rows in run.report["Whose it is"] if rows and "core_hours" in rows[0]]
    assert [set(rows[0]) & {"team", "namespace", "workload"} for rows in tables] == [
        {"team"}, {"namespace"}, {"namespace", "workload"},
    ]  # fmt: skip
    sums = [sum(amount(row["effective"]) for row in rows if row["currency"] == "EUR") for rows in tables]
    assert max(sums) - min(sums) <= Decimal("0.005") * sum(map(len, tables))
    assert {rows[0][key] for rows, key in zip(tables, ("team", "namespace", "workload"), strict=True)} == {
        "(no team)", "(no namespace)", "(no workload)",
    }  # fmt: skip


def test_what_opencost_calls_nobodys_is_in_words_on_the_page_and_stays_a_name_in_the_record(run: Run) -> None:
    names = {row["name"] for row in run.shown("2. Review KubeCost dashboard", "part")}
    assert names == {"(idle)", "go-coffee", "kube-system"}
    assert "__idle__" in {row["name"] for row in run.evidence["opencost.allocation"]}
    assert {row["x_CostLine"] for row in run.allocation} <= set(ALL_LINES)


def test_c16_a_second_currency_stays_apart(run: Run) -> None:
    dollars = DOLLARS_A_WEEK * len(WEEKS_END)
    assert amount(one(run.shown("Whose it is", "core_hours"), team="shop", currency="USD")["effective"]) == dollars
    explained = one(run.shown("What the bill is for", "effective_explained_share"), currency="USD")
    assert (amount(explained["effective"]), amount(explained["effective_explained"])) == (dollars, dollars)
    assert "the budget is in EUR, and these costs are in USD" in run.said("budgets_kept", Status.UNKNOWN, "team/shop")


def test_c16_what_is_charged_late_in_the_evening_is_of_its_utc_day_and_so_each_week_has_its_own(run: Run) -> None:
    rows = [row for row in run.evidence["bills.charges"] if row["currency"] == "USD"]
    (file,) = [row for row in run.evidence["bills.files"] if row["currency"] == "USD"]
    assert (file["first_charge_at"].hour, file["last_charge_at"].hour) == (23, 23)
    assert [row["day"] for row in rows] == [run.first_day + n * DAY for n in WEEKS_END]
    (moved,) = [
        row for row in run.shown("What changed since the week before, and why", "ratio") if row["currency"] == "USD"
    ]
    assert (amount(moved["effective_before"]), amount(moved["effective_now"])) == (DOLLARS_A_WEEK, DOLLARS_A_WEEK)


def test_c16_tax_and_credit_are_lines_and_no_teams(run: Run) -> None:
    lines = run.shown("What the bill is for", "unpriced")
    assert amount(one(lines, line="tax")["effective"]) == Decimal("19.99")
    assert amount(one(lines, line="credit")["effective"]) == -25
    assert {row["x_Team"] for row in run.allocation if row["x_CostLine"] in {"tax", "credit"}} == {None}


def test_c17_the_volume_of_a_scaled_down_statefulset_is_no_orphan(run: Run) -> None:
    (kept,) = [row for row in run.evidence["cost_objects.volumes"] if row["volume"] == "ledger-0"]
    assert (kept["claim_owner"], kept["owner_replicas"], kept["mounted_by"]) == ("statefulset/ledger", 0, [])
    found = {row["subject"]: row for row in run.shown("What is paid for nobody", "sure")}
    assert {"volume/menu-uploads", "node-pool/reports"} < set(found)
    assert "volume/ledger-0" not in found


def test_an_unused_node_pool_is_told_with_what_it_costs(run: Run) -> None:
    said = run.said("nothing_orphaned", Status.WARN, "node-pool/reports")
    assert "nothing but the system's pods ran there" in said
    assert f"{(2 * CORE + 8 * GIB) * MONTH_H:.2f} EUR a month" in said
